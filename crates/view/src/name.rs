//! The small words that must not be mixed up: each is a type of its own.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a group: one master with its replicas. Sentinel's "master name". Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for GroupName {
    fn from(s: &str) -> Self {
        Self(s.into())
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for GroupName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for GroupName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(|s| Self(s.into()))
    }
}

/// A number that only grows; it orders decisions. Sentinel has two: the *current* epoch (elections) and a group's
/// *config* epoch (whose failover gave it its master).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one; the last one stays the last one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a replication stream, in bytes. Comparable only within one replication id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Forty hexadecimal digits that name one life of a Redis process, one replication history, or one node for ever.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 40]);

impl RunId {
    /// The id that spells out 160 random bits.
    #[must_use]
    pub fn from_bits(bits: [u8; 20]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; 40];
        for (i, b) in bits.iter().enumerate() {
            id[2 * i] = HEX[usize::from(b >> 4)];
            id[2 * i + 1] = HEX[usize::from(b & 15)];
        }
        Self(id)
    }

    /// The digits as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII hexadecimal digits ever get in.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first eight digits: what people and `CLIENT SETNAME` use.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.as_str()[..8]
    }
}

impl FromStr for RunId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let digits: [u8; 40] = s.as_bytes().try_into().map_err(|_| Malformed)?;
        if digits.iter().all(u8::is_ascii_hexdigit) { Ok(Self(digits)) } else { Err(Malformed) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not forty hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 40 hexadecimal digits")
    }
}

impl core::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_forty_hexadecimal_digits() {
        let id = RunId::from_bits([0xab; 20]);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(id.short(), "abababab");
        assert_eq!("xyz".parse::<RunId>(), Err(Malformed));
        assert_eq!("g".repeat(40).parse::<RunId>(), Err(Malformed));
    }

    #[test]
    fn the_last_epoch_stays_the_last() {
        assert_eq!(Epoch(u64::MAX).next(), Epoch(u64::MAX));
        assert!(Epoch(1).next() > Epoch(1));
    }
}
