//! How does the event loop wait for a descriptor that is none of tokio's own: a raw socket, the kernel's news?

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use host::HostRefused;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

/// A task that listens at a packet socket. Both end when it is dropped.
///
/// The kernel closes such a socket when no processor is at it any more (`synchronize_net` in its packet(7)): some milliseconds, on a busy host
/// some ten, for each. So that is waited for by another thread, and a loop that has forty of them to close does not stand still.
pub(crate) struct Listening<T: Send + Sync + 'static> {
    socket: Arc<T>,
    task: Option<JoinHandle<()>>,
}

impl<T: Send + Sync> Listening<T> {
    /// `task`: it has the socket, too.
    pub(crate) const fn new(socket: Arc<T>, task: JoinHandle<()>) -> Self {
        Self { socket, task: Some(task) }
    }

    pub(crate) fn socket(&self) -> &T {
        &self.socket
    }

    /// Whether the task has ended by itself.
    pub(crate) fn is_over(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T: Send + Sync> Drop for Listening<T> {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        task.abort();
        let socket = self.socket.clone();
        // Without a runtime the program is at its end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // It was aborted, and has let go of the socket.
                let _ = task.await;
                // The last to have it.
                let _ = spawn_blocking(move || drop(socket)).await;
            });
        }
    }
}

/// Something with a descriptor that does not change as long as it is here.
pub(crate) struct Ear<T>(pub(crate) T);

impl<T: AsFd> AsRawFd for Ear<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Lets the runtime wait for it. Call it inside of one.
///
/// # Errors
/// The runtime's own descriptor takes no more.
#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types whose descriptor is not theirs; here it is lent by the type itself (AsFd)"
)]
pub(crate) fn listen<T: AsFd>(to: T) -> io::Result<AsyncFd<Ear<T>>> {
    AsyncFd::new(Ear(to))
}

/// The runtime's descriptor takes no more (epoll_ctl(2)).
pub(crate) fn refused(what: &'static str, on: impl Into<PathBuf>, error: io::Error) -> HostRefused {
    HostRefused::socket(what, on, error, "The host watches too many files: see the sysctl fs.epoll.max_user_watches")
}
