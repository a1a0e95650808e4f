//! How are the commands of an address run? One at a time, which the machine sees to; each has an end that is an event.

use std::collections::BTreeMap;
use std::sync::{self, Arc, PoisonError};

use config::Config;
use config::address::{Address, Command, Way};
use node::{End, Event, Job};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::program::{Program, Runner, Who};

/// The commands of all addresses.
pub(super) struct Commands {
    inbox: mpsc::Sender<Event>,
    known: BTreeMap<String, Known>,
    /// What runs ends when this is dropped.
    running: JoinSet<()>,
}

type Environment = [(&'static str, String); 4];

/// Those of one address.
struct Known {
    /// Of an address one runs at a time, which the machine sees to: nobody waits for this.
    runner: Arc<Mutex<Runner>>,
    /// What its address is called: it may be called otherwise before a command ends.
    called: Arc<sync::Mutex<String>>,
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
        if let Some(command) = known(address) {
            match self.known.get_mut(&address.name) {
                Some(before) => {
                    let (runner, called) = (before.runner.clone(), before.called.clone());
                    *before = Known { runner, called, ..command };
                }
                None => drop(self.known.insert(address.name.clone(), command)),
            }
        }
    }

    /// Whoever runs at this moment goes on, also of an address that is gone from the file: its machine still waits for the end, and it is
    /// brought down by the command that it had.
    pub(super) fn configure(&mut self, config: &Config) {
        config.addresses.iter().for_each(|address| self.introduce(address));
    }

    /// An address is called otherwise.
    pub(super) fn rename(&mut self, before: &str, after: &str) {
        if let Some(known) = self.known.remove(before) {
            after.clone_into(&mut known.called.lock().unwrap_or_else(PoisonError::into_inner));
            self.known.insert(after.to_owned(), known);
        }
    }

    /// An address is gone from the file, and the machine has done with it.
    pub(super) fn forget(&mut self, address: &str) {
        self.known.remove(address);
    }

    /// The addresses that have commands.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.known.keys()
    }

    pub(super) fn run(&mut self, address: &str, nr: u64, job: Job) {
        while self.running.try_join_next().is_some() {}
        let known = self.known.get(address);
        let ready = known.and_then(|known| Some((known.program(address, job)?, known)));
        let Some(((program, environment), known)) = ready else {
            let end = End::Failed(format!("the file names no {job:?} command"));
            let (inbox, event) = (self.inbox.clone(), Event::Ran { address: address.to_owned(), nr, end });
            self.running.spawn(async move { drop(inbox.send(event).await) });
            return;
        };
        let (inbox, runner, called) = (self.inbox.clone(), known.runner.clone(), known.called.clone());
        self.running.spawn(async move {
            let ended = runner.lock().await.run(&program, &[], &environment).await;
            let end = match ended {
                Ok(()) => End::Done,
                Err(why) => End::Failed(format!("{}: {why}", program.argv.join(" "))),
            };
            let address = called.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // The loop is gone: nobody waits.
            let _ = inbox.send(Event::Ran { address, nr, end }).await;
        });
    }
}

fn known(address: &Address) -> Option<Known> {
    let Way::Command(command) = &address.way else { return None };
    let held: Vec<String> = address.all_held().iter().map(ToString::to_string).collect();
    Some(Known {
        runner: Arc::default(),
        called: Arc::new(sync::Mutex::new(address.name.clone())),
        command: command.clone(),
        interface: address.interface.clone(),
        held: held.join(" "),
    })
}

impl Known {
    fn program(&self, address: &str, job: Job) -> Option<(Program, Environment)> {
        let Self { command, interface, held, .. } = self;
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
