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
    /// The file, directory or program that it was tried on; or the interface, host or part of the kernel.
    pub path: PathBuf,
    /// What the kernel answered.
    pub source: io::Error,
    /// What the operator can do about it: a sentence, with or without its full stop.
    pub remedy: String,
}

impl HostRefused {
    /// A file or directory was refused. The remedy follows from the kernel's answer.
    #[must_use]
    pub fn new(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        let remedy = shortage(&source).map_or_else(|| of_file(&path, source.kind()), str::to_owned);
        Self { what, path, source, remedy }
    }

    /// A program could not be started, or waited for.
    #[must_use]
    pub fn program(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        let remedy = match source.raw_os_error() {
            // Of a program, the kernel says this and means processes.
            Some(libc::EAGAIN) => "No process more may be started: see TasksMax= (systemd), `ulimit -u`".to_owned(),
            _ => shortage(&source).map_or_else(|| of_program(&path, &source), str::to_owned),
        };
        Self { what, path, source, remedy }
    }

    /// A socket, or what the kernel was asked by one, was refused. `on`: the interface or host, or `netlink`. `remedy`: what helps where
    /// neither shortage nor a ban of sockets is the reason.
    #[must_use]
    pub fn socket(what: &'static str, on: impl Into<PathBuf>, source: io::Error, remedy: &str) -> Self {
        let remedy = shortage(&source).or_else(|| of_socket(&source)).unwrap_or(remedy).to_owned();
        Self { what, path: on.into(), source, remedy }
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

/// Without a full stop: whoever tells it says what was done about it.
impl fmt::Display for HostRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, path, source, remedy } = self;
        write!(f, "could not {what}: {}: {source}. {}", path.display(), remedy.trim_end_matches('.'))
    }
}

impl Error for HostRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Raw sockets were refused.
pub(crate) const NO_RAW: &str = "CAP_NET_RAW is missing: AmbientCapabilities=CAP_NET_RAW (systemd), or run as root";

/// Addresses, links or connections may not be changed.
pub(crate) const NO_ADMIN: &str =
    "CAP_NET_ADMIN is missing: AmbientCapabilities=CAP_NET_ADMIN (systemd), or run as root";

/// The kernel does not say what is the matter with a question about its network.
pub(crate) const NO_ANSWER: &str = "`ip link` and `ip address` ask the kernel the same: what they say helps further";

/// What helps when the host has none left of what everything needs; no such thing is said about what was asked for.
fn shortage(error: &io::Error) -> Option<&'static str> {
    Some(match error.raw_os_error()? {
        libc::EMFILE => "This process has no descriptor left: raise LimitNOFILE= (systemd) or `ulimit -n`",
        libc::ENFILE => "This host has no descriptor left: see the sysctl fs.file-max, and who has so many (`lsof`)",
        libc::ENOMEM => "No memory is left for it: see `free`, and MemoryMax= (systemd)",
        _ => return None,
    })
}

fn of_file(path: &Path, kind: io::ErrorKind) -> String {
    let path = path.display();
    match kind {
        io::ErrorKind::PermissionDenied => {
            format!("Give the user that runs this program the right to use {path}, or name another path.")
        }
        io::ErrorKind::NotFound => format!("Create {path}, or name a path that exists."),
        io::ErrorKind::NotADirectory => format!("A part of {path} is a file: name another path."),
        io::ErrorKind::IsADirectory => format!("{path} is a directory where a file is wanted: name another path."),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("Make room on the file system of {path}.")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("The file system of {path} is mounted read-only: name another path, or mount it for writing.")
        }
        _ => format!("See that {path} is on a healthy, writable file system."),
    }
}

fn of_program(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.raw_os_error() {
        Some(libc::ENOENT) => format!("See that {path} is there, and the interpreter that its first line names"),
        Some(libc::EACCES) => {
            format!(
                "Let its user run {path} (`chmod +x`) and enter its directories; the file system must not be `noexec`"
            )
        }
        Some(libc::ENOEXEC) => {
            format!(
                "{path} is no program of this machine: a script begins with `#!` and its interpreter, such as `#!/bin/sh`"
            )
        }
        Some(libc::ETXTBSY) => format!("Somebody is writing to {path}: put a new version beside it and rename it"),
        Some(libc::EPERM) => "This process may not become that user: run as root, or leave `user` out".to_owned(),
        _ => format!("Run {path} by hand, as the same user: what happens then says more"),
    }
}

fn of_socket(error: &io::Error) -> Option<&'static str> {
    Some(match error.raw_os_error()? {
        libc::EAFNOSUPPORT => {
            "Sockets of this kind are forbidden: RestrictAddressFamilies= (systemd) must name AF_INET, AF_INET6, AF_NETLINK and AF_PACKET; \
             or this kernel has none"
        }
        libc::ENOBUFS => "The kernel's queue for it is full: `ip -s link` shows whether the interface sends",
        libc::ENOSYS => {
            "A filter of system calls is in the way: see SystemCallFilter= (systemd), or the container's seccomp profile"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(error: i32) -> String {
        HostRefused::new("write the file", "/x/y", io::Error::from_raw_os_error(error)).to_string()
    }

    fn program(error: i32) -> String {
        HostRefused::program("start the program", "/x/y", io::Error::from_raw_os_error(error)).to_string()
    }

    fn socket(error: io::Error) -> String {
        HostRefused::socket("list the addresses", "netlink", error, "`ip address` asks the same").to_string()
    }

    fn ends(text: &str, with: &str) {
        assert!(text.contains(with), "{text}");
        assert!(!text.ends_with('.'), "who tells it goes on: {text}");
    }

    #[test]
    fn a_remedy_is_about_what_was_refused() {
        ends(
            &file(libc::EACCES),
            "could not write the file: /x/y: Permission denied (os error 13). Give the user that ",
        );
        ends(&file(libc::EIO), "healthy, writable file system");
        ends(&program(libc::EACCES), "`chmod +x`");
        ends(&program(libc::ENOENT), "interpreter");
        ends(&program(libc::ENOEXEC), "`#!`");
        ends(&program(libc::EIO), "by hand");
        ends(
            &socket(io::Error::other("it changes too fast")),
            "netlink: it changes too fast. `ip address` asks the same",
        );
        ends(&socket(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)), "RestrictAddressFamilies=");
        let of_files = ["healthy, writable file system", "another path", "Create "];
        for error in 1..=133 {
            let error = || io::Error::from_raw_os_error(error);
            for refused in
                [HostRefused::program("run", "/x/y", error()), HostRefused::socket("ask", "netlink", error(), "")]
            {
                assert!(!of_files.iter().any(|word| refused.remedy.contains(word)), "{refused}");
            }
        }
    }

    #[test]
    fn a_host_that_is_short_of_something_is_told_so_whatever_was_tried() {
        for (error, what) in
            [(libc::EMFILE, "LimitNOFILE="), (libc::ENFILE, "fs.file-max"), (libc::ENOMEM, "MemoryMax=")]
        {
            ends(&file(error), what);
            ends(&program(error), what);
            ends(&socket(io::Error::from_raw_os_error(error)), what);
        }
        ends(&program(libc::EAGAIN), "TasksMax=");
    }
}
