//! Those that never answer.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;

use super::rack::WAIT;

/// A port that hears everything and answers nothing.
pub(crate) struct Silent(UdpSocket);

impl Silent {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        Self(socket)
    }

    /// As the command takes it.
    pub(crate) fn host(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Waits until it is asked something.
    pub(crate) fn is_asked(&self) {
        self.0.recv(&mut [0; 1024]).expect("it is asked");
    }
}

/// Starts a command for which no name is ever resolved, and kills it if it is held up: the C library
/// reads the file of aliases before it asks anybody, and nobody ever writes into `fifo`.
pub(crate) fn unresolving(fifo: &Path) -> Vec<String> {
    let (limit, fifo) = (WAIT.as_secs(), fifo.display());
    let words = format!("timeout --signal=KILL {limit} env HOSTALIASES={fifo}");
    words.split(' ').map(str::to_owned).collect()
}
