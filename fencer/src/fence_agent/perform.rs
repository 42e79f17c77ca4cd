//! An action at every machine asked for, all at once.
//!
//! Success of `off` and `reboot` means that every one of them was read off twice.

use std::sync::Arc;
use std::time::Duration;

use palisade_host::clock;
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;
use tokio::task::JoinSet;

use super::action::Action;
use super::answer::{Answer, Failed, say, warn};
use super::handover::Handover;
use super::request::Terms;
use super::syslog::{self, Grade};
use super::target::Target;
use crate::power::{self, Evidence, PowerDevice, PowerError, PowerErrorKind, Raised, Verdict};

/// How long a reboot that has no fencer to leave the machine to looks whether it comes on: off is verified,
/// and the caller waits to hear of it.
const RISE_MAX: Duration = Duration::from_secs(2);

/// What one machine came to: its power as last known.
type Outcome = Result<bool, Failed>;

/// Acts on all machines at once; the answer is about all of them.
pub(super) async fn all(
    action: Action,
    machines: Vec<Target>,
    terms: &Terms,
) -> Result<Answer, Failed> {
    let names: Vec<Option<String>> = machines.iter().map(|machine| machine.plug.clone()).collect();
    let works = machines.into_iter().map(|machine| {
        let terms = terms.clone();
        async move { one(action, &machine, &terms).await }
    });
    let outcomes = at_once(works).await;
    let broken = || Err(Failed::new("its task broke; report this"));
    let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(broken)).collect();
    conclude(action, &names, outcomes)
}

/// What comes of all works, in their order; nothing of one that broke.
async fn at_once<T, W>(works: impl Iterator<Item = W>) -> Vec<Option<T>>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (place, work) in works.enumerate() {
        tasks.spawn(async move { (place, work.await) });
    }
    let mut outcomes: Vec<Option<T>> = (0..tasks.len()).map(|_| None).collect();
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, outcome)) = done
            && let Some(slot) = outcomes.get_mut(place)
        {
            *slot = Some(outcome);
        }
    }
    outcomes
}

async fn one(action: Action, machine: &Target, terms: &Terms) -> Outcome {
    machine.weaknesses.iter().for_each(|weakness| tell_weakness(action, machine, weakness));
    let device = machine.device.as_ref();
    let done = match action {
        Action::Off => judged(device.fence(&terms.power).await, terms).map(|()| false),
        Action::On => on(device, terms).await.map(|()| true),
        Action::Reboot => reboot(machine, terms).await.map(|()| true),
        Action::Diag => device.diagnose(&terms.power).await.map(|()| true).map_err(failed),
        Action::Monitor => rehearse(machine, terms).await,
        Action::Status
        | Action::List
        | Action::ListStatus
        | Action::ValidateAll
        | Action::Metadata
        | Action::Manpage => {
            device.read(&terms.power).await.map(|status| status.on).map_err(failed)
        }
    };
    let power = done.as_ref().map_or("not known", |on| if *on { "on" } else { "off" });
    log::debug!("{} at {}: power {power}", action.name(), device.describe());
    if done.is_ok() {
        device.troubles().iter().for_each(|trouble| warn_about(action, machine, trouble));
        if action.changes() {
            let line = format!("{} at {}: done", action.name(), device.describe());
            syslog::tell(Grade::Notice, &line);
        }
    }
    done.map_err(|failed| failed.about(action, machine.plug.as_deref()))
}

/// In the system's log when power is to change: callers expect nothing on standard error of what succeeds.
/// `monitor` is where they look for what to mend.
fn tell_weakness(action: Action, machine: &Target, weakness: &str) {
    if action == Action::Monitor {
        return warn_about(action, machine, weakness);
    }
    if action.changes() {
        let plug = machine.plug.as_deref().unwrap_or_default();
        syslog::tell(Grade::Warning, &format!("{} of {plug}: {weakness}", action.name()));
    }
}

/// What failed at one way to power, while another did what was asked.
fn warn_about(action: Action, machine: &Target, trouble: &str) {
    let plug = machine.plug.as_deref().unwrap_or_default();
    warn(&format!("{} of {plug}: {trouble}", action.name()));
}

