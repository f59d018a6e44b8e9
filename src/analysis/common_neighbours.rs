//! Common neighbours: whether cells that are connected share more partners than cells that are not.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::statistics::sum_of;
use super::{Graph, Metric, Pathway};
use crate::diag::{Error, Result, work};

/// The most distance bins of a control.
const BINS_MAX: usize = 10_000;

/// Which partners two cells may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shared {
    /// Cells that both target: A·Aᵀ, the efferent common neighbours.
    Targets,
    /// Cells that target both: Aᵀ·A, the afferent common neighbours.
    Sources,
}

impl Shared {
    fn neighbours(self, graph: &Graph, row: u32) -> &[u32] {
        match self {
            Shared::Targets => graph.targets(row),
            Shared::Sources => graph.sources(row),
        }
    }

    /// How many partners two cells have in common. Of a cell with itself, its degree.
    pub fn count(self, graph: &Graph, a: u32, b: u32) -> u32 {
        let (mut a, mut b) = (self.neighbours(graph, a), self.neighbours(graph, b));
        let mut common = 0;
        while let (Some(first), Some(second)) = (a.first(), b.first()) {
            common += u32::from(first == second);
            (a, b) = (&a[usize::from(first <= second)..], &b[usize::from(second <= first)..]);
        }
        common
    }

    /// How many partners a cell has in common with each cell of the graph: a row of A·Aᵀ or Aᵀ·A. `counts` has one
    /// place for each cell, and is overwritten.
    pub fn count_with_all(self, graph: &Graph, row: u32, counts: &mut [u32]) {
        let other = match self {
            Shared::Targets => Shared::Sources,
            Shared::Sources => Shared::Targets,
        };
        counts.fill(0);
        for &partner in self.neighbours(graph, row) {
            for &cell in other.neighbours(graph, partner) {
                if let Some(count) = counts.get_mut(cell as usize) {
                    *count += 1;
                }
            }
        }
    }
}

/// The control in which numbers of common neighbours are shuffled among pairs of about the same distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// Width of the distance bins in µm; 50 in the SSCx portal.
    pub bin: f64,
    /// Which distance.
    pub metric: Metric,
    /// How many shuffles are averaged. With 0, their expectation is computed instead.
    pub shuffles: u32,
    /// Seed of the shuffles.
    pub seed: u64,
}

impl Default for Control {
    fn default() -> Self {
        Control { bin: 50.0, metric: Metric::Full, shuffles: 0, seed: 0 }
    }
}

/// The common neighbours of the pairs of a pathway.
#[derive(Clone, Debug, PartialEq)]
pub struct CommonNeighbours {
    /// `connected[k]` ordered pairs of different cells are connected and have k common neighbours.
    pub connected: Vec<u64>,
    /// `unconnected[k]` are not connected and have k common neighbours; as long as `connected`.
    pub unconnected: Vec<u64>,
    /// Mean over connected/mean over unconnected pairs. NaN where either kind is missing or has none in common.
    pub bias_raw: f64,
    /// The raw bias over that after shuffling within distance bins; where positions are known.
    pub bias_normalised: Option<f64>,
    /// x and y (1/µm) of the least-squares fit CN = x·C + y·D over all pairs, with C = 1 for a connected pair and D
    /// its distance in µm; x is the fit-based bias. Where positions are known.
    pub fit: Option<(f64, f64)>,
}

/// Pairs by distance bin and number of common neighbours.
#[derive(Clone, Default)]
struct Counts {
    connected: Vec<Vec<u64>>,
    unconnected: Vec<Vec<u64>>,
}

impl Counts {
    fn new(bins: usize) -> Self {
        Counts { connected: vec![Vec::new(); bins], unconnected: vec![Vec::new(); bins] }
    }

