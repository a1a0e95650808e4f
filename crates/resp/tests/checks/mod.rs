//! What must hold for any bytes at all. Shared by the fuzz targets in `fuzz/`, the replay of their
//! corpus and the property tests, so that all three run the same checks.

#![allow(dead_code, reason = "each user calls its own part")]

use resp::{Limits, Malformed, Protocol, Reply, ReplyScanner, Request, RequestScanner, Value, decode, inline};

/// Framing does not depend on how the stream is cut. The first byte chooses how.
pub(crate) fn scan(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = requests(data, [data.len()]);
    assert_eq!(requests(data, cuts(seed, data.len())), whole, "requests by pieces");
    check_requests(data, &whole);
    check_streamed(data, cuts(seed, data.len()), &whole);

    let whole = replies(data, [data.len()]);
    assert_eq!(replies(data, cuts(seed, data.len())), whole, "replies by pieces");
    check_replies(data, &whole);
}

/// A value that was read is written and read again as the same.
pub(crate) fn value(data: &[u8]) {
    let Ok(Some((value, len))) = decode(data, &Limits::REPLIES) else { return };
    assert!(len <= data.len());
    assert_eq!(decode(&data[..len - 1], &Limits::REPLIES), Ok(None), "a frame ends at its end");

    let mut resp3 = Vec::new();
    resp::write::value(&mut resp3, &value, Protocol::Resp3);
    let (again, read) = decode(&resp3, &Limits::REPLIES).unwrap().expect("what we write is whole");
    assert_eq!(read, resp3.len());
    // By text: NaN is not equal to itself, and a null array has no form of its own in RESP3.
    let mut twice = Vec::new();
    resp::write::value(&mut twice, &again, Protocol::Resp3);
    assert_eq!(twice, resp3);

    let mut resp2 = Vec::new();
    resp::write::value(&mut resp2, &value, Protocol::Resp2);
    let (again, read) = decode(&resp2, &Limits::REPLIES).unwrap().expect("what we write is whole");
    assert_eq!(read, resp2.len());
    assert!(is_resp2(&again));
}

/// The frames of a stream and how it ended, with the buffer growing at each cut.
pub(crate) fn requests(data: &[u8], cuts: impl IntoIterator<Item = usize>) -> (Vec<Request>, Option<Malformed>) {
    let mut scanner = RequestScanner::new(limits());
    let (mut found, mut start) = (Vec::new(), 0);
    for end in cuts {
        loop {
            match scanner.next(&data[start..end]) {
                Ok(None) => break,
                Ok(Some(request)) => {
                    start += request.len();
                    found.push(request);
                }
                Err(fault) => return (found, Some(fault)),
            }
        }
        assert!(scanner.wanted() > end - start, "waits for something");
    }
    (found, None)
}

/// The same for replies, with each chunk shown once.
pub(crate) fn replies(data: &[u8], cuts: impl IntoIterator<Item = usize>) -> (Vec<Reply>, Option<Malformed>) {
    let mut scanner = ReplyScanner::default();
    let (mut found, mut at) = (Vec::new(), 0);
    for end in cuts {
        while at < end {
            match scanner.feed(&data[at..end]) {
                Ok(progress) => {
                    assert!(progress.ended.is_some() || progress.consumed == end - at);
                    at += progress.consumed;
                    found.extend(progress.ended);
                }
                Err(fault) => return (found, Some(fault)),
            }
        }
    }
    (found, None)
}

/// Small limits, so that short inputs reach them.
fn limits() -> Limits {
    Limits { max_inline: 64, max_bulk: 4096, ..Limits::REQUESTS }
}

/// Rising ends of buffers up to `len`: every byte for an odd seed, else steps of seeded sizes.
fn cuts(seed: u8, len: usize) -> Vec<usize> {
    let mut state = u32::from(seed) | 1 << 16;
    let mut cuts = Vec::new();
    let mut at = 0;
    while at < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        at += if seed % 2 == 1 { 1 } else { 1 + (state >> 24) as usize % 16 };
        cuts.push(at.min(len));
    }
    cuts
}

/// The same frames end at the same places, and the same fault is found, if no byte is kept that was passed.
fn check_streamed(data: &[u8], cuts: Vec<usize>, (found, fault): &(Vec<Request>, Option<Malformed>)) {
    let mut scanner = RequestScanner::new(limits());
    let (mut ends, mut start, mut at) = (Vec::new(), 0, 0);
    for end in cuts {
        loop {
            match scanner.stream(&data[at..end]) {
                Ok(passed) => {
                    at += passed.len;
                    if !passed.ended {
                        break;
                    }
                    ends.push(at - start);
                    start = at;
                }
                Err(other) => {
                    assert_eq!(Some(other), *fault);
                    return assert!(ends.iter().eq(found.iter().map(Request::len).collect::<Vec<_>>().iter()));
                }
            }
        }
        assert!(scanner.wanted() > end - at, "waits for something");
    }
    assert!(ends.iter().eq(found.iter().map(Request::len).collect::<Vec<_>>().iter()) && fault.is_none());
}

fn check_requests(data: &[u8], (found, _): &(Vec<Request>, Option<Malformed>)) {
    let mut start = 0;
    for request in found {
        let frame = &data[start..start + request.len()];
        match request {
            Request::Command(command) => {
                let arguments: Vec<_> = command.arguments(frame).collect();
                assert_eq!(arguments.len(), command.argc());
                assert_eq!(arguments[0], command.name(frame));
                for (index, argument) in arguments.iter().enumerate() {
                    assert_eq!(command.argument(frame, index), Some(*argument));
                }
                let mut again = Vec::new();
                resp::write::command(&mut again, &arguments);
                assert_eq!(again, frame, "a request has one form");
            }
            Request::Inline { .. } => {
                let mut array = Vec::new();
                inline::rewrite(frame, &mut array).expect("the scanner refuses bad quotes");
                let (again, fault) = requests(&array, [array.len()]);
                assert!(matches!(again[..], [Request::Command(_)]) && fault.is_none());
            }
            Request::Empty { .. } => {}
        }
        start += request.len();
    }
}

fn check_replies(data: &[u8], (found, _): &(Vec<Reply>, Option<Malformed>)) {
    let mut start = 0;
    for reply in found {
        let frame = &data[start..start + reply.len as usize];
        if let Ok(read) = decode(frame, &Limits::REPLIES) {
            let (value, len) = read.expect("scanner and decoder agree on the end");
            assert_eq!(len, frame.len());
            assert_eq!(value.is_null(), reply.is_null);
            let code = value.error_code();
            assert_eq!(code.is_some(), reply.error_code().is_some());
        }
        start += frame.len();
    }
}

fn is_resp2(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_resp2),
        Value::Simple(_) | Value::Error(_) | Value::Int(_) | Value::Bulk(_) => true,
        Value::Null | Value::NullArray => true,
        _ => false,
    }
}
