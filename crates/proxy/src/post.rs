//! How is a worker reached from other threads?
//!
//! By orders in a queue, and by a call that wakes it. What has no order of its own (a new view) is found by looking.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use mio::{Registry, Waker};
use session::Rules;
use tokio::sync::watch;
use view::View;

use crate::arrivals::Herald;
use crate::edge::Peer;
use crate::feed::Present;
use crate::gate::Seat;
use crate::listener::{Acceptor, FrontDesk};
use crate::slots::Whose;
use crate::stream::Socket;

/// Where a worker is reached, and how many clients it has.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
    pub(crate) load: Arc<AtomicUsize>,
    /// Bytes of requests that it keeps.
    pub(crate) kept: Arc<AtomicUsize>,
}

/// What a worker is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Have a desk for this listener. If there is one, it serves only those who are there.
    Open(Box<Line>),
    /// Let in who waits at this listener, then accept no more, and say so. For the worker that accepts.
    Deafen { listener: u32, done: SyncSender<()> },
    /// No clients come to this listener any more: let those go that are owed nothing, and the rest after this time.
    Close { listener: u32, patience: Duration },
    /// Accept no more clients.
    Retire,
    /// Accept its clients. Only one worker is told so, after all have a desk for it.
    Accept(Box<Acceptor>),
    /// Let so many clients in, of all listeners together. For the worker that accepts.
    Limit(usize),
    /// Tell somebody of those who come in, or nobody. For the worker that accepts.
    Herald(Option<Herald>),
    /// Serve this client.
    Serve(Handed),
    /// Break the connections of all clients that came to these addresses, and say how many they were.
    Cut { ips: Arc<[IpAddr]>, cut: SyncSender<usize> },
    /// Accept no more clients, let those go that are owed nothing, and end when all are gone, or after this time.
    Stop(Duration),
}

/// What a worker needs to know of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) listener: u32,
    pub(crate) rules: Arc<Rules>,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) front: FrontDesk,
    pub(crate) present: Present,
}

/// A client that was accepted, on its way to its worker.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    /// `None`: it has to say first for whom it comes.
    pub(crate) seat: Option<Seat>,
    pub(crate) listener: u32,
}

/// Orders on their way to one worker, most of them clients. One that is so far behind must not be given more.
const MAX_ORDERS: usize = 256;

impl Door {
    /// A door, and what comes through it.
    pub(crate) fn new(registry: &Registry) -> io::Result<(Self, Receiver<Order>)> {
        let (orders, told) = sync_channel(MAX_ORDERS);
        let waker = Arc::new(Waker::new(registry, Whose::Call.token())?);
        Ok((Self { orders, waker, load: Arc::default(), kept: Arc::default() }, told))
    }

    /// Wakes the worker: there is something to look at.
    pub(crate) fn call(&self) {
        // It fails when the kernel has no memory; then the next event of any socket wakes the worker.
        let _ = self.waker.wake();
    }

    /// Gives an order. Waits while the worker is far behind; of one that has ended, nothing can be ordered.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
        self.call();
    }

    /// Gives an order to one that is not far behind. False: it is, or it has ended.
    pub(crate) fn try_order(&self, order: Order) -> bool {
        let taken = self.orders.try_send(order).is_ok();
        self.call();
        taken
    }

    /// Hands a client over, or gives it back if the worker is far behind or has ended.
    pub(crate) fn hand(&self, client: Handed) -> Result<(), Handed> {
        match self.orders.try_send(Order::Serve(client)) {
            Err(TrySendError::Full(Order::Serve(back)) | TrySendError::Disconnected(Order::Serve(back))) => Err(back),
            _ => {
                self.call();
                Ok(())
            }
        }
    }
}
