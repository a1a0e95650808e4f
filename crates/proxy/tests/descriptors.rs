//! The process has no descriptor left: clients wait in the kernel's queue, and are served as soon as there are some again.

mod real;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use real::{Lab, PATIENCE, Redis, view};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use session::Rules;
use socket2::{Domain, Socket, Type};
use view::Phase;

/// Of this process. It alone has this limit: each test file is a program of its own.
const LIMIT: u64 = 256;

#[test]
fn who_comes_while_there_is_no_descriptor_is_let_in_later() {
    let redis = Redis::start();
    let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), Rules::default());
    assert_eq!(lab.client().say("PING"), "+PONG");
    let addr = lab.proxy.addrs()[0];
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are some left");
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum }).expect("it is lowered");
    let mut all = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        all.push(file);
    }
    assert!(all.len() > 50, "they are taken, not refused: {}", all.len());
    client.connect(&addr.into()).expect("the kernel's queue has room");
    let mut client = TcpStream::from(client);
    client.write_all(b"PING\r\n").expect("the kernel takes it");
    // Longer than the worker rests before it tries again.
    client.set_read_timeout(Some(std::time::Duration::from_millis(300))).expect("it is open");
    let mut answer = [0; 7];
    assert!(client.read(&mut answer).is_err(), "nobody could let it in");
    drop(all);
    client.set_read_timeout(Some(PATIENCE)).expect("it is open");
    client.read_exact(&mut answer).expect("it is let in");
    assert_eq!(&answer, b"+PONG\r\n");
}
