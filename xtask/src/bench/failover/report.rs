//! What do the samples say? Each figure of ours beside stock's of the same run, and the ratio within rounds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::options::{Options, SYSTEMS};
use super::{CRASHES, Sample};
use crate::bench::median::median;

/// Whose writers: a system, the kind of its writers, and what the tables call them.
pub(super) const WRITERS: [(&str, &str, &str); 3] = [
    ("stock", "direct", "stock"),
    ("standfast", "direct", "Standfast, asked like a Sentinel"),
    ("standfast", "proxy", "Standfast, through a listener"),
];

/// What is happening, and in words.
const TITLES: [(&str, &str); 6] = [
    ("kill", "master killed (`kill -9`)"),
    ("hang", "master hangs (`SIGSTOP`)"),
    ("cut", "master's host cut off"),
    ("planned", "planned switchover"),
    ("restart", "killed, back after 100 ms without data"),
    (CRASHES, "crashes in a row"),
];

/// Which figure of a fault shall be at most how many milliseconds.
const AIMS: [(&str, &str, f64); 5] = [
    ("kill", "first_ms", 100.0),
    ("hang", "first_ms", 1_050.0),
    ("cut", "first_ms", 1_050.0),
    ("planned", "pause_ms", 20.0),
    (CRASHES, "first_ms", 100.0),
];

/// All tables.
pub(super) fn markdown(options: &Options, samples: &[Sample], failed: usize) -> String {
    let mut text = format!(
        "# Failover: Standfast and stock Sentinel in one run\n\nThree hosts (network namespaces of one machine), each with a Redis and a \
         node or a stock Sentinel; `down-after` 1 s, `failover-timeout` 10 s, quorum 2, `parallel-syncs` 1. {} rounds, the systems in \
         turn, new hosts each time. Two writers of each kind, a write each 2 ms. Median (worst); ratios are stock / Standfast within a \
         round, their median.\n",
        options.rounds
    );
    if failed > 0 {
        let _ = writeln!(text, "\n**{failed} measurements failed** and are in no table.");
    }
    let times = "Milliseconds from the fault to the first acknowledged write at the master that there is then";
    compared(&mut text, times, "first_ms", samples, &["kill", "hang", "cut", "restart", CRASHES]);
    compared(&mut text, "The longest pause of a writer, milliseconds", "pause_ms", samples, &["planned"]);
    let quiet =
        "The longest pause of a writer in the second before the fault, milliseconds: what the machine adds by itself";
    compared(&mut text, quiet, "quiet_pause_ms", samples, &["planned"]);
    counted(
        &mut text,
        "Acknowledged writes that the final master does not have, of all acknowledged, in all rounds",
        samples,
        lost,
    );
    counted(
        &mut text,
        "Errors that clients saw (error replies and broken connections), in all rounds",
        samples,
        |samples, kind| Some(format!("{}", sum(samples, kind, "errors")?)),
    );
    others(&mut text, samples);
    second_failovers(&mut text, samples);
    steps(&mut text, samples);
    aims(&mut text, samples);
    text
}

/// A row for each fault, a column for each kind of writers, and the ratios.
fn compared(text: &mut String, title: &str, name: &str, samples: &[Sample], faults: &[&str]) {
    let heads = WRITERS.map(|(_, _, head)| head).join(" | ");
    let _ = write!(text, "\n{title}\n\n| | {heads} | ratio | ratio, listener |\n|---|---|---|---|---|---|\n");
    for (fault, title) in TITLES.iter().filter(|(fault, _)| faults.contains(fault)) {
        if !samples.iter().any(|sample| sample.fault == *fault) {
            continue;
        }
        let cells = WRITERS.map(|(system, kind, _)| spread(&values(samples, fault, system, kind, name)));
        let ratio = |kind| {
            let ratios = ratios(samples, fault, kind, name);
            median(ratios).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"))
        };
        let _ = writeln!(text, "| {title} | {} | {} | {} |", cells.join(" | "), ratio("direct"), ratio("proxy"));
    }
}

/// A row for each fault, a column for each kind of writers; what a cell says of its samples.
fn counted(text: &mut String, title: &str, samples: &[Sample], cell: fn(&[&Sample], &str) -> Option<String>) {
    let heads = WRITERS.map(|(_, _, head)| head).join(" | ");
    let _ = write!(text, "\n{title}\n\n| | {heads} |\n|---|---|---|---|\n");
    for (fault, title) in &TITLES {
        let cells =
            WRITERS.map(|(system, kind, _)| cell(&of(samples, fault, system), kind).unwrap_or_else(|| "-".to_owned()));
        if cells.iter().any(|cell| cell != "-") {
            let _ = writeln!(text, "| {title} | {} |", cells.join(" | "));
        }
    }
}

