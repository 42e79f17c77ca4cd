//! The fencer of this machine, as the command asks it.

use std::path::PathBuf;
use std::time::Duration;

use palisade_host::config::Cluster;

use super::args::Place;
use super::exit::Failure;
use crate::control::{self, Answer, Request};
use crate::place;
use crate::status::Status;

/// A fencer that has not answered by then is stuck.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The fencer of this machine.
#[derive(Debug)]
pub(super) struct Asked {
    socket: PathBuf,
    cluster: Cluster,
}

impl Asked {
    /// Finds the control socket; errs with 2 if the configuration or the node is wrong.
    pub(super) fn at(place: &Place) -> Result<Self, Failure> {
        let cluster = place::load(&place.config).map_err(Failure::usage)?;
        let view = place::node(&cluster, place.node.as_deref()).map_err(Failure::usage)?;
        if !view.node.fencer {
            let names: Vec<&str> = cluster.voters().map(|node| node.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "{} runs no fencer; ask on one of: {}",
                view.node.name,
                names.join(", ")
            )));
        }
        let socket = view.fencer().control_socket;
        Ok(Self { socket, cluster })
    }

    /// Errs with 2 if the configuration has no such node.
    pub(super) fn must_know(&self, target: &str) -> Result<(), Failure> {
        if self.cluster.node(target).is_some() {
            return Ok(());
        }
        let names: Vec<&str> = self.cluster.nodes.iter().map(|node| node.name.as_str()).collect();
        Err(Failure::usage(format!("no node {target:?}; allowed: {}", names.join(", "))))
    }

    /// How everything stands.
    pub(super) fn status(&self) -> Result<Status, Failure> {
        match self.ask(&Request::Status)? {
            Answer::Status(status) => Ok(*status),
            Answer::Refused { reason } | Answer::Misunderstood { reason } => {
                Err(Failure::unknown(reason))
            }
            Answer::Accepted { .. } => Err(odd()),
        }
    }

    /// Orders something; the instant at which it was taken up, on the fencer's boot clock.
    pub(super) fn order(&self, request: &Request) -> Result<u64, Failure> {
        match self.ask(request)? {
            Answer::Accepted { at_ns } => Ok(at_ns),
            Answer::Refused { reason } => Err(Failure::refused(reason)),
            Answer::Misunderstood { reason } => Err(Failure::usage(reason)),
            Answer::Status(_) => Err(odd()),
        }
    }

    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        control::ask(&self.socket, request, ANSWER_MAX).map_err(Failure::unknown)
    }
}

fn odd() -> Failure {
    Failure::unknown("the fencer answered another question; same version?")
}
