//! How long does an address not answer? One fault on the host that has it, measured from outside, by clients' books and by what the
//! hosts' kernels tell.
//!
//! The master is on the host that stays, so that no figure contains a failover of Redis. Nothing here asks the program under test when
//! something happened.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::holders::Holders;
use crate::pair::{A, ADDRESS, B, CLIENT, Kind, Pair, Terms};
use crate::process::Signal;
use crate::program::wall_ms;
use crate::reach::Reach;
use crate::routers::wait_until;

/// What happens to the host that has the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// All its cables are cut at one moment.
    Host,
    /// `kill -9` of its proxy.
    Proxy,
    /// Its proxy stands still: `SIGSTOP`.
    Hang,
    /// It is stopped in order: the router first.
    Planned,
}

impl Fault {
    /// All there are, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Host, Self::Proxy, Self::Hang, Self::Planned];

    /// As one types it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Proxy => "proxy",
            Self::Hang => "hang",
            Self::Planned => "planned",
        }
    }
}

/// One fault, from a healthy pair to a healthy pair; everything that clients saw of it. Times are milliseconds from the fault. `reach` is
/// this crate's program of that name.
///
/// # Panics
/// When the pair does not start, or does not heal.
#[must_use]
pub fn measure(kind: Kind, terms: Terms, fault: Fault, reach: &Path) -> Value {
    let mut pair = Pair::start([kind; 2], terms, B);
    let holders = Holders::watch(&pair.network, &[A, B], ADDRESS.parse().expect("an address"));
    let address = (ADDRESS.parse::<std::net::Ipv4Addr>().expect("an address"), 6379).into();
    let clients = Reach::start(&pair.network, CLIENT, reach, address, "bench");
    thread::sleep(QUIET);

    let began = strike(&mut pair, kind, fault);
    let struck = wall_ms();
    // A check that sees a process sees nothing of one that hangs: then the address stays.
    let is_back = clients.is_answered_after(struck, NEVER_MS);
    if is_back {
        wait_until("the other host has the address", || holders.arrivals(1, began) > 0);
    }
    let moved = wall_ms();
    // Long enough to tell a client that hangs from one that was a little late.
    let released = clients.is_released(1, OBSERVED_MS);
    thread::sleep(AFTERMATH);
    let healing = wall_ms();
    mend(&mut pair, kind, fault);
    pair.wait_for_holder(A);
    let back = wall_ms();
    clients.wait_for_answer_after(back);
    thread::sleep(AFTERMATH);
    // While the host is cut off nobody can know what it has; from then on the link is whole.
    let taken = if fault == Fault::Host { (0.0, 0) } else { holders.both(began, healing) };
    let returned = holders.both(healing, wall_ms());
    let stints = [0, 1].map(|host| {
        let stints = holders.stints(host).into_iter();
        stints.map(|(from, to)| json!([from - began, to.map(|to| to - began)])).collect::<Vec<_>>()
    });
    drop(holders);
    let seen = clients.stop();
    let until = moved + OBSERVED_MS;
    let took = |figure: Option<f64>| figure.filter(|_| is_back);
    let pause = |gap: Option<(f64, f64)>| gap.map(|(from, to)| to - from);
    json!({
        "system": kind.name(), "terms": terms.name(), "fault": fault.name(),
        "back_ms": took(seen.back_after(began)), "pause_ms": took(pause(seen.gap(began, healing))),
        "quiet_pause_ms": pause(seen.gap_within(began - 1e3 * QUIET.as_secs_f64(), began)),
        "steady_pause_ms": took(pause(seen.steady_gap(began, healing))),
        "released_ms": seen.released_after(began).filter(|at| released && *at < until).map(|at| at - began),
        "return_pause_ms": pause(seen.gap(healing, wall_ms())),
        "both_ms": taken.0, "both_moments": taken.1, "return_both_ms": returned.0, "return_both_moments": returned.1, "stints_ms": stints, "strike_took_ms": struck - began,
    })
}

/// Tells when it struck.
fn strike(pair: &mut Pair, kind: Kind, fault: Fault) -> f64 {
    let began = wall_ms();
    match fault {
        Fault::Host => return pair.cables(A, "down"),
        Fault::Proxy => pair.kill(A, kind.proxy()),
        Fault::Hang => pair.signal(A, kind.proxy(), Signal::STOP),
        Fault::Planned => {
            pair.stop(A, kind.router());
            if kind == Kind::Classic {
                pair.stop(A, kind.proxy());
            }
        }
    }
    began
}

fn mend(pair: &mut Pair, kind: Kind, fault: Fault) {
    match fault {
        Fault::Host => _ = pair.cables(A, "up"),
        Fault::Proxy => pair.start_program(A, kind.proxy()),
        Fault::Hang => pair.signal(A, kind.proxy(), Signal::CONT),
        Fault::Planned => {
            pair.start_program(A, kind.proxy());
            if kind == Kind::Classic {
                pair.start_program(A, kind.router());
            }
        }
    }
}

/// Before the fault: the longest pause of this time is what the machine itself makes clients wait.
const QUIET: Duration = Duration::from_secs(1);
/// After each step: what comes late shall be seen.
const AFTERMATH: Duration = Duration::from_millis(1_500);
/// Who has not been answered again by then will not be.
const NEVER_MS: f64 = 20_000.0;
/// How long a client that waits without a limit is watched after the takeover.
const OBSERVED_MS: f64 = 5_000.0;
