//! The connectivity of cells as a graph: who targets whom with how many synapses, readable from both sides.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::diag::{Error, Result};

/// A directed graph of `nodes` cells, compressed by rows and by columns.
///
/// Each ordered pair is there once, with its number of synapses. Neighbours are in ascending order. It takes 8
/// bytes a connection and side, and 8 bytes a cell and side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    outgoing: Adjacency,
    incoming: Adjacency,
}

/// For each cell, its neighbours in ascending order and the synapses that it shares with each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Adjacency {
    start: Vec<usize>,
    cells: Vec<u32>,
    synapses: Vec<u32>,
}

impl Adjacency {
    fn of<'a>(&self, part: &'a [u32], row: u32) -> &'a [u32] {
        let row = row as usize;
        match (self.start.get(row), self.start.get(row + 1)) {
            (Some(&from), Some(&to)) => part.get(from..to).unwrap_or_default(),
            _ => &[],
        }
    }
}

impl Graph {
    /// The graph of `nodes` cells where `pre[i]` makes `synapses[i]` synapses onto `post[i]` (1 without
    /// `synapses`). A pair that is listed several times is one connection with the sum of the synapses: a list of
    /// synapses does as well as one of connections.
    ///
    /// # Errors
    /// When the lists differ in length, a row is not below `nodes`, or there are 2³² cells or more.
    pub fn new(nodes: usize, pre: &[u32], post: &[u32], synapses: Option<&[u32]>) -> Result<Self> {
        if u32::try_from(nodes).is_err() {
            return Err(Error::argument(format!("a graph has fewer than 2^32 cells, not {nodes}")));
        }
        if pre.len() != post.len() || synapses.is_some_and(|s| s.len() != pre.len()) {
            return Err(Error::argument(
                "a graph needs as many pre as post cells, and a number of synapses for each",
            ));
        }
        if let Some(bad) = pre.par_iter().chain(post).find_any(|row| **row as usize >= nodes) {
            return Err(Error::argument(format!("row {bad} is not a cell of a graph of {nodes} cells")));
        }
        let mut outgoing = gather(nodes, pre, post, synapses);
        merge_repeated(&mut outgoing);
        let incoming = outgoing.transposed();
        Ok(Graph { outgoing, incoming })
    }

    /// The graph among the cells `ids` (row i is `ids[i]`); what begins or ends at another cell is left out.
    ///
    /// # Errors
    /// As [`Graph::new`], and when an id is listed twice.
    pub fn from_ids(ids: &[i64], pre: &[i64], post: &[i64], synapses: Option<&[i64]>) -> Result<Self> {
        if pre.len() != post.len() || synapses.is_some_and(|s| s.len() != pre.len()) {
            return Err(Error::argument(
                "a graph needs as many pre as post cells, and a number of synapses for each",
            ));
        }
        let rows = Rows::new(ids)?;
        let count = |i: usize| synapses.map_or(1, |s| u32::try_from(s[i].max(0)).unwrap_or(u32::MAX));
        let known: Vec<(u32, u32, u32)> = (0..pre.len())
            .into_par_iter()
            .filter_map(|i| Some((rows.row(pre[i])?, rows.row(post[i])?, count(i))))
            .collect();
        let column = |f: fn(&(u32, u32, u32)) -> u32| known.par_iter().map(f).collect::<Vec<u32>>();
        let (pre, post, synapses) = (column(|e| e.0), column(|e| e.1), column(|e| e.2));
        drop(known);
        Graph::new(ids.len(), &pre, &post, Some(&synapses))
    }

    /// The number of cells.
    pub fn nodes(&self) -> usize {
        self.outgoing.start.len() - 1
    }

    /// The number of connections: ordered pairs with at least one synapse, autapses included.
    pub fn connections(&self) -> usize {
        self.outgoing.cells.len()
    }

    /// The number of synapses.
    pub fn synapses(&self) -> u64 {
        self.outgoing.synapses.par_iter().map(|&n| u64::from(n)).sum()
    }

    /// The cells onto which `row` makes synapses, ascending. Of a row that is no cell, none.
    pub fn targets(&self, row: u32) -> &[u32] {
        self.outgoing.of(&self.outgoing.cells, row)
    }

    /// The numbers of synapses onto each of [`targets`](Self::targets).
    pub fn target_synapses(&self, row: u32) -> &[u32] {
        self.outgoing.of(&self.outgoing.synapses, row)
    }

    /// The cells that make synapses onto `row`, ascending. Of a row that is no cell, none.
    pub fn sources(&self, row: u32) -> &[u32] {
        self.incoming.of(&self.incoming.cells, row)
    }

    /// The numbers of synapses from each of [`sources`](Self::sources).
    pub fn source_synapses(&self, row: u32) -> &[u32] {
        self.incoming.of(&self.incoming.synapses, row)
    }

