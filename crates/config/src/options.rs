//! Which options exist? Each is defined once, in the [table](SECTIONS): name, type, default, the reason for the default, a sentence of
//! documentation, an example. Parser, suggestions and `docs/defaults.md` read the table; nothing about an option is said elsewhere.

mod address;
mod edge;
mod source;
mod table;

use std::fmt;
use std::time::Duration;

use crate::value::{show_duration, show_size};

pub use table::SECTIONS;

/// One table of the file, such as `[node]` or `[[group]]`, or a table in another: `[listener.tls]`.
#[derive(Debug)]
pub struct Section {
    /// The name between the brackets; after a dot, that of a table inside another.
    pub name: &'static str,
    /// Whether there may be several: `[[group]]`, not `[group]`.
    pub repeated: bool,
    /// What the table is for.
    pub what: &'static str,
    /// What other programs call it; only used for suggestions.
    pub also: &'static [&'static str],
    /// Its options, in the order of the documentation.
    pub options: &'static [Definition],
}

/// One option: all that is known about it.
#[derive(Debug)]
pub struct Definition {
    /// The name in the file, kebab-case.
    pub key: &'static str,
    /// What may stand after the `=`.
    pub kind: Kind,
    /// What holds when the line is absent.
    pub absent: Absent,
    /// Why that is the default, or why there is none.
    pub why: &'static str,
    /// What the option does.
    pub what: &'static str,
    /// A value as one would write it.
    pub example: &'static str,
    /// What other programs call it; only used for suggestions.
    pub also: &'static [&'static str],
}

