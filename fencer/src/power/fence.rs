//! Off, proven; on, read; status: for callers that answer for it themselves, without a warrant.
//!
//! One flight carries the proof of the password, the order and the first question, three round trips
//! after the first packet. Off is what two readings say, both made after the BMC had acknowledged the
//! order, with none between that says on. Why 40 ms between them: a BMC that reads off while power is
//! on its way up, or flips its flag before the power, is told apart by a second look, and what it has
//! said once wrongly it is given 250 ms for. A longer space after a longer wait would only add time
//! where the first reading is most credible.

use std::time::Duration;

use palisade_host::clock;
use palisade_ipmi::client::{Ack, Answer, Order};
use palisade_protocol::time::Instant;
use tokio::time::sleep;

use super::config::BmcConfig;
use super::engine::{Call, Engine, Facts, Heard, Line, heard};
use super::error::{Fault, PowerError};
use super::profile::Profile;
use super::resolve::resolve;
use super::session::PowerStatus;
use super::verdict::{Evidence, Raised, Reading, Terms, Verdict};

/// Least space between the two readings of off.
const CONFIRM_MIN: Duration = Duration::from_millis(40);

/// The space for a BMC that once read on after off.
const CONFIRM_MAX: Duration = Duration::from_millis(250);

/// Least pause between two readings; after two seconds it is a two-hundredth of the time since the order, so that
/// a slow machine is asked more rarely (some 600 times in 15 s), and found off a two-hundredth late.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_PART: u32 = 200;

/// So many BMCs are asked as often as one; of more, each is asked the more rarely.
const CROWD: usize = 64;

/// An order that has not been followed is given again: some BMCs lose it while they are busy.
const AGAIN_EVERY: Duration = Duration::from_secs(5);

impl Engine {
    /// Orders hard power off and proves it.
    pub async fn fence(&self, bmc: &BmcConfig, terms: &Terms) -> Verdict {
        let outcome = async {
            let mut case = Case::begin(self, bmc, terms, Order::Off).await?;
            let dead = case.until_off().await?;
            let latency = case.evidence.latency().filter(|_| dead);
            self.learn(bmc, case.profile.with_off(latency, case.flapped)).await;
            Ok((dead, case.evidence))
        };
        match outcome.await {
            Ok((true, evidence)) => Verdict::Dead(evidence),
            Ok((false, evidence)) => Verdict::StillOn(evidence),
            Err(error) => Verdict::Unknown(error),
        }
    }

    /// Orders power on and waits until it is read.
    pub async fn power_on(&self, bmc: &BmcConfig, terms: &Terms) -> Raised {
        let outcome = async {
            let mut case = Case::begin(self, bmc, terms, Order::On).await?;
            let on = case.until_on().await?;
            self.learn(bmc, case.profile).await;
            Ok((on, case.evidence))
        };
        match outcome.await {
            Ok((true, evidence)) => Raised::On(evidence),
            Ok((false, evidence)) => Raised::StillOff(evidence),
            Err(error) => Raised::Unknown(error),
        }
    }

    /// Reads power once.
    ///
    /// # Errors
    /// [`PowerError`], as [`Engine::open`] and [`Session::status`](super::Session::status).
    pub async fn power_status(
        &self,
        bmc: &BmcConfig,
        terms: &Terms,
    ) -> Result<PowerStatus, PowerError> {
        let by = clock::now() + terms.silence;
        let flight = self.fly(bmc, by, &[Order::Status]).await?;
        self.learn(bmc, flight.profile).await;
        let [heard] = flight.heard.as_slice() else { return Err(bmc.failed(Fault::Mismatch)) };
        let Answer::Status(status) = &heard.answer else {
            return Err(bmc.failed(Fault::Mismatch));
        };
        Ok((*status).into())
    }

    /// Logs in with orders on board; of several addresses, at the first that does not refuse.
    async fn fly(
        &self,
        bmc: &BmcConfig,
        by: Instant,
        orders: &[Order],
    ) -> Result<Flight, PowerError> {
        let login = bmc.login()?;
        let profile = self.recall(bmc).await;
        let login = profile.shape(login);
        let mut refused = None;
        for address in resolve(bmc, by).await? {
            let given_at = clock::now();
            let call = self.call(login.clone(), address, by, orders);
            let landed = match call {
                Ok(call) => Flight::land(call, given_at).await,
                Err(fault) => Err(fault),
            };
            match landed.map_err(|fault| bmc.failed(fault)) {
                Err(error) if error.is_about_the_address() => refused = Some(error),
                Ok(flight) => {
                    let profile = profile.with_login(&flight.facts);
                    return Ok(Flight { profile, ..flight });
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| bmc.failed(Fault::Mismatch)))
    }
}

/// A login whose orders have been answered.
struct Flight {
    line: Line,
    facts: Facts,
    given_at: Instant,
    heard: Vec<Heard>,
    profile: Profile,
}

impl Flight {
    async fn land(call: Call, given_at: Instant) -> Result<Self, Fault> {
        let Call { line, open, answers } = call;
        let mut all = Vec::new();
        for answer in answers {
            all.push(heard(answer).await?);
        }
        let facts = heard(open).await?;
        Ok(Self { line, facts, given_at, heard: all, profile: Profile::default() })
    }
}

/// An order that is being seen through.
struct Case<'a> {
    bmc: &'a BmcConfig,
    terms: &'a Terms,
    order: Order,
    line: Line,
    evidence: Evidence,
    /// When time is up.
    ends: Option<Instant>,
    given_at: Instant,
    profile: Profile,
    /// A reading of on came after one of off.
    flapped: bool,
}

