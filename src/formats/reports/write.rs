//! Reports are written frame by frame, so that a simulation or a longer report need not be in memory.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use crate::diag::work::Progress;
use crate::diag::{Error, Result};
use crate::formats::write::AtomicFile;
use crate::formats::write::hdf5::{self, Array, Number, Spec};
use crate::model::{Clock, Recording, merged};

/// How many values are read at a time while a report is copied.
const VALUES_PER_BLOCK: usize = 1 << 20;
/// What a population is called of which nobody says the name.
const UNNAMED: &str = "default";
/// The bytes of the header of a binary report, and of the record of a cell.
const HEADER: usize = 1024;
const RECORD: usize = 64;
/// Numbers that a binary report keeps of each cell beside its data: how many sections of each kind it has.
const EXTRA: usize = 5;

/// What a report holds: which values a frame has, and when they are.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The cells, each with the numbers of its elements, in the order of the values of a frame.
    pub cells: Vec<(i64, Vec<i64>)>,
    /// The steps.
    pub clock: Clock,
    /// The unit of the values.
    pub unit: String,
    /// What was recorded: `v`, `i_membrane` …
    pub variable: Option<String>,
    /// The name of the population of cells, in SONATA.
    pub population: String,
    /// The id of node 0 in SONATA: 1 where the ids are gids of a legacy circuit.
    pub first_id: i64,
}

impl Contents {
    /// How many values a frame has.
    pub fn width(&self) -> usize {
        self.cells.iter().map(|(_, elements)| elements.len()).sum()
    }

    fn elements(&self) -> impl Iterator<Item = i64> {
        self.cells.iter().flat_map(|(_, elements)| elements.iter().copied())
    }
}

/// A report that is being written. Dropped before it is finished, it leaves nothing behind.
pub struct ReportWriter {
    sink: Sink,
    path: std::path::PathBuf,
    width: usize,
    /// Frames that are still to come.
    missing: usize,
}

enum Sink {
    Binary(AtomicFile),
    Sonata(hdf5::File, hdf5::Dataset),
}

impl ReportWriter {
    /// Begins a report; the extension says the format: `.bbp` (binary) or `.h5` (SONATA).
    ///
    /// # Errors
    /// Another extension, ids that the format cannot hold, a file that cannot be written.
    pub fn create(path: &Path, contents: &Contents) -> Result<Self> {
        let sink = match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
            "bbp" | "rep" => Sink::Binary(binary(path, contents).map_err(|e| e.in_file(path))?),
            "h5" => {
                let mut file = hdf5::File::create(path)?;
                let root = file.root();
                let reports = file.group(root, "report")?;
                let data = sonata(&mut file, reports, contents).map_err(|e| e.in_file(path))?;
                Sink::Sonata(file, data)
            }
            other => {
                return Err(Error::argument(format!("`.{other}` is no extension of a report"))
                    .help("there are `.bbp` (binary) and `.h5` (SONATA)"));
            }
        };
        Ok(ReportWriter {
            sink,
            path: path.to_owned(),
            width: contents.width(),
            missing: contents.clock.frames,
        })
    }

    /// Adds the values of one or several frames.
    ///
    /// # Errors
    /// When these are not whole frames or more than announced, and when the disk is full.
    pub fn frames(&mut self, values: &[f32]) -> Result<()> {
        let frames = values.len() / self.width.max(1);
        if frames * self.width != values.len() || frames > self.missing {
            return Err(Error::argument(format!(
                "{} values are no frames of {}, of which {} are missing",
                values.len(),
                self.width,
                self.missing
            )));
        }
        self.missing -= frames;
        match &mut self.sink {
            Sink::Binary(file) => {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                file.write_all(&bytes).map_err(|e| file.fault(&e))
            }
            Sink::Sonata(file, data) => file.append(*data, &Array::numbers(values)),
        }
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When frames are missing, or the disk is full.
    pub fn finish(self) -> Result<()> {
        if self.missing > 0 && self.width > 0 {
            return Err(Error::argument(format!("{} frames are missing", self.missing)).in_file(&self.path));
        }
        match self.sink {
            Sink::Binary(file) => file.commit(),
            Sink::Sonata(file, _) => file.finish(),
        }
    }
}

