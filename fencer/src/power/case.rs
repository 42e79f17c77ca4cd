//! An order without a warrant, seen through: read until power is as ordered, or time is up.
//!
//! Off is what two readings say, both made after the device had acknowledged the order, in the session of
//! the order, with none between that says on. A machine that was not on when it was ordered off may be on its
//! way up, which some BMCs read as off while they ignore the order: it is ordered off again and again, and
//! is off when it has stayed so for longer than any machine takes to come up. Never mixes what two devices
//! say: a case is about one.

use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::time::Instant;
use tokio::time::sleep;

use super::error::PowerError;
use super::session::{Passage, PowerStatus};
use super::verdict::{Evidence, Reading, Seen, Switch, Terms};

/// The space between two readings of off for whoever once read on after off.
pub(super) const CONFIRM_MAX: Duration = Duration::from_millis(250);

/// After a second or two a pause is a four-hundredth of the time since the order, so that a slow machine is
/// asked more rarely (some 1,300 times in 15 s), and found off a four-hundredth late.
const PAUSE_PART: u32 = 400;

/// So many devices are asked as often as one; of more, each is asked the more rarely.
const CROWD: usize = 32;

/// An order that has not been followed is given again: some BMCs lose it while they are busy.
const AGAIN_EVERY: Duration = Duration::from_secs(5);

/// Under this target the log is told, once in a session, of an order that was taken, was given again and has not been
/// followed yet: whoever waits without a bound may be killed before it can say what it waited for.
pub const OVERDUE: &str = "palisade_fencer::power::overdue";

/// While a machine may be on its way up it is ordered off so many times, and read twice as often.
const RISING_ORDERS: u32 = 10;

/// The device of a case, in the session of its order.
pub(super) trait Asked {
    /// Least space between its two readings of off.
    const CONFIRM_MIN: Duration;

    /// Least pause between two readings.
    const PAUSE_MIN: Duration;

    /// Reads power before `by`: when the answer came, and what it says.
    async fn power(&mut self, by: Instant) -> Result<(Instant, PowerStatus), PowerError>;

    /// Gives the order once more.
    async fn order_again(&mut self, by: Instant) -> Result<(), PowerError>;

    /// How many devices are asked at the same time, this one included.
    fn neighbours(&self) -> usize {
        1
    }
}

/// An order that is being seen through.
pub(super) struct Case<'a, A> {
    asked: A,
    terms: &'a Terms,
    evidence: Evidence,
    /// How long an answer may take.
    patience: Duration,
    /// When time is up.
    ends: Option<Instant>,
    given_at: Instant,
    is_known_to_flap: bool,
    /// A reading of on came after one of off.
    flapped: bool,
    /// It was read on, before the order or since: it is not on its way up.
    was_on: bool,
    /// The log has been told that it takes long.
    is_told: bool,
}

impl<'a, A: Asked> Case<'a, A> {
    /// An order that was acknowledged, as `evidence` says.
    pub(super) fn new(asked: A, terms: &'a Terms, evidence: Evidence) -> Self {
        let given_at = evidence.ordered_at;
        let ends = terms.change.map(|change| given_at + change);
        let (patience, flapped) = (terms.silence, false);
        let (is_known_to_flap, was_on, is_told) = (false, evidence.before == Some(true), false);
        Self {
            asked,
            terms,
            evidence,
            patience,
            ends,
            given_at,
            is_known_to_flap,
            flapped,
            was_on,
            is_told,
        }
    }

    /// The same at a device that is known to read on after off, or not.
    pub(super) fn flapping(self, is_known_to_flap: bool) -> Self {
        Self { is_known_to_flap, ..self }
    }

    /// The same at a device whose answers may take so long.
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Takes note of a reading made after the acknowledgement.
    pub(super) fn saw(&mut self, reading: Reading) {
        self.was_on |= reading.on && reading.passage != Some(Passage::PoweringOn);
        self.evidence.add(reading);
    }

    /// Reads until power is as ordered or time is up: what was seen, and whether a reading of on came after one of off.
    pub(super) async fn seen(mut self, order: Switch) -> Result<(Seen, bool), PowerError> {
        let is_followed = match order {
            Switch::Off => self.until_off().await?,
            Switch::On => self.until_on().await?,
        };
        Ok((Seen { is_followed, evidence: self.evidence }, self.flapped))
    }

