//! Off, proven; on, read; status: at a BMC, for callers that answer for it themselves, without a warrant.
//!
//! One flight carries the proof of the password, the order and a question before and after it, three round
//! trips after the first packet. Why 40 ms between two readings of off: a BMC that reads off while power is
//! on its way up, or flips its flag before the power, is told apart by a second look, and what it has
//! said once wrongly it is given 250 ms for. A longer space after a longer wait would only add time
//! where the first reading is most credible.

use std::time::Duration;

use palisade_host::clock;
use palisade_ipmi::client::{Ack, Answer, Limit, Order};
use palisade_protocol::time::Instant;

use super::case::{Asked, Case};
use super::config::BmcConfig;
use super::engine::{Call, Engine, Facts, Heard, Line, heard};
use super::error::{Fault, PowerError};
use super::profile::Profile;
use super::resolve::{resolve, share};
use super::session::PowerStatus;
use super::verdict::{Evidence, Raised, Reading, Seen, Switch, Terms, Verdict, Who};

/// Least space between the two readings of off.
const CONFIRM_MIN: Duration = Duration::from_millis(40);

/// Least pause between two readings: a BMC in no hurry to be off is found off that much late.
const PAUSE_MIN: Duration = Duration::from_millis(4);

impl Engine {
    /// Orders hard power off and proves it.
    pub async fn fence(&self, bmc: &BmcConfig, terms: &Terms) -> Verdict {
        Verdict::of(self.switch(bmc, terms, Switch::Off).await)
    }

    /// Orders power on and waits until it is read.
    pub async fn power_on(&self, bmc: &BmcConfig, terms: &Terms) -> Raised {
        Raised::of(self.switch(bmc, terms, Switch::On).await)
    }

    /// In one session; begins anew in another when that is used up, as by losses at a slow machine.
    pub(super) async fn switch(
        &self,
        bmc: &BmcConfig,
        terms: &Terms,
        switch: Switch,
    ) -> Result<Seen, PowerError> {
        let ends = terms.change.map(|change| clock::now() + change);
        loop {
            let left = ends.map(|ends| clock::now().until(ends));
            let terms = Terms { change: left, ..*terms };
            match self.switched(bmc, &terms, switch).await {
                Err(error) if error.is_used_up() && left.is_none_or(|left| !left.is_zero()) => {}
                seen => return seen,
            }
        }
    }

    /// In one session.
    async fn switched(
        &self,
        bmc: &BmcConfig,
        terms: &Terms,
        switch: Switch,
    ) -> Result<Seen, PowerError> {
        let (case, profile) = self.begin(bmc, terms, switch).await?;
        let (seen, flapped) = case.seen(switch).await?;
        let latency = seen.evidence.latency().filter(|_| seen.is_followed);
        let profile = match switch {
            Switch::Off => profile.with_off(latency, flapped),
            Switch::On => profile,
        };
        self.learn(bmc, profile).await;
        Ok(seen)
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
        let flight = self.fly(bmc, terms, &[Order::Status]).await?;
        self.learn(bmc, flight.profile).await;
        let [heard] = flight.heard.as_slice() else { return Err(bmc.failed(Fault::Mismatch)) };
        let Answer::Status(status) = &heard.answer else {
            return Err(bmc.failed(Fault::Mismatch));
        };
        Ok((*status).into())
    }

    /// Pulses the diagnostic interrupt, once: it is not sent again if no answer comes. Says nothing about
    /// power.
    ///
    /// # Errors
    /// As [`Engine::power_status`].
    pub async fn diagnose(&self, bmc: &BmcConfig, terms: &Terms) -> Result<(), PowerError> {
        let Flight { line, profile, .. } = self.fly(bmc, terms, &[]).await?;
        self.learn(bmc, profile).await;
        let sent = line.order(Order::Diagnose, clock::now() + terms.silence);
        let answered = heard(sent).await.map_err(|fault| bmc.failed(fault))?;
        let Answer::Diagnosed = answered.answer else { return Err(bmc.failed(Fault::Mismatch)) };
        Ok(())
    }

