//! What a pathway is like: connection probability, convergence, divergence, synapses per connection, reciprocity.
//!
//! A pathway is all connections from a set of presynaptic cells onto a set of postsynaptic cells; the sets may
//! overlap or be the same.

use rayon::prelude::*;

use super::common_neighbours::{Control, Shared};
use super::distance::{
    self, DistanceBins, Metric, Within, count_by_distance, count_by_distance_among, count_within,
};
use super::{Graph, statistics};
use crate::diag::{Error, Result, work};

/// Cells of one side that one task takes.
const TASK: usize = 64;

/// The connections from some cells of a graph onto others.
#[derive(Clone, Debug)]
pub struct Pathway<'a> {
    pub(super) graph: &'a Graph,
    pub(super) pre: Vec<u32>,
    pub(super) post: Vec<u32>,
    is_pre: Vec<bool>,
    pub(super) is_post: Vec<bool>,
    pub(super) positions: Option<&'a [[f64; 3]]>,
}

/// A connection probability with the numbers behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability {
    /// Ordered pairs of different cells.
    pub pairs: u64,
    /// Those with a connection.
    pub connected: u64,
    /// connected/pairs, a fraction. NaN without pairs.
    pub p: f64,
    /// Lower end of the 95 % interval ([`statistics::wilson`]).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Probability {
    /// From counts.
    pub fn new(connected: u64, pairs: u64) -> Self {
        let (low, high) = statistics::wilson(connected, pairs);
        Probability { pairs, connected, p: connected as f64 / pairs as f64, low, high }
    }
}

/// The connection probability in one distance bin `[from, to)`; the last bin is closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistanceBin {
    /// Lower edge in µm.
    pub from: f64,
    /// Upper edge in µm.
    pub to: f64,
    /// Of the pairs in the bin.
    pub probability: Probability,
}

/// How many cells and synapses each cell of one side has on the other; cells without any are there with 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partners {
    /// The cells, in the order given.
    pub rows: Vec<u32>,
    /// Connected cells of the other side, for each.
    pub n_cells: Vec<u32>,
    /// Synapses with them, for each.
    pub n_synapses: Vec<u64>,
}

/// The degrees of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Degree {
    /// Presynaptic partners.
    pub sources: u32,
    /// Postsynaptic partners.
    pub targets: u32,
    /// Synapses onto the cell.
    pub synapses_in: u64,
    /// Synapses that it makes.
    pub synapses_out: u64,
}

impl Degree {
    /// Connections on both sides; a cell that is connected both ways counts twice.
    pub fn total(self) -> u64 {
        u64::from(self.sources) + u64::from(self.targets)
    }
}

/// How often cells are connected both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reciprocity {
    /// Unordered pairs of one pre and one post cell that are connected both ways.
    pub pairs: u64,
    /// The share of the pathway's connections that are answered (networkx `overall_reciprocity`). NaN without any.
    pub fraction: f64,
    /// The reciprocal pairs expected if all pairs were connected independently with the mean probability of either
    /// direction: p(pre→post)·p(post→pre)·unordered pairs, which in one group of N cells is p²N(N−1)/2 (Song et al.
    /// 2005; Perin et al. 2011).
    pub expected_er: f64,
    /// pairs/expected_er.
    pub ratio: f64,
    /// The same expectation with the probabilities of each distance bin, summed over the bins; where positions are
    /// known.
    pub expected_distance: Option<f64>,
    /// pairs/expected_distance.
    pub ratio_distance: Option<f64>,
}

/// Counts of a pathway from which its fact sheet is made.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    connections: u64,
    autapses: u64,
    synapses: u64,
    /// Σ (synapses of a connection)².
    synapses2: u64,
    /// Σ (presynaptic partners of a post cell)².
    convergence2: u64,
    /// Σ (postsynaptic partners of a pre cell)².
    divergence2: u64,
    connected_within: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.connections += other.connections;
        self.autapses += other.autapses;
        self.synapses += other.synapses;
        self.synapses2 += other.synapses2;
        self.convergence2 += other.convergence2;
        self.divergence2 += other.divergence2;
        self.connected_within += other.connected_within;
    }
}

