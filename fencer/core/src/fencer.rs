//! The fencer's state and its one door.

use heapless::Vec;
use palisade_protocol::ids::{
    BootId, CASES_MAX, LinkId, NODES_MAX, NodeId, NodeMask, Peer, Role, Seq, VOTERS_MAX,
};
use palisade_protocol::peer::{Arrival, LinkBits, Links, Origin, PeerState, link_bit};
use palisade_protocol::quorum::majority;
use palisade_protocol::time::{Duration, Instant, earliest};
use palisade_protocol::wire::{Beat, Body, Decline, Echo, Frame, Post, ProofKind, Renew};

use crate::case::Case;
use crate::config::FencerConfig;
use crate::durable::{DurableState, Memory, SENTENCES_EACH, Sentence, ShotBy};
use crate::member::{Hold, Member};
use crate::news::{Alarm, News};
use crate::power::{FALL_MAX, PowerReport};
use crate::proof::Proof;
use crate::warrant::{OrderId, PowerOrder};

mod asking;
mod closing;
mod granting;
mod powering;
mod voting;

/// Most frames of one input: a beat to each voter; two questions and a closing to each for each
/// case; two for each answer that waited for the disk; two closings and an answer to a frame.
pub(crate) const POSTS_MAX: usize = (VOTERS_MAX - 1) * (3 + 3 * CASES_MAX) + 2 * PENDING_MAX + 2;

/// Most news of one input.
pub(crate) const NEWS_MAX: usize = 64;

/// Most proofs of one input: one for each case, and for each life that a new one proves over.
const PROOFS_MAX: usize = CASES_MAX + SENTENCES_EACH + 1;

/// Most answers that wait for the disk: one for each other voter and case.
const PENDING_MAX: usize = (VOTERS_MAX - 1) * CASES_MAX;

/// How long a link or voter must be silent to be told as lost, in spans of suspicion: a link is
/// told about, not acted upon, so it may take its time.
const LINK_LOST_SPANS: u32 = 3;

/// How many spans of suspicion after its leaving a life may still be told as granted: its last
/// renewal, the beat that tells of the grant and the grant it tells of are each a span old at most.
const STRAGGLER_SPANS: u32 = 3;

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

/// One other voter.
#[derive(Clone, Debug, Hash)]
struct Voter {
    id: NodeId,
    peer: PeerState,
    beat: Option<Beat>,
    lost: bool,
    links_lost: LinkBits,
    config_told: bool,
    /// How many beats of it came since the last one of this voter.
    beats: u8,
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

/// One member, for people.
#[derive(Clone, Copy, Debug)]
pub struct MemberView<'a> {
    /// Which.
    pub node: NodeId,
    /// The life known.
    pub boot: Option<BootId>,
    /// When it was last granted something.
    pub granted_at: Option<Instant>,
    /// When it was last heard fresh.
    pub heard_at: Option<Instant>,
    /// What its last granted renewal said.
    pub word: Option<Renew>,
    /// Whether this life of it is condemned, and what proves it over.
    pub condemned: Option<Option<ProofKind>>,
    /// Whether it has left.
    pub left: bool,
    /// Fences within the last hour.
    pub fences: usize,
    /// Loss and last-heard, link by link.
    pub links: &'a Links,
}

/// One other voter, for people.
#[derive(Clone, Copy, Debug)]
pub struct VoterView<'a> {
    /// Which.
    pub node: NodeId,
    /// When it was last heard fresh.
    pub heard_at: Option<Instant>,
    /// Whether it holds back after its start.
    pub holding: bool,
    /// Loss and last-heard, link by link.
    pub links: &'a Links,
}

/// One case, for people.
#[derive(Clone, Copy, Debug)]
pub struct CaseView {
    /// Against whom.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// Since when.
    pub opened_at: Instant,
    /// Voters bound to it.
    pub bound: usize,
    /// Why the last voter declined.
    pub declined: Option<Decline>,
    /// Where its power is.
    pub power: &'static str,
    /// What proves it over.
    pub proven: Option<ProofKind>,
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

