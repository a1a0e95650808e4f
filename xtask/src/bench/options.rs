//! What is compared, how often, with which load?

use crate::failure::Failure;

/// A way from the load to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// No proxy.
    Direct,
    /// HAProxy in TCP mode with this many threads: which number is best depends on the load, so both are measured.
    Haproxy { threads: u8 },
    /// A node with a listener for the master, as an operator would set it up.
    Standfast,
}

impl Way {
    pub(crate) const ALL: [Self; 4] =
        [Self::Direct, Self::Haproxy { threads: 1 }, Self::Haproxy { threads: 2 }, Self::Standfast];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Direct => "direct".to_owned(),
            Self::Haproxy { threads } => format!("haproxy-{threads}"),
            Self::Standfast => "standfast".to_owned(),
        }
    }

    pub(crate) const fn is_haproxy(self) -> bool {
        matches!(self, Self::Haproxy { .. })
    }
}

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The ways, without repetition, in the order of [`Way::ALL`].
    pub(crate) ways: Vec<Way>,
    pub(crate) rounds: u32,
    /// Requests of one measurement without pipelining; pipelined ones send more, see `Cell`.
    pub(crate) requests: u32,
    pub(crate) connections: u32,
    /// Where the order of the ways within a round comes from.
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { ways: Way::ALL.to_vec(), rounds: 7, requests: 100_000, connections: 50, seed: 1 }
    }
}

impl Options {
    /// Reads the arguments behind the benchmark's name.
    pub(crate) fn from(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")));
            match option.as_str() {
                "--only" => options.ways = ways(value()?)?,
                "--rounds" => options.rounds = number(option, value()?)?,
                "--requests" => options.requests = number(option, value()?)?,
                "--connections" => options.connections = number(option, value()?)?,
                "--seed" => options.seed = number(option, value()?)?.into(),
                other => return Err(Failure::usage(format!("bench proxy does not know '{other}'"))),
            }
        }
        Ok(options)
    }
}

/// `haproxy,direct`: a name without a number means all of that name.
fn ways(list: &str) -> Result<Vec<Way>, Failure> {
    let is_asked = |way: &Way, asked: &str| way.name() == asked || (way.is_haproxy() && asked == "haproxy");
    for asked in list.split(',') {
        if !Way::ALL.iter().any(|way| is_asked(way, asked)) {
            let known = Way::ALL.map(Way::name).join(", ");
            return Err(Failure::usage(format!("--only does not know '{asked}'; there are: {known}, haproxy")));
        }
    }
    Ok(Way::ALL.into_iter().filter(|way| list.split(',').any(|asked| is_asked(way, asked))).collect())
}

/// A number of something.
pub(super) fn number(option: &str, value: &str) -> Result<u32, Failure> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Failure::usage(format!("{option} takes a whole number above 0, not '{value}'")))
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
        let asked = from("--only standfast,haproxy --rounds 3 --requests 10 --seed 9").unwrap();
        assert_eq!(asked.ways, [Way::Haproxy { threads: 1 }, Way::Haproxy { threads: 2 }, Way::Standfast]);
        assert_eq!((asked.rounds, asked.requests, asked.connections, asked.seed), (3, 10, 50, 9));
    }

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in ["--only nginx", "--only", "--rounds 0", "--rounds many", "--fast", "3"] {
            assert_eq!(from(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
