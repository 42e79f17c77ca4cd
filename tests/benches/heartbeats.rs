//! How many renewals one voter sustains: real rules, real keys, real bytes, no socket.
//!
//! `cargo bench -p palisade-tests --bench heartbeats [-- BEATS]`. Prints; judges nothing. Time in
//! the cluster is counted, only the work of the voter is measured: opening what came over two
//! links, granting, and sealing the answer for two links.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::env;
use std::error::Error;

use palisade_agent_core::{AgentConfig, AgentCore, DogConfig, Input as AgentInput};
use palisade_fencer_core::{
    DurableState, Effects as FencerEffects, FencerConfig, FencerCore, Input as FencerInput,
    MemberConfig, Memory,
};
use palisade_host::clock;
use palisade_protocol::ids::{BootId, ClusterTag, LinkId, NodeId, Peer, Start};
use palisade_protocol::keys::{Generation, KeyRing, PrivateKey};
use palisade_protocol::postbox::Postbox;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::{Body, DATAGRAM_MAX, DogClass, Post};

type Failure = Box<dyn Error>;

const LINKS: u8 = 2;
const BEAT: Duration = Duration::from_millis(50);
const FIRE: Duration = Duration::from_millis(1_000);
/// Beats until the voter's boot hold is over and every member is admitted.
const WARM_UP: usize = 100;
const CLUSTER: ClusterTag = ClusterTag(0x5a11);
const SIZES: [u8; 4] = [1, 3, 16, 64];

fn main() -> Result<(), Failure> {
    // cargo adds words of its own.
    let beats = env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(400);
    println!("one voter, {LINKS} links, {beats} beats of {} ms", BEAT.as_millis());
    for members in SIZES {
        let mut hall = Hall::new(members)?;
        (0..WARM_UP).try_for_each(|_| hall.beat())?;
        hall.spent = Spent::default();
        (0..beats).try_for_each(|_| hall.beat())?;
        println!("{}", hall.report(beats));
    }
    Ok(())
}

/// A datagram on its way, and its link.
type Mail = (LinkId, Vec<u8>);

/// One voter and the members that renew with it.
struct Hall {
    now: Instant,
    voter: FencerCore,
    postbox: Postbox,
    members: Vec<Renewer>,
    spent: Spent,
}

/// One member: the agent's real rules, and its keys with the voter.
struct Renewer {
    node: NodeId,
    core: AgentCore,
    postbox: Postbox,
}

/// Where the voter's time went, and what it did.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    open: Duration,
    rules: Duration,
    seal: Duration,
    renewals: u32,
    grants: u32,
}

impl Hall {
    fn new(members: u8) -> Result<Self, Failure> {
        let nodes: Vec<NodeId> = (1..=members).filter_map(NodeId::new).collect();
        let now = Instant::from_millis(1_000);
        let me = Peer::voter(voter_node()?);
        let mut postbox = Postbox::new(CLUSTER, me, BootId(1), Start::new(1));
        for node in &nodes {
            postbox.add_peer(Peer::member(*node), ring(me, Peer::member(*node))?);
        }
        let memory = Memory::Recalled(DurableState::default());
        let voter = FencerCore::new(fencer_config(&nodes)?, now, memory);
        let members =
            nodes.into_iter().map(|node| Renewer::new(node, now)).collect::<Result<_, _>>()?;
        Ok(Self { now, voter, postbox, members, spent: Spent::default() })
    }

    /// All members renew; the voter answers; the members hear it.
    fn beat(&mut self) -> Result<(), Failure> {
        self.now += BEAT;
        let mut inbox = Vec::new();
        for member in &mut self.members {
            inbox.extend(member.renewals(self.now)?);
        }
        let answers = self.answer(&inbox)?;
        for member in &mut self.members {
            member.hear(self.now, &answers)?;
        }
        Ok(())
    }

    fn answer(&mut self, inbox: &[Mail]) -> Result<Vec<(Peer, Mail)>, Failure> {
        let began = clock::now();
        let mut frames = Vec::with_capacity(inbox.len());
        for (link, bytes) in inbox {
            frames.push(self.postbox.open(*link, bytes).map_err(|why| format!("{why:?}"))?);
        }
        let opened = clock::now();
        let mut posts = Vec::with_capacity(inbox.len());
        let mut effects = FencerEffects::default();
        for frame in frames {
            self.spent.renewals += u32::from(is_renewal(&frame.body) && frame.link.get() == 0);
            self.voter.handle(self.now, FencerInput::Heard(frame), &mut effects);
            posts.extend(effects.posts.iter().copied());
        }
        let judged = clock::now();
        let mut answers = Vec::with_capacity(posts.len() * usize::from(LINKS));
        for post in &posts {
            self.spent.grants += u32::from(matches!(post.body, Body::Grant(_)));
            answers.extend(sealed(&self.postbox, post)?.map(|mail| (post.dst, mail)));
        }
        self.spent.open += opened.since(began);
        self.spent.rules += judged.since(opened);
        self.spent.seal += clock::now().since(judged);
        Ok(answers)
    }

