//! Every message both ways, and its hostile neighbours.
#![cfg(test)]

use palisade_ipmi::app::{
    AuthCapabilities, CipherSuiteChunk, CloseSession, DeviceId, GetAuthCapabilities,
    GetCipherSuites, GetDeviceId, GetSystemGuid, SetSessionPrivilege, cipher_suite_records,
    encode_device_id,
};
use palisade_ipmi::chassis::{
    ChassisControl, ChassisStatus, ControlAction, GetChassisStatus, GetRestartCause,
    LastPowerEvent, RestartCause, RestorePolicy, SetRestorePolicy, StartReason, SupportedPolicies,
};
use palisade_ipmi::malformed::Malformed;
use palisade_ipmi::privilege::{Privilege, Role};
use palisade_ipmi::suite::Suite;
use palisade_ipmi::watchdog::{
    GetWatchdog, PreTimeout, SetWatchdog, TimeoutAction, TimerState, TimerUse,
};
use palisade_ipmi::wire::{
    Datagram, Ipmb, OpenSessionGrant, OpenSessionReply, OpenSessionRequest, PayloadType, Rakp1,
    Rakp2, Rakp2Grant, Rakp3, Rakp4, RmcpStatus, asf_ping, asf_pong, setup_datagram, v15_datagram,
};
use palisade_ipmi::{IpmiCommand, Message};
use proptest::prelude::*;

/// No prefix parses to the value, and no parser panics on one.
fn assert_cuts<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, Malformed>,
) {
    let whole = parse(bytes).unwrap();
    for length in 0..bytes.len() {
        assert_ne!(parse(&bytes[..length]).as_ref(), Ok(&whole), "cut to {length}");
    }
    let longer = [bytes, &[0]].concat();
    assert_ne!(parse(&longer).as_ref(), Ok(&whole), "one byte too many");
}

fn open_request() -> OpenSessionRequest {
    let algorithms = Suite::Sha256.algorithms();
    OpenSessionRequest { tag: 7, privilege: 3, console_id: 0x0102_0304, algorithms }
}

#[test]
fn open_session_goes_both_ways() {
    let request = open_request();
    let bytes = request.encode();
    assert_eq!(bytes.len(), 32);
    assert_eq!(OpenSessionRequest::parse(&bytes), Ok(request));
    assert_cuts(&bytes, OpenSessionRequest::parse);

    let algorithms = Suite::Sha1.algorithms();
    let grant = OpenSessionGrant { privilege: 4, bmc_id: 0x0A0B_0C0D, algorithms };
    let reply = OpenSessionReply { tag: 7, console_id: 0x0102_0304, outcome: Ok(grant) };
    let bytes = reply.encode();
    assert_eq!(bytes.len(), 36);
    assert_eq!(OpenSessionReply::parse(&bytes), Ok(reply));
    assert_cuts(&bytes, OpenSessionReply::parse);
}

#[test]
fn a_refused_open_session_may_be_as_short_as_its_status() {
    let refusal = Err(RmcpStatus::NoResources);
    let whole = OpenSessionReply { tag: 7, console_id: 9, outcome: refusal };
    assert_eq!(OpenSessionReply::parse(&whole.encode()), Ok(whole));
    let short = OpenSessionReply::parse(&[7, 1]).unwrap();
    assert_eq!(short, OpenSessionReply { tag: 7, console_id: 0, outcome: refusal });
    let long = [whole.encode(), vec![0; 28]].concat();
    assert_eq!(OpenSessionReply::parse(&long), Ok(whole), "padded to full length");
}

