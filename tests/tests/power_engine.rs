//! The power engine against simulated BMCs that do not always do what they should: what it may call
//! dead, what it does about losses, and how many BMCs it is at home with.
#![cfg(test)]

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use palisade_fencer::power::{
    self, Ack, BmcConfig, BmcKey, Engine, Evidence, Guid, PowerDevice as _, PowerErrorKind,
    Privilege, Raised, Reading, Suite, Terms, Verdict,
};
use palisade_host::clock;
use palisade_hw::bmc::{Bmc, Event, Settings};
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_hw::fault::{Fault, Plan};
use palisade_hw::power::What;
use palisade_ipmi::chassis::ControlAction;
use palisade_protocol::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Twenty bytes, the longest there is.
const PASSWORD: &str = "correct horse twenty";
const GUID: [u8; 16] = [0xA5, 0x5A, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// Far longer than anything here takes, so that only a hang meets it.
const AMPLE: Duration = Duration::from_secs(10);

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// BMCs and what truly happened to their machines.
struct Rack {
    face: RmcpFace,
    happened: Arc<Mutex<Vec<RackEvent>>>,
}

impl Rack {
    fn of(count: usize, listen: &str, change: impl Fn(&mut Settings)) -> Self {
        let make = |seed| {
            let user = palisade_tests::bmc::user(PASSWORD, Privilege::Operator);
            let mut settings = Settings::simple(user, seed);
            settings.guid = Some(GUID);
            change(&mut settings);
            (listen.parse().unwrap(), Bmc::new(settings))
        };
        let bmcs = (0..).take(count).map(make).collect();
        let happened = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&happened);
        let face = RmcpFace::start(bmcs, move |event| tell.lock().unwrap().push(event)).unwrap();
        Self { face, happened }
    }

    fn with(faults: &[&str]) -> Self {
        Self::of(1, "127.0.0.1:0", |settings| settings.faults = plan(faults))
    }

    fn config(&self, bmc: usize) -> BmcConfig {
        config(self.face.address(bmc).unwrap())
    }

    fn is_on(&self, bmc: usize) -> bool {
        self.face.with(bmc, Bmc::is_on).unwrap()
    }

    /// When the first machine truly lost power.
    fn died_at(&self) -> Option<Instant> {
        self.happened.lock().unwrap().iter().find_map(|happened| {
            let Event::Power(change) = happened.event else { return None };
            (change.what == What::Off).then_some(change.at)
        })
    }

    fn orders(&self, wanted: ControlAction) -> usize {
        let happened = self.happened.lock().unwrap();
        let is_order = |event: &&RackEvent| matches!(event.event, Event::Ordered { action, .. } if action == wanted);
        happened.iter().filter(is_order).count()
    }

    /// Waits until every session has been given back.
    async fn until_empty(&self) {
        let by = clock::now() + AMPLE;
        while self.face.with(0, Bmc::sessions).unwrap() > 0 {
            assert!(clock::now() < by, "a session was not given back");
            tokio::task::yield_now().await;
        }
    }
}

/// Whatever goes to a BMC and back, one question at a time.
struct Wire {
    address: SocketAddr,
    /// The payload type of each question, once its answer is on the way back.
    answered: Receiver<u8>,
}

impl Wire {
    fn to(bmc: SocketAddr) -> Self {
        let [near, far] = [(), ()].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        far.connect(bmc).unwrap();
        far.set_read_timeout(Some(AMPLE)).unwrap();
        let (address, (tell, answered)) = (near.local_addr().unwrap(), channel());
        std::thread::spawn(move || {
            let mut datagram = [0; 1_024];
            while let Ok((length, console)) = near.recv_from(&mut datagram) {
                let kind = datagram[5];
                far.send(&datagram[..length]).unwrap();
                let Ok(length) = far.recv(&mut datagram) else { return };
                near.send_to(&datagram[..length], console).unwrap();
                let Ok(()) = tell.send(kind) else { return };
            }
        });
        Self { address, answered }
    }
}

