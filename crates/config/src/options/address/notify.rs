//! The options of `[[sync-group]]`, and of what is told of addresses and of sync groups: `[address.notify]`, `[sync-group.notify]`.

use std::time::Duration;

use super::super::{Absent, Definition, Kind, Section};
use super::command::USER;

pub(in crate::options) const SYNC_GROUP: Section = Section {
    name: "sync-group",
    repeated: true,
    what: "Who is told of a sync group as a whole. Its members are the addresses that name it as their `sync-group`; without hooks of its own a \
           group needs no table.",
    also: &["vrrp_sync_group", "vrrp-sync-group"],
    options: &[
        Definition {
            key: "name",
            kind: Kind::Name,
            absent: Absent::Required,
            why: "It is how addresses name it.",
            what: "The name of the group, as its addresses have it; hooks get it as Keepalived's group.",
            example: "\"inside-and-outside\"",
            also: &["id"],
        },
        Definition {
            key: "notify",
            kind: Kind::Table(&GROUP_NOTIFY),
            absent: Absent::Words("nobody is told"),
            why: "Most watch single addresses.",
            what: "What is run, and told, when the state of the group changes.",
            example: "{ any = [\"/etc/standfast/group-changed\"] }",
            also: &["hooks", "notifications"],
        },
    ],
};

pub(in crate::options) const GROUP_NOTIFY: Section = Section {
    name: "sync-group.notify",
    repeated: false,
    what: "The same as `[address.notify]`, for the group: it is MASTER when all of its addresses are here, FAULT when one must not be, else \
           BACKUP. It is told after its addresses.",
    also: &["hooks", "notifications"],
    options: OPTIONS,
};

pub(in crate::options) const NOTIFY: Section = Section {
    name: "address.notify",
    repeated: false,
    what: "What is run, and told, when the state of the address changes: programs by their absolute path with arguments, without a shell. Of an \
           address one runs at a time, in order. All find in their environment `STANDFAST_KIND` (`INSTANCE`, `GROUP`), `STANDFAST_NAME`, \
           `STANDFAST_STATE` (`MASTER`, `BACKUP`, `FAULT`, `STOP`) and `STANDFAST_PRIORITY`.",
    also: &["hooks", "notifications"],
    options: OPTIONS,
};

const OPTIONS: &[Definition] = &[
    Definition {
        what: "Run when it has come here (Keepalived: MASTER; nothing to do with a Redis master), with its own arguments only, as Keepalived does.",
        also: &["notify-master", "active"],
        ..HOOK_MASTER
    },
    Definition {
        key: "backup",
        what: "Run when it may come here, and is elsewhere.",
        also: &["notify-backup"],
        ..HOOK_MASTER
    },
    Definition { key: "fault", what: "Run when this host must not have it.", also: &["notify-fault"], ..HOOK_MASTER },
    Definition { key: "stop", what: "Run when this host stops taking part.", also: &["notify-stop"], ..HOOK_MASTER },
    Definition {
        key: "any",
        what: "Run at each of these, after the one that is for it. After its own arguments it gets Keepalived's: `INSTANCE` or `GROUP`, the name, \
           the state, the priority.",
        also: &["notify", "all", "every"],
        ..HOOK_MASTER
    },
    Definition {
        key: "fifo",
        kind: Kind::Path,
        what: "A named pipe that gets a line for each: `INSTANCE \"name\" STATE priority`, and that of an address one for its sync group, too: \
           `GROUP \"name\" STATE 0`. It is made if it is not there; what nobody reads waits in it until it is full (64 KiB), and is dropped \
           then.",
        example: "\"/run/standfast/notify\"",
        also: &["notify-fifo", "vrrp-notify-fifo"],
        ..HOOK_MASTER
    },
    Definition {
        absent: Absent::Words("the user that runs Standfast"),
        why: "What a hook has to do is mostly that user's to do.",
        what: "Who runs the hooks. Another one than ours can only be had by root.",
        ..USER
    },
    Definition {
        key: "timeout",
        kind: Kind::Duration { min: Duration::from_millis(100), max: Duration::from_mins(10) },
        absent: Absent::Value("\"30s\""),
        why: "A hook that hangs would keep all further ones waiting.",
        what: "How long a hook may take before it is killed.",
        example: "\"30s\"",
        also: &["notify-timeout"],
    },
];

const HOOK_MASTER: Definition = Definition {
    key: "master",
    kind: Kind::Argv,
    absent: Absent::Words("none"),
    why: "Nothing is run that nobody asked for.",
    what: "",
    example: "[\"/etc/standfast/address-changed\"]",
    also: &[],
};
