//! The BMC's own watchdog timer [IPMI2 §27], in units of 100 ms.
//!
//! It counts and reports; what its action does to the machine is left to the BMC that owns it.
//! Unlike a chipset's, it knows no open and no close: nobody pets it by dying.

use palisade_ipmi::watchdog::{PreTimeout, SetWatchdog, TimeoutAction, TimerState};
use palisade_protocol::time::{Duration, Instant};

/// One count of the timer.
pub const TICK: Duration = Duration::from_millis(100);

/// What the timer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bark {
    /// The pre-timeout interrupt.
    PreTimeout {
        /// When.
        at: Instant,
        /// Which interrupt.
        interrupt: u8,
    },
    /// The timer expired.
    Expired {
        /// When.
        at: Instant,
        /// What is to happen.
        action: TimeoutAction,
        /// Whether an event is to be logged.
        logged: bool,
    },
}

/// The timer was started before it was ever set (completion code 0x80), as after a BMC's reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uninitialised;

/// One BMC watchdog timer.
#[derive(Clone, Debug, Default)]
pub struct BmcWatchdog {
    setting: Option<SetWatchdog>,
    expires_at: Option<Instant>,
    pre_done: bool,
    left_when_stopped: u16,
    expired: u8,
}

impl BmcWatchdog {
    /// Sets the timer and clears the expiry flags named. A running timer stops, unless told not to:
    /// then it goes on from the new countdown.
    pub fn set(&mut self, now: Instant, setting: SetWatchdog) {
        let runs_on = setting.dont_stop && self.expires_at.is_some();
        self.expires_at = runs_on.then(|| now + counts(setting.countdown));
        self.pre_done = false;
        self.left_when_stopped = setting.countdown;
        self.expired &= !setting.clear_expired;
        self.setting = Some(setting);
    }

    /// Starts, or restarts, the countdown; a count of 0 expires at once.
    ///
    /// # Errors
    /// If it was never set.
    pub fn reset(&mut self, now: Instant) -> Result<(), Uninitialised> {
        let setting = self.setting.ok_or(Uninitialised)?;
        self.expires_at = Some(now + counts(setting.countdown));
        self.pre_done = false;
        Ok(())
    }

    /// What the timer says.
    pub fn get(&self, now: Instant) -> TimerState {
        let left = self.expires_at.map(|at| left_counts(now, at));
        let setting = self.setting;
        TimerState {
            timer_use: setting.map(|setting| setting.timer_use),
            running: left.is_some(),
            dont_log: setting.is_some_and(|setting| setting.dont_log),
            action: setting.map(|setting| setting.action),
            pre_timeout: setting.map_or_else(PreTimeout::default, |setting| setting.pre_timeout),
            expired: self.expired,
            initial: setting.map_or(0, |setting| setting.countdown),
            present: left.unwrap_or(self.left_when_stopped),
        }
    }

    /// The machine was reset or lost power: the countdown stops, flags stay [IPMI2 §27.7].
    pub fn machine_restarted(&mut self) {
        self.expires_at = None;
    }

    /// The BMC itself restarted: everything is forgotten.
    pub fn bmc_restarted(&mut self) {
        *self = Self::default();
    }

    /// Lets time pass until `now`; at most a pre-timeout and an expiry happen.
    pub fn advance(&mut self, now: Instant) -> Vec<Bark> {
        let mut barks = Vec::new();
        barks.extend(self.pre_timeout(now));
        barks.extend(self.expire(now));
        barks
    }

    /// When it will bark next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.pre_at().or(self.expires_at)
    }

    fn pre_timeout(&mut self, now: Instant) -> Option<Bark> {
        let at = self.pre_at().filter(|at| *at <= now)?;
        self.pre_done = true;
        let interrupt = self.setting.map_or(0, |setting| setting.pre_timeout.interrupt);
        Some(Bark::PreTimeout { at, interrupt })
    }

    fn expire(&mut self, now: Instant) -> Option<Bark> {
        let at = self.expires_at.filter(|at| *at <= now)?;
        let setting = self.setting?;
        self.expires_at = None;
        self.left_when_stopped = 0;
        self.expired |= setting.timer_use.flag();
        Some(Bark::Expired { at, action: setting.action, logged: !setting.dont_log })
    }

    fn pre_at(&self) -> Option<Instant> {
        let pre_timeout = self.setting?.pre_timeout;
        let before = Duration::from_secs(pre_timeout.seconds.into());
        let at = self.expires_at?.before(before);
        (pre_timeout.interrupt != 0 && !self.pre_done).then_some(at)
    }
}

fn counts(count: u16) -> Duration {
    TICK * u32::from(count)
}

