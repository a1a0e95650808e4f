//! Has it become worse than an earlier result? Ratios are compared, not figures: the machine was another one, or another hour's.

use super::cell::Cell;
use super::ratio::{Base, spread};
use super::report::{QUESTIONS, Question, line_to, shown};
use super::sample::{Figure, Sample};
use super::way::Way;
use crate::bench::median::Spread;

/// How a ratio stands to its earlier self.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// No round of one is as good as any of the other, and it is more than noise.
    Worse,
    /// The medians are far apart, and the rounds overlap: look again, with more rounds.
    MaybeWorse,
    Better,
    Same,
}

const IDLE: Question =
    Question { title: "Memory of the proxy for an idle connection", figure: Figure::Idle, base: Base::Nothing };

/// What changed, worst first; one line tells how much did not.
pub(crate) fn markdown(samples: &[Sample], earlier: &[Sample]) -> String {
    let mut text = "\n## Against the earlier result\n".to_owned();
    let mut rows = Vec::new();
    for (question, way, cell) in QUESTIONS.iter().chain([&IDLE]).flat_map(ratios) {
        let of = |samples| spread(question.figure, way, question.base, cell, samples);
        if let (Some(now), Some(then)) = (of(samples), of(earlier)) {
            rows.push((change(question.figure, now, then), question.title, way, cell, then, now));
        }
    }
    if rows.is_empty() {
        return text + "\nNothing was measured both times.\n";
    }
    let count = |wanted| rows.iter().filter(|(change, ..)| *change == wanted).count();
    line_to(
        &mut text,
        format_args!(
            "\n**{} worse**, {} perhaps worse, {} better, {} as they were.",
            count(Change::Worse),
            count(Change::MaybeWorse),
            count(Change::Better),
            count(Change::Same)
        ),
    );
    rows.retain(|(change, ..)| *change != Change::Same);
    rows.sort_by_key(|(change, ..)| *change);
    if !rows.is_empty() {
        text.push_str("\n| | what | way | load | then | now |\n|---|---|---|---|---|---|\n");
    }
    for (change, title, way, cell, then, now) in rows {
        let mark = match change {
            Change::Worse => "**WORSE**",
            Change::MaybeWorse => "worse?",
            Change::Better => "better",
            Change::Same => "same",
        };
        let title = title.split(" (").next().unwrap_or(title);
        let (way, load, then, now) = (way.name(), cell.title(), shown(then), shown(now));
        line_to(&mut text, format_args!("| {mark} | {title} | {way} | {load} | {then} | {now} |"));
    }
    text
}

/// Only ours: the others are there to be compared with.
fn ratios(question: &Question) -> impl Iterator<Item = (&Question, Way, Cell)> {
    let ours = Way::ALL.into_iter().filter(|way| way.is_ours());
    ours.flat_map(move |way| Cell::all().into_iter().map(move |cell| (question, way, cell)))
}

pub(crate) fn change(figure: Figure, now: Spread, then: Spread) -> Change {
    // From here on more is worse.
    let flip = |spread: Spread| Spread { low: 1.0 / spread.high, middle: 1.0 / spread.middle, high: 1.0 / spread.low };
    let (now, then) = if figure.more_is_better() { (flip(now), flip(then)) } else { (now, then) };
    let grown = now.middle / then.middle;
    match grown {
        grown if grown > NOISE && now.low > then.high => Change::Worse,
        grown if grown > FAR => Change::MaybeWorse,
        grown if grown < 1.0 / NOISE && now.high < then.low => Change::Better,
        _ => Change::Same,
    }
}

/// Medians of the same thing move by as much between two runs.
const NOISE: f64 = 1.05;
/// Medians that are so far apart are worth a look even when their rounds overlap.
const FAR: f64 = 1.15;

#[cfg(test)]
mod tests {
    use super::super::ratio::tests::samples;
    use super::*;

    const fn spread_of(low: f64, middle: f64, high: f64) -> Spread {
        Spread { low, middle, high }
    }

    #[test]
    fn worse_is_what_no_round_reaches_any_more() {
        let then = spread_of(0.9, 1.0, 1.1);
        let changes = [
            (spread_of(1.2, 1.3, 1.4), Change::Better, Change::Worse),
            (spread_of(1.0, 1.3, 1.4), Change::Same, Change::MaybeWorse),
            (spread_of(0.6, 0.7, 0.8), Change::Worse, Change::Better),
            (spread_of(0.95, 1.02, 1.2), Change::Same, Change::Same),
        ];
        for (now, rate, cpu) in changes {
            assert_eq!((change(Figure::Rate, now, then), change(Figure::BothCpu, now, then)), (rate, cpu), "{now:?}");
        }
    }

    #[test]
    fn what_became_worse_stands_first() {
        let earlier = samples(&Way::ALL);
        assert!(markdown(&earlier, &earlier).contains("**0 worse**, 0 perhaps worse, 0 better"));
        let mut now = earlier.clone();
        let slow = now.iter_mut().filter(|sample| sample.way == Way::Session && sample.cell.id() == "get-64-50-p1");
        slow.for_each(|sample| sample.figures[0].1 *= 0.8);
        let text = markdown(&now, &earlier);
        assert!(text.contains("**2 worse**"), "{text}");
        let line = "| **WORSE** | Throughput, direct = 1 | session | GET 64 B, 50 conn., P=1 | 1.00 (1.00-1.00) | 0.80 (0.80-0.80) |";
        assert!(text.contains(line), "{text}");
        assert!(markdown(&now, &[]).contains("Nothing was measured both times"));
    }
}
