//! Faults under which nobody may be fenced: one family of them in a run.

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;

use crate::world::{Chance, Fact, World, links};

/// Longest that gentle faults last.
const LASTS: Duration = Duration::from_secs(8);

/// Loss on every link that two links, and six beats, still carry.
const LOSS_MAX: u64 = 150;

/// Does one family of gentle faults to `world`; which, in words, and who was fenced or bitten.
pub(super) fn strike(world: &mut World, chance: &mut Chance) -> (String, Option<String>) {
    let seen = world.facts().len();
    let nodes: Vec<_> = world.shape().nodes().collect();
    let what = begin(world, chance, &nodes);
    world.struck(what.clone());
    world.run_for(LASTS);
    let fresh = world.facts().get(seen..).unwrap_or_default();
    let hurt = fresh.iter().map(|(_, fact)| fact).find(|fact| is_harm(fact));
    (what, hurt.map(|fact| format!("nobody may be fenced, and {fact}")))
}

fn begin(world: &mut World, chance: &mut Chance, nodes: &[NodeId]) -> String {
    match chance.below(7) {
        0 => one_link(world, chance, nodes),
        1 => loss(world, chance),
        2 => voter(world, chance),
        3 => adversary(world),
        4 => pair(world, chance, nodes),
        5 => agent(world, chance),
        _ => rolling(world),
    }
}

fn one_link(world: &mut World, chance: &mut Chance, nodes: &[NodeId]) -> String {
    let Some(link) = chance.pick(&links().collect::<Vec<_>>()) else { return String::new() };
    for one in nodes {
        nodes.iter().for_each(|other| world.network.cut(*one, *other, link));
    }
    format!("one link of two fails everywhere: {link:?}")
}

fn loss(world: &mut World, chance: &mut Chance) -> String {
    let permille = chance.below(LOSS_MAX);
    world.network.lose(permille);
    world.network.double(permille);
    world.network.delay(Duration::from_millis(2));
    format!("{permille} in a thousand datagrams are lost, and as many doubled")
}

fn voter(world: &mut World, chance: &mut Chance) -> String {
    let voters: Vec<_> = world.shape().voter_nodes().collect();
    let Some(voter) = chance.pick(&voters) else { return String::new() };
    let kept = chance.below(2) == 0;
    world.restart_fencer(voter, chance.span(LASTS), kept);
    format!("the fencer of {voter} restarts, memory kept: {kept}")
}

fn adversary(world: &mut World) -> String {
    world.record(true);
    world.network.corrupt(50);
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
    world.restart_agent(member, chance.span(Duration::from_millis(100)));
    format!("the agent of {member} restarts")
}

fn rolling(world: &mut World) -> String {
    let voters: Vec<_> = world.shape().voter_nodes().collect();
    for voter in voters {
        world.restart_fencer(voter, Duration::from_millis(300), true);
        world.run_for(Duration::from_secs(4));
    }
    "all fencers restart, one after the other".to_owned()
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
