//! Cases of this fencer: when one is opened, who is asked, what the answers make of it.

use palisade_protocol::ids::{BootId, NodeId, NodeMask, Peer};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Agreed, Body, Condemn, Decline, Declined, Why};

use super::{Effects, FencerCore};
use crate::case::{Case, Stage};
use crate::durable::Sentence;
use crate::member::Member;
use crate::news::{Alarm, News, Refused};
use crate::power::PowerSequence;
use crate::proof::Evidence;

/// Beats by which each stand-in waits longer than the one ranked before it: the first has asked
/// twice by then, and its question was lost twice or it is dead.
const RANK_BEATS: u32 = 3;

impl FencerCore {
    /// Opens a case against every member that was granted nothing for too long.
    pub(super) fn suspect(&mut self, now: Instant, effects: &mut Effects) {
        if now < self.agrees_from {
            return;
        }
        let span = self.config.timing.raw().suspect_after;
        for place in 0..self.members.len() {
            let Some(member) = self.members.get_mut(place) else { continue };
            let Some((boot, silent_since)) = member.serving() else { continue };
            let silent_for = now.since(silent_since.max(self.ears_since));
            if silent_for <= span {
                continue;
            }
            let target = member.node();
            if member.suspected != Some(boot) {
                member.suspected = Some(boot);
                effects.tell(News::Suspected { target, silent_for: now.since(silent_since) });
            }
            self.open_case(now, (target, boot, Why::Silence), effects);
        }
    }

    /// Takes up condemned lives that nobody is at work on: their shooter died, or was this fencer
    /// before it was restarted.
    pub(super) fn take_over_unclosed(&mut self, now: Instant, effects: &mut Effects) {
        if now < self.agrees_from {
            return;
        }
        for place in 0..self.members.len() {
            let Some(member) = self.members.get(place) else { continue };
            let idle = member.shooter(now).is_none();
            let Some(sentence) = member.unclosed().filter(|_| idle).copied() else { continue };
            let life = (sentence.target, sentence.boot);
            if self.may_shoot(life.0) {
                self.open_case(now, (life.0, life.1, Why::Silence), effects);
            } else if self.is_granted_elsewhere(now, life.0) {
                self.forgive(now, life);
            }
        }
    }

    /// Takes up machines of lives that are over which nobody raises: whoever fenced them died, or
    /// lost its agreement, or the machine fell late.
    pub(super) fn raise_forgotten(&mut self, now: Instant) {
        if now < self.agrees_from || !self.config.power_on {
            return;
        }
        let quiet = self.config.timing.raw().warrant;
        for place in 0..self.members.len() {
            let member = self.members.get(place);
            let Some(sentence) = member.and_then(|member| member.forgotten(now, quiet)) else {
                continue;
            };
            self.open_raising(now, sentence);
        }
    }

    fn open_raising(&mut self, now: Instant, sentence: Sentence) {
        let Sentence { target, boot, closed: Some(kind), .. } = sentence else { return };
        let span = self.config.timing.raw().suspect_after;
        let on = self
            .member(target)
            .is_none_or(|m| !m.config.has_power_device || m.heard_within(now, span));
        let known = self.cases.iter().any(|case| case.target == target);
        if on || known || !self.may_shoot(target) || self.cases.is_full() {
            return;
        }
        let case = self.new_case(now, (target, boot, Why::Silence));
        let full = self.cases.push(case.raising(self.config.me, kind)).is_err();
        assert!(!full, "there was room");
    }

    /// Opens a case, unless there is one, it cannot be ours, or a brake holds; whether it did. A
    /// condemned life comes before one that is only suspected.
    pub(super) fn open_case(
        &mut self,
        now: Instant,
        (target, boot, why): (NodeId, BootId, Why),
        effects: &mut Effects,
    ) -> bool {
        if self.member(target).is_some_and(|member| member.sentence(boot).is_some()) {
            self.void_other_lives(target, boot);
        }
        let known = self.cases.iter().any(|case| case.target == target);
        if known || !self.may_shoot(target) || self.brake(now, (target, boot, why), effects) {
            return false;
        }
        let case = self.new_case(now, (target, boot, why));
        self.make_room();
        self.cases.push(case).is_ok()
    }

