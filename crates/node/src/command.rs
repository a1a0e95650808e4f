//! An address that a command moves: is it here, and which command is to be run for what is wanted?
//!
//! What is not known is asked by `Job::Check` before `Job::Up`, and after `Job::Down`: a cloud that was slow to answer may have done what it was
//! asked for nevertheless. Without such a command the end of `Up` and `Down` is all there is.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use machine::Instant;

use crate::config::Job;
use crate::event::{Action, End};
use crate::stats::Stats;

/// The commands of one address.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// How often it is asked whether it is here. `None`: it cannot be asked.
    check: Option<Duration>,
    put_back: bool,
    is_wanted: bool,
    known: Known,
    /// What is under way.
    running: Option<(u64, Job)>,
    nr: u64,
    /// Nothing is run before: a pause after a failure, or until the next check.
    pause: Option<Instant>,
    failures: u32,
    last_failure: Option<String>,
    /// It was just given back; the next answer says whether that is so.
    is_verifying: bool,
    /// Somebody else has moved it away, and we were told not to fetch it back.
    is_left: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing yet; where it cannot be asked, it is taken down from this moment on.
    Nothing(Option<Instant>),
    Here,
    Away,
}

/// What the end of a command leads to beside the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was none of ours.
    Stray,
    /// Nothing to tell.
    Quiet,
    /// It failed, so often in a row.
    Failed { job: Job, why: String, times: u32 },
    /// Somebody else has moved it away.
    Lost,
}

impl Command {
    pub(crate) const fn new(check: Option<Duration>, put_back: bool) -> Self {
        Self {
            check,
            put_back,
            is_wanted: false,
            known: Known::Nothing(None),
            running: None,
            nr: 0,
            pause: None,
            failures: 0,
            last_failure: None,
            is_verifying: false,
            is_left: false,
        }
    }

    pub(crate) const fn configure(&mut self, check: Option<Duration>, put_back: bool) {
        (self.check, self.put_back) = (check, put_back);
    }

    /// A predecessor had it.
    pub(crate) const fn adopt(&mut self) {
        (self.known, self.is_wanted) = (Known::Here, true);
    }

    /// It shall be here, or not.
    pub(crate) fn want(&mut self, now: Instant, is_wanted: bool) {
        if let (Known::Nothing(None), None) = (self.known, self.check) {
            self.known = Known::Nothing(Some(now + GRACE));
        }
        if is_wanted != self.is_wanted {
            self.is_wanted = is_wanted;
            self.hurry();
        }
    }

    /// Another try at once, whatever has failed.
    pub(crate) const fn hurry(&mut self) {
        (self.pause, self.failures, self.is_left) = (None, 0, false);
    }

    /// It is here, and shall be.
    pub(crate) fn is_up(&self) -> bool {
        self.is_wanted && self.known == Known::Here
    }

    /// It is not to be here, and no command is to be waited for until it is away: `Down` has succeeded, though another look may not have.
    pub(crate) fn has_left(&self) -> bool {
        let may_bring = matches!(self.running, Some((_, Job::Up)));
        let is_away = self.known == Known::Away || self.is_verifying;
        let was_never_here = matches!((self.known, self.check), (Known::Nothing(_), None));
        !self.is_wanted && !may_bring && (is_away || was_never_here)
    }

    /// Nothing is under way, and it is not here by our doing; or taking it down has failed too often to go on.
    pub(crate) fn is_done(&self) -> bool {
        let is_away = self.known == Known::Away || matches!((self.known, self.check), (Known::Nothing(_), None));
        self.running.is_none() && !self.is_wanted && (is_away || self.failures >= LAST_TRIES)
    }

    /// Whether it is done because it has failed too often.
    pub(crate) fn gave_up(&self) -> Option<&String> {
        self.last_failure.as_ref().filter(|_| !self.is_wanted && self.failures >= LAST_TRIES)
    }

