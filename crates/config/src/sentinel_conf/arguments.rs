//! How do options on the command line become lines of the file? `--port 5000` is the line `port "5000"` behind the file's last.

use super::words;

/// The lines that the arguments behind the program's name and the file say; to be appended to the file's text by [`with_options`].
///
/// An argument that begins with `--` begins a line; the others are its words, in quotes. A single argument with blanks is a whole line.
/// What directly follows a bare option is its value, even if it begins with `--`, except after `--save` and `--sentinel`, which need none.
#[must_use]
pub fn options(arguments: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    let mut wants_value = false;
    let mut all = arguments.iter().map(AsRef::as_ref).peekable();
    while let Some(argument) = all.next() {
        let Some(option) = argument.strip_prefix("--").filter(|_| !wants_value) else {
            text.push_str(&words::quoted(argument));
            text.push(' ');
            wants_value = false;
            continue;
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(option);
        text.push(' ');
        let is_bare = words::split(argument).is_ok_and(|words| words.len() == 1);
        let is_last_of_line = all.peek().is_none_or(|next| next.starts_with("--"));
        if option.eq_ignore_ascii_case("save") && is_last_of_line {
            text.push_str("\"\"");
        }
        let may_lack_value = ["save", "sentinel"].iter().any(|name| option.eq_ignore_ascii_case(name));
        wants_value = is_bare && !(may_lack_value && is_last_of_line);
    }
    text
}

/// A file's text with options behind it: later lines win.
#[must_use]
pub fn with_options(text: &str, options: &str) -> String {
    if options.is_empty() { text.to_owned() } else { format!("{text}\n{options}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_lines() {
        for (arguments, lines) in [
            (&[][..], ""),
            (&["--port", "5000", "--loglevel", "debug"], "port \"5000\" \nloglevel \"debug\" "),
            (&["--sentinel", "--supervised", "systemd"], "sentinel \nsupervised \"systemd\" "),
            (&["--bind", "127.0.0.1", "::1", "--timeout", "7"], "bind \"127.0.0.1\" \"::1\" \ntimeout \"7\" "),
            (&["--timeout 5", "--syslog-ident", "a \"b"], "timeout 5 \nsyslog-ident \"a \\\"b\" "),
            (&["--timeout", "--tcp-keepalive"], "timeout \"--tcp-keepalive\" "),
            (&["--save", "--timeout", "6", "--save"], "save \"\"\ntimeout \"6\" \nsave \"\""),
            (&["--sentinel", "monitor", "m"], "sentinel \"monitor\" \"m\" "),
        ] {
            assert_eq!(options(arguments), lines, "{arguments:?}");
        }
        assert_eq!(with_options("a\n", "b"), "a\n\nb");
        assert_eq!(with_options("a", ""), "a");
    }
}
