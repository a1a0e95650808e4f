//! How does one connection ask a Redis? Commands go out together, replies come in order.

use std::io;

use resp::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A connection, of whatever kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// An open connection. One on which something went wrong is not used again: what comes on it may be an answer to something older.
pub(super) struct Talk {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

impl Talk {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), input: Vec::new() }
    }

    /// Says something that is no command.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Logs in: nothing is said where there is no password.
    pub(super) async fn log_in(&mut self, login: Option<&Login>) -> io::Result<Option<String>> {
        let Some(login) = login else { return Ok(None) };
        let answers = self.ask(&[&auth(login)]).await?;
        Ok(answers.iter().find_map(error))
    }

    /// The replies to some commands.
    pub(super) async fn ask(&mut self, commands: &[&[&str]]) -> io::Result<Vec<Value>> {
        self.say(&written(commands)).await?;
        let mut replies = Vec::with_capacity(commands.len());
        while replies.len() < commands.len() {
            replies.push(self.reply().await?);
        }
        Ok(replies)
    }

    /// The next reply. Who does not wait for it to the end can do so later.
    pub(super) async fn reply(&mut self) -> io::Result<Value> {
        loop {
            let decoded = resp::decode(&self.input, &resp::Limits::REPLIES);
            if let Some((value, used)) = decoded.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))? {
                self.input.drain(..used);
                return Ok(value);
            }
            if self.input.len() > MAX_REPLY {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply without an end"));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed"));
            }
        }
    }
}

/// Commands as they go out.
pub(super) fn written(commands: &[&[&str]]) -> Vec<u8> {
    let mut out = Vec::new();
    for command in commands {
        resp::write::command(&mut out, command);
    }
    out
}

/// How a login is said.
pub(super) fn auth((user, password): &Login) -> Vec<&str> {
    match user.as_deref().filter(|user| !user.is_empty()) {
        Some(user) => vec!["AUTH", user, password],
        None => vec!["AUTH", password],
    }
}

/// User and password.
pub(super) type Login = (Option<String>, String);

/// The words of a reply that is an error.
pub(super) fn error(reply: &Value) -> Option<String> {
    reply.as_error().map(str::to_owned)
}

/// What is asked has short answers; the value of a key that an operator names may be longer.
const MAX_REPLY: usize = 1 << 20;
