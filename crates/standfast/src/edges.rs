//! What does the file say about the edges of listeners, and is all of it served?

use config::{Config, Endpoint, Limits, Mode, SendProxy};

use crate::failure::{Failure, Fault};

/// That nothing is asked of a listener that is not done.
///
/// # Errors
/// What is asked for and not done in this version: silence would let an operator believe in a lock that is open.
pub(crate) fn all_served(config: &Config) -> Result<(), Failure> {
    for listener in &config.listeners {
        let asked = [
            (matches!(listener.listen, Endpoint::Unix(_)), "listen = \"unix:...\""),
            (listener.mode == Mode::Tcp, "mode = \"tcp\""),
            (listener.tls.is_some(), "tls"),
            (listener.limits != Limits::default(), "limits"),
            (!listener.allow.is_empty(), "allow"),
            (!listener.deny.is_empty(), "deny"),
            (!listener.proxy_protocol_from.is_empty(), "proxy-protocol-from"),
            (listener.send_proxy != SendProxy::None, "send-proxy"),
            (!listener.idle_timeout.is_zero(), "idle-timeout"),
            (!listener.first_byte_timeout.is_zero(), "first-byte-timeout"),
        ];
        if let Some((_, option)) = asked.iter().find(|(asked, _)| *asked) {
            return Err(not_yet(config, option, listener.defined_at));
        }
    }
    match config.groups.iter().find(|group| group.server_tls.is_some()) {
        Some(group) => Err(not_yet(config, "server-tls", group.defined_at)),
        None => Ok(()),
    }
}

fn not_yet(config: &Config, option: &str, place: config::Place) -> Failure {
    let file = &config.file_name;
    let text = format!(
        "`{option}` of the table at {file}:{place} is not done in this version. Nothing was started. What to do: leave it out."
    );
    Failure::new(Fault::Misconfigured, text)
}
