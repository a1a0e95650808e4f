//! What else has a say about whether this host may have an address, as plain data.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::address::RedisRole;
use crate::config::sure;
use crate::edge::ServerTls;
use crate::secret::Secret;
use crate::setting::Settings;

/// `[[address.check]]`: one look at something of this host or near it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is called in messages. Once in an address.
    pub name: String,
    /// What is looked at.
    pub target: Target,
    /// From one look to the next.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// Good ones in a row that make it pass again; at least 1.
    pub rise: u32,
    /// Bad ones in a row that make it fail; at least 1.
    pub fall: u32,
    /// What it counts for: more than zero is added to the priority while it passes, less than zero while it fails. -253 to 253, never
    /// zero, and only with VRRP. `None`: while it fails, this host must not hold the address.
    pub weight: Option<i16>,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The interface must be there, up, and have a carrier.
    Interface(String),
    /// A process of this name must run: that of its program, at most 15 bytes of it as the kernel has it.
    Process(String),
    /// The process must run whose number is in this file. Absolute.
    PidFile(PathBuf),
    /// A file must be there. Absolute.
    File {
        /// Which.
        path: PathBuf,
        /// It was changed no longer ago than this.
        max_age: Option<Duration>,
        /// Its first 64 KiB have this text somewhere.
        contains: Option<String>,
    },
    /// A program must succeed.
    Script {
        /// Its absolute path, and its arguments. No shell.
        argv: Vec<String>,
        /// Who runs it. `None`: `nobody` if Standfast runs as root, else the user that runs it.
        user: Option<String>,
    },
    /// A host must answer an ICMP echo.
    Gateway(IpAddr),
    /// A Redis must answer PING, and say this of itself.
    Redis {
        /// Where it is.
        addr: SocketAddr,
        /// The role that it must have.
        role: Option<RedisRole>,
        /// The user that we are there. Only with a password.
        username: Option<String>,
        /// The password that goes with it.
        password: Option<Secret>,
        /// It speaks TLS.
        tls: Option<ServerTls>,
    },
    /// Something must take connections there.
    Tcp(SocketAddr),
}

impl Target {
    /// The options that say what is looked at; a check has one of them.
    pub(crate) const KEYS: [&'static str; 8] =
        ["interface", "process", "pid-file", "file", "script", "gateway", "redis", "tcp"];
}

impl Check {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            name: sure(table, "name"),
            target: Target::build(table),
            interval: sure(table, "interval"),
            timeout: sure(table, "timeout"),
            rise: sure(table, "rise"),
            fall: sure(table, "fall"),
            weight: table.get::<i32>("weight").map(|weight| i16::try_from(weight).expect("its option allows 253")),
        }
    }
}

impl Target {
    fn build(table: &Settings) -> Self {
        let key = Self::KEYS.into_iter().find(|key| !table.lacks(key));
        match key.expect("passed the checks with a target") {
            "interface" => Self::Interface(sure(table, "interface")),
            "process" => Self::Process(sure(table, "process")),
            "pid-file" => Self::PidFile(sure(table, "pid-file")),
            "file" => {
                Self::File { path: sure(table, "file"), max_age: table.get("max-age"), contains: table.get("contains") }
            }
            "script" => Self::Script { argv: sure(table, "script"), user: table.get("user") },
            "gateway" => Self::Gateway(sure(table, "gateway")),
            "tcp" => Self::Tcp(sure(table, "tcp")),
            _ => Self::Redis {
                addr: sure(table, "redis"),
                role: table.get("role"),
                username: table.get("username"),
                password: table.get("password"),
                tls: table.get::<Settings>("tls").as_ref().map(ServerTls::build),
            },
        }
    }
}