#[test]
fn rakp_messages_go_both_ways() {
    let rakp1 = Rakp1 {
        tag: 1,
        bmc_id: 0x0A0B_0C0D,
        console_random: [5; 16],
        role: Role::name_only(Privilege::Operator),
        user: b"palisade".to_vec(),
    };
    assert_eq!(rakp1.encode()[24], 0x13, "the role byte as sent");
    assert_eq!(Rakp1::parse(&rakp1.encode()).as_ref(), Ok(&rakp1));
    assert_cuts(&rakp1.encode(), Rakp1::parse);

    let grant = Rakp2Grant { bmc_random: [6; 16], bmc_guid: [7; 16], code: vec![8; 20] };
    let rakp2 = Rakp2 { tag: 1, console_id: 2, outcome: Ok(grant) };
    assert_eq!(Rakp2::parse(&rakp2.encode()).as_ref(), Ok(&rakp2));
    assert_cuts(&rakp2.encode(), Rakp2::parse);

    let rakp3 = Rakp3 { tag: 1, bmc_id: 2, outcome: Ok(vec![8; 32]) };
    assert_eq!(Rakp3::parse(&rakp3.encode()).as_ref(), Ok(&rakp3));
    let rakp4 = Rakp4 { tag: 1, console_id: 2, outcome: Ok(vec![8; 12]) };
    assert_eq!(Rakp4::parse(&rakp4.encode()).as_ref(), Ok(&rakp4));
    assert_cuts(&rakp4.encode(), Rakp4::parse);
}

#[test]
fn refusals_in_rakp_carry_their_status() {
    for byte in 1..=u8::MAX {
        let outcome = RmcpStatus::from_byte(byte).unwrap();
        assert_eq!(outcome.byte(), byte);
        let rakp2 = Rakp2 { tag: 0, console_id: 3, outcome: Err(outcome) };
        assert_eq!(Rakp2::parse(&rakp2.encode()).as_ref(), Ok(&rakp2));
        let rakp4 = Rakp4 { tag: 0, console_id: 3, outcome: Err(outcome) };
        assert_eq!(Rakp4::parse(&rakp4.encode()).as_ref(), Ok(&rakp4));
    }
    assert_eq!(RmcpStatus::from_byte(0), None);
}

#[test]
fn a_name_or_code_longer_than_any_is_refused() {
    let mut bytes = vec![0; 28];
    bytes[27] = 17;
    bytes.extend([b'x'; 17]);
    assert!(Rakp1::parse(&bytes).is_err());
    assert!(Rakp4::parse(&[0; 8 + 33]).is_err());
}

#[test]
fn a_frame_is_that_of_the_specification_and_goes_both_ways() {
    let message: Message = GetChassisStatus.into();
    let frame = Ipmb::request(&message, 1);
    let bytes = frame.encode();
    assert_eq!(bytes, [0x20, 0x00, 0xE0, 0x81, 0x04, 0x01, 0x7A]);
    assert_eq!(Ipmb::parse(&bytes), Ok(frame));

    let data = [0, 1, 2, 3];
    let reply = frame.reply(&data);
    let bytes = reply.encode();
    let parsed = Ipmb::parse(&bytes).unwrap();
    assert_eq!(parsed, reply);
    assert!(parsed.is_reply());
    assert_eq!(parsed.completion(), Ok((0, &data[1..])));
    for length in 0..bytes.len() {
        assert!(Ipmb::parse(&bytes[..length]).is_err());
    }
}

#[test]
fn a_wrong_checksum_is_damage_unless_a_signature_vouches() {
    let message: Message = GetChassisStatus.into();
    let bytes = Ipmb::request(&message, 1).encode();
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x10;
        assert!(Ipmb::parse(&damaged).is_err(), "byte {index}");
        assert!(Ipmb::parse_signed(&damaged).is_ok());
    }
}

#[test]
fn datagrams_go_both_ways() {
    let bytes = setup_datagram(PayloadType::Rakp1, &[1, 2, 3]);
    let Ok(Datagram::V2(packet)) = Datagram::parse(&bytes) else { panic!("not v2.0") };
    assert_eq!((packet.payload_type, packet.payload), (PayloadType::Rakp1, &[1, 2, 3][..]));
    assert!(!packet.authenticated && !packet.encrypted);
    assert!(Datagram::parse(&[bytes.as_slice(), &[0]].concat()).is_err());

    let bytes = v15_datagram(&[1, 2, 3]);
    let Ok(Datagram::V15(packet)) = Datagram::parse(&bytes) else { panic!("not v1.5") };
    assert_eq!((packet.sequence, packet.session_id, packet.payload), (0, 0, &[1, 2, 3][..]));

    assert_eq!(Datagram::parse(&asf_ping(9)), Ok(Datagram::AsfPing { tag: 9 }));
    assert!(Datagram::parse(&asf_pong(9)).is_err(), "a pong is not for us");
    assert_eq!(asf_pong(9).len(), 28);
}

