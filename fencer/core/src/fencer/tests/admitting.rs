//! Lives that come: by echo, when nobody is at work on an earlier one, and one at a time.

use palisade_protocol::ids::{BootId, Start};
use palisade_protocol::wire::{Body, Kind, Pardon, Post, ProofKind, Why, Withheld};

use super::rig::{
    AGREES, DIGEST, NS, Rig, TARGET, Vote, WARRANT, agent, config, fencer, first_life, has_agreed,
    ms, node, trusted,
};
use crate::news::{Alarm, News};
use crate::power::FALL_MAX;

fn admitted(rig: &Rig, rejoined: bool) -> usize {
    let target = node(TARGET);
    rig.told(|news| matches!(news, News::Admitted { node, rejoined: again, .. } if (*node, *again) == (target, rejoined)))
}

#[test]
fn a_new_life_is_admitted_by_echo_alone() {
    let mut rig = Rig::new();
    let boot = rig.reborn(TARGET);
    let answers = rig.says(agent(TARGET), Body::Renew(trusted()));
    assert_eq!(answers.iter().map(Body::kind).collect::<Vec<_>>(), [Kind::HELLO]);
    assert_eq!(rig.member(TARGET).boot, Some(first_life(TARGET)));
    rig.run_for(NS);
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert_eq!(rig.member(TARGET).boot, Some(boot));
    assert_eq!(admitted(&rig, false), 1);
}

#[test]
fn hellos_to_a_flood_of_recordings_are_few() {
    let mut rig = Rig::new();
    rig.reborn(TARGET);
    rig.silence(agent(TARGET));
    for _ in 0..1_000 {
        rig.peer(agent(TARGET)).heard = None;
        rig.says(agent(TARGET), Body::Renew(trusted()));
    }
    assert!(rig.sent_kinds(Kind::HELLO) <= 8, "{}", rig.sent_kinds(Kind::HELLO));
}

#[test]
fn while_a_shooter_is_at_work_the_next_life_is_held_back_until_its_warrant_has_lapsed() {
    let mut config = config();
    config.members[3].has_power_device = false;
    let mut rig = Rig::with(config);
    rig.asks(2, TARGET, Why::Operator, true);
    let bound_at = rig.now;
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    rig.run_to((bound_at + WARRANT).before(NS));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    rig.run_to(bound_at + WARRANT);
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert_eq!(admitted(&rig, true), 1);
}

/// The shooter's machine stood still, its clock too: it took an earlier life for the later one.
#[test]
fn a_life_known_but_silent_waits_for_a_shooter_that_asked_about_another() {
    let mut config = config();
    config.members[3].has_power_device = false;
    let mut rig = Rig::with(config);
    rig.silence(agent(TARGET));
    rig.run_for(ms(1_000));
    let answer = rig.asks_about(2, BootId(0xa000), Why::Silence, Some(400));
    let bound_at = rig.now;
    assert!(has_agreed(answer));
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    rig.run_to(bound_at + WARRANT);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn where_power_can_be_cut_the_next_life_waits_until_an_off_of_a_silent_shooter_has_taken_effect() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let lapsed_at = rig.now + WARRANT;
    rig.silence(fencer(2));
    rig.reborn(TARGET);
    rig.run_to((lapsed_at + FALL_MAX).before(NS));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    rig.run_to(lapsed_at + FALL_MAX);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn a_machine_that_was_proven_off_falls_no_more_and_its_next_life_waits_for_the_warrant_alone() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let lapsed_at = rig.now + WARRANT;
    rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
    rig.silence(fencer(2));
    rig.reborn(TARGET);
    rig.run_to(lapsed_at);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn a_shooter_whose_last_word_was_lost_is_asked_and_says_it_again() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let boot = rig.life(TARGET);
    rig.reborn(TARGET);
    rig.run_for(WARRANT - ms(100));
    rig.forget();
    rig.run_for(ms(200));
    let asked = |post: &Post| match post.body {
        Body::Condemn(condemn) => post.dst == fencer(2) && condemn.boot == boot && !condemn.bind,
        _ => false,
    };
    assert!(rig.sent.iter().any(|(_, post)| asked(post)), "nobody else can know");
    let pardon = Pardon { target: node(TARGET), boot };
    rig.says(fencer(2), Body::Pardon(pardon));
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn a_second_shooter_that_is_done_does_not_speak_for_the_first() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let falls_until = rig.now + WARRANT + FALL_MAX;
    let boot = rig.life(TARGET);
    rig.silence(agent(TARGET));
    rig.silence(fencer(2));
    rig.run_for(WARRANT);
    rig.asks(3, TARGET, Why::Operator, true);
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    rig.says(fencer(3), Body::Pardon(Pardon { target: node(TARGET), boot }));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing), "an off of voter 2 may be under way");
    rig.run_to(falls_until);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn a_restarted_shooter_does_not_speak_for_what_it_was_before() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let boot = rig.life(TARGET);
    rig.reborn(TARGET);
    rig.run_for(ms(5));
    *rig.peer(fencer(2)) = restarted(rig.peer(fencer(2)).clone());
    rig.run_for(ms(200));
    rig.says(fencer(2), Body::Pardon(Pardon { target: node(TARGET), boot }));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    rig.run_for(WARRANT + FALL_MAX);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn the_shooter_lets_go_of_the_next_life_when_it_is_done() {
    let mut rig = Rig::new();
    rig.asks(2, TARGET, Why::Operator, true);
    let boot = rig.life(TARGET);
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    let pardon = Pardon { target: node(TARGET), boot };
    rig.says(fencer(3), Body::Pardon(pardon));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing), "voter 3 is not the shooter");
    rig.says(fencer(2), Body::Pardon(pardon));
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn the_own_case_holds_the_next_life_back_too() {
    let mut rig = Rig::new();
    rig.votes(AGREES, Vote::Mute);
    rig.silence(agent(TARGET));
    rig.run_until("the warrant", |rig| {
        rig.told(|news| matches!(news, News::Warranted { .. })) == 1
    });
    rig.reborn(TARGET);
    rig.run_for(ms(100));
    assert_eq!(rig.proofs.len(), 1, "its former life is over");
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing), "an off may still be on its way");
}

