//! The whole file as one value, and one node's view of it.

use std::path::{Path, PathBuf};

use palisade_protocol::ids::{ClusterTag, NodeId};
use palisade_protocol::keys::Generation;
use palisade_protocol::time::Duration;
use palisade_protocol::timing::Timing;
use sha2::{Digest, Sha256};

use super::node::Node;
use super::settings::{AgentSettings, FencerSettings, Hooks, Link, Profile};
use super::timing;
use crate::keys::{PrivateKey, PublicKey};

/// A configuration without a mistake in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Name of the cluster.
    pub name: String,
    /// Where timing defaults came from.
    pub profile: Profile,
    /// The timing, defaults filled in, safe for the slowest watchdog of all members.
    pub timing: Timing,
    /// Settings of the agents.
    pub agent: AgentSettings,
    /// Settings of the fencers.
    pub fencer: FencerSettings,
    /// Programs run at events.
    pub hooks: Hooks,
    /// The networks, in the order of the addresses of each node.
    pub links: Vec<Link>,
    /// The machines, in the order of the file.
    pub nodes: Vec<Node>,
    /// What is allowed but weak, one sentence each, with its line.
    pub warnings: Vec<String>,
}

impl Cluster {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The node of that id.
    pub fn node_by_id(&self, id: NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The nodes that run a fencer, in the order of the file.
    pub fn voters(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.fencer)
    }

    /// The nodes that run an agent, in the order of the file.
    pub fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.agent)
    }

    /// How many voters a majority of the configured ones is.
    pub fn majority(&self) -> usize {
        self.voters().count() / 2 + 1
    }

    /// The longest `W` of all members: what the timing was checked with.
    pub fn fire_worst(&self) -> Duration {
        timing::slowest(&self.nodes).map_or(Duration::ZERO, |(_node, fire)| fire)
    }

    /// The two bytes that keep the datagrams of neighbouring clusters apart: the first of the
    /// SHA-256 of the name.
    pub fn tag(&self) -> ClusterTag {
        match Sha256::digest(&self.name).as_slice() {
            [low, high, ..] => ClusterTag(u16::from_le_bytes([*low, *high])),
            [_] | [] => ClusterTag(0),
        }
    }

    /// What the daemons on node `name` see; none if the file does not name it.
    pub fn for_node(&self, name: &str) -> Option<NodeView<'_>> {
        self.node(name).map(|node| NodeView { cluster: self, node })
    }
}

/// One node's view: every path with `{node}` replaced by the node's name.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    /// The whole configuration.
    pub cluster: &'a Cluster,
    /// The node itself.
    pub node: &'a Node,
}

impl NodeView<'_> {
    /// The agent's settings on this node.
    pub fn agent(&self) -> AgentSettings {
        let all = &self.cluster.agent;
        AgentSettings {
            key_file: self.path(&all.key_file),
            state_dir: self.path(&all.state_dir),
            journal: self.path(&all.journal),
            control_socket: self.path(&all.control_socket),
            ..all.clone()
        }
    }

    /// The fencer's settings on this node.
    pub fn fencer(&self) -> FencerSettings {
        let all = &self.cluster.fencer;
        FencerSettings {
            key_file: self.path(&all.key_file),
            state_dir: self.path(&all.state_dir),
            journal: self.path(&all.journal),
            control_socket: self.path(&all.control_socket),
            ..all.clone()
        }
    }

    /// The hooks on this node.
    pub fn hooks(&self) -> Hooks {
        let all = &self.cluster.hooks;
        let here = |path: &Option<PathBuf>| path.as_deref().map(|path| self.path(path));
        Hooks {
            on_lost: here(&all.on_lost),
            on_fenced: here(&all.on_fenced),
            on_failed: here(&all.on_failed),
            on_rejoined: here(&all.on_rejoined),
            timeout: all.timeout,
        }
    }

    /// Which of this node's published keys `key` belongs to.
    ///
    /// Errs if to neither: nobody would believe a word of this node.
    pub fn generation_of(&self, key: &PrivateKey) -> Result<Generation, ForeignKey> {
        let found = key.public();
        if found == self.node.public_key {
            Ok(Generation::Current)
        } else if Some(found) == self.node.next_public_key {
            Ok(Generation::Next)
        } else {
            Err(ForeignKey { node: self.node.name.clone(), found })
        }
    }

    /// `path` with `{node}` replaced by this node's name.
    pub fn path(&self, path: &Path) -> PathBuf {
        with_name(path, &self.node.name)
    }
}

/// A private key whose public half the configuration does not have for this node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the private key of {node} belongs to public key {found}, which the configuration does not \
     have for it; set public_key of {node} to that, or use the right key file"
)]
pub struct ForeignKey {
    /// The node.
    pub node: String,
    /// The public half of its key.
    pub found: PublicKey,
}

/// `path` with `{node}` replaced by `name`.
pub(super) fn with_name(path: &Path, name: &str) -> PathBuf {
    match path.to_str() {
        Some(text) => PathBuf::from(text.replace("{node}", name)),
        None => path.to_path_buf(),
    }
}
