//! Where does a message end, and may one begin like this?

use alloc::vec::Vec;

use super::{KEEPALIVE, NOTIFICATION, Notification, OPEN, ROUTE_REFRESH, Raw, UPDATE};

/// Cuts a stream into messages, however it comes. Holds less than one message.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    held: Vec<u8>,
    /// What ended the stream: nothing after it is a message.
    broken: Option<Notification>,
}

impl Framer {
    /// Hands each whole message to `take`, until that returns false; what is then left is forgotten.
    ///
    /// # Errors
    /// What RFC 4271 6.1 answers to what is no message. From then on always the same.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Raw<'_>) -> bool) -> Result<(), Notification> {
        if let Some(answer) = &self.broken {
            return Err(answer.clone());
        }
        loop {
            let wanted = if self.held.len() < HEADER {
                HEADER
            } else {
                self.length_of_held().inspect_err(|answer| self.broken = Some(answer.clone()))?
            };
            let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.held.len()));
            self.held.extend_from_slice(taken);
            bytes = rest;
            if self.held.len() < wanted {
                return Ok(());
            }
            // Either the header is whole now, and tells the length, or the message is.
            let length = self.length_of_held().inspect_err(|answer| self.broken = Some(answer.clone()))?;
            if self.held.len() == length {
                let goes_on = take(Raw { kind: self.held[18], body: &self.held[HEADER..] });
                self.held.clear();
                if !goes_on {
                    return Ok(());
                }
            }
        }
    }

    /// How many octets of a message that is not whole are kept.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// The length that the header names, if it is a header.
    fn length_of_held(&self) -> Result<usize, Notification> {
        let (marker, rest) = self.held.split_at(16);
        if marker.iter().any(|&octet| octet != 0xFF) {
            return Err(Notification::NOT_SYNCHRONIZED);
        }
        let (length, kind) = (u16::from_be_bytes([rest[0], rest[1]]), rest[2]);
        let bad_length = || Notification::bad_message_length(length);
        let size = usize::from(length);
        if !(HEADER..=MAX_MESSAGE).contains(&size) {
            return Err(bad_length());
        }
        let least = match kind {
            OPEN => 29,
            UPDATE => 23,
            NOTIFICATION => 21,
            KEEPALIVE => HEADER,
            ROUTE_REFRESH => 23,
            unknown => return Err(Notification::bad_message_type(unknown)),
        };
        if size < least || (kind == KEEPALIVE && size > HEADER) { Err(bad_length()) } else { Ok(size) }
    }
}

/// A message of this type; `body` writes what stands behind the header, at most [`MAX_MESSAGE`] less 19 octets.
pub(crate) fn whole(kind: u8, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    message.extend_from_slice(&[0xFF; 16]);
    message.extend_from_slice(&[0, 0, kind]);
    body(&mut message);
    assert!(message.len() <= MAX_MESSAGE, "a message of {} octets", message.len());
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    message[16..18].copy_from_slice(&length.to_be_bytes());
    message
}

/// Marker, length and type.
pub(crate) const HEADER: usize = 19;
/// RFC 4271 4.1. Longer ones (RFC 8654) are for those who said that they take them, and we do not.
pub const MAX_MESSAGE: usize = 4096;
