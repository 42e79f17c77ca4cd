//! Which session sequence numbers have been seen: a packet counts once. [IPMI2 §6.12.13]
//!
//! Ask it only about packets whose signature has been verified.

/// How far behind the newest a packet may come.
pub const WINDOW: u32 = 32;

/// The newest sequence number and a bit for each of the [`WINDOW`] before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    newest: u32,
    seen: u64,
}

impl Window {
    /// A window that has seen nothing; 0 is never a valid number in a session.
    pub const fn new() -> Self {
        Self { newest: 0, seen: 1 }
    }

    /// Whether `sequence` is new; remembers it. Numbers too far behind are not new.
    pub fn accept(&mut self, sequence: u32) -> bool {
        if sequence > self.newest {
            self.advance(sequence);
            return true;
        }
        let behind = self.newest - sequence;
        if behind > WINDOW {
            return false;
        }
        let bit = 1_u64 << behind;
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }

    /// The newest number seen.
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    fn advance(&mut self, sequence: u32) {
        let steps = sequence - self.newest;
        self.seen = self.seen.checked_shl(steps).unwrap_or(0) | 1;
        self.newest = sequence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_once() {
        let mut window = Window::new();
        assert!(window.accept(1));
        assert!(!window.accept(1));
        assert!(window.accept(2));
        assert!(!window.accept(1));
        assert!(!window.accept(2));
    }

    #[test]
    fn zero_is_never_new() {
        assert!(!Window::new().accept(0));
    }

    #[test]
    fn a_packet_overtaken_by_others_counts_when_it_comes() {
        let mut window = Window::new();
        assert!(window.accept(1));
        assert!(window.accept(5));
        assert!(window.accept(3));
        assert!(!window.accept(3));
        assert!(window.accept(4));
    }

    #[test]
    fn a_packet_too_far_behind_does_not_count() {
        let mut window = Window::new();
        assert!(window.accept(100));
        assert!(window.accept(100 - WINDOW));
        assert!(!window.accept(100 - WINDOW - 1));
    }

    #[test]
    fn a_leap_forward_forgets_nothing_that_it_would_accept() {
        let mut window = Window::new();
        assert!(window.accept(u32::MAX));
        assert!(!window.accept(1));
        assert!(window.accept(u32::MAX - 3));
        assert!(!window.accept(u32::MAX));
    }
}
