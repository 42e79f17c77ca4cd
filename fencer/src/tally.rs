//! How many there are of something that must be over before this process ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The number of those that there are.
#[derive(Debug)]
pub(crate) struct Tally {
    count: AtomicUsize,
    /// Told of each that is over.
    over: Notify,
}

impl Tally {
    /// There is none.
    pub(crate) const fn new() -> Self {
        Self { count: AtomicUsize::new(0), over: Notify::const_new() }
    }

    /// One more, until this is dropped.
    pub(crate) fn one(&'static self) -> Counted {
        self.count.fetch_add(1, Ordering::SeqCst);
        Counted(self)
    }

    /// Until there is none any more.
    pub(crate) async fn none_left(&self) {
        loop {
            let over = self.over.notified();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            over.await;
        }
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Counted(&'static Tally);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.over.notify_waiters();
    }
}
