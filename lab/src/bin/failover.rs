//! Measures failovers beside real servers, for `cargo xtask bench failover`: prints a line of JSON for each.
//!
//! ```text
//! failover SYSTEM FAULT [TIMES]    SYSTEM: standfast, stock; FAULT: kill, hang, cut, planned, restart; all TIMES on the same hosts
//! ```

use std::env;
use std::process::ExitCode;

use lab::failover::{Bench, Fault};
use lab::monitor::Monitor;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let Some((monitor, fault, times)) = understood(&words) else {
        eprintln!("usage: failover SYSTEM FAULT [TIMES]");
        return ExitCode::from(2);
    };
    let load = env::current_exe().map(|here| here.with_file_name("load"));
    let load = load.expect("Linux tells a process where its binary is");
    let mut bench = Bench::start(monitor, &load);
    for _ in 0..times {
        println!("{}", bench.measure(fault));
    }
    ExitCode::SUCCESS
}

fn understood(words: &[String]) -> Option<(Monitor, Fault, u32)> {
    let (system, fault, times) = match words {
        [system, fault] => (system, fault, "1"),
        [system, fault, times] => (system, fault, times.as_str()),
        _ => return None,
    };
    let monitor = Monitor::ALL.into_iter().find(|monitor| monitor.name() == system)?;
    let fault = Fault::ALL.into_iter().find(|known| known.name() == fault)?;
    Some((monitor, fault, times.parse().ok()?))
}
