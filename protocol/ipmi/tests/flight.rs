//! Stories of orders that leave with the proof of the password, and of several in flight at once.
#![cfg(test)]
#![expect(clippy::wildcard_enum_match_arm, reason = "one kind of message is picked out")]

mod fake;

use fake::{Asked, BEGIN, FakeBmc, ROUND_TRIP, Talk, login, status};
use palisade_ipmi::app::{CloseSession, Guid, SetSessionPrivilege};
use palisade_ipmi::chassis::{ChassisControl, ControlAction};
use palisade_ipmi::client::{
    ATTEMPTS_MAX, Ack, Answer, ClientError, Event, Input, Limit, Order, STEPS, Step,
};
use palisade_ipmi::completion::code;
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::Secret;
use palisade_ipmi::suite::Suite;
use palisade_ipmi::wire::{Algorithms, Ipmb};
use palisade_protocol::time::{Duration, Instant};

const FENCE: [Order; 2] = [Order::Off, Order::Status];

fn opened(suite: Suite) -> (u32, Event) {
    (0, Event::Opened { suite, privilege: Privilege::Operator })
}

fn off_and_read_off() -> [(u32, Event); 2] {
    let read = Answer::Status(status(false));
    [(1, Event::Answered(Answer::Off(Ack::Accepted))), (2, Event::Answered(read))]
}

fn failure(talk: &mut Talk) -> ClientError {
    match talk.told(1).remove(0) {
        (_, Event::Failed(error)) => error,
        other => panic!("no failure: {other:?}"),
    }
}

fn commands(talk: &Talk) -> Vec<(u8, u8)> {
    let command = |asked: &Asked| match asked {
        Asked::Command { netfn, command, .. } => Some((*netfn, *command)),
        _ => None,
    };
    talk.bmc.asked.iter().filter_map(command).collect()
}

fn closed(talk: &Talk) -> usize {
    commands(talk).iter().filter(|asked| **asked == (6, CloseSession::COMMAND)).count()
}

fn handshakes(talk: &Talk) -> usize {
    talk.bmc.count(|asked| matches!(asked, Asked::Open { .. }))
}

#[test]
fn orders_given_before_the_login_are_answered_after_three_round_trips() {
    for suite in [Suite::Sha256, Suite::Sha1] {
        let mut talk = Talk::with(FakeBmc::new(), login(Privilege::Operator, &[suite]));
        talk.give(&FENCE);
        let began = talk.now;
        let [off, read] = off_and_read_off();
        assert_eq!(talk.told(3), [opened(suite), off, read]);
        assert_eq!(talk.now.since(began), ROUND_TRIP * 3);
        assert!(!talk.bmc.power_on && !talk.client.was_too_early());
    }
}

#[test]
fn a_login_in_lock_step_sends_one_thing_after_another() {
    let plain = login(Privilege::Operator, &[Suite::Sha256]).in_lock_step();
    let mut talk = Talk::with(FakeBmc::new(), plain);
    talk.give(&FENCE);
    let began = talk.now;
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
    assert_eq!(talk.now.since(began), ROUND_TRIP * 5);
}

#[test]
fn what_a_bmc_loses_that_is_not_ready_for_it_is_sent_again_and_told() {
    let mut bmc = FakeBmc::new();
    bmc.deaf_to_commands = 3;
    let mut talk = Talk::with_orders(bmc, &FENCE);
    let began = talk.now;
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
    assert!(talk.now.since(began) < Duration::from_millis(200));
    assert!(talk.client.was_too_early());
    assert_eq!(handshakes(&talk), 1);
}

#[test]
fn an_order_that_comes_before_its_privilege_is_given_again_when_it_is_there() {
    let mut bmc = FakeBmc::new();
    bmc.deaf_to_commands = 1;
    bmc.codes = [code::PRIVILEGE].into();
    let mut talk = Talk::with_orders(bmc, &[Order::Off]);
    let [off, _] = off_and_read_off();
    assert_eq!(talk.told(2), [opened(Suite::Sha256), off]);
    assert!(!talk.bmc.power_on && talk.client.was_too_early());
}

/// The network lets the order overtake the request for its privilege, and the grant its refusal.
#[test]
fn a_refusal_from_before_the_privilege_does_not_stand_when_it_comes_after_it() {
    let mut talk = Talk::with_orders(FakeBmc::new(), &[Order::Off]);
    talk.feed(Input::Tick);
    talk.step();
    talk.bmc.deaf_to_commands = 2;
    talk.step();
    let refused = {
        let off: palisade_ipmi::Message = ChassisControl(ControlAction::Down).into();
        talk.bmc.seal(&Ipmb::request(&off, 2).reply(&[code::PRIVILEGE]).encode())
    };
    let granted = {
        let raise: palisade_ipmi::Message = SetSessionPrivilege(Some(Privilege::Operator)).into();
        talk.bmc.seal(&Ipmb::request(&raise, 1).reply(&[0, Privilege::Operator.bits()]).encode())
    };
    let (_, event) = opened(Suite::Sha256);
    assert_eq!(talk.feed(Input::Datagram(&granted)), Some(event));
    assert_eq!(talk.feed(Input::Datagram(&refused)), None);
    let [off, _] = off_and_read_off();
    assert_eq!(talk.told(1), [off]);
    assert!(!talk.bmc.power_on && talk.client.was_too_early());
}

