//! `palisade wait-quorum`: for start scripts that need a majority first.

use std::time::Duration;

use palisade_host::clock;

use super::args::Place;
use super::asked::Asked;
use super::exit::Failure;
use super::rest::rest;
use crate::status::{Stand, Status};

/// Time between two looks.
const LOOK_EVERY_MS: u16 = 250;

/// Waits until this node's fencer hears a majority and serves; errs with 1 if it does not in time, with
/// 3 if it could not be asked.
pub(super) fn run(place: &Place, timeout: u32) -> Result<(), Failure> {
    let asked = Asked::at(place)?;
    let deadline = clock::now() + Duration::from_secs(timeout.into());
    loop {
        let failure = match asked.status() {
            Ok(status) if serves(&status) => return Ok(()),
            Ok(status) => Failure::not_so(format!(
                "no majority that serves within {timeout} s: {} of {} fencers heard, this one: {}",
                status.voters_heard, status.voters, status.stand
            )),
            Err(failure) => failure,
        };
        if clock::now() >= deadline {
            return Err(failure);
        }
        rest(LOOK_EVERY_MS);
    }
}

fn serves(status: &Status) -> bool {
    status.voters_heard >= status.majority() && status.stand == Stand::Serving
}
