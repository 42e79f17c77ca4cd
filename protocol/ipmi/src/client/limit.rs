//! When a login is given up: at a moment, or after a silence.

use palisade_protocol::time::{Duration, Instant};

/// A BMC that answers all the time needs so many of its answers one after another: to Open Session,
/// RAKP 1, RAKP 3, Set Session Privilege, and the orders on board.
pub const STEPS: u32 = 5;

/// When a login and the orders on board of it are given up. On the clock of [`Client`](super::Client).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    by: Instant,
    silence: Duration,
    last: Instant,
}

impl Limit {
    /// Given up at `by`, whatever the BMC answers.
    pub const fn at(by: Instant) -> Self {
        Self { by, silence: Duration::ZERO, last: by }
    }

    /// Given up at `by` if the BMC has not answered until then. Each answer that takes the login on, and
    /// does not put it off, gives it `silence` from then; none gives it more than `last`, whoever sends it.
    pub const fn of_silence(by: Instant, silence: Duration, last: Instant) -> Self {
        Self { by, silence, last }
    }

    /// When it is given up if no answer comes from now on.
    pub const fn by(&self) -> Instant {
        self.by
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.by
    }

    /// The BMC has answered.
    pub(super) fn answered(&mut self, now: Instant) {
        self.by = self.by.max(self.last.min(now + self.silence));
    }
}
