use super::*;

const CHECK: CheckConfig = CheckConfig {
    every: Duration::from_secs(15),
    timeout: Duration::from_secs(5),
    start_deadline: Duration::from_secs(300),
    stop_deadline: Duration::from_secs(60),
    tolerate: 2,
    armed: true,
};

fn s(seconds: u64) -> Instant {
    Instant::BOOT + Duration::from_secs(seconds)
}

/// A service that is asked at each second given and answers at once.
fn told(answers: &[(u64, Answer)]) -> Health {
    let mut health = Health::new(CHECK, s(0));
    for (at, answer) in answers {
        health.tick(s(*at));
        assert!(health.ask(s(*at)), "asked at {at} s");
        health.answered(s(*at), s(*at), *answer);
    }
    health
}

#[test]
fn nothing_is_known_before_the_first_answer_and_no_pet_is_allowed() {
    let health = Health::new(CHECK, s(0));
    assert_eq!(health.verdict(), Verdict::Unknown);
    assert!(!allows_pet(health.verdict()));
}

#[test]
fn running_maintenance_and_first_run_are_healthy() {
    for answer in [Answer::Running, Answer::Maintenance, Answer::FirstRun] {
        assert_eq!(told(&[(0, answer)]).verdict(), Verdict::Up);
    }
}

#[test]
fn a_failure_after_health_is_down_and_stays_down() {
    let health =
        told(&[(0, Answer::Running), (15, Answer::Failed(FailKind::Error)), (30, Answer::Running)]);
    assert_eq!(health.verdict(), Verdict::Down);
}

#[test]
fn a_service_that_never_ran_here_is_unknown_and_not_handed_over() {
    let health = told(&[(0, Answer::Failed(FailKind::Refused)), (1, Answer::Silent)]);
    assert_eq!(health.verdict(), Verdict::Unknown);
}

#[test]
fn two_misses_are_tolerated_and_the_third_is_a_failure() {
    let mut answers = vec![(0, Answer::Running), (15, Answer::Silent), (30, Answer::Silent)];
    assert_eq!(told(&answers).verdict(), Verdict::Grace);
    answers.push((45, Answer::Silent));
    assert_eq!(told(&answers).verdict(), Verdict::Down);
}

#[test]
fn an_answer_between_misses_starts_the_count_anew() {
    let health = told(&[
        (0, Answer::Running),
        (15, Answer::Silent),
        (30, Answer::Silent),
        (45, Answer::Running),
        (60, Answer::Silent),
        (75, Answer::Silent),
    ]);
    assert_eq!(health.verdict(), Verdict::Grace);
}

#[test]
fn starting_has_its_deadline_from_the_first_such_answer() {
    let mut health = told(&[(0, Answer::Starting), (15, Answer::Starting)]);
    assert_eq!(health.verdict(), Verdict::Grace);
    health.tick(s(299));
    assert_eq!(health.verdict(), Verdict::Grace);
    health.tick(s(300));
    assert_eq!(health.verdict(), Verdict::Down);
}

#[test]
fn stopping_has_a_deadline_of_its_own() {
    let mut health = told(&[(0, Answer::Running), (15, Answer::Stopping)]);
    health.tick(s(74));
    assert_eq!(health.verdict(), Verdict::Grace);
    health.tick(s(75));
    assert_eq!(health.verdict(), Verdict::Down);
}

#[test]
fn a_probe_that_never_reports_is_a_miss() {
    let mut health = told(&[(0, Answer::Running)]);
    for asked in [15, 30, 45] {
        assert!(health.ask(s(asked)));
        assert!(!health.ask(s(asked + 1)), "one question at a time");
        health.tick(s(asked + 6));
    }
    assert_eq!(health.verdict(), Verdict::Down);
}

#[test]
fn an_answer_to_another_question_is_nothing() {
    let mut health = told(&[(0, Answer::Running)]);
    assert!(health.ask(s(15)));
    health.answered(s(16), s(0), Answer::Failed(FailKind::Error));
    assert_eq!(health.verdict(), Verdict::Up);
}

#[test]
fn a_disarmed_check_withholds_nothing_and_asks_nothing() {
    let mut health = Health::new(CheckConfig { armed: false, ..CHECK }, s(0));
    assert_eq!(health.verdict(), Verdict::Idle);
    assert!(allows_pet(health.verdict()));
    assert!(!health.ask(s(1)));
    assert_eq!(health.next_deadline(), None);
    health.arm(s(2));
    assert!(health.ask(s(2)));
}

#[test]
fn a_service_being_started_may_refuse_until_its_start_deadline() {
    let mut health = Health::new(CheckConfig { armed: false, ..CHECK }, s(0));
    health.arm(s(10));
    for at in [10, 20, 309] {
        assert!(health.ask(s(at)));
        health.answered(s(at), s(at), Answer::Failed(FailKind::Refused));
        health.tick(s(at));
        assert_eq!(health.verdict(), Verdict::Grace, "at {at} s");
    }
    health.tick(s(310));
    assert_eq!(health.verdict(), Verdict::Down);
}

#[test]
fn a_service_once_up_is_expected_no_longer() {
    let mut health = Health::new(CheckConfig { armed: false, ..CHECK }, s(0));
    health.arm(s(10));
    for (at, answer) in [(10, Answer::Running), (25, Answer::Failed(FailKind::Refused))] {
        assert!(health.ask(s(at)));
        health.answered(s(at), s(at), answer);
    }
    assert_eq!(health.verdict(), Verdict::Down);
}
