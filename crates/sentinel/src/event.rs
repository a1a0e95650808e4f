//! What can happen to the machine, and what it orders. The lines of stories, traces and flight records are these.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;
use core::time::Duration;

use machine::time::span;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use view::{Epoch, GroupName, RunId, View};

use crate::answer::Answer;
use crate::config::GroupConfig;
use crate::manage::{Knob, Setting};
use crate::state::State;

/// One connection of ours for its whole life: whom it goes to, and a number that is never used again.
/// Text form: `10.0.0.1:6379#2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// Whom it goes to.
    pub to: SocketAddr,
    /// Counts all links of this machine's life.
    pub nr: u32,
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.to, self.nr)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LinkId {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected a link such as 10.0.0.1:6379#2";
        let (to, nr) = s.rsplit_once('#').ok_or(FORM)?;
        let to = to.parse().map_err(|_| FORM)?;
        let nr = nr.parse().map_err(|_| FORM)?;
        Ok(Self { to, nr })
    }
}

impl Serialize for LinkId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LinkId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

/// Someone who asked us something and waits for the reply. The driver numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A `Connect` succeeded; what is sent on the link from here on is answered in order.
    Connected {
        /// Which link.
        link: LinkId,
    },
    /// A `Connect` failed, or an open link ended. The link is gone; nothing more is heard of it.
    Failed {
        /// Which link.
        link: LinkId,
        /// What the kernel or the peer said.
        fault: Fault,
    },
    /// The reply to the oldest unanswered `Send` on the link.
    Answered {
        /// Which link.
        link: LinkId,
        /// What it said.
        answer: Answer,
    },
    /// A message came on the hello channel.
    Heard {
        /// On which link.
        link: LinkId,
        /// The message as it is on the wire (`hello::Hello` reads it).
        hello: String,
    },
    /// The state of `Save { seq }` is on disk, synced.
    Saved {
        /// Which save.
        seq: u64,
    },
    /// What `Clear { group, nr }` asked for: no address that goes with the group's master is on this host.
    Cleared {
        /// Of which group.
        group: GroupName,
        /// Which time.
        nr: u64,
    },
    /// The state could not be written.
    SaveFailed {
        /// Which save.
        seq: u64,
    },
    /// Somebody wants something of us: over our port or the control socket.
    Requested {
        /// Whom to reply to.
        call: CallId,
        /// What is wanted.
        request: Request,
    },
    /// A script runs.
    ScriptStarted {
        /// Which run.
        nr: u64,
        /// Its process.
        pid: u32,
    },
    /// A script ended, or could not be started.
    ScriptEnded {
        /// Which run.
        nr: u64,
        /// How.
        end: End,
    },
    /// A name means another address than it did: whoever we knew there is now here.
    Moved {
        /// Where it was.
        from: SocketAddr,
        /// Where it is.
        to: SocketAddr,
    },
}

/// What ended or prevented a connection. The first four are the kernel's word: stronger than silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Nobody listens there (ECONNREFUSED).
    Refused,
    /// The connection was reset (ECONNRESET, EPIPE).
    Reset,
    /// The other side ended it (end of stream).
    Closed,
    /// No route, host or network (EHOSTUNREACH, ENETUNREACH).
    Unreachable,
    /// No answer to the connection attempt in time (ETIMEDOUT).
    TimedOut,
    /// What came is not RESP.
    Malformed,
    /// This host could not do its part: descriptors, memory, permissions. Says nothing about the other side.
    Local,
}

/// How a script's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// By itself, with this status. A file that cannot be executed counts as status 2.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// This host had no process to give: nothing ran.
    NotStarted,
}