    fn add(&mut self, other: &Counts) {
        let all = self.connected.iter_mut().chain(&mut self.unconnected);
        for (mine, theirs) in all.zip(other.connected.iter().chain(&other.unconnected)) {
            if mine.len() < theirs.len() {
                mine.resize(theirs.len(), 0);
            }
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }
}

fn note(histogram: &mut Vec<u64>, value: usize) {
    if histogram.len() <= value {
        histogram.resize(value + 1, 0);
    }
    histogram[value] += 1;
}

/// (how many pairs, how many common neighbours among them) of a histogram.
fn total(histogram: &[u64]) -> (u64, u64) {
    (histogram.iter().sum(), histogram.iter().enumerate().map(|(k, n)| k as u64 * n).sum())
}

/// Σ D over connected pairs, Σ D² and Σ D·CN over all, for the pairs of one pre cell.
type Moments = [f64; 3];

impl Pathway<'_> {
    /// Histograms and biases of common neighbours over the ordered pairs of different cells of the pathway, every
    /// cell of the graph being a possible neighbour (the SSCx portal's definition; a
    /// [`subgraph`](Graph::subgraph) restricts it). Without positions there is the raw bias only.
    ///
    /// # Errors
    /// When the control's bins are not positive or more than 10,000, or the work is stopped.
    pub fn common_neighbours(&self, shared: Shared, control: &Control) -> Result<CommonNeighbours> {
        let edges = match self.positions {
            Some(_) => self.all_edges(control.bin)?,
            None => vec![0.0, f64::INFINITY],
        };
        if edges.len() > BINS_MAX {
            return Err(Error::argument(format!("bins of {} µm are too many over these cells", control.bin)));
        }
        let chunk = self.pre.len().div_ceil(4 * rayon::current_num_threads()).max(1);
        let parts: Result<Vec<(Counts, Vec<Moments>)>> = self
            .pre
            .par_chunks(chunk)
            .map(|rows| self.count_common(rows, shared, &edges, control.metric))
            .collect();
        let mut counts = Counts::new(edges.len() - 1);
        let mut moments = Vec::with_capacity(self.pre.len());
        for (part, of_rows) in parts? {
            counts.add(&part);
            moments.extend(of_rows);
        }
        let mut sums = Counts::new(1);
        for (connected, unconnected) in counts.connected.iter().zip(&counts.unconnected) {
            sums.add(&Counts { connected: vec![connected.clone()], unconnected: vec![unconnected.clone()] });
        }
        let bias_raw = ratio(total(&sums.connected[0]), total(&sums.unconnected[0]));
        let placed = self.positions.is_some();
        let fit = placed.then(|| fit(total(&sums.connected[0]), &moments));
        let (mut connected, mut unconnected) =
            (sums.connected.swap_remove(0), sums.unconnected.swap_remove(0));
        let length = |histogram: &[u64]| histogram.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
        let longer = length(&connected).max(length(&unconnected));
        connected.resize(longer, 0);
        unconnected.resize(longer, 0);
        Ok(CommonNeighbours {
            bias_raw,
            bias_normalised: if placed { Some(bias_raw / shuffled(&counts, control)?) } else { None },
            fit,
            connected,
            unconnected,
        })
    }

    fn count_common(
        &self,
        rows: &[u32],
        shared: Shared,
        edges: &[f64],
        metric: Metric,
    ) -> Result<(Counts, Vec<Moments>)> {
        let bins = super::distance::DistanceBins::new(edges)?;
        let mut counts = Counts::new(bins.len());
        let mut common = vec![0u32; self.graph.nodes()];
        let mut moments = Vec::with_capacity(rows.len());
        for &pre in rows {
            work::check()?;
            shared.count_with_all(self.graph, pre, &mut common);
            let square =
                |post: u32| self.positions.map(|at| metric.squared(at[pre as usize], at[post as usize]));
            // All bins are there, but for a place that rounding put beyond the last edge.
            let bin = |square: Option<f64>| square.map_or(0, |d2| bins.of(d2).unwrap_or(bins.len() - 1));
            let mut sums = [0.0; 3];
            for &post in self.post.iter().filter(|post| **post != pre) {
                let (n, d2) = (common[post as usize], square(post));
                note(&mut counts.unconnected[bin(d2)], n as usize);
                let d2 = d2.unwrap_or_default();
                sums[1] += d2;
                sums[2] += d2.sqrt() * f64::from(n);
            }
            // Those that are connected were counted with the others.
            for (_, post, _) in self.outgoing(pre).filter(|(_, post, _)| *post != pre) {
                let (n, d2) = (common[post as usize] as usize, square(post));
                note(&mut counts.connected[bin(d2)], n);
                counts.unconnected[bin(d2)][n] -= 1;
                sums[0] += d2.unwrap_or_default().sqrt();
            }
            moments.push(sums);
        }
        Ok((counts, moments))
    }
}

