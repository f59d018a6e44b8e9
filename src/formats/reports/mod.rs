//! Reports: what a simulation recorded at each step of time.
//!
//! Three families: the binary reports of reportinglib ([`binary`]), HDF5 with one matrix for all cells (SONATA, and the
//! layouts before it: [`matrix`]), and HDF5 with a matrix for each cell ([`legacy`]). Content decides, not the name.

mod binary;
mod legacy;
mod matrix;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::hdf5::File;
use crate::diag::{Error, Result};
use crate::model::{Clock, Frames, MergedReport, Report, ReportFacts, ReportKind, ReportLayout, units};

pub use write::{Contents, ReportWriter, save};

/// What is known of a report beside its file.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Added to node ids, which count from 0, so that the gids of a legacy circuit come out.
    pub first_id: i64,
    /// What the configuration says that was recorded; otherwise it is guessed from the file.
    pub kind: Option<ReportKind>,
    /// One population of several.
    pub population: Option<String>,
}

/// Opens a report of any format.
///
/// # Errors
/// A file that is missing, damaged, or no report; a population that it does not have; several populations that were not
/// recorded at the same times, if none is chosen.
pub fn open(path: &Path, options: &ReportOptions) -> Result<Arc<dyn Report>> {
    if binary::is_report(path)? {
        let report = binary::open(path, options)?;
        return match &options.population {
            Some(name) => Err(Error::unknown("population of the report", name, [""; 0]).in_file(path)),
            None => Ok(Arc::new(report)),
        };
    }
    let file = File::open(path)?;
    matrix::check_mark(&file)?;
    let names = matrix::names(&file)?;
    if let Some(name) = &options.population
        && !names.contains(name)
    {
        return Err(Error::unknown("population of the report", name, &names).in_file(path));
    }
    let mut parts = matrix::populations(&file, options)?;
    match parts.len() {
        0 if file.find("report").is_some() => Ok(Arc::new(Nothing::of(path, options))),
        0 => Ok(Arc::new(legacy::open(&file, options)?)),
        1 => Ok(parts.swap_remove(0).1),
        _ => Ok(Arc::new(MergedReport::of(parts).map_err(|e| e.in_file(path))?)),
    }
}

/// The names of the populations of a report.
///
/// # Errors
/// When the file is missing, damaged, or no report.
pub fn populations(path: &Path) -> Result<Vec<String>> {
    if binary::is_report(path)? {
        return Ok(Vec::new());
    }
    matrix::names(&File::open(path)?)
}

/// A report whose populations recorded nothing.
struct Nothing {
    facts: ReportFacts,
    layout: ReportLayout,
}

impl Nothing {
    fn of(path: &Path, options: &ReportOptions) -> Self {
        let facts = ReportFacts {
            path: path.to_owned(),
            clock: Clock { start: 0.0, dt: 1.0, frames: 0 },
            complete: None,
            unit: String::new(),
            variable: None,
            kind: options.kind.unwrap_or(ReportKind::Soma),
            population: None,
            populations: None,
        };
        Nothing { facts, layout: ReportLayout::default() }
    }
}

impl Report for Nothing {
    fn facts(&self) -> &ReportFacts {
        &self.facts
    }

    fn layout(&self) -> &ReportLayout {
        &self.layout
    }

    fn read(&self, frames: Frames, _: &[Range<usize>], _: &mut [f32]) -> Result<()> {
        self.facts.check(frames)
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{}: nothing was recorded", self.facts.path.display())]
    }
}

/// More frames than this are not believed of a report that has no values, whose size is not told by its data.
const EMPTY_FRAMES: usize = 1 << 24;

/// The steps of a report, and how many of them there are data for where these are too few. `there` are the frames that
/// the file holds; nothing where a frame has no values.
fn there_of(clock: Clock, there: Option<usize>) -> (Clock, Option<usize>) {
    match there {
        Some(there) => (clock, (there < clock.frames).then_some(there)),
        None => (Clock { frames: clock.frames.min(EMPTY_FRAMES), ..clock }, None),
    }
}

/// The unit as it is written here: files say `mv`, or nothing of a voltage.
fn unit_of(text: &str) -> String {
    match text.trim() {
        "" | "mv" | "mV" => units::MV.to_owned(),
        other => other.to_owned(),
    }
}

/// What was recorded, guessed from what stands in the file: one value a cell is that of a soma.
fn guess(layout: &ReportLayout) -> ReportKind {
    if layout.one_each() && layout.elements.iter().all(|element| *element <= 0) {
        ReportKind::Soma
    } else {
        ReportKind::Compartment
    }
}
