//! Which frames are believed: grants of now, from voters, of one process each.

use super::rig::{GRANT, Rig, START, Voter, config, echo_of, link, ms, node, ns, seq_to, withhold};
use crate::agent::Input;
use crate::news::News;
use palisade_protocol::ids::{Peer, Seq, Start};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Body, Echo, Frame, Withheld};

/// What a promise is worth to its holder.
const LEASE_NS: u64 = 1_528_470_000;

fn granted_at(rig: &Rig, id: u8) -> Option<Instant> {
    rig.agent.voters().find(|voter| voter.id == node(id)).and_then(|voter| voter.granted_at)
}

#[test]
fn a_grant_that_echoes_nothing_known_counts_for_nothing() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    let seq = seq_to(&posts, 1);
    let other_start = Echo { start: Start::new(78), seq };
    let echoes = [None, echo_of(Seq(0)), echo_of(Seq(seq.0 + 1)), Some(other_start)];
    for echo in echoes {
        let frame = rig.frame(1, echo, GRANT);
        rig.input(Input::Heard(frame));
        assert_eq!(granted_at(&rig, 1), None, "echo {echo:?}");
    }
    rig.answer(1, &posts, GRANT);
    assert_eq!(granted_at(&rig, 1), Some(START), "the same voter, with a true echo");
}

#[test]
fn a_grant_of_a_renewal_as_old_as_the_lease_counts_and_an_older_one_does_not() {
    for (age, counts) in [(LEASE_NS, true), (LEASE_NS + 1, false)] {
        let mut rig = Rig::new();
        let posts = rig.beat();
        let sent_at = rig.now;
        rig.later(ns(age));
        rig.answer(1, &posts, GRANT);
        assert_eq!(granted_at(&rig, 1), counts.then_some(sent_at), "{age} ns old");
    }
}

#[test]
fn a_grant_that_comes_late_takes_no_newer_one_back() {
    let mut rig = Rig::new();
    let old = rig.beat();
    let straggler = rig.frame(1, echo_of(seq_to(&old, 1)), GRANT);
    let new = rig.beat();
    rig.answer(1, &new, GRANT);
    let newest = rig.now;
    rig.input(Input::Heard(straggler));
    assert_eq!(granted_at(&rig, 1), Some(newest));
}

#[test]
fn a_copy_over_another_link_is_no_second_voter() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    let grant = rig.frame(1, echo_of(seq_to(&posts, 1)), GRANT);
    for over in 0..4 {
        rig.input(Input::Heard(Frame { link: link(over), ..grant }));
    }
    assert_eq!(rig.agent.lease_from(), None);
    assert_eq!(rig.told(&News::Admitted { voter: node(1) }), 1);
}

#[test]
fn a_grant_from_a_stranger_or_from_an_agent_counts_for_nothing() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    let mut grant = rig.frame(1, echo_of(seq_to(&posts, 1)), GRANT);
    for src in [Peer::voter(node(9)), Peer::member(node(1)), Peer::member(node(2))] {
        grant.src = src;
        rig.input(Input::Heard(grant));
    }
    assert!(rig.agent.voters().all(|voter| voter.granted_at.is_none()));
}

#[test]
fn what_was_promised_stays_promised_when_the_next_renewal_is_withheld() {
    let mut rig = Rig::new();
    let sent_at = rig.lease();
    let posts = rig.beat();
    for id in [1, 2, 3] {
        rig.answer(id, &posts, withhold(Withheld::Condemned));
    }
    assert_eq!(rig.agent.lease_from(), Some(sent_at));
    assert!(rig.agent.voters().all(|voter| voter.withheld == Some(Withheld::Condemned)));
}

#[test]
fn why_a_voter_withholds_is_told_when_it_changes() {
    let mut rig = Rig::new();
    for why in [Withheld::BootHold, Withheld::BootHold, Withheld::Condemned] {
        let posts = rig.beat();
        rig.answer(1, &posts, withhold(why));
    }
    let told = |why| rig.told(&News::Withheld { voter: node(1), why });
    assert_eq!((told(Withheld::BootHold), told(Withheld::Condemned)), (1, 1));
}

