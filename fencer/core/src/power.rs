//! From order to proof: off, read off twice, rest, on, read on.
//!
//! Never cycle, reset or soft. Never takes silence for off: a report that does not come changes
//! nothing. Decides no warrant; every Off and On it asks for needs one.

use palisade_protocol::time::{Duration, Instant};

use crate::proof::Evidence;
use crate::warrant::PowerAct;

/// How long a BMC may take to obey before the command is sent again. A held power button takes four
/// seconds and more; a command that was acknowledged and lost is not missed for longer than that.
/// [RHEL, Configuring ACPI for integrated fence devices]
pub const RESEND_AFTER: Duration = Duration::from_secs(5);

/// Shortest pause between two readings: what a slow BMC needs for one answer. [xCAT traces]
pub const READ_EVERY_MIN: Duration = Duration::from_millis(50);

/// Longest pause between two readings of a machine that does not obey.
pub const READ_EVERY_MAX: Duration = Duration::from_millis(500);

/// The pause is this part of the time since the command was obeyed, so that waiting adds at most an
/// eighth to what the machine takes, and a machine that takes long is not asked often.
const READ_EVERY_PART: u32 = 8;

/// Pause after a fault before a new session is tried.
pub const RETRY_AFTER: Duration = Duration::from_millis(200);

/// How long the power engine may keep an order before it counts as lost. Longer than any deadline
/// of the engine itself.
pub const REPORT_WITHIN: Duration = Duration::from_secs(15);

/// How long after the last Off left a machine may still fall from it: the longest documented power
/// button hold, 15 s, and a third more. [x86-power-control, ForceOffPulseMs]
pub const FALL_MAX: Duration = Duration::from_secs(20);

/// How long a machine may refuse to come up before a human is called.
pub const RISE_MAX: Duration = Duration::from_secs(60);

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerReport {
    /// The BMC accepted the command; also if it says that the machine is in that state already
    /// (0xD5), which alone proves nothing.
    Acked {
        /// When the session it was accepted in was opened.
        session_at: Instant,
    },
    /// The BMC read the power state.
    Read {
        /// When the session was opened.
        session_at: Instant,
        /// When the reading was asked for.
        asked_at: Instant,
        /// What it says.
        on: bool,
    },
    /// Nothing was obeyed or read: silence, refusal, no session, no warrant.
    Failed,
}

/// Where a machine's power is on its way down and up again.
///
/// ```text
///           acked            off                off, spaced          rested, closed     acked
///  Ordering -----> Falling ------> Falling(1) ------------> Resting ----------> Raising ----> Rising
///     ^               | on: read again, order again after 5 s                                   | on
///     +---------------+ fault, another session                                                  v
///                                                                                             Done
///  proven otherwise: Settling (an Off left, so it may still fall) or Done
///  fallen by another's hand: Looking, until it is read on, or off twice: Resting
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Ordering,
    Falling { session_at: Instant, obeyed_at: Instant, first_off_at: Option<Instant> },
    Settling { off_at: Option<Instant> },
    Looking { off_at: Option<Instant> },
    Resting { since: Instant },
    Raising,
    Rising { session_at: Instant, obeyed_at: Instant },
    Done,
}

/// What a report showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing that ends a stage.
    Nothing,
    /// The machine is off, proven.
    Off(Evidence),
    /// The machine is on again.
    On,
}

/// The power of one condemned machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PowerSequence {
    stage: Stage,
    warranted_at: Instant,
    open: Option<(PowerAct, Instant)>,
    next_at: Instant,
    off_left_at: Option<Instant>,
    rising_since: Option<Instant>,
}

impl PowerSequence {
    /// A machine that stands, and is to fall under a warrant that a majority gave at `now`, in
    /// answer to a question sent at `asked_at`.
    pub(crate) const fn new(now: Instant, asked_at: Instant) -> Self {
        Self {
            stage: Stage::Ordering,
            warranted_at: now,
            open: None,
            next_at: asked_at,
            off_left_at: None,
            rising_since: None,
        }
    }

