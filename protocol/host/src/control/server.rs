//! The daemon's side: a listener and a few clients behind one descriptor.
//!
//! The descriptor is an epoll of all of them, so that a loop of any kind needs to watch just one.

use std::fs::{DirBuilder, remove_file};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{Mode, fchmod};
use serde_json::{Value, json};

use super::LINE_MAX;

/// Clients at once; one more takes the place of the one that has been there longest.
const CLIENTS_MAX: usize = 8;

/// Reads, answers and writes of one client at a time: enough for the longest line twice over.
const STEPS_MAX: usize = 1024;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A daemon listens there already.
    #[error("{}: a daemon listens there already; stop it first", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has that name.
    #[error("{}: is there and is no socket; move it away", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot listen at {}: {source}; is its folder there and writable?", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A listening control socket. [`AsFd`] is the one descriptor to watch for reading; when it is
/// readable, call [`Self::serve`].
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    watch: Epoll,
    listener: UnixListener,
    clients: Vec<Client>,
}

impl Server {
    /// Listens at `path`, 0600; makes its folder if need be; takes over a socket that a dead daemon
    /// left behind, but never one that somebody answers on.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        clear(path)?;
        listen_at(path).map_err(|source| BindError::Refused { path: path.to_path_buf(), source })
    }

    /// Accepts, reads, answers and writes whatever can be done without waiting. `answer` gets each
    /// request; one that is no JSON is answered here with `{"error":…}`.
    pub fn serve(&mut self, mut answer: impl FnMut(Value) -> Value) {
        while let Ok((stream, _address)) = self.listener.accept() {
            self.admit(stream);
        }
        for client in &mut self.clients {
            client.work(&mut answer);
        }
        self.clients.retain(|client| client.state != State::Gone);
        for client in &self.clients {
            watch_also_for(&self.watch, client);
        }
    }

    fn admit(&mut self, stream: UnixStream) {
        let interest = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        if stream.set_nonblocking(true).is_err() || self.watch.add(&stream, interest).is_err() {
            return;
        }
        if self.clients.len() == CLIENTS_MAX {
            self.clients.remove(0);
        }
        self.clients.push(Client::new(stream));
    }
}

impl AsFd for Server {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.0.as_fd()
    }
}

/// Takes the socket's name away, so that nobody knocks at a closed door.
impl Drop for Server {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        remove_file(&self.path).ok();
    }
}

/// Makes the name free unless somebody uses it.
fn clear(path: &Path) -> Result<(), BindError> {
    let owned = path.to_path_buf();
    match std::fs::symlink_metadata(path) {
        Err(_nothing_there) => Ok(()),
        Ok(facts) if !facts.file_type().is_socket() => Err(BindError::NotASocket { path: owned }),
        Ok(_) if UnixStream::connect(path).is_ok() => Err(BindError::InUse { path: owned }),
        Ok(_) => remove_file(path).map_err(|source| BindError::Refused { path: owned, source }),
    }
}

fn listen_at(path: &Path) -> std::io::Result<Server> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    // Before bind: the file is made with the mode of the socket, so it is never open to others.
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&socket, Backlog::new(16)?)?;
    let watch = watching(&socket)?;
    let listener = UnixListener::from(socket);
    Ok(Server { path: path.to_path_buf(), watch, listener, clients: Vec::new() })
}

fn watching(socket: &OwnedFd) -> Result<Epoll, Errno> {
    let watch = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    watch.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    Ok(watch)
}

/// A client with an answer in the pipe is watched until it takes it.
fn watch_also_for(watch: &Epoll, client: &Client) {
    let writing = client.state == State::Answering;
    let flags = if writing { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
    let changed = watch.modify(&client.stream, &mut EpollEvent::new(flags, 0));
    if let Err(error) = changed {
        log::warn!("cannot watch a client of the control socket: {error}");
    }
}

/// One who asks.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    asked: Vec<u8>,
    answer: Vec<u8>,
    state: State,
}

