//! Is it good enough? What was set as aims, each with what was measured, for both pools.

use super::cell::Cell;
use super::ratio::{Base, spread};
use super::report::{line_to, shown};
use super::sample::{Figure, Sample};
use super::way::Way;

/// One aim.
struct Aim {
    what: &'static str,
    figure: Figure,
    base: Base,
    loads: &'static [&'static str],
    /// At least this where more is better, else at most.
    bound: f64,
}

const AIMS: [Aim; 8] = [
    Aim {
        what: "throughput / direct",
        figure: Figure::Rate,
        base: Base::Direct,
        loads: &["set-64-50-p1", "get-64-50-p1"],
        bound: 1.1,
    },
    Aim {
        what: "throughput / HAProxy",
        figure: Figure::Rate,
        base: Base::Haproxy,
        loads: &["set-64-50-p1", "get-64-50-p1"],
        bound: 2.0,
    },
    Aim {
        what: "CPU of proxy and Redis / Redis alone",
        figure: Figure::BothCpu,
        base: Base::Direct,
        loads: &["set-64-50-p1", "get-64-50-p1"],
        bound: 1.0,
    },
    Aim {
        what: "throughput / HAProxy",
        figure: Figure::Rate,
        base: Base::Haproxy,
        loads: &["set-64-50-p16", "get-64-50-p16"],
        bound: 1.5,
    },
    Aim {
        what: "throughput / HAProxy",
        figure: Figure::Rate,
        base: Base::Haproxy,
        loads: &["set-16384-50-p1", "get-16384-50-p1", "set-16384-50-p16", "get-16384-50-p16"],
        bound: 1.0,
    },
    Aim {
        what: "CPU of the proxy / HAProxy's",
        figure: Figure::ProxyCpu,
        base: Base::Haproxy,
        loads: &[
            "set-64-50-p1-tls",
            "get-64-50-p1-tls",
            "set-64-50-p16-tls",
            "get-64-50-p16-tls",
            "get-4096-50-p1-tls",
        ],
        bound: 0.7,
    },
    Aim {
        what: "p99 at a fixed rate / HAProxy's",
        figure: Figure::P99,
        base: Base::Haproxy,
        loads: &["set-64-50-rate", "get-64-50-rate", "get-64-500-rate", "get-64-5000-rate", "get-4096-50-rate"],
        bound: 1.0,
    },
    Aim { what: "bytes", figure: Figure::Idle, base: Base::Nothing, loads: &["idle-9900"], bound: 1_024.0 },
];

/// A line for each aim and load.
pub(crate) fn markdown(samples: &[Sample]) -> String {
    let mut text = "\n## Aims\n\n| | aim | session | shared |\n|---|---|---|---|\n".to_owned();
    for aim in &AIMS {
        let bound = format!("{} {}", if aim.figure.more_is_better() { "at least" } else { "at most" }, aim.bound);
        for cell in aim.loads.iter().filter_map(|id| Cell::from_id(id)) {
            let [session, shared] = [Way::Session, Way::Shared].map(|way| verdict(aim, way, cell, samples));
            line_to(&mut text, format_args!("| {}: {} | {bound} | {session} | {shared} |", cell.title(), aim.what));
        }
    }
    text
}

/// What is aimed at for a figure of a load, if anything is.
pub(crate) fn bound(figure: Figure, base: Base, cell: Cell) -> Option<f64> {
    let id = cell.id();
    let aim = AIMS.iter().find(|aim| aim.figure == figure && aim.base == base && aim.loads.contains(&id.as_str()));
    aim.map(|aim| aim.bound)
}

fn verdict(aim: &Aim, way: Way, cell: Cell, samples: &[Sample]) -> String {
    let Some(measured) = spread(aim.figure, way, aim.base, cell, samples) else {
        return "not measured".to_owned();
    };
    let value = measured.middle;
    let figures = if aim.base == Base::Nothing { format!("{value:.0}") } else { shown(measured) };
    let is_good = |value: f64| if aim.figure.more_is_better() { value >= aim.bound } else { value <= aim.bound };
    // A median on the right side of its aim, with rounds on both sides, is a hope.
    let is_sure = is_good(measured.low) == is_good(measured.high);
    let doubt = if is_sure { "" } else { ", not in every round" };
    if is_good(value) {
        return format!("{figures}: met{doubt}");
    }
    format!("{figures}: **missed** by {:.0} %{doubt}", (value / aim.bound - 1.0).abs() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::ratio::tests::samples;
    use super::*;

    #[test]
    fn each_aim_names_loads_that_are_there() {
        assert!(AIMS.iter().flat_map(|aim| aim.loads).all(|id| Cell::from_id(id).is_some()));
    }

    #[test]
    fn rounds_on_both_sides_of_an_aim_are_told() {
        let mut samples = samples(&[Way::Haproxy { threads: 1 }, Way::Session]);
        let first = samples.iter_mut().filter(|sample| sample.round == 0 && sample.way == Way::Session);
        first.for_each(|sample| sample.figures.retain(|(figure, _)| *figure != Figure::P99));
        let line = |samples: &[Sample]| {
            let text = markdown(samples);
            text.lines().find(|line| line.starts_with("| GET 64 B, 50 conn.: p99")).unwrap().to_owned()
        };
        assert!(line(&samples).contains("1.00 (1.00-1.00): met |"));
        let first = samples.iter_mut().filter(|sample| sample.round == 0 && sample.way == Way::Session);
        first.for_each(|sample| sample.figures.push((Figure::P99, 80.0)));
        assert!(line(&samples).contains("0.90 (0.80-1.00): met |"));
        let second = samples.iter_mut().filter(|sample| sample.round == 1 && sample.way == Way::Session);
        second.for_each(|sample| sample.figures.push((Figure::P99, 100.0)));
        samples.iter_mut().filter(|sample| sample.round == 0).for_each(|sample| {
            let slow = sample.way.is_ours();
            sample
                .figures
                .iter_mut()
                .filter(|(figure, _)| slow && *figure == Figure::P99)
                .for_each(|(_, us)| *us = 130.0);
        });
        assert!(line(&samples).contains("1.15 (1.00-1.30): **missed** by 15 %, not in every round |"));
    }

    #[test]
    fn an_aim_is_met_or_missed_by_so_much_or_not_measured() {
        let text = markdown(&samples(&[Way::Direct, Way::Haproxy { threads: 1 }, Way::Session]));
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
        let direct = line("| GET 64 B, 50 conn., P=1: throughput / direct");
        assert!(direct.ends_with("| at least 1.1 | 1.00 (1.00-1.00): **missed** by 9 % | not measured |"), "{direct}");
        assert!(line("| GET 64 B, 50 conn., P=1: throughput / HAProxy").contains("2.00 (2.00-2.00): met |"));
        assert!(line("| 9900 idle").contains("| at most 1024 | 2048: **missed** by 100 % |"), "{text}");
    }
}
