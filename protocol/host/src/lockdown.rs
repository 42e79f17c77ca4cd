//! What keeps a process running when the machine is in trouble, and its secrets inside it.
//!
//! Each step either holds or returns a [`Weakness`]: a warning with what to do. None is fatal, and
//! none is believed without looking: the scheduler's answer is read back.

use std::fmt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{Resource, setrlimit};

/// Real-time priority: above threaded interrupts (50), below the kernel's own watchdogs (99).
pub const PRIORITY: i32 = 60;

/// Spares the process from the out-of-memory killer entirely. [proc(5)]
const OOM_SPARED: &str = "-1000";

/// A step that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// What was tried.
    pub tried: &'static str,
    /// What came back.
    pub found: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for Weakness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {}: {}; {}", self.tried, self.found, self.remedy)
    }
}

/// All steps for a daemon that must never stall; returns those that did not hold.
///
/// Threads and children started later run under the ordinary scheduler.
pub fn lock_down() -> Vec<Weakness> {
    [forbid_dumps(), lock_memory(), run_in_real_time(), spare_from_oom()]
        .into_iter()
        .filter_map(Result::err)
        .collect()
}

/// No core dump and no attaching debugger of the same user: keys stay inside.
pub fn forbid_dumps() -> Result<(), Weakness> {
    let steps = setrlimit(Resource::RLIMIT_CORE, 0, 0).and(nix::sys::prctl::set_dumpable(false));
    steps.map_err(|error| Weakness {
        tried: "forbid core dumps",
        found: error.to_string(),
        remedy: "set LimitCORE=0 in the unit",
    })
}

/// Keeps every page of the process in memory, now and later.
pub fn lock_memory() -> Result<(), Weakness> {
    let all = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE;
    mlockall(all).map_err(|error| Weakness {
        tried: "lock memory",
        found: error.to_string(),
        remedy: "run as root or set LimitMEMLOCK=infinity in the unit; \
                 a page read from a hung disk can stall the pet",
    })
}

/// Puts the calling thread under `SCHED_RR` at [`PRIORITY`] and reads back that it is.
pub fn run_in_real_time() -> Result<(), Weakness> {
    let weakness = |found| Weakness {
        tried: "run under SCHED_RR",
        found,
        remedy: "run as root or set LimitRTPRIO=60 in the unit; in a cgroup with a real-time \
                 budget of 0 move it to the root slice (Slice=-.slice)",
    };
    set_scheduler().map_err(|error| weakness(error.to_string()))?;
    let policy = scheduler().map_err(|error| weakness(error.to_string()))?;
    let is_real_time = policy == libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    is_real_time.then_some(()).ok_or_else(|| weakness(format!("policy {policy} came back")))
}

/// Takes the process off the list of the out-of-memory killer.
pub fn spare_from_oom() -> Result<(), Weakness> {
    std::fs::write("/proc/self/oom_score_adj", OOM_SPARED).map_err(|error| Weakness {
        tried: "spare the process from the out-of-memory killer",
        found: error.to_string(),
        remedy: "run as root or set OOMScoreAdjust=-1000 in the unit",
    })
}

fn set_scheduler() -> Result<(), Errno> {
    let priority = libc::sched_param { sched_priority: PRIORITY };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    #[expect(unsafe_code, reason = "nix has no sched_setscheduler")]
    // SAFETY: `priority` is a valid sched_param that outlives the call; 0 is the calling thread.
    let returned = unsafe { libc::sched_setscheduler(0, policy, &raw const priority) };
    Errno::result(returned).map(drop)
}

fn scheduler() -> Result<i32, Errno> {
    #[expect(unsafe_code, reason = "nix has no sched_getscheduler")]
    // SAFETY: takes no pointer; 0 is the calling thread.
    let returned = unsafe { libc::sched_getscheduler(0) };
    Errno::result(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_holds_is_silent_and_one_that_does_not_says_what_to_do() {
        for step in [lock_memory(), run_in_real_time(), spare_from_oom()] {
            if let Err(weakness) = step {
                let said = weakness.to_string();
                assert!(said.starts_with("cannot ") && said.contains("run as root"), "{said}");
            }
        }
    }

    #[test]
    fn nothing_is_dumped_afterwards() {
        forbid_dumps().unwrap();
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
        let limits = nix::sys::resource::getrlimit(Resource::RLIMIT_CORE).unwrap();
        assert_eq!(limits, (0, 0));
    }

    #[test]
    fn threads_started_later_are_not_real_time() {
        if run_in_real_time().is_ok() {
            let theirs = std::thread::spawn(scheduler).join().unwrap().unwrap();
            assert_eq!(theirs & !libc::SCHED_RESET_ON_FORK, libc::SCHED_OTHER);
        }
    }
}
