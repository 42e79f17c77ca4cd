//! The agent's door to power. Off is what two readings say, spaced as a fencer spaces them.
//!
//! A fencer orders power by a warrant of its core alone, and cannot reach this module. The agent's
//! caller, a cluster manager or a person, has decided before it calls, and answers for it. Never
//! takes an acknowledgement, an error or silence for `off`.

use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::time::Instant;

use super::answer::Failed;
use crate::power::{Ack, BmcConfig, BmcKey, PowerError, PowerErrorKind, Session};

/// Pause after the first reading that is not yet what was ordered; doubled after each.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// How long to wait for what.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// A BMC that does not answer for so long is given up.
    pub(super) silence: Duration,
    /// How long power may take to change; none: until the caller ends us.
    pub(super) change: Option<Duration>,
    /// Space between the two readings of off.
    pub(super) confirm: Duration,
    /// Longest pause between readings.
    pub(super) pause_max: Duration,
}

/// A session at a BMC in which power is switched and read.
#[derive(Debug)]
pub(super) struct Console {
    session: Session,
    pace: Pace,
}

impl Console {
    /// Logs in; the BMC has granted the privilege to switch power.
    pub(super) async fn open(
        bmc: &BmcConfig,
        key: Option<&BmcKey>,
        pace: &Pace,
    ) -> Result<Self, Failed> {
        let by = clock::now() + pace.silence;
        let session = match key {
            Some(key) => Session::open_with_bmc_key(bmc, key.clone(), by).await,
            None => Session::open(bmc, by).await,
        };
        Ok(Self { session: session.map_err(failed)?, pace: pace.clone() })
    }

    /// One reading.
    pub(super) async fn is_on(&mut self) -> Result<bool, Failed> {
        self.session.set_deadline(clock::now() + self.pace.silence);
        self.session.status().await.map(|status| status.on).map_err(failed)
    }

    /// Orders off and waits until two readings, spaced, say so with none between that says on.
    pub(super) async fn off(&mut self) -> Result<(), Failed> {
        self.session.set_deadline(clock::now() + self.pace.silence);
        let ack = self.session.off().await.map_err(failed)?;
        let (by, mut pause) = (self.ends(), PAUSE_MIN);
        loop {
            if !self.is_on().await? {
                tokio::time::sleep(self.pace.confirm).await;
                if !self.is_on().await? {
                    return Ok(());
                }
            }
            self.rest(by, &mut pause, "on", ack).await?;
        }
    }

    /// Orders on and does not wait.
    pub(super) async fn order_on(&mut self) -> Result<Ack, Failed> {
        self.session.set_deadline(clock::now() + self.pace.silence);
        self.session.on().await.map_err(failed)
    }

    /// Orders on and waits until a reading says so.
    pub(super) async fn on(&mut self) -> Result<(), Failed> {
        let ack = self.order_on().await?;
        let (by, mut pause) = (self.ends(), PAUSE_MIN);
        while !self.is_on().await? {
            self.rest(by, &mut pause, "off", ack).await?;
        }
        Ok(())
    }

    fn ends(&self) -> Option<Instant> {
        self.pace.change.map(|change| clock::now() + change)
    }

    /// A pause, unless time is up.
    async fn rest(
        &self,
        by: Option<Instant>,
        pause: &mut Duration,
        still: &str,
        ack: Ack,
    ) -> Result<(), Failed> {
        if by.is_some_and(|by| clock::now() >= by) {
            return Err(self.stuck(still, ack));
        }
        tokio::time::sleep(*pause).await;
        // Never none at all: a BMC must not be flooded.
        *pause = (*pause * 2).min(self.pace.pause_max).max(PAUSE_MIN);
        Ok(())
    }

    fn stuck(&self, still: &str, ack: Ack) -> Failed {
        let said = match ack {
            Ack::Accepted => "accepted the order",
            Ack::NotInThisState => "declined the order (0xd5: not possible in the present state)",
        };
        let waited = self.pace.change.unwrap_or_default();
        Failed::new(format!(
            "timed out: the bmc {said}, yet power is still {still} after {waited:?}; \
             look at the machine, or raise power_timeout"
        ))
    }
}

/// Pacemaker knows a timeout by these words.
fn failed(error: PowerError) -> Failed {
    if matches!(error.kind(), PowerErrorKind::Silent | PowerErrorKind::TooLate) {
        return Failed::new(format!("timed out: {error}"));
    }
    Failed::new(error)
}
