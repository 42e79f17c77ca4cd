use super::*;

/// When the majority gave its warrant.
const WARRANTED: Instant = Instant::from_millis(10_000);

/// Space between the two off readings.
const SPACING: Duration = ms(250);

/// Rest between off and on.
const ON_REST: Duration = ms(2_100);

const NS: Duration = Duration::from_nanos(1);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `millis` after the warrant.
fn at(millis: u64) -> Instant {
    WARRANTED + ms(millis)
}

/// The session of every story that tells of one only.
fn session() -> Instant {
    at(1)
}

fn acked(session_at: Instant) -> PowerReport {
    PowerReport::Acked { session_at }
}

fn read(asked_at: Instant, on: bool) -> PowerReport {
    PowerReport::Read { session_at: session(), asked_at, on }
}

/// A condemned machine, and a BMC that answers when it is told to.
struct Machine(PowerSequence);

impl Machine {
    fn standing() -> Self {
        Self(PowerSequence::new(WARRANTED, WARRANTED))
    }

    /// A machine that obeyed off at 10 ms.
    fn falling() -> Self {
        let mut machine = Self::standing();
        assert_eq!(machine.next(at(0)), Some(PowerAct::Off));
        machine.0.leaves(at(5), PowerAct::Off);
        assert_eq!(machine.hears(at(10), acked(session())), Shown::Nothing);
        machine
    }

    /// A machine proven off at 270 ms.
    fn fallen() -> Self {
        let mut machine = Self::falling();
        machine.reads(at(20), at(19), false);
        assert!(matches!(machine.reads(at(270), at(269), false), Shown::Off(_)));
        machine
    }

    /// A machine that obeyed on at `obeyed_at`.
    fn rising(obeyed_at: Instant) -> Self {
        let mut machine = Self::fallen();
        assert_eq!(machine.next_noted(obeyed_at), Some(PowerAct::On));
        machine.hears(obeyed_at, acked(session()));
        machine
    }

    /// A machine whose life was proven over otherwise after an off had left at 5 ms.
    fn settling() -> Self {
        let mut machine = Self::falling();
        machine.0.proven_otherwise();
        machine
    }

    fn next(&mut self, now: Instant) -> Option<PowerAct> {
        self.0.next(now, ON_REST, false)
    }

    /// A majority has noted the proof.
    fn next_noted(&mut self, now: Instant) -> Option<PowerAct> {
        self.0.next(now, ON_REST, true)
    }

    fn hears(&mut self, now: Instant, report: PowerReport) -> Shown {
        self.0.reported(now, report, SPACING)
    }

    /// A reading is ordered when the sequence wants it, and comes back at `now`.
    fn reads(&mut self, now: Instant, asked_at: Instant, on: bool) -> Shown {
        self.reads_in(now, (session(), asked_at), on)
    }

    fn reads_in(
        &mut self,
        now: Instant,
        (session_at, asked_at): (Instant, Instant),
        on: bool,
    ) -> Shown {
        assert_eq!(self.next(now), Some(PowerAct::Read), "at {now}");
        self.hears(now, PowerReport::Read { session_at, asked_at, on })
    }
}

#[test]
fn an_off_obeyed_and_read_off_twice_spaced_in_one_session_is_proof_with_its_times() {
    let mut machine = Machine::falling();
    assert_eq!(machine.reads(at(20), at(19), false), Shown::Nothing, "one reading");
    let evidence = Evidence::PowerOff {
        session_at: session(),
        obeyed_at: at(10),
        first_off_at: at(19),
        second_off_at: at(269),
    };
    assert_eq!(machine.reads(at(270), at(269), false), Shown::Off(evidence));
    assert!(machine.0.is_resting());
}

#[test]
fn one_order_is_open_at_a_time() {
    let mut machine = Machine::standing();
    assert_eq!(machine.next(at(0)), Some(PowerAct::Off));
    assert_eq!(machine.next(at(1_000)), None);
}

