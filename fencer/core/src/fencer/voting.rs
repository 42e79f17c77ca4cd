//! Questions of other voters: what this voter would say, and what binds it.

use palisade_protocol::ids::{BootId, NodeId, Peer};
use palisade_protocol::time::{Duration, Instant, lengthened_by_drift};
use palisade_protocol::wire::{
    Agreed, Body, Condemn, Decline, Declined, Echo, Fenced, Frame, Pardon, ProofKind,
};

use super::{Effects, FencerCore, Pending};
use crate::case::{Case, Stage};
use crate::durable::{Sentence, ShotBy};
use crate::member::{Hold, Member};
use crate::news::{Alarm, News};

impl FencerCore {
    /// `asked_at` is the earliest moment at which the question can have been asked.
    pub(super) fn asked(
        &mut self,
        (now, asked_at): (Instant, Instant),
        frame: &Frame,
        condemn: Condemn,
        effects: &mut Effects,
    ) {
        let asker = frame.src.node;
        self.attended(now, asker, &condemn);
        match self.opine(now, (asker, asked_at), &condemn) {
            Err(why) => self.decline(now, frame, &condemn, why, effects),
            Ok(()) if condemn.bind => {
                self.give_way(now, asker, &condemn, effects);
                self.bind_and_answer(now, frame, &condemn, effects);
            }
            Ok(()) => {
                let body = Body::Agreed(self.agreement(now, (condemn.target, condemn.boot), false));
                self.post(now, frame.src, Some(frame.as_echo()), body, effects);
            }
        }
    }

    /// Somebody is at work on a life: its machine is raised by nobody ranked behind.
    fn attended(&mut self, now: Instant, asker: NodeId, condemn: &Condemn) {
        let Condemn { target, boot, .. } = *condemn;
        let me = self.config.me;
        self.cases.retain(|case| !case.raises || !case.is(target, boot) || me < asker);
        if let Some(member) = self.member_mut(Peer::member(target)) {
            member.attended_at = now;
        }
    }

    /// Whoever asks about a life that nobody has to be at work on any more is told that, too.
    fn decline(
        &mut self,
        now: Instant,
        frame: &Frame,
        condemn: &Condemn,
        why: Decline,
        effects: &mut Effects,
    ) {
        let Condemn { target, boot, .. } = *condemn;
        let body = Body::Declined(Declined { target, boot, why });
        self.post(now, frame.src, Some(frame.as_echo()), body, effects);
        let sentence = self.member(target).and_then(|member| member.sentence(boot));
        let mine = self.cases.iter().any(|case| case.is(target, boot));
        if !mine && sentence.is_some_and(|sentence| sentence.released) {
            let body = Body::Pardon(Pardon { target, boot });
            self.post(now, frame.src, Some(frame.as_echo()), body, effects);
        }
    }

    /// What this voter says to `asker`, without doing anything about it.
    ///
    /// That it is not bound to a life that it hears outweighs every other reason to decline: the asker
    /// takes its own sentence back when a majority says so, and two that condemned each other's nodes
    /// would wait for that for ever.
    pub(super) fn opine(
        &self,
        now: Instant,
        (asker, asked_at): (NodeId, Instant),
        condemn: &Condemn,
    ) -> Result<(), Decline> {
        let member = self.member(condemn.target).ok_or(Decline::UnknownLife)?;
        if now < self.agrees_from {
            return Err(Decline::Holding);
        }
        let sentence = member.sentence(condemn.boot);
        if sentence.is_none() {
            self.opine_on_living((now, asked_at), member, condemn)?;
        }
        if self.disk_failed {
            return Err(Decline::DiskFailed);
        }
        if self.member(asker).is_some_and(Member::is_condemned) {
            return Err(Decline::AskerCondemned);
        }
        let shooter = member.shooter(now).filter(|_| !self.gives_way(asker, condemn));
        let at_work = sentence.is_none() && self.is_at_work(now, condemn.target);
        if at_work || shooter.is_some_and(|shooter| shooter != asker) {
            return Err(Decline::OtherShooter);
        }
        let over = sentence.and_then(|sentence| sentence.closed).filter(|_| shooter.is_none());
        over.map_or(Ok(()), |proof| Err(Decline::Over(proof)))
    }

