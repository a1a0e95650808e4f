//! What does `INFO` say? The fields of a Sentinel in their sections, for clients and exporters that read them by name. What could only be
//! made up here (caches, allocators, forks) is left out, or is the zero that it is.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use resp::Protocol;

use super::Port;
use super::client::Client;
use super::guest::Kind;

/// The version of Redis whose Sentinel this port speaks as.
pub(super) const SPEAKS: &str = "7.0.15";

/// The sections that are named, in Redis's order; all if none is named.
pub(super) async fn text(client: &Client<'_>, sections: &[Vec<u8>]) -> String {
    let named: Vec<String> = sections.iter().map(|s| String::from_utf8_lossy(s).to_ascii_lowercase()).collect();
    let everything =
        named.is_empty() || named.iter().any(|name| matches!(name.as_str(), "default" | "all" | "everything"));
    let wanted = |name: &str| everything || named.iter().any(|n| n == name);
    let mut parts = Vec::new();
    if wanted("server") {
        parts.push(server(client));
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

fn server(client: &Client<'_>) -> String {
    let port = &client.guest.port;
    let up = host::clock::now().since(port.since).as_secs();
    let wall = host::clock::wall();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    section(
        "Server",
        &[
            ("redis_version", SPEAKS.to_owned()),
            ("redis_git_sha1", "00000000".to_owned()),
            ("redis_git_dirty", "0".to_owned()),
            ("redis_build_id", "0".to_owned()),
            ("redis_mode", "sentinel".to_owned()),
            ("standfast_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("os", format!("Linux {} {}", release.trim(), std::env::consts::ARCH)),
            ("arch_bits", usize::BITS.to_string()),
            ("monotonic_clock", "POSIX clock_gettime".to_owned()),
            ("multiplexing_api", "epoll".to_owned()),
            ("process_id", std::process::id().to_string()),
            ("process_supervised", port.rules.supervised.to_owned()),
            ("run_id", port.run_id.clone()),
            ("tcp_port", port.listen.port().to_string()),
            ("server_time_usec", (wall * 1_000).to_string()),
            ("uptime_in_seconds", up.to_string()),
            ("uptime_in_days", (up / 86_400).to_string()),
            ("hz", "10".to_owned()),
            ("configured_hz", "10".to_owned()),
            ("lru_clock", ((wall / 1_000) & 0x00ff_ffff).to_string()),
            ("executable", executable),
            ("config_file", port.config_file.clone()),
            ("io_threads_active", "0".to_owned()),
        ],
    )
}

fn clients(client: &Client<'_>) -> String {
    let port = &client.guest.port;
    let clients = port.clients();
    let largest_input = clients.values().map(|known| known.input).max().unwrap_or_default();
    let largest_output = clients.values().map(|known| known.output).max().unwrap_or_default();
    let tracking = clients.values().filter(|known| known.tracking.is_some()).count();
    section(
        "Clients",
        &[
            ("connected_clients", clients.len().to_string()),
            ("cluster_connections", "0".to_owned()),
            ("maxclients", port.rules.max_clients.to_string()),
            ("client_recent_max_input_buffer", largest_input.to_string()),
            ("client_recent_max_output_buffer", largest_output.to_string()),
            ("blocked_clients", "0".to_owned()),
            ("tracking_clients", tracking.to_string()),
            ("clients_in_timeout_table", "0".to_owned()),
        ],
    )
}

fn stats(client: &Client<'_>) -> String {
    let port = &client.guest.port;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed).to_string();
    let counters = &port.counters;
    let clients = port.clients();
    let pubsub = clients.values().filter(|known| known.kind() == Kind::Pubsub);
    let (channels, patterns) = pubsub.fold((0, 0), |(c, p), known| (c + known.channels, p + known.patterns));
    let resp3 = clients.values().filter(|known| known.protocol == Protocol::Resp3).count();
    section(
        "Stats",
        &[
            ("total_connections_received", count(&counters.connections)),
            ("total_commands_processed", count(&counters.commands)),
            ("total_net_input_bytes", count(&counters.bytes_in)),
            ("total_net_output_bytes", count(&counters.bytes_out)),
            ("rejected_connections", count(&counters.rejected)),
            ("pubsub_channels", channels.to_string()),
            ("pubsub_patterns", patterns.to_string()),
            ("pubsubshard_channels", "0".to_owned()),
            ("expired_keys", "0".to_owned()),
            ("evicted_keys", "0".to_owned()),
            ("keyspace_hits", "0".to_owned()),
            ("keyspace_misses", "0".to_owned()),
            ("latest_fork_usec", "0".to_owned()),
            ("total_forks", "0".to_owned()),
            ("total_error_replies", count(&counters.errors)),
            ("resp3_clients", resp3.to_string()),
        ],
    )
}

/// From the kernel's account of this process (proc_pid_stat(5)): fields 14 to 17, in hundredths of a second.
fn cpu() -> String {
    let (user, system, user_children, system_children) = ticks("/proc/self/stat");
    // The thread that answers here is the one that does the port's work.
    let (user_here, system_here, ..) = ticks("/proc/thread-self/stat");
    let seconds = |ticks: u64| format!("{}.{:02}0000", ticks / 100, ticks % 100);
    section(
        "CPU",
        &[
            ("used_cpu_sys", seconds(system)),
            ("used_cpu_user", seconds(user)),
            ("used_cpu_sys_children", seconds(system_children)),
            ("used_cpu_user_children", seconds(user_children)),
            ("used_cpu_sys_main_thread", seconds(system_here)),
            ("used_cpu_user_main_thread", seconds(user_here)),
        ],
    )
}

fn ticks(file: &str) -> (u64, u64, u64, u64) {
    let stat = std::fs::read_to_string(file).unwrap_or_default();
    // The name in parentheses may contain anything; what follows the last one is columns, from the third on.
    let mut columns = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().skip(11);
    let mut next = || columns.next().and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
    (next(), next(), next(), next())
}

/// A line about a master, with its host's name where names are told.
fn named(port: &Port, line: String) -> String {
    let told = |part: &str| {
        let addr = part.strip_prefix("address=")?;
        Some(format!("address={}", port.rules.names.told_in(addr)?))
    };
    line.split(',').map(|part| told(part).unwrap_or_else(|| part.to_owned())).collect::<Vec<_>>().join(",")
}

async fn sentinel(client: &Client<'_>) -> String {
    let port = &client.guest.port;
    let told = port.node.look(|machine, now| {
        (machine.tilted_for(now), machine.info_lines(), machine.scripts().running(), machine.scripts().queued())
    });
    let (tilted, groups, running, queued) = told.await.unwrap_or_default();
    let groups: Vec<String> = groups.into_iter().map(|line| named(port, line)).collect();
    let mut text = section(
        "Sentinel",
        &[
            ("sentinel_masters", groups.len().to_string()),
            ("sentinel_tilt", u8::from(tilted.is_some()).to_string()),
            ("sentinel_tilt_since_seconds", tilted.map_or_else(|| "-1".to_owned(), |time| time.as_secs().to_string())),
            ("sentinel_running_scripts", running.to_string()),
            ("sentinel_scripts_queue_length", queued.to_string()),
            ("sentinel_simulate_failure_flags", port.failures.load(Ordering::Relaxed).to_string()),
        ],
    );
    for line in groups {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}
