//! How are the machine's words about addresses logged? One event, one line; the state also in Keepalived's word.

use node::event::Action;
use vrrp::State;

/// Logs what is for people in this action.
pub(super) fn log(action: &Action) {
    match action {
        Action::Changed { address, from, to, priority, why } => {
            let (state, priority) = (word(*to), priority.0);
            match to {
                State::Fault => tracing::warn!(address, state, priority, "{from} -> {to}: {why}"),
                _ => tracing::info!(address, state, priority, "{from} -> {to}: {why}"),
            }
        }
        Action::GroupChanged { group, from, to } => {
            tracing::info!(sync_group = group, state = word(*to), "the sync group: {from} -> {to}");
        }
        Action::Tell { address, is_bad: true, text } => tracing::warn!(address, "{text}"),
        Action::Tell { address, is_bad: false, text } => tracing::info!(address, "{text}"),
        Action::Router { address, action: vrrp::Action::Tell { from, refused, counted, times } } => {
            let from = from.map_or_else(|| "an unknown sender".to_owned(), |from| from.to_string());
            let what = if *counted { "it counts nevertheless" } else { "it counts for nothing" };
            tracing::warn!(address, times, "a VRRP packet of {from}: {refused}; {what}");
        }
        Action::Peer { address, neighbor, action } => peer(address, neighbor, action),
        _ => {}
    }
}

fn peer(address: &str, neighbor: &str, action: &bgp::Action) {
    match action {
        bgp::Action::StateChanged { from, to, why } => {
            let is_news = [from, to].contains(&&bgp::State::Established);
            match (why.is_failure(), is_news) {
                (true, _) => tracing::warn!(address, neighbor, "BGP {from:?} -> {to:?}: {why}"),
                (false, true) => tracing::info!(address, neighbor, "BGP {from:?} -> {to:?}: {why}"),
                (false, false) => tracing::debug!(address, neighbor, "BGP {from:?} -> {to:?}: {why}"),
            }
        }
        bgp::Action::Told { announced, withdrawn } => {
            tracing::info!(address, neighbor, "{announced} routes announced, {withdrawn} withdrawn");
        }
        bgp::Action::Untold { prefix, why } => tracing::warn!(address, neighbor, "{prefix} is not announced: {why}"),
        bgp::Action::Connect { .. } | bgp::Action::Send { .. } | bgp::Action::Close { .. } => {}
    }
}

/// The state as a word.
pub(crate) const fn word(state: State) -> &'static str {
    match state {
        State::Initialize => "initialize",
        State::Fault => "fault",
        State::Backup => "backup",
        State::Active => "active",
    }
}
