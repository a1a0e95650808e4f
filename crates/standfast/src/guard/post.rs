//! How does a guard do its duty? It reads what it is told, and acts when the line ends or falls silent. No runtime, no thread, little memory:
//! what it needs is opened when a will is made, so that nothing has to be had when it is carried out.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use config::{Log, LogFormat, LogLevel};
use host::netlink::{Address, Link, Netlink};
use host::wire::{Carries, Speaker};
use host::{HostRefused, clock, lesser};

use super::words::{Packet, Will, Word};
use crate::cli::GuardArgs;
use crate::failure::Failure;
use crate::log;

/// `standfast guard`, as a node starts it.
pub(crate) fn guard(args: &GuardArgs) -> Result<(), Failure> {
    let _ = clock::now();
    // Who ends a whole service ends the node; the guard sees that, and has a duty then.
    lesser::ignore_requests_to_end();
    let format = if args.json { LogFormat::Json } else { LogFormat::Text };
    log::start(&Log { format, level: LogLevel::Info });
    let line = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let line = line.and_then(|line| line.peer_addr().map(|_| line)).map_err(|e| {
        Failure::refused(format!(
            "a guard listens to the node that starts it, and its standard input is no line to one: {e}. What to do: nothing, nodes start \
             their guards by themselves"
        ))
    })?;
    let kernel = Netlink::open().map_err(|e| Failure::host(e.to_string()))?;
    Duty { line, kernel, wills: BTreeMap::new(), speakers: BTreeMap::new(), patience: None, is_silent: false }.stand();
    Ok(())
}

struct Duty {
    line: UnixStream,
    kernel: Netlink,
    wills: BTreeMap<String, Will>,
    /// Open for as long as a will needs them.
    speakers: BTreeMap<Mouth, Speaker>,
    /// `None`: not told yet.
    patience: Option<Duration>,
    /// It was silent for too long, and the addresses were removed.
    is_silent: bool,
}

/// A link, and the host's own address on it.
type Mouth = (u32, IpAddr);

/// Why it has to act, or need not.
enum End {
    Died,
    Goodbye,
}

impl Duty {
    fn stand(mut self) {
        match self.listen() {
            End::Goodbye => {}
            End::Died => {
                let removed = self.remove();
                self.resign();
                tracing::warn!(
                    removed = removed.join(" "),
                    "the node has died: its guard has taken its addresses away and said so"
                );
            }
        }
    }

