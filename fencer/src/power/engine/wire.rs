//! One UDP socket for all BMCs of an address family: what is sent to whom, and what comes from whom.
//!
//! Never waits: a datagram that the system has no room for is as good as lost, and sent again like
//! one. Never connected, so that errors are told with the address that they are about.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

/// Longest datagram read. Ours have 300 bytes at most; longer ones are cut and then ignored.
pub(super) const DATAGRAM_MAX: usize = 1024;

/// Room for answers that arrive while this process is kept from running: the kernel counts about 1 KiB
/// for each, so that this is a quarter of a second of 10,000 BMCs' answers.
const ROOM: usize = 4 << 20;

/// How often a datagram is sent that an error about another one has kept back.
const SEND_TRIES: usize = 4;

/// A socket for one family.
#[derive(Debug)]
pub(super) struct Wire {
    socket: UdpSocket,
}

/// The network's word that a datagram did not arrive.
#[derive(Debug)]
pub(super) struct Bounce {
    /// Where it was to go.
    pub(super) to: SocketAddr,
    /// Why it did not.
    pub(super) error: io::Error,
}

impl Wire {
    /// A socket for addresses of the family of `address`, on every interface: hosts without IPv6 exist.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        match address {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        make_room(&socket);
        Ok(Self { socket })
    }

    /// Sends one datagram. An error may be about an earlier one, to somebody else, and has then kept
    /// this one back: such errors are taken from the queue into `bounces`, and it is tried again.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8], bounces: &mut Vec<Bounce>) {
        for _ in 0..SEND_TRIES {
            let Err(error) = self.socket.send_to(datagram, to) else { return };
            if error.kind() == io::ErrorKind::WouldBlock {
                return;
            }
            let known = bounces.len();
            while let Some(bounce) = self.bounce() {
                bounces.push(bounce);
            }
            if bounces.len() == known {
                return bounces.push(Bounce { to, error });
            }
        }
    }

    /// The next datagram that has come, and from whom.
    pub(super) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Received<'a> {
        match self.socket.recv_from(buffer) {
            Ok((length, from)) => {
                Received::Datagram(plain(from), buffer.get(..length).unwrap_or_default())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
            // It stands in the queue of errors, with its address.
            Err(_) => Received::Error,
        }
    }

    /// The next error that has come back for something sent.
    pub(super) fn bounce(&self) -> Option<Bounce> {
        let mut rest = [0; 64];
        let mut rest = [IoSliceMut::new(&mut rest)];
        let mut control = nix::cmsg_space!([u8; 128]);
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut rest,
            Some(&mut control),
            MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
        );
        let message = message.ok()?;
        let to = message.address.as_ref().and_then(address_of)?;
        let code = message.cmsgs().ok()?.find_map(|word| code_of(&word));
        let error = io::Error::from(Errno::from_raw(code.unwrap_or(0)));
        Some(Bounce { to: plain(to), error })
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

/// What a socket had for us.
#[derive(Debug)]
pub(super) enum Received<'a> {
    /// A datagram, and who sent it.
    Datagram(SocketAddr, &'a [u8]),
    /// An error about something sent.
    Error,
    /// Nothing more.
    Nothing,
}

/// An address as it is compared: flow labels mean nothing.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
    }
}

/// As much as the system grants; more than its limit only with the right to.
fn make_room(socket: &UdpSocket) {
    if setsockopt(socket, sockopt::RcvBufForce, &ROOM).is_err()
        && let Err(error) = setsockopt(socket, sockopt::RcvBuf, &ROOM)
    {
        log::debug!("the receive buffer stays as it is: {error}");
    }
}

fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}

fn code_of(word: &nix::sys::socket::ControlMessageOwned) -> Option<i32> {
    use nix::sys::socket::ControlMessageOwned::{Ipv4RecvErr, Ipv6RecvErr};
    let (Ipv4RecvErr(error, _) | Ipv6RecvErr(error, _)) = word else { return None };
    i32::try_from(error.ee_errno).ok()
}
