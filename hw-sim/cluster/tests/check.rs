//! The model checker: what it finds nothing in, and that it can see.

use palisade_protocol::time::Duration;
use palisade_sim::check::{Found, Menu, Milestone, Mishap, Rate, Setting, search};

/// Far more than any search here takes.
const PLENTY: Duration = Duration::from_secs(300);

fn found(setting: &Setting) -> Found {
    search(setting, PLENTY, 2)
}

fn assert_held(setting: &Setting) -> Found {
    let found = found(setting);
    let broken = found.counterexample.as_ref().map(|c| (&c.broken, c.story.join("\n")));
    assert_eq!(broken, None, "{}", setting.label());
    assert!(found.complete, "{}: {} states", setting.label(), found.states);
    assert!(found.unique > 1_000, "{}: {} states", setting.label(), found.unique);
    found
}

fn times(found: &Found, milestone: &str) -> u64 {
    let of_name = found.reached.iter().filter(|(reached, _)| reached.name() == milestone);
    of_name.map(|(_, count)| count).sum()
}

#[test]
fn no_single_fault_of_a_machine_breaks_a_promise_of_a_pair_and_its_witness() {
    for lease in 2..=4 {
        assert_held(&Setting::pair(lease, Menu::Machines, 1, 6 + lease));
    }
}

#[test]
fn no_single_lost_late_or_repeated_frame_breaks_a_promise_of_three_nodes() {
    assert_held(&Setting::three(2, Menu::Frames, 1, 4));
}

#[test]
fn whatever_goes_wrong_while_a_lost_node_is_fenced_breaks_nothing() {
    for mishap in Mishap::LOSSES {
        assert_held(&Setting::pair(3, Menu::Frames, 1, 5).after(mishap));
    }
}

#[test]
fn whatever_frames_are_lost_while_a_lost_node_is_fenced_nothing_breaks() {
    let any_loss = Setting::pair(2, Menu::Machines, 0, 7).after(Mishap::CutOff).lossy(2);
    let found = assert_held(&any_loss);
    assert!(times(&found, "switched off") > 0);
}

#[test]
fn clocks_as_wrong_as_allowed_break_nothing() {
    assert_held(&Setting::drifting([Rate::Slow, Rate::Fast, Rate::Fast], Menu::Machines, 1, 8));
    assert_held(&Setting::drifting([Rate::Fast, Rate::Slow, Rate::Slow], Menu::Machines, 1, 8));
}

#[test]
fn pets_as_slow_as_allowed_break_nothing() {
    assert_held(&Setting::stalling(Menu::Machines, 1, 8));
}

#[test]
fn a_node_that_leaves_and_comes_back_is_never_proven_gone_while_it_serves() {
    let found = assert_held(&Setting::pair(3, Menu::Frames, 1, 6).after(Mishap::LeavesBriefly));
    assert!(times(&found, "left") > 0);
}

#[test]
fn a_failed_service_is_taken_over_and_its_node_comes_back() {
    let serving = Setting::serving(3, Menu::Machines, 1, 8).after(Mishap::ServiceFails);
    assert!(times(&assert_held(&serving), "rejoined") > 0);
}

#[test]
fn a_paused_virtual_machine_is_proven_dead_by_its_power_alone() {
    let paused = |devices| Setting::virtual_pair(3, devices, 1, 7).after(Mishap::Paused);
    let with_power = assert_held(&paused(true));
    assert!(times(&with_power, "proven by power") > 0);
    let without = assert_held(&paused(false));
    assert_eq!(times(&without, "proven by lease"), 0, "its dog stands still too");
}

#[test]
fn a_bmc_that_ignores_misreads_or_lets_power_return_proves_nothing_wrong() {
    for bmc in [Mishap::BmcIgnores, Mishap::BmcSlow, Mishap::PowerReturns] {
        assert_held(&Setting::pair(4, Menu::Frames, 1, 6).after(bmc).then(0, Mishap::CutOff));
    }
}

#[test]
fn a_human_who_sees_a_node_down_is_believed_by_a_majority_alone() {
    let powerless = Setting::powerless(4, Menu::Machines, 1, 7).after(Mishap::Unplugged);
    let found = assert_held(&powerless.then(2, Mishap::Confirmed));
    assert!(times(&found, "proven by operator") > 0);
}

#[test]
fn fencers_that_restart_together_in_the_middle_of_a_fence_break_nothing() {
    for restart in [Mishap::FencerForgets, Mishap::FencersRestart] {
        let restart = Setting::pair(3, Menu::Machines, 1, 8).after(Mishap::CutOff).then(3, restart);
        assert_held(&restart);
    }
}

#[test]
fn one_link_one_voter_or_one_frame_costs_nobody_anything() {
    let found = assert_held(&Setting::pair(4, Menu::Gentle, 1, 8));
    assert_eq!(times(&found, "warranted") + times(&found, "bitten"), 0);
}

#[test]
fn clocks_more_wrong_than_allowed_are_seen() {
    let rates = [Rate::Slow, Rate::True, Rate::True];
    let mut setting = Setting::drifting(rates, Menu::Machines, 1, 10);
    setting.true_drift_ppm *= 4;
    let seen = found(&setting).counterexample.expect("the dog outlives the promises");
    assert_eq!(seen.broken.promise, "S2");
    assert!(!seen.story.is_empty());
}

#[test]
fn a_dog_slower_than_was_measured_is_seen_and_the_schedule_shows_it_again() {
    let mut setting = Setting::pair(2, Menu::Machines, 1, 8);
    setting.true_fire += Duration::from_millis(1);
    let seen = found(&setting).counterexample.expect("the dog outlives the promises");
    assert_eq!(seen.broken.promise, "S2");
    let again = seen.schedule.to_string().parse().unwrap();
    assert_eq!(seen.schedule, again);
    let (broken, story) = again.tell(&setting).unwrap();
    assert_eq!((broken, story), (Some(seen.broken), seen.story));
}

#[test]
fn pauses_of_a_machine_that_claims_to_be_physical_are_seen() {
    let mut setting = Setting::virtual_pair(3, false, 1, 9).after(Mishap::Paused);
    setting.virtual_members = false;
    let seen = found(&setting).counterexample.expect("it is proven dead, and only sleeps");
    assert_eq!(seen.broken.promise, "S1");
}

#[test]
fn one_fault_is_enough_to_reach_every_end_that_a_life_can_come_to() {
    let all = [
        Setting::pair(3, Menu::Frames, 1, 10),
        Setting::powerless(4, Menu::Machines, 1, 12).after(Mishap::Unplugged),
        Setting::pair(3, Menu::Frames, 1, 9).after(Mishap::Leaves),
    ]
    .map(|setting| found(&setting));
    for milestone in Milestone::ALL.map(Milestone::name) {
        assert!(all.iter().any(|found| times(found, milestone) > 0), "{milestone}");
    }
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let found = search(&Setting::pair(2, Menu::Frames, 2, 10), Duration::ZERO, 1);
    assert!(!found.complete);
}
