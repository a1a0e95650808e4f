//! What do the lines say that begin with `sentinel`? Global ones first, then `monitor`, then those that name a master.
//!
//! Numbers are read as stock reads them, up to the first character that is no digit: a file with `5000ms` starts there and must here. A
//! number that is too large becomes the largest; stock's becomes some other number.

use std::net::{IpAddr, Ipv4Addr};

use super::conf::{KnownSentinel, Master, SentinelConf};
use super::directive::{clean, is_yes};
use super::problem::Problem;
use super::read::{Surroundings, joined};
use crate::Secret;

/// A line that begins with `sentinel`.
#[derive(Debug)]
pub(super) struct Statement {
    pub file: String,
    pub line: usize,
    pub text: String,
    /// Behind `sentinel`; at least one.
    pub words: Vec<String>,
}

/// Which file the lines are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Main,
    /// Says again what the main file said, and wins.
    State,
}

/// Applies all lines.
pub(super) fn apply(
    conf: &mut SentinelConf,
    statements: &[Statement],
    surroundings: &dyn Surroundings,
    source: Source,
) -> Result<(), Problem> {
    for pass in [Pass::Globals, Pass::Monitor, Pass::Masters] {
        for statement in statements.iter().filter(|statement| pass_of(&statement.words[0]) == pass) {
            let result = match pass {
                Pass::Globals => global(conf, &statement.words),
                Pass::Monitor => monitor(conf, statement, source),
                Pass::Masters => of_master(conf, &statement.words, surroundings, source),
            };
            result.map_err(|reason| Problem::new(&statement.file, statement.line, &statement.text, reason))?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Globals,
    Monitor,
    Masters,
}

fn pass_of(name: &str) -> Pass {
    match name {
        _ if name.eq_ignore_ascii_case("monitor") => Pass::Monitor,
        _ if GLOBALS.iter().any(|global| global.eq_ignore_ascii_case(name)) => Pass::Globals,
        _ => Pass::Masters,
    }
}

fn global(conf: &mut SentinelConf, words: &[String]) -> Result<(), String> {
    let name = words[0].to_ascii_lowercase();
    let [value] = &words[1..] else { return Err(UNRECOGNIZED.to_owned()) };
    let value = clean(&name, value)?;
    let some = || Some(value.clone()).filter(|value| !value.is_empty());
    match name.as_str() {
        "announce-ip" => conf.announce_ip = some(),
        "announce-port" => conf.announce_port = Some(port(&value)?).filter(|port| *port != 0),
        "deny-scripts-reconfig" => {
            // The plural is stock's.
            let wrong = "Please specify yes or no for the deny-scripts-reconfig options.";
            conf.deny_scripts_reconfig = is_yes(&value).ok_or(wrong)?;
        }
        "resolve-hostnames" => conf.resolve_hostnames = yes_or_no(&name, &value)?,
        "announce-hostnames" => conf.announce_hostnames = yes_or_no(&name, &value)?,
        "sentinel-user" => conf.sentinel_user = some(),
        "sentinel-pass" => conf.sentinel_pass = some().map(Secret::new),
        "current-epoch" => conf.current_epoch = conf.current_epoch.max(epoch(&value)),
        "state-config-file" => conf.state_config_file = some(),
        _ if value.len() == ID_LENGTH => conf.myid = Some(value),
        _ => return Err("Malformed Sentinel id in myid option.".to_owned()),
    }
    Ok(())
}

fn yes_or_no(name: &str, value: &str) -> Result<bool, String> {
    is_yes(value).ok_or_else(|| format!("Please specify yes or no for the {name} option."))
}

fn monitor(conf: &mut SentinelConf, statement: &Statement, source: Source) -> Result<(), String> {
    let [_, name, host, port_word, quorum] = statement.words.as_slice() else { return Err(UNRECOGNIZED.to_owned()) };
    let quorum = u32::try_from(number(quorum)).ok().filter(|quorum| *quorum > 0);
    let quorum = quorum.ok_or("Quorum must be 1 or greater.")?;
    let name = clean("monitor", name)?;
    let (host, port) = address(conf, host, port_word)?;
    let known = conf.masters.iter_mut().find(|master| master.name == name);
    match known {
        Some(_) if source == Source::Main => return Err("Duplicate master name.".to_owned()),
        Some(master) => {
            (master.host, master.port, master.quorum) = (host, port, quorum);
            // The state says all that the Sentinel knows.
            master.known_replicas.clear();
            master.known_sentinels.clear();
            master.renamed.clear();
        }
        None => {
            let line = if source == Source::Main { statement.line } else { 0 };
            conf.masters.push(Master { line, ..Master::new(name, host, port, quorum) });
        }
    }
    Ok(())
}

fn of_master(
    conf: &mut SentinelConf,
    words: &[String],
    surroundings: &dyn Surroundings,
    source: Source,
) -> Result<(), String> {
    let option = words[0].to_ascii_lowercase();
    let values = match option.as_str() {
        "known-replica" | "known-slave" => 2..=2,
        "known-sentinel" => 2..=3,
        "rename-command" => 2..=2,
        _ if SETTINGS.contains(&option.as_str()) => 1..=1,
        _ => return Err(UNRECOGNIZED.to_owned()),
    };
    let (Some(name), Some(values)) = (words.get(1), words.get(2..).filter(|given| values.contains(&given.len())))
    else {
        return Err(UNRECOGNIZED.to_owned());
    };
    let at = conf.masters.iter().position(|master| master.name == *name);
    let at = at.ok_or("No such master with specified name.")?;
    match (option.as_str(), values) {
        ("known-replica" | "known-slave", [host, port]) => {
            let (host, port) = address(conf, host, port)?;
            let replicas = &mut conf.masters[at].known_replicas;
            if replicas.iter().any(|known| *known == (host.clone(), port)) {
                return Err("Duplicate hostname and port for replica.".to_owned());
            }
            replicas.push((host, port));
            Ok(())
        }
        ("known-sentinel", [host, port, id]) => known_sentinel(conf, at, host, port, id),
        // Without an id it is of a version that had none: read over.
        ("known-sentinel", _) => Ok(()),
        ("rename-command", [from, to]) => rename(&mut conf.masters[at], from, to, source),
        (_, [value]) => {
            let dir = conf.settings.text("dir");
            let is_executable = |path: &str| !path.is_empty() && surroundings.is_executable(&joined(&dir, path));
            let master = &mut conf.masters[at];
            setting(master, &option, value, is_executable)?;
            conf.current_epoch = conf.current_epoch.max(master.config_epoch);
            Ok(())
        }
        _ => Err(UNRECOGNIZED.to_owned()),
    }
}

fn setting(master: &mut Master, option: &str, value: &str, is_executable: impl Fn(&str) -> bool) -> Result<(), String> {
    let value = clean(option, value)?;
    let script = |wrong: &str| if is_executable(&value) { Ok(Some(value.clone())) } else { Err(wrong.to_owned()) };
    let some = || Some(value.clone()).filter(|value| !value.is_empty());
    let positive = || Some(number(&value)).filter(|n| *n > 0).ok_or("negative or zero time parameter.");
    match option {
        "down-after-milliseconds" => master.down_after_ms = positive()?.unsigned_abs(),
        "failover-timeout" => master.failover_timeout_ms = positive()?.unsigned_abs(),
        "parallel-syncs" => master.parallel_syncs = u32::try_from(number(&value)).unwrap_or(0),
        "notification-script" => {
            master.notification_script = script("Notification script seems non existing or non executable.")?;
        }
        "client-reconfig-script" => {
            master.client_reconfig_script =
                script("Client reconfiguration script seems non existing or non executable.")?;
        }
        "auth-user" => master.auth_user = some(),
        "auth-pass" => master.auth_pass = some().map(Secret::new),
        "config-epoch" => master.config_epoch = epoch(&value),
        "leader-epoch" => master.leader_epoch = epoch(&value),
        // Under both its names.
        _ => master.reboot_down_after_ms = u32::try_from(number(&value)).map_err(|_| "negative time parameter.")?,
    }
    Ok(())
}

fn rename(master: &mut Master, from: &str, to: &str, source: Source) -> Result<(), String> {
    let (from, to) = (clean("rename-command", from)?, clean("rename-command", to)?);
    let known = master.renamed.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&from));
    match known {
        Some(_) if source == Source::Main => Err("Same command renamed multiple times with rename-command.".to_owned()),
        Some(known) => {
            known.1 = to;
            Ok(())
        }
        None => {
            master.renamed.push((from, to));
            Ok(())
        }
    }
}

