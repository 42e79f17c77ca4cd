//! The border to the operator: lists of hosts.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use palisade_fencer::operator::hosts::{HOSTS_MAX, Host, HostList, HostListError, folded};

/// Longest list that is judged: what is beyond shows nothing new.
const TEXT_MAX: usize = 4_096;

/// Reads `input` as a list whose files all hold the part behind its first zero byte.
pub(super) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (text, file) = text.split_once('\0').unwrap_or((text, "bmc[1-2]"));
    if text.len() > TEXT_MAX {
        return;
    }
    match HostList::parse(text, &|_: &Path| Ok(file.to_owned())) {
        Ok(list) => judge(&list),
        Err(error) => judge_refusal(&error, text, file),
    }
}

/// Lists of each kind.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "10.0.0.[1-100]",
        "bmc[01-20,30].lan:6230,web",
        "[fe80::1]:623,[fd00::[1-9]],[fe80::1%2]",
        "a[1-2]b[3-4] c, d",
        "@rack,last\0# rack\nbmc[1-3]\n\n  bmc4:6230 # new\n",
        "a[1-999999999],b",
        "b[20-1],b[01-100],b:0,b[]",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

fn judge(list: &HostList) {
    let hosts = list.hosts();
    assert!(!hosts.is_empty() && hosts.len() <= HOSTS_MAX, "a list has 1 to {HOSTS_MAX} hosts");
    let unique: BTreeSet<&Host> = hosts.iter().collect();
    assert_eq!(unique.len(), hosts.len(), "each host stands once");
    assert!(list.repeated().iter().all(|host| unique.contains(host)), "repeated means known");
    let none = |_: &Path| Err(io::Error::other("no files"));
    let again = HostList::parse(&folded(hosts), &none);
    let again = again.as_ref().map(HostList::hosts).unwrap_or_default();
    assert_eq!(again.iter().collect::<BTreeSet<_>>(), unique, "the short list means the same");
}

fn judge_refusal(error: &HostListError, text: &str, file: &str) {
    assert!(!error.to_string().is_empty(), "a refusal says why");
    let longest = match &error.file {
        Some((_, line)) => file.lines().nth(line - 1).map_or(0, |line| line.chars().count()),
        None => text.chars().count(),
    };
    assert!((1..=longest + 1).contains(&error.column), "and where: {error}");
}
