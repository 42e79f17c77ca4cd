//! What this voter says when it is asked, and what binds it.

use palisade_protocol::ids::BootId;
use palisade_protocol::wire::{Agreed, Body, Condemn, Decline, Kind, ProofKind, Why, Withheld};

use super::rig::{
    DIGEST, Disk, NS, PROMISE, Rig, SPAN, START, TARGET, Vote, WARRANT, agent, config, declined,
    fencer, first_life, has_agreed, ms, node,
};
use crate::durable::{DURABLE_MAX, DurableState, Memory};
use crate::fencer::Input;
use crate::news::Alarm;

fn agreed(answer: Option<Body>) -> Option<Agreed> {
    match answer {
        Some(Body::Agreed(agreed)) => Some(agreed),
        _ => None,
    }
}

/// A target that fell silent; when it was last heard.
fn fallen_silent() -> (Rig, palisade_protocol::time::Instant) {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    let heard_at = rig.member(TARGET).heard_at.expect("it was heard");
    (rig, heard_at)
}

#[test]
fn a_voter_that_hears_the_target_agrees_to_no_suspicion() {
    for bind in [false, true] {
        let mut rig = Rig::new();
        let answer = rig.asks(2, TARGET, Why::Silence, bind);
        assert_eq!(declined(answer), Some(Decline::StillHeard));
        assert_eq!(rig.renews(TARGET), Ok(()));
    }
}

#[test]
fn suspicion_is_shared_a_nanosecond_after_the_span_of_silence() {
    for (waited, shared) in [(SPAN, false), (SPAN + NS, true)] {
        let (mut rig, heard_at) = fallen_silent();
        rig.run_to(heard_at + waited);
        let answer = rig.asks(2, TARGET, Why::Silence, false);
        assert_eq!(agreed(answer).is_some(), shared, "after {waited:?}: {answer:?}");
    }
}

#[test]
fn an_order_is_agreed_to_even_while_the_target_speaks() {
    for why in [Why::Operator, Why::Health] {
        let mut rig = Rig::new();
        let answer = agreed(rig.asks(2, TARGET, why, true)).expect("an agreement");
        assert_eq!((answer.target, answer.boot), (node(TARGET), first_life(TARGET)));
        assert!(answer.bound && answer.dog_trusted);
        assert!(!answer.promise_over, "its last grant is a moment old");
    }
}

#[test]
fn a_promise_is_over_p_after_the_last_grant_and_not_before() {
    for (waited, over) in [(PROMISE - NS, false), (PROMISE, true)] {
        let (mut rig, granted_at) = fallen_silent();
        rig.run_to(granted_at + waited);
        let answer = agreed(rig.asks(2, TARGET, Why::Silence, true)).expect("an agreement");
        assert_eq!(answer.promise_over, over, "after {waited:?}");
    }
}

#[test]
fn a_question_that_only_sounds_binds_nobody() {
    let mut rig = Rig::new();
    let answer = agreed(rig.asks(2, TARGET, Why::Operator, false)).expect("it would agree");
    assert!(!answer.bound);
    assert!(rig.persisted.is_empty());
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert!(agreed(rig.asks(3, TARGET, Why::Operator, false)).is_some(), "nobody's yet");
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Ok(()), "nor is its next life held back");
}

#[test]
fn nothing_is_agreed_to_before_it_is_on_the_disk() {
    let mut rig = Rig::new();
    rig.disk = Disk::Slow;
    assert_eq!(rig.asks(2, TARGET, Why::Operator, true), None);
    let version = rig.persisted.last().expect("it is to be written").version;
    rig.run_for(ms(200));
    assert_eq!(rig.asks(2, TARGET, Why::Operator, true), None, "asked again");
    rig.input(Input::Durable { version: version.wrapping_sub(1) });
    assert_eq!(rig.sent_kinds(Kind::AGREED), 0, "an older state is on the disk");
    rig.input(Input::Durable { version });
    let agreements = rig.sent.iter().filter_map(|(_, post)| agreed(Some(post.body)));
    assert_eq!(agreements.map(|agreed| agreed.bound).collect::<Vec<_>>(), [true]);
}

