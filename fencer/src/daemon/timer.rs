//! The core's deadline as an alarm on the boot clock.
//!
//! Absolute and on `CLOCK_BOOTTIME`: a clock step does not move it and a suspended machine finds it
//! overdue. Never reads the clock.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use palisade_protocol::time::Instant;
use tokio::io::unix::AsyncFd;

use super::readable;

/// One alarm; setting it again forgets the old one.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: TimerFd,
    ready: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// An alarm that is not set; needs a running tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?;
        let ready = readable::watch(&timer)?;
        Ok(Self { timer, ready })
    }

    /// Sets the alarm; one in the past rings at once.
    pub(super) fn set(&self, at: Instant) -> io::Result<()> {
        // Zero would switch the timer off.
        let at = Duration::from_nanos(at.as_nanos().max(1));
        let once = Expiration::OneShot(TimeSpec::from_duration(at));
        Ok(self.timer.set(once, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
    }

    /// Returns when the alarm rings. May be dropped and asked again.
    pub(super) async fn ring(&self) -> io::Result<()> {
        loop {
            let mut ready = self.ready.readable().await?;
            let read = ready.try_io(|_| match self.timer.wait() {
                Err(Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
                other => Ok(other?),
            });
            if let Ok(rung) = read {
                return rung;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_host::clock;

    #[test]
    fn an_alarm_rings_at_its_time_and_not_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let alarm = Alarm::new().unwrap();
            let at = clock::now() + Duration::from_millis(30);
            alarm.set(Instant::NEVER).unwrap();
            alarm.set(at).unwrap();
            alarm.ring().await.unwrap();
            assert!(clock::now() >= at);
        });
    }

    #[test]
    fn a_deadline_that_has_passed_rings_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let alarm = Alarm::new().unwrap();
            alarm.set(Instant::BOOT).unwrap();
            alarm.ring().await.unwrap();
        });
    }
}
