//! The only place that asks the operating system what time it is.
//!
//! It reads `CLOCK_BOOTTIME` alone, which goes on during suspend and never steps. Nothing of ours goes by
//! the wall clock, which does; only the TLS library judges by it whether a certificate has run out.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use palisade_protocol::time::Instant;

/// The boot clock now.
///
/// # Panics
/// If the kernel has no `CLOCK_BOOTTIME` (Linux has had it since 2.6.39): without a clock nothing
/// here may run.
pub fn now() -> Instant {
    let reading = clock_gettime(ClockId::CLOCK_BOOTTIME);
    assert!(reading.is_ok(), "the kernel does not answer CLOCK_BOOTTIME: {reading:?}");
    let reading = reading.unwrap_or(TimeSpec::new(0, 0));
    let seconds = u64::try_from(reading.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(reading.tv_nsec()).unwrap_or(0);
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_never_runs_backwards() {
        let earlier = now();
        let later = now();
        assert!(later >= earlier && earlier > Instant::BOOT);
    }
}
