//! Statistics of samples: moments, quantiles, histograms, box plots, and the tests with which a model is held
//! against an experiment.
//!
//! Samples are slices of `f64`. A NaN in a sample makes a moment or a quantile NaN, as in numpy; of nothing, they
//! are NaN too. Sums are pairwise and cut by length alone, so that they come out the same on every machine.

use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

use crate::diag::{Error, Result};

/// The most bins that [`Bins::Auto`] makes: an outlier would otherwise ask for millions.
pub const AUTO_BINS_MAX: usize = 1_000;

/// The most bins that any histogram has.
pub const BINS_MAX: usize = 1_000_000;

/// Below this length a sum is a plain loop, above 2^20 its halves run on two cores.
const PAIRWISE_BLOCK: usize = 128;

/// Σ f(i) for i in 0..n by halving: the error grows with log n, and the order of additions depends on n alone.
pub fn sum_of(n: usize, f: &(impl Fn(usize) -> f64 + Sync)) -> f64 {
    fn half(from: usize, to: usize, f: &(impl Fn(usize) -> f64 + Sync)) -> f64 {
        let n = to - from;
        if n <= PAIRWISE_BLOCK {
            return (from..to).map(f).sum();
        }
        let middle = from + n / 2;
        if n > 1 << 20 {
            let (a, b) = rayon::join(|| half(from, middle, f), || half(middle, to, f));
            return a + b;
        }
        half(from, middle, f) + half(middle, to, f)
    }
    half(0, n, f)
}

/// Σ x, pairwise. Of nothing, 0.
pub fn sum(values: &[f64]) -> f64 {
    // A sum of nothing starts at −0.0 in Rust; people expect 0.
    sum_of(values.len(), &|i| values[i]) + 0.0
}

/// Σ x / n. Of nothing, NaN.
pub fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// Σ (x − mean)² / (n − ddof), in two passes. NaN where n ≤ ddof. `ddof` 0 is the population's variance (numpy,
/// BluePy), 1 the sample's (pandas).
pub fn variance(values: &[f64], ddof: usize) -> f64 {
    if values.len() <= ddof {
        return f64::NAN;
    }
    let center = mean(values);
    sum_of(values.len(), &|i| (values[i] - center).powi(2)) / (values.len() - ddof) as f64
}

/// √[`variance`].
pub fn std(values: &[f64], ddof: usize) -> f64 {
    variance(values, ddof).sqrt()
}

/// The middle value, or the mean of the two middle ones. Of nothing, NaN.
pub fn median(values: &[f64]) -> f64 {
    quantile_of_sorted(&sorted(values), 0.5)
}

/// The quantile by linear interpolation between order statistics: with h = (n − 1)·q it is
/// x⌊h⌋ + (h − ⌊h⌋)(x⌊h⌋₊₁ − x⌊h⌋), numpy's default (Hyndman and Fan 1996, type 7).
///
/// # Errors
/// When `q` is not in [0, 1].
pub fn quantile(values: &[f64], q: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::argument(format!("a quantile lies between 0 and 1, not at {q}")));
    }
    Ok(quantile_of_sorted(&sorted(values), q))
}

/// The values in ascending order, NaN last.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (nan_a, nan_b) => nan_a.cmp(&nan_b),
    });
    sorted
}

/// [`quantile`] of values that are in ascending order with NaN last; `q` is clamped to [0, 1].
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.last() else { return f64::NAN };
    if last.is_nan() || q.is_nan() {
        return f64::NAN;
    }
    let h = (sorted.len() - 1) as f64 * q.clamp(0.0, 1.0);
    let low = sorted[h as usize];
    let high = sorted[(h as usize + 1).min(sorted.len() - 1)];
    // From the nearer end, as numpy does.
    match h.fract() {
        _ if low == high => low,
        t if t < 0.5 => low + (high - low) * t,
        t => high - (high - low) * (1.0 - t),
    }
}

