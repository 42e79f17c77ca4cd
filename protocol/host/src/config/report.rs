//! What `palisade check-config` prints: the sums that keep the cluster safe, with their numbers.

use std::fmt::{self, Write};

use palisade_protocol::time::Duration;
use palisade_protocol::timing::{Rule, Timing, TimingRaw};

use super::cluster::Cluster;
use super::node::{Node, Watchdog};
use super::timing::slowest;

/// The derived promise and, for each member, the lease inequality with its numbers; then the other
/// inequalities. Ends with a line end.
pub fn report(cluster: &Cluster) -> String {
    let mut text = String::new();
    let written = write_all(&mut text, cluster);
    assert!(written.is_ok(), "a String takes all that is written to it");
    text
}

fn write_all(out: &mut String, cluster: &Cluster) -> fmt::Result {
    head(out, cluster)?;
    writeln!(out, "\nlease: P(1−2ρ) ≥ suspect_after + RTT + W + σ + margin")?;
    for node in cluster.members() {
        lease(out, cluster.timing.raw(), node)?;
    }
    writeln!(out, "\nalso:")?;
    let others = Timing::inequalities(cluster.timing.raw(), cluster.fire_worst());
    for inequality in others.iter().filter(|it| it.rule != Rule::LeaseFeasible) {
        writeln!(out, "  {inequality}")?;
    }
    Ok(())
}

fn head(out: &mut String, cluster: &Cluster) -> fmt::Result {
    let raw = cluster.timing.raw();
    let (voters, members) = (cluster.voters().count(), cluster.members().count());
    writeln!(
        out,
        "cluster {}: {members} members, {voters} voters (majority {}), {} links, profile {}",
        cluster.name,
        cluster.majority(),
        cluster.links.len(),
        cluster.profile.name()
    )?;
    let least = raw.smallest_promise(cluster.fire_worst());
    let whose = slowest(&cluster.nodes).map_or("nobody", |(node, _fire)| node.name.as_str());
    writeln!(
        out,
        "promise P = {} (smallest feasible {}, set by {whose}), drift ρ = {} ppm",
        Millis(raw.promise),
        Millis(least),
        raw.drift_ppm
    )
}

fn lease(out: &mut String, raw: &TimingRaw, node: &Node) -> fmt::Result {
    let Some(dog) = &node.watchdog else { return Ok(()) };
    let fire = dog.fire_worst();
    for inequality in Timing::inequalities(raw, fire) {
        if inequality.rule == Rule::LeaseFeasible {
            let terms = [raw.suspect_after, raw.rtt, fire, raw.stall, raw.margin];
            let sum = terms.map(|term| Bare(term).to_string()).join(" + ");
            writeln!(
                out,
                "  {}: {} = P(1−2ρ) ≥ {sum} = {}  (slack {}; W {})",
                node.name,
                Millis(inequality.have),
                Millis(inequality.need),
                Millis(inequality.slack()),
                origin(dog)
            )?;
        }
    }
    Ok(())
}

/// Where `W` comes from.
fn origin(dog: &Watchdog) -> &'static str {
    match (dog.fire_measured, dog.certified) {
        (Some(_), true) => "measured, certified",
        (Some(_), false) => "measured, not certified",
        (None, _) => "not measured: 2 × timeout + 1 s",
    }
}

/// A duration in milliseconds, with as many decimals as it has, up to three.
struct Bare(Duration);

impl fmt::Display for Bare {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let text = format!("{}.{:03}", micros / 1_000, micros % 1_000);
        out.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// [`Bare`] with its unit.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ms", Bare(self.0))
    }
}
