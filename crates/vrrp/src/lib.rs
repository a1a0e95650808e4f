//! Who holds the address on this link? VRRP version 2 (RFC 3768) and 3 (RFC 9568), as Keepalived speaks them.
//!
//! A driver reads datagrams and hands them to the [`Codec`], which says what was advertised or why the packet counts for nothing.
//! No socket, clock or random number is in here; the password of version 2 is in the codec and in nothing that is recorded.
//!
//! | module | answers |
//! |---|---|
//! | [`advert`] | what does one router tell the others? |
//! | [`packet`] | how is that put into bytes, and which bytes are refused? |
//! | [`ip`] | where in what a raw socket gives does the packet begin, and who sent it how far? |
//! | [`refused`] | why does a packet count for nothing, and which counter of the RFCs is that? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod advert;
mod checksum;
pub mod ip;
pub mod packet;
pub mod refused;

pub use advert::{Advert, Interval, Priority, Vrid};
pub use ip::Datagram;
pub use packet::{Codec, Password};
pub use refused::Refused;
