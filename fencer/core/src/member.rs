//! One member as this voter knows it: its lives, its lease, its sentences.

use heapless::Vec;
use palisade_protocol::ids::{BootId, FENCES_REMEMBERED, NodeId, Peer};
use palisade_protocol::peer::PeerState;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{DogClass, Echo, ProofKind, Renew};

use crate::config::MemberConfig;
use crate::durable::{SENTENCES_EACH, Sentence};

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
    /// The life that the one known has replaced.
    pub(crate) former: Option<BootId>,
    /// Until when no later life is admitted, and for whom.
    pub(crate) hold: Option<Hold>,
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
            former: None,
            hold: None,
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
            None => !self.sentences.is_empty(),
        }
    }

    /// Condemns `boot`; whether that is new.
    ///
    /// Two lives are remembered; a closed one makes room, the oldest if none is.
    pub(crate) fn condemn(&mut self, boot: BootId) -> bool {
        if self.sentence(boot).is_some() {
            return false;
        }
        if self.sentences.is_full() {
            let spent = self.sentences.iter().position(|sentence| sentence.closed.is_some());
            self.sentences.remove(spent.unwrap_or(0));
        }
        let sentence = Sentence { target: self.node(), boot, closed: None };
        self.recall(sentence);
        true
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

    /// Whether the life known came after `boot`.
    pub(crate) fn has_outlived(&self, boot: BootId) -> bool {
        self.former == Some(boot) && self.peer.boot() != Some(boot)
    }

    /// Forgets an unclosed sentence.
    pub(crate) fn pardon(&mut self, boot: BootId) -> bool {
        let open = self.sentences.iter().position(|s| s.boot == boot && s.closed.is_none());
        if let Some(place) = open {
            self.sentences.remove(place);
        }
        open.is_some()
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
