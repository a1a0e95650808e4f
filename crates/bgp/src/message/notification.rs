//! Why does a session end, in the words of RFC 4271 and its successors?

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{NOTIFICATION, frame};

/// The last message of a session: what was wrong. Text form for people: `Cease / Administrative Shutdown "maintenance"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Which group of errors.
    pub code: u8,
    /// Which one of the group; 0: none in particular.
    pub subcode: u8,
    /// What belongs to it, at most [`MAX_DATA`] octets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<u8>,
}

impl Notification {
    pub(crate) const NOT_SYNCHRONIZED: Self = Self::plain(1, 1);
    pub(crate) const MALFORMED_OPEN: Self = Self::plain(2, 0);
    pub(crate) const BAD_PEER_AS: Self = Self::plain(2, 2);
    pub(crate) const BAD_BGP_IDENTIFIER: Self = Self::plain(2, 3);
    pub(crate) const UNSUPPORTED_PARAMETER: Self = Self::plain(2, 4);
    pub(crate) const UNACCEPTABLE_HOLD_TIME: Self = Self::plain(2, 6);
    pub(crate) const CONFIGURATION_CHANGE: Self = Self::plain(6, 6);
    pub(crate) const HOLD_TIMER_EXPIRED: Self = Self::plain(4, 0);

    /// One without data.
    const fn plain(code: u8, subcode: u8) -> Self {
        Self { code, subcode, data: Vec::new() }
    }

    pub(crate) fn bad_message_length(length: u16) -> Self {
        Self { code: 1, subcode: 2, data: length.to_be_bytes().to_vec() }
    }

    pub(crate) fn bad_message_type(kind: u8) -> Self {
        Self { code: 1, subcode: 3, data: vec![kind] }
    }

    /// The data is the version that we would have liked (RFC 4271 6.2).
    pub(crate) fn unsupported_version() -> Self {
        Self { code: 2, subcode: 1, data: vec![0, 4] }
    }

    /// The data are the capabilities that are missing (RFC 5492 5).
    pub(crate) fn unsupported_capability(missing: Vec<u8>) -> Self {
        Self { code: 2, subcode: 7, data: missing }
    }

    /// RFC 6608: a message that has no place in this state.
    pub(crate) const fn fsm_error(subcode: u8) -> Self {
        Self::plain(5, subcode)
    }

    /// An operator ends the session and says why (RFC 9003). Cut at [`MAX_TEXT`] octets, at a whole character.
    #[must_use]
    pub fn administrative_shutdown(text: &str) -> Self {
        let end = (0..=text.len().min(MAX_TEXT)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let mut data = vec![u8::try_from(end).unwrap_or(0)];
        data.extend_from_slice(&text.as_bytes()[..end]);
        Self { code: CEASE, subcode: ADMINISTRATIVE_SHUTDOWN, data }
    }

    pub(super) fn read(body: &[u8]) -> Self {
        // The framer lets none through that is shorter than its two numbers.
        let (&[code, subcode], data) = body.split_first_chunk().unwrap_or((&[0, 0], &[]));
        Self { code, subcode, data: data[..data.len().min(MAX_DATA)].to_vec() }
    }

    /// The octets of the message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        frame::whole(NOTIFICATION, |body| {
            body.extend_from_slice(&[self.code, self.subcode]);
            body.extend_from_slice(&self.data[..self.data.len().min(MAX_DATA)]);
        })
    }

    /// What the operator on the other side wrote, fit for a log: one line, no control characters.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        if self.code != CEASE || !matches!(self.subcode, ADMINISTRATIVE_SHUTDOWN | ADMINISTRATIVE_RESET) {
            return None;
        }
        let (&length, text) = self.data.split_first()?;
        let text = String::from_utf8_lossy(text.get(..usize::from(length))?);
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        Some(clean.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Whether the peer does not know the optional parameter that capabilities travel in (RFC 5492 3).
    pub(crate) const fn refuses_capabilities(&self) -> bool {
        self.code == 2 && self.subcode == 4
    }

    /// The name of the code and of the subcode, where they have one.
    fn names(&self) -> (Option<&'static str>, Option<&'static str>) {
        let Some((_, name, subcodes)) = NAMES.iter().find(|(code, ..)| *code == self.code) else {
            return (None, None);
        };
        let of_the_group = subcodes.iter().find(|(subcode, _)| *subcode == self.subcode);
        (Some(name), of_the_group.map(|(_, name)| *name))
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names() {
            (Some(name), Some(of_the_group)) => write!(f, "{name} / {of_the_group}")?,
            (Some(name), None) if self.subcode == 0 => f.write_str(name)?,
            (Some(name), None) => write!(f, "{name} / subcode {}", self.subcode)?,
            (None, _) => write!(f, "code {} / subcode {}", self.code, self.subcode)?,
        }
        self.text().map_or(Ok(()), |text| write!(f, " \"{}\"", text.replace('"', "'")))
    }
}

type Group = (u8, &'static str, &'static [(u8, &'static str)]);

/// RFC 4271 4.5, 4486, 5492, 6608, 7313, 8538, 9234, 9384, 9687: what IANA's list of "BGP Error Codes" holds.
const NAMES: &[Group] = &[
    (
        1,
        "Message Header Error",
        &[(1, "Connection Not Synchronized"), (2, "Bad Message Length"), (3, "Bad Message Type")],
    ),
    (
        2,
        "OPEN Message Error",
        &[
            (1, "Unsupported Version Number"),
            (2, "Bad Peer AS"),
            (3, "Bad BGP Identifier"),
            (4, "Unsupported Optional Parameter"),
            (6, "Unacceptable Hold Time"),
            (7, "Unsupported Capability"),
            (11, "Role Mismatch"),
        ],
    ),
    (
        3,
        "UPDATE Message Error",
        &[
            (1, "Malformed Attribute List"),
            (2, "Unrecognized Well-known Attribute"),
            (3, "Missing Well-known Attribute"),
            (4, "Attribute Flags Error"),
            (5, "Attribute Length Error"),
            (6, "Invalid ORIGIN Attribute"),
            (8, "Invalid NEXT_HOP Attribute"),
            (9, "Optional Attribute Error"),
            (10, "Invalid Network Field"),
            (11, "Malformed AS_PATH"),
        ],
    ),
    (4, "Hold Timer Expired", &[]),
    (
        5,
        "Finite State Machine Error",
        &[
            (1, "Unexpected Message in OpenSent"),
            (2, "Unexpected Message in OpenConfirm"),
            (3, "Unexpected Message in Established"),
        ],
    ),
    (
        6,
        "Cease",
        &[
            (1, "Maximum Number of Prefixes Reached"),
            (2, "Administrative Shutdown"),
            (3, "Peer De-configured"),
            (4, "Administrative Reset"),
            (5, "Connection Rejected"),
            (6, "Other Configuration Change"),
            (7, "Connection Collision Resolution"),
            (8, "Out of Resources"),
            (9, "Hard Reset"),
            (10, "BFD Down"),
        ],
    ),
    (7, "ROUTE-REFRESH Message Error", &[(1, "Invalid Message Length")]),
    (8, "Send Hold Timer Expired", &[]),
];

const CEASE: u8 = 6;
const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
const ADMINISTRATIVE_RESET: u8 = 4;
/// RFC 9003 allows 255; who knows only its predecessor takes 128 and calls more malformed.
pub const MAX_TEXT: usize = 128;
/// Of the data of a peer's notification; the longest that is defined, a text, needs 256. The rest is cut off.
pub const MAX_DATA: usize = 256;
