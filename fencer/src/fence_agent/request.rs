//! One request, checked as a whole before anything is sent.

use std::path::PathBuf;
use std::time::Duration;

use palisade_host::config::Cluster;
use tokio::runtime::Builder;

use super::action::Action;
use super::answer::{Answer, Failed, say, tell, warn};
use super::by_fencer::Wish;
use super::fencer::{Fencer, this_machines};
use super::option::{self, Opt};
use super::password::Source;
use super::perform;
use super::shown::{is_one, shown};
use super::target::{Target, Targets, plugs};
use super::termination;
use super::values::Values;
use crate::power::redfish::{self, End};
use crate::power::{Engine, Password};
use crate::{child, place, power};

/// What is asked, of which machines, on which terms.
#[derive(Debug)]
pub(super) struct Request {
    action: Action,
    way: Way,
    delay: Duration,
}

/// Who is asked.
#[derive(Debug)]
enum Way {
    /// Nobody: there are no plugs to list.
    Nobody,
    /// The fencers.
    Fencer(Wish),
    /// What switches the machines' power.
    Devices(Box<AtDevices>),
}

#[derive(Debug)]
struct AtDevices {
    targets: Targets,
    password: Source,
    terms: Terms,
    /// Where what was learned of BMCs is kept.
    learned: Option<PathBuf>,
}

/// How to go about it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// How long to wait for what at a device.
    pub(super) power: power::Terms,
    /// Rest of a reboot between off and on.
    pub(super) rest: Duration,
    pub(super) retry_on: u32,
    /// Who ends a reboot.
    pub(super) fencer: Option<Fencer>,
}

impl Request {
    /// The request that the options make.
    pub(super) fn new(action: Action, values: &Values) -> Result<Self, Failed> {
        Ok(Self { action, way: Way::of(action, values)?, delay: values.seconds(&option::DELAY)? })
    }

    /// Does it.
    pub(super) fn carry_out(self) -> Result<Answer, Failed> {
        match &self.way {
            // Nothing on standard output: Pacemaker would take its words for plugs.
            Way::Nobody => {
                tell(&"notice: nothing to list: give config, which names the plugs");
                Ok(Answer::Done)
            }
            Way::Devices(at) if self.action == Action::List => at.list(),
            Way::Devices(at) if at.has_other_ways() => {
                on_a_loop(leaving_nothing(at.carry_out(self.action, self.delay)))
            }
            Way::Devices(at) => on_a_loop(at.carry_out(self.action, self.delay)),
            Way::Fencer(wish) => on_a_loop(async {
                delay(self.action, tokio::time::Instant::now(), self.delay).await;
                wish.carry_out(self.action).await
            }),
        }
    }
}

impl Way {
    fn of(action: Action, values: &Values) -> Result<Self, Failed> {
        let via_fencer =
            values.get(&option::VIA).is_some_and(|via| via.eq_ignore_ascii_case("fencer"));
        if via_fencer {
            return wish(values).map(Self::Fencer);
        }
        refuse_what_cannot_be_verified(action, values)?;
        refuse_bridging(values)?;
        // As fence_ipmilan: without plugs there is nothing to list, and nothing else is needed.
        if action.lists() && values.filled(&option::CONFIG).is_none() {
            return Ok(Self::Nobody);
        }
        let targets = Targets::of(values)?;
        let cluster = match &targets {
            Targets::Cluster { cluster, .. } => Some(cluster.as_ref()),
            Targets::One { .. } => None,
        };
        if cluster.is_some() && action.rehearses() {
            tell_what_is_ignored(values);
        }
        let terms = terms(values, cluster)?;
        let learned = cluster.and_then(learned);
        let password = Source::of(values)?;
        Ok(Self::Devices(Box::new(AtDevices { targets, password, terms, learned })))
    }
}

