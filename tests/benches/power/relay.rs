//! A network between one console at a time and one BMC, which loses the first RAKP 4 it is told to.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Where the payload type stands in a datagram, and that of RAKP 4.
const TYPE_AT: usize = 5;
const RAKP4: u8 = 0x15;

/// Carries datagrams until the process ends.
pub(crate) struct Relay {
    address: SocketAddr,
    lose: Arc<AtomicBool>,
}

impl Relay {
    /// In front of `bmc`.
    pub(crate) fn start(bmc: SocketAddr) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind("127.42.0.1:0")?);
        let back = Arc::new(UdpSocket::bind("127.42.0.2:0")?);
        back.connect(bmc)?;
        let (address, lose) = (front.local_addr()?, Arc::new(AtomicBool::new(false)));
        let console = Arc::new(Mutex::new(address));
        let (hears, sends, who) = (Arc::clone(&front), Arc::clone(&back), Arc::clone(&console));
        thread::spawn(move || to_bmc(&hears, &sends, &who));
        let loses = Arc::clone(&lose);
        thread::spawn(move || to_console(&back, &front, &console, &loses));
        Ok(Self { address, lose })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next RAKP 4 is lost.
    pub(crate) fn lose_one(&self) {
        self.lose.store(true, Ordering::SeqCst);
    }
}

fn to_bmc(front: &UdpSocket, back: &UdpSocket, console: &Mutex<SocketAddr>) {
    let mut buffer = [0; 1024];
    while let Ok((length, from)) = front.recv_from(&mut buffer) {
        *console.lock().unwrap_or_else(PoisonError::into_inner) = from;
        // A network owes nothing.
        back.send(buffer.get(..length).unwrap_or_default()).map(drop).unwrap_or_default();
    }
}

fn to_console(back: &UdpSocket, front: &UdpSocket, console: &Mutex<SocketAddr>, lose: &AtomicBool) {
    let mut buffer = [0; 1024];
    while let Ok(length) = back.recv(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.get(TYPE_AT) == Some(&RAKP4) && lose.swap(false, Ordering::SeqCst) {
            continue;
        }
        let to = *console.lock().unwrap_or_else(PoisonError::into_inner);
        front.send_to(bytes, to).map(drop).unwrap_or_default();
    }
}
