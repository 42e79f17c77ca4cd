//! Power given back: after the rest, by whoever cut it, when a majority has noted the proof.

use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Condemn, Decline, Kind, Pardon, ProofKind, Why, Withheld};

use super::rig::{
    AGREES, BEAT, EXPIRED, NS, Rig, TARGET, Vote, WARRANT, agent, config, fencer, ms, node,
};
use crate::config::FencerConfig;
use crate::news::{Alarm, News};
use crate::power::{FALL_MAX, PowerReport, RESEND_AFTER, RISE_MAX};
use crate::warrant::{OrderId, PowerAct};

/// A target that was proven off by its BMC.
struct Fallen {
    rig: Rig,
    session_at: Instant,
    proven_at: Instant,
}

impl Fallen {
    fn new(config: FencerConfig, two: Vote, three: Vote) -> Self {
        let mut rig = Rig::with(config);
        rig.votes(two, three);
        rig.silence(agent(TARGET));
        let off = rig.await_order(PowerAct::Off);
        assert!(rig.core.warrant(rig.now, off).is_ok());
        let session_at = rig.now;
        rig.reports(off, PowerReport::Acked { session_at });
        let mut fallen = Self { rig, session_at, proven_at: session_at };
        while fallen.rig.proofs.is_empty() {
            fallen.reads(false);
        }
        fallen.proven_at = fallen.rig.now;
        fallen
    }

    /// The next reading is ordered and comes back at once.
    fn reads(&mut self, on: bool) {
        let read = self.rig.await_order(PowerAct::Read);
        let (session_at, asked_at) = (self.session_at, self.rig.now);
        self.rig.reports(read, PowerReport::Read { session_at, asked_at, on });
    }

    /// On is ordered, leaves and is obeyed.
    fn raised(&mut self) -> OrderId {
        let on = self.rig.await_order(PowerAct::On);
        assert!(self.rig.core.warrant(self.rig.now, on).is_ok(), "the majority still agrees");
        let session_at = self.session_at;
        self.rig.reports(on, PowerReport::Acked { session_at });
        on
    }

    fn ons(&self) -> usize {
        self.rig.orders.iter().filter(|order| order.act == PowerAct::On).count()
    }
}

#[test]
fn on_is_ordered_once_the_rest_is_over_and_not_before() {
    let mut fallen = Fallen::new(config(), AGREES, Vote::Mute);
    let rested_at = fallen.proven_at + ms(2_100);
    fallen.rig.run_to(rested_at.before(NS));
    assert_eq!(fallen.ons(), 0);
    fallen.rig.run_to(rested_at + BEAT);
    assert_eq!(fallen.ons(), 1);
}

#[test]
fn on_is_not_ordered_before_a_majority_has_noted_the_proof() {
    let mut fallen = Fallen::new(config(), Vote::Deaf, Vote::Mute);
    fallen.rig.run_for(ms(6_000));
    assert_eq!(fallen.ons(), 0, "nobody else is known to know");
    fallen.rig.votes(AGREES, Vote::Mute);
    fallen.rig.run_for(BEAT * 3);
    assert_eq!(fallen.ons(), 1);
}

#[test]
fn a_machine_whose_voters_were_lost_meanwhile_is_raised_with_those_who_know_that_it_is_over() {
    let mut fallen = Fallen::new(config(), AGREES, Vote::Mute);
    let knows = Vote::Declines(Decline::Over(ProofKind::PowerOff));
    fallen.rig.votes(Vote::Mute, knows);
    fallen.rig.run_for(WARRANT + ms(1_000));
    let on = fallen.raised();
    assert_eq!(on.target, node(TARGET));
}

#[test]
fn what_one_voter_knows_raises_no_machine() {
    let mut fallen = Fallen::new(config(), AGREES, AGREES);
    fallen.rig.await_order(PowerAct::On);
    fallen.rig.votes(Vote::Mute, Vote::Mute);
    fallen.rig.run_for(WARRANT);
    let on = fallen.rig.await_order(PowerAct::On);
    assert!(fallen.rig.core.warrant(fallen.rig.now, on).is_err());
}

#[test]
fn where_power_is_not_to_be_given_back_it_stays_off_and_the_case_is_over() {
    let mut fallen = Fallen::new(FencerConfig { power_on: false, ..config() }, AGREES, AGREES);
    fallen.rig.run_for(ms(10_000));
    assert_eq!(fallen.ons(), 0);
    assert_eq!(fallen.rig.core.cases().count(), 0);
}

