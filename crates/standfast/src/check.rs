//! Is this file possible? All problems at once, before anything is started.

mod addresses;
mod here;

use std::path::Path;

use config::{Config, Origin};

use crate::cli::FileArgs;
use crate::failure::{Failure, Fault};
use crate::say::say;

/// `standfast check`.
pub(crate) fn check(args: &FileArgs) -> Result<(), Failure> {
    let config = read(&args.config)?;
    for warning in warnings(&config) {
        say(format_args!("warning: {warning}"))?;
    }
    let mut parts = vec![count(config.groups.len(), "group"), count(config.listeners.len(), "listener")];
    match config.addresses.len() {
        0 => {}
        1 => parts.push("1 address".to_owned()),
        n => parts.push(format!("{n} addresses")),
    }
    say(format_args!("{}: {}: fine", config.file_name, parts.join(", ")))
}

/// What works, and may be not what was meant: printed by `standfast check`, logged at a start and a reload.
fn warnings(config: &Config) -> Vec<String> {
    let pairs = config.groups.iter().filter(|group| group.origin == Origin::Monitor && group.nodes == 2);
    let pairs = pairs.map(|group| {
        format!(
            "{}:{}: group {}: two nodes have a majority only together, so that nobody is promoted when one host is lost. A third node \
             needs no Redis: see examples/scenario-c-witness.toml",
            config.file_name, group.defined_at, group.name
        )
    });
    pairs.chain(addresses::warnings(config)).chain(here::warnings(config)).collect()
}

/// The same into the log, at a start and a reload.
pub(crate) fn log_warnings(config: &Config) {
    for warning in warnings(config) {
        tracing::warn!("{warning}");
    }
    if std::process::id() == 1 && !config.addresses.is_empty() {
        tracing::warn!(
            "this is PID 1 of a container, and the guard of its addresses ends with it: when it is killed, they may stay here until their \
             lifetime is over, and another host may have them before. What to do: `lifetime = \"1s\"` with `vrrp.interval = \"500ms\"` (and \
             `timeout = \"200ms\"` where they follow the proxy), or run it outside of the container"
        );
    }
}

/// Programs of addresses that cannot be run: who reloads a file reads of them at once.
pub(crate) fn useless_programs(config: &Config) -> Vec<String> {
    addresses::programs(config)
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
        let why = addresses::unusable(path)?;
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
    use std::os::unix::fs::PermissionsExt;

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
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(why(), Ok(()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_an_address_runs_is_looked_at_and_an_interface_may_come() {
        let dir = std::env::temp_dir().join(format!("standfast-check-address-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (program, file) = (dir.join("up"), dir.join("f.toml"));
        let text = format!(
            "[[address]]\nname = \"vip\"\nheld = [\"192.0.2.1\"]\ninterface = \"no-such-link\"\nfollows = \"checks\"\n\
             command = {{ up = [{program:?}, \"x\"], down = [\"/no/such/down\"] }}\n[address.notify]\nany = [{program:?}]\nuser = \"nobody-here\"\n\
             fifo = \"/no/such/pipe\"\n"
        );
        std::fs::write(&file, &text).unwrap();
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let warned = || addresses::warnings(&read(&file).unwrap()).join("\n");
        let found = warned();
        for part in [
            "f.toml:2:8: address vip: `command.up`",
            "it is not executable",
            "`command.down` /no/such/down cannot be run: No such file or directory (os error 2). It counts as failed",
            "`notify.any`",
            "no interface no-such-link",
            "`fifo` /no/such/pipe cannot be made: its directory is not there",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let text = text.replace("/no/such/down", &program.display().to_string());
        std::fs::write(&file, &text).unwrap();
        assert!(warned().contains("there is no user \"nobody-here\""), "{}", warned());
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o777)).unwrap();
        std::fs::write(&file, text.replace("user = ", "# ")).unwrap();
        assert!(warned().contains("can be written to by others"), "{}", warned());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_file_of_another_host_and_a_pair_without_a_third_are_warned_of() {
        let text = |server: &str, nodes: u32| {
            format!(
                "[node]\nlisten = \"127.0.0.1:26379\"\n[[group]]\nname = \"cache\"\nmaster = \"10.0.0.1:6379\"\nnodes = {nodes}\n[[address]]\n\
                 name = \"vip\"\nheld = [\"192.0.2.1\"]\ninterface = \"lo\"\nfollows = \"master\"\ngroup = \"cache\"\nservers = [\"{server}\"]\n"
            )
        };
        let warned = |text: &str| warnings(&config::parse("f", text).unwrap());
        assert_eq!(warned(&text("127.0.0.1:6379", 3)), [""; 0]);
        let found = warned(&text("192.0.2.77:6379", 2));
        assert!(
            found.len() == 2 && found[0].contains("majority") && found[1].contains("own server alone"),
            "{found:?}"
        );
        let both = warned(&text("127.0.0.1:6379\", \"192.0.2.77:6379", 3));
        assert!(both.len() == 1 && both[0].contains("192.0.2.77:6379 in `servers`"), "{both:?}");
        let v6 = "[[address]]\nname = \"vip\"\nheld = [\"fd00::1/64\"]\ninterface = \"eth-none\"\nfollows = \"checks\"\nvrrp = { id = 1 }\n";
        assert!(warned(v6).iter().any(|text| text.contains("link-local")));
        let all = host::netlink::Netlink::open().unwrap().addresses().unwrap();
        let own = all.into_iter().map(|held| held.address.ip).find(|ip| ip.is_ipv4() && !ip.is_loopback());
        // A host without any network has none.
        if let Some(own) = own {
            let alone =
                v6.replace("fd00::1/64", "192.0.2.1/24").replace("id = 1", &format!("id = 1, peers = [\"{own}\"]"));
            assert!(warned(&alone).iter().any(|text| text.contains("the other routers")));
        }
        let untold = |text: &str| warned(text).iter().any(|text| text.contains("stalls"));
        assert!(untold(v6) && !untold(&text("127.0.0.1:6379", 3)));
        let with = |partners: &str| v6.replace("[[address]]", &format!("[[address]]\npartners = [{partners}]"));
        assert!(!untold(&with("\"192.0.2.1:26379\"")));
        assert!(warned(&with("\"127.0.0.1:26379\"")).iter().any(|text| text.contains("`partners`")));
    }
}
