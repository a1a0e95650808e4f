//! Texts that are more than texts: durations, sizes, addresses, names, paths. Each has one way to be written, and for what is nearly
//! that, a complaint that says how it is written.

pub(crate) mod moving;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::edge::{Endpoint, Network};
use crate::suggest;

/// Why a value cannot be used. The reader of the file knows the option and the place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong with it: "is too small" after the option's name, or a sentence that begins with the value.
    pub(crate) wrong: String,
    /// What was expected; stands under the underlined value.
    pub(crate) expected: String,
    /// What to write, if that can be guessed.
    pub(crate) help: Option<String>,
}

impl Complaint {
    pub(crate) fn new(wrong: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), expected: expected.into(), help: None }
    }

    fn did_you_mean(mut self, value: Option<String>) -> Self {
        self.help = value.map(|value| format!("did you mean \"{value}\"?"));
        self
    }
}

/// A text as it may be shown inside a sentence: in quotes, on one line, not too long.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

pub(crate) fn duration(text: &str, min: Duration, max: Duration) -> Result<Duration, Complaint> {
    let found = match measure(text, &DURATIONS) {
        // Above u64 milliseconds and above every maximum are the same to the operator.
        Ok(ms) => Duration::from_millis(ms.unwrap_or(u64::MAX)),
        Err(guess) => {
            let expected = "expected a whole number and a unit: ms, s, m or h";
            return Err(Complaint::new(format!("{} is not a duration", quote(text)), expected).did_you_mean(guess));
        }
    };
    let bounds = format!("expected {} to {}", show_duration(min), show_duration(max));
    if found < min {
        Err(Complaint::new(format!("{text} is too short"), bounds))
    } else if found > max {
        Err(Complaint::new(format!("{text} is too long"), bounds))
    } else {
        Ok(found)
    }
}

pub(crate) fn size(text: &str, min: u64, max: u64) -> Result<u64, Complaint> {
    let found = match measure(text, &SIZES) {
        Ok(bytes) => bytes.unwrap_or(u64::MAX),
        Err(guess) => {
            let expected = "expected a whole number and a unit: B, KiB, MiB, GiB (or KB, MB, GB)";
            return Err(Complaint::new(format!("{} is not a size", quote(text)), expected).did_you_mean(guess));
        }
    };
    let bounds = format!("expected {} to {}", show_size(min), show_size(max));
    if found < min {
        Err(Complaint::new(format!("{text} is too small"), bounds))
    } else if found > max {
        Err(Complaint::new(format!("{text} is too large"), bounds))
    } else {
        Ok(found)
    }
}

pub(crate) fn address(text: &str, wildcard: bool) -> Result<SocketAddr, Complaint> {
    let Ok(address) = text.parse::<SocketAddr>() else {
        return Err(not_an_address(text, wildcard));
    };
    if address.port() == 0 {
        let expected = "expected a port from 1 to 65535";
        return Err(Complaint::new(format!("{} has port 0, which nobody can connect to", quote(text)), expected));
    }
    if address.ip().is_unspecified() && !wildcard {
        let wrong = format!("{} is a wildcard: it can be listened on, but not connected to", quote(text));
        return Err(Complaint::new(wrong, "expected the IP address of one host"));
    }
    if address.ip().is_multicast() {
        let wrong = format!("{} is a multicast address", quote(text));
        return Err(Complaint::new(wrong, "expected the IP address of one host"));
    }
    if let SocketAddr::V6(v6) = address
        && v6.ip().is_unicast_link_local()
        && v6.scope_id() == 0
    {
        return Err(no_link(text, address));
    }
    Ok(address)
}

/// The kernel refuses it: every link has all of fe80::/10, and nothing says which one is meant.
fn no_link(text: &str, address: SocketAddr) -> Complaint {
    let wrong = format!("{} does not say on which link: fe80::/10 is on every one", quote(text));
    let mut complaint = Complaint::new(wrong, "expected an address that is on one link only");
    complaint.help = Some(format!(
        "write the host's global address, or one of fd00::/8; or the number of the interface, which `ip link` shows, and which may be another \
         one after a restart: \"[{}%2]:{}\"",
        address.ip(),
        address.port()
    ));
    complaint
}

