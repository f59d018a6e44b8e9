//! Spikes counted in bins of time.

use rayon::prelude::*;

use super::{Window, positive};
use crate::analysis::statistics::{self, BINS_MAX};
use crate::diag::{Error, Result};

/// A spike so close before an edge, in parts of a bin, counts as being on it. Times are multiples of a time step that
/// binary numbers do not hold exactly: 0.3 ms is just below 3 · 0.1 ms. elephant's tolerance.
const TOLERANCE: f64 = 1e-8;

/// The fewest times that are counted by one task.
const PART: usize = 1 << 18;

/// A window cut into bins of equal width `[start, start + width)`; the last one is closed, and shorter where the width
/// does not divide the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeBins {
    window: Window,
    width: f64,
    count: usize,
    /// Whether the last bin includes its end: not where time was left out after it.
    closed: bool,
}

impl TimeBins {
    /// Bins of `width` ms.
    ///
    /// # Errors
    /// When the width is not above 0, or there would be more than [`BINS_MAX`].
    pub fn new(window: Window, width: f64) -> Result<Self> {
        positive("the bin", width)?;
        let count = (window.length() / width - TOLERANCE).ceil().max(1.0);
        if count > BINS_MAX as f64 {
            let least = window.length() / BINS_MAX as f64;
            return Err(Error::argument(format!(
                "bins of {width} ms cut {} ms into {count} pieces, and {BINS_MAX} are possible",
                window.length()
            ))
            .help(format!("take bins of {least} ms or more, or a shorter window")));
        }
        Ok(TimeBins { window, width, count: count as usize, closed: true })
    }

    /// Only bins of the full width: what is left at the end of the window is left out, and the last bin is half open then.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the window is shorter than one bin.
    pub fn whole(window: Window, width: f64) -> Result<Self> {
        let bins = Self::new(window, width)?;
        let count = (window.length() / width + TOLERANCE).floor() as usize;
        if count == 0 {
            return Err(Error::argument(format!(
                "a bin of {width} ms is longer than the window of {} ms",
                window.length()
            )));
        }
        let closed = count == bins.count;
        let end = if closed { window.end() } else { window.start() + count as f64 * width };
        Ok(TimeBins { window: Window::new(window.start(), end)?, width, count, closed })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The width of all but possibly the last (ms).
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The width of a bin (ms): the last may be shorter.
    pub fn width_of(&self, bin: usize) -> f64 {
        if bin + 1 == self.count { self.window.end() - self.edge(bin) } else { self.width }
    }

    /// Where a bin begins; with the number of bins, the end of the window (ms).
    pub fn edge(&self, bin: usize) -> f64 {
        if bin == self.count { self.window.end() } else { self.window.start() + bin as f64 * self.width }
    }

    /// All edges, one more than bins (ms).
    pub fn edges(&self) -> Vec<f64> {
        (0..=self.count).map(|bin| self.edge(bin)).collect()
    }

    /// The bin of a time; `None` outside of the window.
    pub fn of(&self, t: f64) -> Option<usize> {
        // Written so that NaN is outside.
        if !(t >= self.window.start() && t <= self.window.end()) {
            return None;
        }
        let bin = ((t - self.window.start()) / self.width + TOLERANCE) as usize;
        (bin < self.count || self.closed).then(|| bin.min(self.count - 1))
    }

    /// The counts of times in any order; times outside of the window are not counted.
    pub fn counts(&self, times: &[f64]) -> Vec<u64> {
        let count = |times: &[f64]| {
            let mut counts = vec![0; self.count];
            for bin in times.iter().filter_map(|&t| self.of(t)) {
                counts[bin] += 1;
            }
            counts
        };
        let add = |mut a: Vec<u64>, b: Vec<u64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        // A part has more times than there are bins, so that adding up does not take longer than counting.
        let parts = times.par_chunks(PART.max(4 * self.count));
        parts.map(count).reduce_with(add).unwrap_or_else(|| count(&[]))
    }

    /// The bins of a train that have spikes, ascending, with their counts.
    fn occupied(&self, train: &[f64]) -> Vec<(u32, u32)> {
        let mut occupied: Vec<(u32, u32)> = Vec::new();
        for bin in self.window.of(train).iter().filter_map(|&t| self.of(t)) {
            match occupied.last_mut() {
                Some((last, count)) if *last as usize == bin => *count += 1,
                _ => occupied.push((bin as u32, 1)),
            }
        }
        occupied
    }
}

/// The matrix of counts, trains by bins. Only what is not 0 is stored: never more than there are spikes.
#[derive(Clone, Debug, PartialEq)]
pub struct BinnedTrains {
    /// The bins.
    pub bins: TimeBins,
    /// For each train, the bins that have spikes, ascending, with their counts.
    pub rows: Vec<Vec<(u32, u32)>>,
}

impl BinnedTrains {
    /// Counts the spikes of each train.
    pub fn new(trains: &[&[f64]], bins: TimeBins) -> Self {
        BinnedTrains { bins, rows: trains.par_iter().map(|train| bins.occupied(train)).collect() }
    }

    /// The same with at most one spike in a bin.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.rows.par_iter_mut().flatten().for_each(|(_, count)| *count = 1);
        self
    }

    /// The counts of one train, bin by bin.
    pub fn dense(&self, train: usize) -> Vec<u32> {
        let mut dense = vec![0; self.bins.count()];
        for &(bin, count) in &self.rows[train] {
            dense[bin as usize] = count;
        }
        dense
    }
}