fn plan(faults: &[&str]) -> Plan {
    let faults: Vec<Fault> = faults.iter().map(|spec| spec.parse().unwrap()).collect();
    Plan::new(clock::now(), faults)
}

fn config(address: SocketAddr) -> BmcConfig {
    palisade_tests::bmc::config(address.to_string(), PASSWORD)
}

/// Time enough for BMCs that do what they are told; those that do not take all of it.
fn terms() -> Terms {
    let (silence, change) = (Duration::from_secs(2), Some(Duration::from_secs(1)));
    Terms { silence, change, rise: Duration::from_secs(2), ..Terms::default() }
}

async fn fence(rack: &Rack) -> Verdict {
    Engine::start().unwrap().fence(&rack.config(0), &terms()).await
}

fn dead(verdict: Verdict) -> Evidence {
    let Verdict::Dead(evidence) = verdict else { panic!("{verdict:?}") };
    let [.., first, second] = evidence.readings.as_slice() else { panic!("{evidence}") };
    assert!(!first.on && !second.on, "{evidence}");
    assert!(second.asked_at.since(first.heard_at) >= Duration::from_millis(40), "{evidence}");
    let is_after = |reading: &Reading| reading.heard_at >= evidence.acked.0;
    assert!(
        evidence.readings.iter().all(is_after) && second.asked_at >= evidence.acked.0,
        "{evidence}"
    );
    evidence
}

fn unknown(verdict: Verdict) -> PowerErrorKind {
    let Verdict::Unknown(error) = verdict else { panic!("{verdict:?}") };
    error.kind()
}

#[tokio::test]
async fn a_machine_is_dead_fifty_milliseconds_after_a_bmc_that_switches_at_once() {
    let rack = Rack::with(&[]);
    let began = clock::now();
    let evidence = dead(fence(&rack).await);
    assert!(!rack.is_on(0));
    let took = clock::now().since(began);
    assert!(took < Duration::from_millis(150), "{took:?}: {evidence}");
    let who = evidence.who.unwrap();
    assert_eq!((who.guid, who.suite), (Guid(GUID), Suite::Sha256));
    assert_eq!(evidence.acked.1, Ack::Accepted);
    assert!(evidence.to_string().contains("a55a0304-0506"), "{evidence}");
    rack.until_empty().await;
}

#[tokio::test]
async fn a_machine_is_never_called_dead_before_it_is() {
    let latency = Duration::from_millis(300);
    let rack = Rack::of(1, "127.0.0.1:0", |settings| settings.wiring.off_latency = latency);
    let evidence = dead(fence(&rack).await);
    let died_at = rack.died_at().unwrap();
    assert!(evidence.readings.iter().filter(|reading| !reading.on).all(|r| r.heard_at >= died_at));
    let waited = evidence.readings.last().unwrap().heard_at.since(died_at);
    assert!(waited < Duration::from_millis(200), "{waited:?}: {evidence}");
}

#[tokio::test]
async fn an_order_acknowledged_and_ignored_leaves_it_on() {
    for fault in ["ignore-off", "acpi-off"] {
        let rack = Rack::with(&[fault]);
        let verdict = fence(&rack).await;
        assert!(matches!(verdict, Verdict::StillOn(_)), "{fault}: {verdict:?}");
        assert!(rack.is_on(0));
    }
}

#[tokio::test]
async fn a_machine_that_shuts_down_by_its_button_is_dead_when_it_is_off() {
    let rack = Rack::with(&["acpi-off=0.5"]);
    let evidence = dead(
        Engine::start().unwrap().fence(&rack.config(0), &Terms { change: None, ..terms() }).await,
    );
    assert!(evidence.readings.first().unwrap().on, "{evidence}");
    assert!(!rack.is_on(0));
}