/// Tries every way. One that works is enough: a cluster manager takes a device whose monitor fails out of
/// service, and with it the ways that work. Those that do not are told.
async fn rehearse(machine: &Target, terms: &Terms) -> Outcome {
    let works = machine.ways.iter().map(|way| {
        let (way, terms) = (Arc::clone(way), terms.power);
        async move { way.read(&terms).await.map(|status| status.on) }
    });
    let (of, mut works_by, mut errors) = (machine.ways.len(), None, Vec::new());
    for (level, read) in (1..).zip(at_once(works).await) {
        match read {
            Some(Ok(on)) => works_by = works_by.or(Some(on)),
            Some(Err(error)) if of == 1 => return Err(failed(error)),
            Some(Err(error)) => errors.push(format!("level {level} of {of}: {error}")),
            None => errors.push(format!("level {level} of {of}: its task broke; report this")),
        }
    }
    let Some(on) = works_by else { return Err(Failed::new(errors.join(" | "))) };
    errors.iter().for_each(|error| warn_about(Action::Monitor, machine, error));
    Ok(on)
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

async fn on(device: &dyn PowerDevice, terms: &Terms) -> Result<(), Failed> {
    match raise(device, &terms.power, terms.retry_on, None).await.0 {
        Raised::On(_) => Ok(()),
        Raised::StillOff(evidence) => Err(stuck("off", &evidence, terms)),
        Raised::Unknown(error) => Err(failed(error)),
    }
}

/// Orders on until it is read, and so many times again, none of them after `by`. What the last order came
/// to, and how many there were.
async fn raise(
    device: &dyn PowerDevice,
    terms: &power::Terms,
    retries: u32,
    by: Option<Instant>,
) -> (Raised, u32) {
    let mut orders: u32 = 0;
    loop {
        let raised = device.raise(terms).await;
        let is_late = by.is_some_and(|by| clock::now() >= by);
        let is_last = is_late || orders >= retries || is_settled(&raised);
        orders += 1;
        if is_last {
            return (raised, orders);
        }
    }
}

/// Whether another order is of no use.
const fn is_settled(raised: &Raised) -> bool {
    match raised {
        Raised::On(_) => true,
        Raised::StillOff(_) => false,
        Raised::Unknown(error) => error.is_definite(),
    }
}

/// A machine that is off is fenced. A fencer that runs here gives it its power back; without one this
/// agent orders on, reads it, and a machine that does not come on is told and is no failure.
async fn reboot(machine: &Target, terms: &Terms) -> Result<(), Failed> {
    let handover = Handover::announce(terms.fencer.as_ref(), machine).await;
    let verdict = machine.device.fence(&terms.power).await;
    if matches!(&verdict, Verdict::Unknown(error) if error.is_definite()) {
        handover.failed().await;
    }
    judged(verdict, terms)?;
    if !handover.is_off().await {
        order_on(machine.device.as_ref(), terms).await;
    }
    Ok(())
}

/// In sessions of their own: a copy of off that the network held back meets a closed one.
async fn order_on(device: &dyn PowerDevice, terms: &Terms) {
    tokio::time::sleep(terms.rest).await;
    let by = clock::now() + RISE_MAX;
    let change = terms.power.change.map_or(RISE_MAX, |change| change.min(RISE_MAX));
    let change = Some(change / terms.retry_on.saturating_add(1));
    let brief = power::Terms { change, ..terms.power };
    let seen = match raise(device, &brief, terms.retry_on, Some(by)).await {
        (Raised::On(_), _) => return,
        (Raised::StillOff(evidence), orders) => {
            format!("still off after on, ordered {orders} times: {evidence}")
        }
        (Raised::Unknown(error), orders) => format!("on failed, tried {orders} times: {error}"),
    };
    warn(&format!(
        "the machine is off, verified; {seen}; if it does not come up, switch it on by hand"
    ));
}

fn stuck(still: &str, evidence: &Evidence, terms: &Terms) -> Failed {
    let waited = Span(terms.power.change.unwrap_or_default());
    Failed::new(format!(
        "timed out: power is still {still} after {waited}: {evidence}; look at the machine, or raise \
         power_timeout"
    ))
}

/// Pacemaker knows a timeout by these words.
fn failed(error: PowerError) -> Failed {
    if matches!(
        error.kind(),
        PowerErrorKind::Silent | PowerErrorKind::Stuck | PowerErrorKind::TooLate
    ) {
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
