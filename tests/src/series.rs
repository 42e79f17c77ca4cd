//! A series of measurements and the numbers that people ask of it. Judges nothing.

use std::fmt;

/// Measurements of one quantity, in one unit.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Adds one.
    pub fn push(&mut self, value: f64) {
        let place = self.0.partition_point(|known| *known <= value);
        self.0.insert(place, value);
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest value that at least `percent` of the measurements do not exceed; nothing if
    /// there are none.
    pub fn percentile(&self, percent: usize) -> Option<f64> {
        let rank = self.0.len().saturating_mul(percent.min(100)).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied()
    }
}

/// Number of measurements, then least, median, 95th percentile and greatest.
impl fmt::Display for Series {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "n {:>4}", self.len())?;
        for (name, percent) in [("min", 0), ("median", 50), ("p95", 95), ("max", 100)] {
            match self.percentile(percent) {
                Some(value) => write!(out, "   {name} {value:>8.1}")?,
                None => write!(out, "   {name} {:>8}", "-")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_measurement_and_not_a_mean() {
        let mut series = Series::default();
        for value in [40.0, 10.0, 30.0, 20.0] {
            series.push(value);
        }
        let asked = [0, 25, 50, 51, 100].map(|percent| series.percentile(percent));
        assert_eq!(asked, [Some(10.0), Some(10.0), Some(20.0), Some(30.0), Some(40.0)]);
    }

    #[test]
    fn an_empty_series_has_no_numbers() {
        assert_eq!(Series::default().percentile(50), None);
        assert!(Series::default().to_string().starts_with("n    0   min        -"));
    }
}