/// What holds when an option is not in the file.
#[derive(Clone, Copy, Debug)]
pub enum Absent {
    /// The option must be there.
    Required,
    /// This value, as one would write it.
    Value(&'static str),
    /// No fixed value; the words say what happens.
    Words(&'static str),
}

/// The type of an option, with its bounds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A name that travels in messages between nodes: letters, digits, `.`, `-`, `_`.
    Name,
    /// Any text without control characters.
    Text,
    /// A text that is never shown.
    Secret,
    /// An absolute path.
    Path,
    /// `IP:port`.
    Address {
        /// Whether `0.0.0.0` and `[::]` make sense.
        wildcard: bool,
    },
    /// A whole number and a unit: `"50ms"`.
    Duration {
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// A whole number of bytes and a unit: `"1MiB"`.
    Size {
        /// The smallest allowed, in bytes.
        min: u64,
        /// The largest allowed, in bytes.
        max: u64,
    },
    /// A whole number.
    Integer {
        /// The smallest allowed.
        min: u32,
        /// The largest allowed.
        max: u32,
    },
    /// A whole number, or `"auto"`.
    AutoOr {
        /// The smallest allowed.
        min: u32,
        /// The largest allowed.
        max: u32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `IP:port`, or `unix:` and an absolute path.
    Endpoint,
    /// A list of IP addresses and networks: `["10.0.0.0/8", "::1"]`.
    Networks,
    /// A list of `IP:port`.
    Addresses,
    /// A list of texts without control characters.
    Texts,
    /// A list of host names, of which the first label may be `*`.
    HostNames,
    /// The rights of a file, as `chmod` takes them: `"0660"`.
    FileMode,
    /// `true` or `false`.
    Flag,
    /// A whole number that may be less than zero, and is not zero.
    Signed {
        /// The smallest allowed.
        min: i32,
        /// The largest allowed.
        max: i32,
    },
    /// The name of a network interface.
    Interface,
    /// The name of a program, as the kernel keeps it of a process.
    Process,
    /// The IP address of one host.
    Ip {
        /// IPv4 makes sense.
        v4: bool,
        /// IPv6 does.
        v6: bool,
    },
    /// A list of IP addresses of hosts.
    Ips,
    /// A list of IP addresses, each with the bits of the network that it is in, or without for the host alone.
    Held,
    /// `IP` or `IP:port`.
    Remote {
        /// The port where none is said.
        port: u16,
    },
    /// A program, by its absolute path, and its arguments.
    Argv,
    /// A list of some of these words.
    Words(&'static [&'static str]),
    /// A list of tags of routes: numbers with `:` between them.
    Communities {
        /// How many numbers.
        parts: usize,
        /// The largest allowed.
        most: u32,
    },
    /// A table of its own inside this one.
    Table(&'static Section),
    /// Several of them.
    Tables(&'static Section),
    /// A table of servers with a number for each: `{ "10.0.0.2:6379" = 50 }`.
    Weights {
        /// The largest allowed; the smallest is 0.
        max: u16,
    },
}

/// The table of this name, if there is one that stands alone.
#[must_use]
pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name && !section.is_inner())
}

/// The option of a table inside this one that other programs call so.
pub(crate) fn deeper(outer: &Section, written: &str) -> Option<(&'static Section, &'static str)> {
    let written = written.to_lowercase().replace('_', "-");
    let inner =
        SECTIONS.iter().filter(|inner| inner.name.strip_prefix(outer.name).is_some_and(|rest| rest.starts_with('.')));
    let mut options = inner.flat_map(|inner| inner.options.iter().map(move |option| (inner, option)));
    options.find(|(_, option)| option.also.contains(&written.as_str())).map(|(inner, option)| (inner, option.key))
}

impl Section {
    /// Whether it is a table inside another.
    #[must_use]
    pub fn is_inner(&self) -> bool {
        self.name.contains('.')
    }

    /// Its name inside the table that it belongs to.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The header as it is written in a file: `[node]`, `[[group]]`.
    #[must_use]
    pub fn header(&self) -> String {
        if self.repeated { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    /// The option of this name, if the table has it.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&'static Definition> {
        self.options.iter().find(|definition| definition.key == key)
    }

    /// The option's full name, as the documentation uses it: `group.down-after`.
    #[must_use]
    pub fn path(&self, definition: &Definition) -> String {
        format!("{}.{}", self.name, definition.key)
    }
}

impl Kind {
    /// The type in two or three words, with its article: "a duration".
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Name => "a name in quotes",
            Self::Text | Self::Secret => "a text in quotes",
            Self::Path => "a path in quotes",
            Self::Address { .. } => "an address in quotes",
            Self::Duration { .. } => "a duration in quotes",
            Self::Size { .. } => "a size in quotes",
            Self::Integer { .. } => "a whole number",
            Self::AutoOr { .. } => "a whole number or \"auto\"",
            Self::Choice(_) => "a word in quotes",
            Self::Endpoint => "an address in quotes",
            Self::Addresses => "a list of addresses in quotes",
            Self::Networks | Self::HostNames | Self::Texts => "a list of texts in quotes",
            Self::FileMode => "the rights of a file in quotes",
            Self::Flag => "true or false",
            Self::Signed { .. } => "a whole number",
            Self::Interface | Self::Process => "a name in quotes",
            Self::Ip { .. } | Self::Remote { .. } => "an address in quotes",
            Self::Ips | Self::Held => "a list of addresses in quotes",
            Self::Argv => "a program and its arguments as a list of texts in quotes",
            Self::Words(_) => "a list of words in quotes",
            Self::Communities { .. } => "a list of communities in quotes",
            Self::Table(_) => "a table",
            Self::Tables(_) => "a list of tables",
            Self::Weights { .. } => "a table of addresses with a number for each",
        }
    }
}

impl Kind {
    /// Whether it is a list of texts.
    pub(crate) const fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Networks
                | Self::HostNames
                | Self::Addresses
                | Self::Texts
                | Self::Ips
                | Self::Held
                | Self::Words(_)
                | Self::Communities { .. }
        )
    }
}

