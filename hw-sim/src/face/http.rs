//! The `/status` address of a simulated service: a small HTTP server on loopback.
//!
//! Every request gets the answer of the service's present state, whatever was asked for; the
//! connection is closed after it. A service in state `refused` does not listen at all.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, poll};
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant, earliest};

use super::wake::{Shared, Thread, wait_until};
use crate::app::{App, AppState, Reply};

/// Longest request head; longer ones are cut off.
const REQUEST_MAX: usize = 8_192;
/// After a rebind that failed, the next attempt comes this much later.
const REBIND_AFTER: Duration = Duration::from_millis(20);

/// A served service.
#[derive(Debug)]
pub struct HttpFace {
    shared: Arc<Shared<Service>>,
    thread: Thread<Service>,
    address: SocketAddr,
}

/// The service with what is counted of it.
#[derive(Debug)]
struct Service {
    app: App,
    requests: u64,
}

impl HttpFace {
    /// Serves `app` on `listen`; port 0 picks a free one.
    ///
    /// # Errors
    /// If the address cannot be bound or the thread not be started.
    pub fn start(listen: SocketAddr, app: App) -> io::Result<Self> {
        let listener = bind(listen)?;
        let address = listener.local_addr()?;
        let shared = Shared::new(Service { app, requests: 0 })?;
        let server = Server::new(address, listener);
        let thread = Thread::start("status", &shared, move |shared| serve(shared, server))?;
        Ok(Self { shared, thread, address })
    }

    /// Where it listens when it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// It answers `state` from now on.
    pub fn force(&self, state: AppState) {
        self.shared.change(|service| service.app.force(state));
    }

    /// It starts: `STARTING` for `takes`, then `RUNNING`.
    pub fn start_app(&self, takes: Duration) {
        self.shared.change(|service| service.app.start(clock::now(), takes));
    }

    /// It stops: `STOPPING` for `takes`, then no one listens.
    pub fn stop_app(&self, takes: Duration) {
        self.shared.change(|service| service.app.stop(clock::now(), takes));
    }

    /// It crashes: no one listens, open connections are reset.
    pub fn crash(&self) {
        self.shared.change(|service| service.app.crash());
    }

    /// What it answers now.
    pub fn state(&self) -> AppState {
        self.shared.lock().app.state(clock::now()).clone()
    }

    /// How many requests it has read to their end.
    pub fn requests(&self) -> u64 {
        self.shared.lock().requests
    }

    /// Ends it.
    pub fn stop(self) {
        drop(self.thread);
    }
}

/// The sockets, owned by the thread alone.
struct Server {
    address: SocketAddr,
    listener: Option<TcpListener>,
    visitors: Vec<Visitor>,
    rebind_at: Option<Instant>,
}

/// One connection.
struct Visitor {
    stream: TcpStream,
    asked: Vec<u8>,
    answer: Option<Answer>,
}

/// What a visitor is being given.
struct Answer {
    bytes: Vec<u8>,
    sent: usize,
    pace: Pace,
}

enum Pace {
    Whole,
    Endless(Vec<u8>),
    Drip { every: Duration, next_at: Instant },
    Never,
}

fn serve(shared: &Shared<Service>, mut server: Server) {
    while !shared.is_over() {
        let ready = server.wait(shared);
        shared.heard();
        server.turn(shared, &ready);
    }
}

impl Server {
    const fn new(address: SocketAddr, listener: TcpListener) -> Self {
        Self { address, listener: Some(listener), visitors: Vec::new(), rebind_at: None }
    }

