//! Which requests are in the client's bytes?
//!
//! They are told apart without a look at their payload. What a client says that is no request is answered in its turn.

use alloc::vec::Vec;

use resp::{Malformed, Request, RequestScanner};

use crate::command::{Command, Kind};
use crate::owed::{MAX_OWED, State};
use crate::session::{Mode, Session};

/// What is missing of a request for which another way of reading is worth while: much more than copying costs.
const LARGE: usize = 4 * 1024;
/// Bytes that are read at once: as many as elsewhere.
const ROOM: usize = 64 * 1024;

impl Session {
    pub(crate) fn on_client_bytes(&mut self, bytes: &[u8]) {
        self.stats.bytes_in += bytes.len() as u64;
        self.kept.append(bytes);
        self.frame();
    }

    /// Bytes that the driver has put where they stay.
    pub(crate) fn on_client_read(&mut self, len: usize) {
        debug_assert!(len <= self.kept.unframed().len());
        self.stats.bytes_in += len as u64;
        self.frame();
    }

    /// Where the rest of a large request may be read to without a detour: behind the end of this buffer, which has the room. Whoever
    /// does so says [`Event::ClientRead`](crate::Event::ClientRead). `None`: what comes is read elsewhere, and is
    /// [`Event::ClientBytes`](crate::Event::ClientBytes).
    pub fn room(&mut self) -> Option<&mut Vec<u8>> {
        let here = self.kept.unframed().len();
        let wanted = self.requests.present().map_or(0, RequestScanner::wanted);
        let is_large = self.mode == Mode::Framed && here > 0 && wanted >= here + LARGE && !self.kept.is_open_ended();
        is_large.then(|| self.kept.room(ROOM))
    }

    /// Tells requests apart, as far as they are whole.
    pub(crate) fn frame(&mut self) {
        while self.mode == Mode::Framed && self.kept.owed() < MAX_OWED {
            if self.kept.is_open_ended() {
                if !self.stream() {
                    return;
                }
                continue;
            }
            let unframed = self.kept.unframed();
            match self.requests.get().next(unframed) {
                Ok(None) => {
                    if !self.stream() {
                        return;
                    }
                }
                Ok(Some(Request::Empty { len })) => self.kept.rewrite(len, &[]),
                Ok(Some(Request::Inline { len })) => {
                    // Only arrays are sent: the server must not read the line differently from us.
                    let mut array = Vec::new();
                    if let Err(malformed) = resp::inline::rewrite(&unframed[..len], &mut array) {
                        return self.on_malformed(malformed);
                    }
                    self.kept.rewrite(len, &array);
                }
                Ok(Some(Request::Command(request))) => {
                    // Redis would run out of patience long before; four gigabytes of small arguments are no request.
                    if u32::try_from(request.len()).is_err() {
                        return self.on_malformed(Malformed::InvalidMultibulkLength);
                    }
                    let command = Command::of(&request, unframed);
                    self.stats.requests += 1;
                    self.kept.push(request.len(), command, State::Owed);
                    if matches!(command.kind, Kind::Pin | Kind::Quit) {
                        self.mode = Mode::Paused;
                    }
                }
                Err(malformed) => return self.on_malformed(malformed),
            }
        }
    }

    pub(crate) fn on_malformed(&mut self, malformed: Malformed) {
        self.stats.malformed += 1;
        self.malformed = Some(malformed);
        self.mode = Mode::Paused;
        // Answered in its turn; no byte of it goes anywhere.
        self.kept.push(0, Command::QUIT, State::Malformed);
    }
}
