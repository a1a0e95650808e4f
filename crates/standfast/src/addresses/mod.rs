//! How are the addresses of this host driven?
#![cfg_attr(not(test), expect(dead_code, reason = "the loop that drives them is not here yet"))]

pub(crate) mod compose;
