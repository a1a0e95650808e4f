//! Is this file possible? All problems at once, before anything is started.

use std::os::unix::fs::PermissionsExt as _;
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
    let config = config::parse(&file.display().to_string(), &text)
        .map_err(|problems| wrong(format!("the configuration cannot be used\n{problems}")))?;
    let scripts = config.groups.iter().find_map(|group| unusable_script(&config.file_name, group));
    scripts.map_or(Ok(config), |text| Err(wrong(text)))
}

/// What is wrong with a group's scripts: found when a master is gone, it would be found too late.
fn unusable_script(file: &str, group: &config::Group) -> Option<String> {
    let scripts = [
        ("notification-script", &group.notification_script),
        ("client-reconfig-script", &group.client_reconfig_script),
    ];
    scripts.into_iter().find_map(|(option, path)| {
        let path = path.as_deref()?;
        let why = match std::fs::metadata(path) {
            Err(e) => e.to_string(),
            Ok(found) if !found.is_file() => "it is not a file".to_owned(),
            Ok(found) if found.permissions().mode() & 0o111 == 0 => "it is not executable".to_owned(),
            Ok(_) => return None,
        };
        Some(format!(
            "{file}:{}: group {}: `{option}` {} cannot be run: {why}. Nothing was started. What to do: create it, or `chmod +x` it",
            group.defined_at,
            group.name,
            path.display()
        ))
    })
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_cannot_be_run_is_found_at_the_start() {
        let dir = std::env::temp_dir().join(format!("standfast-check-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (script, file) = (dir.join("notify"), dir.join("standfast.toml"));
        let text = format!(
            "[node]\nlisten = \"127.0.0.1:26379\"\n[[group]]\nname = \"cache\"\nmaster = \"10.0.0.1:6379\"\nnotification-script = {script:?}\n"
        );
        std::fs::write(&file, text).unwrap();
        let why = || read(&file).map(|_| ()).map_err(|e| e.to_string());
        let found = why().unwrap_err();
        assert!(found.contains("No such file"), "{found}");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(why().unwrap_err().contains("it is not executable"));
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(why(), Ok(()));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
