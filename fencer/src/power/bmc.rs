//! A BMC reached by IPMI over LAN as a [`PowerDevice`].

use palisade_ipmi::client::Ack;
use palisade_protocol::time::Instant;

use super::config::BmcConfig;
use super::device::{Opening, PowerDevice, PowerSession, Working};
use super::session::{PowerStatus, Session};

/// One node's BMC.
#[derive(Clone, Debug)]
pub struct Bmc {
    config: BmcConfig,
}

impl Bmc {
    /// The BMC that `config` describes. Nothing is sent before a session is opened.
    pub const fn new(config: BmcConfig) -> Self {
        Self { config }
    }
}

impl PowerDevice for Bmc {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let session = Session::open(&self.config, by).await?;
            Ok(Box::new(session) as Box<dyn PowerSession>)
        })
    }

    fn describe(&self) -> String {
        format!("bmc {}", self.config.address)
    }
}

impl PowerSession for Session {
    fn set_deadline(&mut self, by: Instant) {
        Self::set_deadline(self, by);
    }

    fn off(&mut self) -> Working<'_, Ack> {
        Box::pin(Self::off(self))
    }

    fn on(&mut self) -> Working<'_, Ack> {
        Box::pin(Self::on(self))
    }

    fn status(&mut self) -> Working<'_, PowerStatus> {
        Box::pin(Self::status(self))
    }
}
