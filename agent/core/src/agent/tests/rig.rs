//! One agent, a clock that is moved by hand, and voters that say what they are told to.

use super::super::{AgentConfig, AgentCore, DogConfig, Effects, Input, ProbeReport};
use crate::health::{Answer, CheckConfig};
use crate::news::News;
use crate::pet::PetPermit;
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Seq, Start};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::{Body, DogClass, Echo, Frame, Grant, Kind, Post, Withheld, Withhold};

/// When every agent here starts.
pub(super) const START: Instant = Instant::from_millis(10_000);

/// `W` of its watchdog.
pub(super) const FIRE: Duration = ms(1_000);

/// The agent's start.
const ME: Start = Start::new(77);

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn ns(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

pub(super) fn node(id: u8) -> NodeId {
    NodeId::new(id).expect("a node's number")
}

/// Profile `lan-fast` for a watchdog of one second.
pub(super) const fn timing_raw() -> TimingRaw {
    TimingRaw { promise: ms(1_530), warrant: ms(1_900), ..TimingRaw::LAN_FAST }
}

/// A check that is asked each 15 s, may miss twice, and counts.
pub(super) const CHECK: CheckConfig = CheckConfig {
    every: ms(15_000),
    timeout: ms(5_000),
    start_deadline: ms(300_000),
    stop_deadline: ms(60_000),
    tolerate: 2,
    armed: true,
};

pub(super) fn config(voters: &[u8]) -> AgentConfig {
    AgentConfig {
        me: node(1),
        boot: BootId(0xa1),
        start: ME,
        voters: voters.iter().copied().map(node).collect(),
        timing: Timing::new(timing_raw(), FIRE).expect("feasible"),
        dog: DogConfig {
            class: DogClass::Physical,
            certified: true,
            timeout: ms(1_000),
            fire: FIRE,
            runs: false,
        },
        check: None,
        digest: 0xd16e,
    }
}

/// One scripted voter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voter {
    pub(super) id: u8,
    pub(super) start: Start,
    seq: u32,
}

impl Voter {
    pub(super) const fn new(id: u8, start: u32) -> Self {
        Self { id, start: Start::new(start), seq: 0 }
    }

    /// Its next frame, over link 0.
    pub(super) fn says(&mut self, echo: Option<Echo>, body: Body) -> Frame {
        self.seq += 1;
        Frame {
            src: Peer::voter(node(self.id)),
            link: link(0),
            boot: BootId(self.id.into()),
            start: self.start,
            seq: Seq(self.seq),
            echo,
            body,
        }
    }
}

pub(super) fn link(id: u8) -> LinkId {
    LinkId::new(id).expect("a link's number")
}

/// How a voter names a frame of the agent.
pub(super) const fn echo_of(seq: Seq) -> Option<Echo> {
    Some(Echo { start: ME, seq })
}

pub(super) const GRANT: Body = Body::Grant(Grant { fenceable: true, heard_links: 1 });

pub(super) const fn withhold(why: Withheld) -> Body {
    Body::Withhold(Withhold { why })
}

/// One agent and its voters.
pub(super) struct Rig {
    pub(super) agent: AgentCore,
    pub(super) now: Instant,
    pub(super) voters: Vec<Voter>,
    pub(super) news: Vec<News>,
    probe_at: Option<Instant>,
}

impl Rig {
    /// Three voters, no health check.
    pub(super) fn new() -> Self {
        Self::with(config(&[1, 2, 3]))
    }

    pub(super) fn with(config: AgentConfig) -> Self {
        let voters = config.voters.iter().map(|id| Voter::new(id.get(), 900)).collect();
        let agent = AgentCore::new(config, START);
        Self { agent, now: START, voters, news: Vec::new(), probe_at: None }
    }

    /// With a check that counts.
    pub(super) fn checked() -> Self {
        Self::with(AgentConfig { check: Some(CHECK), ..config(&[1, 2, 3]) })
    }

    pub(super) fn input(&mut self, input: Input) -> Effects {
        let effects = self.agent.handle(self.now, input);
        if effects.probe {
            self.probe_at = Some(self.now);
        }
        self.news.extend(effects.news.iter().copied());
        effects
    }

    /// Time passes, and the agent is not asked.
    pub(super) fn later(&mut self, span: Duration) {
        self.now += span;
    }

    /// The agent's next deadline comes; what it sends.
    pub(super) fn beat(&mut self) -> Vec<Post> {
        self.now = self.now.max(self.agent.next_deadline());
        self.input(Input::Tick).posts.into_iter().collect()
    }

    /// Voter `id` says `body`, and echoes the last of `posts` to it.
    pub(super) fn answer(&mut self, id: u8, posts: &[Post], body: Body) -> Effects {
        let frame = self.frame(id, echo_of(seq_to(posts, id)), body);
        self.input(Input::Heard(frame))
    }

    pub(super) fn frame(&mut self, id: u8, echo: Option<Echo>, body: Body) -> Frame {
        let voter = self.voters.iter_mut().find(|voter| voter.id == id);
        voter.expect("a configured voter").says(echo, body)
    }

    /// `ids` grant the renewals among `posts`.
    pub(super) fn grant(&mut self, ids: &[u8], posts: &[Post]) {
        for id in ids {
            self.answer(*id, posts, GRANT);
        }
    }

    /// A beat that every voter grants at once; when it was sent.
    pub(super) fn lease(&mut self) -> Instant {
        let ids: Vec<u8> = self.voters.iter().map(|voter| voter.id).collect();
        for _ in 0..8 {
            let posts = self.beat();
            self.grant(&ids, &posts);
        }
        self.now
    }

    pub(super) fn permit(&self) -> PetPermit {
        self.agent.pet_decision(self.now).expect("a permit")
    }

    /// The watchdog is armed now, on a permit of now.
    pub(super) fn arm(&mut self) {
        let (permit, done_at) = (self.permit(), self.now);
        self.input(Input::Armed { permit, done_at });
    }

    /// The service is asked, if need be later; when it was.
    pub(super) fn asked(&mut self) -> Instant {
        let patience = self.now + ms(60_000);
        while self.probe_at.is_none() {
            assert!(self.now < patience, "the service is asked within a minute");
            self.beat();
        }
        self.probe_at.take().expect("it was asked")
    }

    /// The service is asked, if need be later, and answers at once.
    pub(super) fn service(&mut self, answer: Answer) -> Effects {
        let asked_at = self.asked();
        self.input(Input::Probe(ProbeReport { asked_at, answer }))
    }

    pub(super) fn told(&self, what: &News) -> usize {
        self.news.iter().filter(|news| *news == what).count()
    }
}

/// The number of the last frame to voter `id`.
pub(super) fn seq_to(posts: &[Post], id: u8) -> Seq {
    let to = |post: &&Post| post.dst == Peer::voter(node(id));
    posts.iter().rev().find(to).expect("a frame to that voter").seq
}

pub(super) fn kinds(posts: &[Post]) -> Vec<Kind> {
    posts.iter().map(|post| post.body.kind()).collect()
}
