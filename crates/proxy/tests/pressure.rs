//! Nothing is lost or mixed up when sockets take and give bytes as they please: short reads, full buffers, slow readers, many
//! clients at once.

mod real;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use real::{Lab, PATIENCE, Redis, frame, view, wait_until};
use session::{Pool, Rules};
use view::Phase;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Mostly small, sometimes larger than any buffer on the way.
    fn size(&mut self) -> usize {
        let most = [10, 100, 5_000, 70_000, 400_000][usize::try_from(self.below(20)).unwrap().saturating_sub(15)];
        usize::try_from(self.below(most)).unwrap()
    }

    fn pause(&mut self) {
        if self.below(4) == 0 {
            std::thread::sleep(Duration::from_micros(self.below(3_000)));
        }
    }
}

/// A pipeline of requests, and the bytes that answer it.
fn pipeline(dice: &mut Dice, client: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let key = format!("key-{client}");
    for _ in 0..=dice.below(30) {
        let (size, first) = (dice.size(), dice.below(23) as usize);
        let value: Vec<u8> = (first..first + size).map(|n| b'a' + (n % 23) as u8).collect();
        let bulk = |value: &[u8]| [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
        match dice.below(4) {
            0 => {
                frame(&mut requests, &[b"SET", key.as_bytes(), &value]);
                frame(&mut requests, &["GET", &key]);
                replies.extend_from_slice(b"+OK\r\n");
                replies.extend(bulk(&value));
            }
            1 => {
                for command in [&["MULTI"][..], &["SET", &key, "in"], &["GET", &key], &["EXEC"]] {
                    frame(&mut requests, command);
                }
                replies.extend_from_slice(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$2\r\nin\r\n");
            }
            _ => {
                frame(&mut requests, &[b"ECHO".as_slice(), &value]);
                replies.extend(bulk(&value));
            }
        }
    }
    if is_greedy(client) {
        frame(&mut requests, &[b"SET", key.as_bytes(), &vec![b'g'; 200_000]]);
        replies.extend_from_slice(b"+OK\r\n");
        for _ in 0..40 {
            frame(&mut requests, &["GET", &key]);
            replies.extend_from_slice(b"$200000\r\n");
            replies.resize(replies.len() + 200_000, b'g');
            replies.extend_from_slice(b"\r\n");
        }
    }
    (requests, replies)
}

/// Asks for more than all sockets on the way can hold, and takes its time.
const fn is_greedy(client: u64) -> bool {
    client % 20 == 3
}

/// Sends in pieces of any size and takes in pieces of any size, with rests; what comes must be what is expected.
fn talk(mut socket: TcpStream, client: u64, is_last: bool) {
    let mut dice = Dice(client * 1_000 + 7);
    let (requests, expected) = pipeline(&mut dice, client);
    let mut sender = socket.try_clone().unwrap();
    let mut sender_dice = Dice(client + 99);
    let sending = std::thread::spawn(move || {
        let mut rest = requests.as_slice();
        while !rest.is_empty() {
            let (piece, later) = rest.split_at((1 + sender_dice.size()).min(rest.len()));
            sender.write_all(piece).unwrap();
            sender_dice.pause();
            rest = later;
        }
        if is_last {
            sender.shutdown(Shutdown::Write).unwrap();
        }
    });
    if is_greedy(client) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut got = 0;
    let mut buffer = vec![0; 100_000];
    while got < expected.len() {
        let room = (1 + dice.size()).min(buffer.len()).min(expected.len() - got);
        let n = socket.read(&mut buffer[..room]).unwrap_or_else(|e| panic!("client {client} at byte {got}: {e}"));
        assert!(n > 0, "client {client}: closed at byte {got} of {}", expected.len());
        assert!(buffer[..n] == expected[got..got + n], "client {client}: other bytes than its own at {got}");
        got += n;
        dice.pause();
    }
    sending.join().unwrap();
    if is_last {
        assert_eq!(socket.read(&mut buffer).unwrap(), 0, "nothing comes after the last reply but the end");
    }
}

fn everybody_gets_what_is_theirs(pool: Pool) {
    let redis = Redis::start();
    let rules = Rules { pool, hold_bytes: 100_000, ..Rules::default() };
    let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules);
    let addr = lab.client().socket().peer_addr().unwrap();
    let clients: Vec<_> = (0..40)
        .map(|client| {
            std::thread::spawn(move || {
                let socket = TcpStream::connect(addr).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.set_write_timeout(Some(PATIENCE)).unwrap();
                for round in 0..4 {
                    talk(socket.try_clone().unwrap(), client + 100 * round, round == 3);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    wait_until("all are gone", || lab.stats().clients == 0);
}

#[test]
fn with_connections_of_their_own_everybody_gets_what_is_theirs() {
    everybody_gets_what_is_theirs(Pool::Session);
}

#[test]
fn over_shared_connections_everybody_gets_what_is_theirs() {
    everybody_gets_what_is_theirs(Pool::Shared);
}

#[test]
fn who_finds_no_room_on_a_shared_connection_has_a_turn_as_soon_as_there_is_some() {
    let redis = Redis::start();
    let rules = Rules { pool: Pool::Shared, ..Rules::default() };
    let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules);
    let mut clients: Vec<_> = (0..400).map(|_| lab.client()).collect();
    let mut pipeline = Vec::new();
    (0..ECHOES).for_each(|_| frame(&mut pipeline, &["ECHO", ECHO]));
    for _ in 0..5 {
        // Together they have many times as much to say as a shared connection takes at once, and say it within few turns.
        clients.iter_mut().for_each(|client| client.send_raw(&pipeline));
        for client in &mut clients {
            (0..ECHOES).for_each(|_| assert_eq!(client.reply(), ECHO));
        }
    }
}

/// Not more requests than a client may have under way on a shared connection.
const ECHOES: usize = 100;
const ECHO: &str = "a word of fifty letters, so that a hundred make six";
