//! Can we work with this Redis at all? One short question to each group's master before the node starts.
//!
//! Only an answer counts: a password that we lack, a server that is too old. A master that cannot be reached is what this program is
//! there for, so the start goes on.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sentinel::command::{self, Credentials};
use sentinel::{Answer, Ask};

use crate::failure::Failure;

/// One master to ask.
pub(crate) struct Question<'a> {
    pub(crate) group: &'a str,
    pub(crate) master: SocketAddr,
    pub(crate) credentials: Credentials,
    /// `file:line:column` of the group.
    pub(crate) place: String,
}

/// Asks all of them at once.
pub(crate) fn probe(questions: &[Question<'_>]) -> Result<(), Failure> {
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = questions.iter().map(|question| scope.spawn(|| ask(question))).collect();
        asked.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for (question, answer) in questions.iter().zip(answers) {
        let Ok(answer) = answer else { continue };
        judge(question, answer)?;
    }
    Ok(())
}

/// Says which rights our user lacks that it needs in a failover alone: nobody would miss them before.
fn tell_lacking(question: &Question<'_>, lacking: &[&str]) {
    let Question { group, master, credentials, .. } = question;
    if lacking.is_empty() {
        return;
    }
    let (user, rules) = (&credentials.username, lacking.join(" "));
    tracing::warn!(
        group,
        server = %master,
        "the user {user} may not say there what a failover or a switchover needs: with this, the group has none. What to do: on each server \
         of the group `ACL SETUSER {user} {rules}`, and keep it (`ACL SAVE` or `CONFIG REWRITE`); README.md has all rights that are needed"
    );
}

fn judge(question: &Question<'_>, answer: io::Result<Answer>) -> Result<(), Failure> {
    let Question { group, master, place, .. } = question;
    match answer {
        Ok(Answer::Denied { text }) if is_protected(&text) => Err(Failure::peer(format!(
            "the master of group {group}, {master}, serves its own host alone: {} Nothing was started. What to do: give the servers of \
             the group a password (`requirepass` and `masterauth`) and set `password` of the group at {place} to it; or, in a network that \
             only friends reach, set `protected-mode no`",
            first_sentence(&text)
        ))),
        Ok(Answer::Denied { text }) => Err(Failure::peer(format!(
            "the master of group {group}, {master}, does not let us in: {}. Nothing was started. What to do: set `password` (and \
             `username`, for an ACL user) of the group at {place} to what the server expects",
            text.trim_end_matches('.')
        ))),
        Ok(Answer::Info(info)) if !info.is_supported() => Err(Failure::peer(format!(
            "the master of group {group}, {master}, is Redis {}; Standfast needs 6.2 or newer (any Valkey will do). Nothing was \
             started. What to do: upgrade the group's servers, replicas first",
            info.version
        ))),
        Ok(Answer::Strange { text }) => {
            tracing::warn!(group, server = %master, "it answered INFO with {text}: is this port really a Redis? Starting all the same");
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(e) => {
            tracing::info!(group, server = %master, "not reached at the start ({e}): going on, the other nodes may know better");
            Ok(())
        }
    }
}

/// Redis in protected mode answers this, whatever is said, to all but its own host (`protected-mode` in redis.conf).
fn is_protected(text: &str) -> bool {
    text.starts_with("DENIED ")
}

/// The answer to `INFO`, or that to `AUTH` if it was refused.
fn ask(question: &Question<'_>) -> io::Result<Answer> {
    speak(question).or_else(|e| listen(question.master).unwrap_or(Err(e)))
}

/// What a server says to one who says nothing. Who ends a connection before it has read what we say resets it, and its last words may be lost.
fn listen(master: SocketAddr) -> Option<io::Result<Answer>> {
    let mut stream = TcpStream::connect_timeout(&master, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let said = reply(&mut stream, &mut Vec::new()).ok()?;
    let text = said.as_error().filter(|text| is_protected(text))?;
    Some(Ok(Answer::Denied { text: text.to_owned() }))
}

/// Redis's own words are a page.
fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

fn speak(question: &Question<'_>) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&question.master, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut out = Vec::new();
    let mut asks = Vec::new();
    for ask in [Ask::Auth, Ask::Info] {
        if command::write(&mut out, &ask, &question.credentials, stream.local_addr()?.ip()) {
            asks.push(ask);
        }
    }
    stream.write_all(&out)?;
    let mut input = Vec::new();
    let mut last = Answer::Ok;
    for ask in asks {
        last = Answer::read(&ask, &reply(&mut stream, &mut input)?);
        if matches!(last, Answer::Denied { .. }) {
            return Ok(last);
        }
    }
    if !question.credentials.username.is_empty()
        && let Ok(lacking) = lacking(&mut stream, &question.credentials)
    {
        tell_lacking(question, &lacking);
    }
    Ok(last)
}

/// The rules of an ACL that our user lacks.
fn lacking(stream: &mut TcpStream, credentials: &Credentials) -> io::Result<Vec<&'static str>> {
    let (mut out, mut input) = (Vec::new(), Vec::new());
    command::write_rights(&mut out, credentials);
    stream.write_all(&out)?;
    let mut lacking = Vec::new();
    for (_, rule) in command::RIGHTS {
        let answer = reply(stream, &mut input)?;
        if answer.as_error().is_some_and(|text| text.starts_with("NOPERM")) {
            lacking.push(rule);
        }
    }
    Ok(lacking)
}

fn reply(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<resp::Value> {
    loop {
        let decoded = resp::decode(input, &resp::Limits::REPLIES);
        if let Some((value, used)) = decoded.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))? {
            input.drain(..used);
            return Ok(value);
        }
        if input.len() > MAX_REPLY {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply without an end"));
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => input.extend_from_slice(&chunk[..n]),
        }
    }
}

/// How long a start may wait for each step of an answer: long for a network, short for a person.
const PATIENCE: Duration = Duration::from_millis(500);
/// INFO of a large server is some 10 KiB.
const MAX_REPLY: usize = 1 << 20;
