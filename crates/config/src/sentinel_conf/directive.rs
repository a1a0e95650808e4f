//! Which directives does a stock server know besides `sentinel ...`, what may they say, and how are they written?
//!
//! The table holds all of Redis 7.0.15, also those that mean nothing to a Sentinel: a file that stock accepts is accepted, a misspelt
//! name or value is not. Names, defaults, bounds and reasons were asked of the real server.

/// A directive of one line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directive {
    pub name: &'static str,
    pub kind: Kind,
    /// In its written form; empty: none.
    pub default: &'static str,
}

/// What a directive may say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Flag,
    Number(i64, i64),
    /// File permissions.
    Octal,
    Memory,
    MemoryOrPercent,
    Choice(&'static [&'static str]),
    /// One or several of them.
    Choices(&'static [&'static str]),
    /// Written in quotes.
    Text,
    /// The same; empty means that there is none, and a line that says so is not kept.
    TextOrNone,
    /// The same, and never shown.
    Secret,
    /// So many words, written as they are.
    Words(usize, usize),
    Percentiles,
    /// Classes of clients with three limits each, on a line each.
    Buffers,
    /// Of no use to a Sentinel: a rewrite drops it.
    Dropped,
    /// A line that a rewrite leaves alone, with so many words behind its name.
    Kept(usize, usize),
}

use Kind::{
    Buffers, Choice, Choices, Dropped, Flag, Kept, Memory, MemoryOrPercent, Number, Octal, Percentiles, Secret, Text,
    TextOrNone, Words,
};

/// Finds a directive by its name or an older name of it, without regard to case.
pub(super) fn find(name: &str) -> Option<&'static Directive> {
    let current = ALIASES.iter().find(|(old, _)| old.eq_ignore_ascii_case(name)).map_or(name, |(_, current)| current);
    TABLE.iter().find(|directive| directive.name.eq_ignore_ascii_case(current))
}

impl Directive {
    /// Brings what stands behind the name into the written form, or says in stock's words what is wrong with it.
    pub(super) fn normal(&self, words: &[String]) -> Result<Vec<String>, String> {
        let one = || match words {
            [word] => Ok(word.as_str()),
            _ => Err(WRONG_COUNT.to_owned()),
        };
        let written = match self.kind {
            Flag => flag(one()?)?,
            Number(min, max) => number(one()?, min, max)?,
            Octal => octal(one()?)?,
            Memory => memory(one()?).map(bytes).ok_or("argument must be a memory value")?,
            MemoryOrPercent => percent(one()?).ok_or("argument must be a memory or percent value")?,
            // A word of Redis 7.2 and of Valkey; a refusal lists those of 7.0.
            Choice(_) if self.name == "loglevel" && words == ["nothing"] => "nothing".to_owned(),
            Choice(choices) => choice(one()?, choices)?,
            Choices(choices) if !words.is_empty() => {
                return words.iter().map(|word| choice(word, choices)).collect();
            }
            Choices(choices) => return choice("", choices).map(|word| vec![word]),
            Text | TextOrNone | Secret => clean(self.name, one()?)?,
            Words(min, max) => return self.counted(words, min, max),
            Percentiles => return percentiles(words),
            Buffers => return buffers(words),
            Kept(min, max) => return self.counted(words, min, max).and_then(master),
            Dropped => return save(words),
        };
        Ok(vec![written])
    }

    /// A single word in quotes may hold several.
    pub(super) fn takes_several(&self) -> bool {
        matches!(self.kind, Words(..) | Percentiles | Buffers | Choices(_) | Dropped)
    }

    fn counted(&self, words: &[String], min: usize, max: usize) -> Result<Vec<String>, String> {
        if self.name == "bind" && words.len() > max {
            return Err("Too many bind addresses specified.".to_owned());
        }
        if words.len() < min || words.len() > max {
            return Err(WRONG_COUNT.to_owned());
        }
        let words: Result<Vec<_>, _> = words.iter().map(|word| clean(self.name, word)).collect();
        // `bind ""` binds to nothing, as `bind` without a word does.
        words.map(|words| words.into_iter().filter(|word| !word.is_empty()).collect())
    }
}

/// Refuses what could become a second line, or never be typed again.
pub(super) fn clean(what: &str, value: &str) -> Result<String, String> {
    let bad = value.chars().any(char::is_control);
    if bad { Err(format!("{what} must not contain control characters")) } else { Ok(value.to_owned()) }
}

