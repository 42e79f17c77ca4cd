//! A session: requests go out sealed, and only their own fresh answers come in.
//!
//! It may begin before the BMC has confirmed it, as the keys are known after RAKP 2. Several requests
//! may be in flight, each under numbers of its own. An answer counts if its signature verifies, its
//! session sequence is new, and session id, network function, command and request sequence are those
//! of one request in flight.

use palisade_protocol::time::{Duration, Instant};

use super::error::{ClientError, Step};
use super::pause_of;
use super::pending::{Pending, Request};
use super::sequence::{Mask, Sequences};
use crate::app::{CloseSession, Guid};
use crate::completion;
use crate::entropy::Entropy;
use crate::keys::SessionKeys;
use crate::suite::Suite;
use crate::window::Window;
use crate::wire::{BMC_ADDRESS, CONSOLE_ADDRESS, Ipmb, PayloadType, SessionPacket};

/// Who talks to whom, as the handshake has settled it.
#[derive(Debug)]
pub(super) struct Parties {
    pub(super) console_id: u32,
    pub(super) bmc_id: u32,
    pub(super) guid: Guid,
    pub(super) keys: SessionKeys,
}

/// Keys, numbers and the requests in flight.
#[derive(Debug)]
pub(super) struct Session {
    parties: Parties,
    pause: Duration,
    /// Session sequence number of the last packet sent.
    sent: u32,
    heard: Window,
    sequences: Sequences,
    pending: Vec<Pending>,
    ignored: u32,
}

/// What a datagram meant.
#[derive(Debug)]
pub(super) enum Reply {
    /// Nothing.
    Ignored,
    /// The BMC wants to be asked again later.
    Later,
    /// The answer to a request in flight.
    Done(Done),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) request: Request,
    pub(super) code: u8,
    pub(super) data: Vec<u8>,
    /// Session sequence number of the reply.
    pub(super) place: u32,
}

impl Session {
    pub(super) fn new(parties: Parties, round_trip: Duration) -> Self {
        Self {
            parties,
            pause: pause_of(round_trip),
            sent: 0,
            heard: Window::new(),
            sequences: Sequences::default(),
            pending: Vec::new(),
            ignored: 0,
        }
    }

    pub(super) const fn suite(&self) -> Suite {
        self.parties.keys.suite()
    }

    pub(super) const fn guid(&self) -> Guid {
        self.parties.guid
    }

    pub(super) const fn console_id(&self) -> u32 {
        self.parties.console_id
    }

