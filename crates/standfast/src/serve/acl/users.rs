//! Which users does the port know, and where are they written down?

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use host::store;

use super::super::rules::Rules;
use super::user::User;

/// All users, with the one that nobody has to name.
pub(crate) struct Users {
    users: BTreeMap<String, User>,
    file: Option<PathBuf>,
}

/// The user of a connection that did not say who it is.
pub(in super::super) const DEFAULT: &str = "default";

impl Users {
    /// From a password for everybody, `user` lines and an ACL file.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(crate) fn new(rules: &Rules) -> Result<Self, String> {
        let mut users = Self { users: open(), file: rules.acl_file.clone() };
        for (name, words) in &rules.users {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            users.set(name, &words).map_err(|why| format!("user {name}: {why}"))?;
        }
        users.load()?;
        if let Some(password) = &rules.requirepass {
            let user = users.users.entry(DEFAULT.to_owned()).or_insert_with(User::unlimited);
            let _ = user.apply("resetpass");
            user.apply(&format!(">{password}")).map_err(str::to_owned)?;
        }
        Ok(users)
    }

    pub(in super::super) fn get(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    pub(in super::super) fn names(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(String::as_str)
    }

    /// A line for each: `user default on nopass ~* &* +@all`.
    pub(in super::super) fn lines(&self) -> impl Iterator<Item = String> {
        self.users.iter().map(|(name, user)| format!("user {name} {}", user.describe()))
    }

    pub(super) fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// Makes or changes a user by all rules, or by none.
    ///
    /// # Errors
    /// What `ACL SETUSER` answers, without `ERR`.
    pub(in super::super) fn set(&mut self, name: &str, rules: &[&str]) -> Result<(), String> {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("Usernames can't contain spaces or null characters".into());
        }
        if self.users.len() >= MAX_USERS && !self.users.contains_key(name) {
            return Err(format!("there are {MAX_USERS} users, and there may be no more"));
        }
        let mut user = self.users.get(name).cloned().unwrap_or_else(User::new);
        for rule in merge_selectors(rules)? {
            let wrong = |why: &str| format!("Error in ACL SETUSER modifier '{rule}': {why}");
            // Passwords are kept as hashes; all else becomes words of a line that has to be read again.
            if !rule.starts_with(['>', '<']) {
                if rule.contains(char::is_control) {
                    return Err("Rules must not contain control characters".into());
                }
                if rule.contains(char::is_whitespace) && !rule.starts_with('(') {
                    return Err(wrong("Syntax error"));
                }
            }
            user.apply(&rule).map_err(wrong)?;
        }
        self.users.insert(name.to_owned(), user);
        Ok(())
    }

    /// Whether there was such a user.
    pub(super) fn delete(&mut self, name: &str) -> bool {
        name != DEFAULT && self.users.remove(name).is_some()
    }

    /// Reads the file; the users are those of the file, or as before.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub(super) fn load(&mut self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = fs::read_to_string(file)
            .map_err(|e| format!("Error loading ACLs, opening file '{}': {e}", file.display()))?;
        let mut users = Self { users: open(), file: None };
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let fail = |why: String| format!("{}:{}: {why}. No user was changed", file.display(), number + 1);
            match words.as_slice() {
                [] => {}
                [word, ..] if word.starts_with('#') => {}
                ["user", name, rules @ ..] => users.set(name, rules).map_err(fail)?,
                _ => return Err(fail("lines of this file begin with `user` and a name".into())),
            }
        }
        self.users = users.users;
        Ok(())
    }

    /// Writes the file: beside it first, and then in its place. Who may read the hashes in it stays as it was.
    ///
    /// # Errors
    /// What went wrong, for the operator.
    pub(super) fn save(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        let text: String = self.lines().map(|line| line + "\n").collect();
        store::replace(file, text.as_bytes()).map_err(|e| format!("There was an error trying to save the ACLs: {e}"))
    }
}

fn open() -> BTreeMap<String, User> {
    BTreeMap::from([(DEFAULT.to_owned(), User::unlimited())])
}

/// A set of rights in parentheses may be several words: one rule of them.
fn merge_selectors(rules: &[&str]) -> Result<Vec<String>, String> {
    let mut merged = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for rule in rules {
        let (begun, whole) = match open.take() {
            Some((begun, words)) => (begun, format!("{words} {rule}")),
            None => (*rule, (*rule).to_owned()),
        };
        if whole.starts_with('(') && !whole.ends_with(')') {
            open = Some((begun, whole));
        } else {
            merged.push(whole);
        }
    }
    match open {
        Some((begun, _)) => Err(format!("Unmatched parenthesis in acl selector starting at '{begun}'.")),
        None => Ok(merged),
    }
}

/// Users of the port. At the bound a new one is refused.
const MAX_USERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_neither_a_name_nor_a_rule() {
        let mut users = Users { users: open(), file: None };
        for (name, rule) in [
            ("", "on"),
            ("a b", "on"),
            ("a\tb", "on"),
            ("\u{1b}[31m", "on"),
            ("a", "&x y"),
            ("a", "~x\ty"),
            ("a", "+ping|x y"),
            ("a", "&x\u{1b}"),
            ("a", "(~x\u{85})"),
        ] {
            assert!(users.set(name, &[rule]).is_err(), "{name:?} {rule:?}");
        }
        assert_eq!(users.names().collect::<Vec<_>>(), [DEFAULT]);
        users.set("a", &[">with blanks", "(+ping", "&x)"]).unwrap();
        assert!(users.get("a").is_some_and(|user| !user.lets_in(b"with blanks")), "off");
    }

    #[test]
    fn a_saved_file_is_readable_by_those_who_could_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = std::env::temp_dir().join(format!("standfast-users-{}.acl", std::process::id()));
        fs::write(&file, "user a on >x +ping\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let mut users = Users { users: open(), file: Some(file.clone()) };
        let saved = users.load().and_then(|()| users.save());
        let (mode, text) = (fs::metadata(&file).unwrap().permissions().mode(), fs::read_to_string(&file).unwrap());
        let _ = fs::remove_file(&file);
        assert_eq!((saved, mode & 0o777), (Ok(()), 0o600));
        assert!(text.contains("user a on #"), "{text}");
    }
}
