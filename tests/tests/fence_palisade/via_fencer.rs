//! Fencing by the fencers' own rules: the agent asks them, and succeeds with a proof in their hand or not at
//! all.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Duration;

use palisade_fencer::status::{MemberState, Status};
use palisade_hw::dog::Breed;
use palisade_hw::face::dog::{DogFace, Settings};
use palisade_ipmi::chassis::ControlAction;
use palisade_tests::programs::tested;

use super::exact::OurBmc;
use super::keeper::Keeper;
use super::rig::{assert_fails, by_stdin, code, free_port, ours, start, stderr, stdout, words};

/// A machine with a real agent on it, that loses it with its power.
struct Member<'a> {
    keeper: &'a Keeper,
    running: Option<Child>,
    _dog: DogFace,
}

impl<'a> Member<'a> {
    /// The agent of `node1`, and its watchdog.
    fn start(keeper: &'a Keeper) -> Self {
        static AGENT: OnceLock<PathBuf> = OnceLock::new();
        let fire = Duration::from_secs(1);
        let breed = Breed { timeout: fire, fire, no_way_out: false };
        let socket = keeper.path("dog2");
        let settings = Settings { socket, boot: 0x1234, class: "physical".to_owned(), breed };
        let dog = DogFace::start(settings, |_event| ()).unwrap();
        let agent = AGENT.get_or_init(|| tested("palisade-agent", "palisade-agent").unwrap());
        let mut command = Command::new(agent);
        command.args(["--node", "node1", "--config"]).arg(keeper.path("palisade.toml"));
        Self { keeper, running: Some(keeper.daemon(command)), _dog: dog }
    }

    fn wait_until_it_is(&self, wanted: MemberState) {
        let is_it = |status: &Status| {
            let member = status.node("node1").and_then(|node| node.member.as_ref());
            member.is_some_and(|member| member.state == wanted)
        };
        self.keeper.wait_until(&format!("node1 is {wanted:?}"), is_it);
    }

    fn dies(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().and_then(|()| running.wait()).unwrap();
        }
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.dies();
    }
}

#[test]
fn a_member_that_lives_is_fenced_by_warrant_and_the_agent_ends_with_the_proof() {
    let bmc = OurBmc::start();
    let keeper = Keeper::start(&[("node1", bmc.address())]);
    let mut member = Member::start(&keeper);
    member.wait_until_it_is(MemberState::Member);
    let options = keeper.options("via=fencer plug=node1 action=off power_timeout=30");
    let agent = start(ours(), &[], &(options.join("\n") + "\n"));
    assert_eq!(bmc.next_order().1, ControlAction::Down);
    member.dies();
    let output = agent.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!(stdout(&output), "Success: fenced, with proof\n");
    let journal = keeper.journal();
    let told = ["\"warrant\"", "\"off_sent\"", "\"off_verified\"", "\"fenced\""];
    let places = told.map(|event| journal.find(event).unwrap_or_else(|| panic!("{journal}")));
    assert!(places.is_sorted(), "{journal}");
}

#[test]
fn without_a_majority_of_fencers_nothing_is_cut_and_the_agent_says_why() {
    let bmc = OurBmc::start();
    let nodes = [("node1", bmc.address()), ("node2", free_port()), ("node3", free_port())];
    let keeper = Keeper::start_alone(&nodes);
    let member = Member::start(&keeper);
    keeper.wait_until("it has heard node1", |status| {
        let node = status.node("node1").and_then(|node| node.member.as_ref());
        node.is_some_and(|member| member.state != MemberState::Unseen)
    });
    let by = |more: &str| by_stdin(ours(), &keeper.options(&format!("via=fencer {more}")));
    let output = by("plug=node1 action=off disable_timeout=1");
    assert_fails(&output, "1 of 3 fencers heard");
    assert_fails(&by("plug=node2 action=off"), "fencers would grant leases, 2 are needed");
    assert_fails(&by("plug=node1 action=monitor"), "1 of 3 fencers heard");
    assert_eq!(bmc.orders(), []);
    drop(member);
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
