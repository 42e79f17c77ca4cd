//! A session that stands: requests go out sealed, and only their own fresh answers come in.
//!
//! An answer counts if its signature verifies, its session sequence is new, and session id, network
//! function, command and request sequence are those of the request in flight.

use palisade_protocol::time::{Duration, Instant};

use super::error::{ClientError, Step};
use super::pause_of;
use super::pending::Pending;
use super::sequence::Sequences;
use crate::app::CloseSession;
use crate::completion;
use crate::entropy::Entropy;
use crate::keys::SessionKeys;
use crate::suite::Suite;
use crate::window::Window;
use crate::wire::{BMC_ADDRESS, CONSOLE_ADDRESS, Ipmb, PayloadType, SessionPacket};

/// Keys, numbers and the request in flight.
#[derive(Debug)]
pub(super) struct Session {
    console_id: u32,
    bmc_id: u32,
    keys: SessionKeys,
    open_by: Instant,
    pause: Duration,
    /// Session sequence number of the last packet sent.
    sent: u32,
    heard: Window,
    sequences: Sequences,
    pending: Option<Pending>,
    ignored: u32,
}

/// What a datagram meant.
#[derive(Debug)]
pub(super) enum Reply {
    /// Nothing.
    Ignored,
    /// The BMC wants to be asked again later.
    Later,
    /// The answer to the request in flight.
    Done { step: Step, code: u8, data: Vec<u8> },
}

impl Session {
    pub(super) fn new(
        console_id: u32,
        bmc_id: u32,
        keys: SessionKeys,
        open_by: Instant,
        round_trip: Duration,
    ) -> Self {
        Self {
            console_id,
            bmc_id,
            keys,
            open_by,
            pause: pause_of(round_trip),
            sent: 0,
            heard: Window::new(),
            sequences: Sequences::default(),
            pending: None,
            ignored: 0,
        }
    }

    pub(super) const fn suite(&self) -> Suite {
        self.keys.suite()
    }

    pub(super) const fn open_by(&self) -> Instant {
        self.open_by
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(Pending::next_deadline)
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.pending.as_ref().is_some_and(|pending| now >= pending.by)
    }

    pub(super) fn why_late(&self, now: Instant, port_refusals: u32) -> ClientError {
        self.pending
            .as_ref()
            .map_or(ClientError::Over, |pending| pending.why_late(now, port_refusals, self.ignored))
    }

    pub(super) fn step(&self) -> Step {
        self.pending.as_ref().map_or(Step::OpenSession, |pending| pending.step)
    }

    pub(super) const fn ignored(&mut self) {
        self.ignored = self.ignored.saturating_add(1);
    }

    /// Puts a request in flight; one that still is there is given up.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        step: Step,
        by: Instant,
        entropy: &mut Entropy,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        self.settle();
        let number = self.sequences.next(Default::default())?;
        self.pending = Some(Pending::new(now, step, by, number, self.pause));
        self.tick(now, entropy)
    }

    /// Sends the request in flight again if that is due: same request number, new session number.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        entropy: &mut Entropy,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.is_due(now)) else {
            return Ok(None);
        };
        self.sent = self.sent.checked_add(1).ok_or(ClientError::Exhausted)?;
        let frame = Ipmb::request(&pending.message, pending.number).encode();
        pending.sent(now);
        Ok(Some(self.keys.seal(self.bmc_id, self.sent, entropy.array(), &frame)))
    }

    pub(super) fn heard(&mut self, now: Instant, packet: &SessionPacket<'_>) -> Reply {
        let Some((number, code, data)) = self.read(packet) else { return Reply::Ignored };
        let Some(pending) = self.pending.as_mut().filter(|one| one.numbers.holds(number)) else {
            return Reply::Ignored;
        };
        pending.answered();
        if code == completion::code::DUPLICATE || completion::is_passing(code) {
            let Ok(fresh) = self.sequences.next(pending.numbers) else { return Reply::Later };
            pending.put_off(now, code, fresh);
            return Reply::Later;
        }
        if let Some(round_trip) = pending.round_trip(now) {
            self.pause = pause_of(round_trip);
        }
        let step = pending.step;
        self.settle();
        Reply::Done { step, code, data }
    }

    /// Close Session, to be sent once and forgotten.
    pub(super) fn farewell(mut self, entropy: &mut Entropy) -> Vec<u8> {
        self.sent = self.sent.saturating_add(1);
        let message = CloseSession(self.bmc_id).into();
        let number = self.sequences.next(Default::default()).unwrap_or_default();
        let frame = Ipmb::request(&message, number).encode();
        self.keys.seal(self.bmc_id, self.sent, entropy.array(), &frame)
    }

    /// Request number, completion code and data of an authentic, fresh reply to what is in flight.
    fn read(&mut self, packet: &SessionPacket<'_>) -> Option<(u8, u8, Vec<u8>)> {
        if packet.session_id != self.console_id || packet.payload_type != PayloadType::Ipmi {
            return None;
        }
        let frame = self.keys.open(packet).ok()?;
        if !self.heard.accept(packet.sequence) {
            return None;
        }
        let frame = Ipmb::parse_signed(&frame).ok()?;
        let pending = self.pending.as_ref()?;
        let expected = (CONSOLE_ADDRESS, BMC_ADDRESS, pending.message.netfn_raw() | 1);
        if (frame.to, frame.from, frame.netfn) != expected {
            return None;
        }
        if frame.command != pending.message.cmd() {
            return None;
        }
        let (code, data) = frame.completion().ok()?;
        Some((frame.sequence, code, data.to_vec()))
    }

    /// Ends the request in flight. Numbers to which an answer may still come are never used again.
    fn settle(&mut self) {
        let ended = self.pending.take();
        if let Some(pending) = ended.filter(|pending| !pending.is_settled()) {
            self.sequences.taint(pending.numbers);
        }
    }
}
