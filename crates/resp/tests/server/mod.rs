//! A real redis-server of our own, alone on a free port, gone with the value.

#![allow(dead_code, reason = "each test calls its own part")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use resp::{Limits, Value};

pub(crate) struct Server {
    process: Child,
    port: u16,
    dir: PathBuf,
}

impl Server {
    pub(crate) fn start() -> Self {
        let program = std::env::var("STANDFAST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        let port = ports::free_address().port();
        let dir = std::env::temp_dir().join(format!("resp-test-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory can be written");
        let process = Command::new(&program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--dir"])
            .arg(&dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{program} cannot be started ({error}). This test compares with a real server: \
                     `cargo xtask test` installs one, STANDFAST_REDIS_SERVER names another."
                )
            });
        let server = Self { process, port, dir };
        // Half a minute: a loaded machine starts a server late, but it does start it.
        let listens = (0..1_500).any(|_| {
            sleep(Duration::from_millis(20));
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        assert!(listens, "{program} does not listen on port {port}");
        server
    }

    /// A reply to one command.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let mut request = Vec::new();
        resp::write::command(&mut request, arguments);
        let mut stream = self.connect();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        let mut chunk = [0; 65536];
        loop {
            let read = stream.read(&mut chunk).expect("the server answers in time");
            assert!(read > 0, "the server closed the connection");
            answer.extend_from_slice(&chunk[..read]);
            if let Some((value, _)) = resp::decode(&answer, &Limits::REPLIES).unwrap() {
                return value;
            }
        }
    }

    /// All that the server answers to these bytes, and whether it closed the connection: they must
    /// either make it do so or end with [`MARK`].
    pub(crate) fn answer(&self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut stream = self.connect();
        // Refused bytes may close the connection before all are written: not a fault of the test.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => return (answer, true),
                Ok(read) => answer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return (answer, true);
                }
                Err(error) => panic!("no answer to {}: {error}", bytes.escape_ascii()),
            }
            if answer.ends_with(b"$4\r\nmark\r\n") {
                return (answer, false);
            }
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A request of which the answer cannot be taken for another.
pub(crate) const MARK: &[u8] = b"PING mark\r\n";
