//! JSON: a table as `{"columns": […], "units": […], "rows": [[…]]}`, and one object a line (`.ndjson`).
//!
//! `units` has an entry for each column, `null` where it has none. NaN and infinities become `null`.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::Field;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::csv::{row_chunks, utf8};
use super::named;
use super::values::{Cell, Values};
use crate::diag::{Error, Result};
use crate::formats::write::AtomicFile;
use crate::model::{Column, Frame, Schema};

/// A table as a JSON value, for `--json`.
///
/// # Errors
/// When a column is of a type that a table cannot hold.
pub fn to_json(frame: &Frame) -> Result<Value> {
    let columns = frame.columns().iter().map(Values::of).collect::<Result<Vec<_>>>()?;
    let row = |row| Value::Array(columns.iter().map(|c| cell_value(&c.at(row))).collect());
    let specs = frame.schema().columns();
    let mut table = Map::new();
    table.insert("columns".into(), specs.iter().map(|c| c.name.clone()).collect());
    table.insert("units".into(), specs.iter().map(|c| Value::from(c.unit.clone())).collect());
    table.insert("rows".into(), (0..frame.rows()).map(row).collect());
    Ok(Value::Object(table))
}

fn cell_value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::from(*value),
        Cell::Int(value) => Value::from(*value),
        // Through its own shortest digits: 0.3, not 0.30000001192092896.
        Cell::Float32(value) => format!("{value:?}").parse::<f64>().map_or(Value::Null, Value::from),
        Cell::Float64(value) => Value::from(*value),
        Cell::Text(text) => Value::from(*text),
        Cell::List(items) => Value::Array(items.iter().map(|item| cell_value(&item)).collect()),
    }
}

/// The JSON text of a value.
pub(super) fn push_cell(text: &mut String, cell: &Cell) {
    // Writing into a String cannot fail.
    let _ = match cell {
        Cell::Bool(value) => write!(text, "{value}"),
        Cell::Int(value) => write!(text, "{value}"),
        Cell::Float32(value) if value.is_finite() => write!(text, "{value:?}"),
        Cell::Float64(value) if value.is_finite() => write!(text, "{value:?}"),
        Cell::Null | Cell::Float32(_) | Cell::Float64(_) => write!(text, "null"),
        Cell::Text(value) => write!(text, "{}", quoted(value)),
        Cell::List(items) => {
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i == 0 { "[" } else { ", " });
                push_cell(text, &item);
            }
            write!(text, "{}", if items.len() == 0 { "[]" } else { "]" })
        }
    };
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes frames as the rows of one object, or as one object each.
pub(super) struct Writer {
    file: AtomicFile,
    /// For lines: what stands before each value; empty for rows.
    keys: Vec<String>,
    first: bool,
}

impl Writer {
    /// Begins a file of one object.
    pub(super) fn table(mut file: AtomicFile, schema: &Schema) -> std::io::Result<Self> {
        let names: Value = schema.columns().iter().map(|c| c.name.clone()).collect();
        let units: Value = schema.columns().iter().map(|c| Value::from(c.unit.clone())).collect();
        write!(file, "{{\"columns\": {names},\n\"units\": {units},\n\"rows\": [")?;
        Ok(Writer { file, keys: Vec::new(), first: true })
    }

    /// Begins a file of one object a line.
    pub(super) fn lines(file: AtomicFile, schema: &Schema) -> Self {
        let keys = schema.columns().iter().map(|c| format!("{}: ", quoted(&c.name))).collect();
        Writer { file, keys, first: true }
    }

    pub(super) fn write(&mut self, columns: &[Values], rows: usize) -> std::io::Result<()> {
        let first = self.first;
        self.first = first && rows == 0;
        let chunks: Vec<String> = row_chunks(rows)
            .into_par_iter()
            .map(|chunk| {
                let mut text = String::new();
                chunk.for_each(|row| self.push_row(&mut text, columns, row, first && row == 0));
                text
            })
            .collect();
        chunks.iter().try_for_each(|chunk| self.file.write_all(chunk.as_bytes()))
    }