#[test]
fn readings_a_nanosecond_closer_than_the_spacing_are_not_proof() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(19), false);
    assert_eq!(machine.next(at(269).before(NS)), None, "not even asked for");
    let early = at(269).before(NS);
    assert_eq!(machine.reads(at(269), early, false), Shown::Nothing);
    assert!(matches!(machine.reads(at(320), at(319), false), Shown::Off(_)));
}

#[test]
fn the_spacing_is_that_of_the_questions_not_of_the_answers() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(19), false);
    let asked_early = at(200);
    assert_eq!(machine.reads(at(5_000), asked_early, false), Shown::Nothing);
}

#[test]
fn a_reading_in_another_session_is_not_proof_and_off_is_ordered_anew() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(19), false);
    let other = at(100);
    assert_eq!(machine.reads_in(at(270), (other, at(269)), false), Shown::Nothing);
    assert_eq!(machine.next(at(270)), Some(PowerAct::Off));
    machine.hears(at(280), acked(other));
    assert_eq!(machine.reads_in(at(290), (other, at(289)), false), Shown::Nothing, "the first");
    assert!(matches!(machine.reads_in(at(539), (other, at(539)), false), Shown::Off(_)));
}

#[test]
fn a_first_reading_in_another_session_is_none() {
    let mut machine = Machine::falling();
    machine.reads_in(at(20), (at(15), at(19)), false);
    assert_eq!(machine.next(at(20)), Some(PowerAct::Off), "nothing was obeyed in that session");
}

#[test]
fn a_reading_asked_for_before_off_was_obeyed_is_not_the_first() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(10).before(NS), false);
    machine.reads(at(300), at(299), false);
    assert_eq!(machine.reads(at(549), at(549).before(NS), false), Shown::Nothing);
    assert!(matches!(machine.reads(at(600), at(600), false), Shown::Off(_)));
}

#[test]
fn an_off_obeyed_in_a_session_older_than_the_warrant_counts_for_nothing() {
    for (session_at, obeyed) in [(WARRANTED, true), (WARRANTED.before(NS), false)] {
        let mut machine = Machine::standing();
        machine.next(at(0));
        machine.hears(at(10), acked(session_at));
        let next = machine.next(at(10) + RETRY_AFTER);
        let wanted = if obeyed { PowerAct::Read } else { PowerAct::Off };
        assert_eq!(next, Some(wanted), "session opened at {session_at}");
    }
}

#[test]
fn an_on_reading_between_two_off_readings_starts_the_count_anew() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(19), false);
    machine.reads(at(269), at(269), true);
    assert_eq!(machine.reads(at(400), at(400), false), Shown::Nothing);
    assert_eq!(machine.next(at(649)), None);
    assert!(matches!(machine.reads(at(650), at(650), false), Shown::Off(_)));
}

#[test]
fn off_is_ordered_again_only_after_the_machine_had_time_to_obey() {
    let mut machine = Machine::falling();
    let obeyed_at = at(10);
    machine.reads(obeyed_at + RESEND_AFTER, obeyed_at + RESEND_AFTER, true);
    let later = obeyed_at + RESEND_AFTER + READ_EVERY_MAX;
    machine.reads(later, later, true);
    assert_eq!(machine.next(later), Some(PowerAct::Off));
}

#[test]
fn a_machine_that_stays_on_is_never_proven_off_however_often_it_is_asked() {
    let mut machine = Machine::falling();
    let mut offs = 0;
    for step in 1..2_000 {
        let now = at(10 + step * 25);
        let shown = match machine.next(now) {
            Some(PowerAct::Off) => {
                offs += 1;
                machine.hears(now, acked(session()))
            }
            Some(PowerAct::Read) => machine.hears(now, read(now, true)),
            Some(PowerAct::On) => panic!("raised before it fell"),
            None => Shown::Nothing,
        };
        assert_eq!(shown, Shown::Nothing);
    }
    assert!((7..=10).contains(&offs), "{offs} orders in 50 s");
}