    /// Why it is not (yet) here.
    pub(crate) fn waits(&self) -> &'static str {
        match (self.running, self.is_left) {
            (_, true) => "somebody else has moved it away, and it is not fetched back; `standfast address take` does",
            (Some((_, Job::Up)), _) => "its command to fetch it is running",
            (Some((_, Job::Down)), _) => "its command to give it back is running",
            (Some((_, Job::Check)), _) => "its command is asked whether it is here",
            (None, _) if self.failures > 0 => "its command has failed, and is run again after a pause",
            (None, _) => "its command is run next",
        }
    }

    pub(crate) fn last_failure(&self) -> Option<&String> {
        self.last_failure.as_ref()
    }

    /// Runs what is next, if anything is.
    pub(crate) fn advance(&mut self, now: Instant, address: &str, stats: &mut Stats, out: &mut Vec<Action>) {
        if self.running.is_some() || self.pause.is_some_and(|until| until > now) {
            return;
        }
        let Some(job) = self.next_job(now) else { return };
        self.pause = None;
        self.nr += 1;
        stats.commands += 1;
        self.running = Some((self.nr, job));
        out.push(Action::Run { address: address.into(), nr: self.nr, job });
    }

    fn next_job(&self, now: Instant) -> Option<Job> {
        let can_ask = self.check.is_some();
        match (self.is_wanted, self.known) {
            (true, _) if self.is_left => None,
            (_, Known::Nothing(_)) if can_ask => Some(Job::Check),
            (true, Known::Nothing(_) | Known::Away) => Some(Job::Up),
            (true, Known::Here) => can_ask.then_some(Job::Check),
            (false, Known::Here) => Some(Job::Down),
            (false, Known::Nothing(at)) => at.is_some_and(|at| at <= now).then_some(Job::Down),
            (false, Known::Away) => None,
        }
    }

    pub(crate) fn ran(&mut self, now: Instant, nr: u64, end: End, stats: &mut Stats) -> Outcome {
        let Some((_, job)) = self.running.filter(|(running, _)| *running == nr) else { return Outcome::Stray };
        self.running = None;
        let was_given_back = core::mem::take(&mut self.is_verifying);
        match (job, end) {
            (Job::Up, End::Done) => {
                self.known = Known::Here;
                self.failures = 0;
                // Who does not want it any more gives it back at once.
                self.pause = self.check.filter(|_| self.is_wanted).map(|every| now + every);
                Outcome::Quiet
            }
            (Job::Down, End::Done) => {
                self.is_verifying = self.check.is_some();
                self.known = if self.is_verifying { Known::Nothing(None) } else { Known::Away };
                Outcome::Quiet
            }
            (Job::Check, End::Done) => {
                self.known = Known::Here;
                if self.is_wanted {
                    self.pause = self.check.map(|every| now + every);
                } else if was_given_back {
                    return self.fail(now, Job::Down, "it is still here after that".into(), stats);
                }
                Outcome::Quiet
            }
            (Job::Check, End::Failed(_)) => {
                let is_lost = self.is_up();
                self.known = Known::Away;
                self.is_left = is_lost && !self.put_back;
                if is_lost { Outcome::Lost } else { Outcome::Quiet }
            }
            (job, End::Failed(why)) => {
                if job == Job::Up {
                    self.known = if self.check.is_some() { Known::Nothing(None) } else { Known::Away };
                }
                self.fail(now, job, why, stats)
            }
        }
    }

    fn fail(&mut self, now: Instant, job: Job, why: String, stats: &mut Stats) -> Outcome {
        let pause = PAUSE_FIRST * 2_u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.pause = Some(now + pause.min(PAUSE_LAST));
        self.last_failure = Some(why.clone());
        stats.commands_failed += 1;
        Outcome::Failed { job, why, times: self.failures }
    }

    /// When to run the next one; none while one runs.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.running.is_some() {
            return None;
        }
        let grace = if let (false, Known::Nothing(Some(at))) = (self.is_wanted, self.known) { Some(at) } else { None };
        match self.pause {
            Some(pause) if self.next_job(pause).is_some() => Some(grace.map_or(pause, |at| at.max(pause))),
            _ => grace,
        }
    }
}

/// The pause after the first failure; each doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest one.
const PAUSE_LAST: Duration = Duration::from_secs(60);
/// How often it is tried to give it back, where nothing comes after that: with the pauses between them about seven seconds and four commands.
const LAST_TRIES: u32 = 4;
/// How long nothing is done at the start where nobody can say whether it is here: it may be allowed to be in a moment.
const GRACE: Duration = Duration::from_secs(10);
