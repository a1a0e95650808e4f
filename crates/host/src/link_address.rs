//! How is a link named to a packet socket?

use std::io;

use crate::netlink::Link;

/// The address of a link, for packets of this Ethernet type (0: of any, or of none).
#[expect(unsafe_code, reason = "a structure of zeros")]
pub(crate) fn of(link: &Link, ethertype: u16) -> io::Result<(libc::sockaddr_ll, libc::socklen_t)> {
    // SAFETY: man 7 packet: an address of this family is a plain structure, for which zeros are valid values.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).expect("it is 17");
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = i32::try_from(link.index).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    let len = libc::socklen_t::try_from(size_of_val(&address)).expect("it is twenty");
    Ok((address, len))
}