#[test]
fn a_fault_while_falling_makes_the_next_session_begin_with_off() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(19), false);
    assert_eq!(machine.next(at(269)), Some(PowerAct::Read));
    machine.hears(at(300), PowerReport::Failed);
    assert_eq!(machine.next((at(300) + RETRY_AFTER).before(NS)), None);
    assert_eq!(machine.next(at(300) + RETRY_AFTER), Some(PowerAct::Off));
    machine.hears(at(510), acked(session()));
    assert_eq!(machine.reads(at(520), at(520), false), Shown::Nothing, "what was read is void");
}

#[test]
fn a_refused_off_is_ordered_again() {
    let mut machine = Machine::standing();
    for round in 0..5 {
        assert_eq!(machine.next(at(round * 1_000)), Some(PowerAct::Off));
        assert_eq!(machine.hears(at(round * 1_000 + 10), PowerReport::Failed), Shown::Nothing);
    }
}

#[test]
fn an_order_that_is_never_reported_is_given_up_and_given_anew() {
    let mut machine = Machine::standing();
    machine.next(at(0));
    assert_eq!(machine.0.next_deadline(), Some(at(0) + REPORT_WITHIN));
    assert_eq!(machine.next((at(0) + REPORT_WITHIN).before(NS)), None);
    assert_eq!(machine.next(at(0) + REPORT_WITHIN), None, "given up");
    assert_eq!(machine.next(at(0) + REPORT_WITHIN + RETRY_AFTER), Some(PowerAct::Off));
}

#[test]
fn a_report_without_an_open_order_changes_nothing() {
    let mut machine = Machine::falling();
    machine.reads(at(20), at(19), false);
    let before = machine.0;
    for report in [acked(at(200)), read(at(269), false), read(at(269), true), PowerReport::Failed] {
        assert_eq!(machine.hears(at(270), report), Shown::Nothing);
        assert_eq!(machine.0, before, "{report:?}");
    }
}

#[test]
fn a_reading_in_answer_to_an_off_proves_nothing() {
    let mut machine = Machine::standing();
    machine.next(at(0));
    assert_eq!(machine.hears(at(10), read(at(9), false)), Shown::Nothing);
    assert_eq!(machine.next(at(10)), Some(PowerAct::Off), "still to be obeyed");
}

#[test]
fn an_acknowledged_reading_proves_nothing() {
    let mut machine = Machine::falling();
    assert_eq!(machine.next(at(20)), Some(PowerAct::Read));
    assert_eq!(machine.hears(at(21), acked(session())), Shown::Nothing);
    assert_eq!(machine.next(at(21)), Some(PowerAct::Read));
}

#[test]
fn a_machine_that_takes_long_is_asked_less_and_less_often() {
    let mut machine = Machine::falling();
    for (waited, pause) in [(80, 50), (800, 100), (4_800, 500)] {
        let now = at(10 + waited);
        machine.reads(now, now, true);
        assert_eq!(machine.0.next_deadline(), Some(now + ms(pause)), "after {waited} ms");
    }
}

#[test]
fn a_life_proven_over_before_any_off_left_needs_nothing_of_its_power() {
    let mut machine = Machine::standing();
    assert_eq!(machine.next(at(0)), Some(PowerAct::Off));
    machine.0.proven_otherwise();
    assert!(machine.0.is_done());
    machine.hears(at(10), PowerReport::Failed);
    assert_eq!(machine.next_noted(at(60_000)), None);
}

#[test]
fn a_machine_that_may_still_fall_is_watched_and_raised_if_it_does() {
    let mut machine = Machine::settling();
    machine.reads(at(20), at(20), true);
    machine.reads(at(100), at(100), false);
    assert_eq!(machine.reads(at(350), at(350), false), Shown::Nothing, "proven already");
    assert!(machine.0.is_resting());
    assert_eq!(machine.next_noted(at(350) + ON_REST), Some(PowerAct::On));
}

