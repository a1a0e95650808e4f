//! How many descriptors may this process have, and who may take them?
//!
//! ```text
//!   0 ─────────────────────── clients ──── servers ─── guests ─── limit
//!     whoever comes first        │  their connections     │   only the node itself: votes on disk, other nodes, operators
//!                                │  to servers            │   guests of the Sentinel port
//! ```

use std::os::fd::RawFd;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

use config::Config;

/// The first number that no guest of the Sentinel port may have.
static GUESTS: AtomicI32 = AtomicI32::new(i32::MAX);

/// Raises the limit to two descriptors a client and some for everything else, as far as the host allows. With fewer, clients are turned
/// away earlier than the file says, and the node keeps what it needs.
pub(crate) fn provide(config: &Config) {
    let wanted = 2 * u64::from(config.proxy.max_clients) + OWN;
    match host::limits::raise_descriptors(wanted) {
        Ok(limit) => {
            if limit < wanted {
                tracing::warn!(
                    limit,
                    wanted,
                    "this process may have {limit} descriptors, which is enough for {} clients with a server connection each, not for the \
                     {} of `proxy.max-clients`: more are turned away. Raise LimitNOFILE= (systemd) or `ulimit -n`",
                    (limit - kept(limit)) / 2,
                    config.proxy.max_clients
                );
            }
            share(limit);
        }
        Err(e) => {
            tracing::warn!("cannot read or raise the limit of descriptors: {e}; clients may be turned away early")
        }
    }
}

/// The same for a process that has guests of the Sentinel port alone: one descriptor for each.
pub(crate) fn provide_guests(guests: u64) {
    if let Ok(limit) = host::limits::raise_descriptors(guests.saturating_add(OWN)) {
        share(limit);
    }
}

/// Whether somebody may come in at the Sentinel port with this descriptor.
pub(crate) fn has_room(guest: RawFd) -> bool {
    guest < GUESTS.load(Relaxed)
}

fn share(limit: u64) {
    let [clients, servers, guests] = bounds(limit);
    proxy::descriptors::keep_below(clients, servers);
    GUESTS.store(guests, Relaxed);
}

/// The first number that clients, their connections to servers, and guests of the Sentinel port may not have.
fn bounds(limit: u64) -> [i32; 3] {
    [1, 2, 4].map(|parts| i32::try_from(limit - kept(limit) / parts).unwrap_or(i32::MAX))
}

/// What clients do not get.
fn kept(limit: u64) -> u64 {
    OWN.min(limit / 4)
}

/// For everything but clients: links to servers and nodes, files, operators, browsers, checks.
const OWN: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_keeps_some_however_few_there_are() {
        assert_eq!(kept(20_000), 256);
        assert_eq!(kept(200), 50);
        assert_eq!(bounds(200), [150, 175, 188], "12 are the node's alone");
    }
}
