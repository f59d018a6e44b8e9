//! Reports in HDF5 with one matrix for all cells: frames by values, and a mapping that says which columns are whose.
//! SONATA has one for each population under `/report`; the layouts before it have one at the root, or in a group with
//! the name of the population.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::{ReportOptions, guess, there_of, unit_of};
use crate::diag::{Error, Result};
use crate::formats::hdf5::{File, Float32, Float64, Member, Series, Truncated};
use crate::model::{Clock, Frames, Report, ReportFacts, ReportKind, ReportLayout, merged};

/// A population of a report.
type Part = (String, Arc<dyn Report>);

/// Where the matrix of a population stands, and its name if it has one.
struct Place {
    name: Option<String>,
    group: String,
}

impl Place {
    fn path(&self, member: &str) -> String {
        if self.group.is_empty() { member.to_owned() } else { format!("{}/{member}", self.group) }
    }
}

/// The populations of a report, or the one that is asked for; none, where the file has no matrix for all cells. One
/// without a name is called nothing.
pub(super) fn populations(file: &File, options: &ReportOptions) -> Result<Vec<Part>> {
    let wanted = |place: &Place| options.population.is_none() || options.population == place.name;
    let part = |place: Place| -> Result<Part> {
        let report: Arc<dyn Report> = Arc::new(open(file, &place, options)?);
        Ok((place.name.unwrap_or_default(), report))
    };
    places(file)?.into_iter().filter(wanted).map(part).collect()
}

/// The names of the populations.
pub(super) fn names(file: &File) -> Result<Vec<String>> {
    Ok(places(file)?.into_iter().filter_map(|place| place.name).collect())
}

fn places(file: &File) -> Result<Vec<Place>> {
    let has = |path: &str| file.find(path).is_some();
    if has("report") {
        let groups = file.names("report", Member::Group)?;
        let place = |name: String| Place { group: format!("report/{name}"), name: Some(name) };
        // A population that recorded nothing may be an empty group.
        let mut places = Vec::new();
        for place in groups.into_iter().map(place) {
            if has(&place.path("data")) || !file.members(&place.group)?.is_empty() {
                places.push(place);
            }
        }
        return Ok(places);
    }
    if has("data") && has("mapping") {
        return Ok(vec![Place { name: None, group: String::new() }]);
    }
    let groups = file.names("/", Member::Group)?;
    let place = |name: String| Place { group: name.clone(), name: Some(name) };
    let found = |place: &Place| {
        has(&place.path("data")) && (has(&place.path("mapping")) || has(&place.path("channel_id")))
    };
    Ok(groups.into_iter().map(place).filter(found).collect())
}

/// The mark at the root, of those files that have one.
const MARK: i64 = 0x0A7A;

/// Refuses a file with another mark at its root than that of SONATA and the layouts before it.
pub(super) fn check_mark(file: &File) -> Result<()> {
    let mark = match file.attribute("/", "magic")? {
        Some(Value::Array(all)) => all.into_iter().next(),
        other => other,
    };
    match mark {
        Some(mark) if mark.as_i64() != Some(MARK) => {
            Err(Error::format(format!("the attribute `magic` is {mark}, and {MARK} in a report"))
                .in_dataset(file.path(), "/"))
        }
        _ => Ok(()),
    }
}

/// A report of one matrix.
struct MatrixReport {
    data: Series,
    facts: ReportFacts,
    layout: ReportLayout,
}

fn open(file: &File, place: &Place, options: &ReportOptions) -> Result<MatrixReport> {
    let data = Series::open(file, &place.path("data"))?;
    if data.dataset().shape().len() != 2 {
        return Err(data.dataset().error("it is no matrix of frames and values"));
    }
    let extracellular = file.find(&place.path("channel_id")).is_some();
    let layout =
        if extracellular { channels(file, place, &data)? } else { cells(file, place, &data, options)? };
    let clock = clock(file, place, data.rows(), extracellular)?;
    let kind = if extracellular { Some(ReportKind::Electrode) } else { options.kind };
    let variable = Some(text(data.dataset().attribute("variable")?)).filter(|name| !name.is_empty());
    let unit = text(data.dataset().attribute("units")?);
    let (clock, complete) = there_of(clock, (data.columns() > 0).then(|| data.rows()));
    let facts = ReportFacts {
        path: file.path().to_owned(),
        clock,
        complete,
        // Some files of voltages do not say their unit.
        unit: if unit.is_empty() && variable.as_deref() != Some("v") { unit } else { unit_of(&unit) },
        variable,
        kind: kind.unwrap_or_else(|| guess(&layout)),
        population: place.name.clone(),
        populations: None,
    };
    Ok(MatrixReport { data, facts, layout })
}

/// An attribute that is a text, or a list of one.
fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        Some(Value::Array(all)) => text(all.into_iter().next()),
        _ => String::new(),
    }
}

/// The first of some names that a member of the mapping has.
fn mapping(file: &File, place: &Place, names: &[&str]) -> Result<Series> {
    let path = |name: &&str| place.path(&format!("mapping/{name}"));
    let found = names.iter().map(path).find(|path| file.find(path).is_some());
    Series::open(file, &found.unwrap_or_else(|| path(&names[0])))
}

