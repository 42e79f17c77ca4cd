//! One member as this voter knows it: its lives, its lease, its sentences.

use heapless::Vec;
use palisade_protocol::ids::{BootId, FENCES_REMEMBERED, NodeId, Peer, Start};
use palisade_protocol::peer::PeerState;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{DogClass, Echo, ProofKind, Renew};

use crate::config::MemberConfig;
use crate::durable::{SENTENCES_EACH, Sentence, ShotBy};
use crate::power::FALL_MAX;

/// The span over which fences are counted against a loop.
pub(crate) const FENCE_WINDOW: Duration = Duration::from_secs(3_600);

/// One member.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Member {
    pub(crate) config: MemberConfig,
    pub(crate) peer: PeerState,
    /// When this voter last granted something to the proven life.
    pub(crate) granted_at: Option<Instant>,
    /// When this voter last granted something to any life of it.
    pub(crate) granted_ever: Option<Instant>,
    /// When its condemnation was taken back: silence counts from there.
    pub(crate) pardoned_at: Option<Instant>,
    /// What the last granted renewal said; none if its body was unreadable.
    pub(crate) word: Option<Renew>,
    /// The life that has left.
    pub(crate) left: Option<BootId>,
    /// When that was noted last.
    pub(crate) left_at: Instant,
    /// The life that was told about as no concern of this voter.
    pub(crate) given_up: Option<BootId>,
    /// When this voter last withheld what others may have granted, because it held back itself.
    pub(crate) held_back_at: Option<Instant>,
    /// Until when no later life is admitted, and for whom.
    pub(crate) hold: Option<Hold>,
    /// Until when an Off may take effect of a shooter that another has followed, or that this voter
    /// has forgotten.
    pub(crate) orphaned_until: Instant,
    /// When a life of it was last proven over here, or asked about by another voter, who is at work.
    pub(crate) attended_at: Instant,
    /// When two processes last claimed to be this member.
    pub(crate) twin_at: Option<Instant>,
    /// The life that was told about as lost; so that it is told once.
    pub(crate) suspected: Option<BootId>,
    /// The life whose fence loop was told about.
    pub(crate) loop_told: Option<BootId>,
    /// The fenced life that was told about as speaking.
    pub(crate) zombie_told: Option<BootId>,
    /// Whether it was told that its configuration differs.
    pub(crate) config_told: bool,
    sentences: Vec<Sentence, SENTENCES_EACH>,
    fenced_at: Vec<Instant, FENCES_REMEMBERED>,
}

/// A shooter is at work on a member: no later life is admitted until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hold {
    pub(crate) shooter: NodeId,
    pub(crate) until: Instant,
    /// The shooter's question that this answers; none for this voter's own, or one forgotten.
    pub(crate) asked: Option<Echo>,
}

impl Member {
    pub(crate) const fn new(config: MemberConfig) -> Self {
        Self {
            config,
            peer: PeerState::new(),
            granted_at: None,
            granted_ever: None,
            pardoned_at: None,
            word: None,
            left: None,
            left_at: Instant::BOOT,
            given_up: None,
            held_back_at: None,
            hold: None,
            orphaned_until: Instant::BOOT,
            attended_at: Instant::BOOT,
            twin_at: None,
            suspected: None,
            loop_told: None,
            zombie_told: None,
            config_told: false,
            sentences: Vec::new(),
            fenced_at: Vec::new(),
        }
    }

    pub(crate) const fn node(&self) -> NodeId {
        self.config.node
    }

    pub(crate) const fn as_peer(&self) -> Peer {
        Peer::member(self.config.node)
    }

    pub(crate) fn sentences(&self) -> &[Sentence] {
        &self.sentences
    }

    /// The sentence on `boot`, if it is condemned.
    pub(crate) fn sentence(&self, boot: BootId) -> Option<&Sentence> {
        self.sentences.iter().find(|sentence| sentence.boot == boot)
    }

    /// The newest condemned life that nothing proves over yet.
    pub(crate) fn unclosed(&self) -> Option<&Sentence> {
        self.sentences.iter().rev().find(|sentence| sentence.closed.is_none())
    }

