//! Stories of a BMC told by a console that can misbehave.

use ipmi_rs_core::connection::Message;
use palisade_protocol::time::{Duration, Instant};
use proptest::prelude::*;

use super::{Config, Declined, Engine, Hardware, User, Veto};
use crate::app::{
    CloseSession, DeviceId, GetAuthCapabilities, GetCipherSuites, GetDeviceId, GetSystemGuid,
    SetSessionPrivilege,
};
use crate::chassis::{
    ChassisControl, ChassisStatus, ControlAction, GetChassisStatus, LastPowerEvent, RestartCause,
    RestorePolicy, SetRestorePolicy, StartReason, SupportedPolicies,
};
use crate::entropy::Entropy;
use crate::keys::{Handshake, SessionKeys};
use crate::privilege::{Privilege, Role};
use crate::secret::Secret;
use crate::suite::Suite;
use crate::watchdog::{NEVER_INITIALISED, ResetWatchdog, SetWatchdog, TimerState};
use crate::wire::{
    Algorithms, Datagram, Ipmb, OpenSessionReply, OpenSessionRequest, PayloadType, Rakp1, Rakp2,
    Rakp3, Rakp4, RmcpStatus, asf_ping, asf_pong, setup_datagram, v15_datagram,
};

const CONSOLE_ID: u32 = 0xC0_50_1E_01;
const CONSOLE_RANDOM: [u8; 16] = [0xAB; 16];

/// A machine that notes what it is ordered.
#[derive(Default)]
struct Machine {
    on: bool,
    orders: Vec<ControlAction>,
    veto: Option<u8>,
}

impl Hardware for Machine {
    fn veto(&mut self, _now: Instant, _request: &Ipmb<'_>) -> Option<Veto> {
        self.veto.map(|code| Veto::Declined(Declined(code)))
    }

    fn device_id(&self) -> DeviceId {
        DeviceId::from_data(&[0x20, 1, 1, 0, 2, 0x80, 0, 0, 0, 1, 0]).unwrap()
    }

    fn chassis_status(&mut self, _now: Instant) -> Result<ChassisStatus, Declined> {
        Ok(ChassisStatus {
            power_on: self.on,
            overload: false,
            interlock: false,
            power_fault: false,
            control_fault: false,
            restore_policy: RestorePolicy::StayOff,
            last_event: LastPowerEvent::default(),
            misc: 0,
            front_panel: None,
        })
    }

    fn chassis_control(&mut self, _now: Instant, action: ControlAction) -> Result<(), Declined> {
        self.orders.push(action);
        Ok(())
    }

    fn restart_cause(&mut self, _now: Instant) -> Result<RestartCause, Declined> {
        Ok(RestartCause { reason: StartReason::Watchdog, channel: 0 })
    }

    fn set_restore_policy(
        &mut self,
        _now: Instant,
        _policy: RestorePolicy,
    ) -> Result<SupportedPolicies, Declined> {
        Ok(SupportedPolicies { stay_off: true, previous: true, always_on: true })
    }

    fn set_watchdog(&mut self, _now: Instant, _setting: SetWatchdog) -> Result<(), Declined> {
        Ok(())
    }

    fn get_watchdog(&mut self, _now: Instant) -> Result<TimerState, Declined> {
        Err(Declined(0xC1))
    }

    fn reset_watchdog(&mut self, _now: Instant) -> Result<(), Declined> {
        Err(Declined(NEVER_INITIALISED))
    }
}

/// A BMC, its machine, and the time.
struct Rig {
    engine: Engine,
    machine: Machine,
    now: Instant,
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

impl Rig {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let user = |name: &str, privilege| {
            let (name, password) = (name.to_owned(), secret(name));
            User { name, password, privilege }
        };
        let users = vec![
            user("admin", Privilege::Admin),
            user("operator", Privilege::Operator),
            user("reader", Privilege::User),
        ];
        let mut config = Config::usual(users, [0x77; 16]);
        change(&mut config);
        let engine = Engine::new(config, Entropy::from_seed([1; 32]));
        Self { engine, machine: Machine::default(), now: Instant::from_millis(1_000) }
    }

