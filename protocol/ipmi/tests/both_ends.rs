//! Our console at our BMC, over a network that may lose, repeat and delay.
#![cfg(test)]

use palisade_ipmi::app::DeviceId;
use palisade_ipmi::bmc::{Config, Declined, Engine, Hardware, User};
use palisade_ipmi::chassis::{
    ChassisStatus, ControlAction, LastPowerEvent, RestartCause, RestorePolicy, StartReason,
    SupportedPolicies,
};
use palisade_ipmi::client::{
    ATTEMPTS_MAX, Ack, Answer, Client, ClientError, Event, FoundBy, Input, Limit, Login, Order,
    PrivilegeEvidence, Step,
};
use palisade_ipmi::entropy::Entropy;
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::Secret;
use palisade_ipmi::suite::Suite;
use palisade_ipmi::watchdog::{PreTimeout, SetWatchdog, TimeoutAction, TimerState, TimerUse};
use palisade_ipmi::wire::{Datagram, PayloadType, RmcpStatus};
use palisade_protocol::time::{Duration, Instant};
use proptest::prelude::*;

const PASSWORD: &str = "correct horse 12";
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine whose power follows its orders at once.
#[derive(Debug)]
struct Machine {
    on: bool,
}

impl Hardware for Machine {
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
        assert!(matches!(action, ControlAction::Down | ControlAction::Up), "{action:?}");
        self.on = action == ControlAction::Up;
        Ok(())
    }

    fn restart_cause(&mut self, _now: Instant) -> Result<RestartCause, Declined> {
        Ok(RestartCause { reason: StartReason::Watchdog, channel: 1 })
    }

    fn set_restore_policy(
        &mut self,
        _now: Instant,
        _policy: RestorePolicy,
    ) -> Result<SupportedPolicies, Declined> {
        Err(Declined(0xC1))
    }

    fn set_watchdog(&mut self, _now: Instant, _setting: SetWatchdog) -> Result<(), Declined> {
        Err(Declined(0xC1))
    }

    fn get_watchdog(&mut self, _now: Instant) -> Result<TimerState, Declined> {
        Ok(TimerState {
            timer_use: Some(TimerUse::SmsOs),
            running: true,
            dont_log: false,
            action: Some(TimeoutAction::Off),
            pre_timeout: PreTimeout::default(),
            expired: 0,
            initial: 100,
            present: 73,
        })
    }

    fn reset_watchdog(&mut self, _now: Instant) -> Result<(), Declined> {
        Err(Declined(0xC1))
    }
}

/// What the network does to one packet.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Arrives { after_ms: u64 },
    Twice { after_ms: u64, again_ms: u64 },
}

/// Packets that are under way to one side.
#[derive(Debug, Default)]
struct Wire {
    under_way: Vec<(Instant, Vec<u8>)>,
}

impl Wire {
    fn put(&mut self, now: Instant, fate: Fate, packet: Vec<u8>) {
        let at = |after_ms| now + Duration::from_millis(after_ms);
        match fate {
            Fate::Lost => {}
            Fate::Arrives { after_ms } => self.under_way.push((at(after_ms), packet)),
            Fate::Twice { after_ms, again_ms } => {
                self.under_way.push((at(after_ms), packet.clone()));
                self.under_way.push((at(again_ms), packet));
            }
        }
    }

    fn next_at(&self) -> Option<Instant> {
        self.under_way.iter().map(|(at, _)| *at).min()
    }

    fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        let index = self.under_way.iter().position(|(at, _)| *at <= now)?;
        Some(self.under_way.remove(index).1)
    }
}

struct World {
    now: Instant,
    client: Client,
    engine: Engine,
    machine: Machine,
    to_bmc: Wire,
    to_client: Wire,
    fates: Vec<Fate>,
    packets: usize,
    /// What the BMC says of this kind is lost.
    losing: Option<PayloadType>,
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

fn login(user: &str, password: &str, suites: &[Suite]) -> Login {
    Login::new(user, secret(password), Privilege::Operator, suites).unwrap()
}

fn usual_login() -> Login {
    login("operator", PASSWORD, &[Suite::Sha256, Suite::Sha1])
}

fn engine() -> Engine {
    let user = |name: &str, privilege| {
        let (name, password) = (name.to_owned(), secret(PASSWORD));
        User { name, password, privilege }
    };
    let users = vec![user("operator", Privilege::Operator), user("reader", Privilege::User)];
    Engine::new(Config::usual(users, [0x77; 16]), Entropy::from_seed([1; 32]))
}

impl World {
    fn new(login: Login) -> Self {
        Self::with(login, engine(), vec![Fate::Arrives { after_ms: 1 }])
    }

