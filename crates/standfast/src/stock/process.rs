//! How does a Sentinel live beside other processes? The directory that it works in, the pid file, and what it leaves behind.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use config::sentinel_conf::Server;
use resp::glob;

use super::ports::said;

/// Enters the directory that relative paths begin at, and says which that is.
pub(super) fn enter(dir: Option<&str>) -> Result<PathBuf, String> {
    if let Some(dir) = dir {
        std::env::set_current_dir(dir).map_err(|e| format!("Can't chdir to '{dir}': {}", said(&e)))?;
    }
    std::env::current_dir().map_err(|e| format!("Can't get the working directory: {}", said(&e)))
}

/// What is to be removed at the end.
#[derive(Debug)]
pub(super) struct Traces(Vec<PathBuf>);

impl Drop for Traces {
    fn drop(&mut self) {
        for path in &self.0 {
            // What is left is replaced at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// Writes the pid file, if one is wanted. The sockets, which are ours, go with it.
pub(super) fn leave(server: &Server, dir: &Path, sockets: [Option<PathBuf>; 2]) -> Traces {
    let mut traces = Vec::from_iter(sockets.into_iter().flatten());
    let pidfile = server.pidfile.clone().or_else(|| server.daemonize.then(|| PIDFILE.to_owned()));
    if let Some(pidfile) = pidfile {
        let path = dir.join(pidfile);
        // Stock goes on without it, too: whoever needs it sees that it is missing.
        match fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => traces.push(path),
            Err(e) => tracing::info!("the pid file {} cannot be written: {e}", path.display()),
        }
    }
    Traces(traces)
}

/// Whether somebody may run this file.
pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The files that an `include` means, by name: one, or those of a directory that a pattern fits.
pub(super) fn fitting(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let name = pattern.file_name().unwrap_or_default().as_encoded_bytes();
    if !name.iter().any(|byte| b"*?[".contains(byte)) {
        return Ok(vec![pattern.to_owned()]);
    }
    let dir = pattern.parent().filter(|dir| *dir != Path::new("")).unwrap_or_else(|| Path::new("."));
    let found = fs::read_dir(dir)?.flatten().map(|entry| entry.file_name());
    // As for a shell: what is hidden has to be asked for.
    let fits = |file: &[u8]| glob::fits(name, file) && (!file.starts_with(b".") || name.starts_with(b"."));
    let mut paths: Vec<PathBuf> =
        found.filter(|file| fits(file.as_encoded_bytes())).map(|file| pattern.with_file_name(file)).collect();
    paths.sort();
    Ok(paths)
}

/// Where a Sentinel in the background leaves its number if nobody says otherwise.
const PIDFILE: &str = "/var/run/redis.pid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_include_names_one_file_or_those_that_fit() {
        let dir = std::env::temp_dir().join(format!("standfast-include-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for name in ["b.conf", "a.conf", ".c.conf", "d"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let found = |pattern: &str| fitting(&dir.join(pattern)).unwrap();
        assert_eq!(found("*.conf"), [dir.join("a.conf"), dir.join("b.conf")]);
        assert_eq!(found("missing"), [dir.join("missing")]);
        assert!(found("x*").is_empty());
        fs::remove_dir_all(&dir).unwrap();
    }
}
