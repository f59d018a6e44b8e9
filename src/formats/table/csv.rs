//! CSV and TSV, after RFC 4180: a header `delay (ms)`, one line a row, missing values empty.
//!
//! Floats are written so that they are read back exactly. An empty text is written as `""`, a missing one as
//! nothing; a table of one column has an empty line for a missing value.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use rayon::prelude::*;

use super::json;
use super::values::{Cell, Values};
use super::{named, titled};
use crate::diag::{Error, Result};
use crate::formats::write::AtomicFile;
use crate::model::{Column, Frame, Schema};

/// Rows that one core writes as text at a time.
const ROWS_AT_ONCE: usize = 4096;

/// Words that stand for a missing value where all other values of the column are numbers or truths.
const MISSING: &[&str] = &["NA", "N/A", "NULL", "null", "None", "-"];

/// Writes frames as lines.
pub(super) struct Writer {
    file: AtomicFile,
    delimiter: char,
}

impl Writer {
    /// Begins the file with its header.
    pub(super) fn new(mut file: AtomicFile, schema: &Schema, delimiter: char) -> std::io::Result<Self> {
        let mut line = String::new();
        for (i, spec) in schema.columns().iter().enumerate() {
            if i > 0 {
                line.push(delimiter);
            }
            push_text(&mut line, &spec.title(), delimiter);
        }
        line.push('\n');
        file.write_all(line.as_bytes())?;
        Ok(Writer { file, delimiter })
    }

    pub(super) fn write(&mut self, columns: &[Values], rows: usize) -> std::io::Result<()> {
        let chunks: Vec<String> = row_chunks(rows)
            .into_par_iter()
            .map(|chunk| {
                let mut text = String::new();
                chunk.for_each(|row| push_row(&mut text, columns, row, self.delimiter));
                text
            })
            .collect();
        chunks.iter().try_for_each(|chunk| self.file.write_all(chunk.as_bytes()))
    }

    pub(super) fn finish(self) -> AtomicFile {
        self.file
    }
}

/// The rows of a frame in pieces for the cores.
pub(super) fn row_chunks(rows: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(ROWS_AT_ONCE).map(|start| start..(start + ROWS_AT_ONCE).min(rows)).collect()
}

fn push_row(text: &mut String, columns: &[Values], row: usize, delimiter: char) {
    for (i, column) in columns.iter().enumerate() {
        if i > 0 {
            text.push(delimiter);
        }
        // Writing into a String cannot fail.
        let _ = match column.at(row) {
            Cell::Null => Ok(()),
            Cell::Bool(value) => write!(text, "{value}"),
            Cell::Int(value) => write!(text, "{value}"),
            Cell::Float32(value) => write!(text, "{value:?}"),
            Cell::Float64(value) => write!(text, "{value:?}"),
            Cell::Text(value) => {
                push_text(text, value, delimiter);
                Ok(())
            }
            list @ Cell::List(_) => {
                let mut items = String::new();
                json::push_cell(&mut items, &list);
                push_text(text, &items, delimiter);
                Ok(())
            }
        };
    }
    text.push('\n');
}

/// A text field, in quotes where it would be read as something else.
fn push_text(text: &mut String, value: &str, delimiter: char) {
    if value.is_empty() || value.contains([delimiter, '"', '\n', '\r']) {
        text.push('"');
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(value);
    }
}

