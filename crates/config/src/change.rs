//! What is different between two files, and what of it can a running node take up? Told option by option, so that an operator reads what
//! happens, and so that no option can be forgotten: a test asks of each in the table when it applies.
//!
//! ```text
//!   old file ──► Told ──┐
//!                       ├──► between ──► Change: what, from, to, and when it applies
//!   new file ──► Told ──┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::{Config, Tables};
use crate::secret::Secret;
use crate::setting::{Setting, Settings};

/// Every value that a file gives, written or by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(BTreeMap<Table, BTreeMap<String, Value>>);

/// A table of a file: which it is, and for one of several what tells it from the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Table {
    section: &'static str,
    name: Option<String>,
}

/// A value as it is compared, and shown unless it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Shown(String),
    Secret(Secret),
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    table: Table,
    what: What,
}

/// What happened to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Added,
    Removed,
    Altered { key: String, from: Option<Value>, to: Option<Value> },
}

/// When a change counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// At once, while clients stay connected.
    Live,
    /// At the next start of the node.
    AtRestart,
    /// Only where the nodes have agreed on nothing yet: a file's word about who is master is an old one.
    UntilAgreed,
}

/// What is different, in the order of tables and options.
#[must_use]
pub fn between(old: &Config, new: &Config) -> Vec<Change> {
    let (Told(old), Told(new)) = (&old.told, &new.told);
    let tables: BTreeSet<&Table> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for table in tables {
        let mut push = |what| changes.push(Change { table: table.clone(), what });
        match (old.get(table), new.get(table)) {
            (Some(_), None) => push(What::Removed),
            (None, Some(_)) => push(What::Added),
            (Some(old), Some(new)) => {
                let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for key in keys.into_iter().filter(|key| old.get(*key) != new.get(*key)) {
                    let (from, to) = (old.get(key).cloned(), new.get(key).cloned());
                    push(What::Altered { key: key.clone(), from, to });
                }
            }
            (None, None) => {}
        }
    }
    changes
}

impl Change {
    /// When it counts.
    #[must_use]
    pub fn applies(&self) -> Applies {
        match &self.what {
            What::Altered { key, .. } => {
                // An option of an inner table is that of the table.
                let outer = key.split(['.', '[']).next().unwrap_or(key);
                applies(self.table.section, outer).unwrap_or(Applies::AtRestart)
            }
            What::Added | What::Removed => Applies::Live,
        }
    }
}

/// For people: `group cache: down-after 1s -> 300ms`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table.section)?;
        if let Some(name) = &self.table.name {
            write!(f, " {name}")?;
        }
        match &self.what {
            What::Added => f.write_str(": added")?,
            What::Removed => f.write_str(": removed")?,
            What::Altered { key, from: Some(Value::Secret(_)), to: Some(_) } => write!(f, ": {key} changed")?,
            What::Altered { key, from, to } => write!(f, ": {key} {} -> {}", shown(from), shown(to))?,
        }
        match self.applies() {
            Applies::Live => Ok(()),
            Applies::AtRestart => f.write_str("; needs a restart"),
            Applies::UntilAgreed => f.write_str("; counts only where the nodes have agreed on no master yet"),
        }
    }
}

fn shown(value: &Option<Value>) -> &str {
    match value {
        None => "(not set)",
        Some(Value::Secret(_)) => "(a secret)",
        Some(Value::Shown(text)) => text,
    }
}

impl Told {
    pub(crate) fn of(tables: &Tables) -> Self {
        let single = [&tables.node, &tables.log, &tables.proxy].into_iter();
        // Without its table the page is not there at all.
        let single = single.chain(Some(&tables.admin).filter(|admin| admin.header.is_some()));
        let single = single.map(|settings| (settings, None));
        let repeated = tables.groups.iter().map(|group| (group, "name"));
        let repeated = repeated.chain(tables.listeners.iter().map(|listener| (listener, "listen")));
        let moving = tables.addresses.iter().chain(&tables.sync_groups);
        let repeated = repeated.chain(moving.map(|table| (table, "name")));
        let repeated = repeated.map(|(settings, key)| (settings, Some(name(settings, key))));
        let told = single.chain(repeated).map(|(settings, name)| {
            let mut values = BTreeMap::new();
            flatten(&mut values, "", settings);
            (Table { section: settings.section.name, name }, values)
        });
        Self(told.collect())
    }

