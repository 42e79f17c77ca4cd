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

/// Starts a command for which no name is ever resolved, and ends it with 124 if it is held up: the C
/// library reads the file of aliases before it asks anybody, and nobody ever writes into `fifo`.
pub(crate) fn unresolving(fifo: &Path) -> [String; 4] {
    let aliases = format!("HOSTALIASES={}", fifo.display());
    let limit = WAIT.as_secs().to_string();
    ["timeout".to_owned(), limit, "env".to_owned(), aliases]
}
