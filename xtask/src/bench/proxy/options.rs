//! What is compared, how often, with which load?

use std::path::PathBuf;

use super::cell::Cell;
use super::way::Way;
use crate::failure::Failure;

/// What the command line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// The ways, without repetition, in the order of [`Way::ALL`].
    pub(crate) ways: Vec<Way>,
    /// The loads, in the order of [`Cell::all`].
    pub(crate) cells: Vec<Cell>,
    pub(crate) rounds: u32,
    /// How long one measurement of throughput takes over a direct connection, in seconds; others get as many requests.
    pub(crate) seconds: f64,
    /// Requests a second where the rate is fixed.
    pub(crate) rate: u32,
    /// Where the order of the ways within a round comes from.
    pub(crate) seed: u64,
    /// An earlier result to compare with.
    pub(crate) against: Option<PathBuf>,
    pub(crate) is_quick: bool,
    /// Data threads of ours, if not as many as by default.
    pub(crate) workers: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ways: Way::ALL.to_vec(),
            cells: Cell::all(),
            rounds: 5,
            seconds: 0.5,
            rate: 20_000,
            seed: 1,
            against: None,
            is_quick: false,
            workers: None,
        }
    }
}

impl Options {
    /// Reads the arguments behind the benchmark's name.
    pub(crate) fn from(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        if args.iter().any(|arg| arg == "--quick") {
            options = Self { cells: Cell::quick(), rounds: 3, is_quick: true, ..options };
        }
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")));
            match option.as_str() {
                "--quick" => {}
                "--only" => options.ways = ways(value()?)?,
                "--load" => options.cells = cells(value()?)?,
                "--rounds" => options.rounds = number(option, value()?)?,
                "--seconds" => options.seconds = seconds(value()?)?,
                "--rate" => options.rate = number(option, value()?)?,
                "--seed" => options.seed = number(option, value()?)?.into(),
                "--workers" => options.workers = Some(number(option, value()?)?),
                "--against" => options.against = Some(PathBuf::from(value()?)),
                other => return Err(Failure::usage(format!("bench proxy does not know '{other}'"))),
            }
        }
        Ok(options)
    }
}

/// `haproxy,direct`: a name without a number means all of that name, `standfast` both ways through ours.
fn ways(list: &str) -> Result<Vec<Way>, Failure> {
    for asked in list.split(',') {
        if !Way::ALL.iter().any(|way| way.is_meant_by(asked)) {
            let known = Way::ALL.map(Way::name).join(", ");
            return Err(Failure::usage(format!(
                "--only does not know '{asked}'; there are: {known}, haproxy, standfast"
            )));
        }
    }
    Ok(Way::ALL.into_iter().filter(|way| list.split(',').any(|asked| way.is_meant_by(asked))).collect())
}

/// `get-64-50-p1,tls,idle`.
fn cells(list: &str) -> Result<Vec<Cell>, Failure> {
    for asked in list.split(',') {
        if !Cell::all().into_iter().any(|cell| cell.is_meant_by(asked)) {
            let known = Cell::all().into_iter().map(Cell::id).collect::<Vec<_>>().join(" ");
            return Err(Failure::usage(format!("--load does not know '{asked}'; there are, and pieces of: {known}")));
        }
    }
    Ok(Cell::all().into_iter().filter(|cell| list.split(',').any(|asked| cell.is_meant_by(asked))).collect())
}

/// A number of something.
pub(crate) fn number(option: &str, value: &str) -> Result<u32, Failure> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Failure::usage(format!("{option} takes a whole number above 0, not '{value}'")))
}

pub(crate) fn seconds(value: &str) -> Result<f64, Failure> {
    let seconds = value.parse().ok().filter(|seconds: &f64| (0.1..=60.0).contains(seconds));
    seconds.ok_or_else(|| Failure::usage(format!("--seconds takes 0.1 to 60, not '{value}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(line: &str) -> Result<Options, Failure> {
        Options::from(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_change_what_they_name() {
        assert_eq!(from("").unwrap(), Options::default());
        let asked =
            from("--only standfast,haproxy --rounds 3 --seconds 0.2 --seed 9 --workers 2 --against old.json").unwrap();
        assert_eq!(asked.ways, [Way::Haproxy { threads: 1 }, Way::Haproxy { threads: 2 }, Way::Session, Way::Shared]);
        assert_eq!((asked.rounds, asked.seconds, asked.seed, asked.workers), (3, 0.2, 9, Some(2)));
        assert_eq!(asked.against, Some("old.json".into()));
    }

    #[test]
    fn what_is_quick_can_still_be_changed() {
        let asked = from("--rounds 9 --quick --load idle").unwrap();
        assert_eq!((asked.rounds, asked.cells.len(), asked.is_quick), (9, 1, true));
        assert_eq!(from("--quick").unwrap().cells, Cell::quick());
    }

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in
            ["--only nginx", "--only", "--rounds 0", "--rounds many", "--fast", "3", "--load mset", "--seconds 0"]
        {
            assert_eq!(from(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
