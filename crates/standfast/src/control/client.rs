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
                path.filter(|path| path.exists()).ok_or(failure)
            }
        },
    }
}

fn exchange(socket: &Path, line: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER as u64).read_to_end(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

/// A switchover may take as long as its group's `switchover-timeout`, at most a minute, and then be undone.
const PATIENCE: Duration = Duration::from_secs(90);
