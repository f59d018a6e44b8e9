//! Reports in HDF5 with a matrix for each cell: `/a<gid>/<report>/data`, frames by compartments, and `mapping`, the
//! section of each.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::{ReportOptions, guess, there_of, unit_of};
use crate::diag::{Error, Result};
use crate::formats::bbp::target::parse_gid;
use crate::formats::hdf5::{Convert, Dataset, Extents, File, Float32, Float64, Member, Rounded};
use crate::model::{Clock, Frames, Report, ReportFacts, ReportLayout};

/// A report of a matrix for each cell.
pub(super) struct LegacyReport {
    /// The matrices, by gid.
    data: Extents<i64>,
    /// The first column of each among those of all.
    starts: Vec<usize>,
    facts: ReportFacts,
    layout: ReportLayout,
}

/// Opens such a report.
pub(super) fn open(file: &File, options: &ReportOptions) -> Result<LegacyReport> {
    let path = file.path();
    let groups = file.names("/", Member::Group)?;
    let Some(first) = groups.iter().find(|name| parse_gid(name).is_some()) else {
        return Err(Error::format("this is no report: there is neither /report nor a mapping nor cells")
            .in_file(path));
    };
    let name = report_name(file, first, path)?;
    let tables = |leaf: &str| -> Result<Extents<i64>> {
        let mut tables = file.extents_below("/", &format!("{name}/{leaf}"), parse_gid)?;
        tables.sort();
        Ok(tables)
    };
    let (data, sections) = (tables("data")?, tables("mapping")?);
    let rows = data.extent(0).rows;
    let (mut cells, mut starts, mut elements) = (Vec::new(), Vec::new(), Vec::new());
    for cell in 0..data.len() {
        let (gid, of) = (*data.key(cell), data.extent(cell));
        let wrong = |message: String| {
            Error::format(message).in_dataset(data.file(cell).path(), format!("a{gid}/{name}/data"))
        };
        let map = sections.extent(cell);
        let told = map.rows * map.columns;
        if told != of.columns {
            return Err(wrong(format!("it has {} columns, and its mapping {told}", of.columns)));
        }
        if of.rows != rows {
            return Err(wrong(format!("it has {} frames where another cell has {rows}", of.rows)));
        }
        let start = elements.len();
        elements.resize(start + told, 0);
        let all = Frames { first: 0, step: 1, count: map.rows };
        sections.window::<Rounded>(cell, all, 0..map.columns, &mut elements[start..])?;
        starts.push(start);
        cells.push((gid, start..start + told));
    }
    let layout = ReportLayout::of(cells, elements).map_err(|e| e.in_file(path))?;
    let (clock, unit) = clock(&file.dataset(&format!("{first}/{name}/data"))?, rows)?;
    let (clock, complete) = there_of(clock, (!layout.elements.is_empty()).then_some(rows));
    let facts = ReportFacts {
        path: path.to_owned(),
        clock,
        complete,
        unit,
        variable: None,
        kind: options.kind.unwrap_or_else(|| guess(&layout)),
        population: None,
        populations: None,
    };
    Ok(LegacyReport { data, starts, facts, layout })
}

/// The name of the report below each cell: that of the file, else the only one there is.
fn report_name(file: &File, cell: &str, path: &Path) -> Result<String> {
    let names = file.names(cell, Member::Group)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match names.as_slice() {
        [one] => Ok(one.clone()),
        many if many.iter().any(|name| *name == stem) => Ok(stem.into_owned()),
        _ => Err(Error::format(format!("cell {cell} has no report of the name `{stem}`")).in_file(path)),
    }
}

fn clock(data: &Dataset, rows: usize) -> Result<(Clock, String)> {
    let number = |name: &str| -> Result<f64> {
        let value = match data.attribute(name)? {
            Some(Value::Array(all)) => all.into_iter().next(),
            other => other,
        };
        value
            .and_then(|v| v.as_f64())
            .ok_or_else(|| data.error(format!("it lacks the attribute `{name}`, which is a number")))
    };
    let mut clock = Clock::of_header(number("tstart")?, number("tstop")?, number("Dt")?)
        .map_err(|e| data.error(e.message()))?;
    if clock.frames.abs_diff(rows) == 1 {
        clock.frames = rows;
    }
    let unit = data.attribute("dunit")?;
    Ok((clock, unit_of(unit.as_ref().and_then(Value::as_str).unwrap_or_default())))
}

impl LegacyReport {
    fn copy<C: Convert>(&self, frames: Frames, columns: &[Range<usize>], out: &mut [C::Out]) -> Result<()>
    where
        C::Out: Default,
    {
        self.facts.check(frames)?;
        let width: usize = columns.iter().map(Range::len).sum();
        let (mut filled, mut values) = (0, Vec::new());
        for columns in columns {
            let mut next = columns.start;
            while next < columns.end {
                let cell = self.starts.partition_point(|start| *start <= next).saturating_sub(1);
                let start = self.starts[cell];
                let end = columns.end.min(start + self.data.extent(cell).columns);
                if end <= next {
                    return Err(
                        Error::argument(format!("there is no column {next}")).in_file(&self.facts.path)
                    );
                }
                values.clear();
                values.resize(frames.count * (end - next), C::Out::default());
                self.data.window::<C>(cell, frames, next - start..end - start, &mut values)?;
                for (row, part) in out.chunks_exact_mut(width).zip(values.chunks_exact(end - next)) {
                    row[filled..filled + part.len()].copy_from_slice(part);
                }
                filled += end - next;
                next = end;
            }
        }
        Ok(())
    }
}

impl Report for LegacyReport {
    fn facts(&self) -> &ReportFacts {
        &self.facts
    }

    fn layout(&self) -> &ReportLayout {
        &self.layout
    }

    fn read(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        self.copy::<Float32>(frames, columns, out)
    }

    fn read_f64(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f64]) -> Result<()> {
        self.copy::<Float64>(frames, columns, out)
    }

    fn frames_together(&self) -> usize {
        // What is encoded is decoded as a whole.
        let encoded = (0..self.data.len()).any(|cell| self.data.extent(cell).is_encoded());
        if encoded { self.facts.clock.frames.max(1) } else { 1 }
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{}: a matrix for each of {} cells", self.facts.path.display(), self.data.len())]
    }
}