    /// The members, in the order of the configuration.
    pub fn members(&self, now: Instant) -> impl Iterator<Item = MemberView<'_>> {
        self.members.iter().map(move |member| MemberView {
            node: member.node(),
            boot: member.peer.boot(),
            granted_at: member.granted_at,
            heard_at: member.peer.heard_at(),
            word: member.word,
            condemned: member.peer.boot().map_or_else(
                || member.unclosed().map(|sentence| sentence.closed),
                |boot| member.sentence(boot).map(|sentence| sentence.closed),
            ),
            left: member.left.is_some() && member.left == member.peer.boot(),
            fences: member.fences(now),
            links: member.peer.links(),
        })
    }

    /// The other voters, in the order of the configuration.
    pub fn voters(&self) -> impl Iterator<Item = VoterView<'_>> {
        self.voters.iter().map(|voter| VoterView {
            node: voter.id,
            heard_at: voter.peer.heard_at(),
            holding: voter.beat.is_some_and(|beat| beat.holding),
            links: voter.peer.links(),
        })
    }

    /// The open cases of this fencer.
    pub fn cases(&self) -> impl Iterator<Item = CaseView> {
        self.cases.iter().map(|case| CaseView {
            target: case.target,
            boot: case.boot,
            opened_at: case.opened_at,
            bound: case.bound(),
            declined: case.votes.iter().find_map(|vote| vote.declined),
            power: case.power.as_ref().map_or("not begun", |power| power.stage_name()),
            proven: case.proven.map(|(kind, _)| kind),
        })
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

    fn voter_spoke(
        &mut self,
        now: Instant,
        frame: &Frame,
        (origin, asked_at): (Origin, Instant),
        effects: &mut Effects,
    ) {
        let id = frame.src.node;
        let voter = self.voters.iter_mut().find(|voter| voter.id == id);
        if let Some(voter) = voter.filter(|_| origin != Origin::Same) {
            voter.peer.adopt(now, frame);
            voter.lost = false;
            effects.tell(News::VoterHeard { voter: id });
        }
        match frame.body {
            Body::Beat(beat) => self.voter_beat(now, id, beat, effects),
            Body::Condemn(condemn) => self.asked(now, frame, condemn, effects),
            Body::Agreed(agreed) => self.agreed(id, agreed, asked_at),
            Body::Declined(declined) => self.declined(now, (id, asked_at), declined, effects),
            Body::Fenced(fenced) => self.told_fenced(now, frame, fenced, effects),
            Body::FencedAck(ack) => self.fenced_noted(id, ack),
            Body::Pardon(pardon) => self.pardoned(now, frame, pardon),
            Body::Hello
            | Body::Renew(_)
            | Body::Grant(_)
            | Body::Withhold(_)
            | Body::Request(_)
            | Body::Leave(_)
            | Body::LeaveAck(_)
            | Body::Unreadable(_) => {}
        }
    }

    fn voter_beat(&mut self, now: Instant, id: NodeId, beat: Beat, effects: &mut Effects) {
        let mine = self.config.digest;
        self.unlearn_leavings(now, beat);
        let Some(voter) = self.voters.iter_mut().find(|voter| voter.id == id) else { return };
        let differs = beat.config != mine;
        if differs && !voter.config_told {
            effects.tell(News::Alarm(Alarm::ConfigDiffers { peer: Peer::voter(id) }));
        }
        voter.config_told = differs;
        voter.beat = Some(beat);
        voter.beats = voter.beats.saturating_add(1);
        self.notice_standstill(id);
    }

    /// A voter from which more beats came at once than a network holds back says that this machine
    /// stood still, its clock too, as a paused virtual one does: what was agreed to before is void.
    fn notice_standstill(&mut self, id: NodeId) {
        let raw = self.config.timing.raw();
        let outruns =
            |voter: &Voter| raw.beat.saturating_mul(u32::from(voter.beats)) > raw.suspect_after;
        if self.voters.iter().any(|voter| voter.id == id && outruns(voter)) {
            self.cases.iter_mut().for_each(Case::void_votes);
        }
    }

    /// A life that another voter grants, longer after it left than any straggler is granted, has
    /// come back unheard by this voter. What it said of its watchdog was before it put that to sleep.
    fn unlearn_leavings(&mut self, now: Instant, beat: Beat) {
        let stragglers = self.config.timing.raw().suspect_after.saturating_mul(STRAGGLER_SPANS);
        for member in &mut self.members {
            let granted = beat.granting.has(member.node());
            if granted && member.left.is_some() && now.since(member.left_at) > stragglers {
                (member.left, member.word) = (None, None);
            }
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

    /// All peers gone in one window: it is this voter that is cut off, and silence proves nothing.
    fn suspect_self(&mut self, now: Instant) {
        let (heard, needed) = self.quorum(now);
        if heard < needed {
            self.ears_since = now;
        }
    }

    fn my_beat(&self, now: Instant) -> Beat {
        let span = self.config.timing.raw().suspect_after;
        let lately = |member: &&Member| member.granted_at.is_some_and(|at| now.since(at) <= span);
        let granting = self.members.iter().filter(lately).map(Member::node).collect();
        Beat { holding: self.is_holding(now), granting, config: self.config.digest }
    }

    fn tell_hold(&mut self, now: Instant, effects: &mut Effects) {
        if !self.hold_told && !self.is_holding(now) {
            self.hold_told = true;
            effects.tell(News::HoldOver);
        }
    }

    fn watch_links(&mut self, now: Instant, effects: &mut Effects) {
        let span = self.config.timing.raw().suspect_after.saturating_mul(LINK_LOST_SPANS);
        for voter in &mut self.voters {
            let heard = voter.peer.heard_at().is_some_and(|at| now.since(at) <= span);
            if !heard && !voter.lost && voter.peer.heard_at().is_some() {
                effects.tell(News::VoterLost { voter: voter.id });
            } else if heard && voter.lost {
                effects.tell(News::VoterHeard { voter: voter.id });
            }
            voter.lost = !heard;
            let peer = Peer::voter(voter.id);
            tell_links(now, span, (peer, &voter.peer), &mut voter.links_lost, effects);
        }
        for (member, lost) in self.members.iter().zip(&mut self.member_links_lost) {
            tell_links(now, span, (member.as_peer(), &member.peer), lost, effects);
        }
    }

    /// Voters heard within `suspect_after`, this one too.
    fn heard_voters(&self, now: Instant) -> NodeMask {
        let span = self.config.timing.raw().suspect_after;
        let heard = |voter: &&Voter| voter.peer.heard_at().is_some_and(|at| now.since(at) <= span);
        let others: NodeMask = self.voters.iter().filter(heard).map(|voter| voter.id).collect();
        others.with(self.config.me)
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

    fn post_to_voters(&mut self, now: Instant, body: Body, effects: &mut Effects) {
        for voter in &mut self.voters {
            let (seq, echo) = (voter.peer.next_seq(now), voter.peer.echo());
            effects.send(Post { dst: Peer::voter(voter.id), seq, echo, body });
        }
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

fn other_voters(config: &FencerConfig) -> Vec<Voter, VOTERS_MAX> {
    let others = config.voters.iter().copied().filter(|id| *id != config.me);
    others
        .map(|id| Voter {
            id,
            peer: PeerState::new(),
            beat: None,
            lost: false,
            links_lost: 0,
            config_told: false,
            beats: 0,
        })
        .collect()
}

/// Tells which links a peer that is heard is not heard over, each change once.
fn tell_links(
    now: Instant,
    span: Duration,
    (peer, state): (Peer, &PeerState),
    lost: &mut LinkBits,
    effects: &mut Effects,
) {
    let heard = state.links().heard_within(now, span);
    if heard == 0 {
        return;
    }
    for link in (0..=u8::MAX).map_while(LinkId::new) {
        let bit = link_bit(link);
        let (was_lost, ever) = (*lost & bit != 0, state.links().of(link).heard_at.is_some());
        let is_lost = ever && heard & bit == 0;
        if is_lost && !was_lost {
            effects.tell(News::LinkLost { peer, link });
        } else if !is_lost && was_lost {
            effects.tell(News::LinkBack { peer, link });
        }
        *lost = if is_lost { *lost | bit } else { *lost & !bit };
    }
}

#[cfg(test)]
mod tests;
