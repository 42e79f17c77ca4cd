//! The sockets of one daemon: one UDP socket for each redundant link.
//!
//! Sends with hop limit 255 and accepts only what still has it, so that nothing from beyond the
//! local network is even looked at (the tag then says who wrote it). [RFC5082 §3] Never waits,
//! never resolves a name, and no error of a link is fatal: it is counted.

use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, RecvMsg, SetSockOpt, SockFlag, SockType,
    SockaddrStorage, bind, recvmsg, sendmsg, setsockopt, socket, sockopt,
};
use palisade_protocol::ids::LinkId;

/// Hop limit sent and required: the largest there is, which no router can leave as it is.
pub const HOPS: u8 = 255;

/// CS6 in the upper six bits: what routing protocols send, so that a flood of bulk traffic does not
/// look like death. [RFC4594 §3.2]
const CLASS: i32 = 48 << 2;

/// Receive buffer asked for: 64 members × 4 renewals in one stall of 20 ms fit many times.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Most datagrams dropped in one call of [`Links::recv`]: a flood must not hold up the loop.
const DROPS_MAX: usize = 64;

/// Room for the one ancillary message asked for, in the kernel's layout.
const ANCILLARY_LEN: usize = 64;

/// What happened on one link since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams given to the kernel.
    pub sent: u64,
    /// Datagrams the kernel refused: no route, full queue, interface down.
    pub send_errors: u64,
    /// Datagrams handed out.
    pub received: u64,
    /// Datagrams dropped because they came from beyond the local network.
    pub wrong_hops: u64,
    /// Datagrams dropped because they were longer than the buffer.
    pub too_long: u64,
    /// Errors of receiving.
    pub receive_errors: u64,
}

/// Why a link cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The system refused a step of making the socket.
    #[error("link {link}: cannot {step} {address}: {source}; {}", remedy(*source))]
    Refused {
        /// Which link, from 0.
        link: u8,
        /// What it should bind.
        address: SocketAddr,
        /// Which step.
        step: &'static str,
        /// What the system said.
        source: Errno,
    },
    /// More links than a cluster may have.
    #[error("{asked} links are more than a cluster may have")]
    TooMany {
        /// How many were asked for.
        asked: usize,
    },
}

/// The sockets, one a link, all non-blocking.
#[derive(Debug)]
pub struct Links {
    sockets: Vec<Socket>,
    ancillary: [u8; ANCILLARY_LEN],
}

#[derive(Debug)]
struct Socket {
    id: LinkId,
    descriptor: OwnedFd,
    address: SocketAddr,
    is_absent: bool,
    counts: Counts,
}

impl Links {
    /// Binds one socket for each address, in the order of the links.
    ///
    /// An address that this machine does not have (a network card that is missing today) is bound
    /// all the same and works as soon as the address is there: see [`Self::absent`].
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, LinkError> {
        let too_many = || LinkError::TooMany { asked: addresses.len() };
        let mut sockets = Vec::with_capacity(addresses.len());
        for (index, address) in addresses.iter().enumerate() {
            let id = u8::try_from(index).ok().and_then(LinkId::new).ok_or_else(too_many)?;
            sockets.push(Socket::open(id, *address)?);
        }
        Ok(Self { sockets, ancillary: [0; ANCILLARY_LEN] })
    }

    /// The links, in order.
    pub fn ids(&self) -> impl Iterator<Item = LinkId> {
        self.sockets.iter().map(|socket| socket.id)
    }

    /// The addresses that this machine did not have when they were bound.
    pub fn absent(&self) -> impl Iterator<Item = (LinkId, SocketAddr)> {
        self.sockets.iter().filter(|it| it.is_absent).map(|it| (it.id, it.address))
    }

    /// The descriptor to poll for reading; nothing if there is no such link.
    pub fn descriptor(&self, link: LinkId) -> Option<BorrowedFd<'_>> {
        self.socket(link).map(|socket| socket.descriptor.as_fd())
    }

    /// What happened on a link so far.
    pub fn counts(&self, link: LinkId) -> Counts {
        self.socket(link).map(|socket| socket.counts).unwrap_or_default()
    }

    /// Sends one datagram; false, and counted, if the kernel did not take it.
    pub fn send_to(&mut self, link: LinkId, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some(socket) = self.sockets.get_mut(usize::from(link.get())) else { return false };
        let is_sent = socket.send(to, bytes);
        let count = if is_sent { &mut socket.counts.sent } else { &mut socket.counts.send_errors };
        *count += 1;
        is_sent
    }

    /// The next acceptable datagram on a link: its length in `into`. Nothing if none waits (or
    /// only a flood of unacceptable ones: poll again).
    pub fn recv(&mut self, link: LinkId, into: &mut [u8]) -> Option<usize> {
        let socket = self.sockets.get_mut(usize::from(link.get()))?;
        for _drop in 0..DROPS_MAX {
            match socket.receive(into, &mut self.ancillary) {
                Ok(Some(len)) => return Some(len),
                Ok(None) => {}
                Err(Errno::EAGAIN) => return None,
                Err(_) => socket.counts.receive_errors += 1,
            }
        }
        None
    }

    fn socket(&self, link: LinkId) -> Option<&Socket> {
        self.sockets.get(usize::from(link.get()))
    }
}

