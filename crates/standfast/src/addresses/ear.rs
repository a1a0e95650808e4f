//! How does the event loop wait for a descriptor that is none of tokio's own: a raw socket, the kernel's news?

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::PathBuf;

use host::HostRefused;
use tokio::io::unix::AsyncFd;

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
