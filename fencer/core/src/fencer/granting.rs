//! Members: who is granted a lease, and what is done with a life that comes or goes.

use palisade_protocol::ids::{NodeId, Peer};
use palisade_protocol::peer::Origin;
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{
    Body, Condemn, Fenced, Frame, Grant, Kind, LeaveAck, ProofKind, Renew, Why, Withheld, Withhold,
};

use super::{Effects, FencerCore};
use crate::case::Case;
use crate::durable::Sentence;
use crate::member::{Hold, Member};
use crate::news::{Alarm, News};
use crate::power::FALL_MAX;
use crate::proof::Evidence;

impl FencerCore {
    pub(super) fn member_spoke(
        &mut self,
        now: Instant,
        frame: &Frame,
        origin: Origin,
        effects: &mut Effects,
    ) {
        match origin {
            Origin::NewStart => self.adopt_start(now, frame),
            Origin::Same | Origin::NewBoot => {
                self.close_former_lives(now, frame, effects);
                if self.is_held(now, frame) {
                    self.ask_the_last_shooter(now, frame.src.node, effects);
                    return self.withhold(now, frame, Withheld::Fencing, effects);
                }
                if origin == Origin::NewBoot {
                    self.adopt_life(now, frame);
                }
            }
        }
        match frame.body {
            Body::Renew(renew) => self.renewal(now, frame, Some(renew), effects),
            Body::Unreadable(Kind::RENEW) => self.renewal(now, frame, None, effects),
            Body::Request(request) => self.requested(now, frame, request.why, effects),
            Body::Leave(_) => self.leaves(now, frame, effects),
            Body::Hello
            | Body::Grant(_)
            | Body::Withhold(_)
            | Body::LeaveAck(_)
            | Body::Beat(_)
            | Body::Condemn(_)
            | Body::Agreed(_)
            | Body::Declined(_)
            | Body::Fenced(_)
            | Body::FencedAck(_)
            | Body::Pardon(_)
            | Body::Unreadable(_) => {}
        }
    }

    /// An agent restarted within the same life: the machine goes on, its watchdog must be heard of
    /// anew.
    fn adopt_start(&mut self, now: Instant, frame: &Frame) {
        if let Some(member) = self.member_mut(frame.src) {
            member.peer.adopt(now, frame);
            member.word = None;
            member.left = None;
            member.given_up = None;
        }
    }

    fn adopt_life(&mut self, now: Instant, frame: &Frame) {
        let falls = self.config.timing.raw().warrant.saturating_add(FALL_MAX);
        if let Some(member) = self.member_mut(frame.src) {
            member.peer.adopt(now, frame);
            member.granted_at = None;
            member.held_back_at = None;
            member.word = None;
            member.left = None;
            member.suspected = None;
            if member.release_all_but(now, frame.boot, falls) {
                self.changed();
            }
        }
        self.void_other_lives(frame.src.node, frame.boot);
    }

    /// A new life proves every earlier one over that is condemned, or that a majority may be bound
    /// to for this fencer.
    fn close_former_lives(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let node = frame.src.node;
        loop {
            let former = self.member(node).and_then(|member| {
                member.sentences().iter().find(|s| s.closed.is_none() && s.boot != frame.boot)
            });
            let pursued = self.cases.iter().find(|case| {
                case.target == node && case.boot != frame.boot && case.is_open_and_binds()
            });
            let former = former.map(|sentence| sentence.boot);
            let Some(former) = former.or(pursued.map(|case| case.boot)) else { return };
            self.close(now, (node, former), Evidence::Reborn { boot: frame.boot }, effects);
            let proof = ProofKind::Reborn;
            let told = Body::Fenced(Fenced { target: node, boot: former, proof });
            self.post_to_voters(now, told, effects);
        }
    }

    fn is_held(&self, now: Instant, frame: &Frame) -> bool {
        let held =
            |member: &Member| member.is_kept_out(now) && member.sentence(frame.boot).is_none();
        let node = frame.src.node;
        let at_work = |case: &Case| {
            case.target == node
                && case.boot != frame.boot
                && case.binds_anybody()
                && !case.is_settled()
        };
        self.member(node).is_some_and(held) || self.cases.iter().any(at_work)
    }

    /// What the last shooter said when it was done may be lost: it is asked, and says so again. To
    /// a life that is over, the question binds nobody.
    fn ask_the_last_shooter(&mut self, now: Instant, target: NodeId, effects: &mut Effects) {
        let member = self.member(target);
        let lapsed = member.and_then(|m| m.hold).filter(|hold| now >= hold.until);
        let over = member.and_then(|m| m.sentences().iter().rfind(|s| s.closed.is_some()));
        if let (Some(Hold { shooter, .. }), Some(Sentence { boot, .. })) = (lapsed, over.copied()) {
            let condemn = Condemn { target, boot, why: Why::Silence, bind: false, silent_ms: None };
            self.post(now, Peer::voter(shooter), None, Body::Condemn(condemn), effects);
        }
    }

    fn renewal(
        &mut self,
        now: Instant,
        frame: &Frame,
        renew: Option<Renew>,
        effects: &mut Effects,
    ) {
        if let Some(renew) = renew {
            self.compare_config(frame.src, renew.config, effects);
        }
        match self.objection(now, frame) {
            Some(Withheld::Condemned) => {
                self.condemned_speaks(now, frame, effects);
                self.withhold(now, frame, Withheld::Condemned, effects);
            }
            Some(why) => {
                self.note_hold(now, frame.src, why);
                self.withhold(now, frame, why, effects);
            }
            None => self.grant(now, frame, renew, effects),
        }
    }

