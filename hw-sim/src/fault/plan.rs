//! All faults of one BMC, and which of them strike now.

use palisade_protocol::time::{Duration, Instant};

use super::kind::{Command, Kind, Message, Times};

/// One fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is broken.
    pub kind: Kind,
    /// From when on, counted from the start.
    pub from: Duration,
    /// Until when, exclusive; `None`: for ever.
    pub to: Option<Duration>,
}

impl Fault {
    /// A fault that is there from the start and for ever.
    pub const fn always(kind: Kind) -> Self {
        Self { kind, from: Duration::ZERO, to: None }
    }

    fn is_active(&self, age: Duration) -> bool {
        self.from <= age && self.to.is_none_or(|to| age < to)
    }
}

/// All faults of one BMC.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    began: Instant,
    faults: Vec<Counted>,
}

/// A fault, and how often what it may strike has occurred.
#[derive(Clone, Copy, Debug)]
struct Counted {
    fault: Fault,
    count: u32,
}

impl Plan {
    /// A plan whose times count from `began`.
    pub fn new(began: Instant, faults: Vec<Fault>) -> Self {
        let faults = faults.into_iter().map(|fault| Counted { fault, count: 0 }).collect();
        Self { began, faults }
    }

    /// Breaks something from `now` on and for ever.
    pub fn start(&mut self, now: Instant, kind: Kind) {
        let fault = Fault { kind, from: now.since(self.began), to: None };
        self.faults.push(Counted { fault, count: 0 });
    }

    /// Ends every fault.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// Whether nothing is, was or will be broken.
    pub const fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is broken now.
    pub fn active(&self, now: Instant) -> impl Iterator<Item = Kind> {
        let age = now.since(self.began);
        let active = self.faults.iter().filter(move |counted| counted.fault.is_active(age));
        active.map(|counted| counted.fault.kind)
    }

    /// Whether exactly `kind` is broken now.
    pub fn has(&self, now: Instant, kind: Kind) -> bool {
        self.active(now).any(|active| active == kind)
    }

    /// Something occurred that the faults found by `pick` may strike: counts it for each, and
    /// gives what was found with the first that strikes.
    pub fn strike<T>(
        &mut self,
        now: Instant,
        pick: impl Fn(Kind) -> Option<(Times, T)>,
    ) -> Option<T> {
        let age = now.since(self.began);
        let mut struck = None;
        for counted in self.faults.iter_mut().filter(|counted| counted.fault.is_active(age)) {
            let Some((times, found)) = pick(counted.fault.kind) else { continue };
            counted.count = counted.count.saturating_add(1);
            struck = struck.or(times.strikes(counted.count).then_some(found));
        }
        struck
    }

    /// The completion code that `command` is to get now.
    pub fn code(&mut self, now: Instant, command: Command) -> Option<u8> {
        self.strike(now, |kind| {
            let Kind::Code { of, code, times } = kind else { return None };
            (of == command).then_some((times, code))
        })
    }

    /// Whether this `message` is lost.
    pub fn loses(&mut self, now: Instant, message: Message) -> bool {
        let lost = self.strike(now, |kind| {
            let Kind::Lose(which, times) = kind else { return None };
            (which == message).then_some((times, ()))
        });
        lost.is_some()
    }

    /// The sum of what `pick` finds in the active faults.
    pub fn sum(&self, now: Instant, pick: impl Fn(Kind) -> Option<Duration>) -> Duration {
        self.active(now).filter_map(pick).sum()
    }

    /// The first that `pick` finds in the active faults.
    pub fn find<T>(&self, now: Instant, pick: impl Fn(Kind) -> Option<T>) -> Option<T> {
        self.active(now).find_map(pick)
    }

    /// The end of the last reboot that began at or before `now`, and when it began.
    pub fn last_reboot(&self, now: Instant) -> Option<(Instant, Instant)> {
        let begun = self.reboots().filter(|(from, _)| *from <= now);
        begun.max_by_key(|(from, _)| *from)
    }

