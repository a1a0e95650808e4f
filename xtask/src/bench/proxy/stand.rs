//! Which servers run, and what did one load over one of them come to?

use std::path::PathBuf;

use serde_json::Value;

use super::cell::{Cell, Manner};
use super::options::Options;
use super::pace::Pace;
use super::redis_benchmark;
use super::sample::Figure;
use super::setups::{self, Missing, Setup};
use super::way::Way;
use crate::bench::servers::{Scratch, Server};
use crate::failure::Failure;

/// Figures of one measurement.
type Figures = Vec<(Figure, f64)>;

/// Redis, and a proxy for each way.
pub(crate) struct Stand {
    redis: Server,
    proxies: Vec<(Way, Server)>,
    /// The ways that can be measured.
    ways: Vec<Way>,
    /// What cannot be measured, and why.
    pub(crate) missing: Vec<String>,
    setup: Setup,
    pace: PathBuf,
    /// The size of the values that the keys have.
    filled: u32,
    /// How many requests redis-benchmark sends for a load: as many over every way.
    requests: Vec<(Cell, u32)>,
    /// Last: it goes when nobody writes into it any more.
    _scratch: Scratch,
}

impl Stand {
    pub(crate) fn start(options: &Options, standfast: PathBuf, pace: PathBuf) -> Result<Self, Failure> {
        let scratch = Scratch::new()?;
        let redis = setups::redis(&scratch)?;
        let setup = Setup::new(&scratch, standfast, redis.port, options.workers)?;
        let (mut proxies, mut ways, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for way in &options.ways {
            match setup.start(*way)? {
                Some(Err(why)) => {
                    missing.push(format!("{}: {why}", way.name()));
                    continue;
                }
                Some(Ok(server)) => {
                    if way.is_ours() && server.tls_port.is_none() {
                        missing.push(format!("TLS over {}: this build has no listener with TLS", way.name()));
                    }
                    proxies.push((*way, server));
                }
                None => {}
            }
            ways.push(*way);
        }
        missing.iter().for_each(|missing: &Missing| println!("not measured: {missing}"));
        let mut stand =
            Self { redis, proxies, ways, missing, setup, pace, filled: 0, requests: Vec::new(), _scratch: scratch };
        stand.warm_up(options)?;
        Ok(stand)
    }

    /// The first touch of each way warms caches and opens pools, and the first run of each load tells how many requests it takes; both count for
    /// nobody.
    fn warm_up(&mut self, options: &Options) -> Result<(), Failure> {
        for cell in &options.cells {
            self.fill(*cell)?;
            let Manner::Full { pipeline } = cell.manner else { continue };
            if cell.is_too_wide_for_redis_benchmark() {
                continue;
            }
            let Some(first) = self.ways(*cell).first().copied() else { continue };
            let few = (TRIAL * pipeline).max(cell.connections * pipeline);
            let rate = redis_benchmark::run(self.port(first, *cell), *cell, few, &self.setup.authority())?;
            // Over the whole number of rounds of all connections, so that none has less to do at the end.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate of millions, for seconds"
            )]
            let enough = (rate * options.seconds) as u32;
            let turn = cell.connections * pipeline;
            self.requests.push((*cell, enough.div_ceil(turn).max(2) * turn));
        }
        let plain = options.cells.iter().find(|cell| matches!(cell.manner, Manner::Full { .. }));
        if let Some(cell) = plain.copied() {
            for way in self.ways(cell) {
                self.measure(way, cell, options)?;
            }
        }
        Ok(())
    }

    /// The ways that a load can take, in their order.
    pub(crate) fn ways(&self, cell: Cell) -> Vec<Way> {
        let has_port = |way: Way| !cell.tls || self.proxy(way).is_some_and(|proxy| proxy.tls_port.is_some());
        self.ways.iter().copied().filter(|way| cell.suits(*way) && has_port(*way)).collect()
    }

    pub(crate) fn measurements(&self, cells: &[Cell]) -> usize {
        cells.iter().map(|cell| self.ways(*cell).len()).sum()
    }

    /// The proxy of a way; a direct connection has none.
    fn proxy(&self, way: Way) -> Option<&Server> {
        self.proxies.iter().find(|(proxy, _)| *proxy == way).map(|(_, server)| server)
    }

    /// The process that a way leads through: the proxy, or Redis itself.
    pub(crate) fn process(&self, way: Way) -> u32 {
        self.proxy(way).unwrap_or(&self.redis).id()
    }

    fn port(&self, way: Way, cell: Cell) -> u16 {
        let server = self.proxy(way).unwrap_or(&self.redis);
        if cell.tls { server.tls_port.unwrap_or(server.port) } else { server.port }
    }

    fn fill(&mut self, cell: Cell) -> Result<(), Failure> {
        if self.filled != cell.bytes {
            setups::fill(&self.redis, cell.bytes)?;
            self.filled = cell.bytes;
        }
        Ok(())
    }

    /// One load over one way: how fast, how late, and what it cost whom.
    pub(crate) fn measure(&mut self, way: Way, cell: Cell, options: &Options) -> Result<Figures, Failure> {
        self.fill(cell)?;
        match cell.manner {
            Manner::Idle => self.idle(way, cell),
            Manner::Rate => self.paced(way, cell, options, RATE_SECONDS),
            Manner::Full { .. } if cell.is_too_wide_for_redis_benchmark() => {
                self.paced(way, cell, options, options.seconds)
            }
            Manner::Full { .. } => self.benchmarked(way, cell),
        }
    }

    fn benchmarked(&self, way: Way, cell: Cell) -> Result<Figures, Failure> {
        let requests = self.requests.iter().find(|(of, _)| *of == cell).map(|(_, requests)| *requests);
        let requests = requests.ok_or_else(|| Failure::new("nobody knows how many requests this load takes"))?;
        let before = self.cpu(way)?;
        let rate = redis_benchmark::run(self.port(way, cell), cell, requests, &self.setup.authority())?;
        let mut figures = vec![(Figure::Rate, rate)];
        figures.extend(self.cost(way, before, f64::from(requests))?);
        Ok(figures)
    }

    fn paced(&self, way: Way, cell: Cell, options: &Options, seconds: f64) -> Result<Figures, Failure> {
        let mut pace = Pace::connect(&self.pace, self.port(way, cell), cell, options.rate, seconds)?;
        let before = self.cpu(way)?;
        let told = pace.load()?;
        let number = |name: &str| told[name].as_f64().ok_or_else(|| Failure::new(format!("no `{name}` in {told}")));
        let requests = number(if cell.manner == Manner::Rate { "all_requests" } else { "requests" })?;
        let mut figures: Figures = self.cost(way, before, requests)?;
        figures.extend(times(&told));
        if cell.manner != Manner::Rate {
            figures.push((Figure::Rate, number("rate")?));
        }
        Ok(figures)
    }

    /// CPU seconds of the proxy and of Redis so far.
    fn cpu(&self, way: Way) -> Result<(f64, f64), Failure> {
        Ok((self.proxy(way).map_or(Ok(0.0), Server::cpu_seconds)?, self.redis.cpu_seconds()?))
    }

    fn cost(&self, way: Way, before: (f64, f64), requests: f64) -> Result<Figures, Failure> {
        let after = self.cpu(way)?;
        let a_million = |seconds: f64| seconds * 1e6 / requests;
        let mut figures = vec![(Figure::Requests, requests), (Figure::RedisCpu, a_million(after.1 - before.1))];
        if way != Way::Direct {
            figures.push((Figure::ProxyCpu, a_million(after.0 - before.0)));
        }
        Ok(figures)
    }

    /// Memory before and after many connections came, in a process that had none before: an old one would take what it has kept.
    fn idle(&self, way: Way, cell: Cell) -> Result<Figures, Failure> {
        let fresh = match self.setup.start(way)? {
            Some(Ok(server)) => Some(server),
            Some(Err(why)) => return Err(Failure::new(why)),
            None => None,
        };
        let port = fresh.as_ref().unwrap_or(&self.redis).port;
        let connect = |connections| Pace::connect(&self.pace, port, Cell { connections, ..cell }, 0, 0.0);
        // Code that is loaded when it is first run is not memory of a connection.
        drop(connect(FIRST)?);
        let memory = || Ok((fresh.as_ref().map(Server::memory).transpose()?, self.redis.memory()?));
        let before: (Option<f64>, f64) = memory()?;
        let _clients = connect(cell.connections)?;
        let after = memory()?;
        let a_connection = |bytes: f64| bytes / f64::from(cell.connections);
        let proxy = after.0.zip(before.0).map(|(after, before)| (Figure::Idle, a_connection(after - before)));
        Ok([(Figure::IdleRedis, a_connection(after.1 - before.1))].into_iter().chain(proxy).collect())
    }
}

/// The latencies among the figures of `pace`, in microseconds.
fn times(told: &Value) -> impl Iterator<Item = (Figure, f64)> {
    let names = [
        (Figure::P50, "p50_ns"),
        (Figure::P99, "p99_ns"),
        (Figure::P999, "p999_ns"),
        (Figure::Late, "sent_late_p99_ns"),
    ];
    names.into_iter().filter_map(|(figure, name)| Some((figure, told[name].as_f64()? / 1e3)))
}

/// Requests of a trial, for each one of a pipeline.
const TRIAL: u32 = 10_000;
/// How long a fixed rate is kept: 20,000 a second are 40,000 requests, the slowest thousandth 34 of those that count.
const RATE_SECONDS: f64 = 2.0;
/// Connections that come and go before memory is counted.
const FIRST: u32 = 100;
