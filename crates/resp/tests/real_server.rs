//! What a real server does with the same bytes: refuses what we refuse, in the same words, and
//! understands the rest alike.

mod server;

use resp::{Request, RequestScanner, inline};
use server::{MARK, Server};

#[test]
fn malformed_requests_are_refused_in_the_same_words() {
    let server = Server::start();
    let long = "1".repeat(70_000);
    let too_big = [format!("*{long}"), format!("*1\r\n${long}"), format!("{long}x")];
    let listed = [
        "*abc\r\n",
        "*\r\n",
        "*01\r\n",
        "*-0\r\n",
        "*+1\r\n",
        "*1 \r\n",
        "* 1\r\n",
        "*2147483648\r\n",
        "*9223372036854775808\r\n",
        "*99999999999999999999999999\r\n",
        "*1\r\nfoo\r\n",
        "*1\r\n\r\n",
        "*1\r\n\n\r\n",
        "*1\r\n*1\r\n",
        "*2\r\n$4\r\nPING\r\n:1\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$\r\n",
        "*1\r\n$a\r\n",
        "*1\r\n$+4\r\n",
        "*1\r\n$04\r\n",
        "*1\r\n$536870913\r\n",
        "*1\r\n$9223372036854775807\r\n",
        "*1\r\n$99999999999999999999999999\r\n",
        "echo \"foo\r\n",
        "echo 'foo\r\n",
        "echo \"foo\"bar\r\n",
        "echo 'foo'bar\r\n",
        "echo \"foo\\\"\r\n",
    ];
    let listed = listed.iter().map(|text| text.as_bytes());
    let bytes = listed.chain(too_big.iter().map(String::as_bytes)).chain([&b"*1\r\n\xff\r\n"[..]]);
    for bytes in bytes {
        let (theirs, closed) = server.answer(bytes);
        assert_eq!(text(&ours(bytes)), text(&theirs), "to {}", text(&bytes[..bytes.len().min(80)]));
        assert!(closed);
    }
}

#[test]
fn odd_but_valid_requests_are_understood_alike() {
    let server = Server::start();
    for bytes in [
        &b"*0\r\n"[..],
        b"*-1\r\n",
        b"*-5\r\n",
        b"\r\n",
        b"\n",
        b" \t \r\n",
        b"\rPING\r\n",
        b"\x0bPING\r\n",
        b"PING\r\r\n",
        b"\"PING\"\r\n",
        b"P'ING'\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nping\r\n",
    ] {
        let stream = [bytes, MARK].concat();
        let (theirs, closed) = server.answer(&stream);
        assert_eq!(text(&ours(&stream)), text(&theirs), "to {}", text(bytes));
        assert!(!closed);
    }
}

#[test]
fn quotes_are_read_alike() {
    let server = Server::start();
    for word in [
        r#""a b""#,
        r#""\x41\n\r\t\b\a\q\\""#,
        r#""\x4""#,
        r#""\xzz""#,
        r"'it\'s'",
        r"'\n\\ '",
        "''",
        r#""""#,
        r#"a"b c""#,
        "a'b'",
        "a\x0bb",
        "a\x0cb",
        r"a\nb",
        "\"'\"",
        "'\"'",
        "\x01\u{ff}",
    ] {
        let line = format!("ECHO {word}");
        let ours = inline::split(line.as_bytes()).unwrap();
        let mut expected = Vec::new();
        resp::write::bulk(&mut expected, &ours[1]);
        expected.extend_from_slice(b"$4\r\nmark\r\n");
        let (theirs, _) = server.answer(&[line.as_bytes(), b"\r\n", MARK].concat());
        assert_eq!(text(&expected), text(&theirs), "{word}");
    }
}

/// What we would answer if every command were `PING`, the last one with `MARK`.
fn ours(stream: &[u8]) -> Vec<u8> {
    let (mut scanner, mut out, mut at) = (RequestScanner::default(), Vec::new(), 0);
    loop {
        let request = match scanner.next(&stream[at..]) {
            Ok(None) => return out,
            Ok(Some(request)) => request,
            Err(fault) => {
                fault.reply(&mut out);
                return out;
            }
        };
        let end = at + request.len();
        match request {
            Request::Empty { .. } => {}
            _ if end == stream.len() => resp::write::bulk(&mut out, b"mark"),
            Request::Command(_) | Request::Inline { .. } => resp::write::simple(&mut out, "PONG"),
        }
        at = end;
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
