//! Beats, quorum and what is told of them.

use super::rig::{FIRE, Rig, START, kinds, ms, ns};
use crate::agent::Input;
use crate::news::News;
use palisade_protocol::wire::{Body, Kind};

#[test]
fn the_first_renewal_leaves_at_once_and_the_next_a_beat_later() {
    let mut rig = Rig::new();
    assert_eq!(rig.agent.next_deadline(), START);
    assert_eq!(kinds(&rig.beat()), [Kind::RENEW; 3]);
    assert_eq!(rig.agent.next_deadline(), START + ms(50));
}

#[test]
fn an_early_tick_sends_nothing() {
    let mut rig = Rig::new();
    rig.beat();
    rig.later(ms(50) - ns(1));
    assert!(rig.input(Input::Tick).posts.is_empty());
    rig.later(ns(1));
    assert_eq!(rig.input(Input::Tick).posts.len(), 3);
}

#[test]
fn each_voter_is_sent_numbers_of_its_own_and_its_last_frame_is_echoed() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    assert!(posts.iter().all(|post| post.seq.0 == 1 && post.echo.is_none()));
    rig.grant(&[2], &posts);
    let posts = rig.beat();
    assert!(posts.iter().all(|post| post.seq.0 == 2));
    let echoed: Vec<_> = posts.iter().map(|post| post.echo.map(|echo| echo.seq.0)).collect();
    assert_eq!(echoed, [None, Some(1), None]);
}

#[test]
fn quorum_is_told_when_a_majority_grants_and_once_when_it_ceases() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    rig.grant(&[1], &posts);
    assert_eq!(rig.told(&News::QuorumGained), 0);
    rig.grant(&[2, 3], &posts);
    assert_eq!(rig.told(&News::QuorumGained), 1);
    rig.now = START + ms(305);
    rig.input(Input::Tick);
    assert_eq!(rig.told(&News::QuorumLost { granted: 0, needed: 2 }), 0, "fresh to the last");
    rig.later(ns(1));
    for _ in 0..10 {
        rig.input(Input::Tick);
        rig.beat();
    }
    assert_eq!(rig.told(&News::QuorumLost { granted: 0, needed: 2 }), 1);
    rig.lease();
    rig.lease();
    assert_eq!(rig.told(&News::QuorumGained), 2);
}

#[test]
fn losing_one_voter_of_three_is_no_loss_of_quorum() {
    let mut rig = Rig::new();
    rig.lease();
    for _ in 0..20 {
        let posts = rig.beat();
        rig.grant(&[1, 3], &posts);
        assert!(rig.agent.pet_decision(rig.now).is_ok());
    }
    assert!(!rig.news.iter().any(|news| matches!(news, News::QuorumLost { .. })));
}

#[test]
fn a_healthy_node_at_the_end_of_its_patience_may_still_pet() {
    let mut rig = Rig::new();
    let sent_at = rig.lease();
    rig.arm();
    rig.now = sent_at + ms(305);
    rig.input(Input::Tick);
    assert!(rig.agent.pet_decision(rig.now + ms(200)).is_ok(), "the margin is left");
    assert!(rig.agent.pet_decision(sent_at + FIRE).is_err());
}

#[test]
fn a_beat_come_to_late_is_told_with_its_lateness() {
    let mut rig = Rig::new();
    rig.lease();
    rig.later(ms(150));
    rig.input(Input::Tick);
    assert!(!rig.news.iter().any(|news| matches!(news, News::Stalled { .. })), "two beats late");
    rig.later(ms(150) + ns(1));
    rig.input(Input::Tick);
    assert_eq!(rig.told(&News::Stalled { late_by: ms(100) + ns(1) }), 1);
}

#[test]
fn an_armed_watchdog_is_told_at_once_because_a_death_before_would_be_proven_late() {
    let mut rig = Rig::new();
    rig.lease();
    rig.later(ms(7));
    let (permit, done_at) = (rig.permit(), rig.now);
    let effects = rig.input(Input::Armed { permit, done_at });
    let armed = |body: &Body| matches!(body, Body::Renew(renew) if renew.dog.armed);
    assert_eq!(effects.posts.iter().filter(|post| armed(&post.body)).count(), 3);
}
