//! How is a file read? Line by line for the server's directives; then what begins with `sentinel`, in three passes.
//!
//! ```text
//!   lines ──► words ──┬─► server's directives ─────────────► settings, users
//!             include ┘   `sentinel ...` ──► 1 global ones
//!                                            2 monitor ───► masters
//!                                            3 the rest, which name a master
//! ```
//!
//! So a line may name a master before `monitor` does, and a fault among the server's directives is told first.

use super::conf::{SentinelConf, User};
use super::directive::clean;
use super::problem::Problem;
use super::settings::UNKNOWN;
use super::statement::{self, Statement};
use super::words::{self, Unreadable};
use crate::Secret;

/// What reading asks of the world: this crate opens no file. Every method has an answer for a caller that does not want to look.
pub trait Surroundings {
    /// The files that an `include` names (a pattern may name several, or none), each with its name and text, in order.
    ///
    /// # Errors
    /// Why a file cannot be read, such as `No such file or directory`.
    fn include(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        let _ = pattern;
        Err("No such file or directory".to_owned())
    }

    /// Whether `dir` may name this directory, which is relative to those before it.
    ///
    /// # Errors
    /// Why it cannot be entered.
    fn may_enter(&self, dir: &str) -> Result<(), String> {
        let _ = dir;
        Ok(())
    }

    /// Whether this script may be run. The path has `dir` before it, unless it is absolute.
    fn is_executable(&self, path: &str) -> bool {
        let _ = path;
        true
    }

    /// Whether these are rules of a user.
    ///
    /// # Errors
    /// What is wrong, such as `Syntax error`.
    fn are_rules(&self, rules: &[String]) -> Result<(), String> {
        let _ = rules;
        Ok(())
    }
}

/// Surroundings in which nothing can be included and all else is right.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Surroundings for Alone {}

/// Reads a whole file, options of the command line behind it ([`super::with_options`]).
///
/// # Errors
/// The first fault, as stock would tell it.
pub fn parse(file: &str, text: &str, surroundings: &dyn Surroundings) -> Result<SentinelConf, Problem> {
    read_into(SentinelConf::default(), file, text, surroundings, statement::Source::Main)
}

/// Reads the file that `state-config-file` names over what the main file said: the state wins where both say something.
///
/// # Errors
/// The first fault in the state.
pub fn parse_state(
    main: SentinelConf,
    file: &str,
    text: &str,
    surroundings: &dyn Surroundings,
) -> Result<SentinelConf, Problem> {
    read_into(main, file, text, surroundings, statement::Source::State)
}

fn read_into(
    conf: SentinelConf,
    file: &str,
    text: &str,
    surroundings: &dyn Surroundings,
    source: statement::Source,
) -> Result<SentinelConf, Problem> {
    let mut reading = Reading { conf, statements: Vec::new(), surroundings, includes: 0 };
    reading.text(file, text)?;
    statement::apply(&mut reading.conf, &reading.statements, surroundings, source)?;
    Ok(reading.conf)
}

struct Reading<'a> {
    conf: SentinelConf,
    /// Lines that begin with `sentinel`: they wait until all others are read.
    statements: Vec<Statement>,
    surroundings: &'a dyn Surroundings,
    /// Files included so far.
    includes: usize,
}

