//! Who claimed what: marks the second claim to a name, an id, a key or an address.

use std::collections::BTreeMap;

use super::section::Section;

/// What a claimant is told when it comes second.
pub(super) struct Register {
    claims: BTreeMap<String, (String, usize)>,
}

impl Register {
    pub(super) fn new() -> Self {
        Self { claims: BTreeMap::new() }
    }

    /// Claims `thing` for `section`'s `key` at `line`; marks it if somebody else has it.
    pub(super) fn claim(&mut self, section: &Section<'_>, key: &str, line: usize, thing: &str) {
        let claimant = (section.key(key), line);
        match self.claims.get(thing) {
            None => {
                self.claims.insert(thing.to_owned(), claimant);
            }
            Some((owner, owned_at)) => {
                let allowed =
                    format!("one that nobody else has ({owner}, line {owned_at}, has it)");
                section.mark(line, key, thing, &allowed);
            }
        }
    }
}
