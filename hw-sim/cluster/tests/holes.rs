//! Faults that come together, as stories of whole clusters: what one voter missed must hurt nobody.
#![allow(missing_docs, reason = "a test's name says what it is")]

use palisade_fencer_core::news::News;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;
use palisade_protocol::wire::ProofKind;
use palisade_sim::world::{Fact, Verdict, World, is_fenced, links, node};

const SETTLE: Duration = Duration::from_secs(6);

/// A cluster whose nodes all have agent and fencer, up and admitted.
fn up(nodes: u8, seed: u64) -> World {
    let mut world = World::new(nodes, nodes, seed);
    world.run_for(SETTLE);
    held(&world);
    world
}

fn held(world: &World) {
    assert_eq!(*world.verdict(), Verdict::Held, "facts: {:#?}", world.facts());
}

fn cut(world: &mut World, one: u8, other: u8) {
    for link in links() {
        world.network.cut(node(one), node(other), link);
    }
}

fn told(world: &World, news: impl Fn(&News) -> bool) -> usize {
    let is = |fact: &Fact| matches!(fact, Fact::Fencer { news: told, .. } if news(told));
    world.facts().iter().filter(|(_, fact)| is(fact)).count()
}

#[test]
fn a_node_that_leaves_unheard_by_one_voter_is_not_shot_for_its_silence() {
    let mut world = up(3, 1);
    cut(&mut world, 2, 3);
    world.run_for(Duration::from_secs(1));
    world.leave(node(2));
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.power_cuts(node(2)), 0);
    assert_eq!(told(&world, |news| matches!(news, News::Warranted { .. })), 0);
    world.network.heal();
    world.run_for(SETTLE);
    assert_eq!(told(&world, |news| matches!(news, News::Warranted { .. })), 0);
    assert!(told(&world, |news| *news == News::Cleared { target: node(2) }) > 0);
    held(&world);
}

#[test]
fn a_life_that_followed_unheard_is_not_shot_under_the_name_of_the_former_one() {
    for seed in 1..=8 {
        let mut world = up(3, seed);
        cut(&mut world, 2, 3);
        world.run_for(Duration::from_secs(1));
        world.reboot(node(2));
        world.run_for(SETTLE * 2);
        cut(&mut world, 1, 2);
        world.run_for(SETTLE);
        held(&world);
        let fenced = |by: u8| {
            let facts = world.facts().iter();
            facts
                .filter(|(_, fact)| is_fenced(fact, node(by), node(2), ProofKind::PowerOff))
                .count()
        };
        assert!(fenced(1) + fenced(3) > 0, "the life that is lost is fenced all the same");
    }
}

#[test]
fn broken_links_between_healthy_nodes_keep_nobody_from_fencing_a_dead_one() {
    let mut world = up(5, 1);
    cut(&mut world, 1, 2);
    cut(&mut world, 3, 4);
    world.run_for(Duration::from_secs(1));
    assert_eq!(told(&world, |news| matches!(news, News::Suspected { .. })), 4);
    world.kill(node(5));
    let anybody = |fact: &Fact| {
        let by = |id: u8| is_fenced(fact, node(id), node(5), ProofKind::PowerOff);
        (1..=4).any(by)
    };
    world.run_until(Duration::from_secs(1), anybody).expect("it is proven off in time");
    held(&world);
    let healthy: Vec<NodeId> = (1..=4).map(node).collect();
    assert!(healthy.iter().all(|id| world.power_cuts(*id) == 0));
}
