//! Spikes in HDF5: SONATA's populations, and the older layouts without them, whose ids are taken as they are.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::SpikeOptions;
use crate::diag::work::Progress;
use crate::diag::{Error, Result};
use crate::formats::hdf5::{File, Float64, Member, Series, Truncated};
use crate::model::{Batch, Sink, Spikes};

/// Rows that one core reads at a time, about.
const PIECE: usize = 1 << 18;
/// Where the spikes stand.
const ROOT: &str = "spikes";
/// The datasets of ids: SONATA's, and the older one.
const IDS: [&str; 2] = ["node_ids", "gids"];

/// Reads a file.
///
/// # Errors
/// When it is damaged, has no spikes or not the population, or a time or id cannot be one.
pub(super) fn read(path: &Path, options: &SpikeOptions) -> Result<Spikes> {
    let file = File::open(path)?;
    let members = file.members(ROOT)?;
    let groups = || members.iter().filter(|m| m.1 == Member::Group).map(|m| m.0.clone());
    let mut names: Vec<String> = groups().collect();
    let parts: Vec<Option<Part>> = if names.is_empty() && !members.is_empty() {
        if let Some(name) = &options.population {
            return Err(super::no_population(path, name));
        }
        // Old files have gids already, whoever wrote them.
        vec![Part::open(&file, ROOT, 0)?]
    } else {
        if let Some(name) = &options.population {
            if !names.contains(name) {
                return Err(Error::unknown("population of spikes", name, &names).in_dataset(path, ROOT));
            }
            names = vec![name.clone()];
        }
        let open = |name: &String| Part::open(&file, &format!("{ROOT}/{name}"), options.first_id);
        names.iter().map(open).collect::<Result<_>>()?
    };
    let (mut pieces, mut batches) = (Vec::new(), Vec::new());
    for (population, part) in parts.iter().enumerate() {
        let Some(part) = part else { continue };
        for start in (0..part.rows).step_by(part.piece) {
            let end = (start + part.piece).min(part.rows);
            pieces.push((part, start..end));
            batches.push(Batch { room: end - start, population });
        }
    }
    let packed = names.len() > 1;
    let progress = Progress::new("reading spikes", pieces.len() as u64);
    Spikes::gather(path, &names, &batches, |at, sink| {
        progress.advance(1)?;
        let (part, rows) = &pieces[at];
        part.read(rows.clone(), packed, sink)
    })
}

/// The spikes of one population.
struct Part {
    times: Series,
    ids: Series,
    /// What makes milliseconds of the times.
    scale: f64,
    first_id: i64,
    rows: usize,
    /// Rows that are read together.
    piece: usize,
}

impl Part {
    /// The spikes of a group; nothing where it is empty.
    fn open(file: &File, group: &str, first_id: i64) -> Result<Option<Self>> {
        let members = file.members(group)?;
        if members.is_empty() {
            return Ok(None);
        }
        let has = |name: &&&str| members.iter().any(|member| member.0 == **name);
        let ids = IDS.iter().find(has).unwrap_or(&IDS[0]);
        let (times, ids) =
            (column(file, &format!("{group}/timestamps"))?, column(file, &format!("{group}/{ids}"))?);
        if times.rows() != ids.rows() {
            let message = format!("{} ids for {} times", ids.rows(), times.rows());
            return Err(ids.dataset().error(message));
        }
        // A chunk is decoded once.
        let chunk = times.chunk_rows().max(ids.chunk_rows()).unwrap_or(1).max(1);
        let (scale, rows) = (scale(&times)?, times.rows());
        Ok(Some(Part { times, ids, scale, first_id, rows, piece: PIECE.div_ceil(chunk) * chunk }))
    }

    fn read(&self, rows: Range<usize>, packed: bool, sink: &mut Sink<'_>) -> Result<()> {
        let times = self.times.read::<Float64>(rows.clone(), 0)?;
        let ids = self.whole(&rows)?;
        for ((row, t), id) in rows.zip(times).zip(ids) {
            let t = t * self.scale;
            if !t.is_finite() {
                let message = format!("the time of row {row} is {t}, not a finite number");
                return Err(self.times.dataset().error(message));
            }
            let Some(cell) = super::cell(id, self.first_id, packed) else {
                let message = format!("the id in row {row} cannot be one: {}", self.raw(id));
                return Err(self.ids.dataset().error(message));
            };
            sink.push(t, cell);
        }
        Ok(())
    }

    /// The ids of some rows. Some writers make floating point of them.
    fn whole(&self, rows: &Range<usize>) -> Result<Vec<i64>> {
        if !self.ids.element().is_float() {
            return self.ids.read::<Truncated>(rows.clone(), 0);
        }
        let values = self.ids.read::<Float64>(rows.clone(), 0)?;
        if let Some((row, value)) = rows.clone().zip(&values).find(|(_, value)| value.fract() != 0.0) {
            return Err(self
                .ids
                .dataset()
                .error(format!("the id in row {row} is {value}, not a whole number")));
        }
        Ok(values.into_iter().map(|value| value as i64).collect())
    }

    /// An id as it stands in the file.
    fn raw(&self, id: i64) -> String {
        if self.ids.element().is_unsigned() { (id as u64).to_string() } else { id.to_string() }
    }
}

/// A dataset of one dimension.
fn column(file: &File, path: &str) -> Result<Series> {
    let series = Series::open(file, path)?;
    match series.columns() {
        1 => Ok(series),
        columns => Err(series.dataset().error(format!("{columns} columns where there must be one"))),
    }
}

/// What makes milliseconds of the times; files that do not say have them.
fn scale(times: &Series) -> Result<f64> {
    let dataset = times.dataset();
    let unit = match dataset.attribute("units")? {
        None => return Ok(1.0),
        Some(Value::String(unit)) => unit,
        Some(other) => other.to_string(),
    };
    match unit.trim_matches('\0').trim().to_lowercase().as_str() {
        "" | "ms" | "msec" | "millisecond" | "milliseconds" => Ok(1.0),
        "s" | "sec" | "second" | "seconds" => Ok(1000.0),
        _ => Err(dataset
            .error(format!("times in `{unit}` cannot be read"))
            .help("known units are ms, milliseconds, s and seconds")),
    }
}
