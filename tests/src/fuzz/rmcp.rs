//! The border to the BMCs: one console and one BMC who speak honestly, and a network that does anything
//! to what they say and adds what it likes, without knowing the password.
//!
//! An event is one of [`Act`], then its bytes. Against the console: it never takes a machine that is on
//! for off, and never has an order acknowledged that it did not give. Against the BMC: it never
//! switches power or sets the watchdog, since nobody who knows the password orders that.

use palisade_ipmi::IpmiCommand;
use palisade_ipmi::app::DeviceId;
use palisade_ipmi::bmc::{Config, Declined, Engine, Hardware, User};
use palisade_ipmi::chassis::{
    ChassisStatus, ControlAction, LastPowerEvent, RestartCause, RestorePolicy, SupportedPolicies,
};
use palisade_ipmi::client::{Answer, Client, Effects, Event, Input, Limit, Login, Order};
use palisade_ipmi::entropy::Entropy;
use palisade_ipmi::privilege::Privilege;
use palisade_ipmi::secret::Secret;
use palisade_ipmi::suite::Suite;
use palisade_ipmi::watchdog::{NEVER_INITIALISED, SetWatchdog, TimerState};
use palisade_protocol::time::{Duration, Instant};

use super::pieces::{piece, pieces};

const PASSWORD: &[u8] = b"correct horse 12";
const BEGIN: Instant = Instant::from_millis(1_000);
const OPEN_MAX: Duration = Duration::from_secs(10);
const ORDER_MAX: Duration = Duration::from_secs(2);

/// What happens next, by the byte of an event modulo their number.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// What is under way arrives, and what follows from it, until nothing is under way.
    Deliver,
    /// The bytes arrive at the side under attack.
    Inject,
    /// Something that this side was sent arrives once more, with one byte changed: which, where, how.
    Tamper,
    /// The same, cut: which, where.
    Cut,
    /// The same, as it was.
    Replay,
    /// What is under way is lost.
    Lose,
    /// Time passes: hundredths of a second.
    Pass,
    /// The console reads the power state.
    Read,
}

const ACTS: [Act; 8] = [
    Act::Deliver,
    Act::Inject,
    Act::Tamper,
    Act::Cut,
    Act::Replay,
    Act::Lose,
    Act::Pass,
    Act::Read,
];

/// Attacks the console.
pub(super) fn run_client(input: &[u8]) {
    run(input, Side::Console);
}

/// Attacks the BMC.
pub(super) fn run_bmc(input: &[u8]) {
    run(input, Side::Bmc);
}

/// An honest login and reading, and then each datagram of it as if the network had made it.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let honest: Vec<u8> = [0, 7, 0].into_iter().flat_map(|act| piece(act, &[])).collect();
    let mut wire = Wire::new(Side::Console);
    for (act, bytes) in pieces(&honest) {
        wire.play(act, bytes);
    }
    assert!(wire.readings > 0, "an honest network lets the console read");
    let said = wire.to_console.iter().chain(&wire.to_bmc);
    let injected = said.map(|datagram| [&honest[..2], &piece(1, datagram), &honest[2..]].concat());
    let tampered = (2..7).map(|act| [&honest[..], &piece(act, &[3, 40, 1]), &honest[2..]].concat());
    injected.chain(tampered).chain([honest.clone()]).collect()
}

/// Who is under attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Console,
    Bmc,
}

fn run(input: &[u8], attacked: Side) {
    let mut wire = Wire::new(attacked);
    for (what, bytes) in pieces(input) {
        wire.play(what, bytes);
    }
}

/// Both ends, and all that went between them.
struct Wire {
    attacked: Side,
    now: Instant,
    console: Client,
    bmc: Engine,
    machine: Machine,
    under_way: Vec<Vec<u8>>,
    to_console: Vec<Vec<u8>>,
    to_bmc: Vec<Vec<u8>>,
    readings: usize,
}

impl Wire {
    #[expect(clippy::expect_used, reason = "broken settings of this file must stop the run")]
    fn new(attacked: Side) -> Self {
        let password = Secret::new(PASSWORD).expect("a password of 16 bytes");
        let privilege = Privilege::Operator;
        let user = User { name: "palisade".into(), password: password.clone(), privilege };
        let login = Login::new("palisade", password, privilege, &[Suite::Sha256, Suite::Sha1]);
        let login = login.expect("an ordinary login");
        let mut wire = Self {
            attacked,
            now: BEGIN,
            console: Client::new(login, [1; 32], BEGIN, Limit::at(BEGIN + OPEN_MAX)),
            bmc: Engine::new(Config::usual(vec![user], [9; 16]), Entropy::from_seed([2; 32])),
            machine: Machine,
            under_way: Vec::new(),
            to_console: Vec::new(),
            to_bmc: Vec::new(),
            readings: 0,
        };
        wire.tell_console(Input::Tick);
        wire
    }

