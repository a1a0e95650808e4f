//! What can one ask of the program? The words that a person types, and nothing about how they are done.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Where the configuration is if nobody says otherwise.
const DEFAULT_FILE: &str = "/etc/standfast/standfast.toml";

/// One address that points at the right Redis, whatever fails.
///
/// Standfast watches groups of Redis servers (a master with its replicas), agrees with the nodes on other hosts on who is
/// master, promotes a replica when the master is gone, and leads clients to the right server without dropping them. It
/// replaces Redis Sentinel and the balancer in front of Redis, and speaks Sentinel's protocol.
#[derive(Debug, Parser)]
#[command(name = "standfast", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  refused or undone (the reason is printed), or an error without a code of its own
  2  the configuration or the command line is wrong: nothing was started, nothing was changed
  3  a Redis or a node that is needed: needs a password that we lack, is older than 6.2, cannot be reached
  4  this host: an address is in use, a directory cannot be written or belongs to another node

Try it without configuring anything:   standfast demo";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a node: watch the groups of the file, lead clients to their masters
    ///
    /// Logs go to standard output, one line an event, with Sentinel's event names. SIGTERM and SIGINT end it cleanly.
    Run(RunArgs),
    /// Lead clients to the master among some servers, without any file; nobody is promoted, nobody votes
    ///
    /// Listens at once, also before a server is up: requests wait for it. Which server is the master is found by checking each of them,
    /// and followed when it changes. SIGTERM and SIGINT end it when clients have had what they are owed, after a second at most.
    Proxy(ProxyArgs),
    /// Take the place of a stock Redis Sentinel: live on its sentinel.conf, and keep it as it would
    ///
    /// The same is done when the program is called under the name `redis-sentinel`. Changes by command and what is learned are written
    /// into the file, which a stock Sentinel can take back.
    Sentinel(SentinelArgs),
    /// Stand by a node, and take its addresses away when it dies. Nodes start it by themselves
    #[command(hide = true)]
    Guard(GuardArgs),
    /// Check a configuration file: all problems at once, each with its place and what to do
    Check(FileArgs),
    /// Show how things stand on a running node: groups, masters, replicas, nodes, the last failover
    Status(StatusArgs),
    /// Move the master of a group on purpose; clients see a pause of milliseconds and no error
    ///
    /// Waits for the end. If it cannot be done within the group's switchover-timeout it is undone, and the reason is printed.
    Switchover(SwitchoverArgs),
    /// Make a running node take up its file anew, as SIGHUP does, without touching a connection that need not change
    ///
    /// Prints what changed, line by line; what needs a restart is named and waits for one. With a file that is wrong nothing is changed.
    Reload(NodeArgs),
    /// Let a new version of the program take the place of a running node, without a client that notices
    ///
    /// The new process inherits the listening sockets and takes over monitoring; the old one serves its clients to their end, at the longest
    /// for `drain-timeout` of [proxy]. If the new one does not get ready, the old one goes on as if nothing had happened. SIGUSR2 does the same.
    Upgrade(UpgradeArgs),
    /// Let a server rest or work: drain it, put it into maintenance, make it ready again, weigh it against the others
    ///
    /// Concerns the clients of this node's listeners, and survives its restart; who is master is not decided here. Without a server: show
    /// how all stand. A server that is drained or in maintenance gets no readers, and those that are there go elsewhere. The master is
    /// refused without --force.
    Server(ServerArgs),
    /// Show the addresses that this host may hold, or say where one shall be: release it, take it, preempt its holder
    ///
    /// A released address stays away, also after a restart, until it is taken again. To take it does not send away a holder with more
    /// right; to preempt does what preemption would do, at once. Without a word: show how all stand.
    Address(AddressArgs),
    /// Tell how a failover went: who saw what when, votes, candidates and why each was or was not chosen, each step's time
    ///
    /// The node that led it knows most; the log names it. Failovers are remembered across restarts.
    Explain(ExplainArgs),
    /// Make a running node write its flight record, and print where it is
    Flight(NodeArgs),
    /// Run a flight record or story through the decisions again and compare what comes out
    Replay(ReplayArgs),
    /// Show it: three real Redis servers, three nodes, a load, and faults that you cause
    ///
    /// Needs redis-server or valkey-server on the PATH. Uses free ports on 127.0.0.1 and a temporary directory; leaves nothing
    /// behind. On a terminal, type a letter and Enter to cause a fault.
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Where the jitter of this run comes from; random if not given
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Where clients come that want the master
    #[arg(long, value_name = "IP:PORT", value_parser = listens)]
    pub(crate) listen: SocketAddr,
    /// A server that may be the master or a replica; once for each
    #[arg(long = "server", value_name = "HOST:PORT", required = true, value_parser = server)]
    pub(crate) servers: Vec<(String, u16)>,
    /// Where clients come that want a replica
    #[arg(long, value_name = "IP:PORT", value_parser = listens)]
    pub(crate) replica_listen: Option<SocketAddr>,
    /// The user that the checks log in as; Redis's `default` user if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// A file with the password of the checks in its first line. Else the environment's STANDFAST_PASSWORD; clients log in for
    /// themselves
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// From one check of a server to the next, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(20..=600_000))]
    pub(crate) interval: u64,
    /// How long a request may wait for a master, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub(crate) hold: u64,
}