    /// What this voter withholds because it has just started, others may grant.
    fn note_hold(&mut self, now: Instant, peer: Peer, why: Withheld) {
        let has_just_started = matches!(why, Withheld::BootHold | Withheld::Amnesia);
        if let Some(member) = self.member_mut(peer).filter(|_| has_just_started) {
            member.held_back_at = Some(now);
        }
    }

    fn objection(&self, now: Instant, frame: &Frame) -> Option<Withheld> {
        let Some(member) = self.member(frame.src.node) else { return Some(Withheld::Stranger) };
        let quiet = self.config.timing.raw().promise;
        if member.sentence(frame.boot).is_some() {
            Some(Withheld::Condemned)
        } else if member.twin_at.is_some_and(|at| now.since(at) <= quiet) {
            Some(Withheld::Twin)
        } else if now < self.agrees_from || self.may_fall_unknown(now, member) {
            Some(Withheld::Amnesia)
        } else if now < self.grants_from {
            Some(Withheld::BootHold)
        } else {
            None
        }
    }

    /// Whether this voter may have agreed to an Off of `member` that is under way, and forgotten it.
    pub(super) fn may_fall_unknown(&self, now: Instant, member: &Member) -> bool {
        member.config.has_power_device && now < self.falls_until
    }

    fn grant(&mut self, now: Instant, frame: &Frame, renew: Option<Renew>, effects: &mut Effects) {
        let span = self.config.timing.raw().suspect_after;
        let Some(member) = self.member_mut(frame.src) else { return };
        if member.left == Some(frame.boot) {
            return;
        }
        let first = member.granted_at.is_none();
        member.granted_at = Some(now);
        member.granted_ever = Some(now);
        member.word = renew;
        member.suspected = None;
        let rejoined = !member.sentences().is_empty();
        let fenceable = member.config.has_power_device;
        let heard_links = member.peer.links().heard_within(now, span);
        if first {
            let (node, boot) = (frame.src.node, frame.boot);
            effects.tell(News::Admitted { node, boot, rejoined });
        }
        self.clear_suspicion(now, frame, effects);
        let grant = Body::Grant(Grant { fenceable, heard_links });
        self.post(now, frame.src, Some(frame.as_echo()), grant, effects);
    }

    /// Heard again, and granted: there is no case, unless a majority may be bound to it.
    fn clear_suspicion(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let (target, boot) = (frame.src.node, frame.boot);
        let case = self.cases.iter().find(|case| case.is(target, boot));
        let Some(case) = case.filter(|case| self.is_cleared(now, case)) else { return };
        let binds_anybody = case.binds_anybody();
        self.cases.retain(|case| !case.is(target, boot));
        if binds_anybody {
            self.release(now, (target, boot), effects);
        }
        effects.tell(News::Cleared { target });
    }

    /// A condemned life still speaks: either its sentence was a mistake that can be taken back, or
    /// its death was never proven, or the proof was wrong.
    fn condemned_speaks(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let node = frame.src.node;
        let closed = self.member(node).and_then(|member| member.sentence(frame.boot)?.closed);
        match closed {
            Some(ProofKind::Left) if self.is_granted_elsewhere(now, node) => {
                self.forgive(now, (node, frame.boot));
            }
            Some(ProofKind::Left) => {}
            Some(_) => self.zombie(frame, effects),
            None if self.may_pardon(now, frame) => self.pardon(now, frame, effects),
            None => {}
        }
    }

    fn zombie(&mut self, frame: &Frame, effects: &mut Effects) {
        let Some(member) = self.member_mut(frame.src) else { return };
        if member.zombie_told != Some(frame.boot) {
            member.zombie_told = Some(frame.boot);
            effects.tell(News::Alarm(Alarm::Zombie { node: frame.src.node }));
        }
    }

    fn withhold(&mut self, now: Instant, frame: &Frame, why: Withheld, effects: &mut Effects) {
        let body = Body::Withhold(Withhold { why });
        self.post(now, frame.src, Some(frame.as_echo()), body, effects);
    }

    fn requested(&mut self, now: Instant, frame: &Frame, why: Why, effects: &mut Effects) {
        let node = frame.src.node;
        let condemned =
            self.member(node).is_none_or(|member| member.sentence(frame.boot).is_some());
        let known = self.cases.iter().any(|case| case.is(node, frame.boot) && case.why.is_order());
        if condemned || known || !why.is_order() || node == self.config.me || now < self.agrees_from
        {
            return;
        }
        let open = self.cases.iter_mut().find(|case| case.is(node, frame.boot));
        let taken = open.map(|case| case.why = why).is_some();
        if taken || self.open_case(now, (node, frame.boot, why), effects) {
            effects.tell(News::Ordered { target: node, why });
        }
    }

    fn leaves(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let node = frame.src.node;
        let Some(member) = self.member_mut(frame.src) else { return };
        member.left_at = now;
        if member.left.replace(frame.boot) != Some(frame.boot) {
            effects.tell(News::Left { node });
        }
        self.cases.retain(|case| !case.is(node, frame.boot) || case.binds_anybody());
        let body = Body::LeaveAck(LeaveAck {});
        self.post(now, frame.src, Some(frame.as_echo()), body, effects);
    }

    fn compare_config(&mut self, peer: Peer, theirs: u32, effects: &mut Effects) {
        let mine = self.config.digest;
        let Some(member) = self.member_mut(peer) else { return };
        let differs = theirs != mine;
        if differs && !member.config_told {
            effects.tell(News::Alarm(Alarm::ConfigDiffers { peer }));
        }
        member.config_told = differs;
    }

    /// Whether this fencer may be the one to end a life of `node`: nobody shoots the machine it
    /// runs on, the proof would die with it.
    pub(super) fn may_shoot(&self, node: NodeId) -> bool {
        let condemned = self.member(self.config.me).is_some_and(Member::is_condemned);
        node != self.config.me && !condemned
    }
}
