//! Three real fencers on loopback: they hear each other, say so, stop when told to.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_fencer::status::{MemberState, Stand, Status};
use palisade_host::clock;
use palisade_hw::bmc::{Bmc, Privilege, Secret, Settings, User};
use palisade_hw::face::rmcp::RmcpFace;
use tempfile::TempDir;

/// Longer than anything here takes unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn three_fencers_make_a_majority_and_say_when_it_is_gone() {
    let cluster = Cluster::new();
    let mut fencers: Vec<Fencer> = (1..=3).map(|id| cluster.start(id)).collect();
    let all = cluster.wait_until(1, |status| {
        status.voters_heard == 3 && status.stand == Stand::Serving && heard_on_both_links(status)
    });
    assert!(all.advice.iter().any(|line| line.contains("node2: its agent was never heard")));
    assert_eq!(all.node("node2").unwrap().member.as_ref().unwrap().state, MemberState::Unseen);
    assert_eq!(all.dropped.forged, 0, "{:?}", all.dropped);

    let never_seen = cluster.palisade(1, &["fence", "node2", "--why", "test"]);
    assert_eq!(never_seen.status.code(), Some(4), "{never_seen:?}");
    let itself = cluster.palisade(1, &["fence", "node1"]);
    assert_eq!(itself.status.code(), Some(4), "{itself:?}");

    assert_eq!(fencers.remove(2).stop(), Some(0));
    cluster.wait_until(1, |status| status.voters_heard == 2);
    assert_eq!(fencers.remove(1).stop(), Some(0));
    let alone = cluster.wait_until(1, |status| status.voters_heard == 1);
    assert!(alone.advice[0].starts_with("no majority: 1 of 3"), "{:?}", alone.advice);
    let table = cluster.palisade(1, &["status"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("NO MAJORITY"));

    assert_eq!(fencers.remove(0).stop(), Some(0));
    assert_eq!(cluster.palisade(1, &["status"]).status.code(), Some(3));
    let journal = fs::read_to_string(cluster.path("node1.jsonl")).unwrap();
    for event in ["\"started\"", "\"quorum\"", "\"declined\"", "\"lost\"", "\"rejoined\""] {
        assert!(journal.contains(event), "no {event} in {journal}");
    }
    assert!(!journal.contains("\"suspected\""), "nobody is suspected: {journal}");
}

#[test]
fn a_second_fencer_on_the_same_node_is_refused() {
    let cluster = Cluster::new();
    let first = cluster.start(1);
    cluster.wait_until(1, |_| true);
    let second = cluster.command(1).output().unwrap();
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("stop it first"), "{said}");
    assert_eq!(first.stop(), Some(0));
}

#[test]
fn a_bmc_that_does_not_answer_is_named_before_it_is_needed() {
    let cluster = Cluster::with_bmc("[node.bmc]\naddress = \"127.0.0.1:9\"\nuser = \"palisade\"\n");
    let fencer = cluster.start(1);
    let status = cluster.wait_until(1, |status| {
        status.node("node1").unwrap().bmc.as_ref().unwrap().ready.is_some()
    });
    let bmc = status.node("node1").unwrap().bmc.clone().unwrap();
    assert_eq!(bmc.ready, Some(false));
    assert!(bmc.finding.contains("127.0.0.1:9") && !bmc.finding.contains("hunter2"), "{bmc:?}");
    assert!(status.advice.iter().any(|line| line.contains("cannot be switched off now")));
    assert_eq!(fencer.stop(), Some(0));
}

#[test]
fn a_bmc_that_refused_the_password_is_left_alone_and_status_says_for_how_long() {
    let (_face, address) = bmc_with_password("another");
    let bmc = format!("[node.bmc]\naddress = \"{address}\"\nuser = \"palisade\"\n");
    let cluster = Cluster::with_bmc(&bmc);
    let fencer = cluster.start(1);
    let status = cluster.wait_until(1, |status| {
        status.node("node1").unwrap().bmc.as_ref().unwrap().ready.is_some()
    });
    let advice = status.advice.iter().find(|line| line.contains("cannot be switched off now"));
    let advice = advice.unwrap_or_else(|| panic!("a human is told: {:?}", status.advice));
    let file = cluster.path("bmc-node1.pw");
    assert!(advice.contains("wrong password"), "{advice}");
    assert!(advice.contains("; its login was refused: tried next in "), "{advice}");
    assert!(advice.contains(&format!(" s, or once {} changes", file.display())), "{advice}");
    assert!(cluster.log(1).contains("tried next in 15 s"), "{}", cluster.log(1));

    let mended_at = clock::now();
    fencer.tell(Signal::SIGHUP);
    cluster.wait_until(1, |status| {
        !status.node("node1").unwrap().bmc.as_ref().unwrap().finding.contains("tried next in")
    });
    assert!(clock::now().since(mended_at) < Duration::from_secs(10), "sooner than by itself");
    assert_eq!(fencer.stop(), Some(0));
}