    /// The order and the first questions in one flight.
    async fn begin<'a>(
        &self,
        bmc: &'a BmcConfig,
        terms: &'a Terms,
        switch: Switch,
    ) -> Result<(Case<'a, AtBmc<'a>>, Profile), PowerError> {
        let Flight { line, facts, given_at, heard, profile } =
            self.fly(bmc, terms, flight_of(switch)).await?;
        let mismatch = || bmc.failed(Fault::Mismatch);
        let [before @ .., acked, read] = heard.as_slice() else { return Err(mismatch()) };
        let (Some(ack), Answer::Status(status)) = (ack_of(&acked.answer), &read.answer) else {
            return Err(mismatch());
        };
        let evidence = Evidence {
            device: bmc.device(),
            who: Some(Who { at: facts.address, guid: facts.guid, suite: facts.suite }),
            ordered_at: given_at,
            orders: 1,
            before: before.iter().filter_map(|before| said_before(before, acked)).max(),
            acked: (acked.at, ack),
            readings: Vec::new(),
        };
        let order = match switch {
            Switch::Off => Order::Off,
            Switch::On => Order::On,
        };
        let mut case =
            Case::new(AtBmc { bmc, line, order }, terms, evidence).flapping(profile.flaps());
        // The BMC's own numbering says whether it looked after it had acknowledged the order.
        if read.reply > acked.reply {
            case.saw(Reading {
                asked_at: given_at,
                heard_at: read.at,
                on: status.power_on,
                passage: None,
            });
        }
        Ok((case, profile))
    }

    /// Logs in with orders on board; of several addresses, at the first that answers. A BMC that answers
    /// too slowly for one silence is given more, up to the longest that a login may take.
    async fn fly(
        &self,
        bmc: &BmcConfig,
        terms: &Terms,
        orders: &[Order],
    ) -> Result<Flight, PowerError> {
        let login = bmc.login()?;
        let profile = self.recall(bmc).await;
        let login = profile.shape(login);
        let (by, last) = (clock::now() + terms.silence, clock::now() + terms.longest_login());
        let mut refused = None;
        for (address, left) in resolve(bmc, by).await? {
            let given_at = clock::now();
            let limit = Limit::of_silence(share(by, left), terms.silence, last);
            let call = self.call(login.clone(), address, limit, orders);
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

/// A BMC in the session of the order.
struct AtBmc<'a> {
    bmc: &'a BmcConfig,
    line: Line,
    order: Order,
}

impl AtBmc<'_> {
    async fn ask(&self, order: Order, by: Instant) -> Result<Heard, PowerError> {
        heard(self.line.order(order, by)).await.map_err(|fault| self.bmc.failed(fault))
    }
}

impl Asked for AtBmc<'_> {
    const CONFIRM_MIN: Duration = CONFIRM_MIN;
    const PAUSE_MIN: Duration = PAUSE_MIN;

    async fn power(&mut self, by: Instant) -> Result<(Instant, PowerStatus), PowerError> {
        let heard = self.ask(Order::Status, by).await?;
        let Answer::Status(status) = heard.answer else {
            return Err(self.bmc.failed(Fault::Mismatch));
        };
        Ok((heard.at, status.into()))
    }

    async fn order_again(&mut self, by: Instant) -> Result<(), PowerError> {
        self.ask(self.order, by).await.map(drop)
    }

    fn neighbours(&self) -> usize {
        self.line.neighbours()
    }
}

/// A machine that is to fall is looked at first: one that is off may be on its way up. Twice, because it must be
/// doubted if the network loses that, which takes long.
const fn flight_of(switch: Switch) -> &'static [Order] {
    match switch {
        Switch::Off => &[Order::Status, Order::Status, Order::Off, Order::Status],
        Switch::On => &[Order::On, Order::Status],
    }
}

/// What a reading says of the time before the order: nothing if the BMC answered it after that.
fn said_before(before: &Heard, acked: &Heard) -> Option<bool> {
    let Answer::Status(status) = before.answer else { return None };
    (before.reply < acked.reply).then_some(status.power_on)
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
