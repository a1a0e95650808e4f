//! The page in a real browser: it shows the new master without being reloaded.

use lab::{Browser, Demo};

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
        std::fs::write(file, browser.screenshot()).expect("the file that was named can be written");
    }
}
