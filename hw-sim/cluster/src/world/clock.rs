//! The boot clock of one machine: its own rate, its own beginning, still while the machine is
//! paused. Nobody on the machine sees the time of the world.

use palisade_protocol::time::{Duration, Instant};

const MILLION: i128 = 1_000_000;

/// One boot clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    world: u64,
    local: u64,
    ppm: i32,
}

impl Clock {
    /// A clock that reads what the world does.
    pub(super) const fn true_one() -> Self {
        Self { world: 0, local: 0, ppm: 0 }
    }

    /// A clock that reads `local` at `now` and from then on is wrong by `ppm`.
    pub(super) const fn begun(now: Instant, local: Duration, ppm: i32) -> Self {
        let local = Instant::BOOT.after(local).as_nanos();
        Self { world: now.as_nanos(), local, ppm }
    }

    /// What it reads at `now`.
    pub(super) fn local(&self, now: Instant) -> Instant {
        let elapsed = now.as_nanos().saturating_sub(self.world);
        Instant::from_nanos(self.local + scaled(elapsed, self.ppm))
    }

    /// When it reads at least `local`.
    pub(super) fn world(&self, local: Instant) -> Instant {
        if self.ppm == 0 {
            let ahead = local.as_nanos().saturating_sub(self.local);
            return Instant::from_nanos(self.world.saturating_add(ahead));
        }
        let ahead = i128::from(local.as_nanos().saturating_sub(self.local));
        let elapsed = (ahead * MILLION).div_euclid(MILLION + i128::from(self.ppm));
        let mut elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX / 2);
        while self.local + scaled(elapsed, self.ppm) < local.as_nanos() {
            elapsed += 1;
        }
        Instant::from_nanos(self.world.saturating_add(elapsed))
    }

    /// It stood still for `span`.
    pub(super) fn stood(&mut self, span: Duration) {
        self.world = Instant::from_nanos(self.world).after(span).as_nanos();
    }
}

/// `elapsed` as a clock counts it that is wrong by `ppm`; in 64 bits, which last for months.
fn scaled(elapsed: u64, ppm: i32) -> u64 {
    let elapsed = elapsed.cast_signed();
    (elapsed + elapsed / 1_000 * i64::from(ppm) / 1_000).max(0).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_a_drifting_clock_is_never_early_and_late_by_no_more_than_a_microsecond() {
        for ppm in [-500, -1, 0, 1, 500] {
            let clock = Clock::begun(Instant::from_millis(7), Duration::from_secs(3), ppm);
            for nanos in (0..5_000_000_000).step_by(7_777_777) {
                let local = Instant::from_nanos(3_000_000_000 + nanos);
                let read = clock.local(clock.world(local));
                assert!(read >= local, "{ppm} ppm: {read} for {local}");
                assert!(read.since(local) <= Duration::from_micros(1));
            }
        }
    }

    #[test]
    fn a_clock_that_stood_still_shows_it() {
        let mut clock = Clock::begun(Instant::BOOT, Duration::ZERO, 0);
        clock.stood(Duration::from_secs(2));
        assert_eq!(clock.local(Instant::from_millis(5_000)), Instant::from_millis(3_000));
    }
}
