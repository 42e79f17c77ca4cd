//! One simulated BMC for one virtual machine: the TCP server that QEMU's `ipmi-bmc-extern` connects
//! to.
//!
//! The machine is on while it is connected. This never hangs up on a machine, whatever it sends: it
//! would be taken for off while it runs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::rmcp::RackHandle;
use super::wake::{Shared, Thread};
use crate::bmc::Ipmb;
use crate::power::Wish;
use crate::vm::{Heard, Link, Message};

/// Where a machine's own requests come from and go to. [IPMI2 §5.5]
const SYSTEM_SOFTWARE: u8 = 0x41;
const BMC: u8 = 0x20;
/// Answers kept for a machine that reads none; it is not listened to either until it does.
const UNSENT_MAX: usize = 16_384;
/// Wishes that nobody has read; a power supply wishes one for each order.
const WISHES_MAX: usize = 64;

/// A bound port that nobody serves yet.
#[derive(Debug)]
pub struct QemuPort {
    listener: TcpListener,
    wishes: Arc<Shared<Vec<Wish>>>,
}

/// A served port; ends when dropped. The machine goes on running.
#[derive(Debug)]
pub struct QemuFace {
    address: SocketAddr,
    _thread: Thread<Vec<Wish>>,
}

/// Where the power supply's wishes go.
#[derive(Clone, Debug)]
pub struct VmWishes(Arc<Shared<Vec<Wish>>>);

impl VmWishes {
    /// Passes `wish` on to the machine, if one is there.
    pub fn tell(&self, wish: Wish) {
        self.0.change(|wishes| {
            if wishes.len() < WISHES_MAX {
                wishes.push(wish);
            }
        });
    }
}

impl QemuPort {
    /// Binds `listen`, port 0 picking a free one.
    ///
    /// # Errors
    /// If it is not on loopback or cannot be bound, which the error names.
    pub fn bind(listen: SocketAddr) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{listen}: {error}"));
        if !listen.ip().is_loopback() {
            return Err(named(io::Error::other("virtual machines connect over loopback only")));
        }
        let listener = TcpListener::bind(listen).map_err(named)?;
        listener.set_nonblocking(true).map_err(named)?;
        Ok(Self { listener, wishes: Shared::new(Vec::new())? })
    }

    /// Where wishes are to be told, from any thread.
    pub fn wishes(&self) -> VmWishes {
        VmWishes(Arc::clone(&self.wishes))
    }

    /// Connects the machine behind this port, once it is there, with BMC `bmc` of `rack`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn serve(self, rack: RackHandle, bmc: usize) -> io::Result<QemuFace> {
        let address = self.listener.local_addr()?;
        let mut server = Server { listener: self.listener, rack, bmc, machine: None };
        let thread = Thread::start("qemu", &self.wishes, move |wishes| {
            while !wishes.is_over() {
                server.turn(wishes);
            }
        })?;
        Ok(QemuFace { address, _thread: thread })
    }
}

impl QemuFace {
    /// Where the machine connects.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The sockets, owned by the thread alone.
struct Server {
    listener: TcpListener,
    rack: RackHandle,
    bmc: usize,
    machine: Option<Machine>,
}

/// A machine that has connected.
struct Machine {
    stream: TcpStream,
    link: Link,
    /// What it has not yet taken.
    unsent: Vec<u8>,
}

impl Server {
    fn turn(&mut self, wishes: &Shared<Vec<Wish>>) {
        self.wait(wishes);
        wishes.heard();
        self.accept();
        self.hear();
        let told = std::mem::take(&mut *wishes.lock());
        if let Some(machine) = &mut self.machine {
            told.into_iter().for_each(|wish| machine.tell(wish));
        }
        self.flush();
    }

    fn wait(&self, wishes: &Shared<Vec<Wish>>) {
        let mut fds = vec![
            PollFd::new(wishes.bell(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(machine) = &self.machine {
            fds.push(PollFd::new(machine.stream.as_fd(), machine.interest()));
        }
        if let Err(error) = poll(&mut fds, PollTimeout::NONE) {
            log::debug!("poll: {error}");
        }
    }

    /// A second machine is turned away: a BMC has one.
    fn accept(&mut self) {
        while let Ok((stream, from)) = self.listener.accept() {
            if self.machine.is_some() {
                log::warn!("{from} is turned away: another virtual machine is connected");
                continue;
            }
            if let Err(error) = stream.set_nonblocking(true).and(stream.set_nodelay(true)) {
                log::warn!("{from}: {error}");
                continue;
            }
            self.machine =
                Some(Machine { stream, link: Link::default(), unsent: Link::greeting() });
            self.rack.with(self.bmc, |bmc, now| bmc.machine_came(now));
        }
    }

    fn hear(&mut self) {
        let mut bytes = [0; 4_096];
        while let Some(machine) = self.machine.as_mut().filter(|machine| !machine.is_full()) {
            match machine.stream.read(&mut bytes) {
                Ok(0) => return self.gone(),
                Ok(length) => {
                    let heard = machine.link.hear(bytes.get(..length).unwrap_or_default());
                    heard.into_iter().for_each(|heard| self.obey(heard));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.gone(),
            }
        }
    }

    fn obey(&mut self, heard: Heard) {
        let answer = match heard {
            Heard::Restarted => {
                self.rack.with(self.bmc, |bmc, now| bmc.machine_restarted(now));
                None
            }
            Heard::Request(request) => self.answer(&request),
        };
        if let Some(machine) = &mut self.machine {
            machine.unsent.extend(answer.unwrap_or_default());
        }
    }

    fn answer(&self, request: &Message) -> Option<Vec<u8>> {
        let Message { netfn, lun, command, .. } = *request;
        let frame = Ipmb {
            to: BMC,
            netfn,
            to_lun: lun,
            from: SYSTEM_SOFTWARE,
            sequence: 0,
            from_lun: 0,
            command,
            data: &request.data,
        };
        let answer = self.rack.with(self.bmc, |bmc, now| bmc.receive_local(now, &frame));
        answer.flatten().map(|answer| Link::answer(request, &answer))
    }

    fn flush(&mut self) {
        let pending = self.machine.as_mut().filter(|machine| !machine.unsent.is_empty());
        let Some(machine) = pending else { return };
        match machine.stream.write(&machine.unsent) {
            Ok(length) => {
                machine.unsent.drain(..length);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.gone(),
        }
    }

    fn gone(&mut self) {
        self.machine = None;
        self.rack.with(self.bmc, |bmc, now| bmc.machine_gone(now));
    }
}

impl Machine {
    const fn is_full(&self) -> bool {
        self.unsent.len() >= UNSENT_MAX
    }

    fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::POLLIN, !self.is_full());
        interest.set(PollFlags::POLLOUT, !self.unsent.is_empty());
        interest
    }

    fn tell(&mut self, wish: Wish) {
        self.unsent.extend(self.link.tell(wish).unwrap_or_default());
    }
}
