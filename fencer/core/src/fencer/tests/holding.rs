//! A voter that has just started: what it may have promised, and what it may have forgotten.

use palisade_protocol::ids::Start;
use palisade_protocol::time::Duration;
use palisade_protocol::timing::TimingRaw;
use palisade_protocol::wire::{Body, Pardon, ProofKind, Request, Why, Withheld};

use super::rig::{
    FIRE, NS, PROMISE, Rig, START, TARGET, WARRANT, agent, config, fencer, first_life, ms, node,
    recalled as recalled_life, timing, timing_raw,
};
use crate::config::FencerConfig;
use crate::durable::{DurableState, Memory, ShotBy};
use crate::news::News;
use crate::power::FALL_MAX;

fn recalled() -> Memory {
    Memory::Recalled(DurableState::default())
}

/// Why a renewal is withheld so long after the start.
fn withheld(config: &FencerConfig, memory: &Memory, after: Duration) -> Option<Withheld> {
    let mut rig = Rig::starting(config.clone(), memory.clone());
    rig.run_to(START + after);
    rig.renews(TARGET).err()
}

#[test]
fn a_restarted_voter_grants_nothing_for_the_longer_of_a_promise_and_a_warrant() {
    let patient = TimingRaw { promise: ms(3_000), ..timing_raw() };
    for (raw, hold) in [(timing_raw(), WARRANT), (patient, ms(3_000))] {
        let config = FencerConfig { timing: timing(raw), ..config() };
        assert!(hold >= PROMISE);
        assert_eq!(withheld(&config, &recalled(), hold - NS), Some(Withheld::BootHold));
        assert_eq!(withheld(&config, &recalled(), hold), None);
    }
}

#[test]
fn a_voter_without_its_memory_waits_for_the_slowest_watchdog_besides() {
    let mut config = config();
    config.members[2].fire = FIRE * 3;
    let hold = WARRANT + FIRE * 3;
    for early in [ms(300), WARRANT, hold - NS] {
        assert_eq!(withheld(&config, &Memory::Blank, early), Some(Withheld::Amnesia), "{early:?}");
    }
    assert_eq!(withheld(&config, &Memory::Blank, hold), None);
}

#[test]
fn a_voter_that_lost_its_memory_a_moment_ago_waits_until_what_it_agreed_to_has_fallen() {
    let mut config = config();
    let hold = WARRANT + FALL_MAX;
    assert_eq!(withheld(&config, &Memory::Lost, hold - NS), Some(Withheld::Amnesia));
    assert_eq!(withheld(&config, &Memory::Lost, hold), None);
    config.members[3].has_power_device = false;
    assert_eq!(withheld(&config, &Memory::Lost, WARRANT + FIRE), None, "its power cannot be cut");
}

#[test]
fn a_restarted_voter_keeps_the_next_life_out_until_an_off_it_agreed_to_has_taken_effect() {
    let falls = [None, Some(ProofKind::Reborn), Some(ProofKind::LeaseExpired)];
    let falls = falls.map(|kind| (kind, WARRANT + FALL_MAX));
    for (closed, hold) in falls.into_iter().chain([(Some(ProofKind::PowerOff), WARRANT)]) {
        let mut rig = Rig::starting(config(), recalled_life(TARGET, closed));
        rig.reborn(TARGET);
        rig.run_to((START + hold).before(NS));
        assert!(rig.renews(TARGET).is_err(), "{closed:?}");
        rig.run_to(START + hold);
        assert_eq!(rig.renews(TARGET), Ok(()), "{closed:?}");
        assert!(rig.persisted.last().expect("written").sentences.iter().all(|s| s.released));
    }
}

/// What a voter finds on its disk that has agreed with the fencer of node 2 about a life that is
/// over since it was heard in a later one.
fn agreed_with(start: u32) -> Memory {
    let Memory::Recalled(mut state) = recalled_life(TARGET, Some(ProofKind::Reborn)) else {
        unreachable!("it recalls")
    };
    let (node, start) = (node(2), Start::new(start));
    state.sentences[0].shot_by = ShotBy::One { node, start };
    Memory::Recalled(state)
}

#[test]
fn a_restarted_voter_takes_the_shooter_it_agreed_with_at_its_word_and_no_other() {
    let pardon = Pardon { target: node(TARGET), boot: first_life(TARGET) };
    for (start, voter, free) in [(500, 2, true), (500, 3, false), (499, 2, false)] {
        let mut rig = Rig::starting(config(), agreed_with(start));
        rig.reborn(TARGET);
        rig.run_for(WARRANT + PROMISE);
        rig.says(fencer(voter), Body::Pardon(pardon));
        assert_eq!(rig.renews(TARGET).is_ok(), free, "start {start} of the fencer of {voter}");
    }
}

#[test]
fn its_beats_say_that_it_holds_back_and_the_end_is_told_once() {
    let mut rig = Rig::starting(config(), recalled());
    rig.run_for(ms(5_000));
    let holding: Vec<(bool, bool)> = rig
        .sent
        .iter()
        .filter_map(|(at, post)| match post.body {
            Body::Beat(beat) if post.dst == fencer(2) => {
                Some((beat.holding, *at < START + WARRANT))
            }
            _ => None,
        })
        .collect();
    assert!(holding.len() > 90 && holding.iter().all(|(says, is)| says == is));
    assert_eq!(rig.told(|news| *news == News::HoldOver), 1);
}

#[test]
fn a_voter_without_its_memory_suspects_nobody_and_takes_no_requests() {
    let mut rig = Rig::starting(config(), Memory::Lost);
    rig.run_for(ms(500));
    rig.silence(agent(TARGET));
    rig.says(agent(3), Body::Request(Request { why: Why::Health }));
    rig.run_to((START + WARRANT + FIRE).before(NS));
    assert_eq!(rig.core.cases().count(), 0);
    assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. } | News::Ordered { .. })), 0);
}

#[test]
fn a_member_that_was_never_seen_is_not_lost() {
    let mut rig = Rig::starting(config(), recalled());
    rig.silence(agent(TARGET));
    rig.run_for(ms(20_000));
    assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. })), 0);
    assert_eq!(rig.member(TARGET).boot, None);
}

/// The others may have granted it, and may know a life before it alone.
#[test]
fn a_member_heard_while_it_was_held_back_and_silent_since_is_lost() {
    let mut rig = Rig::starting(config(), recalled());
    rig.run_for(ms(1_000));
    rig.silence(agent(TARGET));
    rig.run_for(ms(20_000));
    assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. })), 1);
}

#[test]
fn a_member_held_back_because_somebody_is_at_work_on_it_is_not_lost() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.asks(2, TARGET, Why::Operator, true);
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    rig.silence(agent(TARGET));
    rig.run_for(WARRANT.saturating_mul(3));
    assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. })), 0);
}