impl Reading<'_> {
    fn text(&mut self, file: &str, text: &str) -> Result<(), Problem> {
        for (number, line) in (1..).zip(text.split('\n')) {
            let line = trimmed(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = |reason: String| Problem::new(file, number, line, reason);
            let words = words::split(line).map_err(|why| fault(reason(why).to_owned()))?;
            let Some((name, rest)) = words.split_first() else { continue };
            if name.eq_ignore_ascii_case("include") && rest.len() == 1 {
                self.include(&rest[0]).map_err(|failed| failed.told(fault))?;
            } else if name.eq_ignore_ascii_case("sentinel") {
                // Alone it is what `--sentinel` of the command line became.
                if !rest.is_empty() {
                    self.statements.push(Statement {
                        file: file.to_owned(),
                        line: number,
                        text: line.to_owned(),
                        words: rest.to_vec(),
                    });
                }
            } else {
                self.directive(name, rest).map_err(fault)?;
            }
        }
        Ok(())
    }

    fn include(&mut self, pattern: &str) -> Result<(), Failed> {
        let files = self.surroundings.include(pattern);
        let files =
            files.map_err(|why| Failed::Here(format!("Fatal error, can't open config file '{pattern}': {why}")))?;
        for (file, text) in files {
            self.includes += 1;
            if self.includes > MAX_INCLUDES {
                return Err(Failed::Here(format!("more than {MAX_INCLUDES} files are included")));
            }
            self.text(&file, &text).map_err(Failed::There)?;
        }
        Ok(())
    }

    fn directive(&mut self, name: &str, words: &[String]) -> Result<(), String> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match words {
            [user, rules @ ..] if is("user") => self.user(user, rules),
            [from, to] if is("rename-command") => {
                let (from, to) = (clean("rename-command", from)?, clean("rename-command", to)?);
                self.conf.renamed.push((from, to));
                Ok(())
            }
            [_, ..] if is("loadmodule") => Ok(()),
            // Two names of Redis 2 that every version since reads over.
            [_] if is("list-max-ziplist-entries") || is("list-max-ziplist-value") => Ok(()),
            [dir] if is("dir") => self.dir(dir),
            [] if is("user") || is("include") || is("rename-command") => Err(UNKNOWN.to_owned()),
            _ => self.conf.settings.set(name, words),
        }
    }

    fn dir(&mut self, dir: &str) -> Result<(), String> {
        if dir.is_empty() {
            return Err("No such file or directory".to_owned());
        }
        let dir = joined(&self.conf.settings.text("dir"), dir);
        self.conf.settings.set("dir", std::slice::from_ref(&dir))?;
        self.surroundings.may_enter(&dir)
    }

    fn user(&mut self, name: &str, rules: &[String]) -> Result<(), String> {
        let name = clean("user", name)?;
        if name.contains(char::is_whitespace) {
            return Err(
                "Error in user declaration 'user': Usernames can't contain spaces or null characters".to_owned()
            );
        }
        if self.conf.users.iter().any(|user| user.name == name) {
            let twice = "Duplicate user found. A user can only be defined once in config files";
            return Err(format!("Error in user declaration '{name}': {twice}"));
        }
        for rule in rules {
            clean("user", rule)?;
        }
        self.surroundings.are_rules(rules).map_err(|why| format!("Error in user declaration 'user': {why}"))?;
        self.conf.users.push(User { name, rules: rules.iter().map(Secret::new).collect() });
        Ok(())
    }
}

/// Where including failed.
enum Failed {
    /// At the line that says `include`.
    Here(String),
    /// In the file that it names.
    There(Problem),
}

impl Failed {
    fn told(self, here: impl FnOnce(String) -> Problem) -> Problem {
        match self {
            Self::Here(reason) => here(reason),
            Self::There(problem) => problem,
        }
    }
}

/// A path after a directory was entered.
pub(super) fn joined(dir: &str, path: &str) -> String {
    if dir.is_empty() || path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", dir.trim_end_matches('/'))
    }
}

/// A line as stock sees it, without line ends and blanks around it.
pub(super) fn trimmed(line: &str) -> &str {
    line.trim_matches([' ', '\t', '\r', '\n'])
}

fn reason(why: Unreadable) -> &'static str {
    match why {
        Unreadable::Unbalanced => UNBALANCED,
        Unreadable::NotText => "the escaped bytes are not UTF-8",
    }
}

pub(super) const UNBALANCED: &str = "Unbalanced quotes in configuration line";

/// A file that includes itself ends here, long before memory does.
const MAX_INCLUDES: usize = 64;
