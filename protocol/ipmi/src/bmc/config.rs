//! What a BMC is configured with: users, suites, limits.

use palisade_protocol::time::Duration;

use super::quirks::Quirks;
use crate::privilege::Privilege;
use crate::secret::Secret;
use crate::suite::Suite;

/// A login.
#[derive(Clone, Debug)]
pub struct User {
    /// Name, 1 to 16 bytes; a null user does not exist here.
    pub name: String,
    /// Password.
    pub password: Secret,
    /// Highest level that a session of this user can reach.
    pub privilege: Privilege,
}

/// Configuration of one BMC.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may log in; of equal names the first counts.
    pub users: Vec<User>,
    /// BMC key of a two-key login; `None`: the password is the key.
    pub key: Option<Secret>,
    /// Suites that are offered.
    pub suites: Vec<Suite>,
    /// The system's GUID.
    pub guid: [u8; 16],
    /// Highest level on the LAN channel.
    pub channel_limit: Privilege,
    /// Sessions at once, those being set up included. The specification wants 4; real BMCs have
    /// 4 to 63.
    pub slots: usize,
    /// A session whose set-up takes longer is given up.
    pub setup_max: Duration,
    /// A session that says nothing for longer is given up. [IPMI2 §6.12.15]
    pub idle_max: Duration,
    /// Departures from the specification.
    pub quirks: Quirks,
}

impl Config {
    /// A BMC with these users and this GUID, both suites and usual limits: 15 slots, 3 s for
    /// set-up, 60 s idle.
    pub fn usual(users: Vec<User>, guid: [u8; 16]) -> Self {
        Self {
            users,
            key: None,
            suites: vec![Suite::Sha1, Suite::Sha256],
            guid,
            channel_limit: Privilege::Admin,
            slots: 15,
            setup_max: Duration::from_secs(3),
            idle_max: Duration::from_secs(60),
            quirks: Quirks::default(),
        }
    }

    /// The GUID that is shown.
    pub(super) fn shown_guid(&self) -> [u8; 16] {
        self.quirks.guid.unwrap_or(self.guid)
    }

    /// Slots that may be in use.
    pub(super) const fn open_slots(&self) -> usize {
        if self.quirks.full { 0 } else { self.slots }
    }

    /// Whether `suite` can be had.
    pub(super) fn offers(&self, suite: Suite) -> bool {
        self.suites.contains(&suite) && self.quirks.only_suite.is_none_or(|only| only == suite)
    }

    pub(super) fn user(&self, name: &[u8]) -> Option<&User> {
        self.users.iter().find(|user| !name.is_empty() && user.name.as_bytes() == name)
    }
}
