//! Text that nobody may see, and the 0600 files it comes from.
//!
//! A secret is wiped when dropped and never shows itself in `Debug`. It is never taken from
//! arguments or the environment.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Text that is wiped when dropped and redacted when shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret of that text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself; hand it to the cipher, never to a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(redacted)")
    }
}

/// Why a secret file was refused.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// There is no such file.
    #[error("{}: no such file; {remedy}", path.display())]
    Missing {
        /// The file tried.
        path: PathBuf,
        /// What to do.
        remedy: String,
    },
    /// The file could not be opened or read.
    #[error("{}: {source}; run as the user that owns it", path.display())]
    Unreadable {
        /// The file tried.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a folder, device or pipe.
    #[error("{}: is not a regular file", path.display())]
    NotAFile {
        /// The file tried.
        path: PathBuf,
    },
    /// Others than its owner may read or write it.
    #[error("{}: mode {mode:04o} lets others in; run: chmod 600 {}", path.display(), path.display())]
    OpenToOthers {
        /// The file tried.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "{}: belongs to user id {owner}, this process runs as {user}; run: chown {user} {}",
        path.display(), path.display()
    )]
    ForeignOwner {
        /// The file tried.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Its content is not what it should be.
    #[error("{}: {problem}; {remedy}", path.display())]
    BadContent {
        /// The file tried.
        path: PathBuf,
        /// What is wrong; never the content.
        problem: &'static str,
        /// What to do.
        remedy: String,
    },
}

/// Longest file accepted: a secret is a line, not a disk.
const FILE_MAX: u64 = 4096;

/// The first line of a regular 0600 (or 0400) file owned by the user, without its line end.
///
/// An empty first line is refused. The length is not judged here.
pub fn read_secret_file(path: &Path) -> Result<Secret, SecretFileError> {
    let remedy = format!(
        "write the password as its first line, with mode 0600 (install -m 600 /dev/stdin {})",
        path.display()
    );
    let text = read_private_file(path, &remedy)?;
    let line = text.lines().next().unwrap_or("");
    if line.is_empty() {
        let path = path.to_path_buf();
        return Err(SecretFileError::BadContent {
            path,
            problem: "its first line is empty",
            remedy,
        });
    }
    Ok(Secret::new(line.to_owned()))
}

/// The text of a private file; `remedy` says how to make one.
pub(crate) fn read_private_file(
    path: &Path,
    remedy: &str,
) -> Result<Zeroizing<String>, SecretFileError> {
    let file = open(path, remedy)?;
    check_private(path, &file)?;
    read_bounded(path, file, remedy)
}

/// Opens without following a pipe or terminal into a wait.
fn open(path: &Path, remedy: &str) -> Result<File, SecretFileError> {
    let flags = nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let path = path.to_path_buf();
    opened.map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            SecretFileError::Missing { path, remedy: remedy.to_owned() }
        } else {
            SecretFileError::Unreadable { path, source }
        }
    })
}

fn check_private(path: &Path, file: &File) -> Result<(), SecretFileError> {
    let path = path.to_path_buf();
    let facts = match file.metadata() {
        Ok(facts) => facts,
        Err(source) => return Err(SecretFileError::Unreadable { path, source }),
    };
    if !facts.is_file() {
        return Err(SecretFileError::NotAFile { path });
    }
    let (mode, owner) = (facts.mode() & 0o7777, facts.uid());
    let user = nix::unistd::geteuid().as_raw();
    if mode & 0o7177 != 0 {
        return Err(SecretFileError::OpenToOthers { path, mode });
    }
    if owner != user {
        return Err(SecretFileError::ForeignOwner { path, owner, user });
    }
    Ok(())
}

fn read_bounded(
    path: &Path,
    file: File,
    remedy: &str,
) -> Result<Zeroizing<String>, SecretFileError> {
    let bad = |problem| SecretFileError::BadContent {
        path: path.to_path_buf(),
        problem,
        remedy: remedy.to_owned(),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(4097));
    file.take(FILE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| SecretFileError::Unreadable { path: path.to_path_buf(), source })?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(bad("is longer than 4096 bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_not_utf8| bad("is not text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, b"s3cret word \r\nsecond\n", 0o600);
        assert_eq!(read_secret_file(&path).unwrap().expose(), "s3cret word ");
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(redacted)");
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_command_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, b"x\n", 0o640);
        let said = read_secret_file(&path).unwrap_err().to_string();
        assert!(said.contains("mode 0640"), "{said}");
        assert!(said.contains(&format!("chmod 600 {}", path.display())), "{said}");
    }

    #[test]
    fn a_missing_empty_binary_or_huge_file_is_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read_secret_file(&folder.path().join("none")).unwrap_err();
        assert!(matches!(missing, SecretFileError::Missing { .. }), "{missing}");
        for content in [&b"\nlater"[..], b"", b"\xff\xfe\n", &[b'a'; 5000]] {
            let said = read_secret_file(&file(&folder, content, 0o600)).unwrap_err().to_string();
            assert!(said.contains("install -m 600"), "{said}");
        }
    }

    #[test]
    fn a_folder_or_a_pipe_is_no_secret_file() {
        let folder = tempfile::tempdir().unwrap();
        let refused = read_secret_file(folder.path()).unwrap_err();
        assert!(matches!(refused, SecretFileError::NotAFile { .. }), "{refused}");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let refused = read_secret_file(&pipe).unwrap_err();
        assert!(matches!(refused, SecretFileError::NotAFile { .. }), "{refused}");
    }
}
