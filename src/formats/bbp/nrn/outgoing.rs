//! The way from presynaptic cells to the rows of nrn.h5, made by one pass over its first column. It stands in for
//! nrn_efferent.h5 where that file does not exist.

use rayon::prelude::*;

use super::table::{Run, Table};
use crate::diag::Result;
use crate::formats::hdf5::Rounded;

/// Tables that one task scans.
const TABLES_PER_TASK: usize = 16;

/// The rows that each presynaptic cell makes, as runs in the order of the file: by post cell, then row.
pub(super) struct Outgoing {
    /// The presynaptic cells, ascending.
    pres: Vec<i64>,
    /// Where the runs of each cell begin; one more at the end.
    first: Vec<usize>,
    runs: Vec<Run>,
}

impl Outgoing {
    /// Scans all tables.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(super) fn of(main: &Table) -> Result<Self> {
        let tables: Vec<usize> = (0..main.len()).collect();
        let pieces: Vec<Vec<(i64, Run)>> =
            tables.par_chunks(TABLES_PER_TASK).map(|tables| runs_of(main, tables)).collect::<Result<_>>()?;
        let mut all: Vec<(i64, Run)> = pieces.concat();
        // Stable, so the runs of a cell stay in the order of the file.
        all.par_sort_by_key(|(pre, _)| *pre);
        let mut outgoing =
            Outgoing { pres: Vec::new(), first: Vec::new(), runs: Vec::with_capacity(all.len()) };
        for (pre, run) in all {
            if outgoing.pres.last() != Some(&pre) {
                outgoing.pres.push(pre);
                outgoing.first.push(outgoing.runs.len());
            }
            outgoing.runs.push(run);
        }
        outgoing.first.push(outgoing.runs.len());
        Ok(outgoing)
    }

    /// How many cells make synapses.
    pub(super) fn len(&self) -> usize {
        self.pres.len()
    }

    /// The rows that a cell makes.
    pub(super) fn runs(&self, pre: i64) -> &[Run] {
        match self.pres.binary_search(&pre) {
            Ok(at) => &self.runs[self.first[at]..self.first[at + 1]],
            Err(_) => &[],
        }
    }
}

/// The runs of equal presynaptic cells in some tables.
fn runs_of(main: &Table, tables: &[usize]) -> Result<Vec<(i64, Run)>> {
    let (mut column, mut runs) = (Vec::new(), Vec::new());
    for &table in tables {
        main.column::<Rounded>(table, 0, &mut column)?;
        let mut start = 0;
        for group in column.chunk_by(|a, b| a == b) {
            runs.push((group[0], Run { table: table as u32, start, rows: group.len() as u32 }));
            start += group.len() as u32;
        }
    }
    Ok(runs)
}
