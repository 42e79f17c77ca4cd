//! One node's way to power, whatever is behind it.
//!
//! Sessions are for callers with a warrant, who judge for themselves; the verdicts are for those who
//! answer for it themselves.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use palisade_ipmi::client::Ack;
use palisade_protocol::time::Instant;

use super::error::{PowerError, PowerErrorKind};
use super::session::PowerStatus;
use super::trouble::Trouble;
use super::unwarranted;
use super::verdict::{Raised, Seen, Switch, Terms, Verdict};

/// A session being opened.
pub type Opening<'a> = Working<'a, Box<dyn PowerSession>>;

/// Work on power under way. Dropping it cancels it and gives the session's slot back.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T, PowerError>> + Send + 'a>>;

/// A judgement under way. Dropping it cancels it.
pub type Judging<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A device that can switch a node's power and read it. Used from tasks, several at once.
pub trait PowerDevice: fmt::Debug + Send + Sync {
    /// Opens a session before `by`; that deadline holds for every order in it.
    fn open(&self, by: Instant) -> Opening<'_>;

    /// The device in an operator's words, such as `bmc 10.9.0.1:623`.
    fn describe(&self) -> String;

    /// How long it may take to open a session, or to answer in one, on these terms.
    fn patience(&self, terms: &Terms) -> Duration {
        terms.silence
    }

    /// Orders hard power off and proves it.
    fn fence<'a>(&'a self, terms: &'a Terms) -> Judging<'a, Verdict> {
        Box::pin(async { Verdict::of(self.switch(Switch::Off, terms).await) })
    }

    /// Orders power on and waits until it is read.
    fn raise<'a>(&'a self, terms: &'a Terms) -> Judging<'a, Raised> {
        Box::pin(async { Raised::of(self.switch(Switch::On, terms).await) })
    }

    /// Orders power off or on, and reads until it is so or time is up.
    fn switch<'a>(&'a self, switch: Switch, terms: &'a Terms) -> Working<'a, Seen> {
        Box::pin(unwarranted::switch(self, switch, terms))
    }

    /// Reads power once.
    fn read<'a>(&'a self, terms: &'a Terms) -> Working<'a, PowerStatus> {
        Box::pin(unwarranted::read(self, terms))
    }

    /// Pulses the diagnostic interrupt, once.
    fn diagnose<'a>(&'a self, _terms: &'a Terms) -> Working<'a, ()> {
        Box::pin(async {
            let trouble = Trouble::new(
                PowerErrorKind::BadConfig,
                "no diagnostic interrupt is sent by it",
                "give the node a [node.bmc]",
            );
            Err(PowerError::at(self.describe(), trouble.definite()))
        })
    }

    /// Whether it could be tried at all; reads files, sends nothing.
    ///
    /// # Errors
    /// [`PowerError`] of kind `BadConfig`.
    fn check(&self) -> Result<(), PowerError> {
        Ok(())
    }

    /// What failed elsewhere before this device did what was asked: of several ways, the others.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is left alone now because a login was refused for good, and for how long yet.
    fn resting(&self) -> Vec<String> {
        Vec::new()
    }

    /// Ends such a rest: somebody says that the account has been mended.
    fn try_now(&self) {}
}

/// A session with a power device; readings in it are younger than the session.
pub trait PowerSession: Send {
    /// From now on orders are waited for until `by`.
    fn set_deadline(&mut self, by: Instant);

    /// Orders hard power off; the answer proves nothing.
    fn off(&mut self) -> Working<'_, Ack>;

    /// Orders power on; the answer proves nothing.
    fn on(&mut self) -> Working<'_, Ack>;

    /// Reads power.
    fn status(&mut self) -> Working<'_, PowerStatus>;
}
