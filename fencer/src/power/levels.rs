//! Several ways to one node's power, tried in order.
//!
//! A way that cannot be opened, or fails in an order, makes room for the next at once, within the time
//! that is left; the one that worked is tried first for a while. What two ways say is never mixed: once
//! a session has said anything, its readings come from the way that said it, or the session is over; and
//! a verdict is by one way from its order to its last reading, or there is none by that way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use palisade_host::clock;
use palisade_host::config::{self, Node, PowerLevel};
use palisade_protocol::time::Instant;

use super::Ack;
use super::agent::Agent;
use super::device::{Opening, PowerDevice, PowerSession, Working};
use super::error::{PowerError, PowerErrorKind};
use super::redfish::Redfish;
use super::session::PowerStatus;
use super::spared::Spared;
use super::trouble::Trouble;
use super::verdict::{CHANGE_MAX, Evidence, Seen, Switch, Terms};

/// What each way gets of the time that is left, if a fair share is less: a slow BMC's login.
const SHARE_MIN: Duration = Duration::from_secs(2);

/// How long the way that worked is tried first, and one that failed last: as long as a case that goes
/// well and the rehearsals before it, which find out without haste who answers.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The ways to the power of a node: its BMC, as `bmc` makes a device of it, then its `[[node.power]]`.
/// None if it has neither; the way itself if it is the only one.
pub fn of(
    node: &Node,
    bmc: impl FnOnce(&config::Bmc) -> Arc<dyn PowerDevice>,
) -> Option<Arc<dyn PowerDevice>> {
    Levels::of(ways(node, bmc))
}

/// The same ways one by one, in the order of trying, each left alone for a while once its login was refused
/// for good.
pub fn ways(
    node: &Node,
    bmc: impl FnOnce(&config::Bmc) -> Arc<dyn PowerDevice>,
) -> Vec<Arc<dyn PowerDevice>> {
    let first = node.bmc.as_ref().map(|config| spared(bmc(config), bmc_files(config)));
    let others = node.power.iter().map(|level| spared(other(level.clone()), files(level)));
    first.into_iter().chain(others).collect()
}

/// What tells a node's power from another's between programs that may not read the same file: its BMC's
/// address, or its first way in an operator's words. None if it has no way.
pub fn mark(node: &Node) -> Option<String> {
    let address = node.bmc.as_ref().map(|bmc| bmc.address.clone());
    address.or_else(|| node.power.first().map(|level| other(level.clone()).describe()))
}

/// A way that is not a BMC.
fn other(level: PowerLevel) -> Arc<dyn PowerDevice> {
    match level {
        PowerLevel::Redfish(redfish) => Arc::new(Redfish::new(redfish)),
        PowerLevel::Agent(agent) => Arc::new(Agent::new(agent)),
    }
}

fn spared(way: Arc<dyn PowerDevice>, files: Vec<PathBuf>) -> Arc<dyn PowerDevice> {
    Arc::new(Spared::new(way, files))
}

/// What a login at a BMC is made of.
fn bmc_files(bmc: &config::Bmc) -> Vec<PathBuf> {
    [Some(&bmc.password_file), bmc.bmc_key_file.as_ref()].into_iter().flatten().cloned().collect()
}

fn files(level: &PowerLevel) -> Vec<PathBuf> {
    match level {
        PowerLevel::Redfish(redfish) => vec![redfish.password_file.clone()],
        PowerLevel::Agent(agent) => agent.password_file.iter().cloned().collect(),
    }
}

/// Two ways or more, in the order of trying.
#[derive(Clone, Debug)]
pub struct Levels(Arc<Ways>);

impl Levels {
    /// These ways as one device; the only one itself, and none if there is none.
    pub fn of(mut ways: Vec<Arc<dyn PowerDevice>>) -> Option<Arc<dyn PowerDevice>> {
        match ways.len() {
            0 | 1 => ways.pop(),
            _ => Some(Arc::new(Self(Arc::new(Ways { ways, memory: Mutex::default() })))),
        }
    }
}

