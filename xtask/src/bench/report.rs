//! What do the samples say? Medians of ratios within rounds: what made a whole round slow touches both sides of a ratio.

use std::fmt::Write as _;

use super::load::{Cell, Sample};
use super::options::{Options, Way};

/// One table: what is compared, and with what.
struct Question {
    title: &'static str,
    /// The figure of a sample, if the way has one.
    figure: fn(&Sample) -> Option<f64>,
    base: Base,
}

/// What a figure is divided by.
#[derive(Clone, Copy)]
enum Base {
    Direct,
    /// The HAProxy whose number of threads gave the higher throughput in this column.
    BestHaproxy,
}

const QUESTIONS: [Question; 4] = [
    Question {
        title: "Throughput, direct = 1 (more is better)",
        figure: |sample| Some(sample.rate),
        base: Base::Direct,
    },
    Question {
        title: "Throughput, the better HAProxy = 1 (more is better)",
        figure: |sample| Some(sample.rate),
        base: Base::BestHaproxy,
    },
    Question {
        title: "CPU of the proxy for one request, the better HAProxy = 1 (less is better)",
        figure: |sample| (sample.way != Way::Direct).then_some(sample.proxy_cpu),
        base: Base::BestHaproxy,
    },
    Question {
        title: "CPU of Redis for one request, direct = 1 (less is better)",
        figure: |sample| Some(sample.redis_cpu),
        base: Base::Direct,
    },
];

/// The tables, ratios first.
pub(crate) fn markdown(options: &Options, samples: &[Sample]) -> String {
    let mut text = format!(
        "# Direct, HAProxy and Standfast in one run\n\n64 bytes, {} connections, P = pipelining; the median of {} rounds (lowest to \
         highest), each ratio taken within a round. Load, proxy and Redis share this machine's cores.\n",
        options.connections, options.rounds
    );
    for question in &QUESTIONS {
        let rows = options.ways.iter().filter_map(|way| row(question, *way, samples)).collect::<Vec<_>>();
        if !rows.is_empty() {
            write_table(&mut text, question.title, &rows);
        }
    }
    let cpu = |way: &Way| {
        let median_of = |figure: fn(&Sample) -> f64| {
            Cell::all().map(|cell| {
                let of_cell = samples.iter().filter(|s| s.way == *way && s.cell == cell).map(figure);
                median(of_cell.collect()).map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"))
            })
        };
        let cells = median_of(|s| s.proxy_cpu).into_iter().zip(median_of(|s| s.redis_cpu));
        (way.name(), cells.map(|(proxy, redis)| format!("{proxy} + {redis}")).collect())
    };
    let rows: Vec<(String, Vec<String>)> = options.ways.iter().map(cpu).collect();
    write_table(
        &mut text,
        "Behind the ratios: CPU seconds for a million requests, proxy + Redis (of this machine only)",
        &rows,
    );
    text
}

fn write_table(text: &mut String, title: &str, rows: &[(String, Vec<String>)]) {
    let titles = Cell::all().map(Cell::name).join(" | ");
    let rule = "---|".repeat(Cell::all().len());
    let written = write!(text, "\n{title}\n\n| | {titles} |\n|---|{rule}\n");
    written.expect("a string takes every line");
    for (name, cells) in rows {
        writeln!(text, "| {name} | {} |", cells.join(" | ")).expect("a string takes every line");
    }
}

/// The row of one way; `None` if it or its base was not measured, or if it is the base.
fn row(question: &Question, way: Way, samples: &[Sample]) -> Option<(String, Vec<String>)> {
    let mut cells = Vec::new();
    for cell in Cell::all() {
        let base = match question.base {
            Base::Direct if way == Way::Direct => return None,
            Base::Direct => Way::Direct,
            Base::BestHaproxy => best_haproxy(cell, samples)?,
        };
        let mut ratios = ratios(question.figure, way, base, cell, samples);
        ratios.sort_by(f64::total_cmp);
        let (Some(low), Some(high), Some(middle)) = (ratios.first(), ratios.last(), median(ratios.clone())) else {
            return None;
        };
        cells.push(format!("{middle:.2} ({low:.2}-{high:.2})"));
    }
    Some((way.name(), cells))
}