/// What `describe()` shows of a column. All in the column's unit, but for `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Description {
    /// How many values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation, ddof 0 (pandas' `describe` shows ddof 1).
    pub std: f64,
    /// Smallest value.
    pub min: f64,
    /// Lower quartile.
    pub q25: f64,
    /// Median.
    pub median: f64,
    /// Upper quartile.
    pub q75: f64,
    /// Largest value.
    pub max: f64,
}

/// Count, moments and quartiles. Of nothing, all but `n` are NaN.
pub fn describe(values: &[f64]) -> Description {
    let sorted = sorted(values);
    let at = |q| quantile_of_sorted(&sorted, q);
    Description {
        n: values.len(),
        mean: mean(values),
        std: std(values, 0),
        min: at(0.0),
        q25: at(0.25),
        median: at(0.5),
        q75: at(0.75),
        max: at(1.0),
    }
}

/// What a box plot draws (Tukey 1977): quartiles, whiskers at the outermost values within 1.5 interquartile
/// ranges of the box, and the values beyond them. matplotlib's `boxplot` draws the same.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSummary {
    /// How many values; NaN left out.
    pub n: usize,
    /// End of the lower whisker: a value of the sample.
    pub low_whisker: f64,
    /// Lower quartile.
    pub q25: f64,
    /// Median.
    pub median: f64,
    /// Upper quartile.
    pub q75: f64,
    /// End of the upper whisker: a value of the sample.
    pub high_whisker: f64,
    /// The values beyond the whiskers, ascending.
    pub outliers: Vec<f64>,
}

/// The numbers of a box plot. NaN are left out; of nothing, all but `n` are NaN.
pub fn box_summary(values: &[f64]) -> BoxSummary {
    let mut sorted = sorted(values);
    sorted.truncate(sorted.partition_point(|v| !v.is_nan()));
    let [q25, median, q75] = [0.25, 0.5, 0.75].map(|q| quantile_of_sorted(&sorted, q));
    let reach = 1.5 * (q75 - q25);
    let (low, high) = (q25 - reach, q75 + reach);
    let inside = |v: &&f64| **v >= low && **v <= high;
    BoxSummary {
        n: sorted.len(),
        // An interpolated quartile may lie beyond every value within reach: then the whisker has no length.
        low_whisker: sorted.iter().find(inside).map_or(q25, |v| v.min(q25)),
        q25,
        median,
        q75,
        high_whisker: sorted.iter().rev().find(inside).map_or(q75, |v| v.max(q75)),
        outliers: sorted.iter().copied().filter(|v| *v < low || *v > high).collect(),
    }
}

/// How a histogram is cut.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// numpy's `"auto"`: the narrower of Freedman and Diaconis' width 2·IQR/n^⅓ and Sturges' range/(log₂ n + 1);
    /// Sturges' alone where the IQR is 0. At least 1 wide where all values are whole numbers. At most
    /// [`AUTO_BINS_MAX`].
    Auto,
    /// So many bins of equal width between the smallest and the largest value.
    Count(usize),
    /// Bins of this width, in the column's unit, beginning at multiples of it.
    Width(f64),
    /// These edges, ascending; what lies outside is left out.
    Edges(Vec<f64>),
}

/// Counts by bins `[edge, next edge)`; the last bin is closed, as in numpy.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// `n + 1` edges, ascending, in the column's unit.
    pub edges: Vec<f64>,
    /// `n` counts.
    pub counts: Vec<u64>,
    /// Values that are in no bin: NaN, and what lies outside given edges.
    pub left_out: u64,
}

/// A histogram with numpy's meaning of bins. NaN and infinite values belong to no bin, and do not widen the range.
/// Of nothing, one bin from 0 to 1. Where all values are the same, a range of one around them.
///
/// # Errors
/// When there are no bins or more than [`BINS_MAX`], a width is not positive, or edges do not ascend.
pub fn histogram(values: &[f64], bins: &Bins) -> Result<Histogram> {
    let edges = bin_edges(values, bins)?;
    let mut counts = vec![0; edges.len() - 1];
    let mut left_out = 0;
    let bin = Binning::new(&edges);
    for &value in values {
        match bin.of(value) {
            Some(k) => counts[k] += 1,
            None => left_out += 1,
        }
    }
    Ok(Histogram { edges, counts, left_out })
}

