//! How long things take in a world of a given timing: faults last as long, and healing may, as the
//! leases and suspicions of that world say.
//!
//! The numbers given are those of profile `lan-fast` with a watchdog of one second; a world with
//! other numbers stretches or shrinks them, and no bound that is judged is ever shrunk.

use palisade_protocol::time::Duration;
use palisade_protocol::timing::TimingRaw;

use crate::world::Shape;

/// The hold of a voter that has lost its memory, in the world that the numbers are given for.
const HOLD: Duration = Duration::from_millis(3_000);

/// The suspicion of that world.
const SUSPICION: Duration = Duration::from_millis(300);

/// From power-on of everything to everybody served: the longest hold of a voter that has forgotten,
/// and the watchdogs that may be armed.
const COLD_START_MAX: Duration = Duration::from_secs(15);

/// A machine may still fall for 20 s from an Off that was sent, twice if it was fenced again
/// meanwhile.
const FALLS: Duration = Duration::from_secs(40);

/// From the last fall to everybody served.
const SERVED_MAX: Duration = Duration::from_secs(35);

/// The spans of one world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    raw: TimingRaw,
    fire: Duration,
    hold: Duration,
}

impl Spans {
    pub(super) fn of(shape: &Shape) -> Self {
        let hold = shape.raw.promise.max(shape.raw.warrant) + shape.fire;
        Self { raw: shape.raw, fire: shape.fire, hold }
    }

    /// What takes this long where a voter that has forgotten holds back for three seconds.
    pub(super) fn by_hold(&self, span: Duration) -> Duration {
        scaled(span, self.hold, HOLD)
    }

    /// What takes this long where silence is suspicious after 300 ms.
    pub(super) fn by_suspicion(&self, span: Duration) -> Duration {
        scaled(span, self.raw.suspect_after, SUSPICION)
    }

    /// Longest stop of a process or machine.
    pub(super) fn stop_max(&self) -> Duration {
        self.by_hold(Duration::from_secs(4))
    }

    /// From power-on of everything to everybody served.
    pub(super) fn cold_start_max(&self) -> Duration {
        self.by_hold(COLD_START_MAX).max(COLD_START_MAX)
    }

    /// From the end of all faults to everybody served and nothing left to do.
    pub(super) fn heal_max(&self) -> Duration {
        FALLS + self.by_hold(SERVED_MAX).max(SERVED_MAX)
    }

    /// Between two looks at whether all is well.
    pub(super) fn look_every(&self) -> Duration {
        self.by_suspicion(Duration::from_millis(250))
    }

    /// How long a proof that must not come is waited for.
    pub(super) fn no_proof(&self) -> Duration {
        self.by_hold(Duration::from_secs(5))
    }

    /// Longest that gentle faults last.
    pub(super) fn gentle(&self) -> Duration {
        self.by_hold(Duration::from_secs(8))
    }

    /// Longest that an agent may be away and be missed by nobody: half of what a suspicion, and a
    /// watchdog petted four times in `W`, leave for its new start to be believed, which takes two
    /// beats, and to pet.
    pub(super) fn unmissed(&self) -> Duration {
        let by_voters = self.raw.suspect_after.saturating_sub(self.raw.beat * 2);
        let by_dog = (self.fire * 3 / 4).saturating_sub(self.raw.beat * 3);
        by_voters.min(by_dog) / 2
    }

    /// After which another machine's daemons may be replaced: the hold of this one is over.
    pub(super) fn between_upgrades(&self) -> Duration {
        self.by_hold(Duration::from_secs(4))
    }

    /// From the proof of a death to everything that follows from it, a power-on and a fence of the
    /// next life too.
    pub(super) fn aftermath(&self, boot: Duration) -> Duration {
        self.raw.on_rest + boot + (self.raw.promise + self.raw.suspect_after) * 2
    }
}

fn scaled(span: Duration, have: Duration, reference: Duration) -> Duration {
    let nanos = span.as_nanos() * have.as_nanos() / reference.as_nanos().max(1);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spans_of_the_stories_world_are_the_numbers_given() {
        let spans = Spans::of(&Shape::plain(3, 3, 1));
        let second = Duration::from_secs(1);
        assert_eq!(spans.by_hold(second), second);
        assert_eq!(spans.by_suspicion(second), second);
        assert_eq!(spans.unmissed(), Duration::from_millis(100));
    }

    #[test]
    fn no_bound_that_is_judged_is_shrunk() {
        let mut shape = Shape::plain(3, 3, 1);
        shape.fire = Duration::from_millis(100);
        let spans = Spans::of(&shape);
        assert_eq!(spans.cold_start_max(), COLD_START_MAX);
        assert_eq!(spans.heal_max(), FALLS + SERVED_MAX);
    }
}
