//! Where a BMC is and who logs in there.

use palisade_host::config;
use palisade_host::secret::{Secret, read_secret_file};
use palisade_ipmi::client::{Login, LoginError};
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::SecretTooLong;
use palisade_ipmi::suite::Suite;

use super::error::{Fault, PowerError};

/// One BMC and the account to use. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub struct BmcConfig {
    /// `host:port`; the host may be a name, IPv6 addresses stand in brackets.
    pub address: String,
    /// Account, 1 to 16 ASCII characters.
    pub user: String,
    /// Its password, at most 20 bytes.
    pub password: Secret,
    /// Operator or admin.
    pub privilege: Privilege,
    /// Cipher suites in the order of trying.
    pub suites: Vec<Suite>,
}

impl BmcConfig {
    /// What the configuration file says, with the password read from its file.
    ///
    /// # Errors
    /// [`PowerError`] of kind `BadConfig` when the password file is missing, open to others or
    /// unreadable.
    pub fn read(bmc: &config::Bmc) -> Result<Self, PowerError> {
        let failed = |fault| PowerError::new(&bmc.address, &bmc.user, fault);
        let password = read_secret_file(&bmc.password_file)
            .map_err(|error| failed(Fault::BadPasswordFile(error.to_string())))?;
        Ok(Self {
            address: bmc.address.clone(),
            user: bmc.user.clone(),
            password,
            privilege: privilege_of(bmc.privilege),
            suites: bmc.suites.iter().map(|suite| suite_of(*suite)).collect(),
        })
    }

    /// Whether a login can be tried at all; nothing is sent.
    ///
    /// # Errors
    /// [`PowerError`] of kind `BadConfig`.
    pub fn check(&self) -> Result<(), PowerError> {
        self.login().map(drop)
    }

    /// The terms of the login, checked.
    pub(super) fn login(&self) -> Result<Login, PowerError> {
        let password = palisade_ipmi::secret::Secret::new(self.password.expose().as_bytes())
            .map_err(|SecretTooLong { length }| self.failed(Fault::PasswordTooLong { length }))?;
        Login::new(&self.user, password, self.privilege, &self.suites)
            .map_err(|error: LoginError| self.failed(Fault::BadLogin(error)))
    }

    pub(super) fn failed(&self, fault: Fault) -> PowerError {
        PowerError::new(&self.address, &self.user, fault)
    }
}

const fn privilege_of(privilege: config::Privilege) -> Privilege {
    match privilege {
        config::Privilege::Operator => Privilege::Operator,
        config::Privilege::Admin => Privilege::Admin,
    }
}

const fn suite_of(suite: config::Suite) -> Suite {
    match suite {
        config::Suite::Three => Suite::Sha1,
        config::Suite::Seventeen => Suite::Sha256,
    }
}