    /// What a node lives by that ran on `self` and took up `new`: what needs a restart stays as it was.
    #[must_use]
    pub fn after_reload(&self, new: &Self) -> Self {
        let mut after = new.clone();
        for (table, values) in &mut after.0 {
            let Some(old) = self.0.get(table) else { continue };
            let stays = |key: &str| applies(table.section, key) == Some(Applies::AtRestart);
            values.retain(|key, _| !stays(key));
            values.extend(old.iter().filter(|(key, _)| stays(key)).map(|(key, value)| (key.clone(), value.clone())));
        }
        after
    }
}

fn name(settings: &Settings, key: &str) -> String {
    settings.value(key).map_or_else(String::new, |value| value.show())
}

fn flatten(values: &mut BTreeMap<String, Value>, prefix: &str, settings: &Settings) {
    for definition in settings.section.options {
        let key = format!("{prefix}{}", definition.key);
        match settings.value(definition.key) {
            None => {}
            Some(Setting::Table(inner)) => flatten(values, &format!("{key}."), &inner),
            Some(Setting::Tables(list)) => {
                for (n, inner) in list.iter().enumerate() {
                    flatten(values, &format!("{key}[{}].", n + 1), inner);
                }
            }
            Some(Setting::Secret(secret)) => drop(values.insert(key, Value::Secret(secret))),
            Some(value) => drop(values.insert(key, Value::Shown(value.show()))),
        }
    }
}

/// When a change of this option counts; `None`: there is no such option.
fn applies(section: &str, key: &str) -> Option<Applies> {
    match (section, key) {
        ("node", "announce") => Some(Applies::Live),
        // Sockets, threads and the directory that hold everything else; the name is in records that are already written.
        ("node", "name" | "listen" | "state-dir" | "control") | ("proxy", "workers") => Some(Applies::AtRestart),
        ("group", "master") => Some(Applies::UntilAgreed),
        ("admin", "listen") | ("log", "format" | "level") | ("proxy", "max-clients" | "drain-timeout") => {
            Some(Applies::Live)
        }
        (
            "group",
            "name"
            | "nodes"
            | "quorum"
            | "username"
            | "password"
            | "down-after"
            | "confirm"
            | "restart-grace"
            | "failover-timeout"
            | "switchover-timeout"
            | "parallel-syncs"
            | "notification-script"
            | "client-reconfig-script"
            | "replica-max-lag"
            | "server-tls"
            | "weights"
            | "source"
            | "sentinels"
            | "sentinel-username"
            | "sentinel-password"
            | "sentinel-tls"
            | "servers"
            | "interval"
            | "fast-interval"
            | "check-timeout"
            | "rise"
            | "fall"
            | "expect"
            | "check",
        ) => Some(Applies::Live),
        ("listener", key) => LISTENER.contains(&key).then_some(Applies::Live),
        ("address" | "sync-group", key) => ADDRESS.contains(&key).then_some(Applies::Live),
        _ => None,
    }
}

/// Options of `[[listener]]`.
const LISTENER: &[&str] = &[
    "listen",
    "group",
    "role",
    "mode",
    "hold",
    "hold-bytes",
    "fallback",
    "pool",
    "share-from",
    "balance",
    "connect-timeout",
    "on-unknown",
    "idle-timeout",
    "first-byte-timeout",
    "allow",
    "deny",
    "proxy-protocol-from",
    "send-proxy",
    "tls",
    "limits",
    "client-tcp",
    "server-tcp",
    "unix",
];

