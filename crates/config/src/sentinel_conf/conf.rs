//! What does a `sentinel.conf` say? Plain fields, in the words of the file.

use super::settings::Settings;
use crate::Secret;

/// All of a `sentinel.conf`: what the operator wrote, and the state that the Sentinel keeps there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentinelConf {
    /// The directives that every server has. [`Self::server`] reads them.
    pub settings: Settings,
    /// Lines `user NAME RULE...`.
    pub users: Vec<User>,
    /// Commands of the Sentinel itself that have another name; empty: none at all.
    pub renamed: Vec<(String, String)>,
    /// 40 characters; made at the first start.
    pub myid: Option<String>,
    /// At least the largest config epoch of the masters.
    pub current_epoch: u64,
    /// What hellos say in place of the own address.
    pub announce_ip: Option<String>,
    /// The same for the port.
    pub announce_port: Option<u16>,
    /// Who we are for other Sentinels.
    pub sentinel_user: Option<String>,
    /// The password for other Sentinels.
    pub sentinel_pass: Option<Secret>,
    /// Whether `SENTINEL SET` may not change scripts.
    pub deny_scripts_reconfig: bool,
    /// Whether hosts may be names.
    pub resolve_hostnames: bool,
    /// Whether names are given to others, and written.
    pub announce_hostnames: bool,
    /// A file for the state: the main file is never written then.
    pub state_config_file: Option<String>,
    /// In the order of their `monitor` lines.
    pub masters: Vec<Master>,
}

/// A line `user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Without blanks.
    pub name: String,
    /// Words of the rule, such as `on`, `>password`, `+@all`; some are secret, so all are. To be replaced by what the users' keeper
    /// would write (hashes in place of passwords) before the file is written.
    pub rules: Vec<Secret>,
}

/// What is known of one master.
#[derive(Clone, Debug)]
pub struct Master {
    /// Its name among Sentinels.
    pub name: String,
    /// An address, or a name if hosts may be names.
    pub host: String,
    /// 0 only if the file says so.
    pub port: u16,
    /// At least 1.
    pub quorum: u32,
    /// Milliseconds, more than 0.
    pub down_after_ms: u32,
    /// Milliseconds, more than 0.
    pub failover_timeout_ms: u32,
    /// How many replicas may follow the new master at a time.
    pub parallel_syncs: u32,
    /// Run for each event of level warning.
    pub notification_script: Option<String>,
    /// Run when the master's address changes.
    pub client_reconfig_script: Option<String>,
    /// For the master and its replicas.
    pub auth_user: Option<String>,
    /// For the master and its replicas.
    pub auth_pass: Option<Secret>,
    /// Milliseconds; 0: off.
    pub reboot_down_after_ms: u32,
    /// Commands of the master and its replicas under other names.
    pub renamed: Vec<(String, String)>,
    /// The epoch that gave the group its master.
    pub config_epoch: u64,
    /// The last epoch in which this Sentinel voted.
    pub leader_epoch: u64,
    /// Each address once.
    pub known_replicas: Vec<(String, u16)>,
    /// Each id once.
    pub known_sentinels: Vec<KnownSentinel>,
    /// Where `monitor` stands in the file, from 1; 0: it does not. Not part of what is compared.
    pub line: usize,
}

/// Another Sentinel of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSentinel {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its id.
    pub id: String,
}

/// The directives of a server that a Sentinel heeds, typed. Made by [`SentinelConf::server`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// 0: none.
    pub port: u16,
    /// Addresses, `*` for all; one that begins with `-` need not exist. Empty: none.
    pub bind: Vec<String>,
    /// Where connections to others start.
    pub bind_source_addr: Option<String>,
    /// Only this host may connect, unless there is a password.
    pub protected_mode: bool,
    /// Path of a socket.
    pub unixsocket: Option<String>,
    /// Its permissions; 0: as they come.
    pub unixsocketperm: u32,
    /// Waiting connections that the kernel keeps.
    pub tcp_backlog: u32,
    /// Seconds; 0: off.
    pub tcp_keepalive_s: u32,
    /// Seconds after which an idle client is dropped; 0: never.
    pub timeout_s: u32,
    /// Clients at a time.
    pub maxclients: u32,
    /// `debug`, `verbose`, `notice` or `warning`.
    pub loglevel: String,
    /// None: standard output.
    pub logfile: Option<String>,
    /// Whether the log goes to syslog.
    pub syslog_enabled: bool,
    /// Under which name.
    pub syslog_ident: String,
    /// `user`, `local0` to `local7`.
    pub syslog_facility: String,
    /// Whether to go to the background.
    pub daemonize: bool,
    /// `no`, `auto`, `systemd` or `upstart`.
    pub supervised: String,
    /// Where the process's number goes.
    pub pidfile: Option<String>,
    /// Relative to the directory of the start, unless absolute; later ones are relative to earlier ones.
    pub dir: Option<String>,
    /// The default user's password.
    pub requirepass: Option<Secret>,
    /// Users are in this file.
    pub aclfile: Option<String>,
    /// Entries of the log of refusals.
    pub acllog_max_len: u64,
    /// `allchannels` or `resetchannels`: what a new user may subscribe to.
    pub acl_pubsub_default: String,
    /// `no`, `yes` or `local`.
    pub enable_debug_command: String,
    /// `no`, `yes` or `local`.
    pub enable_protected_configs: String,
    /// Lines `tls-...`.
    pub tls: Tls,
}

