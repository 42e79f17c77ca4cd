//! What changed between two states, as their types print them. Knows nothing of the types.

use std::collections::{BTreeMap, BTreeSet};

use palisade_protocol::time::Instant;

/// A state as values by path: `fencer.core.members[2].granted_at`.
pub(super) type Flat = BTreeMap<String, String>;

/// Values of a thing that is new or gone as a whole that are told one by one.
const PARTS_MAX: usize = 8;

/// One place between brackets, on the way down through a state.
struct Level {
    path: String,
    /// Whether what stands in it has numbers for names.
    is_list: bool,
    /// Whether what stands in it is an instant.
    is_instant: bool,
    next: usize,
}

/// Takes apart what `{:#?}` prints.
pub(super) fn flatten(name: &str, printed: &str) -> Flat {
    let mut flat = Flat::new();
    let mut levels: Vec<Level> = Vec::new();
    for line in printed.lines() {
        let line = line.trim_start();
        if line.starts_with(['}', ']', ')']) {
            levels.pop();
            continue;
        }
        let (key, value) = split(line.strip_suffix(',').unwrap_or(line));
        let path = path(&mut levels, name, key);
        match value.strip_suffix(['{', '[', '(']) {
            Some(kind) if value.len() > 1 || !levels.is_empty() || kind.is_empty() => {
                if value.ends_with('{') && !kind.is_empty() {
                    flat.insert(path.clone(), kind.trim_end().to_owned());
                }
                let is_list = value.ends_with('[') || (value.ends_with('{') && kind.is_empty());
                levels.push(Level { path, is_list, is_instant: kind == "Instant", next: 0 });
            }
            _ => {
                let is_instant = levels.last().is_some_and(|level| level.is_instant);
                flat.insert(path, if is_instant { instant(value) } else { value.to_owned() });
            }
        }
    }
    flat
}

/// Every path whose value differs, with both values; of a thing that is new or gone as a whole, and
/// large, only how large it is.
pub(super) fn changed(before: &Flat, after: &Flat) -> Vec<String> {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut lines = Vec::new();
    let mut whole: Option<(&String, usize)> = None;
    for path in paths {
        let (was, is) = (before.get(path), after.get(path));
        if was == is {
            continue;
        }
        let is_part = was.is_none() || is.is_none();
        if let Some((top, parts)) = &mut whole
            && is_part
            && is_within(path, top)
        {
            *parts += 1;
            if *parts > PARTS_MAX {
                continue;
            }
        } else {
            tell_size(&mut lines, whole.replace((path, 0)));
        }
        lines.push(match (was, is) {
            (None, Some(is)) => format!("{path}: new, {is}"),
            (Some(was), None) => format!("{path}: {was} -> gone"),
            (was, is) => {
                let [was, is] = [was, is].map(|value| value.map_or("", String::as_str));
                format!("{path}: {was} -> {is}")
            }
        });
    }
    tell_size(&mut lines, whole);
    lines
}

fn tell_size(lines: &mut Vec<String>, whole: Option<(&String, usize)>) {
    let more = whole.map(|(top, parts)| (top, parts.saturating_sub(PARTS_MAX)));
    if let Some((top, more @ 1..)) = more {
        lines.push(format!("{top}: {more} more values in it"));
    }
}

fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// `key: value`, or a value alone. A key is a word, or a key of a map.
fn split(line: &str) -> (Option<&str>, &str) {
    match line.split_once(": ") {
        Some((key, value)) if !key.contains(['(', '{', '[', '"']) => (Some(key), value),
        _ => (None, line),
    }
}

/// A thing alone between round brackets has the path of what holds it; a second one gets a number.
fn path(levels: &mut [Level], name: &str, key: Option<&str>) -> String {
    let Some(level) = levels.last_mut() else { return name.to_owned() };
    let place = level.next;
    level.next += 1;
    match key {
        Some(key) => format!("{}.{key}", level.path),
        None if level.is_list => format!("{}[{place}]", level.path),
        None if place == 0 => level.path.clone(),
        None => format!("{}.{place}", level.path),
    }
}

fn instant(nanos: &str) -> String {
    let nanos = nanos.parse().map(Instant::from_nanos);
    match nanos {
        Ok(Instant::NEVER) => "never".to_owned(),
        Ok(at) => at.to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "printed, not read")]
    struct State {
        at: Option<Instant>,
        list: Vec<(u8, bool)>,
        phase: Phase,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "printed, not read")]
    enum Phase {
        Idle,
        Falling { reads: u8 },
    }

    fn flat(state: &State) -> Flat {
        flatten("node1", &format!("{state:#?}"))
    }

    #[test]
    fn only_what_changed_is_told_with_its_path() {
        let before = State { at: None, list: vec![(1, false), (2, false)], phase: Phase::Idle };
        let after = State {
            at: Some(Instant::from_millis(1_500)),
            list: vec![(1, false), (2, true), (3, false)],
            phase: Phase::Falling { reads: 1 },
        };
        assert_eq!(
            changed(&flat(&before), &flat(&after)),
            [
                "node1.at: None -> 1.500000s",
                "node1.list[1].1: false -> true",
                "node1.list[2]: new, 3",
                "node1.list[2].1: new, false",
                "node1.phase: Idle -> Falling",
                "node1.phase.reads: new, 1",
            ]
        );
        assert!(changed(&flat(&after), &flat(&after)).is_empty());
    }
}
