//! One round of what `cargo xtask bench failover` measures, beside stock Sentinel: a crash of the master, and its return. So the bench
//! cannot rot, and our being quicker is asserted on every run; by how much, only the bench says.

use std::path::Path;
use std::thread;

use lab::failover::{Bench, Fault};
use lab::monitor::Monitor;
use serde_json::Value;

#[test]
fn a_crash_is_measured_beside_stock_and_is_over_sooner() {
    // Side by side for the sake of the tests' time: stock takes ten seconds to welcome the old master back.
    let crash = |monitor| move || Bench::start(monitor, Path::new(env!("CARGO_BIN_EXE_load"))).measure(Fault::Kill);
    let stock = thread::spawn(crash(Monitor::Stock));
    let ours = crash(Monitor::Standfast)();
    let stock = stock.join().expect("a stock Sentinel can be measured too");
    for measured in [&ours, &stock] {
        assert_eq!(measured["moved"], true, "{measured:#}");
        let direct = &measured["direct"];
        assert!(direct["acknowledged"].as_u64() > Some(100) && direct["twice"] == 0, "{measured:#}");
    }
    // Stock sometimes fails over its fresh master a second later, by answers about the old one. Ours must not.
    assert_eq!(ours["failovers"], 1, "{ours:#}");
    // A write that was under way when the master died ends its client's connection: nobody knows whether it was executed.
    let proxy = &ours["proxy"];
    assert!(proxy["errors"].as_u64() <= Some(2) && proxy["twice"] == 0, "{ours:#}");
    let steps: Vec<&Value> = ours["steps"][0]["steps"].as_array().into_iter().flatten().map(|step| &step[0]).collect();
    assert!(steps.contains(&&Value::from("Promoted")), "{ours:#}");
    let first = |measured: &Value, kind: &str| measured[kind]["first_ms"].as_f64().expect("it wrote again");
    println!("ours {:.0} ms, through a listener {:.0} ms", first(&ours, "direct"), first(&ours, "proxy"));
    println!("stock {:.0} ms", first(&stock, "direct"));
    assert!(first(&ours, "direct").max(first(&ours, "proxy")) < first(&stock, "direct"), "{ours:#}\n{stock:#}");
}
