//! A node around the real agent: a simulated dog, three voters that do as they are told, a service.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept, bind, listen, recv,
    send, socket,
};
use nix::unistd::Pid;
use palisade_host::config::Cluster;
use palisade_host::link::Links;
use palisade_host::{clock, control, keys};
use palisade_hw::dog::Breed;
use palisade_hw::face::dog::{DogFace, Event, Settings, What};
use palisade_protocol::ids::{BootId, NodeId, Peer, Seq, Start};
use palisade_protocol::keys::KeyRing;
use palisade_protocol::postbox::Postbox;
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Body, DATAGRAM_MAX, Frame, Grant, LeaveAck, Post, Verdict};
use serde_json::{Value, json};

/// No event takes longer on any machine that can run tests at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The watchdog's time, and its true one.
pub(crate) const FIRE: Duration = Duration::from_millis(1_000);

const BOOT: u128 = 0x1234;

/// What the voters do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// They grant and acknowledge.
    Kind,
    /// They say nothing.
    Silent,
}

/// Tells tests apart: each has its own addresses.
static RIGS: AtomicU32 = AtomicU32::new(1);

/// One node and its surroundings.
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) voters: Voters,
    pub(crate) service: Service,
    pub(crate) dog: Option<DogFace>,
    events: Receiver<Event>,
    agent: Option<Child>,
}

impl Rig {
    /// Everything but the agent. `check` arms the health check.
    pub(crate) fn new(check: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let service = Service::start();
        let number = RIGS.fetch_add(1, Ordering::Relaxed);
        let text = config(&folder, number, check.then_some(service.port));
        fs::write(folder.path().join("palisade.toml"), text).expect("it is written");
        let cluster =
            Cluster::load(&folder.path().join("palisade.toml")).expect("a good configuration");
        let voters = Voters::start(&cluster, &folder);
        let (told, events) = mpsc::channel();
        let breed = Breed { timeout: FIRE, fire: FIRE, no_way_out: false };
        let socket = folder.path().join("dog");
        let settings = Settings { socket, boot: BOOT, class: "physical".into(), breed };
        let dog = DogFace::start(settings, move |event| {
            told.send(event).ok();
        });
        let dog = Some(dog.expect("the dog starts"));
        Self { folder, voters, service, dog, events, agent: None }
    }

    /// Puts a dog in place of the simulated one that takes `slow` to answer the pet after the
    /// `pets`-th; the receiver hears every packet.
    pub(crate) fn with_slow_dog(&mut self, pets: usize, slow: Duration) -> Receiver<String> {
        self.dog.take().expect("a dog").stop();
        let listener = seqpacket(&self.path("dog"));
        let (told, packets) = mpsc::channel();
        thread::spawn(move || serve_slowly(&listener, pets, slow, &told));
        packets
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-agent"));
        command.args(["--node", "node1", "--config"]).arg(self.path("palisade.toml"));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn start_agent(&mut self) {
        let log = fs::File::create(self.path("agent.log")).expect("a log");
        let child = self.command().stderr(log).spawn().expect("the agent starts");
        self.agent = Some(child);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let agent = self.agent.as_ref().expect("an agent runs");
        let pid = Pid::from_raw(i32::try_from(agent.id()).expect("a pid"));
        kill(pid, signal).expect("the agent is there");
    }

    /// Waits for the agent's end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut agent = self.agent.take().expect("an agent runs");
        let (told, end) = mpsc::channel();
        thread::spawn(move || told.send(agent.wait()));
        let end = end.recv_timeout(PATIENCE).expect("the agent ends in time");
        end.expect("it can be waited for")
    }

    /// The next dog event that is `what`, skipping others.
    pub(crate) fn wait_for(&self, what: impl Fn(What) -> bool) -> Event {
        let deadline = clock::now() + PATIENCE;
        loop {
            let left = clock::now().until(deadline);
            let event =
                self.events.recv_timeout(left).unwrap_or_else(|_| panic!("{}", self.said()));
            if what(event.what) {
                return event;
            }
        }
    }

    /// All dog events that nobody has looked at.
    pub(crate) fn rest(&self) -> Vec<Event> {
        self.events.try_iter().collect()
    }

    pub(crate) fn ask(&self, what: &str) -> Value {
        let request = json!({ "ask": what });
        control::call(&self.path("agent.sock"), &request, PATIENCE).expect("the agent answers")
    }

