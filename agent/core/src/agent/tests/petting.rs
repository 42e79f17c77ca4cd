//! `p + W + σ ≤ t_s + P(1−2ρ)`, term by term, and what becomes of a pet that is late.

use super::rig::{GRANT, Rig, config, echo_of, ms, node, ns, seq_to, timing_raw};
use crate::agent::{AgentConfig, DogConfig, Input, Phase};
use crate::pet::{Refusal, SelfFence};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_protocol::wire::Body;

/// 1530 ms less a thousandth, less `W` = 1000 ms, less `σ` = 20 ms.
const LEGAL_FOR: Duration = ns(508_470_000);

/// The numbers of a case and how many nanoseconds longer or shorter than [`LEGAL_FOR`] it is legal
/// to pet.
type Case = (&'static str, fn(&mut TimingRaw, &mut Duration), i64);

fn timed(change: impl Fn(&mut TimingRaw, &mut Duration)) -> Rig {
    let mut config = config(&[1, 2, 3]);
    let mut raw = timing_raw();
    change(&mut raw, &mut config.dog.fire);
    let timing = Timing::new(raw, config.dog.fire).expect("feasible");
    Rig::with(AgentConfig { timing, ..config })
}

#[test]
fn each_term_moves_the_last_legal_pet_by_exactly_its_share() {
    let cases: [Case; 7] = [
        ("as it is", |_, _| {}, 0),
        ("W", |_, fire| *fire += ns(1), -1),
        ("σ", |raw, _| raw.stall += ns(1), -1),
        ("P", |raw, _| raw.promise += ms(1), 999_000),
        ("ρ", |raw, _| raw.drift_ppm += 1, -3_060),
        ("RTT is no term of a pet", |raw, _| raw.rtt += ns(1), 0),
        ("m is no term of a pet", |raw, _| raw.margin += ns(1), 0),
    ];
    for (term, change, moved) in cases {
        let mut rig = timed(change);
        let sent_at = rig.lease();
        rig.arm();
        let last = Instant::from_nanos(
            (sent_at + LEGAL_FOR).as_nanos().checked_add_signed(moved).expect("in range"),
        );
        assert!(rig.agent.pet_decision(last).is_ok(), "{term}: at the edge");
        assert_eq!(
            rig.agent.pet_decision(last + ns(1)),
            Err(Refusal::LeaseOld { granted_at: sent_at, short_by: ns(1) }),
            "{term}: a nanosecond past the edge"
        );
    }
}

#[test]
fn drift_is_rounded_against_the_agent() {
    let mut rig = timed(|raw, _| raw.promise += ns(1));
    let sent_at = rig.lease();
    assert!(rig.agent.pet_decision(sent_at + LEGAL_FOR + ns(1)).is_err());
}

#[test]
fn the_promise_counts_from_the_sending_of_the_renewal_not_from_its_grant() {
    let mut rig = Rig::new();
    rig.lease();
    rig.arm();
    let posts = rig.beat();
    let sent_at = rig.now;
    rig.later(ms(40));
    rig.grant(&[1, 2, 3], &posts);
    assert_eq!(rig.agent.lease_from(), Some(sent_at));
    assert!(rig.agent.pet_decision(sent_at + LEGAL_FOR).is_ok());
    assert!(rig.agent.pet_decision(sent_at + LEGAL_FOR + ns(1)).is_err());
}

/// Otherwise two nodes that boot by turns, each granted by the other just before its watchdog bites,
/// reset each other for ever.
#[test]
fn a_sleeping_watchdog_is_not_woken_on_a_lease_that_no_majority_renews_at_this_moment() {
    let mut rig = Rig::new();
    let sent_at = rig.lease();
    let patience = ms(305);
    assert!(rig.agent.pet_decision(sent_at + patience).is_ok(), "at the edge");
    assert_eq!(
        rig.agent.pet_decision(sent_at + patience + ns(1)),
        Err(Refusal::NoQuorum { granted: 0, needed: 2 })
    );
    rig.arm();
    assert!(rig.agent.pet_decision(sent_at + patience + ns(1)).is_ok(), "one that runs is petted");
}

#[test]
fn the_majority_th_newest_grant_counts_not_the_newest_and_not_the_oldest() {
    for voters in [1_u8, 3, 5, 7] {
        let ids: Vec<u8> = (1..=voters).collect();
        let mut rig = Rig::with(config(&ids));
        let mut sent = Vec::new();
        for id in &ids {
            let posts = rig.beat();
            sent.push(rig.now);
            rig.grant(&[*id], &posts);
        }
        let spoken_last = ids.len() / 2;
        assert_eq!(rig.agent.lease_from(), Some(sent[spoken_last]), "of {voters} voters");
    }
}

#[test]
fn no_permit_before_a_majority_has_granted() {
    let mut rig = Rig::new();
    let refused = |granted| Err(Refusal::NoQuorum { granted, needed: 2 });
    assert_eq!(rig.agent.pet_decision(rig.now), refused(0));
    let posts = rig.beat();
    rig.grant(&[2], &posts);
    assert_eq!(rig.agent.pet_decision(rig.now), refused(1));
    rig.grant(&[3], &posts);
    let (renewed_for, needed) = (Duration::ZERO, ms(305));
    let young = Err(Refusal::QuorumYoung { renewed_for, needed });
    assert_eq!(rig.agent.pet_decision(rig.now), young, "its watchdog sleeps");
    rig.lease();
    assert!(rig.agent.pet_decision(rig.now).is_ok());
}

/// Its agent was restarted: there is no time to wait, the watchdog runs down.
#[test]
fn a_watchdog_found_running_is_petted_on_the_first_grants_of_a_majority() {
    let plain = config(&[1, 2, 3]);
    let dog = DogConfig { runs: true, ..plain.dog };
    let mut rig = Rig::with(AgentConfig { dog, ..plain });
    let posts = rig.beat();
    rig.grant(&[1, 2], &posts);
    assert!(rig.agent.pet_decision(rig.now).is_ok());
    rig.input(Input::Disarmed);
    assert!(rig.agent.pet_decision(rig.now).is_err(), "it sleeps now");
}

#[test]
fn the_last_grant_of_a_voter_that_has_died_wakes_no_watchdog() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    rig.grant(&[1, 2], &posts);
    for _ in 0..20 {
        assert!(rig.agent.pet_decision(rig.now).is_err());
        let posts = rig.beat();
        rig.grant(&[1], &posts);
    }
}

