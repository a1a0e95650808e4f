//! Is an address this host's?

use std::net::IpAddr;

use crate::netlink::Netlink;

/// Whether what is sent to the address comes to this host. Nothing is sent for the question: the kernel says where packets to it would go. Where
/// that does not answer, only what is every host's own is here.
///
/// Whether the address can be *bound* says less: with `net.ipv4.ip_nonlocal_bind = 1`, as hosts with HAProxy and Keepalived have it, any
/// address can (Linux, ip-sysctl).
#[must_use]
pub fn is_here(ip: IpAddr) -> bool {
    // A question for the unspecified address is one for the loopback to the kernel.
    ip.is_loopback() || (!ip.is_unspecified() && Netlink::open().is_ok_and(|mut kernel| kernel.is_heard(ip)))
}

#[cfg(test)]
mod tests {
    use super::is_here;

    #[test]
    fn loopback_is_here_and_documentation_is_not() {
        for (ip, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_here(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
