//! How does a log line look? One event, one line, fields before prose:
//!
//! ```text
//! 2026-11-21T01:53:42.123456Z  INFO group=cache epoch=13 +switch-master cache 10.0.0.1 6379 10.0.0.2 6379
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`out`] | how does a line get out without anybody waiting for who reads it? |
//! | [`last_words`](mod@last_words) | how does a process say why it ends when nobody may be reading? |

mod last_words;
mod out;

use std::fmt::{self, Write as _};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use config::{LogFormat, LogLevel};
use sentinel::{Announcement, Level};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer as _, Registry, reload};
use view::Epoch;

use crate::failure::Failure;
use out::Out;
pub(crate) use out::Pen;

/// Begins to log to standard output. Standard error stays empty in normal work: wrappers of Sentinel take a line there for a failure.
///
/// # Errors
/// When this host has no thread for it.
pub(crate) fn start(log: &config::Log) -> Result<(), Failure> {
    let begun = Pen::to_stdout(lost_line).and_then(begin);
    begun.map_err(|e| Failure::host(format!("the log cannot be started: {e}. Nothing was started")))?;
    JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    let (level, handle) = reload::Layer::new(filter(log.level));
    let json = tracing_subscriber::fmt::format().json().flatten_event(true).with_target(false).with_current_span(false);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(|| Lines)
        .event_format(Either { text: FieldsFirst, json });
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(level));
    // A second call (a test that starts two nodes in one process) keeps the first subscriber.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = LEVEL.set(handle);
    }
    Ok(())
}

/// Starts the thread that writes what [`put`] is given. From here on nobody waits for who reads the log, or standard error.
///
/// # Errors
/// When this host has no thread for it.
pub(crate) fn begin(pen: Pen) -> io::Result<()> {
    OUT.start(pen)?;
    last_words::tell_of_panics();
    Ok(())
}

/// Takes whole lines to be written. Does not wait.
pub(crate) fn put(lines: &[u8]) {
    OUT.put(lines);
}

/// Returns when all that was logged is written, or it is clear that nobody reads it. For whatever ends the process.
pub(crate) fn flush() {
    OUT.flush();
}

/// Dropped at the end of a process: what was logged is written by then.
pub(crate) struct Written;

impl Drop for Written {
    fn drop(&mut self) {
        flush();
    }
}

/// Says on standard error why the process ends. A node waits for who reads it for a moment only; whoever typed a command, for as long as it takes.
pub(crate) fn last_words(text: &str) {
    if OUT.is_started() {
        OUT.flush();
        last_words::say(format!("{text}\n"));
    } else {
        // Nobody to tell: the exit code says that it went wrong.
        let _ = io::Write::write_all(&mut io::stderr(), format!("{text}\n").as_bytes());
    }
}

/// Says on standard output what happens before it is known where the log is.
pub(crate) fn first_words(line: String) {
    last_words::say_out(line);
}

/// What became of lines of the log.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LogStatus {
    /// Lines that were lost since the start: nobody read them, or they could not be written.
    pub(crate) lost: u64,
    /// For how many milliseconds nobody has read what is written, if that is long; 0: somebody reads.
    pub(crate) stuck_ms: u64,
}

/// How the log stands.
pub(crate) fn status() -> LogStatus {
    let out::Standing { lost, stuck } = OUT.standing();
    LogStatus { lost, stuck_ms: stuck.map_or(0, |stuck| u64::try_from(stuck.as_millis()).unwrap_or(u64::MAX)) }
}

/// The line that tells of lost ones, in the format of this moment.
fn lost_line(lost: u64, prose: &str) -> String {
    let mut time = String::new();
    // Writing to a String cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    if is_json() {
        json!({ "timestamp": time, "level": "WARN", "message": prose, "lost": lost }).to_string() + "\n"
    } else {
        format!("{time}  WARN lost={lost} {prose}\n")
    }
}

/// Where the subscriber writes: each event with one call.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        OUT.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Goes on as the file says by now.
pub(crate) fn change(log: &config::Log) {
    JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    if let Some(handle) = LEVEL.get() {
        // Fails only when the subscriber is gone, and it lives as long as the process.
        let _ = handle.reload(filter(log.level));
    }
}

/// Whether lines are JSON.
pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Logs an event in Sentinel's own words.
pub(crate) fn announce(event: &Announcement, epoch: Epoch) {
    let Announcement { level, group, name, payload } = event;
    let group = group.as_ref().map(tracing::field::display);
    let epoch = epoch.0;
    match level {
        Level::Debug => tracing::debug!(group, epoch, event = %Quiet(name), "{name} {payload}"),
        Level::Verbose => tracing::debug!(group, epoch, event = %Quiet(name), "{name} {payload}"),
        Level::Notice | Level::Warning => tracing::info!(group, epoch, event = %Quiet(name), "{name} {payload}"),
    }
}

/// Logs an event of a group that is only looked at: what an operator should mend is a warning.
pub(crate) fn observe(event: &Announcement, epoch: Epoch) {
    if event.level != Level::Warning {
        return announce(event, epoch);
    }
    let Announcement { group, name, payload, .. } = event;
    let group = group.as_ref().map(tracing::field::display);
    tracing::warn!(group, epoch = epoch.0, event = %Quiet(name), "{name} {payload}");
}

/// The event's name for JSON, where a reader filters by it; in text it already begins the prose.
struct Quiet<'a>(&'a str);

impl fmt::Display for Quiet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The format that the file says at this moment.
struct Either {
    text: FieldsFirst,
    json: Format<Json>,
}

impl<S, N> FormatEvent<S, N> for Either
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if JSON.load(Ordering::Relaxed) {
            self.json.format_event(context, out, event)
        } else {
            self.text.format_event(context, out, event)
        }
    }
}

/// Text lines: time, level, fields, prose.
struct FieldsFirst;

impl<S, N> FormatEvent<S, N> for FieldsFirst
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        SystemTime.format_time(&mut out)?;
        write!(out, " {:>5} ", event.metadata().level())?;
        let mut parts = Parts::default();
        event.record(&mut parts);
        writeln!(out, "{}{}", parts.fields, parts.prose)
    }
}

/// The fields of one event, as text.
#[derive(Default)]
pub(crate) struct Parts {
    fields: String,
    prose: String,
}

impl Parts {
    /// The prose, and the fields in brackets behind it.
    pub(crate) fn prose_first(&self) -> String {
        match self.fields.trim_end() {
            "" => self.prose.clone(),
            fields => format!("{} [{fields}]", self.prose),
        }
    }
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.prose, "{}", OneLine(&format!("{value:?}"))),
            "event" => Ok(()),
            name => write!(self.fields, "{name}={} ", OneLine(&format!("{value:?}"))),
        };
    }
}

/// A text from outside must not begin a line of its own: that would be a forged event.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if c.is_control() { f.write_char(' ') } else { f.write_char(c) })
    }
}

/// The one log of this process.
static OUT: Out = Out::new(out::MAX_WAITING);

/// Whether lines are JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// What changes the level while the program runs.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_line_ends_stays_one_line() {
        assert_eq!(OneLine("a\r\nERROR b\x1b[0m").to_string(), "a  ERROR b [0m");
    }
}