    fn send(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.engine.receive(self.now, datagram, &mut self.machine)
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
    }

    /// Sends a set-up payload; the payload of the answer.
    fn set_up(&mut self, kind: PayloadType, payload: &[u8]) -> Option<Vec<u8>> {
        let reply = self.send(&setup_datagram(kind, payload))?;
        let Ok(Datagram::V2(packet)) = Datagram::parse(&reply) else { panic!("{reply:?}") };
        Some(packet.payload.to_vec())
    }

    fn open(&mut self, suite: Suite) -> OpenSessionReply {
        self.open_as(suite.algorithms(), 0)
    }

    fn open_as(&mut self, algorithms: Algorithms, privilege: u8) -> OpenSessionReply {
        let request = OpenSessionRequest { tag: 5, privilege, console_id: CONSOLE_ID, algorithms };
        let reply = self.set_up(PayloadType::OpenSessionRequest, &request.encode()).unwrap();
        OpenSessionReply::parse(&reply).unwrap()
    }

    fn rakp1(&mut self, bmc_id: u32, role: Role, user: &str) -> Option<Rakp2> {
        let user = user.as_bytes().to_vec();
        let (tag, console_random) = (6, CONSOLE_RANDOM);
        let request = Rakp1 { tag, bmc_id, console_random, role, user };
        let reply = self.set_up(PayloadType::Rakp1, &request.encode())?;
        Some(Rakp2::parse(&reply).unwrap())
    }

    fn rakp3(&mut self, bmc_id: u32, code: Vec<u8>) -> Option<Rakp4> {
        let request = Rakp3 { tag: 7, bmc_id, outcome: Ok(code) };
        let reply = self.set_up(PayloadType::Rakp3, &request.encode())?;
        Some(Rakp4::parse(&reply).unwrap())
    }

    /// Everything up to RAKP 2.
    fn challenged(
        &mut self,
        suite: Suite,
        role: Role,
        user: &str,
    ) -> Result<Handshake, RmcpStatus> {
        let bmc_id = self.open(suite).outcome?.bmc_id;
        let grant = self.rakp1(bmc_id, role, user).unwrap().outcome?;
        let handshake = Handshake {
            suite,
            console_id: CONSOLE_ID,
            bmc_id,
            console_random: CONSOLE_RANDOM,
            bmc_random: grant.bmc_random,
            bmc_guid: grant.bmc_guid,
            role,
            user: user.as_bytes().to_vec(),
        };
        assert!(handshake.rakp2_code(&secret(user)).is(&grant.code), "the BMC knows the password");
        Ok(handshake)
    }

    fn log_in(&mut self, suite: Suite, level: Privilege, user: &str) -> Console {
        let role = Role::name_only(level);
        let handshake = self.challenged(suite, role, user).unwrap();
        let code = handshake.rakp3_code(&secret(user)).bytes().to_vec();
        let code = self.rakp3(handshake.bmc_id, code).unwrap().outcome.unwrap();
        let keys = handshake.session_keys(&secret(user));
        assert!(handshake.rakp4_code(&keys).is_shortened(suite.short_code_len(), &code));
        Console { keys, bmc_id: handshake.bmc_id, sequence: 0, rq: 0, heard: 0 }
    }

    fn admin(&mut self) -> Console {
        self.log_in(Suite::Sha256, Privilege::Admin, "admin")
    }

    /// Gives an order; completion code and data, or `None` without an answer.
    fn ask(&mut self, console: &mut Console, message: impl Into<Message>) -> Option<(u8, Vec<u8>)> {
        let datagram = console.seal(message);
        let reply = self.send(&datagram)?;
        Some(console.open(&reply))
    }

    fn code(&mut self, console: &mut Console, message: impl Into<Message>) -> u8 {
        self.ask(console, message).unwrap().0
    }
}

/// The other side of a session.
struct Console {
    keys: SessionKeys,
    bmc_id: u32,
    sequence: u32,
    rq: u8,
    heard: u32,
}

impl Console {
    fn seal(&mut self, message: impl Into<Message>) -> Vec<u8> {
        self.sequence += 1;
        self.rq = (self.rq + 1) & 0x3F;
        let frame = Ipmb::request(&message.into(), self.rq).encode();
        self.keys.seal(self.bmc_id, self.sequence, [9; 16], &frame)
    }

