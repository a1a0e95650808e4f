//! The kernel said no. An operator reads this at 3 am: what we tried, on which path, what the kernel answered, what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Something that this host did not let us do.
#[derive(Debug)]
pub struct HostRefused {
    /// What was tried, so that "could not ..." can stand before it: `create the state directory`.
    pub what: &'static str,
    /// The file, directory or program that it was tried on.
    pub path: PathBuf,
    /// What the kernel answered.
    pub source: io::Error,
    /// What the operator can do about it: a sentence.
    pub remedy: String,
}

impl HostRefused {
    /// A refusal whose remedy follows from the kernel's answer.
    #[must_use]
    pub fn new(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        let remedy = remedy(&path, source.kind());
        Self { what, path, source, remedy }
    }

    /// The same with a remedy that only the caller knows.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Whether the host lacked something for a moment (processes, memory, descriptors), so that nothing is said about what was
    /// asked for.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        let short = [libc::EAGAIN, libc::ENOMEM, libc::ENFILE, libc::EMFILE];
        self.source.raw_os_error().is_some_and(|error| short.contains(&error))
    }
}

impl fmt::Display for HostRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, path, source, remedy } = self;
        write!(f, "could not {what}: {}: {source}. {remedy}", path.display())
    }
}

impl Error for HostRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Raw sockets were refused.
pub(crate) const NO_RAW: &str = "CAP_NET_RAW is missing: AmbientCapabilities=CAP_NET_RAW (systemd), or run as root";

/// What usually helps against an answer of this kind.
fn remedy(path: &Path, kind: io::ErrorKind) -> String {
    let path = path.display();
    match kind {
        io::ErrorKind::PermissionDenied => {
            format!("Give the user that runs this program the right to use {path}, or name another path.")
        }
        io::ErrorKind::NotFound => format!("Create {path}, or name a path that exists."),
        io::ErrorKind::NotADirectory => format!("A part of {path} is a file: name another path."),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("Make room on the file system of {path}.")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("The file system of {path} is mounted read-only: name another path, or mount it for writing.")
        }
        _ => format!("See that {path} is on a healthy, writable file system."),
    }
}
