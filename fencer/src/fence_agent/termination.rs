//! SIGTERM while this agent may have programs running or sessions open: they end first, and then it ends by that
//! signal, as its caller expects.

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, raise, signal};
use tokio::signal::unix::{self, SignalKind};

use super::answer::Failed;

/// What `work` comes to; none if this process was told to end before: then the work is dropped. Needs a
/// tokio runtime.
pub(super) async fn unless_told<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut told = match unix::signal(SignalKind::terminate()) {
        Ok(told) => told,
        Err(error) => {
            log::warn!("SIGTERM is not waited for: {error}");
            return Some(work.await);
        }
    };
    tokio::select! {
        done = work => Some(done),
        Some(()) = told.recv() => None,
    }
}

/// Ends this process by the signal that told it to.
pub(super) fn end() -> Failed {
    let ended = by_default(Signal::SIGTERM).and_then(|()| raise(Signal::SIGTERM));
    Failed::new(format!("SIGTERM did not end this process: {ended:?}; report this"))
}

fn by_default(what: Signal) -> Result<(), Errno> {
    // SAFETY: what the system does by default runs no code of this process.
    #[expect(unsafe_code, reason = "sigaction(2)")]
    unsafe { signal(what, SigHandler::SigDfl) }.map(drop)
}
