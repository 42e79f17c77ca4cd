//! A node's X25519 key pair: the private half in a 0600 file, the public half in the
//! configuration.
//!
//! Never overwrites a key, never shows a private one.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_protocol::keys;
pub use palisade_protocol::keys::KEY_LEN;
use zeroize::Zeroizing;

use crate::durable::sync_folder_of;
use crate::secret::{SecretFileError, read_private_file};

/// A node's public key; base64 of 32 bytes as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(keys::PublicKey);

impl PublicKey {
    /// The key of those bytes.
    pub const fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(keys::PublicKey(bytes))
    }

    /// The key as the cores take it.
    pub const fn key(self) -> keys::PublicKey {
        self.0
    }
}

/// What is wrong with the text of a key; never the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not base64 with padding.
    #[error("is not base64")]
    NotBase64,
    /// Base64 of something else.
    #[error("holds {found} bytes instead of 32")]
    WrongLength {
        /// How many bytes it holds.
        found: usize,
    },
    /// The all-zero key, with which every secret is the same.
    #[error("is all zeros")]
    Zero,
}

impl FromStr for PublicKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        decode(text).map(|bytes| Self::from_bytes(*bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&BASE64.encode(self.0.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PublicKey({self})")
    }
}

/// A node's private key; wiped when dropped, redacted when shown.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<[u8; KEY_LEN]>);

impl PrivateKey {
    /// The private key in `path`: base64 of 32 bytes in a 0600 file owned by the user.
    ///
    /// Errs with the command to run if the file is missing, open to others, somebody else's, or
    /// holds anything else.
    pub fn load(path: &Path) -> Result<Self, SecretFileError> {
        let remedy = format!("run: palisade keygen {}", path.display());
        let text = read_private_file(path, &remedy)?;
        decode(text.trim()).map(Self).map_err(|wrong| SecretFileError::BadContent {
            path: path.to_path_buf(),
            problem: problem(wrong),
            remedy: format!("move it away and {remedy}"),
        })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key().public())
    }

    /// The key as the cores take it.
    pub fn key(&self) -> keys::PrivateKey {
        keys::PrivateKey::from_bytes(*self.0)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PrivateKey(redacted)")
    }
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum KeygenError {
    /// A key already stands there: overwriting it would cut the node off.
    #[error(
        "{}: exists already and is left as it is; \
         choose another file name, or move it away first",
        path.display()
    )]
    Exists {
        /// The file asked for.
        path: PathBuf,
    },
    /// The file could not be written.
    #[error("{}: {source}; is its folder there and writable?", path.display())]
    Unwritable {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kernel gave no random bytes.
    #[error("no random bytes from the kernel: {source}")]
    NoEntropy {
        /// What the system said.
        source: getrandom::Error,
    },
}

/// Makes a new key pair, writes the private half to `path` (0600, on disk when this returns) and
/// returns the public half. Never overwrites.
pub fn generate(path: &Path) -> Result<PublicKey, KeygenError> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(&mut *bytes).map_err(|source| KeygenError::NoEntropy { source })?;
    let key = PrivateKey(bytes);
    write_new(path, &key).map_err(|source| {
        let path = path.to_path_buf();
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            KeygenError::Exists { path }
        } else {
            KeygenError::Unwritable { path, source }
        }
    })?;
    Ok(key.public())
}

fn write_new(path: &Path, key: &PrivateKey) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let mut line = Zeroizing::new(BASE64.encode(*key.0));
    line.push('\n');
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    sync_folder_of(path)
}

fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyTextError> {
    let decoded = BASE64.decode(text).map_err(|_not_base64| KeyTextError::NotBase64)?;
    let decoded = Zeroizing::new(decoded);
    let mut key = Zeroizing::new([0; KEY_LEN]);
    if decoded.len() != KEY_LEN {
        return Err(KeyTextError::WrongLength { found: decoded.len() });
    }
    key.copy_from_slice(&decoded);
    if key.iter().all(|byte| *byte == 0) {
        return Err(KeyTextError::Zero);
    }
    Ok(key)
}

fn problem(wrong: KeyTextError) -> &'static str {
    match wrong {
        KeyTextError::NotBase64 => "is not a key: not base64",
        KeyTextError::WrongLength { .. } => "is not a key: not 32 bytes",
        KeyTextError::Zero => "is not a key: all zeros",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_new_key_is_private_and_loads_as_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node1.key");
        let public = generate(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(PrivateKey::load(&path).unwrap().public(), public);
        assert_eq!(public.to_string().parse::<PublicKey>().unwrap(), public);
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node1.key");
        let public = generate(&path).unwrap();
        let refused = generate(&path).unwrap_err();
        assert!(matches!(refused, KeygenError::Exists { .. }), "{refused}");
        assert_eq!(PrivateKey::load(&path).unwrap().public(), public);
    }

    #[test]
    fn the_public_half_is_the_one_of_rfc_7748() {
        // Alice's pair. [RFC7748 §6.1]
        let private = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
        let public = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        let key = PrivateKey(decode(private).unwrap());
        assert_eq!(key.public().to_string(), public);
    }

    #[test]
    fn a_missing_open_or_broken_key_is_refused_with_the_command_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node1.key");
        let missing = PrivateKey::load(&path).unwrap_err().to_string();
        assert!(missing.contains(&format!("palisade keygen {}", path.display())), "{missing}");
        generate(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = PrivateKey::load(&path).unwrap_err().to_string();
        assert!(open.contains(&format!("chmod 600 {}", path.display())), "{open}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "c2hvcnQ=\n").unwrap();
        let broken = PrivateKey::load(&path).unwrap_err().to_string();
        assert!(broken.contains("not 32 bytes") && broken.contains("keygen"), "{broken}");
        assert!(!broken.contains("c2hvcnQ"), "{broken}");
    }

    #[test]
    fn a_private_key_does_not_show_itself() {
        let key = PrivateKey(Zeroizing::new([7; KEY_LEN]));
        assert_eq!(format!("{key:?}"), "PrivateKey(redacted)");
    }
}
