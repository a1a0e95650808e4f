//! How is an advertisement put into bytes, and which bytes are refused?
//!
//! ```text
//!  version 2 (RFC 3768, IPv4)                   version 3 (RFC 9568, IPv4 and IPv6)
//!  0       1       2       3                    0       1       2       3
//! +---+---+-------+-------+-------+            +---+---+-------+-------+-------+
//! | 2 | 1 | vrid  | prio  | count |            | 3 | 1 | vrid  | prio  | count |
//! +---+---+-------+-------+-------+            +---+---+-------+-------+-------+
//! | auth  | secs  |   checksum    |            |0| hundredths  |   checksum    |
//! +-------+-------+---------------+            +---------------+---------------+
//! | count addresses of 4 bytes    |            | count addresses of 4 or 16    |
//! +-------------------------------+            +-------------------------------+
//! | 8 bytes of password, or zeros |
//! +-------------------------------+
//! ```
//!
//! The checksum of version 2 is over what is drawn. That of version 3 has IP's pseudo-header in front with IPv6. With IPv4 RFC 5798 was
//! read in both ways, and RFC 9568 5.2.8 leaves it out. Keepalived has it unless told (`v3_checksum_as_v2`), and so have we: who shares
//! an address with neither word about it is most likely a Keepalived.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::advert::{Advert, Interval, MAX_CENTIS_V3, Priority, Vrid, limit};
use crate::checksum::Sum;
use crate::ip::{Datagram, HOPS};
use crate::refused::Refused;

/// How one virtual router's packets are written and read. It holds the password, so it stays with the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    form: Form,
    /// What arrives with less has come over too many routers.
    least_hops: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    V2 { password: Option<Password> },
    V3 { pseudo_header_v4: bool },
}

impl Codec {
    /// Version 2, with simple text authentication if there is a password. IPv4 only.
    #[must_use]
    pub const fn v2(password: Option<Password>) -> Self {
        Self { form: Form::V2 { password }, least_hops: HOPS }
    }

    /// Version 3 as Keepalived speaks it: the checksum has a pseudo-header over IPv4, too.
    #[must_use]
    pub const fn v3() -> Self {
        Self { form: Form::V3 { pseudo_header_v4: true }, least_hops: HOPS }
    }

    /// Version 3 as RFC 9568 has it: over IPv4, a checksum without pseudo-header. IPv6 has it always.
    #[must_use]
    pub const fn v3_checksum_as_v2() -> Self {
        Self { form: Form::V3 { pseudo_header_v4: false }, least_hops: HOPS }
    }

    /// The same, for unicast peers behind routers: packets may arrive with a TTL or hop limit down to `hops`.
    ///
    /// Against a packet from elsewhere a limit below 255 protects nobody; filters must.
    #[must_use]
    pub const fn with_least_hops(mut self, hops: u8) -> Self {
        self.least_hops = hops;
        self
    }

    /// Writes an advertisement as `from` sends it to `to`; both are in the checksum of version 3.
    ///
    /// # Panics
    /// When the advertisement cannot be said: another family than the packet's, too many addresses, an interval that the version
    /// has no bits for. [`Config::check`](crate::Config::check) excludes each.
    #[must_use]
    pub fn encode(&self, advert: &Advert, from: IpAddr, to: IpAddr) -> Vec<u8> {
        let count = u8::try_from(advert.addresses.len()).expect("at most 255 addresses, by the configuration");
        assert!(advert.addresses.iter().all(|a| a.is_ipv4() == to.is_ipv4()), "addresses are of the packet's family");
        let version = if matches!(self.form, Form::V2 { .. }) { 2 } else { 3 };
        let mut out = Vec::with_capacity(HEADER + advert.addresses.len() * 16 + AUTH_DATA);
        out.extend([version << 4 | ADVERTISEMENT, advert.vrid.number(), advert.priority.0, count]);
        out.extend(self.interval_field(advert.interval));
        out.extend([0, 0]);
        for address in &advert.addresses {
            match address {
                IpAddr::V4(v4) => out.extend(v4.octets()),
                IpAddr::V6(v6) => out.extend(v6.octets()),
            }
        }
        if let Form::V2 { password } = &self.form {
            out.extend(password.as_ref().map_or([0; AUTH_DATA], |password| password.0));
        }
        let checksum = self.sum(&out, from, to).finish();
        out[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());
        out
    }

