//! The five proofs, and what is none.

use palisade_protocol::time::Instant;
use palisade_protocol::timing::TimingRaw;
use palisade_protocol::wire::{
    Body, DogClass, Fenced, Kind, Leave, ProofKind, Renew, Why, Withheld,
};

use super::rig::{
    AGREES, BEAT, EXPIRED, NS, PROMISE, Rig, TARGET, Vote, agent, config, fencer, first_life, ms,
    node, timing, timing_raw, trusted,
};
use crate::config::FencerConfig;
use crate::fencer::Input;
use crate::news::{Alarm, News};
use crate::power::PowerReport;
use crate::proof::Evidence;
use crate::warrant::PowerAct;

/// What is wrong with a watchdog, and the renewal that says so.
type Spoilt = (&'static str, fn(&mut Renew));

fn kinds(rig: &Rig) -> Vec<ProofKind> {
    rig.proofs.iter().map(crate::proof::Proof::kind).collect()
}

/// The target falls silent, and the others vote so; when it was last granted.
fn silent(rig: &mut Rig, two: Vote, three: Vote) -> Instant {
    rig.votes(two, three);
    rig.silence(agent(TARGET));
    rig.member(TARGET).granted_at.expect("it was granted")
}

/// The BMC obeys and reads off twice, as it is asked.
fn cut(rig: &mut Rig) {
    let off = rig.await_order(PowerAct::Off);
    let warrant = rig.core.warrant(rig.now, off).expect("a warrant");
    assert_eq!(warrant.target(), node(TARGET));
    let session_at = rig.now;
    rig.reports(off, PowerReport::Acked { session_at });
    for _ in 0..2 {
        let read = rig.await_order(PowerAct::Read);
        let asked_at = rig.now;
        rig.reports(read, PowerReport::Read { session_at, asked_at, on: false });
    }
}

#[test]
fn off_obeyed_and_read_twice_is_proof_and_every_voter_is_told() {
    let mut rig = Rig::new();
    silent(&mut rig, AGREES, AGREES);
    cut(&mut rig);
    assert_eq!(kinds(&rig), [ProofKind::PowerOff]);
    let proof = &rig.proofs[0];
    assert_eq!(
        (proof.target(), proof.boot(), proof.at()),
        (node(TARGET), first_life(TARGET), rig.now)
    );
    let Evidence::PowerOff { first_off_at, second_off_at, .. } = proof.evidence() else {
        panic!("power off, not {}", proof.evidence());
    };
    assert!(second_off_at.since(first_off_at) >= ms(250));
    let body = Body::Fenced(Fenced {
        target: node(TARGET),
        boot: first_life(TARGET),
        proof: ProofKind::PowerOff,
    });
    for to in [fencer(2), fencer(3)] {
        assert!(rig.sent.iter().any(|(_, post)| post.dst == to && post.body == body));
    }
    assert_eq!(rig.told(|news| *news == News::OffVerified { target: node(TARGET) }), 1);
}

#[test]
fn a_report_that_comes_twice_or_too_late_changes_nothing() {
    let mut rig = Rig::new();
    silent(&mut rig, AGREES, Vote::Mute);
    let off = rig.await_order(PowerAct::Off);
    let session_at = rig.now;
    rig.reports(off, PowerReport::Acked { session_at });
    let first = rig.await_order(PowerAct::Read);
    let asked_at = rig.now;
    let reading = PowerReport::Read { session_at, asked_at, on: false };
    rig.reports(first, reading);
    rig.run_for(ms(1_000));
    let later = PowerReport::Read { session_at, asked_at: rig.now, on: false };
    for stale in [off, first] {
        rig.reports(stale, later);
    }
    assert!(kinds(&rig).is_empty());
    let second = rig.await_order(PowerAct::Read);
    rig.reports(second, later);
    assert_eq!(kinds(&rig), [ProofKind::PowerOff]);
}

#[test]
fn the_lease_proves_death_when_a_majority_of_promises_is_over_and_not_before() {
    let mut rig = Rig::new();
    let granted_at = silent(&mut rig, EXPIRED, Vote::Mute);
    rig.run_to((granted_at + PROMISE).before(NS));
    assert!(kinds(&rig).is_empty(), "this voter's own promise stands");
    rig.run_to(granted_at + PROMISE + BEAT);
    assert_eq!(kinds(&rig), [ProofKind::LeaseExpired]);
    assert_eq!(rig.proofs[0].evidence(), Evidence::LeaseExpired { voters: 2 });
}

#[test]
fn the_promises_of_a_minority_prove_nothing() {
    let minorities = [
        (AGREES, AGREES),
        (Vote::Agrees { promise_over: true, dog_trusted: false }, AGREES),
        (Vote::Agrees { promise_over: false, dog_trusted: true }, AGREES),
    ];
    for (two, three) in minorities {
        let mut rig = Rig::new();
        silent(&mut rig, two, three);
        rig.run_for(ms(5_000));
        assert!(kinds(&rig).is_empty(), "{two:?}, {three:?}");
    }
}

#[test]
fn a_watchdog_that_is_not_armed_certified_and_physical_proves_nothing() {
    let spoil: [Spoilt; 5] = [
        ("unarmed", |word| word.dog.armed = false),
        ("uncertified", |word| word.dog.certified = false),
        ("virtual", |word| word.dog.class = DogClass::Virtual),
        ("software", |word| word.dog.class = DogClass::Software),
        ("unknown", |word| word.dog.class = DogClass::Unknown),
    ];
    for (what, spoil) in spoil {
        let mut rig = Rig::new();
        let mut word = trusted();
        spoil(&mut word);
        rig.peer(agent(TARGET)).word = word;
        rig.run_for(BEAT);
        silent(&mut rig, EXPIRED, Vote::Mute);
        rig.run_for(ms(5_000));
        assert!(kinds(&rig).is_empty(), "{what}");
        assert!(rig.case().is_some_and(|case| case.bound == 2), "{what}: it is warranted");
    }
}

#[test]
fn a_last_word_that_could_not_be_read_is_no_trusted_one() {
    let mut rig = Rig::new();
    rig.says(agent(TARGET), Body::Unreadable(Kind::RENEW));
    silent(&mut rig, EXPIRED, Vote::Mute);
    rig.run_for(ms(5_000));
    assert!(kinds(&rig).is_empty());
}

#[test]
fn a_vote_that_has_lapsed_does_not_count_towards_an_expired_lease() {
    let raw = TimingRaw { promise: ms(5_000), ..timing_raw() };
    let mut rig = Rig::starting(
        FencerConfig { timing: timing(raw), ..config() },
        crate::durable::Memory::Recalled(crate::durable::DurableState::default()),
    );
    rig.run_for(ms(6_000));
    let granted_at = silent(&mut rig, EXPIRED, Vote::Mute);
    rig.run_for(ms(1_000));
    assert_eq!(rig.case().map(|case| case.bound), Some(2));
    rig.votes(Vote::Mute, Vote::Mute);
    rig.run_to(granted_at + ms(8_000));
    assert!(kinds(&rig).is_empty(), "voter 2 may have taken it back since");
    rig.votes(EXPIRED, Vote::Mute);
    rig.run_for(BEAT * 2);
    assert_eq!(kinds(&rig), [ProofKind::LeaseExpired]);
}

#[test]
fn an_expired_lease_without_a_warrant_proves_nothing() {
    let mut rig = Rig::new();
    silent(&mut rig, Vote::Mute, Vote::Mute);
    rig.run_for(ms(10_000));
    assert!(kinds(&rig).is_empty());
}

#[test]
fn a_new_life_heard_fresh_proves_the_condemned_one_over() {
    let mut rig = Rig::new();
    silent(&mut rig, AGREES, Vote::Mute);
    rig.run_for(ms(1_000));
    let boot = rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(kinds(&rig), [ProofKind::Reborn]);
    assert_eq!(rig.proofs[0].boot(), first_life(TARGET));
    assert_eq!(rig.proofs[0].evidence(), Evidence::Reborn { boot });
}

#[test]
fn a_recording_of_another_life_closes_no_case() {
    let mut rig = Rig::new();
    let old_echo = rig.peer(agent(TARGET)).heard;
    silent(&mut rig, AGREES, Vote::Mute);
    rig.run_for(ms(1_000));
    rig.reborn(TARGET);
    rig.silence(agent(TARGET));
    for echo in [None, old_echo] {
        for _ in 0..20 {
            rig.peer(agent(TARGET)).heard = echo;
            let recorded = rig.peer(agent(TARGET)).says(Body::Renew(trusted()));
            rig.hears(recorded);
        }
        rig.run_for(ms(100));
    }
    assert!(kinds(&rig).is_empty());
    assert_eq!(rig.member(TARGET).boot, Some(first_life(TARGET)));
}

#[test]
fn a_human_is_believed_only_once_a_majority_has_condemned() {
    let mut rig = Rig::new();
    silent(&mut rig, Vote::Mute, Vote::Mute);
    rig.run_for(ms(1_000));
    rig.input(Input::Confirm { target: node(TARGET) });
    rig.run_for(ms(3_000));
    assert!(kinds(&rig).is_empty(), "it could be granted another lease");
    rig.votes(AGREES, Vote::Mute);
    rig.run_for(ms(200));
    assert_eq!(kinds(&rig), [ProofKind::Operator]);
}

#[test]
fn a_node_that_left_and_fell_silent_is_not_lost() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    let acks = rig.says(agent(TARGET), Body::Leave(Leave {}));
    assert_eq!(acks.iter().map(Body::kind).collect::<Vec<_>>(), [Kind::LEAVE_ACK]);
    rig.silence(agent(TARGET));
    rig.run_for(ms(5_000));
    assert_eq!(rig.core.cases().count(), 0);
    assert_eq!(rig.told(|news| *news == News::Left { node: node(TARGET) }), 1);
}