/// `yes` or `no`.
pub(super) fn is_yes(word: &str) -> Option<bool> {
    match word {
        _ if word.eq_ignore_ascii_case("yes") => Some(true),
        _ if word.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

fn flag(word: &str) -> Result<String, String> {
    is_yes(word).map(|_| word.to_ascii_lowercase()).ok_or_else(|| "argument must be 'yes' or 'no'".to_owned())
}

fn number(word: &str, min: i64, max: i64) -> Result<String, String> {
    let plain = !word.starts_with('+') && (word == "0" || !word.trim_start_matches('-').starts_with('0'));
    let value: i64 =
        word.parse().ok().filter(|_| plain).ok_or_else(|| "argument couldn't be parsed into an integer".to_owned())?;
    if (min..=max).contains(&value) {
        return Ok(value.to_string());
    }
    Err(format!("argument must be between {min} and {max} inclusive"))
}

fn octal(word: &str) -> Result<String, String> {
    let parsed = if word.is_empty() { Ok(0) } else { i64::from_str_radix(word, 8) };
    let value = parsed.map_err(|_| "argument couldn't be parsed as an octal number".to_owned())?;
    if (0..=0o777).contains(&value) {
        return Ok(format!("{value:o}"));
    }
    Err("argument must be between 0 and 777 inclusive".to_owned())
}

/// A number of bytes with a unit. Stock takes nothing for 0.
fn memory(word: &str) -> Option<u64> {
    if word.is_empty() {
        return Some(0);
    }
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let unit = match word[end..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1_u64 << 30,
        _ => return None,
    };
    word[..end].parse::<u64>().ok()?.checked_mul(unit)
}

/// A number of bytes in the largest unit that divides it.
fn bytes(value: u64) -> String {
    match value {
        0 => "0".to_owned(),
        _ if value.is_multiple_of(1 << 30) => format!("{}gb", value >> 30),
        _ if value.is_multiple_of(1 << 20) => format!("{}mb", value >> 20),
        _ if value.is_multiple_of(1 << 10) => format!("{}kb", value >> 10),
        _ => value.to_string(),
    }
}

fn percent(word: &str) -> Option<String> {
    let Some(number) = word.strip_suffix('%') else { return memory(word).map(bytes) };
    number.parse::<u64>().ok().map(|number| format!("{number}%"))
}

fn choice(word: &str, choices: &[&str]) -> Result<String, String> {
    let found = choices.iter().find(|choice| choice.eq_ignore_ascii_case(word));
    let found = found.map(|choice| (*choice).to_owned());
    found.ok_or_else(|| format!("argument(s) must be one of the following: {}", choices.join(", ")))
}

fn percentiles(words: &[String]) -> Result<Vec<String>, String> {
    for word in words.iter().filter(|word| !word.is_empty()) {
        let value: f64 = word.parse().map_err(|_| "Invalid latency-tracking-info-percentiles parameters".to_owned())?;
        if !(0.0..=100.0).contains(&value) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned());
        }
    }
    Ok(words.iter().filter(|word| !word.is_empty()).cloned().collect())
}

/// `save SECONDS CHANGES ...`, or nothing.
fn save(words: &[String]) -> Result<Vec<String>, String> {
    let is_nothing = words.iter().all(String::is_empty) && words.len() <= 1;
    let are_pairs = words.len().is_multiple_of(2) && words.iter().all(|word| word.parse::<u32>().is_ok());
    if is_nothing || are_pairs { Ok(words.to_vec()) } else { Err("Invalid save parameters".to_owned()) }
}

/// `replicaof HOST PORT` or `replicaof no one`.
fn master(words: Vec<String>) -> Result<Vec<String>, String> {
    let is_nobody = words.iter().map(|word| word.to_ascii_lowercase()).eq(["no", "one"]);
    let has_port = words.get(1).is_some_and(|port| port.parse::<u16>().is_ok());
    if is_nobody || has_port { Ok(words) } else { Err("Invalid master port".to_owned()) }
}

fn buffers(words: &[String]) -> Result<Vec<String>, String> {
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    let mut out = Vec::new();
    for group in words.chunks_exact(4) {
        let class =
            BUFFER_CLASSES.iter().find(|(name, old)| [name, old].iter().any(|n| n.eq_ignore_ascii_case(&group[0])));
        let (class, _) = class.ok_or("Invalid client class specified in buffer limit configuration.")?;
        let limits = (memory(&group[1]), memory(&group[2]), group[3].parse::<u32>().ok());
        let (Some(hard), Some(soft), Some(seconds)) = limits else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned());
        };
        out.extend([(*class).to_owned(), bytes(hard), bytes(soft), seconds.to_string()]);
    }
    Ok(out)
}

