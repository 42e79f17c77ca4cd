//! The operator's command; see `palisade --help`.
//!
//! Starts where the C library does: before a `main` of its own the standard library puts something writable in the
//! place of a standard output that is closed, and a result would be lost without a word.

#![no_main]

use std::ffi::{c_char, c_int};
use std::fs::File;
use std::io;
use std::panic::catch_unwind;
use std::process::exit;

use palisade_fencer::operator::main_with;
use palisade_fencer::streams;

/// Whoever broke an invariant has been told of on standard error, and knows nothing.
const BROKEN: u8 = 3;

#[expect(unsafe_code, reason = "the C library calls it by this name")]
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _values: *const *const c_char) -> c_int {
    let ran = catch_unwind(|| {
        // What takes the place of a closed one cannot be written to: whoever prints a result is told that nobody
        // gets it.
        streams::fill(File::options().read(true))?;
        streams::block_broken_pipes()?;
        Ok::<u8, io::Error>(main_with(std::env::args_os()))
    });
    exit(i32::from(ran.map_or(BROKEN, |code| code.unwrap_or(BROKEN))))
}
