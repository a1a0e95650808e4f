//! Who is this node, and what did it promise before it was restarted? Two files in the state directory.

use std::sync::Arc;

use host::{HostRefused, Store};
use sentinel::{Config, State};
use serde::{Deserialize, Serialize};
use view::RunId;

use crate::disk::Keep;
use crate::failure::Failure;

/// `node.json`: made once, kept for ever. A node that came back under another id would count twice in every majority.
#[derive(Serialize, Deserialize)]
struct Node {
    id: RunId,
}

/// The node's id; at the first start it is made, and on disk before anybody hears it.
pub(crate) fn id(store: &Store) -> Result<RunId, Failure> {
    if let Some(node) = load::<Node>(store, NODE, "Without it this node would be a stranger to the others")? {
        return Ok(node.id);
    }
    let node = Node { id: RunId::from_bits(host::random::node_id()) };
    store.save(NODE, &bytes(&node)).map_err(|e| Failure::host(e.to_string()))?;
    Ok(node.id)
}

/// What was saved of the machine's state; empty at the first start.
pub(crate) fn state(store: &Store) -> Result<State, Failure> {
    let state = load(store, STATE, "It holds the votes that this node gave, so it is not thrown away on its own")?;
    Ok(state.unwrap_or_default())
}

impl Keep for Arc<Store> {
    /// The state alone: the rules are the operator's file, and no command changes that.
    fn keep(&self, _: &Config, state: &State) -> Result<(), HostRefused> {
        self.save(STATE, &bytes(state))
    }
}

fn load<T: for<'a> Deserialize<'a>>(store: &Store, name: &str, why: &str) -> Result<Option<T>, Failure> {
    let Some(bytes) = store.load(name).map_err(|e| Failure::host(e.to_string()))? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|e| {
        let path = store.dir().join(name);
        Failure::host(format!(
            "{} cannot be read: {e}. {why}; nothing was started. What to do: restore it from a backup, or, if this host has been \
             down for longer than a minute, move it away and start again",
            path.display()
        ))
    })
}

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text =
        serde_json::to_vec_pretty(value).expect("ids, numbers, addresses and names as keys always have a JSON form");
    text.push(b'\n');
    text
}

const NODE: &str = "node.json";
const STATE: &str = "state.json";