    fn with(login: Login, engine: Engine, fates: Vec<Fate>) -> Self {
        let now = Instant::from_millis(5_000);
        Self {
            now,
            client: Client::new(login, [9; 32], now, Limit::at(now + PATIENCE)),
            engine,
            machine: Machine { on: true },
            to_bmc: Wire::default(),
            to_client: Wire::default(),
            fates,
            packets: 0,
            losing: None,
        }
    }

    /// The same BMC, a new login.
    fn login_again(&mut self, login: Login, seed: u8) -> Event {
        self.client = Client::new(login, [seed; 32], self.now, Limit::at(self.now + PATIENCE));
        self.run(Input::Tick)
    }

    fn order(&mut self, order: Order) -> Event {
        let by = self.now + PATIENCE;
        self.run(Input::Order { order, by: Some(by) })
    }

    fn close(&mut self) {
        assert_eq!(self.feed(Input::Close), None);
        while let Some(at) = self.to_bmc.next_at() {
            self.now = self.now.max(at);
            self.deliver_to_bmc();
        }
    }

    fn run(&mut self, first: Input<'_>) -> Event {
        let mut event = self.feed(first);
        while event.is_none() {
            event = self.step();
        }
        event.unwrap()
    }

    fn step(&mut self) -> Option<Event> {
        let times = [self.client.next_deadline(), self.to_bmc.next_at(), self.to_client.next_at()];
        self.now = self.now.max(times.into_iter().flatten().min().unwrap());
        self.deliver_to_bmc();
        match self.to_client.take(self.now) {
            Some(packet) => self.feed(Input::Datagram(&packet)),
            None => self.feed(Input::Tick),
        }
    }

    fn deliver_to_bmc(&mut self) {
        while let Some(packet) = self.to_bmc.take(self.now) {
            let reply = self.engine.receive(self.now, &packet, &mut self.machine);
            let fate = self.next_fate();
            if let Some(reply) = reply.filter(|reply| self.losing != kind_of(reply)) {
                self.to_client.put(self.now, fate, reply);
            }
        }
    }

    fn feed(&mut self, input: Input<'_>) -> Option<Event> {
        let effects = self.client.handle(self.now, input);
        for datagram in effects.datagrams {
            let fate = self.next_fate();
            self.to_bmc.put(self.now, fate, datagram);
        }
        effects.event
    }

    fn next_fate(&mut self) -> Fate {
        let fate = self.fates[self.packets % self.fates.len()];
        self.packets += 1;
        fate
    }
}

fn kind_of(datagram: &[u8]) -> Option<PayloadType> {
    let Ok(Datagram::V2(packet)) = Datagram::parse(datagram) else { return None };
    Some(packet.payload_type)
}

/// A login at a BMC with so many slots that is not heard when it shows that it knows the password.
fn unheard_at_rakp_2(slots: usize) -> World {
    let mut engine = engine();
    engine.config_mut().slots = slots;
    let mut world = World::with(usual_login(), engine, vec![Fate::Arrives { after_ms: 1 }]);
    world.losing = Some(PayloadType::Rakp2);
    world
}

/// A machine that is off, by a login with these orders on board whose first flight the network holds while a
/// later one passes. The session is closed.
fn off_past_a_held_flight(on_board: &[Order]) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new(usual_login());
    for order in on_board {
        assert_eq!(world.feed(Input::Order { order: *order, by: None }), None);
    }
    world.feed(Input::Tick);
    while world.to_bmc.under_way.iter().all(|(_, packet)| !is_rakp3(packet)) {
        assert_eq!(world.step(), None);
    }
    let held = std::mem::take(&mut world.to_bmc.under_way);
    let mut event = world.run(Input::Tick);
    assert!(matches!(event, Event::Opened { .. }), "{event:?}");
    if on_board.is_empty() {
        event = world.order(Order::Off);
    }
    while world.machine.on {
        event = world.step().unwrap_or(event);
    }
    world.close();
    (world, held.into_iter().map(|(_, packet)| packet).collect())
}

