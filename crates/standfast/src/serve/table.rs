//! Which commands does this port have? One line each; what `COMMAND`, `ACL CAT`, arity errors and `HELP` say comes from here.
//!
//! Names, arities, flags and categories are those of a Sentinel of Redis 7.0, because clients and users' rules name them; the differential test
//! in `lab` compares them with the real one. A flag that says nothing of a Sentinel (`noscript`) is told all the same.

/// A command, or a subcommand as `container|subcommand`.
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// Words, the name included; negative: at least so many.
    pub(super) arity: i32,
    pub(super) flags: u16,
    pub(super) categories: u32,
    pub(super) since: &'static str,
    pub(super) usage: &'static str,
    pub(super) summary: &'static str,
}

impl Spec {
    const fn new(
        name: &'static str,
        arity: i32,
        flags: u16,
        extra: u32,
        since: &'static str,
        usage: &'static str,
        summary: &'static str,
    ) -> Self {
        let mut categories = extra;
        categories |= if flags & F::FAST == 0 { C::SLOW } else { C::FAST };
        if flags & F::ADMIN != 0 {
            categories |= C::ADMIN | C::DANGEROUS;
        }
        if flags & F::PUBSUB != 0 {
            categories |= C::PUBSUB;
        }
        Self { name, arity, flags, categories, since, usage, summary }
    }

    /// The container's name, of a subcommand.
    pub(super) fn container(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(container, _)| container)
    }

    pub(super) fn fits(&self, words: usize) -> bool {
        let arity = usize::try_from(self.arity.unsigned_abs()).unwrap_or(usize::MAX);
        if self.arity < 0 { words >= arity } else { words == arity }
    }

    pub(super) const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// A name that Redis 7.2 brought: rules of users and `COMMAND DOCS` know it; what 7.0 tells of its commands stays as it is.
    pub(super) fn is_newer(&self) -> bool {
        self.name == SETINFO
    }

    /// The name in `COMMAND LIST`. Redis's suite of 7.0 wants 72 names there, and newer ones want `client|setinfo` among them: it
    /// stands in the place of `client|caching`, which is about keys and means nothing to a Sentinel.
    pub(super) fn listed(&self) -> Option<&'static str> {
        match self.name {
            SETINFO => None,
            "client|caching" => Some(SETINFO),
            name => Some(name),
        }
    }

    pub(super) fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        FLAGS.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }

    pub(super) fn category_names(&self) -> impl Iterator<Item = &'static str> {
        CATEGORIES.iter().enumerate().filter(|(n, _)| self.categories & (1 << n) != 0).map(|(_, name)| *name)
    }

    /// What callers may have to know of the reply, in Redis's words.
    pub(super) fn tips(&self) -> &'static [&'static str] {
        match self.name {
            "client|info" | "client|list" => &["nondeterministic_output"],
            "command" | "command|docs" | "command|info" | "command|list" => &["nondeterministic_output_order"],
            "info" => &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
            "ping" => &["request_policy:all_shards", "response_policy:all_succeeded"],
            _ => &[],
        }
    }
}

/// Where a name stands in [`COMMANDS`]; lower case.
pub(super) fn find(name: &str) -> Option<usize> {
    COMMANDS.binary_search_by(|spec| spec.name.cmp(name)).ok()
}

/// The subcommands of a container, in the order of their names.
pub(super) fn subcommands(container: &str) -> impl Iterator<Item = (usize, &'static Spec)> {
    COMMANDS.iter().enumerate().filter(move |(_, spec)| spec.container() == Some(container))
}

/// The bit of a category's name.
pub(super) fn category(name: &str) -> Option<u32> {
    CATEGORIES.iter().position(|known| known.eq_ignore_ascii_case(name)).map(|n| 1 << n)
}

/// Flags of a command.
#[expect(non_snake_case, reason = "a name space of constants, short for the table")]
pub(super) mod F {
    pub(in super::super) const ADMIN: u16 = 1;
    pub(in super::super) const NOSCRIPT: u16 = 1 << 1;
    pub(in super::super) const LOADING: u16 = 1 << 2;
    pub(in super::super) const STALE: u16 = 1 << 3;
    pub(in super::super) const FAST: u16 = 1 << 4;
    /// Answered before a login.
    pub(in super::super) const NO_AUTH: u16 = 1 << 5;
    pub(in super::super) const ALLOW_BUSY: u16 = 1 << 6;
    pub(in super::super) const NO_MULTI: u16 = 1 << 7;
    pub(in super::super) const PUBSUB: u16 = 1 << 8;
    pub(in super::super) const ANYTIME: u16 = NOSCRIPT | LOADING | STALE;
}