impl<'a> Case<'a> {
    /// The order and the first question in one flight.
    async fn begin(
        engine: &Engine,
        bmc: &'a BmcConfig,
        terms: &'a Terms,
        order: Order,
    ) -> Result<Self, PowerError> {
        let by = clock::now() + terms.silence;
        let flight = engine.fly(bmc, by, &[order, Order::Status]).await?;
        let Flight { line, facts, given_at, heard, profile } = flight;
        let mismatch = || bmc.failed(Fault::Mismatch);
        let [acked, read] = heard.as_slice() else { return Err(mismatch()) };
        let (Some(ack), Answer::Status(status)) = (ack_of(&acked.answer), &read.answer) else {
            return Err(mismatch());
        };
        let evidence = Evidence {
            bmc: bmc.address.clone(),
            at: facts.address,
            guid: facts.guid,
            suite: facts.suite,
            ordered_at: given_at,
            acked: (acked.at, ack),
            readings: Vec::new(),
        };
        let ends = terms.change.map(|change| given_at + change);
        let flapped = false;
        let mut case = Self { bmc, terms, order, line, evidence, ends, given_at, profile, flapped };
        // The BMC's own numbering says whether it looked after it had acknowledged the order.
        if read.reply > acked.reply {
            let (asked_at, heard_at) = (given_at, read.at);
            case.evidence.add(Reading { asked_at, heard_at, on: status.power_on });
        }
        Ok(case)
    }

    /// Whether two readings in a row, spaced, said off before time was up.
    async fn until_off(&mut self) -> Result<bool, PowerError> {
        let mut first_off: Option<Instant> = None;
        let mut reading = self.evidence.readings.last().copied();
        loop {
            match (reading, first_off) {
                (Some(Reading { on: false, asked_at, .. }), Some(first))
                    if asked_at.since(first) >= self.confirm() =>
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
                Some(first) => sleep(clock::now().until(first + self.confirm())).await,
                None if self.is_over() => return Ok(false),
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
        let fit = if self.flapped || self.profile.flaps() { CONFIRM_MAX } else { CONFIRM_MIN };
        self.terms.confirm.unwrap_or(fit)
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| clock::now() >= ends)
    }

    /// A pause before the next reading, and the order again if it has long not been followed.
    async fn rest(&mut self, pause: bool) -> Result<(), PowerError> {
        if pause {
            let pause = self.pause();
            let left = self.ends.map_or(pause, |ends| clock::now().until(ends));
            sleep(pause.min(left)).await;
        }
        let now = clock::now();
        if now.since(self.given_at) >= AGAIN_EVERY {
            self.given_at = now;
            self.ask(self.order).await?;
        }
        Ok(())
    }

    /// Never none at all: a BMC must not be flooded.
    fn pause(&self) -> Duration {
        let crowd = u32::try_from(1 + self.line.neighbours() / CROWD).unwrap_or(u32::MAX);
        let waited = clock::now().since(self.evidence.ordered_at);
        let pause = (waited / PAUSE_PART).max(PAUSE_MIN).saturating_mul(crowd);
        pause.min(self.terms.pause_max).max(PAUSE_MIN)
    }

    async fn read(&mut self) -> Result<Reading, PowerError> {
        let asked_at = clock::now();
        let heard = self.ask(Order::Status).await?;
        let Answer::Status(status) = heard.answer else {
            return Err(self.bmc.failed(Fault::Mismatch));
        };
        let reading = Reading { asked_at, heard_at: heard.at, on: status.power_on };
        self.evidence.add(reading);
        Ok(reading)
    }

    async fn ask(&self, order: Order) -> Result<Heard, PowerError> {
        let by = clock::now() + self.terms.silence;
        heard(self.line.order(order, by)).await.map_err(|fault| self.bmc.failed(fault))
    }
}

fn ack_of(answer: &Answer) -> Option<Ack> {
    match answer {
        Answer::Off(ack) | Answer::On(ack) => Some(*ack),
        Answer::Diagnosed
        | Answer::Status(_)
        | Answer::RestartCause(_)
        | Answer::DeviceId(_)
        | Answer::Watchdog(_) => None,
    }
}
