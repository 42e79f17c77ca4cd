//! Power of one machine as its chassis sees it: orders, latencies, the mains, the restore policy.
//!
//! The supply never decides to switch by itself except by restore policy when the mains come back
//! and to end a power cycle that was ordered.
//!
//! ```text
//!            down, cycle            latency
//!     On -----------------> Falling --------> Off ---------> Rising -----> On
//!      ^  reset: stays On      |        cycle: | rest          |  latency
//!      |                       | mains fail    | up            |
//!      +-----------------------+---> Dark <----+---------------+
//!                restore policy when the mains come back
//! ```
//!
//! The machine may be a program elsewhere, such as a virtual machine ([`PowerSupply::hosted`]). Then
//! the supply only [`Wish`]es: it is off when that program is gone, and on when it is there.
//!
//! ```text
//!     Falling ---> Cutting ---> Off         Rising ---> Waiting ---> On
//!         wish: cut      it is gone             wish: start     it is there
//! ```

pub use palisade_ipmi::chassis::{ControlAction, RestorePolicy, StartReason};
use palisade_protocol::time::{Duration, Instant};

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The present state does not allow it: cycle, reset or interrupt while off.
    NotInThisState,
    /// There is no power at all.
    NoMains,
}

/// Something that truly happened to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it happened, which may be before it was asked for.
    pub at: Instant,
    /// What happened.
    pub what: What,
}

/// The kinds of [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The machine has power and starts.
    On(StartReason),
    /// The machine has no power: everything on it is dead.
    Off,
    /// The machine starts anew without losing power: everything on it is dead and boots.
    Reset(StartReason),
    /// A diagnostic interrupt reached the machine.
    Interrupted,
    /// The mains failed.
    MainsLost,
    /// The mains came back.
    MainsBack,
}

/// What a machine that is a program elsewhere is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Start it.
    Start,
    /// End it at once.
    Cut,
    /// Start anew.
    Reset,
    /// A diagnostic interrupt.
    Interrupt,
    /// Ask its operating system to shut down.
    ShutDown,
}

/// How a power supply behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// From order to off. Real BMCs: 4 to 17 s; button pulses of 15 s are known.
    pub off_latency: Duration,
    /// From order to on.
    pub on_latency: Duration,
    /// Rest between off and on of a cycle; at least 1 s by the specification.
    pub cycle_rest: Duration,
    /// From a soft order to off; `None`: the operating system does not listen.
    pub soft_latency: Option<Duration>,
    /// What happens when the mains come back.
    pub restore: RestorePolicy,
}

impl Default for Wiring {
    fn default() -> Self {
        Self {
            off_latency: Duration::ZERO,
            on_latency: Duration::ZERO,
            cycle_rest: Duration::from_secs(1),
            soft_latency: None,
            restore: RestorePolicy::StayOff,
        }
    }
}

/// One machine's power supply.
#[derive(Clone, Debug)]
pub struct PowerSupply {
    wiring: Wiring,
    state: State,
    cause: StartReason,
    was_on: bool,
    mains_failed: bool,
    switched_on_by_order: bool,
    changes: Vec<Change>,
    /// `None`: the machine is the supply's own.
    wishes: Option<Vec<Wish>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    On,
    Falling { done_at: Instant, then_on: Option<StartReason> },
    Cutting { then_on: Option<StartReason> },
    Off { then_on: Option<(Instant, StartReason)> },
    Rising { done_at: Instant, cause: StartReason },
    Waiting { cause: StartReason },
    Dark,
}

impl PowerSupply {
    /// A supply that has been on, or off, for as long as anybody remembers.
    pub const fn new(wiring: Wiring, on: bool) -> Self {
        Self {
            wiring,
            state: if on { State::On } else { State::Off { then_on: None } },
            cause: StartReason::Unknown,
            was_on: on,
            mains_failed: false,
            switched_on_by_order: false,
            changes: Vec::new(),
            wishes: None,
        }
    }

