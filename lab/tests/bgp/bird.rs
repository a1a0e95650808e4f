//! BIRD as a route server: its configuration, and what it says.

use std::process::Command;

use lab::program::{require, said};
use lab::room::Running;

use crate::link::{Link, SERVER4, SERVER6, US_AT_LELASTIC, US6};

/// A running BIRD with a session over each family, and one for each of lelastic's route servers.
pub(crate) struct Bird<'a> {
    link: &'a Link,
    /// What its files begin with: there may be several.
    name: String,
    running: Option<Running>,
}

impl<'a> Bird<'a> {
    /// With a session over each family.
    pub(crate) fn start(link: &'a Link) -> Self {
        Self::start_with(link, str::to_owned)
    }

    /// The same with a change of the configuration.
    pub(crate) fn start_with(link: &'a Link, change: impl Fn(&str) -> String) -> Self {
        let sessions = session("us6", SERVER6, US6) + &session("us4", SERVER4, "10.0.0.2");
        Self::start_named(link, "bird", &change(&sessions))
    }

    /// One of the route servers that lelastic talks to. Each is a process: one BIRD tells sessions apart by the other side's address.
    pub(crate) fn start_for_lelastic(link: &'a Link, n: usize) -> Self {
        let server = format!("2600:3c0f:18:34::{n}");
        Self::start_named(link, &format!("rs{n}"), &session("us6", &server, US_AT_LELASTIC))
    }

    fn start_named(link: &'a Link, name: &str, sessions: &str) -> Self {
        require("birdc");
        let head = format!("log \"{name}.log\" all;\nrouter id 10.0.0.1;\nprotocol device {{}}\n");
        link.room.write(&format!("{name}.conf"), &(head + sessions));
        let mut bird = Self { link, name: name.to_owned(), running: None };
        bird.start_again(link);
        bird
    }

    pub(crate) fn start_again(&mut self, link: &Link) {
        let file = |kind: &str| format!("{}.{kind}", self.name);
        let mut command = link.on_server("bird");
        command.args(["-f", "-c", &file("conf"), "-s", &file("ctl"), "-P", &file("pid")]);
        self.running = Some(link.room.start(command));
        self.wait("an answer of BIRD", |bird| bird.ask(&["show", "status"]).contains("up and running").then_some(()));
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.running.as_ref().expect("it runs").signal(signal);
    }

    /// Without a word to anybody.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    /// What it answers; if it cannot, why.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let socket = self.link.room.path(&format!("{}.ctl", self.name));
        said(&Command::new("birdc").arg("-s").arg(socket).args(words).output().expect("birdc can be started"))
    }

    /// Whether these are the routes that the session brought, and no others.
    pub(crate) fn has(&self, session: &str, prefixes: &[&str]) -> Option<()> {
        let answer = self.ask(&["show", "route", "protocol", session]);
        let mut found: Vec<&str> = answer.lines().filter_map(|line| line.split_whitespace().next()).collect();
        found.retain(|word| word.contains('/'));
        found.sort_unstable();
        (answer.contains("ready.") && found == prefixes).then_some(())
    }

    /// All that it knows about a route.
    pub(crate) fn route(&self, session: &str, prefix: &str) -> String {
        self.ask(&["show", "route", prefix, "protocol", session, "all"])
    }

    /// All that it knows about a session.
    pub(crate) fn protocol(&self, session: &str) -> String {
        self.ask(&["show", "protocols", "all", session])
    }

    pub(crate) fn log(&self) -> String {
        self.link.room.read(&format!("{}.log", self.name))
    }

    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut tries = 0;
        self.link.room.wait(what, || {
            tries += 1;
            if tries % 1_000 == 0 {
                eprintln!("still no {what}:\n{}{}", self.ask(&["show", "protocols"]), self.log());
            }
            look(self)
        })
    }
}

/// Takes everything, announces nothing, and waits for us to connect.
fn session(name: &str, server: &str, us: &str) -> String {
    // IPv4 routes with an IPv6 next hop can only be agreed on over IPv6.
    let extended = if server.contains(':') { "extended next hop on;" } else { "" };
    format!(
        "protocol bgp {name} {{
  local {server} as 65000;
  neighbor {us} as 65001;
  strict bind on;
  multihop;
  passive on;
  hold time 9;
  error wait time 1, 2;
  ipv4 {{ import all; export none; {extended} }};
  ipv6 {{ import all; export none; }};
}}
"
    )
}