    fn wait(&mut self, shared: &Shared<Service>) -> Vec<RawFd> {
        let now = clock::now();
        self.listen_or_not(now, &shared.lock().app);
        let mut fds = vec![PollFd::new(shared.bell(), PollFlags::POLLIN)];
        let listener = self.listener.iter();
        fds.extend(listener.map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN)));
        let visitors = self.visitors.iter();
        fds.extend(
            visitors.map(|visitor| PollFd::new(visitor.stream.as_fd(), visitor.waits_for(now))),
        );
        let deadline = self.next_deadline(now, &shared.lock().app);
        if let Err(error) = poll(&mut fds, wait_until(now, deadline)) {
            log::debug!("poll: {error}");
            return Vec::new();
        }
        let ready = fds.iter().filter(|fd| fd.any().unwrap_or(false));
        ready.map(|fd| fd.as_fd().as_raw_fd()).collect()
    }

    fn next_deadline(&self, now: Instant, app: &App) -> Option<Instant> {
        let drips = self.visitors.iter().filter_map(Visitor::next_deadline).min();
        earliest(earliest(app.next_deadline(now), self.rebind_at), drips)
    }

    fn listen_or_not(&mut self, now: Instant, app: &App) {
        if matches!(app.state(now), AppState::Refused) {
            self.listener = None;
            self.visitors.clear();
            self.rebind_at = None;
        } else if self.listener.is_none() && self.rebind_at.is_none_or(|at| at <= now) {
            match bind(self.address) {
                Ok(listener) => (self.listener, self.rebind_at) = (Some(listener), None),
                Err(error) => {
                    log::warn!("{} is not bound, trying again: {error}", self.address);
                    self.rebind_at = Some(now + REBIND_AFTER);
                }
            }
        }
    }

    fn turn(&mut self, shared: &Shared<Service>, ready: &[RawFd]) {
        let now = clock::now();
        self.visitors.retain_mut(|visitor| {
            let is_ready = ready.contains(&visitor.stream.as_raw_fd());
            let is_due = visitor.next_deadline().is_some_and(|at| at <= now);
            !(is_ready || is_due) || visitor.serve(now, shared)
        });
        self.welcome(ready);
    }

    fn welcome(&mut self, ready: &[RawFd]) {
        let Some(listener) = &self.listener else { return };
        if !ready.contains(&listener.as_raw_fd()) {
            return;
        }
        match listener.accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                self.visitors.push(Visitor { stream, asked: Vec::new(), answer: None });
            }
            Ok(_) => {}
            Err(error) => log::debug!("accept: {error}"),
        }
    }
}

impl Visitor {
    fn waits_for(&self, now: Instant) -> PollFlags {
        match &self.answer {
            Some(answer) if answer.may_send(now) => PollFlags::POLLIN | PollFlags::POLLOUT,
            Some(_) | None => PollFlags::POLLIN,
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self.answer.as_ref()?.pace {
            Pace::Drip { next_at, .. } => Some(next_at),
            Pace::Whole | Pace::Endless(_) | Pace::Never => None,
        }
    }

    /// Reads and writes what can be; false when the connection is to be closed.
    fn serve(&mut self, now: Instant, shared: &Shared<Service>) -> bool {
        if !self.read() {
            return false;
        }
        if self.answer.is_none() && self.has_asked() {
            let mut service = shared.lock();
            service.requests += 1;
            self.answer = Answer::new(now, service.app.reply(now));
            if self.answer.is_none() {
                return false;
            }
        }
        self.write(now)
    }

    fn read(&mut self) -> bool {
        let mut piece = [0; 1_024];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(length) => {
                self.asked.extend_from_slice(piece.get(..length).unwrap_or_default());
                self.asked.len() <= REQUEST_MAX
            }
            Err(error) => is_for_later(&error),
        }
    }

    fn has_asked(&self) -> bool {
        self.asked.windows(4).any(|end| end == b"\r\n\r\n")
    }

    fn write(&mut self, now: Instant) -> bool {
        let Some(answer) = &mut self.answer else { return true };
        match self.stream.write(answer.ready(now)) {
            Ok(length) => answer.sent += length,
            Err(error) => return is_for_later(&error),
        }
        let goes_on = answer.goes_on(now);
        if !goes_on {
            // The other side may have closed first.
            self.stream.shutdown(Shutdown::Write).ok();
        }
        goes_on
    }
}

impl Answer {
    fn new(now: Instant, reply: Reply) -> Option<Self> {
        let (bytes, pace) = match reply {
            Reply::Whole(bytes) => (bytes, Pace::Whole),
            Reply::Endless { head, more } => (head, Pace::Endless(more)),
            Reply::Drip { bytes, every } => (bytes, Pace::Drip { every, next_at: now }),
            Reply::Silence => (Vec::new(), Pace::Never),
            Reply::Refuse => return None,
        };
        Some(Self { bytes, sent: 0, pace })
    }

