//! Whatever clients say, and however it is cut: the same bytes directly and through a listener. `DIFFER_SEED=n` begins with stream
//! n, `DIFFER_STREAMS=n` plays so many.

mod differ;
mod real;

use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use differ::volatile::without_ids;
use differ::wire::{Heard, Wire};
use differ::{Pair, first_seed, from_env, generate, pools, show};
use machine::rng::Rng;

/// Streams of one run: they take some seconds for each pool.
const STREAMS: u64 = 30;
/// Clients that talk at once.
const CLIENTS: usize = 6;
/// Playings to make a difference smaller: one that is silence takes [`real::PATIENCE`].
const MAX_TRIES: usize = 200;
/// What each of them says.
const REQUESTS: usize = 150;

#[test]
fn whatever_clients_say_they_hear_the_same() {
    for (pool, rules) in pools() {
        let pair = Pair::start(rules, &[]);
        let first = first_seed();
        for seed in first..first + from_env("DIFFER_STREAMS").unwrap_or(STREAMS) {
            let said: Vec<Vec<Vec<u8>>> = (0..CLIENTS).map(|client| said_by(seed, client)).collect();
            let [directly, through] = [pair.plain.addr, pair.listener()].map(|addr| play(addr, &said, seed));
            for (client, (directly, through)) in directly.iter().zip(&through).enumerate() {
                if directly != through {
                    let told = told(directly, through);
                    let least = smallest(&pair, &said[client], seed);
                    panic!("pool {pool}, DIFFER_SEED={seed}, client {client}: {told}\nalone, this is enough:\n{least}");
                }
            }
        }
        assert_eq!(pair.lab.stats().clients, 0, "nobody stays behind");
    }
}

fn said_by(seed: u64, client: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(seed.wrapping_mul(CLIENTS as u64).wrapping_add(client as u64));
    generate::requests(&mut rng, &format!("{seed}.{client}."), REQUESTS)
}

/// All clients at once; what each heard until its end.
fn play(addr: SocketAddr, said: &[Vec<Vec<u8>>], seed: u64) -> Vec<Heard> {
    thread::scope(|scope| {
        let cut = |client: usize| Rng::new(seed ^ (u64::from(addr.port()) << 32) ^ client as u64);
        let clients = said.iter().enumerate().map(|(client, said)| {
            let mut rng = cut(client);
            scope.spawn(move || talk(addr, &said.concat(), &mut rng))
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn talk(addr: SocketAddr, bytes: &[u8], rng: &mut Rng) -> Heard {
    let mut wire = Wire::to(addr);
    let mut socket = wire.sends();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut rest = bytes;
            while !rest.is_empty() {
                let most = [3, 50, 1_000, 30_000][usize::try_from(rng.below(4)).unwrap()];
                let (part, after) = rest.split_at(rest.len().min(1 + usize::try_from(rng.below(most)).unwrap()));
                if socket.write_all(part).is_err() {
                    return;
                }
                rest = after;
                if rng.chance(20) {
                    thread::sleep(Duration::from_micros(rng.below(1_000)));
                }
            }
        });
        match wire.rest() {
            Heard::End(bytes) => Heard::End(without_ids(&bytes)),
            other => other,
        }
    })
}

/// Leaves out what is not needed for a difference, as long as that goes on.
fn smallest(pair: &Pair, said: &[Vec<u8>], seed: u64) -> String {
    let differs = |said: &[Vec<u8>]| {
        let [directly, through] = [pair.plain.addr, pair.listener()].map(|addr| {
            // Alike at both: nothing of what was is left.
            assert_eq!(pair.plain.client().say("FLUSHALL"), "+OK");
            assert_eq!(pair.behind.client().say("FLUSHALL"), "+OK");
            play(addr, &[said.to_vec()], seed)
        });
        directly != through
    };
    let mut said = said.to_vec();
    let is_silence = |heard: &Heard| !matches!(heard, Heard::End(_));
    if play(pair.listener(), &[said.clone()], seed).iter().any(is_silence) {
        return "not looked for: it takes too long to wait for silence".to_owned();
    }
    if !differs(&said) {
        return "nothing: it takes several clients, or luck".to_owned();
    }
    let (mut piece, mut tries) = (said.len() / 2, 0);
    while piece > 0 {
        let mut at = 0;
        while at + piece < said.len() && tries < MAX_TRIES {
            tries += 1;
            let mut less = said.clone();
            less.drain(at..at + piece);
            if differs(&less) {
                said = less;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    said.iter().map(|request| show(request)).collect::<Vec<_>>().join("\n")
}

fn told(directly: &Heard, through: &Heard) -> String {
    let of = |heard: &Heard| match heard {
        Heard::End(bytes) => ("ended", bytes.clone()),
        Heard::Nothing(bytes) | Heard::Reply(bytes) => ("went silent", without_ids(bytes)),
    };
    let ((d_end, d), (t_end, t)) = (of(directly), of(through));
    let same = d.iter().zip(&t).take_while(|(d, t)| d == t).count();
    let around = |bytes: &[u8]| show(&bytes[same.saturating_sub(80)..bytes.len().min(same + 200)]);
    let (direct, through) = (around(&d), around(&t));
    format!(
        "from byte {same}\n  direct, {d_end} after {}:  {direct}\n  through, {t_end} after {}: {through}",
        d.len(),
        t.len()
    )
}
