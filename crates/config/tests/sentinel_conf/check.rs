//! What must hold for any text at all. Shared by the property tests, the replay of the fuzz target's corpus and the target itself.

use config::Secret;
use config::sentinel_conf::{Alone, SentinelConf, User, parse, rewrite};

/// With the default user that a rewrite writes, and the users in the order in which it does.
fn as_written(mut conf: SentinelConf) -> SentinelConf {
    conf.users.sort_by(|a, b| a.name.cmp(&b.name));
    if !conf.settings.text("aclfile").is_empty() {
        conf.users.clear();
    } else if conf.users.iter().all(|user| user.name != "default") {
        let rules = ["on", "nopass", "~*", "&*", "+@all"].map(Secret::new).to_vec();
        conf.users.push(User { name: "default".to_owned(), rules });
        conf.users.sort_by(|a, b| a.name.cmp(&b.name));
    }
    conf
}

/// What is read, written and read again says the same.
pub(crate) fn text(text: &str) {
    // Whatever stands there can be written over.
    let _ = rewrite(text, &SentinelConf::default());
    match parse("f", text, &Alone) {
        Ok(conf) => {
            let written = rewrite(text, &conf);
            let again = parse("f", &written, &Alone).unwrap_or_else(|problem| panic!("{written}{problem}"));
            assert_eq!(again, as_written(conf), "{written}");
            // The classes of a buffer limit move up one rewrite at a time, as stock's do.
            let settled = (0..4).fold(written, |text, _| rewrite(&text, &again));
            assert_eq!(rewrite(&settled, &again), settled, "a file that says the same stays as it is");
        }
        Err(problem) => assert!(problem.line >= 1 && !problem.to_string().is_empty()),
    }
}
