//! `via=fencer`: the fencers fence, by their rules; this agent only asks, waits and repeats what they say.
//!
//! Success is a proof in the fencer's hand that is not older than the order. No BMC is talked to.

use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;

use super::action::Action;
use super::answer::{Answer, Failed, say};
use super::fencer::Fencer;
use crate::control::Request;
use crate::status::{BmcStatus, End, MemberState, NodeStatus, Stand, Status};

/// Time between two looks at how a case stands.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a majority of fencers may be unheard before an order is given up: a link that comes and goes
/// takes less. It stands with this fencer all the same.
const UNHEARD_MAX: Duration = Duration::from_secs(3);

/// A rehearsal older than this says nothing about the power of now.
const FRESH_MS: u64 = 60_000;

/// The nodes asked for, at which fencer, and how long to wait for proof; none: until the caller ends us.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) fencer: Fencer,
    pub(super) plugs: Vec<String>,
    pub(super) longest: Option<Duration>,
}

impl Wish {
    /// Does it.
    pub(super) async fn carry_out(&self, action: Action) -> Result<Answer, Failed> {
        match action {
            Action::Off | Action::Reboot => self.fence(action).await,
            Action::Status => self.power(),
            Action::Monitor | Action::ValidateAll => self.rehearse(),
            Action::List | Action::ListStatus => self.list(action),
            Action::On | Action::Diag | Action::Metadata | Action::Manpage => {
                Err(Failed::new(format!(
                    "{}: not asked of a fencer, which switches on by itself what it has fenced; use \
                     via=bmc",
                    action.name()
                )))
            }
        }
    }

    /// All orders first, then all proofs.
    async fn fence(&self, action: Action) -> Result<Answer, Failed> {
        self.must_name()?;
        let began = clock::now();
        let mut failures = None;
        let mut waiting = Vec::new();
        for node in &self.plugs {
            let why = format!("ordered by a cluster manager ({})", action.name());
            let order = Request::Fence { node: node.clone(), why };
            match self.fencer.order(&order) {
                Ok(at_ns) => waiting.push((node.as_str(), at_ns)),
                Err(reason) => {
                    failures = Some(Failed::joined(failures, about(action, node, reason)));
                }
            }
        }
        for (node, at_ns) in waiting {
            if let Err(reason) = self.proof(node, at_ns, began).await {
                failures = Some(Failed::joined(failures, about(action, node, reason)));
            }
        }
        failures.map_or_else(|| say("Success: fenced, with proof\n"), Err)
    }

