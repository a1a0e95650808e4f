//! What is each program of scenario C told? The article's words, and what an expert would make of them.

use std::path::Path;

use super::{A, ADDRESS, B, Terms};

/// Where a host is inside.
#[must_use]
pub fn inside(host: &str) -> &'static str {
    match host {
        A => "10.30.1.131",
        B => "10.30.1.132",
        _ => "10.30.1.133",
    }
}

fn outside(host: &str) -> &'static str {
    if host == A { "10.20.1.131" } else { "10.20.1.132" }
}

const fn right(is_a: bool) -> u8 {
    if is_a { 100 } else { 80 }
}

pub(super) fn redis(host: &str, first: &str, dir: &Path) -> String {
    let follows = if host == first { String::new() } else { format!("replicaof {} 6379\n", inside(first)) };
    format!(
        "bind {}\nport 6379\nprotected-mode no\nsave \"\"\nappendonly no\ndaemonize no\ndir {}\nrepl-diskless-sync-delay 0\n{follows}",
        inside(host),
        dir.display()
    )
}

pub(super) fn sentinel(host: &str, first: &str, dir: &Path) -> String {
    format!(
        "bind {}\nport 26379\nprotected-mode no\ndaemonize no\ndir {}\nsentinel monitor {GROUP} {} 6379 2\n\
         sentinel down-after-milliseconds {GROUP} {DOWN_AFTER_MS}\nsentinel failover-timeout {GROUP} 10000\n",
        inside(host),
        dir.display(),
        inside(first)
    )
}

/// The second `bind` is for the expert's check: the address itself would lead to the other host.
pub(super) fn haproxy(terms: Terms) -> String {
    let (check, own) = match terms {
        Terms::Article => ("inter 1s", String::new()),
        Terms::Tuned => ("inter 200ms fall 2 rise 1", format!("  bind 127.0.0.1:{OWN_PORT}\n")),
    };
    format!(
        "defaults\n  mode tcp\n  timeout connect 4s\n  timeout server 30s\n  timeout client 30s\n\
         frontend front_redis\n  bind {ADDRESS}:6379 name redis\n{own}  default_backend back_redis\n\
         backend back_redis\n  option tcp-check\n  tcp-check send PING\\r\\n\n  tcp-check expect string +PONG\n\
         \x20 tcp-check send info\\ replication\\r\\n\n  tcp-check expect string role:master\n\
         \x20 tcp-check send QUIT\\r\\n\n  tcp-check expect string +OK\n\
         \x20 server redis1 {}:6379 check {check} on-marked-down shutdown-sessions\n\
         \x20 server redis2 {}:6379 check {check} on-marked-down shutdown-sessions\n",
        inside(A),
        inside(B)
    )
}

/// `pidof` of the article never succeeds with Keepalived 2.2.7 on Debian, which makes it `killall5`; and it would find the other host's
/// HAProxy, too, for hosts here share their processes.
pub(super) fn keepalived(host: &str, namespace: &str, dir: &Path, terms: Terms) -> String {
    let config = dir.join("haproxy.cfg");
    let config = config.display();
    let (tracked, instance) = match terms {
        Terms::Article => (
            format!(
                "vrrp_script check_ha {{\n  script \"/usr/bin/pgrep -f ^haproxy.*{config}\"\n  interval 2\n  fall 1\n  rise 1\n}}\n"
            ),
            "  advert_int 1\n  track_script {\n    check_ha\n  }\n",
        ),
        Terms::Tuned => (
            format!(
                "vrrp_track_process lives {{\n  process haproxy -f {config} -db\n  param_match partial\n}}\n\
                 vrrp_script answers {{\n  script \"/usr/bin/redis-cli -h 127.0.0.1 -p {OWN_PORT} ping\"\n  interval 1\n  timeout 1\n\
                 \x20 fall 1\n  rise 1\n}}\n"
            ),
            "  version 3\n  advert_int 0.1\n  garp_master_refresh 60\n  track_process {\n    lives weight 0\n  }\n\
             \x20 track_script {\n    answers\n  }\n",
        ),
    };
    let state = if host == A { "MASTER" } else { "BACKUP" };
    format!(
        "net_namespace {namespace}\nglobal_defs {{\n  router_id {host}\n  enable_script_security\n  script_user root\n}}\n{tracked}\
         vrrp_instance REDISMASTER {{\n  state {state}\n  interface eth1\n  virtual_router_id {VRID}\n  priority {}\n{instance}\
         \x20 virtual_ipaddress {{\n    {ADDRESS}/24\n  }}\n}}\n",
        right(host == A)
    )
}

pub(super) fn standfast(host: &str, first: &str, dir: &Path, terms: Terms) -> String {
    let node = format!(
        "[node]\nname = \"{host}\"\nlisten = \"{}:26379\"\nstate-dir = \"{}/state\"\n\n[proxy]\nworkers = 1\n\n\
         [[group]]\nname = \"{GROUP}\"\nmaster = \"{}:6379\"\nnodes = 3\nquorum = 2\ndown-after = \"{DOWN_AFTER_MS}ms\"\n",
        inside(host),
        dir.display(),
        inside(first)
    );
    if ![A, B].contains(&host) {
        return node;
    }
    let (version, interval) = match terms {
        Terms::Article => (2, "1s"),
        Terms::Tuned => (3, "100ms"),
    };
    format!(
        "{node}\n[[listener]]\nlisten = \"{ADDRESS}:6379\"\ngroup = \"{GROUP}\"\n\n\
         [[address]]\nname = \"redis-vip\"\nheld = [\"{ADDRESS}/24\"]\ninterface = \"eth1\"\nfollows = \"proxy\"\n\
         [address.vrrp]\nid = {VRID}\nversion = {version}\npriority = {}\ninterval = \"{interval}\"\nfrom = \"{}\"\n",
        right(host == A),
        outside(host)
    )
}

/// The group's name.
pub const GROUP: &str = "cache";
/// Of the article.
pub const VRID: u8 = 130;
/// How long a silent server is not yet down, for both kinds.
const DOWN_AFTER_MS: u32 = 1_000;
/// Where an HAProxy serves its own host.
const OWN_PORT: u16 = 16_379;