/// Whether the next life of the machine goes on when the flight arrives so long after it was sent.
fn outlives(on_board: &[Order], span: Duration) -> bool {
    let (mut world, held) = off_past_a_held_flight(on_board);
    world.machine.on = true;
    let sent_at = Instant::from_millis(5_004);
    for packet in held {
        world.engine.receive(sent_at + span, &packet, &mut world.machine);
    }
    world.machine.on
}

fn is_rakp3(packet: &[u8]) -> bool {
    kind_of(packet) == Some(PayloadType::Rakp3)
}

fn is_on(event: &Event) -> bool {
    let Event::Answered(Answer::Status(status)) = event else { panic!("{event:?}") };
    status.power_on
}

#[test]
fn every_order_is_carried_out_with_either_suite() {
    for suite in [Suite::Sha1, Suite::Sha256] {
        let mut world = World::new(login("operator", PASSWORD, &[suite]));
        let privilege = Privilege::Operator;
        assert_eq!(world.run(Input::Tick), Event::Opened { suite, privilege });
        assert!(is_on(&world.order(Order::Status)));
        assert_eq!(world.order(Order::Off), Event::Answered(Answer::Off(Ack::Accepted)));
        assert!(!world.machine.on);
        assert!(!is_on(&world.order(Order::Status)));
        assert_eq!(world.order(Order::On), Event::Answered(Answer::On(Ack::Accepted)));
        assert!(is_on(&world.order(Order::Status)));
        let cause = RestartCause { reason: StartReason::Watchdog, channel: 1 };
        assert_eq!(world.order(Order::RestartCause), Event::Answered(Answer::RestartCause(cause)));
        let Event::Answered(Answer::Watchdog(timer)) = world.order(Order::Watchdog) else {
            panic!("no watchdog state");
        };
        assert!(timer.running && timer.present == 73);
        let event = world.order(Order::DeviceId);
        assert!(matches!(event, Event::Answered(Answer::DeviceId(_))), "{event:?}");
    }
}

/// What bounds it is the BMC alone: it waits 3 s for RAKP 3, as OpenBMC does. The session that the flight opens
/// is one that this console has given up and the BMC has not.
#[test]
fn a_held_flight_with_off_on_board_meets_the_next_life_while_its_bmc_waits_for_it() {
    assert!(!outlives(&[Order::Off], Duration::from_millis(2_900)), "README.md, Limits");
    assert!(outlives(&[Order::Off], Duration::from_millis(3_100)));
}

/// So it is in the daemon: off leaves in a session that stands.
#[test]
fn a_held_flight_of_a_login_without_orders_switches_nothing() {
    for span in [Duration::from_millis(2_900), Duration::from_secs(30)] {
        assert!(outlives(&[], span));
    }
}

#[test]
fn wrong_password_unknown_user_and_too_little_privilege_are_three_different_things() {
    let failure = |login| match World::new(login).run(Input::Tick) {
        Event::Failed(error) => error,
        other @ (Event::Opened { .. } | Event::Answered(_) | Event::Declined(_)) => {
            panic!("let in: {other:?}")
        }
    };
    let suites = [Suite::Sha256];
    let (suite, found_by) = (Suite::Sha256, FoundBy::Console);
    let error = failure(login("operator", "wrong", &suites));
    assert_eq!(error, ClientError::WrongPassword { suite, found_by });
    let error = failure(login("nobody", PASSWORD, &suites));
    assert_eq!(error, ClientError::NoSuchUser { status: RmcpStatus::UnauthorizedName });
    let error = failure(login("reader", PASSWORD, &suites));
    let ClientError::PrivilegeRefused { evidence, .. } = error else { panic!("{error:?}") };
    let known = [
        PrivilegeEvidence::Status(RmcpStatus::UnauthorizedRole),
        PrivilegeEvidence::Status(RmcpStatus::InvalidRole),
        PrivilegeEvidence::Code(0x81),
        PrivilegeEvidence::Code(0x80),
    ];
    assert!(known.contains(&evidence), "{evidence:?}");
}

