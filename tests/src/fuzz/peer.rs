//! The border to the peers: datagrams as they come from a link, and frames as an authentic but hostile
//! peer could sign them, to both cores.
//!
//! An event is `what`, then a datagram. Bits of `what`: 0 to 4, how many hundredths of a second pass
//! before; 5, the tag is not looked at; 6, it echoes the newest frame that its receiver sent to its
//! sender; 7, it is for the agent and not for the fencer.
#![expect(clippy::expect_used, reason = "broken settings of this file must stop the run")]

use std::cell::RefCell;
use std::collections::BTreeMap;

use palisade_agent_core::health::{Answer, CheckConfig};
use palisade_agent_core::{
    AgentConfig, AgentCore, DogConfig, Input as AgentInput, Phase, ProbeReport,
};
use palisade_fencer_core::power::PowerReport;
use palisade_fencer_core::{
    DurableState, Effects, FencerConfig, FencerCore, Input, MemberConfig, Memory, PowerAct,
    PowerOrder,
};
use palisade_protocol::ids::{BootId, ClusterTag, LinkId, NodeId, Peer, Seq, Start};
use palisade_protocol::keys::{Generation, KeyRing};
use palisade_protocol::postbox::Postbox;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::{Body, DogClass, Echo, Frame, PRELUDE_LEN, Post, Prelude};

use super::pieces::{piece, pieces};
use super::vectors;

const HUNDREDTHS: u8 = 0b0001_1111;
const UNCHECKED: u8 = 0b0010_0000;
const ECHOES: u8 = 0b0100_0000;
const TO_AGENT: u8 = 0b1000_0000;

/// The cluster and the receiver's start that the golden vectors speak of.
const CLUSTER: ClusterTag = ClusterTag(4660);
const START: Start = Start::new(0xfedc_ba98);

/// Longer than the boot hold of the fencer.
const BEGIN: Duration = Duration::from_secs(5);
const FIRE: Duration = Duration::from_millis(1_000);

/// Plays the events of `input` to an agent and a fencer.
pub(super) fn run(input: &[u8]) {
    let mut hall = Hall::new();
    for (what, bytes) in pieces(input) {
        hall.pass(what & HUNDREDTHS);
        hall.deliver(what, bytes);
    }
    hall.pass(HUNDREDTHS);
}

/// Each golden vector to each core, checked and unchecked; and all of them in one run.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let ways = [0, UNCHECKED, UNCHECKED | ECHOES];
    let ways: Vec<u8> = ways.into_iter().flat_map(|way| [way, way | TO_AGENT]).collect();
    let of =
        |datagram: &[u8]| ways.iter().map(|way| piece(*way, datagram)).collect::<Vec<_>>().concat();
    let mut seeds: Vec<_> = vectors::datagrams().map(|(_, datagram)| of(&datagram)).collect();
    let all = vectors::datagrams().map(|(_, datagram)| piece(UNCHECKED | ECHOES | 1, &datagram));
    seeds.push(all.collect::<Vec<_>>().concat());
    seeds
}

/// An agent and a fencer among peers who say anything.
struct Hall {
    now: Instant,
    agent: AgentCore,
    fencer: FencerCore,
    agent_box: Postbox,
    fencer_box: Postbox,
    /// The newest frame that the fencer, or the agent, sent to each peer.
    sent: BTreeMap<(bool, Peer), Seq>,
}

impl Hall {
    fn new() -> Self {
        let start = Instant::from_millis(1_000);
        let memory = Memory::Recalled(DurableState::default());
        let mut hall = Self {
            now: start + BEGIN,
            agent: AgentCore::new(agent_config(), start),
            fencer: FencerCore::new(fencer_config(), start, memory),
            agent_box: postbox(own(true), "node1.current", &[Peer::voter(node(2))]),
            fencer_box: postbox(
                own(false),
                "node2.current",
                &[Peer::member(node(1)), Peer::voter(node(3))],
            ),
            sent: BTreeMap::new(),
        };
        hall.pass(0);
        hall
    }

    /// Time passes, and both do what is due.
    fn pass(&mut self, hundredths: u8) {
        self.now += Duration::from_millis(u64::from(hundredths) * 10);
        self.tell_agent(AgentInput::Tick);
        self.tell_fencer(Input::Tick);
    }

    fn deliver(&mut self, what: u8, bytes: &[u8]) {
        let to_agent = what & TO_AGENT != 0;
        let opened = if what & UNCHECKED != 0 {
            unchecked(bytes)
        } else {
            let postbox = if to_agent { &mut self.agent_box } else { &mut self.fencer_box };
            link_of(bytes).and_then(|link| postbox.open(link, bytes).ok())
        };
        let Some(mut frame) = opened else { return };
        if what & ECHOES != 0 {
            let newest = self.sent.get(&(to_agent, frame.src)).copied();
            frame.echo = newest.map(|seq| Echo { start: START, seq });
        }
        if to_agent {
            self.tell_agent(AgentInput::Heard(frame));
        } else {
            self.tell_fencer(Input::Heard(frame));
        }
    }

    fn tell_agent(&mut self, input: AgentInput) {
        let effects = self.agent.handle(self.now, input);
        self.note(true, &effects.posts);
        if effects.probe {
            let report = ProbeReport { asked_at: self.now, answer: Answer::Running };
            let more = self.agent.handle(self.now, AgentInput::Probe(report));
            self.note(true, &more.posts);
        }
        self.pet();
    }

