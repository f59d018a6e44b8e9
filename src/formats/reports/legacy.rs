//! Reports in HDF5 with a matrix for each cell: `/a<gid>/<report>/data`, frames by compartments, and `mapping`, the
//! section of each.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::{ReportOptions, guess, unit_of};
use crate::diag::{Error, Result};
use crate::formats::bbp::target::parse_gid;
use crate::formats::hdf5::{File, Float32, Float64, Member, Rounded, Series};
use crate::model::{Clock, Frames, Report, ReportFacts, ReportLayout};

/// A report of a matrix for each cell.
pub(super) struct LegacyReport {
    /// The matrix of each cell, ascending by the first of its columns among those of all.
    cells: Vec<(usize, Series)>,
    facts: ReportFacts,
    layout: ReportLayout,
}

/// Opens such a report.
pub(super) fn open(file: &File, options: &ReportOptions) -> Result<LegacyReport> {
    let path = file.path();
    let mut gids: Vec<(i64, String)> = file
        .names("/", Member::Group)?
        .into_iter()
        .filter_map(|name| Some((parse_gid(&name)?, name)))
        .collect();
    gids.sort_unstable();
    let Some((_, first)) = gids.first() else {
        return Err(Error::format("this is no report: there is neither /report nor a mapping nor cells")
            .in_file(path));
    };
    let name = report_name(file, first, path)?;
    let (mut cells, mut columns_of, mut elements) = (Vec::new(), Vec::new(), Vec::new());
    for (gid, group) in &gids {
        let data = Series::open(file, &format!("{group}/{name}/data"))?;
        let sections = Series::open(file, &format!("{group}/{name}/mapping"))?;
        let sections = if sections.rows() == 1 {
            row(&sections)?
        } else {
            sections.read::<Rounded>(0..sections.rows(), 0)?
        };
        if sections.len() != data.columns() {
            return Err(data.dataset().error(format!(
                "it has {} columns, and its mapping {}",
                data.columns(),
                sections.len()
            )));
        }
        let start = elements.len();
        columns_of.push((*gid, start..start + sections.len()));
        elements.extend(sections);
        cells.push((start, data));
    }
    let (clock, unit) = clock(&cells[0].1)?;
    let rows = cells[0].1.rows();
    if let Some((_, other)) = cells.iter().find(|(_, data)| data.rows() != rows) {
        return Err(other
            .dataset()
            .error(format!("it has {} frames where another cell has {rows}", other.rows())));
    }
    let layout = ReportLayout::of(columns_of, elements).map_err(|e| e.in_file(path))?;
    let facts = ReportFacts {
        path: path.to_owned(),
        clock,
        complete: (rows < clock.frames).then_some(rows),
        unit,
        variable: None,
        kind: options.kind.unwrap_or_else(|| guess(&layout)),
        population: None,
        populations: None,
    };
    Ok(LegacyReport { cells, facts, layout })
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

/// The numbers of a matrix of one row.
fn row(series: &Series) -> Result<Vec<i64>> {
    let mut out = vec![0; series.columns()];
    series.window::<Rounded>(0..1, &[0..series.columns()], &mut out)?;
    Ok(out)
}

fn clock(data: &Series) -> Result<(Clock, String)> {
    let number = |name: &str| -> Result<f64> {
        let value = data.dataset().attribute(name)?;
        let value = match value {
            Some(Value::Array(all)) => all.into_iter().next(),
            other => other,
        };
        value
            .and_then(|v| v.as_f64())
            .ok_or_else(|| data.dataset().error(format!("it lacks the attribute `{name}`")))
    };
    let mut clock = Clock::of_header(number("tstart")?, number("tstop")?, number("Dt")?)
        .map_err(|e| data.dataset().error(e.message()))?;
    if clock.frames.abs_diff(data.rows()) == 1 {
        clock.frames = data.rows();
    }
    let unit = data.dataset().attribute("dunit")?;
    Ok((clock, unit_of(unit.as_ref().and_then(Value::as_str).unwrap_or_default())))
}

impl LegacyReport {
    /// Reads cell by cell: `read(data, columns, out)` fills the rows of some columns of one cell.
    fn each<T: Copy + Default>(
        &self,
        frames: Frames,
        columns: &[Range<usize>],
        out: &mut [T],
        read: impl Fn(&Series, Range<usize>, &mut [T]) -> Result<()>,
    ) -> Result<()> {
        self.facts.check(frames)?;
        let width: usize = columns.iter().map(Range::len).sum();
        let mut filled = 0;
        for columns in columns {
            let mut next = columns.start;
            while next < columns.end {
                let at = self.cells.partition_point(|(start, _)| *start <= next).saturating_sub(1);
                let (start, data) = &self.cells[at];
                let end = columns.end.min(start + data.columns());
                if end <= next {
                    return Err(Error::format(format!("there is no column {next}")).in_file(&self.facts.path));
                }
                let mut values = vec![T::default(); frames.count * (end - next)];
                read(data, next - start..end - start, &mut values)?;
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
        self.each(frames, columns, out, |data, columns, out| {
            data.window::<Float32>(frames.iter(), &[columns], out)
        })
    }

    fn read_f64(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f64]) -> Result<()> {
        self.each(frames, columns, out, |data, columns, out| {
            data.window::<Float64>(frames.iter(), &[columns], out)
        })
    }

    fn frames_together(&self) -> usize {
        self.cells.iter().filter_map(|(_, data)| data.chunk_rows()).max().unwrap_or(1)
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{}: a matrix for each of {} cells", self.facts.path.display(), self.cells.len())]
    }
}
