//! The BMC model against our own console, both on one virtual clock: no sockets, no waiting.
#![cfg(test)]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use palisade_hw::bmc::{Bmc, Event as Happened, Ipmb, Privilege, Secret, Settings, User};
use palisade_hw::fault::{Fault, Plan};
use palisade_hw::power::{RestorePolicy, StartReason, What, Wiring};
use palisade_ipmi::client::{
    Ack, Answer, Client, ClientError, Declined, Event, Input, Limit, Login, Order,
};
use palisade_ipmi::suite::Suite;
use palisade_protocol::time::{Duration, Instant, earliest};

const USER: &str = "palisade";
/// One way.
const TRIP: Duration = Duration::from_micros(500);

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

fn settings(faults: &[&str]) -> Settings {
    let privilege = Privilege::Operator;
    let user = User { name: USER.to_owned(), password: secret("right"), privilege };
    let faults: Vec<Fault> = faults.iter().map(|spec| spec.parse().unwrap()).collect();
    let mut settings = Settings::simple(user, 3);
    settings.faults = Plan::new(Instant::BOOT, faults);
    settings.wiring = Wiring { off_latency: Duration::from_secs(2), ..settings.wiring };
    settings
}

fn login(password: &str, suites: &[Suite]) -> Login {
    Login::new(USER, secret(password), Privilege::Operator, suites).unwrap()
}

/// A console and a BMC with a wire of half a millisecond between them.
struct Table {
    bmc: Bmc,
    client: Client,
    now: Instant,
    to_bmc: BTreeMap<(Instant, u64), Vec<u8>>,
    to_client: BTreeMap<(Instant, u64), Vec<u8>>,
    sent: u64,
    happened: Vec<Happened>,
}

impl Table {
    fn new(faults: &[&str]) -> Self {
        Self::with(settings(faults), login("right", &[Suite::Sha256, Suite::Sha1]))
    }

    fn with(settings: Settings, login: Login) -> Self {
        let now = Instant::from_millis(1_000);
        Self {
            bmc: Bmc::new(settings),
            client: Client::new(login, [5; 32], now, Limit::at(now + Duration::from_secs(10))),
            now,
            to_bmc: BTreeMap::new(),
            to_client: BTreeMap::new(),
            sent: 0,
            happened: Vec::new(),
        }
    }

    fn log_in(&mut self) -> Event {
        self.give(Input::Tick).unwrap_or_else(|| self.run())
    }

    fn order(&mut self, order: Order) -> Event {
        let by = self.now + Duration::from_secs(5);
        self.give(Input::Order { order, by: Some(by) }).unwrap_or_else(|| self.run())
    }

    fn answer(&mut self, order: Order) -> Answer {
        match self.order(order) {
            Event::Answered(answer) => answer,
            other @ (Event::Opened { .. } | Event::Declined(_) | Event::Failed(_)) => {
                panic!("{order}: {other:?}")
            }
        }
    }

    fn says_on(&mut self) -> bool {
        let answer = self.answer(Order::Status);
        let Answer::Status(status) = answer else { panic!("{answer:?}") };
        status.power_on
    }

    fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.bmc.next_deadline(self.now).filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.turn_bmc();
        }
        self.now = until;
        self.turn_bmc();
    }

    /// When the machine truly lost power.
    fn died_at(&self) -> Option<Instant> {
        self.happened.iter().find_map(|happened| match happened {
            Happened::Power(change) if change.what == What::Off => Some(change.at),
            Happened::Power(_)
            | Happened::Watchdog(_)
            | Happened::Machine(_)
            | Happened::Ordered { .. }
            | Happened::Rebooted { .. } => None,
        })
    }

    fn give(&mut self, input: Input<'_>) -> Option<Event> {
        let effects = self.client.handle(self.now, input);
        for datagram in effects.datagrams {
            self.sent += 1;
            self.to_bmc.insert((self.now + TRIP, self.sent), datagram);
        }
        effects.event
    }

    /// Runs until the client tells something.
    fn run(&mut self) -> Event {
        loop {
            let to_bmc = self.to_bmc.keys().next().map(|(at, _)| *at);
            let to_client = self.to_client.keys().next().map(|(at, _)| *at);
            let network = earliest(earliest(to_bmc, to_client), self.client.next_deadline());
            let due = earliest(network, self.bmc.next_deadline(self.now)).expect("all is over");
            self.now = self.now.max(due);
            self.turn_bmc();
            let answer = self.to_client.first_entry().filter(|first| first.key().0 <= due);
            let event = match answer.map(|first| first.remove()) {
                Some(bytes) => self.give(Input::Datagram(&bytes)),
                None => self.give(Input::Tick),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// The BMC hears what has arrived, and lives until now.
    fn turn_bmc(&mut self) {
        let console = SocketAddr::from(([127, 0, 0, 1], 40_000));
        while let Some(first) = self.to_bmc.first_entry().filter(|first| first.key().0 <= self.now)
        {
            let bytes = first.remove();
            self.bmc.hear(self.now, console, &bytes);
        }
        self.bmc.advance(self.now);
        while let Some(answer) = self.bmc.take_answer(self.now) {
            assert_eq!(answer.to, console);
            self.sent += 1;
            self.to_client.insert((self.now + TRIP, self.sent), answer.bytes);
        }
        self.happened.extend(self.bmc.take_events());
    }

    /// Another console with the right password, for `suites`.
    fn new_client(&mut self, suites: &[Suite]) {
        let (seed, by) = ([7; 32], self.now + Duration::from_secs(10));
        self.client = Client::new(login("right", suites), seed, self.now, Limit::at(by));
        (self.to_bmc, self.to_client) = (BTreeMap::new(), BTreeMap::new());
    }

    fn opened(faults: &[&str]) -> Self {
        let mut table = Self::new(faults);
        let event = table.log_in();
        assert!(is_open(&event), "{faults:?}: {event:?}");
        table
    }

    fn tap(mut self, span: Duration) -> Event {
        self.wait(span);
        self.order(Order::Status)
    }

    fn off(&mut self) {
        assert_eq!(self.answer(Order::Off), Answer::Off(Ack::Accepted));
    }
}

fn is_open(event: &Event) -> bool {
    matches!(event, Event::Opened { .. })
}

#[test]
fn off_is_acknowledged_at_once_and_true_after_the_latency() {
    let mut table = Table::new(&[]);
    assert!(is_open(&table.log_in()));
    assert_eq!(table.answer(Order::Off), Answer::Off(Ack::Accepted));
    let ordered = table.now;
    assert!(table.says_on());
    table.wait(Duration::from_secs(2));
    assert!(!table.says_on());
    let died_at = table.died_at().unwrap();
    assert!(ordered.since(died_at).is_zero() && died_at.since(ordered) <= Duration::from_secs(2));
    assert_eq!(table.answer(Order::On), Answer::On(Ack::Accepted));
    assert!(table.says_on());
    let Answer::RestartCause(cause) = table.answer(Order::RestartCause) else { panic!() };
    assert_eq!(cause.reason, StartReason::ChassisControl);
}

#[test]
fn both_suites_and_the_order_of_suites_are_respected() {
    for suite in [Suite::Sha1, Suite::Sha256] {
        let mut table = Table::with(settings(&[]), login("right", &[suite]));
        let privilege = Privilege::Operator;
        assert_eq!(table.log_in(), Event::Opened { suite, privilege });
    }
}

#[test]
fn a_wrong_password_is_known_for_what_it_is() {
    let mut table = Table::with(settings(&[]), login("wrong", &[Suite::Sha256]));
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(ClientError::WrongPassword { .. })), "{event:?}");
    table.wait(Duration::from_secs(4));
    let now = table.now;
    assert_eq!(table.bmc.sessions(now), 0);
}

#[test]
fn a_downgraded_answer_opens_no_session() {
    let mut table = Table::new(&["downgrade"]);
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(_)), "{event:?}");
}