/// An address of this host, and a port.
fn listens(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address of this host and a port, such as 0.0.0.0:6380 or [::]:6380".to_owned())
}

/// A host, by address or name, and a port.
fn server(text: &str) -> Result<(String, u16), String> {
    const FORM: &str = "expected a host and a port, such as 10.0.0.1:6379, [::1]:6379 or redis-a:6379";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(FORM)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits = host.parse::<std::net::IpAddr>().is_ok() || (!host.is_empty() && host.chars().all(is_name));
    if fits { Ok((host.to_owned(), port)) } else { Err(FORM.to_owned()) }
}

#[derive(Debug, Args)]
pub(crate) struct SentinelArgs {
    /// The sentinel.conf, and directives to add to it: `--port 5000 --loglevel debug`
    #[arg(value_name = "FILE [OPTIONS]", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// Log lines are JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which running node is meant.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// The configuration file of the node, which says where its control socket is
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub(crate) config: PathBuf,
    /// The node's control socket, instead of looking it up in the file
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(crate) control: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Failovers of this group only
    pub(crate) group: Option<String>,
    /// Which one: 1 is the last (and meant if nothing is said), 2 the one before
    #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) nr: Option<u64>,
    /// One JSON document instead of a text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SwitchoverArgs {
    /// The group, as it is named in the configuration
    pub(crate) group: String,
    /// The replica that shall be master; the fittest if not given
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) to: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The new program; the one that the node was started as, as it is on the disk by now, if none is named
    pub(crate) binary: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The group, as it is named in the configuration
    pub(crate) group: Option<String>,
    /// The server
    #[arg(value_name = "HOST:PORT", requires = "what")]
    pub(crate) addr: Option<SocketAddr>,
    /// What it shall do
    pub(crate) what: Option<Wanted>,
    /// How much of the readers it takes beside the other replicas (100 if nobody says otherwise; 0: none)
    #[arg(value_name = "N", value_parser = clap::value_parser!(u16).range(0..=256), required_if_eq("what", "weight"))]
    pub(crate) weight: Option<u16>,
    /// Also if it is the master: requests wait until it is ready or another server is master
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddressArgs {
    /// What is wanted; how all stand if nothing is said
    pub(crate) what: Option<AddressVerb>,
    /// The address, as it is named in the configuration
    #[arg(requires = "what", required_if_eq_any([("what", "release"), ("what", "take"), ("what", "preempt")]))]
    pub(crate) name: Option<String>,
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// What an operator may want of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AddressVerb {
    /// Show how all stand
    List,
    /// It shall not be here until it is taken again
    Release,
    /// It may be here again, and comes now if nobody has more right
    Take,
    /// It comes now, also where preemption is off or still waits
    Preempt,
}

/// What an operator may want of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wanted {
    /// No new readers; those that are there go elsewhere
    Drain,
    /// The same, and it counts as gone
    Maintenance,
    /// It serves again
    Ready,
    /// It takes N parts of the readers
    Weight,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A file that a node wrote (flight-N.story), or a story
    pub(crate) file: PathBuf,
    /// Print the whole transcript, not only the verdict
    #[arg(long)]
    pub(crate) transcript: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Cause these faults one after the other and end: crash, hang, cut, restart, switchover
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',')]
    pub(crate) script: Vec<Script>,
    /// JSON on standard output, progress on standard error: with --script one document at the end, else a line when all is up
    /// and one for each fault
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the jitter of the nodes comes from; random if not given
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// A fault that the demo can cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Script {
    /// kill -9 of the master
    Crash,
    /// SIGSTOP of the master
    Hang,
    /// The master's network is cut, and mended later
    Cut,
    /// kill -9 of the master; it is started again at once, without its data
    Restart,
    /// A planned change of master
    Switchover,
}
