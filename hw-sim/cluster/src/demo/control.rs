//! What the manager of the service says to an agent. A request, never a decision.

use palisade_host::control::call;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// Arms the health check of the agent behind `socket`, on a thread of its own: an agent that does
/// not answer must not keep the stage waiting. Tries once; the run misses its end if it fails.
pub fn arm(socket: PathBuf) {
    let ask = move || {
        if let Err(error) = call(&socket, &json!({ "ask": "arm" }), ANSWER_MAX) {
            log::warn!("the check behind {} was not armed: {error}", socket.display());
        }
    };
    // Dropping the handle lets the thread run on.
    drop(std::thread::spawn(ask));
}

const ANSWER_MAX: Duration = Duration::from_secs(2);
