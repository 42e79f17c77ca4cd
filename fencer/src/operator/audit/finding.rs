//! One line of an audit.

use std::fmt;

/// How it stands, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// As it should be.
    Pass,
    /// It works; something should be changed.
    Warn,
    /// Something must be changed.
    Fail,
    /// It was not found out: no answer is neither good nor bad.
    Unknown,
}

/// What was checked, how it stands, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) grade: Grade,
    pub(super) says: String,
    /// Empty where nothing needs to be done.
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn passed(check: &'static str, says: impl fmt::Display) -> Self {
        Self { check, grade: Grade::Pass, says: says.to_string(), remedy: String::new() }
    }

    pub(super) fn warned(check: &'static str, says: impl fmt::Display, remedy: &str) -> Self {
        let (says, remedy) = (says.to_string(), remedy.to_owned());
        Self { check, grade: Grade::Warn, says, remedy }
    }

    /// An error says itself what to do.
    pub(super) fn failed(check: &'static str, error: impl fmt::Display) -> Self {
        Self { check, grade: Grade::Fail, says: error.to_string(), remedy: String::new() }
    }

    pub(super) fn unknown(check: &'static str, error: impl fmt::Display) -> Self {
        Self { grade: Grade::Unknown, ..Self::failed(check, error) }
    }
}

impl Grade {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Unknown => "?",
        }
    }
}
