//! A BMC for tests that does what a script tells it, however wrong, and a clock to drive a client.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not scripted stops the test")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::VecDeque;

use palisade_ipmi::app::{CloseSession, SetSessionPrivilege};
use palisade_ipmi::chassis::{
    ChassisControl, ChassisStatus, ControlAction, GetChassisStatus, LastPowerEvent, RestorePolicy,
};
use palisade_ipmi::client::{About, Client, Effects, Event, Input, Limit, Login, Order, STEPS};
use palisade_ipmi::keys::{Handshake, SessionKeys};
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::Secret;
use palisade_ipmi::suite::{Code, Suite};
use palisade_ipmi::wire::{
    Algorithms, Datagram, Ipmb, OpenSessionGrant, OpenSessionReply, OpenSessionRequest,
    PayloadType, Rakp1, Rakp2, Rakp2Grant, Rakp3, Rakp4, RmcpStatus, SessionPacket, setup_datagram,
};
use palisade_protocol::time::{Duration, Instant};

pub(crate) const PASSWORD: &[u8] = b"palisade-20-byte-pw!";
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(2);

/// When a talk begins.
pub(crate) const BEGIN: Instant = Instant::from_millis(1_000);

/// What a BMC was asked, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Open { console_id: u32, suite: Option<Suite> },
    Rakp1 { bmc_id: u32 },
    Rakp3 { bmc_id: u32, status: Option<RmcpStatus> },
    Command { netfn: u8, command: u8, number: u8, session_sequence: u32 },
}

/// One half-open or open session of the fake.
#[derive(Debug)]
struct Slot {
    bmc_id: u32,
    console_id: u32,
    suite: Suite,
    handshake: Option<Handshake>,
    keys: Option<SessionKeys>,
    sequence: u32,
}

/// The script is its public fields.
#[derive(Debug)]
pub(crate) struct FakeBmc {
    pub(crate) password: Secret,
    pub(crate) bmc_key: Option<Secret>,
    pub(crate) power_on: bool,
    pub(crate) suites: Vec<Suite>,
    /// What to refuse a suite with that it does not have.
    pub(crate) suite_status: RmcpStatus,
    /// Answer Open Session with these algorithms, whatever was asked.
    pub(crate) algorithms: Option<Algorithms>,
    pub(crate) open_status: VecDeque<RmcpStatus>,
    pub(crate) rakp2_status: Option<RmcpStatus>,
    pub(crate) rakp4_status: Option<RmcpStatus>,
    /// Refusals carry neither tag nor console id.
    pub(crate) bare_refusals: bool,
    /// What RAKP 2 carries of its code.
    pub(crate) rakp2_code: fn(&Code) -> Vec<u8>,
    /// What RAKP 4 carries of its code, where so many bytes are right.
    pub(crate) rakp4_code: fn(&Code, usize) -> Vec<u8>,
    /// Signed replies carry session id 0.
    pub(crate) leaves_id_out: bool,
    pub(crate) admin_code: u8,
    pub(crate) operator_code: u8,
    /// Completion codes for the next chassis commands; then 0.
    pub(crate) codes: VecDeque<u8>,
    /// How many of the next datagrams to swallow.
    pub(crate) deaf_to: u32,
    /// How many of the next commands to swallow: a BMC that is not ready for what comes with RAKP 3.
    pub(crate) deaf_to_commands: u32,
    /// RAKP 4 never arrives.
    pub(crate) mute_rakp4: bool,
    pub(crate) asked: Vec<Asked>,
    slots: Vec<Slot>,
}

impl FakeBmc {
    pub(crate) fn new() -> Self {
        Self {
            password: Secret::new(PASSWORD).unwrap(),
            bmc_key: None,
            power_on: true,
            suites: vec![Suite::Sha256, Suite::Sha1],
            suite_status: RmcpStatus::NoCipherSuite,
            algorithms: None,
            open_status: VecDeque::new(),
            rakp2_status: None,
            rakp4_status: None,
            bare_refusals: false,
            rakp2_code: |code| code.bytes().to_vec(),
            rakp4_code: |code, length| code.shortened(length).to_vec(),
            leaves_id_out: false,
            admin_code: 0,
            operator_code: 0,
            codes: VecDeque::new(),
            deaf_to: 0,
            deaf_to_commands: 0,
            mute_rakp4: false,
            asked: Vec::new(),
            slots: Vec::new(),
        }
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.deaf_to > 0 {
            self.deaf_to -= 1;
            return None;
        }
        let Datagram::V2(packet) = Datagram::parse(bytes).unwrap() else { panic!("not v2.0") };
        match packet.payload_type {
            PayloadType::OpenSessionRequest => Some(self.open(packet.payload)),
            PayloadType::Rakp1 => Some(self.rakp1(packet.payload)),
            PayloadType::Rakp3 => self.rakp3(packet.payload),
            PayloadType::Ipmi => self.command(&packet),
            other => panic!("a console never sends {other:?}"),
        }
    }

