//! The standard streams of programs that start where the C library does. Reads and writes nothing.

use std::fs::OpenOptions;
use std::io;
use std::mem::forget;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

/// A standard stream that is closed would be the first socket's number: `/dev/null` takes its place, opened as `how`
/// says.
///
/// # Errors
/// The system's, if the streams cannot be looked at or `/dev/null` not opened.
pub fn fill(how: &OpenOptions) -> io::Result<()> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let mut streams = [input.as_fd(), output.as_fd(), error.as_fd()]
        .map(|fd| PollFd::new(fd, PollFlags::empty()));
    poll(&mut streams, PollTimeout::ZERO)?;
    let closed = |stream: &PollFd<'_>| {
        stream.revents().is_some_and(|events| events.contains(PollFlags::POLLNVAL))
    };
    for _ in streams.iter().filter(|stream| closed(stream)) {
        // It takes the lowest number that is free.
        forget(how.open("/dev/null")?);
    }
    Ok(())
}

/// A reader that is gone is an error of the write, and no death. Programs started later inherit that.
///
/// # Errors
/// The system's, if the signal cannot be blocked.
pub fn block_broken_pipes() -> io::Result<()> {
    let mut pipes = SigSet::empty();
    pipes.add(Signal::SIGPIPE);
    Ok(pipes.thread_block()?)
}
