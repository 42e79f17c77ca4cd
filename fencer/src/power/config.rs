//! Where a BMC is and who logs in there.

use std::path::Path;

use palisade_host::config;
use palisade_host::secret::read_secret_file;
use palisade_ipmi::app::Guid;
use palisade_ipmi::client::{Login, LoginError};
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::{Secret as BmcKey, SecretTooLong};
use palisade_ipmi::suite::Suite;

use super::bmc_key::bmc_key;
use super::error::{Fault, PowerError};
use super::password::Password;

/// One BMC and the account to use. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub struct BmcConfig {
    /// `host:port`; the host may be a name, IPv6 addresses stand in brackets.
    pub address: String,
    /// Account, 1 to 16 ASCII characters.
    pub user: String,
    /// Its password, at most 20 bytes.
    pub password: Password,
    /// Operator or admin.
    pub privilege: Privilege,
    /// Cipher suites in the order of trying.
    pub suites: Vec<Suite>,
    /// The BMC's own key (`K_g`), where one is set. [IPMI2 §13.31]
    pub bmc_key: Option<BmcKey>,
    /// Who the BMC must be; another one is given no order. Checked in each login, where the BMC has
    /// proved with the password that the GUID comes from it.
    pub guid: Option<Guid>,
}

impl BmcConfig {
    /// What the configuration file says, with the password read from its file.
    ///
    /// # Errors
    /// [`PowerError`] of kind `BadConfig` when the password file is missing, open to others or
    /// unreadable.
    pub fn read(bmc: &config::Bmc) -> Result<Self, PowerError> {
        let failed = |fault| PowerError::new(&bmc.address, &bmc.user, fault);
        let secret = read_secret_file(&bmc.password_file)
            .map_err(|error| failed(Fault::BadPasswordFile(error.to_string())))?;
        let from = format!("password_file {} of the configuration", bmc.password_file.display());
        Ok(Self {
            address: bmc.address.clone(),
            user: bmc.user.clone(),
            password: Password::new(secret, from),
            privilege: privilege_of(bmc.privilege),
            suites: bmc.suites.iter().map(|suite| suite_of(*suite)).collect(),
            bmc_key: bmc.bmc_key_file.as_deref().map(read_key).transpose().map_err(failed)?,
            guid: bmc.guid.map(Guid),
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
        let password = palisade_ipmi::secret::Secret::new(self.password.secret.expose().as_bytes())
            .map_err(|SecretTooLong { length }| self.failed(Fault::PasswordTooLong { length }))?;
        let login = Login::new(&self.user, password, self.privilege, &self.suites)
            .map_err(|error: LoginError| self.failed(Fault::BadLogin(error)))?;
        let login = self.guid.into_iter().fold(login, Login::pinned_to);
        Ok(self.bmc_key.iter().cloned().fold(login, Login::with_bmc_key))
    }

    /// In an operator's words.
    pub(super) fn device(&self) -> String {
        format!("bmc {}", self.address)
    }

    pub(super) fn failed(&self, fault: Fault) -> PowerError {
        PowerError::new(&self.address, &self.user, fault)
            .with_password_from(self.password.from.clone())
    }
}

fn read_key(file: &Path) -> Result<BmcKey, Fault> {
    let digits =
        read_secret_file(file).map_err(|error| Fault::BadPasswordFile(error.to_string()))?;
    bmc_key(&digits).map_err(|error| Fault::BadPasswordFile(format!("{}: {error}", file.display())))
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

#[cfg(test)]
mod tests {
    use palisade_ipmi::client::{ClientError, FoundBy};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Whoever mends the file that another program reads has mended nothing.
    #[test]
    fn a_wrong_password_is_told_with_the_place_where_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node2.password");
        std::fs::write(&file, "another").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let bmc = BmcConfig::read(&config::Bmc {
            address: "10.9.0.1:623".to_owned(),
            user: "palisade".to_owned(),
            password_file: file.clone(),
            privilege: config::Privilege::Operator,
            suites: vec![config::Suite::Seventeen],
            bmc_key_file: None,
            guid: None,
        });
        let wrong = ClientError::WrongPassword { suite: Suite::Sha256, found_by: FoundBy::Console };
        let said = bmc.unwrap().failed(Fault::Login(wrong)).to_string();
        let place = format!("in password_file {} of the configuration and on", file.display());
        assert!(said.contains(&place), "{said}");
    }
}
