//! The UDP sockets of a rack: one for each BMC or, for many on one port, one for all of them that
//! asks the kernel which address was written to.
//!
//! Serves loopback only: a datagram to any other address is not looked at.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg,
    setsockopt, sockopt,
};

/// Longest datagram that is read; the longest that a console sends is about 100 bytes.
const DATAGRAM_MAX: usize = 1_500;
/// Datagrams taken at once; then time is let pass and other sockets have their turn.
const TURN_MAX: usize = 64;
/// From so many BMCs on one port on, they share a socket.
const SHARED_FROM: usize = 64;
/// Room in the kernel for the first datagrams of thousands of logins at once.
const QUEUE_LEN: usize = 8 << 20;

/// The sockets of one rack.
#[derive(Debug)]
pub(super) struct Ports {
    ports: Vec<Port>,
    addresses: Vec<SocketAddr>,
    /// Whether all share the first socket.
    is_shared: bool,
}

#[derive(Debug)]
enum Port {
    /// The BMC of the same number.
    Own(UdpSocket),
    /// Every BMC, by the address written to.
    Shared { socket: UdpSocket, by_address: BTreeMap<Ipv4Addr, usize> },
}

/// Room for the datagrams of one turn, and those that it brought.
pub(super) struct Inbox {
    headers: MultiHeaders<SockaddrIn>,
    rooms: Vec<[u8; DATAGRAM_MAX]>,
    arrived: Vec<Arrived>,
}

#[derive(Clone, Copy)]
struct Arrived {
    bmc: usize,
    from: SocketAddr,
    room: usize,
    length: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        let headers = MultiHeaders::preallocate(TURN_MAX, Some(cmsg_space!(in_pktinfo)));
        Self { headers, rooms: vec![[0; DATAGRAM_MAX]; TURN_MAX], arrived: Vec::new() }
    }

    /// What the last turn brought: for which BMC, from whom, what.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (usize, SocketAddr, &[u8])> {
        self.arrived.iter().map(|Arrived { bmc, from, room, length }| {
            let bytes = self.rooms.get(*room).and_then(|room| room.get(..*length));
            (*bmc, *from, bytes.unwrap_or_default())
        })
    }
}

impl Ports {
    /// Binds `addresses`, port 0 picking a free one; BMC n gets address n.
    ///
    /// # Errors
    /// If an address is not on loopback or cannot be bound, which the error names.
    pub(super) fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        addresses.iter().try_for_each(|at| must_be_loopback(*at))?;
        if let Some(port) = shareable(addresses) {
            match shared(port, addresses) {
                Ok(port) => {
                    return Ok(Self {
                        ports: vec![port],
                        addresses: addresses.to_vec(),
                        is_shared: true,
                    });
                }
                Err(error) => {
                    log::debug!("a socket for each bmc, not one: 0.0.0.0:{port}: {error}");
                }
            }
        }
        raise_file_limit();
        let sockets = addresses.iter().map(|at| own(*at)).collect::<io::Result<Vec<_>>>()?;
        let addresses =
            sockets.iter().map(UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let ports = sockets.into_iter().map(Port::Own).collect();
        Ok(Self { ports, addresses, is_shared: false })
    }

    /// Where each BMC listens.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The sockets to wait for, by number.
    pub(super) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ports.iter().map(|port| port.socket().as_fd())
    }

    /// Takes what has arrived at socket `number`, at most so much as `inbox` has room for.
    pub(super) fn receive(&self, number: usize, inbox: &mut Inbox) {
        inbox.arrived.clear();
        match self.ports.get(number) {
            Some(Port::Own(socket)) => receive_own(socket, number, inbox),
            Some(Port::Shared { socket, by_address }) => receive_shared(socket, by_address, inbox),
            None => {}
        }
    }

    /// Sends as BMC `bmc`. What cannot be sent is lost, as on any network.
    pub(super) fn send(&self, bmc: usize, to: SocketAddr, bytes: &[u8]) {
        let sent = match self.ports.get(if self.is_shared { 0 } else { bmc }) {
            Some(Port::Own(socket)) => socket.send_to(bytes, to),
            Some(Port::Shared { socket, .. }) => self.send_shared(socket, bmc, to, bytes),
            None => return,
        };
        if let Err(error) = sent {
            log::debug!("an answer to {to} is lost: {error}");
        }
    }

    fn send_shared(
        &self,
        socket: &UdpSocket,
        bmc: usize,
        to: SocketAddr,
        bytes: &[u8],
    ) -> io::Result<usize> {
        let (Some(SocketAddr::V4(from)), SocketAddr::V4(to)) = (self.addresses.get(bmc), to) else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        let source = in_addr { s_addr: u32::from_ne_bytes(from.ip().octets()) };
        let none = in_addr { s_addr: 0 };
        let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: none };
        let (parts, info) = ([IoSlice::new(bytes)], [ControlMessage::Ipv4PacketInfo(&info)]);
        let to = SockaddrIn::from(to);
        Ok(sendmsg(socket.as_raw_fd(), &parts, &info, MsgFlags::empty(), Some(&to))?)
    }
}

impl Port {
    const fn socket(&self) -> &UdpSocket {
        match self {
            Self::Own(socket) | Self::Shared { socket, .. } => socket,
        }
    }
}

