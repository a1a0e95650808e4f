//! How do a route server and a client of it stand? Two hosts on one link, with addresses of both families.

use std::path::PathBuf;
use std::process::Command;

use lab::netns::Network;
use lab::program::{require, said};
use lab::room::{Room, Running};

pub(crate) const SERVER4: &str = "10.0.0.1";
pub(crate) const SERVER6: &str = "2001:db8::1";
pub(crate) const US4: &str = "10.0.0.2";
pub(crate) const US6: &str = "2001:db8::2";
/// What our host has where lelastic's route servers are.
pub(crate) const US_AT_LELASTIC: &str = "2600:3c0f:18:34::100";

/// The hosts `server` and `us`, and a room for the files of a test.
pub(crate) struct Link {
    pub(crate) network: Network,
    pub(crate) room: Room,
}

impl Link {
    pub(crate) fn lay() -> Self {
        let network = Network::lay(&["server", "us"]);
        let add = |host: &str, address: &str| {
            let words = ["address", "add", address, "dev", "eth0", "nodad"];
            let output = network.command(host, "ip").args(words).output().expect("ip can be started");
            assert!(output.status.success(), "{}", said(&output));
        };
        add("server", &format!("{SERVER6}/64"));
        add("us", &format!("{US6}/64"));
        (1..=4).for_each(|n| add("server", &format!("2600:3c0f:18:34::{n}/64")));
        add("us", &format!("{US_AT_LELASTIC}/64"));
        let room = Room::new(&network.scratch().file_name().expect("it has the name of the run").display().to_string());
        Self { network, room }
    }

    /// Where the network of our host is entered.
    pub(crate) fn namespace(&self) -> PathBuf {
        self.namespace_of("us")
    }

    pub(crate) fn namespace_of(&self, host: &str) -> PathBuf {
        let name = self.network.scratch().file_name().expect("the scratch directory has the name of the run");
        PathBuf::from("/run/netns").join(format!("{}-{host}", name.display()))
    }

    /// A command on the server's host.
    pub(crate) fn on_server(&self, program: &str) -> Command {
        require(program);
        self.network.command("server", program)
    }

    /// Writes down what passes on the link until it is [judged](Self::judge).
    pub(crate) fn capture(&self) -> Running {
        let mut command = self.on_server("dumpcap");
        command.args(["-q", "-i", "eth0", "-f", "tcp port 179", "-w"]).arg(self.room.path("link.pcapng"));
        let running = self.room.start_beside(command);
        // It makes the file when it listens.
        self.room.wait("a capture", || (self.room.path("link.pcapng").metadata().ok()?.len() > 0).then_some(()));
        running
    }

    /// Lets tshark read what we sent. Every message must be whole, and nothing in it malformed or of note.
    pub(crate) fn judge(&self, mut capture: Running) {
        // The kernel hands packets over in blocks, and those under way are lost at the end.
        let (mut size, mut same) = (0, 0);
        self.room.wait("the last packet", || {
            let length = self.room.path("link.pcapng").metadata().ok()?.len();
            same = if length == size { same + 1 } else { 0 };
            size = length;
            (same > 150).then_some(())
        });
        capture.signal("INT");
        self.room.wait("the end of the capture", || capture.ended());
        let read = |filter: &str| {
            let mut tshark = Command::new("tshark");
            tshark.args(["-n", "-V", "-r"]).arg(self.room.path("link.pcapng")).args(["-Y", filter]);
            let output = tshark.output().expect("tshark can be started");
            assert!(output.status.success(), "{}", said(&output));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        // Servers offer what is younger than this tshark.
        let ours = format!("bgp && (ip.src == {US4} || ipv6.src == {US6})");
        let all = read(&ours);
        for kind in ["OPEN Message", "UPDATE Message", "KEEPALIVE Message"] {
            assert!(all.contains(kind), "tshark saw no {kind}:\n{all}");
        }
        let unknown: Vec<&str> =
            all.lines().filter(|line| line.contains("nknown") || line.contains("alformed")).collect();
        assert!(unknown.is_empty(), "tshark does not understand {unknown:#?}");
        let odd = read(&format!("{ours} && (_ws.malformed || _ws.expert.severity >= 0x600000)"));
        assert!(odd.is_empty(), "tshark objects:\n{odd}");
    }
}