/// Its answers are signed with keys that are made of what RAKP 4 would have shown.
#[test]
fn a_lost_rakp_4_costs_nothing() {
    let mut bmc = FakeBmc::new();
    bmc.mute_rakp4 = true;
    let mut talk = Talk::with_orders(bmc, &FENCE);
    let began = talk.now;
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
    assert_eq!(talk.now.since(began), ROUND_TRIP * 3);
}

#[test]
fn a_lost_rakp_4_in_lock_step_costs_less_than_half_a_second() {
    let plain = login(Privilege::Operator, &[Suite::Sha256]).in_lock_step();
    let mut talk = Talk::with(FakeBmc::new(), plain);
    talk.give(&FENCE);
    talk.bmc.mute_rakp4 = true;
    let began = talk.now;
    assert_eq!(talk.feed(Input::Tick), None);
    while handshakes(&talk) < 2 {
        assert_eq!(talk.step(), None);
    }
    talk.bmc.mute_rakp4 = false;
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
    assert!(talk.now.since(began) < Duration::from_millis(500));
}

#[test]
fn a_flight_that_is_lost_as_a_whole_flies_again_in_another_handshake() {
    let mut talk = Talk::with_orders(FakeBmc::new(), &FENCE);
    let began = talk.now;
    talk.feed(Input::Tick);
    talk.step();
    talk.bmc.deaf_to = 4;
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
    assert_eq!(handshakes(&talk), 2);
    assert!(talk.now.since(began) < Duration::from_millis(300));
}

/// Each of three handshakes carries the orders; whichever finishes, each order is answered once.
#[test]
fn a_slow_bmc_is_let_finish_and_answers_each_order_once() {
    let mut talk = Talk::with_orders(FakeBmc::new(), &FENCE);
    talk.latency = Duration::from_millis(700);
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
    let by = talk.now + Duration::from_secs(4);
    while talk.now < by && talk.client.next_deadline().is_some() {
        assert_eq!(talk.step(), None, "a second answer to one order");
    }
}

/// Three round trips of 1.5 s, where two seconds of silence end a login.
#[test]
fn a_bmc_that_answers_is_not_given_up_for_being_slow() {
    let mut talk = Talk::while_it_answers(FakeBmc::new(), &FENCE);
    talk.latency = Duration::from_millis(1_500);
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
}

/// All that the handshakes have asked of it meanwhile is answered too: up to 3 s lie between two steps.
#[test]
fn a_bmc_that_works_slowly_at_one_thing_after_another_is_not_given_up() {
    let orders = [Order::Status, Order::Status, Order::Off, Order::Status];
    let mut talk = Talk::while_it_answers(FakeBmc::new(), &orders);
    talk.work = Duration::from_millis(680);
    let told = talk.told(5);
    assert!(matches!(told.last(), Some((4, Event::Answered(_)))), "{told:?}");
}

#[test]
fn a_bmc_that_falls_silent_is_given_up_two_seconds_after_its_last_answer() {
    type Silence = fn(&mut FakeBmc);
    let cases: [(Silence, u32, Step); 3] = [
        (|bmc| bmc.deaf_to = u32::MAX, 0, Step::OpenSession),
        (|bmc| bmc.rakp2_code = |_| Vec::new(), 1, Step::Rakp1),
        (|bmc| (bmc.mute_rakp4, bmc.deaf_to_commands) = (true, u32::MAX), 2, Step::Rakp3),
    ];
    for (silence, answers, at) in cases {
        let mut talk = Talk::while_it_answers(FakeBmc::new(), &FENCE);
        silence(&mut talk.bmc);
        let error = failure(&mut talk);
        assert!(
            matches!(error, ClientError::Silent { step, waited, .. }
                if step == at && waited == Duration::from_secs(2)),
            "{error:?}"
        );
        assert_eq!(talk.now.since(BEGIN), Duration::from_secs(2) + ROUND_TRIP * answers);
    }
}

#[test]
fn no_stream_of_answers_holds_a_login_for_longer_than_its_steps_may_take() {
    let mut talk = Talk::while_it_answers(FakeBmc::new(), &[Order::Status; 60]);
    talk.work = Duration::from_millis(680);
    let mut event = talk.feed(Input::Tick);
    while !matches!(event, Some(Event::Failed(_))) {
        assert!(!matches!(talk.about, Some(about) if about.order == 60), "all were answered");
        event = talk.step();
    }
    assert_eq!(talk.now.since(BEGIN), Duration::from_secs(2) * STEPS);
}

