//! How does a node live on a `sentinel.conf`, in the place of a stock Sentinel? In which order it starts, and what it says if it cannot.
//!
//! ```text
//!   words ─> file ─> rules ─> background, log ─> ports ─> id, on disk ─> machine ─> life ─> SIGTERM: gone at once
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`args`] | what do the words behind the program's name say? |
//! | [`book`] | the file is also the state: how is it kept? |
//! | [`compose`] | what does the file mean for each part? |
//! | [`keeper`] | what do commands change that the machine does not know? |
//! | [`log`] | how does a stock Sentinel's log look? |
//! | [`ports`] | where does it listen? |
//! | [`process`] | how does it live beside other processes: directory, background, pid file? |

mod args;
mod book;
mod compose;
mod keeper;
mod log;
mod ports;
mod process;

use std::borrow::Cow;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use config::sentinel_conf::{self, SentinelConf, Server, Surroundings};
use host::clock;
use sentinel::Sentinel;
use view::RunId;

use crate::clients::Clients;
use crate::control;
use crate::feeds::Feeds;
use crate::history::Memory;
use crate::info_cache::InfoCache;
use crate::keys::Keys;
use crate::life::{Doors, Life};
use crate::link::Ways;
use crate::outside::Plan;
use crate::serve;
use crate::serve::rules::Owner;
use crate::traffic::Traffic;
use crate::{descriptors, tls};
use args::Command;
use book::Book;
use keeper::Pages;
use log::{Log, Sign, Syslog, say};

/// Whether the program was called in a way that means a stock Sentinel: `redis-sentinel ...`, `redis-server ... --sentinel`.
pub(crate) fn is_meant(program: &Path, words: &[String]) -> bool {
    match program.file_name().and_then(|name| name.to_str()) {
        Some("redis-sentinel" | "valkey-sentinel") => true,
        Some("redis-server" | "valkey-server") => words.iter().any(|word| word == "--sentinel"),
        _ => false,
    }
}

/// `standfast sentinel`, `redis-sentinel`.
pub(crate) fn main(words: &[String]) -> ExitCode {
    // The clock counts from its first use.
    let _ = clock::now();
    match args::read(words) {
        Command::Version => {
            let (version, place) = (env!("CARGO_PKG_VERSION"), IN_PLACE_OF);
            told(format_args!("Standfast v={version}, in the place of Redis Sentinel v={place}"))
        }
        Command::Help => told(HELP),
        Command::Run { file: None, .. } => {
            say(Sign::Warning, "Sentinel needs config file on disk to save state. Exiting...");
            ExitCode::FAILURE
        }
        Command::Run { file: Some(file), options } => match run(&file, &options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Refused::Rule(problem)) => {
                crate::log::last_words(&problem.to_string());
                ExitCode::FAILURE
            }
            Err(Refused::Early(why)) => {
                say(Sign::Warning, &why);
                ExitCode::FAILURE
            }
            Err(Refused::Logged) => ExitCode::FAILURE,
        },
    }
}

/// All that was asked for was this text.
fn told(text: impl Display) -> ExitCode {
    crate::say::say(text).map_or_else(|failure| failure.code(), |()| ExitCode::SUCCESS)
}

/// Why there is no Sentinel.
enum Refused {
    /// The file says something wrong: this is what standard error is for.
    Rule(sentinel_conf::Problem),
    /// Something else, before there was a log.
    Early(String),
    /// It stands in the log.
    Logged,
}

fn run(file: &Path, options: &str) -> Result<(), Refused> {
    // Before `dir` is entered: the file is rewritten for the rest of the process's life.
    let path = std::path::absolute(file).map_err(|e| Refused::Early(format!("{}: {e}", file.display())))?;
    let (conf, state) = read(&path, options)?;
    let server = conf.server();
    let dir = process::enter(server.dir.as_deref()).map_err(Refused::Early)?;
    may_write(state.as_deref().unwrap_or(&path)).map_err(Refused::Early)?;
    let log = log_of(&server, &dir).map_err(Refused::Early)?;
    if server.daemonize {
        // Before there is a second thread.
        host::daemon::daemonize().map_err(|e| Refused::Early(format!("can't fork: {e}")))?;
    }
    log.start().map_err(|e| Refused::Early(format!("the log cannot be started: {e}")))?;
    let started = start(conf, &path, state, &dir);
    let (life, clean) = started.map_err(|why| {
        tracing::warn!("{why}");
        Refused::Logged
    })?;
    let ended = life.live(None);
    drop(clean);
    if let Err(e) = ended {
        tracing::error!("{e}");
        return Err(Refused::Logged);
    }
    tracing::warn!("Sentinel is now ready to exit, bye bye...");
    Ok(())
}

