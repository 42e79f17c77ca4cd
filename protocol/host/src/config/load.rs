//! From a file to a [`Cluster`], or to everything that is wrong with it.

use std::path::{Path, PathBuf};

use toml_edit::Document;

use super::cluster::Cluster;
use super::mistake::Mistakes;
use super::parse;
use super::section::Sheet;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}; give another with --config", path.display())]
    Unreadable {
        /// The file tried.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has mistakes.
    #[error("{0}")]
    Wrong(#[from] Mistakes),
}

impl Cluster {
    /// Reads and judges the file; errs with every mistake in it at once.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| LoadError::Unreadable { path: path.to_path_buf(), source })?;
        Ok(Self::parse(&path.display().to_string(), &text)?)
    }

    /// Judges `text`; `file` is only its name in mistakes.
    pub fn parse(file: &str, text: &str) -> Result<Self, Mistakes> {
        let sheet = Sheet::new(file, text);
        let cluster = match Document::parse(text) {
            Ok(document) => parse::cluster(&sheet, document.as_table()),
            Err(broken) => {
                let line = sheet.line_of(broken.span());
                sheet.mark(line, "", broken.message().trim(), "TOML as of https://toml.io");
                None
            }
        };
        sheet.verdict(cluster)
    }
}
