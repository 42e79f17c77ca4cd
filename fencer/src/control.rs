//! The words between the operator's command and the daemon: one request, one answer, a JSON line each.
//!
//! A request names nodes as the configuration does; whether something is done about it is the daemon's to
//! answer.

use std::path::Path;
use std::time::Duration;

use palisade_host::control::call;
use serde::{Deserialize, Serialize};

use crate::status::Status;

/// What the operator's command asks of a fencer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Say how everything stands.
    Status,
    /// Have a node fenced: condemned by a majority first, as always.
    Fence {
        /// The node's name.
        node: String,
        /// Why, for the journal.
        why: String,
    },
    /// Record that a human vouches that a node is off.
    Confirm {
        /// The node's name.
        node: String,
        /// Who vouches.
        by: String,
    },
    /// A cluster manager's fence agent reboots a node by its own right, and leaves On to this fencer.
    Raise {
        /// The node's name.
        node: String,
        /// The address of its BMC, as the agent knows it: `host:port`; without one its first way to power,
        /// as [`mark`](crate::power::levels::mark) says it.
        bmc: String,
        /// How it goes.
        reboot: Reboot,
    },
}

/// How a reboot by a fence agent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reboot {
    /// Off is about to be ordered. Should the agent say nothing more, the machine is looked at.
    Begins,
    /// The machine is off, read twice.
    IsOff,
    /// It could not be switched off: forget it.
    Failed,
}

/// What the operator's command asks of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum AgentRequest {
    /// Say how everything stands.
    Status,
    /// The service's check counts from now on.
    Arm,
    /// It does not.
    Disarm,
    /// Leave the cluster and end.
    Leave,
}

/// What the fencer answers, and the agent but for its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// The request was taken up; its end shows in the status as a verdict not older than `at_ns`.
    Accepted {
        /// The daemon's boot clock when it took the request up.
        at_ns: u64,
    },
    /// The request is not acted upon.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// The request could not be read or names no known node.
    Misunderstood {
        /// What is wrong with it.
        reason: String,
    },
}

/// Asks the fencer at `socket`; the error says what is wrong and what to do.
pub fn ask(socket: &Path, request: &Request, longest: Duration) -> Result<Answer, String> {
    let words = serde_json::to_value(request).map_err(|error| error.to_string())?;
    let answer = call(socket, &words, longest).map_err(|error| error.to_string())?;
    serde_json::from_value(answer)
        .map_err(|error| format!("the fencer's answer could not be read: {error}; same version?"))
}

impl Request {
    /// Reads a request; the error says what is wrong with it.
    pub fn read(value: serde_json::Value) -> Result<Self, String> {
        serde_json::from_value(value)
            .map_err(|error| format!("{error}; allowed: status, fence, confirm, raise"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_has_one_spelling() {
        let fence = Request::Fence { node: "node3".into(), why: "smoke".into() };
        let line = serde_json::to_string(&fence).unwrap();
        assert_eq!(line, r#"{"ask":"fence","node":"node3","why":"smoke"}"#);
        assert_eq!(Request::read(json!({"ask":"fence","node":"node3","why":"smoke"})), Ok(fence));
        assert_eq!(Request::read(json!({"ask": "status"})), Ok(Request::Status));
    }

    #[test]
    fn an_unknown_wish_is_answered_with_what_is_allowed() {
        let refused = Request::read(json!({"ask": "dance"})).unwrap_err();
        assert!(refused.contains("dance") && refused.contains("confirm"), "{refused}");
    }

    #[test]
    fn a_word_too_many_is_not_overlooked() {
        assert!(Request::read(json!({"ask":"fence","node":"n","why":"w","force":true})).is_err());
    }

    #[test]
    fn an_answer_comes_back_as_it_was_sent() {
        let refused = Answer::Refused { reason: "node1 is condemned itself".into() };
        let line = serde_json::to_string(&refused).unwrap();
        assert_eq!(line, r#"{"answer":"refused","reason":"node1 is condemned itself"}"#);
        assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), refused);
    }
}
