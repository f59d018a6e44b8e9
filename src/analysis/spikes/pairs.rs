//! A value for each pair of trains.

use rayon::prelude::*;

use crate::analysis::statistics::sum_of;
use crate::diag::work::Progress;
use crate::diag::{Error, Result};

/// The most pairs that are computed at once: those of 4,472 trains.
pub const PAIRS_MAX: usize = 10_000_000;

/// A symmetric matrix over trains: the diagonal, and the pairs above it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// The value of each train with itself.
    pub diagonal: Vec<f64>,
    /// The values of the pairs (0, 1), (0, 2) … (1, 2) …
    pub upper: Vec<f64>,
}

impl Pairs {
    /// Computes `of(i, j)` for each i ≤ j < `n`, in parallel.
    ///
    /// # Errors
    /// When there are more than [`PAIRS_MAX`] pairs, or the work is stopped.
    pub(super) fn compute(
        n: usize,
        what: &'static str,
        of: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Result<Self> {
        refuse_too_many(n)?;
        let progress = Progress::new(what, n as u64);
        let row = |i: usize| -> Result<Vec<f64>> {
            let row = (i..n).map(|j| of(i, j)).collect();
            progress.advance(1)?;
            Ok(row)
        };
        let rows: Vec<Vec<f64>> = (0..n).into_par_iter().map(row).collect::<Result<_>>()?;
        let diagonal = rows.iter().map(|row| row[0]).collect();
        Ok(Pairs { diagonal, upper: rows.into_iter().flat_map(|row| row.into_iter().skip(1)).collect() })
    }

    /// How many trains there are.
    pub fn trains(&self) -> usize {
        self.diagonal.len()
    }

    /// The value of two trains.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        if i == j {
            return self.diagonal[i];
        }
        let (i, j, n) = (i.min(j), i.max(j), self.trains());
        self.upper[i * (2 * n - i - 1) / 2 + j - i - 1]
    }

    /// The mean over the pairs of different trains for which the value is defined; `None` where it is for no pair.
    pub fn mean(&self) -> Option<f64> {
        let defined: Vec<f64> = self.upper.iter().copied().filter(|v| !v.is_nan()).collect();
        (!defined.is_empty()).then(|| sum_of(defined.len(), &|i| defined[i]) / defined.len() as f64)
    }

    /// The full matrix, row by row.
    pub fn dense(&self) -> Vec<Vec<f64>> {
        let n = self.trains();
        (0..n).map(|i| (0..n).map(|j| self.get(i, j)).collect()).collect()
    }
}

fn refuse_too_many(n: usize) -> Result<()> {
    let pairs = n as u128 * n.saturating_sub(1) as u128 / 2;
    if pairs <= PAIRS_MAX as u128 {
        return Ok(());
    }
    Err(Error::argument(format!("{n} cells are {pairs} pairs, and at most {PAIRS_MAX} are computed at once"))
        .help("take a sample of the cells: cells.sample(1000, 1)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_in_both_orders() {
        let pairs = Pairs::compute(4, "testing", |i, j| (10 * i + j) as f64).unwrap();
        assert_eq!(pairs.upper, [1.0, 2.0, 3.0, 12.0, 13.0, 23.0]);
        assert_eq!((pairs.get(3, 1), pairs.get(2, 2), pairs.get(0, 1)), (13.0, 22.0, 1.0));
        assert_eq!(pairs.dense()[3], [3.0, 13.0, 23.0, 33.0]);
        assert_eq!(pairs.mean(), Some(9.0));
    }

    #[test]
    fn few_trains_have_no_mean_and_many_are_refused() {
        let none = Pairs::compute(0, "testing", |_, _| 0.0).unwrap();
        assert_eq!((none.trains(), none.mean()), (0, None));
        assert_eq!(Pairs::compute(2, "testing", |_, _| f64::NAN).unwrap().mean(), None);
        let error = Pairs::compute(5_000, "testing", |_, _| 0.0).unwrap_err().to_string();
        assert!(error.contains("12497500 pairs") && error.contains("sample"), "{error}");
    }
}
