//! Is this file possible? All problems at once, before anything is started.

use std::path::Path;

use config::Config;

use crate::cli::FileArgs;
use crate::failure::{Failure, Fault};

/// `standfast check`.
pub(crate) fn check(args: &FileArgs) -> Result<(), Failure> {
    let config = read(&args.config)?;
    println!(
        "{}: {}, {}: fine",
        config.file_name,
        count(config.groups.len(), "group"),
        count(config.listeners.len(), "listener")
    );
    Ok(())
}

/// Reads and checks a file.
pub(crate) fn read(file: &Path) -> Result<Config, Failure> {
    let wrong = |text: String| Failure::new(Fault::Misconfigured, text);
    let bytes = std::fs::read(file).map_err(|e| {
        wrong(format!(
            "cannot read the configuration {}: {e}. Nothing was started. Name the file with -c FILE; \
             `standfast check -c FILE` tells whether it is fine",
            file.display()
        ))
    })?;
    let text = String::from_utf8(bytes).map_err(|e| {
        wrong(format!(
            "{} is not UTF-8 text (byte {}). Nothing was started. Is this really the configuration file?",
            file.display(),
            e.utf8_error().valid_up_to()
        ))
    })?;
    config::parse(&file.display().to_string(), &text)
        .map_err(|problems| wrong(format!("the configuration cannot be used\n{problems}")))
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
