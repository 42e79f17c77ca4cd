//! The working tree as the checks of it see it: every file that is not made by a tool. Reads only.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Directories that tools fill.
const MADE: [&str; 2] = [".git", "target"];

/// One file of the tree.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its path from the top, with forward slashes.
    pub path: String,
    /// Its text; nothing if it is not UTF-8.
    pub text: Option<String>,
}

impl Leaf {
    /// Whether the name ends so.
    pub fn ends_with(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// The lines, numbered from 1; none if the file is not text.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.as_deref().unwrap_or_default().split('\n'))
    }
}

/// The directory with the root `Cargo.toml`.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Names of what stands at the top, sorted, without what tools make.
///
/// # Errors
/// If the directory cannot be read.
pub fn top_level() -> io::Result<Vec<String>> {
    names(&root())
}

/// Every file below the top, sorted, without what tools make.
///
/// # Errors
/// If a directory or file cannot be read.
pub fn leaves() -> io::Result<Vec<Leaf>> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<Leaf>) -> io::Result<()> {
    for name in names(folder)? {
        let (file, path) = (folder.join(&name), format!("{prefix}{name}"));
        if file.is_dir() {
            collect(&file, &format!("{path}/"), found)?;
        } else {
            found.push(Leaf { path, text: String::from_utf8(fs::read(&file)?).ok() });
        }
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !MADE.contains(&name.as_str()));
    names.sort_unstable();
    Ok(names)
}
