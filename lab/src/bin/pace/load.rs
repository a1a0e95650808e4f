//! How do requests go out and replies come in? One thread, one epoll.
//!
//! At a fixed rate the latency of a request begins when it was *due*: a server that stops for a second is charged for every request that
//! should have been sent in it, not for one (the other way is known as coordinated omission).

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use serde_json::{Value, json};

use crate::client::Client;
use crate::histogram::Histogram;
use crate::schedule::{Random, SEED, Schedule};
use crate::{Requests, stopwatch};

/// The connections, and what they ask.
#[derive(Debug)]
pub(crate) struct Load {
    epoll: OwnedFd,
    clients: Vec<Client>,
    /// A request for key 0, and where the digits of its key are.
    request: Vec<u8>,
    digits: usize,
    random: Random,
    scratch: Vec<u8>,
    ready: Vec<(usize, epoll::EventFlags)>,
}

/// What it came to, and the connections, which stay open as long as somebody holds them.
type Done = (Value, Vec<Client>);

impl Load {
    pub(crate) fn new(clients: Vec<Client>, requests: Requests) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (n, client) in clients.iter().enumerate() {
            epoll::add(&epoll, &client.stream, epoll::EventData::new_u64(n as u64), epoll::EventFlags::IN)?;
        }
        let (request, digits) = request(requests);
        let scratch = vec![0; 256 * 1024];
        Ok(Self { epoll, clients, request, digits, random: Random(SEED), scratch, ready: Vec::new() })
    }

    /// As many requests as the connections take in this time, `pipeline` at once on each; those under way at its end are waited for.
    pub(crate) fn full(mut self, pipeline: usize, time: Duration) -> io::Result<Done> {
        let clock = stopwatch();
        let (mut owed, mut answered) = (vec![pipeline; self.clients.len()], 0_u64);
        for n in 0..self.clients.len() {
            self.ask(n, pipeline)?;
        }
        let mut busy = self.clients.len();
        while busy > 0 {
            self.wait(Some(LOST), time + LOST, clock())?;
            for (n, flags) in std::mem::take(&mut self.ready) {
                let replies = self.serve(n, flags)?;
                answered += replies as u64;
                owed[n] = owed[n].checked_sub(replies).ok_or_else(|| io::Error::other("more replies than requests"))?;
                if replies > 0 && owed[n] == 0 {
                    if clock() < time {
                        owed[n] = pipeline;
                        self.ask(n, pipeline)?;
                    } else {
                        busy -= 1;
                    }
                }
            }
        }
        let seconds = clock().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let rate = answered as f64 / seconds;
        Ok((json!({ "requests": answered, "seconds": seconds, "rate": rate }), self.clients))
    }

    /// The requests of a schedule, each as soon as it is due.
    pub(crate) fn rate(mut self, schedule: &Schedule) -> io::Result<Done> {
        let clock = stopwatch();
        let now = || u64::try_from(clock().as_nanos()).expect("no run takes centuries");
        let (mut latency, mut lateness) = (Histogram::new(), Histogram::new());
        let (mut next, mut answered) = (0, 0);
        let end = schedule.due.last().map_or(0, |due| due.at);
        while answered < schedule.due.len() {
            while let Some(due) = schedule.due.get(next).filter(|due| due.at <= now()) {
                self.clients[due.connection].owed.push_back(due.at);
                self.ask(due.connection, 1)?;
                if due.at >= schedule.counts_from {
                    lateness.add(now() - due.at);
                }
                next += 1;
            }
            let sleep = schedule.due.get(next).map_or(LOST, |due| Duration::from_nanos(due.at.saturating_sub(now())));
            self.wait(Some(sleep), Duration::from_nanos(end) + LOST, clock())?;
            for (n, flags) in std::mem::take(&mut self.ready) {
                let replies = self.serve(n, flags)?;
                answered += replies;
                let now = now();
                for _ in 0..replies {
                    let due = self.clients[n].owed.pop_front();
                    let due = due.ok_or_else(|| io::Error::other("more replies than requests"))?;
                    if due >= schedule.counts_from {
                        latency.add(now - due);
                    }
                }
            }
        }
        let figures = json!({
            "requests": latency.count(), "all_requests": answered,
            "p50_ns": latency.within(0.5), "p99_ns": latency.within(0.99), "p999_ns": latency.within(0.999), "max_ns": latency.max(),
            "sent_late_p50_ns": lateness.within(0.5), "sent_late_p99_ns": lateness.within(0.99), "sent_late_max_ns": lateness.max(),
        });
        Ok((figures, self.clients))
    }

    /// Sends requests on a connection.
    fn ask(&mut self, n: usize, count: usize) -> io::Result<()> {
        for _ in 0..count {
            let key = format!("{:012}", self.random.below(KEYS));
            self.request[self.digits..self.digits + key.len()].copy_from_slice(key.as_bytes());
            self.clients[n].out().extend_from_slice(&self.request);
        }
        self.flush(n)
    }

    fn flush(&mut self, n: usize) -> io::Result<()> {
        let client = &mut self.clients[n];
        let must_wait = !client.flush()?;
        if must_wait != client.waits_to_write {
            client.waits_to_write = must_wait;
            let flags = if must_wait { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
            epoll::modify(&self.epoll, &client.stream, epoll::EventData::new_u64(n as u64), flags)?;
        }
        Ok(())
    }

    /// Does what the socket is ready for; how many replies ended.
    fn serve(&mut self, n: usize, flags: epoll::EventFlags) -> io::Result<usize> {
        if flags.contains(epoll::EventFlags::OUT) {
            self.flush(n)?;
        }
        let is_readable = flags.intersects(!epoll::EventFlags::OUT);
        if is_readable { self.clients[n].read(&mut self.scratch) } else { Ok(0) }
    }

    /// Waits for sockets, at most for `sleep`.
    fn wait(&mut self, sleep: Option<Duration>, until: Duration, now: Duration) -> io::Result<()> {
        if now > until {
            return Err(io::Error::other(format!("requests were not answered within {LOST:?}")));
        }
        let sleep = sleep.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        let mut room = [MaybeUninit::<epoll::Event>::uninit(); 512];
        let (events, _) = match epoll::wait(&self.epoll, &mut room, sleep.as_ref()) {
            Ok(events) => events,
            Err(e) if e == rustix::io::Errno::INTR => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        let ready = events.iter().map(|event| {
            let n = usize::try_from(event.data.u64()).expect("it was a usize");
            (n, event.flags)
        });
        self.ready.extend(ready);
        Ok(())
    }
}

/// A request as redis-benchmark sends it, and where the twelve digits of its key begin.
fn request(requests: Requests) -> (Vec<u8>, usize) {
    let (words, name) = if requests.is_set { (3, "SET") } else { (2, "GET") };
    let mut request = format!("*{words}\r\n$3\r\n{name}\r\n$16\r\nkey:").into_bytes();
    let digits = request.len();
    request.extend_from_slice(b"000000000000\r\n");
    if requests.is_set {
        request.extend_from_slice(format!("${}\r\n", requests.bytes).as_bytes());
        request.resize(request.len() + requests.bytes, b'x');
        request.extend_from_slice(b"\r\n");
    }
    (request, digits)
}

/// As many keys as the benchmark fills.
const KEYS: usize = 10_000;
/// A request that is not answered by then never is.
const LOST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_redis_expects() {
        let (request, digits) = request(Requests { is_set: true, bytes: 3 });
        assert_eq!(request, b"*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$3\r\nxxx\r\n");
        assert_eq!(&request[digits..digits + 12], b"000000000000");
        assert_eq!(
            super::request(Requests { is_set: false, bytes: 3 }).0,
            b"*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n"
        );
    }
}
