//! One simulated machine: its power, its BMC, its watchdog, its disk, and the cores that run on it.

use std::collections::{BTreeMap, BTreeSet};

use palisade_agent_core::health::{Answer, CheckConfig};
use palisade_agent_core::{AgentConfig, AgentCore, DogConfig};
use palisade_fencer_core::{DurableState, FencerConfig, FencerCore, MemberConfig, Memory};
use palisade_protocol::ids::{BootId, ClusterTag, NodeId, Peer, Start};
use palisade_protocol::keys::{Generation, KEY_LEN, KeyRing, PrivateKey};
use palisade_protocol::postbox::Postbox;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::Timing;
use palisade_protocol::wire::DogClass;

const CLUSTER: ClusterTag = ClusterTag(0x5041);

/// How a machine's BMC behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bmc {
    /// It obeys, off after this long.
    Works {
        /// From order to off.
        off_latency: Duration,
    },
    /// It has no power or no network: it answers nothing.
    Dead,
    /// It acknowledges every order and does nothing.
    Ignores,
}

impl Bmc {
    pub(super) fn is_alive(self) -> bool {
        self != Self::Dead
    }

    /// A machine whose plug is pulled keeps its BMC, which has a feed of its own.
    pub(super) const fn cut(self) {}
}

/// Who is in the cluster.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) members: Vec<NodeId>,
    pub(super) voters: Vec<NodeId>,
}

/// One machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) id: NodeId,
    pub(super) votes: bool,
    pub(super) powered: bool,
    pub(super) power_run: u32,
    pub(super) bmc: Bmc,
    pub(super) cuts: usize,
    pub(super) agent: Option<AgentCore>,
    pub(super) agent_box: Option<Postbox>,
    pub(super) agent_run: u32,
    pub(super) agent_frozen: bool,
    pub(super) armed: bool,
    pub(super) pets: u64,
    pub(super) service: Option<Answer>,
    pub(super) fencer: Option<FencerCore>,
    pub(super) fencer_box: Option<Postbox>,
    pub(super) fencer_run: u32,
    pub(super) disk: Option<Vec<u8>>,
    sessions: BTreeMap<u32, Instant>,
    ever_condemned: BTreeSet<(NodeId, BootId)>,
    lives: u32,
    starts: u32,
}

impl Machine {
    pub(super) const fn new(id: NodeId, votes: bool) -> Self {
        Self {
            id,
            votes,
            powered: false,
            power_run: 0,
            bmc: Bmc::Works { off_latency: Duration::ZERO },
            cuts: 0,
            agent: None,
            agent_box: None,
            agent_run: 0,
            agent_frozen: false,
            armed: false,
            pets: 0,
            service: None,
            fencer: None,
            fencer_box: None,
            fencer_run: 0,
            disk: None,
            sessions: BTreeMap::new(),
            ever_condemned: BTreeSet::new(),
            lives: 0,
            starts: 0,
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.agent.is_some()
    }

    /// The life that runs, if one does.
    pub(super) fn running_boot(&self) -> Option<BootId> {
        self.agent.as_ref().map(|_| self.boot())
    }

    /// What its disk remembers; none if that was lost.
    pub(super) fn recall(&self) -> Option<DurableState> {
        DurableState::decode(self.disk.as_ref()?)
    }

    /// The disk takes what its fencer wrote; the judge keeps it even if the disk is lost.
    pub(super) fn write(&mut self, bytes: Vec<u8>) {
        let state = DurableState::decode(&bytes).unwrap_or_default();
        self.ever_condemned.extend(state.sentences.iter().map(|s| (s.target, s.boot)));
        self.disk = Some(bytes);
    }

    pub(super) fn has_condemned(&self, target: NodeId, boot: BootId) -> bool {
        self.ever_condemned.contains(&(target, boot))
    }

    /// Everything stops; the disk keeps what was written.
    pub(super) fn halt(&mut self) {
        self.agent = None;
        self.agent_box = None;
        self.agent_run += 1;
        self.agent_frozen = false;
        self.armed = false;
        self.pets += 1;
        self.stop_fencer();
    }

    pub(super) fn stop_fencer(&mut self) {
        self.fencer = None;
        self.fencer_box = None;
        self.fencer_run += 1;
        self.sessions.clear();
    }

    /// Power comes; the number of this power-on.
    pub(super) const fn power_up(&mut self) -> u32 {
        self.powered = true;
        self.power_run += 1;
        self.power_run
    }

    pub(super) fn opened_session(&mut self, case: u32, now: Instant) {
        self.sessions.entry(case).or_insert(now);
    }

    pub(super) fn session(&self, case: u32) -> Option<Instant> {
        self.sessions.get(&case).copied()
    }

    pub(super) fn boot_agent(&mut self, now: Instant, timing: Timing, ids: &Ids) {
        self.lives += 1;
        let (boot, start) = (self.boot(), self.next_start());
        let config = AgentConfig {
            me: self.id,
            boot,
            start,
            voters: ids.voters.iter().copied().collect(),
            timing,
            dog: DogConfig {
                class: DogClass::Physical,
                certified: true,
                timeout: super::FIRE,
                fire: super::FIRE,
            },
            check: Some(check(self.service.is_some())),
            digest: 1,
        };
        self.agent = Some(AgentCore::new(config, now));
        let voters = ids.voters.iter().copied().map(Peer::voter);
        self.agent_box = Some(postbox(Peer::member(self.id), boot, start, voters));
    }

    pub(super) fn boot_fencer(&mut self, now: Instant, timing: Timing, ids: &Ids, memory: Memory) {
        let (boot, start) = (self.boot(), self.next_start());
        let member =
            |node: &NodeId| MemberConfig { node: *node, has_power_device: true, fire: super::FIRE };
        let config = FencerConfig {
            me: self.id,
            start,
            voters: ids.voters.iter().copied().collect(),
            members: ids.members.iter().map(member).collect(),
            timing,
            power_on: true,
            fences_per_hour_max: 3,
            fences_at_once_max: 1,
            digest: 1,
        };
        self.fencer = Some(FencerCore::new(config, now, memory));
        let me = Peer::voter(self.id);
        let voters = ids.voters.iter().copied().filter(|id| *id != self.id).map(Peer::voter);
        let peers = ids.members.iter().copied().map(Peer::member).chain(voters);
        self.fencer_box = Some(postbox(me, boot, start, peers));
    }

    fn boot(&self) -> BootId {
        BootId(u64::from(self.id.get()) << 32 | u64::from(self.lives))
    }

    fn next_start(&mut self) -> Start {
        self.starts += 1;
        Start::new(u32::from(self.id.get()) << 24 | self.starts)
    }
}

fn check(armed: bool) -> CheckConfig {
    CheckConfig {
        every: Duration::from_millis(200),
        timeout: Duration::from_millis(500),
        start_deadline: Duration::from_secs(10),
        stop_deadline: Duration::from_secs(10),
        tolerate: 2,
        armed,
    }
}

fn postbox(me: Peer, boot: BootId, start: Start, peers: impl Iterator<Item = Peer>) -> Postbox {
    let mut postbox = Postbox::new(CLUSTER, me, boot, start);
    let mine = key_of(me.node);
    for peer in peers {
        let theirs = key_of(peer.node).public();
        let me = (me, Generation::Current, &mine);
        let Ok(keys) = KeyRing::between(CLUSTER, me, (peer, theirs, None)) else {
            unreachable!("the keys of a world are good ones")
        };
        postbox.add_peer(peer, keys);
    }
    postbox
}

fn key_of(node: NodeId) -> PrivateKey {
    PrivateKey::from_bytes([node.get(); KEY_LEN])
}