/// ```text
///             a line             all written
///  Asking ------------> Answering ----------> Asking
///     |  hangs up, error    | hangs up, error
///     +-------> Gone <------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Answering,
    Gone,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        Self { stream, asked: Vec::new(), answer: Vec::new(), state: State::Asking }
    }

    /// Goes on as far as it can without waiting; one who never pauses is shown the door.
    fn work(&mut self, answer: &mut impl FnMut(Value) -> Value) {
        for _step in 0..STEPS_MAX {
            let went_on = match self.state {
                State::Asking => self.take_line(answer) || self.read(),
                State::Answering => self.write(),
                State::Gone => false,
            };
            if !went_on {
                return;
            }
        }
        self.state = State::Gone;
    }

    /// Answers the first whole line; false if there is none yet.
    fn take_line(&mut self, answer: &mut impl FnMut(Value) -> Value) -> bool {
        let Some(end) = self.asked.iter().position(|byte| *byte == b'\n') else { return false };
        let line: Vec<u8> = self.asked.drain(..=end).collect();
        let said = match serde_json::from_slice(&line) {
            Ok(request) => answer(request),
            Err(error) => json!({ "error": format!("not a line of JSON: {error}") }),
        };
        self.answer = format!("{said}\n").into_bytes();
        self.state = State::Answering;
        true
    }

    fn read(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let read = self.stream.read(&mut chunk);
        let new = read.as_ref().ok().and_then(|len| chunk.get(..*len)).unwrap_or_default();
        self.asked.extend_from_slice(new);
        if self.asked.len() > LINE_MAX {
            self.state = State::Gone;
        }
        self.went_on(&read)
    }

    fn write(&mut self) -> bool {
        let written = self.stream.write(&self.answer);
        self.answer.drain(..*written.as_ref().unwrap_or(&0));
        if self.answer.is_empty() {
            self.state = State::Asking;
        }
        self.went_on(&written)
    }

    /// Whether the stream did something; whoever hung up is gone.
    fn went_on(&mut self, done: &std::io::Result<usize>) -> bool {
        match done {
            Ok(0) => self.state = State::Gone,
            Ok(_) => return true,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.state = State::Gone,
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::poll::{PollFd, PollFlags, poll};
    use palisade_protocol::time::Duration;

    use super::super::{CallError, call};
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// Runs a daemon that answers `{"echo": request}` while `ask` asks.
    fn with_daemon(ask: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/agent.sock");
        let mut server = Server::bind(&path).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let mut waiting = [PollFd::new(server.as_fd(), PollFlags::POLLIN)];
                    poll(&mut waiting, 20_u8).unwrap();
                    server.serve(|request| json!({ "echo": request }));
                }
            });
            let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(&path)));
            is_over.store(true, Ordering::Relaxed);
            asked.unwrap();
        });
    }

    #[test]
    fn a_question_gets_its_answer_however_long_both_are() {
        with_daemon(|path| {
            for len in [0, 1, 5_000, 500_000] {
                let request = json!({ "ask": "status", "pad": "x".repeat(len) });
                let answer = call(path, &request, SOON).unwrap();
                assert_eq!(answer["echo"], request);
            }
        });
    }

    #[test]
    fn many_clients_that_say_nothing_do_not_lock_out_one_who_asks() {
        with_daemon(|path| {
            let idle: Vec<UnixStream> =
                (0..3 * CLIENTS_MAX).map(|_| UnixStream::connect(path).unwrap()).collect();
            assert_eq!(call(path, &json!(1), SOON).unwrap(), json!({ "echo": 1 }));
            drop(idle);
        });
    }

    #[test]
    fn what_is_no_json_is_answered_so_and_the_daemon_lives_on() {
        with_daemon(|path| {
            let mut stream = UnixStream::connect(path).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(b"status\n").unwrap();
            let mut answer = [0; 64];
            let len = stream.read(&mut answer).unwrap();
            let said = String::from_utf8_lossy(&answer[..len]).into_owned();
            assert!(said.starts_with("{\"error\":\"not a line of JSON"), "{said}");
            assert!(call(path, &json!(2), SOON).is_ok());
        });
    }

    #[test]
    fn a_client_that_never_ends_its_line_is_shown_the_door() {
        with_daemon(|path| {
            let mut stream = UnixStream::connect(path).unwrap();
            stream.set_write_timeout(Some(SOON)).unwrap();
            let chunk = vec![b'x'; 65_536];
            let refused = (0..1_000).find_map(|_| stream.write_all(&chunk).err());
            assert!(refused.is_some_and(|error| error.kind() != ErrorKind::WouldBlock));
            assert!(call(path, &json!(3), SOON).is_ok());
        });
    }

    #[test]
    fn the_socket_is_private_and_goes_with_its_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let server = Server::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = Server::bind(&path).unwrap_err();
        assert!(matches!(refused, BindError::InUse { .. }), "{refused}");
        drop(server);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_daemons_socket_is_taken_over_and_a_plain_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Server::bind(&path).unwrap());
        std::fs::write(&path, "precious").unwrap();
        let refused = Server::bind(&path).unwrap_err();
        assert!(matches!(refused, BindError::NotASocket { .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn nobody_there_and_somebody_mute_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let nobody = call(&path, &json!(1), SOON).unwrap_err();
        assert!(matches!(nobody, CallError::NotRunning { .. }), "{nobody}");
        assert!(nobody.to_string().contains("systemctl status"), "{nobody}");
        let mute = UnixListener::bind(&path).unwrap();
        let silent = call(&path, &json!(1), Duration::from_millis(50)).unwrap_err();
        assert!(matches!(silent, CallError::Silent { .. }), "{silent}");
        drop(mute);
        let dead = call(&path, &json!(1), SOON).unwrap_err();
        assert!(matches!(dead, CallError::NotRunning { .. }), "{dead}");
    }

    #[test]
    fn a_daemon_that_hangs_up_or_babbles_is_named_as_such() {
        for (said, is_right) in [
            (
                &b""[..],
                (|error| matches!(error, CallError::HungUp { .. })) as fn(&CallError) -> bool,
            ),
            (b"fine\n", |error| matches!(error, CallError::Unreadable { .. })),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("agent.sock");
            let listener = UnixListener::bind(&path).unwrap();
            let daemon = std::thread::spawn(move || {
                let (mut stream, _address) = listener.accept().unwrap();
                let mut question = [0; 64];
                assert!(stream.read(&mut question).unwrap() > 0);
                stream.write_all(said).unwrap();
            });
            let error = call(&path, &json!(1), SOON).unwrap_err();
            assert!(is_right(&error), "{error}");
            daemon.join().unwrap();
        }
    }
}
