//! `palisade leave`, `arm` and `disarm`: words to the agent of this machine, and what it says of itself.

use std::path::PathBuf;
use std::time::Duration;

use palisade_host::clock;
use palisade_host::config::{CheckProfile, NodeView};
use palisade_host::control::{self, CallError};
use serde_json::Value;

use super::args::Place;
use super::exit::{Failure, progress, result};
use super::rest::rest;
use crate::control::{AgentRequest, Answer};
use crate::place;
use crate::status::span;

/// An agent that has not answered by then is stuck.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Longest wait for a majority to note that this node leaves.
const LEAVE_MAX: Duration = Duration::from_secs(60);

/// Time between two looks at an agent that leaves.
const LOOK_EVERY_MS: u16 = 100;

/// Has the agent leave, and waits until it has.
pub(super) fn leave(place: &Place) -> Result<(), Failure> {
    let agent = Agent::at(place)?;
    agent.order(AgentRequest::Leave)?;
    let deadline = clock::now() + LEAVE_MAX;
    while !agent.has_left()? {
        if clock::now() >= deadline {
            return Err(Failure::not_so(
                "no majority has noted it yet: the agent goes on petting and asking; watch palisade status",
            ));
        }
        rest(LOOK_EVERY_MS);
    }
    result("left: the lease is given up and the watchdog disarmed\n")
}

/// Lets the check count.
pub(super) fn arm(place: &Place, check: &str) -> Result<(), Failure> {
    let agent = Agent::at(place)?;
    agent.must_check(check)?;
    agent.order(AgentRequest::Arm)
}

/// Lets the check not count.
pub(super) fn disarm(place: &Place, check: &str) -> Result<(), Failure> {
    let agent = Agent::at(place)?;
    agent.must_check(check)?;
    agent.order(AgentRequest::Disarm)
}

/// The agent of this machine.
#[derive(Debug)]
pub(super) struct Agent {
    socket: PathBuf,
    check: Option<&'static str>,
}

impl Agent {
    /// Finds the control socket; errs with 2 if the configuration or the node is wrong.
    fn at(place: &Place) -> Result<Self, Failure> {
        let cluster = place::load(&place.config).map_err(Failure::usage)?;
        let view = place::node(&cluster, place.node.as_deref()).map_err(Failure::usage)?;
        let name = &view.node.name;
        Self::of(view).ok_or_else(|| Failure::usage(format!("{name} runs no agent")))
    }

    /// The agent of a node, if it runs one.
    pub(super) fn of(view: NodeView<'_>) -> Option<Self> {
        let check = view.node.check.as_ref().map(|check| match check.profile {
            CheckProfile::Bitbucket => "bitbucket",
        });
        view.node.agent.then(|| Self { socket: view.agent().control_socket, check })
    }

    /// What it says of itself.
    pub(super) fn status(&self) -> Result<Value, CallError> {
        self.ask(AgentRequest::Status)
    }

    fn must_check(&self, check: &str) -> Result<(), Failure> {
        match self.check {
            Some(known) if known == check => Ok(()),
            Some(known) => {
                Err(Failure::usage(format!("no check {check:?} here; allowed: {known}")))
            }
            None => Err(Failure::usage("this node has no [node.check]")),
        }
    }

    fn order(&self, request: AgentRequest) -> Result<(), Failure> {
        let answer = self.ask(request).map_err(Failure::unknown)?;
        match serde_json::from_value(answer).map_err(Failure::unknown)? {
            Answer::Accepted { .. } => Ok(()),
            Answer::Refused { reason } => Err(Failure::refused(reason)),
            Answer::Misunderstood { reason } => Err(Failure::usage(reason)),
            Answer::Status(_) => {
                Err(Failure::unknown("the agent answered another question; same version?"))
            }
        }
    }

    fn has_left(&self) -> Result<bool, Failure> {
        match self.status() {
            Ok(status) => Ok(word(&status, "phase") == "left"),
            Err(CallError::NotRunning { .. } | CallError::HungUp { .. }) => Ok(true),
            Err(error) => {
                progress(&error.to_string());
                Ok(false)
            }
        }
    }

    fn ask(&self, request: AgentRequest) -> Result<Value, CallError> {
        // A request of ours always becomes JSON.
        let words = serde_json::to_value(request).unwrap_or_default();
        control::call(&self.socket, &words, ANSWER_MAX)
    }
}

/// One line about the agent of this machine.
pub(super) fn line(agent: &Result<Value, CallError>) -> String {
    match agent {
        Ok(status) => described(status),
        Err(error) => format!("AGENT HERE: {error}\n"),
    }
}

fn described(status: &Value) -> String {
    let dog = status.get("dog").unwrap_or(&Value::Null);
    let lease = status.get("lease_left_ms").and_then(Value::as_u64);
    let lease = lease.map_or("no lease".to_owned(), |ms| format!("lease {} left", span(ms)));
    let armed = if dog.get("armed").and_then(Value::as_bool).unwrap_or_default() {
        "armed"
    } else {
        "NOT ARMED"
    };
    let pets = status.get("pets").and_then(Value::as_u64).unwrap_or_default();
    let slack = status.get("slack_min_ms").and_then(Value::as_f64);
    let slack = slack.map_or(String::new(), |ms| format!(", smallest slack {ms:.0} ms"));
    let refused = dog.get("refused").and_then(Value::as_str);
    let refused = refused.map_or(String::new(), |why| format!("; does not pet: {why}"));
    let (phase, health, name) = (word(status, "phase"), word(status, "health"), word(dog, "name"));
    format!(
        "AGENT HERE: {phase}, service {health}, {lease}, {name} {armed}, {pets} pets{slack}{refused}\n"
    )
}

fn word<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_agent_that_does_not_pet_says_why_in_its_line() {
        let status = json!({
            "phase": "serving", "health": "down", "lease_left_ms": 900, "pets": 17, "slack_min_ms": 612.4,
            "dog": {"name": "/dev/watchdog0", "armed": true, "refused": "the service is down"},
        });
        assert_eq!(
            line(&Ok(status)),
            "AGENT HERE: serving, service down, lease 900 ms left, /dev/watchdog0 armed, 17 pets, \
             smallest slack 612 ms; does not pet: the service is down\n"
        );
    }

    #[test]
    fn an_answer_of_another_version_is_shown_as_far_as_it_goes() {
        assert!(
            line(&Ok(json!({"phase": "serving"}))).starts_with("AGENT HERE: serving, service ?")
        );
    }
}
