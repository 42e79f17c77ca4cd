//! `palisade power`: reads or switches the power of any number of machines at once, through their BMCs.
//!
//! The right to do so is the operator's own: no fencer is asked, no warrant is needed, and no lease is
//! waited for. Off is what two readings say, never an acknowledgement, an error or silence. Every
//! machine that was asked for stands once in what is printed.

mod act;
mod elsewhere;
mod fleet;
mod machines;
mod progress;
mod runtime;
mod table;
mod wish;

use palisade_host::lockdown::forbid_dumps;

pub(super) use elsewhere::other_ways;
pub(super) use runtime::carry_out;
pub(super) use wish::Wish;
use wish::{Act, YES_ABOVE};

use super::args::Place;
use super::exit::{Failure, progress, result};
use super::hosts::folded;
use machines::Machine;
use table::Table;

/// Acts on all machines; errs with 1 if some are not in the asked state, with 3 if some could not be
/// found out, with 4 if it takes a `--yes`.
pub(super) fn run(place: &Place, wish: &Wish) -> Result<(), Failure> {
    if let Err(weakness) = forbid_dumps() {
        progress(&weakness.to_string());
    }
    let machines = machines::all(place, wish)?;
    must_be_meant(wish, &machines)?;
    let reports = carry_out(fleet::ask(wish, &machines))?;
    let table = Table::new(wish.act, &machines, &reports);
    result(&if wish.json { table.json() } else { table.text() })?;
    table.verdict()
}

/// A slip in a list must not cut a data centre.
fn must_be_meant(wish: &Wish, machines: &[Machine]) -> Result<(), Failure> {
    let many = machines.len();
    if wish.act != Act::Off || many <= YES_ABOVE || wish.yes == Some(many) {
        return Ok(());
    }
    let names = folded(machines.iter().map(|machine| &machine.name));
    Err(Failure::refused(format!(
        "off would be sent to {many} machines: {names}; if all are meant, say --yes {many}"
    )))
}
