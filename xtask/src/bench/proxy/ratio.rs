//! What do the samples say? Ratios within rounds: what made a whole round slow touches both sides of a ratio.

use super::cell::Cell;
use super::sample::{Figure, Sample};
use super::way::Way;
use crate::bench::median::{Spread, median};

/// What a figure is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Direct,
    /// HAProxy with the number of threads that gave the better figure for this load.
    Haproxy,
    /// Nothing: the figure itself.
    Nothing,
}

/// The figure of a way, divided by its base round by round. `None` if one of them was not measured.
pub(crate) fn spread(figure: Figure, way: Way, base: Base, cell: Cell, samples: &[Sample]) -> Option<Spread> {
    let base = match base {
        Base::Direct => Way::Direct,
        Base::Haproxy => better_haproxy(figure, cell, samples)?,
        Base::Nothing => return Spread::of(&values(figure, way, cell, samples)),
    };
    let of = |way| samples.iter().filter(move |s: &&Sample| s.way == way && s.cell == cell);
    let pairs = of(way).filter_map(|s| Some((s, of(base).find(|b| b.round == s.round)?)));
    let ratios = pairs.filter_map(|(s, b)| Some(s.figure(figure)? / b.figure(figure)?));
    // What the base did for nothing has no ratio.
    Spread::of(&ratios.filter(|ratio| ratio.is_finite()).collect::<Vec<_>>())
}

fn values(figure: Figure, way: Way, cell: Cell, samples: &[Sample]) -> Vec<f64> {
    let of_cell = samples.iter().filter(|s| s.way == way && s.cell == cell);
    of_cell.filter_map(|sample| sample.figure(figure)).collect()
}

fn better_haproxy(figure: Figure, cell: Cell, samples: &[Sample]) -> Option<Way> {
    let ways = Way::ALL.into_iter().filter(|way| way.is_haproxy());
    let measured = ways.filter_map(|way| Some((median(values(figure, way, cell, samples))?, way)));
    let better =
        measured.min_by(|a, b| if figure.more_is_better() { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
    better.map(|(_, way)| way)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two rounds, the second twice as fast, in which ours is as fast as direct, and HAProxy half as fast, with two threads a little less so.
    pub(crate) fn samples(ways: &[Way]) -> Vec<Sample> {
        let mut samples = Vec::new();
        for round in 0..2 {
            for cell in Cell::all() {
                for way in ways.iter().filter(|way| cell.suits(**way)) {
                    let rate = if way.is_haproxy() { 50.0 } else { 100.0 } * f64::from(round + 1);
                    let two = *way == (Way::Haproxy { threads: 2 });
                    let mut figures = vec![
                        (Figure::Rate, if two { rate * 1.25 } else { rate }),
                        (Figure::ProxyCpu, if two { 4.0 } else { 2.0 }),
                        (Figure::RedisCpu, 4.0),
                        (Figure::P99, 100.0),
                        (Figure::Idle, 2_048.0),
                    ];
                    if *way == Way::Direct {
                        figures.retain(|(figure, _)| !matches!(figure, Figure::ProxyCpu | Figure::Idle));
                    }
                    samples.push(Sample { round, way: *way, cell, figures });
                }
            }
        }
        samples
    }

    #[test]
    fn ratios_are_taken_within_rounds_and_against_the_better_haproxy() {
        let (samples, cell) = (samples(&Way::ALL), Cell::from_id("get-64-50-p1").unwrap());
        let middle = |figure, way, base| spread(figure, way, base, cell, &samples).unwrap().middle;
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(middle(Figure::Rate, Way::Session, Base::Direct), 1.0));
        assert!(close(middle(Figure::Rate, Way::Session, Base::Haproxy), 1.6));
        assert!(close(middle(Figure::ProxyCpu, Way::Session, Base::Haproxy), 1.0), "one thread costs less");
        assert!(close(middle(Figure::Rate, Way::Session, Base::Nothing), 150.0));
        let without: Vec<Sample> = samples.iter().filter(|s| s.way != Way::Direct).cloned().collect();
        assert_eq!(spread(Figure::Rate, Way::Session, Base::Direct, cell, &without), None);
    }
}