/// Reads a file whose fields are divided by `delimiter`; without one, by commas, semicolons or tabs, whichever
/// the header has.
///
/// A column of whole numbers becomes Int64, of numbers Float64, of `true` and `false` Boolean; other text
/// becomes categories. A file whose first line holds nothing but numbers has no header.
///
/// # Errors
/// With line and column where the text is damaged: a row of another length, a quote without its end.
pub(super) fn read(path: &Path, delimiter: Option<char>) -> Result<Frame> {
    let bytes = std::fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
    let text = utf8(&bytes, path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Error::format("the file is empty").in_file(path));
    }
    let delimiter = delimiter.unwrap_or_else(|| sniff(text));
    let mut records = Records { text, at: 0, line: 1, delimiter, path };
    let mut header = Vec::new();
    records.next(&mut header)?;
    if header.iter().all(|field| field.text.trim().parse::<f64>().is_ok()) {
        header = (1..=header.len()).map(|i| Field::plain(format!("column_{i}"))).collect();
        records = Records { text, at: 0, line: 1, delimiter, path };
    }
    let mut kinds = vec![Kind::Nothing; header.len()];
    let mut rows = 0;
    records.clone().each(header.len(), |fields| {
        kinds.iter_mut().zip(fields).for_each(|(kind, field)| *kind = kind.with(field));
        rows += 1;
    })?;
    let mut builders: Vec<Builder> = kinds.iter().map(|kind| kind.builder(rows)).collect();
    records.each(header.len(), |fields| {
        builders.iter_mut().zip(fields).for_each(|(builder, field)| builder.push(field));
    })?;
    let titles = column_titles(&header);
    Frame::new(
        titles
            .iter()
            .zip(builders)
            .map(|(title, builder)| {
                let values = builder.finish();
                Column { spec: named(title, values.data_type()), values }
            })
            .collect(),
    )
}

/// The text of a file, which must be UTF-8.
pub(super) fn utf8<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|cause| {
        let good = String::from_utf8_lossy(&bytes[..cause.valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::format("the text is not in UTF-8").at_line(path, line, column).help("save it as UTF-8")
    })
}

/// The divider of the fields of the first line.
fn sniff(text: &str) -> char {
    let line = text.lines().next().unwrap_or_default();
    [',', ';', '\t'].into_iter().find(|&d| line.contains(d)).unwrap_or(',')
}

/// The titles of the columns: a missing one is named by its place, a repeated one is numbered.
fn column_titles(header: &[Field]) -> Vec<String> {
    let mut titles: Vec<String> = Vec::with_capacity(header.len());
    let mut known = std::collections::HashSet::new();
    for (i, field) in header.iter().enumerate() {
        let title = match field.text.trim() {
            "" => format!("column_{}", i + 1),
            title => title.to_owned(),
        };
        let again = (2..).map(|n| {
            let (name, unit) = titled(&title);
            unit.map_or(format!("{name}_{n}"), |unit| format!("{name}_{n} ({unit})"))
        });
        let title = std::iter::once(title.clone()).chain(again).find(|t| !known.contains(t));
        titles.extend(title.inspect(|t| {
            known.insert(t.clone());
        }));
    }
    titles
}

/// A field of a record.
struct Field<'a> {
    text: Cow<'a, str>,
    quoted: bool,
}

impl Field<'_> {
    fn plain(text: String) -> Self {
        Field { text: Cow::Owned(text), quoted: false }
    }

    /// Whether nothing stands there.
    fn absent(&self) -> bool {
        !self.quoted && self.text.is_empty()
    }
}

/// The records of a text, one after the other.
#[derive(Clone)]
struct Records<'a> {
    text: &'a str,
    /// Where the next record begins.
    at: usize,
    /// Its line, from 1.
    line: usize,
    delimiter: char,
    path: &'a Path,
}

impl<'a> Records<'a> {
    /// Calls `see` with each record that follows. All must have `width` fields; an empty line is passed over
    /// unless a record has one field.
    fn each(mut self, width: usize, mut see: impl FnMut(&[Field])) -> Result<()> {
        let mut fields = Vec::with_capacity(width);
        while self.at < self.text.len() {
            let line = self.line;
            self.next(&mut fields)?;
            match fields.as_slice() {
                [only] if width > 1 && only.absent() => {}
                fields if fields.len() == width => see(fields),
                fields => {
                    let found = fields.len();
                    let message = format!("a row of {found} fields in a table of {width} columns");
                    let fields = if found == 1 { message.replace("fields", "field") } else { message };
                    return Err(Error::format(fields).at_line(self.path, line, 0));
                }
            }
        }
        Ok(())
    }