/// A pathway in the numbers of the NMC portal, with its keys.
///
/// Autapses are connections here (convergence·N_post = divergence·N_pre = number of connections), but no pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactSheet {
    /// Cells of the presynaptic side.
    pub n_pre: u64,
    /// Cells of the postsynaptic side.
    pub n_post: u64,
    /// Connected ordered pairs.
    pub n_connections: u64,
    /// Synapses of the pathway, among the given cells. (The portal's sum also counts those from other columns.)
    pub total_synapse_count: u64,
    /// Synapses per connection: mean over connections.
    pub mean_number_of_synapse_per_connection: f64,
    /// Standard deviation, ddof 0.
    pub number_of_synapse_per_connection_std: f64,
    /// Pre cells of a post cell: mean over all post cells, zeros included.
    pub number_of_convergent_neuron_mean: f64,
    /// Standard deviation, ddof 0.
    pub number_of_convergent_neuron_std: f64,
    /// Post cells of a pre cell: mean over all pre cells, zeros included.
    pub number_of_divergent_neuron_mean: f64,
    /// Standard deviation, ddof 0.
    pub number_of_divergent_neuron_std: f64,
    /// Over all pairs.
    pub overall: Probability,
    /// Over the pairs within [`within`](Self::within): what the portal publishes, in percent, as
    /// `connection_probability`.
    pub local: Option<Probability>,
    /// The neighbourhood of `local`.
    pub within: Option<Within>,
    /// How many times more common neighbours connected pairs have ([`super::CommonNeighbours`]): normalised by
    /// distance where positions are known, else raw.
    pub common_neighbor_bias: Option<f64>,
}

impl FactSheet {
    fn new(n_pre: u64, n_post: u64, shared: u64, tally: &Tally, local: Option<(u64, Within)>) -> Self {
        let nsyn = moments(tally.connections, tally.synapses, tally.synapses2);
        let convergence = moments(n_post, tally.connections, tally.convergence2);
        let divergence = moments(n_pre, tally.connections, tally.divergence2);
        FactSheet {
            n_pre,
            n_post,
            n_connections: tally.connections,
            total_synapse_count: tally.synapses,
            mean_number_of_synapse_per_connection: nsyn.0,
            number_of_synapse_per_connection_std: nsyn.1,
            number_of_convergent_neuron_mean: convergence.0,
            number_of_convergent_neuron_std: convergence.1,
            number_of_divergent_neuron_mean: divergence.0,
            number_of_divergent_neuron_std: divergence.1,
            overall: Probability::new(tally.connections - tally.autapses, n_pre * n_post - shared),
            local: local.map(|(pairs, _)| Probability::new(tally.connected_within, pairs)),
            within: local.map(|(_, within)| within),
            common_neighbor_bias: None,
        }
    }

    /// Key, value and unit of each number, in the portal's names and percent; `connection_probability` is the
    /// local one where there is one, and `connection_probability_within` says how local, in µm.
    pub fn entries(&self) -> Vec<(&'static str, f64, &'static str)> {
        let p = self.local.unwrap_or(self.overall);
        let mut entries = vec![
            ("n_pre", self.n_pre as f64, "cells"),
            ("n_post", self.n_post as f64, "cells"),
            ("n_connections", self.n_connections as f64, "connections"),
            ("total_synapse_count", self.total_synapse_count as f64, "synapses"),
            ("mean_number_of_synapse_per_connection", self.mean_number_of_synapse_per_connection, "synapses"),
            ("number_of_synapse_per_connection_std", self.number_of_synapse_per_connection_std, "synapses"),
            ("number_of_convergent_neuron_mean", self.number_of_convergent_neuron_mean, "cells"),
            ("number_of_convergent_neuron_std", self.number_of_convergent_neuron_std, "cells"),
            ("number_of_divergent_neuron_mean", self.number_of_divergent_neuron_mean, "cells"),
            ("number_of_divergent_neuron_std", self.number_of_divergent_neuron_std, "cells"),
            ("connection_probability", 100.0 * p.p, "%"),
        ];
        if let Some(within) = self.within {
            entries.push(("connection_probability_within", within.um, "um"));
            entries.push(("connection_probability_overall", 100.0 * self.overall.p, "%"));
        }
        if let Some(bias) = self.common_neighbor_bias {
            entries.push(("common_neighbor_bias", bias, ""));
        }
        entries
    }
}

/// Mean and standard deviation (ddof 0) of `n` whole numbers from their sum and sum of squares, without
/// cancellation: the variance's numerator n·Σx² − (Σx)² is a whole number.
fn moments(n: u64, sum: u64, squares: u64) -> (f64, f64) {
    let numerator = (u128::from(n) * u128::from(squares)).saturating_sub(u128::from(sum) * u128::from(sum));
    (sum as f64 / n as f64, (numerator as f64).sqrt() / n as f64)
}

impl<'a> Pathway<'a> {
    /// The pathway from the rows `pre` onto the rows `post`, each side in the order given without repetitions.
    ///
    /// # Errors
    /// When a row is not a cell of the graph.
    pub fn new(graph: &'a Graph, pre: &[u32], post: &[u32]) -> Result<Self> {
        let (pre, is_pre) = distinct(graph, pre)?;
        let (post, is_post) = distinct(graph, post)?;
        Ok(Pathway { graph, pre, post, is_pre, is_post, positions: None })
    }