impl Socket {
    fn open(id: LinkId, address: SocketAddr) -> Result<Self, LinkError> {
        let refused =
            |step| move |source| LinkError::Refused { link: id.get(), address, step, source };
        let descriptor = make(address).map_err(refused("make a socket for"))?;
        prepare(&descriptor, address).map_err(refused("prepare the socket for"))?;
        let is_absent = bind_even_if_absent(&descriptor, address).map_err(refused("bind"))?;
        Ok(Self { id, descriptor, address, is_absent, counts: Counts::default() })
    }

    fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        let to = SockaddrStorage::from(to);
        let datagram = [IoSlice::new(bytes)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let sent = sendmsg(self.descriptor.as_raw_fd(), &datagram, &[], flags, Some(&to));
        sent == Ok(bytes.len())
    }

    /// One datagram: its length, or nothing if it was dropped and counted.
    fn receive(&mut self, into: &mut [u8], ancillary: &mut [u8]) -> Result<Option<usize>, Errno> {
        let mut datagram = [IoSliceMut::new(into)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = self.descriptor.as_raw_fd();
        let message: RecvMsg<'_, '_, ()> = recvmsg(fd, &mut datagram, Some(ancillary), flags)?;
        let (len, hops) = (message.bytes, hops(&message));
        let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
        Ok(self.judge(len, hops, is_cut))
    }

    fn judge(&mut self, len: usize, hops: Option<u8>, is_cut: bool) -> Option<usize> {
        let counts = &mut self.counts;
        let (count, accepted) = match (hops, is_cut) {
            (Some(HOPS), false) => (&mut counts.received, Some(len)),
            (Some(HOPS), true) => (&mut counts.too_long, None),
            (Some(_) | None, _) => (&mut counts.wrong_hops, None),
        };
        *count += 1;
        accepted
    }
}

fn make(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    socket(family, SockType::Datagram, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)
}

fn prepare(socket: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    let hops = i32::from(HOPS);
    if address.is_ipv4() {
        set(socket, sockopt::Ipv4Ttl, &hops)?;
        set(socket, sockopt::Ipv4RecvTtl, &true)?;
        set(socket, sockopt::Ipv4Tos, &CLASS)?;
    } else {
        set(socket, sockopt::Ipv6V6Only, &true)?;
        set(socket, sockopt::Ipv6Ttl, &hops)?;
        set(socket, sockopt::Ipv6RecvHopLimit, &true)?;
        set(socket, sockopt::Ipv6TClass, &CLASS)?;
    }
    // Beyond the system's limit only with CAP_NET_ADMIN; otherwise the limit has to do.
    set(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_denied| set(socket, sockopt::RcvBuf, &RECEIVE_BUFFER))
}

fn set<O: SetSockOpt>(socket: &OwnedFd, option: O, value: &O::Val) -> Result<(), Errno> {
    setsockopt(socket, option, value)
}

/// Binds; true if the machine does not have the address yet.
fn bind_even_if_absent(socket: &OwnedFd, address: SocketAddr) -> Result<bool, Errno> {
    let address = SockaddrStorage::from(address);
    match bind(socket.as_raw_fd(), &address) {
        Err(Errno::EADDRNOTAVAIL) => {
            set(socket, sockopt::IpFreebind, &true)?;
            bind(socket.as_raw_fd(), &address).map(|()| true)
        }
        bound => bound.map(|()| false),
    }
}

/// The hop limit that a datagram arrived with.
fn hops(message: &RecvMsg<'_, '_, ()>) -> Option<u8> {
    let mut ancillary = message.cmsgs().ok()?;
    let found = ancillary.find_map(|one| {
        if let ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) = one {
            Some(hops)
        } else {
            None
        }
    });
    found.and_then(|hops| u8::try_from(hops).ok())
}

