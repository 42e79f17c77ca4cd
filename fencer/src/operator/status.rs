//! `palisade status`: the table, or the same as JSON; once, or again each second.

use palisade_host::control::CallError;
use serde_json::{Value, json};

use super::agent::{Agent, line};
use super::args::{Place, Status as Wish};
use super::asked::Asked;
use super::exit::{Failure, result};
use super::rest::rest;
use crate::place;
use crate::status::{Status, table};

/// Time between two looks with `--watch`.
const WATCH_EVERY_MS: u16 = 1_000;

/// Moves to the top left corner and clears what is below.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Shows the status; with `--watch` until interrupted.
pub(super) fn run(place: &Place, wish: &Wish) -> Result<(), Failure> {
    let sources = Sources::at(place)?;
    if !wish.watch {
        return sources.show(wish);
    }
    loop {
        if let Err(failure) = sources.show(wish) {
            failure.say();
        }
        rest(WATCH_EVERY_MS);
    }
}

/// Whoever runs on this machine.
#[derive(Debug)]
struct Sources {
    fencer: Option<Asked>,
    agent: Option<Agent>,
}

impl Sources {
    fn at(place: &Place) -> Result<Self, Failure> {
        let cluster = place::load(&place.config).map_err(Failure::usage)?;
        let view = place::node(&cluster, place.node.as_deref()).map_err(Failure::usage)?;
        let fencer = if view.node.fencer { Some(Asked::at(place)?) } else { None };
        Ok(Self { fencer, agent: Agent::of(view) })
    }

    /// Shows what the fencer sees and what the agent says; one of them is enough where only one runs.
    fn show(&self, wish: &Wish) -> Result<(), Failure> {
        let fencer = self.fencer.as_ref().map(Asked::status).transpose()?;
        let agent = self.agent.as_ref().map(Agent::status);
        match (fencer, agent) {
            (None, Some(Err(silent))) => Err(Failure::unknown(silent)),
            (fencer, agent) if wish.json => show_json(fencer.as_ref(), agent),
            (fencer, agent) => {
                let clear = if wish.watch { CLEAR } else { "" };
                let table = fencer.as_ref().map(table).unwrap_or_default();
                let agent = agent.as_ref().map(line).unwrap_or_default();
                result(&format!("{clear}{table}{agent}"))
            }
        }
    }
}

/// The fencer's status, with the agent's as its member `agent`; null where there is none.
fn show_json(
    fencer: Option<&Status>,
    agent: Option<Result<Value, CallError>>,
) -> Result<(), Failure> {
    let mut status =
        fencer.map_or(Ok(json!({})), serde_json::to_value).map_err(Failure::unknown)?;
    let agent = agent.and_then(Result::ok).unwrap_or_default();
    if let Some(members) = status.as_object_mut() {
        members.insert("agent".to_owned(), agent);
    }
    result(&format!("{status}\n"))
}
