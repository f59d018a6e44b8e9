//! Edges as a source of rows: all of them, or some runs, read column by column.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;

use super::Population;
use super::groups::BlockRows;
use super::index::{Run, Runs, outside};
use crate::diag::{Error, Result};
use crate::model::{Block, Morsel, ROWS_PER_MORSEL, Schema, Source};

/// The largest chunk that becomes a morsel of its own, in rows.
const LARGEST_CHUNK: usize = 1 << 19;

/// Some edges, in a given order.
pub(super) struct Edges {
    population: Arc<Population>,
    /// The rows; all of the file, if there is none.
    runs: Option<Vec<Run>>,
    morsels: Vec<Morsel>,
    what: String,
}

impl Edges {
    /// All edges, in the order of the file.
    pub(super) fn all(population: Arc<Population>) -> Self {
        // A chunk is decoded as a whole, so it is read as a whole.
        let chunk =
            population.targets.chunk_rows().filter(|c| (ROWS_PER_MORSEL / 4..=LARGEST_CHUNK).contains(c));
        let rows = population.rows;
        let step = chunk.unwrap_or(ROWS_PER_MORSEL);
        let morsels = (0..rows).step_by(step).map(|start| {
            let end = (start + step).min(rows);
            Morsel { units: start..end, rows: end - start }
        });
        let what = format!("{}: all {rows} synapses of {}", population.file_name(), population.name);
        Edges { runs: None, morsels: morsels.collect(), what, population }
    }

    /// The edges of some runs; `what` describes them in `explain()`.
    pub(super) fn some(population: Arc<Population>, runs: &Runs, what: String) -> Self {
        let runs = cut(runs.of_all());
        let morsels = Morsel::grouped(runs.iter().map(|run| run.rows()));
        Edges { runs: Some(runs), morsels, what, population }
    }
}

/// Runs of at most a morsel's rows; neighbours become one.
fn cut(runs: &[Run]) -> Vec<Run> {
    let mut pieces: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match pieces.last_mut() {
            Some(last) if last.end == run.start && last.rows() + run.rows() <= ROWS_PER_MORSEL => {
                last.end = run.end;
            }
            _ => {
                let starts = (run.start..run.end).step_by(ROWS_PER_MORSEL);
                pieces.extend(
                    starts.map(|start| Run { start, end: (start + ROWS_PER_MORSEL as u64).min(run.end) }),
                );
            }
        }
    }
    pieces
}

impl Source for Edges {
    fn schema(&self) -> &Arc<Schema> {
        &self.population.schema
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.morsels.iter().map(|m| m.rows as u64).sum())
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.morsels.clone()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let units = &morsel.units;
        let runs: Vec<Range<usize>> = match &self.runs {
            None if units.end <= self.population.rows => vec![units.clone()],
            Some(runs) if units.end <= runs.len() => {
                runs[units.clone()].iter().map(|run| run.range()).collect()
            }
            _ => return Err(outside(&format!("{units:?}"))),
        };
        Ok(Box::new(EdgeBlock { population: &self.population, rows: BlockRows::new(runs) }))
    }

    fn describe(&self) -> Vec<String> {
        vec![self.what.clone()]
    }
}

struct EdgeBlock<'a> {
    population: &'a Population,
    rows: BlockRows,
}

impl Block for EdgeBlock<'_> {
    fn rows(&self) -> usize {
        self.rows.rows
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let fields = &self.population.fields;
        let field = fields.get(index).ok_or_else(|| Error::argument(format!("no column {index}")))?;
        field.read(self.population, &self.rows)
    }
}
