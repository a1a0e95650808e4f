//! What a file says about the edges of listeners is what clients meet: with redis-cli, openssl, and servers that speak TLS.

use std::fs;
use std::process::{Command, Stdio};

use lab::Front;
use lab::cluster::free_address;
use lab::front::FILE;
use lab::program::require;
use lab::room::Room;
use lab::wire::{Connection, ask};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority whose files are in a room.
struct Office(CertifiedIssuer<'static, KeyPair>);

impl Office {
    fn open(room: &Room) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        room.write("ca.pem", &authority.pem());
        Self(authority)
    }

    /// `FILE.pem` and `FILE.key`, for a host of this name and for this one.
    fn sign(&self, room: &Room, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let cert = params.signed_by(&key, &self.0).unwrap();
        // As those do who know that somebody may read at this moment: the whole file at once.
        for (kind, text) in [("key", key.serialize_pem()), ("pem", cert.pem())] {
            room.write("new", &text);
            fs::rename(room.path("new"), room.path(&format!("{file}.{kind}"))).unwrap();
        }
    }
}

/// What openssl is shown by whoever listens there, if the authority signed it.
fn shown(room: &Room, at: &str, name: &str) -> Option<String> {
    let ca = room.path("ca.pem");
    let output = Command::new("openssl")
        .args(["s_client", "-connect", at, "-servername", name, "-verify_return_error", "-CAfile"])
        .arg(ca)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let subject = text.lines().find_map(|line| line.strip_prefix("subject="))?;
    text.contains("Verify return code: 0 (ok)").then(|| subject.rsplit("= ").next().unwrap_or_default().to_owned())
}

fn redis_cli(room: &Room, words: &[&str]) -> String {
    let output =
        Command::new("redis-cli").args(words).current_dir(room.path("")).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
}

fn tls(room: &Room, file: &str) -> String {
    let path = |name: String| room.path(&name).display().to_string();
    format!("cert = \"{}\"\nkey = \"{}\"\n", path(format!("{file}.pem")), path(format!("{file}.key")))
}

