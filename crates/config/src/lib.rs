//! (room)
#![forbid(unsafe_code)]
