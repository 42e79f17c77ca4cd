//! `palisade-sim`: the demo, and simulated hardware to try things on.

use clap::{Parser, Subcommand};
use palisade_sim::bmc_cmd::{self, BmcArgs};
use palisade_sim::child::{self, DaemonArgs};
use palisade_sim::demo::args::DemoArgs;
use palisade_sim::demo::{hook, show};
use palisade_sim::explore::{self, ExploreArgs, ReplayArgs};
use std::path::PathBuf;
use std::process::ExitCode;

/// Palisade's simulator
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Three real nodes on simulated hardware, one fault, a judgement
    Demo(DemoArgs),
    /// Simulated BMCs that any IPMI 2.0 tool can drive
    Bmc(BmcArgs),
    /// Every schedule of a few faults, exhaustively
    Check(palisade_sim::check::CheckArgs),
    /// Many worlds in virtual time, each drawn from a seed and judged after every event
    Explore(ExploreArgs),
    /// The story of one seed, in words and as a picture
    Replay(ReplayArgs),
    #[command(hide = true)]
    Agent(DaemonArgs),
    #[command(hide = true)]
    Fencer(DaemonArgs),
    #[command(hide = true)]
    PromoteHook {
        #[arg(long)]
        socket: PathBuf,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => show::run(&args),
        Command::Bmc(args) => bmc_cmd::run(args),
        Command::Check(args) => palisade_sim::check::run(&args),
        Command::Explore(args) => explore::explore(&args),
        Command::Replay(args) => explore::replay(&args),
        Command::Agent(args) => child::agent(args),
        Command::Fencer(args) => child::fencer(args),
        Command::PromoteHook { socket } => hook::run(&socket, &hook::Call::from_environment()),
    }
}
