//! Stories of several ways to one machine's power.

use super::*;
use crate::power::{LastPowerEvent, Raised, RestorePolicy, Verdict};

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn the_first_way_is_taken_while_it_works() {
    let [one, two] = ways();
    on_loop(async {
        let both = both(&one, &two);
        let mut session = both.open(soon()).await.unwrap();
        assert_eq!(session.off().await.unwrap(), Ack::Accepted);
        assert!(!session.status().await.unwrap().on);
        assert_eq!((one.heard(), two.heard()), ("open off status".into(), String::new()));
        assert_eq!(both.describe(), "level 1 of 2: one");
    });
}

#[test]
fn a_way_that_cannot_be_opened_makes_room_for_the_next_which_is_then_tried_first() {
    let [one, two] = ways();
    one.set(Mood::Shut);
    on_loop(async {
        let both = both(&one, &two);
        assert!(both.open(soon()).await.unwrap().status().await.unwrap().on);
        assert_eq!(both.describe(), "level 2 of 2: two");
        drop(both.open(soon()).await.unwrap());
        assert_eq!((one.heard(), two.heard()), ("open".into(), "open status open".into()));
        // Once the second fails, the first is tried again.
        two.set(Mood::Shut);
        one.set(Mood::Works);
        drop(both.open(soon()).await.unwrap());
        assert_eq!(one.heard(), "open open");
    });
}

#[test]
fn a_silent_way_has_its_share_of_the_time_and_not_more() {
    let [one, two] = ways();
    one.set(Mood::Silent);
    on_loop(async {
        let both = both(&one, &two);
        let began = clock::now();
        let mut session = both.open(began + MS(4400)).await.unwrap();
        let took = clock::now().since(began);
        assert!(took >= MS(2200) && took < MS(4000), "{took:?}");
        assert_eq!(session.off().await.unwrap(), Ack::Accepted);
        let share =
            |ms, left| Instant::BOOT.until(share(Instant::BOOT, Instant::from_millis(ms), left));
        assert_eq!([share(9000, 3), share(3000, 3), share(900, 3)], [MS(3000), MS(2000), MS(900)]);
    });
}

#[test]
fn an_order_that_fails_is_given_to_the_next_way_at_once() {
    let [one, two] = ways();
    one.set(Mood::Obeys("open status"));
    on_loop(async {
        let both = both(&one, &two);
        let mut session = both.open(soon()).await.unwrap();
        assert!(session.status().await.unwrap().on);
        assert_eq!(session.off().await.unwrap(), Ack::Accepted);
        for _ in 0..2 {
            assert!(!session.status().await.unwrap().on);
        }
        assert_eq!(one.heard(), "open status off");
        assert_eq!(two.heard(), "open off status status");
    });
}

/// The second reading would confirm what the first way said.
#[test]
fn two_readings_are_never_of_two_ways() {
    let [one, two] = ways();
    on_loop(async {
        let both = both(&one, &two);
        let mut session = both.open(soon()).await.unwrap();
        session.off().await.unwrap();
        assert!(!session.status().await.unwrap().on);
        one.set(Mood::Shut);
        assert!(session.status().await.is_err());
        assert_eq!(two.heard(), "");
        // All of it anew, by the other way.
        let mut session = both.open(soon()).await.unwrap();
        session.off().await.unwrap();
        assert!(!session.status().await.unwrap().on);
        assert_eq!(
            (one.heard(), two.heard()),
            ("open off status status".into(), "open off status".into())
        );
    });
}

#[test]
fn an_order_that_one_way_obeyed_is_not_confirmed_by_another() {
    let [one, two] = ways();
    one.set(Mood::Obeys("open off"));
    on_loop(async {
        let both = both(&one, &two);
        let mut session = both.open(soon()).await.unwrap();
        assert_eq!(session.off().await.unwrap(), Ack::Accepted);
        assert!(session.status().await.is_err());
        assert_eq!(two.heard(), "");
    });
}

#[test]
fn the_first_reading_of_a_session_may_come_from_any_way() {
    let [one, two] = ways();
    one.set(Mood::Obeys("open"));
    on_loop(async {
        let mut session = both(&one, &two).open(soon()).await.unwrap();
        assert!(session.status().await.unwrap().on);
        assert_eq!((one.heard(), two.heard()), ("open status".into(), "open status".into()));
    });
}

/// The first obeys and reads nothing: the second is ordered itself, finds the machine off, and doubts that.
#[test]
fn a_verdict_is_by_one_way_from_its_order_to_its_last_reading() {
    let [one, two] = ways();
    one.set(Mood::Obeys("open off"));
    on_loop(async {
        let both = both(&one, &two);
        let terms = Terms { rise: MS(500), ..Terms::default() };
        let Verdict::Dead(evidence) = both.fence(&terms).await else {
            panic!("the second works");
        };
        assert_eq!((evidence.device.as_str(), evidence.before), ("two", Some(false)));
        let [first, .., last] = evidence.readings[..] else { panic!("two readings") };
        assert!(last.asked_at.since(first.heard_at) >= MS(250), "{evidence}");
        assert_eq!(one.heard(), "open status off status");
        assert!(two.heard().starts_with("open status off status "));
        assert_eq!(both.troubles().len(), 1);
        assert!(matches!(both.raise(&Terms::default()).await, Raised::On(_)));
        assert!(two.heard().ends_with("open on status"), "the one that worked comes first");
    });
}