#[test]
fn the_answer_that_waited_for_the_disk_echoes_the_question() {
    let mut rig = Rig::new();
    rig.disk = Disk::Slow;
    let condemn = Condemn {
        target: node(TARGET),
        boot: first_life(TARGET),
        why: Why::Operator,
        bind: true,
        silent_ms: None,
    };
    let question = rig.peer(fencer(2)).says(Body::Condemn(condemn));
    rig.hears(question);
    rig.run_for(ms(100));
    let version = rig.persisted.last().expect("it is to be written").version;
    rig.input(Input::Durable { version });
    let (_, answer) = rig.sent.last().expect("an answer");
    assert_eq!((answer.dst, answer.echo), (fencer(2), Some(question.as_echo())));
}

#[test]
fn a_condemned_life_is_granted_nothing_from_the_first_moment_on() {
    let mut rig = Rig::new();
    rig.disk = Disk::Slow;
    assert_eq!(rig.renews(TARGET), Ok(()));
    rig.asks(2, TARGET, Why::Operator, true);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned), "before it is on the disk");
}

#[test]
fn a_disk_that_fails_makes_a_voter_decline_until_it_writes_again() {
    let mut rig = Rig::new();
    rig.disk = Disk::Broken;
    assert_eq!(rig.asks(2, TARGET, Why::Operator, true), None);
    assert_eq!(rig.alarms(Alarm::DiskFailed), 1);
    let answer = rig.asks(2, TARGET, Why::Operator, true);
    assert_eq!(declined(answer), Some(Decline::DiskFailed));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned), "what was said binds all the same");
    rig.disk = Disk::Prompt;
    rig.run_for(ms(100));
    assert!(agreed(rig.asks(2, TARGET, Why::Operator, true)).is_some_and(|agreed| agreed.bound));
}

/// Each has condemned the other's node, and takes that back when a majority is not bound to it.
#[test]
fn whoever_asks_about_a_life_that_is_heard_is_told_so_even_if_its_own_node_is_condemned() {
    let mut rig = Rig::new();
    rig.asks(3, 2, Why::Operator, true);
    for bind in [false, true] {
        let answer = rig.asks(2, TARGET, Why::Silence, bind);
        let told = matches!(answer, Some(Body::Declined(no)) if no.why == Decline::StillHeard);
        assert!(told, "{answer:?}");
    }
}

#[test]
fn the_fencer_of_a_condemned_node_is_helped_to_nothing() {
    let mut rig = Rig::new();
    assert!(agreed(rig.asks(3, 2, Why::Operator, true)).is_some());
    for bind in [false, true] {
        let answer = rig.asks(2, TARGET, Why::Operator, bind);
        assert_eq!(declined(answer), Some(Decline::AskerCondemned));
    }
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn of_two_that_shoot_at_each_other_one_wins() {
    let mut rig = Rig::new();
    assert!(agreed(rig.asks(2, 3, Why::Operator, true)).is_some());
    let answer = rig.asks(3, 2, Why::Operator, true);
    assert_eq!(declined(answer), Some(Decline::AskerCondemned));
    assert_eq!(rig.renews(2), Ok(()));
}

#[test]
fn a_target_has_one_shooter_until_its_warrant_has_lapsed() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let bound_at = rig.now;
    for (waited, why) in [
        (NS, Some(Decline::OtherShooter)),
        (WARRANT - NS, Some(Decline::OtherShooter)),
        (WARRANT, None),
    ] {
        rig.run_to(bound_at + waited);
        let answer = rig.asks(3, TARGET, Why::Silence, false);
        assert_eq!(declined(answer), why, "after {waited:?}: {answer:?}");
    }
}

#[test]
fn the_shooter_itself_may_ask_again_and_is_agreed_to_anew() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        assert!(
            agreed(rig.asks(2, TARGET, Why::Silence, true)).is_some() || rig.persisted.is_empty()
        );
        rig.asks(2, TARGET, Why::Operator, true);
        rig.run_for(ms(50));
    }
    assert_eq!(rig.persisted.len(), 1, "one sentence, written once");
}

