//! Whatever a BGP peer sends is answered as RFC 4271 says or ignored, however it is cut.
#![no_main]

#[path = "../../crates/bgp/tests/check/mod.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::bytes(data));
