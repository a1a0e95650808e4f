//! Framing does not depend on how the stream is cut.
#![no_main]

#[path = "../../crates/resp/tests/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::scan(data));
