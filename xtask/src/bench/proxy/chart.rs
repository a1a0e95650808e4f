//! How does it look? One drawing: a row for each load, a column for each question, a mark for each way with the range of its rounds.
//!
//! Ratios stand on a logarithmic scale, so twice and half are equally far from 1. An aim is a tick; what an earlier result had is a hollow mark, and
//! a load that became worse has its name in red. Colours follow the reader's light or dark mode; shapes tell the ways apart without them.

use super::against::{Change, change};
use super::cell::{Cell, Manner};
use super::judge;
use super::ratio::{Base, spread};
use super::sample::{Figure, Sample};
use super::way::Way;
use crate::bench::median::Spread;

/// Loads of one manner, and what is asked of them.
struct Block {
    title: &'static str,
    columns: [(&'static str, Figure, Base); 3],
    /// The greatest ratio of the scale; its inverse is the least.
    reach: f64,
    ticks: [f64; 5],
    has: fn(Cell) -> bool,
}

const BLOCKS: [Block; 2] = [
    Block {
        title: "As fast as it goes",
        columns: [
            ("throughput, better HAProxy = 1, more is better", Figure::Rate, Base::Haproxy),
            ("CPU of the proxy, better HAProxy = 1, less is better", Figure::ProxyCpu, Base::Haproxy),
            ("CPU of proxy + Redis, direct = 1, less is better", Figure::BothCpu, Base::Direct),
        ],
        reach: 5.0,
        ticks: [0.25, 0.5, 1.0, 2.0, 4.0],
        has: |cell| matches!(cell.manner, Manner::Full { .. }),
    },
    Block {
        title: "At a fixed rate: time from when a request was due",
        columns: [
            ("p50, better HAProxy = 1, less is better", Figure::P50, Base::Haproxy),
            ("p99, better HAProxy = 1, less is better", Figure::P99, Base::Haproxy),
            ("p99.9, better HAProxy = 1, less is better", Figure::P999, Base::Haproxy),
        ],
        reach: 10.0,
        ticks: [0.1, 0.3, 1.0, 3.0, 10.0],
        has: |cell| cell.manner == Manner::Rate,
    },
];

/// The drawing.
pub(crate) fn svg(samples: &[Sample], earlier: Option<&[Sample]>) -> String {
    let mut body = String::new();
    let mut top = legend(&mut body);
    for block in &BLOCKS {
        top = draw_block(&mut body, block, top, samples, earlier.unwrap_or_default());
    }
    top = draw_memory(&mut body, top, samples);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" width=\"{WIDTH}\" height=\"{top}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\">\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{top}\"/>\n{body}</svg>\n"
    )
}

/// The title and what each mark means; where the next thing begins.
fn legend(body: &mut String) -> f64 {
    body.push_str("<text class=\"ink head\" x=\"12\" y=\"24\">What a way to Redis costs</text>\n");
    for (n, way) in Way::ALL.into_iter().enumerate() {
        let x = 20.0 + 110.0 * f64::from(u32::try_from(n).unwrap_or_default());
        mark(body, way, x, 44.0, "");
        text(body, "ink", x + 10.0, 48.0, way.name());
    }
    text(body, "dim", 690.0, 48.0, "lines: range of the rounds; tick: aim; hollow: earlier result");
    70.0
}

fn draw_block(body: &mut String, block: &Block, top: f64, samples: &[Sample], earlier: &[Sample]) -> f64 {
    let is_there = |cell: &Cell| (block.has)(*cell) && samples.iter().any(|sample| sample.cell == *cell);
    let cells: Vec<Cell> = Cell::all().into_iter().filter(is_there).collect();
    let Some(last) = cells.len().checked_sub(1) else { return top };
    text(body, "ink title", 12.0, top + 12.0, block.title);
    let first = top + 48.0;
    let bottom = row_at(first, last) + ROW;
    for (n, (title, ..)) in block.columns.iter().enumerate() {
        let left = column_at(n);
        text(body, "ink", left, top + 30.0, title);
        for tick in block.ticks {
            let (x, class) = (x_of(tick, left, block.reach), if tick == 1.0 { "one" } else { "grid" });
            line(body, class, (x, first), (x, bottom));
            text(body, "dim mid", x, top + 43.0, &tick.to_string());
        }
    }
    for (n, cell) in cells.iter().enumerate() {
        let y = row_at(first, n);
        if n > 0 && (cell.bytes, cell.tls) != (cells[n - 1].bytes, cells[n - 1].tls) {
            line(body, "grid", (12.0, y), (WIDTH - 12.0, y));
        }
        draw_row(body, block, *cell, y + ROW / 2.0, samples, earlier);
    }
    bottom + 24.0
}

fn draw_row(body: &mut String, block: &Block, cell: Cell, y: f64, samples: &[Sample], earlier: &[Sample]) {
    let mut is_worse = false;
    for (n, (_, figure, base)) in block.columns.into_iter().enumerate() {
        let x = |ratio: f64| x_of(ratio, column_at(n), block.reach);
        if let Some(bound) = judge::bound(figure, base, cell) {
            line(body, "aim", (x(bound), y - 9.0), (x(bound), y + 9.0));
        }
        for (lane, way) in Way::ALL.into_iter().enumerate() {
            let Some(now) = spread(figure, way, base, cell, samples) else { continue };
            if now.low == 1.0 && now.high == 1.0 {
                // What all others are divided by: the line at 1 is drawn already.
                continue;
            }
            let y = y + (f64::from(u32::try_from(lane).unwrap_or_default()) - 2.5) * 3.0;
            line(body, &format!("range {}", way.name()), (x(now.low), y), (x(now.high), y));
            let then = if way.is_ours() { spread(figure, way, base, cell, earlier) } else { None };
            if let Some(then) = then {
                mark(body, way, x(then.middle), y, " hollow");
                is_worse |= change(figure, now, then) == Change::Worse;
            }
            mark(body, way, x(now.middle), y, "");
        }
    }
    text(body, if is_worse { "worse" } else { "ink" }, 12.0, y + 4.0, &cell.title());
}

/// Memory is the program's, not the machine's: bytes, from 0.
fn draw_memory(body: &mut String, top: f64, samples: &[Sample]) -> f64 {
    let Some(cell) = samples.iter().map(|sample| sample.cell).find(|cell| cell.manner == Manner::Idle) else {
        return top;
    };
    let of = |figure, way| spread(figure, way, Base::Nothing, cell, samples).map(|Spread { middle, .. }| middle);
    let measured: Vec<(Way, f64)> =
        Way::ALL.into_iter().filter_map(|way| Some((way, of(Figure::Idle, way)?))).collect();
    text(body, "ink title", 12.0, top + 12.0, &format!("Memory of the proxy, {}", cell.title()));
    let most = measured.iter().map(|(_, bytes)| *bytes).fold(AIM_OF_MEMORY, f64::max);
    let width = |bytes: f64| bytes.max(0.0) / most * (WIDTH - LABELS - 180.0);
    for (n, (way, bytes)) in measured.iter().enumerate() {
        let y = row_at(top + 22.0, n);
        text(body, "ink", 12.0, y + 14.0, way.name());
        let (name, wide) = (way.name(), width(*bytes));
        body.push_str(&format!(
            "<rect class=\"{name}\" x=\"{LABELS}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"12\"/>\n",
            y + 4.0
        ));
        // Not under the aim's tick.
        let aim = width(AIM_OF_MEMORY);
        let past = if wide < aim && aim < wide + 140.0 { aim } else { wide };
        text(body, "ink", LABELS + past + 8.0, y + 14.0, &format!("{:.2} KiB a connection", bytes / 1_024.0));
    }
    let bottom = row_at(top + 22.0, measured.len());
    let x = LABELS + width(AIM_OF_MEMORY);
    line(body, "aim", (x, top + 22.0), (x, bottom));
    bottom + 14.0
}

/// A mark whose shape tells the way: others have corners, ours are round.
fn mark(body: &mut String, way: Way, x: f64, y: f64, more: &str) {
    let class = format!("{}{more}", way.name());
    let polygon = |points: &[(f64, f64)]| {
        let points = points.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect::<Vec<_>>().join(" ");
        format!("<polygon class=\"{class}\" points=\"{points}\"/>\n")
    };
    let shape = match way {
        Way::Direct => polygon(&[(-1.5, -5.0), (1.5, -5.0), (1.5, 5.0), (-1.5, 5.0)]),
        Way::Haproxy { threads: 1 } => polygon(&[(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)]),
        Way::Haproxy { .. } => polygon(&[(0.0, -4.5), (4.5, 0.0), (0.0, 4.5), (-4.5, 0.0)]),
        Way::Twemproxy => polygon(&[(0.0, -4.0), (4.0, 3.5), (-4.0, 3.5)]),
        Way::Session => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>\n"),
        Way::Shared => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>\n"),
    };
    body.push_str(&shape);
}

fn text(body: &mut String, class: &str, x: f64, y: f64, words: &str) {
    body.push_str(&format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>\n"));
}

fn line(body: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    body.push_str(&format!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"));
}

fn column_at(n: usize) -> f64 {
    LABELS + f64::from(u32::try_from(n).unwrap_or_default()) * (COLUMN + GAP)
}

fn row_at(first: f64, n: usize) -> f64 {
    first + f64::from(u32::try_from(n).unwrap_or_default()) * ROW
}

/// What is off the scale stands at its end.
fn x_of(ratio: f64, left: f64, reach: f64) -> f64 {
    let share = (ratio.max(f64::MIN_POSITIVE).ln() / reach.ln()).clamp(-1.0, 1.0);
    left + (share + 1.0) / 2.0 * COLUMN
}

const LABELS: f64 = 190.0;
const COLUMN: f64 = 270.0;
const GAP: f64 = 22.0;
const ROW: f64 = 24.0;
const WIDTH: f64 = LABELS + 3.0 * COLUMN + 2.0 * GAP + 22.0;
/// Bytes of an idle connection.
const AIM_OF_MEMORY: f64 = 1_024.0;

/// Each way has a colour of its own, which fills its marks and draws its ranges.
const STYLE: &str = "
.paper { fill: #ffffff } .ink { fill: #1f2328 } .dim { fill: #656d76 } .mid { text-anchor: middle }
.head { font-size: 17px; font-weight: 600 } .title { font-size: 13px; font-weight: 600 } .worse { fill: #cf222e; font-weight: 600 }
.grid { stroke: #d8dee4 } .one { stroke: #8c959f; stroke-width: 1.5 } .aim { stroke: #1a7f37; stroke-width: 2 }
.range { stroke-width: 1.5; stroke-opacity: 0.55 } .hollow { fill: none; stroke-width: 1.2 }
.direct { fill: #57606a; stroke: #57606a } .haproxy-1 { fill: #bf6a02; stroke: #bf6a02 } .haproxy-2 { fill: #d4a72c; stroke: #d4a72c }
.twemproxy { fill: #a475f9; stroke: #a475f9 } .session { fill: #1b9aaa; stroke: #1b9aaa } .shared { fill: #0550ae; stroke: #0550ae }
.direct.hollow, .session.hollow, .shared.hollow { fill: none }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } .ink { fill: #e6edf3 } .dim { fill: #8d96a0 } .worse { fill: #ff7b72 }
.grid { stroke: #2a3038 } .one { stroke: #8d96a0 } .aim { stroke: #3fb950 }
.direct { fill: #afb8c1; stroke: #afb8c1 } .haproxy-1 { fill: #f0883e; stroke: #f0883e } .haproxy-2 { fill: #e3c35b; stroke: #e3c35b }
.twemproxy { fill: #c297ff; stroke: #c297ff } .session { fill: #4fd1c5; stroke: #4fd1c5 } .shared { fill: #6cb6ff; stroke: #6cb6ff }
.session.hollow, .shared.hollow { fill: none }
}";

#[cfg(test)]
mod tests {
    use super::super::ratio::tests::samples;
    use super::*;

    #[test]
    fn every_way_has_a_mark_in_every_row_and_what_became_worse_is_red() {
        let earlier = samples(&Way::ALL);
        let mut now = earlier.clone();
        let slow = now.iter_mut().filter(|sample| sample.way == Way::Session && sample.cell.id() == "get-64-50-p1");
        slow.for_each(|sample| sample.figures[0].1 *= 0.8);
        let drawn = svg(&now, Some(&earlier));
        assert_eq!(drawn.matches("class=\"worse\"").count(), 1);
        assert!(drawn.contains("class=\"worse\" x=\"12.0\"") && drawn.contains(">GET 64 B, 50 conn., P=1</text>"));
        assert!(
            drawn.contains("session hollow") && drawn.contains("2.00 KiB a connection") && drawn.ends_with("</svg>\n")
        );
        let rows = Cell::all().into_iter().filter(|cell| matches!(cell.manner, Manner::Full { .. })).count();
        assert!(svg(&now, None).matches("<circle class=\"shared\"").count() > rows);
    }

    #[test]
    fn nothing_leaves_the_paper() {
        assert!((x_of(1.0, 0.0, 5.0) - COLUMN / 2.0).abs() < 1e-9);
        assert!(x_of(0.0, 0.0, 5.0).abs() < 1e-9 && (x_of(1e9, 0.0, 5.0) - COLUMN).abs() < 1e-9);
        assert!(x_of(2.0, 0.0, 5.0) > x_of(1.5, 0.0, 5.0));
    }
}
