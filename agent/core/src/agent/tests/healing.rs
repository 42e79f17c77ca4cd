//! Health: what it withholds, and how the agent asks to be taken over.

use super::rig::{CHECK, Rig, config, kinds, ms, node};
use crate::agent::{AgentConfig, Input, ProbeReport};
use crate::health::{Answer, CheckConfig, FailKind};
use crate::news::News;
use crate::pet::Refusal;
use palisade_protocol::wire::{Body, Kind, Request, Verdict, Why};

fn unhealthy(verdict: Verdict) -> Option<Refusal> {
    Some(Refusal::Unhealthy { verdict })
}

/// Why a pet is refused under a lease of now.
fn refusal(rig: &mut Rig) -> Option<Refusal> {
    rig.lease();
    rig.agent.pet_decision(rig.now).err()
}

/// A node whose service worked and then failed.
fn failed() -> Rig {
    let mut rig = Rig::checked();
    rig.service(Answer::Running);
    rig.service(Answer::Failed(FailKind::Error));
    rig
}

#[test]
fn not_knowing_withholds_the_pet() {
    let mut rig = Rig::checked();
    assert_eq!(refusal(&mut rig), unhealthy(Verdict::Unknown));
    rig.service(Answer::Failed(FailKind::Refused));
    assert_eq!(refusal(&mut rig), unhealthy(Verdict::Unknown), "a failure before it ever worked");
}

#[test]
fn health_and_grace_allow_the_pet() {
    let mut rig = Rig::checked();
    for (answer, verdict) in [(Answer::Running, Verdict::Up), (Answer::Stopping, Verdict::Grace)] {
        rig.service(answer);
        assert_eq!(rig.agent.verdict(), verdict);
        assert_eq!(refusal(&mut rig), None, "{verdict:?}");
    }
}

#[test]
fn failure_withholds_the_pet_for_good() {
    let mut rig = failed();
    assert_eq!(refusal(&mut rig), unhealthy(Verdict::Down));
    rig.service(Answer::Running);
    assert_eq!(refusal(&mut rig), unhealthy(Verdict::Down), "it recovered too late");
}

#[test]
fn a_disarmed_check_and_no_check_at_all_withhold_nothing() {
    let standby = Some(CheckConfig { armed: false, ..CHECK });
    for check in [None, standby] {
        let mut rig = Rig::with(AgentConfig { check, ..config(&[1, 2, 3]) });
        assert_eq!(refusal(&mut rig), None);
        assert_eq!(rig.agent.verdict(), Verdict::Idle);
    }
}

#[test]
fn a_check_withdrawn_after_a_failure_lets_the_node_live() {
    let mut rig = failed();
    rig.input(Input::DisarmCheck);
    assert_eq!(refusal(&mut rig), None);
}

#[test]
fn health_never_stands_in_for_a_lease() {
    let mut rig = Rig::checked();
    rig.service(Answer::Running);
    let refused = Refusal::NoQuorum { granted: 0, needed: 2 };
    assert_eq!(rig.agent.pet_decision(rig.now), Err(refused));
}

#[test]
fn a_failed_service_asks_for_takeover_at_once_and_with_each_beat() {
    let mut rig = Rig::checked();
    rig.service(Answer::Running);
    let asked_at = rig.asked();
    rig.later(ms(2));
    let answer = Answer::Failed(FailKind::NotDeployed);
    let effects = rig.input(Input::Probe(ProbeReport { asked_at, answer }));
    assert_eq!(requests(&effects.posts), 3, "no beat is waited for");
    for _ in 0..3 {
        assert_eq!(requests(&rig.beat()), 3);
    }
    assert_eq!(rig.told(&News::TakeoverRequested), 1);
    let told = News::Health { verdict: Verdict::Down, answer: Some(answer) };
    assert_eq!(rig.told(&told), 1);
}

fn requests(posts: &[palisade_protocol::wire::Post]) -> usize {
    let request = Body::Request(Request { why: Why::Health });
    posts.iter().filter(|post| post.body == request).count()
}

#[test]
fn a_failed_node_goes_on_renewing_so_that_nobody_suspects_it_before_they_take_over() {
    let mut rig = failed();
    let kinds = kinds(&rig.beat());
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::RENEW).count(), 3);
}

#[test]
fn every_renewal_carries_the_verdict_and_the_watchdog() {
    let mut rig = Rig::checked();
    rig.service(Answer::Running);
    rig.lease();
    rig.arm();
    let posts = rig.beat();
    let Body::Renew(renew) = posts[0].body else { panic!("a renewal, not {:?}", posts[0]) };
    assert_eq!((renew.verdict, renew.config), (Verdict::Up, 0xd16e));
    assert!(renew.dog.armed && renew.dog.certified);
    assert_eq!((renew.dog.timeout_ms, renew.dog.fire_ms), (1_000, 1_000));
    rig.input(Input::Disarmed);
    let posts = rig.beat();
    assert!(posts.iter().all(|post| match post.body {
        Body::Renew(renew) => !renew.dog.armed,
        _ => false,
    }));
    assert_eq!(posts[0].dst.node, node(1));
}

#[test]
fn a_watchdog_that_a_death_of_the_agent_would_pet_is_certain_no_longer() {
    let mut rig = Rig::new();
    rig.lease();
    rig.arm();
    rig.input(Input::DogUncertain);
    let posts = rig.beat();
    let Body::Renew(renew) = posts[0].body else { panic!("a renewal, not {:?}", posts[0]) };
    assert!(renew.dog.armed && !renew.dog.certified);
}
