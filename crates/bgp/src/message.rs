//! What did the peer send, and what is answered to what is no message?
//!
//! ```text
//!   16 octets of ones | length, 2 | type | the type's own
//! ```
//!
//! Every sequence of octets is one of three: a message, the [`Notification`] with which RFC 4271 6 answers it, or not whole yet.
//! What an UPDATE says is not looked at: this speaker imports nothing, so a broken one can do no harm, and a session that carries our
//! routes is not given up for it (the aim of RFC 7606, taken to its end).

mod frame;
mod notification;
mod open;
mod update;

use alloc::vec::Vec;

pub use frame::{Framer, MAX_MESSAGE};
pub use notification::{MAX_DATA, MAX_TEXT, Notification};
pub use open::{AS_TRANS, Capability, Open};
pub use update::{PREFIXES, Paths};

use crate::route::Family;

/// A message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// What the peer is and can do.
    Open(Open),
    /// Routes, of which we want none.
    Update,
    /// Why the peer ends the session.
    Notification(Notification),
    /// The peer is there.
    Keepalive,
    /// All routes of the family once more (RFC 2918); `None`: of one that is not ours, or a kind of request that is not.
    RouteRefresh(Option<Family>),
}

impl Message {
    /// What a whole message says.
    ///
    /// # Errors
    /// With the answer that the peer gets before the session ends.
    pub fn read(message: &Raw<'_>) -> Result<Self, Notification> {
        match message.kind {
            OPEN => Open::read(message.body).map(Self::Open),
            UPDATE => Ok(Self::Update),
            NOTIFICATION => Ok(Self::Notification(Notification::read(message.body))),
            KEEPALIVE => Ok(Self::Keepalive),
            // The framer lets through no other type.
            _ => Ok(Self::RouteRefresh(read_route_refresh(message.body))),
        }
    }
}

/// A message of which only the frame was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// One of the five types.
    pub(crate) kind: u8,
    /// What stands behind the header.
    pub(crate) body: &'a [u8],
}

/// The message that says that we are there.
#[must_use]
pub fn keepalive() -> Vec<u8> {
    frame::whole(KEEPALIVE, |_| {})
}

fn read_route_refresh(body: &[u8]) -> Option<Family> {
    // What follows are filters (RFC 5291), which were not negotiated.
    let [high, low, subtype, safi, ..] = *body else { return None };
    // The other kinds of RFC 7313 tell where a refresh begins and ends: for who imports.
    if subtype == 0 { Family::from_wire(u16::from_be_bytes([high, low]), safi) } else { None }
}

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;
const ROUTE_REFRESH: u8 = 5;