impl PowerDevice for Levels {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let mut spent = Spent::default();
            let current = self.0.open_one(&mut spent, by).await?;
            let ways = Arc::clone(&self.0);
            let session = LevelSession { ways, current, spent, has_said: false, by };
            Ok(Box::new(session) as Box<dyn PowerSession>)
        })
    }

    /// The level in use: the one that worked last, or the first.
    fn describe(&self) -> String {
        let worked = self.0.memory().worked;
        self.0.name(worked.map_or(0, |(level, _)| level))
    }

    fn patience(&self, terms: &Terms) -> Duration {
        self.0.ways.iter().map(|way| way.patience(terms)).sum()
    }

    fn switch<'a>(&'a self, switch: Switch, terms: &'a Terms) -> Working<'a, Seen> {
        let act: Act<Seen> = match switch {
            Switch::Off => |way, terms| Box::pin(followed(way, Switch::Off, terms)),
            Switch::On => |way, terms| Box::pin(followed(way, Switch::On, terms)),
        };
        Box::pin(self.0.by_turns(act, terms))
    }

    fn read<'a>(&'a self, terms: &'a Terms) -> Working<'a, PowerStatus> {
        Box::pin(self.0.by_turns(|way, terms| way.read(terms), terms))
    }

    fn diagnose<'a>(&'a self, terms: &'a Terms) -> Working<'a, ()> {
        Box::pin(self.0.by_turns(|way, terms| way.diagnose(terms), terms))
    }

    fn check(&self) -> Result<(), PowerError> {
        self.0.ways.iter().try_for_each(|way| way.check())
    }

    fn troubles(&self) -> Vec<String> {
        let memory = self.0.memory();
        let of = self.0.ways.len();
        let told = |(level, (_, error)): (&usize, &(Instant, PowerError))| {
            format!("level {} of {of}: {error}", level + 1)
        };
        let ways = self.0.ways.iter().flat_map(|way| way.troubles());
        memory.failed.iter().map(told).chain(ways).collect()
    }

    fn resting(&self) -> Vec<String> {
        let of = self.0.ways.len();
        let ways = self.0.ways.iter().zip(1..);
        let told = ways.flat_map(|(way, level)| way.resting().into_iter().map(move |t| (level, t)));
        told.map(|(level, rest)| format!("level {level} of {of}: {rest}")).collect()
    }

    fn try_now(&self) {
        self.0.ways.iter().for_each(|way| way.try_now());
    }
}

/// What is wanted of one way, from beginning to end.
type Act<T> = for<'a> fn(&'a dyn PowerDevice, &'a Terms) -> Working<'a, T>;

/// What one way has followed; it fails if it did not.
async fn followed(
    way: &dyn PowerDevice,
    switch: Switch,
    terms: &Terms,
) -> Result<Seen, PowerError> {
    let seen = way.switch(switch, terms).await?;
    if seen.is_followed { Ok(seen) } else { Err(stuck(switch, &seen.evidence)) }
}

/// Obeyed in words only: the next way may be obeyed in deed.
fn stuck(switch: Switch, evidence: &Evidence) -> PowerError {
    let still = match switch {
        Switch::Off => "on",
        Switch::On => "off",
    };
    let said = format!("power is still {still}: {}", evidence.course());
    let trouble = Trouble::new(PowerErrorKind::Stuck, said, "look at the machine");
    PowerError::at(evidence.device.clone(), trouble)
}

/// A session by one way at a time.
struct LevelSession {
    ways: Arc<Ways>,
    current: Current,
    spent: Spent,
    /// Whether the way in use has obeyed or read anything in this session.
    has_said: bool,
    by: Instant,
}

/// The way in use.
struct Current {
    level: usize,
    session: Box<dyn PowerSession>,
}

impl LevelSession {
    /// Orders by one way after the other. Whoever obeys is the one whose readings count from then on: an
    /// order begins the counting of readings anew.
    async fn command(&mut self, command: Command) -> Result<Ack, PowerError> {
        loop {
            self.give_its_share();
            match command(self.current.session.as_mut()).await {
                Ok(ack) => return Ok(self.note(ack)),
                Err(error) => self.move_on(error).await?,
            }
        }
    }

    /// Reads by one way after the other, until one of them has said anything.
    async fn read(&mut self) -> Result<PowerStatus, PowerError> {
        loop {
            self.give_its_share();
            match self.current.session.status().await {
                Ok(status) => return Ok(self.note(status)),
                Err(error) if self.has_said => {
                    self.ways.lost(self.current.level, error.clone(), &mut self.spent);
                    return Err(error);
                }
                Err(error) => self.move_on(error).await?,
            }
        }
    }

    fn note<T>(&mut self, said: T) -> T {
        self.has_said = true;
        self.ways.found(self.current.level);
        said
    }

    fn give_its_share(&mut self) {
        let left = self.ways.left(&self.spent);
        self.current.session.set_deadline(share(clock::now(), self.by, left));
    }

    async fn move_on(&mut self, error: PowerError) -> Result<(), PowerError> {
        self.ways.lost(self.current.level, error, &mut self.spent);
        self.current = self.ways.open_one(&mut self.spent, self.by).await?;
        self.has_said = false;
        Ok(())
    }
}

/// An order to the way in use.
type Command = for<'a> fn(&'a mut dyn PowerSession) -> Working<'a, Ack>;

impl PowerSession for LevelSession {
    fn set_deadline(&mut self, by: Instant) {
        self.by = by;
    }

