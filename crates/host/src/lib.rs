//! What does this Linux let us do? Clock, durable files, processes, random bytes, the host's name.
//!
//! The only crate with `unsafe` code (N5): each call of the kernel stands in a block of its own, with its man page and the promise
//! that makes it safe. Nothing here decides anything, and nothing here is asynchronous: every call returns within the time of
//! one system call, except a [`Store::save`], which waits for the disk.
//!
//! | module | answers |
//! |---|---|
//! | [`clock`] | when is it, on the clock that goes on while the host sleeps? |
//! | [`store`] | is it on the disk, whole, even if the power fails during the write? |
//! | [`process`] | is that process alive, and how is exactly that one ended? |
//! | [`daemon`] | how does a program go to the background? |
//! | [`random`] | what can nobody guess? |
//! | [`inherit`] | which descriptors does another program get from us, and which did we get? |
//! | [`limits`] | how many descriptors may this process have? |
//! | [`account`] | which numbers has a user or a group of this host? |
//! | [`capability`] | what may this process do that others may not? |
//! | [`lesser`] | how is a program run with fewer rights than ours? |
//! | [`fifo`] | how is a line said to whoever reads a named pipe? |
//! | [`hostname`](mod@hostname) | what does this host call itself? |
//! | [`here`](mod@here) | is an address this host's? |
//! | [`netlink`] | which links and addresses are there, and which should be? |
//! | [`neighbours`] | who on a link learns where an address is? |
//! | [`tickle`] | how does a client whose server is gone learn of it at once? |
//! | [`peering`] | how does a connection to a BGP neighbour get its terms? |
//! | [`echo`] | does another host answer? |
//! | [`wire`] | how do packets of a protocol of its own get onto a link, and off it? |
//! | [`refused`] | the kernel said no: to what, where, and what can be done? |

pub mod account;
pub mod capability;
mod checksum;
pub mod clock;
pub mod daemon;
pub mod echo;
pub mod fifo;
pub mod here;
pub mod hostname;
pub mod inherit;
pub mod lesser;
pub mod limits;
mod link_address;
pub mod neighbours;
pub mod netlink;
mod packets;
pub mod peering;
pub mod process;
pub mod random;
pub mod refused;
pub mod store;
pub mod tickle;
pub mod wire;

pub use hostname::hostname;
pub use refused::HostRefused;
pub use store::Store;
