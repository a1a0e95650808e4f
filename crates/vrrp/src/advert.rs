//! What does one router tell the others? The content of an advertisement, the same in both versions.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU8;
use core::time::Duration;

use machine::time::span;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One advertisement: the holder of the addresses says that it lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advert {
    /// The virtual router that it is about.
    pub vrid: Vrid,
    /// How much right the sender has; [`Priority::RESIGN`] when it goes.
    pub priority: Priority,
    /// How often the sender says this.
    pub interval: Interval,
    /// The addresses that it holds, all of the family of the packet. At least one, at most [`limit`].
    pub addresses: Vec<IpAddr>,
}

/// How many addresses one advertisement may have in the family of `address`.
#[must_use]
pub const fn limit(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => MAX_ADDRESSES_V4,
        IpAddr::V6(_) => MAX_ADDRESSES_V6,
    }
}

/// The number of a virtual router on a link: 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// `None` for 0, which no virtual router has.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How much right a router has to hold the addresses: more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

impl Priority {
    /// Said once by a holder that goes: the others need not wait until they miss it.
    pub const RESIGN: Self = Self(0);
    /// Said once by a holder that has given way to more right: the least that is no resignation, so that no backup takes it for a reason to
    /// take over.
    pub const GIVES_WAY: Self = Self(1);
    /// What a router has if nobody says otherwise.
    pub const USUAL: Self = Self(100);
    /// That of the router whose own addresses these are.
    pub const OWNER: Self = Self(255);

    /// Whether the sender goes.
    #[must_use]
    pub const fn is_resignation(self) -> bool {
        self.0 == Self::RESIGN.0
    }

    /// Whether the addresses are the router's own.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        self.0 == Self::OWNER.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The time between two advertisements, in hundredths of a second because version 3 counts in them; never zero.
/// Text form: that of a duration, `1000ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(u16);

impl Interval {
    /// One second, what both RFCs say if nobody says otherwise.
    pub const USUAL: Self = Self(100);

    /// `None` for zero, and for more than version 2 can say.
    #[must_use]
    pub const fn from_centis(centis: u16) -> Option<Self> {
        if centis == 0 || centis > MAX_CENTIS_V2 { None } else { Some(Self(centis)) }
    }

    /// `None` for what neither version can say: zero, fractions of a hundredth of a second, more than 255 s.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Option<Self> {
        let centis = u16::try_from(duration.as_millis() / 10).ok()?;
        Self::from_centis(centis).filter(|interval| interval.duration() == duration)
    }

    /// Hundredths of a second.
    #[must_use]
    pub const fn centis(self) -> u16 {
        self.0
    }

    /// Whole seconds, if it is of whole seconds: what version 2 can say.
    #[must_use]
    pub fn seconds(self) -> Option<u8> {
        u8::try_from(self.0 / 100).ok().filter(|_| self.0.is_multiple_of(100))
    }

    /// As time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.duration())
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        span::serialize(&self.duration(), s)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let duration = span::deserialize(d)?;
        Self::from_duration(duration).ok_or_else(|| D::Error::custom("expected 10ms to 255000ms in steps of 10ms"))
    }
}

/// The longest interval that version 3 can say: twelve bits of hundredths.
pub const MAX_CENTIS_V3: u16 = 4_095;
/// The longest interval that version 2 can say: eight bits of seconds.
pub const MAX_CENTIS_V2: u16 = 25_500;

/// The count is one byte; with all of them the packet is still shorter than the smallest MTU of IPv4 hosts' links, 1,500.
pub const MAX_ADDRESSES_V4: usize = 255;
/// What fits into 1,500 bytes behind a header of IPv6: an advertisement must not be cut into fragments, which filters drop.
pub const MAX_ADDRESSES_V6: usize = 90;