    /// Whether `pre` makes a synapse onto `post`.
    pub fn connects(&self, pre: u32, post: u32) -> bool {
        self.targets(pre).binary_search(&post).is_ok()
    }

    /// The number of synapses from `pre` onto `post`.
    pub fn n_synapses(&self, pre: u32, post: u32) -> u32 {
        match self.targets(pre).binary_search(&post) {
            Ok(at) => self.target_synapses(pre)[at],
            Err(_) => 0,
        }
    }

    /// All connections `(pre, post, synapses)`, ordered by pre, then post.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        (0..self.nodes() as u32).flat_map(|pre| self.outgoing_of(pre))
    }

    /// The connections of one presynaptic cell, ordered by post.
    pub fn outgoing_of(&self, pre: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        self.targets(pre).iter().zip(self.target_synapses(pre)).map(move |(&post, &n)| (pre, post, n))
    }

    /// The number of cells that make a synapse onto themselves.
    pub fn autapses(&self) -> usize {
        (0..self.nodes() as u32).into_par_iter().filter(|&row| self.connects(row, row)).count()
    }

    /// The partners of a cell on both sides, ascending, each once, without itself
    /// (`conntility.analysis.neighborhood_indices`).
    pub fn neighbourhood(&self, row: u32) -> Vec<u32> {
        let mut all = [self.sources(row), self.targets(row)].concat();
        all.sort_unstable();
        all.dedup();
        all.retain(|&other| other != row);
        all
    }

    /// The graph among these cells; row i of it is `rows[i]`.
    ///
    /// # Errors
    /// When a row is not a cell or is listed twice.
    pub fn subgraph(&self, rows: &[u32]) -> Result<Graph> {
        const ABSENT: u32 = u32::MAX;
        let mut place = vec![ABSENT; self.nodes()];
        for (new, &old) in rows.iter().enumerate() {
            match place.get_mut(old as usize) {
                Some(slot) if *slot == ABSENT => *slot = new as u32,
                Some(_) => return Err(Error::argument(format!("the cell of row {old} is listed twice"))),
                None => {
                    return Err(Error::argument(format!(
                        "row {old} is not a cell of a graph of {} cells",
                        self.nodes()
                    )));
                }
            }
        }
        let kept: Vec<Vec<(u32, u32)>> = rows
            .par_iter()
            .map(|&old| {
                let kept = self.outgoing_of(old).map(|(_, post, n)| (place[post as usize], n));
                let mut kept: Vec<_> = kept.filter(|(post, _)| *post != ABSENT).collect();
                kept.sort_unstable();
                kept
            })
            .collect();
        let start = starts(kept.iter().map(Vec::len));
        let cells = kept.iter().flatten().map(|(cell, _)| *cell).collect();
        let synapses = kept.iter().flatten().map(|(_, n)| *n).collect();
        let outgoing = Adjacency { start, cells, synapses };
        let incoming = outgoing.transposed();
        Ok(Graph { outgoing, incoming })
    }

    /// The number of connections from each class to each, `[pre class][post class]`; `class[row]` is below
    /// `classes` (conntility's `condense`, a block model's counts).
    ///
    /// # Errors
    /// When there is not one class for each cell, or a class is out of range.
    pub fn condensed(&self, class: &[u32], classes: usize) -> Result<Vec<Vec<u64>>> {
        if class.len() != self.nodes() {
            return Err(Error::argument(format!("{} classes for {} cells", class.len(), self.nodes())));
        }
        if let Some(bad) = class.iter().find(|c| **c as usize >= classes) {
            return Err(Error::argument(format!("class {bad} is not one of {classes}")));
        }
        let mut counts = vec![vec![0; classes]; classes];
        for (pre, post, _) in self.iter() {
            counts[class[pre as usize] as usize][class[post as usize] as usize] += 1;
        }
        Ok(counts)
    }
}

impl Adjacency {
    fn transposed(&self) -> Adjacency {
        let nodes = self.start.len() - 1;
        let by_pre: Vec<u32> = self
            .start
            .par_windows(2)
            .enumerate()
            .flat_map_iter(|(row, w)| std::iter::repeat_n(row as u32, w[1] - w[0]))
            .collect();
        gather(nodes, &self.cells, &by_pre, Some(&self.synapses))
    }
}

