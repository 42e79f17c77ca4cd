//! One request in flight, and when to send it again.

use ipmi_rs_core::connection::Message;
use palisade_protocol::time::{Duration, Instant};

use super::doubled;
use super::error::{ClientError, Step};
use super::sequence::Mask;
use crate::app::SetSessionPrivilege;

/// What is wanted of the BMC in a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) step: Step,
    /// The how-manieth order it is; 0 for what no order asks for.
    pub(super) order: u32,
    /// None: it ends with the login's limit.
    pub(super) by: Option<Instant>,
}

impl Request {
    /// When sending and waiting end, where the login's limit stands at `login_by`.
    pub(super) fn ends(&self, login_by: Instant) -> Instant {
        self.by.unwrap_or(login_by)
    }
}

/// A request that has not been answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: Request,
    pub(super) message: Message,
    /// The number that the next packet carries.
    pub(super) number: u8,
    /// Every number that a packet of this request carried.
    pub(super) numbers: Mask,
    began: Instant,
    sent: u32,
    answered: u32,
    resend_at: Instant,
    pause: Duration,
    last_code: Option<u8>,
}

impl Pending {
    pub(super) fn new(now: Instant, request: Request, number: u8, pause: Duration) -> Self {
        let mut numbers = Mask::default();
        numbers.add(number);
        Self {
            request,
            message: message_of(request.step),
            number,
            numbers,
            began: now,
            sent: 0,
            answered: 0,
            resend_at: now,
            pause,
            last_code: None,
        }
    }

    pub(super) fn next_deadline(&self, login_by: Instant) -> Instant {
        self.resend_at.min(self.request.ends(login_by))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.resend_at
    }

    pub(super) fn is_late(&self, now: Instant, login_by: Instant) -> bool {
        now >= self.request.ends(login_by)
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = self.sent.saturating_add(1);
        let again = self.request.step.is_repeatable();
        self.resend_at = if again { now + self.pause } else { Instant::NEVER };
        self.pause = doubled(self.pause);
    }

    pub(super) const fn answered(&mut self) {
        self.answered = self.answered.saturating_add(1);
    }

    /// The BMC wants to be asked again later. Its answer used the number up.
    pub(super) fn put_off(&mut self, now: Instant, code: u8, number: u8) {
        self.last_code = Some(code);
        self.number = number;
        self.numbers.add(number);
        self.resend_at = now + self.pause;
    }

    /// Round trip, if it is certain which packet was answered.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.sent == 1).then(|| now.since(self.began))
    }

    /// Whether every packet sent has been answered.
    pub(super) const fn is_settled(&self) -> bool {
        self.sent <= self.answered
    }

    pub(super) fn why_late(&self, now: Instant, port_refusals: u32, ignored: u32) -> ClientError {
        let (step, waited) = (self.request.step, now.since(self.began));
        if port_refusals > 0 {
            return ClientError::PortRefused { step, times: port_refusals };
        }
        match self.last_code {
            Some(code) => ClientError::StillBusy { step, waited, code },
            None => ClientError::Silent { step, waited, sent: self.sent, ignored },
        }
    }
}

/// # Panics
/// For a step of the handshake, which is no command.
fn message_of(step: Step) -> Message {
    let message = match step {
        Step::SetPrivilege(level) => Some(SetSessionPrivilege(Some(level)).into()),
        Step::Order(order) => Some(order.message()),
        Step::OpenSession | Step::Rakp1 | Step::Rakp3 => None,
    };
    assert!(message.is_some(), "only commands are sent in a session");
    message.unwrap_or_else(|| Message::new_raw(0, 0, Vec::new()))
}
