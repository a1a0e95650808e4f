//! One load by redis-benchmark, and what it says about it.

use std::process::Command;

use super::options::Way;
use crate::cargo;
use crate::failure::{Failure, OrFail};

/// One kind of load: a command and how many of them a connection sends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) command: &'static str,
    pub(crate) pipeline: u32,
}

impl Cell {
    /// The loads of the table, in its order.
    pub(crate) const fn all() -> [Self; 4] {
        [
            Self { command: "set", pipeline: 1 },
            Self { command: "get", pipeline: 1 },
            Self { command: "set", pipeline: 16 },
            Self { command: "get", pipeline: 16 },
        ]
    }

    pub(crate) fn name(self) -> String {
        format!("{} P={}", self.command.to_uppercase(), self.pipeline)
    }

    /// Pipelined requests are several times as fast: more of them, so that a measurement takes about as long.
    pub(crate) const fn requests(self, unpipelined: u32) -> u32 {
        if self.pipeline > 1 { unpipelined.saturating_mul(10) } else { unpipelined }
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) way: Way,
    pub(crate) cell: Cell,
    /// Requests a second.
    pub(crate) rate: f64,
    /// CPU seconds of the proxy for a million requests; 0 without a proxy.
    pub(crate) proxy_cpu: f64,
    /// CPU seconds of Redis for a million requests.
    pub(crate) redis_cpu: f64,
}

/// Runs the load against a port of this host; requests a second.
pub(crate) fn run(port: u16, cell: Cell, requests: u32, connections: u32) -> Result<f64, Failure> {
    let mut load = Command::new("redis-benchmark");
    load.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", cell.command, "-d", "64", "-r", "10000", "--csv"]);
    load.args(["-c", &connections.to_string(), "-n", &requests.to_string(), "-P", &cell.pipeline.to_string()]);
    let shown = cargo::show(&load);
    let output = load.output().or_fail("start redis-benchmark")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = if output.status.success() { rate(&said, cell.command) } else { None };
    rate.ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Failure::new(format!("`{shown}` gave no rate ({}): {said}{complaint}", output.status))
    })
}

/// Reads `"SET","85984.52","0.321",...`: the command and its rate. Newer versions put a line of titles before.
fn rate(csv: &str, command: &str) -> Option<f64> {
    let title = format!("\"{}\",\"", command.to_uppercase());
    let line = csv.lines().find_map(|line| line.strip_prefix(&title))?;
    line.split('"').next()?.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_with_and_without_titles() {
        let titles = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"85984.52\",\"0.321\"\n";
        assert_eq!(rate(titles, "set"), Some(85984.52));
        assert_eq!(rate("\"GET\",\"1000.00\"\n", "get"), Some(1000.0));
        for broken in ["", "\"SET\",\"x\"\n", "\"SET\",\"inf\"\n", "Error from server: READONLY\n"] {
            assert_eq!(rate(broken, "set"), None, "{broken}");
        }
    }
}