    fn play(&mut self, what: u8, bytes: &[u8]) {
        let number = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let act = ACTS.get(usize::from(what) % ACTS.len()).copied();
        match act.unwrap_or(Act::Deliver) {
            Act::Deliver => self.deliver(),
            Act::Inject => self.attack(bytes),
            Act::Tamper => self.again(number(0), |old| change(old, number(1), number(2))),
            Act::Cut => self.again(number(0), |old| {
                old.truncate(usize::from(number(1)) % (old.len() + 1));
            }),
            Act::Replay => self.again(number(0), |_| {}),
            Act::Lose => self.under_way.clear(),
            Act::Pass => {
                self.now += Duration::from_millis(10 * u64::from(number(0)));
                self.tell_console(Input::Tick);
            }
            Act::Read => {
                let by = self.now + ORDER_MAX;
                self.tell_console(Input::Order { order: Order::Status, by: Some(by) });
            }
        }
    }

    /// Carries what the console says to the BMC and back. An exchange ends by itself: the console
    /// answers an answer a bounded number of times.
    fn deliver(&mut self) {
        for _ in 0..16 {
            for request in std::mem::take(&mut self.under_way) {
                self.to_bmc.push(request.clone());
                let reply = self.bmc.receive(self.now, &request, &mut self.machine);
                if let Some(reply) = reply {
                    self.to_console.push(reply.clone());
                    self.tell_console(Input::Datagram(&reply));
                }
            }
        }
    }

    fn attack(&mut self, bytes: &[u8]) {
        match self.attacked {
            Side::Console => self.tell_console(Input::Datagram(bytes)),
            Side::Bmc => {
                // What the BMC says to an attacker may be kept and used.
                let reply = self.bmc.receive(self.now, bytes, &mut self.machine);
                self.to_console.extend(reply);
            }
        }
    }

    fn again(&mut self, which: u8, change: impl FnOnce(&mut Vec<u8>)) {
        let heard = match self.attacked {
            Side::Console => &self.to_console,
            Side::Bmc => &self.to_bmc,
        };
        let Some(place) = usize::from(which).checked_rem(heard.len()) else { return };
        let mut datagram = heard.get(place).cloned().unwrap_or_default();
        change(&mut datagram);
        self.attack(&datagram);
    }

    fn tell_console(&mut self, input: Input<'_>) {
        let Effects { datagrams, event, .. } = self.console.handle(self.now, input);
        self.under_way.extend(datagrams);
        if let Some(Event::Answered(answer)) = event {
            self.judge(&answer);
        }
    }

    fn judge(&mut self, answer: &Answer) {
        self.readings += 1;
        let Answer::Status(status) = answer else {
            assert!(matches!(answer, Answer::Status(_)), "only readings were ordered: {answer:?}");
            return;
        };
        assert!(status.power_on, "the machine is on, and read {status:?}");
    }
}

fn change(datagram: &mut [u8], place: u8, xor: u8) {
    let place = usize::from(place).checked_rem(datagram.len());
    if let Some(byte) = place.and_then(|place| datagram.get_mut(place)) {
        *byte ^= xor.max(1);
    }
}

/// A machine that is on, and that nobody has ordered to be anything else.
#[derive(Debug)]
struct Machine;

impl Hardware for Machine {
    #[expect(clippy::expect_used, reason = "broken settings of this file must stop the run")]
    fn device_id(&self) -> DeviceId {
        let bytes = [0x20, 1, 1, 0, 2, 0x80, 0, 0, 0, 1, 0];
        palisade_ipmi::app::GetDeviceId::parse_success_response(&bytes).expect("a device id")
    }

    fn chassis_status(&mut self, _now: Instant) -> Result<ChassisStatus, Declined> {
        Ok(ChassisStatus {
            power_on: true,
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
        let nobody: Option<ControlAction> = None;
        assert_eq!(Some(action), nobody, "nobody with the password ordered this");
        Ok(())
    }

    fn restart_cause(&mut self, _now: Instant) -> Result<RestartCause, Declined> {
        Err(Declined(NEVER_INITIALISED))
    }

    fn set_restore_policy(
        &mut self,
        _now: Instant,
        policy: RestorePolicy,
    ) -> Result<SupportedPolicies, Declined> {
        let nobody: Option<RestorePolicy> = None;
        assert_eq!(Some(policy), nobody, "nobody with the password ordered this");
        Err(Declined(NEVER_INITIALISED))
    }

    fn set_watchdog(&mut self, _now: Instant, setting: SetWatchdog) -> Result<(), Declined> {
        let nobody: Option<SetWatchdog> = None;
        assert_eq!(Some(setting), nobody, "nobody with the password ordered this");
        Ok(())
    }

    fn get_watchdog(&mut self, _now: Instant) -> Result<TimerState, Declined> {
        Err(Declined(NEVER_INITIALISED))
    }

    fn reset_watchdog(&mut self, _now: Instant) -> Result<(), Declined> {
        Err(Declined(NEVER_INITIALISED))
    }
}
