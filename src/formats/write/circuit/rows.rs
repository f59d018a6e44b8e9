//! Synapses on their way into a file: batch by batch, all of a target together, in the order of their sources.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow_select::concat::concat;
use arrow_select::take::take;
use rayon::prelude::*;

use super::Population;
use crate::diag::{Error, Result, work};
use crate::model::{Connectome, Morsel, Source};

/// Morsels that are read together.
const MORSELS: usize = 8;

/// Synapses as they will stand in the file.
pub struct Batch {
    /// The places of the presynaptic cells.
    pub sources: Vec<u64>,
    /// The places of the postsynaptic cells; all synapses of one stand together.
    pub targets: Vec<u64>,
    /// The columns that were asked for.
    pub columns: Vec<ArrayRef>,
}

/// Columns of the same rows: those of the two cells first.
type Piece = Vec<ArrayRef>;

/// Reads synapses that come ordered by their post cells.
pub struct Rows<'a> {
    synapses: &'a dyn Source,
    source: &'a Population,
    target: &'a Population,
    /// The positions of `pre`, `post`, and the columns that are asked for.
    positions: Vec<usize>,
    morsels: Vec<Morsel>,
    next: usize,
    /// Rows whose last cell may have more of them.
    pending: Vec<Piece>,
}

impl<'a> Rows<'a> {
    /// Begins at the first synapse. `columns` are positions in the table of synapses.
    ///
    /// # Errors
    /// When the table has no `pre` and `post`.
    pub fn new(
        synapses: &'a dyn Source,
        source: &'a Population,
        target: &'a Population,
        columns: impl Iterator<Item = usize>,
    ) -> Result<Self> {
        let schema = synapses.schema();
        let positions =
            [schema.position("pre")?, schema.position("post")?].into_iter().chain(columns).collect();
        Ok(Rows {
            synapses,
            source,
            target,
            positions,
            morsels: synapses.morsels(),
            next: 0,
            pending: Vec::new(),
        })
    }

    /// The next rows, all of each of their cells; `None` after the last.
    ///
    /// # Errors
    /// When a file is damaged, or a synapse is one of a cell that is in neither population.
    pub fn batch(&mut self) -> Result<Option<Batch>> {
        while self.next < self.morsels.len() {
            let end = self.morsels.len().min(self.next + MORSELS);
            let read: Vec<Piece> = self.morsels[self.next..end]
                .par_iter()
                .map(|morsel| self.read(morsel))
                .collect::<Result<_>>()?;
            self.next = end;
            self.pending.extend(read.into_iter().filter(|piece| rows_of(piece) > 0));
            let whole = self.take_whole();
            if !whole.is_empty() {
                return self.arranged(&whole).map(Some);
            }
        }
        Ok(None)
    }

    fn read(&self, morsel: &Morsel) -> Result<Piece> {
        let block = self.synapses.open(morsel)?;
        self.positions.iter().map(|&position| block.column(position)).collect()
    }

    /// Takes the rows of all cells that have no more of them.
    fn take_whole(&mut self) -> Vec<Piece> {
        if self.next == self.morsels.len() {
            return std::mem::take(&mut self.pending);
        }
        let last = self.pending.last().map(|piece| piece[1].as_primitive::<Int64Type>());
        let Some(last) = last.map(|posts| posts.value(posts.len() - 1)) else { return Vec::new() };
        // The last row that belongs to another cell.
        let place = self.pending.iter().enumerate().rev().find_map(|(at, piece)| {
            let posts = piece[1].as_primitive::<Int64Type>().values();
            Some((at, posts.iter().rposition(|&post| post != last)? + 1))
        });
        let Some((at, rows)) = place else { return Vec::new() };
        let mut rest = self.pending.split_off(at);
        let slice = |piece: &Piece, start: usize, length: usize| -> Piece {
            piece.iter().map(|column| column.slice(start, length)).collect()
        };
        let length = rows_of(&rest[0]);
        self.pending.push(slice(&rest[0], 0, rows));
        rest[0] = slice(&rest[0], rows, length - rows);
        rest.retain(|piece| rows_of(piece) > 0);
        std::mem::replace(&mut self.pending, rest)
    }