/// The edges that [`histogram`] uses.
///
/// # Errors
/// As [`histogram`].
pub fn bin_edges(values: &[f64], bins: &Bins) -> Result<Vec<f64>> {
    if let Bins::Edges(edges) = bins {
        check_edges(edges)?;
        return Ok(edges.clone());
    }
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = match (finite().reduce(f64::min), finite().reduce(f64::max)) {
        (Some(low), Some(high)) => (low, high),
        _ => (0.0, 1.0),
    };
    if let Bins::Width(width) = bins {
        return edges_of_width(low, high, *width);
    }
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let count = match bins {
        Bins::Count(count) => *count,
        _ => automatic_count(&finite().collect::<Vec<_>>()),
    };
    check_count(count as f64)?;
    let step = (high - low) / count as f64;
    let mut edges: Vec<f64> = (0..=count).map(|k| low + step * k as f64).collect();
    edges[count] = high;
    check_edges(&edges)?;
    Ok(edges)
}

fn edges_of_width(low: f64, high: f64, width: f64) -> Result<Vec<f64>> {
    if !(width > 0.0 && width.is_finite()) {
        return Err(Error::argument(format!("a bin cannot be {width} wide")));
    }
    let first = (low / width).floor();
    let mut last = (high / width).floor() + 1.0;
    // The last bin is closed: a largest value on an edge needs no bin of its own.
    if (last - 1.0) * width == high && last - 1.0 > first {
        last -= 1.0;
    }
    check_count(last - first)?;
    let edges: Vec<f64> = (0..=(last - first) as usize).map(|k| (first + k as f64) * width).collect();
    check_edges(&edges)?;
    Ok(edges)
}

fn check_count(count: f64) -> Result<()> {
    if count >= 1.0 && count <= BINS_MAX as f64 {
        return Ok(());
    }
    Err(Error::argument(format!("a histogram has 1 to {BINS_MAX} bins, not {count}")))
}

fn check_edges(edges: &[f64]) -> Result<()> {
    check_count(edges.len() as f64 - 1.0)?;
    if edges.iter().any(|e| e.is_nan()) || !edges.is_sorted_by(|a, b| a < b) {
        return Err(Error::argument("the edges of a histogram ascend, each above the one before"));
    }
    Ok(())
}

fn automatic_count(values: &[f64]) -> usize {
    let sorted = sorted(values);
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return 1 };
    let range = high - low;
    if range <= 0.0 || !range.is_finite() {
        return 1;
    }
    let n = sorted.len() as f64;
    let sturges = range / (n.log2() + 1.0);
    let spread = quantile_of_sorted(&sorted, 0.75) - quantile_of_sorted(&sorted, 0.25);
    let freedman_diaconis = 2.0 * spread / n.cbrt();
    let mut width = if freedman_diaconis > 0.0 { sturges.min(freedman_diaconis) } else { sturges };
    if sorted.iter().all(|v| v.fract() == 0.0) {
        width = width.max(1.0);
    }
    ((range / width).ceil() as usize).clamp(1, AUTO_BINS_MAX)
}

/// Finds the bin of a value: in one step where the bins are equally wide, else by halving.
pub(super) struct Binning<'a> {
    edges: &'a [f64],
    per_bin: Option<f64>,
}

impl<'a> Binning<'a> {
    /// `edges` ascend, and there are at least two.
    pub(super) fn new(edges: &'a [f64]) -> Self {
        let bins = edges.len() - 1;
        let width = (edges[bins] - edges[0]) / bins as f64;
        let even = width.is_finite()
            && edges.iter().enumerate().all(|(k, e)| (edges[0] + width * k as f64 - e).abs() < 0.5 * width);
        Binning { edges, per_bin: even.then(|| width.recip()).filter(|w| w.is_finite()) }
    }

