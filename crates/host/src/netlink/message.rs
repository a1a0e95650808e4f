//! How are questions to the kernel and its answers written?
//!
//! A message is a header, a fixed part and attributes, each aligned to four bytes, in the host's byte order (`man 7 netlink`,
//! `man 7 rtnetlink`; the numbers are those of the kernel's `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_addr.h`).

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;
use std::time::Duration;

use super::{Address, Held, Link};

/// A question or an order, without the number that its answer will carry.
#[derive(Debug)]
pub struct Request {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) body: Vec<u8>,
}

/// A message before its meaning is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) header: Header,
    pub(super) kind: u16,
    pub(super) body: &'a [u8],
}

/// What every message begins with, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// That of the question. Zero: nobody asked.
    pub sequence: u32,
    /// What is being listed has changed meanwhile: the list may be wrong.
    pub is_interrupted: bool,
}

/// What the kernel said.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// There is this link, as it is now.
    Link(Link),
    /// There is no such link any more.
    LinkGone(u32),
    /// There is this address, as it is now.
    Address(Held),
    /// There is no such address any more.
    AddressGone(Address),
    /// All is said, or done, or refused.
    Done(Done),
    /// Something that we do not ask for.
    Other,
}

/// How an order came out.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// Zero: well.
    errno: i32,
    /// The kernel's own words.
    words: Option<String>,
}

/// What the kernel refused.
#[derive(Debug)]
pub struct Refusal {
    /// Its number.
    pub error: io::Error,
    /// Its own words, where it has some.
    pub words: Option<String>,
}

/// Who put an address there (`IFA_PROTO`). The kernel's own numbers go up to 3; this one is ours.
const OURS: u8 = 0x5f;
/// Missing in the C library's list (`linux/if_addr.h`).
const IFA_PROTO: u16 = 11;
/// Of builds for tests: with this variable set, what the kernel says of [`IFA_PROTO`] is not heard.
const OLD_KERNEL: &str = "STANDFAST_TEST_OLD_KERNEL";
/// The kernel's own words about a refusal.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Of the numbers of attributes these bits say something else.
const ATTRIBUTE_KIND: u16 = 0x3fff;

const HEADER: usize = 16;
const LINK: usize = 16;
const ADDRESS: usize = 8;
const ROUTE: usize = 12;
const FOREVER: u32 = u32::MAX;

impl Request {
    /// All links.
    #[must_use]
    pub fn links() -> Self {
        Self { kind: libc::RTM_GETLINK, flags: flags(libc::NLM_F_DUMP), body: vec![0; LINK] }
    }

    /// All addresses.
    #[must_use]
    pub fn addresses() -> Self {
        Self { kind: libc::RTM_GETADDR, flags: flags(libc::NLM_F_DUMP), body: vec![0; ADDRESS] }
    }

