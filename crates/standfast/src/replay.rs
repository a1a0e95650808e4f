//! Can it happen again? A flight record is run through the machine, and what comes out is compared with what came out then.

use std::fs;

use machine::story;
use sentinel::{Config, Sentinel, State};

use crate::cli::{NodeArgs, ReplayArgs};
use crate::control;
use crate::failure::Failure;

/// `standfast replay`.
pub(crate) fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let file = args.file.display();
    let text = fs::read_to_string(&args.file).map_err(|e| Failure::refused(format!("cannot read {file}: {e}")))?;
    let mut machine = machine(&text).map_err(|why| {
        Failure::refused(format!(
            "{file} cannot be replayed: {why}. A record belongs to the version that wrote it; this is {}",
            env!("CARGO_PKG_VERSION")
        ))
    })?;
    let transcript = story::run(&mut machine, &text).map_err(|e| Failure::refused(format!("{file}: {e}")))?;
    if args.transcript {
        print!("{transcript}");
    }
    match story::difference(&text, &transcript) {
        None => {
            println!("{file}: {} events and wakes, every action the same as recorded", moments(&text));
            Ok(())
        }
        Some(difference) => {
            Err(Failure::refused(format!("{file}: here the actions differ from the recorded ones:\n{difference}")))
        }
    }
}

/// The machine as the headers describe it: a snapshot, or a configuration with state and seed.
fn machine(text: &str) -> Result<Sentinel, String> {
    if story::header(text, "machine").is_some_and(|name| name != "sentinel") {
        return Err("it is a record of another machine than `sentinel`".to_owned());
    }
    if let Some(snapshot) = story::header(text, "snapshot") {
        return story::from_line(snapshot).map_err(|e| format!("the snapshot does not read: {e}"));
    }
    let config = story::header(text, "config").ok_or("it has neither a `snapshot` nor a `config` line")?;
    let config: Config = story::from_line(config).map_err(|e| format!("the configuration does not read: {e}"))?;
    let state = story::header(text, "state").map(story::from_line::<State>).transpose();
    let state = state.map_err(|e| format!("the state does not read: {e}"))?.unwrap_or_default();
    let seed = story::header(text, "seed").map(str::parse).transpose();
    let seed = seed.map_err(|e| format!("the seed is no number: {e}"))?.unwrap_or_default();
    Ok(Sentinel::new(config, state, seed, machine::Instant::START))
}

fn moments(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("at ")).count()
}

/// `standfast flight`.
pub(crate) fn flight(args: &NodeArgs) -> Result<(), Failure> {
    let answer: control::Flight = control::ask(args, "flight")?;
    println!("{}", answer.path.display());
    Ok(())
}
