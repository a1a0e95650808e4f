//! How does a test talk to a server or a Sentinel? As much of RESP2 as the tests' commands need, sharing no code with the program
//! under test.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// A connection to a server.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects; no wait of this connection is endless.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, CONNECT_PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REQUEST_PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The same with this patience, for the connection and for each reply: for who asks somebody else then.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn open_within(addr: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// What ends this connection from another thread, whatever it is waiting for.
    ///
    /// # Errors
    /// When the system refuses a second handle.
    pub fn hangs_up(&self) -> io::Result<impl FnOnce() + Send + use<>> {
        let stream = self.0.get_ref().try_clone()?;
        Ok(move || {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        })
    }

    /// The port at this end.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.0.get_ref().local_addr()?.port())
    }

    /// Waits for ever for a reply: for who subscribes.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn wait_for_ever(&mut self) -> io::Result<()> {
        self.0.get_ref().set_read_timeout(None)
    }

    /// Sends a command and reads one reply.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no reply.
    pub fn request(&mut self, command: &[&str]) -> io::Result<Value> {
        let words: String = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        self.0.get_mut().write_all(format!("*{}\r\n{words}", command.len()).as_bytes())?;
        self.reply()
    }

    /// Reads a reply. Bulk and simple strings as text, an error as `{"error": text}`.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no reply.
    pub fn reply(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = line.trim_end().get(1..).unwrap_or_default();
        let number = || rest.parse::<i64>().map_err(|e| io::Error::other(format!("{e}: {line:?}")));
        match line.as_bytes()[0] {
            b'+' => Ok(json!(rest)),
            b'-' => Ok(json!({ "error": rest })),
            b':' => Ok(json!(number()?)),
            b'*' => match number()? {
                count if count < 0 => Ok(Value::Null),
                count => (0..count).map(|_| self.reply()).collect::<io::Result<Vec<_>>>().map(Value::from),
            },
            b'$' => match usize::try_from(number()?) {
                Ok(length) => self.bulk(length),
                Err(_) => Ok(Value::Null),
            },
            _ => Err(io::Error::other(format!("not a reply: {line:?}"))),
        }
    }

    fn bulk(&mut self, length: usize) -> io::Result<Value> {
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes)?;
        Ok(json!(String::from_utf8_lossy(&bytes[..length])))
    }
}

/// One command on a connection of its own; `None` without an answer.
#[must_use]
pub fn ask(addr: SocketAddr, command: &[&str]) -> Option<Value> {
    Connection::open(addr).and_then(|mut connection| connection.request(command)).ok()
}

/// The fields of a reply that is a flat list of names and values, as Sentinel tells an instance.
#[must_use]
pub fn field<'a>(instance: &'a Value, name: &str) -> Option<&'a str> {
    let words = instance.as_array()?;
    words.chunks_exact(2).find(|pair| pair[0] == name)?[1].as_str()
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Longer than the listeners' hold: the answer, good or bad, is theirs to give.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20);
