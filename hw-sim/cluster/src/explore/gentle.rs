//! Faults under which nobody may be fenced: one family of them in a run.

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;

use super::spans::Spans;
use crate::world::{Chance, Fact, Shape, World};

/// Beats within a suspicion from which on a lossy link is told as often as not to be fine.
const BEATS_MANY: u128 = 5;

/// Families of gentle faults.
const KINDS: u64 = 8;

/// Does one family of gentle faults to `world`; which, in words, and who was fenced or bitten.
pub(super) fn strike(world: &mut World, chance: &mut Chance) -> (String, Option<String>) {
    let seen = world.facts().len();
    let nodes: Vec<_> = world.shape().nodes().collect();
    let what = begin(world, chance, &nodes);
    world.struck(what.clone());
    world.run_for(Spans::of(world.shape()).gentle());
    let fresh = world.facts().get(seen..).unwrap_or_default();
    let hurt = fresh.iter().map(|(_, fact)| fact).find(|fact| is_harm(fact));
    (what, hurt.map(|fact| format!("nobody may be fenced, and {fact}")))
}

fn begin(world: &mut World, chance: &mut Chance, nodes: &[NodeId]) -> String {
    match chance.below(KINDS) {
        0 if world.shape().links > 1 => one_link(world, chance, nodes),
        0 | 1 => loss(world, chance),
        2 => voter(world, chance),
        3 => adversary(world),
        4 => pair(world, chance, nodes),
        5 => agent(world, chance),
        6 => rolling(world),
        _ => upgrade(world),
    }
}

fn one_link(world: &mut World, chance: &mut Chance, nodes: &[NodeId]) -> String {
    let Some(link) = chance.pick(&world.shape().link_ids().collect::<Vec<_>>()) else {
        return String::new();
    };
    for one in nodes {
        nodes.iter().for_each(|other| world.network.cut(*one, *other, link));
    }
    format!("one link fails everywhere: {link:?}")
}

fn loss(world: &mut World, chance: &mut Chance) -> String {
    let permille = chance.below(loss_max(world.shape()));
    world.network.lose(permille);
    world.network.double(permille);
    let (rtt, flight) = (world.shape().raw.rtt, world.shape().flight);
    world.network.delay((rtt * 23 / 50).saturating_sub(flight));
    format!("{permille} in a thousand datagrams are lost, and as many doubled")
}

fn voter(world: &mut World, chance: &mut Chance) -> String {
    let voters: Vec<_> = world.shape().voter_nodes().collect();
    let Some(voter) = chance.pick(&voters) else { return String::new() };
    let kept = chance.below(2) == 0;
    let lasts = Spans::of(world.shape()).gentle();
    world.restart_fencer(voter, chance.span(lasts), kept);
    format!("the fencer of {voter} restarts, memory kept: {kept}")
}

fn adversary(world: &mut World) -> String {
    world.record(true);
    world.network.corrupt(50.min(loss_max(world.shape())));
    world.replay(1_000);
    "an adversary plays back what it heard, and some bits are turned".to_owned()
}

fn pair(world: &mut World, chance: &mut Chance, nodes: &[NodeId]) -> String {
    let (Some(one), Some(other)) = (chance.pick(nodes), chance.pick(nodes)) else {
        return String::new();
    };
    world.network.isolate(one, &[other]);
    format!("{one} and {other} do not hear each other")
}

fn agent(world: &mut World, chance: &mut Chance) -> String {
    let members: Vec<_> = world.shape().member_nodes().collect();
    let Some(member) = chance.pick(&members) else { return String::new() };
    let unmissed = Spans::of(world.shape()).unmissed();
    world.restart_agent(member, chance.span(unmissed));
    format!("the agent of {member} restarts")
}

fn rolling(world: &mut World) -> String {
    let voters: Vec<_> = world.shape().voter_nodes().collect();
    for voter in voters {
        world.restart_fencer(voter, Duration::from_millis(300), true);
        world.run_for(Spans::of(world.shape()).between_upgrades());
    }
    "all fencers restart, one after the other".to_owned()
}

fn upgrade(world: &mut World) -> String {
    let spans = Spans::of(world.shape());
    for node in world.shape().nodes().collect::<Vec<_>>() {
        world.upgrade(node, spans.unmissed() / 2);
        world.run_for(spans.between_upgrades());
    }
    "all daemons are replaced by the next version's, one node after the other".to_owned()
}

/// Loss in a thousand datagrams that a cluster still bears: that two voters of three hear nothing
/// of a healthy node for a whole suspicion happens less than once in a million million times.
///
/// A beat and its answer are both lost with 2·p^links; a suspicion is `k` beats, of two voters:
/// (2·p^links)^2k ≤ 10⁻¹².
fn loss_max(shape: &Shape) -> u64 {
    let beats = shape.raw.suspect_after.as_nanos() / shape.raw.beat.as_nanos().max(1);
    match (shape.links, beats >= BEATS_MANY) {
        (1, false) => 5,
        (1, true) => 30,
        (2, false) => 70,
        (_, _) => 150,
    }
}

const fn is_harm(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::PoweredOff { .. }
            | Fact::Bitten { .. }
            | Fact::FencedSelf { .. }
            | Fact::Commanded { .. }
    )
}
