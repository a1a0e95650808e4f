//! How does it look? One drawing of the times until the first acknowledged write: a bar for each median, a dot for each sample.

use std::fmt::Write as _;

use super::Sample;
use super::report::{WRITERS, values};
use crate::bench::median::median;

/// The faults of the drawing, and which figure of theirs is drawn.
const ROWS: [(&str, &str, &str); 4] = [
    ("kill", "first_ms", "master killed"),
    ("hang", "first_ms", "master hangs"),
    ("cut", "first_ms", "master's host cut off"),
    ("planned", "pause_ms", "planned: longest pause"),
];
const COLOURS: [&str; 3] = ["#b0b4ba", "#2f6fb3", "#79b4e8"];

/// The drawing. The scale is logarithmic: a planned switchover and stock's crash are three orders of magnitude apart.
pub(super) fn svg(samples: &[Sample]) -> String {
    let height = TOP + ROWS.len() * ROW + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"14\">Milliseconds without an acknowledged write (logarithmic)</text>\n"
    );
    for (n, (_, _, head)) in WRITERS.iter().enumerate() {
        let x = 10 + 240 * n;
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"30\" width=\"12\" height=\"12\" fill=\"{}\"/>", COLOURS[n]);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"41\">{head}</text>", x + 18);
    }
    for tick in [1.0, 10.0, 100.0, 1_000.0, 10_000.0] {
        let _ = writeln!(
            svg,
            "<line x1=\"{0:.0}\" x2=\"{0:.0}\" y1=\"{TOP}\" y2=\"{1}\" stroke=\"#ddd\"/><text x=\"{0:.0}\" y=\"{2}\">{tick}</text>",
            x_of(tick),
            height - 20,
            height - 6
        );
    }
    for (row, (fault, name, title)) in ROWS.iter().enumerate() {
        let top = TOP + row * ROW;
        let _ = writeln!(svg, "<text x=\"10\" y=\"{}\">{title}</text>", top + 34);
        for (n, (system, kind, _)) in WRITERS.iter().enumerate() {
            let values = values(samples, fault, system, kind, name);
            let Some(middle) = median(values.clone()) else { continue };
            let y = top + 8 + n * 17;
            let width = x_of(middle) - LEFT;
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"14\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{}\">{middle:.0}</text>",
                COLOURS[n],
                x_of(values.iter().copied().fold(middle, f64::max)) + 6.0,
                y + 11
            );
            for value in values {
                let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{}\" r=\"2\" fill=\"#222\"/>", x_of(value), y + 7);
            }
        }
    }
    svg + "</svg>\n"
}

/// One millisecond is at the left edge, 20 seconds are at the right one.
fn x_of(ms: f64) -> f64 {
    LEFT + (ms.max(1.0).log10() / 20_000_f64.log10()) * WIDTH
}

const LEFT: f64 = 170.0;
const WIDTH: f64 = 540.0;
const TOP: usize = 56;
const ROW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_sample_is_a_dot_and_later_is_further_right() {
        let of = |system: &str, ms: f64| Sample {
            round: 0,
            system: system.to_owned(),
            fault: "kill".to_owned(),
            figures: json!({ "direct": { "first_ms": ms } }),
        };
        let svg = svg(&[of("standfast", 50.0), of("stock", 2_000.0)]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.ends_with("</svg>\n") && svg.contains(">2000</text>") && svg.contains(">50</text>"), "{svg}");
        assert!(x_of(0.1) < x_of(50.0) && x_of(50.0) < x_of(2_000.0));
    }
}