/// Reads the file, and the one with the state if there are two.
fn read(path: &Path, options: &str) -> Result<(SentinelConf, Option<PathBuf>), Refused> {
    let unreadable = |path: &Path, e: &std::io::Error| {
        Refused::Early(format!("Fatal error, can't open config file '{}': {}", path.display(), ports::said(e)))
    };
    let text = fs::read(path).map_err(|e| unreadable(path, &e))?;
    let text = sentinel_conf::with_options(&readable(path, &text).map_err(Refused::Early)?, options);
    let name = path.display().to_string();
    let conf = sentinel_conf::parse(&name, &text, &Here).map_err(Refused::Rule)?;
    let Some(state) = conf.state_config_file.as_ref().map(|state| path.with_file_name(state)) else {
        return Ok((conf, None));
    };
    if state == path {
        let why = "state-config-file must differ from the main config file: the one is the operator's, the other is rewritten";
        return Err(Refused::Early(why.to_owned()));
    }
    match fs::read(&state) {
        Ok(text) => {
            let name = state.display().to_string();
            let text = readable(&state, &text).map_err(Refused::Early)?;
            let conf = sentinel_conf::parse_state(conf, &name, &text, &Here);
            Ok((conf.map_err(Refused::Rule)?, Some(state)))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok((conf, Some(state))),
        Err(e) => Err(unreadable(&state, &e)),
    }
}

/// The file as text. A password that is none would be written back as another, and the right one would be nowhere any more.
fn readable<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, str>, String> {
    let is_bad = |line: &[u8]| str::from_utf8(line).is_err() && !line.trim_ascii_start().starts_with(b"#");
    match bytes.split(|byte| *byte == b'\n').position(is_bad) {
        Some(at) => {
            let place = format!("{}, line {}", path.display(), at + 1);
            Err(format!("{place}: this is not UTF-8, which is all that is read here. Nothing was started or changed"))
        }
        None => Ok(String::from_utf8_lossy(bytes)),
    }
}

/// What reading a file asks of this host.
struct Here;

impl Surroundings for Here {
    fn include(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        let mut files = Vec::new();
        for path in process::fitting(Path::new(pattern)).map_err(|e| ports::said(&e))? {
            let text = fs::read(&path).map_err(|e| ports::said(&e))?;
            files.push((path.display().to_string(), String::from_utf8_lossy(&text).into_owned()));
        }
        Ok(files)
    }

    fn may_enter(&self, dir: &str) -> Result<(), String> {
        match fs::metadata(dir) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err("Not a directory".to_owned()),
            Err(e) => Err(ports::said(&e)),
        }
    }

    fn is_executable(&self, path: &str) -> bool {
        process::is_executable(Path::new(path))
    }
}

/// A Sentinel that cannot write down its votes must not give any.
fn may_write(path: &Path) -> Result<(), String> {
    let opened = OpenOptions::new().append(true).open(path);
    match opened {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("Sentinel config file {} is not writable: {}. Exiting...", path.display(), ports::said(&e)))
        }
        _ => Ok(()),
    }
}

fn log_of(server: &Server, dir: &Path) -> Result<Log, String> {
    let file = server.logfile.as_ref().map(|file| dir.join(file));
    if let Some(file) = &file {
        let opened = OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|e| format!("Can't open the log file {}: {}", file.display(), ports::said(&e)))?;
    }
    // A host without a syslog still wants its Sentinel.
    let syslog = server.syslog_enabled.then(|| Syslog::new(&server.syslog_ident, &server.syslog_facility).ok());
    Ok(Log { level: server.loglevel.clone(), file, syslog: syslog.flatten() })
}

