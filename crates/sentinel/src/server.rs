//! One Redis server as we watch it: two lines (commands, hello channel), what it said, and what is held against it.

use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};
use view::{GroupName, LinkState, RunId};

use crate::answer::{Answer, InfoReport, Role};
use crate::config::GroupConfig;
use crate::core::Core;
use crate::event::{Action, Ask, Channel, Fault, LinkId, Target, Timer};
use crate::evidence::{Complaint, Evidence, Why};
use crate::link::{Line, RETRY, Terms};
use crate::manage::Knob;

/// How often a server tells its `INFO`. Stock asks every 10 s and a tenth of that in a failover; a second costs nothing
/// and keeps replica lists, links and lag fresh enough to decide by.
pub(crate) const INFO_PERIOD: Duration = Duration::from_secs(1);

/// The same while a failover waits for it, and has waited for a while.
pub(crate) const INFO_HURRY: Duration = Duration::from_millis(100);

/// How often hello is said to each server and node. Stock: 2 s; the convergence after a failover waits for it.
pub(crate) const HELLO_PERIOD: Duration = Duration::from_secs(1);

/// How long a replica may take to begin to copy, or to see that it need not.
const BEGIN_AT_MOST: Duration = Duration::from_secs(10);

/// The second look after a kernel's refusal comes this soon.
const DOUBT_RETRY: Duration = Duration::from_millis(10);

/// One Redis server as we watch it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) command: Line,
    hello: Line,
    ping_at: Instant,
    pub(crate) info_at: Instant,
    pub(crate) hello_at: Instant,
    pub(crate) info: Option<InfoReport>,
    /// When that was heard.
    pub(crate) info_heard: Instant,
    /// Since when it has said that it is what it says it is.
    pub(crate) role_since: Instant,
    /// Since when it has followed whom it follows.
    follows_since: Instant,
    pub(crate) evidence: Evidence,
    pub(crate) down: Option<Down>,
    /// How it follows the wrong master, or none.
    pub(crate) wrong: Option<Wrong>,
    /// The agreed master's: since when it has been back, knowing less than a replica.
    pub(crate) lost_data: Option<Instant>,
    /// Not before then is it ordered (again) to follow the right one.
    pub(crate) fix_at: Instant,
    /// The last time it heard a master of this group.
    pub(crate) linked: Option<Instant>,
    /// When to make its stray clients ask anew.
    pub(crate) kick_at: Option<Instant>,
    /// Its refusal to let us in has been announced.
    pub(crate) denied: bool,
    /// Which life of the process answered last, also while it was loading.
    life: Option<RunId>,
    /// It has restarted, and has not answered a PING since.
    rebooted: Option<Instant>,
    /// It was told to end the script that keeps it busy.
    pub(crate) script_kill_sent: bool,
}

/// A server that is not what the agreement wants it to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wrong {
    pub(crate) since: Instant,
    /// Since when its role alone is wrong: whom it follows a leader changes who seals it.
    pub(crate) role_since: Instant,
    role: Role,
    follows: Option<SocketAddr>,
    /// It may be the work of a leader whose decision we have not heard: sealed, or promoted a moment ago.
    pub(crate) by_a_leader: bool,
}

/// Down for us.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Down {
    pub(crate) since: Instant,
    pub(crate) why: Why,
}

/// How often a server is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    /// Whether it is there.
    pub(crate) ping: Duration,
    /// What it says it is.
    pub(crate) info: Duration,
}

impl Server {
    pub(crate) const fn new(addr: SocketAddr, now: Instant) -> Self {
        Self {
            addr,
            command: Line::new(now),
            hello: Line::new(now),
            ping_at: now,
            info_at: now,
            hello_at: now,
            info: None,
            info_heard: now,
            role_since: now,
            follows_since: now,
            evidence: Evidence::new(now),
            down: None,
            wrong: None,
            lost_data: None,
            fix_at: now,
            linked: None,
            kick_at: None,
            denied: false,
            life: None,
            rebooted: None,
            script_kill_sent: false,
        }
    }

