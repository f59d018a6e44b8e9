//! What a script writes, and the screen that it prints on.

use std::path::Path;
use std::sync::Mutex;

use super::api::report::Report;
use super::api::spikes::Spikes;
use super::value::Screen;
use crate::diag::{Error, Result};
use crate::formats::table as files;
use crate::formats::write::AtomicFile;
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

/// Writes spikes.
pub(super) fn spikes(spikes: &Spikes, path: &Path) -> Result<String> {
    table(&spikes.table, path)
}

/// Writes a report.
pub(super) fn report(report: &Report, path: &Path) -> Result<String> {
    table(&report.table(), path)
}

/// Writes a sparse matrix.
pub(super) fn matrix(matrix: &SparseMatrix, path: &Path) -> Result<String> {
    files::save_matrix(path, matrix)?;
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