/// What was read before the order had arrived says nothing of what came of it.
#[tokio::test]
async fn readings_that_overtook_the_order_do_not_count() {
    let rack = Rack::of(1, "127.0.0.1:0", |settings| {
        settings.on = false;
        settings.faults = plan(&["lose=off:1"]);
    });
    dead(fence(&rack).await);
}

#[tokio::test]
async fn an_order_that_a_bmc_has_lost_is_given_again_after_five_seconds() {
    let terms = Terms { change: Some(AMPLE), ..terms() };
    let off = async {
        let rack = Rack::with(&["ignore-off=1"]);
        let evidence = dead(Engine::start().unwrap().fence(&rack.config(0), &terms).await);
        (rack.orders(ControlAction::Down), rack.is_on(0), evidence)
    };
    let on = async {
        let rack = Rack::of(1, "127.0.0.1:0", |settings| {
            settings.on = false;
            settings.faults = plan(&["ignore-on=1"]);
        });
        let raised = Engine::start().unwrap().power_on(&rack.config(0), &terms).await;
        (rack.orders(ControlAction::Up), rack.is_on(0), raised)
    };
    let ((offs, is_on, evidence), (ons, is_up, raised)) = tokio::join!(off, on);
    assert_eq!((offs, is_on), (2, false), "{evidence}");
    assert!((ons, is_up) == (2, true) && matches!(raised, Raised::On(_)), "{raised:?}");
}

#[tokio::test]
async fn a_bmc_that_has_read_on_after_off_is_given_more_time_ever_after() {
    let rack = Rack::of(1, "127.0.0.1:0", |settings| {
        settings.wiring.off_latency = Duration::from_millis(200);
        settings.faults = plan(&["flicker=4"]);
    });
    let folder = tempfile::tempdir().unwrap();
    let again = async || {
        rack.face.with(0, |bmc, now| bmc.press(now, ControlAction::Up)).unwrap();
        let engine = Engine::start().unwrap().with_profiles(folder.path());
        let evidence = dead(engine.fence(&rack.config(0), &terms()).await);
        let [.., first, second] = evidence.readings[..] else { panic!("{evidence}") };
        (second.asked_at.since(first.heard_at), evidence)
    };
    for _ in 0..2 {
        let (space, evidence) = again().await;
        assert!(space >= Duration::from_millis(250), "{evidence}");
    }
}

/// One of the first readings of a machine that is on says off.
#[tokio::test]
async fn one_reading_of_off_that_is_taken_back_is_no_death() {
    for nth in 1..=5 {
        let rack = Rack::with(&[&format!("flicker={nth}"), "ignore-off"]);
        let verdict = fence(&rack).await;
        let Verdict::StillOn(evidence) = verdict else { panic!("{nth}: {verdict:?}") };
        // The first two are made before the order.
        assert!(
            nth <= 2 || evidence.readings.iter().any(|reading| !reading.on),
            "{nth}: {evidence}"
        );
    }
}

/// It was off when a flight came with the order, and comes up while nobody can see it.
#[tokio::test]
async fn a_machine_on_its_way_up_that_reads_off_is_not_dead_until_it_has_fallen() {
    for obeys in ["ignore-off=1", "ignore-off=3", "slow-off=0.5"] {
        let rack = rising(&["starting-off=1500", obeys]).await;
        let evidence = dead(fence(&rack).await);
        assert!(!rack.is_on(0), "{obeys}: {evidence}");
        let died_at = rack.died_at().unwrap();
        assert!(evidence.readings.last().unwrap().asked_at >= died_at, "{obeys}: {evidence}");
        assert!(evidence.to_string().contains(": off before, accepted"), "{evidence}");
    }
}

#[tokio::test]
async fn a_machine_that_comes_up_and_ignores_its_orders_is_still_on() {
    let rack = rising(&["starting-off=300", "ignore-off"]).await;
    let verdict = fence(&rack).await;
    assert!(matches!(verdict, Verdict::StillOn(_)), "{verdict:?}");
}

