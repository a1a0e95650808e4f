//! Does it work with the real ones? What the tests of this crate share: the real binary, and three test beds: the demo's cluster on
//! loopback, one with stock Sentinels among ours, and hosts with a network of their own.
//!
//! | module | answers |
//! |---|---|
//! | [`room`] | where does a single program live in a test? |
//! | [`program`] | where is the binary under test, and is everything there that it needs? |
//! | [`demo`] | how does a test drive `standfast demo`? |
//! | [`browser`] | how does a test look at a page? |
//! | [`netns`] | how does one machine become several hosts? |
//! | [`host`] | how do three hosts stand, each with a Redis and a node? |
//! | [`monitor`] | who watches the servers: a node, or a stock Sentinel? |
//! | [`routers`] | how do two hosts share an address, ours and one with Keepalived? |
//! | [`process`] | how does a test hold a process? |
//! | [`pair`] | how do two hosts share an address in front of Redis: what we replace, and ours? |
//! | [`reach`] | what did clients of an address that moves see? |
//! | [`holders`] | who had an address, and from when to when? |
//! | [`moving`] | how long does an address not answer? |
//! | [`load`] | what did clients on a host see? |
//! | [`cluster`] | how do servers stand on loopback, with Sentinels of both kinds around them? |
//! | [`change`] | how does a group get another master there, and have all noticed it well? |
//! | [`front`] | how does one node stand in front of real servers, with clients at work? |
//! | [`wire`] | how does a test talk to a server or a Sentinel? |
//! | [`failover`] | how long is there no writable master, and what is lost? |

pub mod browser;
pub mod change;
pub mod cluster;
pub mod demo;
pub mod failover;
pub mod front;
pub mod holders;
pub mod host;
pub mod load;
pub mod monitor;
pub mod moving;
pub mod netns;
pub mod pair;
pub mod process;
pub mod program;
pub mod reach;
pub mod room;
pub mod routers;
pub mod wire;

pub use browser::Browser;
pub use cluster::Cluster;
pub use demo::Demo;
pub use front::Front;
pub use host::Hosts;
