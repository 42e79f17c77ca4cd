//! Small files that survive a crash at any moment, or say that they did not.
//!
//! A file is written beside its place, synced, renamed over it, and its folder synced: after a
//! crash the old or the new content stands there, never a mixture. Layout: version byte, content,
//! SHA-256 of both. Knows nothing of what the content means.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Version of the layout; another one is [`Loaded::Damaged`], never guessed at.
const VERSION: u8 = 1;

/// Bytes of the checksum at the end.
const SUM_LEN: usize = 32;

/// Longest content: what a fencer must remember is counted in kilobytes.
pub const CONTENT_MAX: usize = 1 << 20;

/// What stood in a durable file.
#[derive(Debug)]
pub enum Loaded {
    /// There is no such file: never written, or its disk was replaced.
    Missing,
    /// There is one, but not as it was written.
    Damaged {
        /// What is wrong with it.
        why: String,
    },
    /// The content as it was saved last.
    Good(Vec<u8>),
}

/// Saves `content` as `path`, 0600; on disk when this returns.
///
/// Errs with the step that failed; the former content then still stands, except that after a
/// failed sync of the folder either may stand after a crash: count it as not saved.
pub fn save(path: &Path, content: &[u8]) -> Result<(), SaveError> {
    let failed = |step| move |source| SaveError::Failed { path: path.to_path_buf(), step, source };
    if content.len() > CONTENT_MAX {
        return Err(SaveError::TooLong { path: path.to_path_buf(), len: content.len() });
    }
    let beside = beside(path);
    write_beside(&beside, content).map_err(failed("write"))?;
    std::fs::rename(&beside, path).map_err(failed("rename"))?;
    sync_folder_of(path).map_err(failed("sync the folder of"))
}

/// What stands in `path`. Unreadable counts as damaged, since something is there.
pub fn load(path: &Path) -> Loaded {
    match read(path) {
        Ok(bytes) => judge(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Loaded::Missing,
        Err(error) => damaged(format!("cannot read {}: {error}", path.display())),
    }
}

/// Why a content was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The system refused a step.
    #[error("cannot {step} {}: {source}; is its folder there, writable and not full?", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// Which step.
        step: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than [`CONTENT_MAX`].
    #[error("{}: {len} bytes are more than {CONTENT_MAX}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes asked for.
        len: usize,
    },
}

/// Syncs the folder that holds `path`, so that a new name in it survives a crash.
pub(crate) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The name that a content has until it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn write_beside(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut whole = Vec::with_capacity(1 + content.len() + SUM_LEN);
    whole.push(VERSION);
    whole.extend_from_slice(content);
    whole.extend_from_slice(&Sha256::digest(&whole));
    file.write_all(&whole)?;
    file.sync_all()
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = 1 + CONTENT_MAX + SUM_LEN + 1;
    File::open(path)?.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn judge(mut bytes: Vec<u8>) -> Loaded {
    let Some(body_len) = bytes.len().checked_sub(SUM_LEN).filter(|body| *body >= 1) else {
        return damaged(format!("{} bytes are too short", bytes.len()));
    };
    let (body, sum) = bytes.split_at(body_len);
    if Sha256::digest(body).as_slice() != sum {
        return damaged("the checksum does not match".to_owned());
    }
    if body.first() != Some(&VERSION) {
        return damaged(format!("layout version {:?} is not {VERSION}", body.first()));
    }
    bytes.truncate(body_len);
    bytes.remove(0);
    Loaded::Good(bytes)
}

fn damaged(why: String) -> Loaded {
    Loaded::Damaged { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(path: &Path) -> Vec<u8> {
        match load(path) {
            Loaded::Good(content) => content,
            other @ (Loaded::Missing | Loaded::Damaged { .. }) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_last_content_saved_is_the_one_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("condemned");
        assert!(matches!(load(&path), Loaded::Missing));
        for content in [&b"first, and longer"[..], b"", b"third"] {
            save(&path, content).unwrap();
            assert_eq!(good(&path), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_flipped_bit_every_truncation_and_every_extension_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("condemned");
        save(&path, b"node 3").unwrap();
        let whole = std::fs::read(&path).unwrap();
        let check = |bytes: &[u8], what: &str| {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(load(&path), Loaded::Damaged { .. }), "{what}");
        };
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(&bytes, &format!("bit {bit}"));
        }
        for len in 0..whole.len() {
            check(&whole[..len], &format!("length {len}"));
        }
        check(&[&whole[..], b"x"].concat(), "one byte more");
    }

    #[test]
    fn a_half_written_new_file_does_not_touch_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("condemned");
        save(&path, b"old").unwrap();
        std::fs::write(beside(&path), b"half").unwrap();
        assert_eq!(good(&path), b"old");
        save(&path, b"new").unwrap();
        assert_eq!(good(&path), b"new");
    }

    #[test]
    fn a_content_that_is_too_long_or_has_no_folder_is_refused_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let refused = save(&folder.path().join("a"), &vec![0; CONTENT_MAX + 1]).unwrap_err();
        assert!(matches!(refused, SaveError::TooLong { .. }), "{refused}");
        let refused = save(&folder.path().join("none/a"), b"x").unwrap_err().to_string();
        assert!(refused.starts_with("cannot write") && refused.contains("folder"), "{refused}");
    }

    #[test]
    fn something_unreadable_is_damaged_and_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load(folder.path()), Loaded::Damaged { .. }));
    }
}
