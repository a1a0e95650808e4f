//! How does the proof come in at a listener of this host?
//!
//! By the listener itself, as a client would, wherever that is possible: it is on all addresses, or at one that this host has. Where the
//! listener is at an address that is elsewhere at present, a connection to it would prove another host's proxy. Where it lets only some
//! clients in, wants their certificates or their word for whom they connect, a check of ours is none of them. Then the proof comes in by a
//! *side door*: a UNIX socket for us alone, which the same workers serve under the same rules.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use config::address::Follows;
use config::{ClientCertificates, Config, Endpoint, Listener};
use host::here::is_here;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::far;
use super::talk::Talk;

/// The listeners that prove an address and need a side door, with its path.
pub(crate) fn side_doors(config: &Config) -> Vec<(&Listener, PathBuf)> {
    let mut doors: Vec<(&Listener, PathBuf)> = Vec::new();
    for address in &config.addresses {
        let Follows::Proxy(proof) = &address.follows else { continue };
        let listener = config.listeners.iter().find(|listener| listener.listen == proof.listener);
        if let Some(listener) = listener.filter(|listener| may_be_out_of_reach(listener))
            && !doors.iter().any(|(known, _)| known.listen == listener.listen)
        {
            doors.push((listener, side_door(config, listener)));
        }
    }
    doors
}

/// Beside the control socket, whose directory is ours.
fn side_door(config: &Config, listener: &Listener) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    listener.listen.to_string().hash(&mut hasher);
    config.node.control.with_extension(format!("{:08x}", hasher.finish() & 0xffff_ffff))
}

fn may_be_out_of_reach(listener: &Listener) -> bool {
    let is_elsewhere = listener.listen.tcp().is_some_and(|at| !at.ip().is_unspecified() && !at.ip().is_loopback());
    is_elsewhere || !lets_all_in(listener)
}

/// Whether it lets in whoever comes.
fn lets_all_in(listener: &Listener) -> bool {
    let wants_certificates =
        listener.tls.as_ref().is_some_and(|tls| tls.client_certificates == ClientCertificates::Required);
    let has_lists = !listener.allow.is_empty() || !listener.deny.is_empty();
    !has_lists && !wants_certificates && listener.proxy_protocol_from.is_empty()
}

/// The way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    listen: Endpoint,
    is_tls: bool,
    lets_all_in: bool,
    side: Option<PathBuf>,
}

impl Door {
    pub(super) fn of(config: &Config, listener: &Listener) -> Self {
        let side = may_be_out_of_reach(listener).then(|| side_door(config, listener));
        let (is_tls, lets_all_in) = (listener.tls.is_some(), lets_all_in(listener));
        Self { listen: listener.listen.clone(), is_tls, lets_all_in, side }
    }

    /// Where it leads at this moment, for messages.
    pub(super) fn name(&self) -> String {
        self.listen.to_string()
    }

    /// A connection. `anybody`: whether certificates are looked at makes no difference to whether we live.
    pub(super) async fn enter(&self, anybody: &TlsConnector) -> io::Result<Talk> {
        match (&self.listen, &self.side) {
            (_, Some(side)) if !self.is_in_reach() => Ok(Talk::new(UnixStream::connect(side).await?)),
            (Endpoint::Unix(path), _) => {
                Self::shake_hands(UnixStream::connect(path).await?, self.is_tls, anybody).await
            }
            (Endpoint::Tcp(at), _) => {
                let stream = far::connect(reached(*at)).await.map_err(io::Error::other)?;
                Self::shake_hands(stream, self.is_tls, anybody).await
            }
        }
    }

    async fn shake_hands(
        stream: impl super::talk::Stream + 'static,
        is_tls: bool,
        tls: &TlsConnector,
    ) -> io::Result<Talk> {
        if !is_tls {
            return Ok(Talk::new(stream));
        }
        // An address is no name that a client says: what is shown to those who name no host.
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
        tls.connect(name, stream).await.map(Talk::new)
    }

    /// Whether a connection to it comes to us.
    fn is_in_reach(&self) -> bool {
        let is_here = match &self.listen {
            Endpoint::Unix(_) => true,
            Endpoint::Tcp(at) => at.ip().is_unspecified() || is_here(at.ip()),
        };
        is_here && self.lets_all_in
    }
}

/// Who listens everywhere is reached on loopback.
fn reached(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, at.port())
}

/// Shakes hands with ourselves: it is our own process that we ask, at our own address.
pub(super) fn anybody() -> TlsConnector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = config.expect("ring speaks both versions").dangerous();
    let config = config.with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Believes everybody who holds the key to what he shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