#[test]
fn chassis_messages_go_both_ways() {
    for bits in 0..6 {
        let action = ControlAction::from_bits(bits).unwrap();
        let message: Message = ChassisControl(action).into();
        assert_eq!(message.data(), [bits]);
        assert_eq!(ChassisControl::parse_request(message.data()), Ok(ChassisControl(action)));
    }
    assert!(ChassisControl::parse_request(&[6]).is_err());
    assert!(ChassisControl::parse_request(&[]).is_err());
    assert!(ChassisControl::parse_request(&[0, 0]).is_err());

    let cause = RestartCause { reason: StartReason::Watchdog, channel: 1 };
    assert_eq!(GetRestartCause::parse_success_response(&cause.encode()), Ok(cause));
    for bits in 0..16 {
        assert_eq!(StartReason::from_bits(bits).bits(), bits);
    }

    let policy = SetRestorePolicy(RestorePolicy::AlwaysOn);
    let message: Message = policy.into();
    assert_eq!(SetRestorePolicy::parse_request(message.data()), Ok(policy));
    let all = SupportedPolicies { stay_off: true, previous: false, always_on: true };
    assert_eq!(SetRestorePolicy::parse_success_response(&all.encode()), Ok(all));
}

#[test]
fn a_chassis_status_has_three_or_four_bytes() {
    let full = ChassisStatus {
        power_on: true,
        overload: false,
        interlock: true,
        power_fault: false,
        control_fault: true,
        restore_policy: RestorePolicy::Previous,
        last_event: LastPowerEvent { on_by_ipmi: true, ..LastPowerEvent::default() },
        misc: 0x40,
        front_panel: Some(0x0F),
    };
    assert_eq!(full.encode(), [0x35, 0x10, 0x40, 0x0F]);
    assert_eq!(ChassisStatus::parse(&full.encode()), Ok(full));
    let short = ChassisStatus { front_panel: None, ..full };
    assert_eq!(ChassisStatus::parse(&short.encode()), Ok(short));
    for length in [0, 1, 2, 5] {
        assert!(ChassisStatus::parse(&vec![0; length]).is_err(), "{length} bytes are never off");
    }
}

#[test]
fn watchdog_messages_go_both_ways() {
    let set = SetWatchdog {
        timer_use: TimerUse::SmsOs,
        dont_log: true,
        dont_stop: true,
        action: TimeoutAction::Off,
        pre_timeout: PreTimeout { interrupt: 2, seconds: 3 },
        clear_expired: TimerUse::SmsOs.flag(),
        countdown: 0x1234,
    };
    let message: Message = set.into();
    assert_eq!(message.data(), [0xC4, 0x22, 3, 0x10, 0x34, 0x12]);
    assert_eq!(SetWatchdog::parse_request(message.data()), Ok(set));
    assert_cuts(message.data(), SetWatchdog::parse_request);

    let state = TimerState {
        timer_use: Some(TimerUse::SmsOs),
        running: true,
        dont_log: false,
        action: Some(TimeoutAction::Reset),
        pre_timeout: PreTimeout::default(),
        expired: 0,
        initial: 100,
        present: 42,
    };
    assert_eq!(state.encode(), [0x44, 1, 0, 0, 100, 0, 42, 0]);
    assert_eq!(GetWatchdog::parse_success_response(&state.encode()), Ok(state));
    assert_cuts(&state.encode(), TimerState::parse);
}

#[test]
fn session_and_identity_messages_go_both_ways() {
    let message: Message = SetSessionPrivilege(Some(Privilege::Operator)).into();
    let parsed = SetSessionPrivilege::parse_request(message.data()).unwrap();
    assert_eq!(parsed.0, Some(Privilege::Operator));
    let reply = SetSessionPrivilege::encode_reply(Privilege::User);
    assert_eq!(SetSessionPrivilege::parse_success_response(&reply), Ok(Privilege::User));

    let message: Message = CloseSession(0x0102_0304).into();
    assert_eq!(message.data(), [4, 3, 2, 1]);
    assert_eq!(CloseSession::parse_request(message.data()), Ok(CloseSession(0x0102_0304)));
    assert_eq!(GetSystemGuid::parse_success_response(&[3; 16]), Ok([3; 16]));
    assert!(GetSystemGuid::parse_success_response(&[3; 15]).is_err());
}

