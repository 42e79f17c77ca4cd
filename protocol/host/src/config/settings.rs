//! The settings that stand once in the file: profile, timing, daemons, hooks, links.

use std::path::PathBuf;

use palisade_protocol::time::Duration;

/// A named set of timing defaults; each single value can be overridden in `[timing]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Beat 50 ms, suspicion after 300 ms: one site, two switches.
    #[default]
    LanFast,
    /// Beat 200 ms, suspicion after 1 s: virtual machines that may stall.
    Lan,
    /// Beat 1 s, suspicion after 10 s: several sites.
    Wan,
}

impl Profile {
    /// The name as written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::LanFast => "lan-fast",
            Self::Lan => "lan",
            Self::Wan => "wan",
        }
    }
}

/// Settings of the agents. Paths may still hold `{node}`: read them through
/// [`NodeView`](super::NodeView).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Private key of the node.
    pub key_file: PathBuf,
    /// Folder of last words.
    pub state_dir: PathBuf,
    /// Journal, JSON lines.
    pub journal: PathBuf,
    /// Unix socket for the operator's command.
    pub control_socket: PathBuf,
    /// Whether to lock memory and run under `SCHED_RR`.
    pub realtime: bool,
}

/// Settings of the fencers. Paths may still hold `{node}`: read them through
/// [`NodeView`](super::NodeView).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FencerSettings {
    /// Private key of the node.
    pub key_file: PathBuf,
    /// Folder of condemnations.
    pub state_dir: PathBuf,
    /// Journal, JSON lines.
    pub journal: PathBuf,
    /// Unix socket for the operator's command.
    pub control_socket: PathBuf,
    /// Whether a fenced node is powered on again.
    pub power_on: bool,
    /// Fences of one node within an hour after which it stays off and an alarm is raised.
    pub fences_per_hour_max: u8,
    /// Nodes that may be in the middle of being fenced at once.
    pub fences_at_once_max: u8,
}

/// Programs that a fencer runs at events; paths may still hold `{node}`: read them through
/// [`NodeView`](super::NodeView).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// A node is suspected by the fencer here.
    pub on_lost: Option<PathBuf>,
    /// A proof of death stands.
    pub on_fenced: Option<PathBuf>,
    /// A node could not be fenced.
    pub on_failed: Option<PathBuf>,
    /// A node was admitted again.
    pub on_rejoined: Option<PathBuf>,
    /// Time after which a hook is killed.
    pub timeout: Duration,
}

/// One of the redundant networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name in status and journal.
    pub name: String,
}
