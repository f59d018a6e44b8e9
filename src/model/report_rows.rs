//! A report as a table: a row for each recorded element at each step of time.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::DataType;

use super::{
    Block, CellTable, ColumnSpec, Frames, IdSet, Morsel, ROWS_PER_MORSEL, Report, ReportFacts, ReportKind,
    Schema, Source, units,
};
use crate::diag::{Result, once};

/// No more values than this are read at a time, however a file is made.
const MOST_VALUES: usize = 1 << 26;

/// What is read of a report: some cells, some frames.
#[derive(Clone)]
pub struct Recording {
    /// The report.
    pub report: Arc<dyn Report>,
    /// The frames.
    pub frames: Frames,
    /// The cells in the order in which they are shown; those that the report holds.
    pub cells: Arc<[i64]>,
}

impl Recording {
    /// All of a report.
    pub fn all(report: Arc<dyn Report>) -> Self {
        let (frames, cells) = (report.facts().clock.all(), report.layout().ids.as_slice().into());
        Recording { report, frames, cells }
    }

    /// Some of the cells, in their order; those that are not recorded are left out.
    #[must_use]
    pub fn of(&self, cells: &IdSet) -> Self {
        let had = IdSet::new(self.cells.to_vec());
        let kept = cells.listed().iter().copied().filter(|&id| had.contains(id)).collect();
        Recording { cells: kept, ..self.clone() }
    }

    /// Its cells, with the columns of each.
    pub fn columns(&self) -> Vec<(i64, Range<usize>)> {
        let layout = self.report.layout();
        self.cells.iter().filter_map(|&id| Some((id, layout.of_cell(id)?))).collect()
    }

    /// How many elements are read of each frame.
    pub fn width(&self) -> usize {
        self.columns().iter().map(|(_, columns)| columns.len()).sum()
    }

    /// The time of the `n`-th of its frames (ms).
    pub fn time(&self, n: usize) -> f64 {
        self.report.facts().clock.time(self.frames.at(n))
    }

    /// How many frames are read at a time, so that about so many values are in memory.
    pub fn frames_for(&self, values: usize) -> usize {
        let fit = values / self.width().max(1);
        let together = self.report.frames_together().div_ceil(self.frames.step).max(1);
        if fit > together {
            return fit / together * together;
        }
        // What is decoded together is read together, unless it is too much for the memory.
        together.min(MOST_VALUES / self.width().max(1)).max(1)
    }
}

/// The column of a report's values.
pub fn value_column(facts: &ReportFacts) -> ColumnSpec {
    let mut spec = ColumnSpec::new("value", DataType::Float64).meaning("what was recorded");
    spec.unit = (!facts.unit.is_empty()).then(|| facts.unit.clone());
    spec.aliases.extend(facts.variable.clone().filter(|name| name != "value"));
    if facts.unit == units::MV {
        spec.aliases.push("voltage".to_owned());
    }
    spec
}

/// The column of a report's cells.
pub fn cell_id_column(facts: &ReportFacts) -> ColumnSpec {
    let mut id = ColumnSpec::new("id", DataType::Int64)
        .meaning("the recorded cell")
        .aliases(&["gid", "node_id", "cell"]);
    id.populations.clone_from(&facts.populations);
    id
}

/// The column of the steps of time.
pub fn time_column() -> ColumnSpec {
    ColumnSpec::new("t", DataType::Float64)
        .unit(units::MS)
        .meaning("the time of the frame")
        .aliases(&["time"])
}

/// The rows of a recording, frame after frame.
pub struct ReportRows {
    recording: Recording,
    schema: Arc<Schema>,
    /// Cell and element of each value of a frame.
    ids: Vec<i64>,
    elements: Vec<i64>,
    /// The columns of the report, cut into blocks of at most [`ROWS_PER_MORSEL`] values.
    blocks: Vec<Vec<Range<usize>>>,
    /// Where each block begins among the values of a frame.
    starts: Vec<usize>,
}