    /// Waits until the journal holds a line with `event` whose detail holds `detail`.
    pub(crate) fn journal_has(&self, event: &str, detail: &str) -> Value {
        let (_never, tick) = mpsc::channel::<()>();
        let deadline = clock::now() + PATIENCE;
        while clock::now() < deadline {
            let text = fs::read_to_string(self.path("agent.jsonl")).unwrap_or_default();
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let is_it = |line: &Value| {
                line["event"] == event
                    && line["detail"].as_str().is_some_and(|told| told.contains(detail))
            };
            if let Some(line) = lines.into_iter().find(is_it) {
                return line;
            }
            tick.recv_timeout(Duration::from_millis(5)).ok();
        }
        panic!("no {event} with {detail:?}: {}", self.said());
    }

    /// What the agent said, for a failed test.
    fn said(&self) -> String {
        let read = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
        format!("log:\n{}\njournal:\n{}", read("agent.log"), read("agent.jsonl"))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            agent.kill().ok();
            agent.wait().ok();
        }
        if let Some(dog) = self.dog.take() {
            dog.stop();
        }
    }
}

fn seqpacket(path: &std::path::Path) -> OwnedFd {
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)
        .expect("a socket");
    bind(listener.as_raw_fd(), &UnixAddr::new(path).expect("a path")).expect("it binds");
    listen(&listener, Backlog::new(1).expect("a backlog")).expect("it listens");
    listener
}

fn serve_slowly(listener: &OwnedFd, pets: usize, slow: Duration, told: &Sender<String>) {
    let (_never, clock) = mpsc::channel::<()>();
    let fd = accept(listener.as_raw_fd()).expect("the agent connects");
    let say = |packet: &str| send(fd, packet.as_bytes(), MsgFlags::MSG_NOSIGNAL).ok();
    say(&format!("hello boot={BOOT:032x} class=physical timeout_ms=1000 fire_ms=1000"));
    let (mut room, mut petted) = ([0; 128], 0);
    while let Ok(len @ 1..) = recv(fd, &mut room, MsgFlags::empty()) {
        let packet = String::from_utf8_lossy(&room[..len]).into_owned();
        if packet == "pet" {
            petted += 1;
            if petted > pets {
                clock.recv_timeout(slow).ok();
            }
        }
        say(if packet.starts_with("arm") { "armed timeout_ms=1000" } else { "ok" });
        told.send(packet).ok();
    }
}

fn config(folder: &tempfile::TempDir, number: u32, service: Option<u16>) -> String {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let net = format!("127.{}.{}", 20 + std::process::id() % 200, number);
    let mut text = format!(
        "[cluster]\nname = \"rig\"\nprofile = \"lan-fast\"\n\
         [agent]\nkey_file = \"{}\"\nstate_dir = \"{}\"\njournal = \"{}\"\ncontrol_socket = \"{}\"\nrealtime = false\n\
         [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n",
        at("{node}.key"),
        at("state"),
        at("agent.jsonl"),
        at("agent.sock"),
    );
    for id in 1..=3 {
        let public = keys::generate(&folder.path().join(format!("node{id}.key"))).expect("a key");
        text += &format!(
            "[[node]]\nname = \"node{id}\"\nid = {id}\nagent = {}\npublic_key = \"{public}\"\n\
             addresses = [\"{net}.{id}\", \"{net}.1{id}\"]\n",
            id == 1
        );
        if id == 1 {
            text += &format!(
                "[node.watchdog]\nbackend = \"sim\"\nsocket = \"{}\"\ntimeout_ms = 1000\nfire_ms = 1000\n\
                 certified = true\n",
                at("dog")
            );
        }
        if let Some(port) = service.filter(|_| id == 1) {
            text += &format!(
                "[node.check]\nprofile = \"bitbucket\"\nurl = \"http://127.0.0.1:{port}/status\"\n\
                 armed = true\nevery_ms = 100\ntimeout_ms = 100\n"
            );
        }
    }
    text
}

/// Three voters in one thread.
pub(crate) struct Voters {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    mood: AtomicU8,
    stop: AtomicBool,
    requests: AtomicU64,
    granted_at: AtomicU64,
    verdict: Mutex<Option<Verdict>>,
}

struct Voter {
    links: Links,
    postbox: Postbox,
    seq: u32,
}