/// The classes of `client-output-buffer-limit` in the order in which they are written, with an older name.
pub(super) const BUFFER_CLASSES: &[(&str, &str)] = &[("normal", "normal"), ("replica", "slave"), ("pubsub", "pubsub")];

const WRONG_COUNT: &str = "wrong number of arguments";

const fn row(name: &'static str, kind: Kind, default: &'static str) -> Directive {
    Directive { name, kind, default }
}

/// Older names, and the names under which a rewrite writes them.
const ALIASES: &[(&str, &str)] = &[
    ("cluster-slave-no-failover", "cluster-replica-no-failover"),
    ("cluster-slave-validity-factor", "cluster-replica-validity-factor"),
    ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ("hash-max-ziplist-value", "hash-max-listpack-value"),
    ("list-max-ziplist-size", "list-max-listpack-size"),
    ("lua-time-limit", "busy-reply-threshold"),
    ("min-slaves-max-lag", "min-replicas-max-lag"),
    ("min-slaves-to-write", "min-replicas-to-write"),
    ("repl-ping-slave-period", "repl-ping-replica-period"),
    ("slave-announce-ip", "replica-announce-ip"),
    ("slave-announce-port", "replica-announce-port"),
    ("slave-ignore-maxmemory", "replica-ignore-maxmemory"),
    ("slave-lazy-flush", "replica-lazy-flush"),
    ("slave-priority", "replica-priority"),
    ("slave-read-only", "replica-read-only"),
    ("slave-serve-stale-data", "replica-serve-stale-data"),
    ("slaveof", "replicaof"),
    ("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ("zset-max-ziplist-value", "zset-max-listpack-value"),
];

/// All directives of Redis 7.0.15 that have a value, by name.
pub(super) const TABLE: &[Directive] = &[
    row("acl-pubsub-default", Choice(&["allchannels", "resetchannels"]), "resetchannels"),
    row("aclfile", Text, ""),
    row("acllog-max-len", Number(0, i64::MAX), "128"),
    row("active-defrag-cycle-max", Number(1, 99), "25"),
    row("active-defrag-cycle-min", Number(1, 99), "1"),
    row("active-defrag-ignore-bytes", Memory, "100mb"),
    row("active-defrag-max-scan-fields", Number(1, i64::MAX), "1000"),
    row("active-defrag-threshold-lower", Number(0, 1_000), "10"),
    row("active-defrag-threshold-upper", Number(0, 1_000), "100"),
    row("active-expire-effort", Number(1, 10), "1"),
    row("activedefrag", Flag, "no"),
    row("activerehashing", Flag, "yes"),
    row("always-show-logo", Flag, "no"),
    row("aof-disable-auto-gc", Flag, "no"),
    row("aof-load-truncated", Flag, "yes"),
    row("aof-rewrite-incremental-fsync", Flag, "yes"),
    row("aof-timestamp-enabled", Flag, "no"),
    row("aof-use-rdb-preamble", Flag, "yes"),
    row("aof_rewrite_cpulist", TextOrNone, ""),
    row("appenddirname", Text, "appendonlydir"),
    row("appendfilename", Text, "appendonly.aof"),
    row("appendfsync", Choice(&["everysec", "always", "no"]), "everysec"),
    row("appendonly", Flag, "no"),
    row("auto-aof-rewrite-min-size", Memory, "64mb"),
    row("auto-aof-rewrite-percentage", Number(0, 2_147_483_647), "100"),
    row("bgsave_cpulist", TextOrNone, ""),
    row("bind", Words(0, 16), "* -::*"),
    row("bind-source-addr", TextOrNone, ""),
    row("bio_cpulist", TextOrNone, ""),
    row("busy-reply-threshold", Number(0, i64::MAX), "5000"),
    row("client-output-buffer-limit", Buffers, "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60"),
    row("client-query-buffer-limit", Memory, "1gb"),
    row("cluster-allow-pubsubshard-when-down", Flag, "yes"),
    row("cluster-allow-reads-when-down", Flag, "no"),
    row("cluster-allow-replica-migration", Flag, "yes"),
    row("cluster-announce-bus-port", Number(0, 65_535), "0"),
    row("cluster-announce-hostname", TextOrNone, ""),
    row("cluster-announce-ip", TextOrNone, ""),
    row("cluster-announce-port", Number(0, 65_535), "0"),
    row("cluster-announce-tls-port", Number(0, 65_535), "0"),
    row("cluster-config-file", Text, "nodes.conf"),
    row("cluster-enabled", Flag, "no"),
    row("cluster-link-sendbuf-limit", Memory, "0"),
    row("cluster-migration-barrier", Number(0, 2_147_483_647), "1"),
    row("cluster-node-timeout", Number(0, i64::MAX), "15000"),
    row("cluster-port", Number(0, 65_535), "0"),
    row("cluster-preferred-endpoint-type", Choice(&["ip", "hostname", "unknown-endpoint"]), "ip"),
    row("cluster-replica-no-failover", Flag, "no"),
    row("cluster-replica-validity-factor", Number(0, 2_147_483_647), "10"),
    row("cluster-require-full-coverage", Flag, "yes"),
    row("crash-log-enabled", Flag, "yes"),
    row("crash-memcheck-enabled", Flag, "yes"),
    row("daemonize", Flag, "no"),
    row("databases", Number(1, 2_147_483_647), "16"),
    row("dbfilename", Text, "dump.rdb"),
    row("dir", Text, ""),
    row("disable-thp", Flag, "yes"),
    row("dynamic-hz", Flag, "yes"),
    // Valkey's own.
    row("enable-debug-assert", Flag, "no"),
    row("enable-debug-command", Choice(&["no", "yes", "local"]), "no"),
    row("enable-module-command", Choice(&["no", "yes", "local"]), "no"),
    row("enable-protected-configs", Choice(&["no", "yes", "local"]), "no"),
    row("hash-max-listpack-entries", Number(0, i64::MAX), "512"),
    row("hash-max-listpack-value", Memory, "64"),
    row("hll-sparse-max-bytes", Memory, "3000"),
    row("hz", Number(0, 2_147_483_647), "10"),
    row("ignore-warnings", Text, ""),
    row("io-threads", Number(1, 128), "1"),
    row("io-threads-do-reads", Flag, "no"),
    row("jemalloc-bg-thread", Flag, "yes"),
    row("latency-monitor-threshold", Number(0, i64::MAX), "0"),
    row("latency-tracking", Flag, "yes"),
    row("latency-tracking-info-percentiles", Percentiles, "50 99 99.9"),
    row("lazyfree-lazy-eviction", Flag, "no"),
    row("lazyfree-lazy-expire", Flag, "no"),
    row("lazyfree-lazy-server-del", Flag, "no"),
    row("lazyfree-lazy-user-del", Flag, "no"),
    row("lazyfree-lazy-user-flush", Flag, "no"),
    row("lfu-decay-time", Number(0, 2_147_483_647), "1"),
    row("lfu-log-factor", Number(0, 2_147_483_647), "10"),
    row("list-compress-depth", Number(0, 2_147_483_647), "0"),
    row("list-max-listpack-size", Number(-2_147_483_648, 2_147_483_647), "-2"),
    row("logfile", Text, ""),
    row("loglevel", Choice(&["debug", "verbose", "notice", "warning"]), "notice"),
    row("masterauth", Secret, ""),
    row("masteruser", TextOrNone, ""),
    row("maxclients", Number(1, 4_294_967_295), "10000"),
    row("maxmemory", Memory, "0"),
    row("maxmemory-clients", MemoryOrPercent, "0"),
    row("maxmemory-eviction-tenacity", Number(0, 100), "10"),
    row(
        "maxmemory-policy",
        Choice(&[
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ]),
        "noeviction",
    ),
    row("maxmemory-samples", Number(1, 2_147_483_647), "5"),
    row("min-replicas-max-lag", Number(0, 2_147_483_647), "10"),
    row("min-replicas-to-write", Number(0, 2_147_483_647), "0"),
    row("no-appendfsync-on-rewrite", Flag, "no"),
    row("notify-keyspace-events", Text, ""),
    row("oom-score-adj", Choice(&["no", "yes", "relative", "absolute"]), "no"),
    row("oom-score-adj-values", Words(3, 3), "0 200 800"),
    row("pidfile", TextOrNone, ""),
    row("port", Number(0, 65_535), "6379"),
    row("proc-title-template", Text, "{title} {listen-addr} {server-mode}"),
    row("propagation-error-behavior", Choice(&["ignore", "panic", "panic-on-replicas"]), "ignore"),
    row("protected-mode", Flag, "yes"),
    row("proto-max-bulk-len", Memory, "512mb"),
    row("rdb-del-sync-files", Flag, "no"),
    row("rdb-save-incremental-fsync", Flag, "yes"),
    row("rdbchecksum", Flag, "yes"),
    row("rdbcompression", Flag, "yes"),
    row("repl-backlog-size", Memory, "1mb"),
    row("repl-backlog-ttl", Number(0, i64::MAX), "3600"),
    row("repl-disable-tcp-nodelay", Flag, "no"),
    row("repl-diskless-load", Choice(&["disabled", "on-empty-db", "swapdb"]), "disabled"),
    row("repl-diskless-sync", Flag, "yes"),
    row("repl-diskless-sync-delay", Number(0, 2_147_483_647), "5"),
    row("repl-diskless-sync-max-replicas", Number(0, 2_147_483_647), "0"),
    row("repl-ping-replica-period", Number(1, 2_147_483_647), "10"),
    row("repl-timeout", Number(1, 2_147_483_647), "60"),
    row("replica-announce-ip", TextOrNone, ""),
    row("replica-announce-port", Number(0, 65_535), "0"),
    row("replica-announced", Flag, "yes"),
    row("replica-ignore-disk-write-errors", Flag, "no"),
    row("replica-ignore-maxmemory", Flag, "yes"),
    row("replica-lazy-flush", Flag, "no"),
    row("replica-priority", Number(0, 2_147_483_647), "100"),
    row("replica-read-only", Flag, "yes"),
    row("replica-serve-stale-data", Flag, "yes"),
    row("replicaof", Kept(2, 2), ""),
    row("requirepass", Secret, ""),
    row("sanitize-dump-payload", Choice(&["no", "yes", "clients"]), "no"),
    row("save", Dropped, ""),
    row("server_cpulist", TextOrNone, ""),
    row("set-max-intset-entries", Number(0, i64::MAX), "512"),
    row("set-proc-title", Flag, "yes"),
    row("shutdown-on-sigint", Choices(&["default", "save", "nosave", "now", "force"]), "default"),
    row("shutdown-on-sigterm", Choices(&["default", "save", "nosave", "now", "force"]), "default"),
    row("shutdown-timeout", Number(0, 2_147_483_647), "10"),
    row("slowlog-log-slower-than", Number(-1, i64::MAX), "10000"),
    row("slowlog-max-len", Number(0, i64::MAX), "128"),
    row("socket-mark-id", Number(0, 4_294_967_295), "0"),
    row("stop-writes-on-bgsave-error", Flag, "yes"),
    row("stream-node-max-bytes", Memory, "4kb"),
    row("stream-node-max-entries", Number(0, i64::MAX), "100"),
    row("supervised", Choice(&["upstart", "systemd", "auto", "no"]), "no"),
    row("syslog-enabled", Flag, "no"),
    row(
        "syslog-facility",
        Choice(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]),
        "local0",
    ),
    row("syslog-ident", Text, "redis"),
    row("tcp-backlog", Number(0, 2_147_483_647), "511"),
    row("tcp-keepalive", Number(0, 2_147_483_647), "300"),
    row("timeout", Number(0, 2_147_483_647), "0"),
    row("tls-auth-clients", Choice(&["no", "yes", "optional"]), "yes"),
    row("tls-ca-cert-dir", TextOrNone, ""),
    row("tls-ca-cert-file", TextOrNone, ""),
    row("tls-cert-file", TextOrNone, ""),
    row("tls-ciphers", TextOrNone, ""),
    row("tls-ciphersuites", TextOrNone, ""),
    row("tls-client-cert-file", TextOrNone, ""),
    row("tls-client-key-file", TextOrNone, ""),
    row("tls-client-key-file-pass", Secret, ""),
    row("tls-cluster", Flag, "no"),
    row("tls-dh-params-file", TextOrNone, ""),
    row("tls-key-file", TextOrNone, ""),
    row("tls-key-file-pass", Secret, ""),
    row("tls-port", Number(0, 65_535), "0"),
    row("tls-prefer-server-ciphers", Flag, "no"),
    row("tls-protocols", TextOrNone, ""),
    row("tls-replication", Flag, "no"),
    row("tls-session-cache-size", Number(0, 2_147_483_647), "20480"),
    row("tls-session-cache-timeout", Number(0, 2_147_483_647), "300"),
    row("tls-session-caching", Flag, "yes"),
    row("tracking-table-max-keys", Number(0, i64::MAX), "1000000"),
    row("unixsocket", TextOrNone, ""),
    row("unixsocketperm", Octal, "0"),
    row("zset-max-listpack-entries", Number(0, i64::MAX), "128"),
    row("zset-max-listpack-value", Memory, "64"),
];
