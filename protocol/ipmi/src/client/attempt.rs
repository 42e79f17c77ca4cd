//! One handshake: Open Session, RAKP 1 to 4, each message sent once.
//!
//! ```text
//!   AskedSession --grant--> NamedUser --rakp 2--> ProvedPassword --rakp 4, or a signed answer--> session
//! ```
//!
//! After RAKP 2 the console knows the keys, and the code in it has shown that the BMC knows the
//! password: RAKP 3 and the first requests leave in one flight. An answer that is signed with those
//! keys shows what RAKP 4 shows, as both are made of the same secret; so either ends the handshake.

use palisade_protocol::time::{Duration, Instant};

use super::WINDOW;
use super::error::Step;
use super::login::Login;
use super::pending::Request;
use super::session::{Parties, Reply, Session};
use crate::app::Guid;
use crate::entropy::Entropy;
use crate::keys::Handshake;
use crate::privilege::Role;
use crate::suite::{Code, Suite};
use crate::wire::{
    Algorithms, OpenSessionGrant, OpenSessionReply, OpenSessionRequest, PayloadType, Rakp1, Rakp2,
    Rakp2Grant, Rakp3, Rakp4, RmcpStatus, SessionPacket, setup_datagram,
};

/// Always 0: some BMCs answer with tag 0 whatever was sent, so replies are told apart by the
/// console's session id.
const TAG: u8 = 0;

/// For how long a BMC keeps the slot of a handshake that does not go on: OpenBMC's three seconds, and
/// the way there. It is not asked for the slot: OpenBMC and `ipmi_sim` take a RAKP 3 that carries an
/// error for a wrong password, and answer so.
const GRACE: Duration = Duration::from_millis(3_200);

/// What every attempt of a login is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) login: &'a Login,
    /// To be carried out as soon as possible, in this order.
    pub(super) orders: &'a [Request],
}

/// One handshake under way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) console_id: u32,
    pub(super) suite: Suite,
    pub(super) began: Instant,
    /// When the last message of it was sent.
    pub(super) sent_at: Instant,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    AskedSession,
    NamedUser { bmc_id: u32, console_random: [u8; 16] },
    ProvedPassword { session: Box<Session>, expected: Code },
}

/// A reply to some attempt, still to be matched.
#[derive(Debug)]
pub(super) enum SetupReply {
    Session(OpenSessionReply),
    Rakp2(Rakp2),
    Rakp4(Rakp4),
}

/// What a reply did to an attempt.
#[derive(Debug)]
pub(super) enum Turn {
    /// The next message, and what leaves with it.
    Next(Vec<Vec<u8>>),
    /// The session stands.
    Stands(Box<Session>),
    /// The BMC refused the step.
    Refused(Step, RmcpStatus),
    /// The BMC chose other algorithms.
    OtherAlgorithms(Algorithms),
    /// RAKP 2 was made with another password; `farewell` tells the BMC so.
    OtherPassword { farewell: Vec<u8> },
    /// RAKP 4 was made with another BMC key.
    OtherBmcKey,
    /// The password is right, but this is not the BMC that was meant; `farewell` tells it so.
    OtherBmc { found: Guid, farewell: Vec<u8> },
    /// Not to be believed.
    Ignored,
}

impl SetupReply {
    pub(super) fn parse(packet: &SessionPacket<'_>) -> Option<Self> {
        if packet.session_id != 0 || packet.authenticated || packet.encrypted {
            return None;
        }
        match packet.payload_type {
            PayloadType::OpenSessionReply => {
                OpenSessionReply::parse(packet.payload).ok().map(Self::Session)
            }
            PayloadType::Rakp2 => Rakp2::parse(packet.payload).ok().map(Self::Rakp2),
            PayloadType::Rakp4 => Rakp4::parse(packet.payload).ok().map(Self::Rakp4),
            PayloadType::Ipmi
            | PayloadType::OpenSessionRequest
            | PayloadType::Rakp1
            | PayloadType::Rakp3 => None,
        }
    }

    /// Which step it answers.
    fn step(&self) -> Step {
        match self {
            Self::Session(_) => Step::OpenSession,
            Self::Rakp2(_) => Step::Rakp1,
            Self::Rakp4(_) => Step::Rakp3,
        }
    }

