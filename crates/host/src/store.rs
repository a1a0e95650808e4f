//! Is it on the disk, whole, even if the power fails during the write? A directory of small files, each replaced in one step.
//!
//! ```text
//!   save("votes", bytes)                             a crash here leaves
//!     1  write .votes.tmp                            the old content (and a torn .votes.tmp, removed at the next open)
//!     2  fsync .votes.tmp                            the old content
//!     3  rename .votes.tmp -> votes                  the old or the new content, each whole
//!     4  fsync the directory                         the new content
//! ```
//!
//! Without 2 the new name can point at a file whose content never left the cache; without 4 the rename itself can be lost, and
//! with it a vote that another node has already counted.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::{HostRefused, clock};

/// A directory of small files that survive a crash, held by one process at a time.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// Opened once: an fsync through it is what makes a rename durable.
    handle: File,
    /// Keeps the lock; the kernel lets go of it when the process ends, however it ends.
    lock: File,
}

impl Store {
    /// Opens the directory, and creates it with mode 0700 if it is not there. Takes its lock, sees that it can be written, and
    /// removes what a crash in the middle of a save left behind.
    ///
    /// # Errors
    /// When the directory cannot be created or written, or another process holds it; nothing was changed then, except that
    /// directories may have been created.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, HostRefused> {
        let dir = dir.into();
        create(&dir)?;
        let lock = lock(&dir)?;
        Self::with(dir, lock)
    }

    /// The same for a process that takes another's place, which handed over its lock: at no moment it is anybody else's. The other one must
    /// not write any more.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when the lock is another directory's.
    pub fn take_over(dir: impl Into<PathBuf>, lock: File) -> Result<Self, HostRefused> {
        let dir = dir.into();
        let path = dir.join(LOCK);
        let same =
            |file: fs::Metadata| fs::metadata(&path).map(|own| (file.dev(), file.ino()) == (own.dev(), own.ino()));
        match lock.metadata().and_then(same) {
            Ok(true) => {}
            Ok(false) => {
                let source = io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "what was handed over is the lock of another directory",
                );
                return Err(HostRefused::new("take over the state directory", &dir, source)
                    .with_remedy("The directory changed in the file: restart the node to move it."));
            }
            Err(e) => return Err(HostRefused::new("take over the state directory", &dir, e)),
        }
        let mut lock = lock;
        // Whoever has a copy of the descriptor has the lock: this only looks.
        lock.try_lock().map_err(|_| held(&dir, &mut lock))?;
        sign(&lock).map_err(|e| HostRefused::new("write the lock of the state directory", &path, e))?;
        Self::with(dir, lock)
    }

    /// The file whose lock is the directory's, for who takes our place.
    #[must_use]
    pub const fn lock(&self) -> &File {
        &self.lock
    }

    fn with(dir: PathBuf, lock: File) -> Result<Self, HostRefused> {
        let handle = File::open(&dir).map_err(|e| HostRefused::new("open the state directory", &dir, e))?;
        let store = Self { dir, handle, lock };
        store.remove_torn()?;
        // The lock file may be older than the file system's turn to read-only: only a write proves that one can write.
        let probe = store.write_beside(PROBE, b"can this directory be written?")?;
        fs::remove_file(&probe).map_err(|e| HostRefused::new("remove a file from the state directory", &probe, e))?;
        Ok(store)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Replaces the content of the file `name` and waits until that is durable. A reader sees the old content or the new one.
    ///
    /// # Errors
    /// When the content is longer than [`MAX_FILE`] or the kernel refuses a step. The old content is then still there, unless
    /// only the last step failed: then either may be. In any case the new content must not be taken as saved.
    ///
    /// # Panics
    /// When `name` is not a plain file name, or one that the store uses itself.
    pub fn save(&self, name: &str, bytes: &[u8]) -> Result<(), HostRefused> {
        let path = self.path(name);
        if bytes.len() as u64 > MAX_FILE {
            return Err(too_long("save a state file", &path, bytes.len() as u64));
        }
        let beside = self.write_beside(name, bytes)?;
        if let Err(e) = fs::rename(&beside, &path) {
            // Best effort: the next open removes it too.
            let _ = fs::remove_file(&beside);
            return Err(HostRefused::new("put a new state file in place", &path, e));
        }
        self.handle.sync_all().map_err(|e| HostRefused::new("sync the state directory", &self.dir, e))
    }

    /// The content of the file `name`; `None` if it was never saved.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is longer than [`MAX_FILE`] (somebody else wrote it).
    ///
    /// # Panics
    /// As [`save`](Self::save).
    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>, HostRefused> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(HostRefused::new("open a state file", &path, e)),
        };
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
        read.map_err(|e| HostRefused::new("read a state file", &path, e))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(too_long("load a state file", &path, bytes.len() as u64));
        }
        Ok(Some(bytes))
    }

    /// Steps 1 and 2: the content, durable, under a name that nobody reads.
    fn write_beside(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, HostRefused> {
        let path = self.dir.join(format!(".{name}{TORN}"));
        let written = write_synced(&path, bytes);
        written.map_err(|e| {
            // After a failed fsync the cache says nothing about the disk: the file is worthless, also for a second try.
            let _ = fs::remove_file(&path);
            HostRefused::new("write to the state directory", &path, e)
        })?;
        Ok(path)
    }

    /// Removes the files that a crash between steps 1 and 3 left. Only under the lock: they could be another's save.
    fn remove_torn(&self) -> Result<(), HostRefused> {
        let refused = |e| HostRefused::new("list the state directory", &self.dir, e);
        for entry in fs::read_dir(&self.dir).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') && name.ends_with(TORN) {
                let path = entry.path();
                fs::remove_file(&path).map_err(|e| HostRefused::new("remove a torn file", &path, e))?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        assert!(plain && name != LOCK, "{name:?} is not a name for a state file");
        self.dir.join(name)
    }
}