    /// Returns when the node is gone.
    fn listen(&mut self) -> End {
        let mut input = Vec::new();
        let mut room = [0; 16 << 10];
        loop {
            match self.read(&mut room) {
                // The whole of a line, or none of it: what it could not finish counts for nothing.
                Ok(0) => return End::Died,
                Ok(len) => input.extend_from_slice(&room[..len]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.on_silence();
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                // A reset: its end was closed with words of ours unread, and we have none.
                Err(_) => return End::Died,
            }
            if std::mem::take(&mut self.is_silent) {
                tracing::warn!("the node is awake again");
            }
            while let Some(end) = input.iter().position(|byte| *byte == b'\n') {
                let word = Word::read(&input[..end]);
                input.drain(..=end);
                match word {
                    Ok(Word::Goodbye) => return End::Goodbye,
                    Ok(word) => self.hear(word),
                    Err(e) => tracing::error!("the guard of the addresses does not understand its node: {e}"),
                }
            }
            if input.len() > MAX_LINE {
                tracing::error!("the node says more than {MAX_LINE} bytes without an end: forgotten");
                input.clear();
            }
        }
    }

    /// Waits for a word, for as long as patience lasts.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        // Nothing is left to do for who is silent already.
        let patience = self.patience.filter(|_| !self.is_silent);
        self.line.set_read_timeout(patience)?;
        let began = clock::now();
        match (self.line.read(room), patience) {
            // We were not awake ourselves, so it may be that nobody was: it has its chance once more.
            (Err(e), Some(patience))
                if e.kind() == io::ErrorKind::WouldBlock && clock::now().since(began) > patience + OVERSLEPT =>
            {
                self.line.read(room)
            }
            (read, _) => read,
        }
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Patience(patience) => self.patience = Some(patience.max(LEAST_PATIENCE)),
            Word::Will { address, will } => {
                if will.is_empty() {
                    self.wills.remove(&address);
                } else {
                    self.wills.insert(address, will);
                }
                self.open_speakers();
            }
            Word::Beat | Word::Goodbye => {}
        }
    }

    fn open_speakers(&mut self) {
        let packets = || self.wills.values().flat_map(|will| &will.say);
        let wanted: BTreeMap<Mouth, &Packet> = packets().map(|packet| (mouth(packet), packet)).collect();
        self.speakers.retain(|mouth, _| wanted.contains_key(mouth));
        for (mouth, packet) in wanted {
            if self.speakers.contains_key(&mouth) {
                continue;
            }
            match open(packet) {
                Ok(speaker) => drop(self.speakers.insert(mouth, speaker)),
                Err(e) => tracing::warn!("a guard could not say that this host goes, should its node die: {e}"),
            }
        }
    }

    fn on_silence(&mut self) {
        if self.wills.values().all(Will::is_empty) {
            return;
        }
        self.is_silent = true;
        let removed = self.remove();
        tracing::warn!(
            removed = removed.join(" "),
            "the node has said nothing for {:?}: its guard has taken its addresses away. The node puts them back when it wakes, if it may",
            self.patience.unwrap_or_default()
        );
    }

    /// Takes away all that is there; what was.
    fn remove(&mut self) -> Vec<String> {
        let mut removed = Vec::new();
        for removal in self.wills.values().flat_map(|will| &will.remove) {
            let address = Address { link: removal.link, ip: removal.address.ip, prefix: removal.address.prefix };
            match self.kernel.remove(&address) {
                Ok(true) => removed.push(format!("{}@{}", removal.address, removal.interface)),
                Ok(false) => {}
                Err(e) => tracing::error!("{e}"),
            }
        }
        removed
    }

    /// Says that the routers go, once more after a moment: one lost packet would cost the others a whole wait. A second one delays who has heard
    /// the first by that moment at most.
    fn resign(&self) {
        for turn in 0..TURNS {
            if turn > 0 && !self.speakers.is_empty() {
                thread::sleep(BETWEEN);
            }
            for packet in self.wills.values().flat_map(|will| &will.say) {
                let Some(speaker) = self.speakers.get(&mouth(packet)) else { continue };
                if let Err(e) = speaker.send(packet.to, &packet.bytes) {
                    tracing::warn!("{e}");
                }
            }
        }
    }
}

const fn mouth(packet: &Packet) -> Mouth {
    (packet.link, packet.from)
}

fn open(packet: &Packet) -> Result<Speaker, HostRefused> {
    let link = Link { index: packet.link, name: packet.interface.clone(), mac: None, is_up: true, is_running: true };
    let group = match packet.from {
        IpAddr::V4(_) => vrrp::ip::MULTICAST_V4.into(),
        IpAddr::V6(_) => vrrp::ip::MULTICAST_V6.into(),
    };
    Speaker::open(&link, packet.from, &Carries { protocol: vrrp::ip::PROTOCOL, group, hops: vrrp::ip::HOPS })
}

/// The kernel counts waits in ticks of up to 10 ms, and a busy host is late by some.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);
/// A wait that is later than this was no wait: this process did not run.
const OVERSLEPT: Duration = Duration::from_millis(100);
/// More than a node has to say about one address.
const MAX_LINE: usize = 1 << 20;
/// How often it is said that a router goes.
const TURNS: u32 = 2;
/// And how long after the first time.
const BETWEEN: Duration = Duration::from_millis(10);
