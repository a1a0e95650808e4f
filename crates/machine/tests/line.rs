//! The text form of values: what it looks like, that it is exact, and that no text does harm.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use machine::Instant;
use machine::story::{from_line, to_line};
use machine::time::at;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Every shape that events and actions have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Started,
    VoteAsked { from: SocketAddr, last_epoch: Epoch, run_id: Option<String> },
    Text(String),
    Info(Info),
    MaybeInfo(Option<Info>),
    Moved(IpAddr, IpAddr),
    Answered { answers: Vec<Answer>, by: BTreeMap<SocketAddr, Info> },
    Counts(BTreeMap<Kind, u64>),
    Numbers(i8, u128, f64, f32, char, bool),
    Inner(Answer),
    Odd(Vec<Option<Option<u8>>>, (), Marker, Pair, Result<(), u8>),
    Kept { deep: Option<Option<u8>>, outer: Wrapped, raw: Bytes, name: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    Pong,
    Info { role: String, offset: i64 },
    Refused(String),
    View(Info),
    Range(u32, Option<u32>),
    Nested(Box<Self>),
    List(Vec<Self>),
    Maybe(Option<Info>),
    None(),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Info {
    when: Option<Instant>,
    #[serde(with = "machine::time::span")]
    last_io: Duration,
    inner: Option<Box<Self>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Epoch(u64);

/// A `None` in here cannot be left out: serde does not look into a newtype for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(Option<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    SDown,
    ODown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(String, u8);

#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, v: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(v.to_vec()))
            }
        }

        d.deserialize_byte_buf(Visitor)
    }
}