    /// The connections within one group of cells.
    ///
    /// # Errors
    /// When a row is not a cell of the graph.
    pub fn among(graph: &'a Graph, cells: &[u32]) -> Result<Self> {
        Pathway::new(graph, cells, cells)
    }

    /// The pathway with the places of the cells: `positions[row]` is x, y, z in µm, for all rows of the graph.
    ///
    /// # Errors
    /// When there is not one place for each row, or a cell of the pathway has none (NaN).
    pub fn at(mut self, positions: &'a [[f64; 3]]) -> Result<Self> {
        if positions.len() != self.graph.nodes() {
            return Err(Error::argument(format!(
                "{} positions for {} cells",
                positions.len(),
                self.graph.nodes()
            )));
        }
        let lost = |row: &&u32| positions[**row as usize].iter().any(|c| !c.is_finite());
        if let Some(row) = self.pre.iter().chain(&self.post).find(lost) {
            return Err(Error::argument(format!("the cell of row {row} has no position")));
        }
        self.positions = Some(positions);
        Ok(self)
    }

    /// The presynaptic rows.
    pub fn pre(&self) -> &[u32] {
        &self.pre
    }

    /// The postsynaptic rows.
    pub fn post(&self) -> &[u32] {
        &self.post
    }

    /// Ordered pairs of different cells: N_pre·N_post without the cells that are on both sides.
    pub fn pairs(&self) -> u64 {
        self.pre.len() as u64 * self.post.len() as u64 - self.shared().len() as u64
    }

    /// The connections `(pre, post, synapses)`, ordered by post, then pre, as rows of the graph; autapses included.
    pub fn connections(&self) -> Vec<(u32, u32, u32)> {
        let mut post = self.post.clone();
        post.sort_unstable();
        post.par_iter().flat_map_iter(|&post| self.incoming(post)).collect()
    }

    /// Synapses per connection, in the order of [`connections`](Self::connections).
    pub fn n_synapses(&self) -> Vec<u32> {
        self.connections().into_iter().map(|(_, _, n)| n).collect()
    }

    /// The connection probability: connected/possible ordered pairs of different cells, over all pairs or those
    /// within a distance (connectome-manipulator's `connectivity`, which divides by N_pre·N_post; networkx'
    /// `density` within one group). The distance is part of the answer: a local probability is several times the
    /// overall one.
    ///
    /// # Errors
    /// When a distance is asked for and the cells have no positions, or the work is stopped.
    pub fn probability(&self, within: Option<Within>) -> Result<Probability> {
        let Some(within) = within else {
            let connected = self.connected(|_, _| true)?;
            return Ok(Probability::new(connected, self.pairs()));
        };
        let (positions, pre, post) = self.places()?;
        let connected =
            self.connected(|pre, post| within.holds(positions[pre as usize], positions[post as usize]))?;
        let pairs = count_within(&pre, &post, within)? - self.shared().len() as u64;
        Ok(Probability::new(connected, pairs))
    }

    /// The connection probability in distance bins with the given edges in µm ([`distance::edges`] makes even
    /// ones): connected/all ordered pairs of different cells in each bin (connectome-manipulator's distance model;
    /// BluePy's use case 6).
    ///
    /// # Errors
    /// When the edges do not ascend from 0 or more, the cells have no positions, or the work is stopped.
    pub fn by_distance(&self, edges: &[f64], metric: Metric) -> Result<Vec<DistanceBin>> {
        let pairs = self.pairs_by_distance(edges, metric)?;
        let connected = self.connected_by_distance(edges, metric)?;
        let bins = edges.windows(2).zip(connected.iter().zip(&pairs));
        Ok(bins
            .map(|(edge, (connected, pairs))| DistanceBin {
                from: edge[0],
                to: edge[1],
                probability: Probability::new(*connected, *pairs),
            })
            .collect())
    }

    /// For each post cell, how many of the pre cells target it and with how many synapses (BluePy's
    /// `sample_convergence`, by connections and by synapses).
    pub fn convergence(&self) -> Partners {
        partners(&self.post, |row| self.incoming(row))
    }

    /// For each pre cell, how many of the post cells it targets and with how many synapses (BluePy's
    /// `sample_divergence`).
    pub fn divergence(&self) -> Partners {
        partners(&self.pre, |row| self.outgoing(row))
    }

