//! When is the kernel asked who is connected?
//!
//! Often, because whoever came since the last look is not known to others if this host is gone now; but it takes a walk through all connections
//! of the host, so its price decides how often. Not at all where nobody wants to know. The proxy tells of its own clients before that.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host::HostRefused;
use host::clock::worked;
use host::netlink::Netlink;
use host::netlink::connections::{Breakable, Connections};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Shared;
use super::own::MAX_SERVED;

/// Looks for ever.
pub(super) async fn go_on(shared: Arc<Shared>, mut ips: watch::Receiver<Vec<IpAddr>>) {
    let mut kernel = Kernel::default();
    let mut is_told = false;
    loop {
        let wanted = ips.borrow_and_update().clone();
        let came = shared.came.notified();
        if wanted.is_empty() || shared.audience.load(Ordering::Relaxed) == 0 {
            tokio::select! {
                changed = ips.changed() => if changed.is_err() { return },
                () = came => {}
            }
            continue;
        }
        // Beside this thread: partners must not wait until ten thousand are counted.
        let looked = spawn_blocking({
            let shared = shared.clone();
            move || {
                let before = worked();
                let looked = look(&mut kernel, &shared, &wanted);
                (kernel, looked, worked() - before)
            }
        });
        let Ok((back, looked, took)) = looked.await else { return };
        kernel = back;
        match looked {
            Ok(()) => is_told = false,
            Err(e) if !std::mem::replace(&mut is_told, true) => {
                tracing::warn!(
                    "others cannot be told which clients are served here; when an address moves, some may wait in vain: {e}"
                );
            }
            Err(_) => {}
        }
        sleep(pause(took, is_told)).await;
    }
}

/// A way to it, once it was found.
type Kernel = Option<(Netlink, Connections)>;

fn look(kernel: &mut Kernel, shared: &Shared, ips: &[IpAddr]) -> Result<(), HostRefused> {
    let (netlink, connections) = match kernel {
        Some(kernel) => kernel,
        None => kernel.insert((Netlink::open()?, Connections::open()?)),
    };
    shared.own().ask();
    let held: BTreeSet<IpAddr> = netlink.addresses()?.into_iter().map(|held| held.address.ip).collect();
    for (ip, listed) in connections.at(ips, MAX_SERVED)? {
        let all = listed.connections.len() + listed.more;
        if shared.own().look(ip, held.contains(&ip), listed) {
            tracing::warn!(
                "{all} clients are connected to {ip}: others are told of {MAX_SERVED}. When the address moves, those beyond learn of it when \
                 they next send something"
            );
        }
    }
    tell(shared);
    Ok(())
}

/// Looks at once; who is there.
pub(super) fn once(kernel: &mut Connections, shared: &Shared, ips: &[IpAddr]) -> Result<Breakable, HostRefused> {
    shared.own().ask();
    let (all, there) = kernel.at_last(ips, MAX_SERVED)?;
    if shared.audience.load(Ordering::Relaxed) > 0 {
        let mut own = shared.own();
        all.into_iter().for_each(|(ip, listed)| own.look_again(ip, listed));
        drop(own);
        tell(shared);
    }
    Ok(there)
}

/// Calls those who tell others, if there is news.
pub(super) fn tell(shared: &Shared) {
    let end = shared.own().end();
    shared.news.send_if_modified(|news| std::mem::replace(news, end) != end);
}

fn pause(took: Duration, failed: bool) -> Duration {
    if failed { LONGEST } else { (took * SHARE).clamp(SHORTEST, LONGEST) }
}

/// The part of a processor's time that may go into it, however busy the host is: one in forty. 1,000 clients cost a millisecond a look, 10,000 some 9.
const SHARE: u32 = 40;
/// Whoever came within this to another server than our proxy, and is served by a host that is gone now, is known to nobody.
const SHORTEST: Duration = Duration::from_millis(20);
/// Whatever it costs.
const LONGEST: Duration = Duration::from_secs(1);