fn known_sentinel(conf: &mut SentinelConf, at: usize, host: &str, port: &str, id: &str) -> Result<(), String> {
    let id = clean("known-sentinel", id)?;
    let (host, port) = address(conf, host, port)?;
    let sentinels = &mut conf.masters[at].known_sentinels;
    if sentinels.iter().any(|known| known.id == id) {
        return Err("Duplicate runid for sentinel.".to_owned());
    }
    sentinels.push(KnownSentinel { host, port, id });
    Ok(())
}

/// Host and port as they are written again.
fn address(conf: &SentinelConf, host: &str, port_word: &str) -> Result<(String, u16), String> {
    let port = port(port_word)?;
    let host = clean("host", host)?;
    let host = match literal(&host) {
        Some(address) => address,
        None if conf.resolve_hostnames && !host.is_empty() => host,
        None => return Err("Can't resolve instance hostname.".to_owned()),
    };
    Ok((host, port))
}

/// The address that is meant, if it needs no name server: also `127.1`, as the C library reads it, and an interface behind an address.
fn literal(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    if let Some((address, interface)) = host.split_once('%') {
        return address.parse::<std::net::Ipv6Addr>().is_ok_and(|_| !interface.is_empty()).then(|| host.to_owned());
    }
    let parts: Vec<&str> = host.split('.').collect();
    let (last, first) = parts.split_last()?;
    let left = u32::try_from(4_usize.checked_sub(first.len())?).ok().filter(|left| *left > 0)?;
    let mut value = 0;
    for part in first {
        value = value << 8 | c_number(part).filter(|part| *part < 256)?;
    }
    let last = c_number(last).filter(|last| *last < 1_u64 << (8 * left))?;
    let value = value << (8 * left) | last;
    Some(Ipv4Addr::from(u32::try_from(value).ok()?).to_string())
}