#[test]
fn a_replaced_life_that_speaks_on_is_a_twin_and_neither_is_granted_for_the_length_of_a_promise() {
    let mut rig = Rig::new();
    rig.run_for(ms(5));
    let mut former = rig.peer(agent(TARGET)).clone();
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Ok(()));
    rig.run_for(ms(100));
    former.heard = rig.peer(agent(TARGET)).heard;
    for _ in 0..3 {
        let frame = former.says(Body::Renew(trusted()));
        rig.hears(frame);
    }
    assert_eq!(rig.alarms(Alarm::Twin { peer: agent(TARGET) }), 1);
    assert_eq!(rig.renews(TARGET), Err(Withheld::Twin));
    rig.run_for(ms(1_500));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Twin));
    rig.run_for(ms(100));
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn an_agent_restarted_within_its_life_goes_on_and_is_not_admitted_anew() {
    let mut rig = Rig::new();
    rig.run_for(ms(5));
    let peer = rig.peer(agent(TARGET));
    (peer.word.dog.armed, peer.heard) = (false, None);
    *peer = restarted(peer.clone());
    rig.run_for(ms(150));
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert_eq!(admitted(&rig, false) + admitted(&rig, true), 0);
    assert!(rig.member(TARGET).word.is_some_and(|word| !word.dog.armed));
}

fn restarted(peer: super::rig::Scripted) -> super::rig::Scripted {
    peer.with_start(Start::new(501))
}

#[test]
fn another_configuration_is_an_alarm_once_and_again_when_it_comes_back() {
    let mut rig = Rig::new();
    for digest in [1, DIGEST, 2] {
        rig.peer(agent(TARGET)).word.config = digest;
        rig.peer(fencer(2)).beat.config = digest;
        rig.run_for(ms(500));
    }
    for peer in [agent(TARGET), fencer(2)] {
        assert_eq!(rig.alarms(Alarm::ConfigDiffers { peer }), 2, "{peer}");
    }
    assert_eq!(rig.renews(TARGET), Ok(()), "a rolling change is no reason to kill");
}

#[test]
fn an_unreadable_renewal_is_granted_all_the_same() {
    let mut rig = Rig::new();
    let answers = rig.says(agent(TARGET), Body::Unreadable(Kind::RENEW));
    assert_eq!(answers.iter().map(Body::kind).collect::<Vec<_>>(), [Kind::GRANT]);
}

#[test]
fn a_grant_says_whether_the_power_could_be_cut() {
    let mut config = config();
    config.members[3].has_power_device = false;
    let mut rig = Rig::with(config);
    for (id, fenceable) in [(3, true), (TARGET, false)] {
        let answers = rig.says(agent(id), Body::Renew(trusted()));
        assert!(matches!(answers[..], [Body::Grant(grant)] if grant.fenceable == fenceable));
    }
}

#[test]
fn a_fenced_life_is_remembered_when_the_next_one_comes() {
    let mut rig = Rig::new();
    rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(admitted(&rig, true), 1);
    assert_eq!(rig.renews(TARGET), Ok(()));
}
