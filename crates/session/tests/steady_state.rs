//! In steady state a small request costs no allocation, and an idle session next to no memory.

#![allow(unsafe_code, reason = "an allocator that counts has to be an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use machine::Instant;
use session::{Action, Conn, Event, Rules, Session, Spare};
use view::{Epoch, Phase, View};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVING: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; counting touches only the thread's own numbers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        LIVING.with(|n| n.set(n.get() + layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVING.with(|n| n.set(n.get() - layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn shared() -> (Arc<Rules>, Arc<View>) {
    let view = View {
        group: "cache".into(),
        epoch: Epoch(1),
        phase: Phase::Steady,
        master: ([10, 0, 0, 1], 6379).into(),
        replicas: Vec::new(),
    };
    (Arc::new(Rules::default()), Arc::new(view))
}

fn new() -> Session {
    let (rules, view) = shared();
    Session::new(rules, view, Rc::default())
}

/// `depth` requests at once and their replies.
fn turn(session: &mut Session, spare: &mut Spare, conn: Conn, request: &[u8], reply: &[u8]) {
    let now = Instant::START;
    session.lend(spare);
    session.handle(now, Event::ClientBytes(request));
    assert_eq!(session.poll(), None);
    let n = session.to_server().len();
    assert_eq!(n, request.len());
    session.sent(n);
    session.reclaim(spare);
    session.lend(spare);
    session.handle(now, Event::ServerBytes { conn, bytes: reply });
    assert_eq!(session.poll(), None);
    let n = session.to_client().len();
    assert_eq!(n, reply.len());
    session.delivered(n);
    session.reclaim(spare);
    assert_eq!(session.deadline(), None);
}

fn connected(session: &mut Session, spare: &mut Spare) -> Conn {
    session.lend(spare);
    session.handle(Instant::START, Event::ClientBytes(b"*1\r\n$4\r\nPING\r\n"));
    let Some(Action::Connect { conn, .. }) = session.poll() else { panic!("it connects") };
    session.handle(Instant::START, Event::ServerConnected { conn });
    session.sent(session.to_server().len());
    session.handle(Instant::START, Event::ServerBytes { conn, bytes: b"+PONG\r\n" });
    session.delivered(session.to_client().len());
    session.reclaim(spare);
    conn
}

#[test]
fn small_requests_allocate_nothing() {
    let set = b"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$5\r\nvalue\r\n".as_slice();
    let get = b"*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n".as_slice();
    let mut spare = Spare::new();
    let mut sessions: Vec<Session> = (0..10).map(|_| new()).collect();
    let conns: Vec<Conn> = sessions.iter_mut().map(|s| connected(s, &mut spare)).collect();
    for depth in [1, 16] {
        let (requests, replies) = ([set, get].concat().repeat(depth), b"+OK\r\n$5\r\nvalue\r\n".repeat(depth));
        // The first turns make the buffers as large as this load needs them.
        for _ in 0..3 {
            for (session, conn) in sessions.iter_mut().zip(&conns) {
                turn(session, &mut spare, *conn, &requests, &replies);
            }
        }
        let before = ALLOCATIONS.with(Cell::get);
        for _ in 0..1_000 {
            for (session, conn) in sessions.iter_mut().zip(&conns) {
                turn(session, &mut spare, *conn, &requests, &replies);
            }
        }
        assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "depth {depth}");
    }
}

#[test]
fn an_idle_session_keeps_less_than_a_kibibyte() {
    let mut spare = Spare::new();
    // What all sessions share is not counted, nor what the worker keeps for the next busy one.
    let (rules, view) = shared();
    let loads = Rc::default();
    connected(&mut new(), &mut spare);
    let before = LIVING.with(Cell::get);
    let mut idle: Vec<Session> = Vec::with_capacity(100);
    for _ in 0..100 {
        let mut session = Session::new(rules.clone(), view.clone(), Rc::clone(&loads));
        connected(&mut session, &mut spare);
        idle.push(session);
    }
    let each = (LIVING.with(Cell::get) - before) / 100;
    assert!(each < 1024, "{each} bytes each; the struct alone has {}", size_of::<Session>());
    println!("an idle session: {each} bytes");
}
