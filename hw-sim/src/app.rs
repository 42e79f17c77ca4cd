//! A service as its `/status` address shows it: every answer that a health check may meet.
//!
//! The model says what bytes go out and how; it never opens a socket, and it never says whether
//! an answer is healthy.

use std::fmt;
use std::str::FromStr;

use palisade_protocol::time::{Duration, Instant};

/// What the service answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AppState {
    /// 200 `RUNNING`.
    Running,
    /// 200 `MAINTENANCE`.
    Maintenance,
    /// 200 `FIRST_RUN`.
    FirstRun,
    /// 503 `STARTING`.
    Starting,
    /// 503 `STOPPING`.
    Stopping,
    /// 500 `ERROR`.
    Error,
    /// 404, with the container's own page: the application failed to deploy.
    NotDeployed,
    /// Any other status, empty body.
    Status(u16),
    /// 200 with a body that is no JSON.
    Unreadable,
    /// 302 to this address.
    Redirect(String),
    /// 200 with a body that never ends.
    Endless,
    /// 200 `RUNNING`, one byte a second.
    Drip,
    /// Bytes that are no HTTP.
    Garbage,
    /// The connection is accepted and nothing is said: a stop-the-world collection.
    Silent,
    /// No one listens: not started, or crashed.
    #[default]
    Refused,
}

/// How an answer is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These bytes, then the connection is closed.
    Whole(Vec<u8>),
    /// These bytes first, then `more` again and again for as long as anybody reads.
    Endless {
        /// Head of the answer.
        head: Vec<u8>,
        /// What is repeated.
        more: Vec<u8>,
    },
    /// One byte per `every`.
    Drip {
        /// All bytes.
        bytes: Vec<u8>,
        /// Time between two bytes.
        every: Duration,
    },
    /// Nothing; the connection stays open.
    Silence,
    /// The connection must not be accepted at all.
    Refuse,
}

/// A service and its life.
#[derive(Clone, Debug, Default)]
pub struct App {
    state: AppState,
    next: Option<(Instant, AppState)>,
}

impl App {
    /// A service in `state`.
    pub const fn new(state: AppState) -> Self {
        Self { state, next: None }
    }

    /// What it answers at `now`.
    pub fn state(&self, now: Instant) -> &AppState {
        match &self.next {
            Some((at, state)) if *at <= now => state,
            Some(_) | None => &self.state,
        }
    }

    /// It answers `state` from now on.
    pub fn force(&mut self, state: AppState) {
        *self = Self::new(state);
    }

    /// Starts: `STARTING` for `takes`, then `RUNNING`.
    pub fn start(&mut self, now: Instant, takes: Duration) {
        self.state = AppState::Starting;
        self.next = Some((now + takes, AppState::Running));
    }

    /// Stops: `STOPPING` for `takes`, then no one listens.
    pub fn stop(&mut self, now: Instant, takes: Duration) {
        self.state = AppState::Stopping;
        self.next = Some((now + takes, AppState::Refused));
    }

    /// Crashes: no one listens from now on.
    pub fn crash(&mut self) {
        self.force(AppState::Refused);
    }

    /// How it answers a request at `now`.
    pub fn reply(&self, now: Instant) -> Reply {
        self.state(now).reply()
    }

    /// When its state changes by itself.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        self.next.as_ref().map(|(at, _)| *at).filter(|at| *at > now)
    }
}

impl AppState {
    /// How a service in this state answers.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Running => state_reply(200, "RUNNING"),
            Self::Maintenance => state_reply(200, "MAINTENANCE"),
            Self::FirstRun => state_reply(200, "FIRST_RUN"),
            Self::Starting => state_reply(503, "STARTING"),
            Self::Stopping => state_reply(503, "STOPPING"),
            Self::Error => state_reply(500, "ERROR"),
            Self::NotDeployed => Reply::Whole(http(404, "", "<html><h1>Not Found</h1></html>")),
            Self::Status(status) => Reply::Whole(http(*status, "", "")),
            Self::Unreadable => Reply::Whole(http(200, "", "{\"state\":")),
            Self::Redirect(to) => Reply::Whole(http(302, &format!("Location: {to}\r\n"), "")),
            Self::Endless => endless(),
            Self::Drip => Reply::Drip {
                bytes: http(200, "", &state_body("RUNNING")),
                every: Duration::from_secs(1),
            },
            Self::Garbage => Reply::Whole(b"\x00\xFF\x16\x03 this is no HTTP \x80\r\n".to_vec()),
            Self::Silent => Reply::Silence,
            Self::Refused => Reply::Refuse,
        }
    }
}

fn state_reply(status: u16, state: &str) -> Reply {
    Reply::Whole(http(status, "Content-Type: application/json\r\n", &state_body(state)))
}

fn state_body(state: &str) -> String {
    format!("{{\"state\":\"{state}\"}}")
}

fn endless() -> Reply {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let mut head = head.to_vec();
    head.extend_from_slice(b"{\"state\":\"RUNNING");
    Reply::Endless { head, more: vec![b'G'; 1_024] }
}

fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let (length, reason) = (body.len(), reason(status));
    format!(
        "HTTP/1.1 {status} {reason}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        404 => "Not Found",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

impl fmt::Display for AppState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => out.write_str("running"),
            Self::Maintenance => out.write_str("maintenance"),
            Self::FirstRun => out.write_str("first-run"),
            Self::Starting => out.write_str("starting"),
            Self::Stopping => out.write_str("stopping"),
            Self::Error => out.write_str("error"),
            Self::NotDeployed => out.write_str("not-deployed"),
            Self::Status(status) => write!(out, "status={status}"),
            Self::Unreadable => out.write_str("unreadable"),
            Self::Redirect(to) => write!(out, "redirect={to}"),
            Self::Endless => out.write_str("endless"),
            Self::Drip => out.write_str("drip"),
            Self::Garbage => out.write_str("garbage"),
            Self::Silent => out.write_str("silent"),
            Self::Refused => out.write_str("refused"),
        }
    }
}

/// No such state: what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no service state \"{0}\"; allowed: running, maintenance, first-run, starting, stopping, error, \
     not-deployed, status=CODE, unreadable, redirect=URL, endless, drip, garbage, silent, refused"
)]
pub struct UnknownState(String);

impl FromStr for AppState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let unknown = || UnknownState(text.to_owned());
        if let Some(status) = text.strip_prefix("status=") {
            let status = status.parse().ok().filter(|status| (100..=999).contains(status));
            return status.map(Self::Status).ok_or_else(unknown);
        }
        if let Some(to) = text.strip_prefix("redirect=") {
            return Ok(Self::Redirect(to.to_owned()));
        }
        PLAIN.iter().find(|state| state.to_string() == text).cloned().ok_or_else(unknown)
    }
}

const PLAIN: [AppState; 13] = [
    AppState::Running,
    AppState::Maintenance,
    AppState::FirstRun,
    AppState::Starting,
    AppState::Stopping,
    AppState::Error,
    AppState::NotDeployed,
    AppState::Unreadable,
    AppState::Endless,
    AppState::Drip,
    AppState::Garbage,
    AppState::Silent,
    AppState::Refused,
];

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn text(state: &AppState) -> String {
        match state.reply() {
            Reply::Whole(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Reply::Endless { .. } | Reply::Drip { .. } | Reply::Silence | Reply::Refuse => {
                "no whole answer".to_owned()
            }
        }
    }

    #[test]
    fn a_service_starts_then_runs_then_stops_then_is_gone() {
        let mut app = App::default();
        assert_eq!(app.reply(s(0)), Reply::Refuse);
        app.start(s(1), Duration::from_secs(30));
        assert_eq!(app.state(s(30)), &AppState::Starting);
        assert_eq!(app.next_deadline(s(30)), Some(s(31)));
        assert_eq!(app.state(s(31)), &AppState::Running);
        app.stop(s(40), Duration::from_secs(5));
        assert_eq!(app.state(s(44)), &AppState::Stopping);
        assert_eq!(app.state(s(45)), &AppState::Refused);
    }

    #[test]
    fn a_crash_ends_a_start() {
        let mut app = App::default();
        app.start(s(0), Duration::from_secs(30));
        app.crash();
        assert_eq!(app.state(s(60)), &AppState::Refused);
    }

    #[test]
    fn every_answer_of_the_table_has_its_status_and_its_state() {
        let table = [
            (AppState::Running, "HTTP/1.1 200 ", "{\"state\":\"RUNNING\"}"),
            (AppState::Maintenance, "HTTP/1.1 200 ", "{\"state\":\"MAINTENANCE\"}"),
            (AppState::FirstRun, "HTTP/1.1 200 ", "{\"state\":\"FIRST_RUN\"}"),
            (AppState::Starting, "HTTP/1.1 503 ", "{\"state\":\"STARTING\"}"),
            (AppState::Stopping, "HTTP/1.1 503 ", "{\"state\":\"STOPPING\"}"),
            (AppState::Error, "HTTP/1.1 500 ", "{\"state\":\"ERROR\"}"),
            (AppState::NotDeployed, "HTTP/1.1 404 ", "</html>"),
            (AppState::Status(418), "HTTP/1.1 418 ", "\r\n\r\n"),
        ];
        for (state, begins, ends) in table {
            let text = text(&state);
            assert!(text.starts_with(begins) && text.ends_with(ends), "{state}: {text}");
        }
    }

    #[test]
    fn every_state_has_a_name_that_reads_back() {
        let others = [AppState::Status(503), AppState::Redirect("http://127.0.0.1/x".to_owned())];
        for state in PLAIN.iter().chain(&others) {
            assert_eq!(state.to_string().parse::<AppState>().as_ref(), Ok(state));
        }
        assert!("status=7".parse::<AppState>().is_err());
        assert!("walking".parse::<AppState>().unwrap_err().to_string().contains("first-run"));
    }
}
