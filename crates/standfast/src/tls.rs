//! How is a connection encrypted? The Sentinel port's side ([`Acceptor`]) and the side of links ([`Connector`]), with the files that
//! sentinel.conf names.
//!
//! Files are read anew when they change: certificates live shorter than processes. One that cannot be used leaves the one before in
//! place, with a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::Instant;
use proxy::tls::Source;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InconsistentKeys, RootCertStore, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// What is needed for either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `tls-cert-file`: our certificate and those above it; a client may do without.
    pub(crate) cert: Option<PathBuf>,
    /// `tls-key-file`.
    pub(crate) key: Option<PathBuf>,
    /// `tls-client-cert-file`, where it differs: what links show.
    pub(crate) client_cert: Option<PathBuf>,
    /// `tls-client-key-file`.
    pub(crate) client_key: Option<PathBuf>,
    /// `tls-ca-cert-file`: who signs those that we believe.
    pub(crate) ca: Option<PathBuf>,
    /// `tls-ca-cert-dir`: every file in it.
    pub(crate) ca_dir: Option<PathBuf>,
    /// `tls-auth-clients`.
    pub(crate) clients: Clients,
    /// `tls-protocols`; empty: those that are safe.
    pub(crate) protocols: Vec<Protocol>,
    /// What is shown to clients that name one of these hosts. Stock Redis has one certificate for all.
    pub(crate) named: Vec<Named>,
    /// The name that a server's certificate must hold. `None`: whoever is of our authority is the right one, whatever names are in it.
    pub(crate) name: Option<ServerName<'static>>,
}

/// A certificate for some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// In small letters; the first label may be `*`.
    pub(crate) names: Vec<String>,
    /// It and those above it.
    pub(crate) cert: PathBuf,
    /// The key to it.
    pub(crate) key: PathBuf,
}

/// Whether clients of the port have to show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clients {
    /// `yes`: one that our authority signed.
    #[default]
    Verified,
    /// `optional`: none, or a good one.
    Optional,
    /// `no`: nobody is asked.
    Anybody,
}

/// Versions that are spoken; older ones are broken, and are refused where a file names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `TLSv1.2`.
    Tls12,
    /// `TLSv1.3`.
    Tls13,
}

/// The server's side. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Mutex<Fresh<ServerConfig>>>, Source<ServerConfig>);

/// The client's side. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Connector {
    fresh: Arc<Mutex<Fresh<ClientConfig>>>,
    source: Source<ClientConfig>,
    name: Option<ServerName<'static>>,
    /// Servers that an operator was told about.
    told: Arc<Mutex<BTreeSet<SocketAddr>>>,
}

impl Acceptor {
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let fresh = Arc::new(Mutex::new(Fresh::new(settings, server_config)?));
        let source = fresh.clone();
        Ok(Self(fresh, Source::new(move || lock(&source).config())))
    }

    /// The configuration of the next handshake, for who shakes hands otherwise.
    pub(crate) fn source(&self) -> Source<ServerConfig> {
        self.1.clone()
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// A client that shows no certificate or a wrong one, speaks no TLS, or takes too long.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<server::TlsStream<S>> {
        let config = lock(&self.0).config();
        in_time(TlsAcceptor::from(config).accept(stream)).await
    }
}

impl Connector {
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let name = settings.name.clone();
        let fresh = Arc::new(Mutex::new(Fresh::new(settings, client_config)?));
        let source = fresh.clone();
        Ok(Self { fresh, source: Source::new(move || lock(&source).config()), name, told: Arc::default() })
    }

    /// The configuration of the next handshake, for who shakes hands otherwise.
    pub(crate) fn source(&self) -> Source<ClientConfig> {
        self.source.clone()
    }

    /// The name that every server has, if it matters.
    pub(crate) fn name(&self) -> Option<ServerName<'static>> {
        self.name.clone()
    }

    /// Shakes hands with the server at `to`. If no name is asked for, whoever shows a certificate of our authority is the right one, whatever
    /// names are in it: Redis does not look at them either, and servers of a group are known by address.
    ///
    /// # Errors
    /// A server that is not of our authority, speaks no TLS, or takes too long.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        to: SocketAddr,
    ) -> io::Result<client::TlsStream<S>> {
        let config = lock(&self.fresh).config();
        let name = self.name().unwrap_or_else(|| ServerName::IpAddress(to.ip().into()));
        let done = in_time(TlsConnector::from(config).connect(name, stream)).await;
        self.tell(to, done.as_ref().err());
        done
    }

    /// Tells an operator that a server cannot be talked to: once, until it can. Others on its host may be well.
    fn tell(&self, to: SocketAddr, fault: Option<&io::Error>) {
        let mut told = lock(&self.told);
        match fault {
            None => {
                told.remove(&to);
            }
            // A broken connection says nothing of certificates; the machine takes it as evidence.
            Some(e) if e.kind() == io::ErrorKind::InvalidData && told.len() < MAX_TOLD && told.insert(to) => {
                tracing::warn!(server = %to, "TLS: it cannot be talked to, and counts as down until it can: {e}");
            }
            Some(_) => {}
        }
    }
}