    /// Binds this voter to `asker`'s case: from now on it grants that life nothing, and admits no
    /// later one for the life of a warrant. An earlier one is nobody's concern any more.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        (shooter, asked): (NodeId, Option<Echo>),
        condemn: &Condemn,
    ) {
        let until = now + self.config.timing.raw().warrant;
        self.void_other_lives(condemn.target, condemn.boot);
        let start = asked.map_or(self.config.start, |asked| asked.start);
        let Some(member) = self.member_mut(Peer::member(condemn.target)) else { return };
        member.is_held_by(Hold { shooter, until, asked });
        if member.peer.boot() != Some(condemn.boot) {
            (member.granted_at, member.held_back_at) = (None, None);
        }
        let is_new = member.condemn(condemn.boot);
        if member.shot_by(condemn.boot, shooter, start) || is_new {
            self.changed();
        }
    }

    /// This voter's agreement as it stands now. To a life that left, nothing is promised any more,
    /// and its watchdog was put to sleep: it lives, and no lease proves otherwise.
    pub(super) fn agreement(
        &self,
        now: Instant,
        (target, boot): (NodeId, BootId),
        bound: bool,
    ) -> Agreed {
        let member = self.member(target);
        let digest = self.config.digest;
        let left = member.is_some_and(|member| member.has_left(boot));
        Agreed {
            target,
            boot,
            bound,
            promise_over: left || member.is_some_and(|member| self.promise_over(now, member)),
            dog_trusted: !left && member.is_some_and(|member| member.dog_trusted(boot, digest)),
        }
    }

    pub(super) fn durable(&mut self, now: Instant, version: u32, effects: &mut Effects) {
        self.written = version;
        self.disk_failed = false;
        for case in &mut self.cases {
            case.ask_at = case.ask_at.min(now);
        }
        let waited = core::mem::take(&mut self.pending);
        for pending in waited {
            if pending.version > version {
                self.wait_for_disk(pending);
            } else {
                self.answer_pending(now, &pending, effects);
            }
        }
    }

    pub(super) fn durable_failed(&mut self, version: u32, effects: &mut Effects) {
        if version == self.version {
            self.pending.clear();
            self.disk_failed = true;
            effects.tell(News::Alarm(Alarm::DiskFailed));
        }
    }

    /// The asker is done with a life, which says nothing of others that were at work on it, unless
    /// this voter has asked who still is: it no longer holds the next one back, and a sentence that no
    /// majority shared is forgotten. Unless it has asked again since.
    ///
    /// Of a life that is over, anybody may know that nobody is at work on its machine; unless this
    /// voter agreed with more than one, because the last of them does not speak for the others.
    pub(super) fn pardoned(&mut self, now: Instant, frame: &Frame, pardon: Pardon) {
        let Pardon { target, boot } = pardon;
        let (asker, me) = (frame.src.node, self.config.me);
        let own = self.cases.iter().find(|case| case.is(target, boot));
        let (mine, asked) = (own.is_some_and(Case::binds_anybody), own.is_some_and(|c| c.raises));
        let Some(member) = self.member_mut(Peer::member(target)) else { return };
        let free = member.let_go(frame);
        if mine {
            return;
        }
        let forgotten = free && member.pardon(boot);
        let known = |sentence: &Sentence| match sentence.shot_by {
            ShotBy::One { node, .. } => node == asker || (asked && node != me),
            ShotBy::Nobody => asked,
            ShotBy::Many => false,
        };
        let released = member.sentence(boot).is_some_and(known) && member.release(now, boot);
        if forgotten {
            self.pending.retain(|pending| (pending.target, pending.boot) != (target, boot));
        }
        if released {
            self.cases.retain(|case| !case.is(target, boot));
        }
        if forgotten || released {
            self.changed();
        }
    }

    /// Whether every condemnation of this voter is on its disk.
    pub(super) const fn is_written(&self) -> bool {
        !self.dirty && self.written == self.version
    }

    fn opine_on_living(
        &self,
        (now, asked_at): (Instant, Instant),
        member: &Member,
        condemn: &Condemn,
    ) -> Result<(), Decline> {
        let span = self.config.timing.raw().suspect_after;
        let heard = member.heard_within(now, span);
        let heard_at = self.heard_by_the_asker(asked_at, condemn);
        if member.may_have_outlived(condemn.boot, heard_at, self.config.timing.echo_max()) {
            return Err(Decline::UnknownLife);
        }
        if !condemn.why.is_order() && member.has_left(condemn.boot) {
            return Err(Decline::UnknownLife);
        }
        let listened = now.since(self.ears_since) > span;
        if !condemn.why.is_order() && (heard || !listened) {
            return Err(Decline::StillHeard);
        }
        if member.peer.boot().is_none() && self.may_have_served_a_later_one(now, heard_at) {
            return Err(Decline::Holding);
        }
        Ok(())
    }

    /// Whether this voter is bound to a case of the fencer of `node`. Then it does not condemn that
    /// machine, as it agrees with no fencer whose machine it has condemned: of machines that shoot
    /// each other in a ring too many would fall for a majority to give any power back.
    fn is_at_work(&self, now: Instant, node: NodeId) -> bool {
        self.members.iter().any(|member| member.shooter(now) == Some(node))
    }

    /// The earliest moment, by this voter's clock, at which the asker can have heard last what it asks
    /// about.
    fn heard_by_the_asker(&self, asked_at: Instant, condemn: &Condemn) -> Option<Instant> {
        let silence = Duration::from_millis(u64::from(condemn.silent_ms?));
        let drift_ppm = self.config.timing.raw().drift_ppm;
        Some(asked_at.before(lengthened_by_drift(silence, drift_ppm)))
    }

    /// Whether this voter, which has not heard that machine since its start, may have granted it
    /// a later life before that: one that has not ended by itself yet, and that the asker, whose news
    /// are older, need not know.
    fn may_have_served_a_later_one(&self, now: Instant, heard_at: Option<Instant>) -> bool {
        let since = self.started_at + self.config.timing.echo_max();
        now < self.dead_by && heard_at < Some(since)
    }

    /// Two shooters that asked at one moment would hold each other off for ever: the one ranked behind
    /// gives way, unless a majority was ever bound to it.
    fn gives_way(&self, asker: NodeId, condemn: &Condemn) -> bool {
        let Condemn { target, boot, .. } = *condemn;
        let unbound = |case: &Case| case.is(target, boot) && case.stage == Stage::Binding;
        asker < self.config.me && self.cases.iter().any(unbound)
    }

    /// This voter's own case is at an end before anything was done for it, and whoever was bound to it
    /// is free.
    fn give_way(&mut self, now: Instant, asker: NodeId, condemn: &Condemn, effects: &mut Effects) {
        if self.gives_way(asker, condemn) {
            let life = (condemn.target, condemn.boot);
            self.cases.retain(|case| !case.is(life.0, life.1));
            self.release(now, life, effects);
        }
    }

    fn promise_over(&self, now: Instant, member: &Member) -> bool {
        let last = member.granted_ever.unwrap_or(self.started_at);
        now >= last + self.config.timing.raw().promise
    }

    fn bind_and_answer(
        &mut self,
        now: Instant,
        frame: &Frame,
        condemn: &Condemn,
        effects: &mut Effects,
    ) {
        self.bind(now, (frame.src.node, Some(frame.as_echo())), condemn);
        let pending = Pending {
            asker: frame.src.node,
            echo: frame.as_echo(),
            target: condemn.target,
            boot: condemn.boot,
            version: self.version,
        };
        if self.is_written() {
            self.answer_pending(now, &pending, effects);
        } else {
            self.wait_for_disk(pending);
        }
    }

    /// One answer waits for each asker and target: a later question replaces an earlier one.
    fn wait_for_disk(&mut self, pending: Pending) {
        self.pending.retain(|old| (old.asker, old.target) != (pending.asker, pending.target));
        let full = self.pending.push(pending).is_err();
        assert!(!full, "the answers that wait are bounded by voters and cases");
    }

    fn answer_pending(&mut self, now: Instant, pending: &Pending, effects: &mut Effects) {
        let Pending { asker, echo, target, boot, .. } = *pending;
        let sentence = self.member(target).and_then(|member| member.sentence(boot));
        let Some(sentence) = sentence else { return };
        let reborn = sentence.closed == Some(ProofKind::Reborn);
        let body = Body::Agreed(self.agreement(now, (target, boot), true));
        self.post(now, Peer::voter(asker), Some(echo), body, effects);
        if reborn {
            let body = Body::Fenced(Fenced { target, boot, proof: ProofKind::Reborn });
            self.post(now, Peer::voter(asker), None, body, effects);
        }
    }
}

impl Member {
    /// Its shooter lets it go with `frame`; whether this voter is free of it. If the process that
    /// lets go is not the one that shot, what that has sent may be under way.
    fn let_go(&mut self, frame: &Frame) -> bool {
        let hold = self.hold.filter(|hold| hold.shooter == frame.src.node && !hold.is_newer(frame));
        match hold {
            Some(hold) if hold.asked.is_some_and(|asked| asked.start != frame.start) => {
                self.orphan();
            }
            Some(_) => self.hold = None,
            None => {}
        }
        hold.is_some()
    }
}

impl Hold {
    /// Whether the question that this answers was sent after `frame`.
    fn is_newer(&self, frame: &Frame) -> bool {
        self.asked.is_some_and(|asked| asked.start == frame.start && asked.seq > frame.seq)
    }
}