    fn may_send(&self, now: Instant) -> bool {
        match self.pace {
            Pace::Whole | Pace::Endless(_) => true,
            Pace::Drip { next_at, .. } => next_at <= now,
            Pace::Never => false,
        }
    }

    fn ready(&self, now: Instant) -> &[u8] {
        let left = self.bytes.get(self.sent..).unwrap_or_default();
        match self.pace {
            Pace::Whole | Pace::Endless(_) => left,
            Pace::Drip { next_at, .. } if next_at <= now => left.get(..1).unwrap_or_default(),
            Pace::Drip { .. } | Pace::Never => &[],
        }
    }

    /// After a write: whether more is to come.
    fn goes_on(&mut self, now: Instant) -> bool {
        let all_sent = self.sent >= self.bytes.len();
        match &mut self.pace {
            Pace::Whole => !all_sent,
            Pace::Endless(more) => {
                if all_sent {
                    (self.bytes, self.sent) = (more.clone(), 0);
                }
                true
            }
            Pace::Drip { every, next_at } => {
                if *next_at <= now {
                    *next_at = now + *every;
                }
                !all_sent
            }
            Pace::Never => true,
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(state: AppState) -> HttpFace {
        HttpFace::start("127.0.0.1:0".parse().unwrap(), App::new(state)).unwrap()
    }

    fn connect(face: &HttpFace) -> TcpStream {
        let mut stream = TcpStream::connect(face.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream
    }

    fn ask(face: &HttpFace) -> String {
        let mut answer = Vec::new();
        connect(face).read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks until the state's change has reached the socket.
    fn until(face: &HttpFace, is: impl Fn(ErrorKind) -> bool) {
        let deadline = clock::now() + Duration::from_secs(5);
        loop {
            match TcpStream::connect(face.address()) {
                Err(error) if is(error.kind()) => return,
                Ok(_) | Err(_) => assert!(clock::now() < deadline, "still listening"),
            }
        }
    }

    #[test]
    fn every_state_is_served_as_its_model_says() {
        let face = face(AppState::Running);
        assert!(ask(&face).ends_with("{\"state\":\"RUNNING\"}"));
        face.force(AppState::Error);
        assert!(ask(&face).starts_with("HTTP/1.1 500 "));
        face.force(AppState::Garbage);
        assert!(!ask(&face).starts_with("HTTP"));
        assert_eq!(face.requests(), 3);
        face.stop();
    }

    #[test]
    fn a_crashed_service_refuses_and_a_started_one_listens_on_the_same_address() {
        let face = face(AppState::Running);
        ask(&face);
        face.crash();
        until(&face, |kind| kind == ErrorKind::ConnectionRefused);
        face.start_app(Duration::ZERO);
        let deadline = clock::now() + Duration::from_secs(5);
        while TcpStream::connect(face.address()).is_err() {
            assert!(clock::now() < deadline, "still refusing");
        }
        assert!(ask(&face).ends_with("{\"state\":\"RUNNING\"}"));
    }

    #[test]
    fn a_silent_service_accepts_and_says_nothing() {
        let face = face(AppState::Silent);
        let mut stream = connect(&face);
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let error = stream.read(&mut [0; 1]).unwrap_err();
        assert!(is_for_later(&error), "{error}");
    }

    #[test]
    fn an_endless_body_does_not_end() {
        let face = face(AppState::Endless);
        let mut stream = connect(&face);
        let mut piece = vec![0; 1 << 20];
        stream.read_exact(&mut piece).unwrap();
    }

    #[test]
    fn a_drip_gives_a_first_byte_and_then_makes_one_wait() {
        let face = face(AppState::Drip);
        let mut stream = connect(&face);
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"H");
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(stream.read_exact(&mut byte).is_err());
    }

    #[test]
    fn a_slow_visitor_does_not_keep_others_waiting() {
        let face = face(AppState::Running);
        let _silent = TcpStream::connect(face.address()).unwrap();
        assert!(ask(&face).ends_with("{\"state\":\"RUNNING\"}"));
    }
}
