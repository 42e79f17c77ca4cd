//! The status, put together from the core's views and what the shell remembers.
//!
//! Pure but for its arguments; changes nothing.

use std::time::Duration;

use palisade_fencer_core::{CaseView, FencerCore, MemberView, VoterView};
use palisade_host::config::{Cluster, Node, PowerLevel};
use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::peer::Links;
use palisade_protocol::postbox::DropCounts;
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{DogClass, Renew, Verdict as Health};

use super::ledger::Ledger;
use super::raises::Raises;
use super::rehearsal::{Finding, Rehearsals};
use crate::status::{
    self, BmcStatus, CaseStatus, Dog, Dropped, Heard, Member, MemberState, NodeStatus, Stand,
    Status, Voter,
};

/// What a status is made of.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) me: NodeId,
    pub(super) now: Instant,
    pub(super) core: &'a FencerCore,
    pub(super) ledger: &'a Ledger,
    pub(super) rehearsals: &'a Rehearsals,
    pub(super) raises: &'a Raises,
    pub(super) dropped: DropCounts,
    pub(super) hooks_running: usize,
}

impl View<'_> {
    /// The whole status, advice included.
    pub(super) fn status(&self) -> Status {
        let (voters_heard, _needed) = self.core.quorum(self.now);
        let mut status = Status {
            cluster: self.cluster.name.clone(),
            node: self.name(self.me),
            at_ns: self.now.as_nanos(),
            voters: self.cluster.voters().count(),
            voters_heard,
            stand: self.stand(),
            links: self.cluster.links.iter().map(|link| link.name.clone()).collect(),
            nodes: self.cluster.nodes.iter().map(|node| self.node(node)).collect(),
            cases: self.core.cases().map(|case| self.case(&case)).collect(),
            raises: self.raises.status(|node| self.name(node)),
            dropped: self.dropped(),
            hooks_running: self.hooks_running,
            advice: Vec::new(),
        };
        status.advice = status::advice(&status);
        status
    }

    fn name(&self, id: NodeId) -> String {
        self.cluster.node_by_id(id).map_or("?", |node| &node.name).to_owned()
    }

    const fn dropped(&self) -> Dropped {
        let DropCounts { malformed, other_cluster, misdelivered, stranger, forged, bad_body } =
            self.dropped;
        Dropped { malformed, other_cluster, misdelivered, stranger, forged, bad_body }
    }

    fn stand(&self) -> Stand {
        if self.core.is_holding(self.now) { Stand::Holding } else { Stand::Serving }
    }

    fn node(&self, node: &Node) -> NodeStatus {
        let member = self.core.members(self.now).find(|member| member.node == node.id);
        NodeStatus {
            name: node.name.clone(),
            id: node.id.get(),
            member: member.map(|member| self.member(&member)),
            voter: node.fencer.then(|| self.voter(node.id)),
            bmc: node.has_power_device().then(|| self.bmc(node)),
            verdict: self.ledger.verdict(node.id).cloned(),
        }
    }

    fn member(&self, member: &MemberView<'_>) -> Member {
        let promise = self.cluster.timing.raw().promise;
        let left = |granted: Instant| millis(self.now.until(granted + promise));
        Member {
            state: self.state(member),
            boot: member.boot.map(|boot| boot.to_string()),
            granted_ms: member.granted_at.map(|at| self.ago(at)),
            lease_left_ms: member.granted_at.map(left),
            health: member.word.map(|word| health(word.verdict).to_owned()),
            dog: member.word.as_ref().map(dog),
            lease_proof: member.word.is_some_and(|word| proves(&word)),
            heard: self.links(member.links),
        }
    }

    fn state(&self, member: &MemberView<'_>) -> MemberState {
        match (member.condemned, member.boot) {
            (Some(None), _) => MemberState::Condemned,
            (Some(Some(_)), _) => MemberState::Fenced,
            (None, None) => MemberState::Unseen,
            (None, Some(_)) if member.left => MemberState::Left,
            (None, Some(_)) if self.is_heard(member.heard_at) => MemberState::Member,
            (None, Some(_)) => MemberState::Silent,
        }
    }

    fn voter(&self, id: NodeId) -> Voter {
        let other = self.core.voters().find(|voter| voter.node == id);
        other.map_or(
            Voter {
                me: true,
                heard_now: true,
                holding: self.core.is_holding(self.now),
                heard: Vec::new(),
            },
            |voter: VoterView<'_>| Voter {
                me: false,
                heard_now: self.is_heard(voter.heard_at),
                holding: voter.holding,
                heard: self.links(voter.links),
            },
        )
    }

    fn links(&self, links: &Links) -> Vec<Heard> {
        let ids = (0..=u8::MAX).map_while(LinkId::new).take(self.cluster.links.len());
        ids.map(|id| links.of(id))
            .map(|link| Heard {
                last_ms: link.heard_at.map(|at| self.ago(at)),
                loss_permille: link.heard_at.map(|_| link.loss_permille),
            })
            .collect()
    }

    fn bmc(&self, node: &Node) -> BmcStatus {
        let address = match (&node.bmc, node.power.as_slice()) {
            (Some(bmc), []) => bmc.address.clone(),
            _ => self.rehearsals.way(node.id).unwrap_or_default(),
        };
        let weaknesses = node.power.iter().filter_map(PowerLevel::weakness).collect();
        let Some(Finding { at, result, .. }) = self.rehearsals.finding(node.id) else {
            return BmcStatus { address, weaknesses, ..BmcStatus::default() };
        };
        let (ready, on, finding) = match result {
            Ok((on, took)) => (true, Some(*on), format!("answered in {}", Span(*took))),
            Err(error) => (false, None, error.to_string()),
        };
        let resting = self.rehearsals.resting(node.id);
        let finding = [vec![finding], resting].concat().join("; ");
        let checked_ms = Some(self.ago(*at));
        BmcStatus { address, weaknesses, ready: Some(ready), finding, on, checked_ms }
    }

    fn case(&self, case: &CaseView) -> CaseStatus {
        CaseStatus {
            node: self.name(case.target),
            state: self.case_state(case),
            reason: self
                .ledger
                .reason(case.target)
                .unwrap_or("taken over from another fencer")
                .into(),
            since_ms: self.ago(case.opened_at),
            last_report: self.last_report(case.target),
        }
    }

    /// What came of the last order, and what is left alone since.
    fn last_report(&self, target: NodeId) -> Option<String> {
        let said = self.ledger.said(target)?.to_owned();
        Some([vec![said], self.rehearsals.resting(target)].concat().join("; "))
    }

    fn case_state(&self, case: &CaseView) -> String {
        if let Some(proof) = case.proven {
            return format!("proven dead ({}), power {}", proof.name(), case.power);
        }
        let needed = self.cluster.majority();
        let declined =
            case.declined.map_or(String::new(), |why| format!("; a fencer declined: {why:?}"));
        if case.bound < needed {
            return format!(
                "asking: {} of {needed} needed fencers are bound{declined}",
                case.bound
            );
        }
        format!("warranted, power {}", case.power)
    }

    fn is_heard(&self, at: Option<Instant>) -> bool {
        let span = self.cluster.timing.raw().suspect_after;
        at.is_some_and(|at| self.now.since(at) <= span)
    }

    fn ago(&self, at: Instant) -> u64 {
        millis(self.now.since(at))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

const fn health(verdict: Health) -> &'static str {
    match verdict {
        Health::Unknown => "no answer yet",
        Health::Idle => "not checked",
        Health::Up => "up",
        Health::Grace => "in grace",
        Health::Down => "DOWN",
    }
}

fn dog(word: &Renew) -> Dog {
    let class = match word.dog.class {
        DogClass::Unknown => "unknown",
        DogClass::Physical => "physical",
        DogClass::Virtual => "virtual",
        DogClass::Software => "software",
    };
    Dog {
        armed: word.dog.armed,
        class: class.to_owned(),
        fire_ms: word.dog.fire_ms.into(),
        certified: word.dog.certified,
    }
}

/// Whether the end of a lease would be accepted as proof, by the last granted word.
fn proves(word: &Renew) -> bool {
    word.dog.armed && word.dog.certified && word.dog.class == DogClass::Physical
}
