//! The command line of `palisade-sim demo`.

use super::scenario::{Scenario, TABLE};
use std::path::PathBuf;

/// Play one scenario with three real nodes on simulated hardware and judge it.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// What happens; --list shows them
    #[arg(long, default_value = "kill", value_parser = scenario, value_name = "NAME")]
    pub scenario: &'static Scenario,
    /// List the scenarios and end
    #[arg(long)]
    pub list: bool,
    /// Stay up afterwards, until Ctrl-C, and leave the files
    #[arg(long)]
    pub keep: bool,
    /// Write the timeline as a picture
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Decides when the fault strikes and whom, where that may vary [default: random]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// End with one line of JSON instead of the live timeline
    #[arg(long)]
    pub json: bool,
}

/// The table for `--list`.
pub fn list() -> String {
    TABLE.iter().map(|row| format!("{:<22}  {}\n", row.name, row.about)).collect()
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
    Scenario::named(name).ok_or_else(|| format!("allowed: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_one_line_a_scenario() {
        assert_eq!(list().lines().count(), TABLE.len());
    }

    #[test]
    fn an_unknown_scenario_is_answered_with_the_known_ones() {
        let refused = scenario("flood").err().unwrap();
        assert!(refused.contains("kill") && refused.contains("bmc-dead"), "{refused}");
    }
}
