//! Everything that a run may do to its world, one kind each, so that a run can leave most of them
//! out.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each family of faults is told apart in a function that no other family reaches"
)]

use palisade_agent_core::health::{Answer, FailKind};
use palisade_fencer_core::Input;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;

use super::spans::Spans;
use crate::world::{Bmc, Chance, World};

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Datagrams are lost.
    Loss,
    /// Datagrams are late and overtake each other.
    Delay,
    /// Datagrams arrive twice.
    Double,
    /// Bits are turned.
    Corrupt,
    /// One direction between two nodes is cut on all links.
    OneWay,
    /// One link between two nodes is cut.
    CutLink,
    /// One node is cut off.
    Isolate,
    /// The nodes fall into two sides.
    Partition,
    /// Some of what was cut heals, in any order.
    HealSome,
    /// A node loses its power.
    Kill,
    /// A node loses its power and its BMC with it.
    KillWithBmc,
    /// A node's power fails for a moment.
    Blink,
    /// A node reboots.
    Reboot,
    /// All nodes reboot at once.
    RebootAll,
    /// A kernel hangs.
    Hang,
    /// An agent is stopped for a while.
    PauseAgent,
    /// An agent is stopped between its test and its pet.
    StallPet,
    /// A fencer is stopped for a while.
    PauseFencer,
    /// A virtual machine is paused.
    PauseMachine,
    /// An agent crashes and is started again.
    AgentCrash,
    /// A fencer crashes and is started again.
    FencerCrash,
    /// A fencer crashes and its disk is lost.
    FencerAmnesia,
    /// A disk refuses to write.
    DiskFails,
    /// A disk is slow, and a crash damages what it writes.
    DiskTears,
    /// A BMC is dead.
    BmcDead,
    /// A BMC acknowledges and does nothing.
    BmcIgnores,
    /// A BMC ignores, and reads off every other time.
    BmcFlaps,
    /// A BMC takes long to switch off.
    BmcSlow,
    /// A BMC obeys and answers late.
    BmcLate,
    /// A BMC gives power back by itself.
    BmcRestores,
    /// The adversary records and plays back.
    Replay,
    /// An operator orders a node off.
    Order,
    /// Two operators order each other's node off.
    CrossedOrders,
    /// An operator confirms a node dead that is.
    Confirm,
    /// A service fails.
    ServiceFails,
    /// A node leaves.
    Leave,
    /// A BMC reboots: silent, its sessions gone, its Off perhaps too.
    BmcReboots,
    /// A BMC has no slot for another session.
    BmcFull,
    /// A node's daemons are of the next version for a while.
    Upgrade,
}

/// All kinds.
pub const FAULTS: [Fault; 39] = [
    Fault::Loss,
    Fault::Delay,
    Fault::Double,
    Fault::Corrupt,
    Fault::OneWay,
    Fault::CutLink,
    Fault::Isolate,
    Fault::Partition,
    Fault::HealSome,
    Fault::Kill,
    Fault::KillWithBmc,
    Fault::Blink,
    Fault::Reboot,
    Fault::RebootAll,
    Fault::Hang,
    Fault::PauseAgent,
    Fault::StallPet,
    Fault::PauseFencer,
    Fault::PauseMachine,
    Fault::AgentCrash,
    Fault::FencerCrash,
    Fault::FencerAmnesia,
    Fault::DiskFails,
    Fault::DiskTears,
    Fault::BmcDead,
    Fault::BmcIgnores,
    Fault::BmcFlaps,
    Fault::BmcSlow,
    Fault::BmcLate,
    Fault::BmcRestores,
    Fault::Replay,
    Fault::Order,
    Fault::CrossedOrders,
    Fault::Confirm,
    Fault::ServiceFails,
    Fault::Leave,
    Fault::BmcReboots,
    Fault::BmcFull,
    Fault::Upgrade,
];

