//! Who is this? `AUTH` and `HELLO`.

use resp::{Protocol, Value};

use super::acl::users::DEFAULT;
use super::client::Client;
use super::command::note;
use super::refusal::{error, lower, ok, syntax, text};
use super::{acl, connection, info};

/// `AUTH [username] password`.
pub(super) fn auth(client: &Client<'_>, words: &[Vec<u8>]) -> Value {
    let result = match &words[1..] {
        [_] if client.guest.port.users().get(DEFAULT).is_some_and(|user| user.knows_any()) => {
            return error(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
            );
        }
        [password] => login(client, &words[0], DEFAULT.as_bytes(), password),
        [user, password] => login(client, &words[0], user, password),
        _ => return syntax(),
    };
    result.map_or_else(|refusal| refusal, |()| ok())
}

fn login(client: &Client<'_>, command: &[u8], user: &[u8], password: &[u8]) -> Result<(), Value> {
    let name = text(user);
    let right = client.guest.port.users().get(&name).is_some_and(|user| user.lets_in(password));
    if !right {
        note(client, "auth", command.to_vec(), name);
        return Err(error("WRONGPASS invalid username-password pair or user is disabled."));
    }
    client.guest.known(|known| (known.user, known.authenticated) = (name, true));
    Ok(())
}

/// Whether this client showed no password, because none is wanted.
pub(super) fn is_anybody(client: &Client<'_>) -> bool {
    client.guest.known(|known| known.user == DEFAULT)
        && client.guest.port.users().get(DEFAULT).is_some_and(acl::user::User::is_open)
}

/// As if it had just come.
pub(super) fn forget(client: &Client<'_>) {
    let open = client.guest.port.users().get(DEFAULT).is_some_and(acl::user::User::is_open);
    client.guest.known(|known| {
        (known.user, known.authenticated) = (DEFAULT.to_owned(), open);
        known.name.clear();
        known.tracking = None;
        known.no_evict = false;
    });
}

/// `HELLO [2|3 [AUTH user password] [SETNAME name]]`. Nothing is changed unless all of it is right, but for the login.
pub(super) fn hello(client: &mut Client<'_>, words: &[Vec<u8>]) -> Value {
    let mut rest = &words[1..];
    let mut protocol = client.protocol;
    if let [version, more @ ..] = rest {
        protocol = match text(version).parse::<i64>() {
            Ok(2) => Protocol::Resp2,
            Ok(3) => Protocol::Resp3,
            Ok(_) => return error("NOPROTO unsupported protocol version"),
            Err(_) => return error("ERR Protocol version is not an integer or out of range"),
        };
        rest = more;
    }
    let mut name = None;
    let mut credentials = None;
    while let [option, more @ ..] = rest {
        rest = match (lower(option).as_str(), more) {
            ("auth", [user, password, more @ ..]) => {
                credentials = Some((user, password));
                more
            }
            ("setname", [wanted, more @ ..]) => {
                name = Some(wanted);
                more
            }
            _ => return error(&format!("ERR Syntax error in HELLO option '{}'", text(option))),
        };
    }
    if let Some((user, password)) = credentials
        && let Err(refusal) = login(client, &words[0], user, password)
    {
        return refusal;
    }
    if !client.guest.known(|known| known.authenticated) {
        return error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        );
    }
    if let Some(refusal) = name.and_then(|name| connection::set_name(client, name)) {
        return refusal;
    }
    client.protocol = protocol;
    let text = |value: &str| Value::bulk(value);
    Value::Map(vec![
        (text("server"), text("redis")),
        (text("version"), text(info::SPEAKS)),
        (text("proto"), Value::Int(if protocol == Protocol::Resp3 { 3 } else { 2 })),
        (text("id"), connection::id(client)),
        (text("mode"), text("sentinel")),
        (text("modules"), Value::Array(Vec::new())),
    ])
}
