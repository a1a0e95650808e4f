//! The documentation of the options, made of their definitions.

use std::fmt::Write;

use crate::options::{Absent, SECTIONS, Section};

/// `docs/defaults.md`: every option with its type, its default, why that is the default, and what it does.
#[must_use]
pub fn defaults_markdown() -> String {
    let mut text = String::from(HEAD);
    for section in SECTIONS {
        let header = section.header();
        writeln!(text, "\n## `{header}`\n\n{}\n", section.what).expect("a String takes everything");
        text.push_str("| option | type | default | why | what |\n|---|---|---|---|---|\n");
        for row in rows(section) {
            text.push_str(&row);
        }
    }
    text
}

fn rows(section: &'static Section) -> impl Iterator<Item = String> {
    section.options.iter().map(|option| {
        let default = match option.absent {
            Absent::Required => format!("required, for example `{}`", option.example),
            Absent::Value(text) => format!("`{text}`"),
            Absent::Words(text) => text.to_owned(),
        };
        format!("| `{}` | {} | {default} | {} | {} |\n", section.path(option), option.kind, option.why, option.what)
    })
}

const HEAD: &str = "\
# Options and their defaults

<!-- Generated from crates/config/src/options/table.rs. Do not edit: `UPDATE=1 cargo test -p config` writes it. -->

One file for each host, in [TOML](https://toml.io). Durations are whole numbers with a unit (`\"50ms\"`, `\"1s\"`, `\"2m\"`, `\"1h\"`), sizes
too (`\"512B\"`, `\"64KiB\"`, `\"1MiB\"`, `\"1GiB\"`; `\"10MB\"` is ten million). Addresses are `\"IP:port\"`, with IPv6 in brackets. An option
that is not listed here is a problem, not ignored. `standfast check -c FILE` shows all problems of a file at once.

A table inside another, such as `[listener.tls]`, belongs to the `[[listener]]` before it in the file.
";
