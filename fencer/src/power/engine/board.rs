//! All logins under way: which datagram is for which, and whose time has come.
//!
//! Starts only so many handshakes at once that their answers are never too many for the socket, first
//! come, first served; one that is not answered within its first pause makes room for the next, so
//! that dead BMCs do not hold up the living. Never takes anything for an answer that does not come
//! from the address of the BMC that was asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use palisade_host::clock;
use palisade_ipmi::client::{Client, Input, Limit, Login, Order, addressee};
use palisade_protocol::time::Instant;

use super::flow::{Facts, Flow, Heard, Stage, Teller};
use super::wire::{Bounce, DATAGRAM_MAX, Received, Wire, plain};

/// Handshakes that may be under way at once.
const KNOCKING_MAX: usize = 256;

/// Datagrams taken before time is looked at again.
const BURST_MAX: usize = 256;

/// Errors taken before time is looked at again.
const BOUNCES_MAX: usize = 64;

/// A login to begin.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) login: Login,
    pub(super) address: SocketAddr,
    pub(super) seed: [u8; 32],
    pub(super) limit: Limit,
    pub(super) opened: Teller<Facts>,
}

/// The logins and the sockets.
#[derive(Debug, Default)]
pub(super) struct Board {
    wires: [Option<Arc<Wire>>; 2],
    flows: BTreeMap<u64, Flow>,
    at: BTreeMap<SocketAddr, Vec<u64>>,
    agenda: BTreeSet<(Instant, u64)>,
    queue: VecDeque<u64>,
    knocking: usize,
    last: u64,
}

impl Board {
    /// Puts a login into the queue; its number.
    pub(super) fn open(&mut self, now: Instant, opening: Opening) -> io::Result<u64> {
        let Opening { login, address, seed, limit, opened } = opening;
        let address = plain(address);
        self.wire_to(address)?;
        let client = Client::new(login, seed, now, limit);
        self.last += 1;
        let id = self.last;
        self.flows.insert(id, Flow::new(client, address, (now, limit.by()), opened));
        self.at.entry(address).or_default().push(id);
        self.queue.push_back(id);
        self.schedule(id);
        Ok(id)
    }

    /// Lets logins begin whose turn it is. Called when the orders that leave with them are there.
    pub(super) fn admit(&mut self, now: Instant) {
        while self.knocking < KNOCKING_MAX
            && let Some(id) = self.queue.pop_front()
        {
            let Some(flow) = self.flows.get_mut(&id) else { continue };
            flow.stage = Stage::Knocking;
            self.knocking += 1;
            self.turn(now, id, |flow| flow.tick(now));
        }
    }

    pub(super) fn order(
        &mut self,
        now: Instant,
        id: u64,
        what: (Order, Option<Instant>),
        teller: Teller<Heard>,
    ) {
        self.turn(now, id, |flow| flow.order(now, what, teller));
    }

    /// Gives the BMC's slot back. Nothing is waited for.
    pub(super) fn close(&mut self, now: Instant, id: u64) {
        self.turn(now, id, |flow| {
            flow.stage = Stage::Free;
            flow.turn(now, Input::Close)
        });
        let Some(flow) = self.flows.remove(&id) else { return };
        if let Some(due) = flow.due {
            self.agenda.remove(&(due, id));
        }
        if let Some(others) = self.at.get_mut(&flow.address) {
            others.retain(|other| *other != id);
            if others.is_empty() {
                self.at.remove(&flow.address);
            }
        }
    }

    /// How many logins there are.
    pub(super) fn count(&self) -> usize {
        self.flows.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.agenda.first().map(|(due, _)| *due)
    }

    /// Lets time pass for those whose time has come.
    pub(super) fn tick(&mut self, now: Instant) {
        while let Some((due, id)) = self.agenda.first().copied().filter(|(due, _)| *due <= now) {
            self.agenda.remove(&(due, id));
            if let Some(flow) = self.flows.get_mut(&id) {
                flow.due = None;
            }
            self.turn(now, id, |flow| {
                let datagrams = flow.tick(now);
                flow.stage = Stage::Free;
                datagrams
            });
        }
        self.admit(now);
    }

