//! Groups of attributes, and types: in the Allen flavour each edge says in which group, and in which row of it, its
//! attributes stand, and of what type it is.

use std::ops::Range;
use std::sync::OnceLock;

use arrow_array::UInt32Array;

use super::attributes::gather;
use crate::diag::{Error, Result, once};
use crate::formats::hdf5::{File, Member, Series, Truncated};
use crate::formats::sonata::types::Types;

pub(super) const TYPE: &str = "edge_type_id";
pub(super) const GROUP: &str = "edge_group_id";
pub(super) const INDEX: &str = "edge_group_index";

/// Rows of a group that are this near to each other are read together with those between them.
const GAP: usize = 8;

/// The groups of a population, and what says which edge is where.
pub(super) struct Groups {
    /// `edges/NAME`.
    path: String,
    file: File,
    /// The names of the groups and their numbers, ascending.
    pub(super) names: Vec<(String, i64)>,
    /// The group of each edge; where it is missing, all are in the only one.
    pub(super) numbers: Option<Series>,
    /// The row of each edge in its group; where it is missing, the row of the edge.
    pub(super) rows: Option<Series>,
}

impl Groups {
    /// Looks up what a population of some edges has. A population of several groups that does not say which edge is in
    /// which is an error once an attribute is read.
    pub(super) fn open(file: &File, path: &str, edges: usize) -> Result<Self> {
        let number =
            |name: &str| name.bytes().all(|b| b.is_ascii_digit()).then(|| name.parse().ok()).flatten();
        let mut names: Vec<(String, i64)> = file
            .names(path, Member::Group)?
            .into_iter()
            .filter_map(|name| number(&name).map(|number| (name, number)))
            .collect();
        names.sort_by_key(|group| group.1);
        let (numbers, rows) = (of_edges(file, path, GROUP, edges)?, of_edges(file, path, INDEX, edges)?);
        Ok(Groups { path: path.to_owned(), file: file.clone(), names, numbers, rows })
    }

    /// Whether the attributes of an edge stand in the row of the edge.
    pub(super) fn is_plain(&self) -> bool {
        self.names.len() < 2 && self.numbers.is_none() && self.rows.is_none()
    }

    /// Finds out where the attributes of some edges are.
    fn place(&self, runs: &[Range<usize>]) -> Result<Vec<InGroup>> {
        let missing = |name: &str| {
            let message =
                format!("the population has {} groups of attributes but no `{name}`", self.names.len());
            Error::format(message).in_dataset(self.file.path(), &*self.path)
        };
        let several = self.names.len() > 1;
        let read = |series: &Option<Series>, name: &str| match series {
            Some(series) => gather::<Truncated>(series, 0, runs).map(Some),
            None if several => Err(missing(name)),
            None => Ok(None),
        };
        let (numbers, rows) = (read(&self.numbers, GROUP)?, read(&self.rows, INDEX)?);
        let mut wanted: Vec<Vec<(u64, u32)>> = vec![Vec::new(); self.names.len()];
        for (at, edge) in runs.iter().cloned().flatten().enumerate() {
            let number = numbers.as_ref().map_or_else(|| self.names.first().map_or(0, |g| g.1), |n| n[at]);
            let Ok(group) = self.names.binary_search_by_key(&number, |group| group.1) else {
                let known: Vec<&str> = self.names.iter().map(|g| g.0.as_str()).collect();
                let message = format!("edge {edge} is in group {number}, which is not there");
                return Err(self.wrong(GROUP, message).help(format!("there are: {}", known.join(", "))));
            };
            let row = rows.as_ref().map_or(edge as i64, |rows| rows[at]);
            let Ok(row) = u64::try_from(row) else {
                return Err(self.wrong(INDEX, format!("edge {edge} is in row {row} of group {number}")));
            };
            wanted[group].push((row, at as u32));
        }
        Ok(wanted.into_iter().map(InGroup::new).collect())
    }

    fn wrong(&self, dataset: &str, message: String) -> Error {
        Error::format(message).in_dataset(self.file.path(), format!("{}/{dataset}", self.path))
    }
}

