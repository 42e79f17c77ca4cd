//! Records of runs, made by hand, for tests of judge, JSON and pictures.

use super::event::{Mark, What, Witness};
use super::node::Node;
use super::run::{Outcome, Run};
use super::scenario::{Cast, Scenario};
use super::truth::{Command, Order, Truth};
use palisade_protocol::time::{Duration, Instant};

const FAULT_MS: u64 = 10_000;

/// The instant so many milliseconds after the fault.
pub(super) fn at(after_ms: i64) -> Instant {
    Instant::from_millis(FAULT_MS.checked_add_signed(after_ms).unwrap())
}

/// A good run of `kill`.
pub(super) fn kill() -> Run {
    Run {
        scenario: Scenario::named("kill").unwrap(),
        cast: Cast { victim: Node::OWNER, link: 0, delay: Duration::ZERO },
        seed: 7,
        fault_at: Some(at(0)),
        ended_at: at(3_900),
        outcome: Outcome::Reached,
        marks: marks(),
        truth: truth(),
        replayed: 40,
    }
}

fn marks() -> Vec<Mark> {
    let owner = [
        (-2_000, What::Started, "agent"),
        (0, What::Fault, "every process dies; the BMC lives"),
        (306, What::Suspected, "node2's fencer: heard nothing for 300 ms"),
        (307, What::Suspected, "node3's fencer: heard nothing for 300 ms"),
        (311, What::Warrant, "node2's fencer: 2 of 3 agreed"),
        (318, What::OffSent, "node2's fencer"),
        (790, What::OffVerified, "node2's fencer: read off twice"),
        (791, What::Fenced, "node2's fencer: PowerOff"),
        (2_795, What::OnSent, "node2's fencer"),
        (2_930, What::OnVerified, "node2's fencer"),
        (3_700, What::Started, "agent"),
    ];
    let mut marks: Vec<_> =
        owner.map(|(ms, what, detail)| Mark::seen(at(ms), Node::OWNER, what, detail)).into();
    marks.push(Mark::seen(at(799), Node::STANDBY, What::Promoted, "the hook started it"));
    for (ms, voter) in [(-500, 1), (-499, 2), (3_850, 1), (3_851, 2)] {
        let witness = Witness::Fencer(Node::ALL[voter]);
        let mark = Mark::seen(at(ms), Node::OWNER, What::Admitted, "boot 1");
        marks.push(Mark { witness, ..mark });
    }
    marks.sort_by_key(|mark| mark.at);
    marks
}

fn truth() -> Truth {
    let mut truth = Truth::default();
    for node in Node::ALL {
        truth.lives.begin(node, at(-3_000));
    }
    truth.services.begin(Node::OWNER, at(-400));
    truth.end_life(Node::OWNER, at(0), "crash");
    truth.scripted_ends.push((Node::OWNER, at(0)));
    truth.commands.push(Command { at: at(319), node: Node::OWNER, order: Order::Off });
    truth.services.begin(Node::STANDBY, at(799));
    truth.commands.push(Command { at: at(2_797), node: Node::OWNER, order: Order::On });
    truth.lives.begin(Node::OWNER, at(3_600));
    truth
}