fn lost(samples: &[&Sample], kind: &str) -> Option<String> {
    let (lost, acknowledged) = (sum(samples, kind, "lost")?, sum(samples, kind, "acknowledged")?);
    let twice = match sum(samples, kind, "twice")? {
        0 => String::new(),
        twice => format!(", {twice} executed twice"),
    };
    Some(format!("{lost} of {acknowledged}{twice}"))
}

/// What has no kind of writers.
fn others(text: &mut String, samples: &[Sample]) {
    let _ = write!(
        text,
        "\nMilliseconds with two servers that take writes, the old master and the new one, until all is well again (whoever was \
         restarted or comes back takes writes until it is told)\n\n| | stock | Standfast |\n|---|---|---|\n"
    );
    for (fault, title) in &TITLES {
        let cells = ["stock", "standfast"].map(|system| {
            let of = of(samples, fault, system);
            spread(&of.iter().filter_map(|s| s.figures["two_masters_ms"].as_f64()).collect::<Vec<_>>())
        });
        if cells.iter().any(|cell| cell != "-") {
            let _ = writeln!(text, "| {title} | {} |", cells.join(" | "));
        }
    }
    let minority = |system, kind| {
        let of = of(samples, "cut", system);
        Some(format!("{} of {}", sum(&of, kind, "lost")?, sum(&of, kind, "acknowledged")?))
    };
    let cells = [("stock", "minority"), ("standfast", "minority"), ("standfast", "minority_proxy")];
    let cells = cells.map(|(system, kind)| minority(system, kind).unwrap_or_else(|| "-".to_owned()));
    if cells.iter().any(|cell| cell != "-") {
        let _ = writeln!(
            text,
            "\nLost of what writers on the cut-off host itself were told is done: stock {}; Standfast asked like a Sentinel {}; through \
             its listener {}.",
            cells[0], cells[1], cells[2]
        );
    }
}

fn second_failovers(text: &mut String, samples: &[Sample]) {
    for system in SYSTEMS {
        let crashes = of(samples, CRASHES, system);
        if crashes.is_empty() {
            continue;
        }
        let failovers = |sample: &&Sample| sample.figures["failovers"].as_u64().unwrap_or_default();
        let second = crashes.iter().filter(|crash| failovers(crash) > 1).count();
        let _ =
            writeln!(text, "\n{} crashes in a row, {system}: a second failover after {second} of them.", crashes.len());
    }
}

/// Where the time goes, by our own records.
fn steps(text: &mut String, samples: &[Sample]) {
    let _ = writeln!(
        text,
        "\nWhere the time goes, Standfast, milliseconds from the fault by the leader's own record (medians):\n"
    );
    for (fault, title) in &TITLES {
        let records: Vec<&Value> =
            of(samples, fault, "standfast").into_iter().map(|sample| &sample.figures["steps"][0]["steps"]).collect();
        let Some(longest) = records.iter().filter_map(|steps| steps.as_array()).max_by_key(|steps| steps.len()) else {
            continue;
        };
        let at = |name: &Value| {
            let times =
                records.iter().filter_map(|steps| steps.as_array()?.iter().find(|step| step[0] == *name)?[1].as_f64());
            median(times.collect()).unwrap_or(f64::NAN)
        };
        let steps: Vec<String> = longest
            .iter()
            .map(|step| format!("{} {:.0}", step[0].as_str().unwrap_or_default(), at(&step[0])))
            .collect();
        let _ = writeln!(text, "- {title}: {}", steps.join(", "));
    }
}

/// Whether the aims are met, by the worst sample.
fn aims(text: &mut String, samples: &[Sample]) {
    let _ = writeln!(text, "\nAims, by the median and by the worst sample:\n");
    for (fault, name, most) in AIMS {
        let title = TITLES.iter().find(|(known, _)| *known == fault).map_or(fault, |(_, title)| title);
        for (system, kind, head) in WRITERS.iter().filter(|(system, _, _)| *system != "stock") {
            let values = values(samples, fault, system, kind, name);
            let (Some(middle), Some(worst)) = (median(values.clone()), values.into_iter().reduce(f64::max)) else {
                continue;
            };
            let met = |value: f64| if value <= most { "met" } else { "missed" };
            let _ =
                writeln!(text, "- {title}, {head}: at most {most} ms; median {}, worst {}", met(middle), met(worst));
        }
    }
}

