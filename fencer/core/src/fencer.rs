//! The fencer's state and its one door.

use heapless::Vec;
use palisade_protocol::ids::{BootId, CASES_MAX, NODES_MAX, NodeId, Peer, Role, Seq, VOTERS_MAX};
use palisade_protocol::peer::{Arrival, LinkBits, PeerState};
use palisade_protocol::quorum::majority;
use palisade_protocol::time::{Instant, earliest};
use palisade_protocol::wire::{Body, Echo, Frame, Post};

use crate::case::Case;
use crate::config::FencerConfig;
use crate::durable::{DurableState, Memory, SENTENCES_EACH, Sentence, ShotBy};
use crate::member::{Hold, Member};
use crate::news::{Alarm, News};
use crate::power::{FALL_MAX, PowerReport};
use crate::proof::Proof;
use crate::warrant::{OrderId, PowerOrder};

mod asking;
mod braking;
mod closing;
mod granting;
mod pardoning;
mod powering;
mod view;
mod voters;
mod voting;

pub use view::{CaseView, MemberView, VoterView};
use voters::{Voter, other_voters};

/// Most frames of one input: a beat to each voter; two questions and a closing to each for each
/// case; two for each answer that waited for the disk; two closings and an answer to a frame.
pub(crate) const POSTS_MAX: usize = (VOTERS_MAX - 1) * (3 + 3 * CASES_MAX) + 2 * PENDING_MAX + 2;

/// Most news of one input.
pub(crate) const NEWS_MAX: usize = 64;

/// Most proofs of one input: one for each case, and for each life that a new one proves over.
const PROOFS_MAX: usize = CASES_MAX + SENTENCES_EACH + 1;

/// Most answers that wait for the disk: one for each other voter and case.
const PENDING_MAX: usize = (VOTERS_MAX - 1) * CASES_MAX;

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// An authentic frame came.
    Heard(Frame),
    /// A deadline may have passed. Every frame that has arrived by now was handed in before.
    Tick,
    /// The state of this version is on the disk.
    Durable {
        /// [`DurableState::version`].
        version: u32,
    },
    /// It could not be written.
    DurableFailed {
        /// [`DurableState::version`].
        version: u32,
    },
    /// The power engine reports on an order.
    Power {
        /// Which.
        order: OrderId,
        /// What became of it.
        report: PowerReport,
    },
    /// An operator orders a node's life ended.
    Order {
        /// Whose.
        target: NodeId,
    },
    /// An operator confirms that a node is dead.
    Confirm {
        /// Which.
        target: NodeId,
    },
}

/// What is to be done once.
#[derive(Debug, Default)]
pub struct Effects {
    /// Frames to send, on every link.
    pub posts: Vec<Post, POSTS_MAX>,
    /// The state to write with fsync, and to report back by its version.
    pub persist: Option<DurableState>,
    /// Orders for the power engine.
    pub orders: Vec<PowerOrder, CASES_MAX>,
    /// Changes to tell.
    pub news: Vec<News, NEWS_MAX>,
    /// Lives proven over.
    pub proofs: Vec<Proof, PROOFS_MAX>,
}

impl Effects {
    fn clear(&mut self) {
        let Self { posts, persist, orders, news, proofs } = self;
        posts.clear();
        orders.clear();
        news.clear();
        proofs.clear();
        *persist = None;
    }

    fn tell(&mut self, news: News) {
        // Telling is worth less than going on: what does not fit is said by the status.
        let _told = self.news.push(news).is_ok();
    }

    fn send(&mut self, post: Post) {
        let full = self.posts.push(post).is_err();
        assert!(!full, "the frames of one input are bounded");
    }
}

/// A vote that waits for the disk.
#[derive(Clone, Copy, Debug, Hash)]
struct Pending {
    asker: NodeId,
    echo: Echo,
    target: NodeId,
    boot: BootId,
    version: u32,
}

/// The fencer.
#[derive(Clone, Debug, Hash)]
pub struct FencerCore {
    config: FencerConfig,
    voters: Vec<Voter, VOTERS_MAX>,
    members: Vec<Member, NODES_MAX>,
    member_links_lost: Vec<LinkBits, NODES_MAX>,
    cases: Vec<Case, CASES_MAX>,
    case_number: u32,
    /// Nothing is granted before.
    grants_from: Instant,
    /// Nothing is agreed to before.
    agrees_from: Instant,
    /// From when on no life lives that this voter granted before its start, and none since.
    dead_by: Instant,
    /// Since when this clock is known to have gone on.
    clock_since: Instant,
    /// No member whose power can be cut is granted anything before: an Off that this voter has
    /// agreed to and forgotten may be under way.
    falls_until: Instant,
    hold_told: bool,
    /// Silence counts from here: this voter may not have heard what came before.
    ears_since: Instant,
    beat_at: Instant,
    turned_at: Instant,
    version: u32,
    written: u32,
    dirty: bool,
    disk_failed: bool,
    pending: Vec<Pending, PENDING_MAX>,
    started_at: Instant,
}