    /// An address, new or with another lifetime.
    #[must_use]
    pub fn put(address: &Address, valid: Option<Duration>) -> Self {
        let mut body = Self::of(address);
        let seconds = valid.map_or(FOREVER, |valid| {
            let whole = valid.as_secs() + u64::from(valid.subsec_nanos() > 0);
            u32::try_from(whole).unwrap_or(FOREVER - 1).clamp(1, FOREVER - 1)
        });
        // What is here for clients is no address to speak from, if there is another one (RFC 4862 5.5.4).
        let preferred = if address.ip.is_ipv6() && address.prefix == 128 { 0 } else { seconds };
        let cache: Vec<u8> = [preferred, seconds, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
        attribute(&mut body, libc::IFA_CACHEINFO, &cache);
        // It moves from host to host: whether another one has it is asked by those who move it, and nothing waits for an answer.
        let mut marks = if address.ip.is_ipv6() { libc::IFA_F_NODAD } else { 0 };
        if is_of_one_host(address) {
            marks |= libc::IFA_F_NOPREFIXROUTE;
        }
        attribute(&mut body, libc::IFA_FLAGS, &marks.to_ne_bytes());
        attribute(&mut body, IFA_PROTO, &[OURS]);
        Self { kind: libc::RTM_NEWADDR, flags: flags(libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE), body }
    }

    /// An address that is not to be there.
    #[must_use]
    pub fn remove(address: &Address) -> Self {
        Self { kind: libc::RTM_DELADDR, flags: flags(libc::NLM_F_ACK), body: Self::of(address) }
    }

    /// An address as the kernel told of it before it was gone; refused where it is there.
    pub(super) fn put_back(told: Vec<u8>) -> Self {
        Self {
            kind: libc::RTM_NEWADDR,
            flags: flags(libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL),
            body: told,
        }
    }

    /// Where what is sent to this address goes.
    pub(super) fn way_to(ip: IpAddr) -> Self {
        let (family, octets) = family(ip);
        let mut body = vec![0; ROUTE];
        // All bits of it.
        body[..2].copy_from_slice(&[family, if ip.is_ipv4() { 32 } else { 128 }]);
        attribute(&mut body, libc::RTA_DST, &octets);
        Self { kind: libc::RTM_GETROUTE, flags: flags(libc::NLM_F_ACK), body }
    }

    /// An address that packets are not to be taken for: the route that the kernel has made for it (`struct rtmsg` of linux/rtnetlink.h).
    #[must_use]
    pub fn shut(address: &Address) -> Self {
        let (family, octets) = family(address.ip);
        let bits = if address.ip.is_ipv4() { 32 } else { 128 };
        let mut body = vec![family, bits, 0, 0, libc::RT_TABLE_LOCAL, 0, libc::RT_SCOPE_NOWHERE, libc::RTN_LOCAL];
        body.extend([0; 4]);
        attribute(&mut body, libc::RTA_DST, &octets);
        attribute(&mut body, libc::RTA_OIF, &address.link.to_ne_bytes());
        Self { kind: libc::RTM_DELROUTE, flags: flags(libc::NLM_F_ACK), body }
    }

    fn of(address: &Address) -> Vec<u8> {
        let (family, octets) = family(address.ip);
        let mut body = vec![family, address.prefix, 0, 0];
        body.extend(address.link.to_ne_bytes());
        attribute(&mut body, libc::IFA_LOCAL, &octets);
        attribute(&mut body, libc::IFA_ADDRESS, &octets);
        body
    }

    /// The bytes, with the number of the question.
    ///
    /// # Panics
    /// Never: a request is some hundred bytes.
    #[must_use]
    pub fn bytes(&self, sequence: u32) -> Vec<u8> {
        let len = u32::try_from(HEADER + self.body.len()).expect("a request is short");
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend((self.flags | flags(libc::NLM_F_REQUEST)).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        // Our port is the kernel's to choose.
        bytes.extend([0; 4]);
        bytes.extend(&self.body);
        bytes
    }
}

fn family(ip: IpAddr) -> (u8, Vec<u8>) {
    let (family, octets) = match ip {
        IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
    };
    (u8::try_from(family).expect("2 or 10"), octets)
}

/// Whether this says that what is sent there ends at this host.
pub(super) fn is_way_to_itself(kind: u16, body: &[u8]) -> bool {
    kind == libc::RTM_NEWROUTE && body.get(7) == Some(&libc::RTN_LOCAL)
}

fn is_of_one_host(address: &Address) -> bool {
    address.prefix == if address.ip.is_ipv4() { 32 } else { 128 }
}

/// The C library has them as signed integers.
pub(super) fn flags(flags: libc::c_int) -> u16 {
    u16::try_from(flags).expect("flags have sixteen bits")
}

pub(super) fn attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(4 + value.len()).expect("an attribute of ours is short");
    to.extend(len.to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

impl Frame<'_> {
    /// The messages in these bytes. What is cut short is passed over, with all behind it.
    pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let len = usize::try_from(number(rest, 0)?).ok()?;
            let message = rest.get(..len).filter(|message| message.len() >= HEADER)?;
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
            let flags = half(message, 6)?;
            let header =
                Header { sequence: number(message, 8)?, is_interrupted: i32::from(flags) & libc::NLM_F_DUMP_INTR != 0 };
            Some(Frame { header, kind: half(message, 4)?, body: &message[HEADER..] })
        })
    }

    /// How an order came out, or that a list is complete, if that is what it says.
    pub(super) fn done(&self) -> Option<Done> {
        match i32::from(self.kind) {
            libc::NLMSG_DONE => Some(Done { errno: 0, words: None }),
            libc::NLMSG_ERROR => number(self.body, 0).map(|code| {
                // The question comes back behind the code, unless it went well; then come the words.
                let question = number(self.body, 4).and_then(|len| usize::try_from(len).ok()).unwrap_or_default();
                let words = self.body.get(4 + question.next_multiple_of(4)..).and_then(words);
                Done { errno: code.cast_signed().saturating_neg(), words }
            }),
            _ => None,
        }
    }
}

impl Message {
    /// What is said in these bytes. What is cut short is passed over, with all behind it.
    pub fn all(bytes: &[u8]) -> impl Iterator<Item = (Header, Self)> {
        Frame::all(bytes)
            .map(|frame| (frame.header, frame.done().map_or_else(|| Self::of(frame.kind, frame.body), Self::Done)))
    }

