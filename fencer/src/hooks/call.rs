//! One call of a hook: which program, for what, with which words in its environment.
//!
//! Never starts anything.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_fencer_core::Proof;
use palisade_host::config::Hooks;
use palisade_protocol::time::Instant;

/// What is told to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// A node is no longer heard; nothing is proven.
    Lost,
    /// A node is proven to be dead: what ran there may be started elsewhere.
    Fenced,
    /// A node is lost and could not be proven dead: nothing may be started elsewhere.
    Failed,
    /// A node is a member again.
    Rejoined,
}

impl Occasion {
    /// The word in `PALISADE_EVENT` and in the journal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Fenced => "fenced",
            Self::Failed => "failed",
            Self::Rejoined => "rejoined",
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "on_{}", self.word())
    }
}

/// What all hooks of one daemon share.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The cluster's name.
    pub cluster: String,
    /// The node that this daemon runs on.
    pub node: String,
    /// The programs, and the longest that one may run.
    pub programs: Hooks,
}

impl Setting {
    /// The call that says `target` is lost; `None` if no program is configured for it.
    pub fn lost(&self, target: &str, reason: &str, at: Instant) -> Option<Call> {
        self.call(Occasion::Lost, self.programs.on_lost.as_deref(), target, reason, at)
    }

    /// The call that says `target` is fenced, on the grounds of `proof`, which it uses up; `None` if no
    /// program is configured for it.
    pub fn fenced(&self, proof: Proof, target: &str, reason: &str) -> Option<Call> {
        let program = self.programs.on_fenced.as_deref();
        let call = self.call(Occasion::Fenced, program, target, reason, proof.at())?;
        Some(call.with("PALISADE_PROOF", &proof.evidence().to_string()))
    }

    /// The call that says `target` could not be fenced; `None` if no program is configured for it.
    pub fn failed(&self, target: &str, reason: &str, at: Instant) -> Option<Call> {
        self.call(Occasion::Failed, self.programs.on_failed.as_deref(), target, reason, at)
    }

    /// The call that says `target` is back; `None` if no program is configured for it.
    pub fn rejoined(&self, target: &str, reason: &str, at: Instant) -> Option<Call> {
        self.call(Occasion::Rejoined, self.programs.on_rejoined.as_deref(), target, reason, at)
    }

    fn call(
        &self,
        occasion: Occasion,
        program: Option<&Path>,
        target: &str,
        reason: &str,
        at: Instant,
    ) -> Option<Call> {
        let words = vec![
            ("PALISADE_EVENT", occasion.word().to_owned()),
            ("PALISADE_CLUSTER", self.cluster.clone()),
            ("PALISADE_NODE", self.node.clone()),
            ("PALISADE_TARGET", target.to_owned()),
            ("PALISADE_REASON", one_line(reason)),
            ("PALISADE_AT_NS", at.as_nanos().to_string()),
            ("PALISADE_PROOF", String::new()),
        ];
        let program = program?.to_owned();
        Some(Call {
            occasion,
            program,
            target: target.to_owned(),
            words,
            limit: self.programs.timeout,
        })
    }
}

/// One call of a hook, ready to be started.
#[derive(Debug)]
pub struct Call {
    occasion: Occasion,
    program: PathBuf,
    target: String,
    words: Vec<(&'static str, String)>,
    limit: Duration,
}

impl Call {
    /// What the hook is told.
    pub const fn occasion(&self) -> Occasion {
        self.occasion
    }

    /// The program to run.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The node that the hook is told about.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The hook's environment, `PATH` apart.
    pub fn words(&self) -> &[(&'static str, String)] {
        &self.words
    }

    /// Longest that the hook may run.
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Sets one word of the environment that stands there already.
    fn with(mut self, name: &str, value: &str) -> Self {
        for word in self.words.iter_mut().filter(|word| word.0 == name) {
            word.1 = one_line(value);
        }
        self
    }
}

/// Control characters, NUL first, have no place in an environment that scripts will print.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