    /// A machine that somebody else let fall: from `now` on it is looked at, and raised if it is
    /// off.
    pub(crate) const fn fallen(now: Instant) -> Self {
        let stage = Stage::Looking { off_at: None };
        Self { stage, rising_since: Some(now), ..Self::new(now, now) }
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether an Off has left from which the machine may still fall.
    pub(crate) fn may_fall(&self, now: Instant) -> bool {
        self.off_left_at.is_some_and(|left| now.since(left) <= FALL_MAX)
    }

    /// Nothing is to be ordered yet.
    pub(crate) fn waits(&mut self, now: Instant) {
        self.next_at = self.next_at.max(now + READ_EVERY_MIN);
    }

    /// Since when an Off is to be ordered, if that is the next thing to do.
    pub(crate) fn off_due_at(&self) -> Option<Instant> {
        (self.stage == Stage::Ordering && self.open.is_none()).then_some(self.next_at)
    }

    /// Whether an Off has left.
    pub(crate) const fn has_begun(&self) -> bool {
        self.off_left_at.is_some()
    }

    /// Whether it is off and waits to be raised.
    pub(crate) const fn is_resting(&self) -> bool {
        matches!(self.stage, Stage::Resting { .. })
    }

    /// The stage, for people.
    pub(crate) const fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Ordering => "ordering off",
            Stage::Falling { .. } => "falling",
            Stage::Settling { .. } => "settling",
            Stage::Looking { .. } => "looking",
            Stage::Resting { .. } => "resting",
            Stage::Raising => "ordering on",
            Stage::Rising { .. } => "rising",
            Stage::Done => "done",
        }
    }

    /// When [`Self::next`] may have something to order, or gives an open order up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let lost = self.open.map(|(_, since)| since + REPORT_WITHIN);
        (!self.is_done()).then_some(lost.unwrap_or(self.next_at))
    }

    /// What is to be ordered now, if anything; one order is open at a time.
    ///
    /// `may_rise` says that a majority has noted the proof, so that nobody else is at work on this
    /// machine.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        on_rest: Duration,
        may_rise: bool,
    ) -> Option<PowerAct> {
        if self.open.is_some_and(|(_, since)| now >= since + REPORT_WITHIN) {
            self.fault(now);
        }
        if self.open.is_some() || now < self.next_at {
            return None;
        }
        let act = self.wanted(now, on_rest, may_rise)?;
        self.open = Some((act, now));
        Some(act)
    }

    /// The command of the open order is about to leave: from now on the machine may fall.
    pub(crate) fn leaves(&mut self, now: Instant, act: PowerAct) {
        if act == PowerAct::Off {
            self.off_left_at = Some(now);
        }
    }

    /// Takes the report of the open order.
    pub(crate) fn reported(
        &mut self,
        now: Instant,
        report: PowerReport,
        spacing: Duration,
    ) -> Shown {
        let Some((act, _)) = self.open.take() else { return Shown::Nothing };
        match report {
            PowerReport::Acked { session_at } => self.acked(now, act, session_at),
            PowerReport::Read { session_at, asked_at, on: false } => {
                return self.read_off(now, session_at, asked_at, spacing);
            }
            PowerReport::Read { on: true, .. } => return self.read_on(now),
            PowerReport::Failed => self.fault(now),
        }
        Shown::Nothing
    }

    /// The life is proven over by other means: no Off may leave any more.
    ///
    /// If one has left, the machine may still fall from it, and must then be raised again.
    pub(crate) fn proven_otherwise(&mut self) {
        let settles = self.off_left_at.is_some();
        self.stage = if settles { Stage::Settling { off_at: None } } else { Stage::Done };
    }

    /// Nothing more is to be done: it stays as it is.
    pub(crate) const fn stop(&mut self) {
        self.stage = Stage::Done;
    }

    /// Whether a machine that should come up has been refusing for too long.
    pub(crate) fn refuses_to_rise(&self, now: Instant) -> bool {
        self.rising_since.is_some_and(|since| now.since(since) > RISE_MAX)
    }

    fn wanted(&mut self, now: Instant, on_rest: Duration, may_rise: bool) -> Option<PowerAct> {
        match self.stage {
            Stage::Ordering => Some(PowerAct::Off),
            Stage::Falling { .. } | Stage::Looking { .. } | Stage::Rising { .. } => {
                Some(PowerAct::Read)
            }
            Stage::Settling { .. } => self.settle(now),
            Stage::Resting { since } if now >= since + on_rest && may_rise => {
                self.stage = Stage::Raising;
                self.rising_since = self.rising_since.or(Some(now));
                Some(PowerAct::On)
            }
            Stage::Resting { since } => {
                self.next_at = (since + on_rest).max(now + READ_EVERY_MIN);
                None
            }
            Stage::Raising => Some(PowerAct::On),
            Stage::Done => None,
        }
    }

    fn settle(&mut self, now: Instant) -> Option<PowerAct> {
        let settled = self.off_left_at.is_none_or(|left| now.since(left) > FALL_MAX);
        if settled {
            self.stage = Stage::Done;
        }
        (!settled).then_some(PowerAct::Read)
    }

    fn acked(&mut self, now: Instant, act: PowerAct, session_at: Instant) {
        self.next_at = now;
        match act {
            PowerAct::Off if session_at < self.warranted_at => self.fault(now),
            PowerAct::Off if self.stage == Stage::Ordering => {
                self.stage = Stage::Falling { session_at, obeyed_at: now, first_off_at: None };
            }
            PowerAct::On if self.stage == Stage::Raising => {
                self.stage = Stage::Rising { session_at, obeyed_at: now };
            }
            PowerAct::Off | PowerAct::On | PowerAct::Read => {}
        }
    }

    fn read_off(
        &mut self,
        now: Instant,
        session_at: Instant,
        asked_at: Instant,
        spacing: Duration,
    ) -> Shown {
        match self.stage {
            Stage::Falling { session_at: same, obeyed_at, first_off_at: Some(first_off_at) }
                if same == session_at && asked_at.since(first_off_at) >= spacing =>
            {
                self.rest(now);
                let second_off_at = asked_at;
                return Shown::Off(Evidence::PowerOff {
                    session_at,
                    obeyed_at,
                    first_off_at,
                    second_off_at,
                });
            }
            Stage::Falling { session_at: same, obeyed_at, first_off_at: None }
                if same == session_at && asked_at >= obeyed_at =>
            {
                let first_off_at = Some(asked_at);
                self.stage = Stage::Falling { session_at, obeyed_at, first_off_at };
                self.next_at = asked_at + spacing;
            }
            Stage::Falling { session_at: same, .. } if same == session_at => {
                self.next_at = now + READ_EVERY_MIN;
            }
            Stage::Falling { .. } => self.stage = Stage::Ordering,
            Stage::Settling { off_at: Some(first) } | Stage::Looking { off_at: Some(first) }
                if asked_at.since(first) >= spacing =>
            {
                self.rest(now);
            }
            Stage::Looking { off_at: None } => {
                self.stage = Stage::Looking { off_at: Some(asked_at) };
                self.next_at = asked_at + spacing;
            }
            Stage::Settling { off_at: None } => {
                self.stage = Stage::Settling { off_at: Some(asked_at) };
                self.next_at = asked_at + spacing;
            }
            Stage::Rising { obeyed_at, .. } if now.since(obeyed_at) > RESEND_AFTER => {
                self.stage = Stage::Raising;
            }
            Stage::Rising { obeyed_at, .. } => self.read_later(now, obeyed_at),
            Stage::Settling { .. } => self.read_later(now, self.off_left_at.unwrap_or(now)),
            Stage::Looking { .. } => self.next_at = now + READ_EVERY_MIN,
            Stage::Ordering | Stage::Resting { .. } | Stage::Raising | Stage::Done => {}
        }
        Shown::Nothing
    }

    fn read_on(&mut self, now: Instant) -> Shown {
        match self.stage {
            Stage::Falling { obeyed_at, .. } if now.since(obeyed_at) > RESEND_AFTER => {
                self.stage = Stage::Ordering;
            }
            Stage::Falling { session_at, obeyed_at, .. } => {
                self.stage = Stage::Falling { session_at, obeyed_at, first_off_at: None };
                self.read_later(now, obeyed_at);
            }
            Stage::Settling { .. } => {
                self.stage = Stage::Settling { off_at: None };
                self.read_later(now, self.off_left_at.unwrap_or(now));
            }
            Stage::Looking { .. } => self.stage = Stage::Done,
            Stage::Rising { .. } => {
                self.stage = Stage::Done;
                return Shown::On;
            }
            Stage::Ordering | Stage::Resting { .. } | Stage::Raising | Stage::Done => {}
        }
        Shown::Nothing
    }

    /// A session is worth nothing after a fault: what it obeyed must be obeyed, or read, anew.
    fn fault(&mut self, now: Instant) {
        self.open = None;
        self.next_at = now + RETRY_AFTER;
        match self.stage {
            Stage::Falling { .. } => self.stage = Stage::Ordering,
            Stage::Settling { .. } => self.stage = Stage::Settling { off_at: None },
            Stage::Looking { .. } => self.stage = Stage::Looking { off_at: None },
            Stage::Ordering
            | Stage::Resting { .. }
            | Stage::Raising
            | Stage::Rising { .. }
            | Stage::Done => {}
        }
    }

    fn rest(&mut self, now: Instant) {
        self.stage = Stage::Resting { since: now };
        self.next_at = now;
    }

    fn read_later(&mut self, now: Instant, since: Instant) {
        let part = now.since(since).checked_div(READ_EVERY_PART).unwrap_or(READ_EVERY_MAX);
        self.next_at = now + part.clamp(READ_EVERY_MIN, READ_EVERY_MAX);
    }
}

#[cfg(test)]
mod tests;
