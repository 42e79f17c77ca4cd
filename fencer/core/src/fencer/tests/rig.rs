//! The fencer of node 1 of a cluster of three voters and four members, a clock that is moved by
//! hand, and peers that say what they are told to.

use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Role, Seq, Start};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::{
    Agreed, Beat, Body, Condemn, Decline, Declined, DogClass, DogReport, Echo, Fenced, FencedAck,
    Frame, Kind, Post, ProofKind, Renew, Verdict, Why, Withheld, Withhold,
};

use crate::config::{FencerConfig, MemberConfig};
use crate::durable::{DurableState, Memory, Sentence, ShotBy};
use crate::fencer::{CaseView, Effects, FencerCore, Input, MemberView};
use crate::news::{Alarm, News};
use crate::power::PowerReport;
use crate::proof::Proof;
use crate::warrant::{OrderId, PowerAct, PowerOrder};

/// When every fencer here starts.
pub(super) const START: Instant = Instant::from_millis(10_000);

/// `W` of every watchdog.
pub(super) const FIRE: Duration = ms(1_000);

/// `P`.
pub(super) const PROMISE: Duration = ms(1_530);

/// Life of a warrant, to the voter that gives it.
pub(super) const WARRANT: Duration = ms(1_900);

/// What it is worth to its holder.
pub(super) const WARRANT_LIFE: Duration = Duration::from_micros(1_898_100);

/// How long a member may be silent.
pub(super) const SPAN: Duration = ms(300);

/// How often everybody speaks.
pub(super) const BEAT: Duration = ms(50);

pub(super) const NS: Duration = Duration::from_nanos(1);

/// Digest of the configuration in force.
pub(super) const DIGEST: u32 = 0xd16e;

/// The member that most stories are about: it has no voter.
pub(super) const TARGET: u8 = 4;

/// The fencer's start.
const ME: Start = Start::new(77);

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn node(id: u8) -> NodeId {
    NodeId::new(id).expect("a node's number")
}

pub(super) fn agent(id: u8) -> Peer {
    Peer::member(node(id))
}

pub(super) fn fencer(id: u8) -> Peer {
    Peer::voter(node(id))
}

/// The first life of node `id`.
pub(super) fn first_life(id: u8) -> BootId {
    BootId(0xb000 + u64::from(id))
}

/// Profile `lan-fast` for a watchdog of one second.
pub(super) const fn timing_raw() -> TimingRaw {
    TimingRaw {
        beat: BEAT,
        suspect_after: SPAN,
        promise: PROMISE,
        warrant: WARRANT,
        ..TimingRaw::LAN_FAST
    }
}

pub(super) fn timing(raw: TimingRaw) -> Timing {
    Timing::new(raw, FIRE).expect("feasible")
}

pub(super) fn config() -> FencerConfig {
    let member = |id| MemberConfig { node: node(id), has_power_device: true, fire: FIRE };
    FencerConfig {
        me: node(1),
        start: ME,
        voters: (1..=3).map(node).collect(),
        members: (1..=4).map(member).collect(),
        timing: timing(timing_raw()),
        power_on: true,
        fences_per_hour_max: 3,
        fences_at_once_max: 1,
        digest: DIGEST,
    }
}

/// What a voter finds on its disk that has condemned the first life of `target`, which ended so.
pub(super) fn recalled(target: u8, closed: Option<ProofKind>) -> Memory {
    let (target, boot) = (node(target), first_life(target));
    let mut state = DurableState::default();
    let shot_by = ShotBy::Many;
    let sentence = Sentence { target, boot, closed, released: false, shot_by };
    state.sentences.push(sentence).expect("room");
    Memory::Recalled(state)
}

/// A renewal of a node whose watchdog can be relied on.
pub(super) const fn trusted() -> Renew {
    let class = DogClass::Physical;
    let dog = DogReport { armed: true, certified: true, class, timeout_ms: 1_000, fire_ms: 1_000 };
    Renew {
        verdict: Verdict::Idle,
        dog,
        heard: palisade_protocol::wire::HeardMatrix(0),
        config: DIGEST,
    }
}

/// What a voter says when it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vote {
    /// Nothing, and it notes nothing it is told.
    Mute,
    /// It agrees to whatever is asked.
    Agrees { promise_over: bool, dog_trusted: bool },
    /// It agrees to whatever is asked, and notes nothing it is told.
    Deaf,
    /// It would agree, and declines when it is to bind itself.
    Retreats(Decline),
    /// It does not agree.
    Declines(Decline),
}

