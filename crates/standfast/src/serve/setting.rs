//! What does `SENTINEL` change? `MONITOR`, `REMOVE`, `SET`, `CONFIG` and `DEBUG`: their words become requests, or errors in stock's words.
//!
//! Where a file of the operator owns the configuration, nothing is changed from here: it would be undone by the next start.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use resp::{Value, glob};
use sentinel::script::Pending;
use sentinel::{GroupConfig, Knob, Request, Setting};
use view::GroupName;

use super::client::Client;
use super::refusal::{error, ok, stopping, text};
use super::rules::{Global, Keeper, Owner, Secret};
use super::sentinel::{NO_SUCH_MASTER, ask, is_watched};

/// Answers one of them; the number of words is right.
pub(super) async fn answer(client: &Client<'_>, name: &str, words: &[Vec<u8>]) -> Value {
    let words: Vec<String> = words.iter().map(|word| text(word)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match (name, words.as_slice()) {
        ("monitor", [name, host, port, quorum]) => monitor(client, name, host, port, quorum).await,
        ("remove", [name]) => remove(client, name).await,
        ("set", [name, changes @ ..]) => set(client, name, changes).await,
        ("config", [get, patterns @ ..]) if get.eq_ignore_ascii_case("get") && !patterns.is_empty() => {
            Ok(config_get(client, patterns))
        }
        ("config", [set, changes @ ..]) if set.eq_ignore_ascii_case("set") && changes.len() > 1 => {
            config_set(client, changes).await
        }
        ("config", _) => Err("ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.".to_owned()),
        ("debug", []) => Ok(pace(client).await),
        ("debug", changes) => tune(client, changes).await,
        _ => Ok(pending_scripts(client).await),
    };
    done.unwrap_or_else(|why| error(&why))
}

/// The refusal of a command that would change what the operator's file says; `None`: commands change the configuration here.
pub(super) fn refused_by_file(client: &Client<'_>, command: &str) -> Option<Value> {
    keeper(client, command).err().map(|why| error(&why))
}

fn keeper(client: &Client<'_>, command: &str) -> Result<Arc<dyn Keeper>, String> {
    match &client.guest.port.rules.owner {
        Owner::Commands(keeper) => Ok(Arc::clone(keeper)),
        Owner::File(file) => Err(format!(
            "ERR {command} is refused: the file {file} alone says what this node does; change it there, and say `standfast reload`"
        )),
    }
}

/// The address of a host of this name, where names may be resolved.
pub(super) fn resolve(client: &Client<'_>, host: &str) -> Option<IpAddr> {
    match &client.guest.port.rules.owner {
        Owner::File(_) => host.parse().ok(),
        Owner::Commands(keeper) => keeper.resolve(host),
    }
}

async fn monitor(client: &Client<'_>, name: &str, host: &str, port: &str, quorum: &str) -> Result<Value, String> {
    let wrong = |why: &str| format!("ERR {why}");
    let quorum: i64 = quorum.parse().map_err(|_| wrong("Invalid quorum"))?;
    let port: i64 = port.parse().map_err(|_| wrong("Invalid port"))?;
    if quorum <= 0 {
        return Err(wrong("Quorum must be 1 or greater."));
    }
    let quorum = u32::try_from(quorum).map_err(|_| wrong("Invalid quorum"))?;
    // Only this client waits for the name server.
    let ip = client.guest.port.rules.names.settle(host).await;
    let ip = ip.ok_or_else(|| wrong("Invalid IP address or hostname specified"))?;
    if is_watched(client, name).await {
        return Err(wrong("Duplicate master name."));
    }
    let port = u16::try_from(port).map_err(|_| wrong("Invalid port number."))?;
    if let Some(why) = bad_name(name) {
        return Err(why);
    }
    let keeper = keeper(client, "SENTINEL MONITOR")?;
    let pace = client
        .guest
        .port
        .node
        .look(|machine, _| (machine.pace(Knob::DefaultDownAfter), machine.pace(Knob::DefaultFailoverTimeout)));
    let Some((down_after, failover_timeout)) = pace.await else { return Ok(stopping()) };
    // Stock counts the Sentinels that it meets, and knows of none at first.
    let mut rules = GroupConfig::of(SocketAddr::new(ip, port), quorum, 1);
    (rules.down_after, rules.failover_timeout, rules.parallel_syncs) = (down_after, failover_timeout, 1);
    let group = GroupName::from(name);
    keeper.watch(&group, Some(host));
    let reply = ask(client, Request::Monitor { group: group.clone(), rules }).await;
    if matches!(reply, Value::Error(_)) {
        keeper.watch(&group, None);
    }
    Ok(reply)
}

/// A name becomes a word of a line: in the file, in hellos and in events.
fn bad_name(name: &str) -> Option<String> {
    let bad = name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',');
    bad.then(|| "ERR Invalid master name: it must not contain control characters, blanks or commas".to_owned())
}

