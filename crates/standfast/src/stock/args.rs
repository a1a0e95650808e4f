//! What do the words behind the program's name say? A file, and directives that are added to it.

use std::path::PathBuf;

use config::sentinel_conf;

/// The words of the command line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Run on this file, with these lines behind its last. `None`: no file was named.
    Run { file: Option<PathBuf>, options: String },
    /// Say which program this is.
    Version,
    /// Say how it is used.
    Help,
}

/// Reads the words as stock does: the first is a file unless it begins with a dash.
pub(super) fn read(words: &[String]) -> Command {
    let (file, rest) = match words {
        [word] if word == "-v" || word == "--version" => return Command::Version,
        [word] if word == "-h" || word == "--help" => return Command::Help,
        [file, rest @ ..] if !file.starts_with('-') => (Some(PathBuf::from(file)), rest),
        rest => (None, rest),
    };
    // Without this way of naming the mode there would be none: it is this program's only one here.
    let rest: Vec<&String> = rest.iter().filter(|word| *word != "--sentinel").collect();
    Command::Run { file, options: sentinel_conf::options(&rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_file_comes_first_and_options_are_lines() {
        let run = |file: Option<&str>, options: &str| Command::Run {
            file: file.map(PathBuf::from),
            options: options.to_owned(),
        };
        assert_eq!(read(&words("a/s.conf")), run(Some("a/s.conf"), ""));
        assert_eq!(read(&words("s.conf --port 5000 --sentinel")), run(Some("s.conf"), "port \"5000\" "));
        assert_eq!(read(&words("--sentinel --port 5000")), run(None, "port \"5000\" "));
        assert_eq!(read(&[]), run(None, ""));
        assert_eq!(read(&words("--version")), Command::Version);
        assert_eq!(read(&words("-h")), Command::Help);
    }
}
