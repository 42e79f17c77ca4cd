//! The same hunts with nothing weakened: whoever sees must not cry wolf.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalogue::{Hunt, Mutant};
use crate::failure::Failure;
use crate::hunt::{self, Catch, Terms};

/// Seeds that a control explores at least and at most; the one that was caught is held again anyway.
const SEEDS: (u64, u64) = (20, 40);

/// One hunt with nothing weakened.
#[derive(Debug)]
pub(crate) struct Control {
    /// What it was held with.
    pub(crate) hunt: Hunt,
    /// What it found.
    pub(crate) catch: Catch,
}

/// Whether nothing was found, as it should be.
pub(crate) fn held(control: &Control) -> bool {
    !control.catch.is_found()
}

/// Holds every kind of hunt again, in the worlds in which it was held, as far as the last seed at
/// which it found something, though not far: long explorations are the explorer's own.
///
/// # Errors
/// [`Failure::Program`] if the simulator cannot be run.
pub(crate) fn all(terms: &Terms, caught: &[(&Mutant, Catch)]) -> Result<Vec<Control>, Failure> {
    let mut kinds: BTreeMap<(Hunt, Option<String>), u64> = BTreeMap::new();
    for (mutant, catch) in caught {
        let kind = (mutant.hunt.clone(), mutant.scene());
        let seeds = kinds.entry(kind).or_insert(SEEDS.0);
        *seeds = (*seeds).max(catch.seed.map_or(0, |seed| seed + 1)).min(SEEDS.1);
    }
    let kinds: Vec<_> = kinds.into_iter().collect();
    hunt::in_turn(
        terms.jobs,
        &kinds,
        |((hunt, scene), seeds)| {
            let words = hunt::words(hunt, scene.as_deref(), 0..*seeds);
            let catch = hunt::run(terms, words, Duration::ZERO)?;
            Ok(Control { hunt: hunt.clone(), catch })
        },
        |_, _| {},
    )
}