/// Where clients of a listener come in.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Complaint> {
    let Some(path) = text.strip_prefix("unix:") else {
        let guess = text.starts_with('/').then(|| format!("unix:{text}"));
        if guess.is_some() {
            let wrong = format!("{} is not an address", quote(text));
            return Err(Complaint::new(wrong, "expected IP:port, or unix: and a path").did_you_mean(guess));
        }
        return address(text, true).map(Endpoint::Tcp);
    };
    let path = self::path(path)?;
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        let wrong = format!("the path of the socket has {} bytes, more than the kernel allows", path.as_os_str().len());
        return Err(Complaint::new(wrong, format!("expected at most {LONGEST_SOCKET_PATH} bytes after `unix:`")));
    }
    Ok(Endpoint::Unix(path))
}

/// `10.0.0.0/8`, or one address.
pub(crate) fn network(text: &str) -> Result<Network, Complaint> {
    let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let Ok(ip) = ip.parse::<IpAddr>() else {
        let wrong = format!("{} is not an address or network", quote(text));
        let expected = "expected an IP address, or one with the number of bits that count: \"10.0.0.0/8\"";
        return Err(Complaint::new(wrong, expected));
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse::<u8>().ok().filter(|bits| *bits <= most));
    let Some(bits) = bits else {
        let wrong = format!("{} is not a network", quote(text));
        return Err(Complaint::new(wrong, format!("expected 0 to {most} bits after the `/`")));
    };
    let network = Network::new(ip, bits);
    if network.ip != ip {
        // As likely a wrong number of bits as a wrong address: nobody but the operator knows.
        let wrong = format!("{} has bits after the first {bits}", quote(text));
        let expected = "expected the first address of the network";
        return Err(Complaint::new(wrong, expected).did_you_mean(Some(network.to_string())));
    }
    Ok(network)
}

/// `cache.example`, or `*.example`; in small letters, as they are compared.
pub(crate) fn host_name(text: &str) -> Result<String, Complaint> {
    let name = text.to_ascii_lowercase();
    let rest = name.strip_prefix("*.").unwrap_or(&name);
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if rest.parse::<IpAddr>().is_ok() {
        let wrong = format!("{} is an address, and clients name no address when they shake hands", quote(text));
        return Err(Complaint::new(wrong, "expected a host name"));
    }
    if name.len() > LONGEST_HOST_NAME || !rest.split('.').all(label) {
        return Err(Complaint::new(
            format!("{} is not a host name", quote(text)),
            "expected a name such as cache.example",
        ));
    }
    Ok(name)
}

/// The rights of a file.
pub(crate) fn file_mode(text: &str) -> Result<u16, Complaint> {
    let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    match u16::from_str_radix(text, 8) {
        Ok(mode) if digits && mode <= 0o777 => Ok(mode),
        _ => {
            let wrong = format!("{} is not the mode of a file", quote(text));
            Err(Complaint::new(wrong, "expected three octal digits, with or without a 0 before: \"0660\""))
        }
    }
}

pub(crate) fn name(text: &str) -> Result<String, Complaint> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    // A name stands between commas and spaces in hello messages and events.
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(allowed) {
        let expected = format!("expected 1 to {LONGEST_NAME} letters, digits, `.`, `-` or `_`");
        return Err(Complaint::new(format!("{} cannot be a name", quote(text)), expected));
    }
    Ok(text.to_owned())
}

/// A text that is sent to a Redis server. The complaints do not repeat it: it may be a password.
pub(crate) fn plain(text: &str) -> Result<String, Complaint> {
    if text.is_empty() {
        return Err(Complaint::new("is empty", "expected some text; without the option leave the line out"));
    }
    if text.chars().any(char::is_control) {
        return Err(Complaint::new("contains a control character", "expected text on one line"));
    }
    Ok(text.to_owned())
}

