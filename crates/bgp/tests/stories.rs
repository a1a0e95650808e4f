//! Sessions as stories: what a flight recorder would write, with the octets as digits and `M` for the marker of a message. `UPDATE=1`
//! accepts what the machine does.

use bgp::{Neighbor, Peer};
use machine::story;

fn tells(file: &str) {
    let path = format!("{}/tests/stories/{file}", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    let neighbor: Neighbor =
        story::from_line(story::header(&expected, "config").expect("the story has a config line")).unwrap();
    let seed = story::header(&expected, "seed").map_or(1, |seed| seed.parse().unwrap());
    let mut peer = Peer::new(neighbor, seed);
    let actual = story::run(&mut peer, &expected).unwrap_or_else(|e| panic!("{file}: {e}"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, actual).unwrap();
    } else if let Some(difference) = story::difference(&expected, &actual) {
        panic!("{file} (UPDATE=1 accepts this):\n{difference}");
    }
}

#[test]
fn a_primary_of_lelastic_comes_and_goes() {
    tells("lelastic.story");
}

#[test]
fn a_route_server_that_hangs_is_given_up_and_asked_again() {
    tells("hang.story");
}
