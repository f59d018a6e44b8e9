//! The shape of a graph: components, triads, simplices, clustering, paths, cores, centrality, modules.
//!
//! Autapses are ignored throughout. "Undirected" is the graph in which two cells are joined if either targets the
//! other.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::controls::Control;
use super::{Graph, statistics};
use crate::diag::{Error, Result, work};

// ---------------------------------------------------------------------------------------------- components

/// A partition of the cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// The component of each row: an index into `sizes`.
    pub of: Vec<u32>,
    /// Cells of each component, the largest first; among equal ones, that with the lowest row first.
    pub sizes: Vec<u32>,
}

impl Components {
    /// From any labels below the number of rows.
    fn from_labels(labels: &[u32]) -> Self {
        let mut found: Vec<(u32, u32)> = vec![(0, u32::MAX); labels.len()];
        for (row, label) in (0u32..).zip(labels) {
            let (size, first) = &mut found[*label as usize];
            *size += 1;
            *first = row.min(*first);
        }
        let mut order: Vec<u32> = (0..labels.len() as u32).filter(|l| found[*l as usize].0 > 0).collect();
        order.sort_unstable_by_key(|l| (std::cmp::Reverse(found[*l as usize].0), found[*l as usize].1));
        let mut place = vec![0; labels.len()];
        (0u32..).zip(&order).for_each(|(new, old)| place[*old as usize] = new);
        Components {
            of: labels.iter().map(|l| place[*l as usize]).collect(),
            sizes: order.iter().map(|l| found[*l as usize].0).collect(),
        }
    }
}

/// Cells that reach each other along connections in both ways (Tarjan 1972; networkx
/// `strongly_connected_components`).
pub fn strong_components(graph: &Graph) -> Components {
    const NEW: u32 = u32::MAX;
    let n = graph.nodes();
    let (mut index, mut low, mut label) = (vec![NEW; n], vec![0u32; n], vec![NEW; n]);
    let (mut stack, mut calls): (Vec<u32>, Vec<(u32, usize)>) = (Vec::new(), Vec::new());
    let (mut visited, mut components) = (0, 0);
    for root in 0..n as u32 {
        if index[root as usize] == NEW {
            calls.push((root, 0));
        }
        while let Some((row, next)) = calls.pop() {
            let at = row as usize;
            if next == 0 {
                (index[at], low[at]) = (visited, visited);
                visited += 1;
                stack.push(row);
            }
            let targets = graph.targets(row);
            // Resumed after a target was explored: take over how far back that reached.
            if next > 0 {
                low[at] = low[at].min(low[targets[next - 1] as usize]);
            }
            let unseen = targets[next..].iter().position(|t| {
                if label[*t as usize] == NEW && index[*t as usize] != NEW {
                    low[at] = low[at].min(index[*t as usize]);
                }
                index[*t as usize] == NEW
            });
            if let Some(skip) = unseen {
                calls.push((row, next + skip + 1));
                calls.push((targets[next + skip], 0));
                continue;
            }
            if low[at] == index[at] {
                while let Some(member) = stack.pop() {
                    label[member as usize] = components;
                    if member == row {
                        break;
                    }
                }
                components += 1;
            }
        }
    }
    Components::from_labels(&label)
}

/// Cells that reach each other along connections in any direction (networkx `weakly_connected_components`).
pub fn weak_components(graph: &Graph) -> Components {
    fn root(parent: &mut [u32], mut row: u32) -> u32 {
        while parent[row as usize] != row {
            parent[row as usize] = parent[parent[row as usize] as usize];
            row = parent[row as usize];
        }
        row
    }
    let mut parent: Vec<u32> = (0..graph.nodes() as u32).collect();
    for (pre, post, _) in graph.iter() {
        let (a, b) = (root(&mut parent, pre), root(&mut parent, post));
        parent[a.max(b) as usize] = a.min(b);
    }
    let labels: Vec<u32> = (0..graph.nodes() as u32).map(|row| root(&mut parent, row)).collect();
    Components::from_labels(&labels)
}

// ---------------------------------------------------------------------------------------- dyads, triangles

const OUT: u8 = 1;
const IN: u8 = 2;
const MUTUAL: u8 = 3;

/// The same dyad seen from the other cell.
fn reversed(dyad: u8) -> u8 {
    (dyad & OUT) << 1 | (dyad & IN) >> 1
}

/// For each cell its undirected neighbours, and in which direction each is joined.
struct Dyads {
    start: Vec<usize>,
    cells: Vec<u32>,
    kinds: Vec<u8>,
}

impl Dyads {
    fn new(graph: &Graph) -> Self {
        let rows: Vec<Vec<(u32, u8)>> = (0..graph.nodes() as u32)
            .into_par_iter()
            .map(|row| {
                merged(graph.targets(row), graph.sources(row)).filter(|(other, _)| *other != row).collect()
            })
            .collect();
        Dyads::from_rows(&rows)
    }

    fn from_rows(rows: &[Vec<(u32, u8)>]) -> Self {
        let mut start = vec![0; rows.len() + 1];
        for (row, neighbours) in rows.iter().enumerate() {
            start[row + 1] = start[row] + neighbours.len();
        }
        Dyads {
            start,
            cells: rows.iter().flatten().map(|(cell, _)| *cell).collect(),
            kinds: rows.iter().flatten().map(|(_, kind)| *kind).collect(),
        }
    }

    fn nodes(&self) -> usize {
        self.start.len() - 1
    }

    fn degree(&self, row: usize) -> usize {
        self.start[row + 1] - self.start[row]
    }

    fn cells(&self, row: usize) -> &[u32] {
        &self.cells[self.start[row]..self.start[row + 1]]
    }

    fn kinds(&self, row: usize) -> &[u8] {
        &self.kinds[self.start[row]..self.start[row + 1]]
    }

    /// How many neighbours of a cell are joined by each kind, indexed by the kind.
    fn census(&self, row: usize) -> [u64; 4] {
        let mut counts = [0; 4];
        self.kinds(row).iter().for_each(|kind| counts[*kind as usize] += 1);
        counts
    }

