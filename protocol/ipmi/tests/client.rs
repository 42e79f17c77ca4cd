//! Stories of a console and a BMC that does not always do what it should.
#![cfg(test)]
#![expect(clippy::wildcard_enum_match_arm, reason = "one kind of message is picked out")]

mod fake;

use std::collections::BTreeSet;

use fake::{Asked, FakeBmc, Talk, login, status};
use palisade_ipmi::Message;
use palisade_ipmi::chassis::GetChassisStatus;
use palisade_ipmi::client::{
    Ack, Answer, ClientError, Declined, Event, FoundBy, Input, Order, PrivilegeEvidence, Step,
};
use palisade_ipmi::completion::code;
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::Secret;
use palisade_ipmi::suite::{Code, Suite};
use palisade_ipmi::wire::{
    Algorithms, Ipmb, PayloadType, Rakp2, Rakp4, RmcpStatus, setup_datagram,
};
use palisade_protocol::time::Duration;

fn off_reading(number: u8) -> Vec<u8> {
    let message: Message = GetChassisStatus.into();
    let data = [vec![0], status(false).encode()].concat();
    Ipmb::request(&message, number).reply(&data).encode()
}

fn failure(event: Event) -> ClientError {
    let Event::Failed(error) = event else { panic!("no failure: {event:?}") };
    error
}

fn is_open(asked: &Asked) -> bool {
    matches!(asked, Asked::Open { .. })
}

fn is_rakp1(asked: &Asked) -> bool {
    matches!(asked, Asked::Rakp1 { .. })
}

fn is_rakp3(asked: &Asked) -> bool {
    matches!(asked, Asked::Rakp3 { .. })
}

#[test]
fn a_machine_is_switched_off_and_read_off_with_either_suite() {
    for suite in [Suite::Sha1, Suite::Sha256] {
        let mut talk = Talk::with(FakeBmc::new(), login(Privilege::Operator, &[suite]));
        let privilege = Privilege::Operator;
        assert_eq!(talk.run(Input::Tick), Event::Opened { suite, privilege });
        assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(true))));
        assert_eq!(talk.order(Order::Off), Event::Answered(Answer::Off(Ack::Accepted)));
        assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(false))));
        assert_eq!(talk.order(Order::On), Event::Answered(Answer::On(Ack::Accepted)));
        assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(true))));
    }
}

#[test]
fn a_session_is_given_back_at_the_end() {
    let mut talk = Talk::opened(FakeBmc::new());
    assert_eq!(talk.feed(Input::Close), None);
    assert!(talk.bmc.was_closed());
    assert!(talk.client.is_over());
    assert_eq!(talk.client.next_deadline(), None);
}

#[test]
fn a_wrong_password_ends_the_login_at_once_and_is_told_to_the_bmc() {
    let mut bmc = FakeBmc::new();
    bmc.password = Secret::new(b"another").unwrap();
    let mut talk = Talk::new(bmc);
    let error = failure(talk.run(Input::Tick));
    let (suite, found_by) = (Suite::Sha256, FoundBy::Console);
    assert_eq!(error, ClientError::WrongPassword { suite, found_by });
    assert!(error.is_definite());
    assert_eq!(talk.bmc.count(is_rakp1), 1);
    let status = Some(RmcpStatus::InvalidIntegrityCheck);
    assert_eq!(talk.bmc.asked.last(), Some(&Asked::Rakp3 { bmc_id: 0x1000, status }));
    assert!(talk.client.is_over());
}

#[test]
fn a_bmc_that_refuses_our_proof_says_wrong_password_too() {
    let mut bmc = FakeBmc::new();
    bmc.rakp4_status = Some(RmcpStatus::InvalidIntegrityCheck);
    let error = failure(Talk::new(bmc).run(Input::Tick));
    let (suite, found_by) = (Suite::Sha256, FoundBy::Bmc);
    assert_eq!(error, ClientError::WrongPassword { suite, found_by });
}

#[test]
fn an_unknown_user_is_told_apart_from_a_wrong_password() {
    let mut bmc = FakeBmc::new();
    bmc.rakp2_status = Some(RmcpStatus::UnauthorizedName);
    let mut talk = Talk::new(bmc);
    let error = failure(talk.run(Input::Tick));
    assert_eq!(error, ClientError::NoSuchUser { status: RmcpStatus::UnauthorizedName });
    assert!(error.to_string().contains("0x0d") && error.remedy().contains("create the user"));
    assert_eq!(talk.bmc.count(is_rakp1), 1, "not tried again");
}