    /// When mains fail (false) or return (true) after `after` and until `now`, in order.
    pub fn mains(&self, after: Option<Instant>, now: Instant) -> Vec<(Instant, bool)> {
        let is_due =
            |(at, _): &(Instant, bool)| after.is_none_or(|after| after < *at) && *at <= now;
        let mut edges: Vec<_> = self.mains_edges().filter(is_due).collect();
        edges.sort_unstable();
        edges
    }

    /// When the next reboot begins, or the mains fail or return.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let reboots = self.reboots().map(|(from, _)| from);
        let edges = self.mains_edges().map(|(at, _)| at);
        reboots.chain(edges).filter(|at| *at > now).min()
    }

    fn reboots(&self) -> impl Iterator<Item = (Instant, Instant)> {
        self.spans(|kind| if let Kind::Reboot(span) = kind { Some(span) } else { None })
    }

    fn mains_edges(&self) -> impl Iterator<Item = (Instant, bool)> {
        let outages =
            self.spans(|kind| if let Kind::AcLoss(span) = kind { Some(span) } else { None });
        outages.flat_map(|(from, until)| [(from, false), (until, true)])
    }

    fn spans(
        &self,
        pick: impl Fn(Kind) -> Option<Duration>,
    ) -> impl Iterator<Item = (Instant, Instant)> {
        self.faults.iter().filter_map(move |Counted { fault, .. }| {
            let from = self.began + fault.from;
            pick(fault.kind).map(|span| (from, from + span))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn plan(specs: &[&str]) -> Plan {
        Plan::new(ms(0), specs.iter().map(|spec| spec.parse().unwrap()).collect())
    }

    #[test]
    fn a_fault_is_there_from_its_beginning_until_before_its_end() {
        let plan = Plan::new(ms(100), vec!["hang@50..80".parse().unwrap()]);
        assert!(!plan.has(ms(149), Kind::Hang));
        assert!(plan.has(ms(150), Kind::Hang));
        assert!(plan.has(ms(179), Kind::Hang));
        assert!(!plan.has(ms(180), Kind::Hang));
    }

    #[test]
    fn a_completion_code_is_for_its_own_command_only() {
        let mut plan = plan(&["cc=off:D5"]);
        assert_eq!(plan.code(ms(1), Command::Off), Some(0xD5));
        assert_eq!(plan.code(ms(1), Command::On), None);
    }

    #[test]
    fn occurrences_are_counted_while_a_fault_is_active() {
        let mut plan = plan(&["lose=rakp4:2@100..", "cc=off:0xC0:1"]);
        assert!(!plan.loses(ms(50), Message::Rakp4), "not yet active, not counted");
        let lost: Vec<_> = (0..4).map(|_| plan.loses(ms(100), Message::Rakp4)).collect();
        assert_eq!(lost, [false, true, false, false]);
        assert!(!plan.loses(ms(100), Message::Rakp2));
        assert_eq!(plan.code(ms(1), Command::Off), Some(0xC0));
        assert_eq!(plan.code(ms(1), Command::Off), None);
    }

    #[test]
    fn a_fault_can_be_started_and_ended_while_running() {
        let mut plan = Plan::default();
        plan.start(ms(500), Kind::LieOff);
        assert!(!plan.has(ms(499), Kind::LieOff));
        assert!(plan.has(ms(500), Kind::LieOff));
        plan.clear();
        assert!(!plan.has(ms(500), Kind::LieOff));
    }

    #[test]
    fn a_reboot_begins_at_its_time_and_lasts_its_span() {
        let plan = plan(&["reboot=3@2000.."]);
        assert_eq!(plan.next_deadline(ms(0)), Some(ms(2_000)));
        assert_eq!(plan.last_reboot(ms(1_999)), None);
        assert_eq!(plan.last_reboot(ms(2_000)), Some((ms(2_000), ms(5_000))));
    }

    #[test]
    fn mains_fail_and_return_once_each() {
        let plan = plan(&["ac-loss=1@0..", "ac-loss=2@5000.."]);
        assert_eq!(plan.mains(None, ms(0)), [(ms(0), false)]);
        let later = plan.mains(Some(ms(0)), ms(9_000));
        assert_eq!(later, [(ms(1_000), true), (ms(5_000), false), (ms(7_000), true)]);
        assert_eq!(plan.next_deadline(ms(1_000)), Some(ms(5_000)));
    }
}
