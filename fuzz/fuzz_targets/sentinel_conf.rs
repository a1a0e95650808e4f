//! A sentinel.conf that was read is written and read again as the same.
#![no_main]

#[path = "../../crates/config/tests/sentinel_conf/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::text(&String::from_utf8_lossy(data)));