    /// How often a pair is connected both ways, against chance. With positions, also against chance at the same
    /// distances, in bins of `bin` µm.
    ///
    /// # Errors
    /// When `bin` is not positive or far too small, or the work is stopped.
    pub fn reciprocity(&self, bin: f64) -> Result<Reciprocity> {
        let counts = self
            .pre
            .par_chunks(TASK)
            .map(|task| {
                work::check()?;
                Ok(task.iter().map(|&row| self.answered(row)).fold([0u64; 4], add4))
            })
            .try_reduce(|| [0; 4], |a, b| Ok(add4(a, b)))?;
        let [forward, backward, mutual, twice] = counts;
        let shared = self.shared().len() as u64;
        let unordered = self.pairs() - shared * shared.saturating_sub(1) / 2;
        let ordered = self.pairs() as f64;
        let pairs = mutual - twice / 2;
        let expected_er = forward as f64 / ordered * (backward as f64 / ordered) * unordered as f64;
        let expected_distance = match self.positions {
            Some(_) => Some(self.reciprocal_by_distance(bin)?),
            None => None,
        };
        Ok(Reciprocity {
            pairs,
            fraction: mutual as f64 / forward as f64,
            expected_er,
            ratio: pairs as f64 / expected_er,
            expected_distance,
            ratio_distance: expected_distance.map(|expected| pairs as f64 / expected),
        })
    }

    /// The pathway in the portal's numbers. The local probability is over the pairs `within` a distance: the
    /// published numbers fit 100 µm within a layer, and some 50–100 µm horizontally between layers. With `bias`,
    /// also the bias in common targets, against that control.
    ///
    /// # Errors
    /// When a distance is asked for and the cells have no positions, or the work is stopped.
    pub fn factsheet(&self, within: Option<Within>, bias: Option<&Control>) -> Result<FactSheet> {
        let mut tally = Tally::default();
        for task in self.pre.chunks(TASK * 64) {
            work::check()?;
            let parts: Vec<Tally> = task.par_iter().map(|&row| self.tally_of(row, within)).collect();
            for part in &parts {
                tally.add(part);
            }
        }
        let partners = self.convergence();
        tally.convergence2 = partners.n_cells.iter().map(|&n| u64::from(n).pow(2)).sum();
        let local = match within {
            Some(within) => Some((self.probability(Some(within))?.pairs, within)),
            None => None,
        };
        let sizes = (self.pre.len() as u64, self.post.len() as u64);
        let mut sheet = FactSheet::new(sizes.0, sizes.1, self.shared().len() as u64, &tally, local);
        if let Some(control) = bias {
            let found = self.common_neighbours(Shared::Targets, control)?;
            sheet.common_neighbor_bias = Some(found.bias_normalised.unwrap_or(found.bias_raw));
        }
        Ok(sheet)
    }

    fn tally_of(&self, pre: u32, within: Option<Within>) -> Tally {
        let mut tally = Tally::default();
        for (pre, post, n) in self.outgoing(pre) {
            let n = u64::from(n);
            tally.connections += 1;
            tally.autapses += u64::from(pre == post);
            tally.synapses += n;
            tally.synapses2 += n * n;
            if let (Some(within), Some(at)) = (within, self.positions) {
                let near = pre != post && within.holds(at[pre as usize], at[post as usize]);
                tally.connected_within += u64::from(near);
            }
        }
        tally.divergence2 = tally.connections * tally.connections;
        tally
    }

    /// The cells on both sides.
    pub(super) fn shared(&self) -> Vec<u32> {
        self.pre.iter().copied().filter(|&row| self.is_post[row as usize]).collect()
    }

    pub(super) fn outgoing(&self, pre: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        self.graph.outgoing_of(pre).filter(|(_, post, _)| self.is_post[*post as usize])
    }

    fn incoming(&self, post: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let sources = self.graph.sources(post).iter().zip(self.graph.source_synapses(post));
        sources.map(move |(&pre, &n)| (pre, post, n)).filter(|(pre, _, _)| self.is_pre[*pre as usize])
    }

    /// The positions of all rows, of the pre and of the post cells.
    #[allow(clippy::type_complexity)]
    pub(super) fn places(&self) -> Result<(&'a [[f64; 3]], Vec<[f64; 3]>, Vec<[f64; 3]>)> {
        let positions = self
            .positions
            .ok_or_else(|| Error::argument("these cells have no positions, so pairs have no distance"))?;
        let of = |rows: &[u32]| rows.iter().map(|row| positions[*row as usize]).collect();
        Ok((positions, of(&self.pre), of(&self.post)))
    }