    /// A supply whose machine is a program elsewhere, which is not there yet.
    pub fn hosted(wiring: Wiring) -> Self {
        let mut supply = Self::new(wiring, false);
        supply.wishes = Some(Vec::new());
        supply
    }

    /// Whether the machine has power now. True while an off order is pending: the machine still
    /// acts. False while an on order is pending.
    pub const fn is_on(&self) -> bool {
        matches!(self.state, State::On | State::Falling { .. } | State::Cutting { .. })
    }

    /// Whether the mains are there, without which the BMC is dead as well.
    pub const fn has_mains(&self) -> bool {
        !matches!(self.state, State::Dark)
    }

    /// Why the machine last started.
    pub const fn start_cause(&self) -> StartReason {
        self.cause
    }

    /// Whether the last power event was a failure of the mains.
    pub const fn mains_failed(&self) -> bool {
        self.mains_failed
    }

    /// Whether the last power event was an order to switch on.
    pub const fn switched_on_by_order(&self) -> bool {
        self.switched_on_by_order
    }

    /// What happens when the mains come back.
    pub const fn restore_policy(&self) -> RestorePolicy {
        self.wiring.restore
    }

    /// Changes what happens when the mains come back.
    pub const fn set_restore_policy(&mut self, policy: RestorePolicy) {
        self.wiring.restore = policy;
    }

    /// Changes latencies and the restore policy, for what is ordered from now on.
    pub const fn rewire(&mut self, wiring: Wiring) {
        self.wiring = wiring;
    }

    /// The time from order to off.
    pub const fn off_latency(&self) -> Duration {
        self.wiring.off_latency
    }

    /// Obeys `order`, given for `cause`. Down while off and up while on do nothing and succeed, so
    /// that both may be repeated.
    ///
    /// # Errors
    /// Without mains; and cycle, reset and interrupt while off.
    pub fn order(
        &mut self,
        now: Instant,
        order: ControlAction,
        cause: StartReason,
    ) -> Result<(), Refused> {
        self.advance(now);
        if !self.has_mains() {
            return Err(Refused::NoMains);
        }
        match order {
            ControlAction::Down => self.fall(now, self.wiring.off_latency, None),
            ControlAction::Up => self.rise(now, cause),
            ControlAction::Cycle => {
                self.must_be_on()?;
                self.fall(now, self.wiring.off_latency, Some(cause));
            }
            ControlAction::Reset => {
                self.must_be_on()?;
                self.cause = cause;
                self.note(now, What::Reset(cause));
                self.wish(Wish::Reset);
            }
            ControlAction::Pulse => {
                self.must_be_on()?;
                self.note(now, What::Interrupted);
                self.wish(Wish::Interrupt);
            }
            ControlAction::Soft => {
                self.must_be_on()?;
                self.wish(Wish::ShutDown);
                if let Some(latency) = self.wiring.soft_latency {
                    self.fall(now, latency, None);
                }
            }
        }
        self.advance(now);
        Ok(())
    }

    /// The mains fail: machine and BMC are dead at once.
    pub fn mains_fail(&mut self, now: Instant) {
        self.advance(now);
        if !self.has_mains() {
            return;
        }
        self.was_on = self.is_on();
        self.state = State::Dark;
        self.mains_failed = true;
        self.switched_on_by_order = false;
        if self.was_on {
            self.note(now, What::Off);
        }
        self.note(now, What::MainsLost);
        self.wish(Wish::Cut);
    }

