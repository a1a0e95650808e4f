//! What does `COMMAND` say of the commands, and `HELP` of their subcommands? All of it comes from the [`table`].

use resp::{Value, glob};

use super::command;
use super::refusal::{error, lower, syntax, text, wrong_arity};
use super::table::{self, COMMANDS, Spec};

/// Answers `COMMAND …`; the number of words is right. No words: everything.
pub(super) fn answer(words: &[Vec<u8>]) -> Value {
    let Some((subcommand, rest)) = words.split_first() else {
        return Value::Array(containers().map(info).collect());
    };
    match lower(subcommand).as_str() {
        "count" => Value::Int(i64::try_from(containers().count()).unwrap_or(i64::MAX)),
        "info" if rest.is_empty() => Value::Array(containers().map(info).collect()),
        "info" => Value::Array(rest.iter().map(|name| named(name).map_or(Value::Null, info)).collect()),
        "docs" if rest.is_empty() => Value::Map(containers().map(docs).collect()),
        "docs" => Value::Map(rest.iter().filter_map(|name| named(name)).map(docs).collect()),
        "list" => list(rest),
        "getkeys" | "getkeysandflags" => keys(rest),
        "help" => help("command"),
        other => wrong_arity(&format!("command|{other}")),
    }
}

fn containers() -> impl Iterator<Item = &'static Spec> {
    COMMANDS.iter().filter(|spec| spec.container().is_none())
}

fn named(name: &[u8]) -> Option<&'static Spec> {
    table::find(&lower(name)).map(|at| &COMMANDS[at])
}

fn info(spec: &Spec) -> Value {
    let words =
        |words: &mut dyn Iterator<Item = String>| Value::Set(words.map(|w| Value::Simple(w.into_bytes())).collect());
    let subcommands: Vec<Value> = table::subcommands(spec.name)
        .filter(|(_, subcommand)| !subcommand.is_newer())
        .map(|(_, subcommand)| info(subcommand))
        .collect();
    // Redis tells a list where there are some, and a set where there are none.
    let subcommands = if subcommands.is_empty() { Value::Set(subcommands) } else { Value::Array(subcommands) };
    Value::Array(vec![
        Value::bulk(spec.name),
        Value::Int(i64::from(spec.arity)),
        words(&mut spec.flag_names().map(str::to_owned)),
        // No command here has keys: first, last, step.
        Value::Int(0),
        Value::Int(0),
        Value::Int(0),
        words(&mut spec.category_names().map(|name| format!("@{name}"))),
        Value::Set(spec.tips().iter().map(Value::bulk).collect()),
        Value::Set(Vec::new()),
        subcommands,
    ])
}

fn docs(spec: &Spec) -> (Value, Value) {
    let group = match spec.container().unwrap_or(spec.name) {
        "auth" | "client" | "hello" | "ping" => "connection",
        "psubscribe" | "publish" | "punsubscribe" | "subscribe" | "unsubscribe" => "pubsub",
        "sentinel" => "sentinel",
        _ => "server",
    };
    let pair = |name: &str, value: &str| (Value::bulk(name), Value::bulk(value));
    let mut fields = vec![
        pair("summary", spec.summary.trim_end_matches('.')),
        pair("since", spec.since),
        pair("group", group),
        pair("complexity", "O(1)"),
    ];
    let subcommands: Vec<_> = table::subcommands(spec.name).map(|(_, subcommand)| docs(subcommand)).collect();
    if !subcommands.is_empty() {
        fields.push((Value::bulk("subcommands"), Value::Map(subcommands)));
    }
    (Value::bulk(spec.name), Value::Map(fields))
}

fn list(rest: &[Vec<u8>]) -> Value {
    let fits: Box<dyn Fn(&Spec) -> bool> = match rest {
        [] => Box::new(|_| true),
        [by, what, value] if by.eq_ignore_ascii_case(b"filterby") => match lower(what).as_str() {
            // There are no modules here.
            "module" => Box::new(|_| false),
            "aclcat" => {
                let bit = table::category(&text(value)).unwrap_or_default();
                Box::new(move |spec| spec.categories & bit != 0)
            }
            "pattern" => {
                let pattern = lower(value);
                Box::new(move |spec| glob::fits(pattern.as_bytes(), spec.name.as_bytes()))
            }
            _ => return syntax(),
        },
        _ => return syntax(),
    };
    Value::Array(COMMANDS.iter().filter(|spec| fits(spec)).filter_map(Spec::listed).map(Value::bulk).collect())
}

fn keys(words: &[Vec<u8>]) -> Value {
    match command::find(words) {
        Err(command::Wrong::Arity(_)) => error("ERR Invalid number of arguments specified for command"),
        Err(_) => error("ERR Invalid command specified"),
        Ok(_) => error("ERR The command has no key arguments"),
    }
}

/// A line for each subcommand and one on what it does.
pub(super) fn help(container: &str) -> Value {
    let name = container.to_ascii_uppercase();
    let mut lines = vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    if container == "command" {
        lines.extend(["(no subcommand)".to_owned(), "    Describes all commands for programs.".to_owned()]);
    }
    let (help, others): (Vec<_>, Vec<_>) =
        table::subcommands(container).map(|(_, spec)| spec).partition(|spec| spec.name.ends_with("|help"));
    for spec in others.into_iter().chain(help) {
        let subcommand = spec.name.split_once('|').map_or(spec.name, |(_, name)| name).to_ascii_uppercase();
        lines.push(format!("{subcommand} {}", spec.usage).trim_end().to_owned());
        lines.push(format!("    {}", spec.summary));
    }
    Value::Array(lines.into_iter().map(|line| Value::Simple(line.into_bytes())).collect())
}
