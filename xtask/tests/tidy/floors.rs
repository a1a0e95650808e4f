//! Arrows between our crates point down, never sideways inside a floor; the words may be used by everyone.
//!
//! The table is the block ```` ```floors ```` of ARCHITECTURE.md, highest floor first: a number, then the crates. The line of
//! DESIGN (no I/O, no clock below it) runs between 3 and 2.

use std::collections::BTreeMap;

use crate::tree;

/// Where a crate lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A word: used by everyone. Among each other, a word may use those before it in the table.
    Word { order: usize },
    /// A room on a floor.
    Floor { number: u32 },
    /// A tool beside the house.
    Beside,
}

/// A dependency of one of our crates on another.
#[derive(Debug)]
pub(crate) struct Arrow {
    pub from: String,
    pub to: String,
    pub in_tests_only: bool,
}

/// The highest floor that has no I/O and no clock.
const LINE: u32 = 2;
/// The tools that tests may use as well.
const TEST_TOOLS: &[&str] = &["sim", "seeds", "ports", "lab"];

/// Reads the table.
pub(crate) fn table(architecture: &str) -> BTreeMap<String, Place> {
    let block = architecture.split_once("```floors\n").and_then(|(_, rest)| rest.split_once("```"));
    let (block, _) = block.expect("ARCHITECTURE.md has a block ```floors with a line for each floor");
    let mut places = BTreeMap::new();
    for line in block.lines() {
        let mut words = line.split_whitespace();
        let Some(label) = words.next() else { continue };
        for (order, name) in words.enumerate() {
            let place = match label {
                "words" => Place::Word { order },
                "beside" => Place::Beside,
                number => Place::Floor { number: number.parse().expect("a floor is a number, `words` or `beside`") },
            };
            let before = places.insert(name.to_owned(), place);
            assert!(before.is_none(), "{name} is in the table of floors twice");
        }
    }
    places
}

/// The crates that know no I/O and no clock.
pub(crate) fn below_the_line(places: &BTreeMap<String, Place>) -> Vec<String> {
    let below = |place: &Place| match place {
        Place::Word { .. } => true,
        Place::Floor { number } => *number <= LINE,
        Place::Beside => false,
    };
    places.iter().filter(|(_, place)| below(place)).map(|(name, _)| name.clone()).collect()
}

fn complaints(places: &BTreeMap<String, Place>, names: &[String], arrows: &[Arrow]) -> Vec<String> {
    let unplaced = names.iter().filter(|name| !places.contains_key(*name)).map(|name| format!("{name} has no floor"));
    let gone =
        places.keys().filter(|name| !names.contains(name)).map(|name| format!("{name} has a floor and is no crate"));
    let wrong = arrows.iter().filter(|arrow| !is_allowed(places, arrow));
    let wrong = wrong.map(|Arrow { from, to, .. }| format!("{from} -> {to} does not point down"));
    unplaced.chain(gone).chain(wrong).collect()
}

fn is_allowed(places: &BTreeMap<String, Place>, arrow: &Arrow) -> bool {
    let (Some(from), Some(to)) = (places.get(&arrow.from), places.get(&arrow.to)) else {
        return true; // complained about already
    };
    if arrow.in_tests_only && TEST_TOOLS.contains(&arrow.to.as_str()) {
        return true;
    }
    match (from, to) {
        (Place::Word { order: from }, Place::Word { order: to }) => to < from,
        (_, Place::Word { .. }) => true,
        (Place::Floor { number: from }, Place::Floor { number: to }) => to < from,
        // That it compiles from the ground alone proves that nothing above is needed to decide.
        (Place::Beside, Place::Floor { number }) if arrow.from == "sim" => *number <= LINE,
        (Place::Beside, _) => arrow.from != "sim",
        (Place::Word { .. } | Place::Floor { .. }, _) => false,
    }
}

#[test]
fn arrows_point_down() {
    let packages = tree::packages("Cargo.toml");
    let mut names = Vec::new();
    let mut arrows = Vec::new();
    for package in &packages {
        let from = package["name"].as_str().expect("a package has a name").to_owned();
        for dependency in package["dependencies"].as_array().expect("dependencies is a list") {
            if dependency["path"].is_string() {
                let to = dependency["name"].as_str().expect("a dependency has a name").to_owned();
                arrows.push(Arrow { from: from.clone(), to, in_tests_only: dependency["kind"] == "dev" });
            }
        }
        names.push(from);
    }
    let rule = "Arrows point down, never sideways inside a floor (ARCHITECTURE.md, ```floors). Move what both need down, or into \
                the words; a new arrow is a bigger thing than a thousand lines.";
    crate::no_complaints(rule, &complaints(&table(tree::architecture()), &names, &arrows));
}

#[test]
fn an_arrow_up_or_sideways_is_seen() {
    let places =
        table("x\n```floors\n3 proxy host\n2\n1 sentinel session\nwords machine view\nbeside sim lab xtask\n```\n");
    assert_eq!(places["view"], Place::Word { order: 1 });
    assert_eq!(below_the_line(&places), ["machine", "sentinel", "session", "view"]);
    let allowed = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        is_allowed(&places, &Arrow { from: words[0].into(), to: words[1].into(), in_tests_only: words.len() > 2 })
    };
    for line in
        ["proxy session", "sentinel view", "view machine", "sim sentinel", "lab host", "xtask sim", "session sim dev"]
    {
        assert!(allowed(line), "{line}");
    }
    for line in
        ["session proxy", "session sentinel", "proxy host", "machine view", "view session", "sim host", "sim lab"]
    {
        assert!(!allowed(line), "{line}");
    }
    for line in ["session sim", "proxy lab", "session proxy dev", "host xtask dev"] {
        assert!(!allowed(line), "{line}");
    }
    let names = ["proxy", "vrrp"].map(str::to_owned);
    let complaints = complaints(&places, &names, &[]).join("; ");
    assert!(complaints.contains("vrrp has no floor") && complaints.contains("host has a floor and is no crate"));
}