#[test]
fn a_machine_read_on_again_ends_the_case_and_its_next_life_is_admitted() {
    let mut fallen = Fallen::new(config(), AGREES, AGREES);
    fallen.raised();
    fallen.reads(false);
    fallen.reads(true);
    let rig = &mut fallen.rig;
    assert_eq!(rig.told(|news| *news == News::OnVerified { target: node(TARGET) }), 1);
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Ok(()));
    assert_eq!(rig.core.cases().count(), 0);
    assert_eq!(rig.proofs.len(), 1, "one life, one proof");
}

#[test]
fn a_shooter_whose_target_another_proved_off_orders_no_more_off_and_lets_the_next_life_in() {
    let mut rig = Rig::new();
    rig.votes(AGREES, AGREES);
    rig.silence(agent(TARGET));
    let off = rig.await_order(PowerAct::Off);
    assert!(rig.core.warrant(rig.now, off).is_ok());
    rig.reports(off, PowerReport::Failed);
    rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
    rig.reborn(TARGET);
    let settled_at = rig.now + FALL_MAX + ms(500);
    while rig.now < settled_at {
        let Some(order) = rig.open else {
            rig.run_for(BEAT);
            continue;
        };
        assert_eq!(order.act, PowerAct::Read);
        let (session_at, asked_at) = (rig.now, rig.now);
        rig.reports(order.id, PowerReport::Read { session_at, asked_at, on: true });
    }
    assert_eq!(rig.core.cases().count(), 0);
    assert_eq!(rig.renews(TARGET), Ok(()));
}

#[test]
fn a_machine_that_is_up_before_its_power_was_read_on_waits_for_the_shooter() {
    let mut fallen = Fallen::new(config(), AGREES, AGREES);
    fallen.raised();
    let rig = &mut fallen.rig;
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Err(Withheld::Fencing));
    fallen.reads(true);
    fallen.rig.run_for(ms(100));
    assert_eq!(fallen.rig.renews(TARGET), Ok(()));
}

#[test]
fn an_on_that_was_obeyed_and_came_to_nothing_is_sent_again_under_a_warrant_of_its_own() {
    let mut fallen = Fallen::new(config(), AGREES, Vote::Mute);
    let first = fallen.raised();
    let obeyed_at = fallen.rig.now;
    while fallen.rig.now.since(obeyed_at) <= RESEND_AFTER {
        fallen.reads(false);
    }
    let second = fallen.raised();
    assert_ne!(first, second);
}

#[test]
fn a_machine_that_does_not_come_up_is_an_alarm_once_and_left_alone() {
    let mut fallen = Fallen::new(config(), AGREES, Vote::Mute);
    let begun_at = fallen.rig.now;
    while fallen.rig.core.cases().count() > 0 {
        assert!(fallen.rig.now.since(begun_at) < RISE_MAX * 2, "it is given up in time");
        if let Some(order) = fallen.rig.open {
            let (session_at, asked_at) = (fallen.session_at, fallen.rig.now);
            let report = match order.act {
                PowerAct::Read => PowerReport::Read { session_at, asked_at, on: false },
                PowerAct::On | PowerAct::Off => PowerReport::Acked { session_at },
            };
            fallen.rig.reports(order.id, report);
        }
        fallen.rig.run_for(BEAT);
    }
    assert_eq!(fallen.rig.alarms(Alarm::StaysOff { target: node(TARGET) }), 1);
    assert!(fallen.ons() > 5, "it was tried");
}

/// A voter that was told that the target was proven over by a fencer of whom nothing is heard since.
fn abandoned(kind: ProofKind) -> Rig {
    let mut rig = Rig::new();
    let knows = Vote::Declines(Decline::Over(kind));
    rig.silence(agent(TARGET));
    rig.asks(2, TARGET, Why::Operator, true);
    rig.tells_fenced(2, TARGET, kind);
    rig.silence(fencer(2));
    rig.votes(Vote::Mute, knows);
    rig
}

/// Reads the power of an abandoned machine; the order that follows.
fn looks(rig: &mut Rig, on: bool) -> Option<PowerAct> {
    let read = rig.await_order(PowerAct::Read);
    let session_at = rig.now;
    rig.reports(read, PowerReport::Read { session_at, asked_at: rig.now, on });
    rig.run_for(ms(4_000));
    rig.open.map(|order| order.act)
}

#[test]
fn a_machine_whose_shooter_died_after_the_proof_is_raised_by_a_stand_in() {
    let mut rig = abandoned(ProofKind::PowerOff);
    rig.run_for(WARRANT - ms(100));
    assert_eq!(rig.core.cases().count(), 0, "its shooter may still be at work");
    assert_eq!(looks(&mut rig, false), Some(PowerAct::Read), "off is read twice");
    assert_eq!(looks(&mut rig, false), Some(PowerAct::On));
    let on = rig.open.expect("it is open").id;
    assert!(rig.core.warrant(rig.now, on).is_ok(), "a majority says that it is over");
    let session_at = rig.now;
    rig.reports(on, PowerReport::Acked { session_at });
    assert_eq!(looks(&mut rig, true), None);
    rig.run_for(ms(6_000));
    assert_eq!(rig.core.cases().count(), 0);
    assert!(!rig.orders.iter().any(|order| order.act == PowerAct::Off), "never Off");
    assert!(rig.persisted.last().expect("written").sentences[0].released);
}

