//! Faults that come together: what is forgotten, late, stale or unheard must not break a promise.

use palisade_protocol::ids::{BootId, NodeMask};
use palisade_protocol::wire::{
    Agreed, Body, Decline, Kind, Leave, Pardon, ProofKind, Request, Why, Withheld,
};

use super::rig::{
    AGREES, BEAT, Disk, EXPIRED, FIRE, NS, Rig, SPAN, START, TARGET, Vote, WARRANT, agent, config,
    declined, fencer, first_life, has_agreed, ms, node, recalled,
};
use crate::config::FencerConfig;
use crate::fencer::Input;
use crate::news::News;
use crate::proof::Proof;
use crate::warrant::{PowerAct, Void};

const HEARS: Vote = Vote::Declines(Decline::StillHeard);
const KNOWS_BETTER: Vote = Vote::Declines(Decline::UnknownLife);

fn kinds(rig: &Rig) -> Vec<ProofKind> {
    rig.proofs.iter().map(Proof::kind).collect()
}

/// A target that left and is heard no more.
fn has_left() -> Rig {
    let mut rig = Rig::new();
    rig.says(agent(TARGET), Body::Leave(Leave {}));
    rig.silence(agent(TARGET));
    rig
}

/// A fencer whose disk takes nothing, so that it is bound to nothing itself, and the order to cut
/// the power of a target that both others are bound against.
fn shooting_without_a_disk() -> (Rig, crate::warrant::OrderId) {
    let mut rig = Rig::with(FencerConfig { fences_at_once_max: 2, ..config() });
    rig.disk = Disk::Broken;
    rig.asks(2, 3, Why::Operator, true);
    rig.votes(AGREES, AGREES);
    rig.silence(agent(TARGET));
    let id = rig.await_order(PowerAct::Off);
    (rig, id)
}

#[test]
fn a_leaving_proves_nothing_while_others_promise_to_that_life() {
    let mut rig = has_left();
    rig.votes(AGREES, AGREES);
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(1_000));
    assert_eq!(kinds(&rig), [], "it may have come back, unheard here");
    rig.votes(EXPIRED, Vote::Mute);
    rig.run_for(ms(100));
    assert_eq!(kinds(&rig), [ProofKind::Left]);
}

#[test]
fn to_a_life_that_left_no_promise_is_in_force_and_no_lease_proves_it_dead() {
    let mut rig = has_left();
    let Some(Body::Agreed(agreed)) = rig.asks(2, TARGET, Why::Operator, true) else {
        panic!("an order is agreed to");
    };
    assert!(agreed.promise_over, "it gave its lease up");
    assert!(!agreed.dog_trusted, "it lives on, and its watchdog sleeps");
}

#[test]
fn a_node_that_left_is_condemned_for_silence_by_nobody_who_knows() {
    let mut rig = has_left();
    rig.run_for(ms(2_000));
    for bind in [false, true] {
        let answer = rig.asks(2, TARGET, Why::Silence, bind);
        assert_eq!(declined(answer), Some(Decline::UnknownLife));
    }
    assert!(has_agreed(rig.asks(2, TARGET, Why::Operator, true)), "an order is an order");
}

/// A voter that was restarted knows the last life alone, and that one is silent because it left.
#[test]
fn where_the_life_known_has_left_nobody_agrees_to_end_an_earlier_one() {
    for why in [Why::Silence, Why::Operator] {
        let mut rig = has_left();
        rig.run_for(ms(2_000));
        for silent_ms in [None, Some(2_001)] {
            let answer = rig.asks_about(2, BootId(0xdead), why, silent_ms);
            assert_eq!(declined(answer), Some(Decline::UnknownLife), "the last would be hit");
        }
    }
}

#[test]
fn of_two_shooters_that_hold_each_other_off_the_one_ranked_behind_gives_way() {
    for (me, others, gives_way) in [(3, [1, 2], true), (1, [2, 3], false)] {
        let mut rig = Rig::with(FencerConfig { me: node(me), ..config() });
        for other in others {
            rig.peer(fencer(other)).vote = Vote::Retreats(Decline::OtherShooter);
        }
        rig.silence(agent(TARGET));
        rig.run_for(ms(1_000));
        assert_eq!(rig.core.cases().next().map(|case| case.bound), Some(1), "bound to itself");
        assert_eq!(has_agreed(rig.asks(2, TARGET, Why::Silence, true)), gives_way);
        assert_eq!(rig.core.cases().count(), usize::from(!gives_way));
        assert_eq!(rig.sent_kinds(Kind::PARDON) > 0, gives_way, "the others are free, too");
    }
}

