//! The agent's real rules, asked for how long they let it pet.

use palisade_agent_core::{AgentConfig, AgentCore, DogConfig, Input};
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Seq, Start};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Body, DogClass, Echo, Frame, Grant};

use crate::numbers::{Case, longest};

const START: Instant = Instant::from_millis(5_000);
const ME: Start = Start::new(7);

/// How old, in nanoseconds, the granted renewal of one voter of one may be for a pet.
pub(crate) fn oldest_petted_on(case: &Case) -> Duration {
    let mut agent = AgentCore::new(config(case), START);
    let posts = agent.handle(START, Input::Tick).posts;
    let renewal = posts.iter().find(|post| matches!(post.body, Body::Renew(_))).expect("it renews");
    // The answer comes later than the renewal was sent; that must not count.
    drop(agent.handle(START + case.raw.rtt, Input::Heard(grant(renewal.seq))));
    longest(case.raw.promise * 2, |age| agent.pet_decision(START + age).is_ok())
}

fn grant(renewal: Seq) -> Frame {
    Frame {
        src: Peer::voter(node(2)),
        link: LinkId::new(0).expect("a link"),
        boot: BootId(2),
        start: Start::new(2),
        seq: Seq(1),
        echo: Some(Echo { start: ME, seq: renewal }),
        body: Body::Grant(Grant { fenceable: true, heard_links: 1 }),
    }
}

fn config(case: &Case) -> AgentConfig {
    let (class, fire) = (DogClass::Physical, case.fire);
    AgentConfig {
        me: node(1),
        boot: BootId(1),
        start: ME,
        voters: [node(2)].into_iter().collect(),
        timing: case.timing(),
        dog: DogConfig { class, certified: true, timeout: fire, fire, runs: true },
        check: None,
        digest: 0,
    }
}

fn node(id: u8) -> NodeId {
    NodeId::new(id).expect("a node")
}