fn wish(values: &Values) -> Result<Wish, Failed> {
    let config = values.one(&option::CONFIG)?;
    let cluster = config.map(|file| place::load(file.as_ref()).map_err(Failed::new)).transpose()?;
    let fencer = Fencer::of(values, cluster.as_ref())?.ok_or_else(|| {
        Failed::new(
            "via=fencer: no fencer of this machine is known; give fencer_socket, or a config that has \
             this host as a node with a fencer",
        )
    })?;
    let plugs = plugs(values);
    if let Some(odd) = plugs.iter().find(|plug| !is_one(plug)) {
        return Err(Failed::new(format!("plug {}: no node has such a name", shown(odd))));
    }
    Ok(Wish { fencer, plugs, longest: change(values)? })
}

impl AtDevices {
    /// Whether it may start other fence agents, or hold sessions that a service keeps.
    fn has_other_ways(&self) -> bool {
        let Targets::Cluster { cluster, .. } = &self.targets else { return false };
        cluster.nodes.iter().any(|node| !node.power.is_empty())
    }

    fn list(&self) -> Result<Answer, Failed> {
        let lines = self.targets.plugs().into_iter().map(|plug| format!("{plug},\n"));
        say(&lines.collect::<String>())
    }

    async fn carry_out(&self, action: Action, longest: Duration) -> Result<Answer, Failed> {
        let began = tokio::time::Instant::now();
        let engine = self.engine()?;
        if action == Action::ValidateAll {
            return validate(&self.targets.all(&engine, Password::none())?);
        }
        let password = match self.targets {
            Targets::One { .. } => self.password.fetch().await?,
            Targets::Cluster { .. } => Password::none(),
        };
        let everywhere = matches!(action, Action::Monitor | Action::ListStatus);
        let machines = if everywhere {
            self.targets.all(&engine, password)?
        } else {
            self.targets.named(&engine, password)?
        };
        delay(action, began, longest).await;
        perform::all(action, machines, &self.terms).await
    }

    fn engine(&self) -> Result<Engine, Failed> {
        let engine = Engine::start().map_err(Failed::new)?;
        Ok(self.learned.iter().fold(engine, |engine, folder| engine.with_profiles(folder)))
    }
}

fn validate(machines: &[Target]) -> Result<Answer, Failed> {
    let wrong = |machine: &Target| {
        let failed = |error| Failed::new(error).about(Action::ValidateAll, machine.plug.as_deref());
        machine.device.check().err().map(failed)
    };
    let failures = machines.iter().filter_map(wrong);
    let failures = failures.fold(None, |all, one| Some(Failed::joined(all, one)));
    failures.map_or(Ok(Answer::Done), Err)
}

/// The folder of this machine's fencer; made by nobody for an agent's sake.
fn learned(cluster: &Cluster) -> Option<PathBuf> {
    let settings = this_machines(cluster)?;
    settings.state_dir.is_dir().then(|| place::learned(&settings))
}

async fn delay(action: Action, began: tokio::time::Instant, delay: Duration) {
    if action.fences() {
        tokio::time::sleep_until(began + delay).await;
    }
}

/// Ends when all is over that the work started, and given back what it held, also where this process is told to end.
async fn leaving_nothing(
    work: impl Future<Output = Result<Answer, Failed>>,
) -> Result<Answer, Failed> {
    let done = termination::unless_told(work).await;
    let end = if done.is_some() { End::Done } else { End::Told };
    tokio::join!(child::farewell(), redfish::farewell(end));
    done.unwrap_or_else(|| Err(termination::end()))
}

fn on_a_loop(work: impl Future<Output = Result<Answer, Failed>>) -> Result<Answer, Failed> {
    let runtime = runtime()?;
    let answer = runtime.block_on(work);
    // Never taken down: a thread that a silent name server holds is not waited for, and the process ends.
    std::mem::forget(runtime);
    answer
}

/// How long power may take to change; none: as long as the caller lets us.
fn change(values: &Values) -> Result<Option<Duration>, Failed> {
    let change = values.seconds(&option::POWER_TIMEOUT)?;
    let endless = change.is_zero() || timeouts_are_disabled(values)?;
    Ok((!endless).then_some(change))
}