    /// Cases against other lives of the machine in which `boot` is are moot, unless they bind anybody.
    pub(super) fn void_other_lives(&mut self, target: NodeId, boot: BootId) {
        self.cases
            .retain(|case| case.target != target || case.boot == boot || case.binds_anybody());
    }

    fn new_case(&mut self, now: Instant, who: (NodeId, BootId, Why)) -> Case {
        self.case_number = self.case_number.wrapping_add(1);
        let ask_at = now + self.stagger(now, who.0);
        Case::new(self.case_number, who, now, ask_at, &self.config.voters)
    }

    pub(super) fn ordered(&mut self, now: Instant, target: NodeId, effects: &mut Effects) {
        match self.order(now, target, effects) {
            Ok(()) => effects.tell(News::Ordered { target, why: Why::Operator }),
            Err(because) => effects.tell(News::OrderRefused { target, because }),
        }
    }

    /// A human says that the node is dead: that counts once a majority has condemned it, because
    /// until then it could be granted another lease.
    pub(super) fn confirmed(&mut self, now: Instant, target: NodeId, effects: &mut Effects) {
        let span = self.config.timing.raw().suspect_after;
        if self.member(target).is_some_and(|member| member.heard_within(now, span)) {
            let because = Refused::StillHeard;
            return effects.tell(News::OrderRefused { target, because });
        }
        self.ordered(now, target, effects);
        for case in self.cases.iter_mut().filter(|case| case.target == target) {
            case.confirmed = true;
        }
    }

    /// An answer to a question of an earlier case counts for nothing: that agreement may have been
    /// taken back.
    pub(super) fn agreed(&mut self, voter: NodeId, agreed: Agreed, asked_at: Instant) {
        let case = self.cases.iter_mut().find(|case| case.is(agreed.target, agreed.boot));
        if let Some(case) = case.filter(|case| asked_at >= case.opened_at) {
            record(case, voter, agreed, asked_at);
        }
    }

    pub(super) fn declined(
        &mut self,
        now: Instant,
        (voter, asked_at): (NodeId, Instant),
        declined: Declined,
        effects: &mut Effects,
    ) {
        let Declined { target, boot, why } = declined;
        let Some(case) = self.cases.iter_mut().find(|case| case.is(target, boot)) else { return };
        case.declined(voter, why, asked_at);
        let moot = case.is_moot();
        if let Decline::Over(kind) = why {
            self.close(now, (target, boot), Evidence::Reported { by: voter, kind }, effects);
        } else if moot {
            self.give_up(now, (target, boot), effects);
        }
    }

    /// Drives every case as far as it goes now.
    pub(super) fn pursue(&mut self, now: Instant, all_is_read: bool, effects: &mut Effects) {
        if self.cases.is_empty() {
            return;
        }
        let mut cases = core::mem::take(&mut self.cases);
        for place in 0..cases.len() {
            let being_fenced = self.being_fenced(&cases);
            if let Some(case) = cases.get_mut(place) {
                self.drive(now, case, (being_fenced, all_is_read), effects);
            }
        }
        cases.retain(|case| {
            let finished = self.is_finished(now, case);
            if finished {
                self.finish(now, case, effects);
            }
            !finished
        });
        self.cases = cases;
    }

    /// Whoever was at work says so. Where it has not seen what became of the machine, it looks after
    /// it later, unless a new life is heard by then.
    fn finish(&mut self, now: Instant, case: &Case, effects: &mut Effects) {
        let life = (case.target, case.boot);
        if !case.binds_anybody() && !case.raises {
            return;
        }
        if case.knows_its_power() || !self.can_cut(case.target) {
            self.release(now, life, effects);
        } else {
            self.let_go(now, life, effects);
        }
    }

