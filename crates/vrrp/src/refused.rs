//! Why does a packet count for nothing, and which counter of the RFCs is that?
//!
//! The counters are those of the MIBs of version 2 (RFC 2787) and 3 (RFC 6527), which YANG (RFC 8347) has taken over. What they do
//! not know (a packet of a stranger among unicast peers, our own that came back) has counters of its own.

use core::fmt;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::advert::{Interval, Priority};

/// Why a packet counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// It came from further than this link. `IpTtlErrors`.
    Hops {
        /// The time to live or hop limit with which it came.
        got: u8,
    },
    /// It is not a packet of VRRP. No counter of the RFCs: a socket of VRRP does not hand such packets over.
    Protocol,
    /// It is of another version. `VersionErrors`.
    Version {
        /// Its version.
        got: u8,
    },
    /// It is no advertisement, the only type there is. `InvalidTypePktsRcvd`.
    Type {
        /// Its type.
        got: u8,
    },
    /// It is shorter or longer than it says. `PacketLengthErrors`.
    Length {
        /// How many bytes there are.
        got: usize,
    },
    /// The checksum is wrong. `ChecksumErrors`.
    Checksum,
    /// The checksum is right by the other reading of version 3 over IPv4. `ChecksumErrors`.
    OtherChecksum {
        /// Whether it has a pseudo-header, which ours then has not.
        pseudo_header: bool,
    },
    /// The type of authentication is none that there ever was. `InvalidAuthTypePktsRcvd`.
    AuthTypeInvalid {
        /// The type.
        got: u8,
    },
    /// It is authenticated in another way than ours. `AuthTypeMismatchErrors`.
    AuthTypeMismatch {
        /// The type.
        got: u8,
    },
    /// The password is wrong. `AuthFailures`.
    AuthFailure,
    /// It is about another virtual router, or about none (0). `VrIdErrors`.
    Vrid {
        /// Its number.
        got: u8,
    },
    /// It has an interval of zero, or in version 2 another one than ours. `AdvertisementIntervalErrors`.
    Interval {
        /// Its interval; none if it is zero.
        got: Option<Interval>,
    },
    /// It names no addresses, more than the [limit](crate::advert::limit), or others than ours. `AddressListErrors`.
    Addresses {
        /// How many it names.
        got: usize,
    },
    /// Its sender says to own the addresses, as we do. `VrIdErrors`: the RFCs have an owner refuse it together with the number.
    Owner,
    /// Its sender is none of the peers that were named.
    Stranger,
    /// It was sent to neither us nor the group that we listen to.
    Destination {
        /// Where to.
        to: IpAddr,
    },
    /// Its sender has our address: it is ours and came back, or somebody has our address too.
    Own,
    /// It counts, and its sender has less right: there were two holders. `rivals_heard` counts them; this is for the log.
    Rival {
        /// How much right it has.
        priority: Priority,
    },
}

/// The kinds of [`Refused`], each with a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the same as the variants of Refused")]
pub enum Kind {
    Hops,
    Protocol,
    Version,
    Type,
    Length,
    Checksum,
    AuthTypeInvalid,
    AuthTypeMismatch,
    AuthFailure,
    Vrid,
    Interval,
    Addresses,
    Owner,
    Stranger,
    Destination,
    Own,
    Rival,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Hops,
        Self::Protocol,
        Self::Version,
        Self::Type,
        Self::Length,
        Self::Checksum,
        Self::AuthTypeInvalid,
        Self::AuthTypeMismatch,
        Self::AuthFailure,
        Self::Vrid,
        Self::Interval,
        Self::Addresses,
        Self::Owner,
        Self::Stranger,
        Self::Destination,
        Self::Own,
        Self::Rival,
    ];

    /// What RFC 6527 calls the reason (`vrrpv3StatisticsProtoErrReason`); `None` for what only version 2 or nobody knows.
    #[must_use]
    pub const fn proto_err_reason(self) -> Option<&'static str> {
        match self {
            Self::Checksum => Some("checksumError"),
            Self::Version => Some("versionError"),
            Self::Vrid | Self::Owner => Some("vrIdError"),
            Self::Hops => Some("ipTtlError"),
            _ => None,
        }
    }

    /// The name of the counter in RFC 6527, or in RFC 2787 for what only version 2 has; `None` for a counter that only we have.
    #[must_use]
    pub const fn counter(self) -> Option<&'static str> {
        match self {
            Self::Hops => Some("vrrpv3StatisticsIpTtlErrors"),
            Self::Version => Some("vrrpv3RouterVersionErrors"),
            Self::Type => Some("vrrpv3StatisticsRcvdInvalidTypePackets"),
            Self::Length => Some("vrrpv3StatisticsPacketLengthErrors"),
            Self::Checksum => Some("vrrpv3RouterChecksumErrors"),
            Self::AuthTypeInvalid => Some("vrrpStatsInvalidAuthType"),
            Self::AuthTypeMismatch => Some("vrrpStatsAuthTypeMismatch"),
            Self::AuthFailure => Some("vrrpStatsAuthFailures"),
            Self::Vrid | Self::Owner => Some("vrrpv3RouterVrIdErrors"),
            Self::Interval => Some("vrrpv3StatisticsAdvIntervalErrors"),
            Self::Addresses => Some("vrrpv3StatisticsAddressListErrors"),
            Self::Protocol | Self::Stranger | Self::Destination | Self::Own | Self::Rival => None,
        }
    }
}

