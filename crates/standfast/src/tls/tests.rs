//! Both sides against each other, with certificates that are made for the test.

use std::fs;
use std::net::Ipv4Addr;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

/// A directory with an authority, and with what it signed.
struct Office {
    dir: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Office {
    fn open(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
        let office = Self { dir, authority };
        office.sign("host.example");
        office
    }

    fn sign(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.authority).unwrap();
        fs::write(self.dir.join("cert.pem"), cert.pem()).unwrap();
        fs::write(self.dir.join("key.pem"), key.serialize_pem()).unwrap();
    }

    fn settings(&self) -> Settings {
        let path = |name| Some(self.dir.join(name));
        Settings { cert: path("cert.pem"), key: path("key.pem"), ca: path("ca.pem"), ..Settings::default() }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Whether a word comes across.
async fn talks(acceptor: &Acceptor, connector: &Connector) -> bool {
    let (here, there) = duplex(64 << 10);
    let server = async {
        let mut stream = acceptor.accept(there).await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await?;
        stream.write_all(&word).await?;
        stream.flush().await
    };
    let client = async {
        let mut stream = connector.connect(here, (Ipv4Addr::LOCALHOST, 6379).into()).await?;
        stream.write_all(b"PING").await?;
        stream.flush().await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.map(|_| &word == b"PING")
    };
    // Each side is dropped as soon as it ends, so that the other one sees it.
    let (server, client) = tokio::join!(server, client);
    server.is_ok() && client.is_ok_and(|same| same)
}

#[tokio::test]
async fn those_of_one_authority_talk_whatever_their_names() {
    let office = Office::open("one");
    let settings = office.settings();
    assert!(talks(&Acceptor::new(settings.clone()).unwrap(), &Connector::new(settings).unwrap()).await);
}

#[tokio::test]
async fn another_authority_is_not_believed_by_either_side() {
    let (ours, theirs) = (Office::open("ours"), Office::open("theirs"));
    let stranger = Settings { ca: ours.settings().ca, ..theirs.settings() };
    // The client shows what we did not sign; then the server does.
    assert!(!talks(&Acceptor::new(ours.settings()).unwrap(), &Connector::new(stranger).unwrap()).await);
    let open = Settings { clients: Clients::Anybody, ..theirs.settings() };
    assert!(!talks(&Acceptor::new(open).unwrap(), &Connector::new(ours.settings()).unwrap()).await);
}

#[tokio::test]
async fn a_client_without_a_certificate_is_let_in_where_none_is_asked_for() {
    let office = Office::open("none");
    let bare = Settings { ca: office.settings().ca, ..Settings::default() };
    for (clients, let_in) in [(Clients::Verified, false), (Clients::Optional, true), (Clients::Anybody, true)] {
        let acceptor = Acceptor::new(Settings { clients, ..office.settings() }).unwrap();
        assert_eq!(talks(&acceptor, &Connector::new(bare.clone()).unwrap()).await, let_in, "{clients:?}");
    }
}

#[tokio::test]
async fn versions_are_those_that_are_named() {
    let office = Office::open("versions");
    let only = |protocol| Settings { protocols: vec![protocol], ..office.settings() };
    let server = Acceptor::new(only(Protocol::Tls13)).unwrap();
    assert!(talks(&server, &Connector::new(only(Protocol::Tls13)).unwrap()).await);
    assert!(!talks(&server, &Connector::new(only(Protocol::Tls12)).unwrap()).await);
}

#[tokio::test]
async fn files_are_read_anew_and_bad_ones_leave_those_before() {
    let office = Office::open("anew");
    let (acceptor, connector) = (Acceptor::new(office.settings()).unwrap(), Connector::new(office.settings()).unwrap());
    let before = lock(&acceptor.0).config();
    office.sign("other.example");
    lock(&acceptor.0).reload().unwrap();
    lock(&connector.fresh).reload().unwrap();
    assert!(!Arc::ptr_eq(&before, &lock(&acceptor.0).config()));
    fs::write(office.dir.join("cert.pem"), "nonsense").unwrap();
    let why = lock(&acceptor.0).reload().unwrap_err();
    assert!(why.contains("cert.pem"), "{why}");
    assert!(talks(&acceptor, &connector).await);
}

#[test]
fn what_is_missing_is_named() {
    let why = Acceptor::new(Settings::default()).err().unwrap();
    assert!(why.contains("tls-cert-file"), "{why}");
    let why = Connector::new(Settings::default()).err().unwrap();
    assert!(why.contains("tls-ca-cert-file"), "{why}");
}

#[test]
fn a_certificate_is_chosen_by_the_name_that_a_client_says() {
    let office = Office::open("sni");
    let settings = office.settings();
    let (cert, key) = (settings.cert.clone().unwrap(), settings.key.clone().unwrap());
    let named = |names: &[&str]| Named {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        cert: cert.clone(),
        key: key.clone(),
    };
    let settings = Settings { named: vec![named(&["a.example"]), named(&["*.a.example", "b.example"])], ..settings };
    let by_name = ByName::new(&settings, &cert, &key).unwrap();
    let which = |name| {
        let found = by_name.find(name)?;
        ["a.example", "b.example"].into_iter().find(|first| Arc::ptr_eq(&by_name.named[*first], found))
    };
    assert_eq!((which("A.example"), which("x.a.example")), (Some("a.example"), Some("b.example")));
    assert_eq!((which("x.y.a.example"), which("example"), which("c.example")), (None, None, None));
}

#[tokio::test]
async fn a_name_that_is_asked_for_has_to_be_in_the_certificate() {
    let office = Office::open("name");
    let acceptor = Acceptor::new(Settings { clients: Clients::Anybody, ..office.settings() }).unwrap();
    for (name, right) in [("host.example", true), ("other.example", false)] {
        let name = Some(ServerName::try_from(name).unwrap());
        let connector = Connector::new(Settings { name, ..office.settings() }).unwrap();
        assert_eq!(talks(&acceptor, &connector).await, right);
    }
}

#[test]
fn a_file_that_may_be_read_only_later_is_read_then() {
    let office = Office::open("later");
    let acceptor = Acceptor::new(office.settings()).unwrap();
    let mut fresh = lock(&acceptor.0);
    office.sign("host.example");
    // What whoever may not read it met.
    fresh.seen = fresh.settings.stamps();
    let key = office.dir.join("key.pem");
    let before = fs::metadata(&key).unwrap().modified().unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().modified().unwrap(), before, "its content is the same");
    assert_ne!(fresh.settings.stamps(), fresh.seen);
}

#[test]
fn a_file_that_changes_in_a_directory_of_authorities_is_seen() {
    let office = Office::open("directory");
    let dir = office.dir.join("authorities");
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join("ours.pem");
    fs::copy(office.dir.join("ca.pem"), &file).unwrap();
    let settings = Settings { ca: None, ca_dir: Some(dir), ..office.settings() };
    let before = settings.stamps();
    assert_eq!(settings.stamps(), before);
    fs::write(&file, fs::read_to_string(&file).unwrap() + "\n").unwrap();
    assert_ne!(settings.stamps(), before);
}

#[test]
fn what_is_wrong_with_a_file_is_told_in_words() {
    let office = Office::open("words");
    let cert = office.dir.join("cert.pem");
    let whole = fs::read_to_string(&cert).unwrap();
    let cut = whole.split("-----END").next().unwrap().to_owned();
    for (text, words) in [
        (cut, "`-----END CERTIFICATE-----`"),
        (whole.replacen("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE", 1), "\"-----BEGIN CERTIFICATE\""),
        (String::new(), "no certificate in it"),
    ] {
        fs::write(&cert, text).unwrap();
        let why = Acceptor::new(office.settings()).err().unwrap();
        assert!(why.contains("cert.pem: ") && why.contains(words) && !why.contains("45, 45"), "{why}");
    }
    fs::write(&cert, whole).unwrap();
    fs::write(office.dir.join("key.pem"), "nonsense").unwrap();
    let why = Acceptor::new(office.settings()).err().unwrap();
    assert!(why.contains("key.pem: no private key in it"), "{why}");
}
