//! What may stand on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// The operator's command of Palisade.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 not so, 2 usage or configuration, \
                          3 could not find out, 4 refused.";

/// Which cluster, and which node's fencer is asked.
#[derive(Debug, ClapArgs)]
pub(crate) struct Place {
    /// The cluster's configuration.
    #[arg(long, value_name = "FILE", default_value = crate::place::CONFIG, global = true)]
    pub(crate) config: PathBuf,
    /// This machine's name in it; default: the host name.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) node: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show nodes, leases, health, watchdogs, links, power, open cases and what to do.
    Status(Status),
    /// Have a node fenced, and wait for the proof or the refusal.
    Fence(Fence),
    /// Vouch, by name, that a node is off: what ran there may then be started elsewhere.
    Confirm(Confirm),
    /// Wait until a majority of fencers hears each other and serves.
    WaitQuorum {
        /// Longest wait, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        timeout: u32,
    },
    /// Have this node's agent give its lease up, disarm its watchdog and end.
    Leave,
    /// Let the health check count on this node: the service runs here.
    Arm {
        /// The check's profile, such as bitbucket.
        check: String,
    },
    /// Let the health check not count on this node: the service does not run here.
    Disarm {
        /// The check's profile, such as bitbucket.
        check: String,
    },
    /// Check the configuration; says every mistake at once, and the safety sum of each node.
    CheckConfig {
        /// The file to check; default: --config.
        file: Option<PathBuf>,
        /// Also ask each BMC: login, suites, privilege, identity and what should be changed there.
        #[arg(long)]
        bmc: bool,
        /// With --bmc: as JSON, one line for each BMC.
        #[arg(long, requires = "bmc")]
        json: bool,
    },
    /// Read or switch the power of any number of machines at once, through their BMCs.
    Power(super::power::Wish),
    /// Make this node's private key and print the public half to paste into the configuration.
    Keygen {
        /// The private key's file, made with mode 0600, never overwritten.
        file: PathBuf,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct Status {
    /// As JSON, one line.
    #[arg(long)]
    pub(super) json: bool,
    /// Again each second until interrupted.
    #[arg(long)]
    pub(super) watch: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Fence {
    /// The node's name.
    pub(super) target: String,
    /// Why, for the journal.
    #[arg(long, value_name = "TEXT", default_value = "ordered by the operator")]
    pub(super) why: String,
    #[command(flatten)]
    pub(super) wait: Wait,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Confirm {
    /// The node's name.
    pub(super) target: String,
    /// Your name: it is recorded.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) by: String,
    #[command(flatten)]
    pub(super) wait: Wait,
}

/// Whether and how long to wait for the end.
#[derive(Debug, ClapArgs)]
pub(super) struct Wait {
    /// Do not wait for the end.
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Longest wait for the end, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u32,
}

impl Wait {
    pub(super) const fn longest(&self) -> Duration {
        Duration::from_secs(self.timeout as u64)
    }
}
