//! The inequalities that keep the cluster safe, as code.
//!
//! A [`Timing`] exists only if every inequality holds for the slowest watchdog of the cluster; the
//! daemons and the configuration check use the same expressions. Never guesses a watchdog's time:
//! `W` comes from whoever measured it.

use core::fmt;

use heapless::Vec;

use crate::time::{Duration, shortened_by_drift};

/// The numbers of a configuration, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimingRaw {
    /// `beat`: how often a member renews and a voter shows itself.
    pub beat: Duration,
    /// How long a member is silent before it is suspected; also the `k · beat` that a healthy
    /// node's newest evidence may be old.
    pub suspect_after: Duration,
    /// `σ`: longest accepted stall between the test of a pet and its completion.
    pub stall: Duration,
    /// `RTT`: longest round trip between two nodes.
    pub rtt: Duration,
    /// `m`: what is left over on purpose.
    pub margin: Duration,
    /// `ρ`: how wrong the rate of a clock may be. 500 ppm is what NTP may slew.
    pub drift_ppm: u32,
    /// `P`: how long a grant promises.
    pub promise: Duration,
    /// Space between the two off readings.
    pub off_confirm: Duration,
    /// Rest between off and on.
    pub on_rest: Duration,
    /// Life of a warrant.
    pub warrant: Duration,
}

impl TimingRaw {
    /// Profile `lan-fast`: beats of 50 ms leave ten times the worst scheduling noise of a busy
    /// machine, and six of them are silence. The promise is zero: it follows from the watchdog.
    pub const LAN_FAST: Self = Self {
        beat: Duration::from_millis(50),
        suspect_after: Duration::from_millis(300),
        stall: Duration::from_millis(20),
        rtt: Duration::from_millis(5),
        margin: Duration::from_millis(200),
        drift_ppm: 500,
        promise: Duration::ZERO,
        off_confirm: Duration::from_millis(250),
        on_rest: Duration::from_millis(2_100),
        warrant: Duration::from_millis(2_000),
    };

    /// Profile `lan`: beats of 200 ms, five of which are silence.
    pub const LAN: Self = Self {
        beat: Duration::from_millis(200),
        suspect_after: Duration::from_millis(1_000),
        stall: Duration::from_millis(50),
        rtt: Duration::from_millis(20),
        margin: Duration::from_millis(500),
        ..Self::LAN_FAST
    };

    /// Profile `wan`: beats of a second, ten of which are silence.
    pub const WAN: Self = Self {
        beat: Duration::from_millis(1_000),
        suspect_after: Duration::from_millis(10_000),
        stall: Duration::from_millis(100),
        rtt: Duration::from_millis(500),
        margin: Duration::from_millis(2_000),
        on_rest: Duration::from_millis(12_100),
        warrant: Duration::from_millis(12_000),
        ..Self::LAN_FAST
    };

    /// The smallest `P` that is feasible for a watchdog that needs `fire` to bite, rounded up to
    /// ten milliseconds.
    #[must_use]
    pub fn smallest_promise(&self, fire: Duration) -> Duration {
        const STEP: Duration = Duration::from_millis(10);
        let needed = self.lease_needed(fire);
        let steps = needed.as_nanos().div_ceil(STEP.as_nanos());
        let mut promise = STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
        while shortened_by_drift(promise, self.drift_ppm) < needed && promise < self.bound() {
            promise = promise.saturating_add(STEP);
        }
        promise
    }

    /// Right side of the lease inequality: `k·beat + RTT + W + σ + m`.
    fn lease_needed(&self, fire: Duration) -> Duration {
        [self.suspect_after, self.rtt, fire, self.stall, self.margin]
            .iter()
            .fold(Duration::ZERO, |sum, term| sum.saturating_add(*term))
    }

    /// Nothing here is longer: beyond it, `smallest_promise` stops looking.
    fn bound(&self) -> Duration {
        Duration::from_secs(24 * 3600)
    }
}

/// Checked timing of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    raw: TimingRaw,
}

/// One inequality, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inequality {
    /// What it keeps true.
    pub rule: Rule,
    /// Left side: must not be smaller.
    pub have: Duration,
    /// Right side.
    pub need: Duration,
}

/// Which inequality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `P(1−2ρ) ≥ k·beat + RTT + W + σ + m`: a healthy node can always pet, and a node that may no
    /// longer pet is dead before the promise ends.
    LeaseFeasible,
    /// `suspect_after ≥ 3·beat + RTT`: one lost frame, or two, are not silence.
    SuspicionPatient,
    /// `warrant(1−2ρ) ≥ suspect_after + 2·RTT`: a warrant can be renewed before it ends.
    WarrantRenewable,
    /// `on_rest(1−2ρ) ≥ warrant`: whoever held an older warrant has lost it before power comes back.
    RestOutlastsWarrant,
    /// `W ≥ 4·σ`: an accepted stall is small against the watchdog.
    StallSmall,
    /// `beat ≥ 10 ms`: what a user-space timer can keep.
    BeatKeepable,
}

impl Inequality {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.have >= self.need
    }

    /// What is left over; zero if it does not hold.
    pub fn slack(&self) -> Duration {
        self.have.saturating_sub(self.need)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::LeaseFeasible => "P(1−2ρ) ≥ suspect_after + RTT + W + σ + margin",
            Self::SuspicionPatient => "suspect_after ≥ 3·beat + RTT",
            Self::WarrantRenewable => "warrant(1−2ρ) ≥ suspect_after + 2·RTT",
            Self::RestOutlastsWarrant => "on_rest(1−2ρ) ≥ warrant",
            Self::StallSmall => "W ≥ 4·σ",
            Self::BeatKeepable => "beat ≥ 10 ms",
        })
    }
}

