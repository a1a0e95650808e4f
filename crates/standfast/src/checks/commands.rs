//! How are the commands of an address run? One at a time, which the machine sees to; each has an end that is an event.

use std::collections::BTreeMap;

use config::Config;
use config::address::{Address, Command, Way};
use node::{End, Event, Job};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::program::{Program, Who};

/// The commands of all addresses.
pub(super) struct Commands {
    inbox: mpsc::Sender<Event>,
    known: BTreeMap<String, Known>,
    /// What runs ends when this is dropped.
    running: JoinSet<()>,
}

/// Those of one address.
struct Known {
    command: Command,
    interface: String,
    held: String,
}

impl Commands {
    pub(super) fn new(inbox: mpsc::Sender<Event>) -> Self {
        Self { inbox, known: BTreeMap::new(), running: JoinSet::new() }
    }

    /// This address is new.
    pub(super) fn introduce(&mut self, address: &Address) {
        self.known.extend(known(address).map(|known| (address.name.clone(), known)));
    }

    /// Whoever runs at this moment goes on, also of an address that is gone from the file: its machine still waits for the end.
    pub(super) fn configure(&mut self, config: &Config) {
        // An address that leaves the file is brought down by the command that it had.
        self.known.extend(config.addresses.iter().filter_map(|address| Some((address.name.clone(), known(address)?))));
    }

    pub(super) fn run(&mut self, address: &str, nr: u64, job: Job) {
        while self.running.try_join_next().is_some() {}
        let ran = |end| Event::Ran { address: address.to_owned(), nr, end };
        let known = self.known.get(address);
        let Some((program, environment)) = known.and_then(|known| known.program(address, job)) else {
            let (inbox, event) = (self.inbox.clone(), ran(End::Failed(format!("the file names no {job:?} command"))));
            self.running.spawn(async move { drop(inbox.send(event).await) });
            return;
        };
        let (inbox, done) = (self.inbox.clone(), ran(End::Done));
        self.running.spawn(async move {
            let event = match (program.run(&[], &environment).await, done) {
                (Ok(()), done) => done,
                (Err(why), Event::Ran { address, nr, .. }) => {
                    let why = format!("{}: {why}", program.argv.join(" "));
                    Event::Ran { address, nr, end: End::Failed(why) }
                }
                (Err(_), other) => other,
            };
            // The loop is gone: nobody waits.
            let _ = inbox.send(event).await;
        });
    }
}

fn known(address: &Address) -> Option<Known> {
    let Way::Command(command) = &address.way else { return None };
    let held: Vec<String> = address.all_held().iter().map(ToString::to_string).collect();
    Some(Known { command: command.clone(), interface: address.interface.clone(), held: held.join(" ") })
}

impl Known {
    fn program(&self, address: &str, job: Job) -> Option<(Program, [(&'static str, String); 4])> {
        let Self { command, interface, held } = self;
        let (argv, word) = match job {
            Job::Up => (command.up.clone(), "up"),
            Job::Down => (command.down.clone(), "down"),
            Job::Check => (command.check.clone()?, "check"),
        };
        let program = Program { argv, who: Who::or_us(command.user.as_ref()), limit: command.timeout };
        let environment = [
            ("STANDFAST_ADDRESS", address.to_owned()),
            ("STANDFAST_HELD", held.clone()),
            ("STANDFAST_INTERFACE", interface.clone()),
            ("STANDFAST_JOB", word.to_owned()),
        ];
        Some((program, environment))
    }
}