    /// Reads an advertisement.
    ///
    /// # Errors
    /// Why it counts for nothing, in the order of RFC 9568 7.1: hops, version, type, length, checksum, and what only this codec knows.
    /// What is compared with a router's configuration (number, interval, addresses, peers) is the machine's business.
    pub fn decode(&self, datagram: &Datagram<'_>) -> Result<Advert, Refused> {
        if datagram.hops < self.least_hops {
            return Err(Refused::Hops { got: datagram.hops });
        }
        let bytes = datagram.payload;
        let short = Refused::Length { got: bytes.len() };
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Err(short) };
        let version = header[0] >> 4;
        if version != if matches!(self.form, Form::V2 { .. }) { 2 } else { 3 } {
            return Err(Refused::Version { got: version });
        }
        if header[0] & 0x0F != ADVERTISEMENT {
            return Err(Refused::Type { got: header[0] & 0x0F });
        }
        let count = usize::from(header[3]);
        let size = if datagram.from.is_ipv4() { 4 } else { 16 };
        let tail = if matches!(self.form, Form::V2 { .. }) { AUTH_DATA } else { 0 };
        if rest.len() != count * size + tail {
            return Err(short);
        }
        if self.sum(bytes, datagram.from, datagram.to).finish() != 0 {
            return Err(self.wrong_checksum(datagram));
        }
        let (addresses, auth_data) = rest.split_at(count * size);
        self.authenticate(header[4], auth_data)?;
        self.content(header, addresses, datagram.from)
    }

    /// Whoever reads the standard in the other way is not damaged, and can be told what to write into its file.
    fn wrong_checksum(&self, datagram: &Datagram<'_>) -> Refused {
        let Form::V3 { pseudo_header_v4 } = self.form else { return Refused::Checksum };
        let other = Self { form: Form::V3 { pseudo_header_v4: !pseudo_header_v4 }, least_hops: self.least_hops };
        match other.sum(datagram.payload, datagram.from, datagram.to).finish() {
            0 => Refused::OtherChecksum { pseudo_header: !pseudo_header_v4 },
            _ => Refused::Checksum,
        }
    }

    fn content(&self, header: &[u8; HEADER], addresses: &[u8], from: IpAddr) -> Result<Advert, Refused> {
        let vrid = Vrid::new(header[1]).ok_or(Refused::Vrid { got: 0 })?;
        let centis = match self.form {
            Form::V2 { .. } => u16::from(header[5]) * 100,
            // The upper four bits are reserved: sent as zero, ignored when read.
            Form::V3 { .. } => u16::from_be_bytes([header[4], header[5]]) & MAX_CENTIS_V3,
        };
        let interval = Interval::from_centis(centis).ok_or(Refused::Interval { got: None })?;
        let addresses: Vec<IpAddr> = match from {
            IpAddr::V4(_) => addresses.as_chunks::<4>().0.iter().map(|octets| IpAddr::from(*octets)).collect(),
            IpAddr::V6(_) => addresses.as_chunks::<16>().0.iter().map(|octets| IpAddr::from(*octets)).collect(),
        };
        if addresses.is_empty() || addresses.len() > limit(from) {
            return Err(Refused::Addresses { got: addresses.len() });
        }
        Ok(Advert { vrid, priority: Priority(header[2]), interval, addresses })
    }

    fn authenticate(&self, kind: u8, data: &[u8]) -> Result<(), Refused> {
        let Form::V2 { password } = &self.form else { return Ok(()) };
        match (kind, password) {
            // What is in the field then is of no account (RFC 3768 5.3.10).
            (NO_AUTH, None) => Ok(()),
            (SIMPLE_AUTH, Some(password)) if password.is(data) => Ok(()),
            (SIMPLE_AUTH, Some(_)) => Err(Refused::AuthFailure),
            (got @ (NO_AUTH | SIMPLE_AUTH | HEADER_AUTH), _) => Err(Refused::AuthTypeMismatch { got }),
            (got, _) => Err(Refused::AuthTypeInvalid { got }),
        }
    }

    fn interval_field(&self, interval: Interval) -> [u8; 2] {
        match &self.form {
            Form::V2 { password } => {
                let seconds = interval.seconds().expect("whole seconds in version 2, by the configuration");
                [if password.is_some() { SIMPLE_AUTH } else { NO_AUTH }, seconds]
            }
            Form::V3 { .. } => {
                assert!(interval.centis() <= MAX_CENTIS_V3, "at most 40.95 s in version 3, by the configuration");
                interval.centis().to_be_bytes()
            }
        }
    }

    fn sum(&self, bytes: &[u8], from: IpAddr, to: IpAddr) -> Sum {
        let has_pseudo_header = match self.form {
            Form::V2 { .. } => false,
            Form::V3 { pseudo_header_v4 } => pseudo_header_v4 || from.is_ipv6(),
        };
        let mut sum = if has_pseudo_header { Sum::pseudo_header(from, to, bytes.len()) } else { Sum::default() };
        sum.add(bytes);
        sum
    }
}

/// The password of version 2. It travels in the open: it tells routers apart that were configured by mistake, and keeps nobody out.
#[derive(Clone, PartialEq, Eq)]
pub struct Password([u8; AUTH_DATA]);

impl Password {
    /// `None` when it is empty or does not fit into eight bytes. (Keepalived cuts a longer one, and says so.)
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > AUTH_DATA {
            return None;
        }
        let mut bytes = [0; AUTH_DATA];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self(bytes))
    }

    /// Looks at every byte, however early they differ.
    fn is(&self, data: &[u8]) -> bool {
        data.len() == AUTH_DATA && self.0.iter().zip(data).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The fixed part of a packet.
const HEADER: usize = 8;
/// Where in it the checksum is.
const CHECKSUM_AT: usize = 6;
/// The end of a packet of version 2: a password or zeros.
const AUTH_DATA: usize = 8;
/// The only type of packet.
const ADVERTISEMENT: u8 = 1;
/// Types of authentication in version 2; the last is IPsec's header, which nobody sends any more.
const NO_AUTH: u8 = 0;
const SIMPLE_AUTH: u8 = 1;
const HEADER_AUTH: u8 = 2;
