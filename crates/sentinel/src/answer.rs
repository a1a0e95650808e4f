//! What a reply means: RESP values become facts here, once, at the edge.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use resp::Value;
use resp::info::Info;
use serde::{Deserialize, Serialize};
use view::{Epoch, Offset, RunId};

use crate::command::{NOWHERE, REPLICA_OFFSET, REPLICA_PRIORITY, REPLICA_ROLE};
use crate::event::Ask;

/// The longest error text that is kept, in bytes.
const MAX_TEXT: usize = 200;

/// Replicas that one master may report; the rest is left out.
const MAX_REPLICAS: usize = 64;

/// Servers or Sentinels that one list of a Sentinel may have; the rest is left out.
const MAX_INSTANCES: usize = 64;

/// What is kept of a reply as text, in bytes: `INFO replication` of a master with a hundred replicas has some 10 KiB.
const MAX_REPLY_TEXT: usize = 16 << 10;

/// What a reply said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// `+OK`, or any reply whose content is of no account.
    Ok,
    /// `+PONG`.
    Pong,
    /// `-LOADING`: it lives and reads its data.
    Loading,
    /// `-MASTERDOWN`: a replica that refuses stale reads.
    MasterDown,
    /// `-BUSY`: a script runs.
    Busy,
    /// `-NOAUTH`, `-WRONGPASS`, `-NOPERM`: we lack a password or a right. `-DENIED`: it serves its own host alone (protected mode).
    Denied {
        /// Its words.
        text: String,
    },
    /// To `Info`.
    Info(Box<InfoReport>),
    /// To `Role`.
    Role {
        /// What it says it is.
        role: Role,
    },
    /// To `IsMasterDown`.
    Vote {
        /// Whether the master is down for that node.
        down: bool,
        /// Who has its vote.
        leader: Option<RunId>,
        /// In which epoch the vote was given.
        epoch: Epoch,
    },
    /// To `WhoIsMaster`.
    Named {
        /// Whom that node takes for master; `None`: it does not know the group.
        master: Option<SocketAddr>,
    },
    /// To `Replication` and `Line`: the reply with the sign of its kind before it, `+PONG`, `:1`, where it is not a bulk text.
    Text {
        /// The text.
        text: String,
    },
    /// To `Master`, `Replicas`, `Sentinels`.
    Instances {
        /// Whoever is listed.
        list: Vec<Instance>,
    },
    /// Another error.
    Error {
        /// Its words.
        text: String,
    },
    /// A reply that does not fit the question.
    Strange {
        /// What it was, for people.
        text: String,
    },
}

/// A server or Sentinel as a Sentinel lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Where it is.
    pub addr: SocketAddr,
    /// `master,o_down` and the like: words and commas.
    pub flags: String,
    /// A master's: which decision made it so.
    #[serde(default)]
    pub epoch: Epoch,
    /// Which life of a server, or which Sentinel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RunId>,
}

impl Instance {
    /// Whether it has this flag.
    #[must_use]
    pub fn is(&self, flag: &str) -> bool {
        self.flags.split(',').any(|word| word == flag)
    }

    /// Reads names and values in turn; `None` without a usable address.
    fn read(value: &Value, find: &dyn Fn(&str, u16) -> Option<SocketAddr>) -> Option<Self> {
        let text = |name: &str| match value {
            Value::Map(_) => value.field(name)?.as_str(),
            _ => value.as_array()?.chunks_exact(2).find(|pair| pair[0].as_str() == Some(name))?[1].as_str(),
        };
        Some(Self {
            addr: find(text("ip")?, text("port")?.parse().ok()?)?,
            flags: text("flags").unwrap_or_default().to_string(),
            epoch: Epoch(text("config-epoch").and_then(|n| n.parse().ok()).unwrap_or_default()),
            id: text("runid").and_then(|id| id.parse().ok()),
        })
    }
}

/// What a server says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// It takes writes.
    Master,
    /// It follows another.
    Replica,
}

