//! How everything stands, as one fencer sees it: a value for machines and a table for people.
//!
//! Nothing here asks anybody: the daemon fills the value, the operator's command shows it.

mod advice;
mod table;

use std::fmt;
use std::time::Duration;

use palisade_protocol::span::Span;
use serde::{Deserialize, Serialize};

pub use advice::advice;
pub use table::table;

/// One fencer's view of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// The node whose fencer speaks.
    pub node: String,
    /// Its boot clock, in nanoseconds.
    pub at_ns: u64,
    /// How many voters are configured.
    pub voters: usize,
    /// How many of them it hears, itself counted.
    pub voters_heard: usize,
    /// What it does for the cluster now.
    pub stand: Stand,
    /// The links, in the order of the configuration.
    pub links: Vec<String>,
    /// The nodes, in the order of the configuration.
    pub nodes: Vec<NodeStatus>,
    /// Nodes that are being fenced.
    pub cases: Vec<CaseStatus>,
    /// Nodes that a cluster manager reboots, and that this fencer will switch on.
    #[serde(default)]
    pub raises: Vec<RaiseStatus>,
    /// Datagrams that were dropped unread.
    pub dropped: Dropped,
    /// Hooks that are running.
    pub hooks_running: usize,
    /// What somebody should do, most urgent first; empty when all is well.
    pub advice: Vec<String>,
}

impl Status {
    /// How many voters a majority is.
    pub const fn majority(&self) -> usize {
        self.voters / 2 + 1
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&NodeStatus> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The verdict on the node of that name, if it is not older than `since_ns` on the fencer's boot
    /// clock.
    pub fn verdict_since(&self, name: &str, since_ns: u64) -> Option<&Verdict> {
        self.node(name)?.verdict.as_ref().filter(|verdict| verdict.at_ns >= since_ns)
    }

    /// The open case against the node of that name.
    pub fn case(&self, name: &str) -> Option<&CaseStatus> {
        self.cases.iter().find(|case| case.node == name)
    }
}

/// What a fencer does for the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// It grants leases and agrees to condemnations.
    Serving,
    /// It has just started and grants nothing yet, so that no promise of its former run is broken.
    Holding,
    /// It does not know (yet).
    #[default]
    Unknown,
}

impl fmt::Display for Stand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serving => write!(out, "serving"),
            Self::Holding => write!(out, "just started, grants nothing yet"),
            Self::Unknown => write!(out, "not ready"),
        }
    }
}

/// Datagrams that were dropped unread since this fencer started, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Impossible length or prelude.
    pub malformed: u64,
    /// Another cluster's.
    pub other_cluster: u64,
    /// For somebody else, or over another link than they say.
    pub misdelivered: u64,
    /// From nobody who is configured.
    pub stranger: u64,
    /// With a tag that does not fit.
    pub forged: u64,
    /// Authentic, with a body that is not the one spelling of anything.
    pub bad_body: u64,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: u8,
    /// Its agent's standing; absent if it runs none.
    pub member: Option<Member>,
    /// Its fencer's standing; absent if it runs none.
    pub voter: Option<Voter>,
    /// Whether its power can be cut; absent if it has no BMC.
    pub bmc: Option<BmcStatus>,
    /// How the last case against it ended.
    pub verdict: Option<Verdict>,
}

/// An agent as a fencer sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Where it stands.
    pub state: MemberState,
    /// The boot id of its last admitted life, in hexadecimal.
    pub boot: Option<String>,
    /// Time since this fencer last granted it anything.
    pub granted_ms: Option<u64>,
    /// Time that this fencer's promise to it still lasts.
    pub lease_left_ms: Option<u64>,
    /// What it says about the service.
    pub health: Option<String>,
    /// What it says about its watchdog.
    pub dog: Option<Dog>,
    /// Whether the end of its lease would be accepted as proof of its death.
    pub lease_proof: bool,
    /// How it is heard, one entry a link.
    pub heard: Vec<Heard>,
}

/// Where an agent stands with a fencer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// Never seen since this fencer started.
    #[default]
    Unseen,
    /// Admitted and granted.
    Member,
    /// Silent for longer than it may be.
    Silent,
    /// Condemned, not yet proven dead.
    Condemned,
    /// Proven dead.
    Fenced,
    /// It took its leave.
    Left,
}

impl fmt::Display for MemberState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Unseen => "unseen",
            Self::Member => "member",
            Self::Silent => "SILENT",
            Self::Condemned => "CONDEMNED",
            Self::Fenced => "FENCED",
            Self::Left => "left",
        })
    }
}

/// A watchdog as its agent describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dog {
    /// Whether it is running.
    pub armed: bool,
    /// `physical`, `virtual` or `software`.
    pub class: String,
    /// Longest time from the last pet to death.
    pub fire_ms: u64,
    /// Whether somebody vouches that this was measured.
    pub certified: bool,
}

/// A fencer as another fencer sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Voter {
    /// Whether it is this very fencer.
    pub me: bool,
    /// Whether it is heard now.
    pub heard_now: bool,
    /// Whether it has just started and grants nothing yet.
    pub holding: bool,
    /// How it is heard, one entry a link; empty for this very fencer.
    pub heard: Vec<Heard>,
}

/// How one peer is heard on one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Time since the last good frame; absent: never.
    pub last_ms: Option<u64>,
    /// Loss of late, in thousandths.
    pub loss_permille: Option<u16>,
}

/// Whether a node's power can be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcStatus {
    /// Its address; of several ways to the node's power, the one in use.
    pub address: String,
    /// What is weak about the ways to it, as configured.
    #[serde(default)]
    pub weaknesses: Vec<String>,
    /// Whether the last rehearsal (log in, read the power state) worked; absent: not yet tried.
    pub ready: Option<bool>,
    /// What the rehearsal found: why not, or how long it took.
    pub finding: String,
    /// Whether the node's power was on.
    pub on: Option<bool>,
    /// Time since that rehearsal.
    pub checked_ms: Option<u64>,
}

/// A node that is being fenced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseStatus {
    /// The node.
    pub node: String,
    /// What is being done.
    pub state: String,
    /// Why it is being fenced.
    pub reason: String,
    /// Time since the case was opened.
    pub since_ms: u64,
    /// What the last power order came to.
    pub last_report: Option<String>,
}

/// A node that a cluster manager reboots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaiseStatus {
    /// The node.
    pub node: String,
    /// Where the reboot is.
    pub state: String,
    /// Time since it was off, or announced.
    pub since_ms: u64,
    /// What its BMC said last.
    pub last_report: Option<String>,
}

/// How a case ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What came of it.
    pub end: End,
    /// The proof, or why there is none.
    pub detail: String,
    /// The fencer's boot clock at that moment.
    pub at_ns: u64,
}

/// What came of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The node is proven dead.
    Fenced,
    /// It could not be fenced, or not proven; it may still run.
    #[default]
    Failed,
    /// The voters did not agree, or a brake holds.
    Declined,
}

/// Milliseconds as a person reads them.
pub(crate) const fn span(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}
