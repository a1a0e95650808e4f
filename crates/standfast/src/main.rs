//! The Standfast program: how is it run, and how is it seen?
//!
//! ```text
//!                        ┌────────────── run ──────────────┐
//!  Redis, other nodes ── link ──┐                           │
//!  Sentinel clients ─── serve ──┤ one bounded channel       │
//!  status, switchover  control ─┼──────> node_loop ──> Sentinel machine
//!  browser ──────────── admin ──┘            │              │
//!                                            ├──> store (a thread of its own: fsync)
//!                                            ├──> recorder (flight record)
//!                                            └──> views ──> proxy (threads of its own)
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | what can one ask of the program? |
//! | [`failure`] | why did it end, and with which exit code? |
//! | [`run`] | in which order is a node of our own file built up and taken down? |
//! | [`proxy_only`] | how does it run where nobody votes, with a file or without? |
//! | [`stock`] | how does a node live on a `sentinel.conf`, in the place of a stock Sentinel? |
//! | [`life`] | what is the same for every running node? |
//! | [`reload`] | how does a running node take up its file anew? |
//! | [`upgrade`], [`inherited`] | how does another program take our place? What was this one started with? |
//! | [`addresses`] | which addresses does this host hold, and how are they driven? |
//! | [`compose`], [`traffic`] | what does the file mean for each part? For the proxy? |
//! | [`privileges`], [`bind`], [`identity`], [`probe`] | may it start? Its rights, addresses, its id, its Redis |
//! | [`outside`] | how are groups driven whose view comes from stock Sentinels or from checks? |
//! | [`node_loop`] | how are events brought to the machine, and its orders carried out? |
//! | [`link`], [`keys`] | how does one connection speak, and what does it log in with? |
//! | [`clients`] | how does no client stall when an address moves? |
//! | [`names`] | which address does a host name mean, and which name does an address have? |
//! | [`disk`], [`scripts`] | how is state saved, and how are scripts run? |
//! | [`checks`], [`program`] | what runs beside the addresses: checks, commands, hooks? How is a program of the operator run? |
//! | [`guard`] | who takes the addresses away when this process dies, or hangs? |
//! | [`serve`], [`info_cache`] | the Sentinel protocol on our own port; what it tells of servers |
//! | [`tls`] | how is a connection encrypted? |
//! | [`control`], [`status`], [`switchover`], [`server`], [`address`] | how does an operator talk to a running node? |
//! | [`feeds`], [`overlay`] | where do views go? What does an operator want of single servers? |
//! | [`say`] | how does a verb say what it found? |
//! | [`admin`] | the page |
//! | [`explain`], [`history`] | how did a failover go, and which ones are remembered? |
//! | [`log`], [`recorder`], [`replay`] | what happened, and can it happen again? |
//! | [`demo`] | what does it look like when a master dies? |

// They panic when nobody reads: `say`, and `log::last_words`, do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod address;
mod addresses;
mod admin;
mod bind;
mod check;
mod checks;
mod cli;
mod clients;
mod compose;
mod control;
mod demo;
mod descriptors;
mod disk;
mod edges;
mod explain;
mod failure;
mod feeds;
mod guard;
mod history;
mod identity;
mod info_cache;
mod inherited;
mod keys;
mod life;
mod link;
mod log;
mod names;
mod node_loop;
mod outside;
mod overlay;
mod privileges;
mod probe;
mod program;
mod proxy_only;
mod recorder;
mod reload;
mod replay;
mod run;
mod say;
mod scripts;
mod serve;
mod server;
mod status;
mod stock;
mod switchover;
mod tls;
mod traffic;
mod upgrade;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Verb};

fn main() -> ExitCode {
    // However it ends, also by a panic of this thread.
    let _written = log::Written;
    let mut words = std::env::args_os();
    let program = PathBuf::from(words.next().unwrap_or_default());
    let words: Vec<String> = words.map(text).collect();
    if stock::is_meant(&program, &words) {
        return stock::main(&words);
    }
    let done = match Cli::parse().verb {
        Verb::Run(args) => run::run(&args),
        Verb::Proxy(args) => proxy_only::proxy(&args),
        Verb::Sentinel(args) => return stock::main(&args.words.into_iter().map(text).collect::<Vec<_>>()),
        Verb::Guard(args) => guard::post::guard(&args),
        Verb::Check(args) => check::check(&args),
        Verb::Status(args) => status::status(&args),
        Verb::Switchover(args) => switchover::switchover(&args),
        Verb::Server(args) => server::server(&args),
        Verb::Address(args) => address::address(&args),
        Verb::Upgrade(args) => upgrade::upgrade(&args),
        Verb::Reload(args) => reload::reload(&args),
        Verb::Explain(args) => explain::explain(&args),
        Verb::Flight(args) => replay::flight(&args),
        Verb::Replay(args) => replay::replay(&args),
        Verb::Demo(args) => demo::demo(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::last_words(&format!("standfast: {failure}"));
            failure.code()
        }
    }
}

/// A word of the command line; what is no text is named in the message that says so.
fn text(word: OsString) -> String {
    word.to_string_lossy().into_owned()
}
