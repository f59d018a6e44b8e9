//! The executor: every stage of a plan is a [`Source`] over another, and a fold runs over its morsels in parallel.
//!
//! Sums do not depend on the number of threads: morsels are gathered into a fixed number of runs, each run is
//! folded in order, and the runs are merged in order.

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow_buffer::BooleanBuffer;
use rayon::prelude::*;

use super::bind::Bound;
use super::eval::{evaluate, mask, ok};
use crate::diag::Result;
use crate::diag::work::Progress;
use crate::model::{Block, Frame, Morsel, ROWS_PER_MORSEL, Schema, Source};

/// At most so many runs of morsels are folded side by side.
const RUNS: usize = 64;

/// Folds all blocks of a source; one after the other where the source or what is computed of it (`bounds`) demands
/// it. `start` makes an empty state, `step` adds a block, `merge` adds a later state.
pub(super) fn fold<S: Send>(
    source: &dyn Source,
    bounds: &[&Bound],
    start: impl Fn() -> S + Sync,
    step: impl Fn(&mut S, &dyn Block) -> Result<()> + Sync,
    merge: impl Fn(&mut S, S) -> Result<()>,
) -> Result<S> {
    let morsels = source.morsels();
    let total: u64 = morsels.iter().map(|m| m.rows as u64).sum();
    let progress = Progress::new("reading", total);
    let run = |morsels: &[Morsel]| -> Result<S> {
        let mut state = start();
        for morsel in morsels {
            step(&mut state, &Cached::new(source.open(morsel)?, source.schema()))?;
            progress.advance(morsel.rows as u64)?;
        }
        Ok(state)
    };
    if total <= ROWS_PER_MORSEL as u64 || source.in_order() || bounds.iter().any(|b| b.in_order()) {
        return run(&morsels);
    }
    let runs = runs_of(&morsels, total);
    // A wave at a time, so that there are never more states than the threads need; the order of merging, and with it
    // the result, does not depend on the length of a wave.
    let mut whole: Option<S> = None;
    for wave in runs.chunks(2 * rayon::current_num_threads()) {
        let states: Vec<Result<S>> = wave.par_iter().map(|morsels| run(morsels)).collect();
        for state in states {
            let state = state?;
            match &mut whole {
                None => whole = Some(state),
                Some(whole) => merge(whole, state)?,
            }
        }
    }
    Ok(whole.unwrap_or_else(start))
}

/// Cuts the morsels into at most [`RUNS`] runs of about equal rows.
fn runs_of(morsels: &[Morsel], total: u64) -> Vec<&[Morsel]> {
    let share = total.div_ceil(RUNS as u64).max(1);
    let mut runs = Vec::with_capacity(RUNS);
    let (mut begin, mut rows) = (0, 0);
    for (i, morsel) in morsels.iter().enumerate() {
        rows += morsel.rows as u64;
        if rows >= share {
            runs.push(&morsels[begin..=i]);
            (begin, rows) = (i + 1, 0);
        }
    }
    if begin < morsels.len() {
        runs.push(&morsels[begin..]);
    }
    runs
}

/// Reads all rows of some columns into memory, in order.
pub(super) fn collect(source: &dyn Source, limit: Option<usize>) -> Result<Frame> {
    let schema = source.schema();
    let width = schema.columns().len();
    let parts: Vec<(usize, Vec<ArrayRef>)> = match limit {
        Some(limit) => collect_head(source, width, limit)?,
        None => fold(
            source,
            &[],
            Vec::new,
            |parts, block| {
                let columns = (0..width).map(|i| block.column(i)).collect::<Result<Vec<_>>>()?;
                parts.push((block.rows(), columns));
                Ok(())
            },
            |parts, mut later| {
                parts.append(&mut later);
                Ok(())
            },
        )?,
    };
    let rows = parts.iter().map(|p| p.0).sum();
    let mut columns = Vec::with_capacity(width);
    for (i, spec) in schema.columns().iter().enumerate() {
        let pieces: Vec<&dyn Array> = parts.iter().map(|p| p.1[i].as_ref()).collect();
        columns.push(match pieces.as_slice() {
            [] => arrow_array::new_empty_array(&spec.data_type),
            [one] => one.slice(0, one.len()),
            several => ok(arrow_select::concat::concat(several))?,
        });
    }
    Frame::with_schema(schema.clone(), columns, rows)
}

/// The first rows only: morsels one after the other until there are enough.
fn collect_head(source: &dyn Source, width: usize, limit: usize) -> Result<Vec<(usize, Vec<ArrayRef>)>> {
    let mut parts = Vec::new();
    let mut missing = limit;
    for morsel in source.morsels() {
        if missing == 0 {
            break;
        }
        crate::diag::work::check()?;
        let block = source.open(&morsel)?;
        let take = block.rows().min(missing);
        if take > 0 {
            let columns =
                (0..width).map(|i| Ok(block.column(i)?.slice(0, take))).collect::<Result<Vec<_>>>()?;
            parts.push((take, columns));
            missing -= take;
        }
    }
    Ok(parts)
}