    /// Edges of bins that hold all pairs.
    pub(super) fn all_edges(&self, bin: f64) -> Result<Vec<f64>> {
        let (_, mut all, post) = self.places()?;
        all.extend(post);
        let bound = |pick: fn(f64, f64) -> f64, from: f64| {
            all.iter().fold([from; 3], |b, p| [0, 1, 2].map(|i| pick(b[i], p[i])))
        };
        let (low, high) = (bound(f64::min, f64::INFINITY), bound(f64::max, f64::NEG_INFINITY));
        let diagonal = if all.is_empty() { 0.0 } else { Metric::Full.between(low, high) };
        if !(bin > 0.0 && bin.is_finite()) {
            return Err(Error::argument(format!("a distance bin cannot be {bin} µm wide")));
        }
        // A whole number of bins that ends above the diagonal.
        distance::edges(bin, ((diagonal / bin).floor() + 1.0) * bin)
    }

    /// Connected ordered pairs of different cells for which `holds(pre, post)`.
    fn connected(&self, holds: impl Fn(u32, u32) -> bool + Sync) -> Result<u64> {
        self.pre
            .par_chunks(TASK)
            .map(|task| {
                work::check()?;
                let edges = task.iter().flat_map(|&pre| self.outgoing(pre));
                Ok(edges.filter(|&(pre, post, _)| pre != post && holds(pre, post)).count() as u64)
            })
            .try_reduce(|| 0, |a, b| Ok(a + b))
    }

    /// Ordered pairs of different cells in each distance bin.
    fn pairs_by_distance(&self, edges: &[f64], metric: Metric) -> Result<Vec<u64>> {
        let (_, pre, post) = self.places()?;
        if self.is_one_group() {
            return count_by_distance_among(&pre, edges, metric);
        }
        let mut pairs = count_by_distance(&pre, &post, edges, metric)?;
        if edges[0] == 0.0 {
            pairs[0] -= self.shared().len() as u64;
        }
        Ok(pairs)
    }

    /// Whether the same cells are on both sides.
    fn is_one_group(&self) -> bool {
        self.pre.len() == self.post.len() && self.shared().len() == self.pre.len()
    }

    fn connected_by_distance(&self, edges: &[f64], metric: Metric) -> Result<Vec<u64>> {
        count_edges(self.graph, &self.pre, &self.is_post, self.places()?.0, edges, metric)
    }

    /// Of one pre cell: connections onto post cells, from post cells, answered ones, and answered ones where both
    /// cells are on both sides (these are met again from the other end).
    fn answered(&self, row: u32) -> [u64; 4] {
        let forward = self.outgoing(row).filter(|(_, post, _)| *post != row);
        let backward =
            self.graph.sources(row).iter().filter(|pre| **pre != row && self.is_post[**pre as usize]);
        let mut counts = [0, backward.count() as u64, 0, 0];
        for (_, post, _) in forward {
            counts[0] += 1;
            if self.graph.connects(post, row) {
                counts[2] += 1;
                counts[3] += u64::from(self.is_post[row as usize] && self.is_pre[post as usize]);
            }
        }
        counts
    }

    fn reciprocal_by_distance(&self, bin: f64) -> Result<f64> {
        let edges = self.all_edges(bin)?;
        let (positions, _, _) = self.places()?;
        let pairs = self.pairs_by_distance(&edges, Metric::Full)?;
        let shared: Vec<_> = self.shared().iter().map(|row| positions[*row as usize]).collect();
        let both = if self.is_one_group() {
            pairs.clone()
        } else {
            count_by_distance_among(&shared, &edges, Metric::Full)?
        };
        let forward = self.connected_by_distance(&edges, Metric::Full)?;
        let backward = count_edges(self.graph, &self.post, &self.is_pre, positions, &edges, Metric::Full)?;
        let expected = |k: usize| {
            if pairs[k] == 0 {
                return 0.0;
            }
            let n = pairs[k] as f64;
            forward[k] as f64 / n * (backward[k] as f64 / n) * (pairs[k] - both[k] / 2) as f64
        };
        Ok(statistics::sum_of(pairs.len(), &expected))
    }
}

fn add4(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    [0, 1, 2, 3].map(|i| a[i] + b[i])
}

/// Connections from `from` onto the marked cells by distance, without autapses.
fn count_edges(
    graph: &Graph,
    from: &[u32],
    onto: &[bool],
    positions: &[[f64; 3]],
    edges: &[f64],
    metric: Metric,
) -> Result<Vec<u64>> {
    let bins = DistanceBins::new(edges)?;
    let empty = || vec![0u64; bins.len()];
    from.par_chunks(TASK)
        .try_fold(empty, |mut counts, task| {
            work::check()?;
            for (pre, post, _) in task.iter().flat_map(|&row| graph.outgoing_of(row)) {
                if pre != post && onto[post as usize] {
                    let square = metric.squared(positions[pre as usize], positions[post as usize]);
                    if let Some(bin) = bins.of(square) {
                        counts[bin] += 1;
                    }
                }
            }
            Ok(counts)
        })
        .try_reduce(empty, |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            Ok(a)
        })
}

