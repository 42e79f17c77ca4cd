//! Session set-up: Open Session and RAKP 1 to 4 as the BMC answers them. [IPMI2 §13.17 to §13.24]
//!
//! A second RAKP 1 or RAKP 3 for one session is not answered: consoles must start anew. Only with the
//! quirk for it, a second RAKP 3 is.

use palisade_protocol::time::Instant;

use super::engine::Engine;
use super::session::{Active, Session, Stage};
use crate::keys::Handshake;
use crate::privilege::{Privilege, Role};
use crate::secret::Secret;
use crate::suite::Suite;
use crate::wire::{
    Algorithms, OpenSessionGrant, OpenSessionReply, OpenSessionRequest, Rakp1, Rakp2, Rakp2Grant,
    Rakp3, Rakp4, RmcpStatus,
};

impl Engine {
    pub(super) fn open_session(&mut self, now: Instant, payload: &[u8]) -> Option<Vec<u8>> {
        let request = OpenSessionRequest::parse(payload).ok()?;
        let outcome = self.grant(now, &request);
        let (tag, console_id) = self.marks(request.tag, request.console_id, outcome.err());
        Some(OpenSessionReply { tag, console_id, outcome }.encode())
    }

    fn grant(
        &mut self,
        now: Instant,
        request: &OpenSessionRequest,
    ) -> Result<OpenSessionGrant, RmcpStatus> {
        refused(self.config.quirks.refuse_open)?;
        let suite = self.agree(request.algorithms)?;
        let limit = limited(request.privilege, self.config.channel_limit)?;
        if self.sessions.len() >= self.config.open_slots() {
            return Err(RmcpStatus::NoResources);
        }
        let bmc_id = self.free_id();
        let console_id = request.console_id;
        let stage = Stage::Opened;
        let session = Session { console_id, suite, limit, stage, last_heard: now };
        self.sessions.insert(bmc_id, session);
        let algorithms = suite.algorithms();
        Ok(OpenSessionGrant { privilege: limit.bits(), bmc_id, algorithms })
    }

    /// The suite asked for, or which part of it does not exist here.
    fn agree(&self, wanted: Algorithms) -> Result<Suite, RmcpStatus> {
        if let Some(suite) = Suite::from_algorithms(wanted) {
            return if self.config.offers(suite) {
                Ok(suite)
            } else {
                Err(RmcpStatus::NoCipherSuite)
            };
        }
        let offered = || self.config.suites.iter().map(|suite| suite.algorithms());
        if !offered().any(|known| known.authentication == wanted.authentication) {
            return Err(RmcpStatus::InvalidAuthentication);
        }
        if !offered().any(|known| known.integrity == wanted.integrity) {
            return Err(RmcpStatus::InvalidIntegrity);
        }
        if !offered().any(|known| known.confidentiality == wanted.confidentiality) {
            return Err(RmcpStatus::InvalidConfidentiality);
        }
        Err(RmcpStatus::NoCipherSuite)
    }

    fn free_id(&mut self) -> u32 {
        loop {
            let id = self.entropy.session_id();
            if !self.sessions.contains(id) {
                return id;
            }
        }
    }

    pub(super) fn rakp1(&mut self, now: Instant, payload: &[u8]) -> Option<Vec<u8>> {
        let request = Rakp1::parse(payload).ok()?;
        let Some(session) = self.sessions.get_mut(request.bmc_id) else {
            return Some(self.rakp2_refusal(&request, 0, RmcpStatus::InvalidSessionId));
        };
        if !matches!(session.stage, Stage::Opened) {
            return None;
        }
        let console_id = session.console_id;
        match self.challenge(now, &request) {
            Ok(grant) => Some(Rakp2 { tag: request.tag, console_id, outcome: Ok(grant) }.encode()),
            Err(status) => {
                self.drop_session(now, request.bmc_id);
                Some(self.rakp2_refusal(&request, console_id, status))
            }
        }
    }

    fn rakp2_refusal(&self, request: &Rakp1, console_id: u32, status: RmcpStatus) -> Vec<u8> {
        let (tag, console_id) = self.marks(request.tag, console_id, Some(status));
        Rakp2 { tag, console_id, outcome: Err(status) }.encode()
    }

    /// Message tag and console id of an answer: both are 0 in a refusal with the quirk for it.
    const fn marks(&self, tag: u8, console_id: u32, refusal: Option<RmcpStatus>) -> (u8, u32) {
        if refusal.is_some() && self.config.quirks.zero_refusals {
            (0, 0)
        } else {
            (tag, console_id)
        }
    }

    fn drop_session(&mut self, now: Instant, id: u32) {
        self.sessions.remove(now, id, self.config.quirks.reclaim);
    }

