//! What wakes the loop: an alarm on the boot clock, signals, and whatever else is readable.
//!
//! Waits, and says for what it was woken. Decides nothing.

use heapless::Vec;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use palisade_protocol::ids::LINKS_MAX;
use palisade_protocol::time::{Duration, Instant};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// The most descriptors waited for: links, alarm, signals, control socket, probe.
const SOURCES_MAX: usize = LINKS_MAX + 4;

/// The signals that the loop takes as words.
const SIGNALS: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

/// The alarm and the signals.
#[derive(Debug)]
pub(crate) struct Wake {
    alarm: TimerFd,
    signals: SignalFd,
    set_for: Option<Instant>,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// SIGTERM, SIGINT: leave.
    Leave,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Which sources were readable: bit n for the n-th one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready(u16);

impl Ready {
    /// Whether the source in `place` was readable.
    pub(crate) const fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }
}

const _: () = assert!(SOURCES_MAX <= 16, "a bit for each source");

impl Wake {
    /// Takes the signals over; to be called before any thread is started, so that none of them gets one.
    ///
    /// # Errors
    /// If the system has no more descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        SIGNALS.into_iter().for_each(|signal| mask.add(signal));
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let alarm = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?;
        Ok(Self { alarm, signals, set_for: None })
    }

    /// The next word by signal, if there is one.
    pub(crate) fn next_word(&mut self) -> Option<Word> {
        let signal = self.signals.read_signal().ok().flatten()?;
        let is_hangup = signal.ssi_signo == Signal::SIGHUP as u32;
        Some(if is_hangup { Word::Reload } else { Word::Leave })
    }

    /// Waits until `alarm_at` or until a signal or one of `sources` comes. An alarm in the past
    /// rings at once.
    pub(crate) fn wait(&mut self, alarm_at: Instant, sources: &[Option<BorrowedFd<'_>>]) -> Ready {
        self.set_alarm(alarm_at);
        let mut fds: Vec<PollFd<'_>, SOURCES_MAX> = Vec::new();
        let own = [Some(self.alarm.as_fd()), Some(self.signals.as_fd())];
        let all = own.into_iter().chain(sources.iter().copied()).flatten();
        fds.extend(all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => ready(&fds, sources),
            Err(error) => {
                log::error!("poll: {error}; the loop goes on with everything looked at");
                Ready(u16::MAX)
            }
        }
    }

    fn set_alarm(&mut self, at: Instant) {
        if self.set_for == Some(at) {
            return;
        }
        self.set_for = Some(at);
        // Zero would switch the timer off.
        let at = Duration::from_nanos(at.as_nanos().max(1));
        let once = Expiration::OneShot(TimeSpec::from_duration(at));
        let set = self.alarm.set(once, TimerSetTimeFlags::TFD_TIMER_ABSTIME);
        assert!(set.is_ok(), "an alarm of ours can be set: {set:?}");
    }
}

/// From the descriptors that were there to the places of all sources.
fn ready(fds: &[PollFd<'_>], sources: &[Option<BorrowedFd<'_>>]) -> Ready {
    let mut answers = fds.iter().skip(2).map(|fd| fd.any().unwrap_or(true));
    let mut ready = Ready::default();
    for (place, source) in sources.iter().enumerate() {
        let is_ready = source.is_some() && answers.next().unwrap_or(false);
        ready.0 |= u16::from(is_ready) << place;
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::eventfd::EventFd;
    use palisade_host::clock;

    const FAR: Duration = Duration::from_secs(20);

    #[test]
    fn the_alarm_rings_once_its_time_has_come_and_not_before() {
        let mut wake = Wake::new().expect("descriptors");
        let at = clock::now() + Duration::from_millis(30);
        assert_eq!(wake.wait(at, &[]), Ready::default());
        assert!(clock::now() >= at);
        wake.wait(Instant::BOOT, &[]);
    }

    #[test]
    fn a_source_is_told_by_its_place_even_behind_an_absent_one() {
        let mut wake = Wake::new().expect("descriptors");
        let (quiet, loud) =
            (EventFd::new().expect("an eventfd"), EventFd::new().expect("an eventfd"));
        loud.write(1).expect("it counts");
        let ready = wake.wait(clock::now() + FAR, &[Some(quiet.as_fd()), None, Some(loud.as_fd())]);
        assert!(!ready.has(0) && !ready.has(1) && ready.has(2));
    }

    #[test]
    fn a_signal_is_a_word() {
        let mut wake = Wake::new().expect("descriptors");
        nix::sys::signal::raise(Signal::SIGHUP).expect("it is raised");
        wake.wait(clock::now() + FAR, &[]);
        assert_eq!(wake.next_word(), Some(Word::Reload));
        assert_eq!(wake.next_word(), None);
    }
}
