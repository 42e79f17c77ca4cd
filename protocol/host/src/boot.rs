//! The identity of this boot of this machine.
//!
//! Reads the kernel's random boot id; never makes one up, since a false one would count as a
//! proof that a former life is over.

use std::path::{Path, PathBuf};

/// Where the kernel publishes its boot id.
const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// Why the boot id could not be learnt.
#[derive(Debug, thiserror::Error)]
pub enum BootIdError {
    /// The file could not be read.
    #[error("cannot read the boot id from {}: {source}; is /proc mounted?", path.display())]
    Unreadable {
        /// The file tried.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is no boot id.
    #[error("boot id {text:?} is not 32 hex digits")]
    Malformed {
        /// What came.
        text: String,
    },
}

/// The kernel's boot id: 128 random bits, new with every boot.
pub fn boot_id() -> Result<u128, BootIdError> {
    let path = Path::new(BOOT_ID_FILE);
    let text = std::fs::read_to_string(path)
        .map_err(|source| BootIdError::Unreadable { path: path.to_path_buf(), source })?;
    parse(text.trim())
}

/// A boot id from text: 32 hex digits, with or without the dashes of a UUID.
pub fn parse(text: &str) -> Result<u128, BootIdError> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let malformed = || BootIdError::Malformed { text: text.to_owned() };
    if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    u128::from_str_radix(&digits, 16).map_err(|_not_hex| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_boot_has_one_id() {
        let id = boot_id().unwrap();
        assert_ne!(id, 0);
        assert_eq!(id, boot_id().unwrap());
    }

    #[test]
    fn dashes_do_not_matter_but_digits_do() {
        let plain = parse("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(plain, 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        assert_eq!(parse("00112233-4455-6677-8899-aabbccddeeff").unwrap(), plain);
        assert!(parse("00112233445566778899aabbccddeef").is_err());
        assert!(parse("+0112233445566778899aabbccddeeff").is_err());
        assert!(parse("").is_err());
    }
}
