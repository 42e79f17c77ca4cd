//! The fencer daemon; see `palisade-fencer --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_fencer::main_with(std::env::args_os())
}
