//! What the caller gets: an exit code, and one line for each failure. Never a password.

use std::fmt::Display;
use std::io::{Write as _, stderr, stdout};
use std::sync::OnceLock;

use super::action::Action;
use super::called;
use super::syslog::{self, Grade};

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Done; for `status`, at least one machine is on.
    Done,
    /// `status`: reachable and off.
    Off,
    /// Failed, and said so.
    Failed,
}

impl Answer {
    /// 0, 2 or 1.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Off => 2,
        }
    }
}

/// Why nothing, or not all, was done: lines not yet told.
#[derive(Debug)]
pub(super) struct Failed(Vec<String>);

impl Failed {
    /// A failure with one line of evidence and remedy.
    pub(super) fn new(line: impl Display) -> Self {
        Self(vec![line.to_string()])
    }

    /// The same failure, saying at which action and plug.
    pub(super) fn about(self, action: Action, plug: Option<&str>) -> Self {
        let of = plug.map(|plug| format!(" of {plug}")).unwrap_or_default();
        let lines = self.0.into_iter();
        Self(lines.map(|line| format!("{}{of} failed: {line}", action.name())).collect())
    }

    /// The failures so far and one more.
    pub(super) fn joined(so_far: Option<Self>, more: Self) -> Self {
        let mut lines = so_far.map(|failed| failed.0).unwrap_or_default();
        lines.extend(more.0);
        Self(lines)
    }

    /// Its lines.
    pub(super) fn lines(self) -> Vec<String> {
        self.0
    }

    /// Tells each line on standard error and in the system's log.
    pub(super) fn told(self) -> u8 {
        for line in &self.0 {
            tell(line);
            syslog::tell(Grade::Error, line);
        }
        Answer::Failed.code()
    }
}

static QUIET: OnceLock<()> = OnceLock::new();

/// From now on nothing is said on standard error.
pub(super) fn be_quiet() {
    QUIET.get_or_init(|| ());
}

/// One line on standard error. Without anybody to read it the exit code must do.
pub(super) fn tell(line: &dyn Display) {
    if QUIET.get().is_some() {
        return;
    }
    let line = line.to_string().trim_end().replace(['\n', '\r'], " ");
    let name = called::now().name;
    stderr().write_all(format!("{name}: {line}\n").as_bytes()).unwrap_or_default();
}

/// The same for what is no failure, and in the system's log.
pub(super) fn warn(line: &str) {
    tell(&format!("warning: {line}"));
    syslog::tell(Grade::Warning, line);
}

/// Text on standard output.
pub(super) fn say(text: &str) -> Result<Answer, Failed> {
    let written = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    written
        .map(|()| Answer::Done)
        .map_err(|error| Failed::new(format!("standard output: {error}; keep it open")))
}
