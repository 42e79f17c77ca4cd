//! The addresses of a BMC, and what time each has to answer.

use std::net::SocketAddr;

use palisade_host::clock;
use palisade_protocol::time::Instant;

use super::config::BmcConfig;
use super::error::{Fault, PowerError};
use crate::names;

/// Every address of the BMC's name, in the system's order, at least one; and how many are left with it, so that
/// each may keep silent for its part of the time.
pub(super) async fn resolve(
    config: &BmcConfig,
    by: Instant,
) -> Result<impl Iterator<Item = (SocketAddr, u32)>, PowerError> {
    let addresses = addresses(config, by).await?;
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    Ok(addresses.into_iter().zip((1..=count).rev()))
}

/// Until when the first of so many addresses may keep silent.
pub(super) fn share(by: Instant, left: u32) -> Instant {
    let now = clock::now();
    now + now.until(by) / left.max(1)
}

async fn addresses(config: &BmcConfig, by: Instant) -> Result<Vec<SocketAddr>, PowerError> {
    let address = config.address.as_str();
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    let unresolved = |why: String| config.failed(Fault::Unresolved { why });
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| unresolved("no port in it".to_owned()))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = names::addresses(host, port, clock::now().until(by)).await;
    found.map_err(|error| unresolved(error.to_string()))
}