fn ratio(connected: (u64, u64), unconnected: (u64, u64)) -> f64 {
    let mean = |(pairs, common): (u64, u64)| common as f64 / pairs as f64;
    mean(connected) / mean(unconnected)
}

/// The normal equations of CN = x·C + y·D.
fn fit((connected, common): (u64, u64), moments: &[Moments]) -> (f64, f64) {
    let sum = |k: usize| sum_of(moments.len(), &|i| moments[i][k]);
    let (cd, dd, d_cn) = (sum(0), sum(1), sum(2));
    let (cc, c_cn) = (connected as f64, common as f64);
    let determinant = cc * dd - cd * cd;
    // Zero where nothing is connected or all connected pairs have one distance and there are no others.
    if determinant <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    ((c_cn * dd - d_cn * cd) / determinant, (cc * d_cn - cd * c_cn) / determinant)
}

/// The raw bias after shuffling the numbers of common neighbours among the pairs of each bin: which pairs are
/// connected stays, and so which numbers they get is a draw without putting back.
fn shuffled(counts: &Counts, control: &Control) -> Result<f64> {
    let bins: Vec<(u64, Vec<u64>)> = counts
        .connected
        .iter()
        .zip(&counts.unconnected)
        .map(|(connected, unconnected)| {
            let mut all = Counts { connected: vec![connected.clone()], unconnected: Vec::new() };
            all.add(&Counts { connected: vec![unconnected.clone()], unconnected: Vec::new() });
            (connected.iter().sum(), all.connected.swap_remove(0))
        })
        .collect();
    let (pairs, common) = bins.iter().map(|(_, all)| total(all)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let connected: u64 = bins.iter().map(|(connected, _)| connected).sum();
    let bias = |drawn: f64| {
        let unconnected = (common as f64 - drawn) / (pairs - connected) as f64;
        drawn / connected as f64 / unconnected
    };
    if control.shuffles == 0 {
        let expected = |i: usize| {
            let (pairs, common) = total(&bins[i].1);
            if pairs == 0 { 0.0 } else { bins[i].0 as f64 * common as f64 / pairs as f64 }
        };
        return Ok(bias(sum_of(bins.len(), &expected)));
    }
    let biases: Result<Vec<f64>> = (0..control.shuffles)
        .into_par_iter()
        .map(|shuffle| {
            let seed = control.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(shuffle));
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut drawn = 0;
            for (connected, all) in &bins {
                work::check()?;
                drawn += draw(all, *connected, &mut random);
            }
            Ok(bias(drawn as f64))
        })
        .collect();
    Ok(super::statistics::mean(&biases?))
}

