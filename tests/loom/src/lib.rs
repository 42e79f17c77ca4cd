//! The agent's mailbox, the same source file, compiled against loom's atomics.
//!
//! Holds no test; adds nothing to the mailbox but a way in for those of `tests/`.

mod atomic;
#[path = "../../../agent/src/probe/mailbox.rs"]
mod mailbox;

use palisade_agent_core::ProbeReport;
use palisade_agent_core::health::Answer;
use palisade_protocol::time::Instant;

/// The slot between the probe's thread and the loop.
#[derive(Debug, Default)]
pub struct Mailbox(mailbox::Mailbox);

impl Mailbox {
    /// The loop puts a question.
    pub fn ask(&self, asked_at: Instant) -> bool {
        self.0.ask(asked_at)
    }

    /// The thread answers it.
    pub fn put(&self, answer: Answer) {
        self.0.put(answer);
    }

    /// The loop takes the answer.
    pub fn take(&self) -> Option<ProbeReport> {
        self.0.take()
    }
}
