//! Does it work with the real ones? What the tests of this crate share: the real binary, and two test beds: the demo's cluster on
//! loopback, and hosts with a network of their own.
//!
//! | module | answers |
//! |---|---|
//! | [`program`] | where is the binary under test, and is everything there that it needs? |
//! | [`demo`] | how does a test drive `standfast demo`? |
//! | [`browser`] | how does a test look at a page? |
//! | [`netns`] | how does one machine become several hosts? |
//! | [`host`] | how do three hosts stand, each with a Redis and a node? |
//! | [`load`] | what did clients on a host see? |

pub mod browser;
pub mod demo;
pub mod host;
pub mod load;
pub mod netns;
pub mod program;

pub use browser::Browser;
pub use demo::Demo;
pub use host::Hosts;
