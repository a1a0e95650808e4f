//! A packet is refused with a reason, or is an advertisement that is written and read as the same; no wrong bit gets past its checksum.
#![no_main]

#[path = "../../crates/vrrp/tests/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::packet(data));
