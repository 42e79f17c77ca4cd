//! Off, proven; on, read: at any power device, for callers that answer for it themselves, without a
//! warrant.
//!
//! One session carries the order and all its readings; whoever cannot go on in it knows nothing.

use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::time::Instant;

use super::Ack;
use super::case::{Asked, CONFIRM_MAX, Case};
use super::device::{PowerDevice, PowerSession};
use super::error::PowerError;
use super::session::{Passage, PowerStatus};
use super::verdict::{Evidence, Seen, Switch, Terms};

/// Orders power off or on, and reads until it is so or time is up.
pub(super) async fn switch<D: PowerDevice + ?Sized>(
    device: &D,
    switch: Switch,
    terms: &Terms,
) -> Result<Seen, PowerError> {
    begin(device, terms, switch).await?.seen(switch).await.map(|(seen, _)| seen)
}

/// Reads power once.
pub(super) async fn read<D: PowerDevice + ?Sized>(
    device: &D,
    terms: &Terms,
) -> Result<PowerStatus, PowerError> {
    let by = clock::now() + device.patience(terms);
    device.open(by).await?.status().await
}

async fn begin<'a, D: PowerDevice + ?Sized>(
    device: &D,
    terms: &'a Terms,
    order: Switch,
) -> Result<Case<'a, InSession>, PowerError> {
    let patience = device.patience(terms);
    let session = device.open(clock::now() + patience).await?;
    let mut asked = InSession { session, order };
    let before = match order {
        Switch::Off => {
            let read = asked.power(clock::now() + patience).await.ok();
            read.and_then(|(_, status)| said_before(&status))
        }
        Switch::On => None,
    };
    let ordered_at = clock::now();
    let ack = asked.order(ordered_at + patience).await?;
    let acked = (clock::now(), ack);
    let device = device.describe();
    let (who, orders, readings) = (None, 1, Vec::new());
    let evidence = Evidence { device, who, ordered_at, orders, before, acked, readings };
    Ok(Case::new(asked, terms, evidence).with_patience(patience))
}

/// One on its way up may still read off for a while: that it was on says nothing then.
fn said_before(status: &PowerStatus) -> Option<bool> {
    (status.passage != Some(Passage::PoweringOn)).then_some(status.on)
}

/// A device in the session of the order.
struct InSession {
    session: Box<dyn PowerSession>,
    order: Switch,
}

impl InSession {
    async fn order(&mut self, by: Instant) -> Result<Ack, PowerError> {
        self.session.set_deadline(by);
        match self.order {
            Switch::Off => self.session.off().await,
            Switch::On => self.session.on().await,
        }
    }
}

/// Each reading may cost a connection or a process: no haste.
impl Asked for InSession {
    const CONFIRM_MIN: Duration = CONFIRM_MAX;
    const PAUSE_MIN: Duration = Duration::from_millis(100);

    async fn power(&mut self, by: Instant) -> Result<(Instant, PowerStatus), PowerError> {
        self.session.set_deadline(by);
        let status = self.session.status().await?;
        Ok((clock::now(), status))
    }

    async fn order_again(&mut self, by: Instant) -> Result<(), PowerError> {
        self.order(by).await.map(drop)
    }
}
