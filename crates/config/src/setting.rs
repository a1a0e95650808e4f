//! One value of the file, read as its option's definition says; and one table of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::address::Held;
use crate::choice::{
    Balance, ClientCertificates, Fallback, Followed, LelasticRole, LogFormat, LogLevel, MinVersion, Mode, OnUnknown,
    OtherAddresses, Pool, RedisRole, Role, RouteOrigin, SendProxy, Source, Start,
};
use crate::config::Workers;
use crate::edge::{Endpoint, Network};
use crate::options::{Absent, Definition, Kind, Section};
use crate::secret::Secret;
use crate::value::{self, Complaint, moving, quote};

/// A value, typed and within its bounds.
#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Text(String),
    Secret(Secret),
    Path(PathBuf),
    Address(SocketAddr),
    Duration(Duration),
    Size(u64),
    Integer(u32),
    Workers(Workers),
    Word(&'static str),
    Endpoint(Endpoint),
    Networks(Vec<Network>),
    Addresses(Vec<SocketAddr>),
    Texts(Vec<String>),
    /// The rights of a file.
    Bits(u16),
    Flag(bool),
    Signed(i32),
    Ip(IpAddr),
    Ips(Vec<IpAddr>),
    Held(Vec<Held>),
    /// Tags of routes: as many numbers each as their option says.
    Numbers(Vec<Vec<u32>>),
    Table(Settings),
    Tables(Vec<Settings>),
    Weights(BTreeMap<SocketAddr, u16>),
}

impl Setting {
    /// Reads a value of the file.
    pub(crate) fn read(definition: &Definition, found: &DeValue<'_>) -> Result<Self, Complaint> {
        match (definition.kind, found) {
            (Kind::Integer { min, max }, DeValue::Integer(number)) => integer(number, min, max).map(Self::Integer),
            (Kind::AutoOr { min, max }, DeValue::Integer(number)) => {
                integer(number, min, max).map(|count| Self::Workers(Workers::Count(count)))
            }
            (Kind::Networks, DeValue::Array(list)) => texts(definition, list, value::network).map(Self::Networks),
            (Kind::Addresses, DeValue::Array(list)) => addresses(definition, list).map(Self::Addresses),
            (Kind::Texts, DeValue::Array(list)) => texts(definition, list, value::plain).map(Self::Texts),
            (Kind::HostNames, DeValue::Array(list)) => texts(definition, list, value::host_name).map(Self::Texts),
            (Kind::Weights { max }, DeValue::Table(table)) => weights(table, max).map(Self::Weights),
            (Kind::Flag, DeValue::Boolean(flag)) => Ok(Self::Flag(*flag)),
            (Kind::Signed { min, max }, DeValue::Integer(number)) => signed(number, min, max).map(Self::Signed),
            (Kind::Ips, DeValue::Array(list)) => {
                distinct(definition, list, |t| moving::ip(t, true, true)).map(Self::Ips)
            }
            (Kind::Held, DeValue::Array(list)) => distinct(definition, list, moving::held).map(Self::Held),
            (Kind::Argv, DeValue::Array(list)) => argv(definition, list).map(Self::Texts),
            (Kind::Words(words), DeValue::Array(list)) => {
                distinct(definition, list, |text| value::word(text, words).map(str::to_owned)).map(Self::Texts)
            }
            (Kind::Communities { parts, most }, DeValue::Array(list)) => {
                distinct(definition, list, |text| moving::community(text, parts, most)).map(Self::Numbers)
            }
            (kind, DeValue::String(text)) => Self::read_text(definition, kind, text),
            _ => Err(wrong_type(definition, found)),
        }
    }

    /// Reads a value as it is written in the table of options.
    pub(crate) fn from_toml(definition: &Definition, text: &str) -> Result<Self, Complaint> {
        match DeValue::parse(text) {
            Ok(found) => Self::read(definition, found.get_ref()),
            Err(error) => Err(Complaint::new(error.message(), "expected TOML")),
        }
    }

