//! How much does Standfast cost, beside a direct connection and HAProxy? Everything in one run, side by side, on loopback. (The other
//! benchmark, [`failover`], asks how long there is no master.)
//!
//! ```text
//!                      ┌─ direct ────────────┐
//!   redis-benchmark ───┼─ haproxy-1, -2 ─────┼──> one redis-server
//!                      └─ standfast ─────────┘
//! ```
//!
//! Machines differ, and one machine differs from minute to minute, so no rate is worth writing down. In each round every way
//! is measured once, in an order that a seed shuffles, and what is reported is the median of the ratios within rounds.
//! Load, proxy and Redis share the cores of this machine: a proxy that takes less CPU leaves more to the others.

mod failover;
mod load;
mod options;
mod report;
mod servers;

use std::fs;

use crate::cargo;
use crate::failure::{Failure, OrFail};
use crate::packages::{self, HAPROXY, REDIS, REDIS_TOOLS};
use load::{Cell, Sample};
use options::{Options, Way};
use servers::{Scratch, Server, Servers};

/// Runs the benchmark that the arguments name.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args.split_first() {
        Some((name, rest)) if name == "proxy" => proxy(&Options::from(rest)?),
        Some((name, rest)) if name == "failover" => failover::run(rest),
        Some((name, _)) => Err(Failure::usage(format!("there is no benchmark '{name}'; there are: proxy, failover"))),
        None => Err(Failure::usage("which benchmark? There are: proxy, failover")),
    }
}

fn proxy(options: &Options) -> Result<(), Failure> {
    packages::install(&[REDIS, REDIS_TOOLS, HAPROXY])?;
    let program = if options.ways.contains(&Way::Standfast) { Some(cargo::build_program("release")?) } else { None };
    let scratch = Scratch::new()?;
    let servers = Servers::start(&scratch, &options.ways, program.as_deref())?;
    println!(
        "seed {}: {} rounds of {} measurements",
        options.seed,
        options.rounds,
        Cell::all().len() * options.ways.len()
    );
    // The first touch of each way warms caches and opens pools; it counts for nobody.
    for way in &options.ways {
        measure(&servers, *way, Cell::all()[0], options)?;
    }
    let mut shuffle = Shuffle(options.seed);
    let mut samples = Vec::new();
    for round in 0..options.rounds {
        for cell in Cell::all() {
            let mut ways = options.ways.clone();
            shuffle.shuffle(&mut ways);
            for way in ways {
                samples.push(Sample { round, ..measure(&servers, way, cell, options)? });
            }
        }
        println!("round {} of {} done", round + 1, options.rounds);
    }
    let report = report::markdown(options, &samples);
    println!("\n{report}");
    let results = cargo::root().join("results");
    fs::create_dir_all(&results).or_fail("create results/")?;
    let versions = servers::versions(&["redis-server", "haproxy"]);
    fs::write(results.join("bench-proxy.md"), format!("{report}\n{versions}\n")).or_fail("write the report")?;
    fs::write(results.join("bench-proxy.json"), report::json(options, &samples, &versions))
        .or_fail("write the samples")?;
    println!("written to results/bench-proxy.md, every sample to results/bench-proxy.json");
    Ok(())
}

/// One load over one way: how fast, and what it cost whom.
fn measure(servers: &Servers, way: Way, cell: Cell, options: &Options) -> Result<Sample, Failure> {
    let proxy = servers.proxy(way);
    let before = (proxy.map_or(Ok(0.0), Server::cpu_seconds)?, servers.redis.cpu_seconds()?);
    let requests = cell.requests(options.requests);
    let port = proxy.unwrap_or(&servers.redis).port;
    let rate = load::run(port, cell, requests, options.connections)
        .map_err(|failed| Failure::new(format!("{} over {}: {failed}", cell.name(), way.name())))?;
    let after = (proxy.map_or(Ok(0.0), Server::cpu_seconds)?, servers.redis.cpu_seconds()?);
    let per_million = |seconds: f64| seconds * 1e6 / f64::from(requests);
    Ok(Sample {
        round: 0,
        way,
        cell,
        rate,
        proxy_cpu: per_million(after.0 - before.0),
        redis_cpu: per_million(after.1 - before.1),
    })
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

    #[test]
    fn only_known_benchmarks_are_run() {
        assert_eq!(run(&["failover".to_owned(), "--fast".to_owned()]).unwrap_err().exit_code(), 2);
        assert_eq!(run(&["prox".to_owned()]).unwrap_err().exit_code(), 2);
        assert_eq!(run(&[]).unwrap_err().exit_code(), 2);
    }
}