    /// Whether the machine is, by all this voter knows, still in a condemned life.
    pub(crate) fn is_condemned(&self) -> bool {
        match self.peer.boot() {
            Some(boot) => self.sentence(boot).is_some(),
            None => self.sentences.iter().any(|sentence| !sentence.released),
        }
    }

    /// Condemns `boot`; whether that is new.
    ///
    /// Two lives are remembered; a released one makes room, or a closed one, or the oldest.
    pub(crate) fn condemn(&mut self, boot: BootId) -> bool {
        if self.sentence(boot).is_some() {
            return false;
        }
        if self.sentences.is_full() {
            let released = self.sentences.iter().position(|sentence| sentence.released);
            let closed = self.sentences.iter().position(|sentence| sentence.closed.is_some());
            self.sentences.remove(released.or(closed).unwrap_or(0));
        }
        let target = self.node();
        let shot_by = ShotBy::Nobody;
        self.recall(Sentence { target, boot, closed: None, released: false, shot_by });
        true
    }

    /// This voter agrees with `start` of the fencer of `node` about `boot`; whether that is new.
    pub(crate) fn shot_by(&mut self, boot: BootId, node: NodeId, start: Start) -> bool {
        let sentence = self.sentences.iter_mut().find(|sentence| sentence.boot == boot);
        let Some(sentence) = sentence else { return false };
        let one = ShotBy::One { node, start };
        let by = match sentence.shot_by {
            ShotBy::Nobody => one,
            known if known == one => one,
            ShotBy::One { .. } | ShotBy::Many => ShotBy::Many,
        };
        core::mem::replace(&mut sentence.shot_by, by) != by
    }

    /// Takes a sentence as it stood on the disk.
    pub(crate) fn recall(&mut self, sentence: Sentence) {
        let full = self.sentences.push(sentence).is_err();
        assert!(!full, "room was made for the sentence");
    }

    /// Notes that `boot` is proven over; whether that is new.
    pub(crate) fn close(&mut self, now: Instant, boot: BootId, proof: ProofKind) -> bool {
        let open = self.sentences.iter_mut().find(|s| s.boot == boot && s.closed.is_none());
        let Some(sentence) = open else { return false };
        sentence.closed = Some(proof);
        self.attended_at = now;
        if self.fenced_at.is_full() {
            self.fenced_at.remove(0);
        }
        self.fenced_at.extend([now]);
        true
    }

    /// Whether `boot` gave its lease up, by all this voter knows.
    pub(crate) fn has_left(&self, boot: BootId) -> bool {
        self.left == Some(boot)
    }

    /// Whether the life known came after `boot`, or may have: somebody else heard `boot` at
    /// `heard_at` or later, by this voter's clock; none if nobody can tell.
    ///
    /// A frame proves that its sender lived within `echo_max` before it came.
    pub(crate) fn may_have_outlived(
        &self,
        boot: BootId,
        heard_at: Option<Instant>,
        echo_max: Duration,
    ) -> bool {
        let other = self.peer.boot().is_some_and(|known| known != boot);
        let last_of_known = self.peer.heard_at().map(|at| at + echo_max);
        other && (heard_at.is_none() || heard_at < last_of_known)
    }

    /// Forgets an unclosed sentence.
    pub(crate) fn pardon(&mut self, boot: BootId) -> bool {
        self.sentence(boot).is_some_and(|s| s.closed.is_none()) && self.forget(boot)
    }

    /// Forgets a sentence.
    pub(crate) fn forget(&mut self, boot: BootId) -> bool {
        let place = self.sentences.iter().position(|sentence| sentence.boot == boot);
        place.map(|place| self.sentences.remove(place)).is_some()
    }

    /// A shooter is at work from now on. One before it has not said that it was done.
    pub(crate) fn is_held_by(&mut self, hold: Hold) {
        if self.hold.is_some_and(|former| !former.is_of_the_process_of(&hold)) {
            self.orphan();
        }
        self.hold = Some(hold);
    }

    /// Whoever was at work is gone, and what it sent may be under way.
    pub(crate) fn orphan(&mut self) {
        if let Some(former) = self.hold.take() {
            self.orphaned_until = self.orphaned_until.max(former.until + FALL_MAX);
        }
    }

