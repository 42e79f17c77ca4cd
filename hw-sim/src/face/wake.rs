//! What every face shares: a model under a lock, a way to wake its thread, an end to it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::poll::PollTimeout;
use nix::sys::eventfd::{EfdFlags, EventFd};
use palisade_protocol::time::Instant;

/// A model and the bell of the thread that serves it.
#[derive(Debug)]
pub(super) struct Shared<M> {
    model: Mutex<M>,
    bell: EventFd,
    over: AtomicBool,
}

impl<M> Shared<M> {
    pub(super) fn new(model: M) -> io::Result<Arc<Self>> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Arc::new(Self { model: Mutex::new(model), bell, over: AtomicBool::new(false) }))
    }

    /// The model. A panic of a sink leaves it usable.
    pub(super) fn lock(&self) -> MutexGuard<'_, M> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts on the model, then wakes the thread, whose deadlines may have changed.
    pub(super) fn change<R>(&self, act: impl FnOnce(&mut M) -> R) -> R {
        let result = act(&mut self.lock());
        self.ring();
        result
    }

    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Makes the bell silent again.
    pub(super) fn heard(&self) {
        // Nothing to read means that it did not ring.
        self.bell.read().ok();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn ring(&self) {
        // A full counter has rung already.
        self.bell.write(1).ok();
    }
}

/// A face's thread, ended and joined when this is dropped.
#[derive(Debug)]
pub(super) struct Thread<M> {
    shared: Arc<Shared<M>>,
    handle: Option<JoinHandle<()>>,
}

impl<M: Send + 'static> Thread<M> {
    pub(super) fn start(
        name: &str,
        shared: &Arc<Shared<M>>,
        serve: impl FnOnce(&Shared<M>) + Send + 'static,
    ) -> io::Result<Self> {
        let theirs = Arc::clone(shared);
        let named = std::thread::Builder::new().name(name.to_owned());
        let handle = named.spawn(move || serve(&theirs))?;
        Ok(Self { shared: Arc::clone(shared), handle: Some(handle) })
    }
}

impl<M> Drop for Thread<M> {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.shared.ring();
        let Some(handle) = self.handle.take() else { return };
        if handle.thread().id() == std::thread::current().id() {
            return; // dropped by the sink: it cannot wait for itself
        }
        if handle.join().is_err() {
            log::error!("a simulator thread panicked");
        }
    }
}

/// The wait until `deadline`, rounded up to a millisecond so that it is never early.
pub(super) fn wait_until(now: Instant, deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let millis = now.until(deadline).as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(millis.min(60_000)).unwrap_or(PollTimeout::ZERO)
}