#[test]
fn a_shooter_that_a_majority_was_bound_to_gives_way_to_nobody() {
    let mut rig = Rig::with(FencerConfig { me: node(3), ..config() });
    rig.peer(fencer(1)).vote = AGREES;
    rig.silence(agent(TARGET));
    rig.await_order(PowerAct::Off);
    let answer = rig.asks(2, TARGET, Why::Silence, true);
    assert_eq!(declined(answer), Some(Decline::OtherShooter));
}

#[test]
fn a_voter_that_missed_a_leaving_believes_a_majority_and_not_one() {
    for (three, open) in [(KNOWS_BETTER, 0), (HEARS, 1)] {
        let mut rig = Rig::new();
        rig.votes(KNOWS_BETTER, three);
        rig.silence(agent(TARGET));
        rig.run_for(ms(3_000));
        assert_eq!(rig.core.cases().count(), open);
        assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. })), 1);
        assert_eq!(kinds(&rig), []);
        rig.peer(agent(TARGET)).speaks = true;
        rig.run_for(BEAT);
        assert_eq!(rig.member(TARGET).left, open == 0, "it is told so until it starts anew");
    }
}

#[test]
fn a_leaving_is_unlearned_when_another_voter_grants_that_life_later() {
    let mut rig = has_left();
    rig.peer(fencer(2)).beat.granting = NodeMask::EMPTY.with(node(TARGET));
    rig.run_for(SPAN * 3 - BEAT);
    assert!(rig.member(TARGET).left, "that grant may be older than the leaving");
    rig.run_for(BEAT * 3);
    assert!(!rig.member(TARGET).left, "it has come back, unheard here");
    assert!(has_agreed(rig.asks(2, TARGET, Why::Silence, false)), "so it may be lost again");
}

#[test]
fn a_restarted_voter_that_forgot_the_shooter_agrees_with_nobody_while_its_warrant_may_stand() {
    let mut rig = Rig::starting(config(), recalled(TARGET, None));
    rig.silence(agent(TARGET));
    rig.run_to(START + (WARRANT - NS));
    assert_eq!(declined(rig.asks(3, TARGET, Why::Silence, true)), Some(Decline::OtherShooter));
    rig.run_to(START + WARRANT);
    assert!(has_agreed(rig.asks(3, TARGET, Why::Silence, true)));
}

/// Its fencer was restarted; or stood still while the machine got the life that this one knows.
#[test]
fn of_two_silent_lives_the_one_that_was_heard_last_is_condemned_and_if_nobody_can_tell_none() {
    let asked_after = |silent_ms| {
        let mut rig = Rig::new();
        rig.silence(agent(TARGET));
        rig.run_for(ms(2_000));
        rig.asks_about(2, BootId(0xdead), Why::Silence, silent_ms)
    };
    let heard_before = ms(2_000).as_millis().try_into().ok();
    for silent_ms in [heard_before, Some(u32::MAX), None] {
        assert_eq!(declined(asked_after(silent_ms)), Some(Decline::UnknownLife), "{silent_ms:?}");
    }
    assert!(has_agreed(asked_after(Some(1_000))), "it is the later one");
}

/// It was restarted: before that it may have granted a later life than the asker knows.
#[test]
fn a_voter_that_has_just_started_ends_no_life_of_which_the_news_are_older_than_its_start() {
    let asked_after = |restarted_for, silent_ms| {
        let mut rig = Rig::starting(config(), recalled(3, None));
        rig.silence(agent(TARGET));
        rig.run_for(restarted_for);
        rig.asks_about(2, BootId(0xdead), Why::Silence, silent_ms)
    };
    let soon = ms(1_000);
    for silent_ms in [Some(900), Some(1_500), Some(u32::MAX), None] {
        assert_eq!(declined(asked_after(soon, silent_ms)), Some(Decline::Holding), "{silent_ms:?}");
    }
    assert!(has_agreed(asked_after(soon, Some(400))), "heard after the start: the last one");
    let dead_by = WARRANT + FIRE;
    for silent_ms in [Some(10_000), None] {
        assert_eq!(declined(asked_after(dead_by, silent_ms)), None, "whatever it served is dead");
        let sooner = dead_by.saturating_sub(ms(100));
        assert_eq!(declined(asked_after(sooner, silent_ms)), Some(Decline::Holding));
    }
}

#[test]
fn nobody_who_is_at_work_is_condemned_by_those_who_are_bound_to_him() {
    let mut rig = Rig::new();
    assert!(has_agreed(rig.asks(2, TARGET, Why::Operator, true)));
    let bound_at = rig.now;
    for bind in [false, true] {
        let answer = rig.asks(3, 2, Why::Operator, bind);
        assert_eq!(declined(answer), Some(Decline::OtherShooter));
    }
    rig.run_to(bound_at + WARRANT);
    assert_eq!(
        declined(rig.asks(3, 2, Why::Operator, true)),
        None,
        "unless it has not asked again"
    );
    assert_eq!(declined(rig.asks(2, TARGET, Why::Operator, true)), Some(Decline::AskerCondemned));
}

