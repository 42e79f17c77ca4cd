//! A span of time as a person reads it.

use core::fmt;

use crate::time::Duration;

/// A span in an operator's words, to the tenth of a second: `250 ms`, `2.0 s`, `3 min 20 s`, `2 h 5 min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos().saturating_add(500_000) / 1_000_000;
        let tenths = ms.saturating_add(50) / 100;
        let seconds = ms.saturating_add(500) / 1_000;
        let minutes = ms.saturating_add(30_000) / 60_000;
        match (ms, tenths, seconds) {
            (0..1_000, ..) => write!(out, "{ms} ms"),
            (_, 0..600, _) => write!(out, "{}.{} s", tenths / 10, tenths % 10),
            (_, _, 0..3_600) => write!(out, "{} min {} s", seconds / 60, seconds % 60),
            (_, _, 3_600..) => write!(out, "{} h {} min", minutes / 60, minutes % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(nanos: u64) -> String {
        Span(Duration::from_nanos(nanos)).to_string()
    }

    #[test]
    fn a_wait_that_ends_a_hair_before_its_time_is_told_as_the_time() {
        assert_eq!(said(1_999_999_429), "2.0 s");
        assert_eq!(said(249_999_999), "250 ms");
        assert_eq!(said(999_600_000), "1.0 s");
        assert_eq!(said(59_999_000_000), "1 min 0 s");
        assert_eq!(said(3_599_999_000_000), "1 h 0 min");
    }

    #[test]
    fn a_span_is_told_as_exactly_as_its_length_deserves() {
        assert_eq!(said(0), "0 ms");
        assert_eq!(said(1_540_000_000), "1.5 s");
        assert_eq!(said(200_000_000_000), "3 min 20 s");
        assert_eq!(said(7_500_000_000_000), "2 h 5 min");
        assert_eq!(Span(Duration::MAX).to_string(), "5124095576030431 h 0 min");
    }
}
