//! How is a program of the operator run with fewer rights than ours? As another user, or as ours, and never with our capabilities.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::account::User;

/// Makes the command's process another user's, with that user's groups, before it becomes the program. Root's rights are gone with root;
/// those that an unprivileged Standfast was given in pieces are taken away, too.
pub fn run_as(command: &mut Command, user: &User) {
    let user = user.clone();
    before_exec(command, move || {
        // In this order: who is no longer privileged may not change groups.
        set_groups(&user)?;
        drop_capabilities()
    });
}

/// Makes the command's process one of our user without the capabilities that we were given in pieces. Root stays root.
pub fn run_plain(command: &mut Command) {
    before_exec(command, drop_capabilities);
}

/// Ends a process that we started as the head of a group of its own, and that was not waited for yet, with all of its group.
#[expect(unsafe_code, reason = "std signals no groups")]
pub fn kill_group(leader: u32) {
    // Zero would be our own group, one everybody.
    let Some(group) = i32::try_from(leader).ok().filter(|leader| *leader > 1) else { return };
    // SAFETY: kill(2) takes two numbers and touches no memory. The number is not another's as long as nobody waited for the leader.
    // It fails only when nobody of the group is left.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

/// From here on the signals by which people and service managers ask programs to end, or to read their file anew, do nothing to this
/// process. SIGKILL and SIGSTOP cannot be refused.
#[expect(unsafe_code, reason = "std sets no signals")]
pub fn ignore_requests_to_end() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: signal(2) with SIG_IGN installs no code. These signals may be ignored, so it cannot fail.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

#[expect(unsafe_code, reason = "between fork and exec")]
fn before_exec(command: &mut Command, closure: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: signal-safety(7) allows only async-signal-safe functions between fork(2) and execve(2). Those of this file make system
    // calls, read errno, and allocate nothing.
    unsafe { command.pre_exec(closure) };
}

/// Becomes the user: groups first, the user last.
#[expect(unsafe_code, reason = "std's own way leaves the groups of root")]
fn set_groups(user: &User) -> io::Result<()> {
    // SAFETY: setgroups(2) reads as many numbers as it is told, and the list has so many.
    check(unsafe { libc::setgroups(user.groups.len(), user.groups.as_ptr()) })?;
    // SAFETY: setgid(2) takes a number.
    check(unsafe { libc::setgid(user.group) })?;
    // SAFETY: setuid(2) takes a number.
    check(unsafe { libc::setuid(user.user) })
}

/// What is not ambient does not outlive an execve(2) of a process that is not root's.
#[expect(unsafe_code, reason = "std knows no capabilities")]
fn drop_capabilities() -> io::Result<()> {
    // SAFETY: prctl(2) with these constants reads no memory.
    let cleared = check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) });
    match cleared {
        // A kernel before 4.3 has none.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        cleared => cleared,
    }
}

fn check(done: libc::c_int) -> io::Result<()> {
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    const STATUS: [&str; 2] = ["-E", "^(Uid|Gid|Groups|CapEff|CapAmb):"];

    fn said(mut command: Command) -> String {
        let output = command.output().expect("every host has grep(1)");
        String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn another_user_has_its_own_groups_and_no_capability() {
        let nobody = User::named("nobody").unwrap().expect("every host has nobody");
        let mut command = Command::new("grep");
        command.args(STATUS).arg("/proc/self/status");
        run_as(&mut command, &nobody);
        let User { user, group, groups } = nobody;
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let wanted = format!(
            "Uid: {user} {user} {user} {user} Gid: {group} {group} {group} {group} Groups: {} CapEff: {:016} CapAmb: {:016}",
            groups.join(" "),
            0,
            0
        );
        assert_eq!(said(command), wanted, "this test needs root");
    }

    #[test]
    fn a_group_ends_as_one() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; wait"]).process_group(0).stdout(Stdio::piped());
        let mut leader = command.spawn().unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(leader.stdout.take().unwrap()), &mut line).unwrap();
        let other = crate::process::Handle::open(line.trim().parse().unwrap()).unwrap();
        assert!(other.is_alive());
        kill_group(leader.id());
        assert!(!leader.wait().unwrap().success());
        assert!(other.wait_for_end(std::time::Duration::from_secs(30)));
    }
}
