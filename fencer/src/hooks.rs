//! Hooks: the operator's own programs, run when a node is lost, fenced, not to be fenced, or back.
//!
//! A hook is started without a shell, in a process group of its own, with a clean environment and no
//! standard input, off the loop; past its time limit the whole group is killed. What it prints goes to
//! the log. This module never waits for a hook on the loop, never runs `on_fenced` without a proof, and
//! never lets what a hook does change a decision.

mod call;
mod process;

pub use call::{Call, Occasion, Setting};
pub use process::Outcome;

use tokio::task::JoinSet;

/// How a hook ended, for the journal.
#[derive(Debug)]
pub struct Report {
    /// What the hook was run for.
    pub occasion: Occasion,
    /// The node that it was told about.
    pub target: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// The hooks that are running now.
#[derive(Debug, Default)]
pub struct Running(JoinSet<Report>);

impl Running {
    /// Starts one hook in a task of its own and returns at once.
    pub fn start(&mut self, call: Call) {
        self.0.spawn(async move {
            let outcome = process::run(&call).await;
            Report { occasion: call.occasion(), target: call.target().to_owned(), outcome }
        });
    }

    /// How many hooks are running.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The next hook that ends; waits for ever while none is running. May be dropped and asked again.
    pub async fn next(&mut self) -> Report {
        loop {
            match self.0.join_next().await {
                Some(Ok(report)) => return report,
                Some(Err(broken)) => log::error!("a hook's task broke: {broken}"),
                None => std::future::pending().await,
            }
        }
    }

    /// Lets go of the hooks still running: they go on without a time limit and without a log.
    pub fn let_go(&mut self) {
        self.0.detach_all();
    }
}

#[cfg(test)]
mod tests;
