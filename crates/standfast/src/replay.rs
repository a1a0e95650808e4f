//! Can it happen again? A flight record is run through the machine, and what comes out is compared with what came out then.

use std::fs;

use machine::story;
use node::Node;
use sentinel::{Config, Sentinel, State};

use crate::cli::{NodeArgs, ReplayArgs};
use crate::control;
use crate::failure::Failure;
use crate::say::say;

/// `standfast replay`.
pub(crate) fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let file = args.file.display();
    let text = fs::read_to_string(&args.file).map_err(|e| Failure::refused(format!("cannot read {file}: {e}")))?;
    let impossible = |why: String| {
        Failure::refused(format!(
            "{file} cannot be replayed: {why}. A record belongs to the version that wrote it; this is {}",
            env!("CARGO_PKG_VERSION")
        ))
    };
    let transcript = match story::header(&text, "machine") {
        None | Some("sentinel") => story::run(&mut sentinel(&text).map_err(impossible)?, &text),
        Some("node") => story::run(&mut node(&text).map_err(impossible)?, &text),
        Some(other) => return Err(impossible(format!("it is a record of another machine, `{other}`"))),
    };
    let transcript = transcript.map_err(|e| Failure::refused(format!("{file}: {e}")))?;
    if args.transcript {
        say(&transcript)?;
    }
    match story::difference(&text, &transcript) {
        None => say(format_args!("{file}: {} events and wakes, every action the same as recorded", moments(&text))),
        Some(difference) => {
            Err(Failure::refused(format!("{file}: here the actions differ from the recorded ones:\n{difference}")))
        }
    }
}

/// The machine of addresses, as the headers describe it: a configuration with a seed.
fn node(text: &str) -> Result<Node, String> {
    let config = story::header(text, "config").ok_or("its beginning was forgotten: it can only be read")?;
    let config: node::Config = story::from_line(config).map_err(|e| format!("the configuration does not read: {e}"))?;
    config.check().map_err(|e| format!("the configuration cannot be: {e}"))?;
    Ok(Node::new(config, seed(text)?, machine::Instant::START))
}

/// The machine that votes, as the headers describe it: a snapshot, or a configuration with state and seed.
fn sentinel(text: &str) -> Result<Sentinel, String> {
    if let Some(snapshot) = story::header(text, "snapshot") {
        return story::from_line(snapshot).map_err(|e| format!("the snapshot does not read: {e}"));
    }
    let config = story::header(text, "config").ok_or("it has neither a `snapshot` nor a `config` line")?;
    let config: Config = story::from_line(config).map_err(|e| format!("the configuration does not read: {e}"))?;
    let state = story::header(text, "state").map(story::from_line::<State>).transpose();
    let state = state.map_err(|e| format!("the state does not read: {e}"))?.unwrap_or_default();
    Ok(Sentinel::new(config, state, seed(text)?, machine::Instant::START))
}

fn seed(text: &str) -> Result<u64, String> {
    let seed = story::header(text, "seed").map(str::parse).transpose();
    Ok(seed.map_err(|e| format!("the seed is no number: {e}"))?.unwrap_or_default())
}

fn moments(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("at ")).count()
}

/// `standfast flight`.
pub(crate) fn flight(args: &NodeArgs) -> Result<(), Failure> {
    let answer: control::Flight = control::ask(args, "flight")?;
    say(answer.path.display())?;
    answer.addresses.map_or(Ok(()), |addresses| say(addresses.display()))
}
