//! How often did the kernel not tell what it should have told, and how often was an interface away? Counters and log lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};

/// Counters since the start, for people and programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KernelStatus {
    /// How often the kernel dropped news of interfaces and addresses because too many came at once (a netlink overrun).
    pub(crate) overruns: u64,
    /// By name: those that were not well, of the interfaces that the file names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) interfaces: BTreeMap<String, InterfaceStatus>,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InterfaceStatus {
    /// How often it was lost: gone, down, without a carrier.
    pub(crate) lost: u64,
    /// How often it was well again.
    pub(crate) returned: u64,
    /// What is wrong with it as of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

/// Counts, and says it.
#[derive(Default)]
pub(super) struct Seen {
    status: KernelStatus,
    overrun: Line,
    lines: BTreeMap<String, Line>,
}

/// When one thing was said last, and how often it was since.
#[derive(Default)]
struct Line {
    last: Option<Instant>,
    times: u64,
}

impl Line {
    /// How often it was since the last line, if it is time for one.
    fn again(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.last.is_some_and(|last| now.since(last) < PAUSE) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

impl Seen {
    /// The kernel has dropped news.
    pub(super) fn overrun(&mut self, now: Instant) {
        self.status.overruns += 1;
        if let Some(times) = self.overrun.again(now) {
            tracing::warn!(
                times,
                "the kernel had more news of interfaces and addresses than it keeps for us, and dropped some (a netlink overrun): all of them \
                 are listed anew. Who changes thousands of addresses or routes here at once?"
            );
        }
    }

    /// What is wrong with an interface is another thing than before; `is_first`: it was not looked at before.
    pub(super) fn interface(&mut self, now: Instant, name: &str, fault: Option<&String>, is_first: bool) {
        if is_first && fault.is_none() {
            return;
        }
        let one = self.status.interfaces.entry(name.to_owned()).or_default();
        let was_well = one.fault.is_none();
        one.fault = fault.cloned();
        match fault {
            Some(fault) => {
                one.lost += u64::from(was_well);
                // That it goes on in another way, as one that is taken down to be removed, is no second loss.
                let line = self.lines.entry(name.to_owned()).or_default();
                if let Some(times) = was_well.then(|| line.again(now)).flatten() {
                    tracing::warn!(interface = name, times, "{fault}: addresses on it are not here until it is back");
                }
            }
            None => {
                one.returned += 1;
                let (lost, returned) = (one.lost, one.returned);
                // Whose loss was not said: neither is its return.
                if self.lines.get(name).is_none_or(|line| line.times == 0) {
                    tracing::info!(interface = name, lost, returned, "{name} is back");
                }
            }
        }
    }

    /// The file names these interfaces, and no others.
    pub(super) fn mind(&mut self, is_minded: impl Fn(&String) -> bool) {
        self.status.interfaces.retain(|name, _| is_minded(name));
        self.lines.retain(|name, _| is_minded(name));
    }

    pub(super) fn status(&self) -> KernelStatus {
        self.status.clone()
    }
}

impl KernelStatus {
    /// What there is to say of it, for people.
    pub(crate) fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        if self.overruns > 0 {
            let _ = writeln!(
                out,
                "  the kernel dropped news of interfaces and addresses {} times: they were listed anew each time",
                self.overruns
            );
        }
        for (name, one) in &self.interfaces {
            let now = one.fault.as_ref().map_or_else(|| "well now".to_owned(), |fault| format!("now: {fault}"));
            let _ =
                writeln!(out, "  interface {name} was lost {} times and came back {}; {now}", one.lost, one.returned);
        }
    }
}

/// The time between two lines about one thing: a link that flaps does so several times a second.
const PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_was_well_from_the_start_is_not_spoken_of_and_one_that_flaps_is_counted() {
        let (mut seen, mut out) = (Seen::default(), String::new());
        let at = Instant::at;
        seen.interface(at(0), "eth0", None, true);
        seen.status().write(&mut out);
        assert_eq!(out, "");
        let (down, gone) = ("eth0 is down".to_owned(), "there is no interface eth0".to_owned());
        for n in 0..3 {
            seen.interface(at(n * 10), "eth0", Some(&down), false);
            seen.interface(at(n * 10 + 1), "eth0", Some(&gone), false);
            seen.interface(at(n * 10 + 2), "eth0", None, false);
        }
        seen.overrun(at(40));
        seen.status().write(&mut out);
        assert!(out.contains("interface eth0 was lost 3 times and came back 3; well now"), "{out}");
        assert!(out.contains("dropped news of interfaces and addresses 1 times"), "{out}");
        seen.mind(|_| false);
        assert!(seen.status().interfaces.is_empty());
    }
}
