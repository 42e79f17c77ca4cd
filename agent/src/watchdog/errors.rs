//! What can go wrong with a watchdog: what was tried, what came back, what to do.

use nix::errno::Errno;
use palisade_protocol::span::Span;
use palisade_protocol::time::Duration;
use palisade_protocol::wire::DogClass;
use std::path::PathBuf;

/// Why a watchdog did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DogError {
    /// Opening failed.
    #[error("opening {}: {errno}; {}", device.display(), open_remedy(*errno))]
    Open {
        /// The device or socket.
        device: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// A call on the open device failed.
    #[error("{call} on {}: {errno}; look into the kernel log for its driver", device.display())]
    Call {
        /// The device or socket.
        device: PathBuf,
        /// The call by its name in the kernel's documents.
        call: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// The timer does not reset the machine.
    #[error("{} ({identity}) only rings an alarm, it resets nothing; name another device", device.display())]
    AlarmOnly {
        /// The device.
        device: PathBuf,
        /// Its driver, as it calls itself.
        identity: String,
    },
    /// The driver is of another class than was told to the fencers.
    #[error("{} is {found:?} ({identity}) and was taken for {told:?}; load its module at boot and restart the agent", device.display())]
    ClassDiffers {
        /// The device.
        device: PathBuf,
        /// Its driver, as it calls itself.
        identity: String,
        /// The class that was told.
        told: DogClass,
        /// The class that was found on opening.
        found: DogClass,
    },
    /// The driver keeps another time than it was told.
    #[error("{} was set to {asked_s} s and says {kept_s} s; set timeout_ms to a time it can keep", device.display())]
    TimeoutDiffers {
        /// The device.
        device: PathBuf,
        /// Seconds asked for.
        asked_s: i32,
        /// Seconds read back.
        kept_s: i32,
    },
    /// The driver cannot be stopped.
    #[error("{} cannot be stopped (nowayout); it bites unless the machine powers off first", device.display())]
    NoWayOut {
        /// The device.
        device: PathBuf,
    },
    /// It is not running, so it cannot be petted.
    #[error("{} is not armed", device.display())]
    NotArmed {
        /// The device or socket.
        device: PathBuf,
    },
    /// A simulated dog gave no answer.
    #[error("no answer to `{asked}` from {} in {}; is the simulator running?", device.display(), Span(*.waited))]
    Silent {
        /// The socket.
        device: PathBuf,
        /// The packet that was sent.
        asked: String,
        /// How long an answer was waited for.
        waited: Duration,
    },
    /// A simulated dog gave an answer that was not understood.
    #[error("`{asked}` was answered `{got}` by {}; agent and simulator differ in version", device.display())]
    Garbled {
        /// The socket.
        device: PathBuf,
        /// The packet that was sent.
        asked: String,
        /// What came back.
        got: String,
    },
}

/// What to do about a device that does not open.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel has 133 error numbers")]
fn open_remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::EBUSY => {
            "another program holds it: stop sbd, watchdogd, corosync's wd, or set RuntimeWatchdogSec=0"
        }
        Errno::ENOENT | Errno::ENODEV => {
            "load the watchdog's kernel module, or name the right device"
        }
        Errno::EACCES | Errno::EPERM => "run the agent as root",
        _ => "look into the kernel log for its driver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_device_names_who_may_hold_it() {
        let error = DogError::Open { device: "/dev/watchdog0".into(), errno: Errno::EBUSY };
        assert!(error.to_string().contains("RuntimeWatchdogSec=0"), "{error}");
        assert!(error.to_string().contains("/dev/watchdog0"), "{error}");
    }
}
