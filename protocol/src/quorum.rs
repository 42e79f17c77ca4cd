//! Majorities of the configured voters, never of the seen ones.
//!
//! Any two majorities share a voter: every safety argument of the lease rests on this sentence and
//! on nothing else that is counted here.

use heapless::Vec;

use crate::ids::VOTERS_MAX;
use crate::time::Instant;

/// How many of `configured` voters are a majority.
pub const fn majority(configured: usize) -> usize {
    (configured / 2).saturating_add(1)
}

/// The majority-th newest of the voters' instants: at it, or later, a majority had spoken.
///
/// One entry for each configured voter, none for one that never spoke.
///
/// # Panics
/// With more than [`VOTERS_MAX`] entries: the configuration bounds them.
pub fn majority_newest(of_voters: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    let mut configured = 0_usize;
    let mut spoken: Vec<Instant, VOTERS_MAX> = Vec::new();
    for at in of_voters {
        configured = configured.saturating_add(1);
        assert!(configured <= VOTERS_MAX, "the configuration bounds the voters");
        spoken.extend(at);
    }
    spoken.sort_unstable_by(|one, other| other.cmp(one));
    spoken.get(majority(configured).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Option<Instant> {
        Some(Instant::from_millis(millis))
    }

    #[test]
    fn two_majorities_always_share_a_voter() {
        for voters in 1..=VOTERS_MAX {
            assert!(2 * majority(voters) > voters);
        }
    }

    #[test]
    fn the_majority_counts_the_configured_not_the_seen() {
        assert_eq!(majority_newest([at(9), None, None]), None);
        assert_eq!(majority_newest([at(9), at(4), None]), at(4));
        assert_eq!(majority_newest([at(9), at(4), at(7)]), at(7));
        assert_eq!(majority_newest([None; 5]), None);
        assert_eq!(majority_newest([at(1), at(2), at(3), at(4), at(5)]), at(3));
        assert_eq!(majority_newest([at(3)]), at(3));
        assert_eq!(majority_newest([]), None);
    }
}