#[test]
fn tag_zero_is_tolerated() {
    assert!(is_open(&Table::new(&["tag-zero"]).log_in()));
}

#[test]
fn a_hanging_bmc_is_silent_and_silence_is_an_error() {
    for spec in ["hang", "hang-after-rakp2", "reboot=60"] {
        let mut table = Table::new(&[spec]);
        let event = table.log_in();
        assert!(matches!(event, Event::Failed(_)), "{spec}: {event:?}");
        assert!(table.now >= Instant::from_millis(11_000), "{spec}: only after the deadline");
    }
}

#[test]
fn a_bmc_that_hangs_for_a_second_is_reached_after_it() {
    let mut table = Table::new(&["hang@1000..2000"]);
    assert!(is_open(&table.log_in()));
    assert!(table.now >= Instant::from_millis(2_000));
}

#[test]
fn one_datagram_in_ten_lost_is_only_slower() {
    let mut table = Table::new(&["drop=10"]);
    let event = table.log_in();
    assert!(is_open(&event), "{event:?}");
    assert!(table.says_on());
    table.answer(Order::Off);
    table.wait(Duration::from_secs(3));
    assert!(!table.says_on());
}

#[test]
fn late_answers_are_late_and_still_answers() {
    let mut table = Table::new(&["late-reply=300"]);
    assert!(is_open(&table.log_in()));
    let asked = table.now;
    assert!(table.says_on());
    assert!(table.now.since(asked) >= Duration::from_millis(300));
}

#[test]
fn a_bmc_that_ignores_off_goes_on_saying_on() {
    let mut table = Table::new(&["ignore-off"]);
    table.log_in();
    assert_eq!(table.answer(Order::Off), Answer::Off(Ack::Accepted));
    table.wait(Duration::from_secs(60 - 5));
    assert!(table.says_on());
    assert_eq!(table.died_at(), None);
}

#[test]
fn a_bmc_that_lies_says_off_while_the_truth_is_on() {
    let mut table = Table::new(&["lie-off"]);
    table.log_in();
    assert!(table.says_on());
    table.answer(Order::Off);
    assert!(!table.says_on());
    assert!(table.bmc.is_on(table.now));
    table.answer(Order::On);
    assert!(table.says_on());
}

#[test]
fn a_slow_bmc_takes_its_time() {
    let mut table = Table::new(&["slow-off=10"]);
    table.log_in();
    table.answer(Order::Off);
    let ordered = table.now;
    table.wait(Duration::from_secs(11));
    assert!(table.says_on());
    table.wait(Duration::from_secs(2));
    let lived = table.died_at().unwrap().since(ordered);
    assert!(lived >= Duration::from_millis(11_990), "{lived:?}");
}

#[test]
fn a_completion_code_comes_instead_of_the_act_for_as_long_as_told() {
    let mut table = Table::new(&["cc=off:0xD5@0..8000", "cc=status:0xC1@0..2000"]);
    table.log_in();
    let declined = table.order(Order::Status);
    let code = Declined::Code { order: Order::Status, code: 0xC1 };
    assert_eq!(declined, Event::Declined(code));
    assert_eq!(table.answer(Order::Off), Answer::Off(Ack::NotInThisState));
    table.wait(Duration::from_secs(8));
    assert!(table.says_on());
    assert_eq!(table.answer(Order::Off), Answer::Off(Ack::Accepted));
}

#[test]
fn a_full_bmc_says_so() {
    let event = Table::new(&["no-slots"]).log_in();
    assert!(matches!(event, Event::Failed(ClientError::NoSlots { .. })), "{event:?}");
}

#[test]
fn a_rebooted_bmc_has_forgotten_its_sessions_but_not_its_machine() {
    let mut table = Table::new(&["reboot=3@2000.."]);
    assert!(is_open(&table.log_in()));
    table.wait(Duration::from_secs(4));
    assert!(table.happened.iter().any(|event| matches!(event, Happened::Rebooted { .. })));
    let event = table.order(Order::Status);
    assert!(matches!(event, Event::Failed(_)), "{event:?}");
    let now = table.now;
    assert!(table.bmc.is_on(now));
    table.client = Client::new(
        login("right", &[Suite::Sha256]),
        [6; 32],
        now,
        Limit::at(now + Duration::from_secs(9)),
    );
    assert!(is_open(&table.log_in()));
}

