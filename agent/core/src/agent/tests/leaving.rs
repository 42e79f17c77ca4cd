//! Goodbye: the lease is given up first, and the watchdog let go last.

use super::rig::{CHECK, GRANT, Rig, config, kinds, ms, timing_raw, withhold};
use crate::agent::{AgentConfig, Input, Phase};
use crate::health::{Answer, CheckConfig};
use crate::news::News;
use crate::pet::{Refusal, SelfFence};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Body, Kind, LeaveAck, Withheld};

const ACK: Body = Body::LeaveAck(LeaveAck {});

/// Three voters, a lease, an armed watchdog.
fn serving() -> Rig {
    let mut rig = Rig::new();
    rig.lease();
    rig.arm();
    rig
}

#[test]
fn leaving_stops_the_renewals_at_once() {
    let mut rig = serving();
    let posts: Vec<_> = rig.input(Input::Leave).posts.into_iter().collect();
    assert_eq!(kinds(&posts), [Kind::LEAVE; 3], "no beat is waited for");
    for _ in 0..5 {
        assert_eq!(kinds(&rig.beat()), [Kind::LEAVE; 3]);
    }
    assert_eq!(rig.told(&News::Leaving), 1);
}

#[test]
fn the_watchdog_is_disarmed_only_after_a_majority_has_noted_the_leaving() {
    let mut rig = serving();
    rig.input(Input::Leave);
    let posts = rig.beat();
    assert!(!rig.answer(1, &posts, ACK).disarm);
    assert!(!rig.answer(1, &posts, ACK).disarm, "one voter twice is one voter");
    assert_eq!(rig.agent.phase(), Phase::Leaving);
    assert!(rig.answer(2, &posts, ACK).disarm);
    assert_eq!(rig.agent.phase(), Phase::Left);
    assert!(!rig.answer(3, &posts, ACK).disarm, "once");
    assert_eq!(rig.told(&News::Left), 1);
}

#[test]
fn an_acknowledgement_nobody_asked_for_lets_nothing_go() {
    let mut rig = serving();
    let posts = rig.beat();
    let mut disarmed = false;
    for id in [1, 2, 3] {
        disarmed |= rig.answer(id, &posts, ACK).disarm;
    }
    assert!(!disarmed);
    assert_eq!(rig.agent.phase(), Phase::Serving);
}

#[test]
fn while_leaving_the_watchdog_is_petted_on_what_is_left_of_the_lease() {
    let mut rig = serving();
    rig.input(Input::Leave);
    assert!(rig.agent.pet_decision(rig.now).is_ok());
    while rig.agent.pet_decision(rig.now).is_ok() {
        rig.beat();
    }
    let refused = rig.agent.pet_decision(rig.now);
    assert!(matches!(refused, Err(Refusal::LeaseOld { .. })), "{refused:?}");
}

#[test]
fn a_node_that_has_left_gets_no_permit_whatever_is_granted() {
    let mut rig = serving();
    rig.input(Input::Leave);
    let posts = rig.beat();
    for id in [1, 2] {
        rig.answer(id, &posts, ACK);
    }
    for id in [1, 2, 3] {
        rig.answer(id, &posts, GRANT);
    }
    assert_eq!(rig.agent.pet_decision(rig.now), Err(Refusal::Left));
    assert!(rig.beat().is_empty());
}

#[test]
fn a_node_without_an_armed_watchdog_leaves_without_disarming() {
    let mut rig = Rig::new();
    rig.lease();
    rig.input(Input::Leave);
    let posts = rig.beat();
    rig.answer(1, &posts, ACK);
    assert!(!rig.answer(2, &posts, ACK).disarm);
    assert_eq!(rig.agent.phase(), Phase::Left);
}

#[test]
fn leaving_is_refused_while_the_service_runs_here() {
    let mut rig = Rig::checked();
    rig.service(Answer::Running);
    rig.lease();
    let effects = rig.input(Input::Leave);
    assert!(effects.news.contains(&News::LeaveRefused));
    assert_eq!(rig.agent.phase(), Phase::Serving);
    assert_eq!(kinds(&rig.beat()), [Kind::RENEW; 3]);
}

#[test]
fn a_standby_whose_check_is_disarmed_may_leave() {
    let check = Some(CheckConfig { armed: false, ..CHECK });
    let mut rig = Rig::with(AgentConfig { check, ..config(&[1, 2, 3]) });
    rig.lease();
    rig.input(Input::Leave);
    assert_eq!(rig.agent.phase(), Phase::Leaving);
}

#[test]
fn leaving_twice_is_leaving_once() {
    let mut rig = serving();
    rig.input(Input::Leave);
    rig.input(Input::Leave);
    assert_eq!(rig.told(&News::Leaving), 1);
}

/// Beats for `span`, each answered by `ids` with `Condemned`; when the node ended its life.
fn condemned_by(rig: &mut Rig, ids: &[u8], span: Duration) -> Option<Instant> {
    let end = rig.now + span;
    while rig.now < end {
        let posts = rig.beat();
        for id in ids.iter().filter(|_| !posts.is_empty()) {
            rig.answer(*id, &posts, withhold(Withheld::Condemned));
        }
        if rig.agent.phase() == Phase::FencingSelf {
            return Some(rig.now);
        }
    }
    None
}

#[test]
fn a_life_that_was_condemned_after_it_had_left_ends_itself_so_that_the_next_one_is_admitted() {
    let mut rig = Rig::new();
    let began = rig.now;
    let ended = condemned_by(&mut rig, &[1, 2], ms(5_000)).expect("no watchdog would end it");
    let promise = timing_raw().promise;
    assert!(ended.since(began) > promise, "a sentence may be taken back");
    assert!(ended.since(began) < promise + ms(200));
    let reason = SelfFence::Condemned { voters: 2 };
    assert_eq!(rig.told(&News::FencingSelf(reason)), 1);
    assert_eq!(rig.agent.pet_decision(rig.now), Err(Refusal::FencingSelf));
}

#[test]
fn no_minority_ends_a_life_nor_a_majority_that_thinks_better_of_it() {
    let mut rig = Rig::new();
    assert_eq!(condemned_by(&mut rig, &[1], ms(5_000)), None);
    assert_eq!(condemned_by(&mut rig, &[1, 2], ms(1_000)), None);
    rig.lease();
    assert_eq!(condemned_by(&mut rig, &[1, 2], ms(1_000)), None);
}
