//! The clock as an argument: an instant that can be built from a number.
//!
//! Nothing here reads a clock. Hosts take readings of `CLOCK_BOOTTIME`, which goes on while the
//! machine sleeps and never steps; simulators count. Instants of two machines are never compared.

use core::fmt;
use core::ops::{Add, AddAssign};
pub use core::time::Duration;

/// A reading of one machine's boot clock, in nanoseconds since that machine booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment of boot: earlier than, or equal to, every other instant.
    pub const BOOT: Self = Self(0);

    /// The end of time: `u64::MAX` nanoseconds, 584 years after boot.
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `millis` milliseconds after boot; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since boot, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// How long until `later`; zero if it has passed.
    pub const fn until(self, later: Self) -> Duration {
        later.since(self)
    }

    /// This instant moved back by `span`; stops at boot.
    pub const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// This instant moved forward by `span`; stops at [`Self::NEVER`].
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates, so that a deadline too far away is never rather than soon.
    fn add(self, span: Duration) -> Self {
        self.after(span)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = self.after(span);
    }
}

/// Milliseconds with microseconds, as logs and evidence show them.
impl fmt::Display for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1_000;
        write!(out, "{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
    }
}

/// The earlier of two optional deadlines.
pub fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// `span` shortened by `ppm` parts per million, twice: once for each of two drifting clocks.
///
/// This is the `P(1 − 2ρ)` of the lease inequality: what a promise of `span` on the grantor's clock
/// is at least worth on the holder's, when each may be off by `ppm`.
pub fn shortened_by_drift(span: Duration, ppm: u32) -> Duration {
    let loss =
        u128::from(ppm).saturating_mul(2).saturating_mul(span.as_nanos()).div_ceil(1_000_000);
    span.saturating_sub(Duration::from_nanos(u64::try_from(loss).unwrap_or(u64::MAX)))
}

/// `span` lengthened by `ppm` parts per million, twice: what a span of one drifting clock may at most
/// be on another. Saturates.
pub fn lengthened_by_drift(span: Duration, ppm: u32) -> Duration {
    span.saturating_add(span.saturating_sub(shortened_by_drift(span, ppm)))
}

/// `Duration::as_nanos` in 64 bits; saturates.
#[expect(clippy::as_conversions, reason = "u64::from is not const; 32 bits always fit")]
const fn nanos(span: Duration) -> u64 {
    let whole = span.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(span.subsec_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_too_far_away_is_never_rather_than_soon() {
        assert_eq!(Instant::from_nanos(5) + Duration::MAX, Instant::NEVER);
    }

    #[test]
    fn an_instant_ahead_is_no_time_ago() {
        let now = Instant::from_millis(10);
        assert_eq!(now.since(now + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(now.until(now + Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn drift_takes_a_thousandth_at_five_hundred_ppm() {
        let promise = Duration::from_millis(1_600);
        assert_eq!(shortened_by_drift(promise, 500), Duration::from_micros(1_598_400));
        assert_eq!(shortened_by_drift(promise, 0), promise);
    }

    #[test]
    fn drift_adds_a_thousandth_at_five_hundred_ppm_and_stops_at_the_longest() {
        let silence = Duration::from_secs(10);
        assert_eq!(lengthened_by_drift(silence, 500), Duration::from_millis(10_010));
        assert_eq!(lengthened_by_drift(Duration::MAX, 500), Duration::MAX);
    }

    #[test]
    fn drift_is_rounded_against_the_holder() {
        assert_eq!(shortened_by_drift(Duration::from_nanos(1), 1), Duration::ZERO);
    }

    #[test]
    fn the_earlier_deadline_wins_and_none_is_no_deadline() {
        let soon = Instant::from_millis(1);
        assert_eq!(earliest(Some(soon), Some(Instant::NEVER)), Some(soon));
        assert_eq!(earliest(None, Some(soon)), Some(soon));
        assert_eq!(earliest(None, None), None);
    }
}
