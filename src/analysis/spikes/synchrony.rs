//! How much trains fire together: correlations of counts, cross-correlograms, tiling coefficients, spike contrast.

use super::binned::BinnedTrains;
use super::{Pairs, Window, positive};
use crate::analysis::statistics::{BINS_MAX, Binning};
use crate::diag::{Error, Result, work};

/// Pearson's correlation of the counts of each two trains
/// (`elephant.spike_train_correlation.correlation_coefficient`; give [`BinnedTrains::binary`] for its `binary=True`).
/// NaN where the counts of a train are the same in all bins, as for silent cells.
///
/// # Errors
/// When there are too many pairs.
pub fn correlation(binned: &BinnedTrains) -> Result<Pairs> {
    let moments = Moments::of(binned);
    // Of a train with itself 1, not nearly 1.
    let of = |i: usize, j: usize| match moments.spread(i) * moments.spread(j) {
        spread if spread > 0.0 && i == j => 1.0,
        spread if spread > 0.0 => moments.product(binned, i, j) / spread.sqrt(),
        _ => f64::NAN,
    };
    Pairs::compute(binned.rows.len(), "correlating spike trains", of)
}

/// The covariance (ddof 1) of the counts of each two trains (`elephant.spike_train_correlation.covariance`). NaN where
/// there is only one bin.
///
/// # Errors
/// When there are too many pairs.
pub fn covariance(binned: &BinnedTrains) -> Result<Pairs> {
    let moments = Moments::of(binned);
    let scale = moments.bins * (moments.bins - 1.0);
    Pairs::compute(binned.rows.len(), "correlating spike trains", |i, j| {
        moments.product(binned, i, j) / scale
    })
}

/// Sums of counts. Counts are whole numbers: these sums are exact.
struct Moments {
    bins: f64,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn of(binned: &BinnedTrains) -> Self {
        let sum = |power: i32| {
            let row = |row: &Vec<(u32, u32)>| row.iter().map(|(_, n)| f64::from(*n).powi(power)).sum();
            binned.rows.iter().map(row).collect()
        };
        Moments { bins: binned.bins.count() as f64, sums: sum(1), squares: sum(2) }
    }

    /// n² times the variance of a train's counts.
    fn spread(&self, i: usize) -> f64 {
        self.bins * self.squares[i] - self.sums[i] * self.sums[i]
    }

    /// n² times the covariance (ddof 0) of two trains' counts.
    fn product(&self, binned: &BinnedTrains, i: usize, j: usize) -> f64 {
        self.bins * dot(&binned.rows[i], &binned.rows[j]) - self.sums[i] * self.sums[j]
    }
}

/// Σ aₖbₖ over the bins that both have.
fn dot(a: &[(u32, u32)], b: &[(u32, u32)]) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some(&(x, n)), Some(&(y, m))) = (a.get(i), b.get(j)) {
        if x == y {
            sum += f64::from(n) * f64::from(m);
        }
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    sum
}

/// A histogram of the lags between the spikes of two trains.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossCorrelogram {
    /// By how much the second train is later (ms).
    pub lags: Vec<f64>,
    /// Pairs of spikes at that lag.
    pub counts: Vec<u64>,
}

/// The cross-correlation histogram: at lag l bins, Σ a(t)·b(t + l) of the counts of trains `a` and `b`, so that a positive
/// lag means that `b` fires later (`elephant.spike_train_correlation.cross_correlation_histogram`, no border correction).
/// Lags from −`most` to `most` bins.
///
/// # Errors
/// When there are no such trains, or too many lags.
pub fn cross_correlogram(binned: &BinnedTrains, a: usize, b: usize, most: usize) -> Result<CrossCorrelogram> {
    let trains = binned.rows.len();
    let (Some(first), Some(second)) = (binned.rows.get(a), binned.rows.get(b)) else {
        return Err(Error::argument(format!("there are no trains {a} and {b} among {trains}")));
    };
    if most > BINS_MAX / 2 {
        return Err(Error::argument(format!("{most} lags are too many: {} are possible", BINS_MAX / 2)));
    }
    let mut counts = vec![0; 2 * most + 1];
    let mut from = 0;
    for (row, &(bin, n)) in first.iter().enumerate() {
        if row.is_multiple_of(4096) {
            work::check()?;
        }
        let earliest = i64::from(bin) - most as i64;
        from += second[from..].iter().take_while(|(other, _)| i64::from(*other) < earliest).count();
        let near = second[from..].iter().map(|&(other, m)| ((i64::from(other) - earliest) as usize, m));
        for (lag, m) in near.take_while(|(lag, _)| *lag <= 2 * most) {
            counts[lag] += u64::from(n) * u64::from(m);
        }
    }
    let lag = |k: usize| (k as f64 - most as f64) * binned.bins.width();
    Ok(CrossCorrelogram { lags: (0..counts.len()).map(lag).collect(), counts })
}

