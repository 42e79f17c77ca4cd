//! `palisade-agent`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_agent::main_with(std::env::args_os())
}
