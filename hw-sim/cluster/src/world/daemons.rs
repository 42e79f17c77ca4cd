//! What the daemons do around their cores: turn when a deadline comes, ask before each pet, write
//! and say so. The daemons' own loops, without sockets.

use palisade_agent_core::pet::PetPermit;
use palisade_agent_core::{Effects as AgentEffects, Input as AgentInput, ProbeReport};
use palisade_fencer_core::{Effects as FencerEffects, Input as FencerInput};
use palisade_protocol::ids::{NodeId, Peer};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::Body;

use super::queue::Happening;
use super::{Fact, STILL_RETRY, TURN_MIN, World};

/// Pets in one timeout, as the daemon does.
const PETS_PER_TIMEOUT: u32 = 4;

impl World {
    pub(super) fn agent_turn(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.agent.turn_at != now {
            return;
        }
        machine.agent.turn_at = Instant::NEVER;
        machine.agent.deadline = None;
        if machine.agent.frozen || machine.is_still() {
            return;
        }
        self.tell_agent(node, AgentInput::Tick);
        self.attend_dog(node);
        self.live(node);
        self.plan_agent(node);
    }

    pub(super) fn fencer_turn(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.fencer.turn_at != now {
            return;
        }
        machine.fencer.turn_at = Instant::NEVER;
        machine.fencer.deadline = None;
        self.tell_fencer(node, FencerInput::Tick);
    }