/// Sorts edges by `from`, in their order otherwise. Each thread fills a range of rows of about as many edges, and
/// reads the whole list for it: no copy of the edges is made, and no order depends on the threads.
fn gather(nodes: usize, from: &[u32], to: &[u32], synapses: Option<&[u32]>) -> Adjacency {
    let start = starts(degrees(nodes, from).into_iter());
    let (mut cells, mut counts) = (vec![0u32; from.len()], vec![1u32; from.len()]);
    let parts = if from.len() < 10_000 { 1 } else { rayon::current_num_threads() };
    let mut pieces = Vec::new();
    let (mut cells_left, mut counts_left, mut row) = (&mut cells[..], &mut counts[..], 0);
    for part in 1..=parts {
        let goal = (from.len() as u128 * part as u128 / parts as u128) as usize;
        let end = if part == parts { nodes } else { start.partition_point(|s| *s < goal).clamp(row, nodes) };
        let size = start[end] - start[row];
        let (cells_here, cells_after) = cells_left.split_at_mut(size);
        let (counts_here, counts_after) = counts_left.split_at_mut(size);
        pieces.push((row..end, cells_here, counts_here));
        (cells_left, counts_left, row) = (cells_after, counts_after, end);
    }
    pieces.into_par_iter().for_each(|(rows, cells, counts)| {
        let base = start[rows.start];
        let mut next: Vec<usize> = start[rows.clone()].iter().map(|s| s - base).collect();
        for (i, row) in from.iter().enumerate() {
            let row = *row as usize;
            if rows.contains(&row) {
                let at = &mut next[row - rows.start];
                cells[*at] = to[i];
                if let Some(synapses) = synapses {
                    counts[*at] = synapses[i];
                }
                *at += 1;
            }
        }
    });
    Adjacency { start, cells, synapses: counts }
}

fn degrees(nodes: usize, rows: &[u32]) -> Vec<usize> {
    let chunk = rows.len().div_ceil(rayon::current_num_threads()).max(65_536);
    let count = |chunk: &[u32]| {
        let mut counts = vec![0; nodes];
        for &row in chunk {
            counts[row as usize] += 1;
        }
        counts
    };
    let add = |mut a: Vec<usize>, b: Vec<usize>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    rows.par_chunks(chunk).map(count).reduce_with(add).unwrap_or_else(|| vec![0; nodes])
}

fn starts(sizes: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut end = 0;
    let ends = sizes.map(|size| {
        end += size;
        end
    });
    std::iter::once(0).chain(ends).collect()
}

/// Sorts the neighbours of each row and makes one of those listed several times.
fn merge_repeated(graph: &mut Adjacency) {
    let Adjacency { start, cells, synapses } = graph;
    let (mut cells_left, mut synapses_left) = (&mut cells[..], &mut synapses[..]);
    let mut rows = Vec::with_capacity(start.len());
    for row in start.windows(2) {
        let (cells_here, cells_after) = cells_left.split_at_mut(row[1] - row[0]);
        let (synapses_here, synapses_after) = synapses_left.split_at_mut(row[1] - row[0]);
        rows.push((cells_here, synapses_here));
        (cells_left, synapses_left) = (cells_after, synapses_after);
    }
    let sizes: Vec<usize> = rows.into_par_iter().map(|(cells, synapses)| sort_row(cells, synapses)).collect();
    let mut end = 0;
    for (row, size) in sizes.iter().enumerate() {
        let from = start[row];
        if from != end {
            cells.copy_within(from..from + size, end);
            synapses.copy_within(from..from + size, end);
        }
        start[row] = end;
        end += size;
    }
    if let Some(last) = start.last_mut() {
        *last = end;
    }
    for list in [cells, synapses] {
        list.truncate(end);
        list.shrink_to_fit();
    }
}

/// Sorts a row in place; how many different cells are at its front now.
fn sort_row(cells: &mut [u32], synapses: &mut [u32]) -> usize {
    if cells.is_sorted_by(|a, b| a < b) {
        return cells.len();
    }
    let mut pairs: Vec<(u32, u32)> = cells.iter().copied().zip(synapses.iter().copied()).collect();
    pairs.sort_unstable();
    let mut size = 0;
    for same in pairs.chunk_by(|a, b| a.0 == b.0) {
        cells[size] = same[0].0;
        synapses[size] = same.iter().fold(0, |sum: u32, (_, n)| sum.saturating_add(*n));
        size += 1;
    }
    size
}

/// Which row a cell id has.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Ids that follow one another from this one.
    Consecutive(i64, usize),
    /// Any other ids.
    Listed(HashMap<i64, u32>),
}

impl Rows {
    /// Row i is the cell `ids[i]`.
    ///
    /// # Errors
    /// When an id is listed twice, or there are 2³² or more.
    pub fn new(ids: &[i64]) -> Result<Self> {
        if u32::try_from(ids.len()).is_err() {
            return Err(Error::argument("a graph has fewer than 2^32 cells"));
        }
        let first = ids.first().copied().unwrap_or_default();
        if ids.iter().enumerate().all(|(row, id)| id.checked_sub(first) == Some(row as i64)) {
            return Ok(Rows::Consecutive(first, ids.len()));
        }
        let mut rows = HashMap::with_capacity(ids.len());
        for (row, id) in ids.iter().enumerate() {
            if rows.insert(*id, row as u32).is_some() {
                return Err(Error::argument(format!("cell {id} is listed twice")));
            }
        }
        Ok(Rows::Listed(rows))
    }

