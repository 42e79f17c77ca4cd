//! Threads that stand for hardware: a watchdog or a wire does not wait for a scheduler.

use palisade_host::lockdown::run_in_real_time;

/// Puts the calling thread under the real-time scheduler where that is allowed; elsewhere the
/// simulated hardware is as late as the machine is busy.
pub fn like_hardware() {
    if let Err(weakness) = run_in_real_time() {
        log::debug!("simulated hardware under the ordinary scheduler: {weakness}");
    }
}
