//! Whatever comes, in whatever order: bounds hold, and time only goes forward.

use super::rig::{CHECK, GRANT, Rig, config, echo_of, ms, ns, withhold};
use crate::agent::{AgentConfig, Input, NEWS_MAX, POSTS_MAX, Phase, ProbeReport};
use crate::health::{Answer, FailKind};
use crate::news::News;
use palisade_protocol::ids::Seq;
use palisade_protocol::wire::{Body, LeaveAck, Withheld};

/// A generator small enough to be read: Knuth's MMIX constants.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn with_seven_voters_a_failed_service_fills_the_frames_and_no_more() {
    let check = Some(CHECK);
    let mut rig = Rig::with(AgentConfig { check, ..config(&[1, 2, 3, 4, 5, 6, 7]) });
    rig.service(Answer::Running);
    let effects = rig.service(Answer::Failed(FailKind::Error));
    assert_eq!(effects.posts.len(), POSTS_MAX);
}

#[test]
fn the_worst_input_that_was_thought_of_is_told_whole() {
    let mut rig = Rig::checked();
    let posts = rig.beat();
    rig.service(Answer::Running);
    rig.grant(&[1, 2, 3], &posts);
    for _ in 0..2 {
        rig.service(Answer::Silent);
    }
    rig.asked();
    let posts = rig.beat();
    rig.grant(&[1, 2, 3], &posts);
    rig.later(CHECK.timeout + ms(2_000));
    let before = rig.news.len();
    rig.answer(1, &posts, withhold(Withheld::Condemned));
    let told = rig.news.len() - before;
    assert!((4..=NEWS_MAX).contains(&told), "{:?}", &rig.news[before..]);
    for news in [News::TakeoverRequested, News::QuorumLost { granted: 0, needed: 2 }] {
        assert!(rig.news[before..].contains(&news), "{news:?} in {:?}", &rig.news[before..]);
    }
}

/// One input of any kind, mostly nonsense.
fn any_input(chance: &mut Chance, rig: &mut Rig) -> Input {
    let id = u8::try_from(chance.below(3) + 1).unwrap();
    let seq = Seq(u32::try_from(chance.below(400)).unwrap());
    let asked_at = rig.now;
    match chance.below(20) {
        0..=6 => Input::Heard(rig.frame(id, echo_of(seq), GRANT)),
        7 => Input::Heard(rig.frame(id, echo_of(seq), withhold(Withheld::BootHold))),
        8 => Input::Heard(rig.frame(id, echo_of(seq), Body::LeaveAck(LeaveAck {}))),
        9 => Input::Heard(rig.frame(id, None, Body::Hello)),
        10 => Input::Probe(ProbeReport { asked_at, answer: Answer::Silent }),
        11 => Input::Probe(ProbeReport { asked_at, answer: Answer::Starting }),
        12 => Input::ArmCheck,
        13 => Input::DisarmCheck,
        14 if chance.below(20) == 0 => Input::Leave,
        _ => Input::Tick,
    }
}

#[test]
fn the_next_deadline_always_lies_ahead_and_what_is_allowed_fits_the_promise() {
    for seed in 0..200 {
        let mut chance = Chance(seed);
        let mut rig = Rig::checked();
        for _ in 0..400 {
            let step = if chance.below(4) == 0 { ms(chance.below(400)) } else { ns(0) };
            rig.now = (rig.now + step).max(rig.agent.next_deadline().min(rig.now + ms(50)));
            let input = any_input(&mut chance, &mut rig);
            rig.input(input);
            assert!(rig.agent.next_deadline() > rig.now, "seed {seed} at {}", rig.now);
            pet(&mut chance, &mut rig);
        }
    }
}

/// Pets if that is allowed, and checks that it was: the phase, and the promise.
fn pet(chance: &mut Chance, rig: &mut Rig) {
    let Ok(permit) = rig.agent.pet_decision(rig.now) else { return };
    assert!(matches!(rig.agent.phase(), Phase::Serving | Phase::Leaving));
    let lease_from = rig.agent.lease_from().expect("no permit without a lease");
    assert!(rig.now + ms(1_020) <= lease_from + ns(1_528_470_000));
    rig.later(ns(chance.below(20_000_000)));
    let done_at = rig.now;
    rig.input(Input::Petted { permit, done_at });
}
