//! What went wrong at a device that speaks no IPMI: in one line, with evidence and remedy.
//!
//! Never carries a password, and never more than a line of what a stranger wrote.

use std::borrow::Cow;
use std::fmt;

use super::error::PowerErrorKind;

/// Longest quotation of a stranger's words.
const QUOTED_MAX: usize = 240;

/// A failure, not yet said of any device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: PowerErrorKind,
    pub(super) is_definite: bool,
    pub(super) evidence: String,
    pub(super) remedy: Cow<'static, str>,
}

impl Trouble {
    pub(super) fn new(
        kind: PowerErrorKind,
        evidence: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, is_definite: false, evidence: evidence.into(), remedy: remedy.into() }
    }

    /// The same, of which asking again without a change of configuration is of no use.
    pub(super) fn definite(self) -> Self {
        Self { is_definite: true, ..self }
    }

    /// Nothing came in time from whoever was asked to do `what`.
    pub(super) fn silent(what: impl fmt::Display) -> Self {
        let remedy = "check that it is powered and answers others";
        Self::new(PowerErrorKind::Silent, format!("silent: no answer in time to {what}"), remedy)
    }

    /// The time was over before `what` could begin.
    pub(super) fn too_late(what: impl fmt::Display) -> Self {
        let remedy = "give it more time";
        Self::new(PowerErrorKind::TooLate, format!("{what} was not begun: no time left"), remedy)
    }

    /// This host failed us in doing `what`.
    pub(super) fn local(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        let remedy = "look into this host's limits and kernel log";
        Self::new(PowerErrorKind::Local, format!("not tried: {what}: {why}"), remedy)
    }
}

/// Evidence and remedy.
impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.evidence, self.remedy)
    }
}

/// A stranger's words on one line, without control characters, cut to a sensible length.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let line = plain.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(QUOTED_MAX).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_words_are_one_short_line() {
        assert_eq!(quoted("  line one\r\n\x1b[2Jline\ttwo\0 "), "line one [2Jline two");
        let long = quoted(&"é".repeat(500));
        assert_eq!(long.chars().count(), QUOTED_MAX + 1);
        assert!(long.ends_with('…'));
    }
}