#[test]
fn a_refusal_without_tag_and_id_is_understood() {
    let mut bmc = FakeBmc::new();
    bmc.rakp2_status = Some(RmcpStatus::UnauthorizedName);
    bmc.bare_refusals = true;
    let mut talk = Talk::new(bmc);
    let began = talk.now;
    let error = failure(talk.run(Input::Tick));
    assert_eq!(error, ClientError::NoSuchUser { status: RmcpStatus::UnauthorizedName });
    assert_eq!(talk.bmc.count(is_rakp1), 1, "not tried again");
    assert!(talk.now.since(began) < Duration::from_millis(400));
}

/// Whoever can send from the BMC's address could say so, without having seen a packet of ours.
#[test]
fn a_refusal_that_names_nobody_falls_if_the_bmc_goes_on() {
    let rakp2 = |status| Rakp2 { tag: 0, console_id: 0, outcome: Err(status) }.encode();
    let rakp4 = |status| Rakp4 { tag: 0, console_id: 0, outcome: Err(status) }.encode();
    let forgeries = [
        (1, setup_datagram(PayloadType::Rakp2, &rakp2(RmcpStatus::UnauthorizedName))),
        (1, setup_datagram(PayloadType::Rakp2, &rakp2(RmcpStatus::UnauthorizedRole))),
        (2, setup_datagram(PayloadType::Rakp4, &rakp4(RmcpStatus::InvalidIntegrityCheck))),
    ];
    for (steps, forged) in forgeries {
        let mut talk = Talk::new(FakeBmc::new());
        talk.feed(Input::Tick);
        for _ in 0..steps {
            assert_eq!(talk.step(), None);
        }
        assert_eq!(talk.feed(Input::Datagram(&forged)), None);
        assert!(matches!(talk.run(Input::Tick), Event::Opened { .. }), "after {steps} steps");
        assert_eq!(talk.bmc.count(is_open), 1);
    }
}

#[test]
fn a_role_that_the_user_may_not_take_is_refused_as_such() {
    let mut bmc = FakeBmc::new();
    bmc.rakp2_status = Some(RmcpStatus::InvalidRole);
    let error = failure(Talk::new(bmc).run(Input::Tick));
    let evidence = PrivilegeEvidence::Status(RmcpStatus::InvalidRole);
    let asked = Privilege::Operator;
    assert_eq!(error, ClientError::PrivilegeRefused { asked, evidence });
}

#[test]
fn admin_refused_is_operator_asked() {
    let mut bmc = FakeBmc::new();
    bmc.admin_code = 0x81;
    let mut talk = Talk::with(bmc, login(Privilege::Admin, &[Suite::Sha1]));
    let (suite, privilege) = (Suite::Sha1, Privilege::Operator);
    assert_eq!(talk.run(Input::Tick), Event::Opened { suite, privilege });
}

#[test]
fn operator_refused_ends_the_login_and_gives_the_session_back() {
    let mut bmc = FakeBmc::new();
    bmc.operator_code = 0x81;
    let mut talk = Talk::new(bmc);
    let error = failure(talk.run(Input::Tick));
    let (asked, evidence) = (Privilege::Operator, PrivilegeEvidence::Code(0x81));
    assert_eq!(error, ClientError::PrivilegeRefused { asked, evidence });
    assert!(talk.bmc.was_closed());
}

#[test]
fn a_suite_that_the_bmc_does_not_have_is_followed_by_the_next() {
    for refusal in [RmcpStatus::NoCipherSuite, RmcpStatus::InvalidAuthentication] {
        let mut bmc = FakeBmc::new();
        bmc.suites = vec![Suite::Sha1];
        bmc.suite_status = refusal;
        let (suite, privilege) = (Suite::Sha1, Privilege::Operator);
        assert_eq!(Talk::new(bmc).run(Input::Tick), Event::Opened { suite, privilege });
    }
}

