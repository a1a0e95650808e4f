//! How nodes find each other and spread a decision: one line of text, published through every server and told directly.
//!
//! `ip,port,runid,current_epoch,master_name,master_ip,master_port,master_config_epoch`: eight fields, as stock Sentinels
//! write and read it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use view::{Epoch, GroupName, RunId};

use crate::core::Core;
use crate::event::{Action, Level, words};
use crate::failover::Failover;
use crate::group::Group;
use crate::peer::{Peer, Said};
use crate::record::{Cause, Moment, Outcome};

/// Other nodes known per group. At the bound a new one is ignored and counted: a group has three to seven of them, so
/// more can only come from someone who makes them up.
const MAX_PEERS: usize = 64;

/// The longest hello that is read, in bytes.
const MAX_HELLO: usize = 512;

/// One hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Where the sender can be reached.
    pub from: SocketAddr,
    /// The sender's id.
    pub id: RunId,
    /// The highest epoch that it has seen.
    pub epoch: Epoch,
    /// Of which group it speaks.
    pub group: GroupName,
    /// Whom it takes for master.
    pub master: SocketAddr,
    /// Which decision made that one master.
    pub config_epoch: Epoch,
}

/// The text is not a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, id, epoch, group, master, config_epoch } = self;
        let (ip, port) = (from.ip(), from.port());
        write!(f, "{ip},{port},{id},{epoch},{group},{},{},{config_epoch}", master.ip(), master.port())
    }
}

impl FromStr for Hello {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_HELLO {
            return Err(Malformed);
        }
        let mut fields = text.split(',');
        let mut next = || fields.next().ok_or(Malformed);
        let (ip, port, id, epoch) = (next()?, next()?, next()?, next()?);
        let (group, master_ip, master_port, config_epoch) = (next()?, next()?, next()?, next()?);
        if fields.next().is_some() || group.is_empty() {
            return Err(Malformed);
        }
        Ok(Self {
            from: addr(ip, port)?,
            id: id.parse().map_err(|_| Malformed)?,
            epoch: Epoch(number(epoch)?),
            group: group.into(),
            master: addr(master_ip, master_port)?,
            config_epoch: Epoch(number(config_epoch)?),
        })
    }
}

/// A hello with its two hosts, the sender's and the master's, put in other words: names for addresses, or addresses for names. Where
/// `put` has no other, the host stays. What is no hello stays as it is.
#[must_use]
pub fn with_hosts(text: &str, put: impl Fn(&str) -> Option<String>) -> String {
    let mut fields: Vec<String> = text.split(',').map(Into::into).collect();
    for at in [0, 5] {
        if let Some(host) = fields.get_mut(at)
            && let Some(other) = put(host)
        {
            *host = other;
        }
    }
    fields.join(",")
}

fn addr(ip: &str, port: &str) -> Result<SocketAddr, Malformed> {
    let ip: IpAddr = ip.parse().map_err(|_| Malformed)?;
    let port: u16 = port.parse().map_err(|_| Malformed)?;
    if port == 0 {
        return Err(Malformed);
    }
    Ok(SocketAddr::new(ip, port))
}

fn number(text: &str) -> Result<u64, Malformed> {
    text.parse().map_err(|_| Malformed)
}

impl Group {
    /// What this node says of the group.
    pub(crate) fn hello(&self, core: &Core) -> Hello {
        Hello {
            from: core.announce,
            id: core.id.clone(),
            epoch: core.epoch,
            group: self.name.clone(),
            master: self.master,
            config_epoch: self.config_epoch,
        }
    }

    /// Says hello to everybody now: a decision should not wait for the next round.
    pub(crate) fn hello_now(&mut self, now: machine::Instant) {
        for server in self.servers.values_mut() {
            server.hello_at = now;
        }
        for peer in self.peers.values_mut() {
            peer.hello_at = now;
        }
    }

    /// Another node's hello about this group.
    pub(crate) fn on_hello(&mut self, core: &mut Core, hello: &Hello) {
        if !self.meet(core, hello) {
            return;
        }
        core.adopt_epoch(&self.name, hello.epoch);
        if let Some(peer) = self.peers.get_mut(&hello.id) {
            peer.said = Some(Said { at: core.now, master: hello.master, config_epoch: hello.config_epoch });
        }
        // Our own decision may be on its way to disk, and be the later one.
        let ours = self.failover.as_ref().and_then(Failover::ordered).unwrap_or_default();
        if hello.config_epoch > self.config_epoch && hello.config_epoch >= ours {
            self.adopt(core, hello);
        }
    }

    /// Learns who the sender is and where. `false`: it is not kept.
    fn meet(&mut self, core: &mut Core, hello: &Hello) -> bool {
        if hello.from == core.announce || hello.from.ip().is_unspecified() {
            // Whoever says that he is where we are would make us our own peer, and give us a second vote.
            core.stats.malformed += 1;
            return false;
        }
        if let Some(peer) = self.peers.get(&hello.id) {
            if peer.addr != hello.from {
                let text = words(&[
                    &self.id_of_master(),
                    &"ip",
                    &hello.from.ip(),
                    &"port",
                    &hello.from.port(),
                    &"for",
                    &hello.id,
                ]);
                core.announce(Level::Notice, Some(&self.name), "+sentinel-address-switch", text);
                self.forget_peer(core, &hello.id);
                self.vacate(core, hello);
                self.add_peer(core, hello);
            }
            return true;
        }
        self.vacate(core, hello);
        if self.peers.len() >= MAX_PEERS {
            core.stats.at_bound += 1;
            return false;
        }
        let text = self.id_of_peer(&hello.id, hello.from);
        core.announce(Level::Notice, Some(&self.name), "+sentinel", text);
        self.add_peer(core, hello);
        true
    }

