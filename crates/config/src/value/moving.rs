//! Texts about addresses that move: where they are put, what is around them, who is told of them.

use std::net::{IpAddr, SocketAddr};

use super::{Complaint, quote};
use crate::address::Held;

/// The IP address of one host, of the families that make sense.
pub(crate) fn ip(text: &str, v4: bool, v6: bool) -> Result<IpAddr, Complaint> {
    let expected = match (v4, v6) {
        (true, false) => "expected an IPv4 address",
        (false, true) => "expected an IPv6 address",
        _ => "expected an IP address",
    };
    let Ok(ip) = text.parse::<IpAddr>() else {
        let guess = text.parse::<SocketAddr>().ok().map(|address| address.ip().to_string());
        return Err(Complaint::new(format!("{} is not an IP address", quote(text)), expected).did_you_mean(guess));
    };
    if !one_host(ip) {
        return Err(Complaint::new(format!("{} is no address of one host", quote(text)), expected));
    }
    if let IpAddr::V6(v6) = ip
        && let Some(mapped) = v6.to_ipv4_mapped()
    {
        // No packet of IPv6 carries it, and it is compared with the other form of itself.
        let wrong = format!("{} is an IPv4 address in the form of an IPv6 one", quote(text));
        return Err(Complaint::new(wrong, expected).did_you_mean(v4.then(|| mapped.to_string())));
    }
    if (ip.is_ipv4() && !v4) || (ip.is_ipv6() && !v6) {
        return Err(Complaint::new(format!("{} is of the other family", quote(text)), expected));
    }
    Ok(ip)
}

/// `10.20.1.130/24`, or without bits for the host alone.
pub(crate) fn held(text: &str) -> Result<Held, Complaint> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let ip = ip(address, true, true)?;
    if ip.is_loopback() {
        // It is on every host, always, and the kernel answers for it.
        let wrong = format!("{} is every host's own", quote(text));
        return Err(Complaint::new(wrong, "expected an address that others can reach"));
    }
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = match bits {
        None => most,
        Some(bits) => match bits.parse::<u8>() {
            Ok(bits) if !bits_have_sign(text) && (1..=most).contains(&bits) => bits,
            _ => {
                let wrong = format!("{} has no network of that size around it", quote(text));
                return Err(Complaint::new(wrong, format!("expected 1 to {most} bits after the `/`")));
            }
        },
    };
    Ok(Held { ip, prefix })
}

/// `str::parse` would take `/+24`.
fn bits_have_sign(text: &str) -> bool {
    text.contains("/+")
}

/// An address, with a port if it is not the usual one.
pub(crate) fn remote(text: &str, port: u16) -> Result<SocketAddr, Complaint> {
    if let Ok(found) = text.parse::<IpAddr>() {
        ip(text, true, true)?;
        return super::address(&SocketAddr::new(found, port).to_string(), false);
    }
    super::address(text, false)
}

/// What the kernel takes for the name of an interface: `dev_valid_name`.
pub(crate) fn interface(text: &str) -> Result<String, Complaint> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':');
    if text.is_empty() || text.len() > LONGEST_INTERFACE || text.contains(bad) || matches!(text, "." | "..") {
        let expected =
            format!("expected the name of an interface, as `ip link` shows it: at most {LONGEST_INTERFACE} bytes");
        return Err(Complaint::new(format!("{} cannot be an interface", quote(text)), expected));
    }
    Ok(text.to_owned())
}