#[test]
fn a_suite_disabled_under_the_name_of_no_resources_is_followed_by_the_next_at_once() {
    let mut bmc = FakeBmc::new();
    bmc.suites = vec![Suite::Sha1];
    bmc.suite_status = RmcpStatus::NoResources;
    let mut talk = Talk::new(bmc);
    let began = talk.now;
    assert!(matches!(talk.run(Input::Tick), Event::Opened { suite: Suite::Sha1, .. }));
    assert!(talk.now.since(began) < Duration::from_millis(100));
}

#[test]
fn a_bmc_without_any_of_our_suites_is_told_what_it_said_to_each() {
    let mut bmc = FakeBmc::new();
    bmc.suites = Vec::new();
    let error = failure(Talk::new(bmc).run(Input::Tick));
    let words = error.to_string();
    assert!(words.contains("suite 17 no cipher suite match"), "{words}");
    assert!(words.contains("suite 3 no cipher suite match"), "{words}");
    assert!(error.is_definite());
}

#[test]
fn a_downgrade_to_no_security_is_named_and_nothing_follows() {
    let none = Algorithms { authentication: 0, integrity: 0, confidentiality: 0 };
    let mut bmc = FakeBmc::new();
    bmc.algorithms = Some(none);
    let mut talk = Talk::new(bmc);
    let error = failure(talk.run(Input::Tick));
    assert_eq!(error, ClientError::Downgrade { suite: Suite::Sha256, answered: none });
    assert_eq!(talk.bmc.count(is_rakp1), 0);
}

#[test]
fn integrity_alone_taken_away_is_a_downgrade() {
    let mut weak = Suite::Sha1.algorithms();
    weak.integrity = 0;
    let mut bmc = FakeBmc::new();
    bmc.algorithms = Some(weak);
    let mut talk = Talk::with(bmc, login(Privilege::Operator, &[Suite::Sha1]));
    let error = failure(talk.run(Input::Tick));
    assert_eq!(error, ClientError::Downgrade { suite: Suite::Sha1, answered: weak });
}

#[test]
fn a_bmc_that_always_answers_suite_three_is_asked_for_suite_three() {
    let mut bmc = FakeBmc::new();
    bmc.algorithms = Some(Suite::Sha1.algorithms());
    let mut talk = Talk::new(bmc);
    assert!(matches!(talk.run(Input::Tick), Event::Opened { suite: Suite::Sha1, .. }));
    assert_eq!(talk.bmc.count(is_rakp1), 1);
}

#[test]
fn a_full_bmc_is_asked_again_after_a_second_and_lets_us_in() {
    let mut bmc = FakeBmc::new();
    bmc.open_status = [RmcpStatus::NoResources, RmcpStatus::NoResources].into();
    let mut talk = Talk::new(bmc);
    let began = talk.now;
    assert!(matches!(talk.run(Input::Tick), Event::Opened { suite: Suite::Sha256, .. }));
    assert!(talk.now.since(began) >= Duration::from_secs(1));
}

#[test]
fn a_bmc_that_stays_full_is_reported_as_full_not_as_silent() {
    let mut bmc = FakeBmc::new();
    bmc.open_status = vec![RmcpStatus::NoResources; 100].into();
    let mut talk = Talk::new(bmc);
    let error = failure(talk.run(Input::Tick));
    let ClientError::NoSlots { times, .. } = error else { panic!("{error:?}") };
    assert!(times < 20, "{times} attempts in ten seconds are hammering");
    assert!(!error.is_definite());
}

#[test]
fn a_full_bmc_without_one_of_the_suites_is_still_only_full() {
    let mut bmc = FakeBmc::new();
    bmc.suites = vec![Suite::Sha256];
    bmc.open_status = [RmcpStatus::NoResources].into();
    assert!(matches!(Talk::new(bmc).run(Input::Tick), Event::Opened { .. }));
}

#[test]
fn a_lost_packet_costs_one_pause_and_no_handshake_message_is_sent_twice() {
    for lost in 0..4 {
        let mut talk = Talk::new(FakeBmc::new());
        let began = talk.now;
        let mut event = talk.feed(Input::Tick);
        for _ in 0..lost {
            event = event.or_else(|| talk.step());
        }
        assert_eq!(event, None);
        talk.bmc.deaf_to = 1;
        let event = talk.run(Input::Tick);
        assert!(matches!(event, Event::Opened { .. }), "{event:?}");
        assert!(talk.now.since(began) < Duration::from_millis(400), "lost {lost}");
        assert_each_handshake_message_once(&talk.bmc);
    }
}

