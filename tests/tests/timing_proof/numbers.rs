//! Random configurations, and how they are told to z3. Judges nothing.

use palisade_hw::chance::Chance;
use palisade_protocol::time::Duration;
use palisade_protocol::timing::{Timing, TimingRaw};
use palisade_tests::smt;

/// One configuration and its slowest watchdog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) raw: TimingRaw,
    pub(crate) fire: Duration,
}

impl Case {
    /// Any numbers at all.
    pub(crate) fn any(chance: &mut Chance) -> Self {
        let mut span = || Duration::from_nanos(chance.bits() >> 28);
        let raw = TimingRaw {
            beat: span() + NANO,
            suspect_after: span(),
            stall: span(),
            rtt: span(),
            margin: span(),
            drift_ppm: 0,
            promise: span(),
            off_confirm: span(),
            on_rest: span(),
            warrant: span(),
        };
        let fire = span();
        // From a clock that is right to one that may show anything.
        let drift_ppm = below(chance, 1_000_000) >> below(chance, 20);
        Self { raw: TimingRaw { drift_ppm, ..raw }, fire }
    }

    /// Numbers that a configuration check accepts, some of them only just.
    pub(crate) fn accepted(chance: &mut Chance) -> Self {
        let beat = millis(chance, 10..500);
        let rtt = nanos_up_to(chance, beat);
        let stall = nanos_up_to(chance, beat);
        let suspect_after = beat * 3 + rtt + nanos_up_to(chance, beat);
        let fire = (stall * 4).max(millis(chance, 100..20_000));
        let drift_ppm = below(chance, 5_000);
        let whole = |needed: Duration| needed.mul_f64(1.03);
        let warrant = whole(suspect_after + rtt * 2) + nanos_up_to(chance, fire);
        let on_rest = whole(warrant) + nanos_up_to(chance, beat);
        let (margin, promise) = (nanos_up_to(chance, beat), Duration::ZERO);
        let off_confirm = beat;
        let mut raw = TimingRaw {
            beat,
            suspect_after,
            stall,
            rtt,
            margin,
            drift_ppm,
            promise,
            off_confirm,
            on_rest,
            warrant,
        };
        raw.promise = raw.smallest_promise(fire) + nanos_up_to(chance, beat);
        Self { raw, fire }
    }

    pub(crate) fn timing(&self) -> Timing {
        Timing::new(self.raw, self.fire).expect("numbers made to be accepted")
    }

    /// The rules, for these numbers only.
    pub(crate) fn begin(&self) -> String {
        let mut rules = smt::rules().expect("the rules can be read");
        let TimingRaw { beat, suspect_after, stall, rtt, margin, promise, .. } = self.raw;
        let TimingRaw { on_rest, warrant, drift_ppm, .. } = self.raw;
        for (name, span) in [
            ("beat", beat),
            ("suspect-after", suspect_after),
            ("stall", stall),
            ("rtt", rtt),
            ("margin", margin),
            ("promise", promise),
            ("on-rest", on_rest),
            ("warrant", warrant),
            ("fire", self.fire),
        ] {
            rules = fixed(&rules, name, &nanos(span));
        }
        let rules = fixed(&rules, "rho", &format!("(/ {drift_ppm}.0 1000000.0)"));
        format!("(reset)\n{rules}")
    }
}

/// A span as z3 reads it.
pub(crate) fn nanos(span: Duration) -> String {
    format!("{}.0", span.as_nanos())
}

/// The longest whole number of nanoseconds, up to `most`, of which `holds` is true; it must hold of 0
/// and, once false, stay so.
pub(crate) fn longest(most: Duration, holds: impl Fn(Duration) -> bool) -> Duration {
    assert!(holds(Duration::ZERO) && !holds(most), "the edge lies between 0 and {most:?}");
    let (mut yes, mut no) = (Duration::ZERO, most);
    while no - yes > NANO {
        let middle = yes + (no - yes) / 2;
        if holds(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    yes
}

pub(crate) const NANO: Duration = Duration::from_nanos(1);

fn fixed(rules: &str, name: &str, value: &str) -> String {
    let free = format!("(declare-const {name} Real)");
    assert!(rules.contains(&free), "the rules have no {name}");
    rules.replace(&free, &format!("(define-fun {name} () Real {value})"))
}

fn below(chance: &mut Chance, bound: u32) -> u32 {
    u32::try_from(chance.bits() % u64::from(bound)).expect("less than 32 bits")
}

fn millis(chance: &mut Chance, range: std::ops::Range<u32>) -> Duration {
    let width = range.end - range.start;
    Duration::from_millis((range.start + below(chance, width)).into())
}

fn nanos_up_to(chance: &mut Chance, most: Duration) -> Duration {
    let most = u64::try_from(most.as_nanos()).expect("a short span");
    Duration::from_nanos(chance.bits() % (most + 1))
}
