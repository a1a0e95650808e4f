//! What may differ between two servers that were asked the same? This list, and nothing else.

/// Requests whose replies hold numbers of the clock, of memory, or of who came when: their digits say nothing.
const NUMBERS: &[&str] = &[
    "CLIENT ID",
    "CLIENT GETREDIR",
    "TIME",
    "LASTSAVE",
    "PTTL",
    "PEXPIRETIME",
    "EXPIRETIME",
    "OBJECT IDLETIME",
    "OBJECT FREQ",
    "SLOWLOG LEN",
    "DEBUG OBJECT",
    "XPENDING",
    "XINFO CONSUMERS",
    "XINFO STREAM",
    "MEMORY",
    "LATENCY",
    "COMMAND COUNT",
];
/// Requests whose replies come in the order of a hash table, which each server seeds for itself.
const UNORDERED: &[&str] = &[
    "KEYS",
    "SMEMBERS",
    "SUNION",
    "SDIFF",
    "SINTER",
    "COMMAND",
    "PUBSUB CHANNELS",
    "CONFIG GET",
    "SCAN",
    "SSCAN",
    "HSCAN",
    "ZSCAN",
    "HGETALL",
    "HKEYS",
    "HVALS",
    "ACL CAT",
    "ACL LIST",
    "ACL GETUSER",
];
/// Requests whose replies are drawn by lot: only their length in lines says something.
const DRAWN: &[&str] = &["RANDOMKEY", "SRANDMEMBER", "SPOP", "HRANDFIELD", "ZRANDMEMBER", "ACL GENPASS", "DUMP"];
/// Requests whose replies are one piece, made in the order of a hash table and summed: only their length says something.
const SIZED: &[&str] = &["FUNCTION DUMP"];
/// Of a line of CLIENT LIST or CLIENT INFO: where the client is, since when, and what it costs.
const OF_A_CLIENT: &[&str] = &[
    "id",
    "addr",
    "laddr",
    "fd",
    "age",
    "idle",
    "qbuf",
    "qbuf-free",
    "argv-mem",
    "multi-mem",
    "rbs",
    "rbp",
    "obl",
    "oll",
    "omem",
    "tot-mem",
];

/// The reply without what is volatile.
pub fn normal(request: &[u8], reply: &[u8]) -> Vec<u8> {
    let request = request.to_ascii_uppercase();
    let asks = |list: &[&str]| list.iter().any(|name| begins(&request, name.as_bytes()));
    if is_monitored(reply) {
        return monitored(reply);
    }
    if reply.starts_with(b"-") {
        return reply.to_vec();
    }
    if begins(&request, b"CLIENT INFO") || begins(&request, b"CLIENT LIST") {
        client_fields(reply)
    } else if begins(&request, b"HELLO") {
        without_ids(reply)
    } else if begins(&request, b"INFO") {
        names_of_info(reply)
    } else if asks(NUMBERS) {
        without_digits(reply)
    } else if asks(DRAWN) {
        let lines = reply.split(|b| *b == b'\n').map(|line| line.first().copied().unwrap_or(b'.'));
        lines.map(|first| if b"*$:%~_+".contains(&first) { first } else { b'.' }).collect()
    } else if asks(SIZED) {
        reply.split(|b| *b == b'\n').next().unwrap_or_default().to_vec()
    } else if asks(UNORDERED) {
        sorted_words(reply)
    } else {
        reply.to_vec()
    }
}

fn begins(request: &[u8], name: &[u8]) -> bool {
    request.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest[0] == b' ')
}

/// `+1700000000.123456 [9 127.0.0.1:4711] "GET" "k"`
fn is_monitored(reply: &[u8]) -> bool {
    let stamp = reply.strip_prefix(b"+").and_then(|rest| rest.split(|b| *b == b' ').next());
    stamp.is_some_and(|stamp| stamp.len() > 10 && stamp.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

fn monitored(reply: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(reply);
    let mut words: Vec<&str> = text.split(' ').collect();
    words[0] = "+#";
    if words.len() > 2 && words[2].contains(':') {
        words[2] = "#]";
    }
    words.join(" ").into_bytes()
}

fn client_fields(reply: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(reply);
    let mut lines: Vec<String> = text.split('\n').skip(1).map(client_line).collect();
    // Redis lists them by age, and which of two connections was accepted first is not ours to say.
    lines.sort();
    lines.join("\n").into_bytes()
}

fn client_line(line: &str) -> String {
    let field = |word: &str| match word.split_once('=') {
        // A text of RESP3 says what it is before its first word.
        Some((name, _)) if OF_A_CLIENT.contains(&name.trim_start_matches("txt:")) => format!("{name}=#"),
        _ => word.to_owned(),
    };
    line.split(' ').map(field).collect::<Vec<_>>().join(" ")
}

/// Each connection's own number, as HELLO tells it.
pub fn without_ids(replies: &[u8]) -> Vec<u8> {
    let mark = b"$2\r\nid\r\n:";
    let mut out = Vec::with_capacity(replies.len());
    let mut rest = replies;
    while let Some(at) = rest.windows(mark.len()).position(|w| w == mark).map(|at| at + mark.len()) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'#');
        rest = &rest[at..];
        rest = &rest[rest.iter().take_while(|b| b.is_ascii_digit()).count()..];
    }
    out.extend_from_slice(rest);
    out
}

fn names_of_info(reply: &[u8]) -> Vec<u8> {
    let name = |line: &[u8]| line.split(|b| *b == b':').next().unwrap_or_default().to_vec();
    let mut names: Vec<Vec<u8>> = reply.split(|b| *b == b'\n').skip(1).map(name).collect();
    // The statistics of commands lie in a hash table.
    names.sort_unstable();
    names.join(&b'\n')
}

/// Numbers, and hexadecimal ones such as addresses in memory, become `#`.
fn without_digits(reply: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = reply;
    while let Some((&first, after)) = rest.split_first() {
        let hexadecimal = rest.starts_with(b"0x");
        if first.is_ascii_digit() {
            let run = if hexadecimal { 2 } else { 1 };
            rest = &rest[run..];
            let is_part = |b: &u8| b.is_ascii_digit() || (hexadecimal && b.is_ascii_hexdigit());
            rest = &rest[rest.iter().take_while(|b| is_part(b)).count()..];
            out.push(b'#');
        } else {
            out.push(first);
            rest = after;
        }
    }
    out
}

fn sorted_words(reply: &[u8]) -> Vec<u8> {
    let mut words: Vec<&[u8]> = reply.split(|b| b"\r\n ".contains(b)).collect();
    words.sort_unstable();
    words.join(&b'\n')
}