fn assert_each_handshake_message_once(bmc: &FakeBmc) {
    let setup = bmc.asked.iter().filter(|asked| !matches!(asked, Asked::Command { .. }));
    let words: Vec<String> = setup.map(|asked| format!("{asked:?}")).collect();
    let once: BTreeSet<&String> = words.iter().collect();
    assert_eq!(once.len(), words.len(), "{words:?}");
}

#[test]
fn a_silent_bmc_is_asked_ever_more_slowly_and_then_reported() {
    let mut bmc = FakeBmc::new();
    bmc.deaf_to = u32::MAX;
    let mut talk = Talk::new(bmc);
    let began = talk.now;
    let error = failure(talk.run(Input::Tick));
    let ClientError::Silent { step, waited, sent, ignored } = error else { panic!("{error:?}") };
    assert_eq!((step, ignored), (Step::OpenSession, 0));
    assert_eq!(waited, talk.now.since(began));
    assert!((5..=12).contains(&sent), "{sent}");
}

#[test]
fn every_wait_is_told_in_the_words_of_people() {
    let (waited, status) = (Duration::from_nanos(1_999_999_429), RmcpStatus::NoResources);
    let busy = code::BUSY;
    for error in [
        ClientError::Silent { step: Step::Rakp1, waited, sent: 3, ignored: 0 },
        ClientError::NoSlots { status, times: 2, waited },
        ClientError::StillBusy { step: Step::Rakp1, waited, code: busy },
    ] {
        assert!(error.to_string().contains(" 2.0 s"), "{error}");
    }
}

#[test]
fn a_bmc_that_falls_silent_at_the_user_name_may_not_like_the_password() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.feed(Input::Tick);
    talk.bmc.deaf_to = u32::MAX;
    let error = failure(talk.run(Input::Tick));
    assert!(matches!(error, ClientError::Silent { step: Step::Rakp1, .. }), "{error:?}");
    assert!(error.remedy().contains("password"));
}

/// Its first bytes are right: a wrong password it is not, and a proof neither.
#[test]
fn a_rakp_2_whose_code_is_too_long_or_too_short_is_nothing() {
    let lengthened = |code: &Code| [code.bytes(), &[0]].concat();
    let cut = |code: &Code| code.shortened(code.bytes().len() - 1).to_vec();
    for spoilt in [lengthened, cut] {
        for suite in [Suite::Sha1, Suite::Sha256] {
            let mut bmc = FakeBmc::new();
            bmc.rakp2_code = spoilt;
            let mut talk = Talk::with(bmc, login(Privilege::Operator, &[suite]));
            let error = failure(talk.run(Input::Tick));
            assert!(matches!(error, ClientError::Silent { step: Step::Rakp1, .. }), "{error:?}");
            assert_eq!(talk.bmc.count(is_rakp3), 0);
        }
    }
}

/// Whole as in RAKP 2, or a byte too many or too few.
#[test]
fn a_rakp_4_whose_code_is_too_long_or_too_short_is_as_good_as_lost() {
    let whole = |code: &Code, _| code.bytes().to_vec();
    let lengthened = |code: &Code, length| code.shortened(length + 1).to_vec();
    let cut = |code: &Code, length| code.shortened(length - 1).to_vec();
    for spoilt in [whole, lengthened, cut] {
        for suite in [Suite::Sha1, Suite::Sha256] {
            let mut bmc = FakeBmc::new();
            bmc.rakp4_code = spoilt;
            let login = login(Privilege::Operator, &[suite]);
            let mut talk = Talk::with(bmc, login.clone().in_lock_step());
            let error = failure(talk.run(Input::Tick));
            assert!(matches!(error, ClientError::Silent { step: Step::Rakp3, .. }), "{error:?}");

            let mut talk = Talk::with(talk.bmc, login);
            assert!(matches!(talk.run(Input::Tick), Event::Opened { .. }), "by a signed answer");
        }
    }
}

#[test]
fn a_bmc_slower_than_our_patience_is_let_finish() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.latency = Duration::from_millis(1_500);
    let event = talk.run(Input::Tick);
    assert!(matches!(event, Event::Opened { .. }), "{event:?}");
    assert_each_handshake_message_once(&talk.bmc);
}