#[test]
fn one_voter_that_grants_again_and_again_is_no_majority() {
    let mut rig = Rig::new();
    for _ in 0..20 {
        let posts = rig.beat();
        rig.grant(&[2], &posts);
    }
    assert_eq!(rig.agent.pet_decision(rig.now), Err(Refusal::NoQuorum { granted: 1, needed: 2 }));
}

#[test]
fn a_pet_within_sigma_of_its_test_is_in_time() {
    let mut rig = Rig::new();
    rig.lease();
    let permit = rig.permit();
    rig.later(ms(20));
    let done_at = rig.now;
    let effects = rig.input(Input::Petted { permit, done_at });
    assert_eq!(effects.fence_self, None);
    assert_eq!(rig.agent.phase(), Phase::Serving);
}

#[test]
fn a_pet_a_nanosecond_past_sigma_ends_the_node_and_no_permit_follows() {
    for arming in [false, true] {
        let mut rig = Rig::new();
        rig.lease();
        let permit = rig.permit();
        rig.later(ms(20) + ns(1));
        let done_at = rig.now;
        let input = match arming {
            true => Input::Armed { permit, done_at },
            false => Input::Petted { permit, done_at },
        };
        let late = SelfFence::LatePet { took: ms(20) + ns(1), accepted: ms(20) };
        assert_eq!(rig.input(input).fence_self, Some(late), "arming: {arming}");
        assert_eq!(rig.agent.phase(), Phase::FencingSelf);
        assert_eq!(rig.agent.pet_decision(rig.now), Err(Refusal::FencingSelf));
        assert!(rig.beat().is_empty(), "a node that ends its life renews nothing");
        assert_eq!(rig.agent.pet_decision(rig.now), Err(Refusal::FencingSelf));
    }
}

#[test]
fn a_node_that_ends_its_life_is_not_talked_out_of_it() {
    let mut rig = Rig::new();
    rig.lease();
    let permit = rig.permit();
    let posts = rig.beat();
    rig.later(ms(21));
    let done_at = rig.now;
    rig.input(Input::Petted { permit, done_at });
    rig.grant(&[3], &posts);
    rig.input(Input::Leave);
    assert_eq!(rig.agent.phase(), Phase::FencingSelf);
    assert_eq!(rig.agent.pet_decision(rig.now), Err(Refusal::FencingSelf));
}

#[test]
fn the_permit_carries_its_evidence() {
    let mut rig = Rig::new();
    let sent_at = rig.lease();
    rig.later(ms(7));
    let permit = rig.permit();
    assert_eq!(permit.tested_at(), rig.now);
    assert_eq!(permit.promise_ends(), sent_at + ns(1_528_470_000));
}

#[test]
fn the_smallest_slack_is_kept() {
    let mut rig = Rig::new();
    assert_eq!(rig.agent.slack_min(), None);
    rig.lease();
    for (waited, least) in [(100, 428_470_000), (300, 228_470_000), (0, 228_470_000)] {
        rig.later(ms(waited));
        let (permit, done_at) = (rig.permit(), rig.now);
        rig.input(Input::Petted { permit, done_at });
        rig.lease();
        assert_eq!(rig.agent.slack_min(), Some(ns(least)), "petted {waited} ms after the lease");
    }
}

#[test]
fn an_unreadable_grant_still_grants() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    for id in [1, 2] {
        rig.answer(id, &posts, Body::Unreadable(GRANT.kind()));
    }
    assert_eq!(rig.agent.lease_from(), Some(rig.now));
}

#[test]
fn no_other_unreadable_frame_grants() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    for id in [1, 2, 3] {
        let seq = seq_to(&posts, id);
        let hello = rig.frame(id, echo_of(seq), Body::Hello);
        rig.input(Input::Heard(hello));
        rig.answer(id, &posts, Body::Unreadable(palisade_protocol::wire::Kind::WITHHOLD));
        rig.answer(id, &posts, Body::Unreadable(palisade_protocol::wire::Kind(200)));
    }
    assert_eq!(rig.agent.lease_from(), None);
    assert!(rig.agent.voters().all(|voter| voter.granted_at.is_none()));
    assert_eq!(rig.agent.voters().next().map(|voter| voter.id), Some(node(1)));
}
