//! The sessions of one BMC: slots, stages, time limits. Knows nothing of commands.

use std::collections::BTreeMap;

use palisade_protocol::time::{Duration, Instant};

use super::config::Config;
use crate::keys::{Handshake, SessionKeys};
use crate::privilege::Privilege;
use crate::suite::Suite;
use crate::window::Window;

/// One slot in use.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) console_id: u32,
    pub(super) suite: Suite,
    /// Highest level that the session can reach.
    pub(super) limit: Privilege,
    pub(super) stage: Stage,
    pub(super) last_heard: Instant,
}

/// How far a login has come.
#[derive(Debug)]
pub(super) enum Stage {
    Opened,
    Challenged(Box<Handshake>),
    Active(Box<Active>),
}

/// A session that stands.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) keys: SessionKeys,
    pub(super) level: Privilege,
    pub(super) heard: Window,
    /// Where a second RAKP 3 is answered: the answer, and the keys that replace the session's.
    pub(super) replay: Option<(Vec<u8>, SessionKeys)>,
    sent: u32,
}

impl Stage {
    const fn is_challenged(&self) -> bool {
        matches!(self, Self::Challenged(_))
    }
}

impl Active {
    /// A session as it begins: at user level, whatever was asked for. [IPMI2 §6.8]
    pub(super) fn new(keys: SessionKeys, limit: Privilege) -> Self {
        Self {
            keys,
            level: Privilege::User.min(limit),
            heard: Window::new(),
            replay: None,
            sent: 0,
        }
    }

    /// A second RAKP 3 came: its answer, if this BMC gives one, which costs the session its keys.
    pub(super) fn spoil(&mut self) -> Option<Vec<u8>> {
        let (answer, keys) = self.replay.clone()?;
        self.keys = keys;
        Some(answer)
    }

    /// The sequence number of the next packet sent; `skips`: one is left out before it.
    pub(super) const fn next_sequence(&mut self, skips: bool) -> u32 {
        self.sent = self.sent.wrapping_add(if skips { 2 } else { 1 });
        self.sent
    }
}

/// All slots, by the BMC's session id.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    standing: BTreeMap<u32, Session>,
    /// When each slot is free again whose session has ended.
    reclaimed: Vec<Instant>,
    failed_logins: u32,
}

impl Sessions {
    /// Slots in use.
    pub(super) fn len(&self) -> usize {
        self.standing.len() + self.reclaimed.len()
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.standing.contains_key(&id)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.standing.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: u32, session: Session) {
        let before = self.standing.insert(id, session);
        assert!(before.is_none(), "a session id is given out once");
    }

    /// Ends a session; its slot is free after `reclaim`.
    pub(super) fn remove(&mut self, now: Instant, id: u32, reclaim: Duration) -> bool {
        let was_there = self.standing.remove(&id).is_some();
        if was_there && !reclaim.is_zero() {
            self.reclaimed.push(now + reclaim);
        }
        was_there
    }

    /// A console did not prove that it knows the password.
    pub(super) const fn login_failed(&mut self) {
        self.failed_logins = self.failed_logins.saturating_add(1);
    }

    pub(super) const fn failed_logins(&self) -> u32 {
        self.failed_logins
    }

    pub(super) fn clear(&mut self) {
        self.standing.clear();
        self.reclaimed.clear();
    }

    /// Gives up every session whose time is over.
    pub(super) fn expire(&mut self, now: Instant, config: &Config) {
        self.reclaimed.retain(|free_at| now < *free_at);
        while let Some(id) = self.first_expired(now, config) {
            if self.get_mut(id).is_some_and(|session| session.stage.is_challenged()) {
                self.login_failed();
            }
            self.remove(now, id, config.quirks.reclaim);
        }
    }

    fn first_expired(&self, now: Instant, config: &Config) -> Option<u32> {
        let is_over = |session: &Session| {
            let max = match session.stage {
                Stage::Opened | Stage::Challenged(_) => config.setup_max,
                Stage::Active(_) => config.idle_max,
            };
            now.since(session.last_heard) > max
        };
        self.standing.iter().find(|(_, session)| is_over(session)).map(|(id, _)| *id)
    }
}
