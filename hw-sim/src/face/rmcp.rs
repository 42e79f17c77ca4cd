//! Any number of simulated BMCs on UDP, one address each, one thread for all.
//!
//! The face carries datagrams and lets time pass; what is answered, and when, is the model's.
//! Only loopback addresses are served.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use palisade_host::clock;
use palisade_protocol::time::Instant;

use super::ports::{Inbox, Ports};
use super::rack::Rack;
use super::wake::{Shared, Thread, wait_until};
use crate::bmc::{Answer, Bmc, Event};

/// Number of the bell among the sockets.
const BELL: usize = usize::MAX;

/// A rack of served BMCs; each is known by its number, in the order given.
#[derive(Debug)]
pub struct RmcpFace {
    handle: RackHandle,
    thread: Thread<Rack>,
    addresses: Vec<SocketAddr>,
}

/// Acts on the BMCs of a rack, from any thread.
#[derive(Clone, Debug)]
pub struct RackHandle(Arc<Shared<Rack>>);

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
    /// happens. Many BMCs of one port share a socket.
    ///
    /// # Errors
    /// If an address is not on loopback or cannot be bound, which the error names, or the thread
    /// cannot be started.
    pub fn start(
        bmcs: Vec<(SocketAddr, Bmc)>,
        sink: impl FnMut(RackEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let (addresses, bmcs): (Vec<_>, Vec<_>) = bmcs.into_iter().unzip();
        let ports = Ports::bind(&addresses)?;
        let addresses = ports.addresses().to_vec();
        let shared = Shared::new(Rack::new(bmcs))?;
        let server = Server::new(ports, shared.bell())?;
        let thread = Thread::start("bmc", &shared, move |shared| serve(shared, &server, sink))?;
        Ok(Self { handle: RackHandle(shared), thread, addresses })
    }

    /// Where BMC `bmc` listens.
    pub fn address(&self, bmc: usize) -> Option<SocketAddr> {
        self.addresses.get(bmc).copied()
    }

    /// Acts on BMC `bmc`, told the time; `None` if there is no such BMC. Events that follow reach
    /// the sink. Must not be nested.
    pub fn with<R>(&self, bmc: usize, act: impl FnOnce(&mut Bmc, Instant) -> R) -> Option<R> {
        self.handle.with(bmc, act)
    }

    /// The same for another thread.
    pub fn handle(&self) -> RackHandle {
        self.handle.clone()
    }

    /// Ends all.
    pub fn stop(self) {
        drop(self.thread);
    }
}

impl RackHandle {
    /// As [`RmcpFace::with`].
    pub fn with<R>(&self, bmc: usize, act: impl FnOnce(&mut Bmc, Instant) -> R) -> Option<R> {
        self.0.change(|rack| rack.touch(bmc).map(|bmc| act(bmc, clock::now())))
    }
}

/// The sockets, owned by the thread alone.
struct Server {
    ports: Ports,
    epoll: Epoll,
}

fn serve(shared: &Shared<Rack>, server: &Server, mut sink: impl FnMut(RackEvent)) {
    let (mut ready, mut inbox) = (vec![EpollEvent::empty(); 256], Inbox::new());
    while !shared.is_over() {
        server.advance(shared, &mut sink);
        let count = server.wait(shared, &mut ready);
        for number in ready.iter().take(count).map(EpollEvent::data) {
            match usize::try_from(number) {
                Ok(number) if number != BELL => server.hear(shared, number, &mut inbox),
                Ok(_) | Err(_) => shared.heard(),
            }
        }
    }
    server.advance(shared, &mut sink);
}

impl Server {
    fn new(ports: Ports, bell: BorrowedFd<'_>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (number, socket) in (0..).zip(ports.sockets()) {
            epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
        }
        epoll.add(bell, EpollEvent::new(EpollFlags::EPOLLIN, u64::MAX))?;
        Ok(Self { ports, epoll })
    }

    /// Waits for a datagram, the bell or a deadline; says how many sockets are ready.
    fn wait(&self, shared: &Shared<Rack>, ready: &mut [EpollEvent]) -> usize {
        let deadline = shared.lock().next_deadline();
        let timeout = wait_until(clock::now(), deadline);
        self.epoll.wait(ready, timeout).unwrap_or_else(|error| {
            log::debug!("epoll: {error}");
            0
        })
    }

    /// Shows the BMCs what has arrived at socket `number`; what is left comes with the next turn.
    fn hear(&self, shared: &Shared<Rack>, number: usize, inbox: &mut Inbox) {
        self.ports.receive(number, inbox);
        let mut send = |bmc, answer: &Answer| self.send(bmc, answer);
        for (bmc, from, datagram) in inbox.datagrams() {
            shared.lock().hear(clock::now(), (bmc, from), datagram, &mut send);
        }
    }

    /// Lets time pass. The sink is called without any lock held.
    fn advance(&self, shared: &Shared<Rack>, sink: &mut impl FnMut(RackEvent)) {
        let mut send = |bmc, answer: &Answer| self.send(bmc, answer);
        let happened = shared.lock().advance(clock::now(), &mut send);
        happened.into_iter().for_each(sink);
    }

    fn send(&self, bmc: usize, answer: &Answer) {
        self.ports.send(bmc, answer.to, &answer.bytes);
    }
}
