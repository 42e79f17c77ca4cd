//! Host names: their addresses, asked of the system with a deadline, a few names at a time.
//!
//! Never keeps an answer: a name that was given to another machine must not lead to the one before.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use palisade_protocol::span::Span;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::child;

/// Names asked for at once: each holds a thread or a process until the system answers.
const AT_ONCE: u32 = 32;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE as usize);

static BY_PROGRAM: AtomicBool = AtomicBool::new(false);

/// Part of the C library wherever that is glibc or musl: it answers by what this host is set up to ask.
const PROGRAM: &str = "getent";

/// From now on this process asks `getent` rather than the C library: for programs that are linked to it
/// statically, in which it cannot load what `nsswitch.conf` names.
pub(crate) fn ask_a_program() {
    BY_PROGRAM.store(true, Ordering::Relaxed);
}

/// Every address of `host` in the system's order, one at least, with `port`. What is an address is not asked for.
///
/// # Errors
/// `TimedOut` when no answer comes within `limit`; else the system's error, or that there is no address.
pub(crate) async fn addresses(
    host: &str,
    port: u16,
    limit: Duration,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let asking = async {
        let _turn = TURNS.acquire().await;
        if BY_PROGRAM.load(Ordering::Relaxed) {
            by_program(host, port).await
        } else {
            lookup_host((host, port)).await.map(Iterator::collect)
        }
    };
    let found: Vec<SocketAddr> = timeout(limit, asking).await.unwrap_or_else(|_elapsed| {
        let why = format!("no answer in {}", Span(limit));
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })?;
    if found.is_empty() { Err(io::Error::other("no address")) } else { Ok(found) }
}

async fn by_program(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut asked = child::command(PROGRAM);
    asked.args(["--", "ahosts", host]).stderr(Stdio::null()).kill_on_drop(true);
    let answer = asked.output().await;
    let answer = answer
        .map_err(|error| io::Error::new(error.kind(), format!("{PROGRAM} ahosts: {error}")))?;
    match answer.status.code() {
        Some(0) => Ok(listed(&String::from_utf8_lossy(&answer.stdout), port)),
        Some(2) => Err(io::Error::other("not known here, or no name server answers")),
        _ => Err(io::Error::other(format!("{PROGRAM} ahosts: {}", answer.status))),
    }
}

/// The address at the head of each line, the first time that it stands there: there is a line for each kind of socket.
fn listed(lines: &str, port: u16) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    let heads = lines.lines().filter_map(|line| line.split_whitespace().next());
    for address in heads.filter_map(|head| parsed(head, port)) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// For example `192.0.2.7`, `2001:db8::7` or `fe80::7%eth0`.
fn parsed(head: &str, port: u16) -> Option<SocketAddr> {
    let Some((address, interface)) = head.split_once('%') else {
        return head.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = interface.parse().ok().or_else(|| if_nametoindex(interface).ok())?;
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_of_a_listing_is_taken_once_and_in_its_order() {
        let lines = "2001:db8::7     STREAM bmc\n2001:db8::7     DGRAM\n2001:db8::7     RAW\n\
                     192.0.2.7       STREAM\n192.0.2.7       DGRAM\nfe80::7%lo      STREAM\nrubbish\n\n";
        let loopback = if_nametoindex("lo").unwrap();
        let link_local = SocketAddrV6::new("fe80::7".parse().unwrap(), 623, 0, loopback);
        let wanted = [
            "[2001:db8::7]:623".parse().unwrap(),
            "192.0.2.7:623".parse().unwrap(),
            link_local.into(),
        ];
        assert_eq!(listed(lines, 623), wanted);
    }

    #[tokio::test]
    async fn the_program_finds_what_the_library_finds() {
        let by_library: Vec<_> = lookup_host(("localhost", 623)).await.unwrap().collect();
        let by_program = by_program("localhost", 623).await.unwrap();
        assert!(by_program.iter().all(|address| by_library.contains(address)));
        assert!(!by_program.is_empty());
    }

    #[tokio::test]
    async fn a_name_that_is_not_answered_in_time_has_no_address() {
        let _others = TURNS.acquire_many(AT_ONCE).await.unwrap();
        let error = addresses("localhost", 623, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_name_that_looks_like_an_option_is_a_name() {
        let error = by_program("--help", 623).await.unwrap_err();
        assert_eq!(error.to_string(), "not known here, or no name server answers");
    }
}