    fn report(&self, beats: usize) -> String {
        let Spent { open, rules, seal, renewals, grants } = self.spent;
        let each = |span: Duration| span.as_secs_f64() * 1e9 / f64::from(renewals.max(1));
        let whole = open + rules + seal;
        let real = BEAT.as_secs_f64() * beats as f64;
        format!(
            "members {:>2}   renewals {renewals:>6}   grants {grants:>6}   {:>9.0} renewals/s   each \
             {:>6.0} ns (open {:>5.0}, rules {:>5.0}, seal {:>5.0})   {:>6.3} % of one processor",
            self.members.len(),
            f64::from(renewals) / whole.as_secs_f64().max(f64::MIN_POSITIVE),
            each(whole),
            each(open),
            each(rules),
            each(seal),
            100.0 * whole.as_secs_f64() / real,
        )
    }
}

impl Renewer {
    fn new(node: NodeId, now: Instant) -> Result<Self, Failure> {
        let (me, voter) = (Peer::member(node), Peer::voter(voter_node()?));
        let boot = BootId(u64::from(node.get()));
        let mut postbox = Postbox::new(CLUSTER, me, boot, Start::new(2));
        postbox.add_peer(voter, ring(me, voter)?);
        let core = AgentCore::new(agent_config(node, boot)?, now);
        Ok(Self { node, core, postbox })
    }

    fn renewals(&mut self, now: Instant) -> Result<Vec<Mail>, Failure> {
        let posts = self.core.handle(now, AgentInput::Tick).posts;
        let mut mail = Vec::new();
        for post in &posts {
            mail.extend(sealed(&self.postbox, post)?);
        }
        Ok(mail)
    }

    fn hear(&mut self, now: Instant, answers: &[(Peer, Mail)]) -> Result<(), Failure> {
        let mine = answers.iter().filter(|(dst, _)| *dst == Peer::member(self.node));
        for (_, (link, bytes)) in mine {
            let frame = self.postbox.open(*link, bytes).map_err(|why| format!("{why:?}"))?;
            // What it would send at once waits for its next beat.
            drop(self.core.handle(now, AgentInput::Heard(frame)));
        }
        Ok(())
    }
}

/// A frame as it goes over every link.
fn sealed(postbox: &Postbox, post: &Post) -> Result<impl Iterator<Item = Mail> + use<>, Failure> {
    let mut mail = Vec::with_capacity(usize::from(LINKS));
    for link in 0..LINKS {
        let link = LinkId::new(link).ok_or("no such link")?;
        let mut bytes = [0; DATAGRAM_MAX];
        let len = postbox.seal(post, link, &mut bytes);
        mail.push((link, bytes.get(..len).unwrap_or_default().to_vec()));
    }
    Ok(mail.into_iter())
}

const fn is_renewal(body: &Body) -> bool {
    matches!(body, Body::Renew(_))
}

fn voter_node() -> Result<NodeId, Failure> {
    NodeId::new(1).ok_or_else(|| "node 1 is a node".into())
}

/// The keys between `me` and `peer`; a node's private key is its number, for all to know.
fn ring(me: Peer, peer: Peer) -> Result<KeyRing, Failure> {
    let private = |of: Peer| PrivateKey::from_bytes([of.node.get(); 32]);
    let mine = (me, Generation::Current, &private(me));
    Ok(KeyRing::between(CLUSTER, mine, (peer, private(peer).public(), None))?)
}

fn fencer_config(nodes: &[NodeId]) -> Result<FencerConfig, Failure> {
    let member = |node: &NodeId| MemberConfig { node: *node, has_power_device: true, fire: FIRE };
    Ok(FencerConfig {
        me: voter_node()?,
        start: Start::new(1),
        voters: [voter_node()?].into_iter().collect(),
        members: nodes.iter().map(member).collect(),
        timing: timing()?,
        power_on: true,
        fences_per_hour_max: 3,
        fences_at_once_max: 1,
        digest: 7,
    })
}

fn agent_config(node: NodeId, boot: BootId) -> Result<AgentConfig, Failure> {
    let class = DogClass::Physical;
    Ok(AgentConfig {
        me: node,
        boot,
        start: Start::new(2),
        voters: [voter_node()?].into_iter().collect(),
        timing: timing()?,
        dog: DogConfig { class, certified: true, timeout: FIRE, fire: FIRE, runs: false },
        check: None,
        digest: 7,
    })
}

/// The profile for a fast local network.
fn timing() -> Result<Timing, Failure> {
    let ms = Duration::from_millis;
    let mut raw = TimingRaw {
        beat: BEAT,
        suspect_after: ms(300),
        stall: ms(20),
        rtt: ms(5),
        margin: ms(200),
        drift_ppm: 500,
        promise: ms(0),
        off_confirm: ms(250),
        on_rest: ms(2_100),
        warrant: ms(2_000),
    };
    raw.promise = raw.smallest_promise(FIRE);
    Timing::new(raw, FIRE).map_err(|broken| format!("{broken:?}").into())
}