/// A frame proves that its sender lived within `echo_max` before it came: less than that tells nothing.
#[test]
fn two_lives_heard_at_about_one_time_are_not_told_apart() {
    let mut rig = Rig::new();
    let silent_since = rig.now;
    rig.silence(agent(TARGET));
    rig.run_for(ms(2_000));
    let since = u32::try_from(rig.now.since(silent_since).as_millis()).unwrap();
    let answer = rig.asks_about(2, BootId(0xdead), Why::Silence, Some(since - 250));
    assert_eq!(declined(answer), Some(Decline::UnknownLife));
}

#[test]
fn a_life_that_was_replaced_unheard_is_no_concern_once_the_next_one_is_condemned() {
    let mut rig = Rig::new();
    rig.votes(HEARS, HEARS);
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_000));
    assert_eq!(rig.core.cases().count(), 1, "the life known is suspected");
    assert!(has_agreed(rig.asks_about(2, BootId(0xdead), Why::Silence, Some(400))));
    rig.run_for(ms(500));
    assert_eq!(rig.core.cases().count(), 0);
}

#[test]
fn a_life_known_to_be_replaced_is_not_condemned_when_the_next_one_falls_silent() {
    let mut rig = Rig::new();
    let former = rig.life(TARGET);
    rig.reborn(TARGET);
    rig.run_for(ms(500));
    rig.silence(agent(TARGET));
    rig.run_for(ms(500));
    for why in [Why::Silence, Why::Operator] {
        for silent_ms in [None, Some(1_001)] {
            let answer = rig.asks_about(2, former, why, silent_ms);
            let unknown = Some(Decline::UnknownLife);
            assert_eq!(declined(answer), unknown, "{why:?} would cut the next life");
        }
    }
    assert!(has_agreed(rig.asks(2, TARGET, Why::Silence, true)), "the life that fell silent");
}

#[test]
fn a_voter_takes_nothing_back_that_another_shooter_counts_on() {
    let mut rig = Rig::new();
    rig.votes(HEARS, HEARS);
    rig.silence(agent(TARGET));
    rig.run_for(ms(600));
    assert!(rig.case().is_some(), "its own case, that nobody shares");
    assert!(has_agreed(rig.asks(2, TARGET, Why::Silence, true)));
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(WARRANT - BEAT);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned), "voter 2 may hold a warrant");
    rig.run_for(ms(500));
    assert_eq!(rig.renews(TARGET), Ok(()), "it has lapsed, and nobody is bound");
}

#[test]
fn a_human_is_believed_only_while_a_majority_is_bound() {
    let mut rig = Rig::new();
    rig.votes(AGREES, Vote::Mute);
    rig.silence(agent(TARGET));
    rig.await_order(PowerAct::Off);
    rig.votes(Vote::Mute, Vote::Mute);
    rig.run_for(WARRANT + BEAT);
    rig.input(Input::Confirm { target: node(TARGET) });
    rig.run_for(ms(500));
    assert_eq!(kinds(&rig), [], "the others may have pardoned it and promise anew");
    rig.votes(AGREES, Vote::Mute);
    rig.run_for(ms(100));
    assert_eq!(kinds(&rig), [ProofKind::Operator]);
}

#[test]
fn an_agreement_to_an_earlier_case_binds_nobody_to_the_next() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.run_until("a question", |rig| rig.sent_kinds(Kind::CONDEMN) > 0);
    let question = rig.peer(fencer(2)).heard;
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_until("the clearing", |rig| rig.case().is_none());
    rig.input(Input::Order { target: node(TARGET) });
    let (target, boot) = (node(TARGET), rig.life(TARGET));
    let late = Agreed { target, boot, bound: true, promise_over: true, dog_trusted: true };
    let mut frame = rig.peer(fencer(2)).says(Body::Agreed(late));
    frame.echo = question;
    rig.hears(frame);
    assert_eq!(rig.case().expect("the second case").bound, 0);
}

