//! Any number of simulated BMCs on UDP, one address each, one thread for all.
//!
//! The face carries datagrams and lets time pass; what is answered, and when, is the model's.
//! Only loopback addresses are served.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use palisade_host::clock;
use palisade_protocol::time::{Instant, earliest};

use super::wake::{Shared, Thread, wait_until};
use crate::bmc::{Bmc, Event};

/// Longest datagram that is read; the longest that a console sends is about 100 bytes.
const DATAGRAM_MAX: usize = 1_500;
/// Datagrams taken from one socket before the others have their turn.
const TURN_MAX: usize = 64;
/// Number of the bell among the sockets.
const BELL: u64 = u64::MAX;

/// A rack of served BMCs; each is known by its number, in the order given.
#[derive(Debug)]
pub struct RmcpFace {
    shared: Arc<Shared<Rack>>,
    thread: Thread<Rack>,
    addresses: Vec<SocketAddr>,
}

/// Something happened to BMC `bmc` or to its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RackEvent {
    /// Number of the BMC.
    pub bmc: usize,
    /// What happened.
    pub event: Event,
}

impl RmcpFace {
    /// Binds each BMC's address, port 0 picking a free one, and serves them; `sink` hears what
    /// happens.
    ///
    /// # Errors
    /// If an address is not on loopback or cannot be bound, which the error names, or the thread
    /// cannot be started.
    pub fn start(
        bmcs: Vec<(SocketAddr, Bmc)>,
        sink: impl FnMut(RackEvent) + Send + 'static,
    ) -> io::Result<Self> {
        raise_file_limit();
        let (addresses, bmcs): (Vec<_>, Vec<_>) = bmcs.into_iter().unzip();
        let sockets = addresses.iter().map(|at| bind(*at)).collect::<io::Result<Vec<_>>>()?;
        let addresses =
            sockets.iter().map(UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let shared = Shared::new(Rack::new(bmcs))?;
        let server = Server::new(sockets, &shared)?;
        let thread = Thread::start("bmc", &shared, move |shared| serve(shared, server, sink))?;
        Ok(Self { shared, thread, addresses })
    }

    /// Where BMC `bmc` listens.
    pub fn address(&self, bmc: usize) -> Option<SocketAddr> {
        self.addresses.get(bmc).copied()
    }

    /// Acts on BMC `bmc`, told the time; `None` if there is no such BMC. Events that follow reach
    /// the sink. Must not be nested.
    pub fn with<R>(&self, bmc: usize, act: impl FnOnce(&mut Bmc, Instant) -> R) -> Option<R> {
        self.shared.change(|rack| rack.touch(bmc).map(|bmc| act(bmc, clock::now())))
    }

    /// Ends all.
    pub fn stop(self) {
        drop(self.thread);
    }
}

/// The models, and when each has something to do. Thousands stand still while one is busy.
#[derive(Debug)]
struct Rack {
    bmcs: Vec<Bmc>,
    /// When each is due, as it stands in the agenda.
    due: Vec<Option<Instant>>,
    agenda: BTreeSet<(Instant, usize)>,
    /// Those that were acted upon since time was last let pass.
    touched: Vec<usize>,
}

impl Rack {
    fn new(bmcs: Vec<Bmc>) -> Self {
        let (due, touched) = (vec![None; bmcs.len()], (0..bmcs.len()).collect());
        Self { bmcs, due, agenda: BTreeSet::new(), touched }
    }

    fn touch(&mut self, bmc: usize) -> Option<&mut Bmc> {
        let model = self.bmcs.get_mut(bmc)?;
        self.touched.push(bmc);
        Some(model)
    }

    /// Lets time pass for those that are due or were touched; what happened to each, in order.
    fn advance(&mut self, now: Instant) -> Vec<RackEvent> {
        let mut events = Vec::new();
        while let Some(bmc) = self.touched.pop().or_else(|| self.pop_due(now)) {
            let Some(model) = self.bmcs.get_mut(bmc) else { continue };
            model.advance(now);
            events.extend(model.take_events().into_iter().map(|event| RackEvent { bmc, event }));
            let next = model.next_deadline(now);
            self.schedule(bmc, next);
        }
        events
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.agenda.first().map(|(at, _)| *at)
    }