    fn push_row(&self, text: &mut String, columns: &[Values], row: usize, first: bool) {
        let lines = !self.keys.is_empty();
        text.push_str(if lines {
            "{"
        } else if first {
            "\n["
        } else {
            ",\n["
        });
        for (i, column) in columns.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { ", " });
            text.push_str(self.keys.get(i).map_or("", String::as_str));
            push_cell(text, &column.at(row));
        }
        text.push_str(if lines { "}\n" } else { "]" });
    }

    pub(super) fn finish(mut self) -> std::io::Result<AtomicFile> {
        if self.keys.is_empty() {
            self.file.write_all(b"\n]}\n")?;
        }
        Ok(self.file)
    }
}

/// Reads a table: an object of `columns`, `units` and `rows`, an array of objects, an object of columns (arrays, or
/// objects by row), or one object a line (always with `lines`).
///
/// # Errors
/// With line and column where the text is no JSON; with row and column name where values do not fit together.
pub(super) fn read(path: &Path, lines: bool) -> Result<Frame> {
    let bytes = std::fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
    let text = utf8(&bytes, path)?;
    let mut values = parse(text.strip_prefix('\u{feff}').unwrap_or(text), path)?;
    let table = match values.as_slice() {
        [] if !lines => return Err(Error::format("the file is empty").in_file(path)),
        [one] if !lines && (!one.is_object() || is_table(one)) => table_of(values.remove(0)),
        _ => records_of(values),
    };
    table.map_err(|error| error.in_file(path))
}

/// The values of the text, one after the other.
fn parse(text: &str, path: &Path) -> Result<Vec<Value>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let fault = |cause: serde_json::Error| {
        let message = cause.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Error::format(format!("this is not JSON: {message}")).at_line(path, cause.line(), cause.column())
    };
    values.map(|value| value.map_err(fault)).collect()
}

/// Whether an object is a whole table and not a row.
fn is_table(value: &Value) -> bool {
    value.as_object().is_some_and(|o| {
        rows_key(o).is_some()
            || o.values().all(Value::is_array) && same_length(o)
            || o.values().all(Value::is_object)
    })
}

/// Under which key an object of `columns` has its rows; other tools say `data`.
fn rows_key(table: &Map<String, Value>) -> Option<&'static str> {
    table.get("columns")?;
    ["rows", "data"].into_iter().find(|key| table.contains_key(*key))
}

fn same_length(columns: &Map<String, Value>) -> bool {
    let mut lengths = columns.values().map(|v| v.as_array().map_or(0, Vec::len));
    let first = lengths.next();
    lengths.all(|l| Some(l) == first)
}

fn table_of(value: Value) -> Result<Frame> {
    match value {
        Value::Object(mut table) if rows_key(&table).is_some() => {
            let rows = rows_key(&table).and_then(|key| table.remove(key)).unwrap_or_default();
            let names = text_list(table.remove("columns").unwrap_or_default(), "columns")?;
            let names: Vec<String> = names.into_iter().map(Option::unwrap_or_default).collect();
            let units = units_of(table.remove("units").unwrap_or_default(), &names)?;
            rows_of(names, units, rows)
        }
        Value::Object(columns) => frame_of(columns.into_iter().map(|(name, values)| match values {
            Value::Array(values) => (name, None, values),
            Value::Object(by_row) => (name, None, by_row.into_iter().map(|(_, value)| value).collect()),
            other => (name, None, vec![other]),
        })),
        Value::Array(rows) => records_of(rows),
        _ => Err(Error::format("this JSON is no table")
            .help("a table is an object of `columns`, `units` and `rows`, or an array of objects")),
    }
}

/// A JSON array of texts or nulls.
fn text_list(value: Value, what: &str) -> Result<Vec<Option<String>>> {
    let wrong = || Error::format(format!("`{what}` is not an array of texts"));
    let Value::Array(items) = value else { return Err(wrong()) };
    let text = |item| match item {
        Value::String(text) => Ok(Some(text)),
        Value::Null => Ok(None),
        _ => Err(wrong()),
    };
    items.into_iter().map(text).collect()
}

/// The unit of each column, from an array beside the columns or an object by name.
fn units_of(value: Value, names: &[String]) -> Result<Vec<Option<String>>> {
    match value {
        Value::Null => Ok(vec![None; names.len()]),
        Value::Object(units) => {
            let unit = |name| units.get(name).and_then(Value::as_str).map(str::to_owned);
            Ok(names.iter().map(unit).collect())
        }
        other => {
            let units = text_list(other, "units")?;
            if units.len() == names.len() {
                return Ok(units);
            }
            Err(Error::format(format!("{} units for {} columns", units.len(), names.len())))
        }
    }
}

