//! Where does a client write that asks Sentinels? At the master that they name, on a connection of its own, until they or the master say
//! otherwise.
//!
//! It does what a good Sentinel client does: asks one Sentinel after the other, and listens to all of them for `+switch-master`, upon which
//! it leaves the old master at once, even in the middle of a request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lab::host::GROUP;
use lab::program::wall_ms;
use lab::wire::Connection;

use crate::{Client, push_bounded};

/// Writes until it is told to stop.
pub(crate) fn run(client: &Client, stop: &AtomicBool) {
    let shared = Arc::new(Shared::default());
    for sentinel in client.addrs.clone() {
        let (client, shared) = (client.clone(), shared.clone());
        // It ends with the process: nothing else wakes it from a silent connection.
        thread::spawn(move || listen(&client, sentinel, &shared));
    }
    let mut connection: Option<(SocketAddr, Connection)> = None;
    let mut sentinels = client.addrs.iter().cycle();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let asked = shared.master().or_else(|| sentinels.next().and_then(|sentinel| ask(*sentinel)));
        // What was told unasked meanwhile is newer.
        let Some(master) = asked.map(|asked| *shared.lock().master.get_or_insert(asked)) else {
            shared.wait_for_news();
            continue;
        };
        if connection.as_ref().is_none_or(|(at, _)| *at != master) {
            connection = connect(master, &shared).map(|open| (master, open));
        }
        let Some((_, open)) = &mut connection else {
            client.book().unreachable += 1;
            shared.forget(master);
            shared.wait_for_news();
            continue;
        };
        number += 1;
        if write(client, open, master, number) {
            thread::sleep(client.pace);
        } else {
            connection = None;
            shared.forget(master);
        }
    }
}

fn connect(master: SocketAddr, shared: &Shared) -> Option<Connection> {
    let open = Connection::open(master).ok()?;
    let hang_up = open.hangs_up().ok()?;
    let mut aim = shared.lock();
    aim.hang_up = Some(Box::new(hang_up));
    // Who was told of another master before this line could not hang up for us.
    (aim.master == Some(master)).then_some(open)
}

/// Whether it was acknowledged.
fn write(client: &Client, open: &mut Connection, master: SocketAddr, number: u64) -> bool {
    let reply = open.request(&["RPUSH", &client.list, &number.to_string()]);
    let now = wall_ms();
    let mut book = client.book();
    match reply {
        Ok(reply) if reply["error"].is_null() => {
            book.answered(now);
            book.acknowledged.push((number, now));
            match book.stints.last_mut() {
                Some((server, _, to)) if *server == master => *to = now,
                _ => book.stints.push((master, now, now)),
            }
            return true;
        }
        Ok(reply) => push_bounded(&mut book.refused, (now, reply["error"].as_str().unwrap_or_default().to_owned())),
        Err(e) => push_bounded(&mut book.closed, (now, e.to_string())),
    }
    false
}

/// What one Sentinel says when it is asked.
fn ask(sentinel: SocketAddr) -> Option<SocketAddr> {
    let mut connection = Connection::open_within(sentinel, SENTINEL_PATIENCE).ok()?;
    let reply = connection.request(&["SENTINEL", "get-master-addr-by-name", GROUP]).ok()?;
    format!("{}:{}", reply[0].as_str()?, reply[1].as_str()?).parse().ok()
}

/// Takes what one Sentinel says unasked.
fn listen(client: &Client, sentinel: SocketAddr, shared: &Shared) {
    loop {
        if let Ok(mut connection) = Connection::open_within(sentinel, SENTINEL_PATIENCE)
            && connection.request(&["SUBSCRIBE", "+switch-master"]).is_ok()
            && connection.wait_for_ever().is_ok()
        {
            while let Ok(message) = connection.reply() {
                let Some(text) = message[2].as_str() else { continue };
                push_bounded(&mut client.book().switches, (wall_ms(), text.to_owned()));
                // The group, the old master and the new one, each an address and a port.
                if let [GROUP, _, _, ip, port] = text.split(' ').collect::<Vec<_>>()[..]
                    && let Ok(master) = format!("{ip}:{port}").parse()
                {
                    shared.switch(master);
                }
            }
        }
        thread::sleep(RETRY);
    }
}

/// What the writer and its listeners know together.
#[derive(Default)]
struct Shared {
    aim: Mutex<Aim>,
    news: Condvar,
}

#[derive(Default)]
struct Aim {
    /// Where to write; `None`: ask.
    master: Option<SocketAddr>,
    /// Ends the present connection.
    hang_up: Option<Box<dyn FnOnce() + Send>>,
}

impl Shared {
    fn master(&self) -> Option<SocketAddr> {
        self.lock().master
    }

    /// It did not work there; unless somebody named another one meanwhile, ask again.
    fn forget(&self, master: SocketAddr) {
        let mut aim = self.lock();
        aim.master = aim.master.filter(|named| *named != master);
    }

    /// The master is there from now on.
    fn switch(&self, master: SocketAddr) {
        let mut aim = self.lock();
        if aim.master.replace(master) != Some(master)
            && let Some(hang_up) = aim.hang_up.take()
        {
            hang_up();
        }
        self.news.notify_all();
    }

    /// Until something is told, or for a while.
    fn wait_for_news(&self) {
        let aim = self.lock();
        if aim.master.is_none() {
            // Whether it was news or the time does not matter: both mean to try again.
            let _ = self.news.wait_timeout(aim, RETRY);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Aim> {
        self.aim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two tries that failed.
const RETRY: Duration = Duration::from_millis(10);
/// A Sentinel on a host that was cut off does not answer: then another one is asked.
const SENTINEL_PATIENCE: Duration = Duration::from_millis(200);
