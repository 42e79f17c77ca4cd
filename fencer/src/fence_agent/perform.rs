//! An action at every machine asked for, all at once.
//!
//! Success of `off` and `reboot` means that every one of them was read off twice.

use tokio::task::JoinSet;

use super::action::Action;
use super::answer::{Answer, Failed, say, tell};
use super::console::Console;
use super::request::Terms;
use super::target::Target;

/// What one machine came to: its power as last known.
type Outcome = Result<bool, Failed>;

/// Acts on all machines at once; the answer is about all of them.
pub(super) async fn all(
    action: Action,
    machines: Vec<Target>,
    terms: &Terms,
) -> Result<Answer, Failed> {
    let names: Vec<Option<String>> = machines.iter().map(|machine| machine.plug.clone()).collect();
    let mut outcomes: Vec<Outcome> =
        names.iter().map(|_| Err(Failed::new("its task broke; report this"))).collect();
    let mut tasks = JoinSet::new();
    for (place, machine) in machines.into_iter().enumerate() {
        let terms = terms.clone();
        tasks.spawn(async move { (place, one(action, &machine, &terms).await) });
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

async fn one(action: Action, machine: &Target, terms: &Terms) -> Outcome {
    let done = match action {
        Action::Off => off(machine, terms).await.map(|()| false),
        Action::On => on(machine, terms).await.map(|()| true),
        Action::Reboot => reboot(machine, terms).await.map(|()| true),
        Action::Status
        | Action::Monitor
        | Action::List
        | Action::ListStatus
        | Action::ValidateAll
        | Action::Metadata
        | Action::Manpage => is_on(machine, terms).await,
    };
    done.map_err(|failed| failed.about(action, machine.plug.as_deref()))
}

async fn open(machine: &Target, terms: &Terms) -> Result<Console, Failed> {
    Console::open(&machine.bmc, terms.bmc_key.as_ref(), &terms.pace).await
}

async fn is_on(machine: &Target, terms: &Terms) -> Outcome {
    open(machine, terms).await?.is_on().await
}

async fn off(machine: &Target, terms: &Terms) -> Result<(), Failed> {
    open(machine, terms).await?.off().await
}

async fn on(machine: &Target, terms: &Terms) -> Result<(), Failed> {
    let mut console = open(machine, terms).await?;
    let mut tried = console.on().await;
    for _ in 0..terms.retry_on {
        if tried.is_ok() {
            break;
        }
        tried = open(machine, terms).await?.on().await;
    }
    tried
}

/// A machine that is off is fenced; that it does not come up again is told and is no failure.
async fn reboot(machine: &Target, terms: &Terms) -> Result<(), Failed> {
    off(machine, terms).await?;
    tokio::time::sleep(terms.rest).await;
    // In a session of its own: a copy of off that the network held back meets a closed one.
    let ordered = match open(machine, terms).await {
        Ok(mut console) => console.order_on().await.map(drop),
        Err(failed) => Err(failed),
    };
    if let Err(failed) = ordered {
        let what = "is off, verified; on could not be ordered, switch it on by hand";
        failed.lines().for_each(|line| tell(&format!("warning: the machine {what}: {line}")));
    }
    Ok(())
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
