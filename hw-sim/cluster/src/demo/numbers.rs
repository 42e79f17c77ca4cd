//! The numbers of the demo's cluster, in one place: the configuration is written from them and
//! the judge measures against them. Decides nothing.

use palisade_protocol::time::Duration;

/// Time between two renewals; profile `lan-fast`.
pub const BEAT: Duration = Duration::from_millis(50);
/// Silence after which a voter suspects; six beats, profile `lan-fast`.
pub const SUSPECT_AFTER: Duration = Duration::from_millis(300);
/// Longest accepted stall between test and completed pet.
pub const STALL: Duration = Duration::from_millis(20);
/// Longest round trip counted on.
pub const RTT: Duration = Duration::from_millis(5);
/// Room to spare in the lease inequality.
pub const MARGIN: Duration = Duration::from_millis(200);
/// Drift bound of each clock, parts per million.
pub const DRIFT_PPM: u32 = 500;
/// The promise `P`: smallest feasible for a watchdog of one second, rounded up.
pub const PROMISE: Duration = Duration::from_millis(1_600);
/// Time of the simulated watchdog from the last pet to the reset; also its measured worst, `W`.
pub const WATCHDOG: Duration = Duration::from_millis(1_000);
/// Space between the two readings `off`.
pub const OFF_CONFIRM: Duration = Duration::from_millis(250);
/// Rest between `off` verified and `on`.
pub const ON_REST: Duration = Duration::from_millis(2_000);
/// Life of a warrant; must end before power comes back, clocks drifting.
pub const WARRANT: Duration = Duration::from_millis(1_900);
/// Time between two health checks.
pub const CHECK_EVERY: Duration = Duration::from_millis(200);
/// Deadline of one health check; not longer than the time between two.
pub const CHECK_TIMEOUT: Duration = Duration::from_millis(200);
/// Consecutive checks without answer that are not yet a failure.
pub const CHECK_TOLERATE: u32 = 2;
/// From the BMC's order to power gone.
pub const OFF_LATENCY: Duration = Duration::from_millis(200);
/// The same of a BMC that holds the power button, as many do: longer than the watchdog.
pub const SLOW_OFF: Duration = Duration::from_millis(1_500);
/// From the BMC's order to power back.
pub const ON_LATENCY: Duration = Duration::from_millis(100);
/// From power back, or reset, to the first process.
pub const BOOT: Duration = Duration::from_millis(700);
/// How much later than it happened `off` may be read: the pause between two readings of a machine
/// that falls this fast. The core's own number.
pub const READING: Duration = Duration::from_millis(50);
/// What the machine that runs the demo may add: process starts, a BMC session not yet open, a
/// scheduler without real time. Not part of the product's bound; named apart in the summary.
pub const HOST: Duration = Duration::from_millis(250);

const _: () = assert!(SUSPECT_AFTER.as_millis() == 6 * BEAT.as_millis(), "suspicion is six beats");
