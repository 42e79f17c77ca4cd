//! A chipset's watchdog behind Linux' device, with its close and open semantics.
//!
//! As measured on real drivers: opening pets; closing without the magic character pets once more
//! and the dog goes on running; a pet that comes late restarts the full time; the time it fires is
//! not always the time it says. The dog never looks at what its owner is doing.

use palisade_protocol::time::{Duration, Instant};

/// What a dog is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breed {
    /// The timeout that it reports.
    pub timeout: Duration,
    /// From the last pet to the reset when armed with `timeout`; other timeouts keep the ratio.
    /// Twice the timeout on some chipsets.
    pub fire: Duration,
    /// Whether even the magic close leaves it running.
    pub no_way_out: bool,
}

/// One watchdog.
#[derive(Clone, Debug)]
pub struct Dog {
    breed: Breed,
    timeout: Duration,
    fires_at: Option<Instant>,
    fired: u32,
}

impl Dog {
    /// A dog asleep.
    pub const fn new(breed: Breed) -> Self {
        Self { breed, timeout: breed.timeout, fires_at: None, fired: 0 }
    }

    /// Whether it is counting down.
    pub const fn is_armed(&self) -> bool {
        self.fires_at.is_some()
    }

    /// The timeout in force, as GETTIMEOUT would report it.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What it is made of.
    pub const fn breed(&self) -> Breed {
        self.breed
    }

    /// Time left until it fires; `None` when asleep.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.fires_at.map(|at| now.until(at))
    }

    /// How often it has fired since the machine got power.
    pub const fn fired(&self) -> u32 {
        self.fired
    }

    /// Arms it with `timeout`; counts as a pet, as opening and SETTIMEOUT do.
    pub fn arm(&mut self, now: Instant, timeout: Duration) {
        self.timeout = timeout;
        self.fires_at = Some(now + self.fire_after(timeout));
    }

    /// Pets it: the full time runs again. A sleeping dog stays asleep.
    pub fn pet(&mut self, now: Instant) {
        if self.is_armed() {
            self.fires_at = Some(now + self.fire_after(self.timeout));
        }
    }

    /// The magic close: asleep, unless there is no way out, which pets instead.
    pub fn disarm(&mut self, now: Instant) {
        if self.breed.no_way_out {
            self.pet(now);
        } else {
            self.fires_at = None;
        }
    }

    /// A close without the magic character, as when its owner is killed: a last pet.
    pub fn abandon(&mut self, now: Instant) {
        self.pet(now);
    }

    /// The shortest way to a reset: fires after `span`, never later than it would have anyway.
    pub fn fire_soon(&mut self, now: Instant, span: Duration) {
        let soon = now + span;
        self.fires_at = Some(self.fires_at.map_or(soon, |at| at.min(soon)));
    }

    /// The machine lost power or was reset: asleep, with the timeout of its breed.
    pub fn machine_restarted(&mut self) {
        self.fires_at = None;
        self.timeout = self.breed.timeout;
    }

    /// Lets time pass; says when it fired, if it did. Fires once per arming.
    pub fn advance(&mut self, now: Instant) -> Option<Instant> {
        let fired_at = self.fires_at.filter(|at| *at <= now)?;
        self.fires_at = None;
        self.fired = self.fired.saturating_add(1);
        Some(fired_at)
    }

    /// When it will fire unless petted.
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.fires_at
    }

    fn fire_after(&self, timeout: Duration) -> Duration {
        let stretched = timeout.as_nanos().saturating_mul(self.breed.fire.as_nanos());
        let fire = stretched / self.breed.timeout.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(fire).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn dog(fire: u64) -> Dog {
        let (timeout, fire) = (Duration::from_secs(10), Duration::from_secs(fire));
        Dog::new(Breed { timeout, fire, no_way_out: false })
    }

    #[test]
    fn an_unpetted_dog_fires_once() {
        let mut dog = dog(10);
        dog.arm(s(1), Duration::from_secs(10));
        assert_eq!(dog.advance(s(10)), None);
        assert_eq!(dog.advance(s(30)), Some(s(11)));
        assert_eq!(dog.advance(s(60)), None);
        assert_eq!(dog.fired(), 1);
    }

    #[test]
    fn killing_the_petter_gives_the_machine_a_whole_timeout_more() {
        let mut dog = dog(10);
        dog.arm(s(0), Duration::from_secs(10));
        dog.abandon(s(8));
        assert_eq!(dog.advance(s(17)), None);
        assert_eq!(dog.advance(s(18)), Some(s(18)));
    }

    #[test]
    fn some_chipsets_fire_after_twice_the_timeout_that_they_report() {
        let mut dog = dog(20);
        dog.arm(s(0), Duration::from_secs(5));
        assert_eq!(dog.timeout(), Duration::from_secs(5));
        assert_eq!(dog.next_deadline(), Some(s(10)));
    }

    #[test]
    fn the_magic_close_works_unless_there_is_no_way_out() {
        let mut dog = dog(10);
        dog.arm(s(0), Duration::from_secs(10));
        dog.disarm(s(1));
        assert!(!dog.is_armed());
        let mut dog = Dog::new(Breed { no_way_out: true, ..dog.breed() });
        dog.arm(s(0), Duration::from_secs(10));
        dog.disarm(s(1));
        assert_eq!(dog.next_deadline(), Some(s(11)));
    }

    #[test]
    fn a_self_fence_is_never_later_than_the_bite() {
        let mut dog = dog(10);
        dog.arm(s(0), Duration::from_secs(10));
        dog.fire_soon(s(5), Duration::from_secs(60));
        assert_eq!(dog.next_deadline(), Some(s(10)));
        dog.fire_soon(s(5), Duration::from_secs(1));
        assert_eq!(dog.next_deadline(), Some(s(6)));
    }

    #[test]
    fn petting_a_sleeping_dog_does_not_wake_it() {
        let mut dog = dog(10);
        dog.pet(s(0));
        assert!(!dog.is_armed());
    }

    #[test]
    fn a_machine_that_was_reset_starts_with_a_sleeping_dog() {
        let mut dog = dog(10);
        dog.arm(s(0), Duration::from_secs(3));
        dog.machine_restarted();
        assert_eq!(dog.advance(s(60)), None);
        assert_eq!(dog.timeout(), Duration::from_secs(10));
    }
}
