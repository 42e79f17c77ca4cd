//! The fencer of this machine, asked over its control socket. Every question has a deadline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_host::config::{Cluster, FencerSettings};

use super::answer::Failed;
use super::option;
use super::values::Values;
use crate::control::{Answer, Request};
use crate::place;
use crate::status::Status;

/// A running fencer, or one that should run.
#[derive(Clone, Debug)]
pub(super) struct Fencer {
    socket: PathBuf,
    patience: Duration,
}

impl Fencer {
    /// The one that the options name, or else this machine's in the configuration.
    pub(super) fn of(values: &Values, cluster: Option<&Cluster>) -> Result<Option<Self>, Failed> {
        let patience = values.seconds(&option::SHELL_TIMEOUT)?;
        let named = values.one(&option::FENCER_SOCKET)?.map(PathBuf::from);
        let socket = named
            .or_else(|| cluster.and_then(this_machines).map(|settings| settings.control_socket));
        Ok(socket.map(|socket| Self { socket, patience }))
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The instant at which an order was taken up, on the fencer's boot clock; or why it was not.
    pub(super) fn order(&self, request: &Request) -> Result<u64, String> {
        match self.ask(request, self.patience)? {
            Answer::Accepted { at_ns } => Ok(at_ns),
            Answer::Refused { reason } | Answer::Misunderstood { reason } => Err(reason),
            Answer::Status(_) => Err(ODD.to_owned()),
        }
    }

    /// As [`Self::order`], from an agent that has no time to lose.
    pub(super) fn order_quickly(
        &self,
        request: &Request,
        patience: Duration,
    ) -> Result<u64, String> {
        Self { patience: patience.min(self.patience), ..self.clone() }.order(request)
    }

    /// How everything stands.
    pub(super) fn status(&self) -> Result<Status, String> {
        match self.ask(&Request::Status, self.patience)? {
            Answer::Status(status) => Ok(*status),
            Answer::Refused { reason } | Answer::Misunderstood { reason } => Err(reason),
            Answer::Accepted { .. } => Err(ODD.to_owned()),
        }
    }

    fn ask(&self, request: &Request, patience: Duration) -> Result<Answer, String> {
        crate::control::ask(&self.socket, request, patience)
    }
}

const ODD: &str = "the fencer answered another question; same version?";

/// What the configuration says of this machine's fencer, if it has one there.
pub(super) fn this_machines(cluster: &Cluster) -> Option<FencerSettings> {
    let view = place::node(cluster, None).ok()?;
    view.node.fencer.then(|| view.fencer())
}