/// The type with its bounds, for the documentation.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Text => f.write_str("text"),
            Self::Secret => f.write_str("text, never shown"),
            Self::Path => f.write_str("absolute path"),
            Self::Address { wildcard: true } => f.write_str("address `IP:port`, the IP may be `0.0.0.0` or `[::]`"),
            Self::Address { wildcard: false } => f.write_str("address `IP:port`"),
            Self::Duration { min, max } => {
                write!(f, "duration, {} to {}", show_duration(*min), show_duration(*max))
            }
            Self::Size { min, max } => {
                write!(f, "size, {} to {}", show_size(*min), show_size(*max))
            }
            Self::Integer { min, max } => write!(f, "whole number, {min} to {max}"),
            Self::AutoOr { min, max } => write!(f, "`\"auto\"`, or a whole number, {min} to {max}"),
            Self::Choice([only]) => write!(f, "`\"{only}\"`"),
            Self::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                write!(f, "one of {}", words.join(", "))
            }
            Self::Endpoint => {
                f.write_str("address `IP:port`, the IP may be `0.0.0.0` or `[::]`; or `unix:` and an absolute path")
            }
            Self::Networks => f.write_str("list of addresses and networks, `IP` or `IP/bits`"),
            Self::Addresses => f.write_str("list of addresses `IP:port`"),
            Self::Texts => f.write_str("list of texts"),
            Self::HostNames => f.write_str("list of host names, of which the first label may be `*`"),
            Self::FileMode => f.write_str("rights of a file in octal digits"),
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Signed { min, max } => write!(f, "whole number, {min} to {max}, not 0"),
            Self::Interface => f.write_str("name of an interface"),
            Self::Process => f.write_str("name of a program"),
            Self::Ip { v6: false, .. } => f.write_str("IPv4 address"),
            Self::Ip { v4: false, .. } => f.write_str("IPv6 address"),
            Self::Ip { .. } => f.write_str("IP address"),
            Self::Ips => f.write_str("list of IP addresses"),
            Self::Held => f.write_str("list of addresses, `IP/bits` or `IP`"),
            Self::Remote { port } => write!(f, "address `IP`, or `IP:port` if the port is not {port}"),
            Self::Argv => f.write_str("list: the absolute path of a program, and its arguments"),
            Self::Words(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                write!(f, "list of {}", words.join(", "))
            }
            Self::Communities { parts, most } => {
                write!(f, "list of {parts} numbers with `:` between them, each 0 to {most}")
            }
            Self::Table(section) | Self::Tables(section) => write!(f, "table `{}`, see there", section.header()),
            Self::Weights { max } => write!(f, "table of `IP:port` with whole numbers, 0 to {max}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Setting;

    fn all() -> impl Iterator<Item = (&'static Section, &'static Definition)> {
        SECTIONS.iter().flat_map(|section| section.options.iter().map(move |definition| (section, definition)))
    }

    #[test]
    fn every_default_and_example_is_a_valid_value_of_its_option() {
        for (section, definition) in all().filter(|(_, d)| !matches!(d.kind, Kind::Table(_) | Kind::Tables(_))) {
            let mut values = vec![definition.example];
            if let Absent::Value(text) = definition.absent {
                values.push(text);
            }
            for text in values {
                let setting = Setting::from_toml(definition, text);
                assert!(setting.is_ok(), "{}: {text}: {setting:?}", section.path(definition));
            }
        }
    }

    #[test]
    fn every_inner_table_is_an_option_of_the_one_around_it_and_has_a_valid_example() {
        for section in SECTIONS.iter().filter(|section| section.is_inner()) {
            let outer = section.name.rsplit_once('.').map(|(outer, _)| outer).unwrap();
            let outer = SECTIONS.iter().find(|section| section.name == outer).unwrap();
            let definition = outer.option(section.key()).unwrap();
            let (Kind::Table(inner) | Kind::Tables(inner)) = definition.kind else { panic!("{}", section.name) };
            assert_eq!((inner.name, inner.options.len()), (section.name, section.options.len()));
        }
    }

    #[test]
    fn every_example_of_an_inner_table_is_possible() {
        for (section, definition) in all() {
            let (Kind::Table(_) | Kind::Tables(_)) = definition.kind else { continue };
            // The table with those around it.
            let dots = section.name.match_indices('.').map(|(at, _)| &section.name[..at]).chain([section.name]);
            let around = dots.map(|name| SECTIONS.iter().find(|section| section.name == name).unwrap().header());
            let headers: Vec<String> = around.collect();
            let text = format!("{}\n{} = {}\n", headers.join("\n"), definition.key, definition.example);
            let problems = crate::parse("f", &text).unwrap_err();
            // The table around it lacks what it must have; nothing is said about the example.
            let told = problems.iter().find(|problem| problems.place(problem).line > 1 && problem.span().start > 0);
            let told = told.filter(|problem| !problem.message().contains("missing"));
            assert!(told.is_none(), "{text}{problems}");
        }
    }

    #[test]
    fn names_are_kebab_case_and_unique() {
        for (section, definition) in all() {
            let path = section.path(definition);
            assert!(definition.key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{path}");
            assert_eq!(all().filter(|(s, d)| s.path(d) == path).count(), 1, "{path}");
        }
    }

    #[test]
    fn what_and_why_are_sentences() {
        for (section, definition) in all() {
            for text in [definition.what, definition.why] {
                assert!(text.len() > 10 && text.ends_with('.'), "{}: {text:?}", section.path(definition));
            }
        }
    }
}
