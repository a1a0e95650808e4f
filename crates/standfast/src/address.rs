//! Say where an address shall be, and show how all of them stand.

use crate::addresses::{AddressStatus, Wished};
use crate::cli::{AddressArgs, AddressVerb};
use crate::control;
use crate::failure::Failure;
use crate::say::say;
use crate::status::{Status, write_addresses};

/// `standfast address`.
pub(crate) fn address(args: &AddressArgs) -> Result<(), Failure> {
    let word = match args.what {
        None | Some(AddressVerb::List) => return list(args),
        Some(AddressVerb::Release) => "release",
        Some(AddressVerb::Take) => "take",
        Some(AddressVerb::Preempt) => "preempt",
    };
    let name = args.name.as_deref().unwrap_or_default();
    // The name goes into a line of words.
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Failure::refused(format!("{name:?} is not the name of an address")));
    }
    let Wished { forgets } = control::ask(&args.node, &format!("address {word} {name}"))?;
    say(format_args!("{name}: {}", said(word)))?;
    if word != "release" {
        let status: Status = control::ask(&args.node, "status")?;
        let addresses = status.addresses.unwrap_or_default();
        if let Some(but) = addresses.addresses.get(name).and_then(|one| stays_away(name, one)) {
            say(but)?;
        }
    }
    if let Some(why) = forgets {
        say(format_args!(
            "This holds until the node ends, also through an upgrade, and not longer: it could not be written down. {why}"
        ))?;
    }
    Ok(())
}

fn said(word: &str) -> &'static str {
    match word {
        "release" => "released: this host does not hold it until it is taken again",
        "take" => "this host may hold it, and takes it now if nobody has more right",
        _ => "this host takes it now, if nobody has more right",
    }
}

/// Why it does not come, as far as that is known as soon as it was wanted here.
fn stays_away(name: &str, one: &AddressStatus) -> Option<String> {
    if one.state == "fault" {
        return Some(format!("It does not come: it {}", one.explain));
    }
    let (holder, has) = (one.holder?, one.holder_priority?);
    (one.state == "backup" && has >= one.priority).then(|| {
        format!(
            "It stays where it is as long as {holder} has more right: priority {has}, and this host has {}. Release it there: \
             `standfast address release {name}`",
            one.priority
        )
    })
}

fn list(args: &AddressArgs) -> Result<(), Failure> {
    let status: Status = control::ask(&args.node, "status")?;
    let addresses = status.addresses.unwrap_or_default();
    if args.json {
        return say(format_args!("{:#}", serde_json::to_value(&addresses).unwrap_or_default()));
    }
    if addresses.addresses.is_empty() {
        return say("this node has no addresses: `[[address]]` in its file names them");
    }
    let mut out = String::new();
    write_addresses(&mut out, &addresses);
    say(out)
}
