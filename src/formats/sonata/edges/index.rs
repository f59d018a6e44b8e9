//! Which rows belong to a node: the index that the file holds, or what a scan of its id column finds.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::diag::{Deferred, Error, Result, work};
use crate::formats::hdf5::{File, Member, Series, Truncated};
use crate::model::{CellTable, IdSet, ROWS_PER_MORSEL, Side};

/// Rows that stand one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Run {
    pub(super) fn rows(self) -> usize {
        (self.end - self.start) as usize
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The rows of some nodes: for each node its runs, in the order of the nodes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// Where each node's runs end.
    ends: Vec<usize>,
}

impl Runs {
    /// The runs of a node, by its place in the list that was asked for.
    pub(super) fn of(&self, at: usize) -> &[Run] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.runs[start..self.ends[at]]
    }

    /// The rows of some neighbouring nodes, where they are a single run.
    pub(super) fn one_run(&self, nodes: Range<usize>) -> Option<Run> {
        let first = if nodes.start == 0 { 0 } else { self.ends[nodes.start - 1] };
        let runs = &self.runs[first..self.ends[nodes.end.checked_sub(1)?]];
        let joined = runs.windows(2).all(|pair| pair[0].end == pair[1].start);
        Some(Run { start: runs.first().filter(|_| joined)?.start, end: runs.last()?.end })
    }

    /// The same rows as those of a single node: in the order of the file.
    pub(super) fn in_file_order(self) -> Runs {
        let mut all = Runs::default();
        all.push(self.runs.into_iter());
        all
    }

    /// All runs.
    pub(super) fn of_all(&self) -> &[Run] {
        &self.runs
    }

    /// How many nodes were asked for.
    pub(super) fn nodes(&self) -> usize {
        self.ends.len()
    }

    /// Adds a node with its runs, which are put into the order of the rows.
    fn push(&mut self, runs: impl Iterator<Item = Run>) {
        let first = self.runs.len();
        self.runs.extend(runs.filter(|run| run.start < run.end));
        let own = &mut self.runs[first..];
        if !own.is_sorted() {
            own.sort_unstable();
        }
        // Neighbours become one; rows that are listed twice count once.
        let mut kept = first;
        for at in first..self.runs.len() {
            let run = self.runs[at];
            if kept > first && run.start <= self.runs[kept - 1].end {
                self.runs[kept - 1].end = self.runs[kept - 1].end.max(run.end);
            } else {
                self.runs[kept] = run;
                kept += 1;
            }
        }
        self.runs.truncate(kept);
        self.ends.push(kept);
    }
}

/// The table of the ranges of edges.
const RANGES: &str = "range_to_edge_id";

/// A population of at most so many edges is indexed in memory when its file has no index: 4 bytes an edge.
const INDEXED_IN_MEMORY: usize = 1 << 26;

/// From this part of all nodes on, the table of nodes is read at once.
const MANY: usize = 16;

/// The way from nodes to rows, on one side.
pub(super) enum Index {
    /// The file's own.
    Stored {
        /// For each node the first and the last + 1 row of `ranges`.
        nodes: Series,
        /// The first and the last + 1 edge.
        ranges: Series,
        edges: u64,
    },
    /// The file has none.
    Scanned {
        ids: Series,
        cells: Arc<CellTable>,
        /// Made at the first question, where it is small enough.
        sorted: Deferred<Option<Sorted>>,
    },
}

/// The edges in the order of the nodes on one side.
pub(super) struct Sorted {
    /// Where the edges of each cell start, by the cell's row.
    starts: Vec<u64>,
    /// The edges; nothing where the file is in this order itself.
    edges: Option<Vec<u32>>,
}

impl Index {
    /// Opens the index of a population (`group`) for one side; without one, `ids` will be scanned.
    pub(super) fn open(
        file: &File,
        group: &str,
        side: Side,
        ids: Series,
        cells: Arc<CellTable>,
    ) -> Result<Self> {
        if let Some((nodes, ranges)) = tables(file, group, side)? {
            return Ok(Index::Stored { nodes, ranges, edges: ids.rows() as u64 });
        }
        let (scanned, known) = (ids.clone(), cells.clone());
        let sorted = Deferred::new(move || Sorted::of(&scanned, &known));
        Ok(Index::Scanned { ids, cells, sorted })
    }