fn receive_own(socket: &UdpSocket, bmc: usize, inbox: &mut Inbox) {
    for (room, bytes) in inbox.rooms.iter_mut().enumerate() {
        let Ok((length, from)) = socket.recv_from(bytes) else { return };
        inbox.arrived.push(Arrived { bmc, from, room, length });
    }
}

fn receive_shared(socket: &UdpSocket, by_address: &BTreeMap<Ipv4Addr, usize>, inbox: &mut Inbox) {
    let Inbox { headers, rooms, arrived } = inbox;
    let mut slices: Vec<_> = rooms.iter_mut().map(|room| [IoSliceMut::new(room)]).collect();
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
    let Ok(messages) = recvmmsg(fd, headers, slices.iter_mut(), flags, None) else { return };
    for (room, message) in messages.enumerate() {
        // A datagram that does not say where it went is for nobody here.
        let to = message.cmsgs().ok().and_then(|mut all| all.find_map(destination));
        let bmc = to.and_then(|to| by_address.get(&to).copied());
        let (Some(bmc), Some(from)) = (bmc, message.address) else { continue };
        let (from, length) = (SocketAddr::V4(SocketAddrV4::from(from)), message.bytes);
        arrived.push(Arrived { bmc, from, room, length });
    }
}

fn destination(cmsg: ControlMessageOwned) -> Option<Ipv4Addr> {
    let ControlMessageOwned::Ipv4PacketInfo(info) = cmsg else { return None };
    Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()))
}

/// The port that all of many IPv4 addresses have in common.
fn shareable(addresses: &[SocketAddr]) -> Option<u16> {
    let port = addresses.first()?.port();
    let same = addresses.iter().all(|at| at.is_ipv4() && at.port() == port);
    (same && port != 0 && addresses.len() >= SHARED_FROM).then_some(port)
}

fn shared(port: u16, addresses: &[SocketAddr]) -> io::Result<Port> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    enlarge(&socket);
    let numbered = addresses.iter().zip(0..);
    let by_address = numbered.filter_map(|(at, bmc)| match at.ip() {
        IpAddr::V4(ip) => Some((ip, bmc)),
        IpAddr::V6(_) => None,
    });
    let by_address = by_address.collect();
    Ok(Port::Shared { socket, by_address })
}

fn own(address: SocketAddr) -> io::Result<UdpSocket> {
    let named = |error| named(address, &error);
    let socket = UdpSocket::bind(address).map_err(named)?;
    socket.set_nonblocking(true).map_err(named)?;
    Ok(socket)
}

fn must_be_loopback(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(named(address, &io::Error::other("a simulated bmc listens on loopback only")))
}

fn named(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{address}: {error}"))
}

/// As far as the kernel lets us.
fn enlarge(socket: &UdpSocket) {
    let forced = setsockopt(socket, sockopt::RcvBufForce, &QUEUE_LEN);
    if let Err(error) = forced.or_else(|_| setsockopt(socket, sockopt::RcvBuf, &QUEUE_LEN)) {
        log::debug!("the receive queue stays as it is: {error}");
    }
}

/// Thousands of sockets need more than the usual 1024 descriptors.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        log::debug!("the limit of open files stays: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(ports: &Ports, bmc: usize) {
        let console = UdpSocket::bind("127.0.0.1:0").unwrap();
        console.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let (at, mut inbox) = (ports.addresses()[bmc], Inbox::new());
        for said in ["hello", "once more"] {
            console.send_to(said.as_bytes(), at).unwrap();
            ports.receive(if ports.is_shared { 0 } else { bmc }, &mut inbox);
            let heard: Vec<_> = inbox.datagrams().collect();
            let from = console.local_addr().unwrap();
            assert_eq!(heard, [(bmc, from, said.as_bytes())]);
            ports.send(bmc, from, b"answer");
            let mut bytes = [0; 16];
            let (length, from) = console.recv_from(&mut bytes).unwrap();
            assert_eq!((&bytes[..length], from), (&b"answer"[..], at));
        }
    }

    #[test]
    fn many_share_a_socket_and_each_answers_from_its_own_address() {
        let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let addresses = (1..=100).map(|host| SocketAddr::from(([127, 31, 77, host], free)));
        let ports = Ports::bind(&addresses.collect::<Vec<_>>()).unwrap();
        assert!(ports.is_shared);
        exchange(&ports, 0);
        exchange(&ports, 99);
    }

    #[test]
    fn a_datagram_to_another_address_of_the_shared_port_is_not_looked_at() {
        let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let addresses = (1..=100).map(|host| SocketAddr::from(([127, 31, 78, host], free)));
        let ports = Ports::bind(&addresses.collect::<Vec<_>>()).unwrap();
        let console = UdpSocket::bind("127.0.0.1:0").unwrap();
        console.send_to(b"hello", ("127.31.78.101", free)).unwrap();
        let mut inbox = Inbox::new();
        ports.receive(0, &mut inbox);
        assert_eq!(inbox.datagrams().count(), 0);
    }

    #[test]
    fn few_have_a_socket_each() {
        let ports = Ports::bind(&["127.31.79.1:0".parse().unwrap()]).unwrap();
        exchange(&ports, 0);
    }

    #[test]
    fn nothing_beyond_loopback_is_served() {
        let error = Ports::bind(&["192.0.2.1:623".parse().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("192.0.2.1:623"), "{error}");
    }
}
