//! What does not fit together at a listener's edges: certificates, lists of addresses, sockets.

use std::ops::Range;

use crate::choice::{ClientCertificates, Mode, OnUnknown, Pool, SendProxy};
use crate::config::Tables;
use crate::diagnostic::Problem;
use crate::edge::{Endpoint, Network};
use crate::setting::Settings;
use crate::value::quote;

use super::{header, missing};

/// Every inner table of listeners and groups.
pub(super) fn inner(found: &mut Vec<Problem>, tables: &Tables) {
    for group in &tables.groups {
        for tls in ["server-tls", "sentinel-tls"].into_iter().filter_map(|key| group.get::<Settings>(key)) {
            missing(found, &tls);
            pair(found, &tls);
        }
    }
    for listener in &tables.listeners {
        if let Some(tls) = listener.get::<Settings>("tls") {
            missing(found, &tls);
            authority(found, &tls);
            names(found, &tls);
        }
        networks(found, listener);
        shared(found, listener);
        never_shared(found, listener);
        opaque(found, listener);
        per_address(found, listener);
        unix(found, listener);
    }
    paths(found, &tables.listeners);
}

/// A certificate and its key come together.
pub(super) fn pair(found: &mut Vec<Problem>, tls: &Settings) {
    for (there, lacking) in [("cert", "key"), ("key", "cert")] {
        if let Some(span) = tls.span(there).filter(|_| tls.lacks(lacking)) {
            let wrong = format!("`{there}` without `{lacking}`: one is worth nothing without the other");
            found.push(Problem::new(span, wrong, format!("expected a `{lacking}` next to it")));
        }
    }
}

/// Clients that are asked for a certificate, and who signs them.
fn authority(found: &mut Vec<Problem>, tls: &Settings) {
    let asked = tls.get::<ClientCertificates>("client-certificates");
    let asks = asked.is_some_and(|asked| asked != ClientCertificates::None);
    if let Some(span) = tls.span("client-certificates").filter(|_| asks && tls.lacks("ca")) {
        let wrong = "clients are asked for a certificate, and nobody is named who signs them";
        found.push(Problem::new(span, wrong, "expected a `ca` next to it"));
    }
    if let Some(span) = tls.span("ca").filter(|_| asked == Some(ClientCertificates::None)) {
        let wrong = "`ca` has no meaning where no client is asked for a certificate";
        let help = "set client-certificates = \"required\" or \"optional\", or remove the line";
        found.push(Problem::new(span, wrong, "only with `client-certificates`").help(help));
    }
}

/// No name has two certificates.
fn names(found: &mut Vec<Problem>, tls: &Settings) {
    let mut taken: Vec<(String, Range<usize>)> = Vec::new();
    for table in tls.get::<Vec<Settings>>("sni").unwrap_or_default() {
        missing(found, &table);
        let (Some(names), Some(span)) = (table.get::<Vec<String>>("names"), table.span("names")) else { continue };
        for name in names {
            if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name) {
                let wrong = format!("the name {} has two certificates", quote(&name));
                found.push(Problem::new(span.clone(), wrong, "again").related(first.clone(), "first here"));
            } else {
                taken.push((name, span.clone()));
            }
        }
    }
}

/// A network in both lists, and lists where there are no addresses.
fn networks(found: &mut Vec<Problem>, listener: &Settings) {
    let [allow, deny] = ["allow", "deny"].map(|key| listener.get::<Vec<Network>>(key).unwrap_or_default());
    if let (Some(own), Some(other)) = (listener.span("deny"), listener.span("allow"))
        && let Some(both) = deny.iter().find(|network| allow.contains(network))
    {
        let wrong = format!("{both} is allowed and denied");
        found.push(Problem::new(own, wrong, "expected it in one of the lists").related(other, "the other one"));
    }
    // With the protocol, the addresses are those that it tells.
    let at_path = matches!(listener.get("listen"), Some(Endpoint::Unix(_)));
    if at_path && listener.lacks("proxy-protocol-from") {
        for span in ["allow", "deny"].into_iter().filter_map(|key| listener.span(key)) {
            let wrong = "the clients of a UNIX socket have no address";
            let problem = Problem::new(span, wrong, "only for `IP:port`, or with `proxy-protocol-from`");
            found.push(problem.help("who may connect is said by the rights of its file: see `unix`"));
        }
    }
}