/// The facts of an `INFO` reply that matter for deciding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoReport {
    /// Which life of the process.
    pub run_id: Option<RunId>,
    /// `redis_version` as text.
    pub version: String,
    /// Whether it is still reading its data: then the rest is not yet true.
    #[serde(default)]
    pub loading: bool,
    /// What it is.
    pub role: Role,
    /// Which history its offset counts in (`master_replid`).
    pub history: Option<RunId>,
    /// The history before that, and up to where it is the same (`master_replid2`, `second_repl_offset`).
    pub before: Option<(RunId, Offset)>,
    /// How far it has come.
    pub offset: Offset,
    /// A replica's: whom it follows. `None` also for a host name that is not known.
    pub master: Option<SocketAddr>,
    /// A replica's: whether it hears its master.
    pub link_up: bool,
    /// A replica's: for how many seconds it has not; `None` where it hears it, or never did since it was told whom to follow.
    pub link_down_seconds: Option<u64>,
    /// A replica's: for how many seconds its link to the master has been silent, though up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silent_seconds: u64,
    /// A replica's: whether it is receiving a whole copy.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub copying: bool,
    /// A replica's: the lower, the sooner promoted; 0: never.
    pub priority: u32,
    /// A replica's: whether it wants to be known.
    pub announced: bool,
    /// Whether it writes every change to its disk (`aof_enabled`), so that a restart brings its data back.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub persists: bool,
    /// A master's: its replicas.
    pub replicas: Vec<SocketAddr>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Answer {
    /// What `value` says in reply to `ask`.
    #[must_use]
    pub fn read(ask: &Ask, value: &Value) -> Self {
        Self::read_with(ask, value, &literally)
    }

    /// The same where servers may be named: `find` tells the address of a host with a port.
    #[must_use]
    pub fn read_with(ask: &Ask, value: &Value, find: &dyn Fn(&str, u16) -> Option<SocketAddr>) -> Self {
        if let Value::Error(text) = value {
            return Self::read_error(&String::from_utf8_lossy(text));
        }
        match ask {
            Ask::Ping => match value.as_str() {
                Some("PONG") => Self::Pong,
                _ => strange(value),
            },
            Ask::Info => match value.as_str().and_then(|text| InfoReport::read_with(text, find)) {
                Some(info) => Self::Info(Box::new(info)),
                None => strange(value),
            },
            Ask::Role => read_role(value).map_or_else(|| strange(value), |role| Self::Role { role }),
            Ask::WhoIsMaster { .. } => Self::Named { master: read_addr(value, find) },
            Ask::Replication | Ask::Line { .. } => Self::Text { text: rendered(value) },
            Ask::Master { .. } => Self::Instances { list: Instance::read(value, find).into_iter().collect() },
            Ask::Replicas { .. } | Ask::Sentinels { .. } => match value.as_array() {
                Some(all) => {
                    let list = all.iter().take(MAX_INSTANCES).filter_map(|one| Instance::read(one, find));
                    Self::Instances { list: list.collect() }
                }
                None => strange(value),
            },
            Ask::IsMasterDown { .. } => read_vote(value).unwrap_or_else(|| strange(value)),
            _ => Self::Ok,
        }
    }

    fn read_error(text: &str) -> Self {
        let cut = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(i, _)| i);
        let text = text[..cut].to_string();
        match text.split(' ').next().unwrap_or_default() {
            "LOADING" => Self::Loading,
            "MASTERDOWN" => Self::MasterDown,
            "BUSY" => Self::Busy,
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => Self::Denied { text },
            _ => Self::Error { text },
        }
    }

    /// Whether the server is there and well, as Sentinel sees it: an answer that proves life.
    #[must_use]
    pub(crate) const fn is_good(&self) -> bool {
        matches!(self, Self::Pong | Self::Loading | Self::MasterDown | Self::Info(_))
    }
}

fn strange(value: &Value) -> Answer {
    let mut text = alloc::format!("{value:?}");
    let cut = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(i, _)| i);
    text.truncate(cut);
    Answer::Strange { text }
}

