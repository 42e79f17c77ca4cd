//! What has to be exact: the delay, the order of things, the machine that is meant, the flag that
//! somebody pinned.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use palisade_host::clock;
use palisade_hw::bmc::{Bmc, Event, Privilege, Settings};
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_ipmi::chassis::ControlAction;
use palisade_protocol::time::Instant;
use palisade_tests::bmc::user;
use palisade_tests::ipmi_sim::{GUID, IpmiSim, PASSWORD, own_address};

use super::rig::{
    AMPLE, access, access_operator, assert_fails, by_stdin, code, ours, stderr, stdout, with, words,
};

/// One of our own BMCs, and the orders it was given.
pub(super) struct OurBmc {
    face: RmcpFace,
    ordered: Receiver<(Instant, ControlAction)>,
}

impl OurBmc {
    pub(super) fn start() -> Self {
        let user = user(PASSWORD, Privilege::Operator);
        let (tell, ordered) = channel();
        let listen = SocketAddr::new(own_address().into(), 0);
        let bmcs = vec![(listen, Bmc::new(Settings::simple(user, 1)))];
        let face = RmcpFace::start(bmcs, move |event| note(&tell, event)).unwrap();
        Self { face, ordered }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.face.address(0).unwrap()
    }

    /// The next order to the chassis.
    pub(super) fn next_order(&self) -> (Instant, ControlAction) {
        self.ordered.recv_timeout(AMPLE).unwrap()
    }

    /// Somebody presses its machine's button.
    pub(super) fn switch_on(&self) {
        self.face.with(0, |bmc, now| bmc.press(now, ControlAction::Up)).unwrap();
        assert!(self.is_on());
    }

    /// Whether its machine has power.
    pub(super) fn is_on(&self) -> bool {
        self.face.with(0, |bmc, now| bmc.is_on(now)).unwrap()
    }

    /// All orders so far.
    pub(super) fn orders(&self) -> Vec<ControlAction> {
        self.ordered.try_iter().map(|(_, action)| action).collect()
    }
}

fn note(tell: &Sender<(Instant, ControlAction)>, event: RackEvent) {
    if let Event::Ordered { at, action } = event.event {
        // A test that has ended listens no more.
        tell.send((at, action)).unwrap_or_default();
    }
}

#[test]
fn a_delay_is_never_cut_short_and_holds_up_nothing_but_a_loss_of_power() {
    let bmc = OurBmc::start();
    ours();
    let delayed = with(&access_operator(bmc.address()), "delay=1.5");
    let began = clock::now();
    assert_eq!(code(&by_stdin(ours(), &with(&delayed, "action=status"))), 0);
    assert_eq!(code(&by_stdin(ours(), &with(&delayed, "action=on"))), 0);
    let (at, action) = bmc.next_order();
    assert_eq!(action, ControlAction::Up);
    assert!(at.since(began) < Duration::from_millis(1_500), "on waits for nothing");

    for action in ["off", "reboot"] {
        let began = clock::now();
        let output = by_stdin(ours(), &with(&delayed, &format!("action={action}")));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let (at, ordered) = bmc.next_order();
        assert_eq!(ordered, ControlAction::Down);
        assert!(at.since(began) >= Duration::from_millis(1_500), "{action}: {:?}", at.since(began));
    }
}

#[test]
fn a_reboot_rests_between_off_and_on_and_on_comes_last() {
    let bmc = OurBmc::start();
    let options = with(&access_operator(bmc.address()), "power_wait=0.7 action=reboot");
    assert_eq!(code(&by_stdin(ours(), &options)), 0);
    let (off_at, off) = bmc.next_order();
    let (on_at, on) = bmc.next_order();
    assert_eq!((off, on), (ControlAction::Down, ControlAction::Up));
    assert!(on_at.since(off_at) >= Duration::from_millis(700));
    assert_eq!(bmc.orders(), []);
}

