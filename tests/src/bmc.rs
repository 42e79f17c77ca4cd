//! The account at our own simulated BMCs, and how the power engine logs in at any BMC. Starts nothing.

#![expect(clippy::expect_used, reason = "a rig that cannot be set up must stop what uses it")]

use std::time::Duration;

use palisade_fencer::power::{BmcConfig, Password, Privilege, Suite};
use palisade_host::secret::Secret;
use palisade_hw::bmc::{self, User};

/// The account's name.
pub const USER: &str = "palisade";

/// Its password: sixteen bytes, which every console takes.
pub const PASSWORD: &str = "correct horse 12";

/// Longer than any step of a console, a machine or a BMC takes, even on a busy machine.
pub const WAIT: Duration = Duration::from_secs(20);

/// The account with another password.
///
/// # Panics
/// If the password is longer than IPMI allows.
#[must_use]
pub fn user(password: &str, privilege: Privilege) -> User {
    let password = bmc::Secret::new(password.as_bytes()).expect("a password of at most 20 bytes");
    User { name: USER.to_owned(), password, privilege }
}

/// A password for the power engine, as if a file held it.
#[must_use]
pub fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned()), "password_file of a test")
}

/// The account at a BMC, for the power engine: operator, with every suite.
#[must_use]
pub fn config(address: String, password: &str) -> BmcConfig {
    BmcConfig {
        address,
        user: USER.to_owned(),
        password: self::password(password),
        privilege: Privilege::Operator,
        suites: vec![Suite::Sha256, Suite::Sha1],
        bmc_key: None,
        guid: None,
    }
}
