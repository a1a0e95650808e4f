//! How is the lab's program `pace` driven? It connects, waits for our word, loads, tells its figures, and keeps its connections until we let go.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::cell::{Cell, Manner};
use crate::bench::servers;
use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};

/// Builds it as fast as the proxies that it loads.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    cargo::run(cargo(&["build", "--package", "lab", "--bin", "pace", "--profile", "release"]))?;
    Ok(cargo::target_dir()?.join("release").join("pace"))
}

/// A load with its connections open. They close when it goes.
#[derive(Debug)]
pub(crate) struct Pace {
    child: Child,
    out: BufReader<ChildStdout>,
    what: String,
}

impl Pace {
    /// Connects; every connection has been served once when this returns.
    pub(crate) fn connect(program: &Path, port: u16, cell: Cell, rate: u32, seconds: f64) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.arg(format!("127.0.0.1:{port}"));
        let (connections, bytes) = (cell.connections.to_string(), cell.bytes.to_string());
        match cell.manner {
            Manner::Idle => command.args(["idle", &connections]),
            Manner::Full { pipeline } => command
                .args(["full", cell.command, &bytes, &connections, &pipeline.to_string()])
                .arg(seconds.to_string()),
            Manner::Rate => {
                command.args(["rate", cell.command, &bytes, &connections, &rate.to_string()]).arg(seconds.to_string())
            }
        };
        let what = cargo::show(&command);
        let mut command =
            servers::with_descriptors(&if cell.manner == Manner::Rate { punctual(&command) } else { command });
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().or_fail(format_args!("start `{what}`"))?;
        let out = child.stdout.take().map(BufReader::new).expect("it was asked for");
        let mut pace = Self { child, out, what };
        match pace.line()?.as_str() {
            "ready\n" => Ok(pace),
            other => Err(Failure::new(format!("`{}` said {other:?}, not that it is ready", pace.what))),
        }
    }

    /// Loads, and returns the figures; the connections stay.
    pub(crate) fn load(&mut self) -> Result<Value, Failure> {
        let input = self.child.stdin.as_mut().expect("it was asked for");
        input.write_all(b"go\n").and_then(|()| input.flush()).or_fail(format_args!("tell `{}` to go", self.what))?;
        let line = self.line()?;
        serde_json::from_str(&line).or_fail(format_args!("understand {line}"))
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.out.read_line(&mut line).or_fail(format_args!("read from `{}`", self.what))?;
        if line.is_empty() {
            let mut said = String::new();
            let _ = self.child.stderr.take().map(|mut errors| errors.read_to_string(&mut said));
            return Err(Failure::new(format!("`{}` failed: {}", self.what, said.trim_end())));
        }
        Ok(line)
    }
}

/// The same command, before everybody else when it wants to run, if the system lets us: a load that waits for a core is late, and its servers are
/// blamed for it.
fn punctual(command: &Command) -> Command {
    let may = Command::new("chrt").args(["-f", "1", "true"]).stderr(Stdio::null()).status();
    let mut words = if may.is_ok_and(|status| status.success()) {
        vec!["chrt".as_ref(), "-f".as_ref(), "1".as_ref()]
    } else {
        vec![]
    };
    words.push(command.get_program());
    words.extend(command.get_args());
    let mut punctual = Command::new(words[0]);
    punctual.args(&words[1..]);
    punctual
}

impl Drop for Pace {
    fn drop(&mut self) {
        // Closed standard input ends it; killed, it would leave its connections to the kernel just the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
