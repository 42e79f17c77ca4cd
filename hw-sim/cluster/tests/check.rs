//! The model checker: what it finds nothing in, and that it can see.

use palisade_protocol::time::Duration;
use palisade_sim::check::{Found, Menu, Mishap, Rate, Setting, search};

/// Far more than any search here takes.
const PLENTY: Duration = Duration::from_secs(300);

fn found(setting: &Setting) -> Found {
    search(setting, PLENTY, 2)
}

fn assert_held(setting: &Setting) {
    let found = found(setting);
    assert_eq!(found.counterexample, None, "{}", setting.name);
    assert!(found.complete, "{}: {} states", setting.name, found.states);
    assert!(found.unique > 1_000, "{}: {} states", setting.name, found.unique);
}

#[test]
fn no_single_fault_of_a_machine_breaks_a_promise_of_a_pair_and_its_witness() {
    for lease in 2..=4 {
        assert_held(&Setting::pair(lease, Menu::Machines, 1, 6 + 2 * lease));
    }
}

#[test]
fn no_single_lost_late_or_repeated_frame_breaks_a_promise_of_three_nodes() {
    assert_held(&Setting::three(2, Menu::Frames, 1, 4));
}

#[test]
fn whatever_goes_wrong_while_a_lost_node_is_fenced_breaks_nothing() {
    for mishap in Mishap::ALL {
        assert_held(&Setting::pair(3, Menu::Frames, 1, 6).after(mishap));
    }
}

#[test]
fn clocks_as_wrong_as_allowed_break_nothing() {
    assert_held(&Setting::drifting([Rate::Slow, Rate::Fast, Rate::Fast], Menu::Machines, 1, 8));
    assert_held(&Setting::drifting([Rate::Fast, Rate::Slow, Rate::Slow], Menu::Machines, 1, 8));
}

#[test]
fn clocks_more_wrong_than_allowed_are_seen() {
    let rates = [Rate::Slow, Rate::True, Rate::True];
    let mut setting = Setting::drifting(rates, Menu::Machines, 1, 10);
    setting.true_drift_ppm *= 4;
    let (broken, story) = found(&setting).counterexample.expect("the dog outlives the promises");
    assert_eq!(broken.promise, "S2");
    assert!(!story.is_empty());
}

#[test]
fn a_dog_slower_than_was_measured_is_seen() {
    let mut setting = Setting::pair(2, Menu::Machines, 1, 8);
    setting.true_fire += Duration::from_millis(1);
    let (broken, _) = found(&setting).counterexample.expect("the dog outlives the promises");
    assert_eq!(broken.promise, "S2");
}

#[test]
fn one_fault_is_enough_to_reach_every_end_that_a_life_can_come_to() {
    let with_power = found(&Setting::pair(3, Menu::Frames, 1, 10));
    let without = found(&Setting::powerless(4, Menu::Machines, 1, 10));
    for (at_first, (milestone, then)) in with_power.reached.iter().zip(without.reached) {
        assert!(at_first.1 + then > 0, "{}", milestone.name());
    }
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let found = search(&Setting::pair(2, Menu::Frames, 2, 10), Duration::ZERO, 1);
    assert!(!found.complete);
}