/// A simulated BMC and where it is.
fn bmc_with_password(password: &str) -> (RmcpFace, SocketAddr) {
    let at = UdpSocket::bind("127.79.0.1:0").unwrap().local_addr().unwrap();
    let password = Secret::new(password.as_bytes()).unwrap();
    let user = User { name: "palisade".into(), password, privilege: Privilege::Operator };
    let bmc = Bmc::new(Settings::simple(user, 1));
    (RmcpFace::start(vec![(at, bmc)], |_event| {}).unwrap(), at)
}

fn heard_on_both_links(status: &Status) -> bool {
    let voters = status.nodes.iter().filter_map(|node| node.voter.as_ref()).filter(|v| !v.me);
    let mut links = voters.flat_map(|voter| &voter.heard);
    links.all(|link| link.last_ms.is_some())
}

/// A folder with the configuration of three nodes.
struct Cluster(TempDir);

impl Cluster {
    fn new() -> Self {
        Self::with_bmc("")
    }

    /// `bmc` is the section of node 1.
    fn with_bmc(bmc: &str) -> Self {
        let cluster = Self(tempfile::tempdir().unwrap());
        let ports = free_ports();
        let folder = cluster.0.path().display();
        let secret = cluster.path("bmc-node1.pw");
        fs::write(&secret, "hunter2\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&secret, mode).unwrap();
        let nodes: String =
            (1_u8..=3).zip(ports).map(|(id, port)| cluster.node(id, port, bmc)).collect();
        let text = format!(
            "[cluster]\nname = \"three\"\nprofile = \"lan-fast\"\n\
             [agent]\nkey_file = \"{folder}/{{node}}.key\"\n\
             [fencer]\nkey_file = \"{folder}/{{node}}.key\"\nstate_dir = \"{folder}/{{node}}\"\n\
             journal = \"{folder}/{{node}}.jsonl\"\ncontrol_socket = \"{folder}/{{node}}.sock\"\n\
             [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n{nodes}"
        );
        fs::write(cluster.path("palisade.toml"), text).unwrap();
        cluster
    }

    fn node(&self, id: u8, port: u16, bmc: &str) -> String {
        let made = Command::new(env!("CARGO_BIN_EXE_palisade"))
            .arg("keygen")
            .arg(self.path(&format!("node{id}.key")))
            .output()
            .unwrap();
        let key = String::from_utf8(made.stdout).unwrap();
        let password = format!("password_file = \"{}\"\n", self.path("bmc-{node}.pw").display());
        let bmc =
            if id == 1 && !bmc.is_empty() { format!("{bmc}{password}") } else { String::new() };
        format!(
            "[[node]]\nname = \"node{id}\"\nid = {id}\n{key}\
             addresses = [\"127.78.0.{id}\", \"127.78.1.{id}\"]\nfencer_port = {port}\n\
             [node.watchdog]\nbackend = \"sim\"\nsocket = \"{}\"\ntimeout_ms = 1000\nfire_ms = 1000\n{bmc}",
            self.path(&format!("dog{id}")).display()
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, id: u8) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-fencer"));
        let config = self.path("palisade.toml");
        command.arg("--config").arg(config).args(["--node", &format!("node{id}")]);
        command.stdin(Stdio::null());
        command
    }

    fn start(&self, id: u8) -> Fencer {
        let log = fs::File::create(self.path(&format!("node{id}.log"))).unwrap();
        Fencer(self.command(id).stderr(log).spawn().unwrap())
    }

    fn palisade(&self, id: u8, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.arg("--config").arg(self.path("palisade.toml"));
        command.args(["--node", &format!("node{id}")]).args(words).output().unwrap()
    }

    /// The first status of a node's fencer for which `holds`.
    fn wait_until(&self, id: u8, holds: impl Fn(&Status) -> bool) -> Status {
        let deadline = clock::now() + PATIENCE;
        loop {
            let asked = self.palisade(id, &["status", "--json"]);
            let status = serde_json::from_slice::<Status>(&asked.stdout).ok();
            if let Some(status) = status.as_ref().filter(|status| holds(status)) {
                return status.clone();
            }
            assert!(clock::now() < deadline, "{status:?} {asked:?} {}", self.log(id));
        }
    }

    fn log(&self, id: u8) -> String {
        fs::read_to_string(self.path(&format!("node{id}.log"))).unwrap_or_default()
    }
}

/// A running fencer, killed if the test forgets it.
struct Fencer(Child);

impl Fencer {
    /// Tells it to stop; its exit code.
    fn stop(mut self) -> Option<i32> {
        self.tell(Signal::SIGTERM);
        self.0.wait().unwrap().code()
    }

    fn tell(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Fencer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Ports that are free on both links of their node, taken by the kernel's choice.
fn free_ports() -> [u16; 3] {
    [1, 2, 3].map(|id| {
        let free = UdpSocket::bind(format!("127.78.0.{id}:0")).unwrap();
        free.local_addr().unwrap().port()
    })
}