pub(crate) fn path(text: &str) -> Result<PathBuf, Complaint> {
    if text.contains('\0') {
        return Err(Complaint::new(format!("{} cannot be a path", quote(text)), "expected no NUL character"));
    }
    if !text.starts_with('/') {
        // A service is started in whatever directory its supervisor chooses.
        let wrong = format!("{} depends on the directory that Standfast is started in", quote(text));
        return Err(Complaint::new(wrong, "expected a path that begins with `/`"));
    }
    Ok(PathBuf::from(text))
}

pub(crate) fn word(text: &str, words: &[&'static str]) -> Result<&'static str, Complaint> {
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(word);
    }
    let list: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let expected = if let [only] = list.as_slice() {
        format!("expected {only}, the only one in this version")
    } else {
        format!("expected one of {}", list.join(", "))
    };
    let guess = suggest::nearest_word(text, words).map(str::to_owned);
    Err(Complaint::new(format!("cannot be {}", quote(text)), expected).did_you_mean(guess))
}

/// The shortest way to write a duration: `90s`, not `90000ms`.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATIONS, "0s")
}

/// The shortest way to write a size, in binary units.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES, "0B")
}

/// A unit: how it is written, what it is worth in the smallest, and how else people write it.
struct Unit {
    name: &'static str,
    worth: u64,
    /// Whether this unit is used to show a value.
    shown: bool,
    also: &'static [&'static str],
}

/// Whole number and unit. `Ok(None)` if it is too much to count, `Err` with a guess of what was meant if it is neither.
fn measure(text: &str, units: &[Unit]) -> Result<Option<u64>, Option<String>> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, name) = text.split_at(digits);
    match units.iter().find(|unit| unit.name == name) {
        Some(unit) if !number.is_empty() => {
            Ok(number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit.worth)))
        }
        _ => Err(guess(text, units)),
    }
}

/// `10 sec` was meant as `10s`, `1.5s` as `1500ms`, `64m` as `64MiB`.
fn guess(text: &str, units: &[Unit]) -> Option<String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, name) = text.split_at(digits);
    let name = name.trim().to_lowercase();
    let unit = units.iter().find(|unit| unit.name.to_lowercase() == name || unit.also.contains(&name.as_str()))?;
    let Some((whole, fraction)) = number.split_once('.') else {
        return (!number.is_empty() && number.len() < 19).then(|| format!("{number}{}", unit.name));
    };
    let whole: u64 = whole.parse().ok()?;
    let parts: u64 = fraction.parse().ok()?;
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let smallest = whole.checked_mul(unit.worth)?.checked_add(parts.checked_mul(unit.worth)? / scale)?;
    (smallest > 0).then(|| show(smallest, units, ""))
}

fn show(amount: u64, units: &[Unit], zero: &str) -> String {
    if amount == 0 {
        return zero.to_owned();
    }
    let exact = units.iter().rfind(|unit| unit.shown && amount.is_multiple_of(unit.worth));
    exact.map_or_else(|| amount.to_string(), |unit| format!("{}{}", amount / unit.worth, unit.name))
}

fn not_an_address(text: &str, wildcard: bool) -> Complaint {
    let wrong = format!("{} is not an address", quote(text));
    let text = text.trim();
    if text.starts_with('/') || text.starts_with("unix") {
        return Complaint::new(wrong, "expected IP:port; only clients of a [[listener]] can come in by a UNIX socket");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Complaint::new(wrong, "expected an IPv6 address in brackets, then the port: \"[::1]:6379\"");
    }
    if text.parse::<IpAddr>().is_ok() {
        return Complaint::new(wrong, "the port is missing: expected IP:port");
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return if text.bytes().all(|b| b.is_ascii_digit()) && wildcard && text.parse::<u16>().is_ok() {
            Complaint::new(wrong, "expected IP:port").did_you_mean(Some(format!("0.0.0.0:{text}")))
        } else {
            Complaint::new(wrong, "expected IP:port")
        };
    };
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Complaint::new(wrong, "expected a port from 1 to 65535 after the last `:`");
    }
    if matches!(host, "" | "*") {
        let guess = wildcard.then(|| format!("0.0.0.0:{port}"));
        return Complaint::new(wrong, "expected an IP address before the port").did_you_mean(guess);
    }
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Complaint::new(wrong, "expected an IPv4 address of four numbers from 0 to 255, then the port");
    }
    if host.contains(':') {
        return Complaint::new(wrong, "expected an IPv6 address in brackets, then the port: \"[::1]:6379\"");
    }
    let guess = (host == "localhost").then(|| format!("127.0.0.1:{port}"));
    Complaint::new(wrong, "host names are not supported in this version: expected the IP address").did_you_mean(guess)
}

