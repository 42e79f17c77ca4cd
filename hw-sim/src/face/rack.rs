//! Many BMC models, and when each has something to do. Thousands stand still while one is busy.
//!
//! Owns no socket: it is told what arrived, and gives what is to leave.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use palisade_protocol::time::Instant;

use super::rmcp::RackEvent;
use crate::bmc::{Answer, Bmc};

/// The models.
#[derive(Debug)]
pub(super) struct Rack {
    bmcs: Vec<Bmc>,
    /// When each is due, as it stands in the agenda.
    due: Vec<Option<Instant>>,
    agenda: BTreeSet<(Instant, usize)>,
    /// Those that were acted upon since time was last let pass.
    touched: Vec<usize>,
}

impl Rack {
    pub(super) fn new(bmcs: Vec<Bmc>) -> Self {
        let (due, touched) = (vec![None; bmcs.len()], (0..bmcs.len()).collect());
        Self { bmcs, due, agenda: BTreeSet::new(), touched }
    }

    /// The model, which is looked after when time is next let pass.
    pub(super) fn touch(&mut self, bmc: usize) -> Option<&mut Bmc> {
        let model = self.bmcs.get_mut(bmc)?;
        if self.touched.last() != Some(&bmc) {
            self.touched.push(bmc);
        }
        Some(model)
    }

    /// A datagram has arrived; `send` gets what is answered at once.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        (bmc, from): (usize, SocketAddr),
        datagram: &[u8],
        send: &mut impl FnMut(usize, &Answer),
    ) {
        let Some(model) = self.touch(bmc) else { return };
        model.hear(now, from, datagram);
        while let Some(answer) = model.take_answer(now) {
            send(bmc, &answer);
        }
    }

    /// Lets time pass for those that are due or were touched: `send` gets what is to leave, and
    /// what happened to each is given back, in order.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        send: &mut impl FnMut(usize, &Answer),
    ) -> Vec<RackEvent> {
        let mut events = Vec::new();
        while let Some(bmc) = self.touched.pop().or_else(|| self.pop_due(now)) {
            let Some(model) = self.bmcs.get_mut(bmc) else { continue };
            model.advance(now);
            while let Some(answer) = model.take_answer(now) {
                send(bmc, &answer);
            }
            events.extend(model.take_events().into_iter().map(|event| RackEvent { bmc, event }));
            let next = model.next_deadline(now);
            self.schedule(bmc, next);
        }
        events
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.agenda.first().map(|(at, _)| *at)
    }

    fn pop_due(&self, now: Instant) -> Option<usize> {
        let (at, bmc) = *self.agenda.first()?;
        (at <= now).then_some(bmc)
    }

    /// A model that was let pass `now` is due later than `now`, so that this comes to an end.
    fn schedule(&mut self, bmc: usize, next: Option<Instant>) {
        let Some(due) = self.due.get_mut(bmc).filter(|due| **due != next) else { return };
        if let Some(before) = std::mem::replace(due, next) {
            self.agenda.remove(&(before, bmc));
        }
        self.agenda.extend(next.map(|at| (at, bmc)));
    }
}
