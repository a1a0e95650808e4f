//! How is each proxy set up? As its makers and operators would for speed, in front of the same Redis.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ports::free_address;

use super::redis_benchmark::KEYS;
use super::way::Way;
use crate::bench::servers::{Scratch, Server};
use crate::failure::{Failure, OrFail};

/// What every proxy is started with.
#[derive(Debug)]
pub(crate) struct Setup {
    dir: PathBuf,
    /// Our program.
    standfast: PathBuf,
    redis: u16,
    /// Data threads of ours, if not as many as by default.
    workers: Option<u32>,
}

/// Why a way is not measured.
pub(crate) type Missing = String;

impl Setup {
    pub(crate) fn new(
        scratch: &Scratch,
        standfast: PathBuf,
        redis: u16,
        workers: Option<u32>,
    ) -> Result<Self, Failure> {
        let dir = scratch.dir().to_path_buf();
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]);
        openssl.args(["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-keyout", "key.pem", "-out", "cert.pem"]).current_dir(&dir);
        let made = openssl.output().or_fail("start openssl")?;
        if !made.status.success() {
            return Err(Failure::new(format!(
                "openssl made no certificate: {}",
                String::from_utf8_lossy(&made.stderr)
            )));
        }
        let pem = [dir.join("cert.pem"), dir.join("key.pem")].map(fs::read_to_string);
        let [cert, key] = pem.map(|read| read.or_fail("read the certificate"));
        fs::write(dir.join("both.pem"), cert? + &key?).or_fail("write the certificate")?;
        Ok(Self { dir, standfast, redis, workers })
    }

    /// The certificate that signs itself.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.join("cert.pem")
    }

    /// Starts the proxy of a way; a direct connection has none. The inner error says why this build has no such way.
    pub(crate) fn start(&self, way: Way) -> Result<Option<Result<Server, Missing>>, Failure> {
        Ok(Some(match way {
            Way::Direct => return Ok(None),
            Way::Haproxy { threads } => Ok(self.haproxy(threads)?),
            Way::Twemproxy => Ok(self.twemproxy()?),
            Way::Session => self.ours("session")?,
            Way::Shared => self.ours("shared")?,
        }))
    }

    fn haproxy(&self, threads: u8) -> Result<Server, Failure> {
        let (port, tls, redis) = (free_address().port(), free_address().port(), self.redis);
        let name = format!("haproxy-{threads}");
        let config = self.dir.join(format!("{name}.cfg"));
        let pem = self.dir.join("both.pem");
        let text = format!(
            "global\n  maxconn {MAX_CLIENTS}\n  nbthread {threads}\n\
             defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 5m\n  timeout server 5m\n\
             listen redis\n  bind 127.0.0.1:{port} backlog 4096\n  bind 127.0.0.1:{tls} backlog 4096 ssl crt {}\n  \
             server master 127.0.0.1:{redis}\n",
            pem.display()
        );
        fs::write(&config, text).or_fail("write haproxy's configuration")?;
        // -db: in the foreground, so that the child is the server and not its parent.
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-db").arg("-f").arg(&config);
        Ok(Server::start(&self.dir, &name, haproxy, port)?.with_tls(tls))
    }

    /// With one server connection for all, as it is by default.
    fn twemproxy(&self) -> Result<Server, Failure> {
        let (port, stats, redis) = (free_address().port(), free_address().port(), self.redis);
        let config = self.dir.join("twemproxy.yml");
        let text = format!(
            "bench:\n  listen: 127.0.0.1:{port}\n  redis: true\n  backlog: 4096\n  preconnect: true\n  auto_eject_hosts: false\n  \
             servers:\n   - 127.0.0.1:{redis}:1\n"
        );
        fs::write(&config, text).or_fail("write twemproxy's configuration")?;
        let mut twemproxy = Command::new("nutcracker");
        twemproxy.arg("-c").arg(&config).args(["-s", &stats.to_string(), "-a", "127.0.0.1"]);
        Server::start(&self.dir, "twemproxy", twemproxy, port)
    }

    /// One node that watches the one Redis, with listeners that lead to it.
    fn ours(&self, pool: &str) -> Result<Result<Server, Missing>, Failure> {
        let (port, tls) = (free_address().port(), free_address().port());
        let key = |name: &str| self.dir.join(name).display().to_string();
        let pools = format!("pool = \"{pool}\"\n");
        let encrypted = format!("tls = {{ cert = \"{}\", key = \"{}\" }}\n", key("cert.pem"), key("key.pem"));
        // With the port: a second node of this name must have its own state, and must not take the first one for a peer.
        let name = format!("{pool}-{port}");
        let write = |pools: &str, encrypted: Option<&str>| {
            self.write_ours(&name, pools, port, encrypted.map(|lines| (tls, lines)))
        };
        let config = write(&pools, None)?;
        let pools = match self.complaint(&config)? {
            None => pools,
            // Before there were pools, each client had a server connection of its own.
            Some(_) if pool == "session" => String::new(),
            Some(complaint) => return Ok(Err(complaint)),
        };
        let config = write(&pools, Some(&encrypted))?;
        if self.complaint(&config)?.is_none() {
            let server = self.run_ours(&config, pool, port);
            if let Ok(server) = server
                && shakes_hands(tls)
            {
                return Ok(Ok(server.with_tls(tls)));
            }
        }
        let config = write(&pools, None)?;
        self.run_ours(&config, pool, port).map(Ok)
    }

    fn write_ours(&self, name: &str, pool: &str, port: u16, tls: Option<(u16, &str)>) -> Result<PathBuf, Failure> {
        let sentinel = free_address().port();
        let workers = self.workers.map(|n| format!("[proxy]\nworkers = {n}\n")).unwrap_or_default();
        let listener = |port: u16, more: &str| {
            format!("[[listener]]\nlisten = \"127.0.0.1:{port}\"\ngroup = \"bench-{name}\"\nrole = \"master\"\n{more}")
        };
        let text = format!(
            "[node]\nname = \"bench-{name}\"\nlisten = \"127.0.0.1:{sentinel}\"\nstate-dir = \"{}\"\n{workers}\
             [[group]]\nname = \"bench-{name}\"\nmaster = \"127.0.0.1:{}\"\nnodes = 1\nquorum = 1\n{}{}",
            self.dir.join(format!("state-{name}")).display(),
            self.redis,
            listener(port, pool),
            tls.map(|(port, lines)| listener(port, &format!("{pool}{lines}"))).unwrap_or_default(),
        );
        let config = self.dir.join(format!("standfast-{name}.toml"));
        fs::write(&config, text).or_fail("write standfast's configuration")?;
        Ok(config)
    }

    /// What our program has against the file.
    fn complaint(&self, config: &Path) -> Result<Option<Missing>, Failure> {
        let checked = Command::new(&self.standfast)
            .args(["check", "-c"])
            .arg(config)
            .output()
            .or_fail("start `standfast check`")?;
        let said = [checked.stdout, checked.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let said = said.lines().take(2).collect::<Vec<_>>().join(": ");
        Ok((!checked.status.success()).then_some(said))
    }

    fn run_ours(&self, config: &Path, name: &str, port: u16) -> Result<Server, Failure> {
        let mut standfast = Command::new(&self.standfast);
        standfast.args(["run", "-c"]).arg(config);
        Server::start(&self.dir, &format!("standfast-{name}"), standfast, port)
    }
}

