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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    On,
    Falling { done_at: Instant, then_on: Option<StartReason> },
    Off { then_on: Option<(Instant, StartReason)> },
    Rising { done_at: Instant, cause: StartReason },
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
        }
    }

    /// Whether the machine has power now. True while an off order is pending: the machine still
    /// acts. False while an on order is pending.
    pub const fn is_on(&self) -> bool {
        matches!(self.state, State::On | State::Falling { .. })
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

    /// Changes the time from order to off, for orders from now on.
    pub const fn set_off_latency(&mut self, latency: Duration) {
        self.wiring.off_latency = latency;
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
            }
            ControlAction::Pulse => {
                self.must_be_on()?;
                self.note(now, What::Interrupted);
            }
            ControlAction::Soft => {
                self.must_be_on()?;
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
            State::On | State::Dark => None,
        }
    }

    /// What happened since this was last asked, oldest first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    fn step(&mut self, at: Instant) {
        match self.state {
            State::Falling { then_on, .. } => {
                let then_on = then_on.map(|cause| (at + self.wiring.cycle_rest, cause));
                self.state = State::Off { then_on };
                self.note(at, What::Off);
            }
            State::Off { then_on: Some((_, cause)) } => self.rise(at, cause),
            State::Rising { cause, .. } => {
                self.state = State::On;
                self.cause = cause;
                self.note(at, What::On(cause));
            }
            State::On | State::Off { then_on: None } | State::Dark => {}
        }
    }

    /// A second order never delays a fall that has begun, but down cancels the on of a cycle.
    fn fall(&mut self, now: Instant, latency: Duration, then_on: Option<StartReason>) {
        match self.state {
            State::On => self.state = State::Falling { done_at: now + latency, then_on },
            State::Falling { done_at, .. } => self.state = State::Falling { done_at, then_on },
            State::Rising { .. } | State::Off { .. } => self.state = State::Off { then_on: None },
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
            State::On | State::Rising { .. } | State::Dark => {}
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
    fn a_running_machine_comes_back_by_policy_previous() {
        let mut supply = PowerSupply::new(slow(RestorePolicy::Previous), true);
        supply.mains_fail(s(10));
        supply.mains_return(s(20));
        supply.advance(s(21));
        assert!(supply.is_on());
        assert_eq!(supply.start_cause(), StartReason::AcPrevious);
    }
}