    /// Pets whenever it may, in time; nothing that a peer says makes such a node end itself.
    fn pet(&mut self) {
        if let Ok(permit) = self.agent.pet_decision(self.now) {
            assert!(self.agent.lease_from().is_some(), "no pet without a majority's grant");
            let petted = AgentInput::Petted { permit, done_at: self.now };
            let effects = self.agent.handle(self.now, petted);
            self.note(true, &effects.posts);
        }
        assert_ne!(self.agent.phase(), Phase::FencingSelf, "it petted in time");
    }

    fn tell_fencer(&mut self, input: Input) {
        // Each answer may lead to the next order; what is left goes on with the next tick.
        let mut next = vec![input];
        for _ in 0..8 {
            for input in std::mem::take(&mut next) {
                let mut effects = Effects::default();
                self.fencer.handle(self.now, input, &mut effects);
                self.note(false, &effects.posts);
                let written = effects.persist.map(|state| state.version);
                next.extend(written.map(|version| Input::Durable { version }));
                next.extend(effects.orders.iter().map(|order| self.obey(*order)));
            }
        }
    }

    /// A BMC that does what it is told, if there is a warrant.
    fn obey(&mut self, order: PowerOrder) -> Input {
        let (session_at, asked_at) = (self.now, self.now);
        let report = match order.act {
            PowerAct::Read => PowerReport::Read { session_at, asked_at, on: false },
            PowerAct::Off | PowerAct::On => match self.fencer.warrant(self.now, order.id) {
                Ok(warrant) => {
                    assert_eq!(warrant.order(), order, "a warrant is for its order");
                    assert!(warrant.expires_at() > self.now, "a warrant is not void");
                    PowerReport::Acked { session_at }
                }
                Err(_) => PowerReport::Failed,
            },
        };
        Input::Power { order: order.id, report }
    }

    fn note(&mut self, of_agent: bool, posts: &[Post]) {
        for post in posts {
            self.sent.insert((of_agent, post.dst), post.seq);
            assert_ne!(post.dst, own(of_agent), "nobody writes to itself");
        }
    }
}

fn own(of_agent: bool) -> Peer {
    if of_agent { Peer::member(node(1)) } else { Peer::voter(node(2)) }
}

/// The frame that these bytes would be, had its sender signed them.
fn unchecked(bytes: &[u8]) -> Option<Frame> {
    let (head, rest) = bytes.split_at_checked(PRELUDE_LEN)?;
    let Prelude { src, link, boot, start, seq, echo, version, kind, body_len, .. } =
        Prelude::from_bytes(head)?;
    let body = Body::decode(version, kind, rest.get(..usize::from(body_len)).unwrap_or(rest))?;
    Some(Frame { src, link, boot, start, seq, echo, body })
}

/// The link that the datagram says it came over, so that the tag is reached.
fn link_of(bytes: &[u8]) -> Option<LinkId> {
    Some(Prelude::from_bytes(bytes.get(..PRELUDE_LEN)?)?.link)
}

/// The postbox of `me`, whose private key is called `key`, with the keys it shares with `peers`.
fn postbox(me: Peer, key: &str, peers: &[Peer]) -> Postbox {
    let mut postbox = Postbox::new(CLUSTER, me, BootId(1), START);
    for peer in peers {
        let ring = RINGS.with_borrow_mut(|rings| {
            rings.entry((me, *peer)).or_insert_with(|| ring(me, key, *peer)).clone()
        });
        postbox.add_peer(*peer, ring);
    }
    postbox
}

thread_local! {
    /// Derived once: to agree on keys takes longer than anything else here.
    static RINGS: RefCell<BTreeMap<(Peer, Peer), KeyRing>> = const { RefCell::new(BTreeMap::new()) };
}

fn ring(me: Peer, key: &str, peer: Peer) -> KeyRing {
    let of = |generation| vectors::key(&format!("node{}.{generation}", peer.node.get()));
    let private = vectors::key(key).expect("the key stands in the vectors");
    let current = of("current").expect("the key stands in the vectors").public();
    let next = of("next").map(|key| key.public());
    let mine = (me, Generation::Current, &private);
    KeyRing::between(CLUSTER, mine, (peer, current, next)).expect("the vectors' keys are good")
}

fn fencer_config() -> FencerConfig {
    let member = |id| MemberConfig { node: node(id), has_power_device: id != 3, fire: FIRE };
    FencerConfig {
        me: node(2),
        start: START,
        voters: (1..=3).map(node).collect(),
        members: [1, 2, 3, 64].into_iter().map(member).collect(),
        timing: timing(),
        power_on: true,
        fences_per_hour_max: 3,
        fences_at_once_max: 2,
        digest: 7,
    }
}

fn agent_config() -> AgentConfig {
    let ms = Duration::from_millis;
    AgentConfig {
        me: node(1),
        boot: BootId(1),
        start: START,
        voters: (1..=3).map(node).collect(),
        timing: timing(),
        dog: DogConfig {
            class: DogClass::Physical,
            certified: true,
            timeout: FIRE,
            fire: FIRE,
            runs: false,
        },
        check: Some(CheckConfig {
            every: ms(100),
            timeout: ms(50),
            start_deadline: ms(1_000),
            stop_deadline: ms(1_000),
            tolerate: 2,
            armed: true,
        }),
        digest: 7,
    }
}

fn timing() -> Timing {
    let raw = TimingRaw::LAN_FAST;
    let raw = TimingRaw { promise: raw.smallest_promise(FIRE), ..raw };
    Timing::new(raw, FIRE).expect("the profile is feasible")
}

fn node(id: u8) -> NodeId {
    NodeId::new(id).expect("a node")
}
