//! Which loads are there? One column or row of every table: what is asked, how large, over how many connections, in which manner.

use super::way::Way;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) command: &'static str,
    pub(crate) bytes: u32,
    pub(crate) connections: u32,
    pub(crate) manner: Manner,
    /// TLS between the load and the proxy; from the proxy to Redis it is plain.
    pub(crate) tls: bool,
}

/// In which manner requests come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As fast as they are answered, this many at once on each connection.
    Full { pipeline: u32 },
    /// At a rate that is fixed beforehand.
    Rate,
    /// Not at all.
    Idle,
}

impl Cell {
    /// Everything, by size of values: the keys are filled anew when the size changes.
    pub(crate) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for bytes in [64, 4_096, 16_384] {
            for connections in [4, 8, 50, 500, 5_000] {
                for pipeline in [1, 16] {
                    let cell = Self { manner: Manner::Full { pipeline }, ..Self::plain(bytes, connections) };
                    if is_worth_it(bytes, connections, pipeline) {
                        cells.extend(cell.both());
                    }
                }
            }
            if bytes < 16_384 {
                for pipeline in [1, 16] {
                    cells
                        .extend(Self { manner: Manner::Full { pipeline }, tls: true, ..Self::plain(bytes, 50) }.both());
                }
                cells.extend(Self { manner: Manner::Rate, ..Self::plain(bytes, 50) }.both());
            }
            if bytes == 64 {
                cells.extend([500, 5_000].map(|many| Self { manner: Manner::Rate, ..Self::plain(bytes, many) }));
            }
        }
        cells.push(Self { manner: Manner::Idle, ..Self::plain(64, IDLE) });
        cells
    }

    /// What two minutes are enough for.
    pub(crate) fn quick() -> Vec<Self> {
        let is_quick = |cell: &Self| cell.bytes == 64 && cell.connections == 50 && !cell.tls;
        Self::all().into_iter().filter(is_quick).collect()
    }

    const fn plain(bytes: u32, connections: u32) -> Self {
        Self { command: "get", bytes, connections, manner: Manner::Idle, tls: false }
    }

    fn both(self) -> [Self; 2] {
        ["set", "get"].map(|command| Self { command, ..self })
    }

    /// A name for files and arguments: `get-64-50-p16`, `get-4096-50-p1-tls`, `get-64-500-rate`, `idle-9900`.
    pub(crate) fn id(self) -> String {
        let Self { command, bytes, connections, .. } = self;
        let tls = if self.tls { "-tls" } else { "" };
        match self.manner {
            Manner::Full { pipeline } => format!("{command}-{bytes}-{connections}-p{pipeline}{tls}"),
            Manner::Rate => format!("{command}-{bytes}-{connections}-rate{tls}"),
            Manner::Idle => format!("idle-{connections}"),
        }
    }

    pub(crate) fn from_id(id: &str) -> Option<Self> {
        Self::all().into_iter().find(|cell| cell.id() == id)
    }

    /// Whether a word of `--load` asks for it: its name, or some pieces of it that follow each other (`get`, `4096`, `5000-p1`, `tls`).
    pub(crate) fn is_meant_by(self, word: &str) -> bool {
        format!("-{}-", self.id()).contains(&format!("-{word}-"))
    }

    /// The same for people.
    pub(crate) fn title(self) -> String {
        let size = if self.bytes < 1_024 { format!("{} B", self.bytes) } else { format!("{} KiB", self.bytes / 1_024) };
        let tls = if self.tls { ", TLS" } else { "" };
        let what = format!("{} {size}, {} conn.", self.command.to_uppercase(), self.connections);
        match self.manner {
            Manner::Full { pipeline } => format!("{what}, P={pipeline}{tls}"),
            Manner::Rate => format!("{what}{tls}"),
            Manner::Idle => format!("{} idle connections", self.connections),
        }
    }

    /// Whether the way can be asked this.
    pub(crate) const fn suits(self, way: Way) -> bool {
        match way {
            // Its TLS would be Redis's, and the proxies are judged beside each other.
            Way::Direct => !self.tls,
            Way::Twemproxy => !self.tls,
            Way::Haproxy { .. } | Way::Session | Way::Shared => true,
        }
    }

    pub(crate) const fn pipeline(self) -> u32 {
        match self.manner {
            Manner::Full { pipeline } => pipeline,
            Manner::Rate | Manner::Idle => 1,
        }
    }

    /// redis-benchmark pauses for 50 ms after each 64 connections, and takes the time of making them into its servers' CPU.
    pub(crate) const fn is_too_wide_for_redis_benchmark(self) -> bool {
        self.connections > 1_000
    }
}

/// 5,000 connections with 16 requests of 4 KiB each are 320 MiB on their way at once: a test of the kernel's memory. Of 16 KiB values only
/// those that are judged are measured.
const fn is_worth_it(bytes: u32, connections: u32, pipeline: u32) -> bool {
    match bytes {
        // Fewer than share connections in ours, and a few more: one at a time.
        _ if connections < 50 => bytes == 64 && pipeline == 1,
        64 => true,
        4_096 => connections < 5_000 || pipeline == 1,
        _ => connections == 50,
    }
}

/// 10,000 as far as a process gets with two descriptors for each client and 20,000 in all.
const IDLE: u32 = 9_900;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_different_and_lead_back() {
        let ids: BTreeSet<String> = Cell::all().into_iter().map(Cell::id).collect();
        assert_eq!(ids.len(), Cell::all().len());
        assert!(Cell::all().into_iter().all(|cell| Cell::from_id(&cell.id()) == Some(cell)));
        assert_eq!(Cell::from_id("get-64-50-p2"), None);
    }

    #[test]
    fn pieces_of_a_name_mean_all_loads_that_have_them() {
        let meant = |word: &str| {
            Cell::all().into_iter().filter(|cell| cell.is_meant_by(word)).map(Cell::id).collect::<Vec<_>>()
        };
        assert_eq!(meant("get-64-50-p16"), ["get-64-50-p16", "get-64-50-p16-tls"]);
        assert_eq!(meant("idle").len(), 1);
        assert_eq!(meant("p16-tls").len(), 4);
        assert!(meant("50").iter().all(|id| id.contains("-50-")) && meant("6").is_empty());
    }

    #[test]
    fn what_the_issue_asks_for_is_there() {
        for id in [
            "set-64-50-p1",
            "get-4096-500-p16",
            "get-64-5000-p16",
            "set-16384-50-p16",
            "get-64-50-p1-tls",
            "get-64-50-rate",
            "get-64-4-p1",
        ] {
            assert!(Cell::from_id(id).is_some(), "{id}");
        }
        assert_eq!(Cell::quick().len(), 6);
    }
}