/// Options of `[[address]]`, and those of `[[sync-group]]` among them. What makes another router or neighbour of it begins anew; the rest goes on without a gap.
const ADDRESS: &[&str] = &[
    "name",
    "held",
    "interface",
    "follows",
    "listener",
    "interval",
    "timeout",
    "rise",
    "fall",
    "read",
    "write",
    "group",
    "servers",
    "lifetime",
    "ask-first",
    "put-back",
    "sync-group",
    "partners",
    "vrrp",
    "bgp",
    "command",
    "announce",
    "check",
    "notify",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Kind, SECTIONS};
    use crate::parse;

    const BASE: &str = "[node]\nname = \"a\"\nlisten = \"127.0.0.1:26379\"\n\n[[group]]\nname = \"cache\"\nmaster = \"10.0.0.1:1\"\n\
                        password = \"hunter2\"\n\n[[listener]]\nlisten = \"127.0.0.1:6380\"\ngroup = \"cache\"\n";

    fn config(text: &str) -> Config {
        parse("f", text).unwrap()
    }

    fn lines(old: &str, new: &str) -> Vec<String> {
        between(&config(old), &config(new)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_every_option_is_said_when_it_counts() {
        for section in SECTIONS.iter().filter(|section| !section.is_inner()) {
            for option in section.options {
                let path = section.path(option);
                assert!(
                    applies(section.name, option.key).is_some(),
                    "{path}: say in `applies` when a change of it counts"
                );
            }
        }
        assert_eq!(applies("node", "nonsense"), None);
    }

    #[test]
    fn every_option_that_is_written_is_told() {
        let sections = SECTIONS.iter().filter(|section| !section.is_inner());
        for section in sections {
            for option in section.options.iter().filter(|o| !matches!(o.kind, Kind::Table(_) | Kind::Tables(_))) {
                let mut settings = Settings::new(section, Some(0..0));
                let value = Setting::from_toml(option, option.example).unwrap();
                settings.give(option.key, value, 0..0);
                let mut values = BTreeMap::new();
                flatten(&mut values, "", &settings);
                assert!(values.contains_key(option.key), "{}", section.path(option));
            }
        }
    }

    #[test]
    fn the_same_file_has_no_change_wherever_its_lines_are() {
        assert_eq!(lines(BASE, BASE), [""; 0]);
        let moved = format!("# moved\n\n{BASE}");
        assert_eq!(lines(BASE, &moved), [""; 0]);
        let defaults = BASE.replace("[[listener]]", "down-after = \"1s\"\n\n[[listener]]");
        assert_eq!(lines(BASE, &defaults), [""; 0], "a default that is written is the same");
    }

    #[test]
    fn each_change_is_one_line_that_says_when_it_counts() {
        let new = BASE
            .replace("name = \"a\"", "name = \"b\"")
            .replace("10.0.0.1:1", "10.0.0.2:1")
            .replace("hunter2", "hunter3")
            .replace(
                "[[listener]]",
                "down-after = \"300ms\"\nquorum = 1\nweights = { \"10.0.0.2:1\" = 5 }\n\n[[listener]]",
            )
            .replace("127.0.0.1:6380", "127.0.0.1:6381")
            + "[admin]\n";
        assert_eq!(
            lines(BASE, &new),
            [
                "admin: added",
                "group cache: down-after 1s -> 300ms",
                "group cache: master 10.0.0.1:1 -> 10.0.0.2:1; counts only where the nodes have agreed on no master yet",
                "group cache: password changed",
                "group cache: quorum (not set) -> 1",
                "group cache: weights {} -> {10.0.0.2:1 = 5}",
                "listener 127.0.0.1:6380: removed",
                "listener 127.0.0.1:6381: added",
                "node: name a -> b; needs a restart",
            ]
        );
    }

    #[test]
    fn an_inner_table_is_told_by_its_options() {
        let limits = |n: u32| format!("{BASE}[listener.limits]\nmax-clients = {n}\n");
        assert_eq!(lines(&limits(1), &limits(2)), ["listener 127.0.0.1:6380: limits.max-clients 1 -> 2"]);
        assert_eq!(lines(BASE, &limits(2)), ["listener 127.0.0.1:6380: limits.max-clients (not set) -> 2"]);
    }

    #[test]
    fn what_waits_for_a_restart_is_told_again_until_then() {
        let (old, new) =
            (config(BASE), config(&BASE.replace("name = \"a\"", "name = \"b\"\nannounce = \"10.0.0.9:1\"")));
        let running = Config { told: old.told.after_reload(&new.told), ..new.clone() };
        let left: Vec<String> = between(&running, &new).iter().map(ToString::to_string).collect();
        assert_eq!(left, ["node: name a -> b; needs a restart"]);
    }
}
