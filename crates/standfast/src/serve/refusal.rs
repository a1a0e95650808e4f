//! How is a request refused? In Redis's words, because clients and their operators know them.

use std::fmt::Write as _;

use resp::Value;

pub(super) fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

/// An error is one line: what a client wrote into it must not end it.
pub(super) fn error(text: &str) -> Value {
    Value::Error(text.replace(['\r', '\n'], " ").into_bytes())
}

pub(super) fn stopping() -> Value {
    error("ERR the node is stopping")
}

pub(super) fn wrong_arity(name: &str) -> Value {
    error(&format!("ERR wrong number of arguments for '{name}' command"))
}

pub(super) fn syntax() -> Value {
    error("ERR syntax error")
}

pub(super) fn not_an_integer() -> Value {
    error("ERR value is not an integer or out of range")
}

pub(super) fn unknown(arguments: &[Vec<u8>]) -> Value {
    let mut told = String::new();
    for argument in &arguments[1..] {
        if told.len() >= MAX_TOLD {
            break;
        }
        let left = MAX_TOLD - told.len();
        // Writing to a String cannot fail.
        let _ = write!(told, "'{}' ", text(&argument[..argument.len().min(left)]));
    }
    error(&format!("ERR unknown command '{}', with args beginning with: {told}", cut(&arguments[0])))
}

pub(super) fn unknown_subcommand(container: &str, name: &[u8]) -> Value {
    error(&format!("ERR unknown subcommand '{}'. Try {} HELP.", cut(name), container.to_ascii_uppercase()))
}

fn cut(argument: &[u8]) -> String {
    text(&argument[..argument.len().min(MAX_TOLD)])
}

pub(super) fn lower(name: &[u8]) -> String {
    text(name).to_ascii_lowercase()
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes of a request that an error repeats: as in Redis.
const MAX_TOLD: usize = 128;