/// A dataset of one number an edge, if it is there.
fn of_edges(file: &File, path: &str, name: &str, edges: usize) -> Result<Option<Series>> {
    let path = format!("{path}/{name}");
    if file.find(&path) != Some(Member::Dataset) {
        return Ok(None);
    }
    let series = Series::open(file, &path)?;
    if series.rows() != edges {
        return Err(series
            .dataset()
            .error(format!("it has {} rows, and there are {edges} edges", series.rows())));
    }
    Ok(Some(series))
}

/// Which rows of a group belong to the edges of a block.
pub(super) struct InGroup {
    /// The rows to read.
    pub(super) runs: Vec<Range<usize>>,
    /// For each edge of the block that is in the group: where it is in the block, and where in what is read.
    pub(super) edges: Vec<(u32, u32)>,
}

impl InGroup {
    fn new(mut wanted: Vec<(u64, u32)>) -> Self {
        if !wanted.is_sorted() {
            wanted.sort_unstable();
        }
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut read = 0;
        let mut edges = Vec::with_capacity(wanted.len());
        for (row, at) in wanted {
            let row = row as usize;
            match runs.last_mut() {
                Some(last) if row < last.end + GAP => {
                    read += (row + 1).saturating_sub(last.end);
                    last.end = last.end.max(row + 1);
                }
                _ => {
                    runs.push(row..row + 1);
                    read += 1;
                }
            }
            // Rows ascend: the last one that is read.
            edges.push((at, read as u32 - 1));
        }
        InGroup { runs, edges }
    }

    /// One more than the last row.
    pub(super) fn end(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// Whether what is read is the block, row by row.
    pub(super) fn is_block(&self, rows: usize) -> bool {
        let read: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        self.edges.len() == rows && read == rows && self.edges.iter().all(|(at, read)| at == read)
    }
}

/// The types of the edges.
pub(super) struct TypesOf {
    pub(super) table: Types,
    ids: Series,
}

impl TypesOf {
    /// The types of a table; nothing where the edges have none.
    pub(super) fn open(table: Types, file: &File, path: &str, edges: usize) -> Result<Option<Self>> {
        Ok(of_edges(file, path, TYPE, edges)?.map(|ids| TypesOf { table, ids }))
    }
}

/// The number of the type of each edge, if the population has types: the first edge is of one.
pub(super) fn type_numbers(file: &File, path: &str, edges: usize) -> Result<Option<Series>> {
    let Some(ids) = of_edges(file, path, TYPE, edges)? else { return Ok(None) };
    let first = ids.read::<Truncated>(0..edges.min(1), 0)?;
    Ok((first.first().copied().unwrap_or(-1) != -1).then_some(ids))
}

/// The edges of a block, and where their attributes are: looked up once for all columns.
pub(super) struct BlockRows {
    pub(super) runs: Vec<Range<usize>>,
    pub(super) rows: usize,
    places: OnceLock<Result<Vec<InGroup>>>,
    types: OnceLock<Result<UInt32Array>>,
}

impl BlockRows {
    pub(super) fn new(runs: Vec<Range<usize>>) -> Self {
        let rows = runs.iter().map(ExactSizeIterator::len).sum();
        BlockRows { runs, rows, places: OnceLock::new(), types: OnceLock::new() }
    }

    /// Where their attributes are, group by group.
    pub(super) fn places(&self, groups: &Groups) -> Result<&[InGroup]> {
        once(&self.places, || groups.place(&self.runs)).as_deref().map_err(Clone::clone)
    }

    /// The rows of their types in the table of types; null where a type is not described.
    pub(super) fn types(&self, types: &TypesOf) -> Result<&UInt32Array> {
        let read = || {
            let ids = gather::<Truncated>(&types.ids, 0, &self.runs)?;
            Ok(ids.into_iter().map(|id| types.table.row_of(id)).collect())
        };
        once(&self.types, read).as_ref().map_err(Clone::clone)
    }
}