#[test]
fn more_logins_than_slots_leave_no_slot_behind() {
    let mut world = World::new(usual_login());
    assert!(matches!(world.run(Input::Tick), Event::Opened { .. }));
    world.close();
    for seed in 10..60 {
        let event = world.login_again(usual_login(), seed);
        assert!(matches!(event, Event::Opened { .. }), "{event:?}");
        world.close();
        assert_eq!(world.engine.sessions(world.now), 0);
    }
}

#[test]
fn a_full_bmc_is_waited_for_until_a_slot_is_given_up() {
    let mut engine = engine();
    engine.config_mut().slots = 1;
    engine.config_mut().idle_max = Duration::from_secs(5);
    let mut world = World::with(usual_login(), engine, vec![Fate::Arrives { after_ms: 1 }]);
    assert!(matches!(world.run(Input::Tick), Event::Opened { .. }));
    let forgotten = world.now;
    let event = world.login_again(usual_login(), 33);
    assert!(matches!(event, Event::Opened { .. }), "{event:?}");
    assert!(world.now.since(forgotten) >= Duration::from_secs(5));
}

#[test]
fn a_login_that_gets_nowhere_leaves_a_slot_of_four_to_others() {
    let mut world = unheard_at_rakp_2(4);
    let mut event = world.feed(Input::Tick);
    let mut most = 0;
    while event.is_none() {
        event = world.step();
        most = most.max(world.engine.sessions(world.now));
    }
    assert_eq!(most, ATTEMPTS_MAX);
}

/// All slots but some are somebody else's: the rest is full of handshakes that were ours.
#[test]
fn a_bmc_that_is_full_of_our_own_handshakes_is_not_called_full() {
    for slots in 1..=3 {
        let mut world = unheard_at_rakp_2(slots);
        let event = world.run(Input::Tick);
        let Event::Failed(error) = event else { panic!("let in: {event:?}") };
        assert!(matches!(error, ClientError::Silent { step: Step::Rakp1, .. }), "{slots}: {error}");
        assert!(error.remedy().contains("check user and password"));
    }
}

#[test]
fn a_packet_lost_at_the_last_free_slot_costs_what_the_bmc_takes_to_forget_a_handshake() {
    let mut world = unheard_at_rakp_2(1);
    let began = world.now;
    assert_eq!(world.feed(Input::Tick), None);
    while world.engine.sessions(world.now) == 0 || world.to_bmc.next_at().is_some() {
        assert_eq!(world.step(), None);
    }
    world.losing = None;
    let event = world.run(Input::Tick);
    assert!(matches!(event, Event::Opened { .. }), "{event:?}");
    let forgotten = world.engine.config().setup_max + Duration::from_millis(100);
    assert!(world.now.since(began) < forgotten, "{:?}", world.now.since(began));
}

#[test]
fn a_bmc_that_restarts_in_a_session_is_silent_and_never_off() {
    let mut world = World::new(usual_login());
    world.run(Input::Tick);
    world.order(Order::Off);
    world.engine.restart();
    let event = world.order(Order::Status);
    assert!(matches!(event, Event::Failed(ClientError::Silent { .. })), "{event:?}");
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Lost),
        6 => (1_u64..400).prop_map(|after_ms| Fate::Arrives { after_ms }),
        2 => (1_u64..400, 1_u64..3_000)
            .prop_map(|(after_ms, again_ms)| Fate::Twice { after_ms, again_ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the network does, a reading is one that the BMC made after it was asked for. Nobody
    /// but the client switches here, and only before it reads.
    #[test]
    fn a_reading_is_never_older_than_its_question(
        fates in prop::collection::vec(fate(), 1..40),
        orders in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let mut world = World::with(usual_login(), engine(), fates);
        let mut event = world.run(Input::Tick);
        for switch_on in orders {
            if matches!(event, Event::Failed(_)) {
                break;
            }
            let order = if switch_on { Order::On } else { Order::Off };
            event = world.order(order);
            // A copy of an earlier order may still be under way; let it arrive first.
            while let Some(at) = world.to_bmc.next_at() {
                world.now = world.now.max(at);
                world.deliver_to_bmc();
            }
            if matches!(event, Event::Failed(_)) {
                break;
            }
            event = world.order(Order::Status);
            if let Event::Answered(Answer::Status(status)) = &event {
                prop_assert_eq!(status.power_on, world.machine.on);
            }
        }
    }
}
