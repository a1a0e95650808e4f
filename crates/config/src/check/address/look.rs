//! What does not fit together about the checks of an address.

use crate::address::{PROOF, Target};
use crate::diagnostic::Problem;
use crate::setting::Settings;
use crate::value::quote;

use super::super::edge::pair;
use super::super::{header, missing};
use super::at;

pub(super) fn all(found: &mut Vec<Problem>, address: &Settings) {
    let checks = address.get::<Vec<Settings>>("check").unwrap_or_default();
    for (nr, check) in checks.iter().enumerate() {
        missing(found, check);
        target(found, check);
        weight(found, check, address);
        login(found, check);
        let (Some(name), Some(span)) = (check.get::<String>("name"), check.span("name")) else { continue };
        if name == PROOF {
            let wrong = format!("the name {} is that of `follows = \"proxy\"` itself", quote(PROOF));
            found.push(Problem::new(span.clone(), wrong, "expected another one"));
        }
        if let Some(first) = checks[..nr].iter().find(|other| other.get::<String>("name").as_ref() == Some(&name)) {
            let wrong = format!("two checks of this address have the name {}", quote(&name));
            found.push(Problem::new(span, wrong, "again").related(at(first, "name"), "first here"));
        }
    }
    if checks.len() > MOST {
        let wrong = format!("this address has {} checks", checks.len());
        found.push(Problem::new(at(address, "check"), wrong, format!("expected at most {MOST}")));
    }
}

/// One thing is looked at, and what else is said is about that.
fn target(found: &mut Vec<Problem>, check: &Settings) {
    let named: Vec<&str> = Target::KEYS.into_iter().filter(|key| !check.lacks(key)).collect();
    let Some(first) = named.first() else {
        let keys = Target::KEYS.map(|key| format!("`{key}`")).join(", ");
        let problem =
            Problem::new(header(check), "what is to be looked at is missing", format!("expected one of {keys}"));
        found.push(problem.help("add, with your own values, for example:\ngateway = \"10.0.0.254\""));
        return;
    };
    for second in &named[1..] {
        let wrong = format!("a check looks at one thing, and this one at `{first}` and `{second}`");
        let problem = Problem::new(at(check, second), wrong, "expected one of them");
        found.push(problem.related(at(check, first), "the other one").help("take a [[address.check]] for each"));
    }
    for (key, owner) in OWNERS.iter().filter(|(_, owner)| !named.contains(owner)) {
        if let Some(span) = check.span(key) {
            let wrong = format!("`{key}` has no meaning with `{first}`");
            found.push(Problem::new(span, wrong, format!("only with `{owner}`")).help("remove the line"));
        }
    }
}

/// Weights are of priorities, which only VRRP has.
fn weight(found: &mut Vec<Problem>, check: &Settings, address: &Settings) {
    let Some(span) = check.span("weight") else { return };
    if address.lacks("vrrp") {
        let wrong = "`weight` has no meaning without `[address.vrrp]`: there is no priority that it could be added to";
        found.push(Problem::new(span, wrong, "only with `vrrp`").help(VETO));
    } else if let Some(vrrp) = address.get::<Settings>("vrrp").filter(|vrrp| vrrp.get::<u32>("priority") == Some(255)) {
        let wrong = "`weight` has no meaning with priority 255: the right of an owner does not depend on health";
        let problem = Problem::new(span, wrong, "only with a priority of 1 to 254").help(VETO);
        found.push(problem.related(at(&vrrp, "priority"), "the priority"));
    }
}

fn login(found: &mut Vec<Problem>, check: &Settings) {
    if let Some(span) = check.span("username").filter(|_| check.lacks("password")) {
        let wrong = "`username` without `password`: Redis takes a user only with a password";
        found.push(Problem::new(span, wrong, "expected a `password` next to it"));
    }
    if let Some(tls) = check.get::<Settings>("tls") {
        missing(found, &tls);
        pair(found, &tls);
    }
}

/// Options of one kind of target, and of which.
const OWNERS: &[(&str, &str)] = &[
    ("max-age", "file"),
    ("contains", "file"),
    ("user", "script"),
    ("role", "redis"),
    ("username", "redis"),
    ("password", "redis"),
    ("tls", "redis"),
];

const VETO: &str = "remove the line: a check without a weight is a veto, and while it fails the address is not here";

/// Each is a task and, at its interval, a connection or a process.
const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::SECTIONS;

    #[test]
    fn every_target_and_what_belongs_to_one_is_an_option() {
        let check = SECTIONS.iter().find(|section| section.name == "address.check").unwrap();
        for key in Target::KEYS.iter().chain(OWNERS.iter().flat_map(|(key, owner)| [key, owner])) {
            assert!(check.option(key).is_some(), "{key}");
        }
    }
}
