//! What a caller without a warrant gets: dead with evidence, still on with evidence, or unknown.
//!
//! Nothing is dead because time ran out, or because the BMC said that it would do it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use palisade_ipmi::app::Guid;
use palisade_ipmi::client::{Ack, STEPS};
use palisade_ipmi::suite::Suite;
use palisade_protocol::time::Instant;

use super::error::PowerError;
use super::session::Passage;

/// How many readings evidence keeps: the first and the last few.
const READINGS_MAX: usize = 16;

/// How long power may take to change where the caller sets no bound and there is another way to try.
pub(super) const CHANGE_MAX: Duration = Duration::from_secs(20);

/// Longest that a machine may be on its way up and read off. OpenBMC reads off until the power supply and the
/// board report good power, ignores an order to power off meanwhile, and gives up after 8 s and 1 s.
/// [x86-power-control, PsPowerOKWatchdogMs, SIOPowerGoodWatchdogMs]
const RISE_MAX: Duration = Duration::from_secs(10);

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A BMC that does not answer a login or an order for so long is given up.
    pub silence: Duration,
    /// Longest that a login may take where the BMC answers all the time; none: a silence for each of its
    /// steps.
    pub login: Option<Duration>,
    /// How long power may take to change once ordered; none: as long as the caller lets it.
    pub change: Option<Duration>,
    /// Space between the two readings of off; none: as the engine sees fit, 40 to 250 ms.
    pub confirm: Option<Duration>,
    /// How long a machine may be on its way up and read off: one that was not on when it was ordered off is off
    /// only when it has stayed so for longer.
    pub rise: Duration,
    /// Longest pause between two readings.
    pub pause_max: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(3),
            login: None,
            change: Some(CHANGE_MAX),
            confirm: None,
            rise: RISE_MAX,
            pause_max: Duration::from_millis(500),
        }
    }
}

impl Terms {
    pub(super) fn longest_login(&self) -> Duration {
        self.login.unwrap_or(self.silence.saturating_mul(STEPS))
    }
}

/// Which way power is ordered to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Hard off.
    Off,
    /// On.
    On,
}

/// What was seen of an order that was taken. Callers are given it under names, as [`Verdict`] or [`Raised`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Seen {
    /// Whether power was read as ordered before time was up: off twice, with no reading of on between.
    pub(super) is_followed: bool,
    pub(super) evidence: Evidence,
}

/// What came of an order to power off. There is nothing else, and no deadline makes a machine dead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Ordered off and then read off twice, with no reading of on between.
    Dead(Evidence),
    /// Ordered off, and still read on when time was up.
    StillOn(Evidence),
    /// Could not be found out.
    Unknown(PowerError),
}

/// What came of an order to power on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Raised {
    /// Ordered on and then read on.
    On(Evidence),
    /// Ordered on, and still read off when time was up.
    StillOff(Evidence),
    /// Could not be found out.
    Unknown(PowerError),
}

impl Verdict {
    /// What came of an order to power off.
    pub(super) fn of(off: Result<Seen, PowerError>) -> Self {
        match off {
            Ok(Seen { is_followed: true, evidence }) => Self::Dead(evidence),
            Ok(Seen { is_followed: false, evidence }) => Self::StillOn(evidence),
            Err(error) => Self::Unknown(error),
        }
    }
}

impl Raised {
    /// What came of an order to power on.
    pub(super) fn of(on: Result<Seen, PowerError>) -> Self {
        match on {
            Ok(Seen { is_followed: true, evidence }) => Self::On(evidence),
            Ok(Seen { is_followed: false, evidence }) => Self::StillOff(evidence),
            Err(error) => Self::Unknown(error),
        }
    }
}

/// What was ordered at which device, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The device in an operator's words, such as `bmc 10.9.0.1:623`.
    pub device: String,
    /// Who answered, if it is a BMC reached by IPMI.
    pub who: Option<Who>,
    /// When the order was given first.
    pub ordered_at: Instant,
    /// How often it was given.
    pub orders: u32,
    /// What it said before an order to power off, in the same session; nothing if it was not asked or did not say.
    pub before: Option<bool>,
    /// When the device acknowledged it first, and how.
    pub acked: (Instant, Ack),
    /// The readings that decided, in order; of many, the first and the last.
    pub readings: Vec<Reading>,
}

/// The BMC that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The address that answered.
    pub at: SocketAddr,
    /// Who answered there.
    pub guid: Guid,
    /// The suite of the session.
    pub suite: Suite,
}

/// One reading of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When it was asked for.
    pub asked_at: Instant,
    /// When it came.
    pub heard_at: Instant,
    /// What it said, as of the machine: it is on until it is off.
    pub on: bool,
    /// What it said it was on the way to.
    pub passage: Option<Passage>,
}

impl Evidence {
    /// From the order to the first of the readings of off (or on) that stood.
    pub fn latency(&self) -> Option<Duration> {
        let last = self.readings.last()?.on;
        let since = self.readings.iter().rev().take_while(|reading| reading.on == last).last()?;
        Some(since.heard_at.since(self.ordered_at))
    }

    /// What was said, and when, without who said it.
    pub(super) fn course(&self) -> String {
        let after = |at: Instant| at.since(self.ordered_at).as_millis();
        let (acked_at, ack) = self.acked;
        let ack = match ack {
            Ack::Accepted => "accepted",
            Ack::NotInThisState => "declined as not possible in this state (0xd5)",
        };
        let before = match self.before {
            Some(true) => "on before, ",
            Some(false) => "off before, ",
            None => "",
        };
        let mut course = format!("{before}{ack} after {} ms", after(acked_at));
        if self.orders > 1 {
            course += &format!(", ordered {} times", self.orders);
        }
        for Reading { heard_at, on, passage, .. } in &self.readings {
            let word = passage.map_or(if *on { "on" } else { "off" }, Passage::name);
            course += &format!(", read {word} at {} ms", after(*heard_at));
        }
        course
    }

    pub(super) fn add(&mut self, reading: Reading) {
        if self.readings.len() >= READINGS_MAX {
            self.readings.remove(READINGS_MAX / 2);
        }
        self.readings.push(reading);
    }
}

/// For example `bmc 10.9.0.1:623 (guid …, suite 17): accepted after 2 ms, read on at 3 ms, off at 25 ms,
/// off at 66 ms`.
impl fmt::Display for Evidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.device)?;
        if let Some(Who { guid, suite, .. }) = self.who {
            write!(out, " (guid {guid}, {suite})")?;
        }
        write!(out, ": {}", self.course())
    }
}