    /// How often this message was sent.
    pub(crate) fn count(&self, what: impl Fn(&Asked) -> bool) -> usize {
        self.asked.iter().filter(|asked| what(asked)).count()
    }

    pub(crate) fn was_closed(&self) -> bool {
        self.count(|asked| {
            matches!(asked, Asked::Command { command, .. } if *command == CloseSession::COMMAND)
        }) > 0
    }

    /// A reply in the newest session, sealed as the fake would seal it.
    pub(crate) fn seal(&mut self, frame: &[u8]) -> Vec<u8> {
        let newest = self.slots.iter().rfind(|slot| slot.keys.is_some()).unwrap();
        self.seal_for(newest.bmc_id, frame)
    }

    fn seal_for(&mut self, bmc_id: u32, frame: &[u8]) -> Vec<u8> {
        let leaves_id_out = self.leaves_id_out;
        let slot = self.slots.iter_mut().find(|slot| slot.bmc_id == bmc_id).unwrap();
        slot.sequence += 1;
        let keys = slot.keys.as_ref().unwrap();
        let console_id = if leaves_id_out { 0 } else { slot.console_id };
        keys.seal(console_id, slot.sequence, [7; 16], frame)
    }

    /// The newest session's id at the console.
    pub(crate) fn console_id(&self) -> u32 {
        self.slots.last().unwrap().console_id
    }

    fn open(&mut self, payload: &[u8]) -> Vec<u8> {
        let request = OpenSessionRequest::parse(payload).unwrap();
        let suite = Suite::from_algorithms(request.algorithms);
        self.asked.push(Asked::Open { console_id: request.console_id, suite });
        let suite = suite.unwrap();
        let reply = match self.open_refusal(suite) {
            Some(status) => OpenSessionReply {
                tag: request.tag,
                console_id: self.id_in_refusal(request.console_id),
                outcome: Err(status),
            },
            None => self.grant(request, suite),
        };
        setup_datagram(PayloadType::OpenSessionReply, &reply.encode())
    }

    fn open_refusal(&mut self, suite: Suite) -> Option<RmcpStatus> {
        let missing = !self.suites.contains(&suite) && self.algorithms.is_none();
        self.open_status.pop_front().or(missing.then_some(self.suite_status))
    }

    fn grant(&mut self, request: OpenSessionRequest, suite: Suite) -> OpenSessionReply {
        let bmc_id = 0x1000 + u32::try_from(self.slots.len()).unwrap();
        let console_id = request.console_id;
        self.slots.push(Slot {
            bmc_id,
            console_id,
            suite,
            handshake: None,
            keys: None,
            sequence: 0,
        });
        let algorithms = self.algorithms.unwrap_or(suite.algorithms());
        let grant = OpenSessionGrant { privilege: 4, bmc_id, algorithms };
        OpenSessionReply { tag: request.tag, console_id, outcome: Ok(grant) }
    }

    fn rakp1(&mut self, payload: &[u8]) -> Vec<u8> {
        let rakp1 = Rakp1::parse(payload).unwrap();
        self.asked.push(Asked::Rakp1 { bmc_id: rakp1.bmc_id });
        let status = self.rakp2_status;
        let bare = self.bare_refusals;
        let (password, rakp2_code) = (self.password.clone(), self.rakp2_code);
        let (slot, status) = match self.slot(rakp1.bmc_id) {
            Some(slot) => (slot, status),
            None => return rakp2_refusal(0, RmcpStatus::InvalidSessionId),
        };
        let console_id = slot.console_id;
        if let Some(status) = status {
            let console_id = if bare { 0 } else { console_id };
            return rakp2_refusal(console_id, status);
        }
        let handshake = Handshake {
            suite: slot.suite,
            console_id,
            bmc_id: slot.bmc_id,
            console_random: rakp1.console_random,
            bmc_random: [0xB1; 16],
            bmc_guid: [0x60; 16],
            role: rakp1.role,
            user: rakp1.user,
        };
        let code = rakp2_code(&handshake.rakp2_code(&password));
        slot.handshake = Some(handshake);
        let grant = Rakp2Grant { bmc_random: [0xB1; 16], bmc_guid: [0x60; 16], code };
        let reply = Rakp2 { tag: 0, console_id, outcome: Ok(grant) };
        setup_datagram(PayloadType::Rakp2, &reply.encode())
    }

