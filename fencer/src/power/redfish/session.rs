//! A session with a Redfish service: its login, its one system, orders and readings.
//!
//! Has no opinion of its own. Given up, it gives its slot at the service back.

use std::time::Duration;

use palisade_host::clock;
use palisade_host::config;
use palisade_host::secret::Secret;
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Redfish;
use super::line::Line;
use super::model::{self, Reset, System};
use super::refusal::{elsewhere, leak, misread, no_only, no_reset, not_offered};
use super::reply::Reply;
use super::request::Badge;
use super::secrets::Secrets;
use super::tls::Terms;
use crate::power::device::{PowerSession, Working};
use crate::power::error::PowerErrorKind;
use crate::power::session::PowerStatus;
use crate::power::trouble::Trouble;
use crate::power::{Ack, LastPowerEvent};
use crate::tally::{Counted, Tally};

/// Where sessions are made. [DSP0266 §13.3.4]
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// Where systems are listed. [DSP0266 §6.4]
const SYSTEMS: &str = "/redfish/v1/Systems";

/// How long a slot is tried to be given back.
pub(super) const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Sessions that are being made, are open or are being given back, in this process.
static HELD: Tally = Tally::new();

/// An open session.
pub(super) struct Session {
    device: Redfish,
    line: Line,
    /// What to delete at the end.
    own: Option<String>,
    system: String,
    reset: Option<Reset>,
    by: Instant,
    counted: Option<Counted>,
}

/// A new session. [DSP0268, Session]
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Account<'a> {
    user_name: &'a str,
    password: &'a str,
}

/// An order. [DSP0268, ComputerSystem.Reset]
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Order {
    reset_type: &'static str,
}

impl Session {
    /// A session not yet logged in; what is quoted in it has none of `secrets` in it.
    pub(super) fn new(
        device: Redfish,
        terms: Option<Terms>,
        secrets: Secrets,
        by: Instant,
    ) -> Self {
        let place = device.config.place.clone();
        let line = Line { place, terms, badge: Badge::None, secrets, connection: None };
        let (system, counted) = (String::new(), Some(HELD.one()));
        Self { device, line, own: None, system, reset: None, by, counted }
    }

    /// Shows `badge` with each request from now on.
    pub(super) fn show(&mut self, badge: Badge) {
        self.line.badge = badge;
    }

    /// Has the service make a session of its own for the account. Goes on in a task of its own: one that
    /// the service has made while nobody waits for it any more is given back.
    pub(super) async fn logged_in(mut self, password: Secret) -> Result<Self, Trouble> {
        let login = tokio::spawn(async move { self.log_in(&password).await.map(|()| self) });
        login.await.map_err(|broken| Trouble::local("logging in", broken))?
    }

    async fn log_in(&mut self, password: &Secret) -> Result<(), Trouble> {
        let config::Redfish { user, .. } = self.device.config.as_ref();
        let account = Account { user_name: user, password: password.expose() };
        let reply = self.line.ask("POST", SESSIONS, Some(&account), self.by).await?;
        if matches!(reply.status, 404 | 405 | 501) {
            let evidence = format!("no sessions are made at {SESSIONS}: status {}", reply.status);
            let remedy = "set login = \"basic\"";
            return Err(Trouble::new(PowerErrorKind::BadConfig, evidence, remedy).definite());
        }
        if let Some(token) = &reply.token {
            self.line.secrets.add(token.expose());
        }
        let reply = self.line.accepted("log in", reply)?;
        self.own = self.own_path(&reply);
        let Some(token) = reply.token else {
            let remedy = "update the firmware of the bmc, or set login = \"basic\"";
            let evidence = "it made a session without a token";
            return Err(Trouble::new(PowerErrorKind::Protocol, evidence, remedy));
        };
        self.show(Badge::Token(token));
        Ok(())
    }

    /// Where the new session is, so that it can be ended. Services that do not know by what address they
    /// are reached name another in one of the two.
    fn own_path(&self, reply: &Reply) -> Option<String> {
        let links = [reply.location.clone(), model::own_link(&reply.body)];
        let links: Vec<&str> = links.iter().flatten().map(String::as_str).collect();
        let path = links.iter().find_map(|link| model::path_within(link, &self.line.place));
        if path.is_none() {
            self.device.note_leak(leak(&links, &self.line.secrets));
        }
        path
    }

    /// Finds the system, and whether it could be switched off as it is now.
    pub(super) async fn find_system(&mut self) -> Result<(), Trouble> {
        self.system = match self.device.config.system.clone() {
            Some(path) => path,
            None => self.only_system().await?,
        };
        if self.read().await?.on {
            self.target("ForceOff").await?;
        }
        Ok(())
    }

    async fn only_system(&mut self) -> Result<String, Trouble> {
        let reply = self.get(SYSTEMS).await?;
        let (members, next) =
            model::members(&reply.body, self.secrets()).map_err(|error| misread(&error))?;
        match members.as_slice() {
            [link] if next.is_none() => self.followed(link),
            _ => Err(no_only(&members, self.secrets())),
        }
    }

    async fn get(&mut self, path: &str) -> Result<Reply, Trouble> {
        let reply = self.line.ask("GET", path, None::<&Order>, self.by).await?;
        self.line.accepted(&self.line.told("GET", path), reply)
    }