/// Variance (ddof 0) over mean of counts (`elephant.statistics.fanofactor`): 1 for a Poisson process. `None` where
/// there are no counts or all are 0.
pub fn fano(counts: &[u64]) -> Option<f64> {
    let counts: Vec<f64> = counts.iter().map(|&n| n as f64).collect();
    let mean = statistics::mean(&counts);
    (mean > 0.0).then(|| statistics::variance(&counts, 0) / mean)
}

/// [`fano`] over trains: of the counts of each in one window, both ends included.
pub fn fano_over_trains(trains: &[&[f64]], window: Window) -> Option<f64> {
    fano(&trains.iter().map(|train| window.of(train).len() as u64).collect::<Vec<_>>())
}

/// [`fano`] over time: of the counts of one train in successive windows of `length` ms. A shorter rest at the end is
/// left out, because a count over less time would look like variability.
///
/// # Errors
/// As [`TimeBins::whole`].
pub fn fano_over_windows(train: &[f64], window: Window, length: f64) -> Result<Option<f64>> {
    Ok(fano(&TimeBins::whole(window, length)?.counts(train)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bins(start: f64, end: f64, width: f64) -> TimeBins {
        TimeBins::new(Window::new(start, end).unwrap(), width).unwrap()
    }

    #[test]
    fn bins_are_half_open_and_the_last_is_closed_and_may_be_short() {
        let bins = bins(0.0, 25.0, 10.0);
        assert_eq!((bins.count(), bins.edges()), (3, vec![0.0, 10.0, 20.0, 25.0]));
        assert_eq!(
            [0.0, 9.9, 10.0, 25.0, 25.1, -0.1].map(|t| bins.of(t)),
            [Some(0), Some(0), Some(1), Some(2), None, None]
        );
        assert_eq!((bins.width_of(0), bins.width_of(2)), (10.0, 5.0));
        assert_eq!(bins.counts(&[20.0, 1.0, f64::NAN, 25.0]), [1, 0, 2]);
        let whole = TimeBins::whole(Window::new(0.0, 25.0).unwrap(), 10.0).unwrap();
        assert_eq!((whole.edges(), whole.of(22.0), whole.of(20.0)), (vec![0.0, 10.0, 20.0], None, None));
        assert!(TimeBins::whole(Window::new(0.0, 5.0).unwrap(), 10.0).is_err());
    }

    #[test]
    fn multiples_of_a_time_step_are_on_the_edges() {
        let bins = bins(0.0, 1.0, 0.1);
        assert_eq!(bins.count(), 10);
        for step in 0..10 {
            assert_eq!(bins.of(f64::from(step) / 10.0), Some(step as usize), "{step}");
        }
        assert_eq!(super::tests::bins(0.0, 0.3, 0.1).count(), 3);
    }

    #[test]
    fn impossible_bins_are_refused() {
        let window = Window::new(0.0, 1e9).unwrap();
        for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(TimeBins::new(window, width).is_err(), "{width}");
        }
        let error = TimeBins::new(window, 0.1).unwrap_err().to_string();
        assert!(error.contains("1000 ms or more"), "{error}");
    }

    #[test]
    fn counts_of_trains_are_sparse() {
        let binned = BinnedTrains::new(&[&[1.0, 2.0, 12.0], &[], &[29.0]], bins(0.0, 30.0, 10.0));
        assert_eq!(binned.rows, [vec![(0, 2), (1, 1)], vec![], vec![(2, 1)]]);
        assert_eq!((binned.dense(0), binned.dense(1)), (vec![2, 1, 0], vec![0, 0, 0]));
        assert_eq!(binned.binary().rows[0], [(0, 1), (1, 1)]);
    }

    #[test]
    fn fano_factors_by_hand() {
        assert_eq!(
            (fano(&[1, 3]), fano(&[2, 2]), fano(&[0, 0]), fano(&[])),
            (Some(0.5), Some(0.0), None, None)
        );
        let window = Window::new(0.0, 20.0).unwrap();
        assert_eq!(fano_over_trains(&[&[1.0, 2.0, 20.0], &[5.0]], window), Some(0.5));
        // 1 and 3 in the full windows; what is after them is left out.
        let window = Window::new(0.0, 25.0).unwrap();
        let train = [1.0, 11.0, 12.0, 13.0, 22.0, 23.0];
        assert_eq!(fano_over_windows(&train, window, 10.0).unwrap(), Some(0.5));
    }

    proptest! {
        #[test]
        fn every_time_of_the_window_is_in_one_bin(
            start in -100.0f64..100.0, length in 0.1f64..500.0, width in 0.05f64..80.0,
            parts in prop::collection::vec(0.0f64..=1.0, 0..60),
        ) {
            let window = Window::new(start, start + length).unwrap();
            let bins = TimeBins::new(window, width).unwrap();
            let mut times: Vec<f64> = parts.iter().map(|p| (start + p * length).min(window.end())).collect();
            times.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(bins.counts(&times).iter().sum::<u64>(), times.len() as u64);
            prop_assert!(bins.edges().is_sorted_by(|a, b| a < b));
            for &t in &times {
                let bin = bins.of(t).unwrap();
                let slack = 2.0 * TOLERANCE * width;
                prop_assert!(t >= bins.edge(bin) - slack && t <= bins.edge(bin + 1) + slack);
            }
            let sparse = BinnedTrains::new(&[&times], bins).dense(0);
            prop_assert!(sparse.iter().map(|&n| u64::from(n)).eq(bins.counts(&times)));
        }
    }
}
