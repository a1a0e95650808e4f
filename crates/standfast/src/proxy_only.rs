//! How does the program run where nobody votes: as a proxy only? From a file whose groups all have another source, or from the command line
//! alone (`standfast proxy`).
//!
//! There is no Sentinel port and no state that must survive. What a file's node keeps for convenience is kept where that is possible.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use config::{Config, Secret};
use host::{Store, clock};
use sentinel::{Sentinel, State};
use view::RunId;

use crate::bind::{self, Sockets};
use crate::cli::ProxyArgs;
use crate::clients::Clients;
use crate::disk::{Keep, Nowhere};
use crate::edges::tls::ByGroup;
use crate::failure::{Failure, Fault};
use crate::feeds::Feeds;
use crate::history::Memory;
use crate::inherited::Inherited;
use crate::keys::Keys;
use crate::life::{Doors, Life};
use crate::link::Ways;
use crate::names::Names;
use crate::outside::Plan;
use crate::reload::Origin;
use crate::run::{Place, Prepared};
use crate::traffic::Traffic;
use crate::{compose, control, descriptors, edges, log, run, serve};

/// `standfast run` with a file of which no group is watched by nodes.
pub(crate) fn of_file(
    file: &Path,
    config: &Config,
    plan: Plan,
    mut inherited: Inherited,
    place: &mut Place,
) -> Result<Prepared, Failure> {
    let node = &config.node;
    let mut lock = None;
    if let Some((predecessor, lent)) = place {
        edges::all_served(config)?;
        predecessor.wait(&node.control)?;
        lock = lent.take();
    }
    // Only for convenience: what an operator wants of single servers, and the control socket beside it.
    let store = match run::take_over(config, lock) {
        Ok(store) => Some(Arc::new(store)),
        Err(e) => {
            tracing::warn!(
                "{e}. Going on: what is ordered of single servers is forgotten at the next start. Set `state-dir` in [node]"
            );
            None
        }
    };
    let control = match inherited.unix(&node.control).map_or_else(|| control::bind(&node.control), Ok) {
        Ok(control) => Some(control),
        Err(e) => {
            tracing::warn!("{e}. Going on: `standfast status` cannot ask this proxy. Set `control` in [node]");
            None
        }
    };
    let at = control.is_some().then(|| node.control.clone());
    let keys = Keys::default();
    let (file, config_of) = (file.to_owned(), config.clone());
    let origin = Origin { file, config: config_of, keys, server_tls: ByGroup::default(), store: store.clone() };
    let life = life(config, plan, store, control, inherited)?;
    Ok((Life { origin: Some(origin), ..life }, at))
}

/// `standfast proxy`.
pub(crate) fn proxy(args: &ProxyArgs) -> Result<(), Failure> {
    // The clock counts from its first use.
    let _ = clock::now();
    let names = Names::default();
    names.set(true, false);
    let mut config = without_file(args, &names)?;
    log::start(&config.log)?;
    let password = password(args)?;
    if args.username.is_some() && password.is_none() {
        return Err(wrong("--username needs a password: give --password-file FILE or set STANDFAST_PASSWORD"));
    }
    for group in &mut config.groups {
        group.username.clone_from(&args.username);
        group.password.clone_from(&password);
    }
    let plan = Plan::of(&config)?.with_names(&names);
    for (what, addr) in [("--listen", Some(args.listen)), ("--replica-listen", args.replica_listen)] {
        if let Some(addr) = addr {
            // Only to tell it in the words of the command line; the proxy binds it a moment later.
            bind::listen(addr, 1, bind::Families::Both).map_err(|e| bind::not_listening(what, addr, &e))?;
        }
    }
    let life = life(&config, plan, None, None, Inherited::default())?;
    let traffic = life.traffic.clone();
    let ended = life.live(None);
    traffic.stop();
    ended.map(|_| ())
}