/// The whole numbers of a list.
fn whole(series: &Series) -> Result<Vec<i64>> {
    if series.columns() != 1 {
        return Err(series.dataset().error("it is no list of numbers"));
    }
    series.read::<Truncated>(0..series.rows(), 0)
}

/// The ids of cells. Larger ones cannot stand beside those of other populations.
fn cell_ids(series: &Series, first: i64) -> Result<Vec<i64>> {
    let known = 0..1i64 << merged::BITS;
    let moved = |id: i64| id.checked_add(first).filter(|moved| known.contains(moved) && known.contains(&id));
    let wrong = |id: i64| series.dataset().error(format!("{id} is no id of a cell"));
    whole(series)?.into_iter().map(|id| moved(id).ok_or_else(|| wrong(id))).collect()
}

/// The cells and elements of the columns.
fn cells(file: &File, place: &Place, data: &Series, options: &ReportOptions) -> Result<ReportLayout> {
    let ids = mapping(file, place, &["node_ids", "gids"])?;
    // Gids count from 1 as they are; node ids are those of a circuit that counts from `first_id`.
    let first = if ids.dataset().path().ends_with("gids") { 0 } else { options.first_id };
    let pointers = mapping(file, place, &["index_pointers", "index_pointer"])?;
    let elements = mapping(file, place, &["element_ids", "element_id"])?;
    let (columns, n) = (data.columns(), ids.rows());
    if elements.rows() != columns {
        return Err(elements
            .dataset()
            .error(format!("there are {} elements for {columns} columns of data", elements.rows())));
    }
    let mut starts = whole(&pointers)?;
    if starts.len() == n {
        starts.push(columns as i64);
    }
    if starts.len() != n + 1 {
        return Err(pointers.dataset().error(format!("there are {} pointers for {n} cells", starts.len())));
    }
    if starts.windows(2).any(|pair| pair[0] > pair[1]) || starts[0] < 0 {
        return Err(pointers.dataset().error("the pointers to the columns of the cells do not ascend"));
    }
    if starts[n] != columns as i64 {
        return Err(pointers
            .dataset()
            .error(format!("the last pointer is {}, and there are {columns} columns", starts[n])));
    }
    let range = |pair: &[i64]| pair[0] as usize..pair[1] as usize;
    let cells = cell_ids(&ids, first)?.into_iter().zip(starts.windows(2)).map(|(id, pair)| (id, range(pair)));
    ReportLayout::of(cells.collect(), whole(&elements)?).map_err(|e| ids.dataset().error(e.message()))
}

/// The channels of an extracellular recording: each is an electrode, and stands for itself.
fn channels(file: &File, place: &Place, data: &Series) -> Result<ReportLayout> {
    let ids = Series::open(file, &place.path("channel_id"))?;
    if ids.rows() != data.columns() {
        return Err(ids.dataset().error(format!(
            "there are {} channels for {} columns of data",
            ids.rows(),
            data.columns()
        )));
    }
    let ids_of = cell_ids(&ids, 0)?;
    let cells = ids_of.iter().enumerate().map(|(column, &id)| (id, column..column + 1)).collect();
    ReportLayout::of(cells, ids_of).map_err(|e| ids.dataset().error(e.message()))
}

/// The steps of time: `[start, end, step]`, the end not included.
fn clock(file: &File, place: &Place, rows: usize, extracellular: bool) -> Result<Clock> {
    let path = if extracellular { place.path("time") } else { place.path("mapping/time") };
    let time = Series::open(file, &path)?;
    let values = time.read::<Float64>(0..time.rows(), 0)?;
    let &[start, end, dt] = values.as_slice() else {
        return Err(time
            .dataset()
            .error(format!("it holds {} numbers, not start, end and step", values.len())));
    };
    let scale = match text(time.dataset().attribute("units")?).as_str() {
        "s" | "sec" | "seconds" => 1000.0,
        _ => 1.0,
    };
    let mut clock = Clock::of_header(start * scale, end * scale, dt * scale)
        .map_err(|e| time.dataset().error(e.message()))?;
    // An end that fell a little short of a step, or beyond it, gives one frame more or fewer than there are.
    if clock.frames.abs_diff(rows) == 1 {
        clock.frames = rows;
    }
    Ok(clock)
}

impl Report for MatrixReport {
    fn facts(&self) -> &ReportFacts {
        &self.facts
    }

    fn layout(&self) -> &ReportLayout {
        &self.layout
    }

    fn read(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        self.facts.check(frames)?;
        self.data.window::<Float32>(frames, columns, out)
    }

    fn read_f64(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f64]) -> Result<()> {
        self.facts.check(frames)?;
        self.data.window::<Float64>(frames, columns, out)
    }

    fn frames_together(&self) -> usize {
        self.data.chunk_rows().unwrap_or(1)
    }

    fn describe(&self) -> Vec<String> {
        let how = match self.data.chunk_rows() {
            Some(rows) => format!("chunks of {rows} frames are decoded"),
            None => "read in place".to_owned(),
        };
        let of = self.facts.population.as_ref().map_or(String::new(), |name| format!(", population {name}"));
        vec![format!("{}{of}: {how}", self.facts.path.display())]
    }
}
