//! What is remembered for people: how the last case against each node ended, what its BMC said last,
//! who confirmed a death.
//!
//! Nothing is decided by it, and it ends with the process; the journal stays.

use std::collections::BTreeMap;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;

use crate::status::{End, Verdict};

/// What is remembered, node by node.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    verdicts: BTreeMap<NodeId, Verdict>,
    said: BTreeMap<NodeId, String>,
    reasons: BTreeMap<NodeId, String>,
    wishes: BTreeMap<NodeId, String>,
    vouched: BTreeMap<NodeId, String>,
}

impl Ledger {
    /// A case has ended, or come to a halt.
    pub(super) fn end(&mut self, node: NodeId, end: End, detail: &str, at: Instant) {
        self.verdicts
            .insert(node, Verdict { end, detail: detail.to_owned(), at_ns: at.as_nanos() });
    }

    /// How the last one ended.
    pub(super) fn verdict(&self, node: NodeId) -> Option<&Verdict> {
        self.verdicts.get(&node)
    }

    /// Why a node is to be fenced; forgets what its BMC said in the case before.
    pub(super) fn begin(&mut self, node: NodeId, reason: String) {
        self.said.remove(&node);
        self.reasons.insert(node, reason);
    }

    /// Why it is being fenced.
    pub(super) fn reason(&self, node: NodeId) -> Option<&str> {
        self.reasons.get(&node).map(String::as_str)
    }

    /// What became of the last power order; whether that is something new.
    pub(super) fn say(&mut self, node: NodeId, said: &str) -> bool {
        let before = self.said.insert(node, said.to_owned());
        before.is_none_or(|before| before != said)
    }

    /// What its BMC said last.
    pub(super) fn said(&self, node: NodeId) -> Option<&str> {
        self.said.get(&node).map(String::as_str)
    }

    /// What an operator wants with a node, in the operator's words.
    pub(super) fn wish_for(&mut self, node: NodeId, why: &str) {
        self.wishes.insert(node, why.to_owned());
    }

    /// What an operator wanted last.
    pub(super) fn wish(&self, node: NodeId) -> Option<&str> {
        self.wishes.get(&node).map(String::as_str)
    }

    /// Somebody vouches for its death.
    pub(super) fn vouch(&mut self, node: NodeId, by: &str) {
        self.vouched.insert(node, by.to_owned());
    }

    /// Who did.
    pub(super) fn voucher(&self, node: NodeId) -> Option<&str> {
        self.vouched.get(&node).map(String::as_str)
    }
}