/// The figure of `way` over that of `base`, round by round. A round in which the base cost less than the clock can see has no
/// ratio.
fn ratios(figure: fn(&Sample) -> Option<f64>, way: Way, base: Way, cell: Cell, samples: &[Sample]) -> Vec<f64> {
    let of = |way| samples.iter().filter(move |s: &&Sample| s.way == way && s.cell == cell);
    let pairs = of(way).filter_map(|s| Some((s, of(base).find(|b| b.round == s.round)?)));
    let ratios = pairs.filter_map(|(s, b)| Some(figure(s)? / figure(b)?));
    ratios.filter(|ratio| ratio.is_finite()).collect()
}

fn best_haproxy(cell: Cell, samples: &[Sample]) -> Option<Way> {
    let rate = |way: Way| {
        let rates = samples.iter().filter(|s| s.way == way && s.cell == cell).map(|s| s.rate);
        median(rates.collect())
    };
    let measured = Way::ALL.into_iter().filter(|way| way.is_haproxy()).filter_map(|way| Some((rate(way)?, way)));
    measured.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, way)| way)
}

/// The middle; between the two middle ones of an even number.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// Every sample, for whoever wants other figures.
pub(crate) fn json(options: &Options, samples: &[Sample], versions: &str) -> String {
    let samples: Vec<_> = samples
        .iter()
        .map(|sample| {
            serde_json::json!({
                "round": sample.round,
                "way": sample.way.name(),
                "command": sample.cell.command,
                "pipeline": sample.cell.pipeline,
                "requests_a_second": sample.rate,
                "proxy_cpu_seconds_a_million": sample.proxy_cpu,
                "redis_cpu_seconds_a_million": sample.redis_cpu,
            })
        })
        .collect();
    let versions: Vec<&str> = versions.lines().map(|line| line.trim_start_matches("- ")).collect();
    let all = serde_json::json!({
        "seed": options.seed, "rounds": options.rounds, "connections": options.connections, "bytes": 64,
        "requests": options.requests, "machine": versions, "samples": samples,
    });
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rounds in which standfast is as fast as direct, and one core slower than the other.
    fn samples(ways: &[Way]) -> Vec<Sample> {
        let mut samples = Vec::new();
        for round in 0..2 {
            for cell in Cell::all() {
                for way in ways {
                    let rate = if way.is_haproxy() { 50.0 } else { 100.0 } * f64::from(round + 1);
                    let rate = if *way == (Way::Haproxy { threads: 2 }) { rate * 1.25 } else { rate };
                    samples.push(Sample { round, way: *way, cell, rate, proxy_cpu: 2.0, redis_cpu: 4.0 });
                }
            }
        }
        samples
    }

    #[test]
    fn ratios_are_taken_within_rounds_and_against_the_better_haproxy() {
        let options = Options { rounds: 2, ..Options::default() };
        let text = markdown(&options, &samples(&Way::ALL));
        assert!(text.contains("| standfast | 1.00 (1.00-1.00) |"), "{text}");
        assert!(text.contains("| haproxy-1 | 0.50 (0.50-0.50) |"), "{text}");
        assert!(text.contains("| standfast | 1.60 (1.60-1.60) |"), "{text}");
        assert!(text.contains("| direct | 2.0 + 4.0 |"), "{text}");
    }

    #[test]
    fn what_was_not_measured_has_no_table() {
        let ways = vec![Way::Direct, Way::Standfast];
        let text = markdown(&Options { ways: ways.clone(), ..Options::default() }, &samples(&ways));
        assert!(text.contains("direct = 1") && !text.contains("HAProxy = 1"), "{text}");
        assert!(json(&Options::default(), &samples(&ways), "- 2 cores").contains("\"2 cores\""));
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
