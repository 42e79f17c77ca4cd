//! Hosts as a short list: the way back.

use std::collections::{BTreeMap, BTreeSet};

use super::host::{Host, PORT};

/// The hosts as a list with ranges, such as `10.0.0.[1-98,100],bmc[01-20].lan:6230`. Reading it gives
/// the same hosts, those of one range in the order of their numbers.
pub fn folded<'a>(hosts: impl IntoIterator<Item = &'a Host>) -> String {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: BTreeMap<Key<'a>, usize> = BTreeMap::new();
    let hosts: Vec<(Key<'a>, u32)> = hosts.into_iter().map(split).collect();
    let padded: BTreeSet<Key<'a>> =
        hosts.iter().map(|(key, _)| *key).filter(|key| key.width > 0).collect();
    for (key, number) in hosts {
        let key = key.among(&padded, number);
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Group { key, numbers: BTreeSet::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.numbers.insert(number);
        }
    }
    let groups: Vec<String> = groups.iter().map(Group::text).collect();
    groups.join(",")
}

/// What hosts of one range have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    before: &'a str,
    /// Whether a number stands between the two.
    numbered: bool,
    after: &'a str,
    /// To which width the number is padded; 0: not.
    width: usize,
    port: u16,
}

impl Key<'_> {
    /// A number without padding belongs to a padded range if it is as long: 100 to 001-099.
    fn among(self, padded: &BTreeSet<Self>, number: u32) -> Self {
        let width = number.to_string().len();
        let wider = Self { width, ..self };
        if self.width == 0 && padded.contains(&wider) { wider } else { self }
    }
}

#[derive(Debug)]
struct Group<'a> {
    key: Key<'a>,
    numbers: BTreeSet<u32>,
}

impl Group<'_> {
    fn text(&self) -> String {
        let Key { before, numbered, after, width, port } = self.key;
        let runs = runs(&self.numbers, width);
        let numbers = match (numbered, self.numbers.len()) {
            (false, _) => String::new(),
            (true, 1) => runs,
            (true, _) => format!("[{runs}]"),
        };
        let port = if port == PORT { String::new() } else { format!(":{port}") };
        format!("{before}{numbers}{after}{port}")
    }
}

/// The last number of a name, and what stands around it. IPv6 addresses are left whole.
fn split(host: &Host) -> (Key<'_>, u32) {
    let (name, port) = (host.name(), host.port());
    let whole = Key { before: name, numbered: false, after: "", width: 0, port };
    let is_digit = |character: char| character.is_ascii_digit();
    let Some(last) = name.rfind(is_digit).filter(|_| !name.starts_with('[')) else {
        return (whole, 0);
    };
    let (head, after) = name.split_at(last + 1);
    let before = head.trim_end_matches(is_digit);
    let digits = head.get(before.len()..).unwrap_or_default();
    // A number too long for a range.
    let Some(number) = digits.parse().ok().filter(|_| digits.len() <= 9) else { return (whole, 0) };
    let padded = digits.len() > 1 && digits.starts_with('0');
    let width = if padded { digits.len() } else { 0 };
    (Key { before, numbered: true, after, width, port }, number)
}

/// Such as `1-98,100`.
fn runs(numbers: &BTreeSet<u32>, width: usize) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            Some(_) | None => runs.push((*number, *number)),
        }
    }
    let texts: Vec<String> = runs.into_iter().map(|(from, to)| run(from, to, width)).collect();
    texts.join(",")
}

fn run(from: u32, to: u32, width: usize) -> String {
    if from == to { format!("{from:0width$}") } else { format!("{from:0width$}-{to:0width$}") }
}
