//! When requests leave.

use std::time::Duration;

/// A rate over time.
#[derive(Clone, Debug)]
pub enum Shape {
    /// So many a second.
    Constant {
        /// Requests a second.
        rate: f64,
        /// For how long.
        length: Duration,
    },
    /// Visitors of a show: few at first, most of them shortly before it begins, some late.
    Arrival {
        /// Requests a second at the peak.
        peak: f64,
        /// For how long.
        length: Duration,
    },
}

/// The place of the peak in the length of an arrival.
const PEAK_AT: f64 = 0.6;
/// How wide it is: the standard deviation, of the length.
const PEAK_WIDTH: f64 = 0.18;
/// The rate before and after, of the peak's.
const FOOT: f64 = 0.1;

impl Shape {
    /// The rate at a moment, in requests a second.
    pub fn rate(&self, at: Duration) -> f64 {
        match *self {
            Self::Constant { rate, .. } => rate,
            Self::Arrival { peak, length } => {
                let away = (at.as_secs_f64() / length.as_secs_f64() - PEAK_AT) / PEAK_WIDTH;
                peak * (FOOT + (1.0 - FOOT) * (-0.5 * away * away).exp())
            }
        }
    }

    /// For how long.
    pub fn length(&self) -> Duration {
        match *self {
            Self::Constant { length, .. } | Self::Arrival { length, .. } => length,
        }
    }

    /// The planned moments.
    pub fn moments(self) -> impl Iterator<Item = Duration> + Send {
        let mut at = Duration::ZERO;
        std::iter::from_fn(move || {
            let now = at;
            let rate = self.rate(now).max(f64::MIN_POSITIVE);
            at = now.saturating_add(Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX));
            (now < self.length()).then_some(now)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_is_that_many_a_second() {
        let shape = Shape::Constant { rate: 250.0, length: Duration::from_secs(4) };
        assert_eq!(shape.moments().count(), 1_000);
    }

    #[test]
    fn an_arrival_has_its_peak_and_both_feet() {
        let shape = Shape::Arrival { peak: 1_000.0, length: Duration::from_secs(10) };
        assert!((shape.rate(Duration::from_secs(6)) - 1_000.0).abs() < 1.0);
        assert!(shape.rate(Duration::ZERO) < 110.0 && shape.rate(Duration::from_secs(10)) < 200.0);
        let moments: Vec<_> = shape.moments().collect();
        assert!(moments.is_sorted() && moments.iter().all(|at| *at < Duration::from_secs(10)));
    }
}