/// The header, the records and the mapping of a binary report.
fn binary(path: &Path, contents: &Contents) -> Result<AtomicFile> {
    let count = |n: usize, what: &str| {
        i32::try_from(n).map_err(|_| Error::argument(format!("a binary report cannot hold {n} {what}")))
    };
    let (cells, width, clock) = (contents.cells.len(), contents.width(), contents.clock);
    let mut header = vec![0; HEADER];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &1.001f64.to_le_bytes());
    put(8, &count(HEADER, "bytes")?.to_le_bytes());
    put(16, b"2.4.2");
    put(32, b"neurhai");
    put(48, &count(cells, "cells")?.to_le_bytes());
    put(52, &count(width, "values in a frame")?.to_le_bytes());
    put(64, &count(clock.frames, "frames")?.to_le_bytes());
    for (at, value) in [(72, clock.start), (80, clock.end()), (88, clock.dt)] {
        put(at, &value.to_le_bytes());
    }
    let unit = contents.unit.as_bytes();
    put(96, &unit[..unit.len().min(15)]);
    put(112, b"ms");
    put(128, &1i32.to_le_bytes());
    put(144, b"compartment");
    put(160, &count(EXTRA, "numbers")?.to_le_bytes());
    let extra = HEADER + cells * RECORD;
    let mapping = extra + cells * EXTRA * 4;
    let data = mapping + width * 4;
    let (mut records, mut sections) =
        (Vec::with_capacity(cells * RECORD), Vec::with_capacity(cells * EXTRA * 4));
    let mut filled = 0;
    for (at, (id, elements)) in contents.cells.iter().enumerate() {
        let id = i32::try_from(*id)
            .map_err(|_| Error::argument(format!("a binary report cannot hold cell {id}")))?;
        let mut record = [0; RECORD];
        record[..4].copy_from_slice(&id.to_le_bytes());
        record[8..12].copy_from_slice(&count(elements.len(), "compartments")?.to_le_bytes());
        let places = [data + filled * 4, extra + at * EXTRA * 4, mapping + filled * 4];
        for (field, place) in record[16..40].chunks_exact_mut(8).zip(places) {
            field.copy_from_slice(&(place as u64).to_le_bytes());
        }
        records.extend_from_slice(&record);
        let distinct = elements.iter().collect::<std::collections::HashSet<_>>().len();
        let soma = i32::from(elements.contains(&0));
        for number in [count(distinct, "sections")?, soma, 0, 0, 0] {
            sections.extend_from_slice(&number.to_le_bytes());
        }
        filled += elements.len();
    }
    let places: Vec<u8> = contents.elements().flat_map(|element| (element as f32).to_le_bytes()).collect();
    let mut file = AtomicFile::create(path)?;
    for bytes in [header, records, sections, places] {
        file.write_all(&bytes).map_err(|e| file.fault(&e))?;
    }
    Ok(file)
}

/// The mapping of a population, and its data that are to be filled.
fn sonata(file: &mut hdf5::File, reports: hdf5::Group, contents: &Contents) -> Result<hdf5::Dataset> {
    let name = if contents.population.is_empty() { UNNAMED } else { &contents.population };
    let population = file.group(reports, name)?;
    let mapping = file.group(population, "mapping")?;
    let node = |id: i64| {
        u64::try_from(id - contents.first_id).map_err(|_| {
            Error::argument(format!("cell {id} has no node id where the first cell is {}", contents.first_id))
        })
    };
    let ids = contents.cells.iter().map(|(id, _)| node(*id)).collect::<Result<Vec<u64>>>()?;
    let mut pointers = vec![0u64];
    for (_, elements) in &contents.cells {
        pointers.push(pointers[pointers.len() - 1] + elements.len() as u64);
    }
    let elements: Vec<i64> = contents.elements().collect();
    // Libraries read `uint32`; some files mark the soma with -1.
    let small: Option<Vec<u32>> = elements.iter().map(|&element| u32::try_from(element).ok()).collect();
    let elements = small.map_or_else(|| Array::numbers(&elements), |small| Array::numbers(&small));
    let sorted = u8::from(ids.is_sorted());
    let nodes = file.write(mapping, "node_ids", &Array::numbers(&ids))?;
    file.attribute(nodes, "sorted", &Array::number(sorted))?;
    file.write(mapping, "index_pointers", &Array::numbers(&pointers))?;
    file.write(mapping, "element_ids", &elements)?;
    let clock = contents.clock;
    let time = file.write(mapping, "time", &Array::numbers(&[clock.start, clock.end(), clock.dt]))?;
    file.attribute(time, "units", &Array::text("ms"))?;
    let shape = [clock.frames as u64, contents.width() as u64];
    let data = file.dataset(population, "data", &Spec::fixed(f32::TYPE, &shape))?;
    file.attribute(data, "units", &Array::text(contents.unit.as_str()))?;
    if let Some(variable) = &contents.variable {
        file.attribute(data, "variable", &Array::text(variable.as_str()))?;
    }
    Ok(data)
}

