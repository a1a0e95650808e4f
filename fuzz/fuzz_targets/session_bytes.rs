//! Any bytes of a client and of its server, at any time: what is well-formed is passed on as it is, bounds are kept, all comes to an end.
#![no_main]

#[path = "../../crates/session/tests/bytes/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::run(data));