/// Replaces an operator's file, and waits until that is durable: the same steps as [`Store::save`], beside the file. A reader sees the
/// old content or the new one. Who may read it, and whose it is, stay as they are; a new file can be read by everybody, as far as the umask
/// allows.
///
/// # Errors
/// When the kernel refuses a step. The old content is then still there, unless only the last step failed: then either may be.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), HostRefused> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}{TORN}"));
    let written = write_like(path, &beside, bytes);
    written.map_err(|e| {
        let _ = fs::remove_file(&beside);
        HostRefused::new("write beside the file", &beside, e)
    })?;
    if let Err(e) = fs::rename(&beside, path) {
        let _ = fs::remove_file(&beside);
        return Err(HostRefused::new("put the new file in place", path, e));
    }
    let above = directory_of(path);
    let synced = File::open(above).and_then(|above| above.sync_all());
    synced.map_err(|e| HostRefused::new("sync the directory", above, e))
}

/// Writes a file, durable, with the owner and rights of the one that it will replace.
fn write_like(like: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a crash left; a new file is made, so that nobody's link is followed.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    if let Ok(old) = fs::metadata(like) {
        let new = file.metadata()?;
        let same = (old.uid(), old.gid()) == (new.uid(), new.gid());
        // Only root may give a file away: else it becomes ours, and we have to be able to read it. What others may not, they still may not.
        let kept = same || std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid())).is_ok();
        let own = if kept { 0 } else { 0o600 };
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777 | own))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above != Path::new("") => above,
        _ => Path::new("."),
    }
}

/// Creates the directory and its missing parents, each synced into the one above it: a directory whose own name is lost in a
/// power failure keeps nothing.
fn create(dir: &Path) -> Result<(), HostRefused> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let created = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(|e| HostRefused::new("create the state directory", dir, e))?;
    for path in missing.into_iter().rev() {
        let above = directory_of(path);
        let synced = File::open(above).and_then(|above| above.sync_all());
        synced.map_err(|e| HostRefused::new("sync the directory above the state directory", above, e))?;
    }
    Ok(())
}

/// Takes the directory for this process and leaves its number in the lock file, for the message that a second one gets.
fn lock(dir: &Path) -> Result<File, HostRefused> {
    let path = dir.join(LOCK);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = opened.map_err(|e| HostRefused::new("open the lock of the state directory", &path, e))?;
    let until = clock::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if clock::now() < until => thread::sleep(LOCK_RETRY),
            Err(TryLockError::WouldBlock) => return Err(held(dir, &mut file)),
            Err(TryLockError::Error(e)) => return Err(HostRefused::new("lock the state directory", &path, e)),
        }
    }
    sign(&file).map_err(|e| HostRefused::new("write the lock of the state directory", &path, e))?;
    Ok(file)
}

/// Leaves our number in the lock.
fn sign(file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(std::process::id().to_string().as_bytes(), 0)
}

fn held(dir: &Path, file: &mut File) -> HostRefused {
    let mut holder = String::new();
    // The number is a courtesy. A holder that has not written it yet, or wrote nonsense, is not worth a second error.
    let _ = file.take(20).read_to_string(&mut holder);
    let holder = match holder.parse::<u32>() {
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    };
    let source = io::Error::new(io::ErrorKind::ResourceBusy, format!("{holder} holds it"));
    HostRefused::new("lock the state directory", dir, source)
        .with_remedy("Each node needs a state directory of its own: stop the other node, or name another directory.")
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // 0600: a state file can hold what only this user may know.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn too_long(what: &'static str, path: &Path, len: u64) -> HostRefused {
    let why = format!("{len} bytes or more; at most {MAX_FILE} are allowed");
    HostRefused::new(what, path, io::Error::new(io::ErrorKind::FileTooLarge, why))
        .with_remedy("State files are small: move this one away if something else wrote it.")
}

/// The longest file, in bytes. A node's epochs, votes and peers are some kilobytes; past this it is not ours.
pub const MAX_FILE: u64 = 4 << 20;

/// How long the lock is tried for. A process that ends lets go of it a moment later, when a child that it had just forked has
/// reached its exec: a quick restart must not fail for that.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// The file whose lock is the directory's.
const LOCK: &str = "lock";
/// The name under which it is tried whether the directory can be written.
const PROBE: &str = "probe";
/// How the name of a file ends that is not whole yet.
const TORN: &str = ".tmp";

#[cfg(test)]
mod tests;