    fn order(
        &mut self,
        now: Instant,
        target: NodeId,
        effects: &mut Effects,
    ) -> Result<(), Refused> {
        let member = self.member(target).ok_or(Refused::Unknown)?;
        let condemned = member.unclosed().map(|sentence| sentence.boot);
        let boot = condemned.or(member.peer.boot()).ok_or(Refused::NeverSeen)?;
        if !self.may_shoot(target) {
            return Err(Refused::NotFromHere);
        }
        let open = self.cases.iter_mut().find(|case| case.is(target, boot));
        if let Some(case) = open {
            case.why = Why::Operator;
            return Ok(());
        }
        let opened = self.open_case(now, (target, boot, Why::Operator), effects);
        opened.then_some(()).ok_or(Refused::TooMany)
    }

    /// A case that the others see no ground for gives its place up, or one that only raises; it is
    /// opened again.
    fn make_room(&mut self) {
        let unshared =
            |case: &Case| case.stage == Stage::Sounding && self.no_majority_is_bound(case);
        let idle = |case: &Case| case.raises || unshared(case);
        let place = self.cases.iter().position(idle).filter(|_| self.cases.is_full());
        if let Some(place) = place {
            self.cases.remove(place);
        }
    }

    /// How long this fencer leaves a case to those ranked before it: one shooter, ranked stand-ins.
    fn stagger(&self, now: Instant, target: NodeId) -> Duration {
        let before = |id: &NodeId| *id < self.config.me && *id != target;
        let rank = self.heard_voters(now).iter().filter(before).count();
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        self.config.timing.raw().beat.saturating_mul(rank.saturating_mul(RANK_BEATS))
    }

    fn drive(
        &mut self,
        now: Instant,
        case: &mut Case,
        (being_fenced, all_is_read): (NodeMask, bool),
        effects: &mut Effects,
    ) {
        self.ask(now, case, effects);
        if case.raises {
            return self.drive_power(now, case, all_is_read, effects);
        }
        let life = self.config.timing.warrant_life();
        let span = self.config.timing.raw().suspect_after;
        let would = case.stage == Stage::Sounding && case.majority_would(now, span);
        if would && self.is_crowded(being_fenced, case.target) {
            let alarm = Alarm::TooMany { target: case.target };
            self.tell_brake((case.target, case.boot), alarm, effects);
        } else if would {
            case.stage = Stage::Binding;
            case.ask_at = now;
            self.ask(now, case, effects);
        }
        if case.stage == Stage::Binding && case.stands(now, life) {
            self.warranted(now, case, effects);
        }
        if case.stage == Stage::Warranted {
            self.prove_without_power(now, case, effects);
            self.drive_power(now, case, all_is_read, effects);
        }
        self.tell_failed(now, case, effects);
    }

    /// Asks every voter, this one too, once a beat.
    fn ask(&mut self, now: Instant, case: &mut Case, effects: &mut Effects) {
        if now < case.ask_at {
            return;
        }
        let raw = *self.config.timing.raw();
        let other = self.member(case.target).and_then(|m| Some((m.shooter(now)?, m.hold?.until)));
        if let Some((_, until)) = other.filter(|(shooter, _)| *shooter != self.config.me) {
            case.ask_at = until + self.stagger(now, case.target);
            return;
        }
        case.ask_at = now + raw.beat;
        self.tell_proof(now, case, effects);
        if case.is_settled() {
            return;
        }
        let Case { target, boot, why, .. } = *case;
        let silent_ms = self.silent_ms(now, target, boot);
        let condemn = Condemn { target, boot, why, bind: case.binds_anybody(), silent_ms };
        self.vote_myself(now, case, &condemn);
        self.post_to_voters(now, Body::Condemn(condemn), effects);
    }

    fn vote_myself(&mut self, now: Instant, case: &mut Case, condemn: &Condemn) {
        let me = self.config.me;
        match self.opine(now, (me, now), condemn) {
            Ok(()) => {
                if condemn.bind {
                    self.bind(now, (me, None), condemn);
                }
                if !condemn.bind || self.is_written() {
                    let agreement =
                        self.agreement(now, (condemn.target, condemn.boot), condemn.bind);
                    record(case, me, agreement, now);
                }
            }
            Err(why) => case.declined(me, why, now),
        }
    }