    /// Whether two readings in a row, spaced, said off before time was up. A machine that was off already is
    /// looked at for longer than it takes to come up, whatever the time.
    async fn until_off(&mut self) -> Result<bool, PowerError> {
        let mut first_off: Option<Instant> = None;
        let mut reading = self.evidence.readings.last().copied();
        loop {
            match (reading, first_off) {
                (Some(Reading { on: false, asked_at, .. }), Some(first))
                    if asked_at.since(first) >= self.confirm()
                        && (self.was_on
                            || asked_at.since(self.evidence.acked.0) >= self.terms.rise) =>
                {
                    return Ok(true);
                }
                (Some(Reading { on: false, heard_at, .. }), None) => first_off = Some(heard_at),
                (Some(Reading { on: true, .. }), Some(_)) => {
                    self.flapped = true;
                    first_off = None;
                }
                (Some(_) | None, _) => {}
            }
            match first_off {
                Some(_) if !self.was_on => self.doubt().await?,
                Some(first) => sleep(clock::now().until(first + self.confirm())).await,
                None if reading.is_some() && self.is_over() => return Ok(false),
                None => self.rest(reading.is_some()).await?,
            }
            reading = Some(self.read().await?);
        }
    }

    /// Whether a reading said on before time was up.
    async fn until_on(&mut self) -> Result<bool, PowerError> {
        let mut reading = self.evidence.readings.last().copied();
        loop {
            match reading {
                Some(Reading { on: true, .. }) => return Ok(true),
                Some(_) if self.is_over() => return Ok(false),
                Some(_) | None => self.rest(reading.is_some()).await?,
            }
            reading = Some(self.read().await?);
        }
    }

    fn confirm(&self) -> Duration {
        let flaps = self.flapped || self.is_known_to_flap;
        self.terms.confirm.unwrap_or(if flaps { CONFIRM_MAX } else { A::CONFIRM_MIN })
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| clock::now() >= ends)
    }

    /// A pause before the next reading of a machine that may be on its way up, and the order again.
    async fn doubt(&mut self) -> Result<(), PowerError> {
        let every = self.terms.rise / RISING_ORDERS;
        sleep((every / 2).max(A::CONFIRM_MIN)).await;
        self.order_again_after(every).await.map(drop)
    }

    /// A pause before the next reading, and the order again if it has long not been followed, which is told.
    async fn rest(&mut self, pause: bool) -> Result<(), PowerError> {
        if pause {
            let pause = self.pause();
            let left = self.ends.map_or(pause, |ends| clock::now().until(ends));
            sleep(pause.min(left)).await;
        }
        if self.order_again_after(AGAIN_EVERY).await? && !self.is_told {
            self.is_told = true;
            self.tell();
        }
        Ok(())
    }

    /// Whether so long after the last order there was another.
    async fn order_again_after(&mut self, span: Duration) -> Result<bool, PowerError> {
        let now = clock::now();
        let is_due = now.since(self.given_at) >= span;
        if is_due {
            self.given_at = now;
            self.asked.order_again(now + self.patience).await?;
            self.evidence.orders += 1;
        }
        Ok(is_due)
    }

    fn tell(&self) {
        let Some(Reading { on, .. }) = self.evidence.readings.last() else { return };
        let (still, ordered) = if *on { ("on", "off") } else { ("off", "on") };
        let waited = clock::now().since(self.evidence.ordered_at).as_secs();
        log::warn!(
            target: OVERDUE,
            "power is still {still} {waited} s after {ordered} was ordered: {}; more orders follow; look at the \
             machine, or switch it {ordered} by hand",
            self.evidence
        );
    }

    /// Never none at all: a device must not be flooded.
    fn pause(&self) -> Duration {
        let crowd = u32::try_from(1 + self.asked.neighbours() / CROWD).unwrap_or(u32::MAX);
        let waited = clock::now().since(self.evidence.ordered_at);
        let pause = (waited / PAUSE_PART).max(A::PAUSE_MIN).saturating_mul(crowd);
        pause.min(self.terms.pause_max).max(A::PAUSE_MIN)
    }

    async fn read(&mut self) -> Result<Reading, PowerError> {
        let asked_at = clock::now();
        let (heard_at, status) = self.asked.power(asked_at + self.patience).await?;
        let PowerStatus { on, passage, .. } = status;
        let reading = Reading { asked_at, heard_at, on, passage };
        self.saw(reading);
        Ok(reading)
    }
}
