//! Where does a single program live in a test? In a directory of its own, with its files and its last words.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::cluster::PATIENCE;
use crate::program::{standfast, wall_ms};

/// A directory of its own, in which the program is started.
#[derive(Debug)]
pub struct Room(PathBuf);

impl Room {
    /// An empty one.
    ///
    /// # Panics
    /// When the temporary directory cannot be written.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-room-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the temporary directory can be written");
        Self(dir)
    }

    /// Where a file of it is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).expect("the room can be written");
        self.path(name)
    }

    /// The text of a file; empty if it is not there.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs the program under test, called as `redis-sentinel`, with these words to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Output {
        let program = self.path("redis-sentinel-runs");
        let _ = fs::create_dir(&program);
        let program = program.join("redis-sentinel");
        let _ = symlink(standfast(), &program);
        Command::new(program).args(words).current_dir(&self.0).output().expect("it can be started")
    }

    /// Starts a program here; what it says goes to `out` and `err`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(&self, mut command: Command) -> Running {
        let file = |name: &str| File::create(self.path(name)).expect("the room can be written");
        command.current_dir(&self.0).stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        Running(command.spawn().expect("it can be started"))
    }

    /// The same for a program that has a log of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_beside(&self, mut command: Command) -> Running {
        command.current_dir(&self.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().expect("it can be started"))
    }

    /// Waits until `look` finds something.
    ///
    /// # Panics
    /// With `what` and the logs, when it does not within [`PATIENCE`].
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let until = wall_ms() + PATIENCE.as_secs_f64() * 1e3;
        while wall_ms() < until {
            if let Some(found) = look() {
                return found;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not within {PATIENCE:?}: {what}\n{}\n{}\n{}", self.read("out"), self.read("err"), self.read("s.log"));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A child that ends with the test.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Sends it a signal, such as `TERM`.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status();
        assert!(sent.expect("every system has it").success(), "SIG{signal}");
    }
}

impl Running {
    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended; `None`: it lives.
    ///
    /// # Panics
    /// When it is not our child.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