#[test]
fn a_life_that_has_left_is_granted_nothing_any_more() {
    let mut rig = Rig::new();
    rig.says(agent(TARGET), Body::Leave(Leave {}));
    let straggler = rig.says(agent(TARGET), Body::Renew(trusted()));
    assert!(!straggler.iter().any(|body| body.kind() == Kind::GRANT), "{straggler:?}");
}

#[test]
fn a_leaving_while_the_case_is_open_proves_it() {
    let mut rig = Rig::new();
    rig.votes(EXPIRED, Vote::Mute);
    rig.input(Input::Order { target: node(TARGET) });
    rig.says(agent(TARGET), Body::Leave(Leave {}));
    rig.run_for(ms(200));
    assert_eq!(kinds(&rig), [ProofKind::Left]);
}

#[test]
fn each_life_is_proven_over_once() {
    let mut rig = Rig::new();
    silent(&mut rig, AGREES, AGREES);
    cut(&mut rig);
    rig.votes(EXPIRED, EXPIRED);
    for voter in [2, 3] {
        rig.tells_fenced(voter, TARGET, ProofKind::LeaseExpired);
    }
    rig.input(Input::Confirm { target: node(TARGET) });
    rig.run_for(ms(5_000));
    assert_eq!(kinds(&rig), [ProofKind::PowerOff]);
    assert_eq!(rig.told(|news| matches!(news, News::Fenced { .. })), 1);
}

