//! One node's way to power as the configuration describes it, its passwords read anew for each login.
//!
//! Never shows one.

use std::sync::Arc;

use palisade_host::config::NodeView;

use crate::power::{Bmc, BmcConfig, Engine, PowerDevice, levels};

/// The way to a node's power, if it has one: its BMC, and what comes after it.
pub(super) fn of(view: NodeView<'_>, engine: &Engine) -> Option<Arc<dyn PowerDevice>> {
    levels::of(view.node, |bmc| {
        let (address, bmc) = (bmc.address.clone(), bmc.clone());
        Arc::new(Bmc::reading(engine.clone(), address, move || BmcConfig::read(&bmc)))
    })
}
