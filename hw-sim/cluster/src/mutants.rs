//! The weakened rules that this binary can be told to follow: none.
//!
//! `tests/mutants/run` builds a copy of the sources in which each rule can be weakened by name, and
//! puts a table of them in place of this file. Nothing that ships knows how to break a rule.

/// Each weakening by its name, and what it weakens.
pub const fn names() -> &'static [(&'static str, &'static str)] {
    &[]
}

/// Follows the weakening called `name` from now on, in every thread of this process.
///
/// # Errors
/// In words: there is none of that name here, and where there is.
pub fn choose(name: &str) -> Result<(), String> {
    Err(format!("{name}: no rule of this binary can be weakened; tests/mutants/run builds one"))
}
