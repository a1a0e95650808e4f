//! Does it work with the real ones? What the tests of this crate share: the real binary, and the demo's cluster as a test bed.
//!
//! | module | answers |
//! |---|---|
//! | [`program`] | where is the binary under test, and is everything there that it needs? |
//! | [`demo`] | how does a test drive `standfast demo`? |
//! | [`browser`] | how does a test look at a page? |

pub mod browser;
pub mod demo;
pub mod program;

pub use browser::Browser;
pub use demo::Demo;
