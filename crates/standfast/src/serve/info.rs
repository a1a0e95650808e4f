//! What does `INFO` say? The five sections of a Sentinel, with the fields that clients and exporters read.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::MAX_CLIENTS;
use super::client::Client;

/// The version of Redis whose Sentinel protocol is spoken here: clients choose their commands by it.
pub(super) const SPEAKS: &str = "7.0.15";

/// The text of the named sections; of all of them if none is named.
pub(super) async fn text(client: &Client<'_>, sections: &[Vec<u8>]) -> String {
    let named: Vec<String> = sections.iter().map(|s| String::from_utf8_lossy(s).to_ascii_lowercase()).collect();
    let everything =
        named.is_empty() || named.iter().any(|name| matches!(name.as_str(), "default" | "all" | "everything"));
    let wanted = |name: &str| everything || named.iter().any(|n| n == name);
    let mut parts = Vec::new();
    if wanted("server") {
        parts.push(server(client).await);
    }
    if wanted("clients") {
        parts.push(clients(client));
    }
    if wanted("stats") {
        parts.push(stats(client));
    }
    if wanted("cpu") {
        parts.push(cpu());
    }
    if wanted("sentinel") {
        parts.push(sentinel(client).await);
    }
    parts.join("\r\n")
}

fn section(name: &str, fields: &[(&str, String)]) -> String {
    let mut text = format!("# {name}\r\n");
    for (field, value) in fields {
        // Writing to a String cannot fail.
        let _ = write!(text, "{field}:{value}\r\n");
    }
    text
}

async fn server(client: &Client<'_>) -> String {
    let port = &client.guest.port;
    let id = port.node.look(|machine, now| machine.query(now, &[b"MYID"])).await.flatten();
    let id = id.and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
    let up = host::clock::now().as_millis() / 1_000;
    section(
        "Server",
        &[
            ("redis_version", SPEAKS.to_owned()),
            ("redis_mode", "sentinel".to_owned()),
            ("standfast_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("os", std::env::consts::OS.to_owned()),
            ("arch_bits", usize::BITS.to_string()),
            ("process_id", std::process::id().to_string()),
            ("run_id", id),
            ("tcp_port", port.listen.port().to_string()),
            ("uptime_in_seconds", up.to_string()),
            ("uptime_in_days", (up / 86_400).to_string()),
            ("config_file", port.config_file.clone()),
        ],
    )
}

fn clients(client: &Client<'_>) -> String {
    let connected = client.guest.port.clients().len();
    section("Clients", &[("connected_clients", connected.to_string()), ("maxclients", MAX_CLIENTS.to_string())])
}

fn stats(client: &Client<'_>) -> String {
    let port = &client.guest.port;
    section(
        "Stats",
        &[
            ("total_connections_received", port.last_id.load(Ordering::Relaxed).to_string()),
            ("total_commands_processed", port.commands.load(Ordering::Relaxed).to_string()),
            ("rejected_connections", port.rejected.load(Ordering::Relaxed).to_string()),
        ],
    )
}

/// From the kernel's account of this process (proc_pid_stat(5)): fields 14 and 15, in hundredths of a second.
fn cpu() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may contain anything; what follows the last one is columns, from the third on.
    let mut columns = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().skip(11);
    let mut next = || columns.next().and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
    let seconds = |ticks: u64| format!("{}.{:02}0000", ticks / 100, ticks % 100);
    let (user, system) = (next(), next());
    section("CPU", &[("used_cpu_sys", seconds(system)), ("used_cpu_user", seconds(user))])
}

async fn sentinel(client: &Client<'_>) -> String {
    let told = client.guest.port.node.look(|machine, _| (machine.is_tilted(), machine.info_lines())).await;
    let (tilted, groups) = told.unwrap_or_default();
    let mut text = section(
        "Sentinel",
        &[
            ("sentinel_masters", groups.len().to_string()),
            ("sentinel_tilt", u8::from(tilted).to_string()),
            ("sentinel_tilt_since_seconds", if tilted { "0" } else { "-1" }.to_owned()),
            ("sentinel_running_scripts", "0".to_owned()),
            ("sentinel_scripts_queue_length", "0".to_owned()),
            ("sentinel_simulate_failure_flags", "0".to_owned()),
        ],
    );
    for line in groups {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}
