//! Reboots handed over by a fence agent, as this fencer takes them up, watches them and tells of them.
//!
//! No On while this fencer knows of anybody at work on the machine: the case raises it then, by the rules.

use log::Level;
use palisade_host::clock;
use palisade_host::journal::What;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;

use super::engine::Engine;
use super::herald::Line;
use super::raises::{Change, Others};
use crate::control::{Answer, Reboot};
use crate::power::levels;

impl Engine {
    /// An agent says how a reboot goes, at the BMC or other device that is marked `bmc`, which must be the
    /// node's by this configuration too.
    pub(super) fn reboots(&mut self, target: NodeId, bmc: &str, reboot: Reboot) -> Answer {
        let now = clock::now();
        let name = self.names.node(target);
        match self.cluster.node_by_id(target).and_then(levels::mark) {
            None => return self.refuse(target, format!("{name} has no way to raise it by")),
            Some(ours) if ours != bmc => {
                let reason =
                    format!("the BMC of {name} is {ours} here, not {bmc}: another machine");
                return self.refuse(target, reason);
            }
            Some(_) => {}
        }
        log::info!("{name}: a cluster manager's reboot: {reboot:?}");
        match reboot {
            Reboot::Begins => self.raises.expect(now, target),
            Reboot::IsOff => self.raises.begin(now, target),
            Reboot::Failed => drop(self.raises.forget(target)),
        }
        Answer::Accepted { at_ns: now.as_nanos() }
    }

    /// Goes on with the reboots as far as they go now.
    pub(super) fn raise_due(&mut self, now: Instant) {
        for node in self.back_again() {
            self.raises.forget(node);
            log::info!("{}: is heard again: its reboot is over", self.names.node(node));
        }
        let others: Vec<(NodeId, Others)> =
            self.raises.nodes().map(|(node, _)| (node, self.others(now, node))).collect();
        let of = |node| {
            let found = others.iter().find(|(known, _)| *known == node);
            found.map_or(Others::AtWork, |(_, others)| *others)
        };
        for (node, change) in self.raises.start_due(now, of) {
            self.tell_reboot(node, change);
        }
    }

    /// An act of a reboot has ended.
    pub(super) fn raise_reported(&self, node: NodeId, change: Option<Change>, said: Option<&str>) {
        if let Some(said) = said {
            log::info!("{}: reboot: {said}", self.names.node(node));
        }
        if let Some(change) = change {
            self.tell_reboot(node, change);
        }
    }

    /// Nodes that spoke since they were off.
    fn back_again(&self) -> Vec<NodeId> {
        let now = clock::now();
        let spoke = |node: NodeId, since: Instant| {
            let mut members = self.core.members(now);
            let heard_at = members.find(|member| member.node == node).and_then(|m| m.heard_at);
            heard_at.is_some_and(|at| at > since)
        };
        let raises = self.raises.nodes();
        raises.filter(|(node, off)| off.is_some_and(|at| spoke(*node, at))).map(|it| it.0).collect()
    }

    fn others(&self, now: Instant, node: NodeId) -> Others {
        let member = self.core.members(now).find(|member| member.node == node);
        if self.core.cases().any(|case| case.target == node) {
            return Others::AtWork;
        }
        if self.core.is_holding(now) {
            return Others::Unknown;
        }
        let Some(member) = member else { return Others::Nobody };
        match (member.condemned, member.boot) {
            (Some(None), _) => Others::Due,
            (None, Some(_)) if !member.left => Others::Due,
            (Some(Some(_)) | None, _) => Others::Nobody,
        }
    }

    fn tell_reboot(&self, target: NodeId, change: Change) {
        let (what, detail, level) = match change {
            Change::Sent => (What::OnSent, "ends a cluster manager's reboot", Level::Info),
            Change::IsOn => (What::OnVerified, "a cluster manager's reboot is over", Level::Info),
            Change::NeverFell => {
                return log::warn!("{}: was to be rebooted, never fell", self.names.node(target));
            }
            Change::StaysOff => (What::Alarm, STAYS_OFF, Level::Error),
            Change::GivenUp => (What::Alarm, GIVEN_UP, Level::Error),
        };
        let line = Line { what, target: Some(target), detail: detail.to_owned(), level };
        self.note(clock::now(), &line);
    }
}

const STAYS_OFF: &str = "rebooted by a cluster manager, it does not come up again: switch it on by hand, \
                         look at its BMC; it is tried on";

const GIVEN_UP: &str = "rebooted by a cluster manager, it could not be switched on for an hour and is \
                        given up: switch it on by hand";