/// It agrees, and knows nothing of a lease.
pub(super) const AGREES: Vote = Vote::Agrees { promise_over: false, dog_trusted: false };

/// It agrees, and its promise is over.
pub(super) const EXPIRED: Vote = Vote::Agrees { promise_over: true, dog_trusted: true };

/// What becomes of what is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    /// It is written at once.
    Prompt,
    /// It is under way.
    Slow,
    /// It cannot be written.
    Broken,
}

/// One scripted peer.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    who: Peer,
    pub(super) boot: BootId,
    start: Start,
    seq: u32,
    pub(super) heard: Option<Echo>,
    pub(super) speaks: bool,
    pub(super) word: Renew,
    pub(super) beat: Beat,
    pub(super) vote: Vote,
}

impl Scripted {
    fn new(who: Peer) -> Self {
        Self {
            who,
            boot: first_life(who.node.get()),
            start: Start::new(500),
            seq: 0,
            heard: None,
            speaks: true,
            word: trusted(),
            beat: Beat { config: DIGEST, ..Beat::default() },
            vote: Vote::Mute,
        }
    }

    /// Its next frame, over link 0.
    pub(super) fn says(&mut self, body: Body) -> Frame {
        self.seq += 1;
        Frame {
            src: self.who,
            link: LinkId::new(0).expect("the first link"),
            boot: self.boot,
            start: self.start,
            seq: Seq(self.seq),
            echo: self.heard,
            body,
        }
    }

    /// The same peer, as another process.
    pub(super) const fn with_start(mut self, start: Start) -> Self {
        (self.start, self.seq) = (start, 0);
        self
    }

    /// What it says each beat.
    fn beats(&self) -> Body {
        match self.who.role {
            Role::Member => Body::Renew(self.word),
            Role::Voter => Body::Beat(self.beat),
        }
    }

    fn answer(&self, question: &Body) -> Option<Body> {
        match (*question, self.vote) {
            (_, Vote::Mute) | (Body::Fenced(_), Vote::Deaf) => None,
            (Body::Condemn(condemn), Vote::Agrees { promise_over, dog_trusted }) => {
                Some(agrees(&condemn, promise_over, dog_trusted))
            }
            (Body::Condemn(condemn), Vote::Deaf) => Some(agrees(&condemn, false, false)),
            (Body::Condemn(condemn), Vote::Retreats(_)) if !condemn.bind => {
                Some(agrees(&condemn, false, false))
            }
            (Body::Condemn(condemn), Vote::Declines(why) | Vote::Retreats(why)) => {
                let Condemn { target, boot, .. } = condemn;
                Some(Body::Declined(Declined { target, boot, why }))
            }
            (Body::Fenced(Fenced { target, boot, .. }), _) => {
                Some(Body::FencedAck(FencedAck { target, boot }))
            }
            _ => None,
        }
    }
}

fn agrees(condemn: &Condemn, promise_over: bool, dog_trusted: bool) -> Body {
    let Condemn { target, boot, bind: bound, .. } = *condemn;
    Body::Agreed(Agreed { target, boot, bound, promise_over, dog_trusted })
}

/// Why an answer says no.
pub(super) fn declined(answer: Option<Body>) -> Option<Decline> {
    match answer {
        Some(Body::Declined(Declined { why, .. })) => Some(why),
        _ => None,
    }
}

pub(super) fn has_agreed(answer: Option<Body>) -> bool {
    matches!(answer, Some(Body::Agreed(_)))
}

/// The fencer and all that is around it.
pub(super) struct Rig {
    pub(super) core: FencerCore,
    pub(super) now: Instant,
    pub(super) disk: Disk,
    pub(super) news: Vec<(Instant, News)>,
    pub(super) proofs: Vec<Proof>,
    pub(super) orders: Vec<PowerOrder>,
    /// The order that is not reported on yet.
    pub(super) open: Option<PowerOrder>,
    pub(super) persisted: Vec<DurableState>,
    pub(super) sent: Vec<(Instant, Post)>,
    peers: Vec<Scripted>,
    talk_at: Instant,
}

impl Rig {
    /// A fencer that has just started, with an empty memory, among peers that speak.
    pub(super) fn starting(config: FencerConfig, memory: Memory) -> Self {
        let members = config.members.iter().map(|member| Peer::member(member.node));
        let voters = config.voters.iter().filter(|id| **id != config.me).copied().map(Peer::voter);
        let peers = voters.chain(members).map(Scripted::new).collect();
        Self {
            core: FencerCore::new(config, START, memory),
            now: START,
            disk: Disk::Prompt,
            news: Vec::new(),
            proofs: Vec::new(),
            orders: Vec::new(),
            open: None,
            persisted: Vec::new(),
            sent: Vec::new(),
            peers,
            talk_at: START + ms(10),
        }
    }