#[test]
fn a_device_id_is_read_as_it_was_written() {
    let data = [0x23, 0x89, 0x09, 0x42, 0x02, 0x9F, 0x91, 0x12, 0x00, 0x02, 0x0F, 1, 2, 3, 4];
    let id: DeviceId = GetDeviceId::parse_success_response(&data).unwrap();
    assert_eq!(encode_device_id(&id), data);
}

#[test]
fn what_other_consoles_ask_before_a_session_goes_both_ways() {
    let ask = GetAuthCapabilities { extended: true, channel: 0x0E, privilege: 4 };
    let message: Message = ask.into();
    assert_eq!(message.data(), [0x8E, 4]);
    assert_eq!(GetAuthCapabilities::parse_request(message.data()), Ok(ask));
    let told = AuthCapabilities { channel: 1, types: 0x80, logins: 4, extended: 2 };
    assert_eq!(GetAuthCapabilities::parse_success_response(&told.encode()), Ok(told));

    let ask = GetCipherSuites { channel: 0x0E, payload_type: 0, by_suite: true, index: 0 };
    let message: Message = ask.into();
    assert_eq!(message.data(), [0x0E, 0, 0x80]);
    assert_eq!(GetCipherSuites::parse_request(message.data()), Ok(ask));
}

#[test]
fn the_list_of_suites_comes_in_chunks_and_ends() {
    let list = cipher_suite_records(&[Suite::Sha1, Suite::Sha256]);
    assert_eq!(list, [0xC0, 3, 1, 0x41, 0x81, 0xC0, 17, 3, 0x44, 0x81]);
    let ask = |index| GetCipherSuites { channel: 14, payload_type: 0, by_suite: true, index };
    let first = CipherSuiteChunk::of(&list, ask(0), 1);
    assert_eq!(first.encode().len(), 11);
    let parsed = GetCipherSuites::parse_success_response(&first.encode());
    assert_eq!(parsed, Ok(first));
    assert!(CipherSuiteChunk::of(&list, ask(1), 1).records.is_empty());
    assert!(CipherSuiteChunk::of(&list, ask(63), 1).records.is_empty());
}

#[test]
fn a_role_byte_keeps_every_bit() {
    for byte in 0..=u8::MAX {
        assert_eq!(Role::from_byte(byte).byte(), byte);
    }
    let role = Role::name_only(Privilege::Admin);
    assert_eq!((role.byte(), role.level()), (0x14, Some(Privilege::Admin)));
    assert!(role.is_name_only());
}

#[test]
fn only_two_suites_exist() {
    let known: Vec<u8> = (0..=u8::MAX).filter(|id| Suite::from_id(*id).is_some()).collect();
    assert_eq!(known, [3, 17]);
}

/// How many parsers take `bytes`; must return.
fn parse_as_everything(bytes: &[u8]) -> usize {
    let taken = [
        Datagram::parse(bytes).is_ok(),
        Ipmb::parse(bytes).is_ok(),
        Ipmb::parse_signed(bytes).is_ok(),
        OpenSessionRequest::parse(bytes).is_ok(),
        OpenSessionReply::parse(bytes).is_ok(),
        Rakp1::parse(bytes).is_ok(),
        Rakp2::parse(bytes).is_ok(),
        Rakp3::parse(bytes).is_ok(),
        Rakp4::parse(bytes).is_ok(),
        ChassisStatus::parse(bytes).is_ok(),
        TimerState::parse(bytes).is_ok(),
        SetWatchdog::parse_request(bytes).is_ok(),
        CloseSession::parse_request(bytes).is_ok(),
        GetAuthCapabilities::parse_request(bytes).is_ok(),
        GetCipherSuites::parse_request(bytes).is_ok(),
        GetDeviceId::parse_success_response(bytes).is_ok(),
    ];
    taken.into_iter().filter(|one| *one).count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse_as_everything(&bytes) <= 16);
    }

    #[test]
    fn what_parses_as_a_frame_encodes_to_the_same_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        if let Ok(frame) = Ipmb::parse(&bytes) {
            prop_assert_eq!(frame.encode(), bytes);
        }
    }
}