    /// The program that is the machine is there: it was started, by whomever, or is back.
    pub fn machine_came(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::Waiting { cause } => self.begin(now, cause),
            State::Off { .. } | State::Rising { .. } => self.begin(now, StartReason::PowerButton),
            State::Cutting { .. } | State::Dark => self.wish(Wish::Cut),
            State::On | State::Falling { .. } => {}
        }
    }

    /// The program that is the machine is gone: ended, as it was told to or by itself.
    pub fn machine_gone(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::On => self.end(now, None),
            State::Falling { then_on, .. } | State::Cutting { then_on } => self.end(now, then_on),
            State::Off { .. } | State::Rising { .. } | State::Waiting { .. } | State::Dark => {}
        }
    }

    /// The machine started anew by itself.
    pub fn machine_restarted(&mut self, now: Instant) {
        self.advance(now);
        if self.is_on() {
            self.cause = StartReason::SoftReset;
            self.note(now, What::Reset(StartReason::SoftReset));
        }
    }

    /// The mains come back: the restore policy decides.
    pub fn mains_return(&mut self, now: Instant) {
        if self.has_mains() {
            return;
        }
        self.state = State::Off { then_on: None };
        self.note(now, What::MainsBack);
        match self.wiring.restore {
            RestorePolicy::AlwaysOn => self.rise(now, StartReason::AcAlwaysOn),
            RestorePolicy::Previous if self.was_on => self.rise(now, StartReason::AcPrevious),
            RestorePolicy::Previous | RestorePolicy::StayOff | RestorePolicy::Unknown => {}
        }
        self.advance(now);
    }

    /// Lets time pass until `now`.
    pub fn advance(&mut self, now: Instant) {
        while let Some(due) = self.next_deadline().filter(|due| *due <= now) {
            self.step(due);
        }
    }

    /// When something will happen by itself.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Falling { done_at, .. } | State::Rising { done_at, .. } => Some(done_at),
            State::Off { then_on } => then_on.map(|(at, _)| at),
            State::On | State::Cutting { .. } | State::Waiting { .. } | State::Dark => None,
        }
    }

    /// What happened since this was last asked, oldest first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// What the machine elsewhere is to do, oldest first.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        self.wishes.as_mut().map(core::mem::take).unwrap_or_default()
    }

    fn step(&mut self, at: Instant) {
        match self.state {
            State::Falling { then_on, .. } if self.is_hosted() => {
                self.state = State::Cutting { then_on };
                self.wish(Wish::Cut);
            }
            State::Falling { then_on, .. } => self.end(at, then_on),
            State::Off { then_on: Some((_, cause)) } => self.rise(at, cause),
            State::Rising { cause, .. } if self.is_hosted() => {
                self.state = State::Waiting { cause };
                self.wish(Wish::Start);
            }
            State::Rising { cause, .. } => self.begin(at, cause),
            State::On
            | State::Cutting { .. }
            | State::Off { then_on: None }
            | State::Waiting { .. }
            | State::Dark => {}
        }
    }

    fn begin(&mut self, at: Instant, cause: StartReason) {
        self.state = State::On;
        self.cause = cause;
        self.note(at, What::On(cause));
    }

    fn end(&mut self, at: Instant, then_on: Option<StartReason>) {
        let then_on = then_on.map(|cause| (at + self.wiring.cycle_rest, cause));
        self.state = State::Off { then_on };
        self.note(at, What::Off);
    }

    /// A second order never delays a fall that has begun, but down cancels the on of a cycle.
    fn fall(&mut self, now: Instant, latency: Duration, then_on: Option<StartReason>) {
        match self.state {
            State::On => self.state = State::Falling { done_at: now + latency, then_on },
            State::Falling { done_at, .. } => self.state = State::Falling { done_at, then_on },
            State::Cutting { .. } => {
                self.state = State::Cutting { then_on };
                self.wish(Wish::Cut);
            }
            State::Rising { .. } | State::Waiting { .. } | State::Off { .. } => {
                self.state = State::Off { then_on: None };
            }
            State::Dark => {}
        }
    }

    fn rise(&mut self, now: Instant, cause: StartReason) {
        match self.state {
            State::Off { .. } => {
                self.mains_failed = false;
                self.switched_on_by_order = cause == StartReason::ChassisControl;
                self.state = State::Rising { done_at: now + self.wiring.on_latency, cause };
            }
            State::Falling { done_at, .. } => {
                self.state = State::Falling { done_at, then_on: Some(cause) };
            }
            State::Cutting { .. } => self.state = State::Cutting { then_on: Some(cause) },
            State::Waiting { .. } => self.wish(Wish::Start),
            State::On | State::Rising { .. } | State::Dark => {}
        }
    }

    const fn is_hosted(&self) -> bool {
        self.wishes.is_some()
    }

    fn wish(&mut self, wish: Wish) {
        if let Some(wishes) = &mut self.wishes {
            wishes.push(wish);
        }
    }

    const fn must_be_on(&self) -> Result<(), Refused> {
        if self.is_on() { Ok(()) } else { Err(Refused::NotInThisState) }
    }

    fn note(&mut self, at: Instant, what: What) {
        self.changes.push(Change { at, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn slow(restore: RestorePolicy) -> Wiring {
        Wiring {
            off_latency: Duration::from_secs(4),
            on_latency: Duration::from_secs(1),
            restore,
            ..Wiring::default()
        }
    }

    fn order(supply: &mut PowerSupply, at: Instant, order: ControlAction) {
        supply.order(at, order, StartReason::ChassisControl).unwrap();
    }

    #[test]
    fn a_machine_lives_until_the_latency_has_passed() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::StayOff), true);
        order(&mut supply, s(10), ControlAction::Down);
        supply.advance(s(13));
        assert!(supply.is_on(), "still acts");
        supply.advance(s(20));
        assert!(!supply.is_on());
        assert_eq!(supply.take_changes(), [Change { at: s(14), what: What::Off }]);
    }

    #[test]
    fn repeating_the_order_neither_delays_nor_fails() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::StayOff), true);
        order(&mut supply, s(0), ControlAction::Down);
        order(&mut supply, s(3), ControlAction::Down);
        order(&mut supply, s(9), ControlAction::Down);
        assert_eq!(supply.take_changes(), [Change { at: s(4), what: What::Off }]);
    }

    #[test]
    fn a_cycle_is_off_then_rest_then_on() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::StayOff), true);
        order(&mut supply, s(0), ControlAction::Cycle);
        supply.advance(s(60));
        let on = What::On(StartReason::ChassisControl);
        let seen = [Change { at: s(4), what: What::Off }, Change { at: s(6), what: on }];
        assert_eq!(supply.take_changes(), seen);
    }

    #[test]
    fn down_during_a_cycle_stays_down() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::StayOff), true);
        order(&mut supply, s(0), ControlAction::Cycle);
        order(&mut supply, s(2), ControlAction::Down);
        supply.advance(s(60));
        assert!(!supply.is_on());
    }

    #[test]
    fn what_is_off_can_be_neither_cycled_nor_reset() {
        let mut supply = PowerSupply::new(Wiring::default(), false);
        for order in
            [ControlAction::Cycle, ControlAction::Reset, ControlAction::Pulse, ControlAction::Soft]
        {
            let refused = supply.order(s(1), order, StartReason::ChassisControl);
            assert_eq!(refused, Err(Refused::NotInThisState), "{order:?}");
        }
        order(&mut supply, s(1), ControlAction::Down);
        assert_eq!(supply.take_changes(), []);
    }

    #[test]
    fn a_reset_kills_what_ran_without_losing_power() {
        let mut supply = PowerSupply::new(Wiring::default(), true);
        supply.order(s(3), ControlAction::Reset, StartReason::Watchdog).unwrap();
        assert!(supply.is_on());
        assert_eq!(supply.start_cause(), StartReason::Watchdog);
        let seen = [Change { at: s(3), what: What::Reset(StartReason::Watchdog) }];
        assert_eq!(supply.take_changes(), seen);
    }

    #[test]
    fn an_operating_system_that_does_not_listen_stays_on() {
        let mut supply = PowerSupply::new(Wiring::default(), true);
        order(&mut supply, s(0), ControlAction::Soft);
        supply.advance(s(600));
        assert!(supply.is_on());
    }

    #[test]
    fn mains_that_fail_take_everything_and_refuse_every_order() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::StayOff), true);
        supply.mains_fail(s(5));
        assert!(!supply.is_on() && !supply.has_mains());
        let refused = supply.order(s(6), ControlAction::Up, StartReason::ChassisControl);
        assert_eq!(refused, Err(Refused::NoMains));
        supply.mains_return(s(9));
        supply.advance(s(60));
        assert!(!supply.is_on() && supply.mains_failed());
    }

    #[test]
    fn a_fenced_machine_comes_back_by_policy_always_on_only() {
        let back = |policy| {
            let mut supply = PowerSupply::new(slow(policy), true);
            order(&mut supply, s(0), ControlAction::Down);
            supply.advance(s(10));
            supply.mains_fail(s(10));
            supply.mains_return(s(20));
            supply.advance(s(60));
            supply.is_on().then_some(supply.start_cause())
        };
        assert_eq!(back(RestorePolicy::StayOff), None);
        assert_eq!(back(RestorePolicy::Previous), None);
        assert_eq!(back(RestorePolicy::AlwaysOn), Some(StartReason::AcAlwaysOn));
    }

    #[test]
    fn a_machine_elsewhere_is_off_only_when_it_is_gone() {
        let mut supply = PowerSupply::hosted(slow(RestorePolicy::StayOff));
        supply.machine_came(s(1));
        assert!(supply.is_on());
        order(&mut supply, s(2), ControlAction::Down);
        assert_eq!(supply.take_wishes(), []);
        supply.advance(s(6));
        assert_eq!(supply.take_wishes(), [Wish::Cut]);
        assert!(supply.is_on(), "it does not obey");
        order(&mut supply, s(7), ControlAction::Down);
        assert_eq!(supply.take_wishes(), [Wish::Cut], "told once more");
        supply.machine_gone(s(8));
        assert!(!supply.is_on());
        let button = What::On(StartReason::PowerButton);
        let seen = [Change { at: s(1), what: button }, Change { at: s(8), what: What::Off }];
        assert_eq!(supply.take_changes(), seen);
    }

    #[test]
    fn a_machine_elsewhere_is_on_only_when_it_is_there() {
        let mut supply = PowerSupply::hosted(slow(RestorePolicy::StayOff));
        order(&mut supply, s(1), ControlAction::Up);
        supply.advance(s(60));
        assert!(!supply.is_on(), "it has not come");
        assert_eq!(supply.take_wishes(), [Wish::Start]);
        order(&mut supply, s(61), ControlAction::Up);
        assert_eq!(supply.take_wishes(), [Wish::Start], "asked for once more");
        supply.machine_came(s(62));
        assert!(supply.is_on());
        assert_eq!(supply.start_cause(), StartReason::ChassisControl);
        supply.machine_restarted(s(70));
        supply.machine_gone(s(80));
        assert!(!supply.is_on(), "it ended by itself");
    }

    #[test]
    fn a_machine_elsewhere_is_cycled_and_does_not_outlive_its_mains() {
        let mut supply = PowerSupply::hosted(Wiring::default());
        supply.machine_came(s(1));
        order(&mut supply, s(2), ControlAction::Cycle);
        supply.machine_gone(s(3));
        supply.advance(s(4));
        assert_eq!(supply.take_wishes(), [Wish::Cut, Wish::Start]);
        supply.machine_came(s(5));
        supply.mains_fail(s(6));
        supply.machine_gone(s(7));
        supply.machine_came(s(8));
        assert!(!supply.is_on());
        assert_eq!(supply.take_wishes(), [Wish::Cut, Wish::Cut]);
    }

    #[test]
    fn a_running_machine_comes_back_by_policy_previous() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::Previous), true);
        supply.mains_fail(s(10));
        supply.mains_return(s(20));
        supply.advance(s(21));
        assert!(supply.is_on());
        assert_eq!(supply.start_cause(), StartReason::AcPrevious);
    }
}
