//! The promises as stories in virtual time, told by the production cores.
#![allow(missing_docs, reason = "a test's name says what it is")]

use palisade_agent_core::health::{Answer, FailKind};
use palisade_agent_core::news::News as AgentNews;
use palisade_fencer_core::Input;
use palisade_fencer_core::news::{Alarm, News};
use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::time::Duration;
use palisade_protocol::wire::{ProofKind, Withheld};
use palisade_sim::world::{Bmc, Fact, Verdict, World, is_fenced, node, timing_raw};

const SETTLE: Duration = Duration::from_secs(6);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Three nodes, each with agent and fencer, up and admitted.
fn three() -> World {
    let mut world = World::new(3, 3, 1);
    world.run_for(SETTLE);
    for id in 1..=3 {
        let admitted = |fact: &Fact| matches!(fact, Fact::Fencer { news: News::Admitted { node: who, .. }, .. } if *who == node(id));
        assert!(world.facts().iter().any(|(_, fact)| admitted(fact)), "node {id} was admitted");
    }
    world
}

fn held(world: &World) {
    assert_eq!(*world.verdict(), Verdict::Held, "facts: {:#?}", world.facts());
}

fn cuts(world: &World) -> Vec<usize> {
    (1..=3).map(|id| world.power_cuts(node(id))).collect()
}

fn told(world: &World, news: impl Fn(&News) -> bool) -> bool {
    world
        .facts()
        .iter()
        .any(|(_, fact)| matches!(fact, Fact::Fencer { news: told, .. } if news(told)))
}

#[test]
fn a_quiet_cluster_stays_quiet_for_a_minute() {
    let mut world = three();
    world.run_for(Duration::from_secs(60));
    held(&world);
    assert_eq!(cuts(&world), [0, 0, 0]);
    assert!(!told(&world, |news| matches!(news, News::Suspected { .. })));
}

#[test]
fn a_node_that_loses_its_power_is_proven_off_within_the_bound_and_comes_back() {
    let mut world = three();
    let killed_at = world.now();
    world.kill(node(1));
    let raw = timing_raw();
    let proven_at = world
        .run_until(SETTLE, |fact| is_fenced(fact, node(2), node(1), ProofKind::PowerOff))
        .expect("the dead node is proven off");
    let bound = raw.suspect_after + 3 * raw.beat + 2 * raw.rtt + raw.off_confirm + ms(50);
    let took = proven_at.since(killed_at);
    assert!(took <= bound, "proven after {took:?}, the bound is {bound:?}");
    world.run_for(SETTLE);
    assert!(world.is_running(node(1)));
    assert!(told(&world, |news| matches!(news, News::Admitted { rejoined: true, .. })));
    held(&world);
}

#[test]
fn the_standby_fencer_learns_of_the_proof_too() {
    let mut world = three();
    world.kill(node(1));
    world
        .run_until(SETTLE, |fact| is_fenced(fact, node(3), node(1), ProofKind::PowerOff))
        .expect("every voter holds the proof");
    held(&world);
}

#[test]
fn a_node_that_dies_with_its_bmc_is_proven_dead_by_its_lease_within_p_and_a_beat() {
    let mut world = three();
    world.set_bmc(node(1), Bmc::Dead);
    let killed_at = world.now();
    world.kill(node(1));
    let raw = timing_raw();
    let proven_at = world
        .run_until(SETTLE, |fact| is_fenced(fact, node(2), node(1), ProofKind::LeaseExpired))
        .expect("the lease proves it");
    let took = proven_at.since(killed_at);
    let bound = raw.promise + 2 * raw.beat;
    assert!(took <= bound, "proven after {took:?}, the bound is {bound:?}");
    held(&world);
}

#[test]
fn an_isolated_node_bites_itself_and_the_others_fence_it() {
    let mut world = three();
    world.set_bmc(node(1), Bmc::Works { off_latency: Duration::from_secs(3) });
    world.network.isolate(node(1), &[node(2), node(3)]);
    let bitten = world
        .run_until(ms(1_700), |fact| matches!(fact, Fact::Bitten { node: who } if *who == node(1)));
    assert!(bitten.is_some(), "its watchdog bit within P");
    world.run_for(SETTLE);
    assert_eq!(cuts(&world)[1..], [0, 0]);
    held(&world);
}

