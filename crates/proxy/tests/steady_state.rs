//! In steady state a small request costs no allocation, in no part of the proxy.

#![allow(unsafe_code, reason = "an allocator that counts has to be an allocator")]

mod real;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use real::{Lab, Redis, view};
use session::{Pool, Rules};
use view::Phase;

struct Counting;

/// Of all threads: the clients of this test allocate nothing either, and nobody else is in its process. (That is why this file
/// has one test.)
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it is; counting touches only a number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const REQUESTS: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const REPLIES: &[u8] = b"+OK\r\n$5\r\nvalue\r\n";

/// All clients ask, then each reads what it is owed.
fn rounds(clients: &mut [TcpStream], rounds: usize) {
    let mut replies = [0; REPLIES.len()];
    for _ in 0..rounds {
        for client in &mut *clients {
            client.write_all(REQUESTS).unwrap();
        }
        for client in &mut *clients {
            client.read_exact(&mut replies).unwrap();
            assert_eq!(replies, REPLIES);
        }
    }
}

#[test]
fn small_requests_cost_no_allocation() {
    for pool in [Pool::Session, Pool::Shared] {
        let redis = Redis::start();
        let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), Rules { pool, ..Rules::default() });
        let mut clients: Vec<TcpStream> = (0..8).map(|_| lab.client().socket().try_clone().unwrap()).collect();
        for client in &clients {
            client.set_read_timeout(Some(real::PATIENCE)).unwrap();
        }
        // Queues and buffers grow to what is needed at once.
        rounds(&mut clients, 200);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        rounds(&mut clients, 1_000);
        let made = ALLOCATIONS.load(Ordering::Relaxed) - before;
        // How many are busy in one turn is the scheduler's choice: a queue may grow once more.
        assert!(made <= 16, "{pool:?}: {made} allocations for 16,000 requests");
    }
}
