//! How is a line said to whoever reads a named pipe, without waiting for anybody?

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Our end of a named pipe (`man 7 fifo`). It stays open, so that a reader does not see an end after each line.
#[derive(Debug)]
pub struct Fifo {
    pipe: File,
    /// Device and inode.
    id: (u64, u64),
}

impl Fifo {
    /// Opens it for both, so that it need not have a reader: what is written waits in the kernel, up to some 64 KiB. One that is not there is
    /// made, for our user alone.
    ///
    /// # Errors
    /// It is no pipe, or cannot be made, or we may not.
    pub fn open(path: &Path) -> io::Result<Self> {
        let open = || OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
        let pipe = open().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => make(path).and_then(|()| open()),
            _ => Err(error),
        })?;
        let found = pipe.metadata()?;
        if !found.file_type().is_fifo() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no named pipe"));
        }
        Ok(Self { pipe, id: (found.dev(), found.ino()) })
    }

    /// Whether it is still the one of this path.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == self.id)
    }

    /// Writes a line of at most 4,096 bytes, whole or not at all.
    ///
    /// # Errors
    /// `WouldBlock`: it is full, and nobody reads it.
    pub fn say(&self, line: &str) -> io::Result<()> {
        (&self.pipe).write(line.as_bytes()).map(drop)
    }
}

#[expect(unsafe_code, reason = "std makes no named pipes")]
fn make(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: mkfifo(3) reads a path that ends in a NUL, and keeps nothing of it.
    let made = unsafe { libc::mkfifo(path.as_ptr(), 0o600) };
    if made == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