/// The rule and its numbers, as `check-config` prints them.
impl fmt::Display for Inequality {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.holds() { "≥" } else { "< (must be ≥)" };
        write!(out, "{}: {} {sign} {}", self.rule, Millis(self.have), Millis(self.need))
    }
}

/// Most inequalities of one configuration.
pub const RULES: usize = 6;

impl Timing {
    /// Accepts `raw` for a cluster whose slowest watchdog needs `fire` (`W`) to bite.
    ///
    /// # Errors
    /// Every inequality that does not hold, with its numbers.
    #[expect(clippy::result_large_err, reason = "checked once, when a configuration is read")]
    pub fn new(raw: TimingRaw, fire: Duration) -> Result<Self, Vec<Inequality, RULES>> {
        let broken: Vec<_, RULES> =
            Self::inequalities(&raw, fire).into_iter().filter(|rule| !rule.holds()).collect();
        if broken.is_empty() { Ok(Self { raw }) } else { Err(broken) }
    }

    /// Every inequality of `raw` with the numbers of a watchdog that needs `fire` to bite.
    pub fn inequalities(raw: &TimingRaw, fire: Duration) -> [Inequality; RULES] {
        let drifted = |span| shortened_by_drift(span, raw.drift_ppm);
        let rule = |rule, have, need| Inequality { rule, have, need };
        let three_beats = raw.beat.saturating_mul(3).saturating_add(raw.rtt);
        let renewal = raw.suspect_after.saturating_add(raw.rtt.saturating_mul(2));
        [
            rule(Rule::LeaseFeasible, drifted(raw.promise), raw.lease_needed(fire)),
            rule(Rule::SuspicionPatient, raw.suspect_after, three_beats),
            rule(Rule::WarrantRenewable, drifted(raw.warrant), renewal),
            rule(Rule::RestOutlastsWarrant, drifted(raw.on_rest), raw.warrant),
            rule(Rule::StallSmall, fire, raw.stall.saturating_mul(4)),
            rule(Rule::BeatKeepable, raw.beat, Duration::from_millis(10)),
        ]
    }

    /// The checked numbers.
    pub const fn raw(&self) -> &TimingRaw {
        &self.raw
    }

    /// What a promise is worth to its holder: `P(1−2ρ)`, counted from when the renewal was sent.
    pub fn lease(&self) -> Duration {
        shortened_by_drift(self.raw.promise, self.raw.drift_ppm)
    }

    /// What a warrant is worth to its holder, counted from when the question was sent.
    pub fn warrant_life(&self) -> Duration {
        shortened_by_drift(self.raw.warrant, self.raw.drift_ppm)
    }

    /// Oldest echo that proves a frame to be no recording: as long as silence is not suspicious.
    pub const fn echo_max(&self) -> Duration {
        self.raw.suspect_after
    }

    /// How long a holder of a warrant may stand still before it is void: a quarter of the promise.
    pub fn pause_max(&self) -> Duration {
        self.raw.promise.checked_div(4).unwrap_or(Duration::ZERO)
    }

    /// How late a timer may be before its owner mistrusts its own ears: two beats.
    pub const fn late_max(&self) -> Duration {
        self.raw.beat.saturating_mul(2)
    }
}

/// A duration in milliseconds with one decimal, as operators read it.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_micros() / 100;
        write!(out, "{}.{} ms", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn lan_fast() -> TimingRaw {
        TimingRaw { promise: ms(1_530), ..TimingRaw::LAN_FAST }
    }

    #[test]
    fn the_example_of_the_design_is_feasible() {
        assert!(Timing::new(lan_fast(), ms(1_000)).is_ok());
    }

    #[test]
    fn the_smallest_promise_is_feasible_and_ten_milliseconds_less_is_not() {
        for fire in [700, 1_000, 3_000, 6_000, 21_000] {
            let mut raw = lan_fast();
            raw.promise = raw.smallest_promise(ms(fire));
            assert!(Timing::new(raw, ms(fire)).is_ok(), "W = {fire} ms");
            raw.promise -= ms(10);
            assert!(Timing::new(raw, ms(fire)).is_err(), "W = {fire} ms");
        }
    }

    #[test]
    fn each_term_of_the_lease_inequality_counts() {
        let exact = TimingRaw { promise: ms(1_530), drift_ppm: 0, margin: ms(205), ..lan_fast() };
        assert!(Timing::new(exact, ms(1_000)).is_ok());
        let longer: [fn(&mut TimingRaw); 4] = [
            |raw| raw.suspect_after += ms(1),
            |raw| raw.rtt += ms(1),
            |raw| raw.stall += ms(1),
            |raw| raw.margin += ms(1),
        ];
        for lengthen in longer {
            let mut raw = exact;
            lengthen(&mut raw);
            assert_eq!(Timing::new(raw, ms(1_000)).unwrap_err()[0].rule, Rule::LeaseFeasible);
        }
        assert!(Timing::new(exact, ms(1_001)).is_err(), "W");
        assert!(Timing::new(TimingRaw { drift_ppm: 1, ..exact }, ms(1_000)).is_err(), "ρ");
    }

    #[test]
    fn every_broken_inequality_is_reported_at_once_with_its_numbers() {
        let hasty = TimingRaw { suspect_after: ms(100), on_rest: ms(500), ..lan_fast() };
        let broken = Timing::new(hasty, ms(60)).unwrap_err();
        let rules: std::vec::Vec<_> = broken.iter().map(|inequality| inequality.rule).collect();
        assert_eq!(rules, [Rule::SuspicionPatient, Rule::RestOutlastsWarrant, Rule::StallSmall]);
        let text = std::format!("{}", broken[0]);
        assert_eq!(text, "suspect_after ≥ 3·beat + RTT: 100.0 ms < (must be ≥) 155.0 ms");
    }
}
