//! Is something of this host well: an interface, a process, a file? One look; it may wait for a disk.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use config::address::Target;
use host::netlink::Netlink;
use host::process::Handle;

pub(super) fn look(target: &Target) -> Result<(), String> {
    match target {
        Target::Interface(name) => interface(name),
        Target::Process(name) => process(name),
        Target::PidFile(path) => pid_file(path),
        Target::File { path, max_age, contains } => file(path, *max_age, contains.as_deref()),
        // Of the network, or a program.
        Target::Script { .. } | Target::Gateway(_) | Target::Redis { .. } | Target::Tcp(_) => Ok(()),
    }
}

fn interface(name: &str) -> Result<(), String> {
    let links = Netlink::open().and_then(|mut kernel| kernel.links()).map_err(|e| e.to_string())?;
    match links.iter().find(|link| link.name == name) {
        None => Err(format!("there is no interface {name}")),
        Some(link) if !link.is_up => Err(format!("{name} is down")),
        Some(link) if !link.is_running => Err(format!("{name} has no carrier")),
        Some(_) => Ok(()),
    }
}

fn process(name: &str) -> Result<(), String> {
    let processes = fs::read_dir("/proc").map_err(|e| format!("/proc: {e}"))?.flatten();
    let numbered = processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|c| c.is_ascii_digit()));
    let mut stopped = None;
    for path in numbered.map(|entry| entry.path()).filter(|path| is_called(path, name)) {
        match state(&path) {
            Some('Z' | 'X' | 'x') | None => {}
            Some(STOPPED) => stopped = path.file_name().map(|pid| pid.to_string_lossy().into_owned()),
            Some(_) => return Ok(()),
        }
    }
    Err(match stopped {
        Some(pid) => format!("{name} is stopped (process {pid}): `kill -CONT {pid}` lets it go on"),
        None => format!("no process {name} runs"),
    })
}

/// By what the kernel calls it, or by the name of its program in its command line: the first is what a thread may have changed, and has
/// 15 bytes at most.
fn is_called(process: &Path, name: &str) -> bool {
    let comm = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let comm = comm.trim_end_matches('\n');
    if !comm.is_empty() && (comm == name || name.get(..MAX_COMM).is_some_and(|start| start == comm && is_cut(name))) {
        return true;
    }
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let program = String::from_utf8_lossy(program);
    // `redis-server *:6379` has written over its own.
    let program = program.split(' ').next().unwrap_or_default();
    Path::new(program).file_name().is_some_and(|file| file == name)
}

const fn is_cut(name: &str) -> bool {
    name.len() > MAX_COMM
}

/// The letter behind the name in brackets (proc_pid_stat(5)): `Z` or `X` if it has ended, and nobody has waited for it. `None`: it is gone.
fn state(process: &Path) -> Option<char> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn pid_file(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let text = read_some(path).map_err(|e| format!("{shown}: {e}"))?;
    let pid: u32 = text.trim().parse().map_err(|_| format!("{shown} holds no process number"))?;
    let runs = Handle::open(pid).is_ok_and(|process| process.is_alive());
    if runs && state(Path::new(&format!("/proc/{pid}"))) == Some(STOPPED) {
        return Err(format!("process {pid} of {shown} is stopped: `kill -CONT {pid}` lets it go on"));
    }
    if runs { Ok(()) } else { Err(format!("process {pid} of {shown} does not run")) }
}

fn file(path: &Path, max_age: Option<Duration>, contains: Option<&str>) -> Result<(), String> {
    let shown = path.display();
    let found = fs::metadata(path).map_err(|e| format!("{shown}: {e}"))?;
    if let Some(max_age) = max_age {
        let changed = found.modified().map_err(|e| format!("{shown}: {e}"))?;
        let changed = changed.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // A file of the future is as new as can be.
        let age = Duration::from_millis(host::clock::wall()).saturating_sub(changed);
        if age > max_age {
            return Err(format!("{shown} was changed {} s ago, more than {max_age:?}", age.as_secs()));
        }
    }
    if let Some(text) = contains
        && !read_some(path).map_err(|e| format!("{shown}: {e}"))?.contains(text)
    {
        return Err(format!("{shown} does not hold {text:?}"));
    }
    Ok(())
}

fn read_some(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// By a signal (SIGSTOP): it does nothing for anybody. One that a debugger holds for a moment has another letter.
const STOPPED: char = 'T';
/// What the kernel keeps of a name (TASK_COMM_LEN, without the NUL).
const MAX_COMM: usize = 15;
/// Of a file that somebody may have mistaken for a small one.
const MAX_READ: u64 = 64 << 10;