    /// The same graph with each dyad kept only at its end of lower degree, and the cells renamed in the order of
    /// degree: no cell then has more than √(2·dyads) neighbours, and each triangle is found once. Also the cell of
    /// each new name.
    fn forward(&self) -> (Dyads, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.nodes() as u32).collect();
        order.sort_unstable_by_key(|row| (self.degree(*row as usize), *row));
        let mut rank = vec![0u32; order.len()];
        (0u32..).zip(&order).for_each(|(new, old)| rank[*old as usize] = new);
        let rows: Vec<Vec<(u32, u8)>> = order
            .par_iter()
            .map(|&old| {
                let named = self.cells(old as usize).iter().map(|cell| rank[*cell as usize]);
                let later = named.zip(self.kinds(old as usize).iter().copied());
                let mut later: Vec<_> = later.filter(|(name, _)| *name > rank[old as usize]).collect();
                later.sort_unstable();
                later
            })
            .collect();
        (Dyads::from_rows(&rows), order)
    }

    /// Visits each triangle (a, b, c) of a [`forward`](Self::forward) graph once with the kinds of a–b, a–c and
    /// b–c.
    fn triangles<T: Send>(
        &self,
        empty: impl Fn() -> T + Sync,
        visit: impl Fn(&mut T, [usize; 3], [u8; 3]) + Sync,
        join: impl Fn(T, T) -> T,
    ) -> Result<T> {
        let rows: Vec<usize> = (0..self.nodes()).collect();
        // Rows of neighbouring rank have similar work; each part gets some of every kind.
        let parts = (4 * rayon::current_num_threads()).min(rows.len().max(1));
        let found: Result<Vec<T>> = (0..parts)
            .into_par_iter()
            .map(|part| {
                let (mut total, mut kind_to) = (empty(), vec![0u8; self.nodes()]);
                for &a in rows.iter().skip(part).step_by(parts) {
                    work::check()?;
                    for (b, kind) in self.cells(a).iter().zip(self.kinds(a)) {
                        kind_to[*b as usize] = *kind;
                    }
                    for (&b, &ab) in self.cells(a).iter().zip(self.kinds(a)) {
                        for (&c, &bc) in self.cells(b as usize).iter().zip(self.kinds(b as usize)) {
                            let ac = kind_to[c as usize];
                            if ac != 0 {
                                visit(&mut total, [a, b as usize, c as usize], [ab, ac, bc]);
                            }
                        }
                    }
                    self.cells(a).iter().for_each(|b| kind_to[*b as usize] = 0);
                }
                Ok(total)
            })
            .collect();
        Ok(found?.into_iter().fold(empty(), join))
    }
}

/// Two ascending lists as one, with which lists a cell is in.
fn merged<'a>(mut out: &'a [u32], mut into: &'a [u32]) -> impl Iterator<Item = (u32, u8)> + 'a {
    std::iter::from_fn(move || {
        let (kind, cell) = match (out.first(), into.first()) {
            (Some(a), Some(b)) if a == b => (MUTUAL, *a),
            (Some(a), Some(b)) if a < b => (OUT, *a),
            (_, Some(b)) => (IN, *b),
            (Some(a), None) => (OUT, *a),
            (None, None) => return None,
        };
        out = &out[usize::from(kind & OUT != 0)..];
        into = &into[usize::from(kind & IN != 0)..];
        Some((cell, kind))
    })
}

// ---------------------------------------------------------------------------------------------- triads

/// The names of the 16 classes of triads: mutual, asymmetric and null dyads, and Up, Down, Cyclic or Transitive
/// (Holland and Leinhardt 1970), in the order of networkx.
pub const TRIADS: [&str; 16] = [
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U", "030T", "030C", "201", "120D", "120U",
    "120C", "210", "300",
];

/// How many asymmetric and mutual dyads a triad of each class has.
const DYADS: [(u64, u64); 16] = [
    (0, 0),
    (1, 0),
    (0, 1),
    (2, 0),
    (2, 0),
    (2, 0),
    (1, 1),
    (1, 1),
    (3, 0),
    (3, 0),
    (0, 2),
    (2, 1),
    (2, 1),
    (2, 1),
    (1, 2),
    (0, 3),
];

/// The number of triples of cells of each class in [`TRIADS`] (networkx `triadic_census`).
///
/// Triples with three joined dyads are found as triangles; those with two are all pairs of neighbours of each cell
/// without those that a triangle closes; the others follow from the numbers of dyads. It takes as long as finding
/// the triangles.
///
/// # Errors
/// When there are more triples than a 64-bit integer holds, or the work is stopped.
pub fn triad_census(graph: &Graph) -> Result<[u64; 16]> {
    let dyads = Dyads::new(graph);
    let n = dyads.nodes() as i128;
    let triples = n * (n - 1) * (n - 2) / 6;
    if i64::try_from(triples).is_err() {
        return Err(Error::argument(format!("a census of {n} cells has more triples than can be counted"))
            .help("take a sample of the cells"));
    }
    let (forward, _) = dyads.forward();
    let triangles = forward.triangles(
        || [0u64; 64],
        |counts, _, [ab, ac, bc]| counts[usize::from(ab << 4 | ac << 2 | bc)] += 1,
        |a, b| std::array::from_fn(|i| a[i] + b[i]),
    )?;
    // Pairs of neighbours of one cell, by the two kinds in order.
    let mut wedges = [[0i128; 4]; 4];
    let mut joined = [0i128; 4];
    for row in 0..dyads.nodes() {
        let counts = dyads.census(row).map(i128::from);
        for a in 1..4 {
            joined[a] += counts[a];
            wedges[a][a] += counts[a] * (counts[a] - 1) / 2;
            for b in a + 1..4 {
                wedges[a][b] += counts[a] * counts[b];
            }
        }
    }
    let mut census = [0i128; 16];
    for (code, &count) in triangles.iter().enumerate().filter(|(_, count)| **count > 0) {
        let kinds = [code >> 4 & 3, code >> 2 & 3, code & 3].map(|kind| kind as u8);
        let [ab, ac, bc] = kinds;
        census[closed_class(kinds)] += i128::from(count);
        for (x, y) in [(ab, ac), (reversed(ab), bc), (reversed(ac), reversed(bc))] {
            wedges[usize::from(x.min(y))][usize::from(x.max(y))] -= i128::from(count);
        }
    }
    let [out, into, both] = [OUT, IN, MUTUAL].map(usize::from);
    census[3] = wedges[out][out];
    census[4] = wedges[into][into];
    census[5] = wedges[out][into];
    census[6] = wedges[into][both];
    census[7] = wedges[out][both];
    census[10] = wedges[both][both];
    let dyads_in = |census: &[i128; 16], kind: fn((u64, u64)) -> u64| -> i128 {
        census.iter().zip(DYADS).map(|(count, dyads)| count * i128::from(kind(dyads))).sum()
    };
    // Each dyad is in n − 2 triples. Of the counts of kinds, each asymmetric dyad is seen once as outgoing, each
    // mutual one from both ends.
    census[1] = joined[out] * (n - 2) - dyads_in(&census, |d| d.0);
    census[2] = joined[both] / 2 * (n - 2) - dyads_in(&census, |d| d.1);
    census[0] = triples - census.iter().sum::<i128>();
    Ok(census.map(|count| u64::try_from(count).unwrap_or(0)))
}

