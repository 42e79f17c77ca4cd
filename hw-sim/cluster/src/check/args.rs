//! The command line of `palisade-sim check`.

use palisade_protocol::time::Duration;

use super::plan::plan;
use super::setting::Setting;

/// Follow every schedule of a few faults through the production cores
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// How long to search at most; what is left over after the standard plan goes into wider ones
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_budget)]
    pub budget: Duration,
    /// End with one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Threads to search on
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Only the settings whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// So many faults in a run, whatever the plan says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=7))]
    pub faults: Option<u8>,
    /// So many ticks for the adversary, whatever the plan says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub ticks: Option<u32>,
}

impl CheckArgs {
    /// The settings of the plan that are wanted, as they are wanted.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let wanted = |setting: &Setting| {
            self.only.as_ref().is_none_or(|text| setting.name.contains(text.as_str()))
        };
        let mut settings: Vec<_> = plan().into_iter().filter(wanted).collect();
        for setting in &mut settings {
            setting.faults = self.faults.unwrap_or(setting.faults);
            setting.ticks = self.ticks.unwrap_or(setting.ticks);
        }
        settings
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