    pub(super) fn console_id(&self) -> u32 {
        match self {
            Self::Session(reply) => reply.console_id,
            Self::Rakp2(reply) => reply.console_id,
            Self::Rakp4(reply) => reply.console_id,
        }
    }

    fn is_refusal(&self) -> bool {
        match self {
            Self::Session(reply) => reply.outcome.is_err(),
            Self::Rakp2(reply) => reply.outcome.is_err(),
            Self::Rakp4(reply) => reply.outcome.is_err(),
        }
    }
}

impl Attempt {
    /// Begins a handshake; the datagram is its first message.
    pub(super) fn begin(
        now: Instant,
        suite: Suite,
        login: &Login,
        entropy: &mut Entropy,
    ) -> (Self, Vec<u8>) {
        let console_id = entropy.session_id();
        let request = OpenSessionRequest {
            tag: TAG,
            privilege: login.privilege().bits(),
            console_id,
            algorithms: suite.algorithms(),
        };
        let datagram = setup_datagram(PayloadType::OpenSessionRequest, &request.encode());
        (Self { console_id, suite, began: now, sent_at: now, stage: Stage::AskedSession }, datagram)
    }

    pub(super) const fn step(&self) -> Step {
        match self.stage {
            Stage::AskedSession => Step::OpenSession,
            Stage::NamedUser { .. } => Step::Rakp1,
            Stage::ProvedPassword { .. } => Step::Rakp3,
        }
    }

    /// Until when it may hold a slot although nothing more is heard of it; `None` if it was not given
    /// one as far as is known.
    pub(super) fn holds_slot_until(&self) -> Option<Instant> {
        match self.stage {
            Stage::AskedSession => None,
            Stage::NamedUser { .. } | Stage::ProvedPassword { .. } => Some(self.sent_at + GRACE),
        }
    }

    /// Whether `reply` is for this attempt at this step. Refusals may come without an id: some
    /// BMCs fill them with zeros.
    pub(super) fn is_for(&self, reply: &SetupReply) -> bool {
        let id = reply.console_id();
        let mine = id == self.console_id || (id == 0 && reply.is_refusal());
        mine && reply.step() == self.step()
    }

    pub(super) fn hear(
        &mut self,
        now: Instant,
        reply: SetupReply,
        plan: Plan<'_>,
        entropy: &mut Entropy,
    ) -> Turn {
        let turn = match reply {
            SetupReply::Session(OpenSessionReply { outcome, .. }) => match outcome {
                Ok(grant) => self.name_user(grant, plan.login, entropy),
                Err(status) => Turn::Refused(Step::OpenSession, status),
            },
            SetupReply::Rakp2(Rakp2 { outcome, .. }) => match outcome {
                Ok(grant) => self.prove_password(now, grant, plan, entropy),
                Err(status) => Turn::Refused(Step::Rakp1, status),
            },
            SetupReply::Rakp4(Rakp4 { outcome, .. }) => match outcome {
                Ok(code) => self.stand(&code),
                Err(status) => Turn::Refused(Step::Rakp3, status),
            },
        };
        if matches!(turn, Turn::Next(_)) {
            self.sent_at = now;
        }
        turn
    }

    /// What a packet of a session says to a request that left with RAKP 3.
    pub(super) fn hear_early(&mut self, now: Instant, packet: &SessionPacket<'_>) -> Reply {
        match &mut self.stage {
            Stage::ProvedPassword { session, .. } => session.heard(now, packet),
            Stage::AskedSession | Stage::NamedUser { .. } => Reply::Ignored,
        }
    }

    /// The session of an attempt that has proved the password.
    pub(super) fn into_session(self) -> Option<Box<Session>> {
        let Stage::ProvedPassword { session, .. } = self.stage else { return None };
        Some(session)
    }

    /// Gives the BMC's slot back, if this attempt may hold one that we have keys for.
    pub(super) fn farewell(self, entropy: &mut Entropy) -> Option<Vec<u8>> {
        self.into_session().map(|session| session.farewell(entropy))
    }

    /// Whatever is answered to this order from now on is nothing.
    pub(super) fn give_up(&mut self, order: u32) {
        if let Stage::ProvedPassword { session, .. } = &mut self.stage {
            session.give_up(order);
        }
    }