    fn open(&mut self, datagram: &[u8]) -> (u8, Vec<u8>) {
        let Ok(Datagram::V2(packet)) = Datagram::parse(datagram) else { panic!("{datagram:?}") };
        assert_eq!(packet.session_id, CONSOLE_ID);
        assert_eq!(packet.sequence, self.heard + 1, "each answer has the next number");
        self.heard = packet.sequence;
        let payload = self.keys.open(&packet).unwrap();
        let frame = Ipmb::parse(&payload).unwrap();
        assert_eq!(frame.sequence, self.rq);
        let (code, data) = frame.completion().unwrap();
        (code, data.to_vec())
    }
}

fn control(action: ControlAction) -> ChassisControl {
    ChassisControl(action)
}

fn level(level: Privilege) -> SetSessionPrivilege {
    SetSessionPrivilege(Some(level))
}

#[test]
fn a_session_begins_at_user_level_and_must_be_raised_to_switch_power() {
    for suite in [Suite::Sha1, Suite::Sha256] {
        let mut rig = Rig::new();
        let mut console = rig.log_in(suite, Privilege::Admin, "admin");
        assert_eq!(rig.code(&mut console, GetChassisStatus), 0x00);
        assert_eq!(rig.code(&mut console, control(ControlAction::Down)), 0xD4);
        assert_eq!(rig.machine.orders, []);
        let raised = rig.ask(&mut console, level(Privilege::Operator)).unwrap();
        assert_eq!(raised, (0x00, vec![3]));
        assert_eq!(rig.code(&mut console, control(ControlAction::Down)), 0x00);
        assert_eq!(rig.machine.orders, [ControlAction::Down]);
    }
}

#[test]
fn nobody_rises_above_the_users_or_the_roles_level() {
    let mut rig = Rig::new();
    let mut reader = rig.log_in(Suite::Sha1, Privilege::Admin, "reader");
    assert_eq!(rig.code(&mut reader, level(Privilege::Operator)), 0x81);
    let mut operator = rig.log_in(Suite::Sha1, Privilege::Admin, "operator");
    assert_eq!(rig.code(&mut operator, level(Privilege::Admin)), 0x81);
    assert_eq!(rig.code(&mut operator, level(Privilege::Operator)), 0x00);
    let mut modest = rig.log_in(Suite::Sha1, Privilege::User, "admin");
    assert_eq!(rig.code(&mut modest, level(Privilege::Operator)), 0x81);
    assert_eq!(rig.code(&mut modest, level(Privilege::Oem)), 0x80);
}

#[test]
fn without_the_name_only_bit_the_level_must_be_exactly_the_users() {
    let mut rig = Rig::new();
    let exact = Role::from_byte(Privilege::Operator.bits());
    assert!(rig.challenged(Suite::Sha1, exact, "operator").is_ok());
    let refused = rig.challenged(Suite::Sha1, exact, "admin").unwrap_err();
    assert_eq!(refused, RmcpStatus::UnauthorizedName);
}

#[test]
fn an_unknown_or_null_user_is_refused_in_rakp_2() {
    let mut rig = Rig::new();
    for user in ["nobody", "", "admin\0"] {
        let role = Role::name_only(Privilege::Admin);
        let refused = rig.challenged(Suite::Sha256, role, user).unwrap_err();
        assert_eq!(refused, RmcpStatus::UnauthorizedName, "{user:?}");
    }
    assert_eq!(rig.engine.sessions(rig.now), 0, "no slot is kept");
}

#[test]
fn a_wrong_password_is_answered_with_a_wrong_integrity_check() {
    let mut rig = Rig::new();
    let role = Role::name_only(Privilege::Admin);
    let handshake = rig.challenged(Suite::Sha256, role, "admin").unwrap();
    let wrong = handshake.rakp3_code(&secret("wrong")).bytes().to_vec();
    let refused = rig.rakp3(handshake.bmc_id, wrong).unwrap();
    assert_eq!(refused.outcome, Err(RmcpStatus::InvalidIntegrityCheck));
    assert_eq!(refused.console_id, CONSOLE_ID);
    let right = handshake.rakp3_code(&secret("admin")).bytes().to_vec();
    let again = rig.rakp3(handshake.bmc_id, right).unwrap();
    assert_eq!(again.outcome, Err(RmcpStatus::InvalidSessionId), "one guess a session");
}