#[test]
fn a_voter_that_granted_withheld_and_grants_again_is_told_as_admitted_again() {
    let mut rig = Rig::new();
    for body in [GRANT, GRANT, withhold(Withheld::Twin), GRANT, GRANT] {
        let posts = rig.beat();
        rig.answer(1, &posts, body);
    }
    assert_eq!(rig.told(&News::Admitted { voter: node(1) }), 2);
}

#[test]
fn a_restarted_voter_grants_again_and_its_former_grants_stand() {
    let mut rig = Rig::new();
    let sent_at = rig.lease();
    rig.voters[0] = Voter::new(1, 901);
    assert_eq!(granted_at(&rig, 1), Some(sent_at));
    let posts = rig.beat();
    rig.answer(1, &posts, GRANT);
    assert_eq!(granted_at(&rig, 1), Some(rig.now));
}

#[test]
fn a_restarted_voter_is_believed_only_by_an_echo_of_after_its_former_process() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    rig.later(ms(3));
    rig.answer(1, &posts, GRANT);
    let mut restarted = Voter::new(1, 901);
    let frame = restarted.says(echo_of(seq_to(&posts, 1)), withhold(Withheld::BootHold));
    rig.input(Input::Heard(frame));
    assert!(rig.agent.voters().all(|voter| voter.withheld.is_none()));
}

#[test]
fn the_process_that_was_replaced_and_speaks_on_is_told_as_a_twin_and_grants_nothing() {
    let mut rig = Rig::new();
    rig.lease();
    let mut former = rig.voters[0];
    rig.voters[0] = Voter::new(1, 901);
    rig.lease();
    let posts = rig.beat();
    let granted = granted_at(&rig, 1);
    let frame = former.says(echo_of(seq_to(&posts, 1)), GRANT);
    rig.input(Input::Heard(frame));
    assert_eq!(rig.told(&News::TwinVoter { voter: node(1) }), 1);
    assert_eq!(granted_at(&rig, 1), granted);
}

#[test]
fn a_straggler_of_the_process_that_was_replaced_is_no_twin() {
    let mut rig = Rig::new();
    rig.lease();
    let before = rig.beat();
    let straggler = rig.frame(1, echo_of(seq_to(&before, 1)), GRANT);
    rig.voters[0] = Voter::new(1, 901);
    rig.lease();
    rig.input(Input::Heard(straggler));
    assert_eq!(rig.told(&News::TwinVoter { voter: node(1) }), 0);
}

/// The heard-matrix of the next renewal.
fn matrix(rig: &mut Rig) -> u32 {
    let posts = rig.beat();
    let renew = posts.iter().find_map(|post| match post.body {
        Body::Renew(renew) => Some(renew),
        _ => None,
    });
    renew.expect("a renewal").heard.0
}

#[test]
fn the_heard_matrix_has_a_row_for_each_voter_in_order_of_ids_and_a_bit_for_each_link() {
    let mut rig = Rig::with(config(&[5, 2, 9]));
    assert_eq!(matrix(&mut rig), 0);
    let posts = rig.beat();
    for (id, links) in [(2, [0, 1]), (9, [3, 3])] {
        let frame = rig.frame(id, echo_of(seq_to(&posts, id)), GRANT);
        for over in links {
            rig.input(Input::Heard(Frame { link: link(over), ..frame }));
        }
    }
    assert_eq!(matrix(&mut rig), 0b1000_0000_0011);
}

#[test]
fn the_last_of_seven_voters_has_its_bits_too() {
    let mut rig = Rig::with(config(&[1, 2, 3, 4, 5, 6, 7]));
    let posts = rig.beat();
    let frame = rig.frame(7, echo_of(seq_to(&posts, 7)), GRANT);
    rig.input(Input::Heard(Frame { link: link(3), ..frame }));
    assert_eq!(matrix(&mut rig), 1 << 27);
}

#[test]
fn a_voter_silent_for_longer_than_the_suspicion_is_struck_from_the_matrix() {
    let mut rig = Rig::new();
    let posts = rig.beat();
    rig.grant(&[1], &posts);
    for _ in 0..6 {
        assert_eq!(matrix(&mut rig), 1, "at {}", rig.now);
    }
    assert_eq!(rig.now, START + ms(300), "as old as it may be");
    assert_eq!(matrix(&mut rig), 0);
}