#[test]
fn a_bmc_that_only_puts_off_is_given_up_as_a_silent_one_is() {
    let mut bmc = FakeBmc::new();
    bmc.codes = [code::BUSY; 1_000].into();
    let mut talk = Talk::while_it_answers(bmc, &[Order::Off]);
    let failed = talk.told(2).remove(1);
    assert!(matches!(&failed.1, Event::Failed(ClientError::StillBusy { .. })), "{failed:?}");
    assert_eq!(talk.now.since(BEGIN), Duration::from_secs(2) + ROUND_TRIP * 3);
}

#[test]
fn a_moment_is_never_put_off() {
    let by = BEGIN + Duration::from_secs(2);
    let suites = [Suite::Sha256];
    let plain = login(Privilege::Operator, &suites);
    let mut talk = Talk::within(Limit::at(by), FakeBmc::new(), plain);
    talk.latency = Duration::from_millis(1_500);
    assert_eq!(talk.feed(Input::Order { order: Order::Off, by: None }), None);
    failure(&mut talk);
    assert_eq!(talk.now, by);
    assert!(talk.bmc.power_on);
}

#[test]
fn every_handshake_that_lost_the_race_gives_its_session_back() {
    let mut talk = Talk::with_orders(FakeBmc::new(), &[Order::Status]);
    talk.latency = Duration::from_millis(700);
    talk.told(2);
    let proved = talk.bmc.count(|asked| matches!(asked, Asked::Rakp3 { .. }));
    assert!(proved > 1, "{proved} handshakes came so far");
    assert_eq!(closed(&talk), proved - 1);
}

/// Three handshakes have proved the password, and the BMC has answered none.
#[test]
fn a_handshake_that_makes_room_for_another_gives_its_session_back() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.bmc.mute_rakp4 = true;
    talk.bmc.deaf_to_commands = 3;
    talk.feed(Input::Tick);
    while handshakes(&talk) <= ATTEMPTS_MAX {
        assert_eq!(closed(&talk), 0);
        assert_eq!(talk.step(), None);
    }
    assert_eq!(closed(&talk), 1);
}

#[test]
fn a_bmc_with_another_password_is_given_no_order() {
    let mut bmc = FakeBmc::new();
    bmc.password = Secret::new(b"another").unwrap();
    let mut talk = Talk::with_orders(bmc, &FENCE);
    assert!(matches!(failure(&mut talk), ClientError::WrongPassword { .. }));
    assert_eq!((commands(&talk), handshakes(&talk)), (Vec::new(), 1));
    assert!(talk.bmc.power_on);
}

#[test]
fn a_downgrade_on_the_way_gets_no_order() {
    let none = Algorithms { authentication: 0, integrity: 0, confidentiality: 0 };
    let mut bmc = FakeBmc::new();
    bmc.algorithms = Some(none);
    let mut talk = Talk::with_orders(bmc, &FENCE);
    assert!(matches!(failure(&mut talk), ClientError::Downgrade { .. }));
    assert_eq!(commands(&talk), []);
}

#[test]
fn another_bmc_than_the_one_that_is_pinned_is_given_no_order() {
    let (pinned, found) = (Guid([0x61; 16]), Guid([0x60; 16]));
    let suites = [Suite::Sha256];
    for (guid, is_it) in [(pinned, false), (found, true)] {
        let mut talk =
            Talk::with(FakeBmc::new(), login(Privilege::Operator, &suites).pinned_to(guid));
        talk.give(&FENCE);
        if is_it {
            assert_eq!(talk.told(3).len(), 3);
            assert_eq!(talk.client.guid(), Some(found));
            continue;
        }
        let error = failure(&mut talk);
        assert_eq!(error, ClientError::OtherBmc { pinned, found });
        assert!(error.is_definite() && error.to_string().contains(&found.to_string()));
        assert_eq!(commands(&talk), []);
        assert!(talk.bmc.power_on);
    }
}

/// The BMC proves the password in RAKP 2 and the BMC key only in RAKP 4 or by a signed answer: orders
/// that were sealed with another key are noise to it, and what it says to them is never believed.
#[test]
fn a_bmc_with_another_bmc_key_carries_nothing_out() {
    let mut bmc = FakeBmc::new();
    bmc.bmc_key = Some(Secret::new(b"bmc-key").unwrap());
    let mut talk = Talk::with_orders(bmc, &FENCE);
    assert_eq!(failure(&mut talk), ClientError::WrongBmcKey { suite: Suite::Sha256 });
    assert!(talk.bmc.power_on);
}

