//! How is a node of each kind started, and what does its file say?

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::{FAILOVER_TIMEOUT, GROUP, Kind, Node, Watch};
use crate::program::{standfast, valkey_server};

impl Node {
    /// How each kind is started.
    pub(super) fn command(&self) -> Command {
        match self.watch.kind {
            Kind::Ours => {
                let mut command = Command::new(standfast());
                command.args(["run", "-c"]).arg(self.file());
                command
            }
            Kind::Stock => {
                let mut command = Command::new("redis-server");
                command.arg(self.file()).arg("--sentinel");
                command
            }
            Kind::Valkey => {
                let mut command = Command::new(valkey_server());
                command.arg(self.file()).arg("--sentinel");
                command
            }
            Kind::InPlace => {
                let mut command = Command::new(standfast());
                command.arg("sentinel").arg(self.file());
                command
            }
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.join(match self.watch.kind {
            Kind::Ours => "standfast.toml",
            Kind::Stock | Kind::Valkey | Kind::InPlace => "sentinel.conf",
        })
    }

    pub(super) fn our_file(&self, master: SocketAddr, nodes: usize) -> String {
        let Watch { down_after, confirm, quorum, .. } = self.watch;
        format!(
            "[node]\nname = \"{name}\"\nlisten = \"{addr}\"\nstate-dir = \"{dir}/state\"\n\n[proxy]\nworkers = 1\n\n\
             [[group]]\nname = \"{GROUP}\"\nmaster = \"{master}\"\nnodes = {nodes}\nquorum = {quorum}\n\
             down-after = \"{}ms\"\nconfirm = \"{}ms\"\nfailover-timeout = \"{}ms\"\n",
            down_after.as_millis(),
            confirm.as_millis(),
            FAILOVER_TIMEOUT.as_millis(),
            name = self.addr.port(),
            addr = self.addr,
            dir = self.dir.display(),
        )
    }

    pub(super) fn stock_file(&self, master: SocketAddr) -> String {
        let Watch { down_after, quorum, .. } = self.watch;
        format!(
            "bind {}\nport {}\nprotected-mode no\ndaemonize no\ndir {}\nlogfile log\n\
             sentinel monitor {GROUP} {} {} {quorum}\nsentinel down-after-milliseconds {GROUP} {}\n\
             sentinel failover-timeout {GROUP} {}\n",
            self.addr.ip(),
            self.addr.port(),
            self.dir.display(),
            master.ip(),
            master.port(),
            down_after.as_millis(),
            FAILOVER_TIMEOUT.as_millis(),
        )
    }
}
