//! A reboot's second half, left to a running fencer: a cluster manager kills its agents at any
//! instruction, and nothing that only such an agent knows may be half done.
//!
//! The fencer is told before off is ordered, and looks after the machine by itself from then on. Never
//! holds off up for longer than [`ANNOUNCE_MAX`].

use std::time::Duration;

use tokio::task::spawn_blocking;

use super::fencer::Fencer;
use super::target::Target;
use crate::control::{Reboot, Request};

/// How long a fencer may take to note a reboot before off is ordered without it.
const ANNOUNCE_MAX: Duration = Duration::from_millis(250);

/// How long it may take to take over a machine that is off.
const TAKE_MAX: Duration = Duration::from_secs(1);

/// One machine's reboot as the fencer is told of it.
#[derive(Debug)]
pub(super) struct Handover<'a> {
    fencer: Option<&'a Fencer>,
    machine: &'a Target,
}

impl<'a> Handover<'a> {
    /// Says that off is about to be ordered.
    pub(super) async fn announce(fencer: Option<&'a Fencer>, machine: &'a Target) -> Self {
        let handover = Self { fencer: fencer.filter(|_| machine.node.is_some()), machine };
        handover.tell(Reboot::Begins, ANNOUNCE_MAX).await;
        handover
    }

    /// Says that the machine is off; whether the fencer will switch it on.
    pub(super) async fn is_off(&self) -> bool {
        self.tell(Reboot::IsOff, TAKE_MAX).await
    }

    /// Says that off was never ordered.
    pub(super) async fn failed(&self) {
        self.tell(Reboot::Failed, ANNOUNCE_MAX).await;
    }

    async fn tell(&self, reboot: Reboot, patience: Duration) -> bool {
        let (Some(fencer), Some(node)) = (self.fencer.cloned(), self.machine.node.clone()) else {
            return false;
        };
        let bmc = self.machine.mark.clone();
        let told = spawn_blocking(move || {
            fencer.order_quickly(&Request::Raise { node, bmc, reboot }, patience)
        });
        let told = told.await.unwrap_or_else(|broken| Err(broken.to_string()));
        if let Err(reason) = &told {
            log::debug!("reboot not left to a fencer ({reboot:?}): {reason}");
        }
        told.is_ok()
    }
}
