//! How the agent stands, as one JSON value.
//!
//! Reads, formats, changes nothing. Times are milliseconds, absent when there is none.

use palisade_agent_core::{AgentCore, Phase, VoterView};
use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::timing::Timing;
use serde_json::{Value, json};

use crate::mail::Mail;
use crate::petting::Petting;
use crate::telling::Telling;

/// What a status is made of.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) now: Instant,
    pub(crate) about: &'a About,
    pub(crate) core: &'a AgentCore,
    pub(crate) petting: &'a Petting,
    pub(crate) mail: &'a Mail,
    pub(crate) telling: &'a Telling,
    pub(crate) wakeups: u64,
}

/// What does not change while the agent runs.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) cluster: String,
    pub(crate) node: String,
    pub(crate) boot: String,
    pub(crate) started_at: Instant,
    pub(crate) timing: Timing,
    pub(crate) links: Vec<String>,
    pub(crate) voters: Vec<(NodeId, String)>,
    pub(crate) fire: Duration,
    pub(crate) certified: bool,
}

/// The answer to `status`.
pub(crate) fn status(parts: &Parts<'_>) -> Value {
    let Parts { now, about, core, .. } = *parts;
    let lease_ends = core.lease_from().map(|from| from + about.timing.lease());
    json!({
        "answer": "status",
        "cluster": about.cluster,
        "node": about.node,
        "boot": about.boot,
        "at_ns": now.as_nanos(),
        "running_ms": ms(now.since(about.started_at)),
        "phase": phase(core.phase()),
        "health": format!("{:?}", core.verdict()).to_lowercase(),
        "lease_left_ms": lease_ends.map(|end| ms(now.until(end))),
        "dog": dog(parts),
        "pets": parts.petting.counts().pets,
        "wakeups": parts.wakeups,
        "slack_min_ms": core.slack_min().map(fine_ms),
        "lines_dropped": parts.telling.dropped(),
        "links": links(parts),
        "not_opened": not_opened(parts),
        "voters": core.voters().map(|view| voter(parts, &view)).collect::<Vec<_>>(),
    })
}

fn dog(parts: &Parts<'_>) -> Value {
    let (dog, counts) = (parts.petting.dog(), parts.petting.counts());
    json!({
        "name": dog.name(),
        "armed": dog.is_armed(),
        "class": format!("{:?}", dog.class()).to_lowercase(),
        "certified": parts.about.certified,
        "timeout_ms": ms(dog.timeout()),
        "fire_ms": ms(parts.about.fire),
        "refused": parts.petting.refused().map(ToString::to_string),
        "refusals": counts.refusals,
        "failures": counts.failures,
        "pet_longest_ms": fine_ms(counts.longest),
        "stall_max_ms": ms(parts.about.timing.raw().stall),
    })
}

fn links(parts: &Parts<'_>) -> Vec<Value> {
    let named = parts.mail.ids().iter().zip(&parts.about.links);
    let described = named.map(|(link, name)| {
        let counts = parts.mail.links().counts(*link);
        json!({
            "name": name,
            "sent": counts.sent,
            "send_errors": counts.send_errors,
            "received": counts.received,
            "receive_errors": counts.receive_errors,
            "wrong_hops": counts.wrong_hops,
        })
    });
    described.collect()
}

/// Datagrams that were nobody's: noise, other clusters, forgeries.
fn not_opened(parts: &Parts<'_>) -> Value {
    let dropped = parts.mail.dropped();
    json!({
        "malformed": dropped.malformed,
        "other_cluster": dropped.other_cluster,
        "misdelivered": dropped.misdelivered,
        "stranger": dropped.stranger,
        "forged": dropped.forged,
        "bad_body": dropped.bad_body,
    })
}

fn voter(parts: &Parts<'_>, voter: &VoterView<'_>) -> Value {
    let names = &parts.about.voters;
    let name = names.iter().find(|(id, _)| *id == voter.id).map(|(_, name)| name);
    let heard: Vec<_> =
        parts.mail.ids().iter().map(|link| heard(parts.now, voter, *link)).collect();
    json!({
        "name": name,
        "granted_ms": voter.granted_at.map(|at| ms(parts.now.since(at))),
        "withheld": voter.withheld.map(|why| format!("{why:?}")),
        "heard": heard,
    })
}

fn heard(now: Instant, voter: &VoterView<'_>, link: LinkId) -> Value {
    let stats = voter.links.of(link);
    json!({
        "last_ms": stats.heard_at.map(|at| ms(now.since(at))),
        "loss_permille": stats.loss_permille,
    })
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Serving => "serving",
        Phase::Leaving => "leaving",
        Phase::Left => "left",
        Phase::FencingSelf => "fencing_self",
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// With microseconds, where a millisecond is much.
fn fine_ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
