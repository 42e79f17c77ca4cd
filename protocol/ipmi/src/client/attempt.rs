//! One handshake: Open Session, RAKP 1 to 4, each message sent once.
//!
//! ```text
//!   AskedSession --grant--> NamedUser --rakp 2--> ProvedPassword --rakp 4--> session
//! ```

use palisade_protocol::time::Instant;

use super::error::Step;
use super::login::Login;
use crate::app::CloseSession;
use crate::entropy::Entropy;
use crate::keys::{Handshake, SessionKeys};
use crate::privilege::Role;
use crate::suite::{Code, Suite};
use crate::wire::{
    Algorithms, Ipmb, OpenSessionGrant, OpenSessionReply, OpenSessionRequest, PayloadType, Rakp1,
    Rakp2, Rakp2Grant, Rakp3, Rakp4, RmcpStatus, SessionPacket, setup_datagram,
};

/// Always 0: some BMCs answer with tag 0 whatever was sent, so replies are told apart by the
/// console's session id.
const TAG: u8 = 0;

/// One handshake under way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) console_id: u32,
    pub(super) suite: Suite,
    /// When the last message of it was sent.
    pub(super) sent_at: Instant,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    AskedSession,
    NamedUser { bmc_id: u32, console_random: [u8; 16] },
    ProvedPassword { bmc_id: u32, keys: SessionKeys, expected: Code },
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
    /// The next message.
    Next(Vec<u8>),
    /// The session stands.
    Stands { bmc_id: u32, keys: SessionKeys },
    /// The BMC refused the step.
    Refused(Step, RmcpStatus),
    /// The BMC chose other algorithms.
    OtherAlgorithms(Algorithms),
    /// RAKP 2 was made with another password; `farewell` tells the BMC so.
    OtherPassword { farewell: Vec<u8> },
    /// RAKP 4 was made with another BMC key.
    OtherBmcKey,
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

    fn console_id(&self) -> u32 {
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
        (Self { console_id, suite, sent_at: now, stage: Stage::AskedSession }, datagram)
    }

    pub(super) const fn step(&self) -> Step {
        match self.stage {
            Stage::AskedSession => Step::OpenSession,
            Stage::NamedUser { .. } => Step::Rakp1,
            Stage::ProvedPassword { .. } => Step::Rakp3,
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
        login: &Login,
        entropy: &mut Entropy,
    ) -> Turn {
        let turn = match reply {
            SetupReply::Session(OpenSessionReply { outcome, .. }) => match outcome {
                Ok(grant) => self.name_user(grant, login, entropy),
                Err(status) => Turn::Refused(Step::OpenSession, status),
            },
            SetupReply::Rakp2(Rakp2 { outcome, .. }) => match outcome {
                Ok(grant) => self.prove_password(grant, login),
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

    /// Gives the BMC's slot back, if this attempt may hold one that we have keys for.
    pub(super) fn farewell(&self, entropy: &mut Entropy) -> Option<Vec<u8>> {
        let Stage::ProvedPassword { bmc_id, keys, .. } = &self.stage else { return None };
        let message = CloseSession(*bmc_id).into();
        let frame = Ipmb::request(&message, 0).encode();
        Some(keys.seal(*bmc_id, 1, entropy.array(), &frame))
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
        Turn::Next(setup_datagram(PayloadType::Rakp1, &rakp1.encode()))
    }

    fn prove_password(&mut self, grant: Rakp2Grant, login: &Login) -> Turn {
        let Stage::NamedUser { bmc_id, console_random } = self.stage else { return Turn::Ignored };
        if grant.code.len() != self.suite.code_len() {
            return Turn::Ignored;
        }
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
        let keys = handshake.session_keys(login.key());
        let expected = handshake.rakp4_code(&keys);
        self.stage = Stage::ProvedPassword { bmc_id, keys, expected };
        Turn::Next(rakp3(bmc_id, Ok(handshake.rakp3_code(login.password()).bytes().to_vec())))
    }

    fn stand(&self, code: &[u8]) -> Turn {
        let Stage::ProvedPassword { bmc_id, keys, expected } = &self.stage else {
            return Turn::Ignored;
        };
        let length = self.suite.short_code_len();
        if code.len() != length {
            return Turn::Ignored;
        }
        if !expected.is_shortened(length, code) {
            return Turn::OtherBmcKey;
        }
        Turn::Stands { bmc_id: *bmc_id, keys: keys.clone() }
    }
}

fn rakp3(bmc_id: u32, outcome: Result<Vec<u8>, RmcpStatus>) -> Vec<u8> {
    setup_datagram(PayloadType::Rakp3, &Rakp3 { tag: TAG, bmc_id, outcome }.encode())
}
