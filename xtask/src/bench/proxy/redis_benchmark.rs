//! One load by redis-benchmark, and what it says about it.

use std::path::Path;
use std::process::Command;

use super::cell::Cell;
use crate::cargo;
use crate::failure::{Failure, OrFail};

/// Runs the load against a port of this host; requests a second.
///
/// `authority` is whom to believe when the load speaks TLS.
pub(crate) fn run(port: u16, cell: Cell, requests: u32, authority: &Path) -> Result<f64, Failure> {
    let mut load = Command::new("redis-benchmark");
    load.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", cell.command, "-d", &cell.bytes.to_string()]);
    load.args(["-r", &KEYS.to_string(), "-c", &cell.connections.to_string(), "-n", &requests.to_string()]);
    load.args(["-P", &cell.pipeline().to_string(), "--csv"]);
    if cell.tls {
        // One cipher for all: the two libraries would choose differently.
        load.args(["--tls", "--tls-ciphersuites", "TLS_AES_128_GCM_SHA256", "--cacert"]).arg(authority);
    }
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

/// Keys of a load: `key:` and twelve digits. The program `pace` knows as many.
pub(crate) const KEYS: u32 = 10_000;

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