/// Categories of a command.
#[expect(non_snake_case, reason = "a name space of constants, short for the table")]
mod C {
    pub(super) const PUBSUB: u32 = 1 << 12;
    pub(super) const ADMIN: u32 = 1 << 13;
    pub(super) const FAST: u32 = 1 << 14;
    pub(super) const SLOW: u32 = 1 << 15;
    pub(super) const DANGEROUS: u32 = 1 << 17;
    pub(super) const CONNECTION: u32 = 1 << 18;
}

/// In the order in which Redis tells them.
const FLAGS: [(u16, &str); 9] = [
    (F::ADMIN, "admin"),
    (F::PUBSUB, "pubsub"),
    (F::NOSCRIPT, "noscript"),
    (F::LOADING, "loading"),
    (F::STALE, "stale"),
    (F::FAST, "fast"),
    (F::NO_AUTH, "no_auth"),
    (F::NO_MULTI, "no_multi"),
    (F::ALLOW_BUSY, "allow_busy"),
];

const SETINFO: &str = "client|setinfo";

/// All that Redis knows, in its order: a user's rules may name them although no command here is in most of them.
pub(super) const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// By name, so that it can be searched.
#[rustfmt::skip]
pub(super) static COMMANDS: [Spec; 73] = [
    Spec::new("acl", -2, 0, 0, "6.0.0", "", "Users of this port and what they may do"),
    Spec::new("acl|cat", -2, F::ANYTIME, 0, "6.0.0", "[<category>]", "Names the categories, or the commands of one."),
    Spec::new("acl|deluser", -3, F::ADMIN | F::ANYTIME, 0, "6.0.0", "<username> [<username> ...]", "Removes users and closes their connections."),
    Spec::new("acl|dryrun", -4, F::ADMIN | F::ANYTIME, 0, "7.0.0", "<username> <command> [<arg> ...]", "Tells whether a user might run a command, and does not run it."),
    Spec::new("acl|genpass", -2, F::ANYTIME, 0, "6.0.0", "[<bits>]", "Makes a password that nobody can guess."),
    Spec::new("acl|getuser", 3, F::ADMIN | F::ANYTIME, 0, "6.0.0", "<username>", "Tells what a user may do."),
    Spec::new("acl|help", 2, F::LOADING | F::STALE, 0, "6.0.0", "", "Says these lines."),
    Spec::new("acl|list", 2, F::ADMIN | F::ANYTIME, 0, "6.0.0", "", "Tells the rules of all users, as a file has them."),
    Spec::new("acl|load", 2, F::ADMIN | F::ANYTIME, 0, "6.0.0", "", "Reads the users from the ACL file anew."),
    Spec::new("acl|log", -2, F::ADMIN | F::ANYTIME, 0, "6.0.0", "[<count> | RESET]", "Tells what was refused lately, or forgets it."),
    Spec::new("acl|save", 2, F::ADMIN | F::ANYTIME, 0, "6.0.0", "", "Writes the users to the ACL file."),
    Spec::new("acl|setuser", -3, F::ADMIN | F::ANYTIME, 0, "6.0.0", "<username> [<rule> ...]", "Makes or changes a user."),
    Spec::new("acl|users", 2, F::ADMIN | F::ANYTIME, 0, "6.0.0", "", "Names the users."),
    Spec::new("acl|whoami", 2, F::ANYTIME, 0, "6.0.0", "", "Names the user of this connection."),
    Spec::new("auth", -2, F::ANYTIME | F::FAST | F::NO_AUTH | F::ALLOW_BUSY, C::CONNECTION, "1.0.0", "[<username>] <password>", "Logs in"),
    Spec::new("client", -2, 0, 0, "2.4.0", "", "Connections to this port"),
    Spec::new("client|caching", 3, F::ANYTIME, C::CONNECTION, "6.0.0", "(YES|NO)", "Says whether the next command is about keys worth tracking."),
    Spec::new("client|getname", 2, F::ANYTIME, C::CONNECTION, "2.6.9", "", "Tells the name of this connection."),
    Spec::new("client|getredir", 2, F::ANYTIME, C::CONNECTION, "6.0.0", "", "Tells where invalidations go."),
    Spec::new("client|help", 2, F::LOADING | F::STALE, C::CONNECTION, "5.0.0", "", "Says these lines."),
    Spec::new("client|id", 2, F::ANYTIME, C::CONNECTION, "5.0.0", "", "Tells the number of this connection."),
    Spec::new("client|info", 2, F::ANYTIME, C::CONNECTION, "6.2.0", "", "Tells the facts of this connection."),
    Spec::new("client|kill", -3, F::ADMIN | F::ANYTIME, C::CONNECTION, "2.4.0", "(<ip:port> | [ID <id>] [TYPE <type>] [USER <name>] [ADDR <ip:port>] [LADDR <ip:port>] [SKIPME (YES|NO)])", "Closes the connections that fit."),
    Spec::new("client|list", -2, F::ADMIN | F::ANYTIME, C::CONNECTION, "2.4.0", "[TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> ...]", "Tells the facts of all connections."),
    Spec::new("client|no-evict", 3, F::ADMIN | F::ANYTIME, C::CONNECTION, "7.0.0", "(ON|OFF)", "Accepted: nothing is evicted here."),
    Spec::new("client|pause", -3, F::ADMIN | F::ANYTIME, C::CONNECTION, "3.0.0", "<timeout> [WRITE|ALL]", "Answers nobody for some milliseconds."),
    Spec::new("client|reply", 3, F::ANYTIME, C::CONNECTION, "3.2.0", "(ON|OFF|SKIP)", "Says which commands shall be answered."),
    Spec::new(SETINFO, 4, F::ANYTIME, C::CONNECTION, "7.2.0", "(LIB-NAME <name> | LIB-VER <version>)", "Accepted: nobody asks here which library a client uses."),
    Spec::new("client|setname", 3, F::ANYTIME, C::CONNECTION, "2.6.9", "<name>", "Names this connection."),
    Spec::new("client|tracking", -3, F::ANYTIME, C::CONNECTION, "6.0.0", "(ON|OFF) [REDIRECT <id>] [PREFIX <prefix> ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]", "Accepted: there are no keys here."),
    Spec::new("client|trackinginfo", 2, F::ANYTIME, C::CONNECTION, "6.2.0", "", "Tells what CLIENT TRACKING was told."),
    Spec::new("client|unblock", -3, F::ADMIN | F::ANYTIME, C::CONNECTION, "5.0.0", "<id> [TIMEOUT|ERROR]", "Accepted: no command blocks here."),
    Spec::new("client|unpause", 2, F::ADMIN | F::ANYTIME, C::CONNECTION, "6.2.0", "", "Ends CLIENT PAUSE."),
    Spec::new("command", -1, F::LOADING | F::STALE, C::CONNECTION, "2.8.13", "", "The commands of this port"),
    Spec::new("command|count", 2, F::LOADING | F::STALE, C::CONNECTION, "2.8.13", "", "Counts the commands."),
    Spec::new("command|docs", -2, F::LOADING | F::STALE, C::CONNECTION, "7.0.0", "[<command> ...]", "Describes commands for people."),
    Spec::new("command|getkeys", -4, F::LOADING | F::STALE, C::CONNECTION, "2.8.13", "<command> [<arg> ...]", "Finds the keys of a command; no command here has any."),
    Spec::new("command|getkeysandflags", -4, F::LOADING | F::STALE, C::CONNECTION, "7.0.0", "<command> [<arg> ...]", "Finds the keys of a command and their use."),
    Spec::new("command|help", 2, F::LOADING | F::STALE, C::CONNECTION, "5.0.0", "", "Says these lines."),
    Spec::new("command|info", -2, F::LOADING | F::STALE, C::CONNECTION, "2.8.13", "[<command> ...]", "Describes commands for programs."),
    Spec::new("command|list", -2, F::LOADING | F::STALE, C::CONNECTION, "7.0.0", "[FILTERBY (MODULE <name> | ACLCAT <category> | PATTERN <glob>)]", "Names the commands."),
    Spec::new("hello", -1, F::ANYTIME | F::FAST | F::NO_AUTH | F::ALLOW_BUSY, C::CONNECTION, "6.0.0", "[<version> [AUTH <username> <password>] [SETNAME <name>]]", "Chooses the protocol, and logs in"),
    Spec::new("info", -1, F::LOADING | F::STALE, C::DANGEROUS, "1.0.0", "[<section> ...]", "Facts and counters of this node"),
    Spec::new("ping", -1, F::FAST, C::CONNECTION, "1.0.0", "[<message>]", "Answers PONG, or the message"),
    Spec::new("psubscribe", -2, F::ANYTIME | F::PUBSUB, 0, "2.0.0", "<pattern> [<pattern> ...]", "Listens to the channels that fit"),
    Spec::new("publish", 3, F::LOADING | F::STALE | F::FAST | F::PUBSUB, 0, "2.0.0", "<channel> <message>", "Takes a hello of another Sentinel"),
    Spec::new("punsubscribe", -1, F::ANYTIME | F::PUBSUB, 0, "2.0.0", "[<pattern> ...]", "Listens to them no more"),
    Spec::new("role", 1, F::ANYTIME | F::FAST, C::ADMIN | C::DANGEROUS, "2.8.12", "", "Says sentinel, and names the masters"),
    Spec::new("sentinel", -2, F::ADMIN, 0, "2.8.4", "", "Masters, replicas and Sentinels that are watched"),
    Spec::new("sentinel|ckquorum", 3, F::ADMIN, 0, "2.8.4", "<master>", "Tells whether enough Sentinels are there to agree and to elect a leader."),
    Spec::new("sentinel|config", -3, F::ADMIN, 0, "6.2.0", "(GET <pattern> | SET <option> <value>)", "Tells or changes what holds for all masters."),
    Spec::new("sentinel|debug", -2, F::ADMIN, 0, "7.0.0", "[<option> <milliseconds> ...]", "Tells or changes the pace, for this process only."),
    Spec::new("sentinel|failover", 3, F::ADMIN, 0, "2.8.4", "<master> [COORDINATED]", "Gives a master a successor. Writes are held meanwhile, so that none is lost, with and without COORDINATED."),
    Spec::new("sentinel|flushconfig", 2, F::ADMIN, 0, "2.8.4", "", "Writes the configuration and state to disk."),
    Spec::new("sentinel|get-master-addr-by-name", 3, F::ADMIN, 0, "2.8.4", "<master>", "Tells the address of the master."),
    Spec::new("sentinel|help", 2, F::LOADING | F::STALE, 0, "2.8.4", "", "Says these lines."),
    Spec::new("sentinel|info-cache", -3, F::ADMIN, 0, "3.2.0", "<master> [<master> ...]", "Tells the last INFO of the master and its replicas, with its age."),
    Spec::new("sentinel|is-master-down-by-addr", 6, F::ADMIN, 0, "2.8.4", "<ip> <port> <epoch> <runid>", "Tells whether the master is down for this node, and asks for its vote."),
    Spec::new("sentinel|master", 3, F::ADMIN, 0, "2.8.4", "<master>", "Tells the facts of a master."),
    Spec::new("sentinel|masters", 2, F::ADMIN, 0, "2.8.4", "", "Tells the facts of all masters."),
    Spec::new("sentinel|monitor", 6, F::ADMIN, 0, "2.8.4", "<name> <ip> <port> <quorum>", "Watches another master."),
    Spec::new("sentinel|myid", 2, F::ADMIN, 0, "6.2.0", "", "Tells the id of this node."),
    Spec::new("sentinel|pending-scripts", 2, F::ADMIN, 0, "2.8.4", "", "Tells the scripts that run or wait."),
    Spec::new("sentinel|remove", 3, F::ADMIN, 0, "2.8.4", "<master>", "Watches a master no more."),
    Spec::new("sentinel|replicas", 3, F::ADMIN, 0, "5.0.0", "<master>", "Tells the facts of its replicas."),
    Spec::new("sentinel|reset", 3, F::ADMIN, 0, "2.8.4", "<pattern>", "Forgets what was learned about the masters that fit."),
    Spec::new("sentinel|sentinels", 3, F::ADMIN, 0, "2.8.4", "<master>", "Tells the facts of the other Sentinels."),
    Spec::new("sentinel|set", -5, F::ADMIN, 0, "2.8.4", "<master> <option> <value> [<option> <value> ...]", "Changes the rules of a master."),
    Spec::new("sentinel|simulate-failure", -3, F::ADMIN, 0, "3.2.0", "(CRASH-AFTER-ELECTION | CRASH-AFTER-PROMOTION | HELP) ...", "Ends the process at that point of a failover, for tests."),
    Spec::new("sentinel|slaves", 3, F::ADMIN, 0, "2.8.0", "<master>", "Tells the facts of its replicas."),
    Spec::new("shutdown", -1, F::ADMIN | F::ANYTIME | F::ALLOW_BUSY | F::NO_MULTI, 0, "1.0.0", "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]", "Ends the process"),
    Spec::new("subscribe", -2, F::ANYTIME | F::PUBSUB, 0, "2.0.0", "<channel> [<channel> ...]", "Listens to channels, which are names of events"),
    Spec::new("unsubscribe", -1, F::ANYTIME | F::PUBSUB, 0, "2.0.0", "[<channel> ...]", "Listens to them no more"),
];
