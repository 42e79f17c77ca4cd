//! What hostile bytes can reach, one door for each border: explored by `tests/fuzz`, replayed by
//! `tests/tests/corpus.rs`.
//!
//! Every door takes any bytes. It returns if nothing went wrong, and panics if a rule was broken: the
//! product's own assertions, and those made here. Never touches the network, a clock or randomness.

mod config;
mod durable;
mod fence_agent_stdin;
mod host_list;
mod peer;
mod pieces;
mod qemu;
mod redfish;
mod rmcp;
mod vectors;

/// One border of the product.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Its door.
    pub run: fn(&[u8]),
    /// Honest inputs to begin from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All borders.
pub const TARGETS: [Target; 9] = [
    Target { name: "peer", run: peer::run, seeds: peer::seeds },
    Target { name: "rmcp_client", run: rmcp::run_client, seeds: rmcp::seeds },
    Target { name: "rmcp_bmc", run: rmcp::run_bmc, seeds: rmcp::seeds },
    Target { name: "qemu", run: qemu::run, seeds: qemu::seeds },
    Target { name: "config", run: config::run, seeds: config::seeds },
    Target { name: "durable", run: durable::run, seeds: durable::seeds },
    Target { name: "redfish", run: redfish::run, seeds: redfish::seeds },
    Target { name: "host_list", run: host_list::run, seeds: host_list::seeds },
    Target {
        name: "fence_agent_stdin",
        run: fence_agent_stdin::run,
        seeds: fence_agent_stdin::seeds,
    },
];

/// The border called `name`.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Opens the door called `name`.
///
/// # Panics
/// If a rule was broken, or if there is no such border.
pub fn run(name: &str, input: &[u8]) {
    let target = target(name);
    assert!(target.is_some(), "no border is called {name}");
    if let Some(target) = target {
        (target.run)(input);
    }
}