#[test]
fn without_mains_bmc_and_machine_are_silent_and_the_policy_decides_what_comes_back() {
    let mut table = Table::with(
        Settings {
            wiring: Wiring { restore: RestorePolicy::Previous, ..Wiring::default() },
            ..settings(&[])
        },
        login("right", &[Suite::Sha256]),
    );
    assert!(is_open(&table.log_in()));
    table.bmc.mains_fail(table.now);
    assert!(!table.bmc.is_on(table.now));
    let event = table.order(Order::Status);
    assert!(matches!(event, Event::Failed(_)), "{event:?}");
    table.bmc.mains_return(table.now);
    assert!(table.bmc.is_on(table.now));
    let now = table.now;
    table.client = Client::new(
        login("right", &[Suite::Sha256]),
        [7; 32],
        now,
        Limit::at(now + Duration::from_secs(9)),
    );
    assert!(is_open(&table.log_in()));
    let Answer::Status(status) = table.answer(Order::Status) else { panic!() };
    assert!(status.power_on);
    assert_eq!(status.restore_policy, RestorePolicy::Previous);
}

#[test]
fn a_reset_by_the_machines_own_dog_shows_as_watchdog() {
    let mut table = Table::new(&[]);
    table.log_in();
    table.bmc.machine_reset(table.now, StartReason::Watchdog);
    let Answer::RestartCause(cause) = table.answer(Order::RestartCause) else { panic!() };
    assert_eq!(cause.reason, StartReason::Watchdog);
    let reset = |event: &Happened| matches!(event, Happened::Power(change) if change.what == What::Reset(StartReason::Watchdog));
    assert!(table.happened.iter().any(reset));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut table = Table::new(&["drop=30"]);
        let event = format!("{:?}", table.log_in());
        (table.now, table.sent, event)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_bmc_that_hangs_over_orders_answers_all_else() {
    let mut table = Table::opened(&["hang-control"]);
    let event = table.order(Order::Off);
    assert!(matches!(event, Event::Failed(_)), "{event:?}");
    assert!(table.bmc.is_on(table.now));
    table.new_client(&[Suite::Sha256]);
    assert!(is_open(&table.log_in()));
    assert!(table.says_on());
}

#[test]
fn an_order_that_is_ignored_so_often_is_obeyed_then() {
    let mut table = Table::opened(&["ignore-off=2", "ignore-on=1"]);
    for obeyed in [false, false, true] {
        table.off();
        table.wait(Duration::from_secs(3));
        assert_eq!(table.says_on(), !obeyed);
    }
    for obeyed in [false, true] {
        assert_eq!(table.answer(Order::On), Answer::On(Ack::Accepted));
        assert_eq!(table.says_on(), obeyed);
    }
}

#[test]
fn a_short_press_of_the_button_takes_as_long_as_the_operating_system_does() {
    let mut table = Table::opened(&["acpi-off=9"]);
    table.off();
    table.wait(Duration::from_secs(8));
    assert!(table.says_on());
    table.wait(Duration::from_secs(2));
    assert!(!table.says_on());
}

#[test]
fn a_short_press_of_the_button_is_nothing_to_an_operating_system_that_hangs() {
    let mut table = Table::opened(&["acpi-off@0..20000"]);
    table.off();
    table.wait(Duration::from_secs(12));
    assert!(table.says_on());
    table.wait(Duration::from_secs(10));
    table.off();
    table.wait(Duration::from_secs(3));
    assert!(!table.says_on(), "a long press works");
}

#[test]
fn a_machine_that_starts_is_said_to_be_off_while_it_runs() {
    let mut table = Table::opened(&["starting-off=700"]);
    table.off();
    table.wait(Duration::from_secs(3));
    table.answer(Order::On);
    assert!(!table.says_on());
    assert!(table.bmc.is_on(table.now), "and runs");
    table.wait(Duration::from_millis(700));
    assert!(table.says_on());
}

#[test]
fn one_reading_of_many_can_be_wrong() {
    let mut table = Table::opened(&["flicker=2"]);
    let said: Vec<bool> = (0..4).map(|_| table.says_on()).collect();
    assert_eq!(said, [true, false, true, true]);
    assert_eq!(table.died_at(), None);
}

#[test]
fn a_slot_that_is_reclaimed_slowly_is_missing_meanwhile() {
    let mut settings = settings(&["slow-slots=20"]);
    settings.slots = 1;
    let mut table = Table::with(settings, login("right", &[Suite::Sha256]));
    assert!(is_open(&table.log_in()));
    table.give(Input::Close);
    table.wait(Duration::from_millis(10));
    let now = table.now;
    assert_eq!(table.bmc.sessions(now), 1, "closed, and not free");
    table.new_client(&[Suite::Sha256]);
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(ClientError::NoSlots { .. })), "{event:?}");
    table.wait(Duration::from_secs(20));
    table.new_client(&[Suite::Sha256]);
    assert!(is_open(&table.log_in()));
}

