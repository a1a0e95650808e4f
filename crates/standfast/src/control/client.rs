//! The operator's side of the control socket.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Answer, MAX_ANSWER};
use crate::check;
use crate::cli::NodeArgs;
use crate::failure::Failure;

/// Asks the node that is meant.
pub(crate) fn ask<T: DeserializeOwned>(node: &NodeArgs, line: &str) -> Result<T, Failure> {
    match ask_at(&socket(node)?, line)? {
        Answer::Ok(answer) => Ok(answer),
        Answer::Refused { code, why } => Err(Failure::told(&code, &why)),
    }
}

/// Asks the node behind a socket.
pub(crate) fn ask_at<T: DeserializeOwned>(socket: &Path, line: &str) -> Result<Answer<T>, Failure> {
    let path = socket.display();
    let answer = exchange(socket, line).map_err(|e| {
        Failure::peer(format!(
            "no node answers on its control socket {path}: {e}. Is it running? `standfast run -c FILE` starts one; -c FILE or \
             --control PATH say which one is meant; its user, or root, may ask"
        ))
    })?;
    serde_json::from_slice(&answer).map_err(|e| {
        Failure::peer(format!(
            "the answer on {path} is not understood: {e}. Does the node run another version of standfast than this?"
        ))
    })
}

fn socket(node: &NodeArgs) -> Result<PathBuf, Failure> {
    match &node.control {
        Some(path) => Ok(path.clone()),
        None => match check::read(&node.config) {
            Ok(config) => Ok(config.node.control),
            // The node runs on the file as it was: a slip in the present one must not hide it.
            Err(failure) => {
                let text = std::fs::read(&node.config).unwrap_or_default();
                let path = config::control_socket(&String::from_utf8_lossy(&text));
                path.filter(|path| path.exists()).ok_or_else(|| failure.while_running())
            }
        },
    }
}

fn exchange(socket: &Path, line: &str) -> io::Result<Vec<u8>> {
    let patience = patience(line);
    let too_late = |e: io::Error| match e.kind() {
        io::ErrorKind::WouldBlock => {
            let why = format!("it took the question and gave no answer for {} s", patience.as_secs());
            io::Error::new(io::ErrorKind::TimedOut, why)
        }
        _ => e,
    };
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(format!("{line}\n").as_bytes()).map_err(too_late)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER as u64).read_to_end(&mut answer).map_err(too_late)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

/// How long an answer may take. Most are there within milliseconds, and whoever asks at three in the morning wants to hear that the node is
/// stuck, not to wait with it.
fn patience(line: &str) -> Duration {
    let takes_its_time = ["switchover", "reload", "upgrade"].iter().any(|verb| line.starts_with(verb));
    if takes_its_time { PATIENCE_WITH_WORK } else { PATIENCE }
}

/// A node that is merely busy answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);
/// A switchover may take as long as its group's `switchover-timeout`, at most a minute, and then be undone.
const PATIENCE_WITH_WORK: Duration = Duration::from_secs(90);
