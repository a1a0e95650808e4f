//! What does `CLIENT` do? Connections are named, told, paused and closed.

use resp::Value;

use super::client::{Answers, Client};
use super::describe;
use super::guest::{Kind, Known, Tracking};
use super::refusal::{error, lower, not_an_integer, ok, syntax, text, wrong_arity};

/// Answers `CLIENT …`; the number of words is right. `None`: nothing is said.
pub(super) fn answer(client: &mut Client<'_>, words: &[Vec<u8>]) -> Option<Value> {
    let second = words.get(1).map(|word| lower(word)).unwrap_or_default();
    Some(match (lower(&words[0]).as_str(), &words[1..]) {
        ("id", _) => id(client),
        ("getname", _) => {
            let name = client.guest.known(|known| known.name.clone());
            if name.is_empty() { Value::Null } else { Value::bulk(name) }
        }
        ("setname", [name]) => set_name(client, name).unwrap_or_else(ok),
        ("info", _) => {
            let now = host::clock::now();
            verbatim(client.guest.known(|known| known.line(client.guest.id, now)) + "\n")
        }
        ("list", options) => list(client, options),
        ("kill", [addr]) => kill_one(client, &text(addr)),
        ("kill", options) => kill(client, options),
        ("no-evict", [_]) => match second.as_str() {
            "on" | "off" => {
                client.guest.known(|known| known.no_evict = second == "on");
                ok()
            }
            _ => syntax(),
        },
        ("pause", [time, mode @ ..]) => pause(client, time, mode),
        ("unpause", _) => {
            *super::lock(&client.guest.port.paused) = None;
            client.guest.port.resumed.notify_waiters();
            ok()
        }
        ("reply", [_]) => return reply(client, &second),
        ("tracking", [on, options @ ..]) => tracking(client, on, options).map_or_else(|refusal| refusal, |()| ok()),
        ("trackinginfo", _) => tracking_info(client),
        ("getredir", _) => client.guest.known(|known| redirect(known)),
        ("caching", [_]) => caching(client, &second),
        ("unblock", [id, reason @ ..]) => unblock(id, reason),
        ("help", _) => describe::help("client"),
        (other, _) => wrong_arity(&format!("client|{other}")),
    })
}

pub(super) fn id(client: &Client<'_>) -> Value {
    number(client.guest.id)
}

fn number(n: u64) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn verbatim(text: String) -> Value {
    Value::Verbatim { format: *b"txt", text: text.into_bytes() }
}

/// Names the connection; an empty name is none. Returns the refusal of a name that would break `CLIENT LIST`.
pub(super) fn set_name(client: &Client<'_>, name: &[u8]) -> Option<Value> {
    if name.len() > MAX_NAME || !name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Some(error("ERR Client names cannot contain spaces, newlines or special characters."));
    }
    client.guest.known(|known| known.name = text(name));
    None
}

/// Which connections are told.
type Filter = dyn Fn(u64, &Known) -> bool;

fn list(client: &Client<'_>, options: &[Vec<u8>]) -> Value {
    let fits: Box<Filter> = match options {
        [] => Box::new(|_, _| true),
        [option, kind] if option.eq_ignore_ascii_case(b"type") => match Kind::named(&lower(kind)) {
            Some(kind) => Box::new(move |_, known| known.kind() == kind),
            None => return unknown_kind(kind),
        },
        [option, ids @ ..] if option.eq_ignore_ascii_case(b"id") && !ids.is_empty() => {
            let Ok(ids) = ids.iter().map(|id| text(id).parse::<u64>()).collect::<Result<Vec<_>, _>>() else {
                return error("ERR Invalid client ID");
            };
            Box::new(move |id, _| ids.contains(&id))
        }
        _ => return syntax(),
    };
    let now = host::clock::now();
    let clients = client.guest.port.clients();
    let lines = clients.iter().filter(|(id, known)| fits(**id, known)).map(|(id, known)| known.line(*id, now) + "\n");
    verbatim(lines.collect())
}

fn many(subcommand: &str) -> Value {
    error(&format!("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try CLIENT HELP."))
}

fn unknown_kind(kind: &[u8]) -> Value {
    error(&format!("ERR Unknown client type '{}'", text(kind)))
}

