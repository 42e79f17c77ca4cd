//! From the answers of a health check to a verdict.
//!
//! Never asks the service; is told what it answered and when. An answer that never comes is a miss.

use palisade_protocol::time::{Duration, Instant, earliest};
use palisade_protocol::wire::Verdict;

/// How long after its own deadline a probe is given up for lost: the probing thread itself hangs.
const PROBE_LOST_AFTER: Duration = Duration::from_secs(1);

/// How often a service that was never up here is asked, however rarely one that was.
const FIRST_EVERY: Duration = Duration::from_secs(1);

/// What the service answered, as its profile reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It works.
    Running,
    /// It works, in maintenance: reported, never failed over.
    Maintenance,
    /// It works and waits to be set up: reported, never failed over.
    FirstRun,
    /// It starts.
    Starting,
    /// It stops.
    Stopping,
    /// It has failed.
    Failed(FailKind),
    /// No answer within the time.
    Silent,
}

/// How it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailKind {
    /// 404: the web application was not deployed.
    NotDeployed,
    /// 500, state ERROR.
    Error,
    /// Any other status.
    Status(u16),
    /// The body cannot be read.
    Unreadable,
    /// The connection was refused.
    Refused,
    /// It sends elsewhere; that is not followed.
    Redirect,
}

/// How a service is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckConfig {
    /// From one question to the next.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long it may be starting.
    pub start_deadline: Duration,
    /// How long it may be stopping.
    pub stop_deadline: Duration,
    /// Consecutive misses that are not yet a failure.
    pub tolerate: u8,
    /// Whether the check counts from the start on.
    pub armed: bool,
}

/// The judge of one service.
///
/// ```text
///             Running                 Starting, Stopping, Silent
///   Unknown ----------> Up <------------------------------> Grace <-- armed while it runs
///      |                 |  Failed                            | Failed, deadline,
///      | Starting        v                                    v more misses than tolerated
///      +--> Grace       Down (until disarmed) <---------------+
/// ```
/// `Unknown` never becomes `Down`: a node that has not served yet has nothing to hand over. A check
/// armed later is armed because the service is being started: until it answers for itself, or its
/// start deadline passes, nothing it says is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Health {
    config: CheckConfig,
    armed: bool,
    verdict: Verdict,
    misses: u8,
    grace: Option<(Phase, Instant)>,
    asked_at: Option<Instant>,
    ask_next: Instant,
}

/// Which of the phases with a deadline of its own a service is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Armed,
    Starting,
    Stopping,
}

impl Health {
    /// A service of which nothing is known; asked at once.
    pub const fn new(config: CheckConfig, now: Instant) -> Self {
        Self {
            config,
            armed: config.armed,
            verdict: Verdict::Unknown,
            misses: 0,
            grace: None,
            asked_at: None,
            ask_next: now,
        }
    }

    /// The verdict; `Idle` while the check is disarmed.
    pub const fn verdict(&self) -> Verdict {
        if self.armed { self.verdict } else { Verdict::Idle }
    }

    /// Whether the check counts.
    pub const fn is_armed(&self) -> bool {
        self.armed
    }

    /// From now on the check counts: the service is being started here.
    pub const fn arm(&mut self, now: Instant) {
        if !self.armed {
            *self = Self::new(CheckConfig { armed: true, ..self.config }, now);
            self.verdict = Verdict::Grace;
            self.grace = Some((Phase::Armed, now));
        }
    }

    /// From now on it does not.
    pub const fn disarm(&mut self) {
        self.armed = false;
    }

    /// Whether the service is to be asked now; notes that it is.
    ///
    /// At most one question is open at a time.
    pub fn ask(&mut self, now: Instant) -> bool {
        let due = self.armed && self.asked_at.is_none() && now >= self.ask_next;
        if due {
            self.asked_at = Some(now);
        }
        due
    }

    /// The service answered, to the question asked at `asked_at`.
    pub fn answered(&mut self, now: Instant, asked_at: Instant, answer: Answer) {
        if !self.armed || self.asked_at != Some(asked_at) {
            return;
        }
        self.asked_at = None;
        self.judge(now, answer);
        let awaited = self.verdict == Verdict::Unknown || self.is_expected();
        let every = if awaited { self.config.every.min(FIRST_EVERY) } else { self.config.every };
        self.ask_next = now.max(asked_at + every);
    }

    /// Time passes: an answer that never came is a miss, a phase may outlast its deadline.
    pub fn tick(&mut self, now: Instant) {
        if let Some(asked_at) = self.asked_at.filter(|_| self.lost_at().is_some_and(|at| now >= at))
        {
            self.answered(now, asked_at, Answer::Silent);
        }
        if self.armed && self.grace_ends().is_some_and(|end| now >= end) {
            self.fail();
        }
    }

    /// When [`Self::ask`] or [`Self::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let question = self.lost_at().unwrap_or(self.ask_next);
        self.armed.then_some(question).and_then(|at| earliest(Some(at), self.grace_ends()))
    }

    fn judge(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Failed(_) | Answer::Silent if self.is_expected() => {}
            Answer::Running | Answer::Maintenance | Answer::FirstRun => self.recover(),
            Answer::Starting => self.phase(now, Phase::Starting),
            Answer::Stopping => self.phase(now, Phase::Stopping),
            Answer::Failed(_) => self.fail(),
            Answer::Silent => self.miss(),
        }
    }

    /// Whether the service was promised and has not answered for itself yet.
    fn is_expected(&self) -> bool {
        self.grace.is_some_and(|(phase, _)| phase == Phase::Armed)
    }

    fn recover(&mut self) {
        self.misses = 0;
        self.grace = None;
        if self.verdict != Verdict::Down {
            self.verdict = Verdict::Up;
        }
    }

    fn phase(&mut self, now: Instant, phase: Phase) {
        self.misses = 0;
        let since = self.grace.filter(|(current, _)| current.continues_as(phase));
        self.grace = Some((phase, since.map_or(now, |(_, since)| since)));
        if self.verdict != Verdict::Down {
            self.verdict = Verdict::Grace;
        }
    }

    fn miss(&mut self) {
        self.misses = self.misses.saturating_add(1);
        if self.misses > self.config.tolerate {
            self.fail();
        } else if self.verdict == Verdict::Up {
            self.verdict = Verdict::Grace;
        }
    }

    fn fail(&mut self) {
        self.grace = None;
        if self.verdict != Verdict::Unknown {
            self.verdict = Verdict::Down;
        }
    }

    fn lost_at(&self) -> Option<Instant> {
        self.asked_at.map(|at| at + self.config.timeout + PROBE_LOST_AFTER)
    }

    fn grace_ends(&self) -> Option<Instant> {
        self.grace.map(|(phase, since)| match phase {
            Phase::Armed | Phase::Starting => since + self.config.start_deadline,
            Phase::Stopping => since + self.config.stop_deadline,
        })
    }
}

impl Phase {
    /// Whether the deadline of `next` goes on from this phase.
    fn continues_as(self, next: Self) -> bool {
        self == next || (self == Self::Armed && next == Self::Starting)
    }
}

/// Whether a pet is allowed under `verdict`: not knowing is not enough.
pub const fn allows_pet(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Up | Verdict::Grace | Verdict::Idle => true,
        Verdict::Unknown | Verdict::Down => false,
    }
}

#[cfg(test)]
mod tests;