    /// The nodes that a population's index has on one side; without an index, those in `ids`.
    pub(super) fn node_ids(file: &File, group: &str, side: Side, ids: &Series) -> Result<IdSet> {
        if let Some((nodes, _)) = tables(file, group, side)? {
            return Ok((0..nodes.rows() as i64).into());
        }
        let parts = pieces(ids).into_par_iter().map(|piece| {
            work::check()?;
            let mut read = ids.read::<Truncated>(piece, 0)?;
            read.sort_unstable();
            read.dedup();
            Ok(read)
        });
        let mut all = parts.collect::<Result<Vec<_>>>()?.concat();
        all.par_sort_unstable();
        all.dedup();
        Ok(IdSet::new(all))
    }

    /// What it is, for `explain()` and `.metadata`.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Index::Stored { .. } => "over the file's index",
            Index::Scanned { .. } => "by a scan (the file has no index)",
        }
    }

    /// The rows of some nodes, which ascend.
    ///
    /// # Errors
    /// When the index is damaged: it names rows that do not exist.
    pub(super) fn runs(&self, nodes: &[i64]) -> Result<Runs> {
        match self {
            Index::Stored { nodes: table, ranges, edges } => stored(table, ranges, *edges, nodes),
            Index::Scanned { ids, cells, sorted } => match sorted.get()? {
                Some(sorted) => Ok(sorted.runs(cells, nodes)),
                None => found(ids, nodes),
            },
        }
    }
}

/// The two tables of the file's own index: of the nodes, and of the ranges.
fn tables(file: &File, group: &str, side: Side) -> Result<Option<(Series, Series)>> {
    let direction = match side {
        Side::Incoming => "target_to_source",
        Side::Outgoing => "source_to_target",
    };
    // The names of the specification, and those that older writers spelt differently.
    for folder in ["indices", "indicies", "incidies"] {
        let folder = format!("{group}/{folder}/{direction}");
        if file.find(&folder) != Some(Member::Group) {
            continue;
        }
        let known = file.names(&folder, Member::Dataset)?;
        let Some(nodes) = known.iter().find(|n| n.starts_with("node_id_to_range")) else { continue };
        return open_tables(file, &folder, nodes).map(Some);
    }
    Ok(None)
}

/// All rows, in pieces of a morsel.
/// The table of nodes of that name, and the table of ranges.
///
/// # Errors
/// When one is missing or damaged, or does not have two columns.
pub(in crate::formats) fn open_tables(file: &File, folder: &str, nodes: &str) -> Result<(Series, Series)> {
    let open = |name: &str| {
        let table = Series::open(file, &format!("{folder}/{name}"))?;
        if table.columns() != 2 {
            let message = format!("{} columns where an index has 2", table.columns());
            return Err(table.dataset().error(message));
        }
        Ok(table)
    };
    Ok((open(nodes)?, open(RANGES)?))
}

fn pieces(ids: &Series) -> Vec<Range<usize>> {
    (0..ids.rows()).step_by(ROWS_PER_MORSEL).map(|s| s..(s + ROWS_PER_MORSEL).min(ids.rows())).collect()
}

/// The number of each edge, and the row of its cell among all cells.
fn each_row(ids: &Series, cells: &CellTable, mut see: impl FnMut(u32, Option<usize>)) -> Result<()> {
    for piece in pieces(ids) {
        work::check()?;
        let edges = piece.start as u32..;
        let read = ids.read::<Truncated>(piece, 0)?;
        edges.zip(read).for_each(|(edge, id)| see(edge, cells.row_of(id)));
    }
    Ok(())
}

