//! What does the person at the terminal want? A letter and Enter; also through a pipe.

use std::io::BufRead as _;
use std::sync::mpsc::SyncSender;

use crate::cli::Script;
use crate::log;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Cause(Script),
    BringBack,
    Quit,
}

pub(super) const HELP: &str = "Type a letter and Enter:  c crash the master   h hang it   x cut it off   k kill and restart it   s switch over\n\
     \u{20}                        r bring back what was broken, and count   q quit";

/// Reads lines for as long as there are any.
pub(super) fn listen(to: SyncSender<Key>) {
    let reading = move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            let Some(key) = read(line.trim()) else {
                log::last_words(HELP);
                continue;
            };
            if to.send(key).is_err() {
                return;
            }
        }
    };
    // Not joined: it waits for a line that may never come, and ends with the program.
    let _ = std::thread::Builder::new().name("keys".to_owned()).spawn(reading);
}

fn read(line: &str) -> Option<Key> {
    Some(match line {
        "c" | "crash" => Key::Cause(Script::Crash),
        "h" | "hang" => Key::Cause(Script::Hang),
        "x" | "cut" => Key::Cause(Script::Cut),
        "k" | "restart" => Key::Cause(Script::Restart),
        "s" | "switchover" => Key::Cause(Script::Switchover),
        "r" | "back" => Key::BringBack,
        "q" | "quit" => Key::Quit,
        _ => return None,
    })
}
