//! Who is a user, and what may they do? The rules of `ACL SETUSER` and of `user` lines, as Redis 7 has them.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;

use super::super::table::{self, COMMANDS, F};
use super::Denied;
use resp::glob;

/// One user.
#[derive(Clone)]
pub(in super::super) struct User {
    pub(super) enabled: bool,
    /// Any password is right.
    pub(super) nopass: bool,
    /// SHA-256 of each, in lower case hexadecimal; in the order in which they were given.
    pub(super) passwords: Vec<String>,
    pub(super) root: Selector,
    /// Further sets of rights; one that suffices is enough.
    pub(super) selectors: Vec<Selector>,
}

/// A set of rights.
#[derive(Clone)]
pub(super) struct Selector {
    /// Each command of the table.
    allowed: Vec<bool>,
    /// Commands that are allowed with these first arguments only.
    first: BTreeMap<usize, BTreeSet<String>>,
    all_commands: bool,
    /// What was said of commands since the last `±@all`, for telling it again.
    said: Vec<String>,
    /// With what they allow in front (`~x`, `%R~x`). There are no keys here: kept to be told again.
    keys: Vec<String>,
    all_channels: bool,
    channels: Vec<String>,
}

impl User {
    /// A new one: may nothing, and cannot log in.
    pub(super) fn new() -> Self {
        Self { enabled: false, nopass: false, passwords: Vec::new(), root: Selector::new(), selectors: Vec::new() }
    }

    /// `default` as it is before anybody changes it: may everything, without a password.
    pub(super) fn unlimited() -> Self {
        let mut root = Selector::new();
        root.all(true);
        root.keys.push("~*".into());
        root.all_channels = true;
        Self { enabled: true, nopass: true, root, ..Self::new() }
    }

    pub(in super::super) fn is_open(&self) -> bool {
        self.enabled && self.nopass
    }

    /// Whether no password is needed: then nobody has one to send.
    pub(in super::super) const fn knows_any(&self) -> bool {
        self.nopass
    }

    /// Whether who says this password is this user.
    pub(in super::super) fn lets_in(&self, password: &[u8]) -> bool {
        self.enabled && (self.nopass || self.passwords.contains(&hash(password)))
    }

    /// Changes it by one rule.
    ///
    /// # Errors
    /// What is wrong with the rule, in Redis's words.
    pub(super) fn apply(&mut self, rule: &str) -> Result<(), &'static str> {
        match rule.to_ascii_lowercase().as_str() {
            "on" => self.enabled = true,
            "off" => self.enabled = false,
            "nopass" => (self.nopass, self.passwords) = (true, Vec::new()),
            "resetpass" => (self.nopass, self.passwords) = (false, Vec::new()),
            "sanitize-payload" | "skip-sanitize-payload" => {}
            "clearselectors" => self.selectors.clear(),
            "reset" => *self = Self::new(),
            _ => return self.apply_other(rule),
        }
        Ok(())
    }

    fn apply_other(&mut self, rule: &str) -> Result<(), &'static str> {
        let password = |digits: &str| if is_hash(digits) { Ok(digits.to_owned()) } else { Err(BAD_HASH) };
        match rule.as_bytes() {
            [b'>', password @ ..] => self.add_password(hash(password)),
            [b'#', ..] => password(&rule[1..]).and_then(|hash| self.add_password(hash)),
            [b'<', password @ ..] => self.remove_password(&hash(password)),
            [b'!', ..] => password(&rule[1..]).and_then(|hash| self.remove_password(&hash)),
            [b'(', .., b')'] => {
                if self.selectors.len() >= MAX_RULES {
                    return Err(TOO_MANY);
                }
                let mut selector = Selector::new();
                for rule in rule[1..rule.len() - 1].split_ascii_whitespace() {
                    selector.apply(rule)?;
                }
                self.selectors.push(selector);
                Ok(())
            }
            _ => self.root.apply(rule),
        }
    }

    fn add_password(&mut self, hash: String) -> Result<(), &'static str> {
        self.nopass = false;
        if self.passwords.contains(&hash) {
            return Ok(());
        }
        if self.passwords.len() >= MAX_RULES {
            return Err(TOO_MANY);
        }
        self.passwords.push(hash);
        Ok(())
    }

    fn remove_password(&mut self, hash: &str) -> Result<(), &'static str> {
        let found = self.passwords.iter().position(|known| known == hash);
        self.passwords.remove(found.ok_or("The password you are trying to remove from the user does not exist")?);
        Ok(())
    }

    /// Whether the command may be run with these arguments; one set of rights has to allow all of it.
    pub(in super::super) fn may(&self, command: usize, arguments: &[Vec<u8>]) -> Result<(), Denied> {
        let mut worst = Denied::Command;
        for selector in std::iter::once(&self.root).chain(&self.selectors) {
            match selector.may(command, arguments) {
                Ok(()) => return Ok(()),
                Err(denied @ Denied::Channel(_)) => worst = denied,
                Err(Denied::Command) => {}
            }
        }
        Err(worst)
    }

    /// `on nopass ~* &* +@all`: the rules that make this user.
    pub(super) fn describe(&self) -> String {
        let mut words = vec![if self.enabled { "on".to_owned() } else { "off".to_owned() }];
        words.extend(self.nopass.then(|| "nopass".to_owned()));
        words.extend(self.passwords.iter().map(|hash| format!("#{hash}")));
        words.push(self.root.describe());
        words.extend(self.selectors.iter().map(|selector| format!("({})", selector.describe())));
        words.join(" ")
    }
}