/// The command line as a file would say it: what it means, and what is possible, is said in one place.
fn without_file(args: &ProxyArgs, names: &Names) -> Result<Config, Failure> {
    let mut servers: Vec<String> = Vec::new();
    for (host, port) in &args.servers {
        let addr =
            names.find_server(host, *port).unwrap_or_else(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), *port));
        servers.push(format!("{:?}", addr.to_string()));
    }
    let fast = args.interval.min(100);
    let mut text = format!(
        "[[group]]\nname = \"redis\"\nsource = \"probe\"\nservers = [{}]\ninterval = \"{}ms\"\nfast-interval = \"{fast}ms\"\n",
        servers.join(", "),
        args.interval
    );
    for (role, listen) in [("master", Some(args.listen)), ("replica", args.replica_listen)] {
        if let Some(listen) = listen {
            let hold = args.hold;
            text.push_str(&format!(
                "[[listener]]\nlisten = \"{listen}\"\ngroup = \"redis\"\nrole = \"{role}\"\nhold = \"{hold}ms\"\n"
            ));
        }
    }
    config::parse(NAME, &text).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(|p| format!("{}; {}", p.message(), p.expected())).collect();
        wrong(format!("the command line cannot be used: {}", all.join("; ")))
    })
}

/// From the file, or from the environment.
fn password(args: &ProxyArgs) -> Result<Option<Secret>, Failure> {
    if let Some(file) = &args.password_file {
        return read_password(file).map(Some);
    }
    match std::env::var("STANDFAST_PASSWORD") {
        Ok(password) if !password.is_empty() => Ok(Some(Secret::new(password))),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(e) => Err(wrong(format!("STANDFAST_PASSWORD: {e}"))),
    }
}

fn read_password(file: &Path) -> Result<Secret, Failure> {
    let text =
        fs::read_to_string(file).map_err(|e| wrong(format!("cannot read --password-file {}: {e}", file.display())))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(wrong(format!("the first line of --password-file {} is empty", file.display()))),
    }
}

fn wrong(text: impl Into<String>) -> Failure {
    Failure::new(Fault::Misconfigured, format!("{}. Nothing was started", text.into()))
}

/// A proxy that is about to live.
fn life(
    config: &Config,
    outside: Plan,
    store: Option<Arc<Store>>,
    control: Option<UnixListener>,
    mut inherited: Inherited,
) -> Result<Life, Failure> {
    descriptors::provide(config);
    let sockets = Sockets::bind(config, &mut inherited)?;
    let feeds = Feeds::of(config);
    if let Some(store) = &store {
        feeds.remember(store.clone());
    }
    let traffic = Traffic::start(config, &feeds, &mut inherited)?;
    // Nobody hears this id: it is new at every start.
    let id = RunId::from_bits(host::random::node_id());
    let name = compose::node_name(config);
    tracing::info!(node = %name, "standfast {} starts as a proxy only", env!("CARGO_PKG_VERSION"));
    let machine = Sentinel::new(compose::sentinel(config, id), State::default(), host::random::seed(), clock::now());
    let ways = Ways::default();
    let clients = Clients::default();
    let rules = serve::rules::Rules {
        info: ways.infos.clone(),
        clients: clients.clone(),
        ..serve::rules::Rules::of_file(&config.file_name)
    };
    let users = serve::Users::new(&rules).map_err(Failure::host)?;
    let (listen, file) = (config.node.listen, config.file_name.clone());
    let keep: Box<dyn Keep> = Box::new(Nowhere);
    Ok(Life {
        name,
        machine,
        ways,
        keep,
        flights: store.as_ref().map_or_else(std::env::temp_dir, |store| store.dir().to_owned()),
        memory: store.map(Memory::Store),
        ask_at: None,
        records_its_end: false,
        origin: None,
        tell: log::announce,
        feeds,
        outside,
        traffic,
        clients,
        doors: Doors {
            sentinel: sockets.sentinel.into_iter().collect(),
            encrypted: Vec::new(),
            local: None,
            admin: sockets.admin,
            control,
        },
        port: Box::new(move |node| serve::Port::new(node.clone(), listen, file, rules, users)),
        summary: run::summary(config),
    })
}

/// What a command line is called where a file would be named.
const NAME: &str = "(command line)";