#[test]
fn a_diagnostic_interrupt_is_sent_once_and_nothing_is_said_about_power() {
    let bmc = OurBmc::start();
    let output = by_stdin(ours(), &with(&access_operator(bmc.address()), "action=diag"));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(bmc.next_order().1, ControlAction::Pulse);
    assert_eq!(bmc.orders(), []);
}

/// Somebody swapped two cables, or two lines: the wrong machine is not switched off.
#[test]
fn a_bmc_with_another_identity_than_the_pinned_one_is_given_no_order() {
    let simulator = IpmiSim::start();
    let other = GUID.replace('a', "b");
    for action in ["off", "reboot", "on", "status", "monitor"] {
        let options = with(&access(simulator.address()), &format!("guid={other} action={action}"));
        let output = by_stdin(ours(), &options);
        assert_fails(&output, "a1234567-89ab-cdef-a123-456789abcdef");
        assert_eq!(simulator.power(), "1", "{action}");
    }
    let right = with(&access(simulator.address()), &format!("guid={GUID} action=off"));
    assert_eq!(code(&by_stdin(ours(), &right)), 0);
    assert_fails(
        &by_stdin(ours(), &with(&access(simulator.address()), "guid=1234 action=off")),
        "option guid",
    );
}

#[test]
fn a_bmc_key_is_taken_in_hexadecimal_digits_and_a_wrong_one_refused() {
    let key = "the-key-of-the-bmc";
    let digits: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let simulator = IpmiSim::start_at(own_address(), &format!("bmc_key \"{key}\""));
    let ask = |more: &str| by_stdin(ours(), &with(&access(simulator.address()), more));
    let right = ask(&format!("hexadecimal_kg={digits} action=status"));
    assert_eq!(code(&right), 0, "{}", stderr(&right));
    for more in ["action=status", "hexadecimal_kg=0x00 action=status"] {
        let wrong = ask(more);
        assert_fails(&wrong, "key");
        assert!(!stderr(&wrong).contains(&digits));
    }
}

/// Twenty machines that each take half a second to fall are down in far less than ten.
#[test]
fn several_plugs_are_fenced_at_once() {
    const MACHINES: usize = 8;
    let simulators: Vec<IpmiSim> = (0..MACHINES).map(|_| IpmiSim::start()).collect();
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (1..=MACHINES).map(|number| format!("node{number}")).collect();
    let bmcs: Vec<(&str, SocketAddr)> =
        names.iter().map(String::as_str).zip(simulators.iter().map(IpmiSim::address)).collect();
    let config = super::cluster::written(folder.path(), &bmcs, "");
    let options =
        words(&format!("config={} plug={} delay=1 action=off", config.display(), names.join(",")));
    ours();
    let began = clock::now();
    let output = by_stdin(ours(), &options);
    let took = clock::now().since(began);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(simulators.iter().all(|simulator| simulator.power() == "0"));
    // One delay and all the readings, not one for each.
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn under_the_name_of_another_agent_it_has_that_ones_name_and_defaults() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "fence_ipmilan",
        "fence_ipmilanplus",
        "fence_ilo3",
        "fence_ilo4",
        "fence_ilo5",
        "fence_imm",
        "fence_idrac",
    ] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(ours(), &link).unwrap();
        let theirs = std::path::Path::new("/usr/sbin").join(name);
        let of = |agent| stdout(&by_stdin(agent, &words("action=metadata")));
        let (ours, theirs) = (of(&link), of(&theirs));
        assert!(ours.contains(&format!("<resource-agent name=\"{name}\"")), "{ours}");
        let (ours_have, theirs_have) =
            (super::metadata::parameters(&ours), super::metadata::parameters(&theirs));
        for (option, wanted) in theirs_have {
            assert_eq!(ours_have.get(&option), Some(&wanted), "{name}: option {option}");
        }
        assert_eq!(super::metadata::actions(&ours), super::metadata::actions(&theirs), "{name}");
    }
    let failed = by_stdin(&folder.path().join("fence_idrac"), &words("action=explode"));
    assert!(stderr(&failed).starts_with("fence_idrac: "), "{}", stderr(&failed));
}
