//! How does a stock Sentinel's log look? Operators' alerts match its lines:
//!
//! ```text
//! 4711:X 21 Nov 2026 05:01:06.097 # +sdown master mymaster 127.0.0.1 6379
//! pid:X  day mon year time        sign   `.` debug  `-` verbose  `*` notice  `#` warning
//! ```
//!
//! It goes to standard output, or to a file that is opened anew for each line, so that it can be moved away at any time; and to
//! syslog, if wanted.

use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::OnceLock;

use host::clock;
use sentinel::{Announcement, Level};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry, reload};
use view::Epoch;

use crate::log::{self, Parts, Pen};

/// Where lines go.
#[derive(Debug)]
pub(super) struct Log {
    /// `debug`, `verbose`, `notice`, `warning` or `nothing`.
    pub(super) level: String,
    /// `None`: standard output.
    pub(super) file: Option<PathBuf>,
    /// Also to syslog.
    pub(super) syslog: Option<Syslog>,
}

/// How syslog knows us.
#[derive(Debug)]
pub(super) struct Syslog {
    ident: String,
    facility: u8,
    socket: UnixDatagram,
}

impl Syslog {
    /// `facility`: `user`, or `local0` to `local7`.
    pub(super) fn new(ident: &str, facility: &str) -> io::Result<Self> {
        let local = facility.strip_prefix("local").and_then(|n| n.parse::<u8>().ok());
        // RFC 5424 6.2.1: user is 1, local0 to local7 are 16 to 23.
        let facility = local.map_or(1, |n| 16 + n.min(7));
        let socket = UnixDatagram::unbound()?;
        socket.connect(DEV_LOG)?;
        // A syslog that stands still must not stop a Sentinel.
        socket.set_nonblocking(true)?;
        Ok(Self { ident: ident.to_owned(), facility, socket })
    }

    fn write(&self, sign: Sign, text: &str) {
        // RFC 5424 6.2.1: debug 7, info 6, notice 5, warning 4.
        let severity = match sign {
            Sign::Debug => 7,
            Sign::Verbose => 6,
            Sign::Notice => 5,
            Sign::Warning => 4,
        };
        let line = format!("<{}>{}[{}]: {text}", self.facility * 8 + severity, self.ident, std::process::id());
        // Nobody to tell: the line stands in the log itself.
        let _ = self.socket.send(line.as_bytes());
    }
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Debug,
    Verbose,
    Notice,
    Warning,
}

impl Log {
    /// Begins to log. Nothing may be forked behind it.
    ///
    /// # Errors
    /// When this host has no thread for it.
    pub(super) fn start(mut self) -> io::Result<()> {
        log::begin(match self.file.take() {
            None => Pen::to_stdout(lost_line)?,
            Some(path) => Pen::to_file(path, lost_line),
        })?;
        let (level, handle) = reload::Layer::new(filter(&self.level));
        let subscriber = tracing_subscriber::registry().with(self.with_filter(level));
        // A second call (a test that starts two nodes in one process) keeps the first subscriber.
        if tracing::subscriber::set_global_default(subscriber).is_ok() {
            let _ = LEVEL.set(handle);
        }
        Ok(())
    }

    /// Writes one line. A log that cannot be written, or that nobody reads, must not end or stop a Sentinel.
    fn write(&self, sign: Sign, text: &str) {
        log::put(line(sign, text).as_bytes());
        if let Some(syslog) = &self.syslog {
            syslog.write(sign, text);
        }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let sign = match *event.metadata().level() {
            tracing::Level::TRACE => Sign::Debug,
            tracing::Level::DEBUG => Sign::Verbose,
            tracing::Level::INFO => Sign::Notice,
            tracing::Level::WARN | tracing::Level::ERROR => Sign::Warning,
        };
        let mut parts = Parts::default();
        event.record(&mut parts);
        self.write(sign, &parts.prose_first());
    }
}

/// Changes how much is logged (`SENTINEL CONFIG SET loglevel`).
pub(super) fn set_level(level: &str) {
    if let Some(handle) = LEVEL.get() {
        // Fails only when the subscriber is gone, and it lives as long as the process.
        let _ = handle.reload(filter(level));
    }
}

fn filter(level: &str) -> LevelFilter {
    match level {
        "debug" => LevelFilter::TRACE,
        "verbose" => LevelFilter::DEBUG,
        "notice" => LevelFilter::INFO,
        "nothing" => LevelFilter::OFF,
        _ => LevelFilter::WARN,
    }
}

/// Writes one line to standard output: for what happens before the file says where the log is.
pub(super) fn say(sign: Sign, text: &str) {
    log::first_words(line(sign, text));
}

/// Logs an event as a stock Sentinel does.
pub(super) fn announce(event: &Announcement, _: Epoch) {
    let Announcement { level, name, payload, .. } = event;
    match level {
        Level::Debug => tracing::trace!("{name} {payload}"),
        Level::Verbose => tracing::debug!("{name} {payload}"),
        Level::Notice => tracing::info!("{name} {payload}"),
        Level::Warning => tracing::warn!("{name} {payload}"),
    }
}

fn lost_line(_: u64, prose: &str) -> String {
    line(Sign::Warning, prose)
}

fn line(sign: Sign, text: &str) -> String {
    format!("{}:X {} {sign} {text}\n", std::process::id(), Stamp(clock::wall()))
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => ".",
            Self::Verbose => "-",
            Self::Notice => "*",
            Self::Warning => "#",
        })
    }
}

/// Milliseconds of the wall clock, as a log shows them.
struct Stamp(u64);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock::Local { year, month, day, hour, minute, second } = clock::local(self.0);
        let month = MONTHS.get(month as usize - 1).unwrap_or(&"???");
        write!(f, "{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{:03}", self.0 % 1_000)
    }
}

/// Where the level of the log can be changed: there is one log in a process, as tracing has it.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DEV_LOG: &str = "/dev/log";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_built_as_stock_builds_it() {
        let line = line(Sign::Warning, "+sdown master m 127.0.0.1 6379");
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let [who, day, month, year, time, sign, rest @ ..] = words.as_slice() else { panic!("{line}") };
        assert_eq!(*who, format!("{}:X", std::process::id()));
        assert!(day.len() == 2 && MONTHS.contains(month) && year.len() == 4, "{line}");
        let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(
            (digits.as_str(), *sign, rest.join(" ").as_str()),
            ("00:00:00.000", "#", "+sdown master m 127.0.0.1 6379")
        );
    }
}
