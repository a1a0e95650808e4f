//! What is looked at, how often, and for how long?

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::Config;
use config::address::{Address, Check, Follows, PROOF, Proof, Target};
use node::Event;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::far::{Gateway, Redis, Tcp};
use super::near;
use super::proof::{self, Prover};
use crate::feeds::Feeds;
use crate::program::{Program, Runner, Who};

/// One check, as the file has it: what has not changed goes on.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Plan {
    what: What,
    interval: Duration,
    limit: Duration,
}

#[derive(Clone, PartialEq, Eq)]
enum What {
    Proof(proof::Plan),
    Target { target: Target, address: String, interface: String },
}

/// What its address is called: it may be called otherwise while the check goes on.
pub(super) type Called = Arc<Mutex<String>>;

impl Plan {
    /// The same, of an address that is called otherwise. A script is told its name.
    pub(super) fn rename(&mut self, after: &str) {
        if let What::Target { target, address, .. } = &mut self.what
            && !matches!(target, Target::Script { .. })
        {
            after.clone_into(address);
        }
    }
}

/// All checks of an address, by name.
pub(super) fn plans(config: &Config, address: &Address) -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    if let Follows::Proxy(proof) = &address.follows {
        let Proof { interval, timeout: limit, .. } = *proof;
        let what = What::Proof(proof::Plan::of(config, proof));
        plans.push((PROOF.to_owned(), Plan { what, interval, limit }));
    }
    plans.extend(address.checks.iter().map(|check| {
        let Check { name, target, interval, timeout: limit, .. } = check.clone();
        let (address, interface) = (address.name.clone(), address.interface.clone());
        (name, Plan { what: What::Target { target, address, interface }, interval, limit })
    }));
    plans
}

/// Looks again and again. The first time at once.
pub(super) fn start(
    (called, check): (Called, String),
    plan: &Plan,
    feeds: &Feeds,
    inbox: mpsc::Sender<Event>,
) -> AbortHandle {
    let mut looker = Looker::new(&plan.what, feeds);
    let limit = plan.limit;
    let mut ticks = interval(plan.interval.max(LEAST_INTERVAL));
    // Late ones are not made up for: a result is of use when it is new.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let task = tokio::spawn(async move {
        loop {
            ticks.tick().await;
            let failed = looker.look(limit).await.err();
            let address = called.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let event = Event::Checked { address, check: check.clone(), failed };
            // The loop is gone: so is what it is for.
            if inbox.send(event).await.is_err() {
                return;
            }
        }
    });
    task.abort_handle()
}

/// Whoever looks, with what it keeps from one time to the next.
enum Looker {
    Proof(Box<Prover>),
    Redis(Redis),
    Tcp(Tcp),
    Gateway(Gateway),
    Script { program: Program, environment: [(&'static str, String); 2], runner: Runner },
    Near(Near),
}

impl Looker {
    fn new(what: &What, feeds: &Feeds) -> Self {
        let (target, address, interface) = match what {
            What::Proof(plan) => return Self::Proof(Box::new(Prover::new(plan.clone(), feeds))),
            What::Target { target, address, interface } => (target, address, interface),
        };
        match target {
            Target::Redis { addr, role, username, password, tls } => {
                let word = password.as_ref().map(config::Secret::reveal);
                let login = word.map(|word| (username.clone(), word.to_owned()));
                Self::Redis(Redis::new(*addr, *role, login, tls.as_ref()))
            }
            Target::Tcp(addr) => Self::Tcp(Tcp(*addr)),
            Target::Gateway(ip) => Self::Gateway(Gateway::new(*ip, interface)),
            Target::Script { argv, user } => Self::Script {
                program: Program { argv: argv.clone(), who: Who::or_not_root(user.as_ref()), limit: Duration::ZERO },
                environment: [("STANDFAST_ADDRESS", address.clone()), ("STANDFAST_INTERFACE", interface.clone())],
                runner: Runner::default(),
            },
            Target::Interface(_) | Target::Process(_) | Target::PidFile(_) | Target::File { .. } => {
                Self::Near(Near { target: target.clone(), late: None })
            }
        }
    }

    /// One look.
    async fn look(&mut self, limit: Duration) -> Result<(), String> {
        match self {
            Self::Proof(prover) => prover.prove(limit).await,
            // It keeps its limit itself, and ends what it started.
            Self::Script { program, environment, runner } => {
                program.limit = limit;
                runner.run(program, &[], environment).await
            }
            Self::Redis(redis) => {
                let looked = in_time(limit, redis.look()).await;
                if looked.is_err() {
                    redis.hang_up();
                }
                looked
            }
            Self::Tcp(tcp) => in_time(limit, tcp.look()).await,
            Self::Gateway(gateway) => in_time(limit, gateway.look()).await,
            Self::Near(near) => near.look(limit).await,
        }
    }
}

/// Something of this host.
struct Near {
    target: Target,
    /// A look that has not ended in time. Another one beside it would hang, too.
    late: Option<JoinHandle<Result<(), String>>>,
}

impl Near {
    /// A file on a disk that hangs holds up a thread of its own, and nobody else.
    async fn look(&mut self, limit: Duration) -> Result<(), String> {
        let target = self.target.clone();
        let mut looking = match self.late.take() {
            Some(late) => late,
            None => tokio::task::spawn_blocking(move || near::look(&target)),
        };
        match timeout(limit, &mut looking).await {
            // It was cut off: the runtime goes, and nobody is told.
            Ok(looked) => looked.unwrap_or(Ok(())),
            Err(_) => {
                self.late = Some(looking);
                Err(no_answer(limit))
            }
        }
    }
}

async fn in_time(limit: Duration, look: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(limit, look).await.unwrap_or_else(|_| Err(no_answer(limit)))
}

fn no_answer(limit: Duration) -> String {
    format!("no answer within {limit:?}")
}

/// The file allows no less; a pause of nothing would spin.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);
