//! What keeps a hunt from being held at all, with what was tried and what to do.

use std::io;
use std::path::PathBuf;

/// Why no hunt was held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The catalogue cannot be read.
    #[error("mutants.toml cannot be read: {0}")]
    Catalogue(#[from] toml::de::Error),
    /// There is no such weakening.
    #[error("no weakening is called {0}; tests/mutants/run list names them")]
    Unknown(String),
    /// A weakening does not fit its source.
    #[error(
        "{mutant}: its text stands {count} times in {file}, not once; the rule has changed, so \
         look for it there and mend mutants.toml:\n{find}"
    )]
    Misfit {
        /// Which.
        mutant: String,
        /// Where.
        file: String,
        /// What was looked for.
        find: String,
        /// How often it was found.
        count: usize,
    },
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A program cannot be run.
    #[error("{program} cannot be run: {error}")]
    Program {
        /// Which.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// The weakened copy does not build.
    #[error("the weakened copy in {tree} does not build; what cargo says:\n{said}")]
    Build {
        /// Where it stands.
        tree: PathBuf,
        /// The compiler's words.
        said: String,
    },
}

impl Failure {
    /// For a file that could not be read or written.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |error| Self::File { path, error }
    }
}