#[test]
fn a_proof_of_another_voter_is_noted_and_acknowledged() {
    let mut rig = Rig::new();
    let fenced =
        Fenced { target: node(TARGET), boot: first_life(TARGET), proof: ProofKind::PowerOff };
    let answers = rig.says(fencer(3), Body::Fenced(fenced));
    assert_eq!(answers.iter().map(Body::kind).collect::<Vec<_>>(), [Kind::FENCED_ACK]);
    let evidence = Evidence::Reported { by: node(3), kind: ProofKind::PowerOff };
    assert_eq!(rig.proofs[0].evidence(), evidence);
    assert_eq!(rig.persisted.len(), 1, "and written");
}

#[test]
fn a_proof_about_the_own_machine_is_given_to_nobody() {
    let mut rig = Rig::new();
    rig.tells_fenced(3, 1, ProofKind::PowerOff);
    assert!(rig.proofs.is_empty());
    assert_eq!(rig.renews(1), Err(Withheld::Condemned), "it is written down all the same");
}

#[test]
fn a_life_proven_over_that_speaks_is_an_alarm_once_and_granted_nothing() {
    let mut rig = Rig::new();
    rig.tells_fenced(3, TARGET, ProofKind::PowerOff);
    for _ in 0..5 {
        assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
    }
    assert_eq!(rig.alarms(Alarm::Zombie { node: node(TARGET) }), 1);
}

#[test]
fn a_case_without_a_proof_for_long_is_told_as_failed_once_and_tried_on() {
    let mut rig = Rig::new();
    silent(&mut rig, AGREES, AGREES);
    rig.run_for(ms(40_000));
    assert_eq!(rig.told(|news| *news == News::Failed { target: node(TARGET) }), 1);
    cut(&mut rig);
    assert_eq!(kinds(&rig), [ProofKind::PowerOff]);
}

#[test]
fn a_case_against_another_life_is_not_proven_by_its_end() {
    let mut rig = Rig::new();
    let former = first_life(TARGET);
    rig.reborn(TARGET);
    rig.run_for(ms(300));
    rig.votes(AGREES, Vote::Mute);
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(300));
    let fenced = Fenced { target: node(TARGET), boot: former, proof: ProofKind::PowerOff };
    rig.says(fencer(3), Body::Fenced(fenced));
    assert_eq!(rig.case().map(|case| case.proven), Some(None), "the life of now is not over");
    assert_eq!(
        rig.asks(2, TARGET, Why::Operator, false).map(|body| body.kind()),
        Some(Kind::DECLINED)
    );
}