impl Refused {
    /// The kind of it, which has a counter.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hops { .. } => Kind::Hops,
            Self::Protocol => Kind::Protocol,
            Self::Version { .. } => Kind::Version,
            Self::Type { .. } => Kind::Type,
            Self::Length { .. } => Kind::Length,
            Self::Checksum | Self::OtherChecksum { .. } => Kind::Checksum,
            Self::AuthTypeInvalid { .. } => Kind::AuthTypeInvalid,
            Self::AuthTypeMismatch { .. } => Kind::AuthTypeMismatch,
            Self::AuthFailure => Kind::AuthFailure,
            Self::Vrid { .. } => Kind::Vrid,
            Self::Interval { .. } => Kind::Interval,
            Self::Addresses { .. } => Kind::Addresses,
            Self::Owner => Kind::Owner,
            Self::Stranger => Kind::Stranger,
            Self::Destination { .. } => Kind::Destination,
            Self::Own => Kind::Own,
            Self::Rival { .. } => Kind::Rival,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hops { got } => write!(f, "it came with a TTL or hop limit of {got}, so not from this link (255)"),
            Self::Protocol => f.write_str("it is not a packet of VRRP"),
            Self::Version { got } => write!(f, "it is of version {got}"),
            Self::Type { got } => write!(f, "it is of type {got}; an advertisement is of type 1"),
            Self::Length { got } => write!(f, "its length, {got} bytes, is not what it says"),
            Self::Checksum => f.write_str("its checksum is wrong"),
            Self::OtherChecksum { pseudo_header } => {
                let (theirs, ours) = if *pseudo_header { ("with", "without") } else { ("without", "with") };
                write!(
                    f,
                    "its checksum is {theirs} the pseudo-header, ours {ours}: `checksum-as-v2` must be {} here \
                     (Keepalived: v3_checksum_as_v2), or the other way round there",
                    !pseudo_header
                )
            }
            Self::AuthTypeInvalid { got } => write!(f, "there is no type {got} of authentication"),
            Self::AuthTypeMismatch { got } => write!(f, "its type of authentication, {got}, is not ours"),
            Self::AuthFailure => f.write_str("its password is not ours"),
            Self::Vrid { got } => write!(f, "it is about the virtual router {got}"),
            Self::Interval { got: None } => f.write_str("its interval is zero"),
            Self::Interval { got: Some(got) } => write!(f, "its interval, {got}, is not ours"),
            Self::Addresses { got } => write!(f, "the addresses that it names ({got}) are not ours"),
            Self::Owner => f.write_str("its sender says to own the addresses, as we do"),
            Self::Stranger => f.write_str("its sender is none of the peers"),
            Self::Destination { to } => write!(f, "it was sent to {to}, where we do not listen"),
            Self::Own => f.write_str("its sender has our address"),
            Self::Rival { priority } => {
                write!(
                    f,
                    "its sender says that it holds the addresses, which are here, with no more right to them: priority {priority}"
                )
            }
        }
    }
}

impl core::error::Error for Refused {}
