//! Brakes: a node is not fenced for ever, and a switch that fails is no massacre.

use palisade_protocol::ids::NodeId;
use palisade_protocol::wire::ProofKind;

use super::rig::{AGREES, Rig, TARGET, Vote, agent, config, fencer, ms, node};
use crate::config::FencerConfig;
use crate::fencer::Input;
use crate::news::{Alarm, News, Refused};

/// The target is fenced so often, each time by voter 2, and comes back each time.
fn fenced(times: usize) -> Rig {
    let mut rig = Rig::new();
    for _ in 0..times {
        rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
        rig.reborn(TARGET);
        rig.run_for(ms(300));
        assert_eq!(rig.renews(TARGET), Ok(()));
    }
    assert_eq!(rig.member(TARGET).fences, times);
    rig.votes(AGREES, AGREES);
    rig
}

/// The nodes that anybody is bound to end.
fn pursued(rig: &Rig) -> Vec<NodeId> {
    rig.core.cases().filter(|case| case.bound > 0).map(|case| case.target).collect()
}

#[test]
fn a_node_fenced_three_times_within_the_hour_is_left_alone_and_told_once() {
    let mut rig = fenced(3);
    rig.silence(agent(TARGET));
    rig.run_for(ms(5_000));
    assert_eq!(rig.alarms(Alarm::FenceLoop { target: node(TARGET) }), 1);
    assert_eq!(rig.core.cases().count(), 0);
    assert!(rig.orders.is_empty());
}

/// Voter 2 is gone, and the machine of voter 3 is ordered off with the vote of voter 3.
#[test]
fn a_voter_without_which_there_is_no_majority_is_not_cut_off_before_another_is_back() {
    let mut rig = Rig::new();
    rig.votes(Vote::Mute, AGREES);
    rig.silence(fencer(2));
    rig.run_for(ms(400));
    rig.input(Input::Order { target: node(3) });
    rig.run_for(ms(2_000));
    assert_eq!(pursued(&rig), [node(3)], "bound, so that its lease may expire");
    assert!(rig.orders.is_empty(), "who would give the power back?");
    assert_eq!(rig.alarms(Alarm::TooMany { target: node(3) }), 1);
    rig.peer(fencer(2)).speaks = true;
    rig.run_for(ms(300));
    assert_eq!(rig.orders.len(), 1);
}

#[test]
fn a_node_fenced_twice_is_fenced_a_third_time() {
    let mut rig = fenced(2);
    rig.silence(agent(TARGET));
    rig.run_for(ms(2_000));
    assert_eq!(rig.orders.len(), 1);
}

#[test]
fn an_operator_overrules_the_brake_on_a_loop() {
    let mut rig = fenced(3);
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_000));
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(1_000));
    assert_eq!(rig.orders.len(), 1);
}

#[test]
fn fences_are_forgotten_after_an_hour() {
    let mut rig = fenced(3);
    rig.run_for(ms(3_590_000));
    assert_eq!(rig.member(TARGET).fences, 3);
    rig.run_for(ms(20_000));
    assert_eq!(rig.member(TARGET).fences, 0);
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_000));
    assert_eq!(rig.orders.len(), 1);
}

#[test]
fn of_two_that_fall_silent_together_one_is_fenced_and_the_other_told() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.silence(agent(3));
    rig.silence(agent(TARGET));
    rig.run_for(ms(3_000));
    assert_eq!(pursued(&rig), [node(3)]);
    assert_eq!(rig.alarms(Alarm::TooMany { target: node(TARGET) }), 1);
    assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. })), 2);
}

#[test]
fn as_many_as_are_allowed_are_fenced_at_once() {
    let mut rig = Rig::with(FencerConfig { fences_at_once_max: 2, ..config() });
    rig.votes(AGREES, AGREES);
    for id in [2, 3, TARGET] {
        rig.silence(agent(id));
    }
    rig.run_for(ms(3_000));
    assert_eq!(pursued(&rig), [node(2), node(3)]);
    assert_eq!(rig.alarms(Alarm::TooMany { target: node(TARGET) }), 1);
}

#[test]
fn a_life_condemned_for_another_shooter_counts_too() {
    let mut rig = Rig::new();
    rig.asks(2, 3, palisade_protocol::wire::Why::Operator, true);
    rig.input(Input::Order { target: node(TARGET) });
    let refused = News::OrderRefused { target: node(TARGET), because: Refused::TooMany };
    assert_eq!(rig.told(|news| *news == refused), 1);
}

#[test]
fn the_one_that_waited_is_fenced_when_the_other_is_done() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.silence(agent(3));
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_000));
    rig.input(Input::Confirm { target: node(3) });
    rig.run_for(ms(500));
    assert!(rig.core.cases().any(|case| case.target == node(TARGET)), "{:?}", rig.news);
}
