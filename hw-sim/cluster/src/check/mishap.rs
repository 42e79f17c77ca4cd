//! What happens to a cluster whatever the adversary does, and counts as no fault of its.

use palisade_protocol::ids::NodeId;

use super::fault::{FOR_GOOD, Fault};
use super::machine::Bmc;

/// One mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Node 1 is cut off for good.
    CutOff,
    /// It is cut off for three ticks.
    CutOffBriefly,
    /// It is cut off for two ticks: long enough to be suspected, too short for the longest dog.
    CutOffJust,
    /// Node 3 does not hear node 1 for a tick.
    UnheardByWitness,
    /// Node 3 does not hear node 1 any more.
    LostToWitness,
    /// Node 3 is cut off for good.
    WitnessCutOff,
    /// Its agent gets no processor any more.
    AgentStopped,
    /// It loses its power.
    Unplugged,
    /// It is reset, and boots for two ticks.
    Reset,
    /// It leaves.
    Leaves,
    /// It leaves, and its agent starts again two ticks later.
    LeavesBriefly,
    /// Its service fails.
    ServiceFails,
    /// Its BMC acknowledges everything and does nothing.
    BmcIgnores,
    /// Its BMC takes five ticks to cut the power: longer than the machine takes to boot.
    BmcSlow,
    /// Its power comes back by itself, a tick after it was cut.
    PowerReturns,
    /// Nodes 1 and 2 do not hear each other any more.
    Severed,
    /// Nodes 2 and 3 do not hear each other any more.
    SeveredFromWitness,
    /// An operator orders node 1 off.
    Ordered,
    /// Another orders it off where it may not be heard.
    OrderedByWitness,
    /// An operator who sees that node 1 is down confirms it.
    Confirmed,
    /// The fencer of node 2 restarts.
    FencerRestarts,
    /// The fencer of node 2 restarts without its disk.
    FencerForgets,
    /// Every fencer restarts.
    FencersRestart,
    /// Node 1 is paused for good by its hypervisor.
    Paused,
}

impl Mishap {
    /// Those that end in a lost node 1.
    pub const LOSSES: [Self; 4] =
        [Self::CutOff, Self::CutOffBriefly, Self::AgentStopped, Self::Unplugged];

    pub(super) fn fault(self) -> Option<Fault> {
        let (node, other, witness) = (NodeId::new(1)?, NodeId::new(2)?, NodeId::new(3)?);
        Some(match self {
            Self::CutOff => Fault::Isolated { node, ticks: FOR_GOOD },
            Self::CutOffBriefly => Fault::Isolated { node, ticks: 3 },
            Self::CutOffJust => Fault::Isolated { node, ticks: 2 },
            Self::UnheardByWitness => Fault::Cut { from: node, to: witness, ticks: 1 },
            Self::LostToWitness => Fault::Cut { from: node, to: witness, ticks: FOR_GOOD },
            Self::WitnessCutOff => Fault::Isolated { node: witness, ticks: FOR_GOOD },
            Self::AgentStopped => Fault::AgentSleeps { node, ticks: FOR_GOOD },
            Self::Unplugged => Fault::PlugPulled { node },
            Self::Reset => Fault::Reset { node, ticks: 2 },
            Self::Leaves => Fault::Leaves { node, ticks: FOR_GOOD },
            Self::LeavesBriefly => Fault::Leaves { node, ticks: 2 },
            Self::ServiceFails => Fault::ServiceFails { node },
            Self::BmcIgnores => Fault::BmcTurns { node, bmc: Bmc::Ignores },
            Self::BmcSlow => Fault::BmcTurns { node, bmc: Bmc::Slow(5) },
            Self::PowerReturns => Fault::BmcTurns { node, bmc: Bmc::Returns(1) },
            Self::Severed => Fault::Severed { one: node, other, ticks: FOR_GOOD },
            Self::SeveredFromWitness => {
                Fault::Severed { one: other, other: witness, ticks: FOR_GOOD }
            }
            Self::Ordered => Fault::Ordered { at: other, target: node },
            Self::OrderedByWitness => Fault::Ordered { at: witness, target: node },
            Self::Confirmed => Fault::Confirmed { at: other, target: node },
            Self::FencerRestarts => Fault::FencerStops { node: other, ticks: 1, disk_kept: true },
            Self::FencerForgets => Fault::FencerStops { node: other, ticks: 1, disk_kept: false },
            Self::FencersRestart => Fault::FencersStop { spared: None, ticks: 1, disks_kept: true },
            Self::Paused => Fault::Paused { node, ticks: FOR_GOOD },
        })
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::CutOff => "node 1 cut off",
            Self::CutOffBriefly => "node 1 cut off briefly",
            Self::CutOffJust => "node 1 just cut off",
            Self::UnheardByWitness => "node 1 unheard by 3",
            Self::LostToWitness => "node 1 lost to 3",
            Self::WitnessCutOff => "node 3 cut off",
            Self::AgentStopped => "agent 1 stopped",
            Self::Unplugged => "node 1 unplugged",
            Self::Reset => "node 1 reset",
            Self::Leaves => "node 1 leaves",
            Self::LeavesBriefly => "node 1 leaves briefly",
            Self::ServiceFails => "service 1 fails",
            Self::BmcIgnores => "BMC 1 ignores",
            Self::BmcSlow => "BMC 1 slow",
            Self::PowerReturns => "power 1 returns",
            Self::Severed => "nodes 1 and 2 severed",
            Self::SeveredFromWitness => "nodes 2 and 3 severed",
            Self::Ordered => "node 1 ordered off",
            Self::OrderedByWitness => "node 1 ordered off at 3",
            Self::Confirmed => "node 1 confirmed",
            Self::FencerRestarts => "fencer 2 restarts",
            Self::FencerForgets => "fencer 2 forgets",
            Self::FencersRestart => "fencers restart",
            Self::Paused => "node 1 paused",
        }
    }
}
