//! One login at one BMC, and who waits for what of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use palisade_ipmi::app::Guid;
use palisade_ipmi::client::{Answer, Client, ClientError, Effects, Event, Input, Order};
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::suite::Suite;
use palisade_protocol::time::Instant;
use tokio::sync::oneshot;

use crate::power::error::Fault;

/// What is known of an open session.
#[derive(Clone, Copy, Debug)]
pub(in crate::power) struct Facts {
    pub(in crate::power) address: SocketAddr,
    pub(in crate::power) suite: Suite,
    pub(in crate::power) privilege: Privilege,
    pub(in crate::power) guid: Guid,
    /// From the first packet to the open session.
    pub(in crate::power) login: std::time::Duration,
    /// Whether the BMC lost or refused what left with the proof of the password.
    pub(in crate::power) was_too_early: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub(in crate::power) struct Heard {
    pub(in crate::power) answer: Answer,
    pub(in crate::power) at: Instant,
    /// When in the BMC's own order it was given.
    pub(in crate::power) reply: u32,
}

pub(in crate::power) type Teller<T> = oneshot::Sender<Result<T, Fault>>;

/// How far a login is, as the pacing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for its turn.
    Queued,
    /// Knocking at the BMC: counts among the handshakes under way.
    Knocking,
    /// In, or slow enough that others need not wait for it.
    Free,
}

/// A login with those who wait for it.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) address: SocketAddr,
    pub(super) stage: Stage,
    /// When it is due, as it stands in the agenda.
    pub(super) due: Option<Instant>,
    client: Client,
    began: Instant,
    by: Instant,
    opened: Option<Teller<Facts>>,
    orders: BTreeMap<u32, Teller<Heard>>,
    given: u32,
    /// What the network last said about the way to the BMC.
    unreachable: Option<String>,
}

impl Flow {
    pub(super) fn new(
        client: Client,
        address: SocketAddr,
        (began, by): (Instant, Instant),
        opened: Teller<Facts>,
    ) -> Self {
        Self {
            address,
            stage: Stage::Queued,
            due: None,
            client,
            began,
            by,
            opened: Some(opened),
            orders: BTreeMap::new(),
            given: 0,
            unreachable: None,
        }
    }

    /// When time must be let pass for it.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Queued => Some(self.by),
            Stage::Knocking | Stage::Free => self.client.next_deadline(),
        }
    }

    pub(super) fn is_for(&self, console_id: u32) -> bool {
        self.client.is_for(console_id)
    }

    /// Whether somebody still waits for the login.
    pub(super) const fn is_opening(&self) -> bool {
        self.opened.is_some()
    }

    /// One input in; the datagrams that follow are to be sent.
    pub(super) fn turn(&mut self, now: Instant, input: Input<'_>) -> Vec<Vec<u8>> {
        let effects = self.client.handle(now, input);
        self.tell(now, effects)
    }

    /// Time has passed. Orders that nobody waits for any more are not sent again.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let forgotten = self.orders.iter().filter(|(_, teller)| teller.is_closed());
        let forgotten: Vec<u32> = forgotten.map(|(number, _)| *number).collect();
        for number in forgotten {
            self.orders.remove(&number);
            self.turn(now, Input::GiveUp(number));
        }
        self.turn(now, Input::Tick)
    }

    pub(super) fn order(
        &mut self,
        now: Instant,
        (order, by): (Order, Option<Instant>),
        teller: Teller<Heard>,
    ) -> Vec<Vec<u8>> {
        self.given = self.given.saturating_add(1);
        self.orders.insert(self.given, teller);
        self.turn(now, Input::Order { order, by })
    }

    /// No way to the BMC at present. Nothing but a deadline makes that final.
    pub(super) fn unreachable(&mut self, why: String) {
        self.unreachable = Some(why);
    }

    fn tell(&mut self, now: Instant, effects: Effects) -> Vec<Vec<u8>> {
        let about = effects.about;
        match effects.event {
            None => {}
            Some(Event::Opened { suite, privilege }) => self.tell_open(now, suite, privilege),
            Some(Event::Answered(answer)) => {
                let reply = about.map_or(0, |about| about.reply);
                self.tell_order(
                    about.map(|about| about.order),
                    Ok(Heard { answer, at: now, reply }),
                );
            }
            Some(Event::Declined(declined)) => {
                self.tell_order(about.map(|about| about.order), Err(Fault::Declined(declined)));
            }
            Some(Event::Failed(error)) => self.tell_all(&self.fault(error)),
        }
        effects.datagrams
    }

    fn tell_open(&mut self, now: Instant, suite: Suite, privilege: Privilege) {
        self.stage = Stage::Free;
        let (address, login) = (self.address, now.since(self.began));
        let (guid, was_too_early) = (self.client.guid(), self.client.was_too_early());
        let guid = guid.unwrap_or(Guid([0; 16]));
        let facts = Facts { address, suite, privilege, guid, login, was_too_early };
        if let Some(opened) = self.opened.take() {
            // Whoever gave it up closes the session by doing so.
            drop(opened.send(Ok(facts)));
        }
    }

    fn tell_order(&mut self, number: Option<u32>, heard: Result<Heard, Fault>) {
        if let Some(teller) = number.and_then(|number| self.orders.remove(&number)) {
            drop(teller.send(heard));
        }
    }

    fn tell_all(&mut self, fault: &Fault) {
        self.stage = Stage::Free;
        if let Some(opened) = self.opened.take() {
            drop(opened.send(Err(fault.clone())));
        }
        for (_, teller) in std::mem::take(&mut self.orders) {
            drop(teller.send(Err(fault.clone())));
        }
    }

    fn fault(&self, login: ClientError) -> Fault {
        let silent = matches!(login, ClientError::Silent { .. });
        match self.unreachable.clone().filter(|_| silent) {
            Some(why) => Fault::Unreachable { why, login },
            None => Fault::Login(login),
        }
    }
}
