//! What is asked of a run besides its seed. Equal seeds and equal options tell equal stories.

use super::fault::{FAULTS, FIRST_EDITION, Fault};
use super::profile::Profile;
use crate::world::Chance;

/// Families of gentle faults, in the first edition and in this one.
const GENTLE: [u64; 2] = [7, 8];

/// What is asked of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many members; drawn if none is asked for.
    pub nodes: Option<u8>,
    /// How many voters; drawn if none is asked for.
    pub voters: Option<u8>,
    /// Which timing; drawn if none is asked for.
    pub profile: Option<Profile>,
    /// The kinds of faults to draw from; all if empty.
    pub only: Kinds,
    /// Whether the run draws what it did when the first seeds were kept: `lan-fast` with a watchdog
    /// of one second, two links, 36 kinds of faults.
    pub first_edition: bool,
}

/// A set of kinds of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u64);

const _: () = assert!(FAULTS.len() <= 64, "a bit for each kind");

impl Kinds {
    /// The kinds named in `text`, separated by commas.
    ///
    /// # Errors
    /// In words: what is no kind, and which there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kinds: Vec<_> = text.split(',').map(Fault::parse).collect::<Result<_, _>>()?;
        let places = (0_u32..).zip(FAULTS).filter(|(_, fault)| kinds.contains(fault));
        Ok(Self(places.fold(0, |bits, (place, _)| bits | 1 << place)))
    }

    /// Whether none is named.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those named.
    pub fn named(self) -> impl Iterator<Item = Fault> {
        let bits = self.0;
        (0_u32..)
            .zip(FAULTS)
            .filter(move |(place, _)| bits >> place & 1 == 1)
            .map(|(_, fault)| fault)
    }
}

impl Options {
    /// The worlds of the seeds that were kept first.
    pub fn first_edition() -> Self {
        Self { first_edition: true, ..Self::default() }
    }

    pub(super) const fn has_only(&self) -> bool {
        !self.only.is_empty()
    }

    /// The kinds that a run draws from.
    pub(super) fn faults(&self) -> Vec<Fault> {
        match (self.only.is_empty(), self.first_edition) {
            (false, _) => self.only.named().collect(),
            (true, true) => FAULTS.into_iter().take(FIRST_EDITION).collect(),
            (true, false) => FAULTS.to_vec(),
        }
    }

    pub(super) const fn gentle_kinds(&self) -> u64 {
        let [first, now] = GENTLE;
        if self.first_edition { first } else { now }
    }

    /// The timing of a run.
    pub(super) fn profile(&self, aside: &mut Chance) -> Profile {
        let drawn = Profile::draw(aside);
        if self.first_edition { Profile::LanFast } else { self.profile.unwrap_or(drawn) }
    }

    /// These options as arguments, each with a blank before it.
    pub(super) fn words(&self) -> String {
        let size = |name: &str, size: Option<u8>| size.map(|size| format!(" --{name} {size}"));
        let only: Vec<_> = self.only.named().map(|fault| format!("{fault:?}")).collect();
        [
            size("nodes", self.nodes),
            size("voters", self.voters),
            self.profile.map(|profile| format!(" --profile {}", profile.name())),
            (!only.is_empty()).then(|| format!(" --only {}", only.join(","))),
            self.first_edition.then(|| " --first-edition".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_whatever_their_capitals_and_said_as_they_are_printed() {
        let only = Kinds::parse("kill,BMCDEAD, Loss").unwrap();
        let options = Options { nodes: Some(3), only, ..Options::default() };
        assert_eq!(options.words(), " --nodes 3 --only Loss,Kill,BmcDead");
        assert_eq!(options.faults(), [Fault::Loss, Fault::Kill, Fault::BmcDead]);
    }

    #[test]
    fn an_unknown_kind_is_refused_with_those_that_there_are() {
        let refused = Kinds::parse("Kill,Flood").unwrap_err();
        assert!(refused.contains("Flood") && refused.contains("BmcFlaps"), "{refused}");
    }
}