#[tokio::test]
async fn a_machine_that_was_off_already_is_dead_when_it_could_no_longer_be_on_its_way_up() {
    let rack = Rack::of(1, "127.0.0.1:0", |settings| settings.on = false);
    let evidence = dead(fence(&rack).await);
    let looked = evidence.readings.last().unwrap().asked_at.since(evidence.acked.0);
    assert!(looked >= terms().rise, "{evidence}");
    assert!(rack.orders(ControlAction::Down) >= 5, "ordered again and again: {evidence}");
}

/// A machine with these faults that somebody has just switched on.
async fn rising(faults: &[&str]) -> Rack {
    let rack = Rack::of(1, "127.0.0.1:0", |settings| {
        settings.on = false;
        settings.faults = plan(faults);
    });
    let at_once = Terms { change: Some(Duration::ZERO), ..terms() };
    let raised = Engine::start().unwrap().power_on(&rack.config(0), &at_once).await;
    assert!(matches!(raised, Raised::StillOff(_)), "it reads off: {raised:?}");
    assert!(rack.is_on(0), "and has power");
    rack
}

#[tokio::test]
async fn not_in_this_state_is_dead_only_if_it_is_read_off() {
    let rack = Rack::with(&["cc=off:0xD5", "ignore-off"]);
    assert!(matches!(fence(&rack).await, Verdict::StillOn(_)));
    let rack = Rack::of(1, "127.0.0.1:0", |settings| {
        settings.on = false;
        settings.faults = plan(&["cc=off:0xD5"]);
    });
    let evidence = dead(fence(&rack).await);
    assert_eq!(evidence.acked.1, Ack::NotInThisState);
}

#[tokio::test]
async fn a_bmc_that_is_busy_at_first_is_asked_again() {
    for code in ["0xC0", "0xC3", "0xD2", "0xFF"] {
        let (off, status) = (format!("cc=off:{code}:2"), format!("cc=status:{code}:2"));
        let rack = Rack::with(&[&off, &status]);
        dead(fence(&rack).await);
        assert!(!rack.is_on(0), "{code}");
    }
}

#[tokio::test]
async fn a_bmc_that_stays_busy_or_refuses_is_unknown() {
    for (code, kind) in [("0xC0", 0xC0), ("0xC1", 0xC1), ("0xD4", 0xD4)] {
        let rack = Rack::with(&[&format!("cc=off:{code}")]);
        assert_eq!(unknown(fence(&rack).await), PowerErrorKind::Refused(kind));
        assert!(rack.is_on(0));
    }
}

#[tokio::test]
async fn a_bmc_that_dies_with_its_node_is_unknown_and_never_dead() {
    let rack = Rack::with(&["hang"]);
    assert_eq!(unknown(fence(&rack).await), PowerErrorKind::Silent);
    let rack = Rack::with(&["hang-control"]);
    assert_eq!(unknown(fence(&rack).await), PowerErrorKind::Silent);
}

