//! A UDP socket connected to one BMC; names are resolved on another thread, with a deadline.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use palisade_host::clock;
use palisade_protocol::time::Instant;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use super::config::BmcConfig;
use super::error::{Fault, PowerError};

/// Every address of the BMC's name, in the system's order.
pub(super) async fn resolve(
    config: &BmcConfig,
    by: Instant,
) -> Result<Vec<SocketAddr>, PowerError> {
    let unresolved = |why: String| config.failed(Fault::Unresolved { why });
    let patience = clock::now().until(by);
    match timeout(patience, lookup_host(config.address.as_str())).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(unresolved(error.to_string())),
        Err(_elapsed) => Err(unresolved(format!("no answer in {patience:?}"))),
    }
}

/// A socket connected to `address`.
///
/// Bound to the unspecified address of the target's own family: hosts without IPv6 exist.
pub(super) async fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let local: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(address).await?;
    Ok(socket)
}
