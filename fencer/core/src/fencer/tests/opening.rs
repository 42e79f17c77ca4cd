//! When a case is opened, and what silence is worth.

use palisade_protocol::wire::{Body, Decline, Kind, Request, Why};

use super::rig::{
    AGREES, BEAT, Disk, NS, Rig, SPAN, TARGET, Vote, agent, fencer, first_life, ms, node,
};
use crate::fencer::Input;
use crate::news::{News, Refused};

fn suspected(rig: &Rig) -> usize {
    rig.told(|news| matches!(news, News::Suspected { .. }))
}

fn warranted(rig: &Rig) -> usize {
    rig.told(|news| matches!(news, News::Warranted { .. }))
}

fn refused(rig: &Rig, because: Refused) -> usize {
    rig.told(|news| matches!(news, News::OrderRefused { because: why, .. } if *why == because))
}

#[test]
fn a_silent_member_is_suspected_at_the_first_beat_after_the_span_and_told_once() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    let granted_at = rig.member(TARGET).granted_at.expect("it was granted");
    rig.run_to(granted_at + SPAN);
    assert_eq!(suspected(&rig), 0);
    rig.run_to(granted_at + SPAN + BEAT);
    assert_eq!(suspected(&rig), 1);
    rig.run_for(ms(3_000));
    assert_eq!(suspected(&rig), 1);
}

#[test]
fn nobody_is_bound_before_a_majority_would_be() {
    let mut rig = Rig::new();
    let declines = Vote::Declines(Decline::StillHeard);
    rig.votes(declines, declines);
    rig.silence(agent(TARGET));
    rig.run_for(ms(5_000));
    let (asked, bound) = rig.questions(TARGET);
    assert!(asked > 50 && !bound, "{asked} questions");
    assert!(rig.persisted.is_empty());
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(150));
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert_eq!(rig.told(|news| *news == News::Cleared { target: node(TARGET) }), 1);
    assert_eq!(rig.core.cases().count(), 0);
}

#[test]
fn sounding_and_then_binding_a_majority_makes_a_warrant() {
    let mut rig = Rig::new();
    rig.votes(AGREES, Vote::Mute);
    rig.silence(agent(TARGET));
    rig.run_until("the warrant", |rig| warranted(rig) == 1);
    let warranted = News::Warranted { target: node(TARGET), boot: first_life(TARGET), votes: 2 };
    assert_eq!(rig.told(|news| *news == warranted), 1);
    let binds = rig.sent.iter().filter_map(|(_, post)| match post.body {
        Body::Condemn(condemn) if post.dst == fencer(2) => Some(condemn.bind),
        _ => None,
    });
    assert_eq!(binds.collect::<Vec<_>>()[..2], [false, true]);
}

#[test]
fn one_voter_alone_condemns_nobody() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.run_for(ms(10_000));
    assert_eq!(warranted(&rig), 0);
    assert!(rig.persisted.is_empty() && rig.orders.is_empty());
}

#[test]
fn the_own_vote_counts_only_once_it_is_on_the_disk() {
    let mut rig = Rig::new();
    rig.votes(AGREES, Vote::Mute);
    rig.disk = Disk::Slow;
    rig.silence(agent(TARGET));
    rig.run_for(ms(2_000));
    assert_eq!(warranted(&rig), 0);
    let version = rig.persisted.last().expect("it is to be written").version;
    rig.input(Input::Durable { version });
    assert_eq!(warranted(&rig), 1);
}

#[test]
fn agreements_to_sound_are_no_warrant() {
    let mut rig = Rig::new();
    rig.votes(Vote::Retreats(Decline::Writing), Vote::Retreats(Decline::Writing));
    rig.silence(agent(TARGET));
    rig.run_for(ms(5_000));
    assert_eq!(warranted(&rig), 0);
    assert!(rig.orders.is_empty());
}

#[test]
fn a_fencer_that_hears_no_voter_accuses_nobody_and_listens_anew_when_it_does() {
    let mut rig = Rig::new();
    let everybody = [fencer(2), fencer(3), agent(1), agent(2), agent(3), agent(TARGET)];
    for who in everybody {
        rig.silence(who);
    }
    rig.run_for(ms(5_000));
    assert_eq!(suspected(&rig), 0, "it is the one that is cut off");
    for who in &everybody[..5] {
        rig.peer(*who).speaks = true;
    }
    let back_at = rig.now;
    rig.run_until("the suspicion", |rig| suspected(rig) > 0);
    assert!(rig.now.since(back_at) > SPAN, "after {:?}", rig.now.since(back_at));
    assert_eq!(suspected(&rig), 1, "{:?}", rig.news);
}

#[test]
fn a_loop_that_stood_still_counts_silence_anew() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.now += ms(1_000);
    let woken_at = rig.now;
    rig.input(Input::Tick);
    assert_eq!(rig.told(|news| matches!(news, News::Stalled { .. })), 1);
    assert_eq!(suspected(&rig), 0);
    rig.run_until("the suspicion", |rig| suspected(rig) == 1);
    assert!(rig.now.since(woken_at) > SPAN);
    let on_target =
        |news: &News| matches!(news, News::Suspected { target, .. } if *target == node(TARGET));
    assert_eq!(rig.told(on_target), 1);
}