    /// A fencer that has long been up: every member is granted leases.
    pub(super) fn with(config: FencerConfig) -> Self {
        let mut rig = Self::starting(config, Memory::Recalled(DurableState::default()));
        rig.run_for(ms(4_000));
        for id in 1..=4 {
            assert!(rig.member(id).granted_at.is_some(), "member {id} is granted");
        }
        rig.forget();
        rig
    }

    pub(super) fn new() -> Self {
        Self::with(config())
    }

    /// What was said so far is of no more interest.
    pub(super) fn forget(&mut self) {
        self.news.clear();
        self.sent.clear();
    }

    pub(super) fn peer(&mut self, who: Peer) -> &mut Scripted {
        self.peers.iter_mut().find(|peer| peer.who == who).expect("a configured peer")
    }

    /// `who` says nothing by itself any more.
    pub(super) fn silence(&mut self, who: Peer) {
        self.peer(who).speaks = false;
    }

    /// Both other voters vote so from now on.
    pub(super) fn votes(&mut self, two: Vote, three: Vote) {
        self.peer(fencer(2)).vote = two;
        self.peer(fencer(3)).vote = three;
    }

    /// Node `id` comes up in another life; it knows nobody.
    pub(super) fn reborn(&mut self, id: u8) -> BootId {
        let peer = self.peer(agent(id));
        peer.boot = BootId(peer.boot.0 + 0x1_0000);
        peer.start = Start::new(peer.start.get() + 1);
        (peer.seq, peer.heard, peer.speaks) = (0, None, true);
        peer.boot
    }

    pub(super) fn life(&mut self, id: u8) -> BootId {
        self.peer(agent(id)).boot
    }