#[test]
fn an_order_whose_time_is_up_before_the_password_is_proved_never_leaves() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.latency = Duration::from_millis(40);
    let by = talk.now + Duration::from_millis(60);
    assert_eq!(talk.feed(Input::Order { order: Order::Off, by: Some(by) }), None);
    failure(&mut talk);
    assert!(talk.now < by + Duration::from_millis(1));
    assert_eq!(commands(&talk), []);
    assert!(talk.bmc.power_on);
}

/// A host that was suspended in the middle of a login must not cut power on an old warrant.
#[test]
fn an_order_does_not_leave_with_a_proof_that_comes_after_its_time() {
    let mut talk = Talk::new(FakeBmc::new());
    let by = talk.now + Duration::from_millis(500);
    assert_eq!(talk.feed(Input::Order { order: Order::Off, by: Some(by) }), None);
    talk.feed(Input::Tick);
    talk.now = by + Duration::from_secs(3_600);
    failure(&mut talk);
    assert_eq!(commands(&talk), []);
}

#[test]
fn two_questions_in_flight_are_told_apart_whichever_is_answered_first() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.give(&[Order::Status, Order::On, Order::Status]);
    let mut replies: Vec<Vec<u8>> = talk.replies.split_off(talk.replies.len() - 3);
    replies.reverse();
    let mut about = Vec::new();
    for reply in &replies {
        assert!(talk.feed(Input::Datagram(reply)).is_some());
        about.push(talk.about.map(|about| about.order));
        assert_eq!(talk.feed(Input::Datagram(reply)), None, "an answer counts once");
    }
    assert_eq!(about, [Some(3), Some(2), Some(1)]);
}

#[test]
fn the_bmcs_own_numbering_tells_what_it_answered_later() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.give(&FENCE);
    let replies = talk.replies.split_off(talk.replies.len() - 2);
    let place = |talk: &mut Talk, reply: &[u8]| {
        talk.feed(Input::Datagram(reply)).unwrap();
        talk.about.unwrap().reply
    };
    let read = place(&mut talk, &replies[1]);
    let acked = place(&mut talk, &replies[0]);
    assert!(read > acked, "read at {read}, acknowledged at {acked}");
}

#[test]
fn more_orders_than_the_window_holds_wait_for_their_turn() {
    let mut talk = Talk::opened(FakeBmc::new());
    let before = talk.sent.len();
    talk.bmc.deaf_to = 8;
    talk.give(&[Order::Status; 20]);
    assert_eq!(talk.sent.len() - before, 8);
    let told = talk.told(20);
    let numbers: Vec<u32> = told.iter().map(|(order, _)| *order).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<u32>>());
}

#[test]
fn an_order_that_was_given_up_is_neither_sent_again_nor_answered() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.bmc.deaf_to = 1;
    talk.give(&[Order::Off]);
    talk.feed(Input::GiveUp(1));
    talk.now += Duration::from_secs(10);
    assert_eq!(talk.feed(Input::Tick), None);
    assert!(talk.bmc.power_on && talk.client.next_deadline().is_none());
}

/// A second one would break off the dump that the first has begun.
#[test]
fn a_diagnostic_interrupt_is_sent_once_and_never_before_the_login() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.bmc.mute_rakp4 = true;
    talk.give(&[Order::Diagnose]);
    assert_eq!(talk.told(1), [opened(Suite::Sha256)]);
    let is_control = |asked: &(u8, u8)| *asked == (0, ChassisControl::COMMAND);
    assert_eq!(commands(&talk).iter().filter(|asked| is_control(asked)).count(), 1);

    let mut talk = Talk::opened(FakeBmc::new());
    talk.bmc.deaf_to = 1;
    talk.give(&[Order::Diagnose]);
    let error = failure(&mut talk);
    let silent = Step::Order(Order::Diagnose);
    assert!(
        matches!(error, ClientError::Silent { step, sent: 1, .. } if step == silent),
        "{error:?}"
    );
}

#[test]
fn a_login_that_wants_admin_and_may_only_be_operator_carries_its_orders_out() {
    let mut bmc = FakeBmc::new();
    bmc.admin_code = SetSessionPrivilege::ABOVE_LIMIT;
    bmc.codes = [code::PRIVILEGE, code::PRIVILEGE].into();
    let mut talk = Talk::with(bmc, login(Privilege::Admin, &[Suite::Sha256]));
    talk.give(&FENCE);
    let [off, read] = off_and_read_off();
    assert_eq!(talk.told(3), [opened(Suite::Sha256), off, read]);
}

#[test]
fn a_clock_that_stands_at_its_end_does_not_wrap() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.now = Instant::NEVER;
    let event = talk.feed(Input::Tick);
    assert!(matches!(event, Some(Event::Failed(_))), "{event:?}");
}