#[test]
fn a_machine_that_does_not_fall_in_time_is_left_alone() {
    let mut machine = Machine::settling();
    let left_at = at(5);
    machine.reads(left_at + FALL_MAX, left_at + FALL_MAX, true);
    let later = left_at + FALL_MAX + READ_EVERY_MAX;
    assert_eq!(machine.next(later), None);
    assert!(machine.0.is_done());
}

#[test]
fn while_it_settles_one_off_reading_or_two_close_ones_are_not_off() {
    let mut machine = Machine::settling();
    machine.reads(at(20), at(20), false);
    machine.reads(at(270), at(270).before(NS), false);
    assert!(!machine.0.is_resting());
    let later = at(2_000);
    machine.reads(later, later, true);
    let later = at(3_000);
    machine.reads(later, later, false);
    assert!(!machine.0.is_resting(), "it was on in between");
}

#[test]
fn no_off_is_ordered_after_another_proof_whatever_fails() {
    let mut machine = Machine::settling();
    for step in 0..200 {
        let now = at(20 + step * 300);
        match machine.next_noted(now) {
            Some(PowerAct::Read) if step % 3 == 0 => machine.hears(now, PowerReport::Failed),
            Some(PowerAct::Read) => machine.hears(now, read(now, true)),
            Some(act) => panic!("{act:?} after the life was proven over"),
            None => Shown::Nothing,
        };
    }
    assert!(machine.0.is_done());
}

#[test]
fn on_is_ordered_after_the_rest_and_not_a_nanosecond_before() {
    let mut machine = Machine::fallen();
    let rested_at = at(270) + ON_REST;
    assert_eq!(machine.next_noted(rested_at.before(NS)), None);
    let asked_again = machine.0.next_deadline().expect("it waits");
    assert!(asked_again >= rested_at);
    assert_eq!(machine.next_noted(asked_again), Some(PowerAct::On));
}

#[test]
fn on_waits_until_a_majority_has_noted_the_proof() {
    let mut machine = Machine::fallen();
    for step in 0..100 {
        assert_eq!(machine.next(at(3_000 + step * 100)), None);
    }
    assert_eq!(machine.next_noted(at(13_000)), Some(PowerAct::On));
}

#[test]
fn a_machine_read_on_again_is_done() {
    let mut machine = Machine::rising(at(3_000));
    assert_eq!(machine.reads(at(3_010), at(3_010), false), Shown::Nothing);
    assert_eq!(machine.reads(at(3_100), at(3_100), true), Shown::On);
    assert!(machine.0.is_done());
    assert_eq!(machine.0.next_deadline(), None);
}

#[test]
fn on_is_ordered_again_when_it_was_obeyed_and_nothing_came_of_it() {
    let mut machine = Machine::rising(at(3_000));
    let patient = at(3_000) + RESEND_AFTER;
    machine.reads(patient, patient, false);
    let later = patient + READ_EVERY_MAX;
    machine.reads(later, later, false);
    assert_eq!(machine.next_noted(later), Some(PowerAct::On));
}

#[test]
fn a_fault_while_it_rises_is_no_reason_to_cut_it_again() {
    let mut machine = Machine::rising(at(3_000));
    machine.next(at(3_010));
    machine.hears(at(3_020), PowerReport::Failed);
    assert_eq!(machine.next(at(3_020) + RETRY_AFTER), Some(PowerAct::Read));
}

#[test]
fn a_refused_on_is_ordered_again() {
    let mut machine = Machine::fallen();
    assert_eq!(machine.next_noted(at(3_000)), Some(PowerAct::On));
    machine.hears(at(3_010), PowerReport::Failed);
    assert_eq!(machine.next_noted(at(3_010) + RETRY_AFTER), Some(PowerAct::On));
}

#[test]
fn a_machine_that_refuses_to_rise_is_told_from_one_that_takes_its_time() {
    let machine = Machine::rising(at(3_000));
    assert!(!machine.0.refuses_to_rise(at(3_000) + RISE_MAX));
    assert!(machine.0.refuses_to_rise(at(3_000) + RISE_MAX + NS));
    assert!(!Machine::fallen().0.refuses_to_rise(at(600_000)), "nobody has asked it to");
}
