//! Why did the program end without doing what it was asked to, and what does its exit code say?

use std::fmt;
use std::process::ExitCode;

/// Whose fault it is: this is the exit code, so that a service manager or a script can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Asked for and refused or undone, or something that has no name of its own.
    Refused = 1,
    /// The configuration.
    Misconfigured = 2,
    /// A Redis or a node that is needed does not do its part.
    Peer = 3,
    /// This host: an address in use, a directory that cannot be written.
    Host = 4,
}

/// The last words of a program that could not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    fault: Fault,
    text: String,
}

impl Failure {
    /// `text` says what failed, where, what was done about it and what one can do.
    pub(crate) fn new(fault: Fault, text: impl Into<String>) -> Self {
        Self { fault, text: text.into() }
    }

    /// What was asked for was refused or undone.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(Fault::Refused, text)
    }

    /// This host did not allow it.
    pub(crate) fn host(text: impl Into<String>) -> Self {
        Self::new(Fault::Host, text)
    }

    /// A Redis or a node did not do its part.
    pub(crate) fn peer(text: impl Into<String>) -> Self {
        Self::new(Fault::Peer, text)
    }

    /// The same said by a node that goes on: what would have ended a start has changed nothing.
    pub(crate) fn while_running(mut self) -> Self {
        self.text = self
            .text
            .replace("Nothing was started", "Nothing was changed")
            .replace("nothing was started", "nothing was changed");
        self
    }

    /// Its name on the control socket.
    pub(crate) const fn word(&self) -> &'static str {
        match self.fault {
            Fault::Refused => "ERR",
            Fault::Misconfigured => "MISCONFIGURED",
            Fault::Peer => "PEER",
            Fault::Host => "HOST",
        }
    }

    /// A refusal from the control socket, with whose fault it was.
    pub(crate) fn told(word: &str, why: &str) -> Self {
        match word {
            "MISCONFIGURED" => Self::new(Fault::Misconfigured, why),
            "PEER" => Self::peer(why),
            "HOST" => Self::host(why),
            // These say no more than that.
            "ERR" | "NONE" => Self::refused(why),
            _ => Self::refused(format!("{why} ({word})")),
        }
    }

    /// A group that is not known, and those that are.
    pub(crate) fn no_group<G: fmt::Display>(group: &str, known: impl IntoIterator<Item = G>) -> String {
        let known: Vec<String> = known.into_iter().map(|known| known.to_string()).collect();
        format!(
            "this node has no group {group}; it has {}",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        )
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.fault as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
