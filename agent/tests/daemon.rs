//! The real agent, its real loop and sockets, beside a simulated watchdog and voters.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose setting fails has failed")]
#![allow(clippy::indexing_slicing, clippy::wildcard_enum_match_arm, reason = "tests")]

mod rig;

use nix::sys::signal::Signal;
use palisade_hw::face::dog::What;
use palisade_protocol::time::Duration;
use palisade_protocol::wire::Verdict;
use rig::{FIRE, Mood, PATIENCE, Rig};
use std::fs;

/// `P` of the rig: the smallest feasible for a watchdog of one second.
const PROMISE: Duration = Duration::from_millis(1_530);

fn is_pet(what: What) -> bool {
    matches!(what, What::Petted)
}

#[test]
fn with_a_majority_behind_it_the_agent_arms_its_dog_and_pets_it() {
    let mut rig = Rig::new(false);
    rig.start_agent();
    rig.wait_for(|what| matches!(what, What::Armed(_)));
    for _ in 0..3 {
        rig.wait_for(is_pet);
    }
    let status = rig.ask("status");
    assert!(status["pets"].as_u64() >= Some(3), "{status}");
    assert_eq!(status["dog"]["armed"], true, "{status}");
    assert_eq!(status["phase"], "serving", "{status}");
    assert!(status["slack_min_ms"].as_f64() > Some(0.0), "{status}");
    assert_eq!(status["voters"][2]["heard"].as_array().map(Vec::len), Some(2), "{status}");
    rig.journal_has("started", "agent");
    rig.journal_has("quorum", "gained");
    rig.journal_has("admitted", "by node3");
}

#[test]
fn without_voters_the_dog_is_never_armed() {
    let mut rig = Rig::new(false);
    rig.voters.be(Mood::Silent);
    rig.start_agent();
    rig.journal_has("started", "agent");
    let status = rig.ask("status");
    assert_eq!(status["dog"]["armed"], false, "{status}");
    assert!(
        status["dog"]["refused"].as_str().is_some_and(|why| why.contains("no quorum")),
        "{status}"
    );
    rig.signal(Signal::SIGTERM);
    assert!(rig.ended().success(), "nobody knew it: it just ends");
    assert_eq!(rig.rest(), []);
}

#[test]
fn when_the_majority_falls_silent_the_dog_bites_before_its_promise_ends() {
    let mut rig = Rig::new(false);
    rig.start_agent();
    rig.wait_for(is_pet);
    rig.voters.be(Mood::Silent);
    let bite = rig.wait_for(|what| matches!(what, What::Fired));
    let promised_until = rig.voters.granted_at() + PROMISE;
    assert!(bite.at <= promised_until, "{} after {promised_until}", bite.at);
    let line = rig.journal_has("refused_pet", "quorum lost");
    assert_eq!((&line["by"], &line["node"]), (&"agent".into(), &"node1".into()));
}

#[test]
fn the_next_life_tells_why_the_former_one_ended() {
    let mut rig = Rig::new(false);
    rig.start_agent();
    rig.wait_for(is_pet);
    rig.voters.be(Mood::Silent);
    rig.journal_has("refused_pet", "");
    rig.wait_for(|what| matches!(what, What::Fired));
    rig.signal(Signal::SIGKILL);
    rig.ended();
    rig.dog.as_ref().expect("a dog").machine_restarted(0x5678);
    rig.voters.be(Mood::Kind);
    rig.start_agent();
    rig.journal_has("started", "previous life ended: refused a pet: quorum lost");
}

#[test]
fn an_agent_told_to_end_leaves_first_and_then_disarms() {
    let mut rig = Rig::new(false);
    rig.start_agent();
    rig.wait_for(is_pet);
    rig.signal(Signal::SIGTERM);
    assert!(rig.ended().success());
    rig.wait_for(|what| matches!(what, What::Disarmed));
    assert_eq!(rig.dog.as_ref().expect("a dog").left(), None);
    assert!(
        rig.rest().iter().all(|event| event.what == What::Abandoned),
        "its socket is closed, that is all"
    );
}