    /// The bin `[edge, next edge)`, the last one closed.
    pub(super) fn of(&self, value: f64) -> Option<usize> {
        let last = self.edges.len() - 2;
        // Written so that NaN is outside.
        if !(value >= self.edges[0] && value <= self.edges[last + 1]) {
            return None;
        }
        let Some(per_bin) = self.per_bin else {
            return Some((self.edges.partition_point(|e| *e <= value) - 1).min(last));
        };
        let mut k = (((value - self.edges[0]) * per_bin) as usize).min(last);
        // The edges decide, not the division.
        while value < self.edges[k] {
            k -= 1;
        }
        while k < last && value >= self.edges[k + 1] {
            k += 1;
        }
        Some(k)
    }
}

/// The 95 % interval of a proportion `k` of `n` (Wilson 1927), with z = 1.959964:
/// (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). NaN where `n` is 0.
pub fn wilson(k: u64, n: u64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let (count, p) = (n as f64, k as f64 / n as f64);
    let middle = p + Z * Z / (2.0 * count);
    let half = Z * (p * (1.0 - p) / count + Z * Z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + Z * Z / count;
    // At the ends the bound is exactly 0 or 1; rounding must not hide that.
    let low = if k == 0 && n > 0 { 0.0 } else { (middle - half) / scale };
    let high = if k == n && n > 0 { 1.0 } else { (middle + half) / scale };
    (low, high)
}

/// A coefficient or statistic with the probability, two-sided, of one at least as extreme by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// r, D, U or t.
    pub statistic: f64,
    /// The two-sided p-value.
    pub p: f64,
}

/// Pearson's correlation r = Σ(x−x̄)(y−ȳ) / √(Σ(x−x̄)² Σ(y−ȳ)²), with the p-value of no correlation between
/// normal variables, I₁₋ᵣ²(n/2 − 1, ½) (`scipy.stats.pearsonr`). r is NaN where a sample does not vary; p is 1
/// for two pairs.
///
/// # Errors
/// When the samples differ in length or have fewer than two values.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<Test> {
    if x.len() != y.len() {
        return Err(Error::argument(format!(
            "a correlation needs pairs, but there are {} and {} values",
            x.len(),
            y.len()
        )));
    }
    enough(x.len(), 2)?;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let xy = sum_of(x.len(), &|i| (x[i] - mean_x) * (y[i] - mean_y));
    let xx = sum_of(x.len(), &|i| (x[i] - mean_x).powi(2));
    let yy = sum_of(x.len(), &|i| (y[i] - mean_y).powi(2));
    let r = (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0);
    let half = x.len() as f64 / 2.0 - 1.0;
    let p = match () {
        () if r.is_nan() => f64::NAN,
        () if x.len() == 2 => 1.0,
        () => beta_reg(half, 0.5, (1.0 - r * r).clamp(0.0, 1.0)),
    };
    Ok(Test { statistic: r, p: if r.abs() == 1.0 && x.len() > 2 { 0.0 } else { p } })
}

/// The largest product of sample sizes for which [`ks2`] counts exactly.
const KS_EXACT: usize = 100_000_000;

/// The two-sample Kolmogorov–Smirnov test: D = max |F₁ − F₂| of the empirical distributions, and the probability
/// of one at least as large (`scipy.stats.ks_2samp`, two-sided). The probability is exact (lattice paths, Hodges
/// 1957) up to 10⁸ pairs; beyond, Kolmogorov's limit 2Σ(−1)ᵏ⁻¹exp(−2k²x²) at x = D√(nm/(n+m)).
///
/// # Errors
/// When a sample is empty or holds NaN.
pub fn ks2(a: &[f64], b: &[f64]) -> Result<Test> {
    let (a, b) = (ordered(a)?, ordered(b)?);
    let (n, m) = (a.len(), b.len());
    // The distance in units of 1/(n·m), so that it is compared without rounding.
    let (mut i, mut j, mut farthest) = (0, 0, 0u128);
    while i < n && j < m {
        let value = a[i].min(b[j]);
        i += a[i..].iter().take_while(|v| **v <= value).count();
        j += b[j..].iter().take_while(|v| **v <= value).count();
        farthest = farthest.max((i as u128 * m as u128).abs_diff(j as u128 * n as u128));
    }
    let d = farthest as f64 / (n as f64 * m as f64);
    let exact = n.checked_mul(m).is_some_and(|pairs| pairs <= KS_EXACT);
    let p = if exact { ks_exact(n, m, farthest) } else { ks_limit(n as f64, m as f64, d) };
    Ok(Test { statistic: d, p: p.clamp(0.0, 1.0) })
}