#[test]
fn a_command_fails_so_often_and_then_works() {
    let mut table = Table::opened(&["cc=status:0xC1:2"]);
    for _ in 0..2 {
        let code = Declined::Code { order: Order::Status, code: 0xC1 };
        assert_eq!(table.order(Order::Status), Event::Declined(code));
    }
    assert!(table.says_on());
    let mut table = Table::opened(&["cc=status:0xC0:2"]);
    assert!(table.says_on(), "a console asks a busy one again");
}

#[test]
fn each_step_of_a_login_can_be_refused_with_any_status() {
    type Check = fn(&ClientError) -> bool;
    let cases: [(&str, Check); 4] = [
        ("refuse=open-reply:0x01", |error| matches!(error, ClientError::NoSlots { .. })),
        ("refuse=open-reply:0x11", |error| matches!(error, ClientError::SuitesRefused { .. })),
        ("refuse=rakp2:0x0D", |error| matches!(error, ClientError::NoSuchUser { .. })),
        ("refuse=rakp4:0x0F", |error| matches!(error, ClientError::WrongPassword { .. })),
    ];
    for (spec, check) in cases {
        let event = Table::new(&[spec]).log_in();
        assert!(matches!(&event, Event::Failed(error) if check(error)), "{spec}: {event:?}");
        // The same without tag and console id, as OpenBMC refuses.
        let event = Table::new(&[spec, "zero-errors"]).log_in();
        assert!(matches!(event, Event::Failed(_)), "{spec}, zero-errors: {event:?}");
    }
}

#[test]
fn a_password_can_expire() {
    let mut table = Table::opened(&["wrong-password@5000.."]);
    assert!(table.says_on());
    table.wait(Duration::from_secs(5));
    table.new_client(&[Suite::Sha256]);
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(ClientError::WrongPassword { .. })), "{event:?}");
}

#[test]
fn too_many_wrong_passwords_lock_everybody_out() {
    let mut table = Table::new(&["lock-out=1"]);
    let (seed, by) = ([1; 32], table.now + Duration::from_secs(10));
    table.client = Client::new(login("wrong", &[Suite::Sha256]), seed, table.now, Limit::at(by));
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(ClientError::WrongPassword { .. })), "{event:?}");
    table.wait(Duration::from_secs(4));
    table.new_client(&[Suite::Sha256]);
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(ClientError::NoSuchUser { .. })), "{event:?}");
}

#[test]
fn a_bmc_with_one_suite_is_reached_by_that() {
    for (spec, suite) in [("only-suite=3", Suite::Sha1), ("only-suite=17", Suite::Sha256)] {
        let event = Table::new(&[spec]).log_in();
        assert!(matches!(event, Event::Opened { suite: used, .. } if used == suite), "{event:?}");
    }
}