/// The sum of `count` values drawn without putting back from a histogram (`histogram[k]` times the value k).
/// Partial sums are kept in a binary indexed tree, so that a draw takes log(values) steps (Fenwick 1994).
fn draw(histogram: &[u64], count: u64, random: &mut Xoshiro256PlusPlus) -> u64 {
    let mut left: u64 = histogram.iter().sum();
    let mut tree = vec![0u64; histogram.len() + 1];
    for (k, n) in histogram.iter().enumerate() {
        tree[k + 1] += n;
        let parent = k + 1 + ((k + 1) & (k + 1).wrapping_neg());
        if parent < tree.len() {
            tree[parent] += tree[k + 1];
        }
    }
    let top = histogram.len().checked_ilog2().map_or(0, |log| 1usize << log);
    let mut sum = 0;
    for _ in 0..count.min(left) {
        let mut rank = random.random_range(0..left);
        let (mut at, mut step) = (0, top);
        while step > 0 {
            if at + step < tree.len() && tree[at + step] <= rank {
                at += step;
                rank -= tree[at];
            }
            step /= 2;
        }
        sum += at as u64;
        let mut node = at + 1;
        while node < tree.len() {
            tree[node] -= 1;
            node += node & node.wrapping_neg();
        }
        left -= 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_draw_of_everything_is_the_sum_and_a_draw_is_within_its_bounds() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(draw(&[3, 0, 2, 5], 10, &mut random), 19);
        assert_eq!(draw(&[3, 0, 2, 5], 99, &mut random), 19);
        assert_eq!(draw(&[], 4, &mut random), 0);
        let sums: Vec<u64> = (0..4000).map(|_| draw(&[3, 0, 2, 5], 4, &mut random)).collect();
        assert!(sums.iter().all(|s| (2..=12).contains(s)));
        // The mean is 4·1.9 with a deviation of 2.1/√4000.
        let mean = sums.iter().sum::<u64>() as f64 / 4000.0;
        assert!((mean - 7.6).abs() < 0.2, "{mean}");
    }

    #[test]
    fn a_clique_shares_and_a_star_does_not() {
        // 0 and 1 target each other and 2; 3 targets 4.
        let graph = Graph::new(5, &[0, 0, 1, 1, 3], &[1, 2, 0, 2, 4], None).unwrap();
        assert_eq!(Shared::Targets.count(&graph, 0, 1), 1);
        assert_eq!(Shared::Sources.count(&graph, 1, 2), 1);
        assert_eq!(Shared::Sources.count(&graph, 2, 4), 0);
        let found = Pathway::among(&graph, &[0, 1, 2, 3, 4])
            .unwrap()
            .common_neighbours(Shared::Targets, &Control::default());
        let found = found.unwrap();
        assert_eq!((found.connected, found.unconnected), (vec![3, 2], vec![15, 0]));
        assert_eq!((found.bias_normalised, found.fit), (None, None));
        assert!(found.bias_raw.is_infinite());
    }

    proptest! {
        #[test]
        fn rows_agree_with_pairs_and_the_shuffle_with_its_expectation(
            edges in prop::collection::vec((0u32..20, 0u32..20), 40..200), seed in any::<u64>(),
        ) {
            let (pre, post): (Vec<u32>, Vec<u32>) = edges.iter().copied().unzip();
            let graph = Graph::new(20, &pre, &post, None).unwrap();
            let mut counts = vec![7; 20];
            for shared in [Shared::Targets, Shared::Sources] {
                for a in 0..20 {
                    shared.count_with_all(&graph, a, &mut counts);
                    prop_assert!((0..20).all(|b| counts[b as usize] == shared.count(&graph, a, b)));
                }
            }
            let at: Vec<[f64; 3]> = (0..20).map(|i| [f64::from(i * 37 % 20) * 10.0, 0.0, 0.0]).collect();
            let rows: Vec<u32> = (0..20).collect();
            let pathway = Pathway::among(&graph, &rows).unwrap().at(&at).unwrap();
            let exact = pathway.common_neighbours(Shared::Targets, &Control::default()).unwrap();
            let control = Control { shuffles: 200, seed, ..Control::default() };
            let drawn = pathway.common_neighbours(Shared::Targets, &control).unwrap();
            let pairs: u64 = exact.connected.iter().chain(&exact.unconnected).sum();
            prop_assert_eq!(pairs, 380);
            let (exact, drawn) = (exact.bias_normalised.unwrap(), drawn.bias_normalised.unwrap());
            prop_assert!((exact - drawn).abs() < 0.1 * exact || exact.is_nan(), "{} {}", exact, drawn);
            prop_assert_eq!(drawn, pathway.common_neighbours(Shared::Targets, &control).unwrap().bias_normalised.unwrap());
        }
    }
}
