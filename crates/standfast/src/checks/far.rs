//! Is something of the network well: a Redis, a port, a gateway? One look each, without a limit of their own.

use std::net::{IpAddr, SocketAddr};

use config::ServerTls;
use config::address::RedisRole;
use host::echo::Echo;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use super::talk::{Login, Talk, error};
use crate::edges;
use crate::tls::Connector;

/// A Redis must answer, and say that it has the role.
pub(super) struct Redis {
    addr: SocketAddr,
    role: Option<RedisRole>,
    login: Option<Login>,
    /// Why it cannot be spoken to by TLS, if so.
    tls: Option<Result<Connector, String>>,
    talk: Option<Talk>,
}

impl Redis {
    pub(super) fn new(
        addr: SocketAddr,
        role: Option<RedisRole>,
        login: Option<Login>,
        tls: Option<&ServerTls>,
    ) -> Self {
        Self { addr, role, login, tls: tls.map(edges::tls::to_server), talk: None }
    }

    pub(super) async fn look(&mut self) -> Result<(), String> {
        let addr = self.addr;
        let failed = |e: std::io::Error| format!("{addr}: {e}");
        let mut talk = match self.talk.take() {
            Some(talk) => talk,
            None => self.connect().await?,
        };
        let asked: &[&[&str]] = if self.role.is_some() { &[&["PING"], &["ROLE"]] } else { &[&["PING"]] };
        let replies = talk.ask(asked).await.map_err(failed)?;
        if let Some(error) = replies.iter().find_map(error) {
            return Err(format!("{addr} answers: {error}"));
        }
        self.talk = Some(talk);
        let Some(wanted) = self.role else { return Ok(()) };
        let role = replies.get(1).and_then(|role| role.as_array()?.first()?.as_str()).unwrap_or("nothing");
        let is_so = match wanted {
            RedisRole::Master => role == "master",
            // The wire has its own word for a replica.
            RedisRole::Replica => role != "master" && role != "sentinel" && role != "nothing",
        };
        if is_so { Ok(()) } else { Err(format!("{addr} is no {wanted}: its ROLE says {role}")) }
    }

    async fn connect(&self) -> Result<Talk, String> {
        let addr = self.addr;
        let failed = |e: std::io::Error| format!("{addr}: {e}");
        let stream = connect(addr).await?;
        let mut talk = match &self.tls {
            None => Talk::new(stream),
            Some(Ok(tls)) => Talk::new(tls.connect(stream, addr).await.map_err(failed)?),
            Some(Err(why)) => return Err(why.clone()),
        };
        match talk.log_in(self.login.as_ref()).await.map_err(failed)? {
            None => Ok(talk),
            Some(error) => Err(format!("{addr} does not let us in: {error}")),
        }
    }

    /// What comes on the old connection is an answer to something older.
    pub(super) fn hang_up(&mut self) {
        self.talk = None;
    }
}

/// Something must take connections there.
pub(super) struct Tcp(pub(super) SocketAddr);

impl Tcp {
    pub(super) async fn look(&self) -> Result<(), String> {
        connect(self.0).await.map(drop)
    }
}

pub(super) async fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(addr).await.map_err(|e| format!("{addr}: {e}"))?;
    // On one host a connection to a free port of the ephemeral range can, by chance, be made to itself (simultaneous open).
    if stream.local_addr().ok() == stream.peer_addr().ok() {
        return Err(format!("{addr}: connection refused"));
    }
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// A host must answer an ICMP echo.
pub(super) struct Gateway {
    ip: IpAddr,
    /// For a link-local address, which means something on an interface only.
    interface: Option<String>,
    echo: Option<AsyncFd<Echo>>,
}

impl Gateway {
    pub(super) fn new(ip: IpAddr, interface: &str) -> Self {
        let is_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        Self { ip, interface: is_local.then(|| interface.to_owned()), echo: None }
    }

    pub(super) async fn look(&mut self) -> Result<(), String> {
        // A socket on which something went wrong, or somebody was silent, is made anew.
        let mut echo = match self.echo.take() {
            Some(echo) => echo,
            None => self.open()?,
        };
        let number = echo.get_mut().ask().map_err(|e| e.to_string())?;
        loop {
            let mut ready = echo.readable_mut().await.map_err(|e| format!("{}: {e}", self.ip))?;
            match ready.get_inner_mut().hear().map_err(|e| e.to_string())? {
                Some(heard) if heard == number => break,
                Some(_) => {}
                None => ready.clear_ready(),
            }
        }
        self.echo = Some(echo);
        Ok(())
    }

    #[expect(deprecated, reason = "its successor is unsafe code; an Echo has one descriptor for all of its life")]
    fn open(&self) -> Result<AsyncFd<Echo>, String> {
        let echo = Echo::open(self.ip, self.interface.as_deref()).map_err(|e| e.to_string())?;
        AsyncFd::new(echo).map_err(|e| format!("{}: {e}", self.ip))
    }
}
