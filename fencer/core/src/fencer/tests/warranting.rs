//! The warrant: pulled once, right before the command leaves, and void for many reasons.

use palisade_protocol::wire::{Agreed, Body, Decline, Kind, ProofKind};

use super::rig::{
    AGREES, BEAT, NS, PROMISE, Rig, TARGET, Vote, WARRANT_LIFE, agent, fencer, first_life, ms, node,
};
use crate::fencer::Input;
use crate::power::PowerReport;
use crate::warrant::{OrderId, PowerAct, PowerOrder, Void};

/// A silent target whose end voter 2 agreed to, and the order to cut its power.
fn ordered() -> (Rig, OrderId) {
    let mut rig = Rig::new();
    rig.votes(AGREES, Vote::Mute);
    rig.silence(agent(TARGET));
    let id = rig.await_order(PowerAct::Off);
    (rig, id)
}

fn pull(rig: &mut Rig, id: OrderId) -> Result<(), Void> {
    rig.core.warrant(rig.now, id).map(|_| ())
}

#[test]
fn a_warrant_names_node_life_order_and_end() {
    let (mut rig, id) = ordered();
    let asked_at = rig.last_sent(fencer(2), Kind::CONDEMN);
    let warrant = rig.core.warrant(rig.now, id).expect("a warrant");
    assert_eq!((warrant.target(), warrant.boot()), (node(TARGET), first_life(TARGET)));
    assert_eq!(warrant.order(), PowerOrder { id, act: PowerAct::Off });
    assert_eq!(warrant.expires_at(), asked_at + WARRANT_LIFE, "from when it was asked for");
}

#[test]
fn a_warrant_is_pulled_once() {
    let (mut rig, id) = ordered();
    assert_eq!(pull(&mut rig, id), Ok(()));
    assert_eq!(pull(&mut rig, id), Err(Void::Spent));
}

#[test]
fn an_order_that_does_not_stand_has_no_warrant() {
    let (mut rig, id) = ordered();
    let others = [
        OrderId { case: id.case + 1, ..id },
        OrderId { number: id.number + 1, ..id },
        OrderId { number: id.number - 1, ..id },
        OrderId { target: node(3), ..id },
    ];
    for other in others {
        assert_eq!(pull(&mut rig, other), Err(Void::NoSuchOrder), "{other:?}");
    }
    rig.reports(id, PowerReport::Failed);
    assert_eq!(pull(&mut rig, id), Err(Void::NoSuchOrder), "reported, and closed");
}

#[test]
fn a_reading_needs_no_warrant_and_gets_none() {
    let (mut rig, id) = ordered();
    assert_eq!(pull(&mut rig, id), Ok(()));
    rig.reports(id, PowerReport::Acked { session_at: rig.now });
    let read = rig.await_order(PowerAct::Read);
    assert_eq!(pull(&mut rig, read), Err(Void::NoSuchOrder));
}

#[test]
fn a_fencer_that_stood_still_for_longer_than_a_quarter_of_a_promise_gets_none() {
    for (paused, void) in [(PROMISE / 4, Ok(())), (PROMISE / 4 + NS, Err(Void::Paused))] {
        let (mut rig, id) = ordered();
        rig.now += paused;
        assert_eq!(pull(&mut rig, id), void, "after {paused:?}");
    }
}

#[test]
fn a_fencer_that_goes_on_after_a_pause_gets_one_again() {
    let (mut rig, id) = ordered();
    rig.now += ms(500);
    assert_eq!(pull(&mut rig, id), Err(Void::Paused));
    rig.input(Input::Tick);
    assert_eq!(pull(&mut rig, id), Ok(()), "the agreement still stands");
}

#[test]
fn a_warrant_ends_with_the_agreement_of_its_majority() {
    for (early, void) in [(NS, Ok(())), (ms(0), Err(Void::NoMajority))] {
        let (mut rig, id) = ordered();
        let asked_at = rig.last_sent(fencer(2), Kind::CONDEMN);
        rig.votes(Vote::Mute, Vote::Mute);
        rig.run_to((asked_at + WARRANT_LIFE).before(early));
        assert_eq!(pull(&mut rig, id), void, "{early:?} before its end");
    }
}