impl Selector {
    fn new() -> Self {
        Self {
            allowed: vec![false; COMMANDS.len()],
            first: BTreeMap::new(),
            all_commands: false,
            said: Vec::new(),
            keys: Vec::new(),
            all_channels: false,
            channels: Vec::new(),
        }
    }

    fn all(&mut self, allowed: bool) {
        self.allowed.fill(allowed);
        self.first.clear();
        self.said.clear();
        self.all_commands = allowed;
    }

    fn apply(&mut self, rule: &str) -> Result<(), &'static str> {
        let bounded = self.said.len() + self.keys.len() + self.channels.len() < MAX_RULES;
        match (rule.to_ascii_lowercase().as_str(), rule.as_bytes()) {
            ("allcommands" | "+@all", _) => self.all(true),
            ("nocommands" | "-@all", _) => self.all(false),
            ("allkeys" | "~*", _) => self.keys = vec!["~*".into()],
            ("resetkeys", _) => self.keys.clear(),
            ("allchannels" | "&*", _) => (self.all_channels, self.channels) = (true, Vec::new()),
            ("resetchannels", _) => (self.all_channels, self.channels) = (false, Vec::new()),
            (_, [b'~' | b'%' | b'&' | b'+' | b'-', _, ..]) if !bounded => return Err(TOO_MANY),
            (_, [b'~', ..]) => return self.add_key(rule),
            (lower, [b'%', ..]) => {
                let allows = lower[1..].split_once('~').map_or("", |(allows, _)| allows);
                if !matches!(allows, "r" | "w" | "rw" | "wr") {
                    return Err(SYNTAX);
                }
                return self.add_key(rule);
            }
            (_, [b'&', ..]) if self.all_channels => return Err(AFTER_ALL_CHANNELS),
            (_, [b'&', ..]) => {
                if !self.channels.iter().any(|known| *known == rule[1..]) {
                    self.channels.push(rule[1..].to_owned());
                }
            }
            (lower, [b'+' | b'-', ..]) => return self.apply_command(lower),
            _ => return Err(SYNTAX),
        }
        Ok(())
    }

    fn add_key(&mut self, rule: &str) -> Result<(), &'static str> {
        if self.keys.iter().any(|known| known == "~*") {
            return Err(AFTER_ALL_KEYS);
        }
        if !self.keys.iter().any(|known| known == rule) {
            self.keys.push(rule.to_owned());
        }
        Ok(())
    }

    /// `+get`, `-client|kill`, `+@admin`; lower case.
    fn apply_command(&mut self, rule: &str) -> Result<(), &'static str> {
        let (sign, name) = rule.split_at(1);
        let allow = sign == "+";
        if name.ends_with('|') {
            return Err(SYNTAX);
        }
        if let Some(category) = name.strip_prefix('@') {
            let bit = table::category(category).ok_or(UNKNOWN)?;
            for (command, _) in COMMANDS.iter().enumerate().filter(|(_, spec)| spec.categories & bit != 0) {
                self.set(command, allow);
            }
        } else if let Some(command) = table::find(name) {
            self.set(command, allow);
            for (command, _) in table::subcommands(name) {
                self.set(command, allow);
            }
        } else {
            let (name, first) = name.split_once('|').ok_or(UNKNOWN)?;
            let command = table::find(name).filter(|_| allow).ok_or(UNKNOWN)?;
            if table::subcommands(name).next().is_some() {
                return Err(UNKNOWN);
            }
            if !self.allowed[command] {
                self.first.entry(command).or_default().insert(first.to_owned());
            }
        }
        // The last word on a command counts, and a container's word includes its subcommands.
        let of_container = format!("{name}|");
        self.said.retain(|said| said[1..] != *name && (name.starts_with('@') || !said[1..].starts_with(&of_container)));
        self.said.push(rule.to_owned());
        Ok(())
    }

    fn set(&mut self, command: usize, allow: bool) {
        self.allowed[command] = allow;
        self.first.remove(&command);
    }

    fn may(&self, command: usize, arguments: &[Vec<u8>]) -> Result<(), Denied> {
        let spec = &COMMANDS[command];
        let fits = |first: &BTreeSet<String>| {
            arguments.get(1).is_some_and(|arg| first.iter().any(|known| arg.eq_ignore_ascii_case(known.as_bytes())))
        };
        if !self.allowed[command] && !spec.has(F::NO_AUTH) && !self.first.get(&command).is_some_and(fits) {
            return Err(Denied::Command);
        }
        let named = match spec.name {
            "subscribe" | "psubscribe" => &arguments[1..],
            "publish" => &arguments[1..2],
            _ => return Ok(()),
        };
        let literally = spec.name == "psubscribe";
        let allows = |pattern: &String, name: &[u8]| {
            if literally { pattern.as_bytes() == name } else { glob::fits(pattern.as_bytes(), name) }
        };
        match named.iter().find(|name| !self.all_channels && !self.channels.iter().any(|p| allows(p, name))) {
            Some(name) => Err(Denied::Channel(name.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn commands(&self) -> String {
        let base = if self.all_commands { "+@all" } else { "-@all" };
        std::iter::once(base).chain(self.said.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn keys(&self) -> String {
        self.keys.join(" ")
    }

    pub(super) fn channels(&self) -> String {
        if self.all_channels {
            return "&*".to_owned();
        }
        self.channels.iter().map(|name| format!("&{name}")).collect::<Vec<_>>().join(" ")
    }

    fn describe(&self) -> String {
        let mut words = self.keys.clone();
        words.extend((!self.all_channels).then(|| "resetchannels".to_owned()));
        words.extend([self.channels(), self.commands()].into_iter().filter(|words| !words.is_empty()));
        words.join(" ")
    }
}

/// SHA-256 in lower case hexadecimal.
fn hash(password: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, password).as_ref())
}

pub(in super::super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_hash(digits: &str) -> bool {
    digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

const SYNTAX: &str = "Syntax error";
const UNKNOWN: &str = "Unknown command or category name in ACL";
const BAD_HASH: &str =
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
const AFTER_ALL_KEYS: &str = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns";
const AFTER_ALL_CHANNELS: &str = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels";
/// Passwords, sets of rights, or rules of one set. No user has so many; at the bound the rule is refused.
const MAX_RULES: usize = 1_024;
const TOO_MANY: &str = "This user has as many of these as there may be";