#[test]
fn leaving_waits_for_a_majority_and_keeps_the_dog_armed_until_then() {
    let mut rig = Rig::new(false);
    rig.start_agent();
    rig.wait_for(is_pet);
    rig.voters.be(Mood::Silent);
    rig.signal(Signal::SIGTERM);
    rig.wait_for(|what| matches!(what, What::Fired));
    assert!(rig.rest().iter().all(|event| event.what != What::Disarmed));
}

#[test]
fn a_killed_agent_does_not_pet_its_dog_by_dying() {
    let mut rig = Rig::new(false);
    rig.start_agent();
    rig.wait_for(is_pet);
    rig.signal(Signal::SIGKILL);
    rig.ended();
    let last_pet = rig.dog.as_ref().expect("a dog").last_pet().expect("it was petted");
    let bite = rig.wait_for(|what| match what {
        What::Abandoned => panic!("the dead agent's dog was petted once more"),
        what => matches!(what, What::Fired),
    });
    let lived = bite.at.since(last_pet);
    assert!(lived >= FIRE && lived < FIRE + Duration::from_millis(200), "{lived:?}");
}

#[test]
fn a_pet_that_took_too_long_makes_the_machine_end_its_own_life() {
    let mut rig = Rig::new(false);
    let packets = rig.with_slow_dog(2, Duration::from_millis(60));
    rig.start_agent();
    let next = || packets.recv_timeout(PATIENCE).expect("the agent says something");
    let said: Vec<_> = (0..6).map(|_| next()).collect();
    assert_eq!(said, ["get", "arm timeout_ms=1000", "pet", "pet", "pet", "fire ms=100"]);
    rig.journal_has("self_reset", "20 ms are accepted");
    rig.signal(Signal::SIGTERM);
    let status = rig.ask("status");
    assert_eq!(status["phase"], "fencing_self", "nothing brings it back: {status}");
    assert!(packets.try_recv().is_err(), "and it is not petted any more");
}

#[test]
fn a_failed_service_is_handed_over_and_its_machine_bitten() {
    let mut rig = Rig::new(true);
    rig.start_agent();
    // The second pet is several beats after the first: the voters have heard of it.
    rig.wait_for(is_pet);
    rig.wait_for(is_pet);
    assert_eq!(rig.voters.verdict(), Some(Verdict::Up));
    let leave = rig.ask("leave");
    assert_eq!(leave["answer"], "refused", "{leave}");
    rig.service.fail();
    rig.wait_for(|what| matches!(what, What::Fired));
    assert_eq!(rig.voters.verdict(), Some(Verdict::Down));
    assert!(rig.voters.requests() > 0, "the fencers were asked to take over");
    rig.journal_has("refused_pet", "the service is Down");
    rig.journal_has("alarm", "the service has failed");
}

#[test]
fn a_disarmed_check_never_withholds_a_pet() {
    let mut rig = Rig::new(true);
    rig.start_agent();
    rig.wait_for(is_pet);
    assert_eq!(rig.ask("disarm")["answer"], "accepted");
    rig.service.fail();
    let pets = rig.ask("status")["pets"].as_u64().expect("a number");
    for _ in 0..6 {
        rig.wait_for(|what| match what {
            What::Fired => panic!("bitten for a service that does not count"),
            what => is_pet(what),
        });
    }
    let status = rig.ask("status");
    assert!(status["pets"].as_u64() > Some(pets), "{status}");
    assert_eq!(status["health"], "idle", "{status}");
}

#[test]
fn every_mistake_of_the_configuration_is_told_at_once() {
    let rig = Rig::new(false);
    let text = fs::read_to_string(rig.path("palisade.toml")).expect("it is there");
    let broken = text.replace("id = 2", "id = 1").replace("realtime = false", "realtime = 7");
    fs::write(rig.path("palisade.toml"), broken).expect("it is written");
    let output = rig.command().output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("realtime") && said.contains("id"), "{said}");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_to_run() {
    let rig = Rig::new(false);
    let key = rig.path("node1.key");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&key, open).expect("it is ours");
    let output = rig.command().output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_stranger_is_told_who_is_known() {
    let rig = Rig::new(false);
    let output = rig.command().args(["--node", "node9"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_palisade-agent"));
    let output =
        command.args(["--node", "node2", "--config"]).arg(rig.path("palisade.toml")).output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("node1"), "{said}");
}
