//! What the world's hardware does, apart from any rule of a core.

use palisade_fencer_core::{OrderId, PowerAct};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::ProofKind;

use super::{Bmc, Fact, Verdict, World, is_fenced, node};

const SETTLE: Duration = Duration::from_secs(6);
const LATENCY: Duration = Duration::from_secs(5);

fn three() -> World {
    let mut world = World::new(3, 3, 1);
    world.run_for(SETTLE);
    world
}

fn slow() -> World {
    let mut world = three();
    world.set_bmc(node(1), Bmc::Works { off_latency: LATENCY });
    world
}

fn order(case: u32) -> OrderId {
    OrderId { target: node(1), case, number: 1 }
}

#[test]
fn a_slow_off_falls_when_its_time_has_come() {
    let mut world = slow();
    world.command(node(1), PowerAct::Off);
    world.run_for(LATENCY - Duration::from_millis(1));
    assert!(world.is_powered(node(1)));
    world.run_for(Duration::from_millis(1));
    assert!(!world.is_powered(node(1)));
}

#[test]
fn while_one_off_is_under_way_another_changes_nothing() {
    let mut world = slow();
    world.command(node(1), PowerAct::Off);
    world.set_bmc(node(1), Bmc::Works { off_latency: Duration::ZERO });
    world.command(node(1), PowerAct::Off);
    assert!(world.is_powered(node(1)));
    world.run_for(LATENCY);
    assert_eq!(world.power_cuts(node(1)), 1);
}

#[test]
fn the_button_is_let_go_when_the_power_is_off_whoever_did_that() {
    let mut world = slow();
    world.command(node(1), PowerAct::Off);
    world.kill(node(1));
    world.press_power(node(1));
    world.run_for(LATENCY);
    assert_eq!(world.power_cuts(node(1)), 0);
}

#[test]
fn a_reset_does_not_let_the_button_go() {
    let mut world = slow();
    world.command(node(1), PowerAct::Off);
    world.reboot(node(1));
    world.run_for(LATENCY);
    assert_eq!(world.power_cuts(node(1)), 1);
}

#[test]
fn a_bmc_that_reboots_loses_its_off_or_carries_it_out() {
    for (off_lost, cuts) in [(true, 0), (false, 1)] {
        let mut world = slow();
        world.command(node(1), PowerAct::Off);
        world.reboot_bmc(node(1), Duration::from_secs(1), off_lost);
        world.run_for(LATENCY);
        assert_eq!(world.power_cuts(node(1)), cuts, "lost: {off_lost}");
    }
}

#[test]
fn a_bmc_that_reboots_is_silent_and_knows_no_session_of_before() {
    let mut world = three();
    assert!(world.is_in_session(node(2), order(1), Instant::BOOT));
    world.reboot_bmc(node(1), Duration::from_secs(1), false);
    assert!(!world.is_in_session(node(2), order(2), Instant::BOOT), "it is silent");
    world.run_for(Duration::from_secs(1));
    assert!(!world.is_in_session(node(2), order(1), Instant::BOOT), "the session is gone");
    assert!(world.is_in_session(node(2), order(2), Instant::BOOT), "a new one is opened");
}

#[test]
fn a_full_bmc_refuses_new_sessions_and_keeps_those_it_has() {
    let mut world = three();
    assert!(world.is_in_session(node(2), order(1), Instant::BOOT));
    world.fill_bmc(node(1), Duration::from_secs(1));
    assert!(world.is_in_session(node(2), order(1), Instant::BOOT));
    assert!(!world.is_in_session(node(2), order(2), Instant::BOOT));
    world.run_for(Duration::from_secs(1));
    assert!(world.is_in_session(node(2), order(2), Instant::BOOT));
}

#[test]
fn daemons_of_the_next_version_are_heard_and_hear_and_nobody_is_hurt() {
    let mut world = three();
    for id in 1..=3 {
        world.upgrade(node(id), Duration::from_millis(50));
        world.run_for(SETTLE);
        let served = (1..=3).all(|id| world.is_serving(node(id)) && world.is_armed(node(id)));
        assert!(served, "after the upgrade of {id}: {:#?}", world.facts());
    }
    world.complete_upgrade();
    world.run_for(SETTLE);
    assert_eq!((1..=3).map(|id| world.power_cuts(node(id))).sum::<usize>(), 0);
    assert_eq!(*world.verdict(), Verdict::Held);
}

#[test]
fn two_voters_of_the_next_version_understand_each_other() {
    let mut world = three();
    for id in [1, 3] {
        world.upgrade(node(id), Duration::from_millis(50));
        world.run_for(SETTLE);
    }
    world.kill(node(2));
    let fenced = |fact: &Fact| is_fenced(fact, node(1), node(2), ProofKind::PowerOff);
    assert!(world.run_until(SETTLE, fenced).is_some(), "{:#?}", world.facts());
}

#[test]
fn what_is_broken_for_good_gets_power_and_no_life() {
    let mut world = three();
    world.break_for_good(node(1));
    world.kill(node(1));
    world.press_power(node(1));
    world.run_for(SETTLE);
    assert!(world.is_powered(node(1)) && !world.is_running(node(1)));
}
