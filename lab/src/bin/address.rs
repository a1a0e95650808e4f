//! Measures how an address moves, for `cargo xtask bench address`: prints a line of JSON.
//!
//! ```text
//! address SYSTEM TERMS FAULT    SYSTEM: standfast, classic; TERMS: tuned, article; FAULT: host, proxy, hang, planned
//! ```

use std::env;
use std::process::ExitCode;

use lab::moving::{Fault, measure};
use lab::pair::{Kind, Terms};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let Some((kind, terms, fault)) = understood(&words) else {
        eprintln!("usage: address SYSTEM TERMS FAULT");
        return ExitCode::from(2);
    };
    let reach = env::current_exe().map(|here| here.with_file_name("reach"));
    println!("{}", measure(kind, terms, fault, &reach.expect("Linux tells a process where its binary is")));
    ExitCode::SUCCESS
}

fn understood(words: &[String]) -> Option<(Kind, Terms, Fault)> {
    let [kind, terms, fault] = words else { return None };
    let kind = [Kind::Classic, Kind::Ours].into_iter().find(|known| known.name() == kind)?;
    let terms = [Terms::Tuned, Terms::Article].into_iter().find(|known| known.name() == terms)?;
    let fault = Fault::ALL.into_iter().find(|known| known.name() == fault)?;
    Some((kind, terms, fault))
}