fn of<'a>(samples: &'a [Sample], fault: &str, system: &str) -> Vec<&'a Sample> {
    samples.iter().filter(|sample| sample.fault == fault && sample.system == system).collect()
}

/// A figure of all samples.
pub(super) fn values(samples: &[Sample], fault: &str, system: &str, kind: &str, name: &str) -> Vec<f64> {
    of(samples, fault, system).into_iter().filter_map(|sample| sample.figure(kind, name)).collect()
}

/// Stock's figure, whose writers are all direct, over ours of the same round; crashes in a row are paired in their order.
fn ratios(samples: &[Sample], fault: &str, kind: &str, name: &str) -> Vec<f64> {
    let (ours, stock) = (of(samples, fault, "standfast"), of(samples, fault, "stock"));
    let pairs = ours.iter().zip(&stock).filter(|(a, b)| a.round == b.round);
    pairs.filter_map(|(a, b)| Some(b.figure("direct", name)? / a.figure(kind, name)?)).collect()
}

fn sum(samples: &[&Sample], kind: &str, name: &str) -> Option<u64> {
    let values: Vec<u64> = samples.iter().filter_map(|sample| sample.figures[kind][name].as_u64()).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

fn spread(values: &[f64]) -> String {
    let worst = values.iter().copied().reduce(f64::max);
    let both = median(values.to_vec()).zip(worst);
    both.map_or_else(|| "-".to_owned(), |(middle, worst)| format!("{middle:.0} ({worst:.0})"))
}

/// Every sample, for whoever wants other figures.
pub(super) fn json(options: &Options, samples: &[Sample], failed: usize, versions: &str) -> String {
    let machine: Vec<&str> = versions.lines().map(|line| line.trim_start_matches("- ")).collect();
    let samples: Vec<Value> = samples
        .iter()
        .map(|sample| json!({ "round": sample.round, "series": sample.fault, "figures": sample.figures }))
        .collect();
    let all = json!({
        "rounds": options.rounds, "crashes": options.crashes, "stock_crashes": options.stock_crashes, "failed": failed,
        "machine": machine, "samples": samples,
    });
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(round: u32, system: &str, fault: &str, first: f64) -> Sample {
        let writers =
            json!({ "first_ms": first, "pause_ms": first, "lost": 1, "twice": 0, "acknowledged": 10, "errors": 2 });
        let proxy = if system == "stock" { Value::Null } else { writers.clone() };
        let steps = json!([{ "steps": [["Detected", first - 1.0], ["Promoted", first]] }]);
        let figures = json!({ "direct": writers, "proxy": proxy, "failovers": 2, "two_masters_ms": 7, "steps": steps });
        Sample { round, system: system.to_owned(), fault: fault.to_owned(), figures }
    }

    fn samples() -> Vec<Sample> {
        let rounds = [(0, 50.0, 2_000.0), (1, 100.0, 2_000.0), (2, 110.0, 2_200.0)];
        let of =
            |(round, ours, stock)| [sample(round, "standfast", "kill", ours), sample(round, "stock", "kill", stock)];
        let mut samples: Vec<Sample> = rounds.into_iter().flat_map(of).collect();
        samples.push(sample(0, "standfast", CRASHES, 60.0));
        samples
    }

    #[test]
    fn the_tables_hold_medians_worst_and_ratios_within_rounds() {
        let text = markdown(&Options::from(&[]).unwrap(), &samples(), 0);
        let row = "| master killed (`kill -9`) | 2000 (2200) | 100 (110) | 100 (110) | 20.0 | 20.0 |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| master killed (`kill -9`) | 3 of 30 | 3 of 30 | 3 of 30 |"), "{text}");
        assert!(text.contains("1 crashes in a row, standfast: a second failover after 1 of them."), "{text}");
        assert!(text.contains("at most 100 ms; median met, worst missed"), "{text}");
        assert!(text.contains("Detected 99, Promoted 100"), "{text}");
        assert!(!text.contains("failed**"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_in_no_table() {
        let text = markdown(&Options::from(&[]).unwrap(), &samples(), 2);
        assert!(!text.contains("SIGSTOP") && text.contains("**2 measurements failed**"), "{text}");
        assert!(json(&Options::from(&[]).unwrap(), &samples(), 2, "- 2 cores").contains("\"2 cores\""));
    }
}
