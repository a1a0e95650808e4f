//! Where the view of a group comes from, as plain data.

use std::net::SocketAddr;
use std::time::Duration;

use crate::choice::Source;
use crate::config::sure;
use crate::edge::ServerTls;
use crate::secret::Secret;
use crate::setting::Settings;

/// Where the view of a group comes from, with what is needed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The nodes watch it and agree.
    Monitor,
    /// Stock Sentinels are followed.
    Sentinels(Sentinels),
    /// Each server is checked from outside.
    Probe(Probe),
}

/// Stock Sentinels to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinels {
    /// At least one, each once.
    pub addresses: Vec<SocketAddr>,
    /// The user that Standfast is at them. Only with a password.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Secret>,
    /// They speak TLS.
    pub tls: Option<ServerTls>,
    /// How the servers that they name are checked.
    pub pace: Pace,
}

/// Servers to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// At least one, each once.
    pub servers: Vec<SocketAddr>,
    /// How often they are checked.
    pub pace: Pace,
    /// Checks in a row that make a server what it says; at least 1.
    pub rise: u32,
    /// What a master's `INFO replication` must contain.
    pub expect: Vec<String>,
    /// Further questions to every server: what is sent, and what the reply must contain.
    pub checks: Vec<(String, String)>,
}

/// How often servers are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one check to the next.
    pub interval: Duration,
    /// The same in doubt; at most `interval`.
    pub fast_interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// Failures in a row that take a server out; at least 1.
    pub fall: u32,
}

impl Origin {
    pub(crate) fn build(group: &Settings) -> Self {
        match sure(group, "source") {
            Source::Monitor => Self::Monitor,
            Source::Sentinels => Self::Sentinels(Sentinels {
                addresses: sure(group, "sentinels"),
                username: group.get("sentinel-username"),
                password: group.get("sentinel-password"),
                tls: group.get::<Settings>("sentinel-tls").as_ref().map(ServerTls::build),
                pace: Pace::build(group),
            }),
            Source::Probe => Self::Probe(Probe {
                servers: sure(group, "servers"),
                pace: Pace::build(group),
                rise: sure(group, "rise"),
                expect: group.get("expect").unwrap_or_default(),
                checks: group.get::<Vec<Settings>>("check").unwrap_or_default().iter().map(check).collect(),
            }),
        }
    }
}

impl Pace {
    fn build(group: &Settings) -> Self {
        Self {
            interval: sure(group, "interval"),
            // Its default stands beside the default of the other; whoever looks more often in peace does so in doubt.
            fast_interval: sure::<Duration>(group, "fast-interval").min(sure(group, "interval")),
            timeout: sure(group, "check-timeout"),
            fall: sure(group, "fall"),
        }
    }
}

fn check(table: &Settings) -> (String, String) {
    (sure(table, "send"), sure(table, "expect"))
}
