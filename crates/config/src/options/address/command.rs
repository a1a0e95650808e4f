//! The options of `[address.command]`.

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

pub(super) const USER: Definition = Definition {
    key: "user",
    kind: Kind::Text,
    absent: Absent::Required,
    why: "",
    what: "",
    example: "\"standfast\"",
    also: &["script-user", "username", "run-as"],
};
