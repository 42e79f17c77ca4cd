//! Host names, resolved on another thread with a deadline; a few at a time.

use std::net::SocketAddr;

use palisade_host::clock;
use palisade_protocol::time::Instant;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::config::BmcConfig;
use super::error::{Fault, PowerError};

/// Names asked for at once: each holds a thread until the system answers.
static TURNS: Semaphore = Semaphore::const_new(32);

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
    if let Ok(address) = config.address.parse() {
        return Ok(vec![address]);
    }
    let unresolved = |why: String| config.failed(Fault::Unresolved { why });
    let patience = clock::now().until(by);
    let asking = async {
        let _turn = TURNS.acquire().await;
        lookup_host(config.address.as_str()).await
    };
    let addresses: Vec<SocketAddr> = match timeout(patience, asking).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_elapsed) => return Err(unresolved(format!("no answer in {patience:?}"))),
    };
    if addresses.is_empty() {
        return Err(unresolved("no address".to_owned()));
    }
    Ok(addresses)
}