    /// As an operator reads it; nothing of a secret.
    pub(crate) fn show(&self) -> String {
        fn list<T: ToString>(values: &[T]) -> String {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("[{}]", values.join(", "))
        }
        match self {
            Self::Text(text) => text.clone(),
            Self::Secret(_) => "(a secret)".to_owned(),
            Self::Path(path) => path.display().to_string(),
            Self::Address(address) => address.to_string(),
            Self::Duration(time) => value::show_duration(*time),
            Self::Size(bytes) => value::show_size(*bytes),
            Self::Integer(n) | Self::Workers(Workers::Count(n)) => n.to_string(),
            Self::Workers(Workers::Auto) => "auto".to_owned(),
            Self::Word(word) => (*word).to_owned(),
            Self::Endpoint(endpoint) => endpoint.to_string(),
            Self::Networks(networks) => list(networks),
            Self::Addresses(addresses) => list(addresses),
            Self::Texts(texts) => list(texts),
            Self::Bits(bits) => format!("{bits:04o}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Signed(number) => number.to_string(),
            Self::Ip(ip) => ip.to_string(),
            Self::Ips(ips) => list(ips),
            Self::Held(held) => list(held),
            Self::Numbers(tags) => list(&tags.iter().map(|tag| moving::show_community(tag)).collect::<Vec<_>>()),
            Self::Table(_) | Self::Tables(_) => "(a table)".to_owned(),
            Self::Weights(weights) => {
                let weights: Vec<String> = weights.iter().map(|(server, n)| format!("{server} = {n}")).collect();
                format!("{{{}}}", weights.join(", "))
            }
        }
    }

    fn read_text(definition: &Definition, kind: Kind, text: &str) -> Result<Self, Complaint> {
        match kind {
            Kind::Name => value::name(text).map(Self::Text),
            Kind::Text => value::plain(text).map(Self::Text),
            Kind::Secret => value::plain(text).map(|text| Self::Secret(Secret::new(text))),
            Kind::Path => value::path(text).map(Self::Path),
            Kind::Address { wildcard } => value::address(text, wildcard).map(Self::Address),
            Kind::Duration { min, max } => value::duration(text, min, max).map(Self::Duration),
            Kind::Size { min, max } => value::size(text, min, max).map(Self::Size),
            Kind::Choice(words) => value::word(text, words).map(Self::Word),
            Kind::Endpoint => value::endpoint(text).map(Self::Endpoint),
            Kind::FileMode => value::file_mode(text).map(Self::Bits),
            Kind::Interface => moving::interface(text).map(Self::Text),
            Kind::Process => moving::process(text).map(Self::Text),
            Kind::Ip { v4, v6 } => moving::ip(text, v4, v6).map(Self::Ip),
            Kind::Remote { port } => moving::remote(text, port).map(Self::Address),
            Kind::AutoOr { .. } if text == "auto" => Ok(Self::Workers(Workers::Auto)),
            Kind::Integer { .. }
            | Kind::AutoOr { .. }
            | Kind::Addresses
            | Kind::Texts
            | Kind::Networks
            | Kind::HostNames
            | Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Flag
            | Kind::Signed { .. }
            | Kind::Ips
            | Kind::Held
            | Kind::Argv
            | Kind::Words(_)
            | Kind::Communities { .. }
            | Kind::Weights { .. } => Err(wrong_type(definition, &DeValue::String(text.into()))),
        }
    }
}

/// A list, of which each element is a text.
fn texts<T>(
    definition: &Definition,
    list: &[Spanned<DeValue<'_>>],
    read: impl Fn(&str) -> Result<T, Complaint>,
) -> Result<Vec<T>, Complaint> {
    if list.is_empty() {
        return Err(Complaint::new("is an empty list", "expected at least one; without the option leave the line out"));
    }
    let one = |found: &Spanned<DeValue<'_>>| match found.get_ref() {
        DeValue::String(text) => read(text),
        other => Err(wrong_type(definition, other)),
    };
    list.iter().map(one).collect()
}

/// A list of servers, each once.
fn addresses(definition: &Definition, list: &[Spanned<DeValue<'_>>]) -> Result<Vec<SocketAddr>, Complaint> {
    let found = texts(definition, list, |text| value::address(text, false))?;
    let again = found.iter().enumerate().find(|(at, address)| found[..*at].contains(address));
    match again {
        Some((_, again)) => Err(Complaint::new(format!("{again} is there twice"), "expected each address once")),
        None if found.len() > MOST_ADDRESSES => {
            Err(Complaint::new("is too long", format!("expected at most {MOST_ADDRESSES} addresses")))
        }
        None => Ok(found),
    }
}

/// A list, of which each element is there once.
fn distinct<T: PartialEq>(
    definition: &Definition,
    list: &[Spanned<DeValue<'_>>],
    read: impl Fn(&str) -> Result<T, Complaint>,
) -> Result<Vec<T>, Complaint> {
    let found = texts(definition, list, read)?;
    let again = (0..found.len()).find(|at| found[..*at].contains(&found[*at]));
    if let Some(text) = again.and_then(|at| list[at].get_ref().as_str()) {
        return Err(Complaint::new(format!("{} is there twice", quote(text)), "expected each once"));
    }
    if found.len() > MOST_IN_LIST {
        return Err(Complaint::new("is too long", format!("expected at most {MOST_IN_LIST}")));
    }
    Ok(found)
}

/// A program and its arguments.
fn argv(definition: &Definition, list: &[Spanned<DeValue<'_>>]) -> Result<Vec<String>, Complaint> {
    let found = texts(definition, list, moving::argument)?;
    if found.len() > MOST_IN_LIST {
        return Err(Complaint::new("is too long", format!("expected at most {MOST_IN_LIST}")));
    }
    value::path(&found[0]).map(|_| found)
}

fn signed(number: &DeInteger<'_>, min: i32, max: i32) -> Result<i32, Complaint> {
    let found = i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX);
    let found = i32::try_from(found).ok().filter(|found| (min..=max).contains(found) && *found != 0);
    found.ok_or_else(|| Complaint::new(format!("cannot be {number}"), format!("expected {min} to {max}, and not 0")))
}

fn integer(number: &DeInteger<'_>, min: u32, max: u32) -> Result<u32, Complaint> {
    let bounds = || format!("expected {min} to {max}");
    // What does not fit into 128 bits is out of bounds as well, and which side it is on is its sign.
    let found = i128::from_str_radix(number.as_str(), number.radix())
        .unwrap_or_else(|_| if number.as_str().starts_with('-') { i128::MIN } else { i128::MAX });
    match u32::try_from(found) {
        Ok(found) if (min..=max).contains(&found) => Ok(found),
        _ if found < i128::from(min) => Err(Complaint::new("is too small", bounds())),
        _ => Err(Complaint::new("is too large", bounds())),
    }
}

fn weights(table: &DeTable<'_>, max: u16) -> Result<BTreeMap<SocketAddr, u16>, Complaint> {
    let mut weights = BTreeMap::new();
    for (server, weight) in table {
        let server = server.get_ref();
        let address = value::address(server, false)?;
        let expected = || format!("expected a whole number, 0 to {max}");
        let DeValue::Integer(number) = weight.get_ref() else {
            return Err(Complaint::new(format!("{} has {}", quote(server), kind_of(weight.get_ref())), expected()));
        };
        let weight = integer(number, 0, max.into()).ok().and_then(|weight| u16::try_from(weight).ok());
        let weight =
            weight.ok_or_else(|| Complaint::new(format!("{} has the weight {number}", quote(server)), expected()))?;
        if weights.insert(address, weight).is_some() {
            return Err(Complaint::new(
                format!("{} is there twice", quote(server)),
                "expected one number for each server",
            ));
        }
    }
    Ok(weights)
}

fn wrong_type(definition: &Definition, found: &DeValue<'_>) -> Complaint {
    let noun = definition.kind.noun();
    let what = match found {
        // Whatever a password was written as, it is still one.
        _ if matches!(definition.kind, Kind::Secret) => kind_of(found).to_owned(),
        DeValue::String(text) => format!("the text {}", quote(text)),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        _ => kind_of(found).to_owned(),
    };
    let help = match (definition.kind, found) {
        (Kind::Duration { .. }, DeValue::Integer(number)) => {
            format!("write the unit: \"{number}s\"")
        }
        (Kind::Size { .. }, DeValue::Integer(number)) => format!("write the unit: \"{number}B\""),
        (Kind::Integer { .. } | Kind::AutoOr { .. }, DeValue::String(text)) if text.parse::<u32>().is_ok() => {
            format!("write it without quotes: {text}")
        }
        (Kind::Address { wildcard: true }, DeValue::Integer(port)) => {
            format!("write the whole address: \"0.0.0.0:{port}\"")
        }
        (Kind::Endpoint, DeValue::Integer(port)) => format!("write the whole address: \"0.0.0.0:{port}\""),
        (Kind::FileMode, DeValue::Integer(mode)) => format!("write it in quotes: \"{mode}\""),
        (Kind::Argv, DeValue::String(text)) => {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
            format!("write a list of the program and each of its arguments: [{}]", words.join(", "))
        }
        (Kind::Flag, DeValue::String(text)) if matches!(text.as_ref(), "true" | "false") => {
            format!("write it without quotes: {text}")
        }
        (kind, DeValue::String(text)) if kind.is_list() => {
            format!("write a list: [{text:?}]")
        }
        _ => format!("for example: {} = {}", definition.key, definition.example),
    };
    Complaint { wrong: format!("is {what}"), expected: format!("expected {noun}"), help: Some(help) }
}

/// What TOML calls a value, with its article.
pub(crate) fn kind_of(found: &DeValue<'_>) -> &'static str {
    match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(true) => "the word true",
        DeValue::Boolean(false) => "the word false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// One table of the file, or one that is not in the file and has only defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) section: &'static Section,
    /// Where its header is. `None`: the file has no such table.
    pub(crate) header: Option<Range<usize>>,
    fields: BTreeMap<&'static str, Field>,
}

/// What is known about one option of a table.
#[derive(Clone, Debug)]
enum Field {
    Given {
        value: Setting,
        span: Range<usize>,
    },
    /// In the file, but unusable, or meant by a misspelt key. There is a problem for it, and nothing more can be said.
    Spoilt,
}

impl Settings {
    pub(crate) fn new(section: &'static Section, header: Option<Range<usize>>) -> Self {
        Self { section, header, fields: BTreeMap::new() }
    }

    pub(crate) fn give(&mut self, key: &'static str, value: Setting, span: Range<usize>) {
        self.fields.insert(key, Field::Given { value, span });
    }

    /// Marks an option about which there is already a problem, so that nobody reports it a second time as missing.
    pub(crate) fn spoil(&mut self, key: &'static str) {
        self.fields.entry(key).or_insert(Field::Spoilt);
    }

    /// The value in the file or the default. `None` if there is neither.
    pub(crate) fn get<T: FromSetting>(&self, key: &str) -> Option<T> {
        let definition = self.definition(key);
        let value = T::from_setting(self.value(key)?);
        assert!(value.is_some(), "{}: the field's type is not the option's", self.section.path(definition));
        value
    }

    /// The value in the file or the default, of whatever type.
    pub(crate) fn value(&self, key: &str) -> Option<Setting> {
        let definition = self.definition(key);
        match self.fields.get(key) {
            Some(Field::Given { value, .. }) => Some(value.clone()),
            Some(Field::Spoilt) => None,
            None => default(definition),
        }
    }

    /// The table inside this one, or its defaults if it is not in the file.
    pub(crate) fn inner(&self, key: &str) -> Self {
        let Kind::Table(section) = self.definition(key).kind else { panic!("{key} is no table") };
        self.get(key).unwrap_or_else(|| Self::new(section, None))
    }

    /// Whether nothing about this option is in the file, not even something wrong.
    pub(crate) fn lacks(&self, key: &str) -> bool {
        !self.fields.contains_key(self.definition(key).key)
    }

    /// Where the value is in the file, if it is there and usable.
    pub(crate) fn span(&self, key: &str) -> Option<Range<usize>> {
        match self.fields.get(self.definition(key).key) {
            Some(Field::Given { span, .. }) => Some(span.clone()),
            _ => None,
        }
    }

    fn definition(&self, key: &str) -> &'static Definition {
        self.section.option(key).unwrap_or_else(|| panic!("{}.{key} is not in the table of options", self.section.name))
    }
}

fn default(definition: &'static Definition) -> Option<Setting> {
    let Absent::Value(text) = definition.absent else {
        return None;
    };
    Some(Setting::from_toml(definition, text).expect("a test reads every default"))
}

/// What a field of the configuration can be made of.
pub(crate) trait FromSetting: Sized {
    /// `None`: the option's kind is another one.
    fn from_setting(setting: Setting) -> Option<Self>;
}

macro_rules! from_setting {
    ($($variant:ident => $type:ty),+ $(,)?) => {$(
        impl FromSetting for $type {
            fn from_setting(setting: Setting) -> Option<Self> {
                match setting { Setting::$variant(value) => Some(value), _ => None }
            }
        }
    )+};
}

from_setting! {
    Text => String,
    Secret => Secret,
    Path => PathBuf,
    Address => SocketAddr,
    Duration => Duration,
    Size => u64,
    Integer => u32,
    Workers => Workers,
    Word => &'static str,
    Endpoint => Endpoint,
    Networks => Vec<Network>,
    Addresses => Vec<SocketAddr>,
    Texts => Vec<String>,
    Bits => u16,
    Table => Settings,
    Tables => Vec<Settings>,
    Weights => BTreeMap<SocketAddr, u16>,
    Flag => bool,
    Signed => i32,
    Ip => IpAddr,
    Ips => Vec<IpAddr>,
    Held => Vec<Held>,
    Numbers => Vec<Vec<u32>>,
}

macro_rules! from_word {
    ($($type:ty),+ $(,)?) => {$(
        impl FromSetting for $type {
            fn from_setting(setting: Setting) -> Option<Self> {
                <&'static str>::from_setting(setting).and_then(Self::from_word)
            }
        }
    )+};
}

from_word!(
    LogFormat,
    LogLevel,
    Role,
    Mode,
    Fallback,
    ClientCertificates,
    MinVersion,
    SendProxy,
    OnUnknown,
    Pool,
    Balance,
    Source,
    Followed,
    Start,
    OtherAddresses,
    RouteOrigin,
    LelasticRole,
    RedisRole
);

/// Servers or Sentinels of one group: each is checked for itself.
const MOST_ADDRESSES: usize = 32;
/// Of addresses, arguments, tags of routes: as many communities as fit into a message with that of lelastic, and a copy of each
/// advertisement for each peer.
const MOST_IN_LIST: usize = 63;
