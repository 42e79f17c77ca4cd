//! What may stand behind `palisade power`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs, ValueEnum};

/// More machines than these are switched off only with `--yes` and their number: a rack has about as
/// many, and a slip in a host list easily has more.
pub(super) const YES_ABOVE: usize = 16;

/// Which machines, who logs in, and what is done.
#[derive(Debug, ClapArgs)]
#[command(disable_help_flag = true, after_help = NOTES)]
pub(crate) struct Wish {
    /// What to do.
    pub(super) act: Act,
    /// Nodes of the configuration, each with the BMC and the account that stand there.
    #[arg(value_name = "NODE", conflicts_with = "hosts")]
    pub(super) nodes: Vec<String>,
    /// All nodes of the configuration that have a BMC.
    #[arg(long, conflicts_with_all = ["hosts", "nodes"])]
    pub(super) all: bool,
    /// A host list; see [`HostList`](crate::operator::hosts::HostList).
    #[arg(
        short = 'h',
        long,
        value_name = "HOSTLIST",
        requires_all = ["user", "password_file"],
        help = "BMCs, such as 10.0.0.[1-100],bmc[01-20].lan:6230,[fd00::1]:623,@FILE"
    )]
    pub(super) hosts: Option<String>,
    /// The account on those BMCs.
    #[arg(long, value_name = "NAME", requires = "hosts")]
    pub(super) user: Option<String>,
    /// A file of mode 0600 whose first line is its password.
    #[arg(long, value_name = "FILE", requires = "hosts")]
    pub(super) password_file: Option<PathBuf>,
    /// The privilege to log in with; operator is enough.
    #[arg(long, value_enum, default_value_t = Level::Operator, requires = "hosts")]
    pub(super) privilege: Level,
    /// Cipher suites, in the order of trying.
    #[arg(
        long,
        value_name = "17,3",
        value_delimiter = ',',
        default_value = "17,3",
        requires = "hosts"
    )]
    pub(super) suites: Vec<u8>,
    /// A file of mode 0600 whose first line is the BMC key (K_g), in hexadecimal digits.
    #[arg(long, value_name = "FILE", requires = "hosts")]
    pub(super) bmc_key_file: Option<PathBuf>,
    /// Most machines that are worked on at once; default: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) at_most: Option<u32>,
    /// Longest that one machine may take, such as 10s or 500ms; default: 10s for status, 60s for on
    /// and off.
    #[arg(long, value_name = "TIME", value_parser = span)]
    timeout: Option<Duration>,
    /// As JSON, one line for each machine.
    #[arg(long)]
    pub(super) json: bool,
    /// The number of machines: needed to switch off more than 16.
    #[arg(long, value_name = "N")]
    pub(super) yes: Option<usize>,
    /// Print help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

const NOTES: &str = "The right to switch is yours: no fencer is asked. To have a node of a cluster \
                     fenced with the consent of its fencers: palisade fence NODE.\n\n\
                     Exit codes: 0 all read, or all in the asked state; 1 some are not; 2 usage or \
                     configuration; 3 some could not be found out; 4 refused.";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Act {
    /// Read power.
    Status,
    /// Switch on, and wait until it is read.
    On,
    /// Hard power off, and wait until it is read twice.
    Off,
}

impl Act {
    /// Its word on the command line.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// A privilege that may switch power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// Enough for everything here.
    Operator,
    /// May also manage users.
    Admin,
}

impl Wish {
    /// Longest that one machine may take.
    pub(super) fn longest(&self) -> Duration {
        // Servers that hold the power button for 15 s exist, and some are told twice.
        let usual = if self.act == Act::Status { 10 } else { 60 };
        self.timeout.unwrap_or(Duration::from_secs(usual))
    }
}

/// A time such as `10s`, `1.5s` or `250ms`.
fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number / unit);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero() && time.as_secs() < 86_400)
        .ok_or_else(|| format!("{text:?} is no time; write for example 10s, 1.5s or 250ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        assert_eq!(span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(span("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(span("1.5"), Ok(Duration::from_millis(1_500)));
        for wrong in ["", "s", "0s", "-1s", "NaN", "inf", "1h", "99999999s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