#[test]
fn a_life_that_is_not_the_one_heard_is_unknown() {
    let mut rig = Rig::new();
    for why in [Why::Silence, Why::Operator] {
        let condemn =
            Condemn { target: node(TARGET), boot: BootId(1), why, bind: true, silent_ms: None };
        let answer = rig.says(fencer(2), Body::Condemn(condemn)).pop();
        assert_eq!(declined(answer), Some(Decline::UnknownLife));
    }
    assert!(rig.persisted.is_empty());
}

#[test]
fn a_node_that_is_not_configured_has_no_life() {
    let mut rig = Rig::new();
    let condemn = Condemn {
        target: node(9),
        boot: BootId(1),
        why: Why::Operator,
        bind: true,
        silent_ms: None,
    };
    let answer = rig.says(fencer(2), Body::Condemn(condemn)).pop();
    assert_eq!(declined(answer), Some(Decline::UnknownLife));
}

#[test]
fn a_life_known_to_be_over_is_declined_with_what_proves_it() {
    for proof in [ProofKind::PowerOff, ProofKind::LeaseExpired, ProofKind::Operator] {
        let mut rig = Rig::new();
        rig.tells_fenced(3, TARGET, proof);
        let answer = rig.asks(2, TARGET, Why::Silence, true);
        assert_eq!(declined(answer), Some(Decline::Over(proof)));
    }
}

#[test]
fn a_voter_without_its_memory_agrees_to_nothing_until_everybody_it_may_have_condemned_is_dead() {
    let dead_by = START + WARRANT + super::rig::FIRE;
    for (at, why) in [
        (START + ms(1_000), Some(Decline::Holding)),
        (dead_by.before(NS), Some(Decline::Holding)),
        (dead_by, None),
    ] {
        let mut rig = Rig::starting(config(), Memory::Lost);
        rig.run_to(at);
        let answer = rig.asks(2, TARGET, Why::Operator, true);
        assert_eq!(declined(answer), why, "at {at}: {answer:?}");
    }
}

#[test]
fn a_voter_that_has_just_started_has_not_listened_long_enough_to_call_anybody_silent() {
    let mut rig = Rig::starting(config(), Memory::Recalled(DurableState::default()));
    rig.silence(agent(TARGET));
    rig.run_for(ms(250));
    let answer = rig.asks(2, TARGET, Why::Silence, false);
    assert_eq!(declined(answer), Some(Decline::StillHeard));
    rig.run_for(ms(600));
    assert!(has_agreed(rig.asks_about(2, first_life(TARGET), Why::Silence, Some(400))));
}

#[test]
fn what_was_condemned_stays_condemned_after_a_restart() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let mut bytes = [0; DURABLE_MAX];
    let len = rig.persisted.last().expect("it was written").encode(&mut bytes);
    let state = DurableState::decode(&bytes[..len]).expect("what was written can be read");
    let mut rig = Rig::starting(config(), Memory::Recalled(state));
    for _ in 0..20 {
        rig.run_for(ms(200));
        assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned), "at {}", rig.now);
    }
    assert_eq!(rig.renews(3), Ok(()), "nobody else is");
}

#[test]
fn a_restarted_voter_still_refuses_the_fencer_of_a_node_it_condemned() {
    let mut rig = Rig::new();
    rig.asks(3, 2, Why::Operator, true);
    let state = rig.persisted.last().expect("it was written").clone();
    let mut rig = Rig::starting(config(), Memory::Recalled(state));
    rig.silence(agent(2));
    rig.run_for(ms(1_000));
    let answer = rig.asks(2, TARGET, Why::Operator, true);
    assert_eq!(declined(answer), Some(Decline::AskerCondemned));
}

#[test]
fn a_voter_mutes_nothing_but_its_own_vote() {
    let mut rig = Rig::new();
    rig.votes(Vote::Mute, Vote::Mute);
    rig.asks(2, TARGET, Why::Operator, true);
    rig.run_for(ms(100));
    assert!(rig.peer(fencer(2)).beat.config == DIGEST);
    assert_eq!(rig.sent_kinds(Kind::CONDEMN), 0, "being asked opens no case of one's own");
}
