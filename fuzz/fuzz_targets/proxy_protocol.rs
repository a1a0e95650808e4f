//! A PROXY protocol header is read the same however the stream is cut, and what was read is written and read as the same.
#![no_main]

#[path = "../../crates/proxy/tests/proxy_protocol/check.rs"]
mod check;
// The file alone: the crate around it has sockets and threads, which nothing here needs.
#[path = "../../crates/proxy/src/proxy_protocol.rs"]
mod proxy_protocol;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::bytes(data));
