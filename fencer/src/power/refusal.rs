//! What is remembered of a login that was refused for good: when it may be tried again.
//!
//! Told the time and what the files hold; reads nothing, sends nothing, keeps no password.

use std::fmt;
use std::time::Duration;

use palisade_protocol::time::Instant;

use super::error::{PowerError, PowerErrorKind};

/// Rest after the first refusal. BMCs lock an account after a few.
const REST_FIRST: Duration = Duration::from_secs(15);

/// Longest rest: whoever mends the account at the BMC waits no longer.
const REST_MAX: Duration = Duration::from_secs(600);

/// What tells one content of files from another; never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) [u8; 32]);

impl fmt::Debug for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mark(..)")
    }
}

/// One way's memory of being refused: empty from the start, and again as soon as a login succeeds.
#[derive(Debug, Default)]
pub(super) struct Memory(Option<Refusal>);

#[derive(Debug)]
struct Refusal {
    error: PowerError,
    at: Instant,
    /// What it was left alone for the last time.
    rest: Duration,
    due: Instant,
    /// What the files held, if that is known.
    mark: Option<Mark>,
}

impl Memory {
    /// Whether a login was refused, and none has succeeded since.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether what the files held is to be found out yet.
    pub(super) fn wants_mark(&self) -> bool {
        self.0.as_ref().is_some_and(|refusal| refusal.mark.is_none())
    }

    /// May a login begin, the files holding what `mark` says? Whoever may is the only one until it has
    /// ended, or for another rest.
    ///
    /// # Errors
    /// The refusal, while it stands.
    pub(super) fn ask(&mut self, now: Instant, mark: Option<Mark>) -> Result<(), PowerError> {
        let Some(refusal) = &mut self.0 else { return Ok(()) };
        if mark.is_some() && refusal.mark.is_some() && mark != refusal.mark {
            refusal.rest = Duration::ZERO;
        } else if now < refusal.due {
            return Err(refusal.error.clone());
        }
        refusal.mark = mark.or(refusal.mark);
        refusal.due = now + refusal.rest.max(REST_FIRST);
        Ok(())
    }

    /// A login that began at `begun` was refused for good.
    pub(super) fn refused(&mut self, begun: Instant, now: Instant, error: PowerError) {
        let before = self.0.take();
        if let Some(known) = before.as_ref().filter(|known| begun < known.at) {
            // Two at once: the account stands as it stood for the other.
            return self.0 = Some(Refusal { error, mark: known.mark, ..*known });
        }
        let rest = before.as_ref().map_or(Duration::ZERO, |known| known.rest);
        let rest = if is_counted(error.kind()) { rest * 2 } else { REST_FIRST };
        let rest = rest.clamp(REST_FIRST, REST_MAX);
        let mark = before.and_then(|known| known.mark);
        self.0 = Some(Refusal { error, at: now, rest, due: now + rest, mark });
    }

    /// What the files held when it was refused, as was found out since.
    pub(super) fn held(&mut self, mark: Option<Mark>) {
        if let Some(refusal) = &mut self.0 {
            refusal.mark = refusal.mark.or(mark);
        }
    }

    /// A login succeeded.
    pub(super) fn succeeded(&mut self) {
        self.0 = None;
    }

    /// A login came to no answer, or a human says that the account has been mended: it may be tried at
    /// once, and the next refusal counts as one more.
    pub(super) fn try_now(&mut self, now: Instant) {
        if let Some(refusal) = &mut self.0 {
            refusal.due = refusal.due.min(now);
        }
    }

    /// How long it is left alone yet; none if a login may begin.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let refusal = self.0.as_ref()?;
        (now < refusal.due).then(|| now.until(refusal.due))
    }
}

/// Whether the other end may have counted it: what this host refused never left it, a certificate is judged
/// before the password is shown, and that a BMC knows no such user is said before it and can be forged.
const fn is_counted(kind: PowerErrorKind) -> bool {
    !matches!(
        kind,
        PowerErrorKind::BadConfig | PowerErrorKind::Certificate | PowerErrorKind::NoSuchUser
    )
}

#[cfg(test)]
mod tests {
    use super::super::trouble::Trouble;
    use super::*;

