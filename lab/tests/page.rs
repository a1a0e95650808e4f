//! The page in a real browser: it shows the new master, and where an address is, without being reloaded.

#[path = "addresses/stage.rs"]
#[allow(dead_code, unreachable_pub, reason = "another test file has the rest of it")]
mod stage;

use std::fs;
use std::thread;
use std::time::Duration;

use lab::{Browser, Demo};
use stage::{Stage, VIP, vrrp};

#[test]
fn the_page_follows_a_failover() {
    let mut demo = Demo::start();
    let browser = Browser::start();
    browser.open(&demo.node(0, "page"));
    let old = demo.ready["servers"][0].as_str().expect("an address").to_owned();
    browser.wait(|page| (page.text("master") == old).then_some(()), "the page never showed the master");
    assert_eq!(browser.text("phase"), "Steady");
    assert_eq!(browser.text("epoch"), "0");
    let servers = browser.text("replicas");
    assert_eq!((servers.matches("replica").count(), servers.matches("in sync").count()), (2, 2), "{servers}");
    assert!(!servers.to_lowercase().contains("down"), "a healthy replica is called a replica: {servers}");

    demo.key("c");
    let new = browser.wait(
        |page| Some(page.text("master")).filter(|master| *master != old && page.text("phase") == "Steady"),
        "the page never showed the new master",
    );
    browser.wait(|page| page.text("timeline").contains("published").then_some(()), "no timeline");
    assert!(browser.text("group-cache").contains(&new));
    assert_eq!(browser.text("epoch"), "1");

    demo.key("r");
    let round = demo.round();
    assert_eq!(round["to"].as_str(), Some(new.as_str()), "{round:#}");
    browser.wait(
        |page| (page.text("replicas").matches("in sync").count() == 2).then_some(()),
        "the old master never came back as a replica",
    );
    // The script may not have been refused anything by the policy that it is served with.
    assert_eq!(browser.text("live"), "live");
    assert!(browser.text("clients").contains("master"), "{}", browser.text("clients"));
    if let Some(file) = std::env::var_os("STANDFAST_SCREENSHOT") {
        fs::write(file, browser.screenshot()).expect("the file that was named can be written");
    }
}

/// What somebody must see who was woken by it: where it is, since when and why, who else could have it, and what is unhealthy.
#[test]
fn the_page_says_where_an_address_is_and_why() {
    let mut stage = Stage::set();
    let uplink = stage.dir("a").join("uplink");
    fs::write(&uplink, "").unwrap();
    let partners = "partners = [\"10.0.0.1:26379\", \"10.0.0.2:26379\"]";
    let check = format!(
        "[[address.check]]\nname = \"uplink\"\nfile = \"{}\"\ninterval = \"100ms\"\n\n[admin]\nlisten = \"10.0.0.1:26380\"\n",
        uplink.display()
    );
    stage.run_both(&vrrp(150, partners, &check), &vrrp(100, partners, ""));
    stage.wait_for_holder("a");
    let browser = Browser::start();
    browser.open(&format!("http://{}/", stage.network.door("c", "10.0.0.1:26380".parse().unwrap())));
    let shows = |what: &str, words: &[&str]| {
        let mut text = String::new();
        within_patience(|| {
            text = browser.text("address-vip");
            words.iter().all(|word| text.contains(word))
        })
        .unwrap_or_else(|| panic!("{what}: the page never showed all of {words:?}: {text}"));
        looks_well(&browser, what);
        text
    };
    let text =
        shows("before", &["active", "on this host", "10.0.0.100/24", "since ", "b answers", "uplink", "priority 150"]);
    assert!(!text.contains("unhealthy"), "{text}");

    fs::remove_file(&uplink).unwrap();
    shows("during", &["fault", "on b (10.0.0.2)", "unhealthy", "uplink", "No such file", "b answers"]);
    assert!(browser.ask("return document.title").as_str().unwrap().contains("vip: fault"));
    stage.kill("b");
    shows("alone", &["fault", "last heard of on 10.0.0.2", "b silent for"]);

    fs::write(&uplink, "").unwrap();
    let text = shows("after", &["active", "on this host", "b silent for"]);
    assert!(!text.contains("unhealthy"), "{text}");
    assert!(stage.holds("a", VIP));
}

/// Tries for as long as a busy machine may need.
fn within_patience(mut so: impl FnMut() -> bool) -> Option<()> {
    (0..600).find_map(|_| {
        thread::sleep(Duration::from_millis(50));
        so().then_some(())
    })
}

/// On a desk and in a hand, by day and by night; nothing sticks out.
fn looks_well(browser: &Browser, what: &str) {
    let mut grounds = Vec::new();
    for (width, scheme) in [(390, "light"), (390, "dark"), (1_100, "dark"), (1_100, "light")] {
        browser.look_as(width, scheme);
        let wide = browser.ask("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(wide <= width.into(), "{what}: the page is {wide} wide on a screen of {width}");
        grounds.push(browser.ask("return getComputedStyle(document.body).backgroundColor").to_string());
        if let Some(dir) = std::env::var_os("STANDFAST_SCREENSHOTS") {
            let file = std::path::Path::new(&dir).join(format!("{what}-{width}-{scheme}.png"));
            fs::write(file, browser.screenshot()).expect("the directory that was named can be written");
        }
    }
    assert!(grounds[0] == grounds[3] && grounds[1] == grounds[2] && grounds[0] != grounds[1], "{grounds:?}");
}
