//! Who may do what on this port? `ACL` and its subcommands.
//!
//! | module | answers |
//! |---|---|
//! | [`user`] | who is a user, and what may they do? |
//! | [`users`] | which users are there, and where are they written down? |
//! | [`log`](mod@log) | what was refused lately? |

pub(super) mod log;
pub(super) mod user;
pub(super) mod users;

use resp::Value;

use super::client::Client;
use super::refusal::{error, lower, not_an_integer, ok, text, wrong_arity};
use super::table::{self, CATEGORIES, COMMANDS};
use super::{command, describe};
use user::hex;
use users::DEFAULT;

/// Why a command may not be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Not this command.
    Command,
    /// Not with this channel.
    Channel(Vec<u8>),
}

/// Answers `ACL …`; the number of words is right.
pub(super) fn answer(client: &Client<'_>, words: &[Vec<u8>]) -> Value {
    let port = &client.guest.port;
    match (lower(&words[0]).as_str(), &words[1..]) {
        ("whoami", _) => Value::bulk(client.user()),
        ("users", _) => Value::Array(port.users().names().map(Value::bulk).collect()),
        ("list", _) => Value::Array(port.users().lines().map(Value::bulk).collect()),
        ("cat", []) => Value::Array(CATEGORIES.iter().map(Value::bulk).collect()),
        ("cat", [category]) => in_category(category),
        ("cat", _) => many("cat"),
        ("genpass", bits) => password(bits),
        ("getuser", [name]) => told(client, &text(name)),
        ("setuser", [name, rules @ ..]) => set(client, name, rules),
        ("deluser", names) => delete(client, names),
        ("dryrun", [user, words @ ..]) => dry_run(client, user, words),
        ("log", rest) => log(client, rest),
        ("load" | "save", _) if !port.users().is_in_file() => error(NO_FILE),
        ("load", _) => load(client),
        ("save", _) => port.users().save().map_or_else(|why| error(&format!("ERR {why}")), |()| ok()),
        ("help", _) => describe::help("acl"),
        (other, _) => wrong_arity(&format!("acl|{other}")),
    }
}

fn many(subcommand: &str) -> Value {
    error(&format!("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try ACL HELP."))
}

fn in_category(category: &[u8]) -> Value {
    let name = text(category);
    match table::category(&name) {
        Some(bit) => {
            let inside = COMMANDS.iter().filter(|spec| spec.categories & bit != 0 && !spec.is_newer());
            Value::Array(inside.map(|spec| Value::bulk(spec.name)).collect())
        }
        None => error(&format!("ERR Unknown category '{name}'")),
    }
}

fn password(bits: &[Vec<u8>]) -> Value {
    let bits = match bits {
        [] => 256,
        [bits] => match text(bits).parse::<i64>() {
            Ok(bits) => bits,
            Err(_) => return not_an_integer(),
        },
        _ => return many("genpass"),
    };
    match usize::try_from(bits) {
        Ok(bits @ 1..=4_096) => {
            let random: Vec<u8> = (0..bits.div_ceil(8 * 32)).flat_map(|_| host::random::bytes::<32>()).collect();
            let mut digits = hex(&random);
            digits.truncate(bits.div_ceil(4));
            Value::bulk(digits)
        }
        _ => error(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ),
    }
}

fn told(client: &Client<'_>, name: &str) -> Value {
    let users = client.guest.port.users();
    let Some(user) = users.get(name) else {
        return Value::Null;
    };
    let mut flags = vec![Value::bulk(if user.enabled { "on" } else { "off" })];
    flags.extend(user.nopass.then(|| Value::bulk("nopass")));
    let rights = |selector: &user::Selector| {
        vec![
            (Value::bulk("commands"), Value::bulk(selector.commands())),
            (Value::bulk("keys"), Value::bulk(selector.keys())),
            (Value::bulk("channels"), Value::bulk(selector.channels())),
        ]
    };
    let mut fields = vec![
        (Value::bulk("flags"), Value::Set(flags)),
        (Value::bulk("passwords"), Value::Array(user.passwords.iter().map(Value::bulk).collect())),
    ];
    fields.extend(rights(&user.root));
    let selectors = user.selectors.iter().map(|selector| Value::Map(rights(selector)));
    fields.push((Value::bulk("selectors"), Value::Array(selectors.collect())));
    Value::Map(fields)
}

fn set(client: &Client<'_>, name: &[u8], rules: &[Vec<u8>]) -> Value {
    let Ok(name) = str::from_utf8(name) else {
        return error("ERR Usernames have to be UTF-8 here");
    };
    let Ok(rules) = rules.iter().map(|rule| str::from_utf8(rule)).collect::<Result<Vec<_>, _>>() else {
        return error("ERR Rules have to be UTF-8 here; give a hash (#...) for a password that is not");
    };
    client.guest.port.users().set(name, &rules).map_or_else(|why| error(&format!("ERR {why}")), |()| ok())
}

fn delete(client: &Client<'_>, names: &[Vec<u8>]) -> Value {
    let port = &client.guest.port;
    if names.iter().any(|name| name == DEFAULT.as_bytes()) {
        return error("ERR The 'default' user cannot be removed");
    }
    let mut n = 0;
    for name in names.iter().map(|name| text(name)) {
        if port.users().delete(&name) {
            n += 1;
            port.close_where(|known| known.user == name);
        }
    }
    Value::Int(n)
}

fn load(client: &Client<'_>) -> Value {
    let port = &client.guest.port;
    let loaded = port.users().load();
    match loaded {
        Ok(()) => {
            // Those who were let in by rules that are gone have to come in by the new ones.
            port.close_where(|known| known.user != DEFAULT);
            ok()
        }
        Err(why) => error(&format!("ERR {why}")),
    }
}

fn dry_run(client: &Client<'_>, user: &[u8], words: &[Vec<u8>]) -> Value {
    let users = client.guest.port.users();
    let Some(user) = users.get(&text(user)) else {
        return error(&format!("ERR User '{}' not found", text(user)));
    };
    let command = match command::find(words) {
        Ok(command) => command,
        Err(command::Wrong::Arity(name)) => return wrong_arity(&name),
        Err(_) => return error(&format!("ERR Command '{}' not found", text(&words[0]))),
    };
    match user.may(command, words) {
        Ok(()) => ok(),
        Err(Denied::Command) => {
            let name = COMMANDS[command].name;
            Value::bulk(format!("This user has no permissions to run the '{name}' command"))
        }
        Err(Denied::Channel(name)) => {
            Value::bulk(format!("This user has no permissions to access the '{}' channel", text(&name)))
        }
    }
}

fn log(client: &Client<'_>, rest: &[Vec<u8>]) -> Value {
    let mut log = client.guest.port.acl_log();
    let n = match rest {
        [] => TOLD,
        [word] if word.eq_ignore_ascii_case(b"reset") => {
            log.forget();
            return ok();
        }
        [n] => match text(n).parse::<i64>() {
            Ok(n) => usize::try_from(n).unwrap_or_default(),
            Err(_) => return not_an_integer(),
        },
        _ => return many("log"),
    };
    log.tell(n, host::clock::now(), client.protocol)
}

/// Entries that `ACL LOG` tells when nobody says how many.
const TOLD: usize = 10;
const NO_FILE: &str = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
