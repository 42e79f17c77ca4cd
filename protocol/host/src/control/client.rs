//! The operator's side: one question, one answer, one deadline.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use palisade_protocol::span::Span;
use palisade_protocol::time::{Duration, Instant};
use serde_json::Value;

use super::LINE_MAX;
use crate::clock;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error(
        "no daemon answers at {}: {source}; is it running here? \
         (systemctl status palisade-fencer palisade-agent)",
        path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The user may not ask.
    #[error("{}: not allowed; run as root or as the daemon's user", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// The deadline passed.
    #[error(
        "the daemon at {} did not answer within {}; it hangs or the machine is overloaded",
        path.display(), Span(*.waited)
    )]
    Silent {
        /// The socket.
        path: PathBuf,
        /// The deadline.
        waited: Duration,
    },
    /// The connection ended before a whole answer.
    #[error("the daemon at {} hung up: {found}; look at its log", path.display())]
    HungUp {
        /// The socket.
        path: PathBuf,
        /// What came instead.
        found: String,
    },
    /// The answer is no JSON.
    #[error("the daemon at {} answered what is no JSON ({found}); same version?", path.display())]
    Unreadable {
        /// The socket.
        path: PathBuf,
        /// Where reading ended.
        found: serde_json::Error,
    },
}

/// Sends `request` to the daemon at `path` and returns its answer, all within `timeout`.
pub fn call(path: &Path, request: &Value, timeout: Duration) -> Result<Value, CallError> {
    let call = Call { path, timeout, deadline: clock::now() + timeout };
    let mut stream = call.connect()?;
    call.send(&mut stream, request)?;
    let line = call.receive(&mut stream)?;
    let unreadable = |found| CallError::Unreadable { path: path.to_path_buf(), found };
    serde_json::from_slice(&line).map_err(unreadable)
}

struct Call<'a> {
    path: &'a Path,
    timeout: Duration,
    deadline: Instant,
}

impl Call<'_> {
    /// Connects; a daemon that does not accept is waited for no longer than the deadline.
    fn connect(&self) -> Result<UnixStream, CallError> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let opened = socket(AddressFamily::Unix, SockType::Stream, flags, None);
        let stream = UnixStream::from(opened.map_err(|error| self.failed(error.into()))?);
        self.limit(&stream)?;
        let connected =
            UnixAddr::new(self.path).and_then(|address| connect(stream.as_raw_fd(), &address));
        connected.map(|()| stream).map_err(|error| self.unreachable(error))
    }

    fn send(&self, stream: &mut UnixStream, request: &Value) -> Result<(), CallError> {
        let line = format!("{request}\n");
        let mut left = line.as_bytes();
        while !left.is_empty() {
            self.limit(stream)?;
            let written = stream.write(left).map_err(|error| self.failed(error))?;
            left = left.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// The first line that comes back, without its end.
    fn receive(&self, stream: &mut UnixStream) -> Result<Vec<u8>, CallError> {
        let mut line = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            self.limit(stream)?;
            let len = stream.read(&mut chunk).map_err(|error| self.failed(error))?;
            let new = chunk.get(..len).unwrap_or_default();
            let end = new.iter().position(|byte| *byte == b'\n');
            line.extend_from_slice(new.get(..end.unwrap_or(len)).unwrap_or_default());
            match end {
                Some(_) => return Ok(line),
                None if len == 0 => return Err(self.hung_up("no whole line")),
                None if line.len() > LINE_MAX => return Err(self.hung_up("a line too long")),
                None => {}
            }
        }
    }

    /// Lets the next operation take no longer than what is left.
    fn limit(&self, stream: &UnixStream) -> Result<(), CallError> {
        let left = clock::now().until(self.deadline);
        if left.is_zero() {
            return Err(self.silent());
        }
        let micros = i64::try_from(left.as_micros().max(1)).unwrap_or(i64::MAX);
        let left = TimeVal::new(micros / 1_000_000, micros % 1_000_000);
        setsockopt(stream, sockopt::SendTimeout, &left)
            .and_then(|()| setsockopt(stream, sockopt::ReceiveTimeout, &left))
            .map_err(|error| self.failed(error.into()))
    }

    fn unreachable(&self, error: Errno) -> CallError {
        let path = self.path.to_path_buf();
        if error == Errno::EACCES || error == Errno::EPERM {
            CallError::NotAllowed { path }
        } else if error == Errno::EAGAIN || error == Errno::EINPROGRESS {
            self.silent()
        } else {
            CallError::NotRunning { path, source: error.into() }
        }
    }

    fn failed(&self, error: std::io::Error) -> CallError {
        if error.kind() == std::io::ErrorKind::WouldBlock {
            self.silent()
        } else {
            self.hung_up(&error.to_string())
        }
    }

    fn silent(&self) -> CallError {
        CallError::Silent { path: self.path.to_path_buf(), waited: self.timeout }
    }

    fn hung_up(&self, found: &str) -> CallError {
        CallError::HungUp { path: self.path.to_path_buf(), found: found.to_owned() }
    }
}
