//! Ways to a node's power that are no BMC reached by IPMI: named here, and never used.

use palisade_host::config::{Node, PowerLevel};

use crate::power::PowerDevice as _;
use crate::power::agent::Agent;
use crate::power::redfish::Redfish;

/// Its `[[node.power]]` in an operator's words, in the order of the file.
pub(in super::super) fn other_ways(node: &Node) -> Vec<String> {
    node.power.iter().map(name).collect()
}

fn name(level: &PowerLevel) -> String {
    match level {
        PowerLevel::Redfish(redfish) => Redfish::new(redfish.clone()).describe(),
        PowerLevel::Agent(agent) => Agent::new(agent.clone()).describe(),
    }
}