/// The share of the lattice paths from (0, 0) to (n, m) that reach a point where |i·m − j·n| ≥ `farthest`.
fn ks_exact(n: usize, m: usize, farthest: u128) -> f64 {
    let reaches = |i: usize, j: usize| (i as u128 * m as u128).abs_diff(j as u128 * n as u128) >= farthest;
    let mut row = vec![0.0f64; m + 1];
    for i in 0..=n {
        for j in 0..=m {
            let (from_left, from_above) = (if j > 0 { row[j - 1] } else { 0.0 }, row[j]);
            row[j] = match (i + j) as f64 {
                _ if reaches(i, j) => 1.0,
                0.0 => 0.0,
                steps => from_above * (i as f64 / steps) + from_left * (j as f64 / steps),
            };
        }
    }
    row[m]
}

fn ks_limit(n: f64, m: f64, d: f64) -> f64 {
    let x = (n * m / (n + m)).sqrt() * d;
    // The alternating series is 1 to all digits, but converges slowly.
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| (-2.0 * (f64::from(k) * x).powi(2)).exp() * if k % 2 == 1 { 2.0 } else { -2.0 };
    (1..=100).map(term).sum()
}

/// The largest product of sample sizes for which [`mann_whitney_u`] counts exactly.
const MWU_EXACT: usize = 4_000;

/// The Mann–Whitney test: U of the first sample, Σ ranks − n(n+1)/2, with tied values sharing their mean rank, and
/// its two-sided probability (`scipy.stats.mannwhitneyu`). Exact where a sample has at most 8 values, none is tied
/// and n·m ≤ 4,000; else the normal approximation with corrections for ties and continuity.
///
/// # Errors
/// When a sample is empty or holds NaN.
pub fn mann_whitney_u(a: &[f64], b: &[f64]) -> Result<Test> {
    let (n, m) = (ordered(a)?.len(), ordered(b)?.len());
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|v| (*v, true)).chain(b.iter().map(|v| (*v, false))).collect();
    all.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
    let (mut ranks, mut ties, mut start) = (0.0, 0.0, 0);
    for group in all.chunk_by(|x, y| x.0 == y.0) {
        let size = group.len() as f64;
        ranks += group.iter().filter(|(_, first)| *first).count() as f64
            * (start as f64 + f64::midpoint(size, 1.0));
        ties += size.powi(3) - size;
        start += group.len();
    }
    let (nf, mf) = (n as f64, m as f64);
    let u = ranks - nf * (nf + 1.0) / 2.0;
    let larger = u.max(nf * mf - u);
    let exact = ties == 0.0 && n.min(m) <= 8 && n.checked_mul(m).is_some_and(|pairs| pairs <= MWU_EXACT);
    let one_sided = if exact {
        u_distribution(n, m).get(larger as usize..).map_or(1.0, |tail| tail.iter().sum())
    } else {
        let total = nf + mf;
        let spread = (nf * mf / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)))).sqrt();
        // Half the width of a step: U takes whole values.
        normal_tail((larger - nf * mf / 2.0 - 0.5) / spread)
    };
    Ok(Test { statistic: u, p: (2.0 * one_sided).min(1.0) })
}