/// Redis, without persistence, for as many clients as the proxies pass on.
pub(crate) fn redis(scratch: &Scratch) -> Result<Server, Failure> {
    let port = free_address().port();
    let mut redis = Command::new("redis-server");
    redis.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    redis.args(["--maxclients", "12000", "--tcp-backlog", "4096"]).current_dir(scratch.dir());
    Server::start(scratch.dir(), "redis-server", redis, port)
}

/// Gives every key of the loads a value of this size.
pub(crate) fn fill(redis: &Server, bytes: u32) -> Result<(), Failure> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port)).or_fail("connect to Redis")?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).or_fail("connect to Redis")?;
    let value = "x".repeat(bytes as usize);
    for key in 0..KEYS {
        let request = format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{key:012}\r\n${bytes}\r\n{value}\r\n");
        let mut answer = [0; 5];
        stream.write_all(request.as_bytes()).and_then(|()| stream.read_exact(&mut answer)).or_fail("fill Redis")?;
        if answer != *b"+OK\r\n" {
            return Err(Failure::new(format!("Redis took a value and said {:?}", String::from_utf8_lossy(&answer))));
        }
    }
    Ok(())
}

/// Whether somebody who speaks TLS answers there: a listener that does not would wait for the rest of an odd command, or refuse it.
fn shakes_hands(port: u16) -> bool {
    // `timeout`: one that never answers must not stop us.
    let mut client = Command::new("timeout");
    client.args(["5", "openssl", "s_client", "-brief", "-connect", &format!("127.0.0.1:{port}")]).stdin(Stdio::null());
    let said = client.output().map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&said).contains("CONNECTION ESTABLISHED")
}

/// What fits with two descriptors each into 20,000, with a few for listeners.
const MAX_CLIENTS: u32 = 9_950;
