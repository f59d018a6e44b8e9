//! Where rows come from: a source cuts itself into morsels, and a morsel is opened as a block of lazy columns.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;

use super::Schema;
use crate::diag::Result;

/// How many rows a source should put into a morsel: columns of a block then stay in the second-level cache.
pub const ROWS_PER_MORSEL: usize = 32_768;

/// A piece of a source, in units of the source's own choice (rows, datasets, ranges).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Morsel {
    /// The units in it.
    pub units: Range<usize>,
    /// The number of rows, if it is known before reading; otherwise an estimate.
    pub rows: usize,
}

impl Morsel {
    /// A table of `rows` rows, cut where the unit is the row.
    pub fn cut(rows: usize) -> Vec<Morsel> {
        (0..rows)
            .step_by(ROWS_PER_MORSEL)
            .map(|start| {
                let end = (start + ROWS_PER_MORSEL).min(rows);
                Morsel { units: start..end, rows: end - start }
            })
            .collect()
    }
}

impl Morsel {
    /// Groups units of so many rows each: neighbours stand together up to [`ROWS_PER_MORSEL`]; a larger unit stands
    /// alone.
    pub fn grouped(sizes: impl IntoIterator<Item = usize>) -> Vec<Morsel> {
        let mut morsels: Vec<Morsel> = Vec::new();
        for (at, rows) in sizes.into_iter().enumerate() {
            match morsels.last_mut() {
                Some(last) if last.rows + rows <= ROWS_PER_MORSEL => {
                    last.units.end = at + 1;
                    last.rows += rows;
                }
                _ => morsels.push(Morsel { units: at..at + 1, rows }),
            }
        }
        morsels
    }
}

/// A table that is read on demand, in parallel.
pub trait Source: Send + Sync {
    /// The columns.
    fn schema(&self) -> &Arc<Schema>;

    /// The number of rows, if it is known without reading them.
    fn row_count(&self) -> Option<u64>;

    /// The pieces, in row order. The cuts depend on the data alone, never on the number of threads, so that
    /// sums come out the same on every machine.
    fn morsels(&self) -> Vec<Morsel>;

    /// Opens a piece. Columns are read when they are asked for.
    ///
    /// # Errors
    /// When the file behind it is damaged.
    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>>;

    /// Whether blocks must be computed one after the other, because computing them changes something: a script's
    /// closure that assigns to a captured variable.
    fn in_order(&self) -> bool {
        false
    }

    /// What will be read, one line each, for `explain()`.
    fn describe(&self) -> Vec<String>;
}

/// Some rows of a source.
pub trait Block: Send + Sync {
    /// How many rows.
    fn rows(&self) -> usize;

    /// The values of a column (by its position in the schema), [`rows`](Self::rows) of them.
    ///
    /// # Errors
    /// When the file behind it is damaged.
    fn column(&self, index: usize) -> Result<ArrayRef>;
}

impl<B: Block + ?Sized> Block for &B {
    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        (**self).column(index)
    }
}

impl<B: Block + ?Sized> Block for Box<B> {
    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        (**self).column(index)
    }
}