/// In milliseconds.
static DURATIONS: [Unit; 4] = [
    Unit { name: "ms", worth: 1, shown: true, also: &["msec", "millis", "milliseconds"] },
    Unit { name: "s", worth: 1_000, shown: true, also: &["", "sec", "secs", "second", "seconds"] },
    Unit { name: "m", worth: 60_000, shown: true, also: &["min", "mins", "minute", "minutes"] },
    Unit { name: "h", worth: 3_600_000, shown: true, also: &["hour", "hours", "hr"] },
];

/// In bytes.
static SIZES: [Unit; 10] = [
    Unit { name: "B", worth: 1, shown: true, also: &["", "byte", "bytes"] },
    Unit { name: "KiB", worth: 1 << 10, shown: true, also: &["k"] },
    Unit { name: "MiB", worth: 1 << 20, shown: true, also: &["m"] },
    Unit { name: "GiB", worth: 1 << 30, shown: true, also: &["g"] },
    Unit { name: "TiB", worth: 1 << 40, shown: true, also: &["t"] },
    Unit { name: "kB", worth: 1_000, shown: false, also: &[] },
    Unit { name: "KB", worth: 1_000, shown: false, also: &[] },
    Unit { name: "MB", worth: 1_000_000, shown: false, also: &[] },
    Unit { name: "GB", worth: 1_000_000_000, shown: false, also: &[] },
    Unit { name: "TB", worth: 1_000_000_000_000, shown: false, also: &[] },
];

/// Characters of the file's text that a sentence repeats.
const SHOWN: usize = 48;

/// `sun_path` holds 108 bytes, the last of them is NUL: unix(7).
pub(crate) const LONGEST_SOCKET_PATH: usize = 107;

/// RFC 1035 2.3.4, without the dot at the end.
const LONGEST_HOST_NAME: usize = 253;

