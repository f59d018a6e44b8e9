//! How fast cells fire: mean rates, histograms over time, smooth rates.

use rayon::prelude::*;

use super::binned::TimeBins;
use super::{Window, positive};
use crate::diag::{Error, Result, work};

/// Spikes in the window, both ends included, over its length (Hz; `elephant.statistics.mean_firing_rate`).
pub fn mean_rate(train: &[f64], window: Window) -> f64 {
    window.of(train).len() as f64 / window.length() * 1000.0
}

/// [`mean_rate`] of each train, those without spikes too (Hz).
pub fn mean_rates(trains: &[&[f64]], window: Window) -> Vec<f64> {
    trains.par_iter().map(|train| mean_rate(train, window)).collect()
}

/// The mean rate of a population (Hz): `times` are the spikes of all of its `cells`, ascending; silent cells count. NaN
/// where there are no cells.
pub fn population_rate(times: &[f64], window: Window, cells: usize) -> f64 {
    rate_of(window.of(times).len(), window, cells)
}

/// The mean rate of `cells` cells that fired `spikes` times in a window (Hz); NaN where there are no cells.
pub fn rate_of(spikes: usize, window: Window, cells: usize) -> f64 {
    spikes as f64 / window.length() * 1000.0 / cells as f64
}

/// A peristimulus time histogram: columns of equal length, a row for each bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Psth {
    /// The bins.
    pub bins: TimeBins,
    /// Spikes of the population in each.
    pub counts: Vec<u64>,
    /// The rate per cell in each (Hz).
    pub rate: Vec<f64>,
}

impl Psth {
    /// Where the bins begin (ms).
    pub fn starts(&self) -> Vec<f64> {
        (0..self.bins.count()).map(|bin| self.bins.edge(bin)).collect()
    }

    /// The middles of the bins (ms).
    pub fn centres(&self) -> Vec<f64> {
        (0..self.bins.count()).map(|bin| self.bins.edge(bin).midpoint(self.bins.edge(bin + 1))).collect()
    }
}

/// The histogram of the spikes `times` (in any order) of a population of `cells`: counts, and counts per cell and time.
///
/// Bins are half open, the last one is closed. One that is cut short by the end of the window is divided by its own
/// width; BluePy's `firing_rate_histogram` divides it by the full one and shows too low a rate there. elephant's
/// `time_histogram` leaves such a bin out. A spike within 10⁻⁸ of a bin before an edge is on it, as in elephant.
///
/// # Errors
/// As [`TimeBins::new`], and when there are no cells.
pub fn psth(times: &[f64], window: Window, bin: f64, cells: usize) -> Result<Psth> {
    if cells == 0 {
        return Err(Error::argument("a rate needs at least one cell, and there is none"));
    }
    let bins = TimeBins::new(window, bin)?;
    let counts = bins.counts(times);
    let rate = |(bin, &n): (usize, &u64)| n as f64 / cells as f64 / bins.width_of(bin) * 1000.0;
    let rate = counts.iter().enumerate().map(rate).collect();
    Ok(Psth { bins, counts, rate })
}

/// The width of bins (ms) that BluePy takes where none is given: about 100 spikes in a bin, at most 50 ms, which is
/// min(50, T / (spikes/100 + 1)).
pub fn default_bin(window: Window, spikes: usize) -> f64 {
    (window.length() / (spikes as f64 / 100.0 + 1.0)).min(50.0)
}

/// How many deviations of the kernel of [`gaussian_rate`] are taken on each side: elephant's default.
const CUTOFF: f64 = 5.0;

/// A rate over time.
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothRate {
    /// When the first value stands (ms).
    pub start: f64,
    /// The time between values (ms).
    pub step: f64,
    /// The rate per cell (Hz).
    pub rate: Vec<f64>,
}