/// Lines `tls-...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// 0: none.
    pub port: u16,
    /// Whether connections to servers and Sentinels are encrypted.
    pub replication: bool,
    /// PEM.
    pub cert_file: Option<String>,
    /// PEM.
    pub key_file: Option<String>,
    /// The key's password.
    pub key_file_pass: Option<Secret>,
    /// The certificate shown to servers, if another.
    pub client_cert_file: Option<String>,
    /// Its key.
    pub client_key_file: Option<String>,
    /// That key's password.
    pub client_key_file_pass: Option<Secret>,
    /// Whom to trust.
    pub ca_cert_file: Option<String>,
    /// Whom to trust, in OpenSSL's directory layout.
    pub ca_cert_dir: Option<String>,
    /// `yes`, `no` or `optional`.
    pub auth_clients: String,
    /// Such as `TLSv1.2 TLSv1.3`; none: what is usual.
    pub protocols: Option<String>,
    /// Up to TLS 1.2, in OpenSSL's words.
    pub ciphers: Option<String>,
    /// TLS 1.3.
    pub ciphersuites: Option<String>,
    /// Whether the server's order of ciphers decides.
    pub prefer_server_ciphers: bool,
}

impl Default for SentinelConf {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            users: Vec::new(),
            renamed: Vec::new(),
            myid: None,
            current_epoch: 0,
            announce_ip: None,
            announce_port: None,
            sentinel_user: None,
            sentinel_pass: None,
            deny_scripts_reconfig: true,
            resolve_hostnames: false,
            announce_hostnames: false,
            state_config_file: None,
            masters: Vec::new(),
        }
    }
}

impl SentinelConf {
    /// The master of that name; names differ in case.
    #[must_use]
    pub fn master(&self, name: &str) -> Option<&Master> {
        self.masters.iter().find(|master| master.name == name)
    }

    /// What the file says of the server itself.
    #[must_use]
    pub fn server(&self) -> Server {
        let s = &self.settings;
        Server {
            port: s.number("port"),
            bind: s.words("bind"),
            bind_source_addr: s.some("bind-source-addr"),
            protected_mode: s.is_on("protected-mode"),
            unixsocket: s.some("unixsocket"),
            unixsocketperm: u32::from_str_radix(&s.text("unixsocketperm"), 8).unwrap_or_default(),
            tcp_backlog: s.number("tcp-backlog"),
            tcp_keepalive_s: s.number("tcp-keepalive"),
            timeout_s: s.number("timeout"),
            maxclients: s.number("maxclients"),
            loglevel: s.text("loglevel"),
            logfile: s.some("logfile"),
            syslog_enabled: s.is_on("syslog-enabled"),
            syslog_ident: s.text("syslog-ident"),
            syslog_facility: s.text("syslog-facility"),
            daemonize: s.is_on("daemonize"),
            supervised: s.text("supervised"),
            pidfile: s.some("pidfile"),
            dir: s.some("dir"),
            requirepass: s.secret("requirepass"),
            aclfile: s.some("aclfile"),
            acllog_max_len: s.number("acllog-max-len"),
            acl_pubsub_default: s.text("acl-pubsub-default"),
            enable_debug_command: s.text("enable-debug-command"),
            enable_protected_configs: s.text("enable-protected-configs"),
            tls: Tls {
                port: s.number("tls-port"),
                replication: s.is_on("tls-replication"),
                cert_file: s.some("tls-cert-file"),
                key_file: s.some("tls-key-file"),
                key_file_pass: s.secret("tls-key-file-pass"),
                client_cert_file: s.some("tls-client-cert-file"),
                client_key_file: s.some("tls-client-key-file"),
                client_key_file_pass: s.secret("tls-client-key-file-pass"),
                ca_cert_file: s.some("tls-ca-cert-file"),
                ca_cert_dir: s.some("tls-ca-cert-dir"),
                auth_clients: s.text("tls-auth-clients"),
                protocols: s.some("tls-protocols"),
                ciphers: s.some("tls-ciphers"),
                ciphersuites: s.some("tls-ciphersuites"),
                prefer_server_ciphers: s.is_on("tls-prefer-server-ciphers"),
            },
        }
    }
}

impl Master {
    /// A master of which only the `monitor` line is known.
    #[must_use]
    pub fn new(name: impl Into<String>, host: impl Into<String>, port: u16, quorum: u32) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port,
            quorum,
            down_after_ms: DOWN_AFTER_MS,
            failover_timeout_ms: FAILOVER_TIMEOUT_MS,
            parallel_syncs: PARALLEL_SYNCS,
            notification_script: None,
            client_reconfig_script: None,
            auth_user: None,
            auth_pass: None,
            reboot_down_after_ms: 0,
            renamed: Vec::new(),
            config_epoch: 0,
            leader_epoch: 0,
            known_replicas: Vec::new(),
            known_sentinels: Vec::new(),
            line: 0,
        }
    }

    /// The same, without where it stands.
    fn content(&self) -> impl PartialEq + '_ {
        (
            (&self.name, &self.host, self.port, self.quorum),
            (self.down_after_ms, self.failover_timeout_ms, self.parallel_syncs, self.reboot_down_after_ms),
            (&self.notification_script, &self.client_reconfig_script, &self.auth_user, &self.auth_pass),
            (&self.renamed, self.config_epoch, self.leader_epoch, &self.known_replicas, &self.known_sentinels),
        )
    }
}

impl PartialEq for Master {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}

impl Eq for Master {}

/// Stock's defaults: what is not written.
pub(super) const DOWN_AFTER_MS: u32 = 30_000;
pub(super) const FAILOVER_TIMEOUT_MS: u32 = 180_000;
pub(super) const PARALLEL_SYNCS: u32 = 1;