fn terms(values: &Values, cluster: Option<&Cluster>) -> Result<Terms, Failed> {
    Ok(Terms {
        power: power::Terms {
            silence: values.seconds(&option::IPMITOOL_TIMEOUT)?,
            change: change(values)?,
            confirm: confirm(values)?,
            pause_max: values.seconds(&option::STONITH_STATUS_SLEEP)?,
            ..power::Terms::default()
        },
        rest: values.seconds(&option::POWER_WAIT)?,
        retry_on: values.number(&option::RETRY_ON)?,
        fencer: Fencer::of(values, cluster)?,
    })
}

/// None: what the BMC's own pace asks for.
fn confirm(values: &Values) -> Result<Option<Duration>, Failed> {
    let by_hand = values.filled(&option::OFF_CONFIRM).is_some();
    let ms = values.number(&option::OFF_CONFIRM)?;
    Ok(by_hand.then(|| Duration::from_millis(ms.into())))
}

/// Pacemaker ends an agent itself, so that no second clock is needed.
fn timeouts_are_disabled(values: &Values) -> Result<bool, Failed> {
    match values.given(&option::DISABLE_TIMEOUT) {
        Some(_) => values.flag(&option::DISABLE_TIMEOUT),
        None => Ok(by_pacemaker()),
    }
}

fn by_pacemaker() -> bool {
    std::env::var("PCMK_service").is_ok_and(|name| name == "pacemaker-fenced")
}

/// Also in a rehearsal: a device of which every reboot would be refused is told before one is needed.
fn refuse_what_cannot_be_verified(action: Action, values: &Values) -> Result<(), Failed> {
    let cycle =
        values.get(&option::METHOD).is_some_and(|method| method.eq_ignore_ascii_case("cycle"));
    if (action == Action::Reboot || action.rehearses())
        && cycle
        && !values.flag(&option::METHOD_FORCE)?
    {
        return Err(Failed::new(
            "method=cycle is refused: the BMC answers before power is cut, and off is never seen, so \
             that a running machine may be taken for a dead one; use method=onoff, or set \
             method_force=1 to reboot by off, verified, and on",
        ));
    }
    Ok(())
}

/// Once, in a rehearsal: nobody reads it while a machine is fenced.
fn tell_what_is_ignored(values: &Values) {
    const OF_ONE_BMC: [&Opt; 8] = [
        &option::USERNAME,
        &option::PASSWORD,
        &option::PASSWORD_FILE,
        &option::PASSWORD_SCRIPT,
        &option::CIPHER,
        &option::PRIVLVL,
        &option::IPPORT,
        &option::PORT_AS_IP,
    ];
    let ignored = OF_ONE_BMC.iter().filter(|option| values.given(option).is_some());
    let ignored: Vec<&str> = ignored.map(|option| option.name).collect();
    if !ignored.is_empty() {
        warn(&format!(
            "with config, what is written there holds: {} ignored; leave them out",
            ignored.join(", ")
        ));
    }
}

/// To ignore it would switch the wrong machine.
fn refuse_bridging(values: &Values) -> Result<(), Failed> {
    match values.filled(&option::TARGET) {
        None | Some("0x20" | "32") => Ok(()),
        Some(target) => Err(Failed::new(format!(
            "target={}: bridging to another controller is not supported; give the address of \
             that machine's own BMC as ip",
            shown(target)
        ))),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| {
        Failed::new(format!("no event loop: {error}; look into this host's limits"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_timeout_of_nothing_waits_as_long_as_the_caller_does() {
        let mut values = Values::default();
        let change = |values: &Values| change(values).unwrap();
        assert_eq!(change(&values), Some(Duration::from_secs(20)));
        values.set(&option::POWER_TIMEOUT, "0").unwrap();
        assert_eq!(change(&values), None);
        values.set(&option::POWER_TIMEOUT, "7").unwrap();
        values.set(&option::DISABLE_TIMEOUT, "true").unwrap();
        assert_eq!(change(&values), None);
    }
}
