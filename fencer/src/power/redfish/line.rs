//! The way to a service: what is asked over it, and as whom.
//!
//! Never gives a service's words on with a secret in them.

use palisade_host::clock;
use palisade_host::config::HttpPlace;
use palisade_protocol::time::Instant;
use serde::Serialize;

use super::model;
use super::refusal::{ended, refused};
use super::reply::Reply;
use super::request::{Badge, request};
use super::secrets::Secrets;
use super::tls::Terms;
use super::wire::{Broken, Connection};
use crate::power::trouble::Trouble;

/// The way to a service.
pub(super) struct Line {
    pub(super) place: HttpPlace,
    pub(super) terms: Option<Terms>,
    /// Shown with each request.
    pub(super) badge: Badge,
    /// What nobody may read of what the service says.
    pub(super) secrets: Secrets,
    pub(super) connection: Option<Connection>,
}

impl Line {
    /// Sends a request and waits for the reply, over the connection that is there or a new one. One that
    /// was hung up on meanwhile is replaced once: what is asked here may be asked twice.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
        by: Instant,
    ) -> Result<Reply, Trouble> {
        let what = self.told(method, path);
        if clock::now() >= by {
            return Err(Trouble::too_late(what));
        }
        let bytes = request(method, path, &self.place, &self.badge, body);
        if let Some(mut kept) = self.connection.take() {
            match kept.exchange(&bytes, &what, by).await {
                Ok(reply) => return Ok(self.keep(kept, reply)),
                Err(Broken { is_stale: true, .. }) => {}
                Err(Broken { trouble, .. }) => return Err(trouble),
            }
        }
        let mut fresh = Connection::open(&self.place, self.terms.as_ref(), by).await?;
        let reply = fresh.exchange(&bytes, &what, by).await.map_err(|broken| broken.trouble)?;
        Ok(self.keep(fresh, reply))
    }

    fn keep(&mut self, connection: Connection, reply: Reply) -> Reply {
        self.connection = reply.is_kept.then_some(connection);
        reply
    }

    /// What is done with a path, for people: a path may be one that the service gave.
    pub(super) fn told(&self, what: &str, path: &str) -> String {
        format!("{what} {}", self.secrets.struck(path))
    }

    /// The reply, if it says that what was asked is done or begun.
    pub(super) fn accepted(&self, what: &str, reply: Reply) -> Result<Reply, Trouble> {
        if (200..=299).contains(&reply.status) {
            return Ok(reply);
        }
        let said = model::said(&reply.body, &self.secrets);
        Err(match (reply.status, &self.badge) {
            (401, Badge::Token(_)) => ended(what, said),
            (status, _) => refused(what, status, said),
        })
    }
}