    /// How long this voter has not heard a life, for those who know another of that machine.
    fn silent_ms(&self, now: Instant, target: NodeId, boot: BootId) -> Option<u32> {
        let known = self.member(target).filter(|member| member.peer.boot() == Some(boot))?;
        let heard_at = known.peer.heard_at().filter(|at| *at >= self.clock_since)?;
        u32::try_from(now.since(heard_at).as_nanos().div_ceil(1_000_000)).ok()
    }

    fn warranted(&mut self, now: Instant, case: &mut Case, effects: &mut Effects) {
        case.stage = Stage::Warranted;
        let votes = u8::try_from(case.bound()).unwrap_or(u8::MAX);
        effects.tell(News::Warranted { target: case.target, boot: case.boot, votes });
        if case.proven.is_none() && self.can_cut(case.target) {
            case.power = case.agreed_at().map(|agreed_at| PowerSequence::new(now, agreed_at));
            self.remember_to_be_at_work(case);
        }
    }

    /// A fencer need not have agreed itself to what it does; after a restart it must know of it.
    fn remember_to_be_at_work(&mut self, case: &Case) {
        let (me, start) = (self.config.me, self.config.start);
        if self.disk_failed {
            return;
        }
        let Some(member) = self.member_mut(Peer::member(case.target)) else { return };
        let is_new = member.condemn(case.boot);
        if member.shot_by(case.boot, me, start) || is_new {
            self.changed();
        }
    }

    fn can_cut(&self, target: NodeId) -> bool {
        self.member(target).is_some_and(|member| member.config.has_power_device)
    }

    /// The proofs that need no power device, each on an agreement that stands: a human confirmed it,
    /// no promise to it stands because it left, or because its lease has expired.
    fn prove_without_power(&mut self, now: Instant, case: &mut Case, effects: &mut Effects) {
        if case.proven.is_some() {
            return;
        }
        let life = self.config.timing.warrant_life();
        let left = self.member(case.target).is_some_and(|member| member.has_left(case.boot));
        let evidence = if case.confirmed && case.stands(now, life) {
            Some(Evidence::Operator)
        } else if left {
            case.let_go(now, life).map(|_| Evidence::Left)
        } else {
            case.lease_expired(now, life).map(|voters| Evidence::LeaseExpired { voters })
        };
        if let Some(evidence) = evidence {
            self.prove(now, case, evidence, effects);
        }
    }

    fn tell_failed(&mut self, now: Instant, case: &mut Case, effects: &mut Effects) {
        let patience = self.config.timing.raw().promise.saturating_add(FAIL_AFTER);
        let failed = case.proven.is_none() && now.since(case.opened_at) > patience;
        if failed && !case.told_failed {
            case.told_failed = true;
            effects.tell(News::Failed { target: case.target });
        }
    }
}

/// How long after the promise has ended a case without a proof is told as failed: longer than the
/// slowest documented power-off of a BMC.
const FAIL_AFTER: Duration = Duration::from_secs(20);

/// Notes an agreement; what binds outweighs what only would.
fn record(case: &mut Case, voter: NodeId, agreed: Agreed, asked_at: Instant) {
    let Some(vote) = case.vote(voter) else { return };
    vote.declined = None;
    if agreed.bound {
        vote.bound_at = vote.bound_at.max(Some(asked_at));
        vote.promise_over = agreed.promise_over;
        vote.dog_trusted = agreed.dog_trusted;
    } else {
        vote.sounded_at = vote.sounded_at.max(Some(asked_at));
    }
}

impl Member {
    /// The life that this voter grants, or others may while this one holds back, and since when it
    /// is silent.
    fn serving(&self) -> Option<(BootId, Instant)> {
        let boot = self.peer.boot()?;
        let serving = !self.has_left(boot) && self.sentence(boot).is_none();
        let served_at = self.granted_at.max(self.held_back_at).filter(|_| serving)?;
        Some((boot, self.pardoned_at.map_or(served_at, |at| at.max(served_at))))
    }
}
