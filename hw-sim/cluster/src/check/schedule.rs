//! One run by the choices of its adversary, short enough to be copied.

use std::fmt;
use std::str::FromStr;

use super::fault::{self, Fault};
use super::menu::{free, possible};
use super::setting::Setting;
use super::state::State;
use super::truth::Broken;

/// At which steps the adversary chose which entry of its menu, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(pub(super) Vec<(u32, usize)>);

/// All that the adversary may choose from at a state: what is free comes first.
pub(super) fn choices(setting: &Setting, state: &State) -> Vec<(Fault, Cost)> {
    let free = free(setting, state).map(|fault| (fault, 0));
    let possible = if setting.faults > 0 { possible(setting, state) } else { Vec::new() };
    free.into_iter().chain(possible.into_iter().map(|fault| (fault, 1))).collect()
}

/// In faults.
pub(super) type Cost = u8;

impl Schedule {
    /// Runs it, and says in words what happens and what is broken, if anything is.
    ///
    /// # Errors
    /// A choice that the adversary does not have at its step.
    pub fn tell(&self, setting: &Setting) -> Result<(Option<Broken>, Vec<String>), String> {
        let mut state = State::told(setting);
        let mut chosen = self.0.iter().peekable();
        loop {
            while let Some((step, place)) = chosen.next_if(|(step, _)| *step == state.steps) {
                let choices = choices(setting, &state);
                let choice = choices.get(*place).ok_or_else(|| {
                    format!("step {step} has no choice {place}; allowed: 0 to {}", choices.len())
                })?;
                fault::apply(setting, &mut state, choice.0);
            }
            if state.is_over() {
                return Ok((state.broken, state.story.unwrap_or_default()));
            }
            state.step(setting);
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.0.iter().map(|(step, place)| format!("{step}.{place}")).collect();
        out.write_str(&all.join(","))
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |text: &str| {
            let (step, place) = text.split_once('.')?;
            Some((step.parse().ok()?, place.parse().ok()?))
        };
        let all = text.split(',').filter(|text| !text.is_empty()).map(one);
        let all: Option<Vec<_>> = all.collect();
        all.map(Self).ok_or_else(|| format!("\"{text}\" is no schedule; allowed: 132.5,140.0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_written_as_it_is_read() {
        let schedule = Schedule(vec![(132, 5), (140, 0)]);
        assert_eq!(schedule.to_string(), "132.5,140.0");
        assert_eq!("132.5,140.0".parse(), Ok(schedule));
        assert_eq!("".parse(), Ok(Schedule::default()));
        assert!("132".parse::<Schedule>().is_err());
    }
}