/// Rounded up, as a running timer never shows 0.
fn left_counts(now: Instant, at: Instant) -> u16 {
    let left = now.until(at).as_nanos().div_ceil(TICK.as_nanos());
    u16::try_from(left).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use palisade_ipmi::watchdog::TimerUse;

    use super::*;

    const fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    const fn setting(action: TimeoutAction, countdown: u16) -> SetWatchdog {
        SetWatchdog {
            timer_use: TimerUse::SmsOs,
            dont_log: false,
            dont_stop: false,
            action,
            pre_timeout: PreTimeout { interrupt: 0, seconds: 0 },
            clear_expired: 0,
            countdown,
        }
    }

    const fn goes_on(setting: SetWatchdog) -> SetWatchdog {
        SetWatchdog { dont_stop: true, ..setting }
    }

    const fn clears(setting: SetWatchdog, clear_expired: u8) -> SetWatchdog {
        SetWatchdog { clear_expired, ..setting }
    }

    fn running(setting: SetWatchdog) -> BmcWatchdog {
        let mut timer = BmcWatchdog::default();
        timer.set(ms(0), setting);
        timer.reset(ms(0)).unwrap();
        timer
    }

    #[test]
    fn a_timer_never_set_cannot_be_started() {
        let mut timer = BmcWatchdog::default();
        assert_eq!(timer.reset(ms(0)), Err(Uninitialised));
        timer.set(ms(0), setting(TimeoutAction::Reset, 10));
        assert_eq!(timer.reset(ms(0)), Ok(()));
        timer.bmc_restarted();
        assert_eq!(timer.reset(ms(1)), Err(Uninitialised));
    }

    #[test]
    fn a_countdown_is_in_tenths_of_a_second_and_ends_in_its_action() {
        let mut timer = running(setting(TimeoutAction::Off, 15));
        assert_eq!(timer.advance(ms(1_499)), []);
        assert_eq!(timer.get(ms(1_401)).present, 1);
        let bite = Bark::Expired { at: ms(1_500), action: TimeoutAction::Off, logged: true };
        assert_eq!(timer.advance(ms(9_000)), [bite]);
        let reading = timer.get(ms(9_000));
        assert!(!reading.running);
        assert_eq!((reading.present, reading.expired), (0, TimerUse::SmsOs.flag()));
    }

    #[test]
    fn a_pet_runs_the_whole_count_again() {
        let mut timer = running(setting(TimeoutAction::Reset, 10));
        timer.reset(ms(900)).unwrap();
        assert_eq!(timer.advance(ms(1_899)), []);
        assert_eq!(timer.advance(ms(1_900)).len(), 1);
    }

    #[test]
    fn set_stops_a_running_timer_unless_told_otherwise() {
        let mut timer = running(setting(TimeoutAction::Reset, 10));
        timer.set(ms(500), goes_on(setting(TimeoutAction::Reset, 20)));
        assert!(timer.get(ms(500)).running);
        assert_eq!(timer.next_deadline(), Some(ms(2_500)));
        timer.set(ms(600), setting(TimeoutAction::Reset, 20));
        assert!(!timer.get(ms(600)).running);
        assert_eq!(timer.next_deadline(), None);
    }

    #[test]
    fn dont_stop_does_not_start_a_timer_that_stands() {
        let mut timer = BmcWatchdog::default();
        timer.set(ms(0), goes_on(setting(TimeoutAction::Reset, 10)));
        assert!(!timer.get(ms(0)).running);
    }

    #[test]
    fn a_count_of_zero_bites_at_once() {
        let mut timer = running(setting(TimeoutAction::Reset, 0));
        assert_eq!(timer.advance(ms(0)).len(), 1);
    }

    #[test]
    fn the_pre_timeout_comes_once_before_the_end() {
        let mut timer = running(SetWatchdog {
            pre_timeout: PreTimeout { interrupt: 2, seconds: 1 },
            ..setting(TimeoutAction::Reset, 30)
        });
        assert_eq!(timer.next_deadline(), Some(ms(2_000)));
        assert_eq!(timer.advance(ms(2_100)), [Bark::PreTimeout { at: ms(2_000), interrupt: 2 }]);
        assert_eq!(timer.advance(ms(2_200)), []);
        assert_eq!(timer.next_deadline(), Some(ms(3_000)));
    }

    #[test]
    fn an_action_switched_off_by_somebody_else_bites_nobody() {
        let mut timer = running(setting(TimeoutAction::Reset, 10));
        timer.set(ms(100), goes_on(setting(TimeoutAction::None, 10)));
        let bark = Bark::Expired { at: ms(1_100), action: TimeoutAction::None, logged: true };
        assert_eq!(timer.advance(ms(2_000)), [bark]);
    }

    #[test]
    fn expiry_flags_stay_until_they_are_cleared_by_name() {
        let mut timer = running(setting(TimeoutAction::Reset, 1));
        timer.advance(ms(100));
        timer.set(ms(200), clears(setting(TimeoutAction::Reset, 1), 1 << 1));
        assert_eq!(timer.get(ms(200)).expired, TimerUse::SmsOs.flag());
        timer.set(ms(200), clears(setting(TimeoutAction::Reset, 1), TimerUse::SmsOs.flag()));
        assert_eq!(timer.get(ms(200)).expired, 0);
    }

    #[test]
    fn the_log_bit_is_obeyed() {
        let mut timer = running(SetWatchdog { dont_log: true, ..setting(TimeoutAction::None, 1) });
        let quiet = Bark::Expired { at: ms(100), action: TimeoutAction::None, logged: false };
        assert_eq!(timer.advance(ms(100)), [quiet]);
    }
}