/// The old form: one address, and an error if nobody has it.
fn kill_one(client: &mut Client<'_>, addr: &str) -> Value {
    let own = client.guest.known(|known| known.addr == addr);
    client.quits |= own;
    let n = if own { 1 } else { client.guest.port.close_where(|known| known.addr == addr) };
    if n == 0 { error("ERR No such client") } else { ok() }
}

/// Which connections to close: all that is said has to fit.
#[derive(Default)]
struct Wanted {
    id: Option<u64>,
    kind: Option<Kind>,
    user: Option<String>,
    addr: Option<String>,
    laddr: Option<String>,
    me_too: bool,
}

impl Wanted {
    fn read(client: &Client<'_>, options: &[Vec<u8>]) -> Result<Self, Value> {
        let mut wanted = Self::default();
        let (pairs, left) = options.as_chunks::<2>();
        for [option, value] in pairs {
            match (lower(option).as_str(), text(value)) {
                ("id", id) => {
                    let id = id.parse().ok().filter(|id| *id > 0);
                    wanted.id = Some(id.ok_or_else(|| error("ERR client-id should be greater than 0"))?);
                }
                ("type", kind) => {
                    let known = Kind::named(&kind.to_ascii_lowercase());
                    wanted.kind = Some(known.ok_or_else(|| unknown_kind(value))?);
                }
                ("user", user) => {
                    if client.guest.port.users().get(&user).is_none() {
                        return Err(error(&format!("ERR No such user '{user}'")));
                    }
                    wanted.user = Some(user);
                }
                ("addr", addr) => wanted.addr = Some(addr),
                ("laddr", addr) => wanted.laddr = Some(addr),
                ("skipme", yes) if yes.eq_ignore_ascii_case("yes") => wanted.me_too = false,
                ("skipme", no) if no.eq_ignore_ascii_case("no") => wanted.me_too = true,
                _ => return Err(syntax()),
            }
        }
        if left.is_empty() { Ok(wanted) } else { Err(syntax()) }
    }

    fn fits(&self, id: u64, known: &Known) -> bool {
        self.id.is_none_or(|wanted| wanted == id)
            && self.kind.is_none_or(|wanted| wanted == known.kind())
            && self.user.as_ref().is_none_or(|wanted| known.authenticated && *wanted == known.user)
            && self.addr.as_ref().is_none_or(|wanted| *wanted == known.addr)
            && self.laddr.as_ref().is_none_or(|wanted| *wanted == known.laddr)
    }
}

fn kill(client: &mut Client<'_>, options: &[Vec<u8>]) -> Value {
    let wanted = match Wanted::read(client, options) {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal,
    };
    let own = client.guest.id;
    let mut n = 0;
    for (id, known) in &*client.guest.port.clients() {
        if wanted.fits(*id, known) && (wanted.me_too || *id != own) {
            n += 1;
            if *id == own {
                // After the reply, which tells it how many there were.
                client.quits = true;
            } else {
                known.bell.notify_one();
            }
        }
    }
    number(n)
}

fn pause(client: &Client<'_>, time: &[u8], mode: &[Vec<u8>]) -> Value {
    let all = match mode.iter().map(|mode| lower(mode)).collect::<Vec<_>>().as_slice() {
        [] => true,
        [mode] if mode == "all" => true,
        [mode] if mode == "write" => false,
        [_] => return error("ERR CLIENT PAUSE mode must be WRITE or ALL"),
        _ => return many("pause"),
    };
    let Ok(time) = text(time).parse::<i64>() else {
        return error("ERR timeout is not an integer or out of range");
    };
    let Ok(time) = u64::try_from(time) else {
        return error("ERR timeout is negative");
    };
    let until = host::clock::now() + std::time::Duration::from_millis(time.min(LONGEST_PAUSE_MS));
    *super::lock(&client.guest.port.paused) = Some((until, all));
    ok()
}

fn reply(client: &mut Client<'_>, mode: &str) -> Option<Value> {
    match mode {
        "on" => client.answers = Answers::All,
        "off" => client.answers = Answers::None,
        "skip" if client.answers != Answers::None => client.answers = Answers::SkipNext,
        "skip" => {}
        _ => return Some(syntax()),
    }
    (mode == "on").then(ok)
}

