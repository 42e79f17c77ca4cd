//! The words between the operator's command and the agent: one request, one answer, a JSON line each.
//!
//! Nothing here opens a socket, and nothing is done here: what is asked for goes back to the loop.

use palisade_agent_core::{AgentCore, Phase};
use palisade_protocol::wire::Verdict;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::status::{Parts, status};

/// A request as it comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    ask: Request,
}

/// What may be asked of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Say how everything stands.
    Status,
    /// The service's check counts from now on.
    Arm,
    /// It does not.
    Disarm,
    /// Leave the cluster and end.
    Leave,
}

impl Request {
    /// Reads a request; the error is the answer to it.
    pub(crate) fn read(request: Value) -> Result<Self, Value> {
        serde_json::from_value(request).map(|words: Words| words.ask).map_err(|error| {
            let reason = format!("{error}; allowed: status, arm, disarm, leave");
            json!({ "answer": "misunderstood", "reason": reason })
        })
    }
}

/// The answer to `request`; what is to be done about it is added to `orders`.
pub(crate) fn answer(
    request: Value,
    parts: &Parts<'_>,
    has_check: bool,
    orders: &mut Vec<Request>,
) -> Value {
    let request = match Request::read(request) {
        Ok(Request::Status) => return status(parts),
        Ok(request) => request,
        Err(misunderstood) => return misunderstood,
    };
    if let Some(reason) = obstacle(request, parts.core, has_check) {
        return json!({ "answer": "refused", "reason": reason });
    }
    orders.push(request);
    json!({ "answer": "accepted", "at_ns": parts.now.as_nanos() })
}

/// Why it cannot be done, and what to do.
fn obstacle(request: Request, core: &AgentCore, has_check: bool) -> Option<&'static str> {
    let is_armed = core.verdict() != Verdict::Idle;
    match request {
        Request::Arm | Request::Disarm if !has_check => {
            Some("this node has no check; give it one in the configuration and restart its agent")
        }
        Request::Leave if is_armed => {
            Some("the service's check is armed here; stop the service and disarm it, then leave")
        }
        Request::Leave if core.phase() != Phase::Serving => {
            Some("this node is on its way out already")
        }
        Request::Status | Request::Arm | Request::Disarm | Request::Leave => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_spelling() {
        assert_eq!(Request::read(json!({"ask": "leave"})), Ok(Request::Leave));
        assert!(Request::read(json!({"ask": "leave", "now": true})).is_err());
    }

    #[test]
    fn an_unknown_wish_is_answered_with_what_is_allowed() {
        let answer = Request::read(json!({"ask": "dance"})).expect_err("no such wish");
        assert_eq!(answer["answer"], "misunderstood");
        assert!(
            answer["reason"].as_str().is_some_and(|reason| reason.contains("disarm")),
            "{answer}"
        );
    }
}