    fn challenge(&mut self, now: Instant, request: &Rakp1) -> Result<Rakp2Grant, RmcpStatus> {
        refused(self.config.quirks.refuse_rakp1)?;
        let user = self.config.user(&request.user).ok_or(RmcpStatus::UnauthorizedName)?;
        let password = self.right_password(&user.password);
        let limit = role_limit(request.role, user.privilege)?;
        let session = self.sessions.get_mut(request.bmc_id).ok_or(RmcpStatus::InvalidSessionId)?;
        session.limit = session.limit.min(limit);
        session.last_heard = now;
        let bmc_random = self.entropy.array();
        let handshake = Handshake {
            suite: session.suite,
            console_id: session.console_id,
            bmc_id: request.bmc_id,
            console_random: request.console_random,
            bmc_random,
            bmc_guid: self.config.shown_guid(),
            role: request.role,
            user: request.user.clone(),
        };
        let code = handshake.rakp2_code(&password).bytes().to_vec();
        session.stage = Stage::Challenged(Box::new(handshake));
        Ok(Rakp2Grant { bmc_random, bmc_guid: self.config.shown_guid(), code })
    }

    pub(super) fn rakp3(&mut self, now: Instant, payload: &[u8]) -> Option<Vec<u8>> {
        let request = Rakp3::parse(payload).ok()?;
        let tag = request.tag;
        let Some(session) = self.sessions.get_mut(request.bmc_id) else {
            let status = RmcpStatus::InvalidSessionId;
            let (tag, console_id) = self.marks(tag, 0, Some(status));
            return Some(Rakp4 { tag, console_id, outcome: Err(status) }.encode());
        };
        let console_id = session.console_id;
        let handshake = match &mut session.stage {
            Stage::Challenged(handshake) => Handshake::clone(handshake),
            Stage::Active(active) => {
                let code = active.spoil()?;
                return Some(Rakp4 { tag, console_id, outcome: Ok(code) }.encode());
            }
            Stage::Opened => return None,
        };
        let Ok(claimed) = request.outcome else {
            self.sessions.login_failed();
            self.drop_session(now, request.bmc_id);
            return None; // the console gave up
        };
        let outcome = self.establish(now, &handshake, &claimed);
        let (tag, console_id) = self.marks(tag, console_id, outcome.as_ref().err().copied());
        if outcome.is_err() {
            self.sessions.login_failed();
            self.drop_session(now, request.bmc_id);
        }
        Some(Rakp4 { tag, console_id, outcome }.encode())
    }

    fn establish(
        &mut self,
        now: Instant,
        handshake: &Handshake,
        claimed: &[u8],
    ) -> Result<Vec<u8>, RmcpStatus> {
        refused(self.config.quirks.refuse_rakp3)?;
        let password = &self.password(&handshake.user)?;
        if !handshake.rakp3_code(password).is(claimed) {
            return Err(RmcpStatus::InvalidIntegrityCheck);
        }
        let keys = handshake.session_keys(self.config.key.as_ref().unwrap_or(password));
        let code = handshake.rakp4_code(&keys);
        let session =
            self.sessions.get_mut(handshake.bmc_id).ok_or(RmcpStatus::InvalidSessionId)?;
        session.last_heard = now;
        let answer = code.shortened(handshake.suite.short_code_len()).to_vec();
        let mut active = Active::new(keys, session.limit);
        if self.config.quirks.rakp3_replay {
            let bmc_random = handshake.bmc_random.map(|byte| !byte);
            let other = Handshake { bmc_random, ..Handshake::clone(handshake) };
            active.replay = Some((answer.clone(), other.session_keys(password)));
        }
        session.stage = Stage::Active(Box::new(active));
        Ok(answer)
    }

    fn password(&self, user: &[u8]) -> Result<Secret, RmcpStatus> {
        let user = self.config.user(user).ok_or(RmcpStatus::UnauthorizedName)?;
        Ok(self.right_password(&user.password))
    }

    fn right_password(&self, configured: &Secret) -> Secret {
        let other = Secret::new(b"another password").ok();
        let other = other.filter(|_| self.config.quirks.other_password);
        other.unwrap_or_else(|| configured.clone())
    }
}

/// Refuses with the status that a quirk names.
fn refused(quirk: Option<RmcpStatus>) -> Result<(), RmcpStatus> {
    quirk.map_or(Ok(()), Err)
}

/// The level asked for in Open Session, 0 for the highest, kept under `limit`.
fn limited(wanted: u8, limit: Privilege) -> Result<Privilege, RmcpStatus> {
    match Privilege::from_bits(wanted) {
        None if wanted == 0 => Ok(limit),
        Some(level) if level <= Privilege::Admin => Ok(level.min(limit)),
        Some(_) | None => Err(RmcpStatus::InvalidRole),
    }
}

/// What the role allows: by name alone, at most the user's level; by name and level, only exactly
/// the user's level finds the user.
fn role_limit(role: Role, users: Privilege) -> Result<Privilege, RmcpStatus> {
    let level = limited(role.byte() & 0x0F, Privilege::Admin)?;
    match role.is_name_only() || role.level().is_none() {
        true => Ok(level.min(users)),
        false if level == users => Ok(level),
        false => Err(RmcpStatus::UnauthorizedName),
    }
}
