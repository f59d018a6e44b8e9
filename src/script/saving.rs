//! What a script writes, and the screen that it prints on.

use std::path::Path;
use std::sync::Mutex;

use super::api::circuit::Circuit;
use super::api::report::Report;
use super::api::spikes::Spikes;
use super::value::Screen;
use crate::analysis::figures::Animation;
use crate::diag::{Error, Result};
use crate::formats;
use crate::formats::spikes::SpikeOptions;
use crate::formats::table as files;
use crate::formats::write::{AtomicFile, write_file};
use crate::model::SparseMatrix;
use crate::plot::Figure;
use crate::query::Table;

static SCREEN: Mutex<Option<Screen>> = Mutex::new(None);

/// Tells scripts how much room there is for what they print.
pub fn set_screen(screen: Screen) {
    if let Ok(mut slot) = SCREEN.lock() {
        *slot = Some(screen);
    }
}

/// The room for what is printed.
pub fn screen() -> Screen {
    SCREEN.lock().ok().and_then(|s| *s).unwrap_or_default()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Writes a table.
pub(super) fn table(table: &Table, path: &Path) -> Result<String> {
    let mut pieces = table.pieces()?;
    let mut readable = move || pieces()?.map(|frame| frame.readable()).transpose();
    files::save(path, &table.schema().readable(), &mut readable)?;
    Ok(shown(path))
}

/// Writes spikes: in a format of spikes by the extension, else as a table.
pub(super) fn spikes(spikes: &Spikes, path: &Path) -> Result<String> {
    if !["dat", "gdf", "spikes", "h5"].iter().any(|known| is(path, known)) {
        return table(&spikes.table, path);
    }
    let options = SpikeOptions {
        first_id: first_id(spikes.circuit.as_ref()),
        population: population(spikes.circuit.as_ref()),
    };
    formats::spikes::save(&spikes.data()?, path, &options)?;
    Ok(shown(path))
}

/// Writes a report: in a format of reports by the extension, else as a table.
pub(super) fn report(report: &Report, path: &Path) -> Result<String> {
    if !["bbp", "rep", "h5"].iter().any(|known| is(path, known)) {
        return table(&report.table(), path);
    }
    formats::reports::save(&report.recording, first_id(report.circuit.as_ref()), path)?;
    Ok(shown(path))
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// What the first cell of a circuit is called: node 0 of a SONATA file.
fn first_id(circuit: Option<&Circuit>) -> i64 {
    circuit.map_or(0, |circuit| circuit.0.format.first_id())
}

/// The population of a circuit that has one.
fn population(circuit: Option<&Circuit>) -> Option<String> {
    circuit.and_then(|circuit| match circuit.0.populations.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    })
}

/// Writes a sparse matrix.
pub(super) fn matrix(matrix: &SparseMatrix, path: &Path) -> Result<String> {
    files::save_matrix(path, matrix)?;
    Ok(shown(path))
}

/// Writes an animation as a page.
pub(super) fn save_animation(animation: &Animation, path: &Path) -> Result<String> {
    let bytes = animation.encode(path)?;
    write_file(path, |file| std::io::Write::write_all(file, &bytes))?;
    Ok(shown(path))
}

/// Draws a figure into a file, PNG or SVG by its extension.
///
/// # Errors
/// When the extension is another, or the file cannot be written.
pub fn save_figure(figure: &Figure, path: &Path) -> Result<String> {
    let bytes = figure.encode(path)?;
    let mut file = AtomicFile::create(path)?;
    std::io::Write::write_all(&mut file, &bytes).map_err(|e| Error::io("write", path, &e))?;
    file.commit()?;
    Ok(shown(path))
}