fn tracking(client: &Client<'_>, on: &[u8], options: &[Vec<u8>]) -> Result<(), Value> {
    let mut wanted = Tracking::default();
    let mut rest = options;
    while let [option, more @ ..] = rest {
        rest = match (lower(option).as_str(), more) {
            ("redirect", [id, more @ ..]) => {
                let id = text(id).parse::<u64>().map_err(|_| error("ERR Invalid client ID"))?;
                if !client.guest.port.clients().contains_key(&id) {
                    return Err(error("ERR The client ID you want redirect to does not exist"));
                }
                wanted.redirect = id;
                more
            }
            ("prefix", [prefix, more @ ..]) => {
                wanted.prefixes.push(prefix.clone());
                more
            }
            ("bcast", _) => {
                wanted.bcast = true;
                more
            }
            ("optin", _) => {
                wanted.optin = true;
                more
            }
            ("optout", _) => {
                wanted.optout = true;
                more
            }
            ("noloop", _) => {
                wanted.noloop = true;
                more
            }
            _ => return Err(syntax()),
        };
    }
    match lower(on).as_str() {
        "off" => client.guest.known(|known| known.tracking = None),
        "on" => turn_on(client, wanted)?,
        _ => return Err(syntax()),
    }
    Ok(())
}

fn turn_on(client: &Client<'_>, mut wanted: Tracking) -> Result<(), Value> {
    if !wanted.bcast && !wanted.prefixes.is_empty() {
        return Err(error("ERR PREFIX option requires BCAST mode to be enabled"));
    }
    if wanted.bcast && (wanted.optin || wanted.optout) {
        return Err(error("ERR OPTIN and OPTOUT are not compatible with BCAST"));
    }
    if wanted.optin && wanted.optout {
        return Err(error("ERR You can't specify both OPTIN mode and OPTOUT mode"));
    }
    client.guest.known(|known| {
        if let Some(before) = &known.tracking {
            if before.bcast != wanted.bcast {
                return Err(error(
                    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
                ));
            }
            if (before.optin && wanted.optout) || (before.optout && wanted.optin) {
                return Err(error(
                    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
                ));
            }
            wanted.prefixes.splice(0..0, before.prefixes.iter().cloned());
            wanted.prefixes.truncate(MAX_PREFIXES);
        }
        if wanted.bcast && wanted.prefixes.is_empty() {
            wanted.prefixes.push(Vec::new());
        }
        known.tracking = Some(wanted);
        Ok(())
    })
}

fn tracking_info(client: &Client<'_>) -> Value {
    client.guest.known(|known| {
        let default = Tracking::default();
        let t = known.tracking.as_ref().unwrap_or(&default);
        let flags = [
            (known.tracking.is_none(), "off"),
            (known.tracking.is_some(), "on"),
            (t.bcast, "bcast"),
            (t.optin, "optin"),
            (t.optout, "optout"),
            (t.noloop, "noloop"),
        ];
        let flags = flags.iter().filter(|(is, _)| *is).map(|(_, flag)| Value::bulk(flag));
        Value::Map(vec![
            (Value::bulk("flags"), Value::Set(flags.collect())),
            (Value::bulk("redirect"), redirect(known)),
            (Value::bulk("prefixes"), Value::Array(t.prefixes.iter().map(Value::bulk).collect())),
        ])
    })
}

fn redirect(known: &Known) -> Value {
    known.tracking.as_ref().map_or(Value::Int(-1), |t| number(t.redirect))
}

fn caching(client: &Client<'_>, yes: &str) -> Value {
    let modes = client.guest.known(|known| known.tracking.as_ref().map(|t| (t.optin, t.optout)));
    match (modes, yes) {
        (None, _) => error(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ),
        (Some((true, _)), "yes") | (Some((_, true)), "no") => ok(),
        (Some(_), "yes") => error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."),
        (Some(_), "no") => error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
        _ => syntax(),
    }
}

fn unblock(id: &[u8], reason: &[Vec<u8>]) -> Value {
    match reason.iter().map(|reason| lower(reason)).collect::<Vec<_>>().as_slice() {
        [] => {}
        [reason] if reason == "timeout" || reason == "error" => {}
        [_] => return error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        _ => return many("unblock"),
    }
    // No command here blocks, so nobody can be freed.
    if text(id).parse::<i64>().is_ok() { Value::Int(0) } else { not_an_integer() }
}

/// Bytes of a client's name; Redis has no bound.
const MAX_NAME: usize = 1_024;
/// A pause of a hundred years is as good as one for ever, and can be added to a time.
const LONGEST_PAUSE_MS: u64 = 100 * 365 * 86_400_000;
/// Prefixes that one connection may name, over several commands.
const MAX_PREFIXES: usize = 1_024;
