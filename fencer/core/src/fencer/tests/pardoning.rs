//! Suspicions taken back: only as long as no majority can be bound.

use palisade_protocol::ids::NodeMask;
use palisade_protocol::wire::{Body, Decline, Kind, Pardon, ProofKind, Why, Withheld};

use super::rig::{AGREES, Disk, Rig, TARGET, Vote, WARRANT, agent, fencer, ms, node};
use crate::durable::Sentence;
use crate::fencer::Input;
use crate::news::News;
use crate::power::FALL_MAX;

const HEARS: Vote = Vote::Declines(Decline::StillHeard);

/// It heard the target between the two questions.
const RETREATS: Vote = Vote::Retreats(Decline::StillHeard);

/// A target that was silent, and speaks again once this voter has bound itself against it.
fn bound(two: Vote, three: Vote) -> Rig {
    let mut rig = Rig::new();
    rig.votes(two, three);
    rig.silence(agent(TARGET));
    rig.run_until("the sentence", |rig| !rig.persisted.is_empty());
    rig.run_for(ms(150));
    rig
}

fn sentences(rig: &Rig) -> Vec<Sentence> {
    rig.persisted.last().map(|state| state.sentences.iter().copied().collect()).unwrap_or_default()
}

fn cleared(rig: &Rig) -> usize {
    rig.told(|news| *news == News::Cleared { target: node(TARGET) })
}

#[test]
fn a_life_whose_end_no_majority_can_be_bound_to_is_pardoned_when_it_speaks() {
    let mut rig = bound(RETREATS, RETREATS);
    assert_eq!(sentences(&rig).len(), 1);
    rig.votes(HEARS, HEARS);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(150));
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert!(sentences(&rig).is_empty(), "and the disk knows");
    assert!(cleared(&rig) > 0);
    assert!(rig.sent_kinds(Kind::PARDON) >= 2, "whoever was asked is told");
    assert_eq!(rig.core.cases().count(), 0);
}

/// Voter 2 asked this voter to bind itself against its own machine, and forgot that.
#[test]
fn a_sentence_on_ones_own_machine_that_nobody_pursues_is_taken_back_when_the_others_grant() {
    for (granting, forgiven) in [([true, true], true), ([true, false], false)] {
        let mut rig = Rig::new();
        rig.asks(2, 1, Why::Operator, true);
        assert_eq!(rig.renews(1), Err(Withheld::Condemned));
        for (voter, grants) in [2, 3].into_iter().zip(granting) {
            let all = NodeMask::EMPTY.with(node(1));
            rig.peer(fencer(voter)).beat.granting = if grants { all } else { NodeMask::EMPTY };
        }
        rig.run_for(WARRANT + FALL_MAX - ms(100));
        assert_eq!(rig.renews(1), Err(Withheld::Condemned), "an off may be under way");
        rig.run_for(ms(300));
        assert_eq!(rig.renews(1).is_ok(), forgiven);
    }
}

/// A majority forgot that it had condemned this life after its leaving, and serves it again.
#[test]
fn a_sentence_on_a_life_that_left_is_taken_back_when_a_majority_grants_that_life_again() {
    for (granting, forgiven) in [([true, true], true), ([true, false], false)] {
        let mut rig = Rig::new();
        rig.asks(2, TARGET, Why::Operator, true);
        rig.tells_fenced(2, TARGET, ProofKind::Left);
        pardons(&mut rig, 2);
        for (voter, grants) in [2, 3].into_iter().zip(granting) {
            let all = NodeMask::EMPTY.with(node(TARGET));
            rig.peer(fencer(voter)).beat.granting = if grants { all } else { NodeMask::EMPTY };
        }
        rig.run_for(ms(200));
        assert_eq!(rig.renews(TARGET).is_ok(), forgiven);
    }
}

#[test]
fn nobody_is_pardoned_while_a_voter_that_does_not_answer_may_be_bound() {
    let mut rig = bound(RETREATS, AGREES);
    rig.votes(Vote::Mute, Vote::Mute);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(1_000));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
    assert_eq!(cleared(&rig), 0);
}

#[test]
fn a_decline_for_another_reason_than_hearing_does_not_say_that_a_voter_is_free() {
    let other = Vote::Retreats(Decline::OtherShooter);
    let mut rig = bound(other, other);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(1_000));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
}

#[test]
fn nobody_is_pardoned_under_a_warrant() {
    let mut rig = bound(AGREES, AGREES);
    rig.votes(RETREATS, RETREATS);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(1_000));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
}

#[test]
fn nobody_ordered_off_is_pardoned() {
    let mut rig = bound(RETREATS, RETREATS);
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(50));
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(500));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
}

/// The fencer of `asker` is done with the target.
fn pardons(rig: &mut Rig, asker: u8) {
    let pardon = Pardon { target: node(TARGET), boot: rig.life(TARGET) };
    rig.says(fencer(asker), Body::Pardon(pardon));
}

#[test]
fn the_shooter_that_gives_up_frees_the_voters_it_had_bound() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
    pardons(&mut rig, 3);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned), "voter 3 has no say");
    pardons(&mut rig, 2);
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert!(sentences(&rig).is_empty());
}

#[test]
fn a_life_proven_over_is_not_pardoned() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
    pardons(&mut rig, 2);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
    assert_eq!(sentences(&rig)[0].closed, Some(ProofKind::PowerOff));
}

#[test]
fn a_pardon_before_the_disk_has_written_takes_the_answer_back() {
    let mut rig = Rig::new();
    rig.disk = Disk::Slow;
    rig.asks(2, TARGET, Why::Operator, true);
    pardons(&mut rig, 2);
    let version = rig.persisted.last().expect("the pardon is written too").version;
    rig.input(Input::Durable { version });
    assert_eq!(rig.sent_kinds(Kind::AGREED), 0);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn an_orphaned_sentence_is_taken_up_by_another_fencer_once_its_shooter_has_lapsed() {
    let mut rig = Rig::new();
    rig.votes(Vote::Mute, AGREES);
    rig.asks(2, TARGET, Why::Operator, true);
    rig.silence(fencer(2));
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_500));
    assert!(rig.orders.is_empty(), "voter 2 may still shoot");
    rig.run_for(ms(2_000));
    assert_eq!(rig.orders.len(), 1);
}