    pub(super) fn of(kind: u16, body: &[u8]) -> Self {
        let understood = match kind {
            libc::RTM_NEWLINK => link(body).map(Self::Link),
            libc::RTM_DELLINK => number(body, 4).map(Self::LinkGone),
            libc::RTM_NEWADDR => held(body).map(Self::Address),
            libc::RTM_DELADDR => held(body).map(|held| Self::AddressGone(held.address)),
            _ => None,
        };
        understood.unwrap_or(Self::Other)
    }
}

impl Done {
    /// What follows for whoever ordered it.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn into_result(self) -> Result<(), Refusal> {
        match self {
            Self { errno: 0, .. } => Ok(()),
            Self { errno, words } => Err(Refusal { error: io::Error::from_raw_os_error(errno), words }),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self { error, words: None }
    }
}

fn link(body: &[u8]) -> Option<Link> {
    let marks = number(body, 8)?;
    let has = |mark: libc::c_int| marks & mark.cast_unsigned() != 0;
    let mut link = Link {
        index: number(body, 4)?,
        name: String::new(),
        mac: None,
        is_up: has(libc::IFF_UP),
        is_running: has(libc::IFF_UP) && has(libc::IFF_LOWER_UP),
    };
    for (kind, value) in attributes(body.get(LINK..)?) {
        match kind {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_ADDRESS => link.mac = value.try_into().ok(),
            _ => {}
        }
    }
    Some(link)
}

fn held(body: &[u8]) -> Option<Held> {
    let [_, prefix, marks, ..] = *body else { return None };
    let mut marks = u32::from(marks);
    let (mut local, mut remote, mut valid, mut is_ours) = (None, None, FOREVER, false);
    for (kind, value) in attributes(body.get(ADDRESS..)?) {
        match kind {
            libc::IFA_LOCAL => local = ip(value),
            libc::IFA_ADDRESS => remote = ip(value),
            libc::IFA_FLAGS => marks = number(value, 0)?,
            libc::IFA_CACHEINFO => valid = number(value, 4)?,
            IFA_PROTO => is_ours = value == [OURS] && !is_old_kernel(),
            _ => {}
        }
    }
    Some(Held {
        address: Address { link: number(body, 4)?, ip: local.or(remote)?, prefix },
        valid: (valid != FOREVER).then(|| Duration::from_secs(valid.into())),
        is_tentative: marks & libc::IFA_F_TENTATIVE != 0,
        is_duplicate: marks & libc::IFA_F_DADFAILED != 0,
        is_ours,
        // Of IPv6 the same bit says something else.
        is_secondary: i32::from(*body.first()?) == libc::AF_INET && marks & libc::IFA_F_SECONDARY != 0,
    })
}

/// Whether this test pretends that the kernel does not say who put an address there, as those before 5.18.
fn is_old_kernel() -> bool {
    static PRETENDED: LazyLock<bool> = LazyLock::new(|| std::env::var_os(OLD_KERNEL).is_some());
    cfg!(debug_assertions) && *PRETENDED
}

pub(super) fn ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into()),
        _ => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into()),
    }
}

fn words(attributes_of_error: &[u8]) -> Option<String> {
    attributes(attributes_of_error).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG).map(|(_, value)| text(value))
}

fn text(value: &[u8]) -> String {
    CStr::from_bytes_until_nul(value)
        .map_or_else(|_| String::from_utf8_lossy(value).into(), |text| text.to_string_lossy().into())
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(half(rest, 0)?);
        let kind = half(rest, 2)? & ATTRIBUTE_KIND;
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_order_carries_what_it_says() {
        let address = Address { link: 7, ip: [192, 0, 2, 7].into(), prefix: 32 };
        let bytes = Request::put(&address, Some(Duration::from_millis(2_001))).bytes(9);
        // The kernel tells of addresses in the form in which it is told to have them.
        let all: Vec<_> = Message::all(&bytes).collect();
        let [(header, Message::Address(held))] = &all[..] else { panic!("{all:?}") };
        assert_eq!(header.sequence, 9);
        assert_eq!((held.address, held.valid, held.is_ours), (address, Some(Duration::from_secs(3)), true));
        let gone = Request::remove(&address).bytes(10);
        assert_eq!(Message::all(&gone).next().map(|(_, message)| message), Some(Message::AddressGone(address)));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..120_usize, kind in 0_u16..40) {
            let _ = Message::all(&bytes).count();
            let _ = Message::of(kind, &bytes);
            let address = Address { link: 7, ip: [192, 0, 2, 7].into(), prefix: 32 };
            let mut whole = Request::put(&address, None).bytes(1);
            let at = cut % whole.len();
            whole[at] ^= bytes.first().copied().unwrap_or(1);
            let _ = Message::all(&whole).count();
            let _ = Message::all(&whole[..at]).count();
        }
    }
}
