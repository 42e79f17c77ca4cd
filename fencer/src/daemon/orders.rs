//! What the operator's command, and the fence agent, ask of a running fencer.
//!
//! Refuses what would end in a disaster that the operator cannot have meant, with the reason; everything
//! else is the core's to decide.

use log::Level;
use palisade_fencer_core::{Input, VoterView};
use palisade_host::clock;
use palisade_host::journal::What;
use palisade_protocol::ids::NodeId;
use palisade_protocol::wire::ProofKind;

use super::engine::{Engine, Refusals};
use super::herald::{self, Line};
use crate::control::{Answer, Request};
use crate::status::End;

impl Engine {
    /// Answers the operator's command.
    pub(super) fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Fence { node, why } => {
                self.with_target(&node, |me, node| me.fence(node, &why))
            }
            Request::Confirm { node, by } => {
                self.with_target(&node, |me, node| me.confirm(node, &by))
            }
            Request::Raise { node, bmc, reboot } => {
                self.with_target(&node, |me, node| me.reboots(node, &bmc, reboot))
            }
        }
    }

    fn with_target(
        &mut self,
        name: &str,
        carry_out: impl FnOnce(&mut Self, NodeId) -> Answer,
    ) -> Answer {
        match self.names.id(name) {
            Some(target) => carry_out(self, target),
            None => Answer::Misunderstood {
                reason: format!("no node {name:?}; allowed: {}", self.names.list()),
            },
        }
    }

    fn fence(&mut self, target: NodeId, why: &str) -> Answer {
        log::warn!("{}: an operator orders it fenced: {why}", self.names.node(target));
        if let Some(proof) = self.proven_before(target) {
            return self.already(target, proof);
        }
        if let Some(reason) = self.would_break_majority(target) {
            return self.refuse(target, reason);
        }
        self.ledger.wish_for(target, why);
        self.give(target, Input::Order { target })
    }

    fn confirm(&mut self, target: NodeId, by: &str) -> Answer {
        log::warn!("{}: {by} vouches that it is dead", self.names.node(target));
        if let Some(proof) = self.proven_before(target) {
            return self.already(target, proof);
        }
        if let Some(reason) = self.speaks(target) {
            return self.refuse(target, reason);
        }
        self.ledger.wish_for(target, &format!("{by} vouches that it is dead"));
        self.ledger.vouch(target, by);
        self.give(target, Input::Confirm { target })
    }

    fn give(&mut self, target: NodeId, order: Input) -> Answer {
        let at_ns = clock::now().as_nanos();
        let refusals: Refusals = self.turn(order);
        match refusals.get(&target) {
            Some(refused) => Answer::Refused { reason: herald::refusal(*refused).to_owned() },
            None => Answer::Accepted { at_ns },
        }
    }

    fn already(&mut self, target: NodeId, proof: ProofKind) -> Answer {
        let now = clock::now();
        let detail = format!("proven before: {}", proof.name());
        self.ledger.end(target, End::Fenced, &detail, now);
        Answer::Accepted { at_ns: now.as_nanos() }
    }

    pub(super) fn refuse(&self, target: NodeId, reason: String) -> Answer {
        let (what, detail, level) = (What::Declined, reason.clone(), Level::Warn);
        self.note(clock::now(), &Line { what, target: Some(target), detail, level });
        Answer::Refused { reason }
    }

    /// What proves the node's last life over, unless it speaks all the same.
    fn proven_before(&self, node: NodeId) -> Option<ProofKind> {
        let mut members = self.core.members(clock::now());
        let proof = members.find(|member| member.node == node)?.condemned??;
        self.heard_ms_ago(node).is_none().then_some(proof)
    }

    /// Why nobody can vouch for a node's death now: it was heard a moment ago.
    fn speaks(&self, node: NodeId) -> Option<String> {
        let (name, ms) = (self.names.node(node), self.heard_ms_ago(node)?);
        Some(format!(
            "{name} is not dead: its agent was heard {ms} ms ago; look again which machine you switched \
             off, or: palisade fence {name}"
        ))
    }

    /// How long ago its agent was heard, if that is too lately for a dead one.
    fn heard_ms_ago(&self, node: NodeId) -> Option<u128> {
        let now = clock::now();
        let heard_at = self.core.members(now).find(|member| member.node == node)?.heard_at?;
        let ago = now.since(heard_at);
        (ago <= self.cluster.timing.raw().suspect_after).then_some(ago.as_millis())
    }

    /// Why a node must not be switched off by order now: without its fencer no majority grants leases,
    /// and every node would reset itself.
    fn would_break_majority(&self, target: NodeId) -> Option<String> {
        let votes = self.cluster.node_by_id(target).is_some_and(|node| node.fencer);
        let (left, needed) = (self.granting_without(target), self.cluster.majority());
        let name = self.names.node(target);
        (votes && left < needed).then(|| {
            format!(
                "without {name} only {left} fencers would grant leases, {needed} are needed: every node \
                 would reset itself; bring another fencer up, or wait until one that has just started \
                 serves"
            )
        })
    }

    /// Fencers that grant leases now, but for that of `target`.
    fn granting_without(&self, target: NodeId) -> usize {
        let now = clock::now();
        let span = self.cluster.timing.raw().suspect_after;
        let grants = |voter: &VoterView<'_>| {
            let heard = voter.heard_at.is_some_and(|at| now.since(at) <= span);
            heard && !voter.holding && voter.node != target
        };
        let me = self.me != target && !self.core.is_holding(now);
        self.core.voters().filter(grants).count() + usize::from(me)
    }
}