async fn in_time<T>(handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let done = tokio::time::timeout(HANDSHAKE, handshake).await;
    done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"))?.map_err(explained)
}

/// A configuration that follows its files.
struct Fresh<C> {
    settings: Settings,
    make: fn(&Settings) -> Result<C, String>,
    config: Arc<C>,
    /// The files as they were when they were read.
    seen: Vec<(PathBuf, Option<Stamp>)>,
    looked: Instant,
}

/// Which file it is, its length, and when anything of it changed last: also whose it is and who may read it, because a file that could not be
/// read may be given to us a moment later.
type Stamp = (u64, u64, i64, i64);

impl<C> Fresh<C> {
    fn new(settings: Settings, make: fn(&Settings) -> Result<C, String>) -> Result<Self, String> {
        let seen = settings.stamps();
        let config = Arc::new(make(&settings)?);
        Ok(Self { settings, make, config, seen, looked: host::clock::now() })
    }

    fn config(&mut self) -> Arc<C> {
        let now = host::clock::now();
        if now.since(self.looked) >= LOOK {
            self.looked = now;
            if self.settings.stamps() != self.seen {
                match self.reload() {
                    Ok(()) => tracing::info!("TLS: certificates were read anew"),
                    Err(why) => {
                        tracing::warn!("TLS: files changed and cannot be used: {why}; going on with those before")
                    }
                }
            }
        }
        Arc::clone(&self.config)
    }

    fn reload(&mut self) -> Result<(), String> {
        // First the stamps: a file that changes while it is read is read once more.
        self.seen = self.settings.stamps();
        self.config = Arc::new((self.make)(&self.settings)?);
        Ok(())
    }
}

impl Settings {
    fn stamps(&self) -> Vec<(PathBuf, Option<Stamp>)> {
        let files = [&self.cert, &self.key, &self.client_cert, &self.client_key, &self.ca, &self.ca_dir];
        let stamp = |path: &PathBuf| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.ino(), data.len(), data.ctime(), data.ctime_nsec()))
        };
        let named = self.named.iter().flat_map(|named| [&named.cert, &named.key]);
        // A file that changes within a directory leaves no trace on that.
        let inner = self.authorities().unwrap_or_default();
        let all = files.into_iter().flatten().chain(named).chain(&inner);
        all.map(|path| (path.clone(), stamp(path))).collect()
    }

    /// The files in the directory of those whom we believe, in one order.
    fn authorities(&self) -> Result<Vec<PathBuf>, String> {
        let Some(dir) = &self.ca_dir else { return Ok(Vec::new()) };
        let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let mut files: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        Ok(files)
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let spoken = |protocol: &Protocol| match protocol {
            Protocol::Tls12 => &TLS12,
            Protocol::Tls13 => &TLS13,
        };
        if self.protocols.is_empty() { vec![&TLS13, &TLS12] } else { self.protocols.iter().map(spoken).collect() }
    }

    /// Those whom we believe.
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for file in &[self.ca.iter().cloned().collect(), self.authorities()?].concat() {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|e| format!("{}: {e}", file.display()))?;
            }
        }
        if roots.is_empty() {
            return Err(
                "neither tls-ca-cert-file nor tls-ca-cert-dir names a certificate: nobody could be believed".into()
            );
        }
        Ok(roots)
    }
}

fn server_config(settings: &Settings) -> Result<ServerConfig, String> {
    let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else {
        return Err("a port with TLS needs tls-cert-file and tls-key-file".into());
    };
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&settings.versions());
    let builder = builder.map_err(|e| format!("tls-protocols: {e}"))?;
    let builder = if settings.clients == Clients::Anybody {
        builder.with_no_client_auth()
    } else {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(settings.roots()?), provider());
        let verifier = if settings.clients == Clients::Optional { verifier.allow_unauthenticated() } else { verifier };
        builder.with_client_cert_verifier(verifier.build().map_err(|e| format!("tls-ca-cert-file: {e}"))?)
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(settings, cert, key)?));
    // Clients go on with a session that they remember, on any thread, as long as these files are the same.
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(|e| format!("session tickets: {e}"))?;
    Ok(config)
}

