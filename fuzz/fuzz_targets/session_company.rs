//! Several clients over shared connections, servers and views that change at any time: nobody gets another's reply, nothing is
//! executed twice, nothing stays unanswered.
#![no_main]

#[path = "../../crates/session/tests/company/world/mod.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| world::run(data));