async fn remove(client: &Client<'_>, name: &str) -> Result<Value, String> {
    if !is_watched(client, name).await {
        return Err(NO_SUCH_MASTER.to_owned());
    }
    let keeper = keeper(client, "SENTINEL REMOVE")?;
    let group = GroupName::from(name);
    let reply = ask(client, Request::Remove { group: group.clone() }).await;
    if !matches!(reply, Value::Error(_)) {
        keeper.watch(&group, None);
    }
    Ok(reply)
}

/// What one option of `SENTINEL SET` means: for the machine, and for the keeper.
type Change = (Setting, Option<Secret>);

/// Options before a wrong one stay applied, as in stock 7.0.
async fn set(client: &Client<'_>, name: &str, words: &[&str]) -> Result<Value, String> {
    if !is_watched(client, name).await {
        return Err(NO_SUCH_MASTER.to_owned());
    }
    let keeper = keeper(client, "SENTINEL SET")?;
    let group = GroupName::from(name);
    let mut settings = Vec::new();
    let mut rest = words;
    let mut wrong = None;
    while !rest.is_empty() {
        match change(keeper.as_ref(), rest) {
            Ok(((setting, secret), used)) => {
                if let Some(secret) = secret {
                    keeper.set_secret(&group, secret);
                }
                settings.push(setting);
                rest = &rest[used..];
            }
            Err(why) => {
                wrong = Some(why);
                break;
            }
        }
    }
    if settings.is_empty() {
        return wrong.map_or_else(|| Ok(ok()), Err);
    }
    let reply = ask(client, Request::Set { group, settings }).await;
    wrong.map_or(Ok(reply), Err)
}

/// Reads one option; tells also how many words it took.
fn change(keeper: &dyn Keeper, words: &[&str]) -> Result<(Change, usize), String> {
    let option = words[0].to_ascii_lowercase();
    let unknown = || format!("ERR Unknown option or number of arguments for SENTINEL SET '{}'", words[0]);
    let value = *words.get(1).ok_or_else(unknown)?;
    let invalid = |value: &str| format!("ERR Invalid argument '{value}' for SENTINEL SET '{}'", words[0]);
    let at_least = |least: u64| value.parse::<u64>().ok().filter(|n| *n >= least).ok_or_else(|| invalid(value));
    let time = |least: u64| at_least(least).map(Duration::from_millis);
    let count = || at_least(1).and_then(|n| u32::try_from(n).map_err(|_| invalid(value)));
    let plain =
        |value: &str| if value.chars().any(char::is_control) { Err(control_characters(&option)) } else { Ok(()) };
    let setting = match option.as_str() {
        "down-after-milliseconds" => Setting::DownAfter { time: time(1)? },
        "failover-timeout" => Setting::FailoverTimeout { time: time(1)? },
        "parallel-syncs" => Setting::ParallelSyncs { n: count()? },
        "quorum" => Setting::Quorum { n: count()? },
        "master-reboot-down-after-period" | "primary-reboot-down-after-period" => {
            Setting::RebootDownAfter { time: time(0)? }
        }
        "notification-script" => Setting::NotificationScript { path: script(keeper, "Notification", value)? },
        "client-reconfig-script" => {
            Setting::ClientReconfigScript { path: script(keeper, "Client reconfiguration", value)? }
        }
        "auth-user" => {
            plain(value)?;
            let secret = Secret::User(value.to_owned());
            return Ok(((Setting::AuthUser { name: value.to_owned() }, Some(secret)), 2));
        }
        "auth-pass" => {
            plain(value)?;
            return Ok(((Setting::AuthPass, Some(Secret::Password(value.to_owned()))), 2));
        }
        "rename-command" => {
            let to = *words.get(2).ok_or_else(unknown)?;
            if let Some(empty) = [value, to].into_iter().find(|word| word.is_empty()) {
                return Err(invalid(empty));
            }
            plain(value)?;
            plain(to)?;
            let (from, to) = (value.to_owned(), to.to_owned());
            let secret = Secret::Rename { from: from.clone(), to: to.clone() };
            return Ok(((Setting::RenameCommand { from, to }, Some(secret)), 3));
        }
        _ => return Err(unknown()),
    };
    Ok(((setting, None), 2))
}