/// A connection that is made for one client, and is shared by many.
fn shared(found: &mut Vec<Problem>, listener: &Settings) {
    let tells = listener.get::<SendProxy>("send-proxy").is_some_and(|told| told != SendProxy::None);
    if let (Some(own), Some(other)) = (listener.span("pool"), listener.span("send-proxy"))
        && tells
        && listener.get("pool") == Some(Pool::Shared)
    {
        let wrong = "a shared connection is made for nobody in particular, so that `send-proxy` has nobody to tell of";
        let problem =
            Problem::new(own, wrong, "expected \"session\"").related(other, "each is to be told for whom it is");
        found.push(
            problem.help("remove one of the lines; with `send-proxy` alone, each client has a connection of its own"),
        );
    }
}

/// From when on clients share, where they never do.
fn never_shared(found: &mut Vec<Problem>, listener: &Settings) {
    if let (Some(from), Some(pool)) = (listener.span("share-from"), listener.span("pool"))
        && listener.get("pool") == Some(Pool::Session)
    {
        let wrong =
            "`share-from` has no meaning with `pool = \"session\"`: each client has a connection of its own, always";
        let problem = Problem::new(from, wrong, "only for `pool = \"shared\"`").related(pool, "nobody shares");
        found.push(problem.help("remove one of the lines"));
    }
}

/// What is said of requests, where nobody tells them apart.
fn opaque(found: &mut Vec<Problem>, listener: &Settings) {
    if listener.get("mode") != Some(Mode::Tcp) {
        return;
    }
    let shares = listener.get("pool") == Some(Pool::Shared);
    let answers = listener.get("on-unknown") == Some(OnUnknown::Error);
    let meaningless = [
        ("pool", shares, "each client has a connection of its own: its bytes are not understood"),
        ("share-from", true, "each client has a connection of its own: its bytes are not understood"),
        ("on-unknown", answers, "no request is known, and none can be answered"),
        ("hold-bytes", true, "no request is known, and none is kept to be sent again"),
    ];
    for (key, _, why) in meaningless.into_iter().filter(|(_, is_asked, _)| *is_asked) {
        let Some(span) = listener.span(key) else { continue };
        let wrong = format!("`{key}` has no meaning with `mode = \"tcp\"`: {why}");
        let problem = Problem::new(span, wrong, "only for `mode = \"redis\"`").help("remove the line");
        found.push(match listener.span("mode") {
            Some(mode) => problem.related(mode, "bytes pass as they are"),
            None => problem,
        });
    }
}

/// Limits for each address, where clients have none.
fn per_address(found: &mut Vec<Problem>, listener: &Settings) {
    let at_path = matches!(listener.get("listen"), Some(Endpoint::Unix(_)));
    if !at_path || !listener.lacks("proxy-protocol-from") {
        return;
    }
    let limits = listener.inner("limits");
    for key in ["max-clients-per-address", "max-new-per-second-per-address"] {
        if let Some(span) = limits.span(key) {
            let wrong = format!("`{key}` has no meaning here: the clients of a UNIX socket have no address");
            let problem = Problem::new(span, wrong, "only for `IP:port`, or with `proxy-protocol-from`");
            found.push(problem.help("set `max-clients` or `max-new-per-second`, which are about all of them"));
        }
    }
}

/// What is only for the one kind of listener.
fn unix(found: &mut Vec<Problem>, listener: &Settings) {
    let (meaningless, why) = match listener.get("listen") {
        Some(Endpoint::Tcp(_)) => ("unix", "only for `listen = \"unix:/path\"`"),
        Some(Endpoint::Unix(_)) => ("client-tcp", "only for `listen = \"IP:port\"`"),
        None => return,
    };
    if let Some(span) = listener.span(meaningless) {
        found.push(Problem::new(span, format!("`{meaningless}` has no meaning for this listener"), why));
    }
}

/// Two sockets at one path.
fn paths(found: &mut Vec<Problem>, listeners: &[Settings]) {
    let path = |listener: &Settings| match listener.get("listen") {
        Some(Endpoint::Unix(path)) => Some(path),
        _ => None,
    };
    for (at, listener) in listeners.iter().enumerate() {
        let Some(own) = path(listener) else { continue };
        let Some(first) = listeners[..at].iter().find(|other| path(other).as_ref() == Some(&own)) else { continue };
        let wrong = format!("unix:{} is already taken by another listener", own.display());
        let problem = Problem::new(
            listener.span("listen").unwrap_or_else(|| header(listener)),
            wrong,
            "expected a path of its own",
        );
        found.push(match first.span("listen") {
            Some(span) => problem.related(span, "first here"),
            None => problem,
        });
    }
}
