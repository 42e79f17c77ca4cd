//! The timing algebra, proved by z3 for every number at once, and the formulas held to the code.
//!
//! The formulas and what they claim stand in `tests/timing-proof/`. Here z3 proves each claim; shows
//! that none holds without any one of the terms it names; and the code is asked for its numbers, which
//! must be those of the formulas. Needs the Debian package z3.
#![cfg(test)]

mod agent;
mod numbers;
mod voter;

use std::collections::BTreeSet;

use numbers::{Case, nanos};
use palisade_hw::chance::Chance;
use palisade_protocol::time::Duration;
use palisade_protocol::timing::{Inequality, Timing};
use palisade_tests::smt::{self, Answer, Claim};

/// Random configurations of each comparison.
const CASES: usize = 100;

#[test]
fn every_claim_is_proved() {
    for claim in claims() {
        let answer = smt::ask(&script(&claim)).unwrap();
        assert_eq!(answer, [Answer::Unsat], "{}: z3 found numbers that break it", claim.name);
    }
}

#[test]
fn no_claim_holds_without_any_one_of_its_terms() {
    for claim in claims() {
        for term in &claim.needs {
            let weaker = smt::without(&script(&claim), term);
            let weaker = weaker.unwrap_or_else(|| panic!("{}: no term {term}", claim.name));
            let answer = smt::ask(&weaker).unwrap();
            assert_eq!(answer, [Answer::Sat], "{}: still proved without {term}", claim.name);
        }
    }
}

#[test]
fn every_term_is_needed_by_a_claim() {
    let (rules, claims) = (smt::rules().unwrap(), claims());
    let needed: BTreeSet<&str> =
        claims.iter().flat_map(|claim| claim.needs.iter().map(String::as_str)).collect();
    let idle: Vec<_> = smt::switches(&rules).difference(&needed).copied().collect();
    assert!(needed.len() > 20, "{needed:?}");
    assert!(idle.is_empty(), "no claim rests on {idle:?}");
}

/// Every inequality of the configuration check, for numbers that hold and numbers that do not.
#[test]
fn the_inequalities_are_those_of_the_configuration_check() {
    let mut chance = Chance::new(1);
    let mut script = String::new();
    for _ in 0..CASES {
        let case = Case::any(&mut chance);
        script += &case.begin();
        for Inequality { rule, have, need } in Timing::inequalities(&case.raw, case.fire) {
            script += &format!("(assert (= {rule:?}-have {}))\n", nanos(have));
            script += &format!("(assert (= {rule:?}-need {}))\n", nanos(need));
        }
        script += "(check-sat)\n";
    }
    assert_eq!(smt::ask(&script).unwrap(), [Answer::Sat; CASES]);
}

/// The comparison above would see a nanosecond.
#[test]
fn an_inequality_that_is_a_nanosecond_off_is_seen() {
    let mut chance = Chance::new(2);
    let case = Case::accepted(&mut chance);
    let off = Duration::from_nanos(1);
    let mut script = String::new();
    let inequalities = Timing::inequalities(&case.raw, case.fire);
    for Inequality { rule, have, need } in inequalities {
        for (side, value) in [("have", have), ("need", need)] {
            let wrong = format!("(assert (= {rule:?}-{side} {}))\n", nanos(value + off));
            script += &format!("{}{wrong}(check-sat)\n", case.begin());
        }
    }
    assert_eq!(smt::ask(&script).unwrap(), [Answer::Unsat].repeat(2 * inequalities.len()));
}

#[test]
fn what_a_lease_and_a_warrant_are_worth_is_what_the_code_says() {
    let mut chance = Chance::new(3);
    let mut script = String::new();
    for _ in 0..CASES {
        let case = Case::accepted(&mut chance);
        let timing = case.timing();
        script += &case.begin();
        script += &format!("(assert (= lease {}))\n", nanos(timing.lease()));
        script +=
            &format!("(assert (= warrant-life {}))\n(check-sat)\n", nanos(timing.warrant_life()));
    }
    assert_eq!(smt::ask(&script).unwrap(), [Answer::Sat; CASES]);
}

/// To the nanosecond, counted from when the renewal was sent.
#[test]
fn the_agent_pets_exactly_as_long_as_the_formula_lets_it() {
    let mut chance = Chance::new(4);
    let mut script = String::new();
    for _ in 0..CASES {
        let case = Case::accepted(&mut chance);
        let oldest = agent::oldest_petted_on(&case);
        script += &case.begin();
        script += &format!("(assert (= lease {}))\n", nanos(case.timing().lease()));
        script += &format!("(assert (may-pet {}))\n", nanos(oldest));
        script += &format!("(assert (not (may-pet (+ {} 1.0))))\n(check-sat)\n", nanos(oldest));
    }
    assert_eq!(smt::ask(&script).unwrap(), [Answer::Sat; CASES]);
}

/// To the nanosecond, for each of the voter's waits.
#[test]
fn a_voter_waits_exactly_as_long_as_the_formulas_say() {
    let mut chance = Chance::new(5);
    let mut script = String::new();
    for _ in 0..CASES {
        let case = Case::accepted(&mut chance);
        script += &case.begin();
        for (name, span) in [
            ("voter-promises", voter::promises(&case)),
            ("voter-holds", voter::holds(&case)),
            ("boot-hold", voter::boot_hold(&case)),
            ("amnesia-hold", voter::amnesia_hold(&case)),
        ] {
            script += &format!("(assert (= {name} {}))\n", nanos(span));
        }
        script += "(check-sat)\n";
    }
    assert_eq!(smt::ask(&script).unwrap(), [Answer::Sat; CASES]);
}

fn claims() -> Vec<Claim> {
    let claims = Claim::all().expect("the claims can be read");
    assert!(claims.len() >= 10, "all claims are checked, not {}", claims.len());
    claims
}

fn script(claim: &Claim) -> String {
    claim.script().expect("the rules can be read")
}