#[tokio::test]
async fn a_man_in_the_middle_who_takes_the_cipher_away_learns_nothing_and_switches_nothing() {
    for downgrade in ["downgrade", "downgrade=3"] {
        let rack = Rack::with(&[downgrade]);
        let config = BmcConfig { suites: vec![Suite::Sha256], ..rack.config(0) };
        let verdict = Engine::start().unwrap().fence(&config, &terms()).await;
        assert_eq!(unknown(verdict), PowerErrorKind::CipherRefused, "{downgrade}");
        assert_eq!((rack.orders(ControlAction::Down), rack.is_on(0)), (0, true));
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let rack = Rack::with(&["lock-out=2"]);
    let wrong = palisade_tests::bmc::password("battery staple");
    let config = BmcConfig { password: wrong, ..rack.config(0) };
    let engine = Engine::start().unwrap();
    assert_eq!(unknown(engine.fence(&config, &terms()).await), PowerErrorKind::WrongPassword);
    assert!(rack.is_on(0));
    // A second failure would have locked the account.
    dead(engine.fence(&rack.config(0), &terms()).await);
}

#[tokio::test]
async fn another_bmc_at_the_address_is_not_switched() {
    let rack = Rack::with(&[]);
    let pinned = BmcConfig { guid: Some(Guid([7; 16])), ..rack.config(0) };
    let engine = Engine::start().unwrap();
    let verdict = engine.fence(&pinned, &terms()).await;
    let Verdict::Unknown(error) = verdict else { panic!("{verdict:?}") };
    assert_eq!(error.kind(), PowerErrorKind::OtherBmc);
    assert!(error.is_definite() && error.to_string().contains("a55a0304"), "{error}");
    assert_eq!((rack.orders(ControlAction::Down), rack.is_on(0)), (0, true));
    let pinned = BmcConfig { guid: Some(Guid(GUID)), ..rack.config(0) };
    dead(engine.fence(&pinned, &terms()).await);
}

#[tokio::test]
async fn a_bmc_that_wants_a_bmc_key_is_told_apart() {
    let rack = Rack::with(&[]);
    let key = BmcKey::new(b"a key it has not got").unwrap();
    let config = BmcConfig { bmc_key: Some(key), ..rack.config(0) };
    let verdict = Engine::start().unwrap().fence(&config, &terms()).await;
    assert_eq!(unknown(verdict), PowerErrorKind::WrongPassword);
    assert!(rack.is_on(0), "what was sealed with another key is noise");
}

#[tokio::test]
async fn every_oddity_of_an_honest_bmc_is_lived_with() {
    for oddity in [
        "tag-zero",
        "zero-errors",
        "priv-echo-zero",
        "rakp3-replay",
        "slow-rakp3=30",
        "skip-sequence",
        "bad-checksums",
        "only-suite=3",
        "only-suite=17",
        "downgrade=3",
        "lose=close-reply",
    ] {
        let rack = Rack::with(&[oddity]);
        dead(fence(&rack).await);
        assert!(!rack.is_on(0), "{oddity}");
    }
}

#[tokio::test]
async fn one_lost_packet_of_any_kind_costs_less_than_half_a_second() {
    for lost in [
        "open:1",
        "open-reply:1",
        "rakp1:1",
        "rakp2:1",
        "rakp3:1",
        "rakp4",
        "priv:1",
        "priv-reply:1",
        "off:1",
        "off-reply:1",
        "status:1",
        "status-reply:1",
    ] {
        let rack = Rack::with(&[&format!("lose={lost}")]);
        let began = clock::now();
        dead(fence(&rack).await);
        let took = clock::now().since(began);
        assert!(took < HALF_A_SECOND, "{lost}: {took:?}");
    }
}

/// Three round trips of 400 ms each, where half a second of silence ends a login.
#[tokio::test]
async fn a_bmc_that_answers_slowly_is_waited_for_unless_a_login_may_not_take_so_long() {
    let rack = Rack::with(&["late-reply=400"]);
    let terms = Terms { silence: HALF_A_SECOND, ..terms() };
    dead(Engine::start().unwrap().fence(&rack.config(0), &terms).await);
    let rack = Rack::with(&["late-reply=400"]);
    let hasty = Terms { login: Some(Duration::from_millis(600)), ..terms };
    let verdict = Engine::start().unwrap().fence(&rack.config(0), &hasty).await;
    assert_eq!((unknown(verdict), rack.is_on(0)), (PowerErrorKind::Silent, true));
}

#[tokio::test]
async fn a_bmc_without_a_free_slot_is_waited_for() {
    let rack = Rack::with(&["no-slots@0..700"]);
    let patient = Terms { silence: AMPLE, ..terms() };
    dead(Engine::start().unwrap().fence(&rack.config(0), &patient).await);
    let rack = Rack::with(&["no-slots"]);
    assert_eq!(unknown(fence(&rack).await), PowerErrorKind::NoSlots);
}

#[tokio::test]
async fn two_fencers_at_once_on_one_bmc_do_not_disturb_each_other() {
    let rack = Rack::of(1, "127.0.0.1:0", |settings| {
        settings.wiring.off_latency = Duration::from_millis(200);
    });
    let (one, other) = (Engine::start().unwrap(), Engine::start().unwrap());
    let (config, terms) = (rack.config(0), terms());
    let (first, second, third) = tokio::join!(
        one.fence(&config, &terms),
        other.fence(&config, &terms),
        one.fence(&config, &terms)
    );
    for verdict in [first, second, third] {
        dead(verdict);
    }
    rack.until_empty().await;
}

#[tokio::test]
async fn a_machine_is_raised_and_read_on() {
    let rack = Rack::of(1, "[::1]:0", |settings| settings.on = false);
    let engine = Engine::start().unwrap();
    let raised = engine.power_on(&rack.config(0), &terms()).await;
    assert!(
        matches!(&raised, Raised::On(evidence) if evidence.who.unwrap().at.is_ipv6()),
        "{raised:?}"
    );
    assert!(engine.power_status(&rack.config(0), &terms()).await.unwrap().on);
    let rack = Rack::of(1, "127.0.0.1:0", |settings| {
        settings.on = false;
        settings.faults = plan(&["ignore-on"]);
    });
    let raised = engine.power_on(&rack.config(0), &terms()).await;
    assert!(matches!(raised, Raised::StillOff(_)), "{raised:?}");
}

#[tokio::test]
async fn a_refused_port_is_told_long_before_the_deadline_and_to_nobody_else() {
    tokio::join!(refused_besides_a_slow_one("127.0.0.1:0"), refused_besides_a_slow_one("[::1]:0"));
}

/// All refusals come before the living BMC has said a word.
async fn refused_besides_a_slow_one(address: &str) {
    let rack = Rack::of(1, address, |settings| settings.faults = plan(&["delay=800"]));
    let closed = UdpSocket::bind(address).unwrap().local_addr().unwrap();
    let engine = Engine::start().unwrap();
    let (refused, living) = (config(closed), rack.config(0));
    let (began, patient) = (clock::now(), Terms { silence: AMPLE, ..terms() });
    let refusal = async {
        let verdict = engine.fence(&refused, &patient).await;
        (unknown(verdict), clock::now().since(began))
    };
    let ((kind, took), reading) = tokio::join!(refusal, engine.power_status(&living, &patient));
    assert_eq!(kind, PowerErrorKind::PortRefused);
    assert!(took < Duration::from_millis(800), "{took:?}");
    assert!(reading.unwrap().on);
}

/// What a BMC says is believed if it comes from where it was asked, and is nothing to us from elsewhere.
#[tokio::test]
async fn only_the_address_that_was_asked_is_listened_to() {
    let impatient = Terms { silence: HALF_A_SECOND, ..terms() };
    for is_stranger in [false, true] {
        let rack = Rack::with(&[]);
        let asked = Arc::new(tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let stranger = Arc::new(tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let there = config(asked.local_addr().unwrap());
        let mouth = if is_stranger { stranger } else { Arc::clone(&asked) };
        let relay = tokio::spawn(relay(asked, mouth, rack.face.address(0).unwrap()));
        let verdict = Engine::start().unwrap().fence(&there, &impatient).await;
        relay.abort();
        if is_stranger {
            assert_eq!((unknown(verdict), rack.is_on(0)), (PowerErrorKind::Silent, true));
        } else {
            dead(verdict);
        }
    }
}

/// Passes on to a BMC what is heard at `ear`, and its answers by `mouth`.
async fn relay(
    ear: Arc<tokio::net::UdpSocket>,
    mouth: Arc<tokio::net::UdpSocket>,
    bmc: SocketAddr,
) {
    let inner = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    inner.connect(bmc).await.unwrap();
    let (mut asked, mut answer) = ([0; 1024], [0; 1024]);
    let mut console = None;
    loop {
        tokio::select! {
            heard = ear.recv_from(&mut asked) => {
                let (length, from) = heard.unwrap();
                console = Some(from);
                inner.send(&asked[..length]).await.unwrap();
            }
            length = inner.recv(&mut answer) => {
                mouth.send_to(&answer[..length.unwrap()], console.unwrap()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_bmcs_are_fenced_by_one_engine_and_none_is_lost() {
    let rack = Rack::of(1_000, "127.0.0.1:0", |_| {});
    let engine = Engine::start().unwrap();
    let mut tasks = JoinSet::new();
    for bmc in 0..1_000 {
        let (engine, config) = (engine.clone(), rack.config(bmc));
        let patient = Terms { silence: Duration::from_secs(30), ..terms() };
        tasks.spawn(async move { engine.fence(&config, &patient).await });
    }
    while let Some(verdict) = tasks.join_next().await {
        dead(verdict.unwrap());
    }
    assert!((0..1_000).all(|bmc| !rack.is_on(bmc)));
}

#[tokio::test]
async fn silent_bmcs_do_not_hold_up_the_living() {
    let silent = Rack::of(600, "127.0.0.1:0", |settings| settings.faults = plan(&["hang"]));
    let rack = Rack::with(&[]);
    let engine = Engine::start().unwrap();
    let mut tasks = JoinSet::new();
    for bmc in 0..600 {
        let (engine, config) = (engine.clone(), silent.config(bmc));
        tasks.spawn(async move { engine.power_status(&config, &terms()).await.is_err() });
    }
    tokio::task::yield_now().await;
    let began = clock::now();
    dead(engine.fence(&rack.config(0), &terms()).await);
    assert!(clock::now().since(began) < Duration::from_secs(1));
    while let Some(failed) = tasks.join_next().await {
        assert!(failed.unwrap());
    }
}

#[tokio::test]
async fn an_order_that_is_given_up_gives_its_session_back() {
    let rack = Rack::of(1, "127.0.0.1:0", |settings| settings.wiring.off_latency = AMPLE);
    let engine = Engine::start().unwrap();
    let (config, terms) = (rack.config(0), terms());
    let given_up =
        tokio::time::timeout(Duration::from_millis(150), engine.fence(&config, &terms)).await;
    assert!(given_up.is_err());
    rack.until_empty().await;
}

#[tokio::test]
async fn a_session_in_which_power_was_only_read_is_kept_and_used_again() {
    let rack = Rack::with(&["lock-out=1"]);
    let logins = Arc::new(Mutex::new(0));
    let device = {
        let (config, logins) = (rack.config(0), Arc::clone(&logins));
        power::Bmc::reading(Engine::start().unwrap(), "a bmc".to_owned(), move || {
            *logins.lock().unwrap() += 1;
            Ok(config.clone())
        })
    };
    for _ in 0..3 {
        let mut session = device.open(clock::now() + AMPLE).await.unwrap();
        assert!(session.status().await.unwrap().on);
    }
    let sessions = || rack.face.with(0, Bmc::sessions).unwrap();
    assert_eq!((*logins.lock().unwrap(), sessions()), (1, 1));
    let mut session = device.open(clock::now() + AMPLE).await.unwrap();
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    drop(session);
    rack.until_empty().await;
    assert_eq!((*logins.lock().unwrap(), rack.is_on(0)), (1, false));
}

#[tokio::test]
async fn a_bmc_that_has_restarted_since_is_logged_in_at_anew_without_delay() {
    let rack = Rack::with(&[]);
    let device = power::Bmc::new(Engine::start().unwrap(), rack.config(0));
    let mut session = device.open(clock::now() + AMPLE).await.unwrap();
    assert!(session.status().await.unwrap().on);
    drop(session);
    let reboot: Fault = "reboot=0".parse().unwrap();
    rack.face.with(0, |bmc, now| bmc.break_it(now, reboot.kind)).unwrap();
    let began = clock::now();
    let mut session = device.open(began + AMPLE).await.unwrap();
    session.set_deadline(began + AMPLE);
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    let took = clock::now().since(began);
    assert!(took < HALF_A_SECOND, "{took:?}");
    assert!(!session.status().await.unwrap().on);
}

/// Had it left in the kept session, its node could fall from it for as long as a network holds back.
#[tokio::test]
async fn no_order_leaves_in_a_kept_session_whose_bmc_is_silent_now() {
    let rack = Rack::with(&[]);
    let device = power::Bmc::new(Engine::start().unwrap(), rack.config(0));
    drop(device.open(clock::now() + AMPLE).await.unwrap());
    let hang: Fault = "hang".parse().unwrap();
    rack.face.with(0, |bmc, now| bmc.break_it(now, hang.kind)).unwrap();
    assert!(device.open(clock::now() + Duration::from_millis(300)).await.is_err());
    rack.face.with(0, |bmc, _| bmc.mend()).unwrap();
    let mut session = device.open(clock::now() + AMPLE).await.unwrap();
    assert!(session.status().await.unwrap().on);
}

#[tokio::test]
async fn what_has_failed_in_a_session_stays_failed() {
    let rack = Rack::with(&[]);
    let device = power::Bmc::new(Engine::start().unwrap(), rack.config(0));
    let mut session = device.open(clock::now() + AMPLE).await.unwrap();
    let hang: Fault = "hang".parse().unwrap();
    rack.face.with(0, |bmc, now| bmc.break_it(now, hang.kind)).unwrap();
    session.set_deadline(clock::now() + Duration::from_millis(300));
    assert!(session.off().await.is_err());
    rack.face.with(0, |bmc, _| bmc.mend()).unwrap();
    assert!(session.status().await.is_err());
}

#[tokio::test]
async fn what_one_engine_has_learned_makes_the_login_of_the_next_shorter() {
    let rack = Rack::with(&["only-suite=3", "delay=10", "cc=status:0xC0:1"]);
    let folder = tempfile::tempdir().unwrap();
    let mut took = Vec::new();
    for _ in 0..2 {
        let engine = Engine::start().unwrap().with_profiles(folder.path());
        let session = engine.open(&rack.config(0), clock::now() + AMPLE).await.unwrap();
        took.push(session.login_time());
    }
    // One round trip less, of 20 ms: suite 17 is not tried first.
    assert!(took[0] >= took[1] + Duration::from_millis(10), "{took:?}");
    std::fs::remove_dir_all(folder.path()).unwrap();
    let engine = Engine::start().unwrap().with_profiles(folder.path());
    dead(engine.fence(&rack.config(0), &terms()).await);
}

/// By turns of chance the loop sees its clock or its mail first: so several times.
#[tokio::test]
async fn what_came_while_this_process_was_kept_from_running_is_not_asked_for_again() {
    const OPEN_SESSION: u8 = 0x10;
    const RAKP_1: u8 = 0x12;
    let rack = Rack::with(&[]);
    for _ in 0..8 {
        let wire = Wire::to(rack.face.address(0).unwrap());
        let engine = Engine::start().unwrap();
        let config = config(wire.address);
        let read = tokio::spawn(async move { engine.power_status(&config, &terms()).await });
        tokio::task::yield_now().await;
        // On the only thread: the engine stands still for longer than it waits for an answer.
        assert_eq!(wire.answered.recv_timeout(AMPLE).unwrap(), OPEN_SESSION);
        assert!(wire.answered.recv_timeout(Duration::from_millis(150)).is_err(), "it stands still");
        assert!(read.await.unwrap().unwrap().on);
        assert_eq!(wire.answered.recv_timeout(AMPLE).unwrap(), RAKP_1);
    }
}