#[test]
fn an_answer_with_another_suite_is_a_downgrade() {
    let mut table = Table::with(settings(&["downgrade=3"]), login("right", &[Suite::Sha256]));
    let event = table.log_in();
    assert!(matches!(event, Event::Failed(ClientError::Downgrade { .. })), "{event:?}");
}

#[test]
fn odd_answers_that_are_signed_are_answers() {
    for spec in ["priv-echo-zero", "bad-checksums", "skip-sequence", "tag-zero", "zero-errors"] {
        let mut table = Table::opened(&[spec]);
        assert!(table.says_on(), "{spec}");
        table.off();
        table.wait(Duration::from_secs(3));
        assert!(!table.says_on(), "{spec}");
    }
}

#[test]
fn answers_that_are_cut_are_no_answers() {
    let event = Table::opened(&["bare-replies@1500.."]).tap(Duration::from_secs(1));
    assert!(!matches!(event, Event::Answered(_)), "{event:?}");
    for spec in ["short=5", "short=20", "short=60"] {
        let event = Table::new(&[spec]).log_in();
        assert!(matches!(event, Event::Failed(_)), "{spec}: {event:?}");
    }
}

#[test]
fn a_second_rakp_3_costs_the_session_its_keys() {
    let mut table = Table::new(&["dup=in:100", "rakp3-replay"]);
    table.log_in();
    let event = table.order(Order::Status);
    assert!(matches!(event, Event::Failed(_)), "{event:?}");
    let mut table = Table::opened(&["dup=100"]);
    assert!(table.says_on(), "without the quirk, duplicates are harmless");
}

#[test]
fn what_comes_before_rakp_3_was_handled_is_lost_and_asked_for_again() {
    let mut table = Table::new(&["slow-rakp3=50"]);
    let by = table.now + Duration::from_secs(5);
    assert_eq!(table.give(Input::Order { order: Order::Status, by: Some(by) }), None);
    assert!(is_open(&table.log_in()));
    assert!(table.now >= Instant::from_millis(1_050));
    let event = table.run();
    assert!(matches!(event, Event::Answered(Answer::Status(_))), "{event:?}");
}

#[test]
fn a_longer_way_makes_answers_later() {
    let round_trip = |specs: &[&str]| {
        let mut table = Table::opened(specs);
        let asked = table.now;
        table.says_on();
        table.now.since(asked)
    };
    let near = round_trip(&[]);
    assert_eq!(round_trip(&["delay=20"]), near + Duration::from_millis(40));
    assert_eq!(round_trip(&["delay=in:20"]), near + Duration::from_millis(20));
    assert_eq!(round_trip(&["delay=out:20"]), near + Duration::from_millis(20));
}

#[test]
fn datagrams_that_overtake_each_other_disturb_nobody() {
    let mut table = Table::opened(&["reorder=50", "dup=30", "drop=out:10"]);
    for _ in 0..20 {
        assert!(table.says_on());
    }
}

#[test]
fn an_order_whose_answer_is_cut_off_is_obeyed_all_the_same() {
    for (spec, obeyed) in [("cut=out@2000..", true), ("cut=in@2000..", false)] {
        let mut table = Table::opened(&[spec]);
        table.wait(Duration::from_secs(2));
        let event = table.order(Order::Off);
        assert!(matches!(event, Event::Failed(_)), "{spec}: {event:?}");
        assert_eq!(table.bmc.is_on(table.now), !obeyed, "{spec}");
    }
}

#[test]
fn one_lost_message_of_a_login_only_costs_time() {
    for name in ["open", "open-reply", "rakp1", "rakp2", "rakp3", "rakp4"] {
        let mut table = Table::opened(&[&format!("lose={name}:1")]);
        let took = table.now.since(Instant::from_millis(1_000));
        // A console whose first order came through needs no RAKP 4 any more.
        let slower = took > Duration::from_millis(20);
        assert!(slower || name == "rakp4", "{name}: {took:?}");
        assert!(table.says_on());
    }
}

