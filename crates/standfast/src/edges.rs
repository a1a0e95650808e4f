//! What does the file say about the edges of listeners, in the words of the proxy?

pub(crate) mod tls;

use std::io;

use config::{Config, Group, Limits, Listener, SendProxy};
use host::account;
use proxy::edge::{ClientTcp, Mode, Patience, ServerTcp, UnixFile};
use proxy::gate::{self, Lists, Network};
use proxy::proxy_protocol::Version;
use proxy::{Edge, Endpoint};

use crate::failure::{Failure, Fault};

/// That all that the file asks of listeners can be done.
///
/// # Errors
/// What cannot.
pub(crate) fn all_served(config: &Config) -> Result<(), Failure> {
    config.listeners.iter().try_for_each(|listener| {
        endpoint(config, listener)?;
        edge(config, listener, group_of(config, listener)).map(|_| ())
    })
}

/// The group that a listener leads to.
pub(crate) fn group_of<'a>(config: &'a Config, listener: &Listener) -> &'a Group {
    let group = config.groups.iter().find(|group| group.name == listener.group);
    group.expect("the configuration was checked: every listener names a group")
}

/// Where a listener is.
///
/// # Errors
/// A user or a group that this host does not have.
pub(crate) fn endpoint(config: &Config, listener: &Listener) -> Result<Endpoint, Failure> {
    let path = match &listener.listen {
        config::Endpoint::Tcp(addr) => return Ok(Endpoint::Tcp(*addr)),
        config::Endpoint::Unix(path) => path.clone(),
    };
    let number = |what, name: Option<&String>, of_host: fn(&str) -> io::Result<Option<u32>>| {
        let Some(name) = name else { return Ok(None) };
        let found = match name.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => of_host(name),
        };
        match found {
            Ok(Some(number)) => Ok(Some(number)),
            Ok(None) => Err(stranger(config, listener, what, name, "there is none of that name")),
            Err(error) => Err(stranger(config, listener, what, name, &error.to_string())),
        }
    };
    Ok(Endpoint::Unix(UnixFile {
        path,
        mode: listener.unix.mode.into(),
        owner: number("user", listener.unix.user.as_ref(), account::user)?,
        group: number("group", listener.unix.group.as_ref(), account::group)?,
    }))
}

/// Who may come in, and how.
///
/// # Errors
/// Which file of certificates cannot be used, and why.
pub(crate) fn edge(config: &Config, listener: &Listener, group: &Group) -> Result<Edge, Failure> {
    let networks = |list: &[config::Network]| list.iter().map(|n| Network { ip: n.ip, bits: n.bits }).collect();
    Ok(Edge {
        mode: match listener.mode {
            config::Mode::Redis => Mode::Redis,
            config::Mode::Tcp => Mode::Tcp,
        },
        lists: Lists { allow: networks(&listener.allow), deny: networks(&listener.deny) },
        limits: limits(listener.limits),
        proxy_protocol_from: networks(&listener.proxy_protocol_from),
        tls: tls::clients(config, listener)?,
        server_tls: tls::servers(config, group)?,
        send_proxy: match listener.send_proxy {
            SendProxy::None => None,
            SendProxy::V1 => Some(Version::V1),
            SendProxy::V2 => Some(Version::V2),
        },
        first_byte_timeout: listener.first_byte_timeout,
        idle_timeout: listener.idle_timeout,
        client_tcp: ClientTcp(patience(listener.client_tcp)),
        server_tcp: ServerTcp(patience(listener.server_tcp)),
    })
}

fn limits(limits: Limits) -> gate::Limits {
    gate::Limits {
        clients: limits.max_clients,
        clients_per_address: limits.max_clients_per_address,
        new_per_second: limits.max_new_per_second,
        new_per_second_per_address: limits.max_new_per_second_per_address,
    }
}

fn patience(tcp: config::Tcp) -> Patience {
    Patience {
        keepalive: tcp.keepalive,
        interval: tcp.keepalive_interval,
        count: tcp.keepalive_count,
        user_timeout: tcp.user_timeout,
    }
}

fn stranger(config: &Config, listener: &Listener, what: &str, name: &str, why: &str) -> Failure {
    let (file, place, listen) = (&config.file_name, listener.defined_at, &listener.listen);
    let text = format!(
        "the socket of the listener at {file}:{place}, {listen}, is to belong to the {what} {name:?}: {why}. Nothing was started. \
         What to do: make the {what}, or name another one in `unix`."
    );
    Failure::new(Fault::Misconfigured, text)
}