#[test]
fn a_console_that_gives_up_frees_its_slot_and_gets_no_answer() {
    let mut rig = Rig::new();
    let role = Role::name_only(Privilege::Admin);
    let bmc_id = rig.challenged(Suite::Sha1, role, "admin").unwrap().bmc_id;
    let outcome = Err(RmcpStatus::InvalidIntegrityCheck);
    let farewell = Rakp3 { tag: 1, bmc_id, outcome }.encode();
    assert_eq!(rig.set_up(PayloadType::Rakp3, &farewell), None);
    assert_eq!(rig.engine.sessions(rig.now), 0);
}

#[test]
fn a_second_rakp_1_or_rakp_3_is_not_answered() {
    let mut rig = Rig::new();
    let role = Role::name_only(Privilege::Admin);
    let handshake = rig.challenged(Suite::Sha1, role, "admin").unwrap();
    assert_eq!(rig.rakp1(handshake.bmc_id, role, "admin"), None);
    let code = handshake.rakp3_code(&secret("admin")).bytes().to_vec();
    assert!(rig.rakp3(handshake.bmc_id, code.clone()).unwrap().outcome.is_ok());
    assert_eq!(rig.rakp3(handshake.bmc_id, code), None);
}

#[test]
fn algorithms_other_than_those_of_suites_3_and_17_are_refused_one_by_one() {
    let mut rig = Rig::with(|config| config.suites = vec![Suite::Sha256]);
    let mut ask = |authentication, integrity, confidentiality| {
        let algorithms = Algorithms { authentication, integrity, confidentiality };
        rig.open_as(algorithms, 0).outcome.map(|grant| grant.algorithms)
    };
    assert_eq!(ask(0, 0, 0), Err(RmcpStatus::InvalidAuthentication));
    assert_eq!(ask(3, 0, 1), Err(RmcpStatus::InvalidIntegrity));
    assert_eq!(ask(3, 4, 0), Err(RmcpStatus::InvalidConfidentiality));
    assert_eq!(ask(1, 1, 1), Err(RmcpStatus::NoCipherSuite), "suite 3 is switched off");
    assert_eq!(ask(3, 4, 1), Ok(Suite::Sha256.algorithms()));
}

#[test]
fn the_highest_privilege_is_named_when_it_is_asked_for() {
    let mut rig = Rig::with(|config| config.channel_limit = Privilege::Operator);
    let algorithms = Suite::Sha1.algorithms();
    assert_eq!(rig.open_as(algorithms, 0).outcome.unwrap().privilege, 3);
    assert_eq!(rig.open_as(algorithms, 4).outcome.unwrap().privilege, 3);
    assert_eq!(rig.open_as(algorithms, 2).outcome.unwrap().privilege, 2);
    assert_eq!(rig.open_as(algorithms, 9).outcome, Err(RmcpStatus::InvalidRole));
}

#[test]
fn slots_run_out_and_come_back_by_close_and_by_time() {
    let mut rig = Rig::with(|config| config.slots = 2);
    let mut console = rig.admin();
    assert!(rig.open(Suite::Sha1).outcome.is_ok());
    assert_eq!(rig.open(Suite::Sha1).outcome, Err(RmcpStatus::NoResources));
    let id = console.bmc_id;
    assert_eq!(rig.code(&mut console, CloseSession(id)), 0x00);
    assert!(rig.open(Suite::Sha1).outcome.is_ok());
    assert_eq!(rig.open(Suite::Sha1).outcome, Err(RmcpStatus::NoResources));
    rig.wait(Duration::from_secs(4));
    assert_eq!(rig.engine.sessions(rig.now), 0, "set-ups that went nowhere");
}