fn control_characters(option: &str) -> String {
    format!("ERR The value of {option} must not contain control characters")
}

/// The path of a script; `None`: none. Whoever reaches this port could otherwise make this host run any program.
fn script(keeper: &dyn Keeper, kind: &str, path: &str) -> Result<Option<String>, String> {
    if keeper.scripts_are_locked() {
        return Err(
            "ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig configuration directive in your Sentinel configuration"
                .to_owned(),
        );
    }
    if path.chars().any(char::is_control) {
        return Err(control_characters("a script's path"));
    }
    if path.is_empty() {
        return Ok(None);
    }
    if keeper.is_program(path) {
        Ok(Some(path.to_owned()))
    } else {
        Err(format!("ERR {kind} script seems non existing or non executable"))
    }
}

/// Several patterns are told in their order, and no option twice, as since 7.2.
fn config_get(client: &Client<'_>, patterns: &[&str]) -> Value {
    let mut told: Vec<Global> = Vec::new();
    for pattern in patterns.iter().map(|pattern| pattern.to_ascii_lowercase()) {
        let fitting = Global::ALL.iter().filter(|(_, name)| glob::fits(pattern.as_bytes(), name.as_bytes()));
        for (option, _) in fitting {
            if !told.contains(option) {
                told.push(*option);
            }
        }
    }
    let value = |option: Global| match &client.guest.port.rules.owner {
        Owner::Commands(keeper) => keeper.option(option),
        // What a node of `standfast run` does: addresses are addresses, and nothing is announced but them.
        Owner::File(_) => match option {
            Global::ResolveHostnames | Global::AnnounceHostnames => "no".to_owned(),
            Global::AnnouncePort => "0".to_owned(),
            Global::AnnounceIp | Global::SentinelUser | Global::SentinelPass => String::new(),
            Global::Loglevel => "notice".to_owned(),
        },
    };
    Value::Map(told.into_iter().map(|option| (Value::bulk(option.name()), Value::bulk(value(option)))).collect())
}

/// All of them, or none where one is wrong.
async fn config_set(client: &Client<'_>, words: &[&str]) -> Result<Value, String> {
    let changes = config_changes(words)?;
    let keeper = keeper(client, "SENTINEL CONFIG SET")?;
    keeper.set_options(&changes);
    let has = |wanted: &[Global]| changes.iter().any(|(option, _)| wanted.contains(option));
    let reconnect = has(&[Global::SentinelUser, Global::SentinelPass]);
    let announce = has(&[Global::AnnounceIp, Global::AnnouncePort]).then(|| keeper.announce());
    Ok(ask(client, Request::Configure { announce, reconnect }).await)
}

/// What options and their values mean, each option once.
fn config_changes(words: &[&str]) -> Result<Vec<(Global, String)>, String> {
    let mut changes: Vec<(Global, String)> = Vec::new();
    for pair in words.chunks(2) {
        let option = pair[0];
        let found = Global::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(option));
        let (global, name) = *found.ok_or_else(|| format!("ERR Invalid argument '{option}' to SENTINEL CONFIG SET"))?;
        if changes.iter().any(|(known, _)| *known == global) {
            return Err(format!("ERR Duplicate argument '{option}' to SENTINEL CONFIG SET"));
        }
        let value = *pair.get(1).ok_or_else(|| format!("ERR Missing argument '{option}' value"))?;
        let invalid = || format!("ERR Invalid value '{value}' to SENTINEL CONFIG SET '{option}'");
        let one_of = |choices: &[&str]| {
            let value = value.to_ascii_lowercase();
            if choices.contains(&value.as_str()) { Ok(value) } else { Err(invalid()) }
        };
        let kept = match global {
            Global::ResolveHostnames | Global::AnnounceHostnames => one_of(&["yes", "no"])?,
            Global::Loglevel => one_of(&LOGLEVELS)?,
            Global::AnnouncePort => value.parse::<u16>().map_err(|_| invalid())?.to_string(),
            _ if value.chars().any(char::is_control) => return Err(control_characters(name)),
            _ => value.to_owned(),
        };
        changes.push((global, kept));
    }
    Ok(changes)
}