    fn off(&mut self) -> Working<'_, Ack> {
        Box::pin(self.command(|session| session.off()))
    }

    fn on(&mut self) -> Working<'_, Ack> {
        Box::pin(self.command(|session| session.on()))
    }

    fn status(&mut self) -> Working<'_, PowerStatus> {
        Box::pin(self.read())
    }
}

/// The ways, and what is known of them.
#[derive(Debug)]
struct Ways {
    ways: Vec<Arc<dyn PowerDevice>>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The way that worked last, and when.
    worked: Option<(usize, Instant)>,
    /// The ways that failed since they last worked: when, and why.
    failed: BTreeMap<usize, (Instant, PowerError)>,
}

/// The ways that failed in one session, and why.
#[derive(Debug, Default)]
struct Spent(BTreeMap<usize, PowerError>);

impl Ways {
    /// Opens the first way that can be opened, those that are spent left out.
    async fn open_one(&self, spent: &mut Spent, by: Instant) -> Result<Current, PowerError> {
        while let Some((level, way)) = self.next(spent, clock::now()) {
            match way.open(share(clock::now(), by, self.left(spent))).await {
                Ok(session) => return Ok(Current { level, session }),
                Err(error) => self.lost(level, error, spent),
            }
        }
        Err(self.none(spent))
    }

    /// By one way from beginning to end, or else by the next. The last one alone may take for ever.
    async fn by_turns<T>(&self, act: Act<T>, terms: &Terms) -> Result<T, PowerError> {
        let mut spent = Spent::default();
        while let Some((level, way)) = self.next(&spent, clock::now()) {
            let change = terms.change.or((self.left(&spent) > 1).then_some(CHANGE_MAX));
            match act(way, &Terms { change, ..*terms }).await {
                Ok(done) => {
                    self.found(level);
                    return Ok(done);
                }
                Err(error) => self.lost(level, error, &mut spent),
            }
        }
        Err(self.none(&spent))
    }

    /// How many are not spent.
    fn left(&self, spent: &Spent) -> usize {
        self.ways.len().saturating_sub(spent.0.len())
    }

    /// The way to try next: the one that worked, then those that did not fail, then those that did.
    fn next(&self, spent: &Spent, now: Instant) -> Option<(usize, &dyn PowerDevice)> {
        let memory = self.memory();
        let is_fresh = |at: Instant| now.since(at) <= REMEMBERED;
        let is_good = |level: &usize| !memory.failed.contains_key(level);
        let worked = memory.worked.filter(|(level, at)| is_fresh(*at) && is_good(level));
        let worked = worked.map(|(level, _)| level);
        let has_failed =
            |level: &usize| memory.failed.get(level).is_some_and(|(at, _)| is_fresh(*at));
        let all = 0..self.ways.len();
        let (failed, others): (Vec<_>, Vec<_>) = all.partition(has_failed);
        let mut order = worked.into_iter().chain(others).chain(failed);
        let level = order.find(|level| !spent.0.contains_key(level))?;
        Some((level, self.ways.get(level)?.as_ref()))
    }

    fn found(&self, level: usize) {
        let mut memory = self.memory();
        memory.failed.remove(&level);
        let before = memory.worked.replace((level, clock::now()));
        drop(memory);
        if before.map_or(level != 0, |(before, _)| before != level) {
            log::warn!("power goes by {} now", self.name(level));
        }
    }

    fn lost(&self, level: usize, error: PowerError, spent: &mut Spent) {
        log::debug!("level {}: {error}", level + 1);
        self.memory().failed.insert(level, (clock::now(), error.clone()));
        spent.0.insert(level, error);
    }

    fn none(&self, spent: &Spent) -> PowerError {
        let told = spent.0.iter().map(|(level, error)| format!("level {}: {error}", level + 1));
        let evidence = told.collect::<Vec<_>>().join(" | ");
        let kind = spent.0.values().next().map_or(PowerErrorKind::TooLate, PowerError::kind);
        let is_definite = spent.0.values().all(PowerError::is_definite);
        let trouble = Trouble::new(kind, evidence, "mend one of them");
        let device = format!("{} ways to power", self.ways.len());
        PowerError::at(device, Trouble { is_definite, ..trouble })
    }

    fn name(&self, level: usize) -> String {
        let way = self.ways.get(level).map_or_else(String::new, |way| way.describe());
        format!("level {} of {}: {way}", level + 1, self.ways.len())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until when one of `left` ways may try, so that it cannot eat the others' time.
fn share(now: Instant, by: Instant, left: usize) -> Instant {
    let time = now.until(by);
    let parts = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
    now + (time / parts).max(SHARE_MIN).min(time)
}

#[cfg(test)]
mod tests;
