//! Who logs in, and on which terms. Checked once, here.

use std::fmt;

use palisade_protocol::time::Duration;

use crate::app::Guid;
use crate::privilege::Privilege;
use crate::secret::Secret;
use crate::suite::Suite;
use crate::wire::USER_NAME_MAX;

/// Credentials and terms of a login. Its `Debug` shows neither password nor key.
#[derive(Clone)]
pub struct Login {
    user: Vec<u8>,
    password: Secret,
    bmc_key: Option<Secret>,
    privilege: Privilege,
    suites: Vec<Suite>,
    guid: Option<Guid>,
    lock_step: bool,
    round_trip: Duration,
}

/// Why a login cannot be tried at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No user name: that would be the anonymous user.
    #[error("the user name is empty; name an account, the anonymous one is never used")]
    NoUser,
    /// The user name is too long. Cutting it would be another user.
    #[error(
        "the user name has {length} bytes, IPMI allows {USER_NAME_MAX}; name a shorter account"
    )]
    UserTooLong {
        /// How long it is.
        length: usize,
    },
    /// The user name is not printable ASCII.
    #[error("the user name is not plain ASCII; rename the account on the BMC")]
    UserNotAscii,
    /// Neither operator nor admin.
    #[error("privilege {privilege} cannot switch power; use operator (or admin)")]
    Privilege {
        /// What was asked for.
        privilege: Privilege,
    },
    /// No cipher suite is left to try.
    #[error("no cipher suite given; use 17, 3 or both")]
    NoSuite,
}

impl Login {
    /// A login as `user`, trying `suites` in this order.
    ///
    /// # Errors
    /// [`LoginError`] for a name that is empty, too long or not ASCII, for a privilege that cannot
    /// switch power, and without any suite.
    pub fn new(
        user: &str,
        password: Secret,
        privilege: Privilege,
        suites: &[Suite],
    ) -> Result<Self, LoginError> {
        check_user(user)?;
        if !matches!(privilege, Privilege::Operator | Privilege::Admin) {
            return Err(LoginError::Privilege { privilege });
        }
        let suites = without_repeats(suites);
        if suites.is_empty() {
            return Err(LoginError::NoSuite);
        }
        Ok(Self {
            user: user.into(),
            password,
            bmc_key: None,
            privilege,
            suites,
            guid: None,
            lock_step: false,
            round_trip: Duration::ZERO,
        })
    }

    /// The same login at a BMC that has a BMC key (`K_g`) set.
    #[must_use]
    pub fn with_bmc_key(self, key: Secret) -> Self {
        Self { bmc_key: Some(key), ..self }
    }

    /// The same login at this BMC and no other, wherever the address may lead.
    #[must_use]
    pub fn pinned_to(self, guid: Guid) -> Self {
        Self { guid: Some(guid), ..self }
    }

    /// The same login with each message sent only after the answer to the one before, for a BMC that
    /// loses what comes sooner.
    #[must_use]
    pub fn in_lock_step(self) -> Self {
        Self { lock_step: true, ..self }
    }

    /// The same login at a BMC that is known to need so long for an answer: it is not asked anew before.
    #[must_use]
    pub fn with_round_trip(self, round_trip: Duration) -> Self {
        Self { round_trip, ..self }
    }

    /// The same login with `suite` tried first, if it is one of its suites.
    #[must_use]
    pub fn beginning_with(mut self, suite: Suite) -> Self {
        self.suites.sort_by_key(|other| *other != suite);
        self
    }

    /// The privilege wanted: operator or admin.
    pub const fn privilege(&self) -> Privilege {
        self.privilege
    }

    pub(super) fn user(&self) -> &[u8] {
        &self.user
    }

    pub(super) const fn password(&self) -> &Secret {
        &self.password
    }

    /// The key that session keys are made of.
    pub(super) fn key(&self) -> &Secret {
        self.bmc_key.as_ref().unwrap_or(&self.password)
    }

    pub(super) const fn guid(&self) -> Option<Guid> {
        self.guid
    }

    pub(super) const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub(super) const fn is_lock_step(&self) -> bool {
        self.lock_step
    }

    pub(super) fn suite(&self, index: usize) -> Option<Suite> {
        self.suites.get(index).copied()
    }

    pub(super) fn index_of(&self, suite: Suite) -> Option<usize> {
        self.suites.iter().position(|tried| *tried == suite)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = String::from_utf8_lossy(&self.user);
        let pace = if self.lock_step { ", in lock-step" } else { "" };
        write!(out, "Login({user} as {}, {:?}{pace})", self.privilege, self.suites)
    }
}

fn check_user(user: &str) -> Result<(), LoginError> {
    if user.is_empty() {
        return Err(LoginError::NoUser);
    }
    if user.len() > USER_NAME_MAX {
        return Err(LoginError::UserTooLong { length: user.len() });
    }
    if !user.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(LoginError::UserNotAscii);
    }
    Ok(())
}

fn without_repeats(suites: &[Suite]) -> Vec<Suite> {
    let mut out: Vec<Suite> = Vec::new();
    for suite in suites {
        if !out.contains(suite) {
            out.push(*suite);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, privilege: Privilege, suites: &[Suite]) -> Result<Login, LoginError> {
        Login::new(user, Secret::new(b"secret").unwrap(), privilege, suites)
    }

    #[test]
    fn a_name_that_would_become_another_user_is_refused() {
        let suites = [Suite::Sha256];
        let long = "seventeen-letters";
        assert_eq!(login("", Privilege::Admin, &suites).unwrap_err(), LoginError::NoUser);
        assert_eq!(
            login(long, Privilege::Admin, &suites).unwrap_err(),
            LoginError::UserTooLong { length: 17 }
        );
        assert_eq!(login("zoë", Privilege::Admin, &suites).unwrap_err(), LoginError::UserNotAscii);
    }

    #[test]
    fn a_privilege_that_cannot_switch_power_is_refused() {
        let privilege = Privilege::User;
        let refused = login("palisade", privilege, &[Suite::Sha256]).unwrap_err();
        assert_eq!(refused, LoginError::Privilege { privilege });
    }

    #[test]
    fn a_suite_named_twice_is_tried_once() {
        let suites = [Suite::Sha256, Suite::Sha1, Suite::Sha256];
        let login = login("palisade", Privilege::Operator, &suites).unwrap();
        assert_eq!(login.suite(1), Some(Suite::Sha1));
        assert_eq!(login.suite(2), None);
    }

    #[test]
    fn a_password_is_never_shown() {
        let login = login("palisade", Privilege::Operator, &[Suite::Sha1]).unwrap();
        assert!(!format!("{login:?}").contains("secret"));
    }
}
