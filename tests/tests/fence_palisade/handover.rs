//! The agent and a running fencer: who switches a rebooted machine on, whatever becomes of the agent; and
//! fencing by the fencers' own rules.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use palisade_fencer::control::{Answer, Request, ask};
use palisade_fencer::status::{Stand, Status};
use palisade_host::clock;
use palisade_ipmi::chassis::ControlAction;
use palisade_tests::ipmi_sim::{IpmiSim, free_port_at, own_address};
use tempfile::TempDir;

use super::cluster::written;
use super::exact::OurBmc;
use super::rig::{
    AMPLE, access, assert_fails, built, by_stdin, code, ours, start, stderr, stdout, with, words,
};

/// Longer than a fencer looks away from a machine whose agent was killed.
const LONG: Duration = Duration::from_secs(60);

/// The only fencer of a cluster, on a node `keeper`; the others are its members, never heard.
struct Keeper {
    folder: TempDir,
    running: Option<Child>,
}

impl Keeper {
    /// `nodes` are the others and where their BMCs are.
    fn start(nodes: &[(&str, SocketAddr)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let more = format!(
            "[agent]\nkey_file = \"{place}/{{node}}.key\"\n[fencer]\nkey_file = \"{place}/{{node}}.key\"\n\
             state_dir = \"{place}/state\"\njournal = \"{place}/journal\"\n\
             control_socket = \"{place}/fencer.sock\"\n"
        );
        let nobody = free_port_at(own_address());
        let mut all = vec![("keeper", nobody)];
        all.extend(nodes);
        let file = written(folder.path(), &all, &more);
        // Several such clusters run at once.
        let port = free_port_at(Ipv4Addr::new(127, 79, 0, 1)).port();
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replacen("id = 1\n", &format!("id = 1\nfencer_port = {port}\n"), 1);
        fs::write(&file, text).unwrap();
        let mut keeper = Self { folder, running: None };
        keeper.run();
        keeper
    }

    fn run(&mut self) {
        static FENCER: OnceLock<PathBuf> = OnceLock::new();
        let log = File::options().append(true).create(true).open(self.path("log")).unwrap();
        let mut command = Command::new(FENCER.get_or_init(|| built("palisade-fencer")));
        command.arg("--config").arg(self.path("palisade.toml")).args(["--node", "keeper"]);
        command.stdin(Stdio::null()).stderr(log);
        self.running = Some(command.spawn().unwrap());
        self.wait_until("it serves", |status| status.stand == Stand::Serving);
    }

    fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().and_then(|()| running.wait()).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn status(&self) -> Option<Status> {
        let answer = ask(&self.path("fencer.sock"), &Request::Status, AMPLE);
        if let Ok(Answer::Status(status)) = answer { Some(*status) } else { None }
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Status) -> bool) {
        let by = clock::now() + LONG;
        while !self.status().is_some_and(|status| holds(&status)) {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(clock::now() < by, "never: {what}; {:?}\n{log}", self.status());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// The options that name a node by this cluster's configuration, and its fencer.
    fn options(&self, more: &str) -> Vec<String> {
        words(&format!(
            "config={} fencer_socket={} {more}",
            self.path("palisade.toml").display(),
            self.path("fencer.sock").display()
        ))
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.path("journal")).unwrap_or_default()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_over(status: &Status) -> bool {
    status.raises.is_empty()
}

#[test]
fn a_reboot_answers_when_the_machine_is_off_and_the_fencer_switches_it_on() {
    let bmc = OurBmc::start();
    let keeper = Keeper::start(&[("node1", bmc.address())]);
    let began = clock::now();
    let output = by_stdin(ours(), &keeper.options("plug=node1 action=reboot power_wait=30"));
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(clock::now().since(began) < Duration::from_secs(10), "the agent rests for nobody");
    let (off_at, off) = bmc.next_order();
    let (on_at, on) = bmc.next_order();
    assert_eq!((off, on), (ControlAction::Down, ControlAction::Up));
    assert!(on_at.since(off_at) >= Duration::from_millis(2_000), "on_rest_ms of the cluster");
    keeper.wait_until("read on", is_over);
    let journal = keeper.journal();
    assert!(journal.contains("on_sent") && journal.contains("on_verified"), "{journal}");
}

/// A cluster manager kills by SIGKILL, at any instruction. Machines and agents by the dozen; each agent
/// is killed a little later than the one before it, from before it asks for anything to after it is done.
#[test]
fn whenever_the_agent_is_killed_the_machine_ends_up_on() {
    const AGENTS: u32 = 20;
    let bmcs: Vec<OurBmc> = (0..AGENTS).map(|_| OurBmc::start()).collect();
    let names: Vec<String> = (0..AGENTS).map(|number| format!("node{number}")).collect();
    let nodes: Vec<(&str, SocketAddr)> =
        names.iter().map(String::as_str).zip(bmcs.iter().map(OurBmc::address)).collect();
    let keeper = Keeper::start(&nodes);
    ours();
    for (name, number) in names.iter().zip(0..) {
        let options = keeper.options(&format!("plug={name} action=reboot"));
        let mut agent = start(ours(), &[], &(options.join("\n") + "\n"));
        std::thread::park_timeout(Duration::from_millis(4) * number);
        agent.kill().and_then(|()| agent.wait()).unwrap();
    }
    keeper.wait_until("each is looked at", |status| {
        status.raises.iter().all(|raise| raise.state == "off is awaited" && raise.since_ms > 15_000)
    });
    let mut fell = 0;
    for bmc in &bmcs {
        let orders = bmc.orders();
        fell += usize::from(orders.contains(&ControlAction::Down));
        assert!(bmc.is_on(), "stays off after {orders:?}");
    }
    assert!(fell >= 2, "only {fell} agents came as far as off");
}

#[test]
fn a_fencer_killed_in_the_middle_of_a_reboot_ends_it_when_it_is_back() {
    let bmc = OurBmc::start();
    let mut keeper = Keeper::start(&[("node1", bmc.address())]);
    let output = by_stdin(ours(), &keeper.options("plug=node1 action=reboot"));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(bmc.next_order().1, ControlAction::Down);
    let kept = keeper.path("state/raises-keeper");
    let by = clock::now() + AMPLE;
    while !fs::read(&kept).is_ok_and(|bytes| contains(&bytes, b"resting")) {
        assert!(clock::now() < by, "nothing about it on the disk");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    keeper.kill();
    assert!(!bmc.is_on());
    keeper.run();
    assert_eq!(bmc.next_order().1, ControlAction::Up);
    keeper.wait_until("read on", is_over);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn without_a_fencer_or_at_another_ones_bmc_the_agent_switches_on_itself() {
    let simulator = IpmiSim::start();
    let keeper = Keeper::start(&[("node1", free_port_at(own_address()))]);
    let socket = keeper.path("fencer.sock");
    for socket in [keeper.path("nobody.sock"), socket] {
        let more = format!("nodename=node1 fencer_socket={} action=reboot", socket.display());
        let output = by_stdin(ours(), &with(&access(simulator.address()), &more));
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        assert_eq!(simulator.power(), "1");
    }
    let journal = keeper.journal();
    assert!(journal.contains("another machine"), "{journal}");
}

#[test]
fn a_machine_that_could_not_be_switched_off_is_not_raised_later() {
    let bmc = OurBmc::start();
    let keeper = Keeper::start(&[("node1", bmc.address())]);
    fs::write(keeper.path("password"), "another-password").unwrap();
    let output = by_stdin(ours(), &keeper.options("plug=node1 action=reboot"));
    assert_fails(&output, "wrong password");
    assert!(keeper.status().unwrap().raises.is_empty());
    assert_eq!(bmc.orders(), []);
}

#[test]
fn via_fencer_nothing_succeeds_without_a_proof() {
    let bmc = OurBmc::start();
    let keeper = Keeper::start(&[("node1", bmc.address())]);
    let by = |more: &str| {
        by_stdin(ours(), &keeper.options(&format!("via=fencer power_timeout=5 {more}")))
    };
    // No life of it was ever seen, so there is none that could be proven over.
    assert_fails(&by("plug=node1 action=off"), "no life of it was seen");
    assert_fails(&by("plug=node9 action=off"), "keeper, node1");
    assert_fails(&by("action=reboot"), "no plug");
    assert_fails(&by("plug=node1 action=on"), "via=bmc");
    assert_eq!(bmc.orders(), [], "no BMC is talked to");

    keeper.wait_until("its power is known", |status| {
        status.node("node1").is_some_and(|node| node.bmc.as_ref().unwrap().on.is_some())
    });
    assert_eq!(code(&by("plug=node1 action=status")), 0);
    assert_eq!(code(&by("plug=node1 action=monitor")), 0);
    assert_fails(&by("action=monitor"), "of keeper failed");
    assert_eq!(stdout(&by("action=list")), "keeper,\nnode1,\n");
    assert_eq!(stdout(&by("action=list-status")), "keeper,,UNKNOWN\nnode1,,ON\n");

    let nobody = format!("via=fencer fencer_socket={} plug=node1", keeper.path("no").display());
    assert_fails(&by_stdin(ours(), &words(&format!("{nobody} action=off"))), "no daemon answers");
    assert_fails(&by_stdin(ours(), &words("via=fencer plug=node1 action=off")), "fencer_socket");
}
