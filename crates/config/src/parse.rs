//! Which keys and values does the file have? Walks TOML's tree along the table of options and makes typed values of it. It never stops
//! at a problem, because the operator wants to see all of them.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::check;
use crate::config::{self, Config, Tables};
use crate::diagnostic::{Problem, Problems};
use crate::options::{self, Definition, Kind, SECTIONS, Section};
use crate::setting::{Setting, Settings, kind_of};
use crate::source::{self, Source};
use crate::suggest::{self, Candidate};
use crate::syntax;
use crate::value::quote;

/// Reads the text of a configuration file. `file_name` is only used in messages.
///
/// # Errors
/// All problems of the text at once, sorted by place. If the text is not even TOML, these are the broken lines and what is certainly wrong
/// on the others; what is missing, or does not fit together, is only reported once the text can be read.
pub fn parse(file_name: &str, text: &str) -> Result<Config, Problems> {
    let mut source = Source::new(file_name, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut walk = Walk::default();
    let tables = walk.root(root.get_ref());
    for span in &walk.secrets {
        source.mask(span.clone());
    }
    let mut problems = walk.problems;
    if errors.is_empty() {
        problems.extend(check::tables(&tables, walk.strangers));
    } else {
        let broken = syntax::problems(&source, &errors);
        problems = syntax::keep_independent(&source, &broken, problems);
        problems.extend(broken);
    }
    if problems.is_empty() { Ok(Config::build(&source, &tables)) } else { Err(Problems::new(source, problems)) }
}

/// The control socket that a text names, however wrong the rest of it may be: an operator who broke the file must still be able to
/// ask the node that runs on the one before.
#[must_use]
pub fn control_socket(text: &str) -> Option<PathBuf> {
    let (root, _) = DeTable::parse_recoverable(text);
    config::control(&Walk::default().root(root.get_ref()).node)
}

/// What has been found on the way through the tree.
#[derive(Default)]
struct Walk {
    problems: Vec<Problem>,
    /// Where passwords are.
    secrets: Vec<Range<usize>>,
    /// Whether the file has a table that nobody knows: it may be a misspelt group or listener, so nothing can be said to be missing.
    strangers: bool,
}

type Key<'a, 'i> = &'a Spanned<DeString<'i>>;
type Value<'a, 'i> = &'a Spanned<DeValue<'i>>;

impl Walk {
    fn root(&mut self, root: &DeTable<'_>) -> Tables {
        for (key, value) in root {
            if options::section(key.get_ref()).is_none() {
                self.unknown_table(key, value);
            }
        }
        let [node, admin, log, proxy] = ["node", "admin", "log", "proxy"].map(|name| {
            let section = options::section(name).expect("is in the table of options");
            root.get(name).map_or_else(|| Settings::new(section, None), |value| self.single(section, value))
        });
        let [groups, listeners, addresses, sync_groups] = ["group", "listener", "address", "sync-group"].map(|name| {
            let section = options::section(name).expect("is in the table of options");
            root.get(name).map_or_else(Vec::new, |value| self.repeated(section, value))
        });
        Tables { node, admin, log, proxy, groups, listeners, addresses, sync_groups }
    }

    /// A table that there is once.
    fn single(&mut self, section: &'static Section, value: Value<'_, '_>) -> Settings {
        match value.get_ref() {
            DeValue::Table(table) => return self.table(section, value.span(), table),
            DeValue::Array(tables) if tables.iter().all(|one| one.get_ref().is_table()) => {
                let wrong = format!("there is only one {}, so it is not a list", section.header());
                self.problems.push(Problem::new(value.span(), wrong, format!("expected {}", section.header())));
                // Its first table is surely meant; problems in it are worth reporting at once.
                if let Some((span, table)) = tables.first().and_then(as_table) {
                    return self.table(section, span, table);
                }
            }
            other => self.not_a_table(section, value.span(), other),
        }
        spoilt(section, value.span())
    }

    /// A table that there may be several of.
    fn repeated(&mut self, section: &'static Section, value: Value<'_, '_>) -> Vec<Settings> {
        match value.get_ref() {
            DeValue::Array(tables) => {
                let mut found = Vec::new();
                for one in tables {
                    if let Some((span, table)) = as_table(one) {
                        found.push(self.table(section, span, table));
                    } else {
                        self.not_a_table(section, one.span(), one.get_ref());
                        found.push(spoilt(section, one.span()));
                    }
                }
                found
            }
            DeValue::Table(table) => {
                let wrong = format!("there may be several {} tables", section.name);
                let problem =
                    Problem::new(value.span(), wrong, format!("expected double brackets: {}", section.header()));
                self.problems.push(problem);
                vec![self.table(section, value.span(), table)]
            }
            other => {
                self.not_a_table(section, value.span(), other);
                vec![spoilt(section, value.span())]
            }
        }
    }

    fn table(&mut self, section: &'static Section, header: Range<usize>, table: &DeTable<'_>) -> Settings {
        let mut settings = Settings::new(section, Some(header));
        for (key, value) in table {
            match section.option(key.get_ref()) {
                Some(definition) => self.option(&mut settings, definition, value),
                None => self.unknown_key(&mut settings, key, value),
            }
        }
        settings
    }

    fn option(&mut self, settings: &mut Settings, definition: &'static Definition, value: Value<'_, '_>) {
        if matches!(definition.kind, Kind::Secret) || value.get_ref().as_str().is_some_and(source::logs_in) {
            self.secrets.push(value.span());
        }
        let found = match definition.kind {
            Kind::Table(section) => Ok(Setting::Table(self.single(section, value))),
            Kind::Tables(section) => Ok(Setting::Tables(self.repeated(section, value))),
            _ => Setting::read(definition, value.get_ref()),
        };
        match found {
            Ok(setting) => settings.give(definition.key, setting, value.span()),
            Err(complaint) => {
                settings.spoil(definition.key);
                self.problems.push(Problem::complaint(value.span(), definition.key, complaint));
            }
        }
    }

    fn unknown_key(&mut self, settings: &mut Settings, key: Key<'_, '_>, value: Value<'_, '_>) {
        let section = settings.section;
        let written = key.get_ref().as_ref();
        if source::looks_secret(written) {
            self.secrets.push(value.span());
        }
        let wrong = format!("{} is not an option of {}", backticks(written), section.header());
        let elsewhere: Vec<String> =
            SECTIONS.iter().filter(|other| other.option(written).is_some()).map(Section::header).collect();
        let candidates = section.options.iter().map(|option| Candidate { name: option.key, also: option.also });
        let problem = if !elsewhere.is_empty() {
            Problem::new(key.span(), wrong, format!("it belongs into {}", elsewhere.join(" or ")))
        } else if let Some(meant) = suggest::nearest(written, candidates) {
            settings.spoil(meant);
            Problem::new(key.span(), wrong, format!("did you mean `{meant}`?"))
        } else if let Some((inner, meant)) = options::deeper(section, written) {
            Problem::new(key.span(), wrong, format!("did you mean `{meant}` of {}?", inner.header()))
        } else {
            let all: Vec<&str> = section.options.iter().map(|option| option.key).collect();
            Problem::new(key.span(), wrong, "unknown").help(format!(
                "the options of {} are: {}",
                section.header(),
                all.join(", ")
            ))
        };
        self.problems.push(problem);
    }

    fn unknown_table(&mut self, key: Key<'_, '_>, value: Value<'_, '_>) {
        let written = key.get_ref().as_ref();
        let homes: Vec<String> =
            SECTIONS.iter().filter(|section| section.option(written).is_some()).map(Section::header).collect();
        let is_table = value.get_ref().is_table() || value.get_ref().is_array();
        if !is_table && !homes.is_empty() {
            let wrong = format!("{} stands before any table", backticks(written));
            self.problems.push(Problem::new(key.span(), wrong, format!("it belongs into {}", homes.join(" or "))));
            return;
        }
        let inner = SECTIONS.iter().filter(|section| section.is_inner() && section.key() == written);
        let named = |name| SECTIONS.iter().find(|section| section.name == name);
        let outer = |section: &Section| Some(named(section.name.rsplit_once('.')?.0)?.header());
        let (inner, outer): (Vec<String>, Vec<String>) =
            inner.filter_map(|section| Some((section.header(), outer(section)?))).unzip();
        if is_table && !inner.is_empty() {
            let (inner, outer) = (inner.join(" or "), outer.join(" or "));
            let wrong = format!("{} stands outside of {outer}", backticks(written));
            let help = format!("write it after the {outer} that it belongs to, as {inner}");
            self.problems.push(Problem::new(key.span(), wrong, format!("expected {inner}")).help(help));
            return;
        }
        self.strangers = true;
        let what = if is_table { "table" } else { "option" };
        let wrong = format!("the configuration has no {what} {}", backticks(written));
        let outer = || SECTIONS.iter().filter(|section| !section.is_inner());
        let candidates = outer().map(|section| Candidate { name: section.name, also: section.also });
        let meant = suggest::nearest(written, candidates).and_then(options::section);
        self.problems.push(match meant {
            Some(section) => Problem::new(key.span(), wrong, format!("did you mean `{}`?", section.header())),
            None => {
                let all: Vec<String> = outer().map(Section::header).collect();
                Problem::new(key.span(), wrong, "unknown").help(format!("the tables are: {}", all.join(", ")))
            }
        });
    }

    fn not_a_table(&mut self, section: &Section, span: Range<usize>, found: &DeValue<'_>) {
        let wrong = format!("`{}` is {}", section.key(), kind_of(found));
        let problem = Problem::new(span, wrong, format!("expected a table: {}", section.header()));
        self.problems.push(problem.help(section.what));
    }
}

fn as_table<'a, 'i>(value: Value<'a, 'i>) -> Option<(Range<usize>, &'a DeTable<'i>)> {
    value.get_ref().as_table().map(|table| (value.span(), table))
}

/// Stands for a table that cannot be read, so that nothing is said about what it lacks.
fn spoilt(section: &'static Section, header: Range<usize>) -> Settings {
    let mut settings = Settings::new(section, Some(header));
    for definition in section.options {
        settings.spoil(definition.key);
    }
    settings
}

/// A key as it may be shown inside a sentence.
fn backticks(key: &str) -> String {
    let quoted = quote(key);
    format!("`{}`", &quoted[1..quoted.len() - 1])
}