    pub(crate) const fn is_down(&self) -> bool {
        self.down.is_some()
    }

    pub(crate) fn line(&mut self, id: LinkId) -> Option<(&mut Line, Channel)> {
        if self.command.is(id) {
            Some((&mut self.command, Channel::Command))
        } else if self.hello.is(id) {
            Some((&mut self.hello, Channel::Hello))
        } else {
            None
        }
    }

    /// It answered: what that says of its health.
    pub(crate) fn on_answer(&mut self, core: &mut Core, ask: &Ask, asked: Instant, answer: &Answer) {
        if answer.is_good() {
            self.denied = false;
            // A master that cannot save answers INFO as well as ever, and PING with an error: stock goes by the latter alone.
            if *ask == Ask::Info && self.evidence.is_complaint() {
                return;
            }
            self.evidence.on_good(core.now, asked);
            if *answer == Answer::Pong {
                self.rebooted = None;
                self.script_kill_sent = false;
            }
            return;
        }
        if !matches!(ask, Ask::Ping | Ask::Info) {
            return;
        }
        match answer {
            Answer::Busy => {
                self.evidence.on_complaint(Complaint::Busy);
                if self.is_down() && !self.script_kill_sent {
                    self.script_kill_sent = self.command.send(core, Ask::KillScript);
                }
            }
            Answer::Denied { .. } => self.evidence.on_complaint(Complaint::Denied),
            Answer::Error { .. } | Answer::Strange { .. } => self.evidence.on_complaint(Complaint::Error),
            _ => {}
        }
    }

    /// Which life of the process answers.
    pub(crate) fn on_life(&mut self, now: Instant, run_id: Option<&RunId>) {
        let Some(run_id) = run_id else { return };
        let before = self.life.replace(run_id.clone());
        if before.is_some_and(|before| before != *run_id) {
            self.rebooted = Some(now);
            // Whether it is there is not left to the next turn: an operator may have given it little time.
            self.ping_at = now;
        }
    }

    /// Whether it is on its way to hear the master that it follows: it copies, or began to follow a moment ago.
    pub(crate) fn is_copying(&self, now: Instant, master: SocketAddr) -> bool {
        let Some(info) = self.info.as_ref().filter(|i| !i.link_up) else { return false };
        // One that has been at it for long without copying is stuck, and must not keep the others waiting for ever.
        self.follows(master) && !self.is_down() && (info.copying || now < self.follows_since + BEGIN_AT_MOST)
    }

    /// What it says it is; returns what it said before.
    pub(crate) fn on_info(&mut self, now: Instant, info: InfoReport) -> Option<InfoReport> {
        if self.info.as_ref().is_none_or(|before| before.master != info.master) {
            self.follows_since = now;
        }
        if self.info.as_ref().is_none_or(|before| before.role != info.role) {
            self.role_since = now;
        }
        self.info_heard = now;
        self.info.replace(info)
    }

    /// When a restart has been lasting too long; `None`: there was none, or nobody minds.
    fn reboot_limit(&self, rules: &GroupConfig) -> Option<Instant> {
        self.rebooted.filter(|_| !rules.reboot_down_after.is_zero()).map(|at| at + rules.reboot_down_after)
    }

    /// How long a refusal must last: a server that keeps its data may be restarted by its supervisor.
    fn confirm(&self, rules: &GroupConfig) -> Duration {
        let persists = self.info.as_ref().is_some_and(|i| i.persists);
        if persists { rules.confirm.max(rules.restart_grace) } else { rules.confirm }
    }

    /// When a master that restarted counts as down for it.
    pub(crate) fn reboot_deadline(&self, now: Instant, rules: &GroupConfig) -> Option<(Instant, Timer)> {
        self.reboot_limit(rules).filter(|&at| at > now).map(|at| (at, Timer::Down))
    }

