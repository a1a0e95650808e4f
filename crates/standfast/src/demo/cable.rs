//! The network of one Redis: a relay on the address that it announces, which can be cut without being root.
//!
//! ```text
//!   nodes, proxies, replicas ──> 127.0.0.1:20007 (cable) ──> 127.0.0.1:20001 (Redis)
//!
//!   whole   bytes pass
//!   cut     bytes stop, in both directions; nothing is closed; whoever connects hears nothing
//!   gone    nobody listens, as after a crash: the kernel refuses; what was open is closed
//! ```
//!
//! What this cannot show: packets that are lost one by one, and a node that is cut off (only the Redis behind the cable is).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a cable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Whole,
    Cut,
    Gone,
}

/// Our hand on a cable. Dropping it takes the cable away.
pub(super) struct Cable {
    pub(super) addr: SocketAddr,
    state: watch::Sender<State>,
}

impl Cable {
    /// Lays a cable from `addr` to `server`; must be called on the runtime that shall move its bytes.
    pub(super) fn lay(addr: SocketAddr, server: SocketAddr) -> Self {
        let (state, seen) = watch::channel(State::Gone);
        tokio::spawn(relay(addr, server, seen));
        Self { addr, state }
    }

    pub(super) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn relay(addr: SocketAddr, server: SocketAddr, mut state: watch::Receiver<State>) {
    // Ends when the cable is dropped.
    while state.wait_for(|s| *s != State::Gone).await.is_ok() {
        let Ok(listener) = TcpListener::bind(addr).await else {
            tokio::time::sleep(BIND_RETRY).await;
            continue;
        };
        if accept(&listener, server, &mut state).await.is_err() {
            return;
        }
    }
}

/// Until the cable is gone; an error when it was dropped.
async fn accept(
    listener: &TcpListener,
    server: SocketAddr,
    state: &mut watch::Receiver<State>,
) -> Result<(), watch::error::RecvError> {
    loop {
        let now = *state.borrow_and_update();
        tokio::select! {
            client = listener.accept(), if now == State::Whole => {
                if let Ok((client, _)) = client {
                    tokio::spawn(connection(client, server, state.clone()));
                }
            }
            changed = state.changed() => changed?,
            () = std::future::ready(()), if now == State::Gone => return Ok(()),
        }
    }
}

async fn connection(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (mut client_in, mut client_out) = client.into_split();
    let (mut server_in, mut server_out) = server.into_split();
    let (mut there, mut back) = (state.clone(), state.clone());
    let both = async {
        tokio::try_join!(
            pump(&mut client_in, &mut server_out, &mut there),
            pump(&mut server_in, &mut client_out, &mut back)
        )
    };
    tokio::select! {
        // A reset on one side, and the cable's end, close both.
        _ = both => {}
        _ = state.wait_for(|s| *s == State::Gone) => {}
    }
}

async fn pump(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    state: &mut watch::Receiver<State>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = from.read(&mut chunk).await?;
        // What is on its way when the cable is cut arrives when it is mended, as a retransmission would.
        state.wait_for(|s| *s != State::Cut).await.map_err(io::Error::other)?;
        if n == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..n]).await?;
    }
}

const CHUNK: usize = 16 << 10;
const BIND_RETRY: Duration = Duration::from_millis(20);