#[test]
fn certificates_are_chosen_by_name_and_read_anew_while_clients_are_served() {
    require("openssl");
    let front = Front::start("edges-tls");
    let office = Office::open(&front.room);
    office.sign(&front.room, "all", "all.example");
    office.sign(&front.room, "one", "one.example");
    let (at, room) = (free_address().to_string(), &front.room);
    let listener = format!(
        "\n[[listener]]\nlisten = \"{at}\"\ngroup = \"cache\"\n\n[listener.tls]\n{}\n[[listener.tls.sni]]\nnames = [\"one.example\"]\n{}",
        tls(room, "all"),
        tls(room, "one")
    );
    room.write(FILE, &(front.file() + &listener));
    front.done(&["reload"]);
    let pid = front.pid();
    let which = |name| shown(room, &at, name);
    let both = |all: &str, one: &str| {
        which("else.example").as_deref() == Some(all) && which("one.example").as_deref() == Some(one)
    };
    assert!(both("all.example", "one.example"), "{:?} {:?}", which("else.example"), which("one.example"));

    // Somebody who is there stays.
    let mut stays = Command::new("redis-cli")
        .args([
            "--tls",
            "--cacert",
            "ca.pem",
            "-h",
            "127.0.0.1",
            "-p",
            at.rsplit(':').next().unwrap(),
            "-r",
            "-1",
            "-i",
            "0.02",
            "CLIENT",
            "ID",
        ])
        .current_dir(room.path(""))
        .stdin(Stdio::null())
        .stdout(fs::File::create(room.path("ids")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    office.sign(room, "one", "two.example");
    room.wait("the new certificate is shown", || both("all.example", "two.example").then_some(()));
    room.write("one.pem", "nonsense");
    room.wait("the log says that it cannot be used", || {
        // Files are looked at when somebody connects.
        let _ = which("one.example");
        front.log().contains("one.pem").then_some(())
    });
    assert!(both("all.example", "two.example"));
    let answers = room.read("ids").lines().count();
    room.wait("it is still answered", || (room.read("ids").lines().count() > answers + 3).then_some(()));
    let _ = stays.kill();
    let _ = stays.wait();
    let ids = room.read("ids");
    assert!(ids.lines().all(|id| Some(id) == ids.lines().next()), "one connection all the time: {ids}");
    // A reload of the same file is no reason to forget what clients know; one that names nonsense changes nothing.
    assert_eq!(front.pid(), pid);
    room.write(FILE, &(front.file() + &listener.replace("all.pem", "none.pem")));
    let refused = front.operate(&["reload"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(both("all.example", "two.example"));
}

#[test]
fn a_group_whose_servers_speak_tls_is_watched_and_served() {
    let mut front = Front::start("edges-server-tls");
    let office = Office::open(&front.room);
    office.sign(&front.room, "server", "redis.example");
    let (server, door) = (free_address(), free_address());
    let room = &front.room;
    let mut redis = Command::new("redis-server");
    redis.args(["--port", "0", "--bind", "127.0.0.1", "--save", "", "--tls-port", &server.port().to_string()]);
    redis.args(["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem"]);
    let _redis = room.start_beside(redis);
    let text = format!(
        "\n[[group]]\nname = \"secret\"\nmaster = \"{server}\"\nnodes = 1\n\n[group.server-tls]\nca = \"{}\"\nname = \"redis.example\"\n{}\n\
         [[listener]]\nlisten = \"{door}\"\ngroup = \"secret\"\n",
        room.path("ca.pem").display(),
        tls(room, "server"),
    );
    room.write(FILE, &(front.file() + &text));
    front.done(&["reload"]);
    room.wait("its master is known to answer", || {
        front.group("secret").filter(|group| group["view"]["phase"] == "Steady")
    });
    room.wait("a client is answered", || ask(door, &["SET", "k", "v"]).filter(|answer| *answer == "OK"));
    assert_eq!(ask(door, &["GET", "k"]).unwrap(), "v");
    // The same from the start.
    front.first().signal("TERM");
    let mut node = Command::new(lab::program::standfast());
    node.args(["run", "-c"]).arg(front.room.path(FILE));
    let _node = front.room.start(node);
    front.room.wait("it is served again", || ask(door, &["GET", "k"]).filter(|answer| *answer == "v"));
}

#[test]
fn a_unix_socket_an_opaque_port_and_a_guarded_one() {
    let front = Front::start("edges-kinds");
    let (opaque, guarded) = (free_address(), free_address());
    let text = format!(
        "\n[[listener]]\nlisten = \"unix:{}\"\ngroup = \"cache\"\nunix = {{ mode = \"0600\" }}\n\n\
         [[listener]]\nlisten = \"{opaque}\"\ngroup = \"cache\"\nmode = \"tcp\"\n\n\
         [[listener]]\nlisten = \"{guarded}\"\ngroup = \"cache\"\nallow = [\"10.0.0.0/8\"]\n",
        front.room.path("c.sock").display(),
    );
    front.room.write(FILE, &(front.file() + &text));
    front.done(&["reload"]);
    assert_eq!(redis_cli(&front.room, &["-s", "c.sock", "SET", "k", "v"]), "OK");
    assert_eq!(ask(opaque, &["GET", "k"]).unwrap(), "v");
    let mut denied = Connection::open(guarded).expect("it listens");
    assert_eq!(denied.reply().expect("it is told")["error"], "DENIED this address may not connect here");
    let listeners = front.status().unwrap()["listeners"].to_string();
    assert!(listeners.contains("c.sock") && listeners.contains(r#""refused":{"denied":1}"#), "{listeners}");
    // Open to all by now; the others are not touched.
    front.room.write(FILE, &(front.file() + &text.replace("10.0.0.0/8", "127.0.0.1")));
    front.done(&["reload"]);
    assert_eq!(ask(guarded, &["GET", "k"]).unwrap(), "v");
    assert_eq!(redis_cli(&front.room, &["-s", "c.sock", "GET", "k"]), "v");
}