#[test]
fn a_bmc_key_is_used_where_one_is_set() {
    let key = Secret::new(b"bmc-key").unwrap();
    let mut bmc = FakeBmc::new();
    bmc.bmc_key = Some(key.clone());
    let keyed = login(Privilege::Operator, &[Suite::Sha1]).with_bmc_key(key);
    assert!(matches!(Talk::with(bmc, keyed).run(Input::Tick), Event::Opened { .. }));
}

#[test]
fn a_wrong_bmc_key_is_told_apart_from_a_wrong_password() {
    let mut bmc = FakeBmc::new();
    bmc.bmc_key = Some(Secret::new(b"bmc-key").unwrap());
    let error = failure(Talk::new(bmc).run(Input::Tick));
    assert_eq!(error, ClientError::WrongBmcKey { suite: Suite::Sha256 });
}

#[test]
fn a_port_that_refuses_once_may_only_be_restarting() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Tick);
    assert_eq!(talk.feed(Input::PortRefused), None);
    assert!(matches!(talk.run(Input::Tick), Event::Opened { .. }));
}

#[test]
fn a_port_that_keeps_refusing_ends_the_login_long_before_the_deadline() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.bmc.deaf_to = u32::MAX;
    talk.feed(Input::Tick);
    assert_eq!(talk.feed(Input::PortRefused), None);
    assert_eq!(talk.feed(Input::PortRefused), None);
    let event = talk.feed(Input::PortRefused).unwrap();
    let (step, times) = (Step::OpenSession, 3);
    assert_eq!(failure(event), ClientError::PortRefused { step, times });
}

#[test]
fn a_lost_command_is_sent_again_under_its_number_in_a_new_packet() {
    let mut talk = Talk::opened(FakeBmc::new());
    let before = talk.bmc.asked.len();
    talk.bmc.deaf_to = 1;
    let event = talk.order(Order::Status);
    assert_eq!(event, Event::Answered(Answer::Status(status(true))));
    let sent = talk.sent.len();
    let (first, second) = (&talk.sent[sent - 2], &talk.sent[sent - 1]);
    assert_ne!(first, second);
    let Asked::Command { number, session_sequence, .. } = talk.bmc.asked[before] else {
        panic!("no command");
    };
    assert_eq!((number, session_sequence), (2, 3), "second request, third packet");
}

#[test]
fn a_busy_bmc_is_asked_again_and_never_read_as_off() {
    let mut bmc = FakeBmc::new();
    bmc.codes = [code::BUSY, code::TIMEOUT, code::INITIALISING, code::UNSPECIFIED].into();
    let mut talk = Talk::opened(bmc);
    assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn a_bmc_that_stays_busy_is_reported_as_busy() {
    let mut bmc = FakeBmc::new();
    bmc.codes = vec![code::BUSY; 1_000].into();
    let mut talk = Talk::opened(bmc);
    let error = failure(talk.order(Order::Status));
    let busy = code::BUSY;
    assert!(matches!(error, ClientError::StillBusy { code, .. } if code == busy), "{error:?}");
    assert!(talk.bmc.was_closed());
}

#[test]
fn a_number_called_duplicate_is_not_used_again() {
    let mut bmc = FakeBmc::new();
    bmc.codes = [code::DUPLICATE].into();
    let mut talk = Talk::opened(bmc);
    assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(true))));
    let numbers = talk.bmc.asked.iter().filter_map(|asked| match asked {
        Asked::Command { netfn: 0, number, .. } => Some(*number),
        _ => None,
    });
    assert_eq!(numbers.collect::<Vec<u8>>(), [2, 3]);
}

