//! How much does a way through a proxy cost, beside a direct connection? Everything in one run, side by side, on loopback.
//!
//! ```text
//!                      ┌─ direct ────────────┐
//!   redis-benchmark    ├─ haproxy-1, -2 ─────┤
//!   or the lab's pace ─┼─ twemproxy ─────────┼──> one redis-server
//!                      └─ session, shared ───┘    (ours, with either kind of pool)
//! ```
//!
//! Machines differ, and one machine differs from minute to minute, so no rate is worth writing down. In each round every way
//! is measured once for each load, in an order that a seed shuffles, and what is reported is the median of the ratios within rounds.
//! Load, proxy and Redis share the cores of this machine: a proxy that takes less CPU leaves more to the others.
//!
//! | module | answers |
//! |---|---|
//! | [`way`], [`cell`] | which ways and which loads are there? |
//! | [`options`] | what is compared, how often? |
//! | [`setups`] | how is each proxy set up? |
//! | [`stand`] | which servers run, and what did one load over one of them come to? |
//! | [`redis_benchmark`], [`pace`] | how is the load made? |
//! | [`sample`], [`ratio`] | what is kept, and what is divided by what? |
//! | [`report`], [`chart`], [`judge`], [`against`] | how is it shown, is it good enough, has it become worse? |

mod against;
pub(super) mod cell;
mod chart;
mod judge;
pub(super) mod options;
pub(super) mod pace;
mod ratio;
mod redis_benchmark;
mod report;
pub(super) mod sample;
pub(super) mod setups;
pub(super) mod stand;
pub(super) mod way;

use std::fs;
use std::path::Path;

use super::servers;
use crate::cargo;
use crate::failure::{Failure, OrFail};
use crate::packages::{self, HAPROXY, OPENSSL, REDIS_SERVER, REDIS_TOOLS, TWEMPROXY};
use crate::steps::stopwatch;
use cell::Manner;
use options::Options;
use sample::Sample;
use stand::Stand;

/// Runs the benchmark.
pub(super) fn run(args: &[String]) -> Result<(), Failure> {
    let options = Options::from(args)?;
    // Before an hour is spent, not after it.
    let earlier = options.against.as_deref().map(read_earlier).transpose()?;
    packages::install(&[REDIS_SERVER, REDIS_TOOLS, HAPROXY, TWEMPROXY, OPENSSL])?;
    let program = cargo::build_program("release")?;
    let pace = pace::build()?;
    // Before the first measurement: by the last one, somebody may have committed something else.
    let versions = servers::versions(&["redis-server", "haproxy", "nutcracker"]);
    let load_before = servers::load_average();
    let watch = stopwatch();
    let mut stand = Stand::start(&options, program, pace)?;
    let samples = measure(&options, &mut stand)?;
    let mut about: Vec<String> = versions.lines().map(|line| line.trim_start_matches("- ").to_owned()).collect();
    about.push(format!(
        "load average {load_before} before, {} after; the run took {:.0} minutes",
        servers::load_average(),
        watch().as_secs_f64() / 60.0
    ));
    about.extend(options.workers.map(|n| format!("data threads of ours: {n}")));
    about.extend(stand.missing.iter().map(|missing| format!("not measured: {missing}")));
    write(&options, &samples, &about, earlier.as_deref())
}

fn read_earlier(path: &Path) -> Result<Vec<Sample>, Failure> {
    let text = fs::read_to_string(path).or_fail(format_args!("read {}", path.display()))?;
    sample::read(&text)
}

/// What fails is told, and counts for nobody.
fn measure(options: &Options, stand: &mut Stand) -> Result<Vec<Sample>, Failure> {
    let mut shuffle = Shuffle(options.seed);
    let mut samples = Vec::new();
    let watch = stopwatch();
    println!("seed {}: {} rounds of {} measurements", options.seed, options.rounds, stand.measurements(&options.cells));
    for round in 0..options.rounds {
        for cell in &options.cells {
            if cell.manner == Manner::Idle && round > 0 {
                // Memory does not depend on the neighbours: once is enough.
                continue;
            }
            let mut ways = stand.ways(*cell);
            shuffle.shuffle(&mut ways);
            for way in ways {
                match stand.measure(way, *cell, options) {
                    Ok(figures) => samples.push(Sample { round, way, cell: *cell, figures }),
                    Err(failed) => {
                        let failed = format!("{} over {} in round {}: {failed}", cell.id(), way.name(), round + 1);
                        println!("{failed}");
                        stand.missing.push(failed);
                    }
                }
            }
        }
        println!("round {} of {} done after {:.0} s", round + 1, options.rounds, watch().as_secs_f64());
    }
    if samples.is_empty() {
        return Err(Failure::new("nothing could be measured"));
    }
    Ok(samples)
}

fn write(options: &Options, samples: &[Sample], about: &[String], earlier: Option<&[Sample]>) -> Result<(), Failure> {
    let compared = earlier.map(|earlier| against::markdown(samples, earlier)).unwrap_or_default();
    let report = report::markdown(options, samples, about) + &judge::markdown(samples) + &compared;
    println!("\n{report}");
    let results = cargo::root().join("results");
    fs::create_dir_all(&results).or_fail("create results/")?;
    // A quick look does not overwrite what took half an hour.
    let name = if options.is_quick { "bench-proxy-quick" } else { "bench-proxy" };
    let save = |end: &str, text: &str| {
        let path = results.join(format!("{name}.{end}"));
        fs::write(&path, text).or_fail(format_args!("write {}", path.display()))
    };
    save("md", &report)?;
    save("svg", &chart::svg(samples, earlier))?;
    save("json", &sample::json(options, samples, about))?;
    println!("written to results/{name}.md and .svg, every sample to results/{name}.json");
    Ok(())
}

/// A small generator of the order within rounds; the same seed gives the same order.
struct Shuffle(u64);

impl Shuffle {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.next() % (last as u64 + 1);
            items.swap(last, usize::try_from(other).expect("it is below a length"));
        }
    }

    /// SplitMix64.
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_order_and_every_order_comes() {
        let order = |seed| {
            let mut items = [1, 2, 3];
            Shuffle(seed).shuffle(&mut items);
            items
        };
        assert_eq!(order(7), order(7));
        let orders: std::collections::BTreeSet<_> = (0..100).map(order).collect();
        assert_eq!(orders.len(), 6);
    }
}