#[test]
fn a_frozen_agent_is_ended_by_its_watchdog_and_proven_so() {
    let mut world = three();
    world.set_bmc(node(1), Bmc::Dead);
    world.freeze_agent(node(1));
    world
        .run_until(SETTLE, |fact| matches!(fact, Fact::Bitten { node: who } if *who == node(1)))
        .expect("the watchdog bites");
    world
        .run_until(SETTLE, |fact| matches!(fact, Fact::Proven { target, .. } if *target == node(1)))
        .expect("its death is proven");
    world.run_for(Duration::from_secs(20));
    assert!(world.is_running(node(1)));
    held(&world);
}

#[test]
fn one_broken_link_of_two_fences_nobody_and_is_named() {
    let mut world = three();
    let link = LinkId::new(1).expect("there are two links");
    world.network.cut(node(1), node(2), link);
    world.network.cut(node(1), node(3), link);
    world.run_for(Duration::from_secs(30));
    held(&world);
    assert_eq!(cuts(&world), [0, 0, 0]);
    assert!(told(
        &world,
        |news| matches!(news, News::LinkLost { link: lost, .. } if *lost == link)
    ));
}

#[test]
fn any_one_directed_pair_cut_on_both_links_fences_nobody() {
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)] {
        let mut world = three();
        for link in (0..2).filter_map(LinkId::new) {
            world.network.cut_one_way(node(from), node(to), link);
        }
        world.run_for(Duration::from_secs(30));
        assert_eq!(cuts(&world), [0, 0, 0], "{from} to {to}: {:#?}", world.facts());
        held(&world);
    }
}

#[test]
fn any_one_pair_cut_on_both_links_fences_nobody() {
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        let mut world = three();
        world.network.isolate(node(one), &[node(other)]);
        world.run_for(Duration::from_secs(30));
        assert_eq!(cuts(&world), [0, 0, 0], "{one} and {other}: {:#?}", world.facts());
        held(&world);
    }
}

#[test]
fn a_fifth_of_all_datagrams_lost_fences_nobody() {
    for seed in 0..5 {
        let mut world = World::new(3, 3, seed);
        world.run_for(SETTLE);
        world.network.lose(200);
        world.run_for(Duration::from_secs(60));
        assert_eq!(cuts(&world), [0, 0, 0], "seed {seed}");
        held(&world);
    }
}

#[test]
fn a_restarted_fencer_fences_nobody_and_grants_again() {
    for memory_kept in [true, false] {
        let mut world = three();
        world.kill_fencer(node(2));
        world.run_for(ms(500));
        world.start_fencer(node(2), memory_kept);
        world.run_for(Duration::from_secs(10));
        assert_eq!(cuts(&world), [0, 0, 0], "memory kept: {memory_kept}");
        let bitten = world.facts().iter().any(|(_, fact)| matches!(fact, Fact::Bitten { .. }));
        assert!(!bitten, "memory kept: {memory_kept}");
        held(&world);
    }
}

#[test]
fn a_failed_service_is_taken_over_from_a_live_node() {
    let mut world = World::new(3, 3, 1);
    world.set_service(node(1), Some(Answer::Running));
    world.run_for(SETTLE);
    world.set_service(node(1), Some(Answer::Failed(FailKind::Error)));
    world
        .run_until(SETTLE, |fact| is_fenced(fact, node(2), node(1), ProofKind::PowerOff))
        .expect("the node that asked for it is fenced");
    assert!(told(&world, |news| matches!(news, News::Ordered { .. })));
    held(&world);
}

#[test]
fn a_bmc_that_acknowledges_and_ignores_off_proves_nothing() {
    let mut world = three();
    world.set_bmc(node(1), Bmc::Ignores);
    world.network.isolate(node(1), &[node(2), node(3)]);
    world.run_for(ms(1_400));
    let proven = |fact: &Fact| matches!(fact, Fact::Proven { target, .. } if *target == node(1));
    assert!(!world.facts().iter().any(|(_, fact)| proven(fact)));
    world.run_until(SETTLE, proven).expect("its lease proves it");
    held(&world);
}

#[test]
fn a_dead_shooter_is_replaced_by_the_next_in_rank() {
    let mut world = three();
    let world = &mut world;
    world.set_bmc(node(3), Bmc::Works { off_latency: ms(800) });
    world.kill(node(3));
    world
        .run_until(SETTLE, |fact| matches!(fact, Fact::Commanded { .. }))
        .expect("somebody shoots");
    world.kill_fencer(node(1));
    world.run_for(ms(300));
    world.start_fencer(node(1), true);
    world
        .run_until(Duration::from_secs(20), |fact| {
            matches!(fact, Fact::Proven { by, target, .. } if *by == node(2) && *target == node(3))
        })
        .expect("the case is finished by whoever is left");
    held(world);
}