/// A block whose columns are read once, however often they are asked for.
pub(super) struct Cached<B> {
    inner: B,
    columns: Vec<OnceLock<Result<ArrayRef>>>,
}

impl<B: Block> Cached<B> {
    fn new(inner: B, schema: &Schema) -> Self {
        Cached {
            inner,
            columns: std::iter::repeat_with(OnceLock::new).take(schema.columns().len()).collect(),
        }
    }
}

impl<B: Block> Block for Cached<B> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        self.columns[index].get_or_init(|| self.inner.column(index)).clone()
    }
}

/// Some rows of another block.
pub(super) struct Kept<B> {
    inner: B,
    mask: BooleanArray,
    rows: usize,
}

impl<B: Block> Kept<B> {
    pub(super) fn new(inner: B, mask: BooleanBuffer) -> Self {
        Kept { inner, rows: mask.count_set_bits(), mask: BooleanArray::new(mask, None) }
    }
}

impl<B: Block> Block for Kept<B> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        ok(arrow_select::filter::filter(&self.inner.column(index)?, &self.mask))
    }
}

/// The rows of a source for which all conditions hold.
pub(super) struct Filtered {
    pub(super) input: Arc<dyn Source>,
    pub(super) conditions: Vec<Bound>,
    /// The conditions as text, for `explain()`.
    pub(super) shown: Vec<String>,
}

impl Filtered {
    /// Which rows of a block stay. A condition that may fail sees only what the earlier ones kept, as after `&&`.
    fn keep(&self, block: &dyn Block) -> Result<BooleanBuffer> {
        let mut keep = BooleanBuffer::new_set(block.rows());
        for condition in &self.conditions {
            if !condition.can_fail() {
                keep = &keep & &mask(condition, block)?;
            } else if keep.count_set_bits() > 0 {
                let holds = mask(condition, &Kept::new(block, keep.clone()))?;
                let mut bits = holds.iter();
                keep = keep.iter().map(|kept| kept && bits.next().unwrap_or(false)).collect();
            }
        }
        Ok(keep)
    }
}

impl Source for Filtered {
    fn schema(&self) -> &Arc<Schema> {
        self.input.schema()
    }

    fn row_count(&self) -> Option<u64> {
        None
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.input.morsels()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let block = Cached::new(self.input.open(morsel)?, self.input.schema());
        let keep = self.keep(&block)?;
        if keep.count_set_bits() == block.rows() {
            return Ok(Box::new(block));
        }
        Ok(Box::new(Kept::new(block, keep)))
    }

    fn in_order(&self) -> bool {
        self.input.in_order() || self.conditions.iter().any(Bound::in_order)
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = self.input.describe();
        lines.extend(self.shown.iter().map(|c| format!("keep rows where {c}")));
        lines
    }
}

/// Columns computed from those of another source.
pub(super) struct Projected {
    pub(super) input: Arc<dyn Source>,
    pub(super) schema: Arc<Schema>,
    pub(super) columns: Vec<Bound>,
    pub(super) shown: String,
}

impl Source for Projected {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        self.input.row_count()
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.input.morsels()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let block = Cached::new(self.input.open(morsel)?, self.input.schema());
        Ok(Box::new(Computed { columns: &self.columns, schema: &self.schema, block }))
    }

    fn in_order(&self) -> bool {
        self.input.in_order() || self.columns.iter().any(Bound::in_order)
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = self.input.describe();
        lines.push(self.shown.clone());
        lines
    }
}

struct Computed<'a, B> {
    columns: &'a [Bound],
    schema: &'a Schema,
    block: B,
}

impl<B: Block> Block for Computed<'_, B> {
    fn rows(&self) -> usize {
        self.block.rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        // A column that is only passed on keeps its own type (a 32-bit float stays one).
        if let Bound::Column(own) = self.columns[index] {
            return self.block.column(own);
        }
        let array = evaluate(&self.columns[index], &self.block)?;
        let wanted = &self.schema.columns()[index].data_type;
        if array.data_type() == wanted { Ok(array) } else { ok(arrow_cast::cast(&array, wanted)) }
    }
}

/// Some rows of a table in memory, by position: the outcome of sorting, sampling, joining.
pub(super) fn take(frame: &Frame, rows: &UInt32Array) -> Result<Frame> {
    let columns = frame
        .columns()
        .iter()
        .map(|c| ok(arrow_select::take::take(c, rows, None)))
        .collect::<Result<Vec<_>>>()?;
    Frame::with_schema(frame.schema().clone(), columns, rows.len())
}