#[test]
fn not_in_this_state_is_no_proof_and_no_error() {
    let mut bmc = FakeBmc::new();
    bmc.codes = [code::STATE].into();
    let mut talk = Talk::opened(bmc);
    assert_eq!(talk.order(Order::Off), Event::Answered(Answer::Off(Ack::NotInThisState)));
    assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn a_declined_order_leaves_the_session_standing() {
    let mut bmc = FakeBmc::new();
    bmc.codes = [code::PRIVILEGE].into();
    let mut talk = Talk::opened(bmc);
    let declined = Declined::Code { order: Order::Off, code: code::PRIVILEGE };
    assert_eq!(talk.order(Order::Off), Event::Declined(declined));
    assert!(declined.to_string().contains("insufficient privilege"));
    assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn a_reading_recorded_earlier_is_never_taken_for_a_new_one() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.order(Order::Off);
    talk.order(Order::Status);
    let recorded = talk.replies.clone();
    talk.order(Order::On);

    let by = talk.now + Duration::from_secs(5);
    talk.bmc.deaf_to = 1;
    assert_eq!(talk.feed(Input::Order { order: Order::Status, by: Some(by) }), None);
    for reply in &recorded {
        assert_eq!(talk.feed(Input::Datagram(reply)), None);
    }
    assert_eq!(talk.run(Input::Tick), Event::Answered(Answer::Status(status(true))));
}

/// Numbers of answered requests are used again after 64 of them: then only the session's own numbering
/// tells the recording from the answer.
#[test]
fn a_recording_is_nothing_when_its_number_comes_round() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.order(Order::Off);
    talk.order(Order::Status);
    let recorded = talk.replies.last().cloned().unwrap();
    for _ in 0..63 {
        talk.order(Order::On);
    }
    let by = talk.now + Duration::from_secs(5);
    talk.bmc.deaf_to = 1;
    assert_eq!(talk.feed(Input::Order { order: Order::Status, by: Some(by) }), None);
    assert_eq!(talk.feed(Input::Datagram(&recorded)), None, "a recording");
    assert_eq!(talk.run(Input::Tick), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn a_reading_that_comes_too_late_is_never_taken_for_the_next() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now + Duration::from_secs(5);
    talk.feed(Input::Order { order: Order::Off, by: Some(by) });
    talk.step();
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Order { order: Order::Status, by: Some(by) });
    talk.feed(Input::GiveUp(2));
    let late = talk.bmc.seal(&off_reading(3));

    talk.bmc.power_on = true;
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Order { order: Order::Status, by: Some(by) });
    assert_eq!(talk.feed(Input::Datagram(&late)), None, "an answer to the order given up");
    assert_eq!(talk.run(Input::Tick), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn a_number_that_went_unanswered_does_not_come_round_again() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now + Duration::from_secs(50);
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Order { order: Order::Status, by: Some(by) });
    talk.feed(Input::GiveUp(1));
    let late = talk.bmc.seal(&off_reading(2));
    for round in 1..65 {
        talk.order(Order::On);
        talk.bmc.deaf_to = 1;
        talk.feed(Input::Order { order: Order::DeviceId, by: Some(by) });
        talk.feed(Input::GiveUp(2 * round + 1));
        if talk.client.is_over() {
            return;
        }
        assert_eq!(talk.feed(Input::Datagram(&late)), None);
    }
    panic!("64 unanswered numbers must use the session up");
}

#[test]
fn an_unsigned_off_is_nothing() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now + Duration::from_secs(5);
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Order { order: Order::Status, by: Some(by) });
    let mut forged = setup_datagram(PayloadType::Ipmi, &off_reading(2));
    assert_eq!(talk.feed(Input::Datagram(&forged)), None);
    let id = talk.bmc.console_id().to_le_bytes();
    forged[6..10].copy_from_slice(&id);
    forged[10] = 9;
    assert_eq!(talk.feed(Input::Datagram(&forged)), None);
    assert_eq!(talk.run(Input::Tick), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn a_signed_reply_without_a_session_id_is_nobodys() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.order(Order::Off);
    talk.bmc.leaves_id_out = true;
    let error = failure(talk.order(Order::Status));
    let step = Step::Order(Order::Status);
    let ClientError::Silent { step: at, sent, ignored, .. } = error else { panic!("{error:?}") };
    assert_eq!((at, ignored > 0), (step, true), "{sent} sent, {ignored} ignored");
}

#[test]
fn a_genuine_reply_with_any_bit_flipped_is_nothing() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now + Duration::from_secs(5);
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Order { order: Order::Status, by: Some(by) });
    let genuine = talk.bmc.seal(&off_reading(2));
    // The three bytes of the RMCP header behind the version say nothing that we go by.
    for bit in (0..8).chain(24..genuine.len() * 8) {
        let mut forged = genuine.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(talk.feed(Input::Datagram(&forged)), None, "bit {bit}");
    }
    let event = talk.feed(Input::Datagram(&genuine));
    assert_eq!(event, Some(Event::Answered(Answer::Status(status(false)))));
}

