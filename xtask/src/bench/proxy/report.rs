//! How are the samples shown? A table for each question: a row for each load, a column for each way.

use std::fmt::Write as _;

use super::cell::{Cell, Manner};
use super::options::Options;
use super::ratio::{Base, spread};
use super::sample::{Figure, Sample};
use super::way::Way;
use crate::bench::median::Spread;

/// One table: what is compared, and with what.
pub(crate) struct Question {
    pub(crate) title: &'static str,
    pub(crate) figure: Figure,
    pub(crate) base: Base,
}

/// What is claimed: ratios.
pub(crate) const QUESTIONS: [Question; 8] = [
    Question { title: "Throughput, direct = 1 (more is better)", figure: Figure::Rate, base: Base::Direct },
    Question {
        title: "Throughput, the better HAProxy = 1 (more is better)",
        figure: Figure::Rate,
        base: Base::Haproxy,
    },
    Question {
        title: "CPU of the proxy for one request, the better HAProxy = 1 (less is better)",
        figure: Figure::ProxyCpu,
        base: Base::Haproxy,
    },
    Question {
        title: "CPU of Redis for one request, direct = 1 (less is better)",
        figure: Figure::RedisCpu,
        base: Base::Direct,
    },
    Question {
        title: "CPU of proxy and Redis for one request, direct = 1 (less is better)",
        figure: Figure::BothCpu,
        base: Base::Direct,
    },
    Question {
        title: "Latency at a fixed rate, p50, the better HAProxy = 1 (less is better)",
        figure: Figure::P50,
        base: Base::Haproxy,
    },
    Question {
        title: "Latency at a fixed rate, p99, the better HAProxy = 1 (less is better)",
        figure: Figure::P99,
        base: Base::Haproxy,
    },
    Question {
        title: "Latency at a fixed rate, p99.9, the better HAProxy = 1 (less is better)",
        figure: Figure::P999,
        base: Base::Haproxy,
    },
];

/// The tables, ratios first.
pub(crate) fn markdown(options: &Options, samples: &[Sample], about: &[String]) -> String {
    let mut text = format!(
        "# What a way to Redis costs\n\nDirect, HAProxy with one and two threads, twemproxy, and Standfast with `pool = \"session\"` and \
         `pool = \"shared\"`, in one run. Medians of {} rounds (lowest to highest), each ratio taken within a round; conn. = connections, \
         P = pipelining. A fixed rate is {} requests a second in all, by a load that \
         runs before all others where the system allows that. Load, proxy and Redis share this machine's cores.\n\n",
        options.rounds, options.rate
    );
    for line in about {
        line_to(&mut text, format_args!("- {line}"));
    }
    for question in &QUESTIONS {
        let cell = |way, cell| spread(question.figure, way, question.base, cell, samples).map(shown);
        let base = if question.base == Base::Direct { Some(Way::Direct) } else { None };
        table(&mut text, question.title, options, base, cell);
    }
    table(&mut text, "Memory for an idle connection, KiB of the proxy + KiB of Redis", options, None, |way, cell| {
        let of = |figure| spread(figure, way, Base::Nothing, cell, samples).map(|spread| spread.middle / 1_024.0);
        let redis = of(Figure::IdleRedis)?;
        Some(format!("{} + {redis:.2}", of(Figure::Idle).map_or_else(|| "-".to_owned(), |proxy| format!("{proxy:.2}"))))
    });
    text.push_str("\nBehind the ratios, medians, of this machine in that hour only:\n");
    let middle = |figure, way, cell| spread(figure, way, Base::Nothing, cell, samples).map(|spread| spread.middle);
    table(&mut text, "CPU seconds for a million requests, proxy + Redis", options, None, |way, cell| {
        let redis = middle(Figure::RedisCpu, way, cell)?;
        Some(format!("{:.2} + {redis:.2}", middle(Figure::ProxyCpu, way, cell).unwrap_or_default()))
    });
    table(&mut text, "Thousands of requests a second", options, None, |way, cell| {
        middle(Figure::Rate, way, cell).map(|rate| format!("{:.1}", rate / 1e3))
    });
    let title = "Microseconds at a fixed rate: p50, p99, p99.9 (and by how much the load itself was late, p99)";
    table(&mut text, title, options, None, |way, cell| {
        let of = |figure| middle(figure, way, cell);
        let (p50, p99, p999) = (of(Figure::P50)?, of(Figure::P99)?, of(Figure::P999)?);
        Some(format!("{p50:.0}, {p99:.0}, {p999:.0} ({:.0})", of(Figure::Late)?))
    });
    text
}

/// One table; rows and columns in which nothing was measured are left out, and so is the base.
fn table(
    text: &mut String,
    title: &str,
    options: &Options,
    base: Option<Way>,
    cell: impl Fn(Way, Cell) -> Option<String>,
) {
    let is_there = |way: Way| Some(way) != base && options.cells.iter().any(|row| cell(way, *row).is_some());
    let ways: Vec<Way> = options.ways.iter().copied().filter(|way| is_there(*way)).collect();
    let cells = options.cells.iter().copied().filter(|row| ways.iter().any(|way| cell(*way, *row).is_some()));
    let cells: Vec<Cell> = cells.collect();
    if cells.is_empty() {
        return;
    }
    let heads = ways.iter().map(|way| way.name()).collect::<Vec<_>>().join(" | ");
    line_to(text, format_args!("\n## {title}\n\n| | {heads} |\n|---|{}", "---|".repeat(ways.len())));
    for row in cells {
        let told = ways.iter().map(|way| cell(*way, row).unwrap_or_else(|| "-".to_owned()));
        let name = if row.manner == Manner::Rate { format!("{}, fixed rate", row.title()) } else { row.title() };
        line_to(text, format_args!("| {name} | {} |", told.collect::<Vec<_>>().join(" | ")));
    }
}

/// `1.23 (1.10-1.31)`.
pub(crate) fn shown(spread: Spread) -> String {
    let Spread { low, middle, high } = spread;
    format!("{middle:.2} ({low:.2}-{high:.2})")
}

pub(crate) fn line_to(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes every line");
}

#[cfg(test)]
mod tests {
    use super::super::ratio::tests::samples;
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_load_and_a_column_for_each_way() {
        let text = markdown(&Options::default(), &samples(&Way::ALL), &["2 cores".to_owned()]);
        assert!(
            text.contains("\n- 2 cores\n")
                && text.contains("| | haproxy-1 | haproxy-2 | twemproxy | session | shared |"),
            "{text}"
        );
        assert!(
            text.contains("| GET 64 B, 50 conn., P=1 | 0.50 (0.50-0.50) | 0.62 (0.62-0.62) | 1.00 (1.00-1.00) |"),
            "{text}"
        );
        assert!(text.contains("| GET 64 B, 50 conn., P=1 | 0.00 + 4.00 | 2.00 + 4.00 |"), "{text}");
    }

    #[test]
    fn what_was_not_measured_has_no_table() {
        let ways = vec![Way::Direct, Way::Session];
        let text = markdown(&Options { ways: ways.clone(), ..Options::default() }, &samples(&ways), &[]);
        assert!(text.contains("direct = 1") && !text.contains("HAProxy = 1"), "{text}");
    }
}
