//! A selection of synapses as a source of rows: runs of rows of one file, read column by column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};

use super::Family;
use super::columns::{self, Field, Form};
use super::table::{Run, Table, morsels, rows_in};
use crate::diag::{Error, Result};
use crate::formats::hdf5::{Rounded, Truncated};
use crate::model::{Block, Morsel, Schema, Source};

/// In which file the runs count rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// nrn.h5: a table a post cell.
    Afferent,
    /// nrn_efferent.h5: a table a pre cell.
    Efferent,
}

/// Some synapses, in a given order.
pub(super) struct Synapses {
    family: Arc<Family>,
    origin: Origin,
    runs: Vec<Run>,
    morsels: Vec<Morsel>,
    what: String,
}

impl Synapses {
    /// The rows of these runs; `what` describes them in `explain()`.
    pub(super) fn new(family: Arc<Family>, origin: Origin, runs: Vec<Run>, what: String) -> Self {
        let morsels = morsels(&runs);
        Synapses { family, origin, runs, morsels, what }
    }
}

impl Source for Synapses {
    fn schema(&self) -> &Arc<Schema> {
        &self.family.schema
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.morsels.iter().map(|m| m.rows as u64).sum())
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.morsels.clone()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let runs = self.runs.get(morsel.units.clone());
        let runs =
            runs.ok_or_else(|| Error::argument(format!("no rows {:?} in this table", morsel.units)))?;
        let table = match self.origin {
            Origin::Afferent => &self.family.main,
            Origin::Efferent => &self.family.efferent()?.ok_or_else(Family::gone)?.table,
        };
        Ok(Box::new(SynapseBlock { synapses: self, table, runs, rows: rows_in(runs) }))
    }

    fn describe(&self) -> Vec<String> {
        vec![self.what.clone()]
    }
}

struct SynapseBlock<'a> {
    synapses: &'a Synapses,
    table: &'a Table,
    runs: &'a [Run],
    rows: usize,
}

impl Block for SynapseBlock<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let fields = &self.synapses.family.fields;
        let field = fields.get(index).ok_or_else(|| Error::argument(format!("no column {index}")))?;
        match (*field, self.synapses.origin) {
            (Field::Post, Origin::Afferent) | (Field::Pre, Origin::Efferent) => Ok(ints(self.cells())),
            (Field::Pre, Origin::Afferent) | (Field::Post, Origin::Efferent) => {
                Ok(ints(self.table.gather::<Rounded>(self.runs, 0)?))
            }
            (Field::Row, _) => Ok(ints(self.row_numbers()?)),
            (Field::Synapse(column, form), _) => columns::read(self.table, self.runs, column, form),
            (Field::Position(column, form), _) => self.positions(column, form),
        }
    }
}

impl SynapseBlock<'_> {
    /// The cell whose table a row stands in.
    fn cells(&self) -> Vec<i64> {
        let mut cells = Vec::with_capacity(self.rows);
        for run in self.runs {
            cells.resize(cells.len() + run.rows as usize, self.table.gids()[run.table as usize]);
        }
        cells
    }

    /// The rows in the tables of the post cells.
    fn row_numbers(&self) -> Result<Vec<i64>> {
        if self.synapses.origin == Origin::Efferent {
            let efferent = self.synapses.family.efferent()?.ok_or_else(Family::gone)?;
            let indices = &efferent.indices;
            return indices.gather::<Truncated>(&aligned(self.table, self.runs, indices)?, 0);
        }
        let mut rows = Vec::with_capacity(self.rows);
        for run in self.runs {
            rows.extend(i64::from(run.start)..i64::from(run.start) + i64::from(run.rows));
        }
        Ok(rows)
    }

    fn positions(&self, column: usize, form: Form) -> Result<ArrayRef> {
        let family = &self.synapses.family;
        if self.synapses.origin == Origin::Efferent {
            if let Some(positions) = family.positions_efferent()? {
                return columns::read(positions, &aligned(self.table, self.runs, positions)?, column, form);
            }
            let positions = family.positions()?.ok_or_else(Family::gone)?;
            let posts = self.table.gather::<Rounded>(self.runs, 0)?;
            let runs = single_rows(positions, &posts, &self.row_numbers()?)?;
            return columns::read(positions, &runs, column, form);
        }
        let positions = family.positions()?.ok_or_else(Family::gone)?;
        columns::read(positions, &aligned(self.table, self.runs, positions)?, column, form)
    }
}

fn ints(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

/// The same rows of the same cells in another file, whose tables must be as long.
fn aligned(from: &Table, runs: &[Run], to: &Table) -> Result<Vec<Run>> {
    runs.iter()
        .map(|run| {
            let at = run.table as usize;
            let gid = from.gids()[at];
            let there = to.find(gid).filter(|&there| to.rows_of(there) == from.rows_of(at));
            let there = there.ok_or_else(|| {
                let found = to.find(gid).map_or_else(
                    || "has no dataset of the cell".to_owned(),
                    |there| format!("has {} rows for the cell", to.rows_of(there)),
                );
                from.error(
                    at,
                    format!("{} {found} where {} has {}", to.name(), from.name(), from.rows_of(at)),
                )
            })?;
            Ok(Run { table: there as u32, ..*run })
        })
        .collect()
}

/// Rows that are given one by one, by cell and row; neighbours become one run.
fn single_rows(table: &Table, cells: &[i64], rows: &[i64]) -> Result<Vec<Run>> {
    let mut known: HashMap<i64, usize> = HashMap::new();
    let mut runs: Vec<Run> = Vec::new();
    for (&cell, &row) in cells.iter().zip(rows) {
        let at = if let Some(&at) = known.get(&cell) {
            at
        } else {
            let at = table.find(cell).ok_or_else(|| {
                Error::format(format!("there are no positions of the synapses of cell {cell}"))
                    .in_file(table.path())
            })?;
            known.insert(cell, at);
            at
        };
        if row < 0 || row >= table.rows_of(at) as i64 {
            return Err(table.error(at, format!("there is no position of synapse {row}")));
        }
        let (at, row) = (at as u32, row as u32);
        match runs.last_mut() {
            Some(last) if last.table == at && last.start + last.rows == row => last.rows += 1,
            _ => runs.push(Run { table: at, start: row, rows: 1 }),
        }
    }
    Ok(runs)
}