impl Fault {
    /// The kind of this name, in capitals or not.
    ///
    /// # Errors
    /// In words: the names that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let named = |fault: &Self| format!("{fault:?}").eq_ignore_ascii_case(name.trim());
        FAULTS.into_iter().find(named).ok_or_else(|| {
            let names: Vec<_> = FAULTS.iter().map(|fault| format!("{fault:?}")).collect();
            format!("{name} is no kind of fault; there are {}", names.join(", "))
        })
    }

    /// Does it to `world`, as `chance` draws it; what was done, in words, unless it was nothing.
    pub fn strike(self, world: &mut World, chance: &mut Chance) -> Option<String> {
        let nodes: Vec<_> = world.shape().nodes().collect();
        let members: Vec<_> = world.shape().member_nodes().collect();
        let voters: Vec<_> = world.shape().voter_nodes().collect();
        let (one, other) = (chance.pick(&nodes)?, chance.pick(&nodes)?);
        let (member, voter) = (chance.pick(&members)?, chance.pick(&voters)?);
        match self {
            Self::Loss | Self::Delay | Self::Double | Self::Corrupt => self.spoil(world, chance),
            Self::OneWay | Self::CutLink | Self::Isolate | Self::Partition | Self::HealSome => {
                self.cut(world, chance, (one, other), &nodes)
            }
            Self::Kill
            | Self::KillWithBmc
            | Self::Blink
            | Self::Reboot
            | Self::RebootAll
            | Self::Hang => self.end_life(world, chance, one, &nodes),
            Self::PauseAgent
            | Self::StallPet
            | Self::PauseFencer
            | Self::PauseMachine
            | Self::AgentCrash
            | Self::FencerCrash
            | Self::FencerAmnesia
            | Self::Upgrade => self.stop(world, chance, (member, voter)),
            Self::DiskFails | Self::DiskTears => self.spoil_disk(world, chance, voter),
            Self::BmcDead
            | Self::BmcIgnores
            | Self::BmcFlaps
            | Self::BmcSlow
            | Self::BmcLate
            | Self::BmcRestores => self.spoil_bmc(world, chance, member),
            Self::BmcReboots | Self::BmcFull => self.silence_bmc(world, chance, member),
            Self::Replay => {
                world.record(true);
                world.replay(200);
                Some("an adversary plays back 200 datagrams of any life".to_owned())
            }
            Self::Order | Self::CrossedOrders | Self::Confirm => {
                self.order(world, voter, member, chance.pick(&voters)?)
            }
            Self::ServiceFails | Self::Leave => self.serve(world, member),
        }
    }

    fn spoil(self, world: &mut World, chance: &mut Chance) -> Option<String> {
        let spans = Spans::of(world.shape());
        let network = &mut world.network;
        let permille = chance.below(500);
        match self {
            Self::Loss => network.lose(permille),
            Self::Double => network.double(permille),
            Self::Corrupt => network.corrupt(permille),
            _ => {
                let most = spans.by_suspicion(Duration::from_millis(1 + chance.below(400)));
                network.delay(most);
                return Some(format!("datagrams take up to {most:?} longer"));
            }
        }
        Some(format!("{self:?} of {permille} in a thousand datagrams"))
    }

    fn cut(
        self,
        world: &mut World,
        chance: &mut Chance,
        (one, other): (NodeId, NodeId),
        nodes: &[NodeId],
    ) -> Option<String> {
        let links: Vec<_> = world.shape().link_ids().collect();
        let network = &mut world.network;
        match self {
            Self::OneWay => {
                links.into_iter().for_each(|link| network.cut_one_way(one, other, link));
                Some(format!("{other} hears {one} no longer"))
            }
            Self::CutLink => {
                let link = chance.pick(&links)?;
                network.cut(one, other, link);
                Some(format!("link {} between {one} and {other} is cut", link.get()))
            }
            Self::Isolate => {
                network.isolate(one, nodes);
                Some(format!("{one} is cut off"))
            }
            Self::Partition => {
                let sides = chance.next();
                let here = |node: &&NodeId| sides >> node.get() & 1 == 1;
                let (side, rest): (Vec<_>, Vec<_>) = nodes.iter().partition(here);
                let rest: Vec<_> = rest.into_iter().copied().collect();
                side.iter().for_each(|node| network.isolate(**node, &rest));
                Some(format!("{side:?} and {rest:?} are parted"))
            }
            _ => {
                let count = chance.below(8) + 1;
                (0..count).for_each(|_| network.heal_one(chance.next()));
                Some(format!("{count} directed links heal"))
            }
        }
    }

    fn end_life(
        self,
        world: &mut World,
        chance: &mut Chance,
        node: NodeId,
        nodes: &[NodeId],
    ) -> Option<String> {
        match self {
            Self::Kill => {
                world.is_powered(node).then(|| world.kill(node))?;
                Some(format!("{node} loses its power"))
            }
            Self::KillWithBmc => {
                world.set_bmc(node, Bmc::Dead);
                world.is_powered(node).then(|| world.kill(node))?;
                Some(format!("{node} and its BMC lose their power"))
            }
            Self::Blink => {
                let span = chance.span(Duration::from_secs(3));
                world.blink(node, span);
                Some(format!("the power of {node} fails for {span:?}"))
            }
            Self::Reboot => {
                world.reboot(node);
                Some(format!("{node} is reset"))
            }
            Self::RebootAll => {
                let most = Spans::of(world.shape()).stop_max();
                nodes.iter().for_each(|node| world.blink(*node, chance.span(most)));
                Some("the power of all nodes fails at once and comes back".to_owned())
            }
            _ => {
                world.hang(node);
                Some(format!("the kernel of {node} hangs"))
            }
        }
    }

    fn stop(
        self,
        world: &mut World,
        chance: &mut Chance,
        (member, voter): (NodeId, NodeId),
    ) -> Option<String> {
        let span = chance.span(Spans::of(world.shape()).stop_max());
        match self {
            Self::PauseAgent => world.pause_agent(member, span),
            Self::StallPet => {
                let span = span / 3;
                world.stall_pet(member, span);
                return Some(format!("the agent of {member} stops {span:?} between test and pet"));
            }
            Self::PauseFencer => {
                world.freeze_fencer(voter, span);
                return Some(format!("the fencer of {voter} is stopped for {span:?}"));
            }
            Self::PauseMachine => {
                let machines = world.shape().virtual_nodes.clone();
                let node = chance.pick(&machines)?;
                let span = span * 2;
                world.pause_machine(node, span);
                return Some(format!("the virtual machine {node} is paused for {span:?}"));
            }
            Self::AgentCrash => {
                let span = span / 4;
                world.restart_agent(member, span);
                return Some(format!("the agent of {member} crashes, and is back after {span:?}"));
            }
            Self::Upgrade => {
                let span = span / 8;
                world.upgrade(member, span);
                let next = world.is_upgraded(member);
                return Some(format!(
                    "the daemons of {member} are replaced within {span:?}, next version: {next}"
                ));
            }
            _ => {
                let kept = self == Self::FencerCrash;
                world.restart_fencer(voter, span, kept);
                return Some(format!(
                    "the fencer of {voter} crashes, back after {span:?}, memory kept: {kept}"
                ));
            }
        }
        Some(format!("the agent of {member} is stopped for {span:?}"))
    }

    fn spoil_disk(self, world: &mut World, chance: &mut Chance, voter: NodeId) -> Option<String> {
        if self == Self::DiskFails {
            world.fail_disk(voter);
            return Some(format!("the disk of {voter} refuses to write"));
        }
        let fsync = chance.span(Spans::of(world.shape()).by_suspicion(Duration::from_millis(300)));
        world.tear_disk(voter, fsync);
        Some(format!("the disk of {voter} takes {fsync:?} and may tear"))
    }

    fn spoil_bmc(self, world: &mut World, chance: &mut Chance, node: NodeId) -> Option<String> {
        let bmc = match self {
            Self::BmcDead => Bmc::Dead,
            Self::BmcIgnores => Bmc::Ignores,
            Self::BmcFlaps => Bmc::Flaps,
            Self::BmcSlow => Bmc::Works { off_latency: chance.span(Duration::from_secs(6)) },
            Self::BmcLate => Bmc::Late { answer: chance.span(Duration::from_secs(3)) },
            _ => Bmc::Restores { after: chance.span(Duration::from_secs(2)) },
        };
        world.set_bmc(node, bmc);
        Some(format!("the BMC of {node}: {bmc:?}"))
    }

    fn silence_bmc(self, world: &mut World, chance: &mut Chance, node: NodeId) -> Option<String> {
        let span = chance.span(Duration::from_secs(6));
        if self == Self::BmcFull {
            world.fill_bmc(node, span);
            return Some(format!("the BMC of {node} has no session left for {span:?}"));
        }
        let off_lost = chance.below(2) == 0;
        world.reboot_bmc(node, span, off_lost);
        Some(format!("the BMC of {node} reboots for {span:?}, its pending Off lost: {off_lost}"))
    }

    fn order(self, world: &mut World, at: NodeId, target: NodeId, other: NodeId) -> Option<String> {
        match self {
            Self::Order => {
                world.operator(at, Input::Order { target });
                Some(format!("an operator at {at} orders {target} off"))
            }
            Self::CrossedOrders => {
                world.operator(at, Input::Order { target: other });
                world.operator(other, Input::Order { target: at });
                Some(format!("operators at {at} and {other} order each other's node off"))
            }
            _ => {
                (!world.is_running(target)).then_some(())?;
                world.operator(at, Input::Confirm { target });
                Some(format!("an operator at {at}, who has looked, confirms {target} dead"))
            }
        }
    }

    fn serve(self, world: &mut World, member: NodeId) -> Option<String> {
        if self == Self::ServiceFails {
            let owner = world.owner().filter(|owner| world.is_running(*owner))?;
            world.fail_service(owner, Answer::Failed(FailKind::Error));
            return Some(format!("the service fails on {owner}"));
        }
        world.heeds(member).then_some(())?;
        world.step_down(member);
        world.leave(member);
        Some(format!("{member} stops its service, if it has it, and leaves"))
    }
}
