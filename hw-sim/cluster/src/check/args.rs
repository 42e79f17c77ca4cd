//! The command line of `palisade-sim check`.

use palisade_protocol::time::Duration;

use super::plan::{plan, standard};
use super::schedule::Schedule;
use super::setting::Setting;

/// Follow every schedule of a few faults through the production cores
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Search so long at most, and go on to wider plans than the standard one. Without it, the
    /// standard plan is searched to its end
    #[arg(long, value_name = "TIME", value_parser = parse_budget)]
    pub budget: Option<Duration>,
    /// End with one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Threads to search on
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Only the settings whose line contains this, of the wider plans too
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// So many faults in a run, whatever the plan says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=7))]
    pub faults: Option<u8>,
    /// So many ticks for the adversary, whatever the plan says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub ticks: Option<u32>,
    /// Name the settings and search none
    #[arg(long)]
    pub list: bool,
    /// Tell the one run of the first wanted setting that a counterexample named
    #[arg(long, value_name = "STEP.CHOICE,...")]
    pub schedule: Option<Schedule>,
    /// Weaken one rule of a core: the search must find it
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
    /// Name the rules that this binary can weaken
    #[arg(long)]
    pub list_mutants: bool,
}

impl CheckArgs {
    /// The settings that are wanted, as they are wanted.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let wider = self.budget.is_some() || self.only.is_some();
        let mut settings = if wider { plan() } else { standard() };
        for setting in &mut settings {
            setting.faults = self.faults.unwrap_or(setting.faults);
            setting.ticks = self.ticks.unwrap_or(setting.ticks);
        }
        let wanted = |setting: &Setting| {
            self.only.as_ref().is_none_or(|text| setting.label().contains(text.as_str()))
        };
        settings.retain(wanted);
        settings
    }

    /// The options with which this binary is the same again.
    pub(super) fn again(&self, setting: &Setting) -> String {
        let faults = self.faults.map(|faults| format!(" --faults {faults}")).unwrap_or_default();
        let ticks = self.ticks.map(|ticks| format!(" --ticks {ticks}")).unwrap_or_default();
        let mutant = self.mutant.as_ref().map(|name| format!(" --mutant {name}"));
        format!("{}{faults}{ticks} --only \"{}\"", mutant.unwrap_or_default(), setting.label())
    }
}

/// A span such as `60s`, `10m` or `1h`.
fn parse_budget(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no time; allowed: 60s, 10m, 1h");
    let units = [("s", 1), ("m", 60), ("h", 3_600)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = unit.ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(number.saturating_mul(*seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_whole_number_with_a_unit() {
        assert_eq!(parse_budget("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_budget("10m"), Ok(Duration::from_secs(600)));
        assert!(parse_budget("60").is_err());
        assert!(parse_budget("-1s").is_err());
    }
}