#[test]
fn an_idle_session_is_given_up_and_a_busy_one_is_kept() {
    let mut rig = Rig::new();
    let (mut busy, mut idle) = (rig.admin(), rig.admin());
    rig.wait(Duration::from_secs(50));
    assert_eq!(rig.code(&mut busy, GetChassisStatus), 0x00);
    rig.wait(Duration::from_secs(50));
    assert_eq!(rig.code(&mut busy, GetChassisStatus), 0x00);
    assert_eq!(rig.ask(&mut idle, GetChassisStatus), None);
}

#[test]
fn a_closed_session_is_silent() {
    let mut rig = Rig::new();
    let mut console = rig.admin();
    let id = console.bmc_id;
    assert_eq!(rig.code(&mut console, CloseSession(id)), 0x00);
    assert_eq!(rig.ask(&mut console, GetChassisStatus), None);
}

#[test]
fn only_an_administrator_closes_sessions_of_others() {
    let mut rig = Rig::new();
    let mut admin = rig.admin();
    let mut reader = rig.log_in(Suite::Sha1, Privilege::User, "reader");
    assert_eq!(rig.code(&mut reader, CloseSession(admin.bmc_id)), 0xD4);
    assert_eq!(rig.code(&mut admin, level(Privilege::Admin)), 0x00);
    assert_eq!(rig.code(&mut admin, CloseSession(12_345)), 0x87);
    assert_eq!(rig.code(&mut admin, CloseSession(reader.bmc_id)), 0x00);
    assert_eq!(rig.ask(&mut reader, GetChassisStatus), None);
}

#[test]
fn a_replayed_order_is_carried_out_once() {
    let mut rig = Rig::new();
    let mut console = rig.admin();
    rig.code(&mut console, level(Privilege::Operator));
    let order = console.seal(control(ControlAction::Down));
    assert!(rig.send(&order).is_some());
    assert_eq!(rig.send(&order), None);
    assert_eq!(rig.machine.orders, [ControlAction::Down]);
}

#[test]
fn orders_may_overtake_each_other_within_the_window() {
    let mut rig = Rig::new();
    let mut console = rig.admin();
    let (first, second) = (console.seal(GetChassisStatus), console.seal(GetChassisStatus));
    assert!(rig.send(&second).is_some());
    assert!(rig.send(&first).is_some());
    console.sequence += 100;
    assert!(rig.send(&console.seal(GetChassisStatus)).is_some());
    assert_eq!(rig.send(&first), None);
}

#[test]
fn every_flipped_bit_of_an_order_makes_it_void() {
    let mut rig = Rig::new();
    let mut console = rig.admin();
    rig.code(&mut console, level(Privilege::Operator));
    let order = console.seal(control(ControlAction::Down));
    // The RMCP header is not signed; reserved and sequence bytes of it mean nothing.
    for bit in 4 * 8..order.len() * 8 {
        let mut flipped = order.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(rig.send(&flipped), None, "bit {bit}");
    }
    assert_eq!(rig.machine.orders, []);
    assert!(rig.send(&order).is_some(), "the true one still counts");
}

#[test]
fn commands_without_a_session_are_few() {
    let mut rig = Rig::new();
    let mut ask = |message: Message| {
        let datagram = v15_datagram(&Ipmb::request(&message, 3).encode());
        let reply = rig.send(&datagram).unwrap();
        let Ok(Datagram::V15(packet)) = Datagram::parse(&reply) else { panic!("{reply:?}") };
        let (code, data) = Ipmb::parse(packet.payload).unwrap().completion().unwrap();
        (code, data.to_vec())
    };
    let extended = GetAuthCapabilities { extended: true, channel: 0x0E, privilege: 4 };
    assert_eq!(ask(extended.into()), (0, vec![1, 0x80, 4, 2, 0, 0, 0, 0]));
    let suites = GetCipherSuites { channel: 0x0E, payload_type: 0, by_suite: true, index: 0 };
    let list = vec![1, 0xC0, 3, 1, 0x41, 0x81, 0xC0, 17, 3, 0x44, 0x81];
    assert_eq!(ask(suites.into()), (0, list));
    assert_eq!(ask(GetCipherSuites { index: 1, ..suites }.into()), (0, vec![1]));
    assert_eq!(ask(GetSystemGuid.into()), (0, vec![0x77; 16]));
    assert_eq!(ask(GetChassisStatus.into()).0, 0xD4);
    assert_eq!(ask(control(ControlAction::Down).into()).0, 0xD4);
    assert_eq!(ask(Message::new_raw(0x2C, 0x00, vec![0])).0, 0xC1);
    assert_eq!(rig.machine.orders, []);
}

