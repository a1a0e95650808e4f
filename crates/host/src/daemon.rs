//! How does a program go to the background? For service managers of the old kind, which wait for their child to end.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;

/// Goes on in a child of its own session, without a terminal: standard input, output and error are `/dev/null`. The caller's process
/// ends with status 0.
///
/// # Errors
/// When the kernel has no room for another process; then nothing has changed.
///
/// # Panics
/// When this process already has a second thread: it would be missing in the child, with all that it had locked.
pub fn daemonize() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    assert_eq!(threads(), 1, "threads do not survive a fork");
    if fork()? {
        std::process::exit(0);
    }
    begin_session();
    for standard in 0..=2 {
        put_in_place(null.as_raw_fd(), standard)?;
    }
    Ok(())
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Whether this is the parent.
#[expect(unsafe_code, reason = "std does not fork")]
fn fork() -> io::Result<bool> {
    // SAFETY: fork(2) copies this process, which the caller has seen to have one thread: no lock can be left held in the child.
    match unsafe { libc::fork() } {
        0 => Ok(false),
        child if child > 0 => Ok(true),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "a system call that std does not offer")]
fn begin_session() {
    // SAFETY: setsid(2) takes nothing and touches no memory. It fails only for the leader of a process group, and a new child is none.
    unsafe { libc::setsid() };
}

#[expect(unsafe_code, reason = "a system call that std does not offer")]
fn put_in_place(from: i32, to: i32) -> io::Result<()> {
    // SAFETY: dup2(2) takes two numbers; the standard descriptors belong to no owner that would close them behind our back.
    if unsafe { libc::dup2(from, to) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