/// What somebody wants of us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// `SENTINEL IS-MASTER-DOWN-BY-ADDR`: is this master down for you, and (with a candidate) do I have your vote?
    IsMasterDown {
        /// The address that the question is about.
        master: SocketAddr,
        /// The asker's epoch.
        epoch: Epoch,
        /// Who wants the vote; `None` (`*` on the wire): only the opinion is asked.
        candidate: Option<RunId>,
    },
    /// `PUBLISH __sentinel__:hello` directly to us.
    Hello {
        /// The message.
        text: String,
    },
    /// `SENTINEL FAILOVER`: the reply comes at once, the failover follows.
    Failover {
        /// Which group.
        group: GroupName,
    },
    /// A planned switchover: the reply comes when it is done, or undone.
    Switchover {
        /// Which group.
        group: GroupName,
        /// To whom; `None`: the fittest.
        to: Option<SocketAddr>,
    },
    /// `SENTINEL MONITOR`: watch another group. `Ok` once it is on disk.
    Monitor {
        /// Which.
        group: GroupName,
        /// Its rules, with where its master is.
        rules: GroupConfig,
    },
    /// `SENTINEL REMOVE`: watch a group no more. `Ok` once that is on disk.
    Remove {
        /// Which.
        group: GroupName,
    },
    /// `SENTINEL SET`: change rules of a group. `Ok` once they are on disk.
    Set {
        /// Which group.
        group: GroupName,
        /// What, in order.
        settings: Vec<Setting>,
    },
    /// The operator's file says something else of a group that is watched. `Ok` once it is on disk.
    Reload {
        /// Which group.
        group: GroupName,
        /// All its rules. Where its master is stays what was agreed.
        rules: GroupConfig,
        /// The credentials, which the driver has, changed: connect to the servers anew.
        reconnect: bool,
    },
    /// `SENTINEL RESET`: forget what was learned about the groups that fit. `Count`.
    Reset {
        /// A glob over names.
        pattern: String,
    },
    /// `SENTINEL CONFIG SET`, as far as it concerns the machine; also `FLUSHCONFIG`, with nothing to change. `Ok` once it is on disk.
    Configure {
        /// The address told to others, if it changes.
        announce: Option<SocketAddr>,
        /// Credentials towards other nodes changed: connect to them anew.
        reconnect: bool,
    },
    /// `SENTINEL DEBUG`: change the pace, for this process only.
    Tune {
        /// What, in order.
        knobs: Vec<(Knob, Duration)>,
    },
    /// `SENTINEL SIMULATE-FAILURE`: end the process at these points.
    SimulateFailure {
        /// Right after having been elected.
        after_election: bool,
        /// Right after a promotion was seen.
        after_promotion: bool,
    },
}

/// What the driver shall do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Open a connection. Ends in `Connected` or `Failed`.
    Connect {
        /// The new link.
        link: LinkId,
        /// For which group: tells the credentials.
        group: GroupName,
        /// What is there: tells the credentials.
        target: Target,
        /// What it is for.
        channel: Channel,
    },
    /// Close a link. Nothing is reported of it afterwards.
    Close {
        /// Which link.
        link: LinkId,
    },
    /// Send a command on a connected link.
    Send {
        /// On which link.
        link: LinkId,
        /// What.
        ask: Ask,
    },
    /// Write the state durably. Ends in `Saved` or `SaveFailed`. One is under way at a time.
    Save {
        /// Number of this save; rises.
        seq: u64,
        /// What to write.
        state: State,
    },
    /// Let no address that goes with this group's master be on this host, as the view that was published last says, and tell when that
    /// is so (`Cleared`). Only where the group has one ([`crate::GroupConfig::ties_address`]).
    Clear {
        /// Of which group.
        group: GroupName,
        /// Which time; rises.
        nr: u64,
    },
    /// Answer a request.
    Reply {
        /// Whom.
        call: CallId,
        /// With what.
        reply: Reply,
    },
    /// The view of a group changed.
    Publish {
        /// The new one.
        view: View,
    },
    /// Tell people and subscribers.
    Announce {
        /// What.
        event: Announcement,
    },
    /// Run a program. Ends in `ScriptEnded`; `ScriptStarted` comes before, if it could be started.
    RunScript {
        /// Which run.
        nr: u64,
        /// The program.
        path: String,
        /// What it is told.
        args: Vec<String>,
    },
    /// Kill a script that takes too long. `ScriptEnded` follows.
    KillScript {
        /// Which run.
        nr: u64,
    },
    /// End the process at once with this status: somebody wants to see what the others do then.
    Exit {
        /// The exit status.
        status: u8,
    },
}

/// What is at the other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// A Redis server.
    Server,
    /// Another node, or a stock Sentinel.
    Peer,
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Channel {
    /// Commands and their answers.
    Command,
    /// Listening on `__sentinel__:hello`.
    Hello,
    /// One look at a server from outside, in a balancer's manner. Many are made, so nothing is said of one alone.
    Check,
    /// Listening to all that a Sentinel publishes.
    Events,
}