#[test]
fn a_stall_too_short_to_lose_the_voters_counts_silence_anew_all_the_same() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.run_for(ms(200));
    rig.now = rig.core.next_deadline() + ms(150);
    let woken_at = rig.now;
    rig.input(Input::Tick);
    assert_eq!(rig.core.quorum(rig.now).0, 3, "every voter was heard within the span");
    rig.run_until("the suspicion", |rig| suspected(rig) == 1);
    assert!(rig.now.since(woken_at) > SPAN, "after {:?}", rig.now.since(woken_at));
}

#[test]
fn a_timer_two_beats_late_is_no_stall_and_a_nanosecond_more_is() {
    for (late, stalls) in [(BEAT * 2, 0), (BEAT * 2 + NS, 1)] {
        let mut rig = Rig::new();
        rig.now = rig.core.next_deadline() + late;
        rig.input(Input::Tick);
        assert_eq!(rig.told(|news| *news == News::Stalled { late_by: late }), stalls);
    }
}

#[test]
fn nobody_shoots_the_machine_it_runs_on() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.silence(agent(1));
    rig.input(Input::Order { target: node(1) });
    rig.says(agent(1), Body::Request(Request { why: Why::Health }));
    rig.run_for(ms(5_000));
    assert_eq!(refused(&rig, Refused::NotFromHere), 1);
    assert_eq!(rig.core.cases().count(), 0);
    assert!(rig.orders.is_empty());
}

#[test]
fn the_fencer_of_a_condemned_node_opens_no_case() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.asks(2, 1, Why::Operator, true);
    rig.silence(agent(TARGET));
    rig.input(Input::Order { target: node(3) });
    rig.run_for(ms(3_000));
    assert_eq!(refused(&rig, Refused::NotFromHere), 1);
    assert_eq!(rig.core.cases().count(), 0);
}

#[test]
fn an_order_against_nobody_known_is_refused() {
    let mut rig = Rig::starting(super::rig::config(), crate::durable::Memory::Lost);
    rig.silence(agent(TARGET));
    rig.input(Input::Order { target: node(9) });
    rig.input(Input::Order { target: node(TARGET) });
    assert_eq!((refused(&rig, Refused::Unknown), refused(&rig, Refused::NeverSeen)), (1, 1));
}

#[test]
fn an_operators_order_needs_a_majority_like_any_other() {
    let mut rig = Rig::new();
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(3_000));
    assert_eq!(warranted(&rig), 0);
    rig.votes(AGREES, Vote::Mute);
    rig.run_until("the warrant", |rig| warranted(rig) == 1);
}

#[test]
fn a_case_ordered_is_not_cleared_by_hearing_its_target() {
    let mut rig = Rig::new();
    rig.input(Input::Order { target: node(TARGET) });
    rig.run_for(ms(500));
    assert_eq!(rig.renews(TARGET), Ok(()), "nobody is bound yet");
    assert_eq!(rig.core.cases().count(), 1);
}

#[test]
fn an_order_turns_a_suspicion_into_an_order() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.run_for(ms(600));
    rig.input(Input::Order { target: node(TARGET) });
    rig.forget();
    rig.run_for(ms(100));
    let ordered = |why: &Why| *why == Why::Operator;
    let asked = rig.sent.iter().filter_map(|(_, post)| match post.body {
        Body::Condemn(condemn) => Some(condemn.why),
        _ => None,
    });
    let asked: Vec<Why> = asked.collect();
    assert!(!asked.is_empty() && asked.iter().all(ordered), "{asked:?}");
}

#[test]
fn a_member_whose_service_failed_may_ask_to_be_taken_over_from() {
    let mut rig = Rig::new();
    for _ in 0..3 {
        rig.says(agent(TARGET), Body::Request(Request { why: Why::Health }));
    }
    let ordered = News::Ordered { target: node(TARGET), why: Why::Health };
    assert_eq!(rig.told(|news| *news == ordered), 1);
    assert_eq!(rig.core.cases().count(), 1);
}

#[test]
fn silence_cannot_be_requested() {
    let mut rig = Rig::new();
    rig.says(agent(TARGET), Body::Request(Request { why: Why::Silence }));
    assert_eq!(rig.core.cases().count(), 0);
}

#[test]
fn a_stand_in_asks_three_beats_later_for_each_that_is_ranked_before_it() {
    let mut config = super::rig::config();
    config.me = node(3);
    let mut rig = Rig::with(config);
    rig.silence(agent(TARGET));
    rig.run_until("the suspicion", |rig| suspected(rig) == 1);
    let opened_at = rig.now;
    rig.run_until("a question", |rig| rig.sent_kinds(Kind::CONDEMN) > 0);
    assert_eq!(rig.now.since(opened_at), BEAT * 6);
}

#[test]
fn a_stand_in_waits_for_no_fencer_that_is_not_heard() {
    let mut config = super::rig::config();
    config.me = node(3);
    let mut rig = Rig::with(config);
    rig.silence(fencer(1));
    rig.run_for(ms(400));
    rig.silence(agent(TARGET));
    rig.run_until("the suspicion", |rig| suspected(rig) == 1);
    let opened_at = rig.now;
    rig.run_until("a question", |rig| rig.sent_kinds(Kind::CONDEMN) > 0);
    assert_eq!(rig.now.since(opened_at), BEAT * 3);
}