fn stored(table: &Series, ranges: &Series, edges: u64, nodes: &[i64]) -> Result<Runs> {
    let known = |node: i64| usize::try_from(node).ok().filter(|&n| n < table.rows());
    let many = nodes.len() > table.rows() / MANY;
    let whole = if many { Some(pairs(table, 0..table.rows())?) } else { None };
    let mut runs = Runs::default();
    // The ranges of neighbouring nodes mostly stand together: read ahead, in pieces.
    let mut ahead: (Range<usize>, Vec<(i64, i64)>) = (0..0, Vec::new());
    for &node in nodes {
        let Some(row) = known(node) else {
            runs.push(std::iter::empty());
            continue;
        };
        let (first, last) = match &whole {
            Some(whole) => whole[row],
            None => pairs(table, row..row + 1)?[0],
        };
        if first < 0 || last <= first {
            runs.push(std::iter::empty());
            continue;
        }
        let wanted = first as usize..last as usize;
        if wanted.end > ranges.rows() {
            return Err(table.dataset().error(format!(
                "the index is damaged: node {node} has the ranges {first} to {last} of {}",
                ranges.rows()
            )));
        }
        if wanted.start < ahead.0.start || wanted.end > ahead.0.end {
            let length = if many { wanted.len().max(ROWS_PER_MORSEL) } else { wanted.len() };
            let piece = wanted.start..(wanted.start + length).min(ranges.rows());
            ahead = (piece.clone(), pairs(ranges, piece)?);
            work::check()?;
        }
        let own = &ahead.1[wanted.start - ahead.0.start..wanted.end - ahead.0.start];
        if let Some(&(start, end)) = own.iter().find(|r| r.0 < r.1 && (r.0 < 0 || r.1 as u64 > edges)) {
            return Err(ranges.dataset().error(format!(
                "the index is damaged: node {node} has the edges {start} to {end}, and there are {edges}"
            )));
        }
        let ordered = own.iter().filter(|r| r.0 < r.1);
        runs.push(ordered.map(|&(start, end)| Run { start: start as u64, end: end as u64 }));
    }
    Ok(runs)
}

/// Some rows of a table of two columns.
fn pairs(table: &Series, rows: Range<usize>) -> Result<Vec<(i64, i64)>> {
    let firsts = table.read::<Truncated>(rows.clone(), 0)?;
    let seconds = table.read::<Truncated>(rows, 1)?;
    Ok(firsts.into_iter().zip(seconds).collect())
}

impl Sorted {
    /// Sorts the edges of a small population by the node of one side. Nodes that the cells lack are left out.
    fn of(ids: &Series, cells: &CellTable) -> Result<Option<Self>> {
        if ids.rows() > INDEXED_IN_MEMORY {
            return Ok(None);
        }
        // Two passes over the file, a piece at a time: what is held is the answer.
        let mut starts = vec![0u64; cells.count() + 1];
        let (mut in_order, mut last) = (true, 0);
        each_row(ids, cells, |_, row| {
            in_order &= row.is_some_and(|row| row >= last);
            if let Some(row) = row {
                starts[row + 1] += 1;
                last = row;
            }
        })?;
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        if in_order {
            return Ok(Some(Sorted { starts, edges: None }));
        }
        let mut next = starts.clone();
        let mut edges = vec![0u32; starts.last().map_or(0, |&n| n as usize)];
        each_row(ids, cells, |edge, row| {
            if let Some(row) = row {
                edges[next[row] as usize] = edge;
                next[row] += 1;
            }
        })?;
        Ok(Some(Sorted { starts, edges: Some(edges) }))
    }

    fn runs(&self, cells: &CellTable, nodes: &[i64]) -> Runs {
        let mut runs = Runs::default();
        for row in nodes.iter().map(|&node| cells.row_of(node)) {
            let Some(row) = row else {
                runs.push(std::iter::empty());
                continue;
            };
            let (start, end) = (self.starts[row], self.starts[row + 1]);
            match &self.edges {
                None => runs.push(std::iter::once(Run { start, end })),
                Some(edges) => {
                    let own = edges[start as usize..end as usize].iter();
                    runs.push(own.map(|&e| Run { start: e.into(), end: u64::from(e) + 1 }));
                }
            }
        }
        runs
    }
}

/// The rows of some nodes in a population that is too large to be sorted: what is held is the answer.
fn found(ids: &Series, nodes: &[i64]) -> Result<Runs> {
    let wanted = IdSet::new(nodes.to_vec());
    let parts: Vec<Vec<(i64, u64)>> = pieces(ids)
        .into_par_iter()
        .map(|piece| {
            work::check()?;
            let first = piece.start as u64;
            let read = ids.read::<Truncated>(piece, 0)?;
            let mine = read.into_iter().zip(first..).filter(|(id, _)| wanted.contains(*id));
            Ok(mine.collect())
        })
        .collect::<Result<_>>()?;
    let mut pairs = parts.concat();
    pairs.par_sort_unstable();
    let mut runs = Runs::default();
    let mut rest = pairs.as_slice();
    for &node in nodes {
        let own = rest.partition_point(|p| p.0 <= node);
        runs.push(rest[..own].iter().map(|&(_, e)| Run { start: e, end: e + 1 }));
        rest = &rest[own..];
    }
    Ok(runs)
}

/// Used where an index must be there.
pub(super) fn outside(what: &str) -> Error {
    Error::argument(format!("no rows {what} in this table"))
}