    const RIGHT: Option<Mark> = Some(Mark([1; 32]));
    const WRONG: Option<Mark> = Some(Mark([2; 32]));
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_refused_account_is_tried_again_after_twice_as_long_up_to_ten_minutes() {
        let mut memory = Memory::default();
        assert_eq!(rests(&mut memory, 8), [15, 30, 60, 120, 240, 480, 600, 600]);
    }

    /// Three fencers ask every second or so: in an hour it is still a few tries each.
    #[test]
    fn a_case_that_stays_open_does_not_lock_the_account_of_the_others() {
        let (mut memory, mut tries) = (Memory::default(), Vec::new());
        for second in 0..3600 {
            let now = at(second);
            if memory.ask(now, WRONG).is_ok() {
                tries.push(second);
                memory.refused(now, now, error(PowerErrorKind::WrongPassword));
            }
        }
        assert_eq!(tries, [0, 15, 45, 105, 225, 465, 945, 1545, 2145, 2745, 3345]);
    }

    #[test]
    fn a_password_file_that_changed_is_tried_at_once_and_begins_anew() {
        let mut memory = Memory::default();
        rests(&mut memory, 5);
        memory.held(WRONG);
        let now = at(10_000) + SECOND;
        refuse(&mut memory, now);
        assert!(memory.ask(now + SECOND, WRONG).is_err());
        assert!(memory.ask(now + SECOND, None).is_err(), "a file that cannot be read is no change");
        assert!(memory.ask(now + SECOND, RIGHT).is_ok());
        assert!(memory.ask(now + SECOND, RIGHT).is_err(), "only one begins");
        refuse(&mut memory, now + SECOND * 2);
        assert_eq!(memory.left(now + SECOND * 2), Some(SECOND * 15));
    }

    #[test]
    fn a_login_that_succeeded_is_the_end_of_it() {
        let mut memory = Memory::default();
        rests(&mut memory, 3);
        memory.succeeded();
        assert!(memory.is_empty() && memory.ask(at(0), None).is_ok());
        assert_eq!(rests(&mut memory, 1), [15]);
    }

    #[test]
    fn silence_forgets_nothing_and_keeps_nobody_waiting() {
        let mut memory = Memory::default();
        rests(&mut memory, 2);
        let now = at(5000);
        assert!(memory.ask(now, None).is_ok());
        memory.try_now(now + SECOND);
        assert!(memory.ask(now + SECOND, None).is_ok());
        refuse(&mut memory, now + SECOND);
        assert_eq!(memory.left(now + SECOND), Some(SECOND * 60));
    }

    #[test]
    fn two_that_were_refused_at_once_count_as_one() {
        let mut memory = Memory::default();
        refuse(&mut memory, at(3));
        memory.refused(at(2), at(4), error(PowerErrorKind::WrongPassword));
        assert_eq!(memory.left(at(4)), Some(SECOND * 14));
    }

    /// Nothing was sent, so nobody counts: a program that is missing may be installed at any time.
    #[test]
    fn what_this_host_refused_is_looked_at_again_soon() {
        let mut memory = Memory::default();
        for second in [0, 100, 200] {
            memory.refused(at(second), at(second), error(PowerErrorKind::BadConfig));
            assert_eq!(memory.left(at(second)), Some(SECOND * 15));
        }
    }

    /// Tries as soon as it may, is refused, and tells how long it is left alone then, in seconds.
    fn rests(memory: &mut Memory, times: u64) -> Vec<u64> {
        let mut now = at(0);
        let rests = (0..times).map(|_| {
            assert!(memory.ask(now, None).is_ok());
            refuse(memory, now);
            let left = memory.left(now).unwrap();
            assert!(memory.ask(now + (left - Duration::from_nanos(1)), None).is_err());
            now += left;
            left.as_secs()
        });
        rests.collect()
    }

    fn refuse(memory: &mut Memory, now: Instant) {
        memory.refused(now, now, error(PowerErrorKind::WrongPassword));
    }

    fn error(kind: PowerErrorKind) -> PowerError {
        PowerError::at("bmc".into(), Trouble::new(kind, "refused", "mend it").definite())
    }

    fn at(second: u64) -> Instant {
        Instant::BOOT + SECOND * u32::try_from(second).unwrap()
    }
}