#[test]
fn a_pardon_that_the_next_question_overtook_takes_nothing_back() {
    let mut rig = Rig::new();
    let pardon = Pardon { target: node(TARGET), boot: rig.life(TARGET) };
    let late = rig.peer(fencer(2)).says(Body::Pardon(pardon));
    assert!(has_agreed(rig.asks(2, TARGET, Why::Operator, true)));
    rig.hears(late);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
    rig.says(fencer(2), Body::Pardon(pardon));
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn a_request_of_the_target_does_not_forget_a_command_under_way() {
    let (mut rig, id) = shooting_without_a_disk();
    for _greeted_first in 0..2 {
        rig.says(agent(TARGET), Body::Request(Request { why: Why::Health }));
    }
    assert_eq!(rig.core.warrant(rig.now, id).map(|_| ()), Ok(()));
    assert_eq!(rig.told(|news| matches!(news, News::Ordered { .. })), 1);
}

#[test]
fn a_new_life_ends_the_case_of_a_shooter_that_is_not_bound_itself() {
    let (mut rig, id) = shooting_without_a_disk();
    rig.reborn(TARGET);
    rig.run_for(ms(150));
    let pulled = rig.core.warrant(rig.now, id).map(|_| ());
    assert_eq!(pulled, Err(Void::NoSuchOrder), "it would cut a life that nobody condemned");
    assert_eq!(kinds(&rig), [ProofKind::Reborn]);
}

#[test]
fn suspicions_that_nobody_shares_keep_no_other_case_waiting() {
    let mut rig = Rig::new();
    rig.votes(HEARS, HEARS);
    for id in [2, 3, TARGET] {
        rig.silence(agent(id));
    }
    rig.run_for(ms(1_000));
    assert_eq!(rig.core.cases().count(), 3);
    assert!([2, 3, TARGET].iter().all(|id| rig.questions(*id).0 > 0), "each is asked about");
    assert_eq!(rig.told(|news| matches!(news, News::Alarm(_))), 0);
}

#[test]
fn a_warrant_that_lapsed_before_any_command_left_is_taken_back_from_a_life_that_speaks() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.silence(agent(TARGET));
    rig.await_order(PowerAct::Off);
    rig.votes(HEARS, HEARS);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(WARRANT - BEAT);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
    rig.run_for(ms(500));
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert_eq!(rig.core.cases().count(), 0, "and other nodes can be fenced again");
}

#[test]
fn a_life_that_may_still_fall_from_a_command_is_not_pardoned() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.silence(agent(TARGET));
    let id = rig.await_order(PowerAct::Off);
    assert!(rig.core.warrant(rig.now, id).is_ok());
    rig.votes(HEARS, HEARS);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(4_000));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Condemned));
}

#[test]
fn a_node_under_another_configuration_may_count_on_a_longer_promise() {
    let mut rig = Rig::new();
    rig.peer(agent(TARGET)).word.config += 1;
    rig.run_for(BEAT * 2);
    let Some(Body::Agreed(agreed)) = rig.asks(2, TARGET, Why::Operator, true) else {
        panic!("an order is agreed to");
    };
    assert!(!agreed.dog_trusted);
}

#[test]
fn a_voter_bound_to_a_life_that_was_replaced_unheard_is_free_when_a_majority_says_so() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.asks(2, TARGET, Why::Operator, true);
    rig.votes(KNOWS_BETTER, KNOWS_BETTER);
    rig.run_for(WARRANT - BEAT);
    assert_eq!(rig.persisted.last().map(|state| state.sentences.len()), Some(1));
    rig.run_for(ms(1_000));
    assert_eq!(rig.persisted.last().map(|state| state.sentences.len()), Some(0));
    assert_eq!(rig.core.cases().count(), 0);
    assert_eq!(rig.told(|news| matches!(news, News::Cleared { .. })), 1);
}

#[test]
fn what_is_no_concern_of_a_voter_is_told_once_however_often_it_asks() {
    let mut rig = Rig::new();
    rig.votes(KNOWS_BETTER, KNOWS_BETTER);
    rig.silence(agent(TARGET));
    rig.peer(fencer(2)).beat.granting = NodeMask::EMPTY.with(node(TARGET));
    rig.run_for(ms(5_000));
    assert!(rig.questions(TARGET).0 > 2, "it asks again while others grant that node");
    assert_eq!(rig.told(|news| matches!(news, News::Suspected { .. })), 1);
    assert_eq!(rig.told(|news| matches!(news, News::Cleared { .. })), 1);
}

#[test]
fn a_condemned_life_is_taken_up_before_an_older_one_that_is_only_suspected() {
    let mut rig = Rig::new();
    rig.votes(HEARS, HEARS);
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_000));
    let next = BootId(first_life(TARGET).0 + 1);
    assert!(has_agreed(rig.asks_about(2, next, Why::Silence, Some(400))));
    rig.votes(Vote::Mute, AGREES);
    rig.run_for(WARRANT + ms(500));
    assert_eq!(rig.core.cases().map(|case| case.boot).collect::<Vec<_>>(), [next]);
    assert_eq!(rig.orders.len(), 1);
}

#[test]
fn a_node_that_left_is_ordered_off_without_its_power_being_cut() {
    let mut rig = has_left();
    rig.votes(AGREES, AGREES);
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(3_000));
    assert!(rig.orders.is_empty(), "the promises of the others end by themselves");
    rig.votes(EXPIRED, Vote::Mute);
    rig.run_for(ms(100));
    assert_eq!(kinds(&rig), [ProofKind::Left]);
    assert!(rig.orders.is_empty());
}