fn client_config(settings: &Settings) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&settings.versions());
    let builder = builder.map_err(|e| format!("tls-protocols: {e}"))?;
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(settings.roots()?), provider()).build();
    let inner = inner.map_err(|e| format!("tls-ca-cert-file: {e}"))?;
    let verifier: Arc<dyn ServerCertVerifier> = match settings.name {
        Some(_) => inner,
        None => Arc::new(AnyName { inner }),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let cert = settings.client_cert.as_ref().or(settings.cert.as_ref());
    let key = settings.client_key.as_ref().or(settings.key.as_ref());
    match (cert, key) {
        (Some(cert), Some(key)) => {
            Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own(cert, key)?))))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// What we show: a certificate with those above it, and the key to it.
///
/// Whether it is good is the other side's to say. One that rustls cannot read, X.509 version 1 above all, which OpenSSL makes when it is given
/// no extensions, and takes, is shown all the same: it has to hold the key's public half.
fn own(cert: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let chain = certificates(cert)?;
    let fail = |e: &dyn std::fmt::Display| format!("{} and {}: {e}", cert.display(), key.display());
    let signs = provider().key_provider.load_private_key(private_key(key)?).map_err(|e| fail(&e))?;
    let certified = CertifiedKey::new(chain, signs);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InvalidCertificate(_)) if holds_key(&certified) => {
            tracing::warn!("{}: {OLD_FORM}", cert.display());
            Ok(certified)
        }
        Err(e) => Err(fail(&e)),
    }
}

/// The certificate for the host that a client names, or the one for all others.
#[derive(Debug)]
struct ByName {
    named: BTreeMap<String, Arc<CertifiedKey>>,
    others: Arc<CertifiedKey>,
}

impl ByName {
    fn new(settings: &Settings, cert: &Path, key: &Path) -> Result<Self, String> {
        let mut named = BTreeMap::new();
        for of_names in &settings.named {
            let certified = Arc::new(own(&of_names.cert, &of_names.key)?);
            named.extend(of_names.names.iter().map(|name| (name.clone(), Arc::clone(&certified))));
        }
        Ok(Self { named, others: Arc::new(own(cert, key)?) })
    }

    /// A whole name goes before one with `*`, which stands for one label.
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        self.named.get(&name).or_else(|| self.named.get(&format!("*.{}", name.split_once('.')?.1)))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = hello.server_name().and_then(|name| self.find(name));
        Some(Arc::clone(found.unwrap_or(&self.others)))
    }
}

/// Whether the public half of the key stands in the certificate, which has it as it is (RFC 5280 4.1.2.7).
fn holds_key(certified: &CertifiedKey) -> bool {
    let (Some(public), Some(shown)) = (certified.key.public_key(), certified.cert.first()) else { return false };
    shown.windows(public.len()).any(|part| part == public.as_ref())
}

/// With what can be done, where the other side's certificate is of an old form.
fn explained(e: io::Error) -> io::Error {
    if e.to_string().contains("UnsupportedCertVersion") {
        return io::Error::new(e.kind(), format!("{e}: {OTHERS_OLD_FORM}"));
    }
    e
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let fail = |e: pem::Error| unread(file, &e, "certificate");
    let found = CertificateDer::pem_file_iter(file).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    if found.is_empty() { Err(fail(pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|e| unread(file, &e, "private key"))
}

/// Why nothing of this kind was read from a file, in words: the library tells lines as lists of numbers.
fn unread(file: &Path, why: &pem::Error, kind: &str) -> String {
    let why = match why {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("it ends before the line `-----END {}-----`", String::from_utf8_lossy(end_marker))
        }
        pem::Error::IllegalSectionStart { line } => {
            format!("the line {:?} begins nothing", String::from_utf8_lossy(line).trim_end())
        }
        pem::Error::NoItemsFound => format!("no {kind} in it"),
        other => other.to_string(),
    };
    format!("{}: {why}", file.display())
}

/// Believes whoever our authority signed, by any name: the check of rustls without its last step.
#[derive(Debug)]
struct AnyName {
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: chain, time and use were found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const OLD_FORM: &str = "a certificate that is not X.509 version 3. It is shown to others as it is; other nodes of this program refuse it. \
What to do: sign it again with an extension, which makes it version 3: `openssl x509 -req ... -extfile FILE` with the line `basicConstraints=CA:FALSE`";
const OTHERS_OLD_FORM: &str = "its certificate is not X.509 version 3, and no older one is believed here. \
What to do: sign it again with an extension, which makes it version 3: `openssl x509 -req ... -extfile FILE` with the line `basicConstraints=CA:FALSE`";
/// Servers that an operator was told about. At the bound nothing is told of a further one.
const MAX_TOLD: usize = 1_024;
/// Files are looked at this often at most, when somebody connects.
const LOOK: Duration = Duration::from_secs(1);
/// A peer that has not shaken hands by then will not.
const HANDSHAKE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