#[test]
fn an_answer_to_another_command_or_number_is_nothing() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now + Duration::from_secs(5);
    talk.bmc.deaf_to = 1;
    talk.feed(Input::Order { order: Order::Status, by: Some(by) });
    let other: Message = palisade_ipmi::chassis::GetRestartCause.into();
    let other = Ipmb::request(&other, 2).reply(&[0, 0, 0, 0]).encode();
    for frame in [off_reading(1), off_reading(3), other] {
        let sealed = talk.bmc.seal(&frame);
        assert_eq!(talk.feed(Input::Datagram(&sealed)), None);
    }
    assert_eq!(talk.run(Input::Tick), Event::Answered(Answer::Status(status(true))));
}

#[test]
fn silence_ends_an_order_at_its_deadline_and_gives_the_session_back() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.order(Order::Off);
    talk.bmc.deaf_to = 7;
    let by = talk.now + Duration::from_secs(2);
    let error = failure(talk.run(Input::Order { order: Order::Status, by: Some(by) }));
    let step = Step::Order(Order::Status);
    assert!(matches!(error, ClientError::Silent { step: at, .. } if at == step), "{error:?}");
    assert_eq!(talk.now, by);
    assert!(talk.client.is_over());
    assert!(talk.sent.len() > 5);
}

#[test]
fn an_answer_after_the_deadline_does_not_count() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now + Duration::from_millis(10);
    talk.feed(Input::Order { order: Order::Off, by: Some(by) });
    let reply = talk.replies.last().cloned().unwrap();
    talk.now = by;
    let error = failure(talk.feed(Input::Datagram(&reply)).unwrap());
    assert!(matches!(error, ClientError::Silent { .. }));
}

#[test]
fn an_order_whose_deadline_has_passed_never_leaves() {
    let mut talk = Talk::opened(FakeBmc::new());
    let by = talk.now;
    let event = talk.feed(Input::Order { order: Order::Off, by: Some(by) }).unwrap();
    assert_eq!(failure(event), ClientError::TooLate { step: Step::Order(Order::Off) });
    assert!(talk.bmc.power_on);
}

/// A host that was suspended between order and repetition must not cut power on an old warrant.
#[test]
fn an_order_is_never_sent_again_after_its_deadline() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.bmc.deaf_to = 1;
    let by = talk.now + Duration::from_millis(500);
    assert_eq!(talk.feed(Input::Order { order: Order::Off, by: Some(by) }), None);
    talk.now = by + Duration::from_secs(3_600);
    let error = failure(talk.feed(Input::Tick).unwrap());
    assert!(matches!(error, ClientError::Silent { .. }), "{error:?}");
    assert!(talk.bmc.power_on);
}

#[test]
fn an_order_without_a_session_is_refused() {
    let mut talk = Talk::opened(FakeBmc::new());
    talk.feed(Input::Close);
    assert_eq!(failure(talk.order(Order::Off)), ClientError::Over);
    assert!(talk.bmc.power_on);
}

#[test]
fn at_most_three_handshakes_are_alive_and_each_has_its_own_id() {
    let mut talk = Talk::new(FakeBmc::new());
    talk.latency = Duration::from_secs(9);
    talk.run(Input::Tick);
    let ids: BTreeSet<u32> = talk
        .bmc
        .asked
        .iter()
        .filter_map(|asked| match asked {
            Asked::Open { console_id, .. } => Some(*console_id),
            _ => None,
        })
        .collect();
    assert_eq!(ids.len(), talk.bmc.count(is_open));
    assert!(!ids.contains(&0));
    assert!(talk.bmc.count(is_rakp1) <= 3);
}

#[test]
fn no_error_shows_the_password() {
    let mut bmc = FakeBmc::new();
    bmc.password = Secret::new(b"another").unwrap();
    let mut talk = Talk::new(bmc);
    let shown = format!("{:?} {:?}", talk.run(Input::Tick), talk.client);
    assert!(!shown.contains("palisade-20") && !shown.contains("112, 97, 108"), "{shown}");
}
