//! What there is to know about one BMC, asked in an order that cannot lock an account.

use std::net::SocketAddr;
use std::time::Duration;

use palisade_host::clock;
use palisade_ipmi::app::AuthCapabilities;
use palisade_protocol::time::Instant;

use super::probe::Probe;
use crate::power::{
    BmcConfig, Engine, Guid, PowerError, PowerStatus, Privilege, Session, Suite, TimerState,
};

/// Longest wait for a login and each order in it.
const ORDER_MAX: Duration = Duration::from_secs(5);

/// Readings that the round trip is taken from.
const READINGS: usize = 5;

/// What was found out. Nothing here is a judgement.
#[derive(Debug)]
pub(super) struct Facts {
    /// The login of the configuration.
    pub(super) login: Result<Seen, PowerError>,
    /// Suites in which a login worked.
    pub(super) suites_work: Vec<Suite>,
    /// Numbers of the suites that it lists; none: it does not say.
    pub(super) suites_listed: Option<Vec<u8>>,
    /// Which logins it says it has.
    pub(super) logins: Option<AuthCapabilities>,
    /// It grants an Open Session without authentication.
    pub(super) suite_zero: Option<bool>,
    /// The account may be more than operator.
    pub(super) may_be_admin: Option<bool>,
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

/// Asks the BMC of `config`. The pinned identity is compared by the judge, so that the other one can be
/// told.
pub(super) async fn from(engine: &Engine, config: &BmcConfig) -> Facts {
    let unpinned = BmcConfig { guid: None, ..config.clone() };
    let login = seen(engine, &unpinned).await;
    let mut facts = Facts {
        login,
        suites_work: Vec::new(),
        suites_listed: None,
        logins: None,
        suite_zero: None,
        may_be_admin: None,
    };
    let Ok(seen) = &facts.login else { return facts };
    let (address, suite) = (seen.address, seen.suite);
    facts.suites_work = working(engine, &unpinned, suite).await;
    facts.may_be_admin = may_be_admin(engine, &unpinned).await;
    facts.ask_around(address).await;
    facts
}

impl Facts {
    /// The questions that need no login.
    async fn ask_around(&mut self, bmc: SocketAddr) {
        let Ok(probe) = Probe::at(bmc).await else { return };
        self.logins = probe.logins().await;
        self.suites_listed = probe.suites().await;
        let mut id = [0; 4];
        if getrandom::fill(&mut id).is_ok() {
            self.suite_zero = probe.grants_suite_zero(u32::from_le_bytes(id).max(1)).await;
        }
    }
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

/// The suites that a login works in, `first` being one of them. The password is known to be right.
async fn working(engine: &Engine, config: &BmcConfig, first: Suite) -> Vec<Suite> {
    let mut work = vec![first];
    for suite in [Suite::Sha256, Suite::Sha1].into_iter().filter(|suite| *suite != first) {
        let only = BmcConfig { suites: vec![suite], ..config.clone() };
        if open(engine, &only).await.is_some() {
            work.push(suite);
        }
    }
    work
}

/// Whether a session of the account can have more than it needs; nothing if that cannot be said.
async fn may_be_admin(engine: &Engine, config: &BmcConfig) -> Option<bool> {
    let asking = BmcConfig { privilege: Privilege::Admin, ..config.clone() };
    let session = open(engine, &asking).await?;
    Some(session.privilege() == Privilege::Admin)
}

async fn open(engine: &Engine, config: &BmcConfig) -> Option<Session> {
    match engine.open(config, by()).await {
        Ok(session) => Some(session),
        Err(error) => {
            log::debug!("audit: {error}");
            None
        }
    }
}

fn by() -> Instant {
    clock::now() + ORDER_MAX
}
