//! What the caller set, option by option. All of it is kept as secrets are: some of it is.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_host::secret::Secret;

use super::answer::Failed;
use super::option::{Kind, Opt};
use super::shown::{is_one, shown};

/// Values by the options' names; of several the last holds.
#[derive(Debug, Default)]
pub(super) struct Values {
    set: BTreeMap<&'static str, Secret>,
    /// The node that Pacemaker names besides the options.
    pub(super) nodename: Option<String>,
    /// What was strange about the options and is no failure.
    pub(super) warnings: Vec<String>,
}

impl Values {
    /// Sets an option, overwriting what stood there.
    pub(super) fn set(&mut self, option: &Opt, value: &str) -> Result<(), Failed> {
        let value = value.to_owned();
        if let Kind::Choice(choices) = option.kind {
            let fits = choices.iter().any(|choice| choice.eq_ignore_ascii_case(&value));
            if !fits {
                return Err(wrong(option, &value, &format!("one of {}", choices.join(", "))));
            }
        }
        self.set.insert(option.name, Secret::new(value));
        Ok(())
    }

    /// As if the option had not been set.
    pub(super) fn unset(&mut self, option: &Opt) {
        self.set.remove(option.name);
    }

    /// Notes something to be told that is no failure; of many only the first few.
    pub(super) fn warn(&mut self, warning: &str) {
        const MAX: usize = 16;
        if self.warnings.len() < MAX {
            self.warnings.push(warning.to_owned());
        }
    }

    /// The value set or the default.
    pub(super) fn get(&self, option: &Opt) -> Option<&str> {
        self.given(option).or(option.fallback())
    }

    /// The value set.
    pub(super) fn given(&self, option: &Opt) -> Option<&str> {
        self.set.get(option.name).map(Secret::expose)
    }

    /// The value set, unless it is empty.
    pub(super) fn filled(&self, option: &Opt) -> Option<&str> {
        self.given(option).filter(|value| !value.is_empty())
    }

    /// The value set, unless it is empty; refused if it may be more than one option, so that whoever shows it
    /// later shows no password.
    pub(super) fn one(&self, option: &Opt) -> Result<Option<&str>, Failed> {
        match self.filled(option) {
            Some(value) if !is_one(value) => Err(Failed::new(format!(
                "option {}: its value has a blank, a control character or = in it; give each option a line, \
                 or an argument, of its own",
                option.name
            ))),
            value => Ok(value),
        }
    }

    /// Whether a flag is set; named without a value it is.
    pub(super) fn flag(&self, option: &Opt) -> Result<bool, Failed> {
        let Some(value) = self.get(option) else { return Ok(false) };
        match value.to_ascii_lowercase().as_str() {
            "" | "1" | "yes" | "on" | "true" => Ok(true),
            "0" | "no" | "off" | "false" => Ok(false),
            _ => Err(wrong(option, value, "1 or 0, yes or no, on or off, true or false")),
        }
    }

    /// A whole number.
    pub(super) fn number(&self, option: &Opt) -> Result<u32, Failed> {
        let value = self.get(option).unwrap_or("0");
        value.parse().map_err(|_| wrong(option, value, "a whole number"))
    }

    /// A time in seconds, whole or with a fraction; at most a day.
    pub(super) fn seconds(&self, option: &Opt) -> Result<Duration, Failed> {
        const DAY: Duration = Duration::from_secs(86_400);
        let value = self.get(option).unwrap_or("0");
        let seconds = value.parse::<f64>().ok();
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        time.filter(|time| *time <= DAY)
            .ok_or_else(|| wrong(option, value, "seconds from 0 to 86400"))
    }
}

fn wrong(option: &Opt, found: &str, allowed: &str) -> Failed {
    Failed::new(format!("option {}: {} is not {allowed}", option.name, shown(found)))
}
