//! Any cut of the bytes gives the same frames, and no bytes at all make us panic.

mod checks;

use proptest::collection::vec;
use proptest::prelude::*;
use resp::{Limits, Protocol, Request, Value, decode};

proptest! {
    #[test]
    fn requests_do_not_depend_on_cuts(stream in requests(), seed: u8) {
        let bytes = stream.concat();
        let (found, fault) = checks::requests(&bytes, [bytes.len()]);
        prop_assert_eq!(fault, None);
        let lengths: Vec<_> = found.iter().map(Request::len).collect();
        let expected: Vec<_> = stream.iter().map(Vec::len).collect();
        prop_assert_eq!(lengths, expected);
        checks::scan(&[&[seed], &bytes[..]].concat());
        for cut in 0..bytes.len() {
            prop_assert_eq!(&checks::requests(&bytes, [cut, bytes.len()]).0, &found);
        }
    }

    #[test]
    fn replies_do_not_depend_on_cuts(values in vec(value(), 1..6), resp3: bool, seed: u8) {
        let protocol = if resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        let frames: Vec<_> = values.iter().map(|value| bytes(value, protocol)).collect();
        let stream = frames.concat();
        let (found, fault) = checks::replies(&stream, [stream.len()]);
        prop_assert_eq!(fault, None);
        let lengths: Vec<_> = found.iter().map(|reply| reply.len as usize).collect();
        let expected: Vec<_> = frames.iter().map(Vec::len).collect();
        prop_assert_eq!(lengths, expected);
        checks::scan(&[&[seed], &stream[..]].concat());
        for cut in 0..stream.len() {
            prop_assert_eq!(&checks::replies(&stream, [cut, stream.len()]).0, &found);
        }
    }

    #[test]
    fn a_value_survives_resp3(value in value()) {
        let bytes = bytes(&value, Protocol::Resp3);
        let expected = Ok(Some((without_null_arrays(value), bytes.len())));
        prop_assert_eq!(decode(&bytes, &Limits::REPLIES), expected);
        checks::value(&bytes);
    }

    #[test]
    fn an_attribute_belongs_to_the_value_after_it(value in value(), attribute in plain()) {
        let described = [b"|1\r\n+key\r\n".to_vec(), bytes(&attribute, Protocol::Resp3)].concat();
        let frame = [described, bytes(&value, Protocol::Resp3)].concat();
        let expected = Ok(Some((without_null_arrays(value), frame.len())));
        prop_assert_eq!(decode(&frame, &Limits::REPLIES), expected);
    }

    #[test]
    fn nothing_makes_us_panic(data: Vec<u8>) {
        checks::scan(&data);
        checks::value(&data);
    }

    #[test]
    fn nothing_that_looks_like_resp_makes_us_panic(data in almost_resp()) {
        checks::scan(&data);
        checks::value(&data);
    }
}

fn bytes(value: &Value, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    resp::write::value(&mut out, value, protocol);
    out
}

/// RESP3 has one null for both.
fn without_null_arrays(value: Value) -> Value {
    let all = |items: Vec<Value>| items.into_iter().map(without_null_arrays).collect();
    match value {
        Value::NullArray => Value::Null,
        Value::Array(items) => Value::Array(all(items)),
        Value::Set(items) => Value::Set(all(items)),
        Value::Push(items) => Value::Push(all(items)),
        Value::Map(pairs) => {
            let pair = |(key, item)| (without_null_arrays(key), without_null_arrays(item));
            Value::Map(pairs.into_iter().map(pair).collect())
        }
        other => other,
    }
}

fn requests() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let argument = prop_oneof![4 => vec(any::<u8>(), 0..20), 1 => Just(b"\r\n$1\r\n".to_vec())];
    let array = vec(argument, 1..8).prop_map(|arguments| {
        let mut out = Vec::new();
        resp::write::command(&mut out, &arguments);
        out
    });
    let inline = "[a-z]{1,8}( [a-z0-9]{1,4}| '[^'\\\\\n]{0,4}'){0,3}\r?\n";
    let empty = prop_oneof![Just("\r\n"), Just("\n"), Just("*0\r\n"), Just("*-1\r\n"), Just(" \t\r\n")];
    let request = prop_oneof![
        5 => array,
        2 => inline.prop_map(String::into_bytes),
        1 => empty.prop_map(|empty| empty.as_bytes().to_vec()),
    ];
    vec(request, 1..6)
}

/// Anything but a push, which is never part of another value.
fn plain() -> impl Strategy<Value = Value> {
    let text = || vec(any::<u8>(), 0..24);
    let line = || "[^\r\n]{0,12}".prop_map(String::into_bytes);
    let leaf = prop_oneof![
        line().prop_map(Value::Simple),
        text().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Int),
        text().prop_map(Value::Bulk),
        Just(Value::Null),
        Just(Value::NullArray),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_filter("NaN equals nothing", |n| !n.is_nan()).prop_map(Value::Double),
        "-?[1-9][0-9]{0,30}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
        text().prop_map(|text| Value::Verbatim { format: *b"txt", text }),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec(inner.clone(), 0..6).prop_map(Value::Set),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![8 => plain(), 1 => vec(plain(), 0..6).prop_map(Value::Push)]
}

/// Pieces that come close to frames, in any order.
fn almost_resp() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[-+:$*%~>|!=_#,(]-?[0-9]{0,3}\r\n".prop_map(String::into_bytes),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"$3\r\nGET\r\n".to_vec()),
        1 => Just(b"*1\r\n".to_vec()),
        1 => "[\"' a-z\\\\]{0,6}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..8),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}
