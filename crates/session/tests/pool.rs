//! Which connection is found, which is closed, and when.

use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use session::pool::Pool;

const SECOND: Duration = Duration::from_secs(1);

fn addr(n: u16) -> SocketAddr {
    ([10, 0, 0, 1], n).into()
}

fn at(seconds: u32) -> Instant {
    Instant::START + seconds * SECOND
}

fn give(pool: &mut Pool<u32>, seconds: u32, words: &str, conn: u32) -> Option<u32> {
    pool.give(at(seconds), addr(1), words.as_bytes().into(), conn)
}

#[test]
fn a_lane_is_for_those_who_are_the_same_at_the_same_server() {
    let mut pool = Pool::default();
    pool.open_lane(addr(1), b"ann".as_slice().into(), 7);
    assert_eq!(pool.lane(addr(1), b"ann"), Some(7));
    assert_eq!((pool.lane(addr(2), b"ann"), pool.lane(addr(1), b"bob")), (None, None));
    pool.forget(7);
    assert_eq!(pool.lane(addr(1), b"ann"), None);
}

#[test]
fn past_the_bound_a_lane_is_found_by_nobody() {
    let mut pool = Pool::default();
    for n in 0..1_025 {
        pool.open_lane(addr(1), n.to_string().into_bytes().into(), n);
    }
    assert_eq!(pool.lane(addr(1), b"1023"), Some(1_023));
    assert_eq!(pool.lane(addr(1), b"1024"), None);
}

#[test]
fn a_spare_connection_is_for_who_said_the_same_to_the_same_server_the_youngest_first() {
    let mut pool = Pool::default();
    for (n, words) in ["a", "b", "a"].iter().enumerate() {
        assert_eq!(give(&mut pool, 0, words, u32::try_from(n).unwrap()), None);
    }
    assert_eq!((pool.take(addr(2), b"a"), pool.take(addr(1), b"c")), (None, None));
    assert_eq!((pool.take(addr(1), b"a"), pool.take(addr(1), b"a")), (Some(2), Some(0)));
    assert_eq!(pool.take(addr(1), b"a"), None);
    pool.forget(1);
    assert_eq!(pool.take(addr(1), b"b"), None, "it has ended");
}

#[test]
fn there_are_so_many_spare_connections_and_the_oldest_goes() {
    let mut pool = Pool::default();
    for n in 0..64 {
        assert_eq!(give(&mut pool, 0, "a", n), None);
    }
    assert_eq!(give(&mut pool, 0, "a", 64), Some(0));
    assert_eq!(give(&mut pool, 0, "a", 65), Some(1));
}

#[test]
fn a_spare_connection_that_nobody_wants_is_closed() {
    let mut pool = Pool::default();
    assert_eq!(pool.deadline(), None);
    give(&mut pool, 0, "a", 1);
    give(&mut pool, 5, "a", 2);
    assert_eq!(pool.deadline(), Some(at(30)));
    assert_eq!(pool.expire(at(29)), None);
    assert_eq!((pool.expire(at(30)), pool.expire(at(30))), (Some(1), None));
    assert_eq!(pool.deadline(), Some(at(35)));
}

#[test]
fn with_who_had_a_name_goes_a_connection_of_that_name() {
    let mut pool = Pool::default();
    give(&mut pool, 0, "ann", 1);
    give(&mut pool, 0, "bob", 2);
    assert_eq!(pool.on_named_left(b"eve"), None);
    assert_eq!((pool.on_named_left(b"bob"), pool.on_named_left(b"bob")), (Some(2), None));
}
