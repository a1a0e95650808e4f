//! A reply that was read is written and read again as the same.
#![no_main]

#[path = "../../crates/resp/tests/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::value(data));
