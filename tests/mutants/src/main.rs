//! Weakens one rule of the cores at a time, in a copy of the sources, and sees to it that the
//! explorer or the model checker finds out.
//!
//! Changes nothing outside its target directory: no production source knows of a weakening, so none
//! can be compiled into what ships.

mod catalogue;
mod control;
mod failure;
mod hunt;
mod report;
mod tree;
mod weaken;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use catalogue::{Catalogue, Mutant};
use failure::Failure;

/// The weakenings of this directory.
const CATALOGUE: &str = include_str!("../mutants.toml");

/// Every rule weakened in turn, and found out
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Where cargo builds; the copy of the sources goes to mutants/tree in it
    #[arg(long, value_name = "DIR", global = true)]
    target_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Each weakening, what it weakens, and the promise that it breaks
    List,
    /// Builds the simulator in which each rule can be weakened
    Build,
    /// Builds it and hunts each weakening, or those named
    Hunt(HuntArgs),
}

#[derive(Debug, Args)]
struct HuntArgs {
    /// The weakenings to hunt; all if none is named
    names: Vec<String>,
    /// The time that one hunt may take, in seconds
    #[arg(long, default_value = "60s", value_parser = seconds, value_name = "SECONDS")]
    budget: u64,
    /// Hunts at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Leave out the same hunts with nothing weakened, which must find nothing
    #[arg(long)]
    no_control: bool,
}

fn main() -> ExitCode {
    match act(Cli::parse()) {
        Ok(all_found) => ExitCode::from(u8::from(!all_found)),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

fn act(cli: Cli) -> Result<bool, Failure> {
    let catalogue = Catalogue::read(CATALOGUE)?;
    let target = cli.target_dir.unwrap_or_else(target_dir);
    match cli.command {
        Command::List => {
            print!("{}", report::list(&catalogue.mutants));
            Ok(true)
        }
        Command::Build => {
            println!("{}", tree::build(&root(), &target, &catalogue)?.display());
            Ok(true)
        }
        Command::Hunt(args) => hunt_all(&target, &catalogue, &args),
    }
}

fn hunt_all(target: &Path, catalogue: &Catalogue, args: &HuntArgs) -> Result<bool, Failure> {
    let chosen: Vec<&Mutant> = catalogue.chosen(&args.names)?;
    let program = tree::build(&root(), target, catalogue)?;
    let terms = hunt::Terms { program, budget_seconds: args.budget, jobs: usize::from(args.jobs) };
    println!("{}", report::head());
    let caught = hunt::all(&terms, &chosen, |mutant, catch| {
        println!("{}", report::line(mutant, catch));
    })?;
    let controls = if args.no_control { Vec::new() } else { control::all(&terms, &caught)? };
    print!("{}", report::end(&caught, &controls));
    Ok(caught.iter().all(|(_, catch)| catch.is_found()) && controls.iter().all(control::held))
}

/// The top of the source tree.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where cargo builds, if nothing else is said.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn seconds(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds = number.parse().ok().filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| format!("{text} is no time: write 60s"))
}

#[cfg(test)]
mod tests;
