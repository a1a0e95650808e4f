//! How a stock Sentinel finds others, and believes who knows a later decision.

use sentinel::hello::Hello;
use std::net::SocketAddr;

use view::Epoch;

use crate::ground::Ground;
use crate::place::name_of;
use crate::stock::Stock;
use crate::stock::watch::{Fellow, Watched};

impl Stock {
    /// Whom it names as master: in a failover of its own, from the promotion on, the promoted one.
    pub(crate) fn current_master(&self) -> SocketAddr {
        self.mind.failover.as_ref().and_then(|f| f.promoted()).unwrap_or(self.mind.master)
    }

    pub(super) fn hello(&self) -> String {
        let hello = Hello {
            from: self.place().addr(),
            id: self.id.clone(),
            epoch: self.mind.epoch,
            group: self.name.clone(),
            master: self.current_master(),
            config_epoch: self.mind.config_epoch,
        };
        hello.to_string()
    }

    pub(super) fn on_hello(&mut self, g: &mut Ground, text: &str) {
        let Ok(hello) = text.parse::<Hello>() else { return };
        if hello.group != self.name || hello.id == self.id {
            return;
        }
        self.meet(g, &hello);
        self.adopt_epoch(hello.epoch);
        if hello.config_epoch > self.mind.config_epoch {
            let (epoch, old) = (hello.config_epoch, self.current_master());
            self.mind.config_epoch = epoch;
            if hello.master == old {
                self.save();
            } else {
                g.coverage.mark("stock: follows a decision");
                self.say(g, || format!("+config-update-from {:?}", hello.id));
                self.switch_to(g, hello.master, epoch);
            }
        }
    }

    fn meet(&mut self, g: &mut Ground, hello: &Hello) {
        if self.mind.fellows.get(&hello.id).is_some_and(|f| f.addr == hello.from) {
            return;
        }
        let stale: Vec<_> =
            self.mind.fellows.iter().filter(|(id, f)| **id == hello.id || f.addr == hello.from).collect();
        for id in stale.into_iter().map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            if let Some(mut fellow) = self.mind.fellows.remove(&id) {
                fellow.wire.close(g);
            }
        }
        self.say(g, || format!("+sentinel {:?} {}", hello.id, name_of(hello.from)));
        self.mind.fellows.insert(hello.id.clone(), Fellow::new(hello.from, g.now));
        self.save();
    }

    /// From here on another master is the one: what was known of all servers is forgotten.
    pub(super) fn switch_to(&mut self, g: &mut Ground, master: SocketAddr, epoch: Epoch) {
        let from = self.mind.master;
        self.say(g, || format!("+switch-master {} {} e{epoch}", name_of(from), name_of(master)));
        let checked = g.judge.decided(self.place(), &self.name, epoch, master);
        g.check(checked);
        let known: Vec<SocketAddr> = self.mind.servers.keys().copied().chain([from, master]).collect();
        for server in self.mind.servers.values_mut() {
            server.close(g);
        }
        self.mind.servers = known.into_iter().map(|addr| (addr, Watched::new(g.now))).collect();
        self.mind.master = master;
        self.mind.failover = None;
        self.mind.odown = false;
        self.mind.tried_at = None;
        for fellow in self.mind.fellows.values_mut() {
            fellow.word = None;
        }
        self.save();
    }
}
