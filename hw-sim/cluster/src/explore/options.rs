//! What is asked of a run besides its seed. Equal seeds and equal options tell equal stories.

use super::fault::{FAULTS, Fault};
use super::profile::Profile;
use crate::world::Chance;

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
    pub(super) const fn has_only(&self) -> bool {
        !self.only.is_empty()
    }

    /// The kinds that a run draws from.
    pub(super) fn faults(&self) -> Vec<Fault> {
        if self.has_only() { self.only.named().collect() } else { FAULTS.to_vec() }
    }

    /// The timing of a run.
    pub(super) fn profile(&self, aside: &mut Chance) -> Profile {
        let drawn = Profile::draw(aside);
        self.profile.unwrap_or(drawn)
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