impl FencerCore {
    /// A fencer that starts `now` with what it found on its disk.
    ///
    /// It grants nothing for `P`, because it may have promised, nor for the life of a warrant,
    /// because it may have agreed to one; with its memory lost it neither grants nor agrees until
    /// every member that it may have condemned is dead, `W` later, nor grants to a member whose
    /// power can be cut until that has fallen.
    ///
    /// # Panics
    /// With an even number of voters, itself not among them, or more cases allowed than
    /// [`CASES_MAX`]: the configuration forbids these.
    pub fn new(config: FencerConfig, now: Instant, memory: Memory) -> Self {
        assert!(!config.voters.len().is_multiple_of(2), "the voters are an odd number");
        assert!(config.voters.contains(&config.me), "a fencer is one of the voters");
        assert!(usize::from(config.fences_at_once_max) <= CASES_MAX, "the cases are bounded");
        let promise = config.timing.raw().promise;
        let forgotten = promise.max(config.timing.raw().warrant);
        let dead_by = now + forgotten + config.slowest_fire();
        let (grants_from, agrees_from, falls_until) = match memory {
            Memory::Recalled(_) => (now + forgotten, now, now),
            Memory::Blank => (dead_by, dead_by, now),
            Memory::Lost => (dead_by, dead_by, now + forgotten + FALL_MAX),
        };
        let mut core = Self {
            voters: other_voters(&config),
            members: config.members.iter().copied().map(Member::new).collect(),
            member_links_lost: config.members.iter().map(|_| 0).collect(),
            cases: Vec::new(),
            case_number: 0,
            grants_from,
            agrees_from,
            dead_by,
            clock_since: now,
            falls_until,
            hold_told: false,
            ears_since: now,
            beat_at: now,
            turned_at: now,
            version: 0,
            written: 0,
            dirty: false,
            disk_failed: false,
            pending: Vec::new(),
            started_at: now,
            config,
        };
        if let Memory::Recalled(state) = memory {
            core.recall(&state);
        }
        core
    }

    /// Takes note of one thing that happened `now`.
    ///
    /// What is to be done replaces what `effects` held: they are large, and most inputs want little.
    pub fn handle(&mut self, now: Instant, input: Input, effects: &mut Effects) {
        effects.clear();
        self.notice_stall(now, effects);
        let all_is_read = matches!(input, Input::Tick);
        match input {
            Input::Heard(frame) => self.heard(now, &frame, effects),
            Input::Tick => {}
            Input::Durable { version } => self.durable(now, version, effects),
            Input::DurableFailed { version } => self.durable_failed(version, effects),
            Input::Power { order, report } => self.reported(now, order, report, effects),
            Input::Order { target } => self.ordered(now, target, effects),
            Input::Confirm { target } => self.confirmed(now, target, effects),
        }
        if now >= self.beat_at {
            self.beat(now, effects);
        }
        self.pursue(now, all_is_read, effects);
        self.persist(now, effects);
    }

    /// When [`Self::handle`] wants an [`Input::Tick`]: harmless early, harmful late.
    pub fn next_deadline(&self) -> Instant {
        let power = self.cases.iter().filter_map(Case::power_deadline).min();
        earliest(Some(self.beat_at), power).unwrap_or(self.beat_at)
    }

    /// Whether this voter still holds back after its start.
    pub fn is_holding(&self, now: Instant) -> bool {
        now < self.grants_from || self.members.iter().any(|m| self.may_fall_unknown(now, m))
    }

    /// How many voters are heard, this one too, and how many are a majority.
    pub fn quorum(&self, now: Instant) -> (usize, usize) {
        (self.heard_voters(now).len(), majority(self.config.voters.len()))
    }

    fn heard(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let echo_max = self.config.timing.echo_max();
        let start = self.config.start;
        let Some(peer) = self.peer_mut(frame.src) else { return };
        match peer.receive(now, start, frame, echo_max) {
            Arrival::Fresh { origin, echoed_at } => match frame.src.role {
                Role::Member => self.member_spoke(now, frame, origin, effects),
                Role::Voter => self.voter_spoke(now, frame, (origin, echoed_at), effects),
            },
            Arrival::Unproven => self.greet(now, frame, effects),
            Arrival::Twin => self.twin(now, frame.src, effects),
            Arrival::Copy => {}
        }
    }

    /// Somebody who cannot be believed yet is told which frame to echo.
    fn greet(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        let answers = frame.body != Body::Hello;
        let Some(peer) = self.peer_mut(frame.src) else { return };
        if answers && peer.may_hello() {
            let seq = peer.next_seq(now);
            let echo = Some(frame.as_echo());
            effects.send(Post { dst: frame.src, seq, echo, body: Body::Hello });
        }
    }

