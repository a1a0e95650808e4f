//! The options of `[address.command]` and `[address.notify]`.

use std::time::Duration;

use super::super::{Absent, Definition, Kind, Section};

pub(in crate::options) const COMMAND: Section = Section {
    name: "address.command",
    repeated: false,
    what: "Commands of yours move the address. Each is a program by its absolute path with its arguments, without a shell; one of an address \
           runs at a time, and one that fails is run again after a while.",
    also: &["commands", "script"],
    options: &[
        Definition {
            key: "up",
            kind: Kind::Argv,
            absent: Absent::Required,
            why: "Nobody else knows how the address comes here.",
            what: "Brings the address here. When it has succeeded, it is here. It may be run when it is here already.",
            example: "[\"/usr/local/bin/take-address\", \"10.20.1.130\"]",
            also: &["start", "take", "acquire"],
        },
        Definition {
            key: "down",
            kind: Kind::Argv,
            absent: Absent::Required,
            why: "Nobody else knows how the address goes.",
            what: "Takes the address from here. It may be run when it is not here.",
            example: "[\"/usr/local/bin/give-address\", \"10.20.1.130\"]",
            also: &["stop", "release"],
        },
        Definition {
            key: "check",
            kind: Kind::Argv,
            absent: Absent::Words("none: nobody asks"),
            why: "Not every API can be asked.",
            what: "Succeeds when the address is here. Asked before `up`, which is left out if it is, and then at every `interval`.",
            example: "[\"/usr/local/bin/have-address\", \"10.20.1.130\"]",
            also: &["monitor", "status"],
        },
        Definition {
            key: "interval",
            kind: Kind::Duration { min: Duration::from_secs(1), max: Duration::from_hours(1) },
            absent: Absent::Value("\"10s\""),
            why: "APIs count questions.",
            what: "From one `check` to the next.",
            example: "\"30s\"",
            also: &["check-interval", "monitor-interval"],
        },
        Definition {
            key: "timeout",
            kind: Kind::Duration { min: Duration::from_millis(100), max: Duration::from_mins(10) },
            absent: Absent::Value("\"10s\""),
            why: "APIs answer within seconds, or not at all.",
            what: "How long a command may take before it is killed and counts as failed.",
            example: "\"30s\"",
            also: &["command-timeout"],
        },
        Definition {
            absent: Absent::Words("the user that runs Standfast"),
            why: "The rights to move an address are mostly that user's.",
            what: "Who runs them. Another one than ours can only be had by root.",
            ..USER
        },
    ],
};

pub(in crate::options) const NOTIFY: Section = Section {
    name: "address.notify",
    repeated: false,
    what: "What is run, and told, when the state of the address changes: programs by their absolute path with arguments, without a shell. After \
           these they get Keepalived's: `INSTANCE` or `GROUP`, the name, the state, the priority. Of an address one runs at a time, in order.",
    also: &["hooks", "notifications"],
    options: &[
        Definition {
            what: "Run when the address has come here (Keepalived: MASTER; nothing to do with a Redis master).",
            also: &["notify-master", "active"],
            ..HOOK_MASTER
        },
        Definition {
            key: "backup",
            what: "Run when it may come here, and is elsewhere.",
            also: &["notify-backup"],
            ..HOOK_MASTER
        },
        Definition {
            key: "fault",
            what: "Run when this host must not have it.",
            also: &["notify-fault"],
            ..HOOK_MASTER
        },
        Definition {
            key: "stop",
            what: "Run when this host stops taking part.",
            also: &["notify-stop"],
            ..HOOK_MASTER
        },
        Definition {
            key: "any",
            what: "Run at each of these, after the one that is for it; also for the sync group.",
            also: &["notify", "all", "every"],
            ..HOOK_MASTER
        },
        Definition {
            key: "fifo",
            kind: Kind::Path,
            what: "A named pipe that gets a line for each: `INSTANCE \"name\" STATE priority`. It is made if it is not there; without a reader \
                   lines are dropped.",
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
    ],
};

const HOOK_MASTER: Definition = Definition {
    key: "master",
    kind: Kind::Argv,
    absent: Absent::Words("none"),
    why: "Nothing is run that nobody asked for.",
    what: "",
    example: "[\"/etc/standfast/address-changed\"]",
    also: &[],
};

pub(super) const USER: Definition = Definition {
    key: "user",
    kind: Kind::Text,
    absent: Absent::Required,
    why: "",
    what: "",
    example: "\"standfast\"",
    also: &["script-user", "username", "run-as"],
};
