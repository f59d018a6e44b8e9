//! Spike trains: intervals, rates, synchrony, distances, spectra and latencies.
//!
//! A train is a slice of times in ms, ascending; a cell that never fired is an empty slice and is counted like any
//! other. [`trains_of`] makes trains of [`Spikes`](crate::model::Spikes). Conventions, where the field's packages
//! disagree:
//!
//! * times are ms, rates Hz;
//! * a [`Window`] includes both ends, as BluePy, SNAP and elephant select spikes; the bins in it are half open, the
//!   last one is closed (numpy);
//! * silent cells count;
//! * standard deviations have ddof 0, covariances ddof 1;
//! * what is not defined (the CV of a cell with one spike) is `None`, or NaN inside of matrices;
//! * results do not depend on the number of cores.

pub mod binned;
pub mod distances;
pub mod intervals;
pub mod latency;
mod pairs;
pub mod rates;
pub mod spectrum;
pub mod synchrony;

pub use binned::{BinnedTrains, TimeBins};
pub use pairs::{PAIRS_MAX, Pairs};

use crate::diag::{Error, Result};
use crate::model::Trains;

/// A stretch of time, both ends included (ms).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    start: f64,
    end: f64,
}

impl Window {
    /// From `start` to `end` (ms).
    ///
    /// # Errors
    /// When the end is not after the start, or one of them is not a finite number.
    pub fn new(start: f64, end: f64) -> Result<Self> {
        if start.is_finite() && end.is_finite() && start < end {
            return Ok(Window { start, end });
        }
        Err(Error::argument(format!("the window from {start} to {end} ms does not begin before it ends")))
    }

    /// When it begins (ms).
    pub fn start(&self) -> f64 {
        self.start
    }

    /// When it ends (ms).
    pub fn end(&self) -> f64 {
        self.end
    }

    /// How long it is (ms).
    pub fn length(&self) -> f64 {
        self.end - self.start
    }

    /// The spikes of a train that are in it, those at its ends too.
    pub fn of<'a>(&self, train: &'a [f64]) -> &'a [f64] {
        let first = train.partition_point(|&t| t < self.start);
        let last = train.partition_point(|&t| t <= self.end).max(first);
        &train[first..last]
    }
}

/// The trains of some cells, in their order; of a cell that did not fire, an empty one.
pub fn trains_of<'a>(trains: &'a Trains, ids: &[i64]) -> Vec<&'a [f64]> {
    ids.iter().map(|&id| trains.of(id)).collect()
}

/// A number of ms that must be above 0.
fn positive(what: &str, ms: f64) -> Result<()> {
    if ms.is_finite() && ms > 0.0 {
        return Ok(());
    }
    Err(Error::argument(format!("{what} is {ms} ms, not above 0")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spikes;

    #[test]
    fn windows_include_both_ends() {
        let window = Window::new(1.0, 3.0).unwrap();
        assert_eq!(window.of(&[0.5, 1.0, 2.0, 3.0, 3.5]), [1.0, 2.0, 3.0]);
        assert!(window.of(&[]).is_empty() && window.of(&[4.0]).is_empty());
        assert!(Window::new(1.0, 1.0).is_err() && Window::new(f64::NAN, 1.0).is_err());
        assert!(Window::new(0.0, f64::INFINITY).is_err());
    }

    #[test]
    fn silent_cells_have_empty_trains() {
        let spikes = Spikes::new("out.dat", vec![2.0, 1.0], vec![5, 5]);
        let trains = trains_of(spikes.trains(), &[4, 5]);
        assert!(trains[0].is_empty());
        assert_eq!(trains[1], [1.0, 2.0]);
    }
}