/// A number in decimal, `0` octal or `0x` hexadecimal digits.
fn c_number(word: &str) -> Option<u64> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    match (hex, word.strip_prefix('0')) {
        (Some(digits), _) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) if !digits.is_empty() && !digits.starts_with('+') => u64::from_str_radix(digits, 8).ok(),
        _ => word.parse().ok(),
    }
}

fn port(word: &str) -> Result<u16, String> {
    u16::try_from(number(word)).map_err(|_| "Invalid port number.".to_owned())
}

/// A number as C's `atoi` reads it, within bounds.
fn number(word: &str) -> i32 {
    let (is_negative, digits) = digits(word);
    let value =
        digits.bytes().fold(0_i32, |value, digit| value.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    if is_negative { -value } else { value }
}

fn epoch(word: &str) -> u64 {
    let (is_negative, digits) = digits(word);
    let value =
        digits.bytes().fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    if is_negative { 0 } else { value }
}

fn digits(word: &str) -> (bool, &str) {
    let word = word.trim_ascii_start();
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    (word.starts_with('-'), &unsigned[..end])
}

/// What must be known before a master is.
const GLOBALS: &[&str] = &[
    "announce-ip",
    "announce-port",
    "deny-scripts-reconfig",
    "sentinel-user",
    "sentinel-pass",
    "current-epoch",
    "myid",
    "resolve-hostnames",
    "announce-hostnames",
    "state-config-file",
];

/// What a master has once.
const SETTINGS: &[&str] = &[
    "down-after-milliseconds",
    "failover-timeout",
    "parallel-syncs",
    "notification-script",
    "client-reconfig-script",
    "auth-pass",
    "auth-user",
    "master-reboot-down-after-period",
    "primary-reboot-down-after-period",
    "config-epoch",
    "leader-epoch",
];

/// Characters of a Sentinel's id.
const ID_LENGTH: usize = 40;

const UNRECOGNIZED: &str = "Unrecognized sentinel configuration statement.";
