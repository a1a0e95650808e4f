//! Which client or server connection does a token mean, and is it still the same one?
//!
//! The kernel may report a socket that was closed a moment ago in the same batch, and a place in a slab is given to the next who
//! comes. So a key carries the generation of whoever got it: a stale one finds nobody.

use mio::Token;
use slab::Slab;

/// The name of one entry of one kind; never used twice as long as anyone can remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

/// Entries that come and go.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slab: Slab<(u32, T)>,
    generation: u32,
}

/// Whom an event of the kernel concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Another thread has something for this worker.
    Call,
    /// Somebody wants to come in at the listener of this number.
    Listener(u32),
    /// Something is new with a client's socket.
    Client(Key),
    /// Something is new with a server connection.
    Server(Key),
    /// Something is new with the socket of somebody who is not in yet.
    Guest(Key),
    /// Something is new with a client of whose bytes nothing is known.
    PairClient(Key),
    /// Something is new with its server.
    PairServer(Key),
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slab: Slab::new(), generation: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// The key that the next insertion gives.
    pub(crate) fn next_key(&self) -> Key {
        let index = u32::try_from(self.slab.vacant_key()).expect("there are fewer than 2^32 file descriptors");
        Key { index, generation: self.generation }
    }

    pub(crate) fn insert(&mut self, entry: T) -> Key {
        let key = self.next_key();
        self.slab.insert((self.generation, entry));
        self.generation = (self.generation + 1) & GENERATIONS;
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.slab.get(key.index as usize).filter(|(g, _)| *g == key.generation).map(|(_, entry)| entry)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slab.get_mut(key.index as usize).filter(|(g, _)| *g == key.generation).map(|(_, entry)| entry)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        self.slab.try_remove(key.index as usize).map(|(_, entry)| entry)
    }

    /// Whoever has place `index`.
    pub(crate) fn key_at(&self, index: usize) -> Option<Key> {
        let (generation, _) = self.slab.get(index)?;
        Some(Key { index: u32::try_from(index).ok()?, generation: *generation })
    }

    /// Beyond this place there is nobody.
    pub(crate) fn places(&self) -> usize {
        self.slab.capacity()
    }
}

impl Whose {
    pub(crate) const fn token(self) -> Token {
        Token(match self {
            Self::Call => 0,
            Self::Listener(number) => LISTENER << KIND_AT | number as usize,
            Self::Client(key) => CLIENT << KIND_AT | key.bits(),
            Self::Server(key) => SERVER << KIND_AT | key.bits(),
            Self::Guest(key) => GUEST << KIND_AT | key.bits(),
            Self::PairClient(key) => PAIR_CLIENT << KIND_AT | key.bits(),
            Self::PairServer(key) => PAIR_SERVER << KIND_AT | key.bits(),
        })
    }

    pub(crate) const fn of(token: Token) -> Self {
        match token.0 >> KIND_AT {
            LISTENER => Self::Listener(token.0 as u32),
            CLIENT => Self::Client(Key::from_bits(token.0)),
            SERVER => Self::Server(Key::from_bits(token.0)),
            GUEST => Self::Guest(Key::from_bits(token.0)),
            PAIR_CLIENT => Self::PairClient(Key::from_bits(token.0)),
            PAIR_SERVER => Self::PairServer(Key::from_bits(token.0)),
            _ => Self::Call,
        }
    }
}

impl Key {
    const fn bits(self) -> usize {
        (self.generation as usize) << 32 | self.index as usize
    }

    const fn from_bits(bits: usize) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 & GENERATIONS }
    }
}

/// A token is 64 bits: kind, generation, place.
const KIND_AT: u32 = 61;
const LISTENER: usize = 1;
const CLIENT: usize = 2;
const SERVER: usize = 3;
const GUEST: usize = 4;
const PAIR_CLIENT: usize = 5;
const PAIR_SERVER: usize = 6;
/// A key is forgotten within a turn or with its owner; five hundred million others do not come in between.
const GENERATIONS: u32 = (1 << 29) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nobody() {
        let mut slots = Slots::new();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.key_at(0), Some(second));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_token_names_whom_it_was_made_for() {
        let mut slots = Slots { generation: GENERATIONS, ..Slots::new() };
        for key in [slots.insert(()), slots.insert(())] {
            for whose in [
                Whose::Call,
                Whose::Listener(u32::MAX),
                Whose::Client(key),
                Whose::Server(key),
                Whose::Guest(key),
                Whose::PairClient(key),
                Whose::PairServer(key),
            ] {
                assert_eq!(Whose::of(whose.token()), whose);
            }
        }
    }
}
