//! What can be done to a world from outside: breaking, mending, and pressing buttons.

use palisade_agent_core::Input as AgentInput;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;
use palisade_protocol::wire::VERSION;

use super::queue::Happening;
use super::{Bmc, Fact, World};

impl World {
    /// Pulls the plug of a node: everything on it stops at once.
    pub fn kill(&mut self, node: NodeId) {
        self.power_off(node);
    }

    /// A node's power fails, and comes back after `span`.
    pub fn blink(&mut self, node: NodeId, span: Duration) {
        if self.machine(node).powered {
            self.power_off(node);
        }
        let power = self.machine(node).power_run;
        self.after(span, Happening::PowerReturns { node, power });
    }

    /// A node is reset.
    pub fn reboot(&mut self, node: NodeId) {
        if self.machine(node).powered {
            self.reset(node);
        }
    }

    /// A human presses the power button of a node that is off.
    pub fn press_power(&mut self, node: NodeId) {
        if !self.machine(node).powered {
            self.power_on(node);
        }
    }

    /// The kernel of a node hangs for good; its watchdog does not.
    pub fn hang(&mut self, node: NodeId) {
        let machine = self.machine(node);
        machine.hung = machine.booted;
    }

    /// A node, a virtual machine, is paused for `span`: its clock and its watchdog stand still too.
    pub fn pause_machine(&mut self, node: NodeId, span: Duration) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.booted && machine.paused_at.is_none() {
            machine.paused_at = Some(now);
            let power = machine.power_run;
            self.after(span, Happening::MachineGoesOn { node, power });
        }
    }

    pub(super) fn machine_goes_on(&mut self, node: NodeId, power: u32) {
        let now = self.now;
        let machine = self.machine(node);
        if machine.power_run != power || !machine.booted {
            return;
        }
        let Some(paused_at) = machine.paused_at.take() else { return };
        let stood = now.since(paused_at);
        machine.clock.stood(stood);
        machine.resumed_at = now;
        let (armed, pet) = (machine.armed, machine.pets);
        if armed {
            machine.bites_at += stood;
            let at = machine.bites_at;
            self.at(at, Happening::DogBites { node, pet });
        }
        let machine = self.machine(node);
        let (agent, fencer) = (machine.agent.run, machine.fencer.run);
        let (agent_frozen, fencer_frozen) = (machine.agent.frozen, machine.fencer.frozen);
        if !agent_frozen {
            self.agent_goes_on(node, agent);
        }
        if !fencer_frozen {
            self.fencer_goes_on(node, fencer);
        }
    }

    /// Stops the agent of a node where it stands; its watchdog goes on.
    pub fn freeze_agent(&mut self, node: NodeId) {
        let agent = &mut self.machine(node).agent;
        agent.frozen = agent.core.is_some();
    }

    /// Stops the agent of a node where it stands, for `span`.
    pub fn pause_agent(&mut self, node: NodeId, span: Duration) {
        self.freeze_agent(node);
        let run = self.machine(node).agent.run;
        self.after(span, Happening::AgentGoesOn { node, run });
    }

    /// Lets the agent of a node go on where it stood; it stops no more before a pet.
    pub fn thaw_agent(&mut self, node: NodeId) {
        self.machine(node).stall = None;
        if self.machine(node).agent.frozen && !self.machine(node).is_still() {
            let run = self.machine(node).agent.run;
            self.agent_goes_on(node, run);
        }
    }

    /// The agent of a node stands still for `span` between its next test and the pet that follows.
    pub fn stall_pet(&mut self, node: NodeId, span: Duration) {
        self.machine(node).stall = Some(span);
    }

    /// Stops the fencer of a node where it stands, for `span`.
    pub fn freeze_fencer(&mut self, node: NodeId, span: Duration) {
        let fencer = &mut self.machine(node).fencer;
        fencer.frozen = fencer.core.is_some();
        let run = self.machine(node).fencer.run;
        self.after(span, Happening::FencerGoesOn { node, run });
    }

    /// Lets the fencer of a node go on where it stood.
    pub fn thaw_fencer(&mut self, node: NodeId) {
        if self.machine(node).fencer.frozen && !self.machine(node).is_still() {
            let run = self.machine(node).fencer.run;
            self.fencer_goes_on(node, run);
        }
    }

    /// The agent of a node crashes and is started again `span` later; the watchdog goes on.
    pub fn restart_agent(&mut self, node: NodeId, span: Duration) {
        if !self.machine(node).booted || !self.machine(node).is_member {
            return;
        }
        let unread = self.machine(node).stop_agent();
        self.unread(unread);
        let run = self.machine(node).agent.run;
        self.after(span, Happening::AgentStarts { node, run });
    }

    /// Stops the fencer of a node; its disk keeps what was written.
    pub fn kill_fencer(&mut self, node: NodeId) {
        let unread = self.machine(node).stop_fencer();
        self.unread(unread);
    }

    /// Starts the fencer of a node again, with what its disk kept, or with nothing.
    pub fn start_fencer(&mut self, node: NodeId, memory_kept: bool) {
        let run = self.machine(node).fencer.run;
        self.fencer_starts(node, run, memory_kept);
    }

    /// The fencer of a node crashes and is started again `span` later.
    pub fn restart_fencer(&mut self, node: NodeId, span: Duration, memory_kept: bool) {
        self.kill_fencer(node);
        let run = self.machine(node).fencer.run;
        self.after(span, Happening::FencerStarts { node, run, memory_kept });
    }

    /// Sets how a node's BMC behaves.
    pub fn set_bmc(&mut self, node: NodeId, bmc: Bmc) {
        self.machine(node).bmc = bmc;
    }

    /// The BMC of a node reboots: it is silent for `span` and every session with it is gone. The
    /// Off that it was carrying out is lost, unless the power button that it pressed stays pressed.
    pub fn reboot_bmc(&mut self, node: NodeId, span: Duration, off_lost: bool) {
        let back_at = self.now + span;
        let machine = self.machine(node);
        machine.bmc_boots += 1;
        machine.bmc_back_at = back_at;
        machine.off_pending = machine.off_pending.filter(|_| !off_lost);
    }

    /// Others hold every session that the BMC of a node has, for `span`: no other is opened.
    pub fn fill_bmc(&mut self, node: NodeId, span: Duration) {
        self.machine(node).bmc_full_until = self.now + span;
    }

    /// The BMC of a node is up and has room for sessions.
    pub fn mend_bmc(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine(node);
        machine.bmc_back_at = machine.bmc_back_at.min(now);
        machine.bmc_full_until = machine.bmc_full_until.min(now);
    }

    /// The daemons of a node are replaced by those of the next version, or by those of this one
    /// again; they are started after `span`. The next version reads this one, not the reverse.
    pub fn upgrade(&mut self, node: NodeId, span: Duration) {
        let machine = self.machine(node);
        machine.speaks_next = !machine.speaks_next;
        let votes = machine.votes;
        self.restart_agent(node, span);
        if votes {
            self.restart_fencer(node, span, true);
        }
    }

    /// Whether the daemons of a node are of the next version.
    pub fn is_upgraded(&self, node: NodeId) -> bool {
        self.looks(node, |machine| machine.speaks_next)
    }

    /// Everybody speaks one version: the upgrade is complete.
    pub fn complete_upgrade(&mut self) {
        for machine in &mut self.machines {
            machine.speaks_next = false;
            let postboxes = [&mut machine.agent.postbox, &mut machine.fencer.postbox];
            postboxes.into_iter().flatten().for_each(|postbox| postbox.write_version(VERSION));
        }
    }

    /// A node that is broken for good: whatever gives it power, no life of it begins.
    pub fn break_for_good(&mut self, node: NodeId) {
        self.machine(node).broken = true;
    }

    /// The disk of a node refuses to write.
    pub fn fail_disk(&mut self, node: NodeId) {
        self.machine(node).disk.fails = true;
    }

    /// A crash in the middle of a write damages what the disk of a node keeps; a write takes `fsync`.
    pub fn tear_disk(&mut self, node: NodeId, fsync: Duration) {
        let disk = &mut self.machine(node).disk;
        (disk.tears, disk.fsync) = (true, fsync);
    }

    /// The disk of a node works as it should.
    pub fn mend_disk(&mut self, node: NodeId) {
        self.machine(node).disk.mend();
    }

    /// Tells the agent of a node to leave.
    pub fn leave(&mut self, node: NodeId) {
        self.tell_agent(node, AgentInput::Leave);
    }

    /// Writes down what somebody did to this world, for its story.
    pub fn struck(&mut self, what: String) {
        self.note(Fact::Struck { what });
    }
}
