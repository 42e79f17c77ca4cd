//! Proofs: how a case ends, and how the others learn of it.

use palisade_protocol::ids::{BootId, NodeId, Peer};
use palisade_protocol::quorum::majority;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Body, Fenced, FencedAck, Frame};

use super::{Effects, FencerCore};
use crate::case::Case;
use crate::news::News;
use crate::proof::{Evidence, Proof};

/// How long voters that do not answer are told of a proof. They learn of it later by asking.
const TELL_FOR: Duration = Duration::from_secs(5);

impl FencerCore {
    /// The life of `case` is over.
    pub(super) fn prove(
        &mut self,
        now: Instant,
        case: &mut Case,
        evidence: Evidence,
        effects: &mut Effects,
    ) {
        if case.proven.is_some() {
            return;
        }
        let kind = evidence.kind();
        case.proven = Some((kind, now));
        case.noted = case.noted.with(self.config.me);
        let is_own_off = matches!(evidence, Evidence::PowerOff { .. });
        if let Some(power) = case.power.as_mut().filter(|_| !is_own_off) {
            power.proven_otherwise();
        }
        self.write_down(now, (case.target, case.boot), evidence, effects);
        self.tell_proof(now, case, effects);
    }

    /// A life is over, whether or not this fencer has a case against it.
    pub(super) fn close(
        &mut self,
        now: Instant,
        (target, boot): (NodeId, BootId),
        evidence: Evidence,
        effects: &mut Effects,
    ) {
        let mut cases = core::mem::take(&mut self.cases);
        match cases.iter_mut().find(|case| case.is(target, boot)) {
            Some(case) => self.prove(now, case, evidence, effects),
            None => self.write_down(now, (target, boot), evidence, effects),
        }
        self.cases = cases;
    }

    pub(super) fn told_fenced(
        &mut self,
        now: Instant,
        frame: &Frame,
        fenced: Fenced,
        effects: &mut Effects,
    ) {
        let Fenced { target, boot, proof: kind } = fenced;
        let by = frame.src.node;
        self.close(now, (target, boot), Evidence::Reported { by, kind }, effects);
        let ack = Body::FencedAck(FencedAck { target, boot });
        self.post(now, frame.src, Some(frame.as_echo()), ack, effects);
    }

    pub(super) fn fenced_noted(&mut self, voter: NodeId, ack: FencedAck) {
        if let Some(case) = self.cases.iter_mut().find(|case| case.is(ack.target, ack.boot)) {
            case.noted = case.noted.with(voter);
        }
    }

    /// Tells the voters that have not noted it yet.
    pub(super) fn tell_proof(&mut self, now: Instant, case: &Case, effects: &mut Effects) {
        let Some((proof, _)) = case.proven else { return };
        let body = Body::Fenced(Fenced { target: case.target, boot: case.boot, proof });
        for place in 0..self.voters.len() {
            let id = self.voters.get(place).map(|voter| voter.id);
            if let Some(id) = id.filter(|id| !case.noted.has(*id)) {
                self.post(now, Peer::voter(id), None, body, effects);
            }
        }
    }

    /// Whether a majority has noted the proof: no other fencer can be at work on this life.
    pub(super) fn is_noted(&self, case: &Case) -> bool {
        case.noted.len() >= majority(self.config.voters.len())
    }

    /// Whether nothing is left to do about a case.
    pub(super) fn is_finished(&self, now: Instant, case: &Case) -> bool {
        let Some((_, proven_at)) = case.proven else { return false };
        let noted = self.heard_voters(now).iter().all(|voter| case.noted.has(voter));
        case.is_settled() && (noted || now.since(proven_at) > TELL_FOR)
    }

    /// Nobody is given a proof about the machine it runs on: that its former life is over is no
    /// reason to take over from it.
    fn write_down(
        &mut self,
        now: Instant,
        (target, boot): (NodeId, BootId),
        evidence: Evidence,
        effects: &mut Effects,
    ) {
        let Some(member) = self.member_mut(Peer::member(target)) else { return };
        member.condemn(boot);
        if !member.close(now, boot, evidence.kind()) {
            return;
        }
        self.changed();
        if target == self.config.me {
            return;
        }
        effects.tell(News::Fenced { target, boot, proof: evidence.kind() });
        let full = effects.proofs.push(Proof::new(target, boot, now, evidence)).is_err();
        assert!(!full, "the proofs of one input are bounded by cases and sentences");
    }
}
