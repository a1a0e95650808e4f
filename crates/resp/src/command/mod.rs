//! What does a command do, and where are its keys?
//!
//! The table is a real server's answer to `COMMAND`; what the server does not say (may it be sent
//! twice?) is added in `effect`. A command that is not in the table is unknown: it must be treated
//! as a write, on a connection of its own.

mod effect;
mod spec;
// As `tests/command_table.rs` writes it, one command a line.
#[rustfmt::skip]
mod table;

pub use effect::Effect;
pub use spec::{Flags, Keys, Spec};

use table::COMMANDS;

/// The command of this name, in any case. Subcommands: [`Spec::subcommand`].
///
/// ```
/// use resp::command::{Effect, lookup};
///
/// let get = lookup(b"GET").unwrap();
/// assert_eq!(get.effect(), Effect::Read);
/// assert_eq!(get.keys(2).collect::<Vec<_>>(), [1]);
/// let config = lookup(b"config").unwrap();
/// assert_eq!(config.subcommand(b"SET").unwrap().name(), "config|set");
/// assert!(lookup(b"no-such").is_none());
/// ```
pub fn lookup(name: &[u8]) -> Option<&'static Spec> {
    let mut slot = hash(name) % SLOTS;
    // Half of the slots are empty, so a probe always ends.
    loop {
        let spec = match INDEX[slot] {
            EMPTY => return None,
            index => &COMMANDS[usize::from(index)],
        };
        if spec.name().as_bytes().eq_ignore_ascii_case(name) {
            return Some(spec);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// The command that these first two arguments name: the subcommand where there is one, else the
/// container, of which nothing is known but its name.
pub fn resolve(name: &[u8], second: Option<&[u8]>) -> Option<&'static Spec> {
    let spec = lookup(name)?;
    Some(second.and_then(|second| spec.subcommand(second)).unwrap_or(spec))
}

/// All commands of the table, sorted by name; subcommands are inside of theirs.
pub fn all() -> &'static [Spec] {
    &COMMANDS
}

/// The version of the server that the table was read from.
pub const SERVER_VERSION: &str = table::SERVER_VERSION;

/// Where each command lies in the table, by the hash of its name. Built by the compiler.
static INDEX: [u16; SLOTS] = {
    assert!(COMMANDS.len() * 2 <= SLOTS, "at most half full, or probes get long");
    let mut index = [EMPTY; SLOTS];
    let mut command = 0;
    while command < COMMANDS.len() {
        let mut slot = hash(COMMANDS[command].name().as_bytes()) % SLOTS;
        while index[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = command as u16;
        command += 1;
    }
    index
};

/// FNV-1a over the folded name. Names come from clients: who crafts one that collides walks through
/// the few neighbours that the table has, and no further.
const fn hash(name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    // No command has a longer name, a client may send one of megabytes.
    while at < name.len() && at < LONGEST {
        hash = (hash ^ name[at].to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 15)) as usize
}

const SLOTS: usize = 1024;
const EMPTY: u16 = u16::MAX;
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_command_is_found_in_any_case() {
        for spec in all() {
            assert!(spec.name().len() <= LONGEST);
            let upper = spec.name().to_ascii_uppercase();
            for name in [spec.name(), &upper] {
                assert!(core::ptr::eq(lookup(name.as_bytes()).unwrap(), spec));
            }
        }
        for other in [&b""[..], b"GE", b"GETT", b"config|get", b"get\0", &[b'a'; 5000]] {
            assert!(lookup(other).is_none());
        }
    }

    #[test]
    fn probes_are_short() {
        let mut longest = 0;
        let mut run = 0;
        for slot in INDEX {
            run = if slot == EMPTY { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        assert!(longest <= 8, "{longest}");
    }

    #[test]
    fn keys_lie_where_the_server_says() {
        let keys = |name: &str, argc| lookup(name.as_bytes()).unwrap().keys(argc).collect::<Vec<_>>();
        assert_eq!(keys("mset", 5), [1, 3]);
        assert_eq!(keys("del", 4), [1, 2, 3]);
        assert_eq!(keys("blpop", 4), [1, 2]);
        assert_eq!(keys("rename", 3), [1, 2]);
        assert_eq!(keys("ping", 1), []);
        // Fewer arguments than the command needs: the server will refuse it, we must not panic.
        assert_eq!(keys("get", 1), []);
        assert_eq!(keys("rename", 2), [1]);
        assert_eq!(keys("blpop", 0), []);
        let encoding = resolve(b"OBJECT", Some(b"encoding")).unwrap();
        assert_eq!(encoding.keys(3).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn movable_keys_are_admitted() {
        let spec = |name: &[u8]| lookup(name).unwrap();
        assert!(spec(b"eval").keys_are_movable() && !spec(b"eval").has_no_key());
        assert!(!spec(b"get").keys_are_movable() && !spec(b"get").has_no_key());
        assert!(spec(b"ping").has_no_key());
    }

    #[test]
    fn questions_have_the_answers_that_routing_needs() {
        let spec = |name: &[u8]| lookup(name).unwrap();
        assert!(spec(b"BLPOP").is_blocking() && spec(b"BLPOP").is_write());
        assert!(spec(b"XREAD").is_blocking() && spec(b"XREAD").is_read());
        assert!(spec(b"WAIT").is_blocking());
        assert!(spec(b"SUBSCRIBE").is_pubsub() && spec(b"PUBLISH").is_pubsub());
        assert!(spec(b"WATCH").is_transaction() && !spec(b"GET").is_transaction());
        assert!(spec(b"SHUTDOWN").is_admin());
        assert!(spec(b"SORT").is_write() && spec(b"SORT_RO").is_read());
        assert!(spec(b"CONFIG").is_container() && !spec(b"GET").is_container());
        assert!(spec(b"COMMAND").is_container() && spec(b"COMMAND").subcommand(b"nope").is_none());
    }

    #[test]
    fn arity_counts_the_name() {
        let takes = |name: &[u8], argc| lookup(name).unwrap().takes(argc);
        assert!(takes(b"get", 2) && !takes(b"get", 1) && !takes(b"get", 3));
        assert!(takes(b"mset", 3) && takes(b"mset", 99) && !takes(b"mset", 2));
    }
}