    fn twin(&mut self, now: Instant, peer: Peer, effects: &mut Effects) {
        let quiet = self.config.timing.raw().promise;
        let mut told_lately = false;
        if let Some(member) = self.member_mut(peer).filter(|_| peer.role == Role::Member) {
            told_lately = member.twin_at.is_some_and(|at| now.since(at) <= quiet);
            member.twin_at = Some(now);
        }
        if !told_lately {
            effects.tell(News::Alarm(Alarm::Twin { peer }));
        }
    }

    /// A loop that stood still has missed frames: silence counts anew.
    fn notice_stall(&mut self, now: Instant, effects: &mut Effects) {
        let late_by = now.since(self.beat_at);
        if late_by > self.config.timing.late_max() {
            self.ears_since = now;
            effects.tell(News::Stalled { late_by });
        }
        self.turned_at = now;
    }

    fn beat(&mut self, now: Instant, effects: &mut Effects) {
        self.beat_at = now + self.config.timing.raw().beat;
        self.suspect_self(now);
        let beat = self.my_beat(now);
        self.post_to_voters(now, Body::Beat(beat), effects);
        for voter in &mut self.voters {
            voter.peer.beat();
            voter.beats = 0;
        }
        for member in &mut self.members {
            member.peer.beat();
        }
        if self.disk_failed {
            self.changed();
        }
        self.watch_links(now, effects);
        self.tell_hold(now, effects);
        self.suspect(now, effects);
        self.take_over_unclosed(now, effects);
        self.raise_forgotten(now);
    }

    fn tell_hold(&mut self, now: Instant, effects: &mut Effects) {
        if !self.hold_told && !self.is_holding(now) {
            self.hold_told = true;
            effects.tell(News::HoldOver);
        }
    }

    /// Whoever was at work on a condemned life may still be, until its warrant has lapsed, and what
    /// it has sent may be under way for longer.
    fn recall(&mut self, state: &DurableState) {
        let started_at = self.started_at;
        let until = started_at + self.config.timing.raw().warrant;
        for sentence in &state.sentences {
            if let Some(member) = self.member_mut(Peer::member(sentence.target)) {
                member.recall(*sentence);
                member.attended_at = started_at;
                recall_shooter(member, sentence, until);
            }
        }
    }

    /// What is not the whole memory is not written: a restart would take it for that.
    fn persist(&mut self, now: Instant, effects: &mut Effects) {
        if now < self.agrees_from || !core::mem::take(&mut self.dirty) {
            return;
        }
        let mut state = DurableState { version: self.version, ..DurableState::default() };
        for sentence in self.members.iter().flat_map(Member::sentences) {
            let full = state.sentences.push(*sentence).is_err();
            assert!(!full, "each member has its share of the sentences");
        }
        effects.persist = Some(state);
    }

    /// The state changed and must be written; the version under which it will be on the disk.
    fn changed(&mut self) -> u32 {
        if !self.dirty {
            self.version = self.version.wrapping_add(1);
            self.dirty = true;
        }
        self.version
    }

    fn post(
        &mut self,
        now: Instant,
        dst: Peer,
        echo: Option<Echo>,
        body: Body,
        effects: &mut Effects,
    ) {
        let Some(peer) = self.peer_mut(dst) else { return };
        let (seq, echo) = (peer.next_seq(now), echo.or_else(|| peer.echo()));
        effects.send(Post { dst, seq, echo, body });
    }

    fn peer_mut(&mut self, peer: Peer) -> Option<&mut PeerState> {
        match peer.role {
            Role::Member => self.member_mut(peer).map(|member| &mut member.peer),
            Role::Voter => self
                .voters
                .iter_mut()
                .find(|voter| voter.id == peer.node)
                .map(|voter| &mut voter.peer),
        }
    }

    fn member_mut(&mut self, peer: Peer) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.node() == peer.node)
    }

    fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node() == node)
    }
}

/// One who is known is held to its word; of many, nobody is agreed with. A node never shoots itself,
/// so its own name is nobody's.
fn recall_shooter(member: &mut Member, sentence: &Sentence, until: Instant) {
    if sentence.released {
        return;
    }
    let (shooter, asked) = match sentence.shot_by {
        ShotBy::Nobody if sentence.closed.is_some() => return,
        ShotBy::One { node, start } => (node, Some(Echo { start, seq: Seq(0) })),
        ShotBy::Nobody | ShotBy::Many => {
            member.orphaned_until = until + FALL_MAX;
            (sentence.target, None)
        }
    };
    member.is_held_by(Hold { shooter, until, asked });
}

#[cfg(test)]
mod tests;
