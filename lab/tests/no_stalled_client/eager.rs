//! Clients that come back at once, whenever they are told that their connection is gone: is one of them let in by a host that is about to leave?

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::netns::Network;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::stage::{Stage, VIP};

/// So many on `c`, each with a thread of its own, that connect, wait without end for an answer, and connect again without a pause.
pub(crate) struct Eager {
    many: usize,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Eager {
    pub(crate) fn start(network: &Network, many: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let there = format!("/run/netns/{}", network.name_of("c"));
        let client = |_| {
            let (over, there) = (over.clone(), File::open(&there).expect("the network is laid"));
            thread::spawn(move || {
                move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).expect("tests run as root");
                while !over.load(Ordering::Relaxed) {
                    wait_once(&over);
                }
            })
        };
        let threads = (0..many).map(client).collect();
        Self { many, over, threads }
    }

    /// How many of them take themselves for connected, by what the kernel of `c` says.
    pub(crate) fn connected(stage: &Stage) -> usize {
        let mut ss = stage.network.command("c", "ss");
        let told = ss.args(["-Htn", "state", "established", "dst", VIP]).output().expect("iproute2 is there");
        String::from_utf8_lossy(&told.stdout).lines().count()
    }

    pub(crate) fn wait_until_connected(&self, stage: &Stage) {
        stage.wait("all are connected", || (Self::connected(stage) == self.many).then_some(()));
    }
}

impl Drop for Eager {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// One connection, to its end.
fn wait_once(over: &AtomicBool) {
    let at: SocketAddr = format!("{VIP}:6379").parse().expect("an address");
    let Ok(mut socket) = TcpStream::connect_timeout(&at, Duration::from_secs(1)) else { return };
    let waits = socket.write_all(b"BLPOP lab:nothing 0\r\n");
    let looks = socket.set_read_timeout(Some(Duration::from_millis(100)));
    while waits.is_ok() && looks.is_ok() && !over.load(Ordering::Relaxed) {
        match socket.read(&mut [0; 64]) {
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => return,
        }
    }
}
