//! What is wrong with a configuration, in the words that mend it.

use std::fmt;

/// One mistake: where it is, what was found and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file as it was named.
    pub file: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// Dotted key, such as `timing.beat_ms` or `node[node1].id`.
    pub key: String,
    /// What stands there, as written.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, found, allowed } = self;
        write!(out, "{file}:{line}: ")?;
        if !key.is_empty() {
            write!(out, "{key}: ")?;
        }
        write!(out, "found {found}, allowed: {allowed}")
    }
}

/// Every mistake of one file, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Sorts them by line; nothing if there are none.
    pub(super) fn from_unsorted(mut all: Vec<Mistake>) -> Option<Self> {
        all.sort_by_key(|mistake| mistake.line);
        (!all.is_empty()).then_some(Self(all))
    }

    /// All of them, by line.
    pub fn all(&self) -> &[Mistake] {
        &self.0
    }
}

/// One line each.
impl fmt::Display for Mistakes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