    /// The row of a cell, if it is listed.
    pub fn row(&self, id: i64) -> Option<u32> {
        match self {
            Rows::Consecutive(first, count) => {
                let row = usize::try_from(id.checked_sub(*first)?).ok()?;
                (row < *count).then_some(row as u32)
            }
            Rows::Listed(rows) => rows.get(&id).copied(),
        }
    }

    /// The rows of those of `ids` that are listed, in their order.
    pub fn of(&self, ids: &[i64]) -> Vec<u32> {
        ids.iter().filter_map(|id| self.row(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_repeated_pair_is_one_connection() {
        let graph = Graph::new(4, &[2, 0, 2, 2, 0], &[1, 3, 1, 0, 0], Some(&[1, 4, 2, 5, 1])).unwrap();
        assert_eq!(graph.iter().collect::<Vec<_>>(), [(0, 0, 1), (0, 3, 4), (2, 0, 5), (2, 1, 3)]);
        assert_eq!((graph.sources(0), graph.source_synapses(0)), (&[0, 2][..], &[1, 5][..]));
        assert_eq!((graph.connections(), graph.synapses(), graph.autapses()), (4, 13, 1));
        assert_eq!((graph.n_synapses(2, 1), graph.n_synapses(1, 2)), (3, 0));
        assert_eq!(graph.neighbourhood(0), [2, 3]);
        assert!(graph.targets(9).is_empty());
    }

    #[test]
    fn a_subgraph_has_the_order_asked_for() {
        let graph = Graph::new(4, &[0, 1, 2, 3], &[1, 2, 3, 0], None).unwrap();
        let part = graph.subgraph(&[3, 0, 1]).unwrap();
        assert_eq!(part.iter().collect::<Vec<_>>(), [(0, 1, 1), (1, 2, 1)]);
        assert!(graph.subgraph(&[0, 0]).is_err() && graph.subgraph(&[4]).is_err());
    }

    #[test]
    fn wrong_input_is_refused_and_nothing_is_a_graph() {
        assert!(Graph::new(2, &[0], &[2], None).unwrap_err().message().contains("row 2"));
        assert!(Graph::new(2, &[0], &[], None).is_err());
        assert!(Graph::new(2, &[0], &[1], Some(&[])).is_err());
        assert_eq!(Graph::new(0, &[], &[], None).unwrap().iter().count(), 0);
    }

    #[test]
    fn ids_become_rows() {
        let graph = Graph::from_ids(&[30, 10, 20], &[10, 20, 99], &[20, 30, 10], Some(&[2, 3, 4])).unwrap();
        assert_eq!(graph.iter().collect::<Vec<_>>(), [(1, 2, 2), (2, 0, 3)]);
        assert!(Rows::new(&[1, 5, 1]).is_err());
        let rows = Rows::new(&[7, 8, 9]).unwrap();
        assert_eq!((rows.of(&[9, 6, 7, 10]), rows.row(i64::MIN)), (vec![2, 0], None));
        assert_eq!(Rows::new(&[]).unwrap().row(0), None);
    }

    proptest! {
        #[test]
        fn both_sides_tell_the_same(edges in prop::collection::vec((0u32..40, 0u32..40), 0..400)) {
            let (pre, post): (Vec<u32>, Vec<u32>) = edges.iter().copied().unzip();
            let graph = Graph::new(40, &pre, &post, None).unwrap();
            let mut expected = std::collections::BTreeMap::new();
            for edge in edges {
                *expected.entry(edge).or_insert(0u32) += 1;
            }
            let seen: Vec<_> = graph.iter().map(|(i, j, n)| ((i, j), n)).collect();
            prop_assert_eq!(seen, expected.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>());
            let from_post = (0..40).flat_map(|j| graph.sources(j).iter().zip(graph.source_synapses(j)).map(move |(i, n)| ((*i, j), *n)));
            prop_assert_eq!(from_post.collect::<std::collections::BTreeMap<_, _>>(), expected);
        }
    }

    #[test]
    fn a_large_graph_is_gathered_by_all_threads() {
        let edges = 50_000u32;
        let pre: Vec<u32> = (0..edges).map(|i| i * 7919 % 1009).collect();
        let post: Vec<u32> = (0..edges).map(|i| i / 1009 * 31 % 1009).collect();
        let graph = Graph::new(1009, &pre, &post, None).unwrap();
        assert_eq!(graph.synapses(), u64::from(edges));
        assert!((0..1009).all(|row| graph.targets(row).is_sorted_by(|a, b| a < b)));
        assert!(pre.iter().zip(&post).all(|(i, j)| graph.connects(*i, *j)));
    }
}
