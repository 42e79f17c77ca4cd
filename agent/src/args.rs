//! What may stand on the daemon's command line.

use clap::Parser;
use std::path::PathBuf;

/// The agent of one node: pets its watchdog only while a majority of fencers renews its lease and its
/// service is healthy.
#[derive(Debug, Parser)]
#[command(name = "palisade-agent", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The cluster's configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/palisade/palisade.toml")]
    pub(crate) config: PathBuf,
    /// This machine's name in it; default: the host name.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
}

const EXIT_CODES: &str = "Exit codes: 0 left cleanly, 2 usage or configuration, \
                          3 the machine did not give what is needed, 4 refused (key file).";