/// A command that the machine sends. [`crate::command`] writes it for the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// `AUTH`, with the credentials that the driver holds for this group and target; answered `Ok` without being sent
    /// where there are none. Secrets never enter the machine, hence no record or trace.
    Auth,
    /// `CLIENT SETNAME`.
    Name {
        /// As `CLIENT LIST` on the server shall show it.
        name: String,
    },
    /// `PING`.
    Ping,
    /// `INFO`.
    Info,
    /// `ROLE`.
    Role,
    /// `SUBSCRIBE __sentinel__:hello`.
    Subscribe,
    /// `PUBLISH __sentinel__:hello`.
    Hello {
        /// The message.
        text: String,
    },
    /// `SENTINEL IS-MASTER-DOWN-BY-ADDR`.
    IsMasterDown {
        /// About which address.
        master: SocketAddr,
        /// In which epoch.
        epoch: Epoch,
        /// Who wants the vote; `None`: only the opinion.
        candidate: Option<RunId>,
    },
    /// `SENTINEL GET-MASTER-ADDR-BY-NAME`: whom does that node take for master now?
    WhoIsMaster {
        /// Of which group.
        group: GroupName,
    },
    /// Follow nobody, accept nothing: the replica keeps its data, offset and backlog, and what the old master may still
    /// accept can no longer reach it.
    Seal {
        /// Of which attempt: a late answer to an earlier one says nothing about this one.
        epoch: Epoch,
    },
    /// Become master.
    Promote,
    /// Follow this master.
    Replicate {
        /// Whom.
        master: SocketAddr,
    },
    /// `CONFIG REWRITE`, so that a restart of the server keeps its role. An error is of no account.
    Rewrite,
    /// `CLIENT PAUSE … WRITE`.
    Pause {
        /// Of which attempt.
        epoch: Epoch,
        /// How long at most; it ends by itself.
        #[serde(with = "span")]
        limit: Duration,
    },
    /// `CLIENT UNPAUSE`.
    Unpause,
    /// `SCRIPT KILL`: it has been busy with a script for so long that it counts as down.
    KillScript,
    /// `CLIENT KILL TYPE normal`: clients that came by themselves shall ask again who is master.
    KickClients,
    /// `INFO replication`, as text: whoever asks looks for lines in it.
    Replication,
    /// A line as an operator wrote it, sent as it is (an inline command).
    Line {
        /// Without its end.
        text: String,
    },
    /// `QUIT`: a check leaves as a balancer does.
    Quit,
    /// `SENTINEL MASTER`.
    Master {
        /// Of which group.
        group: GroupName,
    },
    /// `SENTINEL REPLICAS`.
    Replicas {
        /// Of which group.
        group: GroupName,
    },
    /// `SENTINEL SENTINELS`.
    Sentinels {
        /// Of which group.
        group: GroupName,
    },
    /// `PSUBSCRIBE *`: everything that a Sentinel publishes.
    Events,
}

/// A reply to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To `IsMasterDown`.
    Vote {
        /// Whether the master is down for us.
        down: bool,
        /// Who has our vote.
        leader: Option<RunId>,
        /// In which epoch it was given.
        epoch: Epoch,
    },
    /// Done, or begun.
    Ok,
    /// To `Reset`: how many groups.
    Count {
        /// How many.
        n: u32,
    },
    /// To `Switchover`: done.
    Switched {
        /// Who was master.
        from: SocketAddr,
        /// Who is.
        to: SocketAddr,
        /// In which epoch.
        epoch: Epoch,
        /// How long writes were held.
        #[serde(with = "span")]
        held: Duration,
    },
    /// Not done; nothing is changed, or what was changed is undone.
    Refused {
        /// First word of the error on the wire (`NOGOODSLAVE`, `INPROG`, `ERR`).
        code: String,
        /// Why, for people.
        why: String,
    },
}

/// An event in Sentinel's own words: for the log, for subscribers (channel = name, message = payload).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// How loud.
    pub level: Level,
    /// Of which group; `None` for the node as a whole.
    pub group: Option<GroupName>,
    /// `+sdown`, `+switch-master`, …
    pub name: String,
    /// What follows it.
    pub payload: String,
}

/// How loud an announcement is; Sentinel's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Log only.
    Debug,
    /// Published; of interest when looking back.
    Verbose,
    /// Published; normal work.
    Notice,
    /// Published; an operator should know.
    Warning,
}

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// When to connect again.
    Reconnect,
    /// When to give up on a connection attempt or an answer.
    GiveUp,
    /// When to ask a server or node whether it is there.
    Ping,
    /// When to ask a server for its INFO.
    Info,
    /// When silence, or a kernel's refusal, begins to mean *down*.
    Down,
    /// When to ask the others whether they see the master down too.
    AskPeers,
    /// When the others' word is too old to count.
    WordExpires,
    /// When to say hello.
    Hello,
    /// When to try a failover.
    Attempt,
    /// When to give up on an election.
    Election,
    /// When to go on with the replicas that are sealed.
    Seal,
    /// When to look again how far a replica has come.
    CatchUp,
    /// When to give up on the present step of a failover.
    Step,
    /// When to order a server that follows the wrong master.
    Fix,
    /// When to make stray clients of a former master ask anew.
    Kick,
    /// When to ask a node whom it takes for master, and when its answer is too old to count.
    Backing,
    /// When to go on without word from an address that was to leave.
    Clear,
    /// When to try again to save.
    Save,
    /// When to trust the clock again.
    Tilt,
    /// When to run a script again, or to end one.
    Script,
}

/// Renders `items` separated by blanks: arguments of announcements.
pub(crate) fn words(items: &[&dyn fmt::Display]) -> String {
    use fmt::Write as _;
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        let blank = if i == 0 { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{blank}{item}");
    }
    out
}