/// The class of a triple whose dyads a–b, a–c and b–c are all joined.
fn closed_class([ab, ac, bc]: [u8; 3]) -> usize {
    let sends = |x: u8, y: u8| x & OUT != 0 && y & OUT != 0;
    let receives = |x: u8, y: u8| x & IN != 0 && y & IN != 0;
    // Each corner with its two dyads and the one across.
    let corners = [(ab, ac, bc), (reversed(ab), bc, ac), (reversed(ac), reversed(bc), ab)];
    match [ab, ac, bc].map(|kind| u8::from(kind == MUTUAL)).iter().sum::<u8>() {
        3 => 15,
        2 => 14,
        1 => match corners.iter().find(|(_, _, across)| *across == MUTUAL) {
            Some(&(x, y, _)) if sends(x, y) => 11,
            Some(&(x, y, _)) if receives(x, y) => 12,
            _ => 13,
        },
        _ if corners.iter().any(|&(x, y, _)| sends(x, y)) => 8,
        _ => 9,
    }
}

/// A class of triads against chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriadScore {
    /// The class.
    pub name: &'static str,
    /// How many triples of the graph are of it.
    pub count: u64,
    /// The mean over the controls.
    pub mean: f64,
    /// Their standard deviation, ddof 0.
    pub std: f64,
    /// (count − mean)/std. NaN where the controls do not differ.
    pub z: f64,
}

/// The triad census against `n` random graphs that keep what `control` says.
///
/// # Errors
/// As [`triad_census`] and [`Control::random`], and when `n` is 0.
pub fn triad_scores(graph: &Graph, control: &Control<'_>, n: u32, seed: u64) -> Result<Vec<TriadScore>> {
    if n == 0 {
        return Err(Error::argument("a z-score needs at least one control"));
    }
    let counts = triad_census(graph)?;
    let controls: Result<Vec<[u64; 16]>> = (0..u64::from(n))
        .into_par_iter()
        .map(|i| {
            triad_census(&control.random(graph, seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))?)
        })
        .collect();
    let controls = controls?;
    let score = |class: usize| {
        let sample: Vec<f64> = controls.iter().map(|census| census[class] as f64).collect();
        let (mean, std) = (statistics::mean(&sample), statistics::std(&sample, 0));
        let count = counts[class];
        let z = if std > 0.0 { statistics::zscore(count as f64, mean, std) } else { f64::NAN };
        TriadScore { name: TRIADS[class], count, mean, std, z }
    };
    Ok((0..16).map(score).collect())
}

// ---------------------------------------------------------------------------------------------- clustering

/// How clustered the cells are.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// For each cell, ½[(A + Aᵀ)³]ᵢᵢ / (d(d − 1) − 2·d↔), with d the in- and out-degree together and d↔ the number
    /// of reciprocal neighbours (Fagiolo 2007; networkx `clustering`). 0 where no triangle is possible.
    pub of: Vec<f64>,
    /// The mean over all cells (networkx `average_clustering`). NaN without cells.
    pub mean: f64,
    /// 3·triangles/pairs of neighbours of the undirected graph (networkx `transitivity`). 0 without such pairs.
    pub transitivity: f64,
}

/// Clustering of the directed graph, and transitivity of the undirected one.
///
/// # Errors
/// When the work is stopped.
pub fn clustering(graph: &Graph) -> Result<Clustering> {
    let dyads = Dyads::new(graph);
    let (forward, names) = dyads.forward();
    let n = dyads.nodes();
    let (closed, triangles) = forward.triangles(
        || (vec![0u64; n], 0u64),
        |(closed, triangles), corners, kinds| {
            // One way of going round for each choice of one of the edges of each dyad.
            let ways: u64 = kinds.iter().map(|kind| if *kind == MUTUAL { 2 } else { 1 }).product();
            for corner in corners {
                closed[corner] += ways;
            }
            *triangles += 1;
        },
        |(mut a, x), (b, y)| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            (a, x + y)
        },
    )?;
    let mut of = vec![0.0; n];
    for (name, &row) in names.iter().enumerate() {
        let [_, out, into, both] = dyads.census(row as usize);
        let degree = out + into + 2 * both;
        let possible = degree * degree.saturating_sub(1) - 2 * both;
        if possible > 0 {
            of[row as usize] = closed[name] as f64 / possible as f64;
        }
    }
    let pairs: u64 = (0..n).map(|row| dyads.degree(row) as u64).map(|d| d * d.saturating_sub(1) / 2).sum();
    let transitivity = if pairs == 0 { 0.0 } else { 3.0 * triangles as f64 / pairs as f64 };
    Ok(Clustering { mean: statistics::mean(&of), of, transitivity })
}

// ---------------------------------------------------------------------------------------------- simplices

/// Above this out-degree the targets of a cell are not put into a bit matrix (128 MB).
const BITS_MAX: usize = 32_768;

