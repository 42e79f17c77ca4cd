//! A BMC reached by IPMI over LAN as a [`PowerDevice`], its session kept from one use to the next.
//!
//! A kept session saves two of the three round trips of a login; the third is a reading in it, for no order
//! may leave for a BMC that died with its node: from then on that node could fall at any time. If the BMC does
//! not answer at once, as after a restart, a login begins. A session in which power was ordered is never
//! kept: a copy of that order which the network held back meets a closed one. Never keeps a password longer
//! than a login.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use palisade_host::clock;
use palisade_ipmi::client::{Ack, ClientError};
use palisade_protocol::time::Instant;
use tokio::time::timeout;

use super::config::BmcConfig;
use super::device::{Opening, PowerDevice, PowerSession, Working};
use super::engine::Engine;
use super::error::{Fault, PowerError};
use super::session::{PowerStatus, Session};
use super::verdict::{Seen, Switch, Terms};

/// A session older than this is not used again, so that a password that is no longer right is noticed.
const AGE_MAX: Duration = Duration::from_secs(300);

/// BMCs drop a session that is idle for a minute. [IPMI2 §6.12.15]
const IDLE_MAX: Duration = Duration::from_secs(45);

/// A BMC that keeps silent for so long in a kept session, or four round trips, may have restarted.
const PATIENCE_MIN: Duration = Duration::from_millis(100);

/// Where the account comes from.
enum Source {
    Known(Box<BmcConfig>),
    Files(Read),
}

type Read = Arc<dyn Fn() -> Result<BmcConfig, PowerError> + Send + Sync>;

/// One node's BMC.
#[derive(Clone, Debug)]
pub struct Bmc(Arc<Place>);

struct Place {
    engine: Engine,
    address: String,
    source: Source,
    kept: Mutex<Option<Kept>>,
}

/// An open session in which power was only read.
#[derive(Debug)]
struct Kept {
    session: Session,
    since: Instant,
    used: Instant,
}

impl Bmc {
    /// The BMC that `config` describes. Nothing is sent before a session is opened.
    pub fn new(engine: Engine, config: BmcConfig) -> Self {
        let address = config.address.clone();
        Self::at(engine, address, Source::Known(Box::new(config)))
    }

    /// The BMC at `address` with an account that is read anew for each login, on a thread of its own: a
    /// file on a mount that does not answer holds up nothing else.
    pub fn reading(
        engine: Engine,
        address: String,
        read: impl Fn() -> Result<BmcConfig, PowerError> + Send + Sync + 'static,
    ) -> Self {
        Self::at(engine, address, Source::Files(Arc::new(read)))
    }

    fn at(engine: Engine, address: String, source: Source) -> Self {
        Self(Arc::new(Place { engine, address, source, kept: Mutex::default() }))
    }
}

impl PowerDevice for Bmc {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let place = Arc::clone(&self.0);
            let kept = match place.take_living(by).await {
                Some(kept) => kept,
                None => place.log_in(by).await?,
            };
            let using = Using { place, state: Ok(kept), has_ordered: false, by };
            Ok(Box::new(using) as Box<dyn PowerSession>)
        })
    }

    fn describe(&self) -> String {
        format!("bmc {}", self.0.address)
    }

    fn switch<'a>(&'a self, switch: Switch, terms: &'a Terms) -> Working<'a, Seen> {
        Box::pin(async move { self.0.engine.switch(&self.0.config().await?, terms, switch).await })
    }

    fn read<'a>(&'a self, terms: &'a Terms) -> Working<'a, PowerStatus> {
        Box::pin(async move { self.0.engine.power_status(&self.0.config().await?, terms).await })
    }

    fn diagnose<'a>(&'a self, terms: &'a Terms) -> Working<'a, ()> {
        Box::pin(async move { self.0.engine.diagnose(&self.0.config().await?, terms).await })
    }

    fn check(&self) -> Result<(), PowerError> {
        match &self.0.source {
            Source::Known(config) => config.check(),
            Source::Files(read) => read()?.check(),
        }
    }
}

impl Place {
    async fn log_in(&self, by: Instant) -> Result<Kept, PowerError> {
        let since = clock::now();
        let session = self.engine.open(&self.config().await?, by).await?;
        Ok(Kept { session, since, used: clock::now() })
    }

    async fn config(&self) -> Result<BmcConfig, PowerError> {
        let read = match &self.source {
            Source::Known(config) => return Ok(BmcConfig::clone(config)),
            Source::Files(read) => Arc::clone(read),
        };
        let again = Arc::clone(&read);
        tokio::task::spawn_blocking(move || read()).await.unwrap_or_else(|_broken| again())
    }

    /// The session that was kept, if the BMC answers in it now.
    async fn take_living(&self, by: Instant) -> Option<Kept> {
        let mut kept = self.take()?;
        let patience = PATIENCE_MIN.max(kept.session.login_time() * 4 / 3);
        kept.session.set_deadline(by);
        timeout(patience, kept.session.status()).await.ok()?.ok()?;
        Some(kept)
    }

    fn take(&self) -> Option<Kept> {
        let kept = self.kept().take();
        let now = clock::now();
        kept.filter(|kept| now.since(kept.used) < IDLE_MAX && now.since(kept.since) < AGE_MAX)
    }

    /// What a session says that was given up in the middle of a question.
    fn no_session(&self) -> PowerError {
        PowerError::new(&self.address, "-", Fault::Login(ClientError::Over))
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Place({})", self.address)
    }
}

/// A session in use.
struct Using {
    place: Arc<Place>,
    /// What it failed of, for good.
    state: Result<Kept, PowerError>,
    has_ordered: bool,
    by: Instant,
}

impl Using {
    async fn ask<T>(
        &mut self,
        ask: impl AsyncFn(&mut Session) -> Result<T, PowerError>,
    ) -> Result<T, PowerError> {
        let lost = self.place.no_session();
        let mut kept = std::mem::replace(&mut self.state, Err(lost))?;
        kept.session.set_deadline(self.by);
        let said = ask(&mut kept.session).await;
        self.state = match &said {
            Ok(_) => Ok(Kept { used: clock::now(), ..kept }),
            Err(error) => Err(error.clone()),
        };
        said
    }
}

impl PowerSession for Using {
    fn set_deadline(&mut self, by: Instant) {
        self.by = by;
    }

    fn off(&mut self) -> Working<'_, Ack> {
        self.has_ordered = true;
        Box::pin(self.ask(async |session| session.off().await))
    }

    fn on(&mut self) -> Working<'_, Ack> {
        self.has_ordered = true;
        Box::pin(self.ask(async |session| session.on().await))
    }

    fn status(&mut self) -> Working<'_, PowerStatus> {
        Box::pin(self.ask(async |session| session.status().await))
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        let gone = self.place.no_session();
        if let Ok(kept) = std::mem::replace(&mut self.state, Err(gone))
            && !self.has_ordered
        {
            let before = self.place.kept().replace(kept);
            drop(before);
        }
    }
}
