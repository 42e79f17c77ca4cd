//! A datagram in, at most one datagram out.

use std::fmt;

use palisade_protocol::time::Instant;

use super::config::Config;
use super::hardware::{Declined, Hardware, Veto};
use super::session::{Sessions, Stage};
use crate::entropy::Entropy;
use crate::wire::{
    BMC_ADDRESS, Datagram, Ipmb, PayloadType, SessionPacket, asf_pong, setup_datagram, v15_datagram,
};

/// The sessions of one BMC and the answers to datagrams.
pub struct Engine {
    pub(super) config: Config,
    pub(super) entropy: Entropy,
    pub(super) sessions: Sessions,
    /// Global enables of the system interface; kept, and of no effect. [IPMI2 §22.1]
    pub(super) enables: u8,
}

impl Engine {
    /// A BMC without sessions. `entropy` makes session ids, random numbers and initial vectors.
    pub fn new(config: Config, entropy: Entropy) -> Self {
        Self { config, entropy, sessions: Sessions::default(), enables: 0 }
    }

    /// Answers `datagram`, acting on `hardware`. `None`: nothing is to be sent, as for everything
    /// that is malformed, forged, seen before or of a session that does not exist.
    pub fn receive(
        &mut self,
        now: Instant,
        datagram: &[u8],
        hardware: &mut dyn Hardware,
    ) -> Option<Vec<u8>> {
        self.sessions.expire(now, &self.config);
        match Datagram::parse(datagram).ok()? {
            Datagram::AsfPing { tag } => Some(asf_pong(tag)),
            Datagram::V15(packet) if packet.session_id == 0 => {
                self.outside(packet.payload).map(|reply| v15_datagram(&reply))
            }
            Datagram::V15(_) => None,
            Datagram::V2(packet) => self.receive_v2(now, &packet, hardware),
        }
    }

    /// How many slots are in use, set-ups included.
    pub fn sessions(&mut self, now: Instant) -> usize {
        self.sessions.expire(now, &self.config);
        self.sessions.len()
    }

    /// How many consoles did not prove that they know the password.
    pub const fn failed_logins(&self) -> u32 {
        self.sessions.failed_logins()
    }

    /// The BMC restarted: every session is forgotten.
    pub fn restart(&mut self) {
        self.sessions.clear();
    }

    /// What the BMC is configured with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Changes the configuration; sessions that stand go on.
    pub const fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    fn receive_v2(
        &mut self,
        now: Instant,
        packet: &SessionPacket<'_>,
        hardware: &mut dyn Hardware,
    ) -> Option<Vec<u8>> {
        let (reply, of) = match packet.payload_type {
            PayloadType::Ipmi if packet.session_id != 0 => {
                return self.inside(now, packet, hardware);
            }
            PayloadType::Ipmi => (self.outside(packet.payload), PayloadType::Ipmi),
            PayloadType::OpenSessionRequest => {
                (self.open_session(now, packet.payload), PayloadType::OpenSessionReply)
            }
            PayloadType::Rakp1 => (self.rakp1(now, packet.payload), PayloadType::Rakp2),
            PayloadType::Rakp3 => (self.rakp3(now, packet.payload), PayloadType::Rakp4),
            PayloadType::OpenSessionReply | PayloadType::Rakp2 | PayloadType::Rakp4 => return None,
        };
        reply.map(|reply| setup_datagram(of, &reply))
    }

    /// A command outside any session: answered plainly, and there are few of them.
    fn outside(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let request = Ipmb::parse(payload).ok().filter(is_for_us)?;
        let answer = completed(self.run_outside(&request));
        Some(request.reply(&answer).encode())
    }

    /// A packet of a session: verified, new, decrypted, then obeyed.
    fn inside(
        &mut self,
        now: Instant,
        packet: &SessionPacket<'_>,
        hardware: &mut dyn Hardware,
    ) -> Option<Vec<u8>> {
        let id = packet.session_id;
        let session = self.sessions.get_mut(id)?;
        let Stage::Active(active) = &mut session.stage else { return None };
        let payload = active.keys.open(packet).ok()?;
        if !active.heard.accept(packet.sequence) {
            return None;
        }
        session.last_heard = now;
        let request = Ipmb::parse(&payload).ok().filter(is_for_us)?;
        let (keys, console_id) = (active.keys.clone(), session.console_id);
        let sequence = active.next_sequence(self.config.quirks.skips_sequence);
        let outcome = match self.admit(now, id, &request, hardware) {
            Ok(command) => self.run(now, id, command, request.data, hardware),
            Err(Veto::Declined(declined)) => Err(declined),
            Err(Veto::Silence) => return None,
        };
        let reply = self.reply(&request, outcome);
        Some(keys.seal(console_id, sequence, self.entropy.array(), &reply))
    }

    fn reply(&self, request: &Ipmb<'_>, outcome: Result<Vec<u8>, Declined>) -> Vec<u8> {
        let mut answer = completed(outcome);
        if self.config.quirks.bare_answers {
            answer.truncate(1);
        }
        let mut reply = request.reply(&answer).encode();
        if let Some(checksum) = reply.last_mut().filter(|_| self.config.quirks.bad_checksums) {
            *checksum = checksum.wrapping_add(1);
        }
        reply
    }
}

/// Never users, passwords or keys.
impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Engine").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

fn is_for_us(request: &Ipmb<'_>) -> bool {
    request.to == BMC_ADDRESS && !request.is_reply()
}

/// Completion code and data.
pub(super) fn completed(outcome: Result<Vec<u8>, Declined>) -> Vec<u8> {
    match outcome {
        Ok(data) => [&[0], data.as_slice()].concat(),
        Err(declined) => vec![declined.0],
    }
}