/// Of a node or a group, in bytes; they are repeated in every hello message, once a second.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn guess_of(text: &str) -> Option<String> {
        duration(text, Duration::ZERO, Duration::MAX).unwrap_err().help
    }

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        let read = |text| duration(text, Duration::ZERO, Duration::from_mins(90));
        assert_eq!(read("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(read("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(read("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(read("2h").unwrap_err().expected, "expected 0s to 90m");
        assert_eq!(read("99999999999999999999h").unwrap_err().expected, "expected 0s to 90m");
    }

    #[test]
    fn what_was_meant_by_a_wrong_duration_is_guessed() {
        assert_eq!(guess_of("10").as_deref(), Some("did you mean \"10s\"?"));
        assert_eq!(guess_of("10 sec").as_deref(), Some("did you mean \"10s\"?"));
        assert_eq!(guess_of("1.5s").as_deref(), Some("did you mean \"1500ms\"?"));
        assert_eq!(guess_of("soon"), None);
        assert_eq!(guess_of("99999999999999999999.9h"), None);
        assert_eq!(guess_of(""), None);
    }

    #[test]
    fn sizes_are_binary_or_decimal_as_written() {
        let read = |text| size(text, 0, 1 << 40);
        assert_eq!(read("1MiB"), Ok(1 << 20));
        assert_eq!(read("10MB"), Ok(10_000_000));
        assert_eq!(read("512B"), Ok(512));
        assert_eq!(read("64mb").unwrap_err().help.as_deref(), Some("did you mean \"64MB\"?"));
        assert_eq!(read("64m").unwrap_err().help.as_deref(), Some("did you mean \"64MiB\"?"));
        assert_eq!(read("2TiB").unwrap_err().expected, "expected 0B to 1TiB");
    }

    #[test]
    fn values_are_shown_in_the_largest_exact_unit() {
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        assert_eq!(show_size(1 << 40), "1TiB");
        assert_eq!(show_size(0), "0B");
    }

    #[test]
    fn a_wrong_address_is_told_what_exactly_is_wrong() {
        let expected = |text| address(text, false).unwrap_err().expected;
        assert!(expected("10.0.0.1").contains("port is missing"));
        assert!(expected("::1").contains("brackets"));
        assert!(expected("fe80::1:6379:zz:1").contains("brackets"));
        assert!(expected("redis-a:6379").contains("host names"));
        assert!(expected("10.0.0.256:6379").contains("four numbers"));
        assert!(expected("10.0.0.1:70000").contains("65535"));
        assert!(expected("10.0.0.1:0").contains("65535"));
        assert!(expected("0.0.0.0:6379").contains("one host"));
        assert!(expected("unix:/run/redis.sock").contains("UNIX"));
        assert_eq!(address("*:6379", true).unwrap_err().help.as_deref(), Some("did you mean \"0.0.0.0:6379\"?"));
        assert_eq!(address("6379", true).unwrap_err().help.as_deref(), Some("did you mean \"0.0.0.0:6379\"?"));
        assert_eq!(address("[::1]:6379", false), Ok("[::1]:6379".parse().unwrap()));
        assert!(address("[fe80::1]:6379", false).unwrap_err().help.unwrap().contains("\"[fe80::1%2]:6379\""));
        assert!(address("[fe80::1%2]:6379", false).is_ok());
    }

    #[test]
    fn a_listener_is_at_an_address_or_at_a_path() {
        assert_eq!(endpoint("[::]:6380"), Ok(Endpoint::Tcp("[::]:6380".parse().unwrap())));
        assert_eq!(endpoint("unix:/run/c.sock"), Ok(Endpoint::Unix("/run/c.sock".into())));
        assert_eq!(endpoint("/run/c.sock").unwrap_err().help.as_deref(), Some("did you mean \"unix:/run/c.sock\"?"));
        assert!(endpoint("unix:c.sock").unwrap_err().expected.contains("begins with `/`"));
        assert!(endpoint(&format!("unix:/{}", "x".repeat(107))).unwrap_err().wrong.contains("108 bytes"));
    }

    #[test]
    fn a_network_is_its_first_address_and_a_number_of_bits() {
        let shown = |text| network(text).unwrap().to_string();
        assert_eq!(shown("10.0.0.0/8"), "10.0.0.0/8");
        assert_eq!(shown("10.0.0.1"), "10.0.0.1");
        assert_eq!(shown("10.0.0.1/32"), "10.0.0.1");
        assert_eq!((shown("0.0.0.0/0"), shown("fd00::/8")), ("0.0.0.0/0".to_owned(), "fd00::/8".to_owned()));
        assert_eq!(network("10.1.2.3/8").unwrap_err().help.as_deref(), Some("did you mean \"10.0.0.0/8\"?"));
        assert!(network("10.0.0.0/33").unwrap_err().expected.contains("0 to 32"));
        assert!(network("10.0.0/8").unwrap_err().wrong.contains("not an address"));
    }

    #[test]
    fn host_names_and_file_modes_are_what_they_say() {
        assert_eq!(host_name("*.Cache.example"), Ok("*.cache.example".to_owned()));
        for wrong in ["", "*", "a..b", "-a.b", "10.0.0.1", "a b", "*.*.a"] {
            assert!(host_name(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!((file_mode("0660"), file_mode("777")), (Ok(0o660), Ok(0o777)));
        for wrong in ["", "66", "0888", "+660", "1777", "rw-"] {
            assert!(file_mode(wrong).is_err(), "{wrong:?}");
        }
    }
}
