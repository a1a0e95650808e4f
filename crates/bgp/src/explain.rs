//! What is it doing, and why? One sentence.

use alloc::format;
use alloc::string::String;

use crate::event::State;
use crate::peer::Peer;

impl Peer {
    /// How many routes the peer has from us as of now.
    #[must_use]
    pub fn announces(&self) -> usize {
        if self.state == State::Established { self.book.told() } else { 0 }
    }

    /// One sentence for `standfast status` and the page.
    #[must_use]
    pub fn explain(&self) -> String {
        let to = self.neighbor.remote;
        let last = self.last_failure.as_ref().map(|why| format!("; last failure: {why}")).unwrap_or_default();
        match self.state {
            State::Idle if !self.started => format!("{to}: not wanted"),
            State::Idle => format!("{to}: waits before it connects again{last}"),
            State::Connect => format!("{to}: connects{last}"),
            State::OpenSent => format!("{to}: waits for the peer's OPEN{last}"),
            State::OpenConfirm => format!("{to}: waits for the peer to accept our OPEN{last}"),
            State::Established if !self.book.is_healthy() => {
                format!("{to}: established; announces nothing, because this host is not healthy")
            }
            State::Established => {
                format!("{to}: established; announces {} of {} routes", self.book.told(), self.book.wanted())
            }
        }
    }
}