/// The name of a program; the kernel keeps the first 15 bytes.
pub(crate) fn process(text: &str) -> Result<String, Complaint> {
    if text.contains('/') {
        let guess = text.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
        let wrong = format!("{} is a path, and a process is known by the name of its program", quote(text));
        return Err(Complaint::new(wrong, "expected a name, as `ps -o comm` shows it").did_you_mean(guess));
    }
    let name = super::plain(text)?;
    let end = (0..=LONGEST_PROCESS.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    Ok(name[..end].to_owned())
}

/// A word of a command line: anything but what cannot be passed on.
pub(crate) fn argument(text: &str) -> Result<String, Complaint> {
    if text.contains('\0') {
        return Err(Complaint::new(format!("{} cannot be an argument", quote(text)), "expected no NUL character"));
    }
    Ok(text.to_owned())
}

/// Numbers with `:` between them, or one of the words that stand for some.
pub(crate) fn community(text: &str, parts: usize, most: u32) -> Result<Vec<u32>, Complaint> {
    if let Some((_, numbers)) = WELL_KNOWN.iter().find(|(name, _)| *name == text && parts == 2) {
        return Ok(numbers.to_vec());
    }
    // `str::parse` would take a sign.
    let number = |part: &str| part.parse().ok().filter(|n| *n <= most && !part.starts_with('+'));
    let numbers: Option<Vec<u32>> = text.split(':').map(number).collect();
    numbers.filter(|numbers| numbers.len() == parts).ok_or_else(|| {
        let example = if parts == 2 { "65000:1" } else { "65000:1:2" };
        let expected = format!("expected {parts} numbers from 0 to {most}, such as \"{example}\"");
        let size = if parts == 2 { "" } else { "large " };
        Complaint::new(format!("{} is not a {size}community", quote(text)), expected)
    })
}

pub(crate) fn show_community(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(":")
}

fn one_host(ip: IpAddr) -> bool {
    let everybody = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !everybody
}

/// RFC 8326 and RFC 1997.
const WELL_KNOWN: [(&str, [u32; 2]); 3] =
    [("graceful-shutdown", [65_535, 0]), ("no-export", [65_535, 65_281]), ("no-advertise", [65_535, 65_282])];
/// `IFNAMSIZ` with the NUL at the end: netdevice(7).
const LONGEST_INTERFACE: usize = 15;
/// `TASK_COMM_LEN` with the NUL at the end: proc(5).
const LONGEST_PROCESS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_an_address_of_a_host_in_a_network() {
        let shown = |text| held(text).unwrap().to_string();
        assert_eq!(shown("10.20.1.130/24"), "10.20.1.130/24");
        assert_eq!((shown("10.20.1.130"), shown("fd00::1")), ("10.20.1.130/32".into(), "fd00::1/128".into()));
        for wrong in [
            "10.0.0.1/33",
            "10.0.0.1/0",
            "10.0.0.1/+24",
            "10.0.0.1/",
            "::1/129",
            "127.0.0.1/8",
            "224.0.0.18",
            "0.0.0.0",
            "x",
        ] {
            assert!(held(wrong).is_err(), "{wrong}");
        }
        assert_eq!(held("10.0.0.1:6379").unwrap_err().help.as_deref(), Some("did you mean \"10.0.0.1\"?"));
    }

    #[test]
    fn the_family_of_an_address_is_looked_at() {
        assert!(ip("10.0.0.1", true, false).is_ok() && ip("fd00::1", false, true).is_ok());
        assert!(ip("10.0.0.1", false, true).is_err() && ip("fd00::1", true, false).is_err());
        assert!(ip("255.255.255.255", true, true).is_err());
        assert_eq!(ip("::ffff:10.0.0.1", true, true).unwrap_err().help.as_deref(), Some("did you mean \"10.0.0.1\"?"));
    }

    #[test]
    fn a_neighbour_needs_no_port() {
        assert_eq!(remote("10.0.0.1", 179), Ok("10.0.0.1:179".parse().unwrap()));
        assert_eq!(remote("fd00::1", 179), Ok("[fd00::1]:179".parse().unwrap()));
        assert_eq!(remote("[fd00::1]:1179", 179), Ok("[fd00::1]:1179".parse().unwrap()));
        assert!(remote("0.0.0.0", 179).is_err() && remote("rs1", 179).is_err());
        assert!(remote("fe80::1", 179).unwrap_err().help.unwrap().contains("\"[fe80::1%2]:179\""));
    }

    #[test]
    fn names_of_interfaces_and_processes_are_the_kernel_s() {
        assert!(interface("bond0.100").is_ok() && interface("a-name-too-long-").is_err());
        assert!(interface("eth0/1").is_err() && interface("").is_err());
        assert_eq!(process("redis-check-aof-of-all").as_deref(), Ok("redis-check-aof"));
        assert_eq!(process("/usr/sbin/haproxy").unwrap_err().help.as_deref(), Some("did you mean \"haproxy\"?"));
    }

    #[test]
    fn communities_are_numbers_or_known_words() {
        assert_eq!(community("65000:1", 2, 65_535), Ok(vec![65_000, 1]));
        assert_eq!(community("no-export", 2, 65_535), Ok(vec![65_535, 65_281]));
        assert_eq!(community("65000:1:2", 3, u32::MAX).map(|n| show_community(&n)).as_deref(), Ok("65000:1:2"));
        for wrong in ["65000", "65000:65536", "1:2:3", "+1:2", ":", ""] {
            assert!(community(wrong, 2, 65_535).is_err(), "{wrong}");
        }
        assert!(community("no-export", 3, u32::MAX).is_err());
    }
}