    /// A node that this group knows said elsewhere that it has moved. Whether that is news here.
    pub(crate) fn follow_peer(&mut self, core: &mut Core, hello: &Hello) -> bool {
        if self.peers.get(&hello.id).is_none_or(|peer| peer.addr == hello.from) {
            return false;
        }
        self.forget_peer(core, &hello.id);
        self.vacate(core, hello);
        self.add_peer(core, hello);
        true
    }

    /// One address, one node: whoever was there before has gone or lost its id, and would count, and vote, twice.
    fn vacate(&mut self, core: &mut Core, hello: &Hello) {
        let stale = self.peers.values().find(|p| p.addr == hello.from && p.id != hello.id).map(|p| p.id.clone());
        if let Some(stale) = stale {
            let text = self.id_of_peer(&stale, hello.from);
            core.announce(Level::Notice, Some(&self.name), "+sentinel-invalid-addr", text);
            self.forget_peer(core, &stale);
        }
    }

    fn add_peer(&mut self, core: &mut Core, hello: &Hello) {
        let peer = Peer::new(hello.id.clone(), hello.from, core.now);
        self.peers.insert(hello.id.clone(), peer);
        core.touch();
    }

    fn forget_peer(&mut self, core: &mut Core, id: &RunId) {
        if let Some(link) = self.peers.remove(id).and_then(|p| p.line.link) {
            core.act(Action::Close { link: link.id });
        }
    }

    /// A newer decision than ours: follow it. Nobody but the leader of an epoch can have made it (V1).
    fn adopt(&mut self, core: &mut Core, hello: &Hello) {
        let (from, epoch) = (self.master, hello.config_epoch);
        self.yield_failover(core, epoch, hello.master);
        self.config_epoch = epoch;
        core.adopt_epoch(&self.name, epoch);
        core.touch();
        if hello.master == from {
            // It had been demoted by mistake and stands again: what was held against it is about before.
            self.switch_to(core, from);
            self.tell_switch(core);
            return;
        }
        let text = self.id_of_peer(&hello.id, hello.from);
        core.announce(Level::Warning, Some(&self.name), "+config-update-from", text);
        let mut record = self.new_record(epoch, Cause::Told);
        // Whoever we voted for; else the first to tell of it is most likely the one that made it.
        record.leader = self.leader_of(epoch).filter(|leader| *leader != core.id).or_else(|| Some(hello.id.clone()));
        record.to = Some(hello.master);
        record.step(core.now, Moment::Published, alloc::format!("told by {}", hello.from));
        record.outcome = Some(Outcome::Switched);
        self.switch_to(core, hello.master);
        self.tell_switch(core);
        core.tell_clients(&self.name, "observer", from, hello.master);
        core.keep_record(record);
    }

    /// Whom this node voted for in `epoch`, if it did. Who voted for itself and is told of a decision lost that election.
    fn leader_of(&self, epoch: Epoch) -> Option<RunId> {
        let vote = self.vote.as_ref().filter(|v| v.epoch == epoch);
        vote.and_then(|v| v.leader.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    const EXAMPLE: &str = "127.0.0.1,31103,402e309bb31b2f21acdc3f35dbac863194de0791,0,mymaster,127.0.0.1,31000,0";

    #[test]
    fn a_stock_hello_reads_and_writes_the_same() {
        let hello: Hello = EXAMPLE.parse().unwrap();
        assert_eq!(hello.group.as_str(), "mymaster");
        assert_eq!(hello.from, "127.0.0.1:31103".parse().unwrap());
        assert_eq!(hello.to_string(), EXAMPLE);
    }

    #[test]
    fn hosts_are_put_in_other_words() {
        let named = EXAMPLE.replace("127.0.0.1", "here");
        assert_eq!(with_hosts(EXAMPLE, |host| (host == "127.0.0.1").then(|| "here".into())), named);
        assert_eq!(with_hosts(&named, |host| (host == "here").then(|| "127.0.0.1".into())), EXAMPLE);
        assert_eq!(with_hosts("no,hello", |_| None), "no,hello");
    }

    #[test]
    fn what_is_not_eight_good_fields_is_refused() {
        for text in [
            "",
            "a,b",
            &EXAMPLE[..EXAMPLE.len() - 2],
            &alloc::format!("{EXAMPLE},9"),
            &EXAMPLE.replace("31103", "0"),
            &EXAMPLE.replace("31103", "99999"),
            &EXAMPLE.replace("402e", "xyz!"),
            &EXAMPLE.replace("mymaster", ""),
            &EXAMPLE.replace("mymaster", &"m".repeat(600)),
        ] {
            assert_eq!(text.parse::<Hello>(), Err(Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let _ = text.parse::<Hello>();
        }
    }
}
