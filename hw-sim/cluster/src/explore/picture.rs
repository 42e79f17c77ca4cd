//! The timeline of a replayed run as an SVG picture: one lane a machine, its life as a bar, what
//! happened as labelled ticks. Draws what was noted; judges nothing.

use std::fmt::Write as _;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;

use crate::world::{Fact, World};

const WIDTH: f64 = 1_600.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 40.0;
const LANE: f64 = 150.0;
const BAR: f64 = 14.0;
const ROWS: usize = 9;

/// The picture of `world`, which was drawn from `seed`.
pub(super) fn svg(world: &World, seed: u64) -> String {
    let nodes: Vec<_> = world.shape().nodes().collect();
    let lanes = u32::try_from(nodes.len() + 1).unwrap_or(1);
    let height = TOP + f64::from(lanes) * LANE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"10\"><text x=\"8\" y=\"20\" font-size=\"14\">\
         seed {seed}: {:?} of virtual time</text>\n",
        world.now().since(Instant::BOOT)
    );
    out.push_str(&lane(world, 0, None));
    for (place, node) in (1..).zip(nodes) {
        out.push_str(&lane(world, place, Some(node)));
    }
    out.push_str("</svg>\n");
    out
}

fn lane(world: &World, place: u32, node: Option<NodeId>) -> String {
    let y = TOP + f64::from(place) * LANE;
    let name = node.map_or_else(|| "faults".to_owned(), |node| node.to_string());
    let mut out = format!("<text x=\"8\" y=\"{:.1}\">{name}</text>\n", y + BAR);
    if let Some(node) = node {
        for (from, to) in lives(world, node) {
            let (x, end) = (x(world, from), x(world, to));
            let width = (end - x).max(1.0);
            add(
                &mut out,
                &format!(
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"#8fbc8f\"/>"
                ),
            );
        }
    }
    let told = world.facts().iter().filter(|(_, fact)| is_of(fact, node));
    for (row, (at, fact)) in told.enumerate() {
        let (x, below) = (x(world, *at), y + BAR + 12.0 * f64::from(row_of(row)));
        let text = escaped(&fact.to_string());
        add(
            &mut out,
            &format!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{below:.1}\" stroke=\"#999\"/>\
             <text x=\"{x:.1}\" y=\"{below:.1}\">{text}</text>"
            ),
        );
    }
    out
}

fn row_of(row: usize) -> u32 {
    u32::try_from(row % ROWS + 1).unwrap_or(1)
}

/// From each boot to the end that followed.
fn lives(world: &World, node: NodeId) -> Vec<(Instant, Instant)> {
    let mut lives = Vec::new();
    let mut since = None;
    for (at, fact) in world.facts() {
        let ends = match fact {
            Fact::Booted { node: who, .. } if *who == node => {
                since = Some(*at);
                false
            }
            Fact::PoweredOff { node: who } | Fact::Bitten { node: who } => *who == node,
            Fact::FencedSelf { node: who, .. } => *who == node,
            Fact::Booted { .. }
            | Fact::Agent { .. }
            | Fact::Fencer { .. }
            | Fact::Proven { .. }
            | Fact::Commanded { .. }
            | Fact::Promoted { .. }
            | Fact::Struck { .. } => false,
        };
        lives.extend(since.take_if(|_| ends).map(|since| (since, *at)));
    }
    lives.extend(since.map(|since| (since, world.now())));
    lives
}

fn is_of(fact: &Fact, lane: Option<NodeId>) -> bool {
    let whose = match fact {
        Fact::Struck { .. } => None,
        Fact::Proven { by, .. } | Fact::Commanded { by, .. } => Some(*by),
        Fact::PoweredOff { node }
        | Fact::Bitten { node }
        | Fact::FencedSelf { node, .. }
        | Fact::Promoted { node } => Some(*node),
        Fact::Agent { .. } | Fact::Fencer { .. } | Fact::Booted { .. } => return false,
    };
    whose == lane
}

fn x(world: &World, at: Instant) -> f64 {
    let share =
        at.since(Instant::BOOT).as_secs_f64() / world.now().since(Instant::BOOT).as_secs_f64();
    LEFT + (WIDTH - LEFT - 160.0) * share
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn add(out: &mut String, text: &str) {
    let written = writeln!(out, "{text}");
    assert!(written.is_ok(), "a string takes every line");
}
