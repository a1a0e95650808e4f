//! What does not fit together about sync groups: of their addresses, and of their own tables.

use crate::config::Tables;
use crate::diagnostic::Problem;
use crate::setting::Settings;
use crate::suggest::{self, Candidate};
use crate::value::quote;

use super::super::missing;
use super::at;

pub(super) fn all(found: &mut Vec<Problem>, tables: &Tables, strangers: bool) {
    members(found, &tables.addresses);
    for table in &tables.sync_groups {
        missing(found, table);
        if let Some(notify) = table.get::<Settings>("notify") {
            missing(found, &notify);
        }
    }
    twice(found, &tables.sync_groups);
    empty(found, tables, strangers);
}

/// The group that an address is in.
fn named(address: &Settings) -> Option<String> {
    address.get("sync-group")
}

/// What moves together does so by VRRP, and is more than one.
fn members(found: &mut Vec<Problem>, addresses: &[Settings]) {
    for (nr, address) in addresses.iter().enumerate() {
        let (Some(own), Some(span)) = (named(address), address.span("sync-group")) else { continue };
        if address.lacks("vrrp") {
            let wrong = "`sync-group` has no meaning without `[address.vrrp]`";
            found.push(Problem::new(span, wrong, "only with `vrrp`").help("remove the line"));
            continue;
        }
        let others: Vec<String> = addresses
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != nr)
            .filter_map(|(_, other)| named(other))
            .collect();
        if !others.contains(&own) {
            let wrong = format!("the sync group {} has one member, which moves alone then", quote(&own));
            let meant = suggest::nearest(&own, others.iter().map(|name| Candidate { name, also: &[] }));
            let label =
                meant.map_or_else(|| "expected two at least".to_owned(), |name| format!("did you mean \"{name}\"?"));
            found.push(
                Problem::new(span, wrong, label).help("name the same group in another [[address]], or remove the line"),
            );
        }
    }
}

fn twice(found: &mut Vec<Problem>, groups: &[Settings]) {
    let name = |group: &Settings| group.get::<String>("name");
    for (nr, group) in groups.iter().enumerate() {
        let (Some(own), Some(span)) = (name(group), group.span("name")) else { continue };
        if let Some(first) = groups[..nr].iter().find(|other| name(other).as_ref() == Some(&own)) {
            let wrong = format!("two sync groups have the name {}", quote(&own));
            let problem = Problem::new(span, wrong, "again").related(at(first, "name"), "first here");
            found.push(problem.help("a sync group has one table: put its hooks into it"));
        }
    }
}

/// A table of a group that no address is in: nothing would ever be told. `strangers`: a table that is misspelt may be an address of it.
fn empty(found: &mut Vec<Problem>, tables: &Tables, strangers: bool) {
    let names: Vec<String> = tables.addresses.iter().filter_map(named).collect();
    let unread = |address: &Settings| !address.lacks("sync-group") && named(address).is_none();
    if strangers || tables.addresses.iter().any(unread) {
        return;
    }
    for group in &tables.sync_groups {
        let (Some(own), Some(span)) = (group.get::<String>("name"), group.span("name")) else { continue };
        if names.contains(&own) {
            continue;
        }
        let wrong = format!("no address is in the sync group {}", quote(&own));
        let meant = suggest::nearest(&own, names.iter().map(|name| Candidate { name, also: &[] }));
        let label = meant.map_or_else(
            || "expected the `sync-group` of two [[address]] at least".to_owned(),
            |name| format!("did you mean \"{name}\"?"),
        );
        let help =
            format!("add `sync-group = {}` to the addresses that move together, or remove this table", quote(&own));
        found.push(Problem::new(span, wrong, label).help(help));
    }
}