#[test]
fn each_shape_has_its_form() {
    let info = Info { when: Some(at(250)), last_io: Duration::from_micros(1_500), inner: None };
    let from: SocketAddr = "10.0.0.3:26379".parse().unwrap();
    let asked = |run_id| Event::VoteAsked { from, last_epoch: Epoch(7), run_id };
    let nested = Answer::Nested(Box::new(Answer::Range(1, None)));
    for (event, line) in [
        (Event::Started, "started"),
        (asked(None), "vote-asked from=10.0.0.3:26379 last-epoch=7"),
        (asked(Some("~".into())), r#"vote-asked from=10.0.0.3:26379 last-epoch=7 run-id="~""#),
        (Event::Text("+OK".into()), "text +OK"),
        (Event::Text(String::new()), r#"text """#),
        (Event::Info(info.clone()), "info when=250ms last-io=1.5ms"),
        (Event::MaybeInfo(None), "maybe-info ~"),
        (Event::Moved("::1".parse().unwrap(), "10.0.0.1".parse().unwrap()), "moved ::1 10.0.0.1"),
        (
            Event::Answered {
                answers: vec![Answer::Pong, Answer::View(info.clone()), Answer::Refused("no such".into()), nested],
                by: BTreeMap::from([(from, info)]),
            },
            "answered answers=[pong view{when=250ms last-io=1.5ms} refused(\"no such\") nested(range(1 ~))] \
             by={10.0.0.3:26379={when=250ms last-io=1.5ms}}",
        ),
        (Event::Counts(BTreeMap::from([(Kind::SDown, 2), (Kind::ODown, 1)])), "counts {s-down=2 o-down=1}"),
        (Event::Numbers(-1, 9, 0.5, 1.0, 'x', true), "numbers -1 9 0.5 1.0 x true"),
        (Event::Inner(Answer::Info { role: "master".into(), offset: -1 }), "inner info role=master offset=-1"),
        (
            Event::Odd(vec![None, Some(None), Some(Some(1))], (), Marker, Pair("7".into(), 7), Ok(())),
            r#"odd [~ ~~ 1] () () ["7" 7] ok(())"#,
        ),
        (
            Event::Kept {
                deep: Some(None),
                outer: Wrapped(None),
                raw: Bytes(vec![b'a', 0, 255]),
                name: "two\r\nlines".into(),
            },
            r#"kept deep=~~ outer=~ raw="a\x00\xff" name="two\r\nlines""#,
        ),
    ] {
        assert_eq!(to_line(&event).unwrap(), line);
        assert_eq!(from_line::<Event>(line).unwrap(), event);
    }
}

#[test]
fn a_struct_alone_is_a_line_of_fields() {
    let config: Info = from_line("  last-io=3ms   when=1ms ").unwrap();
    assert_eq!(to_line(&config).unwrap(), "when=1ms last-io=3ms");
}

#[test]
fn what_is_wrong_is_said_with_its_column() {
    for (line, column, why) in [
        ("strated", 1, "expected one of the verbs (started, vote-asked, text,"),
        ("started now", 9, "expected the end of the line, found `now`"),
        ("vote-asked epoch=7", 12, "expected one of the fields (from, last-epoch, run-id), found `epoch=7`"),
        ("vote-asked from=nobody last-epoch=7", 17, "invalid socket address syntax"),
        ("vote-asked from=1.1.1.1:1 from=1.1.1.1:1", 31, "the field from is given twice"),
        ("vote-asked from=1.1.1.1:1", 26, "the field last-epoch is missing"),
        ("vote-asked from 1.1.1.1:1", 16, "expected `=`, found a blank"),
        ("info last-io=5", 14, "expected milliseconds, such as 250ms"),
        (r#"text "abc"#, 10, "expected a closing quote, found the end of the line"),
        (r#"text "\xg0""#, 7, r#"expected one of \" \\ \n \r \t \xNN"#),
        (r#"text "\xff""#, 6, "expected a text, found bytes that are not UTF-8"),
        ("text \u{e9}t\u{e9}", 6, "expected a word or a quoted text, found `\u{e9}t\u{e9}`"),
        ("answered answers=[pong by={}", 24, "expected one of the verbs (pong,"),
        ("answered answers=[refused{}", 26, "expected a word or a quoted text, found `{}`"),
        ("moved 1.1.1.1", 14, "invalid length 1"),
        ("moved 1.1.1.1 1.1.1.1 1.1.1.1", 23, "expected the end of the line"),
        ("odd [] () () [a 7 8] ok(())", 19, "expected `]`, found `8]`"),
    ] {
        let e = from_line::<Event>(line).unwrap_err();
        assert!((e.line, e.column) == (1, column) && e.why.starts_with(why), "{line}\n{e}");
    }
}

#[test]
fn depth_is_bounded_on_both_sides() {
    let deep = (0..100).fold(Answer::Pong, |inner, _| Answer::Nested(Box::new(inner)));
    assert!(to_line(&deep).unwrap_err().to_string().starts_with("more than 48"));
    let line = format!("{}pong", "nested ".repeat(10_000));
    assert!(from_line::<Answer>(&line).unwrap_err().why.starts_with("more than 48"));
    let line = format!("list {}", "[list(".repeat(10_000));
    assert!(from_line::<Answer>(&line).unwrap_err().why.starts_with("more than 48"));
    let line = format!("maybe {}", "~".repeat(10_000));
    assert!(from_line::<Answer>(&line).is_err());
}

#[test]
fn a_type_without_a_text_form_says_so() {
    let map = BTreeMap::from([(vec![1_u8], 2)]);
    assert_eq!(to_line(&map).unwrap_err().to_string(), "a map's key is not a scalar");
    assert!(
        machine::story::event_line(at(1), &map).starts_with("at 1ms unwritable \"a map's key"),
        "a recorder has nobody to report to"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_written_is_read_back(event in event()) {
        let line = to_line(&event).unwrap();
        prop_assert!(!line.chars().any(char::is_control), "one line: {}", line);
        prop_assert_eq!(from_line::<Event>(&line), Ok(event), "{}", line);
    }

    #[test]
    fn what_is_written_can_stand_before_a_comment(event in event()) {
        let text = format!("at 1ms {}  # a \"remark", to_line(&event).unwrap());
        let mut seen = Seen(Vec::new());
        prop_assert_eq!(machine::story::run(&mut seen, &text).unwrap(), text + "\n");
        prop_assert_eq!(seen.0, [event]);
    }

    #[test]
    fn no_text_makes_the_reader_panic(any in "\\PC*", soup in soup()) {
        for line in [any, soup] {
            reads::<Event>(&line);
            reads::<Answer>(&line);
            reads::<Info>(&line);
            reads::<BTreeMap<String, Vec<Option<f64>>>>(&line);
            reads::<serde::de::IgnoredAny>(&line);
            reads::<(Bytes, char, ())>(&line);
        }
    }
}

fn reads<T: DeserializeOwned>(line: &str) {
    let _ = from_line::<T>(line).map_err(|e| assert!(e.column > 0 && e.column <= line.chars().count() + 1));
}

/// Lines that look like lines, far more often than chance would make them.
fn soup() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        2 => "started|text|info|answered|answers=|inner|odd|kept|view|refused|nested|list|maybe|range",
        2 => "[ \\[\\](){}=~\"\\\\]",
        1 => "\\\\x[0-9a-g]{0,2}|[0-9]{1,3}(ms)?|-?[a-z.]{0,3}",
        1 => "\\PC",
    ];
    vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn event() -> impl Strategy<Value = Event> {
    let from = any::<SocketAddr>();
    prop_oneof![
        Just(Event::Started),
        (from, any::<u64>(), option::of(text())).prop_map(|(from, epoch, run_id)| Event::VoteAsked {
            // The flow label and scope of an IPv6 address are not in its text; no link of ours has them.
            from: SocketAddr::new(from.ip(), from.port()),
            last_epoch: Epoch(epoch),
            run_id,
        }),
        text().prop_map(Event::Text),
        info().prop_map(Event::Info),
        option::of(info()).prop_map(Event::MaybeInfo),
        any::<(IpAddr, IpAddr)>().prop_map(|(from, to)| Event::Moved(from, to)),
        (vec(answer(), 0..4), btree_map(any::<(IpAddr, u16)>().prop_map(SocketAddr::from), info(), 0..3))
            .prop_map(|(answers, by)| Event::Answered { answers, by }),
        btree_map(prop_oneof![Just(Kind::SDown), Just(Kind::ODown)], any::<u64>(), 0..3).prop_map(Event::Counts),
        any::<(i8, u128, f64, f32, char, bool)>().prop_map(|(a, b, c, d, e, f)| Event::Numbers(a, b, c, d, e, f)),
        answer().prop_map(Event::Inner),
        (vec(any::<Option<Option<u8>>>(), 0..4), text(), any::<u8>(), any::<Result<(), u8>>())
            .prop_map(|(list, a, b, result)| Event::Odd(list, (), Marker, Pair(a, b), result)),
        (any::<Option<u8>>(), any::<Option<u8>>(), any::<Vec<u8>>(), text()).prop_map(|(deep, outer, raw, name)| {
            Event::Kept { deep: Some(deep), outer: Wrapped(outer), raw: Bytes(raw), name }
        }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let leaf = prop_oneof![
        Just(Answer::Pong),
        Just(Answer::None()),
        (text(), any::<i64>()).prop_map(|(role, offset)| Answer::Info { role, offset }),
        text().prop_map(Answer::Refused),
        info().prop_map(Answer::View),
        any::<(u32, Option<u32>)>().prop_map(|(a, b)| Answer::Range(a, b)),
        option::of(info()).prop_map(Answer::Maybe),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![inner.clone().prop_map(|a| Answer::Nested(Box::new(a))), vec(inner, 0..4).prop_map(Answer::List),]
    })
}

fn info() -> impl Strategy<Value = Info> {
    let flat = any::<(Option<u64>, u64)>().prop_map(|(when, nanos)| Info {
        when: when.map(Instant::from_nanos),
        last_io: Duration::from_nanos(nanos),
        inner: None,
    });
    (flat.clone(), option::of(flat)).prop_map(|(info, inner)| Info { inner: inner.map(Box::new), ..info })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.:/@#+*?_-]{0,12}",
        "[ -~]{0,12}",
        any::<String>(),
        Just("true".to_string()),
        Just("-1e9".to_string()),
        Just("x  # y".to_string()),
    ]
}

/// A machine that only remembers.
struct Seen(Vec<Event>);

impl machine::Machine for Seen {
    type Event = Event;
    type Action = ();
    type Timer = ();

    fn handle(&mut self, _: Instant, event: Event) {
        self.0.push(event);
    }

    fn wake(&mut self, _: Instant) {}

    fn poll(&mut self) -> Option<()> {
        None
    }

    fn deadline(&self) -> Option<(Instant, ())> {
        None
    }
}
