//! The health probe against a real HTTP server: every answer, and every way to give none.
//!
//! Needs `python3` (Debian: python3-minimal and its standard library).

#![allow(clippy::expect_used, reason = "a test whose setting fails has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use palisade_agent::probe::{Answer, Asker, FailKind, Probe, ProbeReport};
use palisade_host::clock;
use palisade_protocol::time::Duration;

/// Deadline of the whole exchange in these tests.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// How late a deadline may be noticed on a busy machine.
const LATE_MAX: Duration = Duration::from_millis(500);

/// One path for each behaviour; `/asked` tells how often the redirect's target was asked.
const SERVER: &str = r#"
import http.server, sys, time

STATES = {
    "/running": (200, b'{"state":"RUNNING"}'),
    "/maintenance": (200, b'{"state":"MAINTENANCE"}'),
    "/first-run": (200, b'{"state":"FIRST_RUN"}'),
    "/starting": (503, b'{"state":"STARTING"}'),
    "/stopping": (503, b'{"state":"STOPPING"}'),
    "/not-deployed": (404, b"<html>" + b"x" * 100000 + b"</html>"),
    "/error": (500, b'{"state":"ERROR"}'),
    "/teapot": (418, b'{"state":"RUNNING"}'),
    "/unreadable": (200, b"all is well"),
    "/not-utf8": (200, b'{"state":"RUNNING\xff"}'),
    "/empty": (200, b""),
}
asked = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        global asked
        if self.path in STATES:
            self.give(*STATES[self.path])
        elif self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/target")
            self.end_headers()
        elif self.path == "/target":
            asked += 1
            self.give(200, b'{"state":"RUNNING"}')
        elif self.path == "/asked":
            self.give(200, str(asked).encode())
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b" " * 65536)
        elif self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "19")
            self.end_headers()
            self.drip(b'{"state":"RUNNING"}')
        elif self.path == "/drip-head":
            self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n")
        elif self.path == "/garbage":
            self.wfile.write(bytes(range(256)) * 64)
        elif self.path == "/hang-up":
            pass
        elif self.path == "/mute":
            time.sleep(60)
        self.close_connection = True

    def give(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, text):
        for byte in text:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(1)

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *args):
        pass

server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// A server process; killed, by its id, when dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let mut script = tempfile::NamedTempFile::new().expect("a temporary file");
        script.write_all(SERVER.as_bytes()).expect("the script is written");
        let mut process = Command::new("python3")
            .arg(script.path())
            .env("http_proxy", "http://127.0.0.1:9")
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is needed for this test: apt-get install python3");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says its port");
        Self { process, port: line.trim().parse().expect("a port") }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Asks, and insists on the deadline.
    fn ask(&self, path: &str) -> Answer {
        let asker = Asker::new(&self.url(path), TIMEOUT);
        let started = clock::now();
        let answer = asker.ask();
        let took = clock::now().since(started);
        assert!(took <= TIMEOUT + LATE_MAX, "{path} took {took:?}");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it runs until it is killed");
        self.process.wait().expect("it ends when killed");
    }
}

#[test]
fn each_answer_has_the_verdict_of_the_table() {
    let server = Server::start();
    let rows = [
        ("/running", Answer::Running),
        ("/maintenance", Answer::Maintenance),
        ("/first-run", Answer::FirstRun),
        ("/starting", Answer::Starting),
        ("/stopping", Answer::Stopping),
        ("/not-deployed", Answer::Failed(FailKind::NotDeployed)),
        ("/error", Answer::Failed(FailKind::Error)),
        ("/teapot", Answer::Failed(FailKind::Status(418))),
        ("/unreadable", Answer::Failed(FailKind::Unreadable)),
        ("/not-utf8", Answer::Failed(FailKind::Unreadable)),
        ("/empty", Answer::Failed(FailKind::Unreadable)),
    ];
    for (path, verdict) in rows {
        assert_eq!(server.ask(path), verdict, "{path}");
    }
}

#[test]
fn a_redirect_is_a_failure_and_its_target_is_never_asked() {
    let server = Server::start();
    assert_eq!(server.ask("/redirect"), Answer::Failed(FailKind::Redirect));
    let asked = ureq::get(server.url("/asked")).call().expect("the server lives");
    assert_eq!(asked.into_body().read_to_string().expect("it is text"), "0");
}

#[test]
fn an_endless_body_is_cut_off_and_unreadable() {
    assert_eq!(Server::start().ask("/endless"), Answer::Failed(FailKind::Unreadable));
}

#[test]
fn a_slow_drip_ends_at_the_deadline_as_no_answer() {
    let server = Server::start();
    assert_eq!(server.ask("/drip"), Answer::Silent, "in the body");
    assert_eq!(server.ask("/drip-head"), Answer::Silent, "in the head");
}

#[test]
fn a_server_that_says_nothing_is_silent() {
    let server = Server::start();
    assert_eq!(server.ask("/mute"), Answer::Silent, "it holds the connection");
    assert_eq!(server.ask("/hang-up"), Answer::Silent, "it closes the connection");
}

#[test]
fn garbage_is_unreadable() {
    assert_eq!(Server::start().ask("/garbage"), Answer::Failed(FailKind::Unreadable));
}

#[test]
fn a_closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let asker = Asker::new(&format!("http://127.0.0.1:{port}/status"), TIMEOUT);
    assert_eq!(asker.ask(), Answer::Failed(FailKind::Refused));
}

#[test]
fn an_accepting_socket_that_nobody_serves_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let asker = Asker::new(&format!("http://127.0.0.1:{port}/status"), TIMEOUT);
    assert_eq!(asker.ask(), Answer::Silent);
    drop(listener);
}

#[test]
fn the_probes_thread_hands_over_an_answer_with_its_date() {
    let server = Server::start();
    let probe = Probe::start(Asker::new(&server.url("/running"), TIMEOUT)).expect("it starts");
    let asked_at = clock::now();
    assert!(probe.ask(asked_at));
    let mut fds = [nix::poll::PollFd::new(probe.fd(), nix::poll::PollFlags::POLLIN)];
    let ready = nix::poll::poll(&mut fds, nix::poll::PollTimeout::from(5_000_u16));
    assert_eq!(ready, Ok(1), "an answer within the deadline");
    assert_eq!(probe.take(), Some(ProbeReport { asked_at, answer: Answer::Running }));
}