impl Voters {
    fn start(cluster: &Cluster, folder: &tempfile::TempDir) -> Self {
        let shared = Arc::new(Shared {
            mood: AtomicU8::new(Mood::Kind as u8),
            stop: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            granted_at: AtomicU64::new(0),
            verdict: Mutex::new(None),
        });
        let member = cluster.node("node1").expect("the member");
        let voters: Vec<_> = cluster
            .voters()
            .map(|node| {
                let key = keys::PrivateKey::load(&folder.path().join(format!("{}.key", node.name)));
                let (me, key) = (Peer::voter(node.id), key.expect("its key").key());
                let mut postbox = Postbox::new(cluster.tag(), me, BootId(7), Start::new(9));
                let theirs = (Peer::member(member.id), member.public_key.key(), None);
                let ring = KeyRing::between(cluster.tag(), (me, Default::default(), &key), theirs);
                postbox.add_peer(Peer::member(member.id), ring.expect("a strong key"));
                let links = Links::bind(&node.fencer_binds()).expect("it binds");
                Voter { links, postbox, seq: 0 }
            })
            .collect();
        let (theirs, to) = (Arc::clone(&shared), member.agent_addresses());
        let thread = Some(thread::spawn(move || run(&theirs, voters, &to)));
        Self { shared, thread }
    }

    pub(crate) fn be(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// When anything was last granted, at the latest.
    pub(crate) fn granted_at(&self) -> Instant {
        Instant::from_nanos(self.shared.granted_at.load(Ordering::SeqCst))
    }

    /// How often they were asked to take over.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// What the agent last said about its service.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        *self.shared.verdict.lock().expect("never poisoned")
    }
}

impl Drop for Voters {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the voters end well");
        }
    }
}

fn run(shared: &Shared, mut voters: Vec<Voter>, to: &[SocketAddr]) {
    while !shared.stop.load(Ordering::SeqCst) {
        wait(&voters);
        for voter in &mut voters {
            let ids: Vec<_> = voter.links.ids().collect();
            for link in ids {
                let mut room = [0; DATAGRAM_MAX];
                while let Some(len) = voter.links.recv(link, &mut room) {
                    let frame =
                        voter.postbox.open(link, &room[..len]).expect("only the agent writes here");
                    answer(shared, voter, &frame, to);
                }
            }
        }
    }
}

fn wait(voters: &[Voter]) {
    let links =
        voters.iter().flat_map(|voter| voter.links.ids().map(|id| voter.links.descriptor(id)));
    let mut fds: Vec<_> = links.flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    poll(&mut fds, PollTimeout::from(20_u8)).ok();
}

fn answer(shared: &Shared, voter: &mut Voter, frame: &Frame, to: &[SocketAddr]) {
    let kind = shared.mood.load(Ordering::SeqCst) == Mood::Kind as u8;
    let body = match frame.body {
        Body::Renew(renew) => {
            *shared.verdict.lock().expect("never poisoned") = Some(renew.verdict);
            Body::Grant(Grant::default())
        }
        Body::Leave(_) => Body::LeaveAck(LeaveAck {}),
        Body::Request(_) => {
            shared.requests.fetch_add(1, Ordering::SeqCst);
            return;
        }
        _ => return,
    };
    if !kind {
        return;
    }
    shared.granted_at.store(clock::now().as_nanos(), Ordering::SeqCst);
    voter.seq += 1;
    let dst = Peer::member(NodeId::new(1).expect("an id"));
    let post = Post { dst, seq: Seq(voter.seq), echo: Some(frame.as_echo()), body };
    let mut room = [0; DATAGRAM_MAX];
    let ids: Vec<_> = voter.links.ids().collect();
    for (link, to) in ids.into_iter().zip(to) {
        let len = voter.postbox.seal(&post, link, &mut room);
        voter.links.send_to(link, *to, &room[..len]);
    }
}

/// A service with a `/status`.
pub(crate) struct Service {
    pub(crate) port: u16,
    works: Arc<AtomicBool>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let works = Arc::new(AtomicBool::new(true));
        let theirs = Arc::clone(&works);
        thread::spawn(move || serve(&listener, &theirs));
        Self { port, works }
    }

    pub(crate) fn fail(&self) {
        self.works.store(false, Ordering::SeqCst);
    }
}

fn serve(listener: &TcpListener, works: &AtomicBool) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut room = [0; 2048];
        let Ok(1..) = stream.read(&mut room) else { continue };
        let (status, state) = if works.load(Ordering::SeqCst) {
            ("200 OK", "RUNNING")
        } else {
            ("500 Error", "ERROR")
        };
        let body = format!("{{\"state\":\"{state}\"}}");
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .ok();
    }
}
