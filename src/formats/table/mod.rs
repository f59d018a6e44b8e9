//! Tables as text in a terminal and as files: CSV, TSV, JSON, Parquet, Arrow; sparse matrices for other tools.

mod columnar;
mod csv;
mod ipc;
mod json;
mod matrix;
mod number;
mod read;
mod save;
mod terminal;
mod values;
mod zstd;

#[cfg(test)]
mod samples;

use std::path::Path;

use arrow_schema::DataType;

pub use json::to_json;
pub use matrix::{edges, save_matrix};
pub use number::{format_count, format_number, format_quantity};
pub use read::read;
pub use save::save;
pub use terminal::{Look, render};

use crate::diag::{Error, Result};
use crate::model::ColumnSpec;

/// The types of files that hold tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// Fields divided by commas.
    Csv,
    /// Fields divided by tabs.
    Tsv,
    /// One object of columns, units and rows.
    Json,
    /// One object a row.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// The Arrow file format, also called Feather version 2.
    Arrow,
}

impl FileType {
    /// Each extension and its type.
    pub const EXTENSIONS: &[(&str, FileType)] = &[
        (".csv", FileType::Csv),
        (".tsv", FileType::Tsv),
        (".json", FileType::Json),
        (".ndjson", FileType::JsonLines),
        (".jsonl", FileType::JsonLines),
        (".parquet", FileType::Parquet),
        (".arrow", FileType::Arrow),
        (".feather", FileType::Arrow),
    ];

    /// The type that a file's extension names; case does not count.
    ///
    /// # Errors
    /// When it names none.
    pub fn of(path: &Path) -> Result<FileType> {
        Self::EXTENSIONS
            .iter()
            .find(|(known, _)| *known == extension(path))
            .map(|(_, file_type)| *file_type)
            .ok_or_else(|| unknown_type(path, Self::EXTENSIONS.iter().map(|(known, _)| *known)))
    }
}

/// The extension with its dot, in lower case; empty if there is none.
fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy().to_lowercase()))
}

fn unknown_type<'a>(path: &Path, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    match extension(path).as_str() {
        "" => Error::argument(format!("the name {} does not say which type of file it is", path.display()))
            .help(format!("end it with one of {}", known.collect::<Vec<_>>().join(", "))),
        other => Error::unknown("file type", other, known),
    }
}

/// The name and the unit in a title such as `delay (ms)`.
fn titled(title: &str) -> (&str, Option<&str>) {
    let parts = title.strip_suffix(')').and_then(|t| t.rsplit_once(" ("));
    match parts {
        Some((name, unit)) if !name.trim().is_empty() && !unit.is_empty() => (name.trim(), Some(unit)),
        _ => (title, None),
    }
}

/// The column of a title.
fn named(title: &str, data_type: &DataType) -> ColumnSpec {
    let (name, unit) = titled(title);
    let spec = ColumnSpec::new(name, data_type.clone());
    unit.map_or(spec.clone(), |unit| spec.unit(unit))
}