    fn rakp3(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let rakp3 = Rakp3::parse(payload).unwrap();
        let status = rakp3.outcome.as_ref().err().copied();
        self.asked.push(Asked::Rakp3 { bmc_id: rakp3.bmc_id, status });
        let (refusal, rakp4_code) = (self.rakp4_status, self.rakp4_code);
        let password = self.password.clone();
        let key = self.bmc_key.clone().unwrap_or(password.clone());
        let slot = self.slot(rakp3.bmc_id)?;
        let code = rakp3.outcome.ok()?;
        let handshake = slot.handshake.as_ref()?;
        let genuine = handshake.rakp3_code(&password).is(&code);
        let wrong = (!genuine).then_some(RmcpStatus::InvalidIntegrityCheck);
        let keys = handshake.session_keys(&key);
        let outcome = match refusal.or(wrong) {
            Some(status) => Err(status),
            None => Ok(rakp4_code(&handshake.rakp4_code(&keys), slot.suite.short_code_len())),
        };
        slot.keys = Some(keys);
        let reply = Rakp4 { tag: 0, console_id: slot.console_id, outcome };
        let reply = setup_datagram(PayloadType::Rakp4, &reply.encode());
        (!self.mute_rakp4).then_some(reply)
    }

    fn command(&mut self, packet: &SessionPacket<'_>) -> Option<Vec<u8>> {
        let slot = self.slots.iter().find(|slot| slot.bmc_id == packet.session_id)?;
        // What was sealed with other keys is nothing to a BMC.
        let frame = slot.keys.as_ref()?.open(packet).ok()?;
        let request = Ipmb::parse(&frame).unwrap();
        if self.deaf_to_commands > 0 {
            self.deaf_to_commands -= 1;
            return None;
        }
        self.asked.push(Asked::Command {
            netfn: request.netfn,
            command: request.command,
            number: request.sequence,
            session_sequence: packet.sequence,
        });
        let data = self.execute(&request)?;
        let reply = request.reply(&data).encode();
        Some(self.seal_for(packet.session_id, &reply))
    }

    fn execute(&mut self, request: &Ipmb<'_>) -> Option<Vec<u8>> {
        match (request.netfn, request.command) {
            (6, SetSessionPrivilege::COMMAND) => Some(self.set_privilege(request.data)),
            (6, CloseSession::COMMAND) => None,
            (0, command) => Some(self.chassis(command, request.data)),
            other => panic!("not scripted: {other:?}"),
        }
    }

    fn set_privilege(&self, data: &[u8]) -> Vec<u8> {
        let level = SetSessionPrivilege::parse_request(data).unwrap().0.unwrap();
        let code = if level == Privilege::Admin { self.admin_code } else { self.operator_code };
        if code == 0 { vec![0, level.bits()] } else { vec![code] }
    }

    fn chassis(&mut self, command: u8, data: &[u8]) -> Vec<u8> {
        let code = self.codes.pop_front().unwrap_or(0);
        if code != 0 {
            return vec![code];
        }
        if command == GetChassisStatus::COMMAND {
            return [vec![0], status(self.power_on).encode()].concat();
        }
        self.power_on = ChassisControl::parse_request(data).unwrap().0 == ControlAction::Up;
        vec![0]
    }

    fn slot(&mut self, bmc_id: u32) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.bmc_id == bmc_id)
    }

    fn id_in_refusal(&self, console_id: u32) -> u32 {
        if self.bare_refusals { 0 } else { console_id }
    }
}

fn rakp2_refusal(console_id: u32, status: RmcpStatus) -> Vec<u8> {
    let reply = Rakp2 { tag: 0, console_id, outcome: Err(status) };
    setup_datagram(PayloadType::Rakp2, &reply.encode())
}

pub(crate) fn status(power_on: bool) -> ChassisStatus {
    ChassisStatus {
        power_on,
        overload: false,
        interlock: false,
        power_fault: false,
        control_fault: false,
        restore_policy: RestorePolicy::StayOff,
        last_event: LastPowerEvent::default(),
        misc: 0,
        front_panel: None,
    }
}

/// A client, a fake BMC and the time between them.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) now: Instant,
    pub(crate) client: Client,
    pub(crate) bmc: FakeBmc,
    /// Everything that the client sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// Everything that the BMC sent.
    pub(crate) replies: Vec<Vec<u8>>,
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// What the last answer was about.
    pub(crate) about: Option<About>,
    pub(crate) latency: Duration,
    /// How long the BMC works at each datagram, one after the other.
    pub(crate) work: Duration,
    busy_until: Instant,
}

pub(crate) fn login(privilege: Privilege, suites: &[Suite]) -> Login {
    Login::new("palisade", Secret::new(PASSWORD).unwrap(), privilege, suites).unwrap()
}