    const fn secrets(&self) -> &Secrets {
        &self.line.secrets
    }

    /// Reads the system anew.
    async fn read(&mut self) -> Result<System, Trouble> {
        let path = self.system.clone();
        let reply = self.get(&path).await?;
        let system = model::system(&reply.body, self.secrets()).map_err(|error| misread(&error))?;
        self.reset = system.reset.clone();
        Ok(system)
    }

    /// Where `order` goes; none if it is not possible in the present state.
    async fn target(&mut self, order: &'static str) -> Result<Option<String>, Trouble> {
        let mut offered = self.offered().await?;
        if !offered.as_ref().is_none_or(|all| all.iter().any(|one| one == order)) {
            // Some offer only what would change the state they are in: look at that again.
            let system = self.read().await?;
            if system.on == (order == "On") {
                return Ok(None);
            }
            offered = self.offered().await?;
        }
        let is_offered = offered.as_ref().is_none_or(|all| all.iter().any(|one| one == order));
        let named = self.secrets().struck(&self.system);
        match &self.reset {
            None => Err(no_reset(order, &named)),
            Some(Reset { target, .. }) if is_offered => self.followed(target).map(Some),
            Some(_) => {
                Err(not_offered(order, &named, &offered.unwrap_or_default(), self.secrets()))
            }
        }
    }

    /// The orders that the service says it takes; none if it does not say.
    async fn offered(&mut self) -> Result<Option<Vec<String>>, Trouble> {
        match self.reset.clone() {
            None => Ok(Some(Vec::new())),
            Some(Reset { allowed: None, info: Some(info), .. }) => {
                let path = self.followed(&info)?;
                let reply = self.get(&path).await?;
                let allowed =
                    model::allowed(&reply.body, self.secrets()).map_err(|error| misread(&error))?;
                if let Some(reset) = &mut self.reset {
                    reset.allowed.clone_from(&allowed);
                    reset.info = None;
                }
                Ok(allowed)
            }
            Some(Reset { allowed, .. }) => Ok(allowed),
        }
    }

    fn followed(&self, link: &str) -> Result<String, Trouble> {
        let path = model::path_within(link, &self.line.place);
        path.ok_or_else(|| elsewhere(link, self.secrets()))
    }

    async fn order(&mut self, reset_type: &'static str) -> Result<Ack, Trouble> {
        let Some(target) = self.target(reset_type).await? else { return Ok(Ack::NotInThisState) };
        let order = Order { reset_type };
        let reply = self.line.ask("POST", &target, Some(&order), self.by).await?;
        if is_not_in_this_state(&reply) {
            return Ok(Ack::NotInThisState);
        }
        let what = self.line.told(&format!("{reset_type} at"), &target);
        self.line.accepted(&what, reply).map(|_| Ack::Accepted)
    }

    async fn status_now(&mut self) -> Result<PowerStatus, Trouble> {
        let System { on, passage, restore_policy, .. } = self.read().await?;
        let last_event = LastPowerEvent::default();
        Ok(PowerStatus { on, passage, control_fault: false, restore_policy, last_event })
    }
}

impl PowerSession for Session {
    fn set_deadline(&mut self, by: Instant) {
        self.by = by;
    }

    fn off(&mut self) -> Working<'_, Ack> {
        Box::pin(async { self.order("ForceOff").await.map_err(|it| self.device.failed(it)) })
    }

    fn on(&mut self) -> Working<'_, Ack> {
        Box::pin(async { self.order("On").await.map_err(|it| self.device.failed(it)) })
    }

    fn status(&mut self) -> Working<'_, PowerStatus> {
        Box::pin(async { self.status_now().await.map_err(|it| self.device.failed(it)) })
    }
}

/// The slot is given back however the session ends, also when its task is cancelled.
impl Drop for Session {
    fn drop(&mut self) {
        let (Some(own), Ok(runtime)) = (self.own.take(), Handle::try_current()) else { return };
        let badge = std::mem::replace(&mut self.line.badge, Badge::None);
        let connection = self.line.connection.take();
        let (place, terms) = (self.line.place.clone(), self.line.terms.clone());
        let secrets = std::mem::take(&mut self.line.secrets);
        let line = Line { place, terms, badge, secrets, connection };
        runtime.spawn(leave(line, own, self.counted.take()));
    }
}

async fn leave(mut line: Line, own: String, counted: Option<Counted>) {
    let by = clock::now() + FAREWELL_MAX;
    if let Err(trouble) = line.ask("DELETE", &own, None::<&Order>, by).await {
        log::debug!("redfish {}: a session was not given back: {trouble}", line.place);
    }
    drop(counted);
}

/// Waits until every session has been given back, and no longer than `longest`.
pub(super) async fn farewell(longest: Duration) {
    if timeout(longest, HELD.none_left()).await.is_err() {
        let within = Span(longest);
        log::warn!(
            "redfish: a session was not given back within {within}; its service ends it when long idle"
        );
    }
}

/// Whether an order was declined because the machine is in that state, or on the way there. The status
/// alone can tell which.
fn is_not_in_this_state(reply: &Reply) -> bool {
    const NAMES: [&str; 2] = ["InvalidOperationForSystemState", "NoOperation"];
    let is_so = || NAMES.contains(&model::said(&reply.body, &Secrets::none()).name.as_str());
    reply.status == 409 || (reply.status == 400 && is_so())
}
