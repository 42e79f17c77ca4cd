//! What is taken back: sentences that no majority shares, and agreements of others that this fencer
//! needs no longer.

use palisade_protocol::ids::{BootId, NodeId, Peer};
use palisade_protocol::quorum::majority;
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Decline, Frame, Pardon, Why};

use super::voters::Voter;
use super::{Effects, FencerCore};
use crate::case::{Case, Stage};
use crate::member::Hold;
use crate::news::News;

impl FencerCore {
    /// Whether this voter's own sentence on a life that speaks again may be taken back: no majority
    /// can be bound, so no warrant was ever given on it.
    ///
    /// Not while another shooter counts on it.
    pub(super) fn may_pardon(&self, now: Instant, frame: &Frame) -> bool {
        let me = self.config.me;
        let shooter = self.member(frame.src.node).and_then(|member| member.shooter(now));
        let case = self.cases.iter().find(|case| case.is(frame.src.node, frame.boot));
        let open = case.filter(|case| case.proven.is_none() && shooter.is_none_or(|id| id == me));
        open.is_some_and(|case| self.is_cleared(now, case) && self.no_majority_is_bound(case))
    }

    /// Whether a case against a life that is heard again is at an end: nobody is bound to it, or no
    /// majority can be, and no command of it is under way.
    pub(super) fn is_cleared(&self, now: Instant, case: &Case) -> bool {
        let life = self.config.timing.warrant_life();
        let falls = case.power.as_ref().is_some_and(|power| power.may_fall(now));
        case.why == Why::Silence
            && match case.stage {
                Stage::Sounding => true,
                Stage::Binding => self.no_majority_is_bound(case),
                Stage::Warranted => {
                    let lapsed = case.proven.is_none() && !case.stands(now, life);
                    lapsed && !falls && self.no_majority_is_bound(case)
                }
            }
    }

    /// Takes back what was asked of others, and this voter's own sentence.
    pub(super) fn pardon(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let (target, boot) = (frame.src.node, frame.boot);
        self.cases.retain(|case| !case.is(target, boot));
        if let Some(member) = self.member_mut(frame.src) {
            member.pardon(boot);
            member.pardoned_at = Some(now);
            member.suspected = None;
        }
        self.changed();
        self.release(now, (target, boot), effects);
        effects.tell(News::Cleared { target });
    }

    /// A sentence that this voter cannot take up, because it is on its own machine or that machine is
    /// condemned, and that nobody else does, is taken back, or one on a life that had left and that a
    /// majority grants again. Not while the machine may still fall.
    pub(super) fn forgive(&mut self, now: Instant, (target, boot): (NodeId, BootId)) {
        let member = self.member_mut(Peer::member(target));
        let forgiven = member.is_some_and(|m| !m.is_kept_out(now) && m.forget(boot));
        if forgiven {
            self.changed();
        }
    }

    /// A life that a majority does not know to end, because it left or was replaced, is no concern
    /// of this voter until it is heard. Told once.
    pub(super) fn give_up(
        &mut self,
        now: Instant,
        (target, boot): (NodeId, BootId),
        effects: &mut Effects,
    ) {
        let me = self.config.me;
        let member = self.member_mut(Peer::member(target));
        let Some(member) = member.filter(|m| m.shooter(now).is_none_or(|id| id == me)) else {
            return;
        };
        let was_bound = member.pardon(boot);
        if member.peer.boot() == Some(boot) {
            (member.left, member.left_at) = (Some(boot), now);
        }
        if member.given_up.replace(boot) != Some(boot) {
            effects.tell(News::Cleared { target });
        }
        if was_bound {
            self.changed();
        }
        self.cases.retain(|case| !case.is(target, boot));
    }

    /// Nobody is held back any longer for a case of this fencer. What is lost of it lapses by
    /// itself, a warrant's life later.
    pub(super) fn release(
        &mut self,
        now: Instant,
        (target, boot): (NodeId, BootId),
        effects: &mut Effects,
    ) {
        self.let_go(now, (target, boot), effects);
        if self.member_mut(Peer::member(target)).is_some_and(|member| member.release(now, boot)) {
            self.changed();
        }
    }

    /// Nothing of this fencer is under way, so nobody has to keep the next life out.
    pub(super) fn let_go(
        &mut self,
        now: Instant,
        (target, boot): (NodeId, BootId),
        effects: &mut Effects,
    ) {
        let me = self.config.me;
        if let Some(member) = self.member_mut(Peer::member(target)) {
            match member.hold {
                Some(Hold { shooter, asked: Some(_), .. }) if shooter == me => member.orphan(),
                Some(Hold { shooter, asked: None, .. }) if shooter == me => member.hold = None,
                Some(_) | None => {}
            }
        }
        self.post_to_voters(now, Body::Pardon(Pardon { target, boot }), effects);
    }

    /// Whether so many others grant leases to `target` that no majority can be bound to end it.
    pub(super) fn is_granted_elsewhere(&self, now: Instant, target: NodeId) -> bool {
        let heard = self.heard_voters(now);
        let grants = |voter: &&Voter| {
            heard.has(voter.id) && voter.beat.is_some_and(|beat| beat.granting.has(target))
        };
        let granting = self.voters.iter().filter(grants).count();
        let voters = self.config.voters.len();
        voters.saturating_sub(granting) < majority(voters)
    }

    pub(super) fn no_majority_is_bound(&self, case: &Case) -> bool {
        let unbound = |decline: Option<Decline>| decline == Some(Decline::StillHeard);
        let unbound = case.votes.iter().filter(|vote| unbound(vote.declined)).count();
        let voters = self.config.voters.len();
        voters.saturating_sub(unbound) < majority(voters)
    }
}