    pub(super) fn member(&self, id: u8) -> MemberView<'_> {
        self.core.members(self.now).find(|view| view.node == node(id)).expect("a member")
    }

    pub(super) fn case(&self) -> Option<CaseView> {
        self.core.cases().next()
    }

    /// Lets time pass; everybody who speaks does so each beat.
    pub(super) fn run_for(&mut self, span: Duration) {
        self.run_to(self.now + span);
    }

    pub(super) fn run_to(&mut self, end: Instant) {
        loop {
            let due = self.core.next_deadline().min(self.talk_at).max(self.now);
            if due > end {
                break;
            }
            self.now = due;
            if due >= self.talk_at {
                self.talk();
            } else {
                self.input(Input::Tick);
            }
        }
        self.now = end;
    }

    /// Lets time pass until `seen`, for at most ten seconds.
    pub(super) fn run_until(&mut self, what: &str, seen: impl Fn(&Self) -> bool) {
        let end = self.now + ms(10_000);
        while !seen(self) {
            assert!(self.now < end, "{what} did not happen: {:#?}", self.news);
            let due = self.core.next_deadline().min(self.talk_at).max(self.now);
            self.run_to(due);
        }
    }

    /// `who` says `body` now; what it is answered.
    pub(super) fn says(&mut self, who: Peer, body: Body) -> Vec<Body> {
        let frame = self.peer(who).says(body);
        self.hears(frame)
    }

    /// `frame` comes; what its sender is answered.
    pub(super) fn hears(&mut self, frame: Frame) -> Vec<Body> {
        let before = self.sent.len();
        self.input(Input::Heard(frame));
        let answers = |post: &&Post| post.dst == frame.src && post.echo == Some(frame.as_echo());
        self.sent[before..].iter().map(|(_, post)| post).filter(answers).map(|p| p.body).collect()
    }

    /// The agent of `id` renews now; why it is not granted.
    pub(super) fn renews(&mut self, id: u8) -> Result<(), Withheld> {
        let renew = Body::Renew(self.peer(agent(id)).word);
        match self.says(agent(id), renew)[..] {
            [Body::Grant(_)] => Ok(()),
            [Body::Withhold(Withhold { why })] => Err(why),
            ref other => panic!("neither granted nor withheld: {other:?}"),
        }
    }

    /// The fencer of `asker` asks about the life of `target`; the answer, if there is one already.
    pub(super) fn asks(&mut self, asker: u8, target: u8, why: Why, bind: bool) -> Option<Body> {
        let boot = self.life(target);
        let condemn = Condemn { target: node(target), boot, why, bind, silent_ms: None };
        self.says(fencer(asker), Body::Condemn(condemn)).pop()
    }

    /// The fencer of `asker` has not heard `boot` of the usual target for so long, and asks this one
    /// to be bound; the answer, if there is one already.
    pub(super) fn asks_about(
        &mut self,
        asker: u8,
        boot: BootId,
        why: Why,
        silent_ms: Option<u32>,
    ) -> Option<Body> {
        let condemn = Condemn { target: node(TARGET), boot, why, bind: true, silent_ms };
        self.says(fencer(asker), Body::Condemn(condemn)).pop()
    }

    /// The fencer of `voter` says that the life of `target` is over.
    pub(super) fn tells_fenced(&mut self, voter: u8, target: u8, proof: ProofKind) {
        let fenced = Fenced { target: node(target), boot: self.life(target), proof };
        self.says(fencer(voter), Body::Fenced(fenced));
    }

    pub(super) fn input(&mut self, input: Input) {
        let mut effects = Effects::default();
        self.core.handle(self.now, input, &mut effects);
        self.take(effects);
    }

    /// The power engine reports on `order`.
    pub(super) fn reports(&mut self, order: OrderId, report: PowerReport) {
        self.open = self.open.filter(|open| open.id != order);
        self.input(Input::Power { order, report });
    }

    /// The order `act` is open, if need be later.
    pub(super) fn await_order(&mut self, act: PowerAct) -> OrderId {
        self.run_until("the order", |rig| rig.open.is_some_and(|open| open.act == act));
        self.open.expect("it is open").id
    }

    pub(super) fn told(&self, what: impl Fn(&News) -> bool) -> usize {
        self.news.iter().filter(|(_, news)| what(news)).count()
    }

    pub(super) fn alarms(&self, alarm: Alarm) -> usize {
        self.told(|news| *news == News::Alarm(alarm))
    }

    /// How often a question about `target` was sent, and whether any was to bind.
    pub(super) fn questions(&self, target: u8) -> (usize, bool) {
        let about = |(_, post): &(Instant, Post)| match post.body {
            Body::Condemn(condemn) if condemn.target == node(target) => Some(condemn.bind),
            _ => None,
        };
        let asked: Vec<bool> = self.sent.iter().filter_map(about).collect();
        (asked.len(), asked.contains(&true))
    }

    pub(super) fn sent_kinds(&self, kind: Kind) -> usize {
        self.sent.iter().filter(|(_, post)| post.body.kind() == kind).count()
    }

    /// When the last frame of `kind` was sent to `dst`.
    pub(super) fn last_sent(&self, dst: Peer, kind: Kind) -> Instant {
        let is = |(_, post): &&(Instant, Post)| post.dst == dst && post.body.kind() == kind;
        self.sent.iter().rev().find(is).expect("such a frame").0
    }

    fn talk(&mut self) {
        self.talk_at = self.now + BEAT;
        for place in 0..self.peers.len() {
            let peer = &mut self.peers[place];
            if peer.speaks {
                let beats = peer.beats();
                let frame = peer.says(beats);
                self.input(Input::Heard(frame));
            }
        }
    }

    fn take(&mut self, effects: Effects) {
        self.news.extend(effects.news.iter().map(|news| (self.now, *news)));
        self.proofs.extend(effects.proofs);
        self.orders.extend(effects.orders.iter().copied());
        self.open = effects.orders.last().copied().or(self.open);
        let mut answers = Vec::new();
        for post in effects.posts {
            self.sent.push((self.now, post));
            answers.extend(self.delivered(&post));
        }
        if let Some(state) = effects.persist {
            self.write(state);
        }
        for answer in answers {
            self.input(Input::Heard(answer));
        }
    }

    /// A frame reaches its peer, even one that is silent; its answer.
    fn delivered(&mut self, post: &Post) -> Option<Frame> {
        let peer = self.peer(post.dst);
        peer.heard = Some(Echo { start: ME, seq: post.seq });
        let answer = peer.answer(&post.body).filter(|_| peer.speaks)?;
        Some(peer.says(answer))
    }

    fn write(&mut self, state: DurableState) {
        let version = state.version;
        self.persisted.push(state);
        match self.disk {
            Disk::Prompt => self.input(Input::Durable { version }),
            Disk::Slow => {}
            Disk::Broken => self.input(Input::DurableFailed { version }),
        }
    }
}
