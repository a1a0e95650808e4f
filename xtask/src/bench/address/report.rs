//! What do the samples say? Each figure of ours beside theirs of the same run, and the ratio within rounds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{FAULTS, SYSTEMS, Sample, TERMS};
use crate::bench::median::{Spread, median};

/// Figures of which less is better: the name, and what the table calls it.
const FIGURES: [(&str, &str); 4] = [
    ("back_ms", "Milliseconds from the fault to the first reply through the address, for who connects anew"),
    (
        "released_ms",
        "Milliseconds until a client that waits for an answer without a limit is told that its connection is gone",
    ),
    (
        "steady_pause_ms",
        "The longest pause of a client that asks again and again on one connection, without a time limit, milliseconds",
    ),
    ("return_pause_ms", "The longest pause when the host is back and takes the address again, milliseconds"),
];
/// Timers, fault, and the most milliseconds to the first reply that were set as an aim.
const AIMS: [(&str, &str, f64); 2] = [("tuned", "host", 400.0), ("tuned", "proxy", 200.0)];

/// One sample in a line, as it comes.
pub(super) fn line(sample: &Sample) -> String {
    let ms = |name: &str| sample.figures[name].as_f64().map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0} ms"));
    format!(
        "{}, {}, {}: first reply after {}, a waiting client released after {}, two holders for {}",
        sample.fault,
        sample.terms,
        sample.system,
        ms("back_ms"),
        ms("released_ms"),
        ms("both_ms")
    )
}

/// All tables.
pub(super) fn markdown(rounds: u32, samples: &[Sample], failed: usize) -> String {
    let mut text = format!(
        "# An address that moves: Keepalived with HAProxy, and Standfast, in one run\n\nTwo hosts and a third vote (network namespaces of \
         one machine), new ones for each measurement; the master on the host that stays. *tuned*: version 3, adverts each 100 ms, for \
         Keepalived `track_process` and a request through HAProxy each second; *article*: version 2, adverts each second, a check each two \
         seconds. {rounds} rounds, the systems in turn. Median (lowest to highest); ratios are Keepalived / Standfast within a round, their \
         median.\n"
    );
    if failed > 0 {
        let _ = writeln!(text, "\n**{failed} measurements failed** and are in no table.");
    }
    for (name, title) in FIGURES {
        compared(&mut text, title, name, samples);
    }
    two_holders(&mut text, samples);
    aims(&mut text, samples);
    text
}

fn compared(text: &mut String, title: &str, name: &str, samples: &[Sample]) {
    let _ = write!(text, "\n{title}\n\n| | Keepalived + HAProxy | Standfast | ratio |\n|---|---|---|---|\n");
    for (terms, fault) in cases(samples) {
        let cell = |system| cell(samples, system, terms, fault, name);
        let ratio = median(ratios(samples, terms, fault, name));
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"));
        let _ =
            writeln!(text, "| {} | {} | {} | {ratio} |", title_of(terms, fault), cell("classic"), cell("standfast"));
    }
}

/// The middle, and between whom; who never came to an end is counted.
fn cell(samples: &[Sample], system: &str, terms: &str, fault: &str, name: &str) -> String {
    let all = of(samples, system, terms, fault);
    let values: Vec<f64> = all.iter().filter_map(|sample| sample.figures[name].as_f64()).collect();
    let never = all.len() - values.len();
    match (Spread::of(&values), never) {
        (None, 0) => "-".to_owned(),
        (None, _) => format!("never in {never} of {never}"),
        (Some(Spread { low, middle, high }), 0) => format!("{middle:.0} ({low:.0}-{high:.0})"),
        (Some(Spread { low, middle, high }), _) => {
            format!("{middle:.0} ({low:.0}-{high:.0}), never in {never} of {}", all.len())
        }
    }
}

fn two_holders(text: &mut String, samples: &[Sample]) {
    let _ = write!(
        text,
        "\nMilliseconds in which both hosts had the address while the link was whole, by what their kernels told, the worst round: in the \
         takeover, and when the better host is back and takes it again\n\n| | Keepalived + HAProxy | Standfast | \
         Keepalived + HAProxy, return | Standfast, return |\n|---|---|---|---|---|\n"
    );
    for (terms, fault) in cases(samples) {
        let cell = |system, name: &str| {
            let all = of(samples, system, terms, fault);
            let worst = all.iter().filter_map(|sample| sample.figures[name].as_f64()).reduce(f64::max);
            worst.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}"))
        };
        let cells = ["both_ms", "return_both_ms"].map(|name| ["classic", "standfast"].map(|system| cell(system, name)));
        let _ = writeln!(text, "| {} | {} |", title_of(terms, fault), cells.concat().join(" | "));
    }
}