/// The spike time tiling coefficient of two trains in a window (Cutts and Eglen 2014):
/// ½ (P_A − T_B)/(1 − P_A T_B) + ½ (P_B − T_A)/(1 − P_B T_A), where P_A is the share of the spikes of `a` that are within
/// ±`dt` ms of one of `b`, and T_A the share of the window that is within ±`dt` of a spike of `a`, not counted beyond its
/// ends. A half whose P·T is 1 counts ½. `None` where a train has no spikes.
///
/// `elephant.spike_train_correlation.spike_time_tiling_coefficient`, except that a distance counts as within `dt` only
/// where it is; elephant adds 10⁻⁵ of the time of the spike.
pub fn sttc(a: &[f64], b: &[f64], window: Window, dt: f64) -> Option<f64> {
    let (a, b) = (window.of(a), window.of(b));
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let half = |p: f64, t: f64| if p * t == 1.0 { 0.5 } else { 0.5 * (p - t) / (1.0 - p * t) };
    Some(
        half(share_near(a, b, dt), covered(b, window, dt))
            + half(share_near(b, a, dt), covered(a, window, dt)),
    )
}

/// [`sttc`] of each two trains; NaN where one is silent.
///
/// # Errors
/// When `dt` is not above 0, or there are too many pairs.
pub fn sttc_of_pairs(trains: &[&[f64]], window: Window, dt: f64) -> Result<Pairs> {
    positive("the synchrony window", dt)?;
    let of = |i: usize, j: usize| sttc(trains[i], trains[j], window, dt).unwrap_or(f64::NAN);
    Pairs::compute(trains.len(), "tiling spike trains", of)
}

/// The share of the spikes of `a` that are at most `dt` from one of `b`.
fn share_near(a: &[f64], b: &[f64], dt: f64) -> f64 {
    let mut from = 0;
    let near = a.iter().filter(|&&t| {
        from += b[from..].iter().take_while(|&&other| other < t - dt).count();
        b.get(from).is_some_and(|&other| other <= t + dt)
    });
    near.count() as f64 / a.len() as f64
}

/// The share of the window that is at most `dt` from a spike.
fn covered(train: &[f64], window: Window, dt: f64) -> f64 {
    let (mut covered, mut until) = (0.0, window.start());
    for &t in train {
        let end = (t + dt).min(window.end());
        covered += (end - (t - dt).max(until)).max(0.0);
        until = end;
    }
    covered / window.length()
}

/// Spike contrast (Ciba et al. 2018): how synchronous a population is, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeContrast {
    /// The measure: the largest product of contrast and active trains over all widths of bins.
    pub synchrony: f64,
    /// The width of bins where it is largest (ms): the time scale of the synchrony.
    pub bin: f64,
}

/// The narrowest bins of [`spike_contrast`] (ms), and the ratio of successive widths: elephant's defaults.
const NARROWEST: f64 = 10.0;
const SHRINK: f64 = 0.9;

/// Spike contrast of trains in a window. For bins from half the window down to the larger of 10 ms and half of the
/// shortest interval, each 0.9 times the one before and overlapping by half: (Σ|Δθ| / 2N) · (Σnθ/Σθ − 1)/(M − 1), with θ
/// the spikes and n the active trains of a bin, N all spikes, M all trains (`elephant.spike_train_synchrony`). Its bins
/// begin one shortest interval before the window.
///
/// # Errors
/// When there are fewer than two trains, none has two spikes, or the window is shorter than 20 ms (or than the shortest
/// interval).
pub fn spike_contrast(trains: &[&[f64]], window: Window) -> Result<SpikeContrast> {
    if trains.len() < 2 {
        return Err(Error::argument("spike contrast compares trains, and needs two or more"));
    }
    let trains: Vec<&[f64]> = trains.iter().map(|train| window.of(train)).collect();
    let intervals = trains.iter().flat_map(|train| train.windows(2).map(|pair| pair[1] - pair[0]));
    let Some(shortest) = intervals.reduce(f64::min) else {
        return Err(Error::argument("spike contrast needs a train with two spikes, and there is none"));
    };
    let (mut bin, narrowest) = (window.length() / 2.0, NARROWEST.max(shortest / 2.0));
    let mut best: Option<SpikeContrast> = None;
    while bin >= narrowest {
        work::check()?;
        let synchrony = synchrony_at(&trains, window, shortest, bin)?;
        if best.is_none_or(|best| synchrony > best.synchrony) {
            best = Some(SpikeContrast { synchrony, bin });
        }
        bin *= SHRINK;
    }
    best.ok_or_else(|| {
        Error::argument(format!(
            "the window of {} ms is too short for spike contrast: it needs {} ms",
            window.length(),
            2.0 * narrowest
        ))
    })
}