    /// Reads one record into `fields`.
    fn next(&mut self, fields: &mut Vec<Field<'a>>) -> Result<()> {
        fields.clear();
        let bytes = self.text.as_bytes();
        loop {
            let field = if bytes.get(self.at) == Some(&b'"') { self.quoted()? } else { self.plain() };
            fields.push(field);
            match bytes.get(self.at) {
                Some(b'\r' | b'\n') => {
                    self.at += if bytes[self.at..].starts_with(b"\r\n") { 2 } else { 1 };
                    self.line += 1;
                    return Ok(());
                }
                Some(_) => self.at += 1,
                None => return Ok(()),
            }
        }
    }

    fn plain(&mut self) -> Field<'a> {
        let delimiter = self.delimiter as u8;
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|b| b == delimiter || b == b'\n' || b == b'\r').unwrap_or(rest.len());
        self.at += end;
        Field { text: Cow::Borrowed(&rest[..end]), quoted: false }
    }

    fn quoted(&mut self) -> Result<Field<'a>> {
        let (opened, line) = (self.at, self.line);
        let inside = &self.text[self.at + 1..];
        let mut doubled = false;
        let mut from = 0;
        let end = loop {
            let Some(quote) = inside[from..].find('"').map(|i| from + i) else {
                return Err(self.fault("a quoted field has no closing quote", opened, line));
            };
            if !inside[quote + 1..].starts_with('"') {
                break quote;
            }
            doubled = true;
            from = quote + 2;
        };
        let text = &inside[..end];
        self.line += text.matches('\n').count();
        self.at += end + 2;
        let after = self.text[self.at..].chars().next();
        if after.is_some_and(|c| c != self.delimiter && c != '\n' && c != '\r') {
            let message = "text follows the closing quote of a field; a quote inside it is written twice";
            return Err(self.fault(message, self.at, self.line));
        }
        let text = if doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) };
        Ok(Field { text, quoted: true })
    }

    /// An error at a byte of the text, which stands in `line`.
    fn fault(&self, message: &str, at: usize, line: usize) -> Error {
        let before = self.text.get(..at).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::format(message).at_line(self.path, line, column)
    }
}

/// What the values of a column are, as far as they were seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Bool,
    Int,
    Float,
    Text,
}

impl Kind {
    fn of(text: &str) -> Kind {
        if text.parse::<i64>().is_ok() {
            Kind::Int
        } else if text.parse::<f64>().is_ok() {
            Kind::Float
        } else if truth(text).is_some() {
            Kind::Bool
        } else {
            Kind::Text
        }
    }

    /// The same after one more value.
    fn with(self, field: &Field) -> Kind {
        let text = field.text.trim();
        if self == Kind::Text || field.absent() || MISSING.contains(&text) {
            return self;
        }
        match (self, Kind::of(text)) {
            (Kind::Nothing, kind) => kind,
            (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => Kind::Float,
            (known, kind) if known == kind => kind,
            _ => Kind::Text,
        }
    }

    fn builder(self, rows: usize) -> Builder {
        match self {
            Kind::Int => Builder::Int(Vec::with_capacity(rows)),
            Kind::Float => Builder::Float(Vec::with_capacity(rows)),
            Kind::Bool => Builder::Bool(Vec::with_capacity(rows)),
            Kind::Nothing | Kind::Text => Builder::Category(Box::default()),
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The values of a column while they are read.
enum Builder {
    Int(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Bool(Vec<Option<bool>>),
    Category(Box<StringDictionaryBuilder<Int32Type>>),
}

impl Builder {
    fn push(&mut self, field: &Field) {
        let text = field.text.trim();
        match self {
            Builder::Int(values) => values.push(text.parse().ok()),
            Builder::Float(values) => values.push(text.parse().ok()),
            Builder::Bool(values) => values.push(truth(text)),
            Builder::Category(values) if field.absent() => values.append_null(),
            Builder::Category(values) => values.append_value(&field.text),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Builder::Int(values) => Arc::new(Int64Array::from(values)),
            Builder::Float(values) => Arc::new(Float64Array::from(values)),
            Builder::Bool(values) => Arc::new(BooleanArray::from(values)),
            Builder::Category(mut values) => Arc::new(values.finish()),
        }
    }
}