#[test]
fn a_machine_that_is_read_on_needs_nobody() {
    let mut rig = abandoned(ProofKind::PowerOff);
    assert_eq!(looks(&mut rig, true), None);
    rig.run_for(ms(60_000));
    assert_eq!(rig.orders.len(), 1, "one look is enough");
}

#[test]
fn where_an_off_of_the_dead_shooter_may_be_under_way_nobody_looks_before_it_has_taken_effect() {
    for kind in [ProofKind::Reborn, ProofKind::LeaseExpired] {
        let mut rig = abandoned(kind);
        rig.run_for(FALL_MAX);
        assert_eq!(rig.core.cases().count(), 0, "{kind:?}");
        assert_eq!(looks(&mut rig, false), Some(PowerAct::Read), "{kind:?}");
    }
}

#[test]
fn a_machine_that_others_know_to_be_released_is_left_alone() {
    let mut rig = abandoned(ProofKind::PowerOff);
    rig.await_order(PowerAct::Read);
    let pardon = Pardon { target: node(TARGET), boot: rig.life(TARGET) };
    rig.says(fencer(3), Body::Pardon(pardon));
    assert_eq!(rig.core.cases().count(), 0);
    rig.run_for(ms(30_000));
    assert_eq!(rig.core.cases().count(), 0);
}

#[test]
fn one_raiser_is_enough_the_one_ranked_first() {
    let mut rig = abandoned(ProofKind::PowerOff);
    rig.await_order(PowerAct::Read);
    assert!(rig.asks(3, TARGET, Why::Silence, false).is_some());
    assert_eq!(rig.core.cases().count(), 1, "voter 3 ranks behind this one");
}

#[test]
fn whoever_asks_about_a_released_life_is_told_that_nobody_is_at_work_on_it() {
    let mut rig = Rig::new();
    let boot = rig.life(TARGET);
    rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
    rig.reborn(TARGET);
    rig.run_for(ms(200));
    assert_eq!(rig.renews(TARGET), Ok(()));
    rig.forget();
    let condemn =
        Condemn { target: node(TARGET), boot, why: Why::Silence, bind: true, silent_ms: None };
    rig.says(fencer(3), Body::Condemn(condemn));
    assert_eq!(rig.sent_kinds(Kind::DECLINED), 1);
    assert_eq!(rig.sent_kinds(Kind::PARDON), 1);
}

#[test]
fn a_machine_is_not_raised_where_power_is_not_to_be_given_back() {
    let mut rig = Rig::with(FencerConfig { power_on: false, ..config() });
    rig.silence(agent(TARGET));
    rig.tells_fenced(2, TARGET, ProofKind::PowerOff);
    rig.run_for(ms(30_000));
    assert!(rig.orders.is_empty());
}

#[test]
fn a_machine_that_fell_by_a_shooter_before_the_one_that_proved_it_over_is_raised_too() {
    let mut rig = Rig::new();
    rig.silence(agent(TARGET));
    rig.asks(2, TARGET, Why::Operator, true);
    rig.silence(fencer(2));
    rig.run_for(WARRANT);
    rig.asks(3, TARGET, Why::Operator, true);
    rig.tells_fenced(3, TARGET, ProofKind::LeaseExpired);
    rig.votes(Vote::Mute, Vote::Declines(Decline::Over(ProofKind::LeaseExpired)));
    let pardon = Body::Pardon(Pardon { target: node(TARGET), boot: rig.life(TARGET) });
    rig.says(fencer(3), pardon);
    rig.run_for(WARRANT + FALL_MAX + ms(100));
    rig.says(fencer(3), pardon);
    assert_eq!(looks(&mut rig, false), Some(PowerAct::Read), "voter 3 spoke for itself alone");
    assert_eq!(looks(&mut rig, false), Some(PowerAct::On));
}

#[test]
fn after_a_life_proven_over_by_its_lease_before_any_off_left_the_next_is_admitted_at_once() {
    let mut rig = Rig::new();
    rig.votes(EXPIRED, EXPIRED);
    rig.silence(agent(TARGET));
    rig.run_for(ms(3_000));
    assert!(rig.sent_kinds(Kind::PARDON) >= 2, "nobody need keep it out");
    rig.reborn(TARGET);
    rig.peer(agent(TARGET)).speaks = true;
    rig.run_for(ms(300));
    assert_eq!(rig.renews(TARGET), Ok(()));
}