fn distinct(graph: &Graph, rows: &[u32]) -> Result<(Vec<u32>, Vec<bool>)> {
    let mut seen = vec![false; graph.nodes()];
    let mut kept = Vec::with_capacity(rows.len());
    for &row in rows {
        let Some(seen) = seen.get_mut(row as usize) else {
            return Err(Error::argument(format!(
                "row {row} is not a cell of a graph of {} cells",
                graph.nodes()
            )));
        };
        if !std::mem::replace(seen, true) {
            kept.push(row);
        }
    }
    Ok((kept, seen))
}

fn partners<I: Iterator<Item = (u32, u32, u32)>>(
    rows: &[u32],
    of: impl Fn(u32) -> I + Sync + Send,
) -> Partners {
    let count = |row: &u32| {
        of(*row).fold((0, 0), |(cells, synapses), (_, _, n)| (cells + 1, synapses + u64::from(n)))
    };
    let (n_cells, n_synapses) = rows.par_iter().map(count).unzip();
    Partners { rows: rows.to_vec(), n_cells, n_synapses }
}

/// In-degree, out-degree and synapses of all cells, by row.
pub fn degrees(graph: &Graph) -> Vec<Degree> {
    let total = |counts: &[u32]| counts.iter().map(|&n| u64::from(n)).sum();
    (0..graph.nodes() as u32)
        .into_par_iter()
        .map(|row| Degree {
            sources: graph.sources(row).len() as u32,
            targets: graph.targets(row).len() as u32,
            synapses_in: total(graph.source_synapses(row)),
            synapses_out: total(graph.target_synapses(row)),
        })
        .collect()
}

/// Connections/(N(N−1)), without autapses (networkx `density` counts them). NaN for fewer than two cells.
pub fn density(graph: &Graph) -> f64 {
    let n = graph.nodes() as f64;
    (graph.connections() - graph.autapses()) as f64 / (n * (n - 1.0))
}

/// The largest number of classes of [`pathways`]: each ordered pair of them is a pathway.
pub const CLASSES_MAX: usize = 2_000;

/// The fact sheets of all pathways between classes of cells, `[pre class][post class]`, in one pass over the
/// connections. `class[row]` is below `classes`. The local probability is over pairs `within` a distance of
/// `positions[row]`; without them there is none. The bias of common neighbours is not among the numbers.
///
/// # Errors
/// When there is not one class (and position) for each cell, a class is out of range, there are more than
/// [`CLASSES_MAX`], or the work is stopped.
pub fn pathways(
    graph: &Graph,
    class: &[u32],
    classes: usize,
    local: Option<(&[[f64; 3]], Within)>,
) -> Result<Vec<Vec<FactSheet>>> {
    if classes > CLASSES_MAX {
        return Err(Error::argument(format!(
            "{classes} groups of cells make {} pathways, more than fit",
            classes * classes
        ))
        .help("group by a property with fewer values, such as mtype or layer"));
    }
    let bad = class.len() != graph.nodes() || class.iter().any(|c| *c as usize >= classes);
    if bad || local.is_some_and(|(positions, _)| positions.len() != graph.nodes()) {
        return Err(Error::argument(format!("each of {} cells needs a class and a position", graph.nodes())));
    }
    let tallies = tally_classes(graph, class, classes, local)?;
    let pairs_within = match local {
        Some((positions, within)) => {
            Some(distance::count_within_by_class(positions, class, classes, within)?)
        }
        None => None,
    };
    let mut sizes = vec![0u64; classes];
    for c in class {
        sizes[*c as usize] += 1;
    }
    let sheet = |pre: usize, post: usize| {
        let shared = if pre == post { sizes[pre] } else { 0 };
        let local = pairs_within.as_ref().zip(local).map(|(pairs, (_, within))| (pairs[pre][post], within));
        FactSheet::new(sizes[pre], sizes[post], shared, &tallies[pre * classes + post], local)
    };
    Ok((0..classes).map(|pre| (0..classes).map(|post| sheet(pre, post)).collect()).collect())
}