    fn pop_due(&self, now: Instant) -> Option<usize> {
        let (at, bmc) = *self.agenda.first()?;
        (at <= now).then_some(bmc)
    }

    /// A model that was let pass `now` is due later than `now`, so that this comes to an end.
    fn schedule(&mut self, bmc: usize, next: Option<Instant>) {
        let Some(due) = self.due.get_mut(bmc) else { return };
        if let Some(before) = std::mem::replace(due, next) {
            self.agenda.remove(&(before, bmc));
        }
        self.agenda.extend(next.map(|at| (at, bmc)));
    }
}

/// The sockets, owned by the thread alone.
struct Server {
    sockets: Vec<UdpSocket>,
    epoll: Epoll,
    late: BTreeMap<(Instant, u64), Parcel>,
    parcels: u64,
}

/// An answer on its way.
struct Parcel {
    bmc: usize,
    to: SocketAddr,
    bytes: Vec<u8>,
}

fn serve(shared: &Shared<Rack>, mut server: Server, mut sink: impl FnMut(RackEvent)) {
    while !shared.is_over() {
        let ready = server.wait(shared);
        shared.heard();
        for bmc in ready {
            server.hear(shared, bmc);
        }
        server.send_due(clock::now());
        let events = shared.lock().advance(clock::now());
        for event in events {
            sink(event);
        }
    }
}

impl Server {
    fn new(sockets: Vec<UdpSocket>, shared: &Shared<Rack>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (number, socket) in (0..).zip(&sockets) {
            epoll.add(socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, number))?;
        }
        epoll.add(shared.bell(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Self { sockets, epoll, late: BTreeMap::new(), parcels: 0 })
    }

    /// Waits for a datagram, the bell or a deadline; says which BMCs were written to.
    fn wait(&self, shared: &Shared<Rack>) -> Vec<usize> {
        let now = clock::now();
        let late = self.late.keys().next().map(|(at, _)| *at);
        let deadline = earliest(shared.lock().next_deadline(), late);
        let mut events = [EpollEvent::empty(); 256];
        let timeout = wait_until(now, deadline);
        let count = self.epoll.wait(&mut events, timeout).unwrap_or_else(|error| {
            log::debug!("epoll: {error}");
            0
        });
        let ready = events.iter().take(count).map(EpollEvent::data);
        ready.filter_map(|number| usize::try_from(number).ok()).collect()
    }

    /// Shows BMC `bmc` what has arrived for it. The bell has no socket.
    fn hear(&mut self, shared: &Shared<Rack>, bmc: usize) {
        let mut bytes = [0; DATAGRAM_MAX];
        for _ in 0..TURN_MAX {
            let Some(socket) = self.sockets.get(bmc) else { return };
            let Ok((length, from)) = socket.recv_from(&mut bytes) else { return };
            let now = clock::now();
            let datagram = bytes.get(..length).unwrap_or_default();
            let answer = shared.lock().touch(bmc).and_then(|bmc| bmc.receive(now, datagram));
            let Some(answer) = answer else { continue };
            self.parcels += 1;
            let parcel = Parcel { bmc, to: from, bytes: answer.bytes };
            self.late.insert((answer.at, self.parcels), parcel);
            self.send_due(now);
        }
    }

    fn send_due(&mut self, now: Instant) {
        while let Some(first) = self.late.first_entry().filter(|first| first.key().0 <= now) {
            let parcel = first.remove();
            let Some(socket) = self.sockets.get(parcel.bmc) else { continue };
            if let Err(error) = socket.send_to(&parcel.bytes, parcel.to) {
                log::debug!("an answer to {} is lost: {error}", parcel.to);
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    if !address.ip().is_loopback() {
        return Err(named(io::Error::other("a simulated bmc listens on loopback only")));
    }
    let socket = UdpSocket::bind(address).map_err(named)?;
    socket.set_nonblocking(true).map_err(named)?;
    Ok(socket)
}

/// Thousands of sockets need more than the usual 1024 descriptors.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        log::debug!("the limit of open files stays: {error}");
    }
}