/// P(U = u) for u in 0..=n·m without ties, by P(n,m,u) = (n·P(n−1,m,u−m) + m·P(n,m−1,u)) / (n+m) (Mann and
/// Whitney 1947): all terms are positive, nothing cancels.
fn u_distribution(n: usize, m: usize) -> Vec<f64> {
    let (n, m) = (n.min(m), n.max(m));
    // by_n[k] is the distribution for (k, current m); it begins with m = 0, where U is 0.
    let mut by_n: Vec<Vec<f64>> = vec![vec![1.0]; n + 1];
    for j in 1..=m {
        for k in 1..=n {
            let total = (k + j) as f64;
            let mut next = vec![0.0; k * j + 1];
            for (u, p) in by_n[k].iter().enumerate() {
                next[u] += p * j as f64 / total;
            }
            for (u, p) in by_n[k - 1].iter().enumerate() {
                next[u + j] += p * k as f64 / total;
            }
            by_n[k] = next;
        }
    }
    by_n.swap_remove(n)
}

/// Mean, standard deviation (ddof 1) and size of a sample, as papers print them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, ddof 1.
    pub std: f64,
    /// Size of the sample.
    pub n: f64,
}

/// Welch's t-test from summaries, variances not assumed equal: t = (m₁ − m₂)/√(s₁²/n₁ + s₂²/n₂) with the
/// Welch–Satterthwaite degrees of freedom (`scipy.stats.ttest_ind_from_stats(equal_var=False)`).
///
/// # Errors
/// When a sample has fewer than two values or a deviation is negative.
pub fn welch_t(a: Summary, b: Summary) -> Result<Test> {
    for sample in [a, b] {
        if !(sample.n >= 2.0 && sample.std >= 0.0) {
            return Err(Error::argument(format!(
                "a t-test needs two or more values and a deviation, not n = {} and std = {}",
                sample.n, sample.std
            )));
        }
    }
    let (va, vb) = (a.std * a.std / a.n, b.std * b.std / b.n);
    let t = (a.mean - b.mean) / (va + vb).sqrt();
    let freedom = (va + vb).powi(2) / (va * va / (a.n - 1.0) + vb * vb / (b.n - 1.0));
    Ok(Test { statistic: t, p: student_two_sided(t, freedom) })
}

/// (value − mean) / std: how many deviations of the reference a value is away from it.
pub fn zscore(value: f64, mean: f64, std: f64) -> f64 {
    (value - mean) / std
}

/// P(|T| ≥ |t|) of Student's distribution: I_{ν/(ν+t²)}(ν/2, ½).
fn student_two_sided(t: f64, freedom: f64) -> f64 {
    match () {
        () if t.is_nan() || freedom.is_nan() => f64::NAN,
        () if t.is_infinite() => 0.0,
        // Beyond, the difference from the normal distribution is below 1e-8 and the fraction converges slowly.
        () if freedom > 1e8 => 2.0 * normal_tail(t.abs()),
        () => beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)),
    }
}

/// P(Z ≥ z) of the standard normal distribution.
fn normal_tail(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

/// Drawing `drawn` things from `all` of which `marked` are marked, none put back: the law of the number of common
/// neighbours of two cells of given degrees in a random graph (`scipy.stats.hypergeom(all, marked, drawn)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hypergeometric {
    /// How many things there are.
    pub all: u64,
    /// How many of them are marked.
    pub marked: u64,
    /// How many are drawn.
    pub drawn: u64,
}

impl Hypergeometric {
    /// # Errors
    /// When more are marked or drawn than there are.
    pub fn new(all: u64, marked: u64, drawn: u64) -> Result<Self> {
        if marked > all || drawn > all {
            return Err(Error::argument(format!(
                "of {all} things, {marked} cannot be marked and {drawn} drawn"
            )));
        }
        Ok(Hypergeometric { all, marked, drawn })
    }

    /// The expected number of marked things: drawn·marked/all.
    pub fn mean(self) -> f64 {
        self.drawn as f64 * self.marked as f64 / self.all as f64
    }