    pub(super) fn tell_agent(&mut self, node: NodeId, input: AgentInput) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.agent.frozen || machine.is_still() {
            return;
        }
        let local = machine.local(now);
        let Some(agent) = &mut machine.agent.core else { return };
        let effects = agent.handle(local, input);
        self.agent_effects(node, local, &effects);
        self.plan_agent(node);
    }

    fn agent_effects(&mut self, node: NodeId, local: Instant, effects: &AgentEffects) {
        if self.is_stale {
            let so = effects.fence_self.map(|_| "a stale datagram ends a life");
            self.judge.stale(self.now, node, so);
        }
        self.post_all(Peer::member(node), &effects.posts);
        for news in &effects.news {
            self.note(Fact::Agent { node, news: *news });
        }
        if let Some(reason) = effects.fence_self {
            self.note(Fact::FencedSelf { node, reason });
            return self.fence_self(node);
        }
        if effects.disarm {
            let machine = self.machine(node);
            machine.pets = machine.pets.wrapping_add(1);
            (machine.armed, machine.armed_told) = (false, false);
            self.tell_agent(node, AgentInput::Disarmed);
        }
        if let Some(answer) = self.machine(node).service.filter(|_| effects.probe) {
            self.machine(node).told_of_service(answer);
            let report = ProbeReport { asked_at: local, answer };
            self.tell_agent(node, AgentInput::Probe(report));
        }
    }

    /// Asks, and pets if a pet is due and allowed.
    pub(super) fn attend_dog(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        let local = machine.local(now);
        if local < machine.pet_due || machine.agent.frozen || machine.is_still() {
            return;
        }
        let Some(agent) = &machine.agent.core else { return };
        let Ok(permit) = agent.pet_decision(local) else { return };
        let Some(stall) = machine.stall.take() else { return self.pet(node, permit) };
        machine.permit = Some(permit);
        machine.agent.frozen = true;
        let run = machine.agent.run;
        self.after(stall, Happening::PetLands { node, run });
    }

    /// An agent that stood still between test and pet goes on, with the pet.
    pub(super) fn pet_lands(&mut self, node: NodeId, run: u32) {
        let machine = self.machine(node);
        if machine.agent.run != run || machine.hung {
            return;
        }
        if machine.is_still() {
            return self.after(STILL_RETRY, Happening::PetLands { node, run });
        }
        let Some(permit) = machine.permit.take() else { return };
        machine.agent.frozen = false;
        self.pet(node, permit);
        self.agent_goes_on(node, run);
    }

    fn pet(&mut self, node: NodeId, permit: PetPermit) {
        let now = self.now;
        let machine = self.machine(node);
        machine.pets = machine.pets.wrapping_add(1);
        machine.bites_at = now + machine.fire;
        if !std::mem::replace(&mut machine.armed, true) {
            machine.armed_at = now;
        }
        let (_, failed) = machine.service_known;
        let done_at = machine.local(now);
        machine.pet_due = done_at + machine.fire / PETS_PER_TIMEOUT;
        let told = std::mem::replace(&mut machine.armed_told, true);
        let (at, pet) = (machine.bites_at, machine.pets);
        self.at(at, Happening::DogBites { node, pet });
        self.judge.petted(now, node, failed);
        self.tell_agent(
            node,
            if told {
                AgentInput::Petted { permit, done_at }
            } else {
                AgentInput::Armed { permit, done_at }
            },
        );
    }

    pub(super) fn tell_fencer(&mut self, node: NodeId, input: FencerInput) {
        let now = self.now;
        let mut effects = self.effects.pop().unwrap_or_default();
        if self.machine(node).tell_fencer(now, input, &mut effects) {
            self.fencer_effects(node, &effects);
            self.plan_fencer(node);
        }
        self.effects.push(effects);
    }

    fn fencer_effects(&mut self, node: NodeId, effects: &FencerEffects) {
        if self.is_stale {
            self.judge.stale(self.now, node, caused(effects));
        }
        self.post_all(Peer::voter(node), &effects.posts);
        if let Some(state) = &effects.persist {
            let machine = self.machine(node);
            machine.disk.write(state);
            let (run, fsync) = (machine.fencer.run, machine.disk.fsync);
            self.after(fsync, Happening::Written { node, run });
        }
        for news in &effects.news {
            self.note(Fact::Fencer { node, news: *news });
        }
        for order in &effects.orders {
            self.obey(node, *order);
        }
        for proof in &effects.proofs {
            self.take_proof(node, proof);
        }
    }

    pub(super) fn written(&mut self, node: NodeId, run: u32) {
        let machine = self.machine(node);
        if machine.fencer.run != run {
            return;
        }
        if machine.fencer.frozen || machine.is_still() {
            return self.after(STILL_RETRY, Happening::Written { node, run });
        }
        let Some((version, written)) = machine.disk.written() else { return };
        self.tell_fencer(
            node,
            if written {
                FencerInput::Durable { version }
            } else {
                FencerInput::DurableFailed { version }
            },
        );
    }

    pub(super) fn agent_goes_on(&mut self, node: NodeId, run: u32) {
        let machine = self.machine(node);
        if machine.agent.run != run || machine.permit.is_some() {
            return;
        }
        machine.agent.frozen = false;
        for letter in std::mem::take(&mut machine.agent.backlog) {
            self.arrive(letter);
        }
        self.tell_agent(node, AgentInput::Tick);
        self.attend_dog(node);
    }

    pub(super) fn fencer_goes_on(&mut self, node: NodeId, run: u32) {
        let machine = self.machine(node);
        if machine.fencer.run != run {
            return;
        }
        machine.fencer.frozen = false;
        for letter in std::mem::take(&mut machine.fencer.backlog) {
            self.arrive(letter);
        }
        self.tell_fencer(node, FencerInput::Tick);
    }

    pub(super) fn agent_starts(&mut self, node: NodeId, run: u32) {
        let (now, timing, shape) = (self.now, self.timing, self.shape.clone());
        let machine = self.machine(node);
        if machine.agent.run != run || machine.agent.core.is_some() || !machine.booted {
            return;
        }
        machine.start_agent(now, timing, &shape);
        self.tell_agent(node, AgentInput::Tick);
    }

    pub(super) fn fencer_starts(&mut self, node: NodeId, run: u32, memory_kept: bool) {
        let (now, timing, shape) = (self.now, self.timing, self.shape.clone());
        let machine = self.machine(node);
        if machine.fencer.run != run || machine.fencer.core.is_some() || !machine.booted {
            return;
        }
        if !memory_kept {
            machine.disk.forget();
        }
        machine.start_fencer(now, timing, &shape);
        self.tell_fencer(node, FencerInput::Tick);
    }

    fn plan_agent(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        let Some(agent) = &machine.agent.core else { return };
        let mut deadline = agent.next_deadline();
        if machine.armed && machine.pet_due > machine.local(now) {
            deadline = deadline.min(machine.pet_due);
        }
        if machine.agent.deadline.is_some_and(|planned| planned <= deadline) {
            return;
        }
        let at = machine.clock.world(deadline).max(now + TURN_MIN);
        machine.agent.deadline = Some(deadline);
        if at < machine.agent.turn_at {
            machine.agent.turn_at = at;
            self.at(at, Happening::AgentTurn { node });
        }
    }

    fn plan_fencer(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        let Some(fencer) = &machine.fencer.core else { return };
        let deadline = fencer.next_deadline();
        if machine.fencer.deadline.is_some_and(|planned| planned <= deadline) {
            return;
        }
        let at = machine.clock.world(deadline).max(now + TURN_MIN);
        machine.fencer.deadline = Some(deadline);
        if at < machine.fencer.turn_at {
            machine.fencer.turn_at = at;
            self.at(at, Happening::FencerTurn { node });
        }
    }
}

/// What a datagram that is too old may not cause.
fn caused(effects: &FencerEffects) -> Option<&'static str> {
    let decides =
        |body: &Body| matches!(body, Body::Grant(_) | Body::Agreed(_) | Body::LeaveAck(_));
    if !effects.proofs.is_empty() {
        Some("a stale datagram proves a death")
    } else if !effects.orders.is_empty() {
        Some("a stale datagram orders power")
    } else if effects.persist.is_some() {
        Some("a stale datagram condemns")
    } else if effects.posts.iter().any(|post| decides(&post.body)) {
        Some("a stale datagram is granted or agreed to")
    } else {
        None
    }
}
