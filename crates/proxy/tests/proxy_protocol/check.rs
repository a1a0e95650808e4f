//! What must hold for any bytes at all. Shared by the property tests, the replay of the fuzz target's corpus and the target itself.

use crate::proxy_protocol::{Header, LONGEST, Version, decode, encode};

/// Reading depends neither on how the stream is cut nor on what comes after, and what was read is written and read as the same.
pub(crate) fn bytes(data: &[u8]) {
    let whole = decode(data);
    let mut first = None;
    for cut in 0..=data.len().min(LONGEST + 1) {
        match (decode(&data[..cut]), &first) {
            (Ok(None), None) => {}
            (Ok(None), Some(_)) => panic!("what was decided is undecided after {cut} bytes"),
            (decided, None) => first = Some(decided),
            (decided, Some(before)) => assert_eq!(decided, *before, "after {cut} bytes"),
        }
    }
    assert_eq!(first.unwrap_or(Ok(None)), whole, "the pieces say the same as the whole");
    if data.len() >= LONGEST {
        assert_ne!(whole, Ok(None), "B1: a header is not longer than {LONGEST}");
    }
    if let Ok(Some((header, length))) = whole {
        assert!(length <= data.len().min(LONGEST));
        comes_back(&header);
    }
}

/// What is written is read as the same, as far as the version has words for it.
pub(crate) fn comes_back(header: &Header) {
    for version in [Version::V1, Version::V2] {
        let mut written = Vec::new();
        encode(header, version, &mut written);
        let length = written.len();
        written.extend_from_slice(b"PING\r\n");
        let read = decode(&written).expect("what we write is a header").expect("and a whole one");
        let expected = match (version, header) {
            (Version::V1, Header::Local | Header::Unix) => Header::Unknown,
            _ => *header,
        };
        assert_eq!(read, (expected, length));
    }
}
