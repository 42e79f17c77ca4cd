//! One node's BMC as the configuration describes it, its password read anew for each login.
//!
//! Never keeps a password longer than a session; never shows one.

use std::sync::Arc;

use palisade_host::config::{self, NodeView};
use palisade_protocol::time::Instant;

use crate::power::{BmcConfig, Opening, PowerDevice, PowerSession, Session};

/// A BMC whose password file may change while the daemon runs.
#[derive(Debug)]
struct Configured(config::Bmc);

/// The BMC of a node, if it has one.
pub(super) fn of(view: NodeView<'_>) -> Option<Arc<dyn PowerDevice>> {
    let bmc = view.node.bmc.clone()?;
    let password_file = view.path(&bmc.password_file);
    Some(Arc::new(Configured(config::Bmc { password_file, ..bmc })))
}

impl PowerDevice for Configured {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let bmc = self.0.clone();
            // On another thread: a mount that does not answer must not hold up the loop.
            let read = tokio::task::spawn_blocking(move || BmcConfig::read(&bmc)).await;
            let config = read.unwrap_or_else(|_broken| BmcConfig::read(&self.0))?;
            let session = Session::open(&config, by).await?;
            Ok(Box::new(session) as Box<dyn PowerSession>)
        })
    }

    fn describe(&self) -> String {
        format!("bmc {}", self.0.address)
    }
}