impl ReportRows {
    /// `t`, `id`, the element where a cell may have several, `value`; the cells of `circuit` can be asked over `id`.
    pub fn new(recording: Recording, circuit: Option<&Arc<CellTable>>) -> Self {
        let facts = recording.report.facts();
        let kind = facts.kind;
        let mut specs = vec![time_column(), cell_id_column(facts)];
        if kind != ReportKind::Soma {
            specs.push(
                ColumnSpec::new(kind.element(), DataType::Int64)
                    .meaning("the recorded element")
                    .aliases(&["element"]),
            );
        }
        specs.push(value_column(facts));
        let mut schema = Schema::new(specs);
        if let Some(cells) = circuit {
            schema = schema.linked("id", cells);
        }
        let layout = recording.report.layout();
        let (mut ids, mut elements) = (Vec::new(), Vec::new());
        let (mut blocks, mut starts) = (vec![Vec::new()], vec![0]);
        let mut filled = 0;
        for (id, columns) in recording.columns() {
            ids.extend(std::iter::repeat_n(id, columns.len()));
            elements.extend_from_slice(&layout.elements[columns.clone()]);
            if filled > 0 && filled + columns.len() > ROWS_PER_MORSEL {
                starts.push(starts[starts.len() - 1] + filled);
                blocks.push(Vec::new());
                filled = 0;
            }
            filled += columns.len();
            let last = blocks.len() - 1;
            blocks[last].push(columns);
        }
        starts.push(ids.len());
        ReportRows { recording, schema: Arc::new(schema), ids, elements, blocks, starts }
    }

    fn frames_in_morsel(&self) -> usize {
        if self.blocks.len() == 1 { self.recording.frames_for(ROWS_PER_MORSEL) } else { 1 }
    }
}

impl Source for ReportRows {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.ids.len() as u64 * self.recording.frames.count as u64)
    }

    fn morsels(&self) -> Vec<Morsel> {
        if self.ids.is_empty() {
            return Vec::new();
        }
        let Frames { first, step: every, count } = self.recording.frames;
        // Of the frames that a file that was cut short lacks, one is enough for its error.
        let there = self.recording.report.facts().complete.unwrap_or(usize::MAX);
        let frames = count.min((there.saturating_sub(first) / every.max(1)).saturating_add(2));
        let (blocks, step) = (self.blocks.len(), self.frames_in_morsel());
        let of = |frame: usize| {
            (0..blocks).map(move |block| {
                let count = if blocks == 1 { step.min(frames - frame) } else { 1 };
                let first = frame * blocks + block;
                Morsel {
                    units: first..first + count,
                    rows: (self.starts[block + 1] - self.starts[block]) * count,
                }
            })
        };
        (0..frames).step_by(if blocks == 1 { step } else { 1 }).flat_map(of).collect()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let (first, blocks) = (morsel.units.start, self.blocks.len());
        let block = first % blocks;
        Ok(Box::new(FrameBlock {
            rows: self,
            block,
            frames: first / blocks..first / blocks + morsel.units.len(),
            values: OnceLock::new(),
        }))
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = self.recording.report.describe();
        let (cells, frames) = (self.recording.cells.len(), self.recording.frames);
        lines.push(format!("{cells} cells, {} values a frame, {} frames", self.ids.len(), frames.count));
        lines
    }
}

/// Some frames, or a part of one.
struct FrameBlock<'a> {
    rows: &'a ReportRows,
    block: usize,
    frames: Range<usize>,
    values: OnceLock<Result<ArrayRef>>,
}

impl FrameBlock<'_> {
    fn of_frame(&self) -> Range<usize> {
        self.rows.starts[self.block]..self.rows.starts[self.block + 1]
    }

    fn repeated(&self, of: &[i64]) -> ArrayRef {
        let one = &of[self.of_frame()];
        Arc::new(Int64Array::from(one.repeat(self.frames.len())))
    }

    fn read(&self) -> Result<ArrayRef> {
        let mut out = vec![0.0; self.rows()];
        let frames = self.rows.recording.frames.slice(self.frames.clone());
        self.rows.recording.report.read_f64(frames, &self.rows.blocks[self.block], &mut out)?;
        Ok(Arc::new(Float64Array::from(out)))
    }
}

impl Block for FrameBlock<'_> {
    fn rows(&self) -> usize {
        self.of_frame().len() * self.frames.len()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let last = self.rows.schema.columns().len() - 1;
        Ok(match index {
            0 => {
                let width = self.of_frame().len();
                let times =
                    self.frames.clone().flat_map(|n| std::iter::repeat_n(self.rows.recording.time(n), width));
                Arc::new(times.collect::<Float64Array>())
            }
            1 => self.repeated(&self.rows.ids),
            _ if index == last => once(&self.values, || self.read()).clone()?,
            _ => self.repeated(&self.rows.elements),
        })
    }
}