    /// Why it counts as down, by what was heard of it; `None`: it does not.
    pub(crate) fn verdict(&self, now: Instant, rules: &GroupConfig, is_master: bool) -> Option<Why> {
        let loading = is_master && self.reboot_limit(rules).is_some_and(|at| at <= now);
        self.evidence.verdict(now, rules.down_after, self.confirm(rules)).or_else(|| loading.then_some(Why::Loading))
    }

    /// It says that it is not what it should be. `before`: what it said last.
    pub(crate) fn on_wrong(&mut self, now: Instant, before: Option<&InfoReport>, info: &InfoReport) {
        let (role, follows) = (info.role, info.master);
        if self.wrong.is_some_and(|w| w.role == role && w.follows == follows) {
            return;
        }
        // A master that was one before, or has restarted as one, was promoted by nobody.
        let by_itself = before.is_some_and(|b| b.role == Role::Master || b.run_id != info.run_id);
        let by_a_leader = role == Role::Replica || !by_itself;
        let role_since = self.wrong.filter(|w| w.role == role).map_or(now, |w| w.role_since);
        self.wrong = Some(Wrong { since: now, role_since, role, follows, by_a_leader });
    }

    /// Makes its links anew: what we log in with has changed.
    pub(crate) fn reconnect(&mut self, core: &mut Core) {
        self.denied = false;
        self.command.renew(core);
        self.hello.renew(core);
    }

    /// Closes its links: it is forgotten.
    pub(crate) fn close(self, core: &mut Core) {
        for link in [self.command.link, self.hello.link].into_iter().flatten() {
            core.act(Action::Close { link: link.id });
        }
    }

    /// Whether both of its links stand, as far as Sentinel's flag `disconnected` goes.
    pub(crate) fn is_connected(&self) -> bool {
        self.command.is_up() && self.hello.is_up()
    }

    /// Whether it has restarted and not answered a PING since.
    pub(crate) const fn is_rebooting(&self) -> bool {
        self.rebooted.is_some()
    }

    pub(crate) fn owns(&self, id: LinkId) -> bool {
        self.command.is(id) || self.hello.is(id)
    }

    /// One of its links broke, or could not be made. Only the command line's end is evidence: the other may be killed by
    /// an operator's `CLIENT KILL TYPE pubsub`.
    pub(crate) fn on_failed(&mut self, now: Instant, id: LinkId, fault: Fault) -> Channel {
        if !self.command.is(id) {
            self.hello.lost(now, RETRY);
            return Channel::Hello;
        }
        let protested = self.command.link.as_ref().is_some_and(|link| link.protested);
        self.evidence.on_fault(now, fault, protested);
        let in_doubt = self.evidence.is_doubtful() && !self.is_down();
        self.command.lost(now, if in_doubt { DOUBT_RETRY } else { RETRY });
        Channel::Command
    }

    /// Connects, pings, asks and says hello as far as that is due.
    pub(crate) fn keep(
        &mut self,
        core: &mut Core,
        group: &GroupName,
        rules: &GroupConfig,
        hello: &str,
        rhythm: Rhythm,
    ) {
        let terms = |channel, patience| Terms { group, to: self.addr, target: Target::Server, channel, patience };
        let command = terms(Channel::Command, patience(rules));
        // The hello line is silent by nature between hellos; three of them missing is a dead line.
        let listen = terms(Channel::Hello, patience(rules));
        if self.command.keep(core, command) {
            self.evidence.on_waiting(core.now);
        }
        self.hello.keep(core, listen);
        self.drop_deaf_line(core);
        if !self.command.is_up() {
            self.evidence.on_waiting(core.now);
            return;
        }
        self.ping_if_due(core, rhythm.ping);
        self.info_if_due(core, rhythm.info);
        if self.hello_at <= core.now {
            self.hello_at = core.now + core.pace.at_most(Knob::PublishPeriod, HELLO_PERIOD);
            self.command.send(core, Ask::Hello { text: hello.into() });
        }
        if self.kick_at.is_some_and(|at| at <= core.now) {
            self.kick_at = None;
            self.command.send(core, Ask::KickClients);
        }
    }

