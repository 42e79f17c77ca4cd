//! The operator's command; see `palisade --help`.
//!
//! Starts where the C library does: before a `main` of its own the standard library puts something writable in the
//! place of a standard output that is closed, and a result would be lost without a word.

#![no_main]

use std::ffi::{c_char, c_int};
use std::fs::File;
use std::io;
use std::mem::forget;
use std::os::fd::AsFd;
use std::panic::catch_unwind;
use std::process::exit;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use palisade_fencer::operator::main_with;

/// Whoever broke an invariant has been told of on standard error, and knows nothing.
const BROKEN: u8 = 3;

#[expect(unsafe_code, reason = "the C library calls it by this name")]
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _values: *const *const c_char) -> c_int {
    let ran = catch_unwind(|| {
        fill_streams()?;
        block_broken_pipes()?;
        Ok::<u8, io::Error>(main_with(std::env::args_os()))
    });
    exit(i32::from(ran.map_or(BROKEN, |code| code.unwrap_or(BROKEN))))
}

/// A standard stream that is closed would be the first socket's number. What takes its place cannot be written to:
/// whoever prints a result is told that nobody gets it.
fn fill_streams() -> io::Result<()> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let mut streams = [input.as_fd(), output.as_fd(), error.as_fd()]
        .map(|fd| PollFd::new(fd, PollFlags::empty()));
    poll(&mut streams, PollTimeout::ZERO)?;
    let closed = |stream: &PollFd<'_>| {
        stream.revents().is_some_and(|events| events.contains(PollFlags::POLLNVAL))
    };
    for _ in streams.iter().filter(|stream| closed(stream)) {
        // It takes the lowest number that is free.
        forget(File::open("/dev/null")?);
    }
    Ok(())
}

/// A reader that is gone is an error of the write, and no death.
fn block_broken_pipes() -> io::Result<()> {
    let mut pipes = SigSet::empty();
    pipes.add(Signal::SIGPIPE);
    Ok(pipes.thread_block()?)
}
