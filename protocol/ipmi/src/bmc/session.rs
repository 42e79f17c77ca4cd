//! The sessions of one BMC: slots, stages, time limits. Knows nothing of commands.

use std::collections::BTreeMap;

use palisade_protocol::time::Instant;

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
    sent: u32,
}

impl Active {
    /// A session as it begins: at user level, whatever was asked for. [IPMI2 §6.8]
    pub(super) fn new(keys: SessionKeys, limit: Privilege) -> Self {
        Self { keys, level: Privilege::User.min(limit), heard: Window::new(), sent: 0 }
    }

    /// The sequence number of the next packet sent.
    pub(super) const fn next_sequence(&mut self) -> u32 {
        self.sent = self.sent.wrapping_add(1);
        self.sent
    }
}

/// All slots, by the BMC's session id.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<u32, Session>);

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.0.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: u32, session: Session) {
        let before = self.0.insert(id, session);
        assert!(before.is_none(), "a session id is given out once");
    }

    pub(super) fn remove(&mut self, id: u32) -> bool {
        self.0.remove(&id).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Gives up every session whose time is over.
    pub(super) fn expire(&mut self, now: Instant, config: &Config) {
        self.0.retain(|_, session| {
            let max = match session.stage {
                Stage::Opened | Stage::Challenged(_) => config.setup_max,
                Stage::Active(_) => config.idle_max,
            };
            now.since(session.last_heard) <= max
        });
    }
}