    /// Requests that have not been answered.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = Request> + '_ {
        self.pending.iter().map(|pending| pending.request)
    }

    pub(super) fn next_deadline(&self, login_by: Instant) -> Option<Instant> {
        self.pending.iter().map(|pending| pending.next_deadline(login_by)).min()
    }

    pub(super) fn is_late(&self, now: Instant, login_by: Instant) -> bool {
        self.pending.iter().any(|pending| pending.is_late(now, login_by))
    }

    pub(super) fn why_late(
        &self,
        now: Instant,
        login_by: Instant,
        port_refusals: u32,
    ) -> ClientError {
        let late = self.pending.iter().find(|pending| pending.is_late(now, login_by));
        late.map_or(ClientError::Over, |late| late.why_late(now, port_refusals, self.ignored))
    }

    pub(super) fn step(&self) -> Step {
        self.pending.first().map_or(Step::OpenSession, |pending| pending.request.step)
    }

    pub(super) const fn ignored(&mut self) {
        self.ignored = self.ignored.saturating_add(1);
    }

    /// Puts a request in flight besides those that are.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        request: Request,
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, ClientError> {
        let number = self.sequences.next(self.busy())?;
        self.pending.push(Pending::new(now, request, number, self.pause));
        self.send(now, self.pending.len().saturating_sub(1), entropy)
    }

    /// Sends again what is due: same request number, new session number.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        entropy: &mut Entropy,
    ) -> Result<Vec<Vec<u8>>, ClientError> {
        let due = |(at, pending): (usize, &Pending)| pending.is_due(now).then_some(at);
        let due: Vec<usize> = self.pending.iter().enumerate().filter_map(due).collect();
        due.into_iter().map(|at| self.send(now, at, entropy)).collect()
    }

    /// Whatever is answered to this order from now on is nothing.
    pub(super) fn give_up(&mut self, order: u32) {
        if let Some(at) = self.pending.iter().position(|pending| pending.request.order == order) {
            self.settle(at);
        }
    }

    pub(super) fn heard(&mut self, now: Instant, packet: &SessionPacket<'_>) -> Reply {
        let Some((at, code, data)) = self.read(packet) else { return Reply::Ignored };
        let busy = self.busy();
        let Some(pending) = self.pending.get_mut(at) else { return Reply::Ignored };
        pending.answered();
        if code == completion::code::DUPLICATE || completion::is_passing(code) {
            let Ok(fresh) = self.sequences.next(busy) else { return Reply::Later };
            pending.put_off(now, code, fresh);
            return Reply::Later;
        }
        if let Some(round_trip) = pending.round_trip(now) {
            self.pause = pause_of(round_trip);
        }
        let place = packet.sequence;
        Reply::Done(Done { request: self.settle(at), code, data, place })
    }

    /// Close Session, to be sent once and forgotten.
    pub(super) fn farewell(mut self, entropy: &mut Entropy) -> Vec<u8> {
        self.sent = self.sent.saturating_add(1);
        let Parties { bmc_id, keys, .. } = &self.parties;
        let message = CloseSession(*bmc_id).into();
        let number = self.sequences.next(Mask::default()).unwrap_or_default();
        let frame = Ipmb::request(&message, number).encode();
        keys.seal(*bmc_id, self.sent, entropy.array(), &frame)
    }

    fn send(
        &mut self,
        now: Instant,
        at: usize,
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, ClientError> {
        let pending = self.pending.get_mut(at).ok_or(ClientError::Over)?;
        self.sent = self.sent.checked_add(1).ok_or(ClientError::Exhausted)?;
        let frame = Ipmb::request(&pending.message, pending.number).encode();
        pending.sent(now);
        let Parties { bmc_id, keys, .. } = &self.parties;
        Ok(keys.seal(*bmc_id, self.sent, entropy.array(), &frame))
    }

    /// The request that an authentic, fresh reply answers, with completion code and data.
    fn read(&mut self, packet: &SessionPacket<'_>) -> Option<(usize, u8, Vec<u8>)> {
        let Parties { console_id, keys, .. } = &self.parties;
        if packet.session_id != *console_id || packet.payload_type != PayloadType::Ipmi {
            return None;
        }
        let frame = keys.open(packet).ok()?;
        if !self.heard.accept(packet.sequence) {
            return None;
        }
        let frame = Ipmb::parse_signed(&frame).ok()?;
        let at = self.pending.iter().position(|pending| pending.numbers.holds(frame.sequence))?;
        let asked = &self.pending.get(at)?.message;
        let expected = (CONSOLE_ADDRESS, BMC_ADDRESS, asked.netfn_raw() | 1, asked.cmd());
        if (frame.to, frame.from, frame.netfn, frame.command) != expected {
            return None;
        }
        let (code, data) = frame.completion().ok()?;
        Some((at, code, data.to_vec()))
    }

    /// The numbers of all requests in flight.
    fn busy(&self) -> Mask {
        self.pending.iter().fold(Mask::default(), |all, pending| all.with(pending.numbers))
    }

    /// Ends a request. Numbers to which an answer may still come are never used again.
    fn settle(&mut self, at: usize) -> Request {
        let ended = self.pending.remove(at);
        if !ended.is_settled() {
            self.sequences.taint(ended.numbers);
        }
        ended.request
    }
}
