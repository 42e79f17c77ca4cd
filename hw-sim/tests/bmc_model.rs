//! The BMC model against our own console, both on one virtual clock: no sockets, no waiting.
#![cfg(test)]

use std::collections::BTreeMap;

use palisade_hw::bmc::{Bmc, Event as Happened, Privilege, Secret, Settings, User};
use palisade_hw::fault::{Fault, Plan};
use palisade_hw::power::{RestorePolicy, StartReason, What, Wiring};
use palisade_ipmi::client::{
    Ack, Answer, Client, ClientError, Declined, Event, Input, Login, Order,
};
use palisade_ipmi::suite::Suite;
use palisade_protocol::time::{Duration, Instant, earliest};

const USER: &str = "palisade";

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
            client: Client::new(login, [5; 32], now, now + Duration::from_secs(10)),
            now,
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
        self.give(Input::Order { order, by }).unwrap_or_else(|| self.run())
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
            self.bmc.advance(self.now);
        }
        self.now = until;
        self.bmc.advance(until);
        self.happened.extend(self.bmc.take_events());
    }

    /// When the machine truly lost power.
    fn died_at(&self) -> Option<Instant> {
        self.happened.iter().find_map(|happened| match happened {
            Happened::Power(change) if change.what == What::Off => Some(change.at),
            Happened::Power(_)
            | Happened::Watchdog(_)
            | Happened::Ordered { .. }
            | Happened::Rebooted { .. } => None,
        })
    }

    fn give(&mut self, input: Input<'_>) -> Option<Event> {
        let effects = self.client.handle(self.now, input);
        for datagram in effects.datagrams {
            let arrives = self.now + Duration::from_micros(500);
            if let Some(answer) = self.bmc.receive(arrives, &datagram) {
                self.sent += 1;
                let at = answer.at + Duration::from_micros(500);
                self.to_client.insert((at, self.sent), answer.bytes);
            }
        }
        effects.event
    }

    /// Runs until the client tells something.
    fn run(&mut self) -> Event {
        loop {
            let arrival = self.to_client.keys().next().map(|(at, _)| *at);
            let due = earliest(arrival, self.client.next_deadline()).expect("something is due");
            self.now = self.now.max(due);
            let event = match self.to_client.first_entry().filter(|first| first.key().0 <= due) {
                Some(first) => {
                    let bytes = first.remove();
                    self.give(Input::Datagram(&bytes))
                }
                None => self.give(Input::Tick),
            };
            self.happened.extend(self.bmc.take_events());
            if let Some(event) = event {
                return event;
            }
        }
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
    table.client =
        Client::new(login("right", &[Suite::Sha256]), [6; 32], now, now + Duration::from_secs(9));
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
    table.client =
        Client::new(login("right", &[Suite::Sha256]), [7; 32], now, now + Duration::from_secs(9));
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
