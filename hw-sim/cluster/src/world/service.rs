//! The service that may run on one node at a time, and the shared disk that it writes: the last
//! judge. Whoever takes it over does so on a proof of its owner's death, and on nothing else.

use palisade_agent_core::Input as AgentInput;
use palisade_agent_core::health::Answer;
use palisade_fencer_core::Proof;
use palisade_protocol::ids::NodeId;

use super::{Fact, World};

impl World {
    /// A fencer has handed out a proof.
    pub(super) fn take_proof(&mut self, by: NodeId, proof: &Proof) {
        let target = self.machine(proof.target());
        let so = (target.running_boot(), target.active);
        self.judge.proven(self.now, by, proof, so);
        self.machine(by).proofs.push((proof.target(), proof.boot()));
        self.succeed(by);
    }

    /// A turn of a node: its service writes if it runs here, and is taken over if it may be.
    pub(super) fn live(&mut self, node: NodeId) {
        self.judge_lease(node);
        if !self.shape.has_service {
            return;
        }
        if !self.machine(node).active {
            return self.succeed(node);
        }
        let life = (node, self.machine(node).boot());
        let owns = self.owner == Some(life);
        self.judge.wrote(self.now, node, owns);
    }

    /// Sets what the service of a node answers; none disarms its check.
    pub fn set_service(&mut self, node: NodeId, answer: Option<Answer>) {
        let was = std::mem::replace(&mut self.machine(node).service, answer);
        if was.is_some() != answer.is_some() {
            self.machine(node).service_known = (false, false);
            let armed = answer.is_some();
            let input = if armed { AgentInput::ArmCheck } else { AgentInput::DisarmCheck };
            self.tell_agent(node, input);
        }
    }

    /// The service of a node answers otherwise from now on, if it runs there.
    pub fn fail_service(&mut self, node: NodeId, answer: Answer) {
        if self.machine(node).active {
            self.set_service(node, Some(answer));
        }
    }

    /// The service is stopped in order; whoever can may start it.
    pub fn step_down(&mut self, node: NodeId) {
        let life = self.machine(node).running_boot().map(|boot| (node, boot));
        self.machine(node).active = false;
        if self.owner.is_some() && self.owner == life {
            self.owner = None;
        }
        self.set_service(node, None);
    }

    /// Starts the service on `node` if nobody owns it, if its own former life did, or if the owner
    /// is proven over to the fencer here; and if the node has a lease that it is not giving up.
    fn succeed(&mut self, node: NodeId) {
        let machine = self.machine(node);
        if !machine.is_member || machine.active || !self.shape.has_service {
            return;
        }
        let machine = self.machine(node);
        let boot = machine.boot();
        let may = match self.owner {
            None => true,
            Some((owner, former)) if owner == node => former != boot,
            Some(owner) => self.machine(node).proofs.contains(&owner),
        };
        let stays = self.is_serving(node) && !self.has_left(node);
        if may && stays && !self.machine(node).agent.frozen {
            self.promote(node);
        }
    }

    fn promote(&mut self, node: NodeId) {
        let other = self.machines.iter().find(|other| other.active && other.id != node);
        if let Some(other) = other.map(|other| other.id) {
            let why = format!("{node} takes the service over from {other}, which still writes");
            self.judge.broken("one-writer", self.now, why);
        }
        let machine = self.machine(node);
        machine.active = true;
        self.owner = Some((node, machine.boot()));
        self.note(Fact::Promoted { node });
        self.set_service(node, Some(Answer::Running));
    }
}
