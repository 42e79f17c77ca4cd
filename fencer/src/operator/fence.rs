//! `palisade fence` and `palisade confirm`: an order, then its end: the proof or the refusal.
//!
//! Never says that a node is fenced unless the fencer holds a proof that is younger than the order.

use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::span::Span;

use super::args::{Confirm, Fence, Place, Wait};
use super::asked::Asked;
use super::exit::{Failure, progress, result};
use super::rest::rest;
use crate::control::Request;
use crate::status::{End, Status, Verdict};

/// Time between two looks at how the case stands.
const LOOK_EVERY_MS: u16 = 100;

/// Has a node fenced.
pub(super) fn fence(place: &Place, wish: &Fence) -> Result<(), Failure> {
    let order = Request::Fence { node: wish.target.clone(), why: wish.why.clone() };
    carry_out(place, &wish.target, &order, &wish.wait)
}

/// Vouches that a node is off.
pub(super) fn confirm(place: &Place, wish: &Confirm) -> Result<(), Failure> {
    let order = Request::Confirm { node: wish.target.clone(), by: wish.by.clone() };
    carry_out(place, &wish.target, &order, &wish.wait)
}

fn carry_out(place: &Place, target: &str, order: &Request, wait: &Wait) -> Result<(), Failure> {
    let asked = Asked::at(place)?;
    asked.must_know(target)?;
    let since_ns = asked.order(order)?;
    if wait.no_wait {
        return result(&format!("{target}: order taken up; watch it with: palisade status\n"));
    }
    let verdict = end_of(&asked, target, since_ns, wait.longest())?;
    tell(target, &verdict)
}

/// Waits for a verdict that is not older than the order, saying each change on the way.
fn end_of(
    asked: &Asked,
    target: &str,
    since_ns: u64,
    longest: Duration,
) -> Result<Verdict, Failure> {
    let deadline = clock::now() + longest;
    let mut said = String::new();
    loop {
        let status = asked.status()?;
        if let Some(verdict) = status.verdict_since(target, since_ns) {
            return Ok(verdict.clone());
        }
        say_change(&status, target, &mut said);
        if clock::now() >= deadline {
            return Err(Failure::unknown(format!(
                "{target}: no end within {} (last: {said}); it goes on: palisade status",
                Span(longest)
            )));
        }
        rest(LOOK_EVERY_MS);
    }
}

fn say_change(status: &Status, target: &str, said: &mut String) {
    let Some(case) = status.case(target) else { return };
    let mut now = case.state.clone();
    if let Some(report) = &case.last_report {
        now = format!("{now}; {report}");
    }
    if *said != now {
        progress(&format!("{target}: {now}"));
        *said = now;
    }
}

fn tell(target: &str, verdict: &Verdict) -> Result<(), Failure> {
    let detail = &verdict.detail;
    match verdict.end {
        End::Fenced => result(&format!("{target}: fenced, proof: {detail}\n")),
        End::Failed => Err(Failure::not_so(format!("{target}: not fenced: {detail}"))),
        End::Declined => Err(Failure::refused(format!("{target}: declined: {detail}"))),
    }
}