#[test]
fn the_cipher_list_is_also_told_in_the_newer_envelope() {
    let mut rig = Rig::new();
    let suites = GetCipherSuites { channel: 0x0E, payload_type: 0, by_suite: true, index: 0 };
    let frame = Ipmb::request(&suites.into(), 1).encode();
    let reply = rig.set_up(PayloadType::Ipmi, &frame).unwrap();
    assert_eq!(Ipmb::parse(&reply).unwrap().completion().unwrap().1.len(), 11);
}

#[test]
fn completion_codes_say_what_is_wrong() {
    let mut rig = Rig::new();
    let mut console = rig.admin();
    rig.code(&mut console, level(Privilege::Admin));
    let chassis = |command, data| Message::new_raw(0x00, command, data);
    assert_eq!(rig.code(&mut console, chassis(0x55, vec![])), 0xC1);
    assert_eq!(rig.code(&mut console, chassis(0x02, vec![])), 0xC7);
    assert_eq!(rig.code(&mut console, chassis(0x02, vec![0, 0])), 0xC7);
    assert_eq!(rig.code(&mut console, chassis(0x02, vec![9])), 0xCC);
    assert_eq!(rig.code(&mut console, chassis(0x01, vec![1])), 0xC7);
    assert_eq!(rig.code(&mut console, ResetWatchdog), 0x80);
    assert_eq!(rig.code(&mut console, GetDeviceId), 0x00);
    assert_eq!(rig.code(&mut console, SetRestorePolicy(RestorePolicy::AlwaysOn)), 0x00);
    rig.machine.veto = Some(0xC0);
    assert_eq!(rig.code(&mut console, control(ControlAction::Down)), 0xC0);
    assert_eq!(rig.machine.orders, []);
}

#[test]
fn a_two_key_login_needs_both_keys() {
    let mut rig = Rig::with(|config| config.key = Some(secret("bmc key")));
    let role = Role::name_only(Privilege::Admin);
    let handshake = rig.challenged(Suite::Sha256, role, "admin").unwrap();
    let code = handshake.rakp3_code(&secret("admin")).bytes().to_vec();
    let code = rig.rakp3(handshake.bmc_id, code).unwrap().outcome.unwrap();
    let with = |key: &str| handshake.rakp4_code(&handshake.session_keys(&secret(key)));
    assert!(with("bmc key").is_shortened(16, &code));
    assert!(!with("admin").is_shortened(16, &code));
}

#[test]
fn a_restarted_bmc_knows_no_session() {
    let mut rig = Rig::new();
    let mut console = rig.admin();
    rig.engine.restart();
    assert_eq!(rig.ask(&mut console, GetChassisStatus), None);
}

#[test]
fn a_presence_ping_is_answered() {
    assert_eq!(Rig::new().send(&asf_ping(7)), Some(asf_pong(7)));
}

/// Datagrams of each kind, valid where that is possible without luck.
fn any_datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..80);
    let kinds = prop::sample::select(vec![
        PayloadType::Ipmi,
        PayloadType::OpenSessionRequest,
        PayloadType::Rakp1,
        PayloadType::Rakp3,
        PayloadType::Rakp4,
    ]);
    prop_oneof![
        bytes(),
        bytes().prop_map(|bytes| [&[6, 0, 0xFF, 7], bytes.as_slice()].concat()),
        bytes().prop_map(|bytes| v15_datagram(&bytes)),
        (kinds, bytes()).prop_map(|(kind, bytes)| setup_datagram(kind, &bytes)),
    ]
}

proptest! {
    #[test]
    fn no_datagram_panics_or_switches_anything(datagrams in prop::collection::vec(any_datagram(), 1..20)) {
        let mut rig = Rig::new();
        for datagram in &datagrams {
            rig.send(datagram);
        }
        prop_assert!(rig.machine.orders.is_empty());
    }
}
