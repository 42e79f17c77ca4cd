//! A network before one BMC that loses what it is told to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use palisade_ipmi::wire::{Datagram, Ipmb, OpenSessionRequest, PayloadType};

/// How soon a thread sees that all is over.
const LOOK: Duration = Duration::from_millis(50);

/// What is lost on the way to the BMC.
pub(crate) type What = fn(&Datagram<'_>) -> bool;

/// Carries datagrams until it is dropped.
pub(crate) struct Lossy {
    front: Arc<UdpSocket>,
    over: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
}

impl Lossy {
    /// In front of `bmc`; loses the first `times` of `what`.
    pub(crate) fn before(bmc: SocketAddr, what: What, times: u32) -> Self {
        let front = Arc::new(socket().unwrap());
        let (over, lost) = (Arc::default(), Arc::default());
        let lossy = Self { front, over, lost };
        let (front, over, lost) =
            (Arc::clone(&lossy.front), Arc::clone(&lossy.over), Arc::clone(&lossy.lost));
        let loses = move |bytes: &[u8]| {
            Datagram::parse(bytes).is_ok_and(|datagram| what(&datagram))
                && lost.fetch_add(1, Ordering::SeqCst) < times
        };
        thread::spawn(move || to_bmc(&front, bmc, &over, loses));
        lossy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.front.local_addr().unwrap()
    }

    /// How often it has seen what it loses.
    pub(crate) fn seen(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// An Open Session request that asks for `wanted`.
pub(crate) fn opens(datagram: &Datagram<'_>, wanted: impl Fn(&OpenSessionRequest) -> bool) -> bool {
    let Datagram::V2(packet) = datagram else { return false };
    packet.payload_type == PayloadType::OpenSessionRequest
        && OpenSessionRequest::parse(packet.payload).is_ok_and(|request| wanted(&request))
}

/// A command outside of sessions.
pub(crate) fn asks(datagram: &Datagram<'_>, command: u8) -> bool {
    let payload = match datagram {
        Datagram::V15(packet) if packet.session_id == 0 => packet.payload,
        Datagram::V2(packet) if packet.session_id == 0 => packet.payload,
        Datagram::AsfPing { .. } | Datagram::V15(_) | Datagram::V2(_) => return false,
    };
    Ipmb::parse(payload).is_ok_and(|frame| frame.command == command)
}

fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

/// Each console has a socket of its own towards the BMC.
fn to_bmc(
    front: &Arc<UdpSocket>,
    bmc: SocketAddr,
    over: &Arc<AtomicBool>,
    loses: impl Fn(&[u8]) -> bool,
) {
    let mut consoles: Vec<(SocketAddr, Arc<UdpSocket>)> = Vec::new();
    let mut buffer = [0; 1024];
    while !over.load(Ordering::SeqCst) {
        let Ok((length, from)) = front.recv_from(&mut buffer) else { continue };
        if loses(&buffer[..length]) {
            continue;
        }
        let known = consoles.iter().position(|(console, _)| *console == from);
        let at = known.unwrap_or_else(|| {
            let back = Arc::new(socket().unwrap());
            back.connect(bmc).unwrap();
            let (hears, sends, over) = (Arc::clone(&back), Arc::clone(front), Arc::clone(over));
            thread::spawn(move || to_console(&hears, &sends, from, &over));
            consoles.push((from, back));
            consoles.len() - 1
        });
        // A network owes nothing.
        drop(consoles[at].1.send(&buffer[..length]));
    }
}

fn to_console(back: &UdpSocket, front: &UdpSocket, console: SocketAddr, over: &AtomicBool) {
    let mut buffer = [0; 1024];
    while !over.load(Ordering::SeqCst) {
        if let Ok(length) = back.recv(&mut buffer) {
            drop(front.send_to(&buffer[..length], console));
        }
    }
}
