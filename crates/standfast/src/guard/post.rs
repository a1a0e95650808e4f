//! How does a guard do its duty? It reads what it is told, and acts when the line ends or falls silent. The line of a process that was killed
//! ends when the last of its threads has got its turn to die, which takes a busy host a tenth of a second: at the first beat that is missed the
//! guard asks the kernel whether the node is one that will never run again.
//! No runtime, no thread but the log's, little memory:
//! what it needs is opened when a will is made, so that nothing has to be had when it is carried out.

use std::collections::BTreeMap;
use std::fs;
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
    log::start(&Log { format, level: LogLevel::Info })?;
    let line = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let line = line.and_then(|line| line.peer_addr().map(|_| line)).map_err(|e| {
        Failure::refused(format!(
            "a guard listens to the node that starts it, and its standard input is no line to one: {e}. What to do: nothing, nodes start \
             their guards by themselves"
        ))
    })?;
    let kernel = Netlink::open().map_err(|e| Failure::host(e.to_string()))?;
    let node = std::os::unix::process::parent_id();
    Duty { line, node, kernel, wills: BTreeMap::new(), speakers: BTreeMap::new(), patience: None, is_silent: false }
        .stand();
    Ok(())
}

struct Duty {
    line: UnixStream,
    /// The number of its process: as long as the line has not ended nobody else has it.
    node: u32,
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

    /// Waits for a word, for as long as patience lasts. `WouldBlock`: in vain; nothing: the node is dead.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        // Nothing is left to do for who is silent already, until it dies.
        let patience = self.patience.filter(|_| !self.is_silent);
        let (mut left, mut chances) = (patience, CHANCES);
        loop {
            let wait = left.map(|left| left.min(LOOK));
            self.line.set_read_timeout(wait)?;
            let began = clock::now();
            let read = self.line.read(room);
            if !read.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock) {
                return read;
            }
            if is_dying(self.node) {
                return self.last_words(room);
            }
            let took = clock::now().since(began);
            match (wait, left) {
                // We were not awake ourselves, so it may be that nobody was: it has its chance once more.
                (Some(wait), _) if chances > 0 && took > wait + OVERSLEPT => {
                    chances -= 1;
                    left = patience;
                }
                (_, Some(rest)) if rest > took => left = Some(rest.saturating_sub(took).max(LEAST_WAIT)),
                _ => return read,
            }
        }
    }

    /// What a node that is dead by now said after the wait was over and before it died: it may have gone in order.
    fn last_words(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.line.set_read_timeout(Some(LEAST_WAIT))?;
        match self.line.read(room) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
            read => read,
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
        let (mut removed, mut refused) = (Vec::new(), Vec::new());
        for removal in self.wills.values().flat_map(|will| &will.remove) {
            let address = Address { link: removal.link, ip: removal.address.ip, prefix: removal.address.prefix };
            match self.kernel.remove(&address) {
                Ok(gone) if gone.was_there => removed.push(format!("{}@{}", removal.address, removal.interface)),
                Ok(_) => {}
                Err(e) => refused.push(e),
            }
        }
        for e in refused {
            tracing::error!(
                "{e}. The address stays on this host until its lifetime is over; take it off by hand: `ip address del`"
            );
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
                    tracing::warn!(
                        "{e}. The other routers are not told that this host goes, and take over when they miss it"
                    );
                }
            }
        }
    }
}

/// Whether a process will never run again: it has died, or has a SIGKILL that it cannot refuse (proc_pid_status(5)). One that only stands still
/// is not.
fn is_dying(process: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else { return false };
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_killed = |name| {
        let signals = field(name).and_then(|bits| u64::from_str_radix(bits, 16).ok());
        signals.is_some_and(|bits| bits & SIGKILL != 0)
    };
    field("State:").is_some_and(|state| state.starts_with(['Z', 'X'])) || is_killed("SigPnd:") || is_killed("ShdPnd:")
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
/// Two beats are missed: the kernel is asked what has become of the node.
const LOOK: Duration = Duration::from_millis(40);
/// The shortest wait that is one: less than a tick of the kernel's may be none at all.
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// How often a wait that was none of ours begins anew, in one silence.
const CHANCES: u32 = 1;
/// The ninth signal, as a bit.
const SIGKILL: u64 = 1 << 8;
/// A wait that is later than this was no wait: this process did not run.
const OVERSLEPT: Duration = Duration::from_millis(100);
/// More than a node has to say about one address.
const MAX_LINE: usize = 1 << 20;
/// How often it is said that a router goes.
const TURNS: u32 = 2;
/// And how long after the first time.
const BETWEEN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use host::process::{Handle, Signal};
    use std::io::Write as _;
    use std::process::Command;

    #[test]
    fn what_a_node_said_last_counts_though_it_is_dead() {
        let (line, mut node) = UnixStream::pair().unwrap();
        let kernel = Netlink::open().unwrap();
        let (wills, speakers) = (BTreeMap::new(), BTreeMap::new());
        let mut duty = Duty { line, node: 0, kernel, wills, speakers, patience: None, is_silent: false };
        let mut room = [0; 64];
        assert_eq!(duty.last_words(&mut room).unwrap(), 0, "its line may end later than itself");
        node.write_all(b"goodbye").unwrap();
        assert_eq!(duty.last_words(&mut room).unwrap(), 7);
    }

    #[test]
    fn who_was_killed_is_dying_and_who_stands_still_is_not() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Handle::open(child.id()).unwrap();
        assert!(!is_dying(child.id()));
        process.signal(Signal::Stop).unwrap();
        for _ in 0..50 {
            assert!(!is_dying(child.id()), "it may wake");
            thread::sleep(Duration::from_millis(2));
        }
        process.signal(Signal::Kill).unwrap();
        assert!(process.wait_for_end(Duration::from_secs(30)));
        assert!(is_dying(child.id()), "nobody has waited for it");
        child.wait().unwrap();
        assert!(!is_dying(std::process::id()));
    }
}