#[test]
fn a_way_that_takes_the_order_and_does_nothing_is_no_death_and_makes_room() {
    let [one, two] = ways();
    one.set(Mood::Pretends);
    on_loop(async {
        let both = both(&one, &two);
        let terms = Terms { change: Some(MS(300)), ..Terms::default() };
        assert!(matches!(both.fence(&terms).await, Verdict::Dead(by) if by.device == "two"));
        two.set(Mood::Pretends);
        assert!(matches!(both.raise(&terms).await, Raised::Unknown(_)));
        let Raised::Unknown(error) = both.raise(&terms).await else { panic!("nobody raises it") };
        assert_eq!(error.kind(), PowerErrorKind::Stuck);
        assert!(
            error.to_string().contains("level 1: one: power is still off: accepted"),
            "{error}"
        );
    });
}

/// Its account would be locked.
#[test]
fn a_way_that_was_refused_for_good_is_left_alone_for_a_while() {
    let [one, two] = ways();
    one.set(Mood::Refused);
    two.set(Mood::Shut);
    on_loop(async {
        let both = both(&one, &two);
        for _ in 0..3 {
            let error = both.open(soon()).await.err().unwrap();
            let said = error.to_string();
            assert!(!error.is_definite(), "the second may come back: {said}");
            assert!(said.starts_with("2 ways to power: level 1: one: no; "), "{said}");
            assert!(said.contains(" | level 2: two: no; "), "{said}");
        }
        assert_eq!((one.heard(), two.heard()), ("open".into(), "open open open".into()));
    });
}

#[test]
fn a_way_that_opens_and_then_fails_is_not_tried_first_again() {
    let [one, two] = ways();
    one.set(Mood::Obeys("open"));
    on_loop(async {
        let both = both(&one, &two);
        let mut session = both.open(soon()).await.unwrap();
        two.set(Mood::Shut);
        assert!(session.off().await.is_err());
        two.set(Mood::Works);
        one.set(Mood::Works);
        // Both have failed since they worked: in order again.
        let mut session = both.open(soon()).await.unwrap();
        assert_eq!(session.off().await.unwrap(), Ack::Accepted);
        assert_eq!(one.heard(), "open off open off");
    });
}

#[test]
fn one_way_alone_is_itself() {
    let [one, _] = ways();
    let alone: Arc<dyn PowerDevice> = Arc::new(Shared(one));
    assert_eq!(Levels::of(vec![alone]).unwrap().describe(), "one");
    assert!(Levels::of(Vec::new()).is_none());
}

/// What a way does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Works,
    /// Fails at once, in everything.
    Shut,
    /// Says that it obeys.
    Pretends,
    /// Refuses the account.
    Refused,
    /// Answers nothing before the deadline.
    Silent,
    /// Does only these.
    Obeys(&'static str),
}

/// A way to a machine that obeys at once.
#[derive(Debug)]
struct Way {
    name: &'static str,
    machine: Arc<Mutex<bool>>,
    mood: Mutex<Mood>,
    heard: Mutex<Vec<&'static str>>,
}

struct WaySession(Arc<Way>, Instant);

impl Way {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().join(" ")
    }

    async fn hear(&self, what: &'static str, by: Instant) -> Result<(), PowerError> {
        self.heard.lock().unwrap().push(what);
        let mood = *self.mood.lock().unwrap();
        let is_definite = mood == Mood::Refused;
        match mood {
            Mood::Works | Mood::Pretends => return Ok(()),
            Mood::Obeys(these) if these.contains(what) => return Ok(()),
            Mood::Silent => tokio::time::sleep(clock::now().until(by)).await,
            Mood::Shut | Mood::Refused | Mood::Obeys(_) => {}
        }
        let trouble = Trouble::new(PowerErrorKind::Silent, "no", "do something");
        Err(PowerError::at(self.name.to_owned(), Trouble { is_definite, ..trouble }))
    }
}

/// For the sessions, which outlive the device's borrow.
#[derive(Debug)]
struct Shared(Arc<Way>);

impl PowerDevice for Shared {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            self.0.hear("open", by).await?;
            Ok(Box::new(WaySession(Arc::clone(&self.0), by)) as Box<dyn PowerSession>)
        })
    }

    fn describe(&self) -> String {
        self.0.name.to_owned()
    }
}

impl WaySession {
    async fn switch(&self, what: &'static str, on: bool) -> Result<Ack, PowerError> {
        self.0.hear(what, self.1).await?;
        if *self.0.mood.lock().unwrap() != Mood::Pretends {
            *self.0.machine.lock().unwrap() = on;
        }
        Ok(Ack::Accepted)
    }
}

impl PowerSession for WaySession {
    fn set_deadline(&mut self, by: Instant) {
        self.1 = by;
    }

    fn off(&mut self) -> Working<'_, Ack> {
        Box::pin(self.switch("off", false))
    }

    fn on(&mut self) -> Working<'_, Ack> {
        Box::pin(self.switch("on", true))
    }

    fn status(&mut self) -> Working<'_, PowerStatus> {
        Box::pin(async {
            self.0.hear("status", self.1).await?;
            Ok(PowerStatus {
                on: *self.0.machine.lock().unwrap(),
                passage: None,
                control_fault: false,
                restore_policy: RestorePolicy::Unknown,
                last_event: LastPowerEvent::default(),
            })
        })
    }
}

/// Two ways to one machine, which is on.
fn ways() -> [Arc<Way>; 2] {
    let machine = Arc::new(Mutex::new(true));
    ["one", "two"].map(|name| {
        let machine = Arc::clone(&machine);
        Arc::new(Way { name, machine, mood: Mutex::new(Mood::Works), heard: Mutex::default() })
    })
}

fn both(one: &Arc<Way>, two: &Arc<Way>) -> Arc<dyn PowerDevice> {
    let all = [one, two].map(|way| spared(Arc::new(Shared(Arc::clone(way))), Vec::new()));
    Levels::of(all.into()).unwrap()
}

fn soon() -> Instant {
    clock::now() + Duration::from_secs(20)
}

fn on_loop(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story);
}