fn rows_of(names: Vec<String>, units: Vec<Option<String>>, rows: Value) -> Result<Frame> {
    let Value::Array(rows) = rows else { return Err(Error::format("`rows` is not an array")) };
    let mut columns: Vec<Vec<Value>> = names.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for (i, row) in rows.into_iter().enumerate() {
        match row {
            Value::Array(cells) if cells.len() == names.len() => {
                columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
            }
            Value::Array(cells) => {
                let (found, wanted) = (cells.len(), names.len());
                return Err(Error::format(format!("row {} has {found} values for {wanted} columns", i + 1)));
            }
            _ => return Err(Error::format(format!("row {} is not an array", i + 1))),
        }
    }
    frame_of(names.into_iter().zip(units).zip(columns).map(|((name, unit), values)| (name, unit, values)))
}

/// A table of objects; a key that an object lacks is a missing value.
fn records_of(rows: Vec<Value>) -> Result<Frame> {
    let mut columns: Map<String, Value> = Map::new();
    let count = rows.len();
    for (i, row) in rows.into_iter().enumerate() {
        let Value::Object(row) = row else {
            return Err(Error::format(format!("row {} is not an object", i + 1)));
        };
        for (name, value) in row {
            let column = columns.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = column {
                values.resize(i, Value::Null);
                values.push(value);
            }
        }
    }
    frame_of(columns.into_iter().map(|(name, values)| {
        let mut values = if let Value::Array(values) = values { values } else { Vec::new() };
        values.resize(count, Value::Null);
        (name, None, values)
    }))
}

fn frame_of(columns: impl Iterator<Item = (String, Option<String>, Vec<Value>)>) -> Result<Frame> {
    let column = |(name, unit, values): (String, Option<String>, Vec<Value>)| {
        let values = array_of(&values).map_err(|why| Error::format(format!("column `{name}` {why}")))?;
        let mut spec = named(&name, values.data_type());
        if unit.is_some() {
            spec.name = name;
            spec.unit = unit;
        }
        Ok(Column { spec, values })
    };
    Frame::new(columns.map(column).collect::<Result<_>>()?)
}

/// The kinds of JSON values.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "truths",
        Value::Number(_) => "numbers",
        Value::String(_) => "texts",
        Value::Array(_) => "arrays",
        Value::Object(_) => "objects",
    }
}

/// Values of one kind as an array; the error completes "column `x` …".
fn array_of(values: &[Value]) -> Result<ArrayRef, String> {
    let mut present = values.iter().enumerate().filter(|(_, v)| !v.is_null());
    let what = present.next().map_or("texts", |(_, v)| kind(v));
    if let Some((row, other)) = present.find(|(_, v)| kind(v) != what) {
        return Err(format!("mixes {what} and {} (row {})", kind(other), row + 1));
    }
    Ok(match what {
        "truths" => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
        "numbers" if values.iter().all(|v| v.is_null() || v.is_i64()) => {
            Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>())
        }
        "numbers" => Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>()),
        "texts" => {
            let mut words = StringDictionaryBuilder::<Int32Type>::new();
            words.extend(values.iter().map(Value::as_str));
            Arc::new(words.finish())
        }
        "arrays" => list_of(values)?,
        _ => return Err(format!("holds {what}, which a table cannot")),
    })
}

fn list_of(values: &[Value]) -> Result<ArrayRef, String> {
    let lists = || values.iter().map(|v| v.as_array().map_or(&[][..], Vec::as_slice));
    let items: Vec<Value> = lists().flatten().cloned().collect();
    let items = array_of(&items)?;
    if items.len() > i32::MAX as usize {
        return Err("holds too many values in its arrays".to_owned());
    }
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lists().map(<[Value]>::len));
    let valid: NullBuffer = values.iter().map(|v| !v.is_null()).collect::<Vec<_>>().into();
    let list = ListArray::try_new(field, offsets, items, Some(valid));
    list.map(|list| Arc::new(list) as ArrayRef).map_err(|cause| cause.to_string())
}
