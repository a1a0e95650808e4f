//! Which faults, how often?

use crate::bench::proxy::options::number;
use crate::failure::Failure;

/// What is compared, ours first.
pub(super) const SYSTEMS: [&str; 2] = ["standfast", "stock"];
/// What can happen to a master, in the order of the tables.
pub(crate) const FAULTS: [&str; 5] = ["kill", "hang", "cut", "planned", "restart"];

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) rounds: u32,
    pub(super) faults: Vec<String>,
    /// How many crashes in a row; fewer than two: none.
    pub(super) crashes: u32,
    /// The same for stock, where each takes a quarter of a minute.
    pub(super) stock_crashes: u32,
}

impl Options {
    /// Reads the arguments behind the benchmark's name.
    pub(super) fn from(args: &[String]) -> Result<Self, Failure> {
        let faults = FAULTS.map(str::to_owned).to_vec();
        let mut options = Self { rounds: 5, faults, crashes: 20, stock_crashes: 0 };
        let mut stock_crashes = None;
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")));
            match option.as_str() {
                "--rounds" => options.rounds = number(option, value()?)?,
                "--only" => options.faults = faults_in(value()?)?,
                "--crashes" => options.crashes = number(option, value()?)?,
                "--stock-crashes" => stock_crashes = Some(number(option, value()?)?),
                other => return Err(Failure::usage(format!("bench failover does not know '{other}'"))),
            }
        }
        options.stock_crashes = stock_crashes.unwrap_or(options.crashes);
        Ok(options)
    }
}

fn faults_in(list: &str) -> Result<Vec<String>, Failure> {
    let known = FAULTS.join(", ");
    let each = list.split(',').map(|asked| {
        let fault = FAULTS.into_iter().find(|fault| *fault == asked).map(str::to_owned);
        fault.ok_or_else(|| Failure::usage(format!("--only does not know '{asked}'; there are: {known}")))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(line: &str) -> Result<Options, Failure> {
        Options::from(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_change_what_they_name() {
        let usual = from("").unwrap();
        assert_eq!((usual.rounds, usual.faults.len(), usual.crashes, usual.stock_crashes), (5, 5, 20, 20));
        let asked = from("--rounds 2 --only kill,cut --crashes 100 --stock-crashes 1").unwrap();
        assert_eq!(
            (asked.rounds, asked.faults, asked.crashes, asked.stock_crashes),
            (2, vec!["kill".into(), "cut".into()], 100, 1)
        );
    }

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in ["--only fire", "--rounds 0", "--crashes", "--fast"] {
            assert_eq!(from(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
