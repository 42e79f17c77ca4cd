//! A line that tells a person how far the work is. Shown on a terminal only, and gone at the end.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// Often enough to look alive, seldom enough to cost nothing.
const EVERY: Duration = Duration::from_millis(200);

/// To the begin of the line, and clears it.
const CLEAR: &str = "\r\x1b[K";

/// How far the work is.
#[derive(Debug)]
pub(super) struct Progress {
    all: usize,
    done: usize,
    failed: usize,
    /// None unless a person looks on.
    clock: Option<Interval>,
}

impl Progress {
    /// Nothing of `all` is done. Must be made within a runtime.
    pub(super) fn new(all: usize) -> Self {
        let clock = io::stderr().is_terminal().then(|| {
            let mut clock = interval(EVERY);
            clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
            clock
        });
        Self { all, done: 0, failed: 0, clock }
    }

    /// One more is done.
    pub(super) const fn count(&mut self, found_out: bool) {
        self.done += 1;
        if !found_out {
            self.failed += 1;
        }
    }

    /// Comes back when the line is to be shown again; never if nobody looks on.
    pub(super) async fn due(&mut self) {
        match &mut self.clock {
            Some(clock) => drop(clock.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Shows the line.
    pub(super) fn show(&self) {
        let Self { all, done, failed, .. } = self;
        let failed =
            if *failed == 0 { String::new() } else { format!(", {failed} without an answer") };
        say(&format!("{CLEAR}palisade: {done} of {all}{failed}"));
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.clock.is_some() {
            say(CLEAR);
        }
    }
}

/// Nobody is helped if this fails.
fn say(text: &str) {
    let mut out = io::stderr().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
