//! How much does Standfast cost, and how long is there no master? Everything beside what it replaces, in one run on one machine.
//!
//! | module | answers |
//! |---|---|
//! | [`proxy`] | how much does a way through a proxy cost, beside a direct connection? |
//! | [`profile`] | where does our proxy's time go under one load? |
//! | [`failover`] | how long is there no writable master, and what is lost? |
//! | [`address`] | how long does an address that moves not answer? |
//! | [`servers`] | how are servers started, watched and ended? |
//! | [`median`] | what is the middle? |

mod address;
mod failover;
mod median;
mod profile;
mod proxy;
mod servers;

use crate::failure::Failure;

/// Runs the benchmark that the arguments name.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args.split_first() {
        Some((name, rest)) if name == "proxy" => proxy::run(rest),
        Some((name, rest)) if name == "profile" => profile::run(rest),
        Some((name, rest)) if name == "failover" => failover::run(rest),
        Some((name, rest)) if name == "address" => address::run(rest),
        Some((name, _)) => Err(Failure::usage(format!("there is no benchmark '{name}'; there are: {KNOWN}"))),
        None => Err(Failure::usage(format!("which benchmark? There are: {KNOWN}"))),
    }
}

/// What the words in capitals of the benchmarks' usage may be.
pub(crate) fn words() -> String {
    let ways = proxy::way::Way::ALL.map(proxy::way::Way::name).join(", ");
    let loads: Vec<String> = proxy::cell::Cell::all().into_iter().map(proxy::cell::Cell::id).collect();
    format!(
        "WAY is one of {ways}; --only takes haproxy and standfast for both of a kind, too\n\
         LOAD is one of these, or for --load of `proxy` a piece of their names: {}\n\
         FAULT is one of {}; of `address` {}",
        loads.join(" "),
        failover::FAULTS.join(", "),
        address::FAULTS.join(", "),
    )
}

const KNOWN: &str = "proxy, profile, failover, address";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_benchmarks_are_run() {
        assert_eq!(run(&["failover".to_owned(), "--fast".to_owned()]).unwrap_err().exit_code(), 2);
        assert_eq!(run(&["address".to_owned(), "--fast".to_owned()]).unwrap_err().exit_code(), 2);
        assert_eq!(run(&["prox".to_owned()]).unwrap_err().exit_code(), 2);
        assert_eq!(run(&[]).unwrap_err().exit_code(), 2);
    }
}