#[test]
fn an_operator_ends_a_live_node_and_it_is_not_admitted_before_it_is_dead() {
    let mut world = three();
    world.operator(node(2), Input::Order { target: node(1) });
    world
        .run_until(SETTLE, |fact| is_fenced(fact, node(2), node(1), ProofKind::PowerOff))
        .expect("the order is carried out");
    world.run_for(SETTLE);
    assert!(told(&world, |news| matches!(news, News::Admitted { rejoined: true, .. })));
    held(&world);
}

#[test]
fn nobody_shoots_the_machine_it_runs_on() {
    let mut world = three();
    world.operator(node(1), Input::Order { target: node(1) });
    world.run_for(SETTLE);
    assert_eq!(cuts(&world), [0, 0, 0]);
    assert!(told(&world, |news| matches!(news, News::OrderRefused { .. })));
}

#[test]
fn a_human_confirms_a_node_that_nothing_else_can_prove_dead() {
    let mut world = World::new(3, 3, 1);
    world.run_for(SETTLE);
    world.set_bmc(node(1), Bmc::Dead);
    world.kill(node(1));
    world.run_until(SETTLE, |fact| {
        matches!(fact, Fact::Fencer { news: News::Warranted { .. }, .. })
    });
    world.operator(node(2), Input::Confirm { target: node(1) });
    let proven = |fact: &Fact| is_fenced(fact, node(2), node(1), ProofKind::Operator);
    assert!(
        world.facts().iter().any(|(_, fact)| proven(fact)),
        "a majority has condemned it, and a human has looked"
    );
    held(&world);
}

#[test]
fn a_node_that_leaves_is_not_fenced() {
    let mut world = three();
    world.leave(node(3));
    world
        .run_until(ms(200), |fact| matches!(fact, Fact::Agent { news: AgentNews::Left, .. }))
        .expect("a majority notes it");
    world.run_for(Duration::from_secs(30));
    assert_eq!(cuts(&world), [0, 0, 0]);
    assert!(!told(&world, |news| matches!(news, News::Suspected { .. })));
    held(&world);
}

#[test]
fn a_fenced_node_that_will_not_stay_up_is_left_off_after_three_times() {
    let mut world = three();
    for round in 0..3 {
        world.kill(node(1));
        world.run_for(Duration::from_secs(12));
        assert!(world.is_running(node(1)), "round {round}: {:#?}", world.facts().last());
    }
    world.kill(node(1));
    world.run_for(Duration::from_secs(12));
    assert!(!world.is_running(node(1)));
    assert!(told(&world, |news| matches!(news, News::Alarm(Alarm::FenceLoop { .. }))));
    held(&world);
}

#[test]
fn a_node_isolated_for_a_moment_is_admitted_again() {
    let mut world = three();
    world.network.isolate(node(1), &[node(2), node(3)]);
    world.run_for(ms(250));
    world.network.heal();
    world.run_for(Duration::from_secs(10));
    assert_eq!(cuts(&world), [0, 0, 0]);
    held(&world);
}

#[test]
fn a_whole_cluster_that_reboots_at_once_comes_back() {
    let mut world = three();
    for id in 1..=3 {
        world.kill(node(id));
    }
    world.run_for(Duration::from_secs(2));
    let mut world = World::new(3, 3, 7);
    world.run_for(SETTLE);
    world.run_for(Duration::from_secs(20));
    let withheld = |fact: &Fact| {
        matches!(
            fact,
            Fact::Agent { news: AgentNews::Withheld { why: Withheld::Condemned, .. }, .. }
        )
    };
    assert!(!world.facts().iter().any(|(_, fact)| withheld(fact)));
    held(&world);
}

#[test]
fn a_node_between_two_sides_decides_for_neither_too_early() {
    let sides: [(u8, [NodeId; 2]); 3] =
        [(1, [node(2), node(3)]), (2, [node(1), node(3)]), (3, [node(1), node(2)])];
    for (alone, others) in sides {
        let mut world = three();
        world.network.isolate(node(alone), &others);
        world
            .run_until(
                SETTLE,
                |fact| matches!(fact, Fact::Proven { target, .. } if *target == node(alone)),
            )
            .expect("the majority decides");
        held(&world);
        for other in others {
            assert_eq!(world.power_cuts(other), 0);
        }
    }
}