impl Talk {
    pub(crate) fn new(bmc: FakeBmc) -> Self {
        Self::with(bmc, login(Privilege::Operator, &[Suite::Sha256, Suite::Sha1]))
    }

    pub(crate) fn with(bmc: FakeBmc, login: Login) -> Self {
        Self::within(Limit::at(BEGIN + Duration::from_secs(10)), bmc, login)
    }

    pub(crate) fn within(limit: Limit, bmc: FakeBmc, login: Login) -> Self {
        Self {
            now: BEGIN,
            client: Client::new(login, [42; 32], BEGIN, limit),
            bmc,
            sent: Vec::new(),
            replies: Vec::new(),
            under_way: VecDeque::new(),
            about: None,
            latency: ROUND_TRIP,
            work: Duration::ZERO,
            busy_until: BEGIN,
        }
    }

    /// A talk that ends when the BMC has been silent for two seconds, or after ten, with these orders on
    /// board.
    pub(crate) fn while_it_answers(bmc: FakeBmc, orders: &[Order]) -> Self {
        let silence = Duration::from_secs(2);
        let limit = Limit::of_silence(BEGIN + silence, silence, BEGIN + silence * STEPS);
        let mut talk = Self::within(limit, bmc, login(Privilege::Operator, &[Suite::Sha256]));
        for order in orders {
            assert_eq!(talk.feed(Input::Order { order: *order, by: None }), None);
        }
        talk
    }

    /// A talk in which these orders are given before the login begins.
    pub(crate) fn with_orders(bmc: FakeBmc, orders: &[Order]) -> Self {
        let mut talk = Self::new(bmc);
        talk.give(orders);
        talk
    }

    /// Gives orders that nothing is waited for.
    pub(crate) fn give(&mut self, orders: &[Order]) {
        let by = self.now + Duration::from_secs(5);
        for order in orders {
            assert_eq!(self.feed(Input::Order { order: *order, by: Some(by) }), None);
        }
    }

    /// What the client says until it has said so many things, in order, with the order that each is
    /// about.
    pub(crate) fn told(&mut self, count: usize) -> Vec<(u32, Event)> {
        let mut told = Vec::new();
        let mut event = self.feed(Input::Tick);
        for _ in 0..10_000 {
            let about = self.about.take().map_or(0, |about| about.order);
            told.extend(event.map(|event| (about, event)));
            if told.len() == count {
                return told;
            }
            event = self.step();
        }
        panic!("only {told:?}");
    }

    /// A talk in which the login has already succeeded.
    pub(crate) fn opened(bmc: FakeBmc) -> Self {
        let mut talk = Self::new(bmc);
        let event = talk.run(Input::Tick);
        assert!(matches!(event, Event::Opened { .. }), "{event:?}");
        talk
    }

    pub(crate) fn order(&mut self, order: Order) -> Event {
        let by = self.now + Duration::from_secs(5);
        self.run(Input::Order { order, by: Some(by) })
    }

    /// Feeds `first`, then replies and ticks, until the client says something.
    pub(crate) fn run(&mut self, first: Input<'_>) -> Event {
        let mut event = self.feed(first);
        for _ in 0..10_000 {
            if let Some(event) = event {
                self.flush();
                return event;
            }
            event = self.step();
        }
        panic!("the client neither ends nor says anything: {:?}", self.client);
    }

    pub(crate) fn feed(&mut self, input: Input<'_>) -> Option<Event> {
        let Effects { datagrams, event, about } = self.client.handle(self.now, input);
        for datagram in datagrams {
            self.busy_until = self.busy_until.max(self.now) + self.work;
            if let Some(reply) = self.bmc.hear(&datagram) {
                self.replies.push(reply.clone());
                self.under_way.push_back((self.busy_until + self.latency, reply));
            }
            self.sent.push(datagram);
        }
        self.about = about;
        event
    }

    /// The next thing to happen: a reply arrives or the client's deadline comes.
    pub(crate) fn step(&mut self) -> Option<Event> {
        let due = self.client.next_deadline();
        match self.under_way.pop_front() {
            Some((at, reply)) if due.is_none_or(|due| at <= due) => {
                self.now = self.now.max(at);
                self.feed(Input::Datagram(&reply))
            }
            kept => {
                if let Some(kept) = kept {
                    self.under_way.push_front(kept);
                }
                self.now = self.now.max(due.expect("a client that waits has a deadline"));
                self.feed(Input::Tick)
            }
        }
    }

    /// Lets everything that is under way arrive; none of it may mean anything.
    fn flush(&mut self) {
        while let Some((at, reply)) = self.under_way.pop_front() {
            self.now = self.now.max(at);
            let event = self.feed(Input::Datagram(&reply));
            assert_eq!(event, None, "a second answer to one order");
        }
    }
}
