//! The fence agent; see `fence_palisade --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade_fencer::fence_agent::main_with(std::env::args_os())
}