    /// The variance of that number.
    pub fn variance(self) -> f64 {
        let (all, marked, drawn) = (self.all as f64, self.marked as f64, self.drawn as f64);
        if self.all < 2 {
            return 0.0;
        }
        drawn * marked / all * (all - marked) / all * (all - drawn) / (all - 1.0)
    }

    /// The probability of exactly `k`: C(marked, k)·C(all−marked, drawn−k)/C(all, drawn).
    pub fn pmf(self, k: u64) -> f64 {
        if k > self.drawn || k > self.marked || self.drawn - k > self.all - self.marked {
            return 0.0;
        }
        (ln_choose(self.marked, k) + ln_choose(self.all - self.marked, self.drawn - k)
            - ln_choose(self.all, self.drawn))
        .exp()
    }
}

/// ln C(n, k): exact products for few factors, the gamma function for many.
fn ln_choose(n: u64, k: u64) -> f64 {
    let k = k.min(n - k);
    if k <= 32 {
        return (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>().ln();
    }
    ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0)
}

fn enough(n: usize, least: usize) -> Result<()> {
    if n >= least {
        return Ok(());
    }
    Err(Error::argument(format!("the test needs at least {least} values, and there are {n}")))
}

fn ordered(values: &[f64]) -> Result<Vec<f64>> {
    enough(values.len(), 1)?;
    if values.iter().any(|v| v.is_nan()) {
        return Err(Error::argument("a sample with NaN cannot be ordered").help("drop the NaN first"));
    }
    Ok(sorted(values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_and_nan_have_answers() {
        assert_eq!((sum(&[]).to_bits(), mean(&[]).is_nan(), median(&[]).is_nan()), (0, true, true));
        assert!(std(&[1.0], 1).is_nan() && std(&[1.0], 0) == 0.0);
        assert!(median(&[1.0, f64::NAN, 2.0]).is_nan() && describe(&[f64::NAN]).min.is_nan());
        assert!(quantile(&[1.0], 1.5).is_err() && quantile(&[1.0], f64::NAN).is_err());
        assert_eq!(describe(&[]).n, 0);
        assert!(wilson(0, 0).0.is_nan());
    }

    #[test]
    fn pairwise_sums_stay_exact_where_a_loop_drifts() {
        let values = vec![0.1; 3_000_000];
        assert!((sum(&values) - 300_000.0).abs() < 1e-8);
    }

    #[test]
    fn whiskers_end_at_values_and_outliers_are_beyond() {
        let found = box_summary(&[1.0, 2.0, 3.0, 4.0, 5.0, 100.0, f64::NAN, -50.0]);
        assert_eq!((found.n, found.q25, found.median, found.q75), (7, 1.5, 3.0, 4.5));
        assert_eq!((found.low_whisker, found.high_whisker), (1.0, 5.0));
        assert_eq!(found.outliers, [-50.0, 100.0]);
        assert!(box_summary(&[]).median.is_nan());
    }

    #[test]
    fn bins_of_a_width_begin_at_its_multiples() {
        let found = histogram(&[12.0, 15.0, 20.0, f64::NAN, 9.0], &Bins::Width(5.0)).unwrap();
        assert_eq!(
            (found.edges, found.counts, found.left_out),
            (vec![5.0, 10.0, 15.0, 20.0], vec![1, 1, 2], 1)
        );
        let one = histogram(&[10.0], &Bins::Width(5.0)).unwrap();
        assert_eq!((one.edges, one.counts), (vec![10.0, 15.0], vec![1]));
    }

    #[test]
    fn impossible_bins_are_refused() {
        for bins in [
            Bins::Count(0),
            Bins::Count(BINS_MAX + 1),
            Bins::Width(0.0),
            Bins::Width(1e-12),
            Bins::Width(f64::NAN),
            Bins::Edges(vec![1.0]),
            Bins::Edges(vec![1.0, 1.0]),
            Bins::Edges(vec![1.0, f64::NAN]),
        ] {
            assert!(histogram(&[0.0, 1.0], &bins).is_err(), "{bins:?}");
        }
        // Neighbouring numbers have no room for bins between them.
        assert!(histogram(&[1.0, 1.0f64.next_up()], &Bins::Count(10)).is_err());
    }

    #[test]
    fn tests_refuse_samples_without_order() {
        assert!(ks2(&[], &[1.0]).is_err() && ks2(&[1.0], &[f64::NAN]).is_err());
        assert!(mann_whitney_u(&[f64::NAN], &[1.0]).is_err() && pearson(&[1.0], &[1.0]).is_err());
        assert!(pearson(&[1.0, 2.0], &[1.0]).is_err());
        assert!(pearson(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]).unwrap().statistic.is_nan());
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap(), Test { statistic: 1.0, p: 0.0 });
        assert!(
            welch_t(Summary { mean: 0.0, std: 1.0, n: 1.0 }, Summary { mean: 0.0, std: 1.0, n: 5.0 })
                .is_err()
        );
    }

    #[test]
    fn the_limit_continues_the_exact_law() {
        // 300 against 300 values, D = 0.1: lattice paths and the limit agree in two digits.
        let exact = ks_exact(300, 300, 9_000);
        assert!((exact - ks_limit(300.0, 300.0, 0.1)).abs() < 0.01 * exact.max(0.1), "{exact}");
        assert_eq!(ks_limit(1e4, 1e4, 0.0), 1.0);
    }

    proptest! {
        #[test]
        fn each_value_is_in_one_bin(
            values in prop::collection::vec(-50.0f64..50.0, 1..80), count in 1usize..40, steps in prop::collection::vec(0.1f64..9.0, 1..20),
        ) {
            let even = histogram(&values, &Bins::Count(count)).unwrap();
            prop_assert_eq!(even.counts.iter().sum::<u64>(), values.len() as u64);
            let edges: Vec<f64> = steps.iter().scan(-30.0, |at, step| { *at += step; Some(*at) }).chain([500.0]).collect();
            for found in [even, histogram(&values, &Bins::Edges(edges)).unwrap()] {
                for (k, n) in found.counts.iter().enumerate() {
                    let last = k + 1 == found.counts.len();
                    let (low, high) = (found.edges[k], found.edges[k + 1]);
                    let inside = values.iter().filter(|v| **v >= low && (**v < high || last && **v == high));
                    prop_assert_eq!(inside.count() as u64, *n);
                }
            }
        }

        #[test]
        fn laws_sum_to_one(n in 1usize..7, m in 1usize..9, all in 1u64..60, a in 0u64..60, b in 0u64..60) {
            let distribution = u_distribution(n, m);
            prop_assert_eq!(distribution.len(), n * m + 1);
            prop_assert!((distribution.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let law = Hypergeometric::new(all, a.min(all), b.min(all)).unwrap();
            let pmf: Vec<f64> = (0..=all).map(|k| law.pmf(k)).collect();
            prop_assert!((pmf.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mean: f64 = pmf.iter().enumerate().map(|(k, p)| k as f64 * p).sum();
            prop_assert!((mean - law.mean()).abs() < 1e-9);
        }

        #[test]
        fn tests_do_not_care_which_sample_is_first(
            a in prop::collection::vec(0.0f64..9.0, 1..20), b in prop::collection::vec(0.0f64..9.0, 1..20),
        ) {
            let (ab, ba) = (ks2(&a, &b).unwrap(), ks2(&b, &a).unwrap());
            prop_assert!((ab.statistic - ba.statistic).abs() < 1e-12 && (ab.p - ba.p).abs() < 1e-9);
            let (ab, ba) = (mann_whitney_u(&a, &b).unwrap(), mann_whitney_u(&b, &a).unwrap());
            prop_assert!((ab.statistic + ba.statistic - (a.len() * b.len()) as f64).abs() < 1e-9);
            prop_assert!((ab.p - ba.p).abs() < 1e-9);
        }
    }
}