/// The number of directed simplices of each dimension from 0 to `max_dimension`: ordered cliques v₀ … v_d with a
/// connection vᵢ→vⱼ for all i < j, so that dimension 0 counts cells and 1 connections; reciprocal connections make
/// several simplices of the same cells (Reimann et al. 2017). Trailing dimensions without any are left out.
///
/// The memory is bounded by the square of the largest out-degree, in bits, a core; the time is not: it grows with
/// the number of simplices.
///
/// # Errors
/// When the work is stopped.
pub fn simplices(graph: &Graph, max_dimension: usize) -> Result<Vec<u64>> {
    let counts: Vec<AtomicU64> = (0..=max_dimension.min(graph.nodes())).map(|_| AtomicU64::new(0)).collect();
    let no_place = || vec![ABSENT; graph.nodes()];
    (0..graph.nodes() as u32).into_par_iter().try_for_each_init(no_place, |place, source| {
        work::check()?;
        let targets: Vec<u32> = graph.targets(source).iter().copied().filter(|t| *t != source).collect();
        let mut found = vec![0u64; counts.len()];
        found[0] = 1;
        if found.len() > 1 {
            found[1] = targets.len() as u64;
        }
        if found.len() > 2 {
            if targets.len() <= BITS_MAX {
                let local = LocalBits::new(graph, &targets, place);
                local.extend(&local.all(), &mut found[2..])?;
            } else {
                extend_listed(graph, &targets, &mut found[2..])?;
            }
        }
        for (total, n) in counts.iter().zip(found) {
            total.fetch_add(n, Ordering::Relaxed);
        }
        Ok(())
    })?;
    let mut counts: Vec<u64> = counts.into_iter().map(AtomicU64::into_inner).collect();
    counts.truncate(counts.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1));
    Ok(counts)
}

/// The place of a cell that is not among those looked at.
const ABSENT: u32 = u32::MAX;

/// The connections among some cells as bits: row i has a bit for each of the cells that cell i targets.
struct LocalBits {
    words: usize,
    rows: Vec<u64>,
}

impl LocalBits {
    /// `place` has [`ABSENT`] for each cell of the graph, and has it again afterwards.
    fn new(graph: &Graph, cells: &[u32], place: &mut [u32]) -> Self {
        let words = cells.len().div_ceil(64);
        let mut rows = vec![0u64; words * cells.len()];
        for (j, &cell) in (0u32..).zip(cells) {
            place[cell as usize] = j;
        }
        for (i, &cell) in cells.iter().enumerate() {
            let row = &mut rows[i * words..(i + 1) * words];
            for target in graph.targets(cell) {
                let j = place[*target as usize];
                if j != ABSENT && j as usize != i {
                    row[j as usize / 64] |= 1 << (j % 64);
                }
            }
        }
        for cell in cells {
            place[*cell as usize] = ABSENT;
        }
        LocalBits { words, rows }
    }

    fn all(&self) -> Vec<u64> {
        let cells = self.rows.len().checked_div(self.words).unwrap_or(0);
        (0..self.words)
            .map(|w| if cells - w * 64 >= 64 { u64::MAX } else { (1 << (cells % 64)) - 1 })
            .collect()
    }

    /// For each cell of a set, counts those that it targets within the set, and goes on within these.
    fn extend(&self, set: &[u64], found: &mut [u64]) -> Result<()> {
        let mut next = vec![0u64; self.words];
        for (w, word) in set.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                let cell = w * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let row = &self.rows[cell * self.words..(cell + 1) * self.words];
                let mut size = 0;
                for ((next, row), set) in next.iter_mut().zip(row).zip(set) {
                    *next = row & set;
                    size += u64::from(next.count_ones());
                }
                found[0] += size;
                if size > 1 && found.len() > 1 {
                    self.extend(&next, &mut found[1..])?;
                }
            }
        }
        if found.len() > 2 { work::check() } else { Ok(()) }
    }
}

/// How many leading numbers of an ascending list are below `value`, in about log of the answer steps.
fn skip_below(list: &[u32], value: u32) -> usize {
    let mut step = 1;
    while step < list.len() && list[step] < value {
        step *= 2;
    }
    let from = step / 2;
    from + list[from..list.len().min(step + 1)].partition_point(|v| *v < value)
}