fn remedy(source: Errno) -> &'static str {
    if source == Errno::EADDRINUSE {
        "another process has it; does the daemon run already?"
    } else if source == Errno::EACCES {
        "choose a port from 1024 up or run as root"
    } else {
        "check the node's bind and addresses in the configuration"
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn id(number: u8) -> LinkId {
        LinkId::new(number).unwrap()
    }

    fn links(addresses: &[&str]) -> Links {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        Links::bind(&addresses).unwrap()
    }

    fn bound(links: &Links, link: LinkId) -> SocketAddr {
        let handle = links.descriptor(link).unwrap().try_clone_to_owned().unwrap();
        UdpSocket::from(handle).local_addr().unwrap()
    }

    fn wait(links: &Links, link: LinkId) {
        let mut waiting = [PollFd::new(links.descriptor(link).unwrap(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut waiting, PollTimeout::from(5_000_u16)).unwrap(), 1, "nothing came");
    }

    fn carries(address: &str) {
        let (mut here, mut there) = (links(&[address, address]), links(&[address, address]));
        for link in [id(0), id(1)] {
            let to = bound(&there, link);
            assert!(here.send_to(link, to, b"renew"));
            wait(&there, link);
            let mut into = [0; 256];
            assert_eq!(there.recv(link, &mut into), Some(5));
            assert_eq!(&into[..5], b"renew");
            assert_eq!(there.recv(link, &mut into), None);
            assert_eq!(there.counts(link).received, 1);
            assert_eq!(here.counts(link).sent, 1);
        }
    }

    #[test]
    fn a_datagram_reaches_the_same_link_of_the_peer_over_ipv4() {
        carries("127.0.0.1:0");
    }

    #[test]
    fn a_datagram_reaches_the_same_link_of_the_peer_over_ipv6() {
        carries("[::1]:0");
    }

    #[test]
    fn a_datagram_from_beyond_the_network_is_dropped_and_counted() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let mut here = links(&[address]);
            let to = bound(&here, id(0));
            // An ordinary socket sends with 64 hops, as a packet that crossed routers would have.
            let stranger = UdpSocket::bind(address).unwrap();
            stranger.send_to(b"forged", to).unwrap();
            wait(&here, id(0));
            assert_eq!(here.recv(id(0), &mut [0; 256]), None);
            assert_eq!(here.counts(id(0)).wrong_hops, 1, "{address}");
        }
    }

    #[test]
    fn a_datagram_too_long_for_the_buffer_is_dropped_and_the_next_one_is_not() {
        let (mut here, mut there) = (links(&["127.0.0.1:0"]), links(&["127.0.0.1:0"]));
        let to = bound(&there, id(0));
        assert!(here.send_to(id(0), to, &[7; 257]));
        assert!(here.send_to(id(0), to, &[7; 256]));
        wait(&there, id(0));
        assert_eq!(there.recv(id(0), &mut [0; 256]), Some(256));
        assert_eq!(there.counts(id(0)).too_long, 1);
    }

    #[test]
    fn a_link_that_cannot_send_is_counted_and_not_fatal() {
        let mut here = links(&["127.0.0.1:0"]);
        assert!(!here.send_to(id(0), "[::1]:7405".parse().unwrap(), b"renew"));
        assert!(!here.send_to(id(1), "127.0.0.1:7405".parse().unwrap(), b"renew"));
        assert_eq!(here.counts(id(0)).send_errors, 1);
    }

    #[test]
    fn an_address_that_is_absent_today_is_bound_all_the_same() {
        let here = links(&["127.0.0.1:0", "192.0.2.7:0"]);
        let absent: Vec<LinkId> = here.absent().map(|(link, _)| link).collect();
        assert_eq!(absent, [id(1)]);
    }

    #[test]
    fn an_address_in_use_is_refused_with_the_likely_reason() {
        let first = links(&["127.0.0.1:0"]);
        let said = Links::bind(&[bound(&first, id(0))]).unwrap_err().to_string();
        assert!(said.contains("does the daemon run already?"), "{said}");
    }

    #[test]
    fn five_links_are_too_many() {
        let address = "127.0.0.1:0".parse().unwrap();
        let refused = Links::bind(&[address; 5]).unwrap_err();
        assert!(matches!(refused, LinkError::TooMany { asked: 5 }), "{refused}");
    }

    #[test]
    fn datagrams_leave_with_the_class_of_network_control() {
        use nix::sys::socket::getsockopt;
        let here = links(&["127.0.0.1:0", "[::1]:0"]);
        let (four, six) = (here.descriptor(id(0)).unwrap(), here.descriptor(id(1)).unwrap());
        assert_eq!(getsockopt(&four, sockopt::Ipv4Tos).unwrap(), 0xC0);
        assert_eq!(getsockopt(&six, sockopt::Ipv6TClass).unwrap(), 0xC0);
        assert!(getsockopt(&four, sockopt::RcvBuf).unwrap() >= 200_000);
    }
}