    /// The sockets that there are.
    pub(super) fn wires(&self) -> [Option<Arc<Wire>>; 2] {
        self.wires.clone()
    }

    /// Takes what has come in at a socket; whether there may be more.
    pub(super) fn receive(&mut self, wire: &Wire, errors: bool) -> bool {
        let mut more = errors && self.take_bounces(clock::now(), wire);
        let mut buffer = [0; DATAGRAM_MAX];
        for _ in 0..BURST_MAX {
            let received = wire.receive(&mut buffer);
            let now = clock::now();
            match received {
                Received::Datagram(from, bytes) => self.heard(now, from, bytes),
                Received::Error => more |= self.take_bounces(now, wire),
                Received::Nothing => return more,
            }
        }
        true
    }

    /// Takes the errors that have come back; whether there may be more.
    fn take_bounces(&mut self, now: Instant, wire: &Wire) -> bool {
        for _ in 0..BOUNCES_MAX {
            let Some(bounce) = wire.bounce() else { return false };
            self.bounced(now, &bounce);
        }
        true
    }

    fn heard(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let (Some(console_id), Some(there)) = (addressee(bytes), self.at.get(&from)) else {
            return;
        };
        let is_for = |id: &&u64| {
            let flow = self.flows.get(id);
            // Some BMCs refuse without saying whom: that can only be a login that is not in yet.
            flow.is_some_and(|flow| match console_id {
                0 => flow.is_opening() && flow.stage != Stage::Queued,
                id => flow.is_for(id),
            })
        };
        let Some(id) = there.iter().find(is_for).copied() else { return };
        self.turn(now, id, |flow| flow.turn(now, Input::Datagram(bytes)));
    }

    fn bounced(&mut self, now: Instant, bounce: &Bounce) {
        let there = self.at.get(&bounce.to).cloned().unwrap_or_default();
        for id in there {
            self.turn(now, id, |flow| {
                if bounce.error.kind() == io::ErrorKind::ConnectionRefused {
                    return flow.turn(now, Input::PortRefused);
                }
                flow.unreachable(bounce.error.to_string());
                Vec::new()
            });
        }
    }

    /// Something happens to a login; what follows is sent and noted.
    fn turn(&mut self, now: Instant, id: u64, act: impl FnOnce(&mut Flow) -> Vec<Vec<u8>>) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let was = flow.stage;
        let datagrams = act(flow);
        let (is, address) = (flow.stage, flow.address);
        if was == Stage::Knocking && is != Stage::Knocking {
            self.knocking = self.knocking.saturating_sub(1);
        }
        self.schedule(id);
        self.send(now, address, &datagrams);
    }

    fn send(&mut self, now: Instant, to: SocketAddr, datagrams: &[Vec<u8>]) {
        let Some(wire) = self.wire(to).cloned() else { return };
        let mut bounces = Vec::new();
        for datagram in datagrams {
            wire.send(to, datagram, &mut bounces);
        }
        for bounce in bounces {
            self.bounced(now, &bounce);
        }
    }

    fn schedule(&mut self, id: u64) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let due = flow.next_deadline();
        if flow.due == due {
            return;
        }
        if let Some(before) = std::mem::replace(&mut flow.due, due) {
            self.agenda.remove(&(before, id));
        }
        self.agenda.extend(due.map(|due| (due, id)));
    }

    fn wire(&self, to: SocketAddr) -> Option<&Arc<Wire>> {
        self.wires.get(usize::from(to.is_ipv6())).and_then(Option::as_ref)
    }

    /// The socket for this address, made when first needed.
    fn wire_to(&mut self, to: SocketAddr) -> io::Result<()> {
        if let Some(place) = self.wires.get_mut(usize::from(to.is_ipv6()))
            && place.is_none()
        {
            *place = Some(Arc::new(Wire::bind(to)?));
        }
        Ok(())
    }
}
