//! The timings that worlds are drawn with: the profiles of the configuration, with leases of many
//! sizes and with terms of the inequality left at their smallest. A term that is larger than it
//! need be can hide that another one is missing.

use palisade_protocol::time::Duration;
use palisade_protocol::timing::TimingRaw;

use crate::world::Chance;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One family of timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Profile `lan-fast`: a beat of 50 ms, suspicion after six.
    LanFast,
    /// The same with the slowest beat that its inequalities allow: three to a suspicion.
    SlowBeat,
    /// Profile `lan`: a beat of 200 ms, suspicion after five.
    Lan,
    /// Profile `wan`: a beat of a second, suspicion after ten.
    Wan,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LanFast, Self::SlowBeat, Self::Lan, Self::Wan];

    /// Its name on the command line and in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LanFast => "lan-fast",
            Self::SlowBeat => "slow-beat",
            Self::Lan => "lan",
            Self::Wan => "wan",
        }
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// In words: the names that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|profile| profile.name() == name);
        named.ok_or_else(|| format!("profiles are {}", Self::ALL.map(Self::name).join(", ")))
    }

    /// One for a run: the middle ones most often. The fastest beat costs most, and finds no more.
    pub(super) fn draw(chance: &mut Chance) -> Self {
        match chance.below(8) {
            0 => Self::LanFast,
            1..4 => Self::SlowBeat,
            4..7 => Self::Lan,
            _ => Self::Wan,
        }
    }

    /// Numbers of this profile, and `W`.
    pub(super) fn numbers(self, chance: &mut Chance) -> (TimingRaw, Duration) {
        let fire = ms(chance.pick(self.fires()).unwrap_or(1_000));
        let mut raw = self.raw();
        raw.margin =
            chance.pick(&[raw.margin, raw.margin / 10, Duration::ZERO]).unwrap_or(raw.margin);
        raw.promise = raw.smallest_promise(fire);
        (raw, fire)
    }

    /// As the configuration's profiles have them, but for the slow beat and the promise.
    const fn raw(self) -> TimingRaw {
        let fast = TimingRaw::LAN_FAST;
        match self {
            Self::LanFast => fast,
            Self::SlowBeat => TimingRaw { beat: ms(98), ..fast },
            Self::Lan => TimingRaw::LAN,
            Self::Wan => TimingRaw::WAN,
        }
    }

    /// `W` in milliseconds.
    const fn fires(self) -> &'static [u64] {
        match self {
            Self::LanFast | Self::SlowBeat => &[700, 1_000, 1_500, 3_000],
            Self::Lan => &[1_000, 2_000, 3_000, 6_000],
            Self::Wan => &[6_000, 10_000],
        }
    }
}

#[cfg(test)]
mod tests {
    use palisade_protocol::timing::Timing;

    use super::*;

    #[test]
    fn every_timing_that_can_be_drawn_is_feasible() {
        for profile in Profile::ALL {
            for seed in 0..64 {
                let (raw, fire) = profile.numbers(&mut Chance::new(seed));
                assert!(Timing::new(raw, fire).is_ok(), "{profile:?} {raw:?} {fire:?}");
            }
        }
    }

    #[test]
    fn a_profile_is_found_by_its_name() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.name()), Ok(profile));
        }
        assert!(Profile::parse("fast").is_err());
    }
}