/// [`LocalBits::extend`] on lists.
fn extend_listed(graph: &Graph, set: &[u32], found: &mut [u64]) -> Result<()> {
    for &cell in set {
        work::check()?;
        let mut targets = graph.targets(cell);
        let mut next = Vec::new();
        for other in set.iter().filter(|other| **other != cell) {
            targets = &targets[skip_below(targets, *other)..];
            if targets.first() == Some(other) {
                next.push(*other);
            }
        }
        found[0] += next.len() as u64;
        if next.len() > 1 && found.len() > 1 {
            extend_listed(graph, &next, &mut found[1..])?;
        }
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------- paths

/// Shortest directed paths, in connections.
#[derive(Clone, Debug, PartialEq)]
pub struct PathLengths {
    /// Ordered pairs of different cells with a path between them.
    pub pairs: u64,
    /// Pairs without.
    pub unreachable: u64,
    /// Mean length over `pairs`. NaN without any.
    pub mean: f64,
    /// The longest of the shortest paths.
    pub max: u32,
    /// `histogram[k]` pairs are k connections apart; `histogram[0]` is 0.
    pub histogram: Vec<u64>,
}

/// Sources that one sweep follows at a time, in bits.
type Front = [u64; 4];

/// Lengths of the shortest paths from `sources` (all cells without it) to all cells (networkx
/// `all_pairs_shortest_path_length`). 256 sources are followed at a time (Then et al. 2014), so that all pairs take
/// about (cells/256)·diameter passes over the connections; of a large graph, a sample of sources tells as much.
///
/// # Errors
/// When a source is not a cell, or the work is stopped.
pub fn path_lengths(graph: &Graph, sources: Option<&[u32]>) -> Result<PathLengths> {
    let all: Vec<u32>;
    let sources = if let Some(sources) = sources {
        sources
    } else {
        all = (0..graph.nodes() as u32).collect();
        &all
    };
    check_rows(graph, sources)?;
    let histograms: Result<Vec<Vec<u64>>> =
        sources.par_chunks(256).map(|batch| sweep(graph, batch)).collect();
    let mut histogram: Vec<u64> = Vec::new();
    for part in histograms? {
        histogram.resize(histogram.len().max(part.len()), 0);
        histogram.iter_mut().zip(part).for_each(|(a, b)| *a += b);
    }
    let pairs: u64 = histogram.iter().sum();
    let steps: u128 = histogram.iter().enumerate().map(|(k, n)| k as u128 * u128::from(*n)).sum();
    Ok(PathLengths {
        pairs,
        unreachable: sources.len() as u64 * (graph.nodes() as u64).saturating_sub(1) - pairs,
        mean: steps as f64 / pairs as f64,
        max: histogram.len().saturating_sub(1) as u32,
        histogram,
    })
}

/// How many (source, cell) pairs are k steps apart.
fn sweep(graph: &Graph, sources: &[u32]) -> Result<Vec<u64>> {
    let mut seen: Vec<Front> = vec![[0; 4]; graph.nodes()];
    for (bit, source) in sources.iter().enumerate() {
        seen[*source as usize][bit / 64] |= 1 << (bit % 64);
    }
    let mut front = seen.clone();
    let mut everyone: Front = [0; 4];
    (0..sources.len()).for_each(|bit| everyone[bit / 64] |= 1 << (bit % 64));
    let mut histogram = vec![0];
    loop {
        work::check()?;
        let mut next: Vec<Front> = vec![[0; 4]; graph.nodes()];
        let mut reached = 0;
        for row in 0..graph.nodes() {
            if seen[row] == everyone {
                continue;
            }
            let mut here: Front = [0; 4];
            for pre in graph.sources(row as u32) {
                let from = front[*pre as usize];
                here = [0, 1, 2, 3].map(|w| here[w] | from[w]);
            }
            here = [0, 1, 2, 3].map(|w| here[w] & !seen[row][w]);
            reached += here.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
            next[row] = here;
        }
        if reached == 0 {
            return Ok(if histogram.len() == 1 { Vec::new() } else { histogram });
        }
        histogram.push(reached);
        for (seen, new) in seen.iter_mut().zip(&next) {
            *seen = [0, 1, 2, 3].map(|w| seen[w] | new[w]);
        }
        front = next;
    }
}

fn check_rows(graph: &Graph, rows: &[u32]) -> Result<()> {
    match rows.iter().find(|row| **row as usize >= graph.nodes()) {
        Some(row) => {
            Err(Error::argument(format!("row {row} is not a cell of a graph of {} cells", graph.nodes())))
        }
        None => Ok(()),
    }
}

/// Betweenness centrality of each cell: the share of the shortest directed paths between other cells that lead
/// through it, over (n−1)(n−2) (Brandes 2001; networkx `betweenness_centrality`). With `sample`, estimated from the
/// paths that begin at so many random cells (Brandes and Pich 2007), drawn with `seed`. 0 for fewer than 3 cells.
///
/// # Errors
/// When the work is stopped.
pub fn betweenness(graph: &Graph, sample: Option<(usize, u64)>) -> Result<Vec<f64>> {
    let n = graph.nodes();
    let mut sources: Vec<u32> = (0..n as u32).collect();
    if let Some((size, seed)) = sample {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        for i in 0..size.min(n) {
            sources.swap(i, random.random_range(i..n));
        }
        sources.truncate(size);
    }
    let mut through = vec![0.0; n];
    // Tasks are added in their order whatever the number of cores, and few are in memory at a time.
    let tasks: Vec<&[u32]> = sources.chunks(16).collect();
    for wave in tasks.chunks(2 * rayon::current_num_threads()) {
        let parts: Result<Vec<Vec<f64>>> = wave.par_iter().map(|task| dependencies(graph, task)).collect();
        for part in parts? {
            through.iter_mut().zip(part).for_each(|(a, b)| *a += b);
        }
    }
    let pairs = (n as f64 - 1.0) * (n as f64 - 2.0);
    let scale = if n > 2 && !sources.is_empty() { n as f64 / sources.len() as f64 / pairs } else { 0.0 };
    Ok(through.into_iter().map(|sum| sum * scale).collect())
}

/// Σ over the sources of the share of their shortest paths that leads through each cell.
fn dependencies(graph: &Graph, sources: &[u32]) -> Result<Vec<f64>> {
    let n = graph.nodes();
    let mut total = vec![0.0; n];
    let (mut depth, mut paths, mut share) = (vec![u32::MAX; n], vec![0.0f64; n], vec![0.0f64; n]);
    let mut order: Vec<u32> = Vec::with_capacity(n);
    for &source in sources {
        work::check()?;
        depth.fill(u32::MAX);
        order.clear();
        order.push(source);
        (depth[source as usize], paths[source as usize], share[source as usize]) = (0, 1.0, 0.0);
        let mut next = 0;
        while let Some(&row) = order.get(next) {
            next += 1;
            let (below, ways) = (depth[row as usize] + 1, paths[row as usize]);
            for &target in graph.targets(row) {
                let at = target as usize;
                if depth[at] == u32::MAX {
                    (depth[at], paths[at], share[at]) = (below, 0.0, 0.0);
                    order.push(target);
                }
                if depth[at] == below {
                    paths[at] += ways;
                }
            }
        }
        for &row in order.iter().rev() {
            let (at, below) = (row as usize, depth[row as usize] + 1);
            for &target in graph.targets(row) {
                if depth[target as usize] == below {
                    share[at] += paths[at] / paths[target as usize] * (1.0 + share[target as usize]);
                }
            }
            if row != source {
                total[at] += share[at];
            }
        }
    }
    Ok(total)
}

// ---------------------------------------------------------------------------------------------- cores, clubs

/// For each cell the largest k such that it is in a part of the undirected graph where every cell has k or more
/// neighbours (Batagelj and Zaversnik 2003; networkx `core_number`).
pub fn core_numbers(graph: &Graph) -> Vec<u32> {
    let dyads = Dyads::new(graph);
    let n = dyads.nodes();
    let mut core: Vec<usize> = (0..n).map(|row| dyads.degree(row)).collect();
    // Cells in the order of their degree, and where each degree begins in it.
    let mut begin = vec![0; core.iter().max().map_or(0, |max| max + 2)];
    for degree in &core {
        begin[degree + 1] += 1;
    }
    (1..begin.len()).for_each(|d| begin[d] += begin[d - 1]);
    let (mut order, mut place, mut next) = (vec![0usize; n], vec![0usize; n], begin.clone());
    for row in 0..n {
        place[row] = next[core[row]];
        order[place[row]] = row;
        next[core[row]] += 1;
    }
    for i in 0..n {
        let row = order[i];
        for &other in dyads.cells(row) {
            let other = other as usize;
            if core[other] > core[row] {
                // Swap it to the front of its degree, and move the front behind it.
                let front = begin[core[other]].max(i + 1);
                let first = order[front];
                order.swap(front, place[other]);
                (place[first], place[other]) = (place[other], front);
                begin[core[other]] = front + 1;
                core[other] -= 1;
            }
        }
    }
    core.into_iter().map(|k| k as u32).collect()
}

/// φ(k) for k = 0, 1, …: the density 2E/(N(N−1)) of the undirected graph among the N cells with more than k
/// neighbours, as long as there are two of them (networkx `rich_club_coefficient`, not normalised).
pub fn rich_club(graph: &Graph) -> Vec<f64> {
    let dyads = Dyads::new(graph);
    let top = (0..dyads.nodes()).map(|row| dyads.degree(row)).max().unwrap_or(0);
    // Cells, and dyads, by the (smaller) degree.
    let (mut cells, mut joined) = (vec![0u64; top + 1], vec![0u64; top + 1]);
    for row in 0..dyads.nodes() {
        let degree = dyads.degree(row);
        cells[degree] += 1;
        for &other in dyads.cells(row).iter().filter(|other| **other as usize > row) {
            joined[degree.min(dyads.degree(other as usize))] += 1;
        }
    }
    let (mut n, mut e) = (cells.iter().sum::<u64>(), joined.iter().sum::<u64>());
    let mut club = Vec::new();
    for (at_degree, joined_at) in cells.iter().zip(&joined) {
        (n, e) = (n - at_degree, e - joined_at);
        if n < 2 {
            break;
        }
        club.push(2.0 * e as f64 / (n as f64 * (n - 1) as f64));
    }
    club
}

// ---------------------------------------------------------------------------------------------- mixing

/// Pearson's correlation, over the connections, of the out-degree of the pre and the in-degree of the post cell
/// (Newman 2003; networkx `degree_assortativity_coefficient`). NaN where one of them does not vary.
pub fn assortativity(graph: &Graph) -> f64 {
    let degree =
        |list: &[u32], row: u32| (list.len() - usize::from(list.binary_search(&row).is_ok())) as i128;
    let out: Vec<i128> = (0..graph.nodes() as u32).map(|row| degree(graph.targets(row), row)).collect();
    let into: Vec<i128> = (0..graph.nodes() as u32).map(|row| degree(graph.sources(row), row)).collect();
    let mut sums = [0i128; 6];
    for (pre, post, _) in graph.iter().filter(|(pre, post, _)| pre != post) {
        let (x, y) = (out[pre as usize], into[post as usize]);
        sums.iter_mut().zip([1, x, y, x * y, x * x, y * y]).for_each(|(sum, value)| *sum += value);
    }
    // Whole numbers: nothing cancels.
    let [n, x, y, xy, xx, yy] = sums;
    let (covariance, vx, vy) = (n * xy - x * y, n * xx - x * x, n * yy - y * y);
    covariance as f64 / ((vx as f64).sqrt() * (vy as f64).sqrt())
}

/// The directed modularity of a partition, Σ over classes of L/m − γ·k_out·k_in/m²: the share of the m connections
/// within a class beyond that expected from degrees (Leicht and Newman 2008; networkx `modularity`, γ its
/// `resolution`, 1 by default). `class[row]` may be any number below the number of cells. NaN without connections.
///
/// # Errors
/// When there is not one class for each cell, or a class is not below the number of cells.
pub fn modularity(graph: &Graph, class: &[u32], resolution: f64) -> Result<f64> {
    let n = graph.nodes();
    if class.len() != n || class.iter().any(|c| *c as usize >= n) {
        return Err(Error::argument(format!("each of {n} cells needs a class below {n}")));
    }
    let (mut inside, mut out, mut into, mut m) = (0u64, vec![0u64; n], vec![0u64; n], 0u64);
    for (pre, post, _) in graph.iter().filter(|(pre, post, _)| pre != post) {
        let (a, b) = (class[pre as usize] as usize, class[post as usize] as usize);
        m += 1;
        inside += u64::from(a == b);
        out[a] += 1;
        into[b] += 1;
    }
    let expected: u128 = out.iter().zip(&into).map(|(a, b)| u128::from(*a) * u128::from(*b)).sum();
    let m = m as f64;
    Ok(inside as f64 / m - resolution * expected as f64 / (m * m))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(n: usize, edges: &[(u32, u32)]) -> Graph {
        let (pre, post): (Vec<u32>, Vec<u32>) = edges.iter().copied().unzip();
        Graph::new(n, &pre, &post, None).unwrap()
    }

    /// The class of a triple by its isomorphism with a drawing of each class.
    fn class_by_drawing(graph: &Graph, triple: [u32; 3]) -> usize {
        let drawings: [&[(usize, usize)]; 16] = [
            &[],
            &[(0, 1)],
            &[(0, 1), (1, 0)],
            &[(0, 1), (0, 2)],
            &[(1, 0), (2, 0)],
            &[(0, 1), (1, 2)],
            &[(0, 1), (1, 0), (2, 1)],
            &[(0, 1), (1, 0), (1, 2)],
            &[(0, 1), (0, 2), (1, 2)],
            &[(0, 1), (1, 2), (2, 0)],
            &[(0, 1), (1, 0), (1, 2), (2, 1)],
            &[(0, 1), (1, 0), (2, 0), (2, 1)],
            &[(0, 1), (1, 0), (0, 2), (1, 2)],
            &[(0, 1), (1, 0), (0, 2), (2, 1)],
            &[(0, 1), (1, 0), (0, 2), (2, 0), (1, 2)],
            &[(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)],
        ];
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let looks_like = |drawing: &[(usize, usize)], order: [usize; 3]| {
            let pairs = (0..3).flat_map(|i| (0..3).map(move |j| (i, j))).filter(|(i, j)| i != j);
            pairs
                .into_iter()
                .all(|(i, j)| graph.connects(triple[order[i]], triple[order[j]]) == drawing.contains(&(i, j)))
        };
        drawings.iter().position(|drawing| orders.iter().any(|order| looks_like(drawing, *order))).unwrap()
    }

    fn any_graph() -> impl Strategy<Value = Graph> {
        (3usize..14).prop_flat_map(|n| {
            let row = 0..n as u32;
            prop::collection::vec((row.clone(), row), 0..n * n / 2).prop_map(move |edges| graph(n, &edges))
        })
    }

    /// Steps between all pairs, by relaxation.
    fn all_steps(graph: &Graph) -> Vec<Vec<Option<u32>>> {
        let n = graph.nodes();
        let mut steps: Vec<Vec<Option<u32>>> = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| if i == j { Some(0) } else { graph.connects(i as u32, j as u32).then_some(1) })
                    .collect()
            })
            .collect();
        for k in 0..n {
            for i in 0..n {
                for j in 0..n {
                    let through = steps[i][k].zip(steps[k][j]).map(|(a, b)| a + b);
                    steps[i][j] = [steps[i][j], through].into_iter().flatten().min();
                }
            }
        }
        steps
    }

    fn brute_simplices(graph: &Graph, clique: &mut Vec<u32>, counts: &mut Vec<u64>) {
        for cell in 0..graph.nodes() as u32 {
            if !clique.contains(&cell) && clique.iter().all(|before| graph.connects(*before, cell)) {
                counts.resize(counts.len().max(clique.len() + 1), 0);
                counts[clique.len()] += 1;
                clique.push(cell);
                if clique.len() < 5 {
                    brute_simplices(graph, clique, counts);
                }
                clique.pop();
            }
        }
    }

    proptest! {
        #[test]
        fn the_census_counts_each_triple_as_it_looks(graph in any_graph()) {
            let n = graph.nodes() as u32;
            let mut expected = [0; 16];
            for a in 0..n {
                for b in 0..a {
                    (0..b).for_each(|c| expected[class_by_drawing(&graph, [a, b, c])] += 1);
                }
            }
            let census = triad_census(&graph).unwrap();
            prop_assert_eq!(census, expected);
            prop_assert_eq!(census.iter().sum::<u64>(), u64::from(n * (n - 1) * (n - 2) / 6));
        }

        #[test]
        fn paths_and_components_agree_with_all_steps(graph in any_graph()) {
            let steps = all_steps(&graph);
            let lengths = path_lengths(&graph, None).unwrap();
            let found: Vec<u32> = steps.iter().flatten().flatten().copied().filter(|s| *s > 0).collect();
            prop_assert_eq!(lengths.pairs, found.len() as u64);
            prop_assert_eq!(lengths.max, found.iter().copied().max().unwrap_or(0));
            prop_assert_eq!(lengths.pairs + lengths.unreachable, (graph.nodes() * (graph.nodes() - 1)) as u64);
            if !found.is_empty() {
                prop_assert!((lengths.mean - f64::from(found.iter().sum::<u32>()) / found.len() as f64).abs() < 1e-12);
            }
            let strong = strong_components(&graph);
            let reach = |i: usize, j: usize| steps[i][j].is_some();
            let pairs = (0..graph.nodes()).flat_map(|i| (0..graph.nodes()).map(move |j| (i, j)));
            for (i, j) in pairs {
                prop_assert_eq!(strong.of[i] == strong.of[j], reach(i, j) && reach(j, i));
            }
            prop_assert_eq!(strong.sizes.iter().sum::<u32>() as usize, graph.nodes());
            prop_assert!(strong.sizes.is_sorted_by(|a, b| a >= b));
            let weak = weak_components(&graph);
            prop_assert!(graph.iter().all(|(i, j, _)| weak.of[i as usize] == weak.of[j as usize]));
            prop_assert!(weak.sizes.len() <= strong.sizes.len());
        }

        #[test]
        fn betweenness_sums_the_cells_between(graph in any_graph()) {
            // Over all cells it is the mean of (length − 1) over the reachable pairs, times n.
            let steps = all_steps(&graph);
            let between: u32 = steps.iter().flatten().flatten().filter(|s| **s > 0).map(|s| s - 1).sum();
            let n = graph.nodes() as f64;
            let found: f64 = betweenness(&graph, None).unwrap().iter().sum();
            prop_assert!((found * (n - 1.0) * (n - 2.0) - f64::from(between)).abs() < 1e-9);
        }

        #[test]
        fn simplices_are_the_ordered_cliques(graph in any_graph()) {
            let mut expected = Vec::new();
            brute_simplices(&graph, &mut Vec::new(), &mut expected);
            let found = simplices(&graph, 4).unwrap();
            prop_assert_eq!(&found, &expected);
            for source in 0..graph.nodes() as u32 {
                let targets: Vec<u32> = graph.targets(source).iter().copied().filter(|t| *t != source).collect();
                let (mut bits, mut listed) = ([0; 3], [0; 3]);
                let local = LocalBits::new(&graph, &targets, &mut vec![ABSENT; graph.nodes()]);
                local.extend(&local.all(), &mut bits).unwrap();
                extend_listed(&graph, &targets, &mut listed).unwrap();
                prop_assert_eq!(bits, listed);
            }
        }

        #[test]
        fn cores_are_the_largest_that_hold(graph in any_graph()) {
            let dyads = Dyads::new(&graph);
            let core = core_numbers(&graph);
            for k in 0..graph.nodes() as u32 {
                // Peel the slow way.
                let mut kept = vec![true; graph.nodes()];
                loop {
                    let weak = |row: &usize| {
                        kept[*row] && (dyads.cells(*row).iter().filter(|c| kept[**c as usize]).count() as u32) < k
                    };
                    let Some(row) = (0..graph.nodes()).find(weak) else { break };
                    kept[row] = false;
                }
                prop_assert!((0..graph.nodes()).all(|row| kept[row] == (core[row] >= k)), "{}", k);
            }
        }

        #[test]
        fn clustering_is_the_matrix_formula(graph in any_graph()) {
            let n = graph.nodes() as u32;
            let a = |i: u32, j: u32| u64::from(i != j && graph.connects(i, j));
            let s = |i: u32, j: u32| a(i, j) + a(j, i);
            let found = clustering(&graph).unwrap();
            let (mut triangles, mut pairs) = (0, 0);
            for i in 0..n {
                let cubed: u64 = (0..n).flat_map(|j| (0..n).map(move |k| (j, k))).map(|(j, k)| s(i, j) * s(j, k) * s(k, i)).sum();
                let degree: u64 = (0..n).map(|j| s(i, j)).sum();
                let both: u64 = (0..n).map(|j| a(i, j) * a(j, i)).sum();
                let possible = degree * degree.saturating_sub(1) - 2 * both;
                let expected = if possible == 0 { 0.0 } else { cubed as f64 / 2.0 / possible as f64 };
                prop_assert!((found.of[i as usize] - expected).abs() < 1e-12);
                for j in 0..n {
                    for k in 0..j {
                        let wedge = s(i, j) > 0 && s(i, k) > 0;
                        pairs += u64::from(wedge);
                        triangles += u64::from(wedge && s(j, k) > 0);
                    }
                }
            }
            let expected = if pairs == 0 { 0.0 } else { triangles as f64 / pairs as f64 };
            prop_assert!((found.transitivity - expected).abs() < 1e-12);
        }

        #[test]
        fn a_sample_of_all_cells_is_all_cells(graph in any_graph(), seed in any::<u64>()) {
            let all = betweenness(&graph, None).unwrap();
            let sampled = betweenness(&graph, Some((graph.nodes(), seed))).unwrap();
            prop_assert!(all.iter().zip(sampled).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn a_ring_is_one_component_and_its_paths_are_known() {
        let ring = graph(5, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]);
        assert_eq!(strong_components(&ring).sizes, [5]);
        let lengths = path_lengths(&ring, None).unwrap();
        assert_eq!((lengths.pairs, lengths.mean, lengths.max), (20, 2.5, 4));
        assert_eq!(path_lengths(&ring, Some(&[3])).unwrap().histogram, [0, 1, 1, 1, 1]);
        assert!(path_lengths(&ring, Some(&[5])).is_err());
        assert_eq!(core_numbers(&ring), [2; 5]);
        assert_eq!(rich_club(&ring), [0.5, 0.5]);
        assert_eq!(triad_census(&ring).unwrap()[5], 5);
        // Every cell has one in and one out: degrees do not vary.
        assert!(assortativity(&ring).is_nan());
    }

    #[test]
    fn two_rings_joined_one_way() {
        let rings = graph(7, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 6), (6, 3)]);
        let strong = strong_components(&rings);
        assert_eq!((strong.sizes, strong.of), (vec![4, 3], vec![1, 1, 1, 0, 0, 0, 0]));
        assert_eq!(weak_components(&rings).sizes, [7]);
        let q = modularity(&rings, &[0, 0, 0, 1, 1, 1, 1], 1.0).unwrap();
        assert!((q - (7.0 / 8.0 - (4.0 * 3.0 + 4.0 * 5.0) / 64.0)).abs() < 1e-15);
        assert!(modularity(&rings, &[0; 3], 1.0).is_err() && modularity(&rings, &[9; 7], 1.0).is_err());
    }

    #[test]
    fn autapses_change_nothing() {
        let edges = [(0, 1), (1, 2), (2, 0), (2, 3), (0, 3), (3, 1), (1, 0), (0, 0), (3, 3)];
        let (plain, looped) = (graph(4, &edges[..7]), graph(4, &edges));
        assert!(assortativity(&plain).is_finite());
        assert_eq!(triad_census(&plain).unwrap(), triad_census(&looped).unwrap());
        assert_eq!(clustering(&plain).unwrap(), clustering(&looped).unwrap());
        assert_eq!(simplices(&plain, 5).unwrap(), simplices(&looped, 5).unwrap());
        assert_eq!(path_lengths(&plain, None).unwrap(), path_lengths(&looped, None).unwrap());
        assert_eq!(betweenness(&plain, None).unwrap(), betweenness(&looped, None).unwrap());
        assert_eq!(core_numbers(&plain), core_numbers(&looped));
        assert_eq!(rich_club(&plain), rich_club(&looped));
        assert_eq!(assortativity(&plain), assortativity(&looped));
        assert_eq!(strong_components(&plain), strong_components(&looped));
    }

    #[test]
    fn the_empty_graph_has_answers() {
        let empty = graph(0, &[]);
        assert_eq!(triad_census(&empty).unwrap(), [0; 16]);
        assert!(simplices(&empty, 3).unwrap().is_empty() && strong_components(&empty).sizes.is_empty());
        assert!(rich_club(&empty).is_empty() && core_numbers(&empty).is_empty());
        assert_eq!(path_lengths(&empty, None).unwrap().pairs, 0);
        assert!(betweenness(&empty, None).unwrap().is_empty());
        assert!(clustering(&graph(1, &[])).unwrap().mean == 0.0);
    }

    #[test]
    fn long_chains_do_not_overflow_the_stack() {
        let edges: Vec<(u32, u32)> = (0..200_000).map(|i| (i, i + 1)).collect();
        assert_eq!(strong_components(&graph(200_001, &edges)).sizes.len(), 200_001);
    }

    #[test]
    fn skipping_finds_the_place() {
        let list = [2, 4, 6, 8, 10, 12];
        for value in 0..14 {
            assert_eq!(skip_below(&list, value), list.partition_point(|v| *v < value), "{value}");
        }
        assert_eq!(skip_below(&[], 1), 0);
    }
}
