//! Which descriptors does another program get from us, and which did we get? For a process that hands its sockets to the one that takes its
//! place, and for a service manager that binds them for us.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

/// A second descriptor of the same file that a program started from here on has too, under the same number. Drop it as soon as that program
/// is started, and start no other meanwhile.
///
/// # Errors
/// When this process has no descriptors left.
#[expect(unsafe_code, reason = "std makes no descriptor that survives an exec")]
pub fn to_child(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: fcntl(2) with F_DUPFD takes a number, reads no memory, and makes a descriptor that nobody else has.
    let copy = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, FIRST) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Takes a descriptor that this process was started with. No program that it starts will have it.
///
/// # Errors
/// When it is not open, is one of the standard three, or was taken already.
#[expect(unsafe_code, reason = "a number from another process becomes a descriptor")]
pub fn from_parent(number: RawFd) -> io::Result<OwnedFd> {
    static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());
    if number < FIRST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {number} is a standard one")));
    }
    // SAFETY: fcntl(2) with F_SETFD takes numbers and reads no memory; on a number that is not open it fails.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if !TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {number} was taken already")));
    }
    // SAFETY: it is open, it is taken once, and the process that started us says that it is for us: nothing here opened it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The numbers below are standard input, output and error.
const FIRST: RawFd = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::os::fd::IntoRawFd as _;
    use std::process::Command;

    #[test]
    fn a_child_has_what_it_is_given_under_its_number() {
        let file = File::open("/proc/self/comm").expect("Linux has it");
        let copy = to_child(file.as_fd()).expect("a descriptor more");
        let shell = |fd: RawFd| Command::new("sh").args(["-c", &format!("test -e /proc/self/fd/{fd}")]).status();
        assert!(shell(copy.as_raw_fd()).expect("a shell").success());
        assert!(!shell(file.as_raw_fd()).expect("a shell").success(), "what was not given is not there");
    }

    #[test]
    fn what_was_given_is_taken_once() {
        let file = File::open("/proc/self/comm").expect("Linux has it");
        let number = to_child(file.as_fd()).expect("a descriptor more").into_raw_fd();
        let mut taken = File::from(from_parent(number).expect("it is open"));
        let mut text = String::new();
        taken.read_to_string(&mut text).expect("it can be read");
        assert!(!text.is_empty());
        assert!(from_parent(number).is_err(), "only once");
        assert!(from_parent(1).is_err(), "not a standard one");
        assert!(from_parent(99_999).is_err(), "not one that is not open");
    }
}