async fn pending_scripts(client: &Client<'_>) -> Value {
    let pending = client.guest.port.node.look(|machine, now| machine.scripts().pending(now)).await;
    let script = |script: Pending| {
        let text = |n: u128| Value::bulk(n.to_string());
        let (flag, time) = if script.running { ("running", "run-time") } else { ("scheduled", "run-delay") };
        Value::Map(vec![
            (Value::bulk("argv"), Value::Array(script.argv.iter().map(Value::bulk).collect())),
            (Value::bulk("flags"), Value::bulk(flag)),
            (Value::bulk("pid"), text(script.pid.into())),
            (Value::bulk(time), text(script.time.as_millis())),
            (Value::bulk("retry-num"), text(script.runs.into())),
        ])
    };
    pending.map_or_else(stopping, |pending| Value::Array(pending.into_iter().map(script).collect()))
}

async fn pace(client: &Client<'_>) -> Value {
    let told = client.guest.port.node.look(|machine, _| {
        let knobs = Knob::ALL.iter().map(|(knob, name, _)| {
            let time = machine.pace(*knob).as_millis().to_string();
            (Value::bulk(name.to_ascii_uppercase()), Value::bulk(time))
        });
        Value::Map(knobs.collect())
    });
    told.await.unwrap_or_else(stopping)
}

async fn tune(client: &Client<'_>, words: &[&str]) -> Result<Value, String> {
    let mut knobs = Vec::new();
    let mut wrong = None;
    let mut rest = words;
    while let [option, more @ ..] = rest {
        let found = Knob::ALL.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(option));
        let (Some((knob, ..)), [value, more @ ..]) = (found, more) else {
            wrong = Some(format!("ERR Unknown option or number of arguments for SENTINEL DEBUG '{option}'"));
            break;
        };
        let Some(ms) = value.parse::<u64>().ok().filter(|ms| *ms > 0) else {
            wrong = Some(format!("ERR Invalid argument '{value}' for SENTINEL DEBUG '{option}'"));
            break;
        };
        knobs.push((*knob, Duration::from_millis(ms)));
        rest = more;
    }
    if knobs.is_empty() {
        return wrong.map_or_else(|| Ok(ok()), Err);
    }
    let reply = ask(client, Request::Tune { knobs }).await;
    wrong.map_or(Ok(reply), Err)
}

/// `nothing` came with 7.2.
const LOGLEVELS: [&str; 5] = ["debug", "verbose", "notice", "warning", "nothing"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_changed_together_or_not_at_all() {
        let good = config_changes(&["Announce-Port", "7", "loglevel", "DEBUG", "sentinel-user", ""]).unwrap();
        let expected = [(Global::AnnouncePort, "7"), (Global::Loglevel, "debug"), (Global::SentinelUser, "")];
        assert_eq!(good, expected.map(|(option, value)| (option, value.to_owned())));
        for (bad, why) in [
            (&["announce-port", "7", "announce-PORT", "8"][..], "Duplicate argument 'announce-PORT'"),
            (&["announce-port", "7", "nope", "8"], "Invalid argument 'nope'"),
            (&["announce-port", "-7", "announce-ip", "x"], "Invalid value '-7'"),
            (&["loglevel", "loud"], "Invalid value 'loud'"),
            (&["announce-port", "7", "announce-ip"], "Missing argument 'announce-ip'"),
            (&["announce-ip", "a\nb"], "control characters"),
        ] {
            assert!(config_changes(bad).unwrap_err().contains(why), "{bad:?}");
        }
    }

    #[test]
    fn names_that_would_break_a_line_are_refused() {
        for bad in ["", "a b", "a\nb", "a,b"] {
            assert!(bad_name(bad).is_some(), "{bad:?}");
        }
        assert_eq!(bad_name("my-master_1.x"), None);
    }
}