    /// Rows of whole cells, those of a cell in the order of their sources.
    fn arranged(&self, pieces: &[Piece]) -> Result<Batch> {
        let wrong = |e: arrow_schema::ArrowError| Error::format(e.to_string());
        let columns = (0..self.positions.len()).into_par_iter().map(|at| {
            let parts: Vec<&dyn Array> = pieces.iter().map(|piece| &*piece[at]).collect();
            concat(&parts).map_err(wrong)
        });
        let mut columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let rest = columns.split_off(2);
        let [pres, posts] = [0, 1].map(|at| columns[at].as_primitive::<Int64Type>());
        let lacks = |population: &Population, row: usize, id: i64| {
            let (pre, post, name) = (pres.value(row), posts.value(row), population.name());
            Error::format(format!(
                "a synapse from cell {pre} onto cell {post}: there is no cell {id} in `{name}`"
            ))
        };
        let targets = nodes(posts, self.target).map_err(|row| lacks(self.target, row, posts.value(row)))?;
        let mut sources = nodes(pres, self.source).map_err(|row| lacks(self.source, row, pres.value(row)))?;
        let Some(order) = order(&sources, &targets)? else {
            return Ok(Batch { sources, targets, columns: rest });
        };
        let columns = rest.par_iter().map(|column| take(&**column, &order, None).map_err(wrong));
        let columns = columns.collect::<Result<_>>()?;
        sources = order.values().iter().map(|&row| sources[row as usize]).collect();
        Ok(Batch { sources, targets, columns })
    }
}

/// An error if a connectome has synapses other than those `known`, which are all onto the cells of `target`.
///
/// # Errors
/// A synapse onto another cell, and what reading it says.
pub fn check_whole(connectome: &dyn Connectome, known: &dyn Source, target: &Population) -> Result<()> {
    let all = connectome.synapses()?;
    if known.row_count() == all.row_count() {
        return Ok(());
    }
    let at = all.schema().position("post")?;
    for morsel in all.morsels() {
        work::check()?;
        let posts = all.open(&morsel)?.column(at)?;
        let strange = |id: &&i64| target.place(**id).is_none();
        if let Some(id) = posts.as_primitive::<Int64Type>().values().iter().find(strange) {
            return Err(Error::format(format!(
                "synapses onto cell {id}, which is not in `{}`",
                target.name()
            )));
        }
    }
    Ok(())
}

fn rows_of(piece: &Piece) -> usize {
    piece[0].len()
}

/// The nodes of cells; the first row whose cell is none of the population is an error.
fn nodes(ids: &Int64Array, population: &Population) -> Result<Vec<u64>, usize> {
    let mut known: Option<(i64, u64)> = None;
    let node = |(row, &id): (usize, &i64)| match known {
        Some((last, node)) if last == id => Ok(node),
        _ => {
            let node = population.place(id).ok_or(row)?;
            known = Some((id, node));
            Ok(node)
        }
    };
    ids.values().iter().enumerate().map(node).collect()
}