/// A reply as text, as it would be looked for on the wire.
fn rendered(value: &Value) -> String {
    let mut text = match value {
        Value::Simple(text) => alloc::format!("+{}", String::from_utf8_lossy(text)),
        Value::Int(number) => alloc::format!(":{number}"),
        Value::Null | Value::NullArray => "$-1".to_string(),
        other => match other.as_bytes() {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => alloc::format!("{other:?}"),
        },
    };
    text.truncate(text.floor_char_boundary(MAX_REPLY_TEXT));
    text
}

fn read_role(value: &Value) -> Option<Role> {
    match value.as_array()?.first()?.as_str()? {
        "master" => Some(Role::Master),
        REPLICA_ROLE => Some(Role::Replica),
        _ => None,
    }
}

fn literally(host: &str, port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(host.parse().ok()?, port))
}

fn read_addr(value: &Value, find: &dyn Fn(&str, u16) -> Option<SocketAddr>) -> Option<SocketAddr> {
    let [ip, port] = value.as_array()? else {
        return None;
    };
    find(ip.as_str()?, port.as_str()?.parse().ok()?)
}

fn read_vote(value: &Value) -> Option<Answer> {
    let [down, leader, epoch] = value.as_array()? else {
        return None;
    };
    Some(Answer::Vote {
        down: down.as_int()? == 1,
        leader: leader.as_str()?.parse().ok(),
        epoch: Epoch(u64::try_from(epoch.as_int()?).ok()?),
    })
}

impl InfoReport {
    /// Reads the text of an `INFO` reply; `None` if it does not even say a role.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::read_with(text, &literally)
    }

    /// The same where servers may be named: `find` tells the address of a host with a port.
    #[must_use]
    pub fn read_with(text: &str, find: &dyn Fn(&str, u16) -> Option<SocketAddr>) -> Option<Self> {
        let info = Info::new(text);
        let role = match info.field("role")? {
            "master" => Role::Master,
            REPLICA_ROLE => Role::Replica,
            _ => return None,
        };
        let number = |name: &str| info.field(name).and_then(|v| v.parse::<u64>().ok());
        let id = |name: &str| info.field(name).and_then(|v| v.parse::<RunId>().ok());
        // A missing second history is written as forty zeros and -1.
        let before = id("master_replid2").zip(number("second_repl_offset").map(Offset));
        let offset = match role {
            Role::Master => number("master_repl_offset"),
            Role::Replica => number(REPLICA_OFFSET),
        };
        Some(Self {
            run_id: id("run_id"),
            version: info.field("redis_version").unwrap_or_default().to_string(),
            loading: info.field("loading") == Some("1"),
            role,
            history: id("master_replid"),
            before,
            offset: Offset(offset.unwrap_or_default()),
            master: info
                .field("master_host")
                .zip(info.field("master_port"))
                .and_then(|(host, port)| find(host, port.parse().ok()?)),
            link_up: info.field("master_link_status") == Some("up"),
            // Written as -1 where it never heard the master that it was told to follow.
            link_down_seconds: number("master_link_down_since_seconds"),
            copying: info.field("master_sync_in_progress") == Some("1"),
            // Written as -1 while it does not hear its master.
            silent_seconds: number("master_last_io_seconds_ago").unwrap_or_default(),
            priority: number(REPLICA_PRIORITY).and_then(|n| u32::try_from(n).ok()).unwrap_or(100),
            announced: info.field("replica_announced") != Some("0"),
            persists: info.field("aof_enabled") == Some("1"),
            replicas: info.replicas().take(MAX_REPLICAS).filter_map(|r| find(r.host, r.port)).collect(),
        })
    }

    /// Whether it follows nobody by our order ([`Ask::Seal`]): it stands still and accepts nothing.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.role == Role::Replica && self.master == Some(NOWHERE)
    }

    /// Whether the version is one that Standfast works with (6.2 or newer); `true` if it does not say.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        let mut parts = self.version.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (6, 2),
            _ => true,
        }
    }
}