/// `tallies[pre class · classes + post class]`.
fn tally_classes(
    graph: &Graph,
    class: &[u32],
    classes: usize,
    local: Option<(&[[f64; 3]], Within)>,
) -> Result<Vec<Tally>> {
    let rows: Vec<u32> = (0..graph.nodes() as u32).collect();
    let parts: Result<Vec<Vec<Tally>>> = rows
        .par_chunks(rows.len().div_ceil(2 * rayon::current_num_threads()).max(TASK))
        .map(|rows| {
            let mut tallies = vec![Tally::default(); classes * classes];
            let mut partners = vec![0u64; classes];
            for (i, &row) in rows.iter().enumerate() {
                if i % TASK == 0 {
                    work::check()?;
                }
                let own = class[row as usize] as usize;
                for (pre, post, n) in graph.outgoing_of(row) {
                    let other = class[post as usize] as usize;
                    let tally = &mut tallies[own * classes + other];
                    let n = u64::from(n);
                    tally.connections += 1;
                    tally.autapses += u64::from(pre == post);
                    tally.synapses += n;
                    tally.synapses2 += n * n;
                    if let Some((at, within)) = local {
                        let near = pre != post && within.holds(at[pre as usize], at[post as usize]);
                        tally.connected_within += u64::from(near);
                    }
                    partners[other] += 1;
                }
                for (other, n) in partners.iter_mut().enumerate() {
                    tallies[own * classes + other].divergence2 += std::mem::take(n).pow(2);
                }
                for pre in graph.sources(row) {
                    partners[class[*pre as usize] as usize] += 1;
                }
                for (other, n) in partners.iter_mut().enumerate() {
                    tallies[other * classes + own].convergence2 += std::mem::take(n).pow(2);
                }
            }
            Ok(tallies)
        })
        .collect();
    let mut total = vec![Tally::default(); classes * classes];
    for part in parts? {
        total.iter_mut().zip(&part).for_each(|(total, part)| total.add(part));
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two pre cells, three post cells of which one is pre as well and makes an autapse.
    fn small() -> Graph {
        Graph::new(5, &[0, 0, 1, 1, 4], &[1, 2, 1, 3, 0], Some(&[2, 3, 1, 4, 5])).unwrap()
    }

    #[test]
    fn convergence_and_divergence_show_cells_without_partners() {
        let graph = small();
        let pathway = Pathway::new(&graph, &[1, 0, 1], &[4, 2, 1]).unwrap();
        let convergence = pathway.convergence();
        assert_eq!(convergence.rows, [4, 2, 1]);
        assert_eq!((convergence.n_cells, convergence.n_synapses), (vec![0, 1, 2], vec![0, 3, 3]));
        let divergence = pathway.divergence();
        assert_eq!((divergence.rows, divergence.n_cells), (vec![1, 0], vec![1, 2]));
        assert_eq!(divergence.n_synapses, [1, 5]);
        assert_eq!(pathway.connections(), [(0, 1, 2), (1, 1, 1), (0, 2, 3)]);
        assert_eq!(pathway.n_synapses(), [2, 1, 3]);
    }

    #[test]
    fn a_cell_and_itself_are_no_pair() {
        let graph = small();
        let pathway = Pathway::new(&graph, &[0, 1], &[1, 2, 3]).unwrap();
        let found = pathway.probability(None).unwrap();
        assert_eq!((found.pairs, found.connected, found.p), (5, 3, 0.6));
        assert_eq!(pathway.factsheet(None, None).unwrap().overall, found);
        assert_eq!(pathway.factsheet(None, None).unwrap().n_connections, 4);
        assert_eq!((density(&graph), density(&Graph::new(1, &[], &[], None).unwrap()).is_nan()), (0.2, true));
    }

    #[test]
    fn degrees_count_cells_and_synapses() {
        let found = degrees(&small());
        assert_eq!(found[1], Degree { sources: 2, targets: 2, synapses_in: 3, synapses_out: 5 });
        assert_eq!((found[0].total(), found[3].total()), (3, 1));
    }

    #[test]
    fn an_empty_pathway_has_no_probability() {
        let graph = small();
        let found = Pathway::new(&graph, &[], &[1]).unwrap().probability(None).unwrap();
        assert!(found.pairs == 0 && found.p.is_nan() && found.low.is_nan());
        let sheet = Pathway::new(&graph, &[2], &[3]).unwrap().factsheet(None, None).unwrap();
        assert!(sheet.mean_number_of_synapse_per_connection.is_nan());
        assert_eq!(
            (sheet.number_of_convergent_neuron_mean, sheet.number_of_convergent_neuron_std),
            (0.0, 0.0)
        );
    }

    #[test]
    fn distance_needs_places_for_all_cells() {
        let graph = small();
        let pathway = || Pathway::among(&graph, &[0, 1, 2]).unwrap();
        assert!(pathway().probability(Some(Within::um(5.0).unwrap())).is_err());
        assert!(pathway().by_distance(&[0.0, 1.0], Metric::Full).is_err());
        assert!(pathway().at(&[[0.0; 3]]).is_err());
        let lost = [[0.0; 3], [f64::NAN; 3], [0.0; 3], [0.0; 3], [0.0; 3]];
        assert!(pathway().at(&lost).unwrap_err().message().contains("row 1"));
        assert!(Pathway::among(&graph, &[3]).unwrap().at(&lost).is_ok());
        assert!(Pathway::among(&graph, &[7]).is_err());
        let all = [[0.0; 3]; 5];
        for edges in [&[][..], &[1.0][..], &[2.0, 1.0][..], &[-1.0, 1.0][..]] {
            assert!(pathway().at(&all).unwrap().by_distance(edges, Metric::Full).is_err());
        }
        assert!(pathway().at(&all).unwrap().reciprocity(0.0).is_err());
        assert_eq!(
            pathway().at(&all).unwrap().by_distance(&[0.0, 1.0], Metric::Full).unwrap()[0].probability.pairs,
            6
        );
    }

    #[test]
    fn too_many_classes_are_refused() {
        let graph = small();
        assert!(pathways(&graph, &[0; 5], CLASSES_MAX + 1, None).is_err());
        assert!(pathways(&graph, &[0; 4], 1, None).is_err() && pathways(&graph, &[1; 5], 1, None).is_err());
    }

    proptest! {
        #[test]
        fn identities_hold(
            edges in prop::collection::vec((0u32..25, 0u32..25, 1u32..9), 0..200),
            pre in prop::collection::vec(0u32..25, 1..30), post in prop::collection::vec(0u32..25, 1..30),
            places in prop::collection::vec(prop::array::uniform3(0.0f64..300.0), 25), um in 1.0f64..400.0,
        ) {
            let column = |f: fn(&(u32, u32, u32)) -> u32| edges.iter().map(f).collect::<Vec<u32>>();
            let graph = Graph::new(25, &column(|e| e.0), &column(|e| e.1), Some(&column(|e| e.2))).unwrap();
            let pathway = Pathway::new(&graph, &pre, &post).unwrap().at(&places).unwrap();
            let within = Within::um(um).unwrap();
            let sheet = pathway.factsheet(Some(within), None).unwrap();
            // conv·N_post = div·N_pre = connections.
            let connections = sheet.n_connections as f64;
            prop_assert!((sheet.number_of_convergent_neuron_mean * sheet.n_post as f64 - connections).abs() < 1e-9);
            prop_assert!((sheet.number_of_divergent_neuron_mean * sheet.n_pre as f64 - connections).abs() < 1e-9);
            let (convergence, divergence) = (pathway.convergence(), pathway.divergence());
            prop_assert_eq!(convergence.n_synapses.iter().sum::<u64>(), sheet.total_synapse_count);
            prop_assert_eq!(divergence.n_synapses.iter().sum::<u64>(), sheet.total_synapse_count);
            let floats = |list: &[u32]| list.iter().map(|n| f64::from(*n)).collect::<Vec<_>>();
            prop_assert!((statistics::std(&floats(&convergence.n_cells), 0) - sheet.number_of_convergent_neuron_std).abs() < 1e-9);
            prop_assert!((statistics::std(&floats(&divergence.n_cells), 0) - sheet.number_of_divergent_neuron_std).abs() < 1e-9);
            // Bins over all distances hold all pairs; those up to a radius are the pairs within it.
            let all = pathway.by_distance(&pathway.all_edges(50.0).unwrap(), Metric::Full).unwrap();
            let overall = pathway.probability(None).unwrap();
            prop_assert_eq!(all.iter().map(|b| b.probability.pairs).sum::<u64>(), overall.pairs);
            prop_assert_eq!(all.iter().map(|b| b.probability.connected).sum::<u64>(), overall.connected);
            let near = pathway.by_distance(&[0.0, um / 2.0, um], Metric::Full).unwrap();
            let local = pathway.probability(Some(within)).unwrap();
            let of_sheet = sheet.local.unwrap();
            prop_assert_eq!((local.pairs, local.connected), (of_sheet.pairs, of_sheet.connected));
            prop_assert_eq!(near.iter().map(|b| b.probability.pairs).sum::<u64>(), local.pairs);
            prop_assert_eq!(near.iter().map(|b| b.probability.connected).sum::<u64>(), local.connected);
            prop_assert!(overall.p.is_nan() || overall.low <= overall.p && overall.p <= overall.high);
            // Reciprocity from the other end finds the same pairs.
            let there = pathway.reciprocity(50.0).unwrap();
            let back = Pathway::new(&graph, &post, &pre).unwrap().at(&places).unwrap().reciprocity(50.0).unwrap();
            prop_assert_eq!(there.pairs, back.pairs);
            prop_assert!((there.expected_distance.unwrap() - back.expected_distance.unwrap()).abs() < 1e-9);
        }
    }
}
