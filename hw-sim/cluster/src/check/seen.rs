//! Which states were seen, and with how many faults still to spend.
//!
//! A state that was seen with as many faults left, or more, leads nowhere new.

use std::sync::Mutex;

/// The lowest bits of a fingerprint hold the faults left instead.
const LEFT_BITS: u64 = 0b111;

/// Tables, each behind a lock of its own, so that threads rarely meet.
const SHARDS: usize = 64;

/// All states seen by all threads.
#[derive(Debug)]
pub(super) struct Seen {
    shards: Vec<Mutex<Table>>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(Table::new())).collect() }
    }

    /// Notes a state; whether it is worth going on from.
    pub(super) fn insert(&self, fingerprint: u64, left: u8) -> bool {
        let shard = usize::try_from(fingerprint >> 58).unwrap_or(0) % SHARDS;
        let Some(Ok(mut table)) = self.shards.get(shard).map(Mutex::lock) else { return true };
        table.insert(fingerprint, left) != Inserted::Known
    }

    /// How many different states were noted.
    pub(super) fn unique(&self) -> u64 {
        let tables = self.shards.iter().filter_map(|shard| shard.lock().ok());
        tables.map(|table| table.used as u64).sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inserted {
    New,
    /// Known, and now with more faults left than before.
    Richer,
    Known,
}

/// Open addressing, linear probing, at most half full. Zero is an empty place.
#[derive(Debug)]
struct Table {
    places: Vec<u64>,
    used: usize,
}

impl Table {
    fn new() -> Self {
        Self { places: vec![0; 1 << 10], used: 0 }
    }

    fn insert(&mut self, fingerprint: u64, left: u8) -> Inserted {
        if self.used * 2 >= self.places.len() {
            self.grow();
        }
        let left = u64::from(left) & LEFT_BITS;
        let name = (fingerprint & !LEFT_BITS) | 1 << 3;
        let Some(place) = self.place(name) else { return Inserted::Known };
        match *place {
            0 => {
                *place = name | left;
                self.used += 1;
                Inserted::New
            }
            known if known & LEFT_BITS < left => {
                *place = name | left;
                Inserted::Richer
            }
            _ => Inserted::Known,
        }
    }

    /// Where `name` stands, or would.
    fn place(&mut self, name: u64) -> Option<&mut u64> {
        let mask = self.places.len() - 1;
        let mut at = usize::try_from(name >> 4).unwrap_or(0) & mask;
        while self.places.get(at).is_some_and(|place| *place != 0 && *place & !LEFT_BITS != name) {
            at = (at + 1) & mask;
        }
        self.places.get_mut(at)
    }

    fn grow(&mut self) {
        let wider = vec![0; self.places.len() * 2];
        let old = std::mem::replace(&mut self.places, wider);
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            if let Some(place) = self.place(entry & !LEFT_BITS) {
                *place = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hash::fingerprint;

    #[test]
    fn a_state_is_worth_going_on_from_once_for_each_richer_visit() {
        let seen = Seen::new();
        for state in 0..100_000_u64 {
            assert!(seen.insert(fingerprint(&state), 1));
        }
        for state in 0..100_000_u64 {
            assert!(!seen.insert(fingerprint(&state), 1), "as rich");
            assert!(!seen.insert(fingerprint(&state), 0), "poorer");
            assert!(seen.insert(fingerprint(&state), 2), "richer");
        }
        assert_eq!(seen.unique(), 100_000);
    }
}
