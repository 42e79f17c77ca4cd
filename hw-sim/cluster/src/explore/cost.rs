//! What a run costs: the processor time of the thread that runs it, so that a figure for one core
//! stands whatever else the machine does.

use nix::time::{ClockId, clock_gettime};
use palisade_protocol::time::Duration;

/// The processor time of this thread; zero where the kernel does not tell.
pub(super) fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// How often `count` goes into the seconds of `span`.
pub(super) fn a_second(count: u64, span: Duration) -> f64 {
    as_float(count) / span.as_secs_f64().max(1e-9)
}

/// `count` as a number to calculate rates with.
pub(super) fn as_float(count: u64) -> f64 {
    let [low, high] = [count & u64::from(u32::MAX), count >> 32];
    let half = |half: u64| f64::from(u32::try_from(half).unwrap_or(u32::MAX));
    half(high) * 4_294_967_296.0 + half(low)
}
