//! What does another configuration change in a router that runs? As little as can be: addresses that stay are not let go.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::{Phase, Router};
use crate::config::{Config, Version};
use crate::event::Action;

impl Router {
    pub(super) fn on_configured(&mut self, config: Box<Config>) {
        assert!(config.check().is_ok(), "the configuration was checked: {:?}", config.check());
        let identity = |config: &Config| (config.version, config.vrid, config.primary);
        assert_eq!(
            identity(&config),
            identity(&self.config),
            "another version, number or own address is another router"
        );
        let old = core::mem::replace(&mut self.config, *config);
        self.addresses.clone_from(&self.config.addresses);
        self.addresses.sort_unstable();
        match &mut self.phase {
            // In version 3 it stays the holder's.
            Phase::Backup(backup) if self.config.version == Version::V2 => backup.interval = self.config.interval,
            Phase::Active(_) => self.hold_others(&old),
            Phase::Initialize | Phase::Fault | Phase::Backup(_) => {}
        }
    }

    fn hold_others(&mut self, old: &Config) {
        let (before, after) = (old.held(), self.config.held());
        let without = |these: &[IpAddr], those: &[IpAddr]| -> Vec<IpAddr> {
            these.iter().filter(|address| !those.contains(address)).copied().collect()
        };
        if self.awaits_predecessor() {
            // All of it is taken in a moment.
            return self.advertise();
        }
        let (gone, come) = (without(&before, &after), without(&after, &before));
        if !gone.is_empty() {
            self.actions.push_back(Action::Release { addresses: gone });
        }
        if !come.is_empty() {
            self.actions.push_back(Action::Take { addresses: come });
        }
        self.advertise();
        if let Phase::Active(active) = &mut self.phase {
            active.series.start(self.now, &self.config.announce);
        }
        self.announce_if_due();
    }
}
