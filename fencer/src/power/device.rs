//! One node's way to power, whatever is behind it.

use std::fmt;
use std::pin::Pin;

use palisade_ipmi::client::Ack;
use palisade_protocol::time::Instant;

use super::error::PowerError;
use super::session::PowerStatus;

/// A session being opened.
pub type Opening<'a> = Working<'a, Box<dyn PowerSession>>;

/// Work on power under way. Dropping it cancels it and gives the session's slot back.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T, PowerError>> + Send + 'a>>;

/// A device that can switch a node's power and read it. Used from tasks, several at once.
pub trait PowerDevice: fmt::Debug + Send + Sync {
    /// Opens a session before `by`; that deadline holds for every order in it.
    fn open(&self, by: Instant) -> Opening<'_>;

    /// The device in an operator's words, such as `bmc 10.9.0.1:623`.
    fn describe(&self) -> String;
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