    /// Whether its next life must wait: a shooter is at work, or the machine may still fall from an
    /// Off of one that never said that it was done.
    ///
    /// A machine that was proven off falls no more: an Off ends with the power.
    pub(crate) fn is_kept_out(&self, now: Instant) -> bool {
        let falls = |sentence: &Sentence| {
            !sentence.released && sentence.closed != Some(ProofKind::PowerOff)
        };
        let may_fall = self.config.has_power_device && now < self.falls_until();
        self.shooter(now).is_some() || (may_fall && self.sentences.iter().any(falls))
    }

    /// The life that is over and whose machine nobody gives its power back, though nobody has said
    /// that it is done with it. None as long as somebody asks about it, within `quiet`.
    pub(crate) fn forgotten(&self, now: Instant, quiet: Duration) -> Option<Sentence> {
        let sentence = *self.sentences.last()?;
        let is_off = sentence.closed? == ProofKind::PowerOff;
        let quiet = if is_off { quiet } else { quiet.saturating_add(FALL_MAX) };
        let later = self.peer.boot().is_some_and(|boot| boot != sentence.boot);
        let known = sentence.released || later || self.is_kept_out(now);
        (!known && now >= self.attended_at + quiet).then_some(sentence)
    }

    /// Whoever was at work on `boot` is done with its machine, unless somebody before it may not
    /// have been; whether that is new.
    pub(crate) fn release(&mut self, now: Instant, boot: BootId) -> bool {
        let kept_out = self.is_kept_out(now);
        let over = |s: &&mut Sentence| s.boot == boot && s.closed.is_some() && !s.released;
        let over = self.sentences.iter_mut().find(over);
        let Some(sentence) = over.filter(|_| !kept_out) else { return false };
        sentence.released = true;
        true
    }

    /// `boot` is admitted: nobody is at work on the others; whether that is new. `falls` is how long
    /// a machine may fall after somebody was last heard to be at work on it.
    ///
    /// A voter that agreed has kept it out for so long. One that was only told of the proof has not.
    pub(crate) fn release_all_but(&mut self, now: Instant, boot: BootId, falls: Duration) -> bool {
        let settled = now >= self.attended_at + falls;
        let is_over = |s: &&mut Sentence| {
            let off = s.closed == Some(ProofKind::PowerOff);
            let over = s.closed.is_some() && s.boot != boot && !s.released;
            over && (off || settled || s.shot_by != ShotBy::Nobody)
        };
        let over = self.sentences.iter_mut().filter(is_over);
        over.map(|sentence| sentence.released = true).count() > 0
    }

    /// Until when the machine may fall from an Off of whoever is or was at work.
    fn falls_until(&self) -> Instant {
        let held = self.hold.map_or(Instant::BOOT, |hold| hold.until + FALL_MAX);
        self.orphaned_until.max(held)
    }

    /// How often it was fenced within the window.
    pub(crate) fn fences(&self, now: Instant) -> usize {
        self.fenced_at.iter().filter(|at| now.since(**at) <= FENCE_WINDOW).count()
    }

    /// Who is at work on it, if anybody still is.
    pub(crate) fn shooter(&self, now: Instant) -> Option<NodeId> {
        self.hold.filter(|hold| now < hold.until).map(|hold| hold.shooter)
    }

    /// Whether its watchdog bites for certain, by the last renewal that this voter granted: under
    /// another configuration than that of `digest`, the node may count on a longer promise.
    pub(crate) fn dog_trusted(&self, boot: BootId, digest: u32) -> bool {
        let trusted = |word: Renew| {
            let certain = word.dog.armed && word.dog.certified;
            certain && word.dog.class == DogClass::Physical && word.config == digest
        };
        self.peer.boot() == Some(boot) && self.word.is_some_and(trusted)
    }

    /// Whether it was heard fresh within `span`, in whatever life.
    pub(crate) fn heard_within(&self, now: Instant, span: Duration) -> bool {
        self.peer.heard_at().is_some_and(|at| now.since(at) <= span)
    }
}

impl Hold {
    /// Whether both are for the same start of the same fencer.
    pub(crate) fn is_of_the_process_of(&self, other: &Self) -> bool {
        let start = |hold: &Self| hold.asked.map(|asked| asked.start);
        (self.shooter, start(self)) == (other.shooter, start(other))
    }
}
