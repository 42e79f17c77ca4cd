//! An action at every machine asked for, all at once.
//!
//! Success of `off` and `reboot` means that every one of them was read off twice.

use palisade_host::clock;
use tokio::task::JoinSet;

use super::action::Action;
use super::answer::{Answer, Failed, say, warn};
use super::handover::Handover;
use super::request::Terms;
use super::syslog::{self, Grade};
use super::target::Target;
use crate::power::{Engine, Evidence, PowerError, PowerErrorKind, Raised, Verdict};

/// What one machine came to: its power as last known.
type Outcome = Result<bool, Failed>;

/// Acts on all machines at once; the answer is about all of them.
pub(super) async fn all(
    action: Action,
    machines: Vec<Target>,
    terms: &Terms,
) -> Result<Answer, Failed> {
    let engine = Engine::start().map_err(Failed::new)?;
    let names: Vec<Option<String>> = machines.iter().map(|machine| machine.plug.clone()).collect();
    let mut outcomes: Vec<Outcome> =
        names.iter().map(|_| Err(Failed::new("its task broke; report this"))).collect();
    let mut tasks = JoinSet::new();
    for (place, machine) in machines.into_iter().enumerate() {
        let (engine, terms) = (engine.clone(), terms.clone());
        tasks.spawn(async move { (place, one(action, &engine, &machine, &terms).await) });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, outcome)) = done
            && let Some(slot) = outcomes.get_mut(place)
        {
            *slot = outcome;
        }
    }
    conclude(action, &names, outcomes)
}

async fn one(action: Action, engine: &Engine, machine: &Target, terms: &Terms) -> Outcome {
    let done = match action {
        Action::Off => off(engine, machine, terms).await.map(|()| false),
        Action::On => on(engine, machine, terms).await.map(|()| true),
        Action::Reboot => reboot(engine, machine, terms).await.map(|()| true),
        Action::Diag => diagnose(engine, machine, terms).await.map(|()| true),
        Action::Status
        | Action::Monitor
        | Action::List
        | Action::ListStatus
        | Action::ValidateAll
        | Action::Metadata
        | Action::Manpage => is_on(engine, machine, terms).await,
    };
    if done.is_ok() && action.changes() {
        let bmc = &machine.bmc.address;
        syslog::tell(Grade::Notice, &format!("{} at bmc {bmc}: done", action.name()));
    }
    done.map_err(|failed| failed.about(action, machine.plug.as_deref()))
}

async fn is_on(engine: &Engine, machine: &Target, terms: &Terms) -> Outcome {
    let status = engine.power_status(&machine.bmc, &terms.bmc).await;
    status.map(|status| status.on).map_err(failed)
}

async fn off(engine: &Engine, machine: &Target, terms: &Terms) -> Result<(), Failed> {
    judged(engine.fence(&machine.bmc, &terms.bmc).await, terms)
}

fn judged(verdict: Verdict, terms: &Terms) -> Result<(), Failed> {
    match verdict {
        Verdict::Dead(evidence) => {
            log::debug!("off, verified: {evidence}");
            Ok(())
        }
        Verdict::StillOn(evidence) => Err(stuck("on", &evidence, terms)),
        Verdict::Unknown(error) => Err(failed(error)),
    }
}

async fn on(engine: &Engine, machine: &Target, terms: &Terms) -> Result<(), Failed> {
    let mut tries = terms.retry_on;
    loop {
        let tried = match engine.power_on(&machine.bmc, &terms.bmc).await {
            Raised::On(_) => return Ok(()),
            Raised::StillOff(evidence) => stuck("off", &evidence, terms),
            Raised::Unknown(error) if error.is_definite() => return Err(failed(error)),
            Raised::Unknown(error) => failed(error),
        };
        tries = tries.checked_sub(1).ok_or(tried)?;
    }
}

/// A machine that is off is fenced. A fencer that runs here gives it its power back; without one this
/// agent orders on, and that the machine does not come up again is told and is no failure.
async fn reboot(engine: &Engine, machine: &Target, terms: &Terms) -> Result<(), Failed> {
    let handover = Handover::announce(terms.fencer.as_ref(), machine).await;
    let verdict = engine.fence(&machine.bmc, &terms.bmc).await;
    if matches!(&verdict, Verdict::Unknown(error) if error.is_definite()) {
        handover.failed().await;
    }
    judged(verdict, terms)?;
    if !handover.is_off().await {
        order_on(engine, machine, terms).await;
    }
    Ok(())
}

async fn order_on(engine: &Engine, machine: &Target, terms: &Terms) {
    tokio::time::sleep(terms.rest).await;
    // In a session of its own: a copy of off that the network held back meets a closed one.
    if let Err(error) = ordered_on(engine, machine, terms).await {
        warn(&format!(
            "the machine is off, verified; on could not be ordered, switch it on by hand: {error}"
        ));
    }
}

async fn ordered_on(engine: &Engine, machine: &Target, terms: &Terms) -> Result<(), PowerError> {
    let by = clock::now() + terms.bmc.silence;
    engine.open(&machine.bmc, by).await?.on().await.map(drop)
}

/// What a diagnostic interrupt does is the operating system's affair, and nobody reads it.
async fn diagnose(engine: &Engine, machine: &Target, terms: &Terms) -> Result<(), Failed> {
    let by = clock::now() + terms.bmc.silence;
    let mut session = engine.open(&machine.bmc, by).await.map_err(failed)?;
    session.diagnose().await.map_err(failed)
}

fn stuck(still: &str, evidence: &Evidence, terms: &Terms) -> Failed {
    let waited = terms.bmc.change.unwrap_or_default();
    Failed::new(format!(
        "timed out: power is still {still} after {waited:?}: {evidence}; look at the machine, or raise \
         power_timeout"
    ))
}

/// Pacemaker knows a timeout by these words.
fn failed(error: PowerError) -> Failed {
    if matches!(error.kind(), PowerErrorKind::Silent | PowerErrorKind::TooLate) {
        return Failed::new(format!("timed out: {error}"));
    }
    Failed::new(error)
}

fn conclude(
    action: Action,
    names: &[Option<String>],
    outcomes: Vec<Outcome>,
) -> Result<Answer, Failed> {
    if action == Action::ListStatus {
        say(&listing(names, &outcomes))?;
    }
    let mut failures = None;
    let mut any_on = false;
    for outcome in outcomes {
        match outcome {
            Ok(on) => any_on |= on,
            Err(failed) => failures = Some(Failed::joined(failures, failed)),
        }
    }
    failures.map_or_else(|| succeed(action, any_on), Err)
}

/// The words of fence_ipmilan, for those who read them.
fn succeed(action: Action, any_on: bool) -> Result<Answer, Failed> {
    match (action, any_on) {
        (Action::Off, _) => say("Success: Powered OFF\n"),
        (Action::On, _) => say("Success: Powered ON\n"),
        (Action::Reboot, _) => say("Success: Rebooted\n"),
        (Action::Diag, _) => say("Success: Diagnostic interrupt sent\n"),
        (Action::Status, true) => say("Status: ON\n"),
        (Action::Status, false) => say("Status: OFF\n").map(|_| Answer::Off),
        _ => Ok(Answer::Done),
    }
}

fn listing(names: &[Option<String>], outcomes: &[Outcome]) -> String {
    let lines = names.iter().zip(outcomes).map(|(name, outcome)| {
        let state = match outcome {
            Ok(true) => "ON",
            Ok(false) => "OFF",
            Err(_) => "UNKNOWN",
        };
        format!("{},,{state}\n", name.as_deref().unwrap_or_default())
    });
    lines.collect()
}