    /// Lets a hello that is due pass.
    pub(crate) fn skip_hello(&mut self, now: Instant) {
        if self.hello_at <= now {
            self.hello_at = now + HELLO_PERIOD;
        }
    }

    /// A hello line on which nothing comes, not even our own hellos, is no line.
    fn drop_deaf_line(&mut self, core: &mut Core) {
        let now = core.now;
        if self.deaf_at().is_some_and(|at| at <= now)
            && let Some(link) = self.hello.lost(now, RETRY)
        {
            core.act(Action::Close { link: link.id });
        }
    }

    fn deaf_at(&self) -> Option<Instant> {
        let link = self.hello.link.as_ref().filter(|l| l.up)?;
        Some(link.heard + 3 * HELLO_PERIOD)
    }

    fn ping_if_due(&mut self, core: &mut Core, period: Duration) {
        let period = core.pace.at_most(Knob::PingPeriod, period);
        // Whoever has just become the master is asked more often at once.
        self.ping_at = self.ping_at.min(core.now + period);
        if self.ping_at > core.now {
            return;
        }
        self.ping_at = core.now + period;
        if let Some(link) = self.command.up()
            && !link.awaits(|ask| matches!(ask, Ask::Ping))
            && link.send(core, Ask::Ping)
        {
            self.evidence.on_waiting(core.now);
        }
    }

    fn info_if_due(&mut self, core: &mut Core, period: Duration) {
        let period = core.pace.at_most(Knob::InfoPeriod, period);
        // A hurry that begins shortens a wait that has begun.
        self.info_at = self.info_at.min(core.now + period);
        if self.info_at > core.now {
            return;
        }
        self.info_at = core.now + period;
        self.ask_info(core);
    }

    /// Asks for `INFO`, unless an answer is already on its way.
    pub(crate) fn ask_info(&mut self, core: &mut Core) {
        if let Some(link) = self.command.up()
            && !link.awaits(|ask| matches!(ask, Ask::Info))
        {
            link.send(core, Ask::Info);
        }
    }

    /// When [`keep`](Self::keep) or a verdict has something to do.
    pub(crate) fn deadline(&self, rules: &GroupConfig) -> Option<(Instant, Timer)> {
        let mut next = self.command.deadline(patience(rules));
        next = soonest(next, self.hello.deadline(patience(rules)));
        next = soonest(next, self.deaf_at().map(|at| (at, Timer::GiveUp)));
        if self.command.is_up() {
            next = soonest(next, Some((self.ping_at, Timer::Ping)));
            next = soonest(next, Some((self.info_at, Timer::Info)));
            next = soonest(next, Some((self.hello_at, Timer::Hello)));
            next = soonest(next, self.kick_at.map(|at| (at, Timer::Kick)));
        }
        if self.down.is_none() {
            next = soonest(next, self.evidence.deadline(rules.down_after, self.confirm(rules)));
        }
        next
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.info.as_ref().map(|info| info.role)
    }

    /// Whether it says that it follows `master`.
    pub(crate) fn follows(&self, master: SocketAddr) -> bool {
        self.info.as_ref().is_some_and(|i| i.role == Role::Replica && i.master == Some(master))
    }

    pub(crate) fn link_state(&self, master: SocketAddr) -> LinkState {
        let hears = self.follows(master) && self.info.as_ref().is_some_and(|i| i.link_up);
        match (self.is_down(), hears) {
            (true, _) => LinkState::Down,
            (false, true) => LinkState::Up,
            (false, false) if self.info.is_none() => LinkState::Down,
            (false, false) => LinkState::Stale,
        }
    }
}

/// How long a connection attempt or an answer may take before the link is made anew. Longer than `down_after`: the
/// verdict comes first, the housekeeping later.
pub(crate) fn patience(rules: &GroupConfig) -> Duration {
    (2 * rules.down_after).clamp(Duration::from_millis(500), Duration::from_secs(10))
}