#[test]
fn the_own_vote_alone_keeps_no_warrant_alive_and_a_voter_that_agrees_again_renews_it() {
    let (mut rig, id) = ordered();
    rig.votes(Vote::Mute, Vote::Mute);
    rig.run_for(ms(3_000));
    assert_eq!(pull(&mut rig, id), Err(Void::NoMajority));
    rig.votes(Vote::Mute, AGREES);
    rig.run_for(ms(100));
    assert_eq!(pull(&mut rig, id), Ok(()), "the third voter makes the majority now");
}

#[test]
fn a_majority_that_is_kept_renews_the_warrant_for_as_long_as_it_takes() {
    let (mut rig, id) = ordered();
    rig.run_for(ms(9_000));
    assert_eq!(pull(&mut rig, id), Ok(()));
}

/// A machine that stands still with its clock takes an old agreement for a new one: what is asked after
/// it goes on is answered by those who did not.
#[test]
fn each_off_is_asked_for_anew_however_young_the_agreement_to_the_last_one_is() {
    let (mut rig, id) = ordered();
    rig.votes(Vote::Mute, Vote::Mute);
    rig.reports(id, PowerReport::Failed);
    rig.run_for(ms(1_000));
    assert_eq!(rig.orders.len(), 1, "the agreement still stands, and is older than this Off");
    rig.votes(AGREES, Vote::Mute);
    rig.run_for(BEAT * 2);
    assert_eq!(rig.orders.len(), 2);
}

#[test]
fn no_off_is_ordered_before_all_that_has_come_is_read() {
    let (mut rig, id) = ordered();
    rig.votes(Vote::Mute, Vote::Mute);
    rig.reports(id, PowerReport::Failed);
    rig.run_for(ms(300));
    let (target, boot) = (node(TARGET), first_life(TARGET));
    let agreed = Agreed { target, boot, bound: true, promise_over: false, dog_trusted: false };
    rig.says(fencer(2), Body::Agreed(agreed));
    assert_eq!(rig.orders.len(), 1, "the next frame may void what this one says");
    rig.input(Input::Tick);
    assert_eq!(rig.orders.len(), 2);
}

#[test]
fn a_voter_whose_beats_outrun_the_own_clock_makes_every_agreement_void() {
    let beats_in_a_span = 6;
    for (beats, void) in [(beats_in_a_span, Ok(())), (beats_in_a_span + 1, Err(Void::NoMajority))] {
        let (mut rig, id) = ordered();
        rig.run_for(BEAT);
        rig.votes(Vote::Mute, Vote::Mute);
        rig.run_to(rig.core.next_deadline());
        rig.input(Input::Tick);
        for _ in 0..beats {
            let beat = Body::Beat(rig.peer(fencer(3)).beat);
            rig.says(fencer(3), beat);
        }
        assert_eq!(pull(&mut rig, id), void, "after {beats} beats at once");
    }
}

#[test]
fn no_off_leaves_once_the_life_is_proven_over_by_other_means() {
    let (mut rig, id) = ordered();
    rig.tells_fenced(3, TARGET, ProofKind::LeaseExpired);
    assert_eq!(pull(&mut rig, id), Err(Void::Over));
}

#[test]
fn a_voter_that_knows_the_life_to_be_over_ends_the_warrant_too() {
    let (mut rig, id) = ordered();
    rig.votes(Vote::Declines(Decline::Over(ProofKind::PowerOff)), Vote::Mute);
    rig.run_for(ms(100));
    assert_eq!(pull(&mut rig, id), Err(Void::Over));
    assert_eq!(rig.proofs.len(), 1);
}

#[test]
fn an_order_is_given_only_under_a_warrant() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.run_for(ms(5_000));
    assert!(rig.orders.is_empty());
}

#[test]
fn a_member_without_a_power_device_is_warranted_and_never_ordered_off() {
    let mut config = super::rig::config();
    config.members[3].has_power_device = false;
    let mut rig = Rig::with(config);
    rig.votes(AGREES, AGREES);
    rig.silence(agent(TARGET));
    rig.run_for(ms(3_000));
    assert_eq!(rig.case().map(|case| case.bound), Some(3));
    assert!(rig.orders.is_empty());
}
