//! Rehearsals: read the power state at each BMC now and then, so that it is known at every moment whether
//! a node could be fenced, and so that a session is at hand that saves the login.
//!
//! Reads only; what it finds is shown to people and proves nothing. Leaves a BMC alone while a case is
//! open against its node. How often a refused account is tried is the device's to decide, not known here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;
use tokio::task::JoinSet;

use crate::power::{PowerDevice, PowerError};

/// Time between two rehearsals at one BMC: a session that is kept is not yet idle for long enough to be
/// dropped, and nine readings a minute by three fencers are what the slowest BMC stands.
const EVERY: Duration = Duration::from_secs(20);

/// Longest that one may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Time between the first rehearsals at two BMCs, so that they do not all begin at once.
const STAGGER: Duration = Duration::from_millis(250);

/// What a rehearsal found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// At whose BMC.
    pub(super) node: NodeId,
    /// When it ended.
    pub(super) at: Instant,
    /// Whether the power was on and how long it took, or why it did not work.
    pub(super) result: Result<(bool, Duration), PowerError>,
}

/// All BMCs and what is known of them.
#[derive(Debug)]
pub(super) struct Rehearsals {
    devices: BTreeMap<NodeId, Arc<dyn PowerDevice>>,
    due: BTreeMap<NodeId, Instant>,
    findings: BTreeMap<NodeId, Finding>,
    running: JoinSet<Finding>,
}

impl Rehearsals {
    /// Begins soon after `now`, one BMC after the other.
    pub(super) fn new(devices: BTreeMap<NodeId, Arc<dyn PowerDevice>>, now: Instant) -> Self {
        let due =
            devices.keys().zip(0..).map(|(node, place)| (*node, now + STAGGER * place)).collect();
        Self { devices, due, findings: BTreeMap::new(), running: JoinSet::new() }
    }

    /// Starts what is due, except at nodes that are `busy`.
    pub(super) fn start_due(&mut self, now: Instant, busy: impl Fn(NodeId) -> bool) {
        for (node, due) in &mut self.due {
            if now >= *due
                && !busy(*node)
                && let Some(device) = self.devices.get(node)
            {
                // Until it has ended.
                *due = Instant::NEVER;
                self.running.spawn(rehearse(*node, Arc::clone(device)));
            }
        }
    }

    /// The next rehearsal that ends, and whether it found something else than the one before; waits for
    /// ever while none is running. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> (Finding, bool) {
        loop {
            match self.running.join_next().await {
                Some(Ok(finding)) => return self.note(finding),
                Some(Err(broken)) => log::error!("a rehearsal broke: {broken}"),
                None => std::future::pending().await,
            }
        }
    }

    /// What was found last at a node's BMC.
    pub(super) fn finding(&self, node: NodeId) -> Option<&Finding> {
        self.findings.get(&node)
    }

    /// The way to a node's power that is in use, in an operator's words.
    pub(super) fn way(&self, node: NodeId) -> Option<String> {
        self.devices.get(&node).map(|device| device.describe())
    }

    /// What of it is left alone now because a login was refused for good, and for how long yet.
    pub(super) fn resting(&self, node: NodeId) -> Vec<String> {
        self.devices.get(&node).map(|device| device.resting()).unwrap_or_default()
    }

    /// Ends such rests at all nodes: somebody says that the accounts have been mended.
    pub(super) fn try_now(&self) {
        self.devices.values().for_each(|device| device.try_now());
    }

    fn note(&mut self, finding: Finding) -> (Finding, bool) {
        self.due.insert(finding.node, finding.at + EVERY);
        let before = self.findings.insert(finding.node, finding.clone());
        let kind = |finding: &Finding| finding.result.as_ref().err().map(PowerError::kind);
        let changed =
            before.as_ref().map_or(finding.result.is_err(), |b| kind(b) != kind(&finding));
        (finding, changed)
    }
}

async fn rehearse(node: NodeId, device: Arc<dyn PowerDevice>) -> Finding {
    let begun = clock::now();
    let result = read(device.as_ref(), begun + LIMIT).await;
    let at = clock::now();
    Finding { node, at, result: result.map(|on| (on, at.since(begun))) }
}

async fn read(device: &dyn PowerDevice, by: Instant) -> Result<bool, PowerError> {
    let mut session = device.open(by).await?;
    Ok(session.status().await?.on)
}