/// Whether the aims are met.
fn aims(text: &mut String, samples: &[Sample]) {
    let _ = writeln!(text, "\nAims, by the median and by the worst round:\n");
    let met = |value: f64, most: f64| if value <= most { "met" } else { "missed" };
    for (terms, fault, most) in AIMS {
        let values: Vec<f64> =
            of(samples, "standfast", terms, fault).iter().filter_map(|s| s.figures["back_ms"].as_f64()).collect();
        let Some(Spread { middle, high, .. }) = Spread::of(&values) else { continue };
        let title = title_of(terms, fault);
        let _ = writeln!(text, "- {title}: at most {most} ms; median {}, worst {}", met(middle, most), met(high, most));
    }
    let ours: Vec<&Sample> = samples.iter().filter(|sample| sample.system == "standfast").collect();
    let late = |sample: &&&Sample| {
        let (back, released) = (sample.figures["back_ms"].as_f64(), sample.figures["released_ms"].as_f64());
        back.zip(released).is_none_or(|(back, released)| released > back + RELEASED_WITHIN_MS)
    };
    let late = ours.iter().filter(late).count();
    let _ = writeln!(
        text,
        "- a client that waits without a limit is released within 1 s of the takeover: in {} of {} measurements",
        ours.len() - late,
        ours.len()
    );
}

/// What was measured, in the order of the tables.
fn cases(samples: &[Sample]) -> Vec<(&'static str, &'static str)> {
    let all = TERMS.into_iter().flat_map(|terms| FAULTS.map(|fault| (terms, fault)));
    all.filter(|(terms, fault)| samples.iter().any(|sample| (sample.terms, sample.fault) == (*terms, *fault))).collect()
}

fn title_of(terms: &str, fault: &str) -> String {
    let what = match fault {
        "host" => "dead host",
        "proxy" => "dead proxy (`kill -9`)",
        "hang" => "hung proxy (`SIGSTOP`)",
        _ => "stopped in order",
    };
    format!("{what}, {terms}")
}

fn of<'a>(samples: &'a [Sample], system: &str, terms: &str, fault: &str) -> Vec<&'a Sample> {
    let is_meant = |sample: &&Sample| (sample.system, sample.terms, sample.fault) == (system, terms, fault);
    samples.iter().filter(is_meant).collect()
}

fn ratios(samples: &[Sample], terms: &str, fault: &str, name: &str) -> Vec<f64> {
    let [ours, theirs] = SYSTEMS.map(|system| of(samples, system, terms, fault));
    let pair = |ours: &&Sample| {
        let theirs = theirs.iter().find(|theirs| theirs.round == ours.round)?;
        Some(theirs.figures[name].as_f64()? / ours.figures[name].as_f64()?)
    };
    ours.iter().filter_map(pair).collect()
}

/// Every sample, for whoever wants other figures.
pub(super) fn json(rounds: u32, samples: &[Sample], failed: usize, versions: &str) -> String {
    let machine: Vec<&str> = versions.lines().map(|line| line.trim_start_matches("- ")).collect();
    let samples: Vec<Value> =
        samples.iter().map(|sample| json!({ "round": sample.round, "figures": sample.figures })).collect();
    format!("{:#}\n", json!({ "rounds": rounds, "failed": failed, "machine": machine, "samples": samples }))
}

/// The promise to whoever waits for an answer.
const RELEASED_WITHIN_MS: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(round: u32, system: &'static str, back: f64, released: Option<f64>) -> Sample {
        let figures = json!({ "back_ms": back, "released_ms": released, "both_ms": 0.0, "return_both_ms": 2.5 });
        Sample { round, system, terms: "tuned", fault: "host", figures }
    }

    fn samples() -> Vec<Sample> {
        let rounds = [(0, 300.0, 900.0), (1, 500.0, 1_000.0), (2, 350.0, 700.0)];
        let of = |(round, ours, theirs)| {
            [sample(round, "standfast", ours, Some(ours + 20.0)), sample(round, "classic", theirs, None)]
        };
        rounds.into_iter().flat_map(of).collect()
    }

    #[test]
    fn the_tables_hold_medians_ratios_within_rounds_and_who_never_ended() {
        let text = markdown(3, &samples(), 0);
        assert!(text.contains("| dead host, tuned | 900 (700-1000) | 350 (300-500) | 2.0 |"), "{text}");
        assert!(text.contains("| dead host, tuned | never in 3 of 3 | 370 (320-520) | - |"), "{text}");
        assert!(text.contains("| dead host, tuned | 0.0 | 0.0 | 2.5 | 2.5 |"), "{text}");
        assert!(text.contains("dead host, tuned: at most 400 ms; median met, worst missed"), "{text}");
        assert!(text.contains("in 3 of 3 measurements"), "{text}");
        assert!(!text.contains("SIGSTOP") && !text.contains("failed**"), "{text}");
        assert!(markdown(3, &samples(), 2).contains("**2 measurements failed**"));
    }

    #[test]
    fn every_sample_is_kept() {
        assert!(json(3, &samples(), 0, "- 2 cores").contains("\"2 cores\""));
    }
}
