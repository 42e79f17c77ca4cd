//! The agent and a running fencer: who switches a rebooted machine on, whatever becomes of the agent.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use palisade_fencer::status::Status;
use palisade_host::clock;
use palisade_ipmi::chassis::ControlAction;
use palisade_tests::ipmi_sim::{IpmiSim, free_port_at, own_address};

use super::exact::OurBmc;
use super::keeper::Keeper;
use super::levels::Script;
use super::rig::{AMPLE, access, assert_fails, by_stdin, code, ours, start, stderr, with};

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
fn a_machine_that_fell_by_its_second_way_is_raised_by_the_fencer_by_that_way() {
    let script = Script::of_a_machine();
    let gone = free_port_at(own_address());
    let keeper = Keeper::start_with(&[("node1", gone)], &script.level());
    let output = by_stdin(ours(), &keeper.options("plug=node1 action=reboot power_wait=60"));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    keeper.wait_until("read on", is_over);
    assert_eq!(script.power(), "on");
}