/// The rate smoothed by a Gaussian of deviation `sigma` (ms), sampled each `step` ms, per cell of a population of
/// `cells` with the spikes `times` (in any order).
///
/// elephant's convention (`instantaneous_rate` with `GaussianKernel(sigma)`, no border correction): spikes are counted
/// in bins of one step, and these counts are convolved with the kernel, cut off at 5 deviations. Value k is given for
/// the time `start + k · step`, where its bin begins, though it is centred on the bin: the curve is half a step early.
/// Within 5 deviations of the ends of the window the rate falls, because there are no spikes outside.
///
/// # Errors
/// When `sigma` or `step` is not above 0, there are too many steps, or no cells.
pub fn gaussian_rate(
    times: &[f64],
    window: Window,
    sigma: f64,
    step: f64,
    cells: usize,
) -> Result<SmoothRate> {
    positive("the width of the kernel", sigma)?;
    if cells == 0 {
        return Err(Error::argument("a rate needs at least one cell, and there is none"));
    }
    let bins = TimeBins::whole(window, step)?;
    let counts = bins.counts(times);
    let occupied: Vec<(usize, f64)> =
        counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(bin, n)| (bin, *n as f64)).collect();
    let kernel = kernel(sigma, step, counts.len());
    let half = kernel.len() - 1;
    let value = |at: usize| -> Result<f64> {
        if at.is_multiple_of(1024) {
            work::check()?;
        }
        let first = occupied.partition_point(|(bin, _)| bin + half < at);
        let near = occupied[first..].iter().take_while(|(bin, _)| *bin <= at + half);
        let sum: f64 = near.map(|&(bin, n)| n * kernel[at.abs_diff(bin)]).sum();
        Ok(sum.max(0.0) / cells as f64)
    };
    let rate = (0..counts.len()).into_par_iter().map(value).collect::<Result<_>>()?;
    Ok(SmoothRate { start: window.start(), step, rate })
}

/// The right half of the kernel (Hz), from its middle: as far as the cutoff, or as there are bins. elephant spreads the
/// samples evenly from −5σ to 5σ, which is not quite a step apart where a step does not divide 5σ.
fn kernel(sigma: f64, step: f64, bins: usize) -> Vec<f64> {
    let half = (CUTOFF * sigma / step).ceil();
    let apart = CUTOFF * sigma / half;
    let height = 1000.0 / (sigma * (2.0 * std::f64::consts::PI).sqrt());
    let length = (half as usize).min(bins.saturating_sub(1)) + 1;
    (0..length).map(|k| height * (-0.5 * (k as f64 * apart / sigma).powi(2)).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: f64, end: f64) -> Window {
        Window::new(start, end).unwrap()
    }

    #[test]
    fn rates_count_silent_cells_and_both_ends() {
        let train: &[f64] = &[100.0, 200.0, 300.0];
        assert_eq!(mean_rates(&[train, &[]], window(100.0, 300.0)), [15.0, 0.0]);
        assert_eq!(population_rate(train, window(0.0, 1000.0), 6), 0.5);
        assert!(population_rate(train, window(0.0, 1.0), 0).is_nan());
    }

    #[test]
    fn a_short_bin_is_divided_by_its_own_width() {
        let found = psth(&[1.0, 2.0, 15.0, 21.0, 24.0], window(0.0, 25.0), 10.0, 2).unwrap();
        assert_eq!(found.counts, [2, 1, 2]);
        assert_eq!(found.rate, [100.0, 50.0, 200.0]);
        assert_eq!((found.starts(), found.centres()), (vec![0.0, 10.0, 20.0], vec![5.0, 15.0, 22.5]));
        assert!(psth(&[], window(0.0, 1.0), 0.5, 0).is_err());
    }

    #[test]
    fn bins_adapt_to_the_number_of_spikes() {
        assert_eq!(default_bin(window(0.0, 1000.0), 0), 50.0);
        assert_eq!(default_bin(window(0.0, 1000.0), 9_900), 10.0);
    }

    #[test]
    fn a_smooth_rate_has_the_area_of_its_spikes() {
        let found = gaussian_rate(&[500.2], window(0.0, 1000.0), 20.0, 1.0, 1).unwrap();
        let area: f64 = found.rate.iter().map(|hz| hz / 1000.0 * found.step).sum();
        assert!((area - 1.0).abs() < 1e-5, "{area}");
        let peak = 1000.0 / (20.0 * (2.0 * std::f64::consts::PI).sqrt());
        assert!((found.rate[500] - peak).abs() < 1e-9 && found.rate[499] == found.rate[501]);
        assert_eq!((found.rate[399], found.rate.len()), (0.0, 1000));
        assert!(found.rate[400] > 0.0);
    }

    #[test]
    fn a_kernel_longer_than_the_window_is_cut() {
        let found = gaussian_rate(&[0.0, 9.0], window(0.0, 10.0), 1e6, 1.0, 1).unwrap();
        assert_eq!(found.rate.len(), 10);
        assert!(found.rate.iter().all(|r| *r > 0.0 && r.is_finite()));
        assert!(gaussian_rate(&[], window(0.0, 10.0), 0.0, 1.0, 1).is_err());
        assert!(gaussian_rate(&[], window(0.0, 10.0), 1.0, 20.0, 1).is_err());
    }
}