/// In which order the rows of each target follow their sources; `None` where they do already.
fn order(sources: &[u64], targets: &[u64]) -> Result<Option<UInt32Array>> {
    let sorted = |start: usize, length: usize| sources[start..start + length].is_sorted();
    let mut cells = Vec::new();
    let mut start = 0;
    for cell in targets.chunk_by(|a, b| a == b) {
        cells.push((start, cell.len()));
        start += cell.len();
    }
    if cells.iter().all(|&(start, length)| sorted(start, length)) {
        return Ok(None);
    }
    let rows = u32::try_from(sources.len())
        .map_err(|_| Error::format(format!("a cell with {} synapses", sources.len())))?;
    let mut order: Vec<u32> = (0..rows).collect();
    for (start, length) in cells {
        if !sorted(start, length) {
            order[start..start + length].sort_by_key(|&row| sources[row as usize]);
        }
    }
    Ok(Some(order.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Float32Array;
    use arrow_schema::DataType;

    use super::*;
    use crate::model::{Column, ColumnSpec, Frame};

    /// A table in pieces of a few rows.
    struct Cut(Frame, usize);

    impl Source for Cut {
        fn schema(&self) -> &Arc<crate::model::Schema> {
            self.0.schema()
        }

        fn row_count(&self) -> Option<u64> {
            None
        }

        fn morsels(&self) -> Vec<Morsel> {
            let rows = self.0.rows();
            (0..rows).step_by(self.1).map(|s| Morsel { units: s..rows.min(s + self.1), rows: 0 }).collect()
        }

        fn open(&self, morsel: &Morsel) -> Result<Box<dyn crate::model::Block + '_>> {
            self.0.open(morsel)
        }

        fn describe(&self) -> Vec<String> {
            Vec::new()
        }
    }

    fn read(posts: &[i64], pres: &[i64], cut: usize) -> Result<Vec<(u64, u64, f32)>> {
        let ids = |name: &str, ids: &[i64]| Column {
            spec: ColumnSpec::new(name, DataType::Int64),
            values: Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef,
        };
        let numbers = Column {
            spec: ColumnSpec::new("delay", DataType::Float32),
            values: Arc::new(Float32Array::from_iter_values((0..pres.len()).map(|i| i as f32))),
        };
        let table = Cut(Frame::new(vec![ids("post", posts), ids("pre", pres), numbers])?, cut);
        let source = Population::fibres("fibres", vec![10, 20, 30]);
        let target = Population::fibres("cells", (1..=9).collect());
        let mut rows = Rows::new(&table, &source, &target, std::iter::once(2))?;
        let mut found: Vec<(u64, u64, f32)> = Vec::new();
        while let Some(batch) = rows.batch()? {
            assert!(found.last().is_none_or(|last| last.0 != batch.targets[0]), "a cell in two batches");
            let values = batch.columns[0].as_primitive::<arrow_array::types::Float32Type>();
            let both = batch.targets.iter().zip(&batch.sources).zip(values.values());
            found.extend(both.map(|((&t, &s), &v)| (t, s, v)));
        }
        Ok(found)
    }

    #[test]
    fn rows_of_a_cell_come_together_and_in_the_order_of_their_sources() {
        let posts = [1, 1, 1, 1, 2, 5, 5, 5, 9];
        let pres = [30, 10, 20, 10, 10, 20, 20, 10, 30];
        let expected = [
            (0, 0, 1.0),
            (0, 0, 3.0),
            (0, 1, 2.0),
            (0, 2, 0.0),
            (1, 0, 4.0),
            (4, 0, 7.0),
            (4, 1, 5.0),
            (4, 1, 6.0),
            (8, 2, 8.0),
        ];
        for cut in 1..=9 {
            assert_eq!(read(&posts, &pres, cut).unwrap(), expected, "pieces of {cut}");
        }
        // Many batches.
        let posts: Vec<i64> = (0..200).map(|i| 1 + i / 23).collect();
        let found = read(&posts, &[20; 200], 1).unwrap();
        assert!(found.iter().zip(0..).all(|(f, i)| f.2 == i as f32) && found.len() == 200);
        assert!(read(&[], &[], 1).unwrap().is_empty());
    }

    #[test]
    fn cells_that_are_not_there_are_named() {
        let error = read(&[1, 2], &[10, 11], 9).unwrap_err();
        assert_eq!(error.message(), "a synapse from cell 11 onto cell 2: there is no cell 11 in `fibres`");
        let error = read(&[1, 12], &[10, 10], 9).unwrap_err();
        assert_eq!(error.message(), "a synapse from cell 10 onto cell 12: there is no cell 12 in `cells`");
    }
}