fn synchrony_at(trains: &[&[f64]], window: Window, margin: f64, bin: f64) -> Result<f64> {
    let (start, step) = (window.start() - margin, bin / 2.0);
    let count = ((window.end() + margin + step - start) / step).ceil();
    if count > BINS_MAX as f64 {
        return Err(Error::argument(format!(
            "the window of {} ms is too long for spike contrast",
            window.length()
        )));
    }
    let edges: Vec<f64> = (0..count as usize).map(|k| start + k as f64 * step).collect();
    let binning = Binning::new(&edges);
    // A bin is a step and the next one. Spikes and active trains of each:
    let steps = edges.len() - 1;
    let (mut spikes, mut active) = (vec![0.0; steps - 1], vec![0.0; steps - 1]);
    for train in trains {
        // The bins before this one know that the train is active.
        let mut known = 0;
        for step in train.iter().filter_map(|&t| binning.of(t)) {
            let bins = step.saturating_sub(1)..(step + 1).min(steps - 1);
            bins.clone().for_each(|bin| spikes[bin] += 1.0);
            (bins.start.max(known)..bins.end).for_each(|bin| active[bin] += 1.0);
            known = bins.end;
        }
    }
    let total: f64 = spikes.iter().sum();
    let n = trains.iter().map(|train| train.len()).sum::<usize>() as f64;
    let weighted: f64 = spikes.iter().zip(&active).map(|(s, a)| s * a).sum();
    let together = (weighted / total - 1.0) / (trains.len() as f64 - 1.0);
    let contrast: f64 = spikes.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
    Ok(contrast / (2.0 * n) * together)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::spikes::TimeBins;

    fn window(start: f64, end: f64) -> Window {
        Window::new(start, end).unwrap()
    }

    fn binned(trains: &[&[f64]]) -> BinnedTrains {
        BinnedTrains::new(trains, TimeBins::new(window(0.0, 4.0), 1.0).unwrap())
    }

    #[test]
    fn correlations_by_hand() {
        // 1 0 1 0, 1 0 1 0, 0 1 0 1, and silence.
        let binned = binned(&[&[0.5, 2.5], &[0.1, 2.1], &[1.5, 3.5], &[]]);
        let found = correlation(&binned).unwrap();
        assert_eq!((found.get(0, 1), found.get(0, 2), found.get(0, 0)), (1.0, -1.0, 1.0));
        assert!(found.get(0, 3).is_nan() && found.get(3, 3).is_nan());
        assert_eq!(found.mean(), Some(-1.0 / 3.0));
        let found = covariance(&binned).unwrap();
        assert!((found.get(0, 1) - 1.0 / 3.0).abs() < 1e-15 && (found.get(2, 1) + 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(found.get(3, 0), 0.0);
    }

    #[test]
    fn a_positive_lag_means_that_the_second_train_is_later() {
        let binned = binned(&[&[0.5, 1.5], &[1.2, 1.3, 3.5]]);
        let found = cross_correlogram(&binned, 0, 1, 2).unwrap();
        assert_eq!((found.lags, found.counts), (vec![-2.0, -1.0, 0.0, 1.0, 2.0], vec![0, 0, 2, 2, 1]));
        let turned = cross_correlogram(&binned, 1, 0, 2).unwrap();
        assert_eq!(turned.counts, [1, 2, 2, 0, 0]);
        assert!(cross_correlogram(&binned, 0, 2, 2).is_err());
    }

    #[test]
    fn tiling_by_hand() {
        let window = window(0.0, 100.0);
        assert_eq!(sttc(&[50.0], &[], window, 5.0), None);
        assert_eq!(sttc(&[20.0, 50.0], &[20.0, 50.0], window, 5.0), Some(1.0));
        // Far apart: P = 0, T = 0.1 each.
        assert!((sttc(&[20.0], &[80.0], window, 5.0).unwrap() + 0.1).abs() < 1e-15);
        // Tiles do not count twice or beyond the window: 0..6 and 8..22.
        assert!((covered(&[1.0, 13.0, 17.0], window, 5.0) - 0.20).abs() < 1e-15);
        // The whole window is covered.
        assert_eq!(sttc(&[50.0], &[50.0], window, 60.0), Some(1.0));
        let pairs = sttc_of_pairs(&[&[20.0], &[20.0], &[]], window, 5.0).unwrap();
        assert!(pairs.get(0, 1) == 1.0 && pairs.get(0, 2).is_nan());
        assert!(sttc_of_pairs(&[], window, 0.0).is_err());
    }

    #[test]
    fn identical_trains_have_full_contrast() {
        let train: &[f64] = &[100.0, 300.0, 500.0, 700.0];
        let found = spike_contrast(&[train, train, train], window(0.0, 800.0)).unwrap();
        assert!((found.synchrony - 1.0).abs() < 1e-12, "{found:?}");
        let apart = spike_contrast(&[train, &[200.0, 400.0, 600.0]], window(0.0, 800.0)).unwrap();
        assert!((apart.synchrony - 0.530_612_244_897_959_2).abs() < 1e-12, "{apart:?}");
    }

    #[test]
    fn spike_contrast_needs_trains_to_compare() {
        let train: &[f64] = &[1.0, 2.0];
        assert!(spike_contrast(&[train], window(0.0, 100.0)).is_err());
        assert!(spike_contrast(&[&[1.0], &[]], window(0.0, 100.0)).is_err());
        assert!(spike_contrast(&[train, train], window(0.0, 5.0)).unwrap_err().to_string().contains("20 ms"));
    }
}
