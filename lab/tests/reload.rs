//! A node takes up its file anew under load: nobody's connection ends, nobody sees an error, and a wrong file changes nothing.

use lab::Front;
use lab::cluster::free_address;
use lab::front::{Crowd, FILE, Habit, is_free};
use lab::program::said;
use lab::wire::{Connection, ask};

#[test]
fn twenty_reloads_under_load_without_an_error() {
    let mut front = Front::start("reload-load");
    let mut crowd = Crowd::new();
    crowd.join(6, Habit::Count, front.master);
    crowd.join(4, Habit::Read, front.replica);
    crowd.join(1, Habit::Knock, front.master);
    for n in 0..20 {
        let down_after = 700 + 10 * n;
        let file = front
            .file()
            .replace(
                "nodes = 1",
                &format!("nodes = 1\ndown-after = \"{down_after}ms\"\nreplica-max-lag = \"{}MiB\"", n + 1),
            )
            .replace("role = \"replica\"", &format!("role = \"replica\"\nhold = \"{}s\"", 5 + n));
        front.room.write(FILE, &file);
        if n % 2 == 0 {
            let told = front.done(&["reload"]);
            assert!(told.contains(&format!("-> {down_after}ms")), "{told}");
        } else {
            front.first().signal("HUP");
            let line = format!("-> {down_after}ms");
            front.room.wait("the log tells of the reload", || front.log().contains(&line).then_some(()));
        }
        crowd.goes_on(50);
    }
    assert!(front.done(&["reload"]).contains("nothing new"));
    let weights = format!("nodes = 1\nweights = {{ \"{}\" = 0 }}", front.servers[1]);
    front.room.write(FILE, &front.file().replace("nodes = 1", &weights));
    front.done(&["reload"]);
    let listed = front.done(&["server", "cache"]);
    let zero = |line: &str| line.contains(&front.servers[1].to_string()) && line.ends_with(" 0");
    assert!(listed.lines().any(|line| zero(line.trim_end())), "{listed}");
    crowd.goes_on(50);
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_wrong_file_changes_nothing_and_says_why() {
    let front = Front::start("reload-wrong");
    let mut crowd = Crowd::new();
    crowd.join(3, Habit::Count, front.master);
    let file = front.room.path(FILE).display().to_string();
    let wrong = [
        (front.file() + "hodl = \"1s\"\n", 2, "did you mean `hold`?"),
        (front.file() + "[[", 2, "standfast.toml:"),
        (
            front.file().replace("nodes = 1", "nodes = 1\nnotification-script = \"/nonexistent/notify\""),
            2,
            "cannot be run",
        ),
        // Somebody else has the address; a listener beside it was fine.
        (
            front.file()
                + &format!("[[listener]]\nlisten = \"{}\"\ngroup = \"cache\"\n", free_address())
                + &format!("[[listener]]\nlisten = \"{}\"\ngroup = \"cache\"\n", front.servers[1]),
            4,
            "Nothing was changed",
        ),
    ];
    let before = front.status().expect("it answers");
    for (text, code, words) in wrong {
        front.room.write(FILE, &text);
        // The file says where the node is asked, even if it is wrong otherwise.
        let refused = lab::program::run(&["reload", "-c", &file]);
        assert_eq!(refused.status.code(), Some(code), "{}", said(&refused));
        assert!(said(&refused).contains(words) && !said(&refused).contains("othing was started"), "{}", said(&refused));
        assert!(front.log().contains("reload: nothing was changed"), "{}", front.log());
        crowd.goes_on(20);
    }
    // Fewer clients than there are: who is there stays, and one more is told.
    front.room.write(FILE, &front.file().replace("workers = 1", "workers = 1\nmax-clients = 2"));
    assert!(front.done(&["reload"]).contains("proxy: max-clients 10000 -> 2\n"));
    let mut one_more = Connection::open(front.master).expect("it listens");
    let told = one_more.reply().expect("it is told");
    assert_eq!(told["error"], "ERR max number of clients reached");
    let after = front.status().expect("it answers");
    let listeners = |status: &serde_json::Value| status["listeners"].as_array().map(Vec::len);
    assert_eq!((before["pid"].as_u64(), listeners(&before)), (after["pid"].as_u64(), listeners(&after)));
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_group_and_its_listener_come_and_go() {
    let mut front = Front::start("reload-group");
    let mut crowd = Crowd::new();
    crowd.join(3, Habit::Count, front.master);
    let (other, door) = (front.add_server(None), free_address());
    let group = format!("\n[[group]]\nname = \"other\"\nmaster = \"{other}\"\nnodes = 1\n");
    let listener = format!("\n[[listener]]\nlisten = \"{door}\"\ngroup = \"other\"\n");
    for _ in 0..3 {
        front.room.write(FILE, &(front.file() + &group + &listener));
        let told = front.done(&["reload"]);
        assert!(told.contains("group other: added") && told.contains(&format!("listener {door}: added")), "{told}");
        let mut guests = Crowd::new();
        guests.join(2, Habit::Count, door);
        front.room.wait("its master", || front.group("other").filter(|group| group["view"]["phase"] == "Steady"));
        assert_eq!(guests.leave(), Vec::<String>::new());
        let mut guest = Connection::open(door).expect("it listens");
        assert_eq!(guest.request(&["DEL", "x"]).expect("it answers"), 0);

        front.room.write(FILE, &front.file());
        let told = front.done(&["reload"]);
        assert!(told.contains("group other: removed") && told.contains(&format!("listener {door}: removed")), "{told}");
        assert!(front.group("other").is_none());
        front.room.wait("nobody listens there", || is_free(door).then_some(()));
        front.room.wait("its clients are let go", || guest.request(&["PING"]).is_err().then_some(()));
        assert_eq!(ask(other, &["FLUSHALL"]).expect("it is not ours any more"), "OK");
    }
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_is_done() {
    let front = Front::start("reload-rest");
    let page = free_address();
    let elsewhere = free_address();
    let file = front.file().replace("name = \"front\"", "name = \"back\"").replace("workers = 1", "workers = 2")
        + &format!("\n[admin]\nlisten = \"{page}\"\n\n[log]\nlevel = \"debug\"\nformat = \"json\"\n");
    front.room.write(FILE, &file);
    let told = front.done(&["reload"]);
    for words in [
        "node: name front -> back; needs a restart",
        "proxy: workers 1 -> 2; needs a restart",
        "admin: added\n",
        "log: level info -> debug\n",
        "waits for one",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(front.status().expect("it answers")["name"], "front");
    assert!(std::net::TcpStream::connect(page).is_ok(), "the page is there");
    assert!(front.log().contains("{\"timestamp\""), "JSON from here on");
    front.done(&["switchover", "cache"]);
    front.room.wait("debug lines", || front.log().contains("\"DEBUG\"").then_some(()));

    front.room.write(FILE, &file.replace(&page.to_string(), &elsewhere.to_string()));
    let told = front.done(&["reload"]);
    assert!(told.contains(&format!("admin: listen {page} -> {elsewhere}")), "{told}");
    assert!(told.contains("node: name front -> back; needs a restart"), "still waiting: {told}");
    assert!(std::net::TcpStream::connect(elsewhere).is_ok(), "the page is there");
    front.room.wait("nothing is there any more", || is_free(page).then_some(()));
    // To all addresses of the same port, and back.
    let everywhere = format!("0.0.0.0:{}", elsewhere.port());
    for at in [&everywhere, &elsewhere.to_string()] {
        front.room.write(FILE, &file.replace(&page.to_string(), at));
        let told = front.done(&["reload"]);
        assert!(told.contains(&format!("-> {at}")), "{told}");
        assert!(std::net::TcpStream::connect(elsewhere).is_ok(), "the page is there");
    }

    front.room.write(FILE, &front.file());
    assert!(front.done(&["reload"]).contains("admin: removed"));
    front.room.wait("nothing is there any more", || is_free(elsewhere).then_some(()));
}

#[test]
fn a_password_changes_on_both_sides() {
    let front = Front::start("reload-password");
    for addr in &front.servers {
        for option in ["requirepass", "masterauth"] {
            let mut server = Connection::open(*addr).expect("it answers");
            let _ = server.request(&["AUTH", "sesame"]);
            assert_eq!(server.request(&["CONFIG", "SET", option, "sesame"]).expect("it answers"), "OK");
        }
        let mut server = Connection::open(*addr).expect("it answers");
        server.request(&["AUTH", "sesame"]).expect("it answers");
        server.request(&["CLIENT", "KILL", "TYPE", "normal"]).expect("it answers");
    }
    front.room.write(FILE, &front.file().replace("nodes = 1", "nodes = 1\npassword = \"sesame\""));
    let told = front.done(&["reload"]);
    assert!(told.contains("group cache: password") && !told.contains("sesame"), "{told}");
    front.is_whole();
    assert!(!front.log().contains("sesame"));
}
