//! One request, checked as a whole before anything is sent.

use std::time::Duration;

use palisade_host::secret::Secret;
use tokio::runtime::Builder;

use super::action::Action;
use super::answer::{Answer, Failed, say};
use super::console::Pace;
use super::option;
use super::password::Source;
use super::perform;
use super::target::Targets;
use super::values::Values;
use crate::power::BmcKey;

/// Space between the two readings of off where no cluster says another: what a fencer uses.
const OFF_CONFIRM: Duration = Duration::from_millis(250);

/// What is asked, of which machines, on which terms.
#[derive(Debug)]
pub(super) struct Request {
    action: Action,
    targets: Option<Targets>,
    password: Source,
    delay: Duration,
    pub(super) terms: Terms,
}

/// How to go about it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) pace: Pace,
    pub(super) bmc_key: Option<BmcKey>,
    /// Rest of a reboot between off and on.
    pub(super) rest: Duration,
    pub(super) retry_on: u32,
}

impl Request {
    /// The request that the options make.
    pub(super) fn new(action: Action, values: Values) -> Result<Self, Failed> {
        refuse_what_cannot_be_verified(action, &values)?;
        refuse_bridging(&values)?;
        // As fence_ipmilan: without plugs there is nothing to list, and nothing else is needed.
        let listless = action.lists() && values.filled(&option::CONFIG).is_none();
        let targets = if listless { None } else { Some(Targets::of(&values)?) };
        let confirm = match &targets {
            Some(Targets::Cluster { cluster, .. }) => cluster.timing.raw().off_confirm,
            Some(Targets::One(_)) | None => OFF_CONFIRM,
        };
        Ok(Self {
            action,
            targets,
            password: Source::of(&values)?,
            delay: values.seconds(&option::DELAY)?,
            terms: terms(&values, confirm)?,
        })
    }

    /// Does it.
    pub(super) fn carry_out(self) -> Result<Answer, Failed> {
        let Some(targets) = &self.targets else {
            return say("NOTICE: nothing to list: give config, which names the plugs\n");
        };
        if self.action == Action::List {
            let lines = targets.plugs().into_iter().map(|plug| format!("{plug},\n"));
            return say(&lines.collect::<String>());
        }
        if self.action == Action::ValidateAll {
            return targets.all(Secret::new(String::new())).map(|_| Answer::Done);
        }
        let runtime = runtime()?;
        let answer = runtime.block_on(self.at_bmcs(targets));
        // A name server that does not answer holds a thread; nobody waits for it.
        runtime.shutdown_background();
        answer
    }

    async fn at_bmcs(&self, targets: &Targets) -> Result<Answer, Failed> {
        let began = tokio::time::Instant::now();
        let password = match targets {
            Targets::One(_) => self.password.fetch().await?,
            Targets::Cluster { .. } => Secret::new(String::new()),
        };
        let everywhere = matches!(self.action, Action::Monitor | Action::ListStatus);
        let machines = if everywhere { targets.all(password)? } else { targets.named(password)? };
        for machine in &machines {
            machine.bmc.check().map_err(Failed::new)?;
        }
        if self.action.fences() {
            tokio::time::sleep_until(began + self.delay).await;
        }
        perform::all(self.action, machines, &self.terms).await
    }
}

fn terms(values: &Values, confirm: Duration) -> Result<Terms, Failed> {
    let change = values.seconds(&option::POWER_TIMEOUT)?;
    let endless = change.is_zero() || timeouts_are_disabled(values)?;
    Ok(Terms {
        pace: Pace {
            silence: values.seconds(&option::IPMITOOL_TIMEOUT)?,
            change: (!endless).then_some(change),
            confirm,
            pause_max: values.seconds(&option::STONITH_STATUS_SLEEP)?,
        },
        bmc_key: bmc_key(values)?,
        rest: values.seconds(&option::POWER_WAIT)?,
        retry_on: values.number(&option::RETRY_ON)?,
    })
}

/// Pacemaker ends an agent itself, so that no second clock is needed.
fn timeouts_are_disabled(values: &Values) -> Result<bool, Failed> {
    match values.given(&option::DISABLE_TIMEOUT) {
        Some(_) => values.flag(&option::DISABLE_TIMEOUT),
        None => Ok(std::env::var("PCMK_service").is_ok_and(|name| name == "pacemaker-fenced")),
    }
}

fn refuse_what_cannot_be_verified(action: Action, values: &Values) -> Result<(), Failed> {
    let cycle =
        values.get(&option::METHOD).is_some_and(|method| method.eq_ignore_ascii_case("cycle"));
    if action == Action::Reboot && cycle && !values.flag(&option::METHOD_FORCE)? {
        return Err(Failed::new(
            "method=cycle is refused: the BMC answers before power is cut, and off is never seen, so \
             that a running machine may be taken for a dead one; use method=onoff, or set \
             method_force=1 to reboot by off, verified, and on",
        ));
    }
    Ok(())
}

/// To ignore it would switch the wrong machine.
fn refuse_bridging(values: &Values) -> Result<(), Failed> {
    match values.filled(&option::TARGET) {
        None | Some("0x20" | "32") => Ok(()),
        Some(target) => Err(Failed::new(format!(
            "target={target:?}: bridging to another controller is not supported; give the address of \
             that machine's own BMC as ip"
        ))),
    }
}

fn bmc_key(values: &Values) -> Result<Option<BmcKey>, Failed> {
    let wrong = || Failed::new("option hexadecimal_kg: not 1 to 20 bytes in hexadecimal digits");
    let Some(text) = values.filled(&option::HEXADECIMAL_KG) else { return Ok(None) };
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits || text.is_empty() || !text.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks(2) {
        let pair = str::from_utf8(pair).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(pair, 16).map_err(|_| wrong())?);
    }
    BmcKey::new(&bytes).map(Some).map_err(|_| wrong())
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

    fn with_key(text: &str) -> Result<Option<BmcKey>, Failed> {
        let mut values = Values::default();
        values.set(&option::HEXADECIMAL_KG, text)?;
        bmc_key(&values)
    }

    #[test]
    fn a_bmc_key_is_one_to_twenty_bytes_in_hexadecimal_digits() {
        for good in ["00", "0x31323334", "ffeeddccbbaa99887766554433221100ffeeddcc"] {
            assert!(with_key(good).unwrap().is_some(), "{good}");
        }
        assert!(with_key("").unwrap().is_none());
        let long = "00".repeat(21);
        for bad in ["0", "xy", "0x", "+1", "\u{e9}", &long] {
            assert!(with_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_power_timeout_of_nothing_waits_as_long_as_the_caller_does() {
        let mut values = Values::default();
        let confirm = Duration::from_millis(250);
        let change = |values: &Values| terms(values, confirm).unwrap().pace.change;
        assert_eq!(change(&values), Some(Duration::from_secs(20)));
        values.set(&option::POWER_TIMEOUT, "0").unwrap();
        assert_eq!(change(&values), None);
        values.set(&option::POWER_TIMEOUT, "7").unwrap();
        values.set(&option::DISABLE_TIMEOUT, "true").unwrap();
        assert_eq!(change(&values), None);
    }
}