#[test]
fn one_lost_message_of_a_session_only_costs_time() {
    for name in ["status", "status-reply", "off", "off-reply"] {
        let mut table = Table::opened(&[&format!("lose={name}:1")]);
        let began = table.now;
        assert!(table.says_on());
        table.off();
        let took = table.now.since(began);
        assert!(took > Duration::from_millis(20), "{name}: {took:?}");
    }
}

#[test]
fn a_fenced_machine_comes_back_with_the_mains_where_the_policy_says_so() {
    for (restore, comes_back) in [(RestorePolicy::AlwaysOn, true), (RestorePolicy::Previous, false)]
    {
        let mut settings = settings(&["ac-loss=2@9000.."]);
        settings.wiring.restore = restore;
        let mut table = Table::with(settings, login("right", &[Suite::Sha256]));
        assert!(is_open(&table.log_in()));
        table.off();
        table.wait(Duration::from_secs(3));
        assert!(!table.says_on());
        table.wait(Duration::from_secs(20));
        assert_eq!(table.bmc.is_on(table.now), comes_back, "{restore:?}");
    }
}

#[test]
fn mains_that_fail_kill_machine_and_bmc_at_one_moment() {
    let mut table = Table::opened(&["ac-loss=5@2000.."]);
    table.wait(Duration::from_secs(2));
    assert_eq!(table.died_at(), Some(Instant::from_millis(2_000)));
    let asked = table.now;
    table.new_client(&[Suite::Sha256]);
    assert!(is_open(&table.log_in()), "once it is back");
    assert!(table.now.since(asked) > Duration::from_secs(3));
}

#[test]
fn another_board_has_another_guid() {
    let guid = "000102030405060708090a0b0c0d0e0f";
    let mut bmc = Bmc::new(settings(&[&format!("guid={guid}@5000..")]));
    let mut ask = |at| {
        let request = [0x20, 0x18, 0xC8, 0x81, 0x00, 0x37, 0x48];
        let datagram = palisade_ipmi::wire::v15_datagram(&request);
        bmc.hear(Instant::from_millis(at), "127.0.0.1:9".parse().unwrap(), &datagram);
        let answer = bmc.take_answer(Instant::from_millis(at)).unwrap();
        answer.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert!(!ask(1_000).contains(guid));
    assert!(ask(5_000).contains(guid));
}

#[test]
fn a_machine_asks_its_own_bmc_without_a_session() {
    let mut bmc = Bmc::new(settings(&["cc=watchdog:0xC0:1"]));
    let mut ask = |netfn, command, data: &[u8]| {
        let frame = Ipmb {
            to: 0x20,
            netfn,
            to_lun: 0,
            from: 0x41,
            sequence: 0,
            from_lun: 0,
            command,
            data,
        };
        bmc.receive_local(Instant::from_millis(1_000), &frame).unwrap()
    };
    assert_eq!(ask(6, 0x01, &[])[..2], [0x00, 0x20], "device id");
    assert_eq!(ask(6, 0x24, &[4, 1, 0, 0, 10, 0]), [0xC0], "faults reach the machine too");
    assert_eq!(ask(6, 0x24, &[4, 1, 0, 0, 10, 0]), [0x00]);
    assert_eq!(ask(6, 0x22, &[]), [0x00], "the watchdog runs");
    assert_eq!(ask(6, 0x2E, &[0x08]), [0x00]);
    assert_eq!(ask(6, 0x2F, &[]), [0x00, 0x08], "global enables");
    assert_eq!(ask(6, 0x33, &[]), [0x80], "no message waits");
    assert_eq!(ask(6, 0x3C, &[0; 4]), [0xC1], "there is no session to close");
    assert_eq!(ask(0x30, 0x01, &[]), [0xC1]);
    bmc.advance(Instant::from_millis(3_000));
    let reset = What::Reset(StartReason::Watchdog);
    let bit = |event: &Happened| matches!(event, Happened::Power(change) if change.what == reset);
    assert!(bmc.take_events().iter().any(bit), "the watchdog bites");
}
