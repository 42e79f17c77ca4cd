//! Descriptors that the loop waits on.
//!
//! Only tells that something can be read; reading it is its owner's work.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A second handle on a descriptor, for waiting until it can be read. Needs a tokio runtime.
///
/// The descriptor must not block when read.
pub(super) fn watch(what: impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let handle = what.as_fd().try_clone_to_owned()?;
    #[expect(
        deprecated,
        reason = "its replacement is unsafe for the sake of types that lie about their descriptor; OwnedFd does not"
    )]
    AsyncFd::with_interest(handle, Interest::READABLE)
}
