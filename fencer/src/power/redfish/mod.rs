//! A management controller that speaks Redfish as a power device.
//!
//! Orders `ForceOff` and `On` and nothing else: never a graceful shutdown, restart or cycle. Follows
//! links within the one service only, never a redirection. Every step has a deadline and every answer a
//! longest size; silence, refusal and rubbish are never off. [DMTF DSP0266]

mod disbelief;
mod line;
pub mod model;
mod refusal;
pub mod reply;
mod request;
pub mod secrets;
mod session;
mod tls;
mod wire;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use palisade_host::clock;
use palisade_host::config::{self, RedfishLogin};
use palisade_host::secret::{Secret, read_secret_file};
use palisade_protocol::time::Instant;

use self::refusal::ENDED;
use self::request::Badge;
use self::secrets::Secrets;
use self::session::Session;
use self::tls::Terms;
use super::device::{Opening, PowerDevice, PowerSession, Working};
use super::error::{PowerError, PowerErrorKind};
use super::trouble::Trouble;
use super::unwarranted;
use super::verdict::{Seen, Switch};
use crate::power;

/// Longest that opening a session may take where the caller's patience is less.
const OPEN_MAX: Duration = Duration::from_secs(10);

/// How long sessions are given back by a program that was told to end.
const TOLD_MAX: Duration = Duration::from_secs(1);

/// A system behind a Redfish service, and the account to use.
#[derive(Clone, Debug)]
pub struct Redfish {
    config: Arc<config::Redfish>,
    /// That sessions are left open, and what to do.
    leak: Arc<OnceLock<String>>,
}

impl Redfish {
    /// The service that `config` describes. Nothing is sent before a session is opened.
    pub fn new(config: config::Redfish) -> Self {
        Self { config: Arc::new(config), leak: Arc::default() }
    }

    async fn session(&self, by: Instant) -> Result<Session, Trouble> {
        let config = Arc::clone(&self.config);
        // On another thread: a mount that does not answer must not hold up the loop.
        let read = tokio::task::spawn_blocking(move || read_files(&config)).await;
        let (password, terms) =
            read.map_err(|broken| Trouble::local("reading the password file", broken))??;
        let secrets = Secrets::of(&self.config.user, &password);
        let mut session = Session::new(self.clone(), terms, secrets, by);
        match self.config.login {
            RedfishLogin::Session => session = session.logged_in(password).await?,
            RedfishLogin::Basic => {
                session.show(Badge::Basic { user: self.config.user.clone(), password });
            }
        }
        session.find_system().await?;
        Ok(session)
    }

    /// Says it at the first of them, and to those who ask for troubles.
    fn note_leak(&self, leak: String) {
        self.leak.get_or_init(|| {
            log::warn!("redfish {}: {leak}", self.config.place);
            leak
        });
    }

    fn failed(&self, trouble: Trouble) -> PowerError {
        let config::Redfish { place, user, .. } = self.config.as_ref();
        PowerError::at(format!("redfish {place} as {user:?}"), trouble)
    }
}

impl PowerDevice for Redfish {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let opened = self.session(by).await.map_err(|trouble| self.failed(trouble))?;
            Ok(Box::new(opened) as Box<dyn PowerSession>)
        })
    }

    fn describe(&self) -> String {
        let config::Redfish { place, system, .. } = self.config.as_ref();
        format!("redfish {place}{}", system.as_deref().unwrap_or_default())
    }

    /// A session takes several answers, and services take a second for each; one that does not even let
    /// us connect is given up sooner.
    fn patience(&self, terms: &power::Terms) -> Duration {
        terms.silence.max(OPEN_MAX)
    }

    fn switch<'a>(&'a self, switch: Switch, terms: &'a power::Terms) -> Working<'a, Seen> {
        Box::pin(async move {
            let began = clock::now();
            match unwarranted::switch(self, switch, terms).await {
                Err(error) if error.kind() == ENDED => {
                    unwarranted::switch(self, switch, &what_is_left_of(terms, began)).await
                }
                seen => seen,
            }
        })
    }

    fn troubles(&self) -> Vec<String> {
        let leak = self.leak.get().map(|leak| format!("{}: {leak}", self.describe()));
        leak.into_iter().collect()
    }

    fn check(&self) -> Result<(), PowerError> {
        read_files(&self.config).map(drop).map_err(|trouble| self.failed(trouble))
    }
}

/// The terms for a second attempt, from login and order to the last reading: nothing that the first one
/// read counts in it.
fn what_is_left_of(terms: &power::Terms, began: Instant) -> power::Terms {
    let change = terms.change.map(|change| change.saturating_sub(clock::now().since(began)));
    power::Terms { change, ..*terms }
}

/// How a program ends that has held sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself: services take a second for an answer.
    Done,
    /// Told to: whoever told it waits.
    Told,
}

/// Waits until every session has been given back, for two seconds at most, for one if told to end: for programs that
/// have dropped what they did. Services have few slots, and keep a forgotten one for half an hour.
pub async fn farewell(end: End) {
    session::farewell(match end {
        End::Done => session::FAREWELL_MAX,
        End::Told => TOLD_MAX,
    })
    .await;
}

fn read_files(config: &config::Redfish) -> Result<(Secret, Option<Terms>), Trouble> {
    let bad = |why: String, remedy: &'static str| {
        Trouble::new(PowerErrorKind::BadConfig, why, remedy).definite()
    };
    let password = read_secret_file(&config.password_file).map_err(|error| {
        bad(error.to_string(), "correct the file, or password_file in the configuration")
    })?;
    let terms = Terms::of(&config.trust).map_err(|why| {
        bad(why, "correct the file, or ca_file in the configuration, or set certificate_sha256")
    })?;
    Ok((password, terms))
}
