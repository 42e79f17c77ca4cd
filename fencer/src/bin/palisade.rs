//! The operator's command; see `palisade --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_fencer::operator::main_with(std::env::args_os())
}