/// All that can fail, in stock's order, up to the first word to anybody.
fn start(
    mut conf: SentinelConf,
    path: &Path,
    state: Option<PathBuf>,
    dir: &Path,
) -> Result<(Life, process::Traces), String> {
    let server = conf.server();
    tracing::warn!("Standfast {} is starting, pid={}", env!("CARGO_PKG_VERSION"), std::process::id());
    descriptors::provide_guests(u64::from(server.maxclients));
    let mut doors = doors(&server)?;
    tell_what_is_missing(&conf);
    tracing::info!("Running mode=sentinel, port={}.", compose::own_port(&server));

    let id = RunId::from_bits(host::random::node_id());
    let id = conf.myid.as_ref().and_then(|id| id.parse().ok()).unwrap_or(id);
    conf.myid = Some(id.as_str().to_owned());
    let names = compose::names(&conf);
    names.wait();
    let machine_config = compose::sentinel(&conf, id.clone(), &names);
    let machine_state = compose::state(&conf, &names);
    let ways = Ways {
        keys: Keys::new(compose::keys(&conf)),
        source: server.bind_source_addr.as_ref().and_then(|ip| ip.parse().ok()),
        names: names.clone(),
        tls: compose::connector(&server)?,
        infos: InfoCache::default(),
        ..Ways::default()
    };
    conf.settings.set("dir", &[dir.display().to_string()]).map_err(|why| format!("dir {}: {why}", dir.display()))?;
    let book = Book::new(path, state, conf, names.clone());
    let owner = Owner::Commands(Arc::new(Pages { book: book.clone(), keys: ways.keys.clone(), names: names.clone() }));
    let rules = book.with(|conf| keeper::rules(conf, &server, owner, ways.infos.clone(), names));
    let users = serve::Users::new(&rules)?;
    // The id, before anybody hears it; and whether the directory can be written.
    book.write()
        .map_err(|e| format!("Sentinel config file {} is not writable: {e}. Exiting...", book.file().display()))?;
    tracing::warn!("Sentinel ID is {id}");

    doors.control = control_socket(path);
    let ask_at = doors.control.as_ref().map(|_| beside(path, "control"));
    let local = doors.local.as_ref().map(|(_, path)| dir.join(path));
    let traces = process::leave(&server, dir, [ask_at.clone(), local]);
    let listen = own_address(&doors, server.port);
    let file = path.display().to_string();
    let life = Life {
        name: host::hostname(),
        machine: Sentinel::new(machine_config, machine_state, host::random::seed(), clock::now()),
        ways,
        keep: Box::new(book.clone()),
        memory: Some(Memory::File(beside(path, "failovers").into())),
        ask_at,
        flights: dir.to_owned(),
        records_its_end: false,
        origin: None,
        tell: log::announce,
        feeds: Feeds::default(),
        outside: Plan::default(),
        traffic: Traffic::none(),
        clients: Clients::default(),
        doors,
        port: Box::new(move |node| {
            let port = serve::Port::new(node.clone(), listen, file, rules, users);
            book.ask_for_users(port.clone());
            port
        }),
        summary: format!("Sentinel of {}", path.display()),
    };
    Ok((life, traces))
}

/// Where the port is, as others are told.
fn own_address(doors: &Doors, port: u16) -> SocketAddr {
    let first = doors.sentinel.first().or_else(|| doors.encrypted.first().map(|(socket, _)| socket));
    let listen = first.and_then(|socket| socket.local_addr().ok());
    listen.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], port)))
}

/// Binds all that the file names; nobody is answered yet.
fn doors(server: &Server) -> Result<Doors, String> {
    let sentinel = listen(server, server.port, "TCP")?;
    let encrypted = encrypted(server)?;
    let local = ports::bind_local(server).inspect_err(|_| tracing::warn!("Failed opening Unix socket, aborting."))?;
    if server.port == 0 && server.tls.port == 0 && local.is_none() {
        return Err("Configured to not listen anywhere, exiting.".to_owned());
    }
    Ok(Doors { sentinel, encrypted, local, admin: None, control: None })
}

/// Binds every address, or says in stock's two lines which one cannot be had.
fn listen(server: &Server, port: u16, kind: &str) -> Result<Vec<std::net::TcpListener>, String> {
    ports::bind(server, port).map_err(|what| {
        tracing::warn!("Warning: Could not create server TCP listening socket {what}");
        format!("Failed listening on port {port} ({kind}), aborting.")
    })
}

/// What the file wants and this program does not do.
fn tell_what_is_missing(conf: &SentinelConf) {
    if !conf.renamed.is_empty() {
        tracing::warn!("rename-command: this Sentinel's own commands keep their names; use ACL rules to forbid one");
    }
}

/// The sockets of `tls-port`.
fn encrypted(server: &Server) -> Result<Vec<(std::net::TcpListener, tls::Acceptor)>, String> {
    if server.tls.port == 0 {
        return Ok(Vec::new());
    }
    let acceptor = tls::Acceptor::new(compose::tls(server)).map_err(|why| format!("Failed to configure TLS: {why}"))?;
    let listeners = listen(server, server.tls.port, "TLS")?;
    Ok(listeners.into_iter().map(|listener| (listener, acceptor.clone())).collect())
}

/// Beside the file, named after it: `sentinel.conf.control`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

/// A Sentinel works without it: nobody can ask it for its state then.
fn control_socket(path: &Path) -> Option<std::os::unix::net::UnixListener> {
    let bound = control::bind(&beside(path, "control"));
    bound.inspect_err(|e| tracing::info!("no control socket, so `standfast status` cannot ask: {e}")).ok()
}

/// Whose commands, texts and file these are.
const IN_PLACE_OF: &str = "7.0.15";

const HELP: &str = "\
Usage: redis-sentinel /path/to/sentinel.conf [options]

The file is a stock Redis Sentinel's, and is rewritten as it would be. Options are lines of the file: --port 5000 --loglevel debug.
This is Standfast in its place; `standfast sentinel` is the same.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_text_is_refused_and_not_written_back_as_another() {
        let read = |bytes: &'static [u8]| readable(Path::new("s.conf"), bytes);
        assert!(read(b" # gr\xfcn\nrequirepass gr\xc3\xbcn\n").is_ok());
        let why = read(b"port 1\nrequirepass gr\xfcn\n").unwrap_err();
        assert!(why.starts_with("s.conf, line 2: ") && !why.contains("gr"), "{why}");
    }
}
