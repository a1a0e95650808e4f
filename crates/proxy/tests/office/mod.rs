//! Certificates for a test: an authority in a directory of its own, and what it signed.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proxy::tls::{ClientTls, ServerTls, Source};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::real::PATIENCE;

pub struct Office {
    pub dir: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Office {
    pub fn open() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("standfast-office-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut params = CertificateParams::default();
        // OpenSSL finds an authority by its name.
        params.distinguished_name.push(DnType::CommonName, format!("authority {n}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
        let office = Self { dir, authority };
        office.sign("host", &["localhost", "127.0.0.1"]);
        office
    }

    /// `NAME.pem` and `NAME.key`.
    pub fn sign(&self, name: &str, hosts: &[&str]) {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let cert = params.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.dir.join(name).with_extension("pem"), cert.pem()).unwrap();
        std::fs::write(self.dir.join(name).with_extension("key"), key.serialize_pem()).unwrap();
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(chain(&self.dir.join("ca.pem")).remove(0)).unwrap();
        roots
    }

    /// What a listener shows. `asks`: for a certificate of this authority.
    pub fn client_tls(&self, asks: bool) -> ClientTls {
        let config = self.server_config(asks);
        ClientTls { source: Source::new(move || config.clone()), handshake_timeout: PATIENCE }
    }

    pub fn server_config(&self, asks: bool) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if asks {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = self.pair("host");
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }

    /// What a connection to a server shows and believes.
    pub fn server_tls(&self) -> ServerTls {
        let config = self.client_config(true);
        ServerTls { source: Source::new(move || config.clone()), name: None }
    }

    pub fn client_config(&self, shows: bool) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(self.roots());
        let (chain, key) = self.pair("host");
        Arc::new(if shows { builder.with_client_auth_cert(chain, key).unwrap() } else { builder.with_no_client_auth() })
    }

    fn pair(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let path = self.dir.join(name);
        (chain(&path.with_extension("pem")), PrivateKeyDer::from_pem_file(path.with_extension("key")).unwrap())
    }

    /// The arguments of a redis-server that speaks TLS at this port, and asks for certificates.
    pub fn redis_args(&self, port: u16) -> Vec<String> {
        let mut args = vec!["--tls-port".to_owned(), port.to_string()];
        for (option, file) in [("cert", "host.pem"), ("key", "host.key"), ("ca-cert", "ca.pem")] {
            args.extend([format!("--tls-{option}-file"), self.path(file)]);
        }
        args
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn chain(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().map(Result::unwrap).collect()
}

/// A client of TLS over a blocking socket.
pub type TlsStream = rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>;

pub fn connect(config: &Arc<ClientConfig>, to: std::net::SocketAddr) -> TlsStream {
    let name = ServerName::try_from("localhost").unwrap();
    let socket = std::net::TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    rustls::StreamOwned::new(rustls::ClientConnection::new(config.clone(), name).unwrap(), socket)
}
