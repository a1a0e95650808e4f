//! Any bytes lead to a stated answer (B3), however they are cut: the corpus of the fuzz target, random bytes, and messages that were
//! damaged.

mod check;

use std::fs;
use std::path::Path;

use bgp::State;
use proptest::prelude::*;

#[test]
fn the_corpus_of_the_fuzz_target_is_answered() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/bgp_message");
    let mut replayed = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is in the repository") {
        let path = entry.expect("a file of the corpus").path();
        check::bytes(&fs::read(&path).expect("a file of the corpus can be read"));
        replayed += 1;
    }
    assert!(replayed >= 10, "{replayed} files");
}

#[test]
fn every_cut_of_a_whole_session_is_the_same() {
    let stream = [messages::open(), messages::keepalive(), messages::update(), messages::refresh()].concat();
    for cut in 0..=u8::MAX {
        check::bytes(&[&[cut], stream.as_slice()].concat());
    }
}

#[test]
fn a_message_of_the_greatest_length_is_read_and_one_octet_more_is_not() {
    let longest = messages::of_length(4096, 2);
    check::bytes(&[&[255], longest.as_slice()].concat());
    let mut framer = bgp::Framer::default();
    let mut seen = 0;
    assert_eq!(
        framer.feed(&longest, |_| {
            seen += 1;
            true
        }),
        Ok(())
    );
    assert_eq!(seen, 1);
    let answer = bgp::Framer::default().feed(&messages::of_length(4097, 2), |_| true).unwrap_err();
    assert_eq!((answer.code, answer.subcode, answer.data), (1, 2, vec![0x10, 0x01]));
}

/// Messages as a peer sends them, written by hand.
mod messages {
    pub(crate) fn of_length(length: u16, kind: u8) -> Vec<u8> {
        let mut message = vec![0xFF; 16];
        message.extend_from_slice(&length.to_be_bytes());
        message.push(kind);
        message.resize(usize::from(length), 0);
        message
    }

    pub(crate) fn with(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = of_length(u16::try_from(19 + body.len()).unwrap(), kind);
        message[19..].copy_from_slice(body);
        message
    }

    pub(crate) fn open() -> Vec<u8> {
        super::check::open(65_000).to_bytes()
    }

    pub(crate) fn keepalive() -> Vec<u8> {
        with(4, &[])
    }

    pub(crate) fn update() -> Vec<u8> {
        with(2, &[0, 0, 0, 0, 24, 10, 0, 0])
    }

    pub(crate) fn refresh() -> Vec<u8> {
        with(5, &[0, 1, 0, 1])
    }
}

/// A message, whole or damaged in one place.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        Just(messages::open()),
        Just(messages::keepalive()),
        Just(messages::update()),
        Just(messages::refresh()),
        prop::collection::vec(any::<u8>(), 2..40).prop_map(|body| messages::with(3, &body)),
        prop::collection::vec(any::<u8>(), 4..80).prop_map(|body| messages::with(2, &body)),
        prop::collection::vec(any::<u8>(), 10..80).prop_map(|body| messages::with(1, &body)),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(kind, body)| messages::with(kind, &body)),
    ];
    let damage = prop_oneof![3 => Just(None), 1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(Some)];
    (whole, damage).prop_map(|(mut message, damage)| {
        if let Some((at, octet)) = damage {
            let at = at.index(message.len());
            message[at] = octet;
        }
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..200)) {
        check::bytes(&data);
    }

    #[test]
    fn messages_whole_and_damaged_are_answered(cut: u8, stream in prop::collection::vec(message(), 0..8)) {
        check::bytes(&[&[cut], stream.concat().as_slice()].concat());
    }

    #[test]
    fn an_open_with_any_options_is_answered(options in prop::collection::vec(any::<u8>(), 0..120), cut: u8) {
        let length = u8::try_from(options.len()).unwrap();
        let head = [4, 0xFD, 0xE8, 0, 90, 192, 0, 2, 1, length];
        let open = messages::with(1, &[head.as_slice(), options.as_slice()].concat());
        check::bytes(&[&[cut], open.as_slice()].concat());
    }
}

#[test]
fn a_session_is_in_every_state_that_bytes_can_meet() {
    for state in [State::Connect, State::OpenSent, State::OpenConfirm, State::Established] {
        assert_eq!(check::peer_in(state).state(), state);
    }
}