/// Writes a recording; the extension says the format. Several populations go into one SONATA file.
///
/// # Errors
/// An extension that is not known, several populations in a binary file, a damaged report, a full disk.
pub fn save(recording: &Recording, first_id: i64, path: &Path) -> Result<()> {
    let facts = recording.report.facts();
    let names = facts.populations.as_deref().unwrap_or_default();
    if names.is_empty() {
        let population = facts.population.clone().unwrap_or_default();
        let (contents, columns) =
            contents(recording, |_| Some(population.clone()), |id| id, first_id, &population);
        let mut writer = ReportWriter::create(path, &contents)?;
        copy(recording, &columns, |values| writer.frames(values))?;
        return writer.finish();
    }
    if path.extension().is_none_or(|e| e != "h5") {
        return Err(Error::argument("only SONATA files (`.h5`) hold several populations")
            .help("save one of them: `.population(name).save(…)`"));
    }
    let mut file = hdf5::File::create(path)?;
    let root = file.root();
    let reports = file.group(root, "report")?;
    for name in names {
        let of = |id: i64| names.get(merged::unpack(id).0).cloned();
        let (contents, columns) = contents(recording, of, |id| merged::unpack(id).1, first_id, name);
        if contents.cells.is_empty() {
            continue;
        }
        let data = sonata(&mut file, reports, &contents).map_err(|e| e.in_file(path))?;
        copy(recording, &columns, |values| file.append(data, &Array::numbers(values)))?;
    }
    file.finish()
}

/// What is written of one population, and the columns where it is read.
fn contents(
    recording: &Recording,
    population_of: impl Fn(i64) -> Option<String>,
    own_id: impl Fn(i64) -> i64,
    first_id: i64,
    population: &str,
) -> (Contents, Vec<Range<usize>>) {
    let (facts, layout, frames) = (recording.report.facts(), recording.report.layout(), recording.frames);
    let mine =
        recording.columns().into_iter().filter(|(id, _)| population_of(*id).as_deref() == Some(population));
    let (mut cells, mut columns) = (Vec::new(), Vec::new());
    for (id, of) in mine {
        cells.push((own_id(id), layout.elements[of.clone()].to_vec()));
        columns.push(of);
    }
    let clock = Clock {
        start: facts.clock.time(frames.first),
        dt: facts.clock.dt * frames.step as f64,
        frames: frames.count,
    };
    let (unit, variable) = (facts.unit.clone(), facts.variable.clone());
    (Contents { cells, clock, unit, variable, population: population.to_owned(), first_id }, columns)
}

/// Reads some columns block by block.
fn copy(
    recording: &Recording,
    columns: &[Range<usize>],
    mut write: impl FnMut(&[f32]) -> Result<()>,
) -> Result<()> {
    let width: usize = columns.iter().map(Range::len).sum();
    let step = recording.frames_for(VALUES_PER_BLOCK);
    let progress = Progress::new("frames", recording.frames.count as u64);
    let mut next = 0;
    while next < recording.frames.count {
        let frames = recording.frames.slice(next..(next + step).min(recording.frames.count));
        let mut values = vec![0.0; width * frames.count];
        recording.report.read(frames, columns, &mut values)?;
        write(&values)?;
        progress.advance(frames.count as u64)?;
        next += frames.count;
    }
    Ok(())
}