    fn name_user(&mut self, grant: OpenSessionGrant, login: &Login, entropy: &mut Entropy) -> Turn {
        if grant.algorithms != self.suite.algorithms() {
            return Turn::OtherAlgorithms(grant.algorithms);
        }
        if grant.bmc_id == 0 {
            return Turn::Ignored;
        }
        let console_random = entropy.array();
        let bmc_id = grant.bmc_id;
        let rakp1 = Rakp1 {
            tag: TAG,
            bmc_id,
            console_random,
            role: Role::name_only(login.privilege()),
            user: login.user().to_vec(),
        };
        self.stage = Stage::NamedUser { bmc_id, console_random };
        Turn::Next(vec![setup_datagram(PayloadType::Rakp1, &rakp1.encode())])
    }

    fn prove_password(
        &mut self,
        now: Instant,
        grant: Rakp2Grant,
        plan: Plan<'_>,
        entropy: &mut Entropy,
    ) -> Turn {
        let Stage::NamedUser { bmc_id, console_random } = self.stage else { return Turn::Ignored };
        if grant.code.len() != self.suite.code_len() {
            return Turn::Ignored;
        }
        let login = plan.login;
        let handshake = Handshake {
            suite: self.suite,
            console_id: self.console_id,
            bmc_id,
            console_random,
            bmc_random: grant.bmc_random,
            bmc_guid: grant.bmc_guid,
            role: Role::name_only(login.privilege()),
            user: login.user().to_vec(),
        };
        if !handshake.rakp2_code(login.password()).is(&grant.code) {
            let outcome = Err(RmcpStatus::InvalidIntegrityCheck);
            return Turn::OtherPassword { farewell: rakp3(bmc_id, outcome) };
        }
        let found = Guid(grant.bmc_guid);
        if login.guid().is_some_and(|pinned| pinned != found) {
            let farewell = rakp3(bmc_id, Err(RmcpStatus::UnauthorizedGuid));
            return Turn::OtherBmc { found, farewell };
        }
        self.prove(now, &handshake, plan, entropy)
    }

    /// RAKP 3, and unless the login goes in lock-step, everything that is wanted of the session.
    fn prove(
        &mut self,
        now: Instant,
        handshake: &Handshake,
        plan: Plan<'_>,
        entropy: &mut Entropy,
    ) -> Turn {
        let keys = handshake.session_keys(plan.login.key());
        let expected = handshake.rakp4_code(&keys);
        let (console_id, bmc_id) = (handshake.console_id, handshake.bmc_id);
        let parties = Parties { console_id, bmc_id, guid: Guid(handshake.bmc_guid), keys };
        let mut session = Session::new(parties, now.since(self.sent_at));
        let proof = handshake.rakp3_code(plan.login.password()).bytes().to_vec();
        let mut flight = vec![rakp3(bmc_id, Ok(proof))];
        let early = plan.early();
        flight.extend(early.filter_map(|request| session.begin(now, request, entropy).ok()));
        self.stage = Stage::ProvedPassword { session: Box::new(session), expected };
        Turn::Next(flight)
    }

    fn stand(&mut self, code: &[u8]) -> Turn {
        let Stage::ProvedPassword { session, expected } = &self.stage else {
            return Turn::Ignored;
        };
        let length = session.suite().short_code_len();
        if code.len() != length {
            return Turn::Ignored;
        }
        if !expected.is_shortened(length, code) {
            return Turn::OtherBmcKey;
        }
        match std::mem::replace(&mut self.stage, Stage::AskedSession) {
            Stage::ProvedPassword { session, .. } => Turn::Stands(session),
            Stage::AskedSession | Stage::NamedUser { .. } => Turn::Ignored,
        }
    }
}

impl Plan<'_> {
    /// What leaves with RAKP 3: the privilege first, as a session begins at user level. Other attempts
    /// may send it too.
    fn early(&self) -> impl Iterator<Item = Request> + '_ {
        let privilege = self.login.privilege();
        let raise = Request { step: Step::SetPrivilege(privilege), order: 0, by: None };
        let orders = self.orders.iter().filter(|request| request.step.is_repeatable());
        let all = [raise].into_iter().chain(orders.copied());
        all.take(if self.login.is_lock_step() { 0 } else { WINDOW })
    }
}

fn rakp3(bmc_id: u32, outcome: Result<Vec<u8>, RmcpStatus>) -> Vec<u8> {
    setup_datagram(PayloadType::Rakp3, &Rakp3 { tag: TAG, bmc_id, outcome }.encode())
}
