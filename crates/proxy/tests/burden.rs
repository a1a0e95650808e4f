//! Many clients have much to say while there is no master: what a thread keeps for all of them is bounded, nobody loses a request or a reply,
//! and when there is a master again everybody is answered.

mod real;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use proxy::budget::MOST;
use real::{Lab, PATIENCE, Redis, frame, view, wait_until};
use session::{Pool, Rules};
use view::Phase;

/// With as much as each may have waiting, some hundred MiB.
const CLIENTS: usize = 400;
/// Of each client, with a KiB each.
const REQUESTS: usize = 1_000;
/// What each may keep beyond the bound: one read, and what memory is doubled by.
const EACH: usize = 160 << 10;
const TWO_THREADS: usize = 2;

#[test]
fn what_all_clients_have_waiting_is_bounded_and_all_of_it_is_answered() {
    for pool in [Pool::Session, Pool::Shared] {
        let redis = Redis::start();
        let nobody = view(1, Phase::Switching, redis.addr, &[]);
        let lab = Lab::start(nobody, Rules { pool, hold: Duration::from_secs(120), ..Rules::default() });
        let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| lab.client().socket().try_clone().unwrap()).collect();
        let mut request = Vec::new();
        frame(&mut request, &[b"SET".as_slice(), b"key", &[b'v'; 1_024]]);
        let all = request.repeat(REQUESTS);
        let mut sent = vec![0; CLIENTS];
        let mut most = 0;
        // Everybody writes for as long as anybody is read.
        let mut rests = 0;
        while rests < 50 {
            let before: usize = sent.iter().sum();
            for (client, sent) in clients.iter().zip(&mut sent) {
                push(client, &all, sent);
            }
            most = most.max(lab.kept());
            thread::sleep(Duration::from_millis(5));
            rests = if sent.iter().sum::<usize>() == before { rests + 1 } else { 0 };
        }
        assert!(most >= TWO_THREADS * MOST / 2, "the clients have enough to say: {most}");
        assert!(most <= TWO_THREADS * MOST + CLIENTS * EACH, "{most} bytes are kept");

        lab.publish(view(2, Phase::Steady, redis.addr, &[]));
        let ends: Vec<_> = clients
            .into_iter()
            .zip(sent)
            .map(|(client, sent)| (client, all.clone(), sent))
            .map(|(client, all, sent)| {
                thread::Builder::new().stack_size(64 << 10).spawn(move || finish(client, &all, sent))
            })
            .collect();
        for end in ends {
            end.unwrap().join().unwrap();
        }
        wait_until("nothing is kept any more", || lab.kept() == 0);
    }
}

/// Sends as much as is taken.
fn push(mut client: &TcpStream, all: &[u8], sent: &mut usize) {
    client.set_nonblocking(true).unwrap();
    while *sent < all.len() {
        match client.write(&all[*sent..]) {
            Ok(n) => *sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return,
            Err(e) => panic!("nobody is closed: {e}"),
        }
    }
}

/// Sends the rest, and hears one reply for each request.
fn finish(client: TcpStream, all: &[u8], sent: usize) {
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut replies = vec![0; 5 * REQUESTS];
    let mut reader = client.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| (&client).write_all(&all[sent..]).unwrap());
        reader.read_exact(&mut replies).unwrap();
    });
    assert!(replies.chunks(5).all(|reply| reply == b"+OK\r\n"));
}