    /// Waits for the verdict of an order.
    async fn proof(&self, node: &str, at_ns: u64, began: Instant) -> Result<(), String> {
        let mut last = String::from("not begun");
        let mut heard_at = clock::now();
        loop {
            let status = self.fencer.status()?;
            if let Some(verdict) = status.verdict_since(node, at_ns) {
                let detail = verdict.detail.clone();
                log::debug!("{node}: {:?}: {detail}", verdict.end);
                return if verdict.end == End::Fenced { Ok(()) } else { Err(detail) };
            }
            if let Some(case) = status.case(node) {
                last = [Some(case.state.clone()), case.last_report.clone()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; ");
            }
            let now = clock::now();
            if status.voters_heard >= status.majority() {
                heard_at = now;
            } else if now.since(heard_at) >= UNHEARD_MAX {
                return Err(self.unready(&status));
            }
            let waited = now.since(began);
            if self.longest.is_some_and(|longest| waited >= longest) {
                return Err(format!(
                    "timed out: no proof within {} (last: {last}); the fencers try on: palisade status",
                    Span(waited)
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn power(&self) -> Result<Answer, Failed> {
        self.must_name()?;
        let status = self.status()?;
        let mut any_on = false;
        for node in self.nodes(&status)? {
            any_on |= is_on(node).ok_or_else(|| {
                about(
                    Action::Status,
                    &node.name,
                    "its agent is not heard, and its BMC was not read within a minute; use via=bmc"
                        .to_owned(),
                )
            })?;
        }
        if any_on { say("Status: ON\n") } else { say("Status: OFF\n").map(|_| Answer::Off) }
    }

    /// Whether the fencers could fence now: a majority serves, and each node can be proven dead.
    fn rehearse(&self) -> Result<Answer, Failed> {
        let status = self.status()?;
        if status.voters_heard < status.majority() || status.stand != Stand::Serving {
            return Err(Failed::new(self.unready(&status)));
        }
        let mut failures = None;
        for node in self.nodes(&status)? {
            if let Some(reason) = cannot_be_fenced(node) {
                failures =
                    Some(Failed::joined(failures, about(Action::Monitor, &node.name, reason)));
            }
        }
        failures.map_or(Ok(Answer::Done), Err)
    }

    fn unready(&self, status: &Status) -> String {
        format!(
            "{}: {} of {} fencers heard, this one is {}; nobody can be fenced now: palisade status",
            self.fencer.socket().display(),
            status.voters_heard,
            status.voters,
            status.stand
        )
    }

    fn list(&self, action: Action) -> Result<Answer, Failed> {
        let status = self.status()?;
        let line = |node: &NodeStatus| {
            let state = match is_on(node) {
                _ if action == Action::List => return format!("{},\n", node.name),
                Some(true) => "ON",
                Some(false) => "OFF",
                None => "UNKNOWN",
            };
            format!("{},,{state}\n", node.name)
        };
        say(&self.nodes(&status)?.into_iter().map(line).collect::<String>())
    }

    fn status(&self) -> Result<Status, Failed> {
        self.fencer.status().map_err(Failed::new)
    }

    /// The nodes asked for, or else all that run an agent or have a BMC.
    fn nodes<'a>(&self, status: &'a Status) -> Result<Vec<&'a NodeStatus>, Failed> {
        if self.plugs.is_empty() {
            let fenceable = |node: &&NodeStatus| node.member.is_some() || node.bmc.is_some();
            return Ok(status.nodes.iter().filter(fenceable).collect());
        }
        let names: Vec<&str> = status.nodes.iter().map(|node| node.name.as_str()).collect();
        let find = |plug: &String| {
            status.node(plug).ok_or_else(|| {
                Failed::new(format!("plug {plug:?}: no such node; there are: {}", names.join(", ")))
            })
        };
        self.plugs.iter().map(find).collect()
    }

    fn must_name(&self) -> Result<(), Failed> {
        if self.plugs.is_empty() {
            return Err(Failed::new("no plug: say which node is meant (plug=NODE)"));
        }
        Ok(())
    }
}

fn about(action: Action, node: &str, reason: String) -> Failed {
    Failed::new(reason).about(action, Some(node))
}

/// What is known of a node's power: a member that is heard runs, and a fresh reading says the rest.
fn is_on(node: &NodeStatus) -> Option<bool> {
    let runs = node.member.as_ref().is_some_and(|member| member.state == MemberState::Member);
    let fresh = |bmc: &&BmcStatus| bmc.checked_ms.is_some_and(|ms| ms <= FRESH_MS);
    let read = node.bmc.as_ref().filter(fresh).and_then(|bmc| bmc.on);
    if runs { Some(true) } else { read }
}

fn cannot_be_fenced(node: &NodeStatus) -> Option<String> {
    let by_lease = node.member.as_ref().is_some_and(|member| member.lease_proof);
    let by_power = node.bmc.as_ref().is_some_and(|bmc| bmc.ready == Some(true));
    let trouble = node.bmc.as_ref().map_or("it has no BMC", |bmc| match bmc.ready {
        None => "its BMC was not tried yet",
        Some(_) => bmc.finding.as_str(),
    });
    (!by_lease && !by_power).then(|| {
        format!("neither by its BMC ({trouble}) nor by its lease; look at: palisade status")
    })
}
