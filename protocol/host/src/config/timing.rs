//! `[timing]`: the profile's numbers, overridden one by one, then judged by the inequalities.

use palisade_protocol::time::Duration;
use palisade_protocol::timing::{Inequality, Rule, Timing, TimingRaw};

use super::node::{Node, Watchdog};
use super::section::{Section, Sheet};
use super::settings::Profile;

/// What was read, before the promise is known.
pub(super) struct Read {
    raw: TimingRaw,
    promise: Option<Duration>,
    lines: Vec<(&'static str, usize)>,
}

/// Reads the section; defaults come from `profile`.
pub(super) fn read(mut section: Section<'_>, profile: Profile) -> Read {
    let default = defaults(profile);
    let mut raw = TimingRaw {
        beat: section.millis("beat_ms", 10..=60_000).unwrap_or(default.beat),
        suspect_after: section
            .millis("suspect_after_ms", 30..=600_000)
            .unwrap_or(default.suspect_after),
        stall: section.millis("stall_ms", 1..=60_000).unwrap_or(default.stall),
        rtt: section.millis("rtt_ms", 1..=60_000).unwrap_or(default.rtt),
        margin: section.millis("margin_ms", 0..=600_000).unwrap_or(default.margin),
        off_confirm: section.millis("off_confirm_ms", 10..=60_000).unwrap_or(default.off_confirm),
        on_rest: section.millis("on_rest_ms", 0..=600_000).unwrap_or(default.on_rest),
        warrant: section.millis("warrant_ms", 50..=600_000).unwrap_or(default.warrant),
        ..default
    };
    let ppm = section.number("drift_ppm", "parts per million", 0..=100_000);
    if let Some(ppm) = ppm.and_then(|found| u32::try_from(found.value).ok()) {
        raw.drift_ppm = ppm;
    }
    let promise = section.millis("promise_ms", 50..=3_600_000);
    let keys =
        ["beat_ms", "suspect_after_ms", "stall_ms", "promise_ms", "warrant_ms", "on_rest_ms"];
    let lines = keys.map(|key| (key, section.line_of(key))).to_vec();
    section.close();
    Read { raw, promise, lines }
}

/// Fills in the promise and judges the whole for the slowest watchdog.
///
/// Marks each inequality that does not hold; silent if a number in it was marked already. Nothing
/// only if something is marked.
pub(super) fn settle(sheet: &Sheet<'_>, read: Read, nodes: &[Node]) -> Option<Timing> {
    if sheet.is_marked(&["timing", "cluster.profile", "watchdog"]) {
        return None;
    }
    let (slowest, fire) = slowest(nodes)?;
    let promise = read.promise.unwrap_or_else(|| read.raw.smallest_promise(fire));
    let raw = TimingRaw { promise, ..read.raw };
    match Timing::new(raw, fire) {
        Ok(timing) => Some(timing),
        Err(broken) => {
            broken.iter().for_each(|rule| mark(sheet, &read, &raw, rule, (slowest, fire)));
            None
        }
    }
}

/// The member whose watchdog takes longest to bite, and how long.
pub(super) fn slowest(nodes: &[Node]) -> Option<(&Node, Duration)> {
    let dogs = nodes.iter().filter(|node| node.agent);
    let timed = dogs.filter_map(|node| Some((node, node.watchdog.as_ref()?)));
    timed.map(|(node, dog)| (node, Watchdog::fire_worst(dog))).max_by_key(|(_node, fire)| *fire)
}

const fn defaults(profile: Profile) -> TimingRaw {
    match profile {
        Profile::LanFast => TimingRaw::LAN_FAST,
        Profile::Lan => TimingRaw::LAN,
        Profile::Wan => TimingRaw::WAN,
    }
}

/// Marks the key that has to change for `broken` to hold.
fn mark(
    sheet: &Sheet<'_>,
    read: &Read,
    raw: &TimingRaw,
    broken: &Inequality,
    (slowest, fire): (&Node, Duration),
) {
    let (key, value, allowed) = match broken.rule {
        Rule::LeaseFeasible => {
            let least = raw.smallest_promise(fire).as_millis();
            let dog = format!("{} whose watchdog fires within {}", slowest.name, fire.as_millis());
            ("promise_ms", raw.promise, format!("at least {least}, for {dog} ms"))
        }
        Rule::SuspicionPatient => ("suspect_after_ms", raw.suspect_after, more(broken)),
        Rule::WarrantRenewable => ("warrant_ms", raw.warrant, more(broken)),
        Rule::RestOutlastsWarrant => ("on_rest_ms", raw.on_rest, more(broken)),
        Rule::StallSmall => ("stall_ms", raw.stall, format!("at most {}", (fire / 4).as_millis())),
        Rule::BeatKeepable => ("beat_ms", raw.beat, more(broken)),
    };
    let line = read.lines.iter().find(|(name, _line)| *name == key).map_or(1, |(_, line)| *line);
    let allowed = format!("{allowed} ({broken})");
    sheet.mark(line, &format!("timing.{key}"), &value.as_millis().to_string(), &allowed);
}

fn more(broken: &Inequality) -> String {
    let missing = broken.need.saturating_sub(broken.have).as_micros().div_ceil(1_000);
    format!("about {missing} more")
}
