//! The machines, links and timing of a run. Small worlds are the common case.

use palisade_protocol::time::Duration;

use super::options::Options;
use super::profile::Profile;
use crate::world::{Chance, Shape};

/// What the world of `seed` is made of; its timing and its links come
/// from `aside`.
pub(super) fn shape(
    seed: u64,
    options: Options,
    (profile, aside): (Profile, &mut Chance),
    chance: &mut Chance,
) -> Shape {
    let members = chance.pick(&[2, 2, 3, 3, 3, 4, 5]).unwrap_or(3);
    let voters = chance.pick(&[3, 3, 3, 5]).unwrap_or(3);
    let members = options.nodes.unwrap_or(members);
    let mut shape = Shape::plain(members, options.voters.unwrap_or(voters), seed);
    draw_aside(&mut shape, profile, aside);
    shape.drift_ppm = chance.pick(&[0, 500, 500]).unwrap_or(0);
    shape.has_service = true;
    shape.disks_known = chance.below(4) > 0;
    shape.self_fence = chance.span(shape.raw.stall);
    shape.boot = Duration::from_millis(chance.pick(&[800, 800, 3_000]).unwrap_or(800));
    shape.fences_per_hour_max = u8::MAX;
    if chance.below(3) == 0 {
        shape.virtual_nodes = shape.nodes().filter(|_| chance.below(2) == 0).collect();
    }
    shape
}

fn draw_aside(shape: &mut Shape, profile: Profile, aside: &mut Chance) {
    (shape.raw, shape.fire) = profile.numbers(aside);
    shape.links = aside.pick(&[1, 1, 1, 1, 2, 2, 2, 3]).unwrap_or(2);
    shape.flight = aside.pick(&[shape.flight, shape.raw.rtt / 2]).unwrap_or(shape.flight);
}
