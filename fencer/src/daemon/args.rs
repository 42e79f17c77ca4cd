//! What may stand on the daemon's command line.

use std::path::PathBuf;

use clap::Parser;

/// The fencer of one node: grants leases, agrees on who is lost, cuts power and proves it.
#[derive(Debug, Parser)]
#[command(name = "palisade-fencer", version, after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The cluster's configuration.
    #[arg(long, value_name = "FILE", default_value = crate::place::CONFIG)]
    pub(super) config: PathBuf,
    /// This machine's name in it; default: the host name.
    #[arg(long, value_name = "NAME")]
    pub(super) node: Option<String>,
    /// Boot id of a simulated machine, 32 hexadecimal digits; real ones ask their kernel.
    #[arg(long, value_name = "HEX", hide = true)]
    pub(super) boot_id: Option<String>,
}

const EXIT_CODES: &str = "Exit codes: 0 stopped cleanly, 2 usage or configuration, \
                          3 the machine did not give what is needed, 4 refused (key file).";
