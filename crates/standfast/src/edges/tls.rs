//! Which certificates does the file name, for clients and for servers? Made of the same files as before, they stay what they are when the
//! file is taken up anew, so that clients go on with the sessions that they know.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use config::{ClientCertificates, Config, MinVersion};
use rustls::pki_types::ServerName;
use view::GroupName;

use crate::failure::{Failure, Fault};
use crate::tls::{Acceptor, Clients, Connector, Named, Protocol, Settings};

/// How the links to the servers of each group are encrypted, if they are. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct ByGroup(Arc<Mutex<BTreeMap<GroupName, Connector>>>);

impl ByGroup {
    /// As the file says.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn of(config: &Config) -> Result<Self, Failure> {
        let by_group = Self::default();
        by_group.replace(config)?;
        Ok(by_group)
    }

    /// Links that are made from now on are as the file says.
    pub(crate) fn replace(&self, config: &Config) -> Result<(), Failure> {
        let mut new = BTreeMap::new();
        for group in &config.groups {
            if let Some(connector) = connector(config, group)? {
                new.insert(GroupName::from(group.name.as_str()), connector);
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// For a server of this group.
    pub(crate) fn connector(&self, group: &GroupName) -> Option<Connector> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(group).cloned()
    }
}

/// How the clients of a listener are spoken with, if by TLS.
pub(super) fn clients(config: &Config, listener: &config::Listener) -> Result<Option<proxy::tls::ClientTls>, Failure> {
    let Some(tls) = &listener.tls else { return Ok(None) };
    let named = |named: &config::Named| Named {
        names: named.names.clone(),
        cert: named.certificate.cert.clone(),
        key: named.certificate.key.clone(),
    };
    let settings = Settings {
        cert: Some(tls.certificate.cert.clone()),
        key: Some(tls.certificate.key.clone()),
        named: tls.named.iter().map(named).collect(),
        ca: tls.ca.clone(),
        clients: match tls.client_certificates {
            ClientCertificates::None => Clients::Anybody,
            ClientCertificates::Optional => Clients::Optional,
            ClientCertificates::Required => Clients::Verified,
        },
        protocols: protocols(tls.min_version),
        ..Settings::default()
    };
    let place = listener.defined_at;
    let acceptor = kept(&ACCEPTORS, settings, Acceptor::new).map_err(|why| unusable(config, "tls", place, &why))?;
    Ok(Some(proxy::tls::ClientTls { source: acceptor.source(), handshake_timeout: tls.handshake_timeout }))
}

/// How the servers of a group are spoken with for clients, if by TLS.
pub(super) fn servers(config: &Config, group: &config::Group) -> Result<Option<proxy::tls::ServerTls>, Failure> {
    let Some(connector) = connector(config, group)? else { return Ok(None) };
    Ok(Some(proxy::tls::ServerTls { source: connector.source(), name: connector.name() }))
}

/// How the servers of a group are spoken with, if by TLS.
pub(crate) fn connector(config: &Config, group: &config::Group) -> Result<Option<Connector>, Failure> {
    group.server_tls.as_ref().map(|tls| made(config, "server-tls", group.defined_at, tls)).transpose()
}

/// How the Sentinels of a group are, where they are followed.
pub(crate) fn to_sentinels(config: &Config, group: &config::Group) -> Result<Option<Connector>, Failure> {
    let config::Origin::Sentinels(sentinels) = &group.origin else { return Ok(None) };
    sentinels.tls.as_ref().map(|tls| made(config, "sentinel-tls", group.defined_at, tls)).transpose()
}

/// How a server is spoken with that is named outside of any group.
///
/// # Errors
/// Which file of certificates cannot be used, and why.
pub(crate) fn to_server(tls: &config::ServerTls) -> Result<Connector, String> {
    let path = |path: fn(&config::Certificate) -> &PathBuf| tls.certificate.as_ref().map(|own| path(own).clone());
    let name = tls.name.clone().map(ServerName::try_from).transpose();
    let settings = Settings {
        cert: path(|own| &own.cert),
        key: path(|own| &own.key),
        ca: Some(tls.ca.clone()),
        name: name.map_err(|e| format!("`name`: {e}"))?,
        protocols: protocols(tls.min_version),
        ..Settings::default()
    };
    kept(&CONNECTORS, settings, Connector::new)
}

fn made(config: &Config, option: &str, place: config::Place, tls: &config::ServerTls) -> Result<Connector, Failure> {
    to_server(tls).map_err(|why| unusable(config, option, place, &why))
}

fn protocols(least: MinVersion) -> Vec<Protocol> {
    match least {
        MinVersion::Tls12 => vec![Protocol::Tls13, Protocol::Tls12],
        MinVersion::Tls13 => vec![Protocol::Tls13],
    }
}

/// What was made of some files and rules, to be found by them.
type Kept<T> = Mutex<Vec<(Settings, T)>>;

static ACCEPTORS: Kept<Acceptor> = Mutex::new(Vec::new());
static CONNECTORS: Kept<Connector> = Mutex::new(Vec::new());

/// The one that was made of these before, or a new one.
fn kept<T: Clone>(
    all: &Kept<T>,
    settings: Settings,
    make: impl FnOnce(Settings) -> Result<T, String>,
) -> Result<T, String> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = all.iter().find(|(known, _)| *known == settings) {
        return Ok(known.clone());
    }
    let new = make(settings.clone())?;
    if all.len() >= MAX_KEPT {
        all.remove(0);
    }
    all.push((settings, new.clone()));
    Ok(new)
}

fn unusable(config: &Config, option: &str, place: config::Place, why: &str) -> Failure {
    let file = &config.file_name;
    let text = format!(
        "`{option}` of the table at {file}:{place} cannot be used: {why}. Nothing was started. What to do: see that the file is there, that the \
         user that runs Standfast may read it, and that it holds what the option asks for, in PEM"
    );
    Failure::new(Fault::Misconfigured, text)
}

/// More than one file of a node names. At the bound the oldest is forgotten: its clients shake hands in full once.
const MAX_KEPT: usize = 256;
