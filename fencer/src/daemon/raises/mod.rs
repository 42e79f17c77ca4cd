//! Reboots that a cluster manager's fence agent has handed over: On at the end of each, whatever becomes
//! of the agent.
//!
//! The cluster manager is the authority for these and answers for them; there is no warrant. Hence this
//! can do nothing but read power and switch it *on*, and keeps away from a machine that a fencer is or may
//! be at work on.

mod memory;
mod raise;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::Instant;
use tokio::task::JoinSet;

use crate::power::{PowerDevice, PowerError};
use crate::status::RaiseStatus;
use memory::Memory;
use raise::{Act, Found, Raise};

pub(super) use raise::{Change, Others};

/// Longest that one look, or one On, may take.
const LIMIT: Duration = Duration::from_secs(8);

/// The reboots under way, and those who carry them out.
#[derive(Debug)]
pub(super) struct Raises {
    devices: BTreeMap<NodeId, Arc<dyn PowerDevice>>,
    rest: Duration,
    spacing: Duration,
    open: BTreeMap<NodeId, Entry>,
    running: JoinSet<Report>,
    memory: Memory,
}

#[derive(Debug)]
struct Entry {
    raise: Raise,
    busy: bool,
    said: String,
}

/// What came of an act at a BMC.
#[derive(Debug)]
struct Report {
    node: NodeId,
    asked_at: Instant,
    found: Result<Found, PowerError>,
}

/// Where and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) folder: &'a Path,
    pub(super) node: &'a str,
    pub(super) boot: BootId,
    /// Rest between off and on.
    pub(super) rest: Duration,
    /// Space between two readings of off.
    pub(super) spacing: Duration,
}

impl Raises {
    /// Goes on with what was under way.
    pub(super) fn new(
        devices: BTreeMap<NodeId, Arc<dyn PowerDevice>>,
        setting: &Setting<'_>,
    ) -> Self {
        let memory = Memory::new(setting.folder, setting.node, setting.boot);
        let recalled = memory.recall(clock::now()).into_iter();
        let known = recalled.filter(|(node, _)| devices.contains_key(node));
        let open = known.map(|(node, raise)| (node, Entry::new(raise))).collect();
        let (rest, spacing) = (setting.rest, setting.spacing);
        Self { devices, rest, spacing, open, running: JoinSet::new(), memory }
    }

    /// An agent is about to switch `node` off.
    pub(super) fn expect(&mut self, now: Instant, node: NodeId) {
        self.put(node, Raise::awaited(now));
    }

    /// `node` is off, verified.
    pub(super) fn begin(&mut self, now: Instant, node: NodeId) {
        self.put(node, Raise::resting(now));
    }

    /// The agent could not switch `node` off, or somebody else is to raise it; whether it was known.
    pub(super) fn forget(&mut self, node: NodeId) -> bool {
        let known = self.open.remove(&node).is_some();
        self.keep();
        known
    }

    /// The nodes under way, each with the instant from which a word of its agent proves it back.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, Option<Instant>)> {
        self.open.iter().map(|(node, entry)| {
            let fell = entry.raise.stage() != raise::Stage::Awaited;
            (*node, fell.then_some(entry.raise.since()))
        })
    }

    /// Starts what is due; `others` says who else has to do with a machine.
    pub(super) fn start_due(
        &mut self,
        now: Instant,
        others: impl Fn(NodeId) -> Others,
    ) -> Vec<(NodeId, Change)> {
        let mut changes = Vec::new();
        for (node, entry) in self.open.iter_mut().filter(|(_, entry)| !entry.busy) {
            let Some(device) = self.devices.get(node) else { continue };
            if let Some(act) = entry.raise.wanted(now, self.rest, others(*node)) {
                entry.busy = true;
                self.running.spawn(carry_out(*node, Arc::clone(device), act));
            }
            changes.extend(entry.raise.overdue(now).map(|change| (*node, change)));
        }
        self.close(&changes);
        changes
    }

    /// The next act that ends: at which node, what it changed, and what its BMC said if that is new;
    /// waits for ever while none is under way. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> (NodeId, Option<Change>, Option<String>) {
        loop {
            match self.running.join_next().await {
                Some(Ok(report)) => return self.take(&report),
                Some(Err(broken)) => log::error!("a look at a rebooted machine broke: {broken}"),
                None => std::future::pending().await,
            }
        }
    }

    /// For people.
    pub(super) fn status(&self, name: impl Fn(NodeId) -> String) -> Vec<RaiseStatus> {
        let now = clock::now();
        let of = |(node, entry): (&NodeId, &Entry)| RaiseStatus {
            node: name(*node),
            state: entry.raise.state().to_owned(),
            since_ms: u64::try_from(now.since(entry.raise.since()).as_millis()).unwrap_or(u64::MAX),
            last_report: Some(entry.said.clone()).filter(|said| !said.is_empty()),
        };
        self.open.iter().map(of).collect()
    }

    fn put(&mut self, node: NodeId, raise: Raise) {
        match self.open.get_mut(&node) {
            Some(entry) => entry.raise = raise,
            None => drop(self.open.insert(node, Entry::new(raise))),
        }
        self.keep();
    }

    fn take(&mut self, report: &Report) -> (NodeId, Option<Change>, Option<String>) {
        let Report { node, asked_at, found } = report;
        let Some(entry) = self.open.get_mut(node) else { return (*node, None, None) };
        entry.busy = false;
        if *asked_at < entry.raise.since() {
            // Of before the machine was said to be off.
            return (*node, None, None);
        }
        let (found, said) = match found {
            Ok(found) => (*found, format!("{found:?}").to_lowercase()),
            Err(error) => (Found::Nothing { refused: error.is_definite() }, error.to_string()),
        };
        let stage = entry.raise.stage();
        let change = entry.raise.found(clock::now(), (*asked_at, found), self.spacing);
        let is_new = entry.said != said;
        entry.said.clone_from(&said);
        if stage != entry.raise.stage() {
            self.keep();
        }
        self.close(&change.map(|change| (*node, change)).into_iter().collect::<Vec<_>>());
        (*node, change, is_new.then_some(said))
    }

    fn close(&mut self, changes: &[(NodeId, Change)]) {
        for (node, _) in changes.iter().filter(|(_, change)| change.is_end()) {
            self.forget(*node);
        }
    }

    fn keep(&self) {
        self.memory.keep(&self.open.iter().map(|(node, entry)| (*node, entry.raise)).collect());
    }
}

impl Entry {
    const fn new(raise: Raise) -> Self {
        Self { raise, busy: false, said: String::new() }
    }
}

async fn carry_out(node: NodeId, device: Arc<dyn PowerDevice>, act: Act) -> Report {
    let asked_at = clock::now();
    let found = attempt(device.as_ref(), act, asked_at + LIMIT).await;
    Report { node, asked_at, found }
}

/// In a session of its own: a copy of off that the network held back meets a closed one.
async fn attempt(device: &dyn PowerDevice, act: Act, by: Instant) -> Result<Found, PowerError> {
    let mut session = device.open(by).await?;
    if session.status().await?.on {
        return Ok(Found::On);
    }
    match act {
        Act::Look => Ok(Found::Off),
        Act::On => session.on().await.map(|_ack| Found::Sent),
    }
}
