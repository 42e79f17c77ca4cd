//! What there is to know about one BMC, asked in an order that cannot lock an account.

use std::net::SocketAddr;
use std::time::Duration;

use palisade_host::clock;
use palisade_ipmi::app::AuthCapabilities;
use palisade_protocol::time::Instant;

use super::probe::Probe;
use super::unsaid::{Said, Unsaid};
use crate::power::{
    BmcConfig, Engine, Guid, PowerError, PowerErrorKind, PowerStatus, Privilege, Session, Suite,
    TimerState,
};

/// Longest wait for a login and each order in it.
const ORDER_MAX: Duration = Duration::from_secs(5);

/// Readings that the round trip is taken from.
const READINGS: usize = 5;

/// What was found out, and what was not and why. Nothing here is a judgement.
#[derive(Debug)]
pub(super) struct Facts {
    /// The login of the configuration.
    pub(super) seen: Seen,
    pub(super) suites: Suites,
    /// The account may be more than operator.
    pub(super) may_be_admin: Result<bool, PowerError>,
    pub(super) doors: Doors,
}

/// The suites that a login was tried in.
#[derive(Debug)]
pub(super) struct Suites {
    /// In these it worked.
    pub(super) work: Vec<Suite>,
    /// Of these it is not known, each with what came back.
    pub(super) unknown: Vec<(Suite, PowerError)>,
}

/// What it says to somebody who has not logged in.
#[derive(Debug)]
pub(super) struct Doors {
    /// Which logins it has.
    pub(super) logins: Said<AuthCapabilities>,
    /// Numbers of the suites that it lists.
    pub(super) listed: Said<Vec<u8>>,
    /// It grants an Open Session without authentication.
    pub(super) suite_zero: Said<bool>,
}

/// What was seen in a session.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) address: SocketAddr,
    pub(super) suite: Suite,
    pub(super) guid: Guid,
    /// How long the login took.
    pub(super) login: Duration,
    /// The median round trip of a reading.
    pub(super) round_trip: Duration,
    pub(super) power: PowerStatus,
    pub(super) watchdog: Result<TimerState, PowerError>,
}

/// Asks the BMC of `config`; errs if the login does not work. The pinned identity is compared by the
/// judge, so that the other one can be told.
pub(super) async fn from(engine: &Engine, config: &BmcConfig) -> Result<Facts, PowerError> {
    let unpinned = BmcConfig { guid: None, ..config.clone() };
    let seen = seen(engine, &unpinned).await?;
    Ok(Facts {
        suites: Suites::tried(engine, &unpinned, seen.suite).await,
        may_be_admin: may_be_admin(engine, &unpinned).await,
        doors: Doors::of(seen.address).await,
        seen,
    })
}

impl Suites {
    /// `first` works already, so the password is known to be right.
    async fn tried(engine: &Engine, config: &BmcConfig, first: Suite) -> Self {
        let mut suites = Self { work: vec![first], unknown: Vec::new() };
        for suite in [Suite::Sha256, Suite::Sha1].into_iter().filter(|suite| *suite != first) {
            let only = BmcConfig { suites: vec![suite], ..config.clone() };
            match open(engine, &only).await {
                Ok(_session) => suites.work.push(suite),
                Err(error) if error.kind() == PowerErrorKind::CipherRefused => {}
                Err(error) => suites.unknown.push((suite, error)),
            }
        }
        suites
    }
}

impl Doors {
    async fn of(bmc: SocketAddr) -> Self {
        match Probe::at(bmc).await {
            Ok(probe) => Self {
                logins: probe.logins().await,
                listed: probe.suites().await,
                suite_zero: suite_zero(&probe).await,
            },
            Err(error) => Self::unasked(&error.into()),
        }
    }

    fn unasked(why: &Unsaid) -> Self {
        let why = || why.clone();
        Self { logins: Err(why()), listed: Err(why()), suite_zero: Err(why()) }
    }
}

async fn suite_zero(probe: &Probe) -> Said<bool> {
    let mut id = [0; 4];
    getrandom::fill(&mut id).map_err(|error| Unsaid::Unasked(error.to_string()))?;
    probe.grants_suite_zero(u32::from_le_bytes(id).max(1)).await
}

async fn seen(engine: &Engine, config: &BmcConfig) -> Result<Seen, PowerError> {
    let began = clock::now();
    let mut session = engine.open(config, by()).await?;
    let login = clock::now().since(began);
    session.set_deadline(by());
    let mut power = session.status().await?;
    let mut trips = Vec::new();
    for _ in 0..READINGS {
        let began = clock::now();
        session.set_deadline(by());
        power = session.status().await?;
        trips.push(clock::now().since(began));
    }
    trips.sort_unstable();
    let round_trip = trips.get(trips.len() / 2).copied().unwrap_or_default();
    session.set_deadline(by());
    let watchdog = session.watchdog().await;
    Ok(Seen {
        address: session.address(),
        suite: session.suite(),
        guid: session.guid(),
        login,
        round_trip,
        power,
        watchdog,
    })
}

/// Whether a session of the account can have more than it needs. Only a refusal says no.
async fn may_be_admin(engine: &Engine, config: &BmcConfig) -> Result<bool, PowerError> {
    let asking = BmcConfig { privilege: Privilege::Admin, ..config.clone() };
    match open(engine, &asking).await {
        Ok(session) => Ok(session.privilege() == Privilege::Admin),
        Err(error) if error.kind() == PowerErrorKind::PrivilegeRefused => Ok(false),
        Err(error) => Err(error),
    }
}

/// A second try if the first one found nothing out: a login has worked here just now.
async fn open(engine: &Engine, config: &BmcConfig) -> Result<Session, PowerError> {
    match engine.open(config, by()).await {
        Err(error) if !error.is_definite() && error.kind() != PowerErrorKind::CipherRefused => {
            log::debug!("audit: {error}; asked again");
            engine.open(config, by()).await
        }
        opened => opened,
    }
}

fn by() -> Instant {
    clock::now() + ORDER_MAX
}
