//! What may this process do that others may not? Root's rights in pieces (`man 7 capabilities`).

use std::fmt;
use std::fs;

use crate::HostRefused;

/// A right that can be given to a process that is not root's. The number is the kernel's (`linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// To become another group.
    SetGid = 6,
    /// To become another user.
    SetUid = 7,
    /// To listen on ports below [`first_free_port`].
    NetBindService = 10,
    /// To put addresses on interfaces, and take them off.
    NetAdmin = 12,
    /// To send and hear packets of other protocols than TCP and UDP.
    NetRaw = 13,
}

/// The rights of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u64);

impl Rights {
    /// Those that this process can use now.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub fn of_this_process() -> Result<Self, HostRefused> {
        let path = "/proc/self/status";
        let status = fs::read_to_string(path);
        let status = status.map_err(|error| HostRefused::new("read which rights this process has", path, error))?;
        let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        // Every kernel since 2.2 has the line; one without it gives no rights in pieces.
        Ok(Self(bits.unwrap_or_default()))
    }

    /// Whether this right is among them.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u32) != 0
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SetGid => "CAP_SETGID",
            Self::SetUid => "CAP_SETUID",
            Self::NetBindService => "CAP_NET_BIND_SERVICE",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
        })
    }
}

/// From this port on everybody may listen, in this network.
#[must_use]
pub fn first_free_port() -> u16 {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    told.ok().and_then(|port| port.trim().parse().ok()).unwrap_or(FIRST_FREE_PORT)
}

/// Where a kernel does not say (before Linux 4.11).
const FIRST_FREE_PORT: u16 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_bits_by_number() {
        let some = Rights(1 << 12 | 1 << 6);
        assert!(some.has(Capability::NetAdmin) && some.has(Capability::SetGid));
        assert!(
            !some.has(Capability::NetRaw) && !some.has(Capability::SetUid) && !some.has(Capability::NetBindService)
        );
        // Root has them all, whoever else runs this none: both are an answer.
        let ours = Rights::of_this_process().unwrap();
        assert_eq!(ours.has(Capability::SetUid), ours.has(Capability::SetGid));
        assert!(first_free_port() <= 1_024);
    }
}
