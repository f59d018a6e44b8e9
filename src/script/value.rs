//! Values on their way out: as text for a person, and as JSON for a program.

use std::sync::Mutex;

use arrow_array::Array as _;
use rhai::{Array, Dynamic, Map};
use serde_json::Value as Json;

use super::api;
use super::api::grouped::Groups as _;
use crate::analysis::figures::Animation;
use crate::diag::{Error, Result};
use crate::formats::table::{Look, format_number, render, to_json};
use crate::model::{Column, Frame, SparseMatrix, merged};
use crate::plot::Figure;
use crate::query::{Table, Value};

/// The unit of the number that was computed last, so that a prompt can show it behind the number.
static LAST_UNIT: Mutex<Option<(u64, String)>> = Mutex::new(None);

/// A result of the query core as a value of a script. The unit is remembered for [`display`].
pub(super) fn from_query(value: Value, unit: Option<&str>) -> Dynamic {
    if let Some(number) = value.as_f64()
        && let Ok(mut last) = LAST_UNIT.lock()
    {
        *last = unit.map(|u| (number.to_bits(), u.to_owned()));
    }
    plain(value)
}

/// A result without a unit.
pub(super) fn plain(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(b) => b.into(),
        Value::Int(i) => i.into(),
        Value::Float(f) => f.into(),
        Value::Text(t) => t.to_string().into(),
    }
}

fn unit_of(number: f64) -> Option<String> {
    let last = LAST_UNIT.lock().ok()?;
    last.as_ref().filter(|(bits, _)| *bits == number.to_bits()).map(|(_, unit)| unit.clone())
}

/// A column as an array.
pub(super) fn array_of(column: &Column) -> Result<Array> {
    let values = match &column.spec.populations {
        Some(names) => merged::readable(&column.values, names)?,
        None => column.values.clone(),
    };
    Ok((0..values.len()).map(|i| plain(crate::query::value_at(&values, i))).collect())
}

/// How much room there is to show something.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns of characters.
    pub width: usize,
    /// The most rows of a table.
    pub rows: usize,
    /// Whether colours may be used.
    pub colour: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Screen { width: 100, rows: 20, colour: false }
    }
}

/// A value as a person reads it; nothing for `()`.
///
/// # Errors
/// When a lazy table fails while it is read.
pub fn display(value: &Dynamic, screen: &Screen) -> Result<Option<String>> {
    if value.is_unit() {
        return Ok(None);
    }
    if let Some(table) = table_of(value) {
        return table_text(&table, screen).map(Some);
    }
    if let Ok(number) = value.as_float() {
        let unit = unit_of(number).map(|u| format!(" {u}")).unwrap_or_default();
        return Ok(Some(format!("{}{unit}", format_number(number))));
    }
    if let Ok(number) = value.as_int() {
        #[allow(clippy::cast_precision_loss)]
        let unit = unit_of(number as f64).map(|u| format!(" {u}")).unwrap_or_default();
        return Ok(Some(format!("{number}{unit}")));
    }
    if let Some(text) = super::args::text_of(value) {
        return Ok(Some(text));
    }
    if let Some(figure) = value.read_lock::<Figure>() {
        return Ok(Some(figure.describe()));
    }
    if let Some(animation) = value.read_lock::<Animation>() {
        return Ok(Some(animation.describe().to_owned()));
    }
    if let Some(matrix) = value.read_lock::<SparseMatrix>() {
        let (rows, columns, values) = (matrix.rows.len(), matrix.columns.len(), matrix.entries.len());
        return Ok(Some(format!("{rows} × {columns} matrix of {}, {values} values", matrix.value)));
    }
    if let Some(card) = card_of(value)? {
        return Ok(Some(card_text(&card, 0)));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Ok(Some(map_text(&map, screen)?));
    }
    if let Some(array) = value.read_lock::<Array>() {
        return Ok(Some(array_text(&array, screen)?));
    }
    Ok(Some(value.to_string()))
}

fn inline(value: &Dynamic, screen: &Screen) -> Result<String> {
    if let Some(text) = super::args::text_of(value) {
        return Ok(format!("\"{text}\""));
    }
    if let Some(table) = table_of(value) {
        return Ok(format!("a table of {} rows", table.count()?));
    }
    Ok(display(value, screen)?.unwrap_or_else(|| "()".to_owned()))
}

fn array_text(array: &Array, screen: &Screen) -> Result<String> {
    let limit = screen.rows.max(1) * 10;
    let shown = array.iter().take(limit).map(|v| inline(v, screen)).collect::<Result<Vec<_>>>()?;
    let more = if array.len() > limit { format!(", … {} in all", array.len()) } else { String::new() };
    Ok(format!("[{}{more}]", shown.join(", ")))
}

fn map_text(map: &Map, screen: &Screen) -> Result<String> {
    let width = map.keys().map(|k| k.chars().count()).max().unwrap_or(0);
    let lines = map.iter().map(|(key, value)| {
        let text = inline(value, screen)?;
        Ok(format!("{key}{:pad$}  {}", "", text.replace('\n', "\n  "), pad = width - key.chars().count()))
    });
    Ok(lines.collect::<Result<Vec<_>>>()?.join("\n"))
}

/// A card of facts: keys in a column, nested ones indented.
fn card_text(card: &Json, indent: usize) -> String {
    let Json::Object(map) = card else { return card.to_string() };
    let width = map.keys().map(|k| k.chars().count()).max().unwrap_or(0);
    let line = |(key, value): (&String, &Json)| {
        let pad = " ".repeat(width - key.chars().count());
        let text = match value {
            Json::String(s) => s.clone(),
            Json::Object(_) => format!("\n{}", card_text(value, indent + 2)),
            other => other.to_string(),
        };
        format!("{}{key}{pad}  {text}", " ".repeat(indent))
    };
    map.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A table on the screen: its first and last rows, and how many there are.
fn table_text(table: &Table, screen: &Screen) -> Result<String> {
    let look = Look { width: screen.width, rows: screen.rows, colour: screen.colour };
    let total = table.count()?;
    let head = table
        .head(if total as usize <= screen.rows { screen.rows } else { screen.rows.div_ceil(2) })
        .frame()?
        .readable()?;
    let tail = if total as usize > head.rows() {
        table.tail(screen.rows / 2).frame()?.readable()?
    } else {
        head.slice(0, 0)
    };
    Ok(render(&head, &tail, total, &look))
}

/// The rows of anything that has rows.
pub(super) fn table_of(value: &Dynamic) -> Option<Table> {
    if let Some(table) = value.read_lock::<Table>() {
        return Some(table.clone());
    }
    if let Some(cells) = value.read_lock::<api::cells::Cells>() {
        return Some(cells.table.clone());
    }
    if let Some(spikes) = value.read_lock::<api::spikes::Spikes>() {
        return Some(spikes.table.clone());
    }
    value.read_lock::<api::synapses::Synapses>().map(|s| s.table.clone())
}

/// Facts of the things that are neither tables nor plain values.
fn card_of(value: &Dynamic) -> Result<Option<Json>> {
    if let Some(circuit) = value.read_lock::<api::circuit::Circuit>() {
        return circuit.card().map(Some);
    }
    if let Some(pathway) = value.read_lock::<api::pathway::Pathway>() {
        return pathway.card().map(Some);
    }
    if let Some(pathways) = value.read_lock::<api::pathway::Pathways>() {
        return Ok(Some(pathways.card()));
    }
    if let Some(grouped) = value.read_lock::<api::grouped::Grouped>() {
        return Ok(Some(grouped.card()));
    }
    if let Some(groups) = value.read_lock::<api::spikes::SpikeGroups>() {
        return Ok(Some(groups.grouped().card()));
    }
    if let Some(groups) = value.read_lock::<api::report::ReportGroups>() {
        return Ok(Some(groups.grouped().card()));
    }
    if let Some(simulation) = value.read_lock::<api::simulation::Simulation>() {
        return Ok(Some(simulation.card()));
    }
    if let Some(report) = value.read_lock::<api::report::Report>() {
        return Ok(Some(report.card()));
    }
    if let Some(projection) = value.read_lock::<api::circuit::Projection>() {
        return projection.card().map(Some);
    }
    Ok(None)
}

/// A value as JSON: tables as `{columns, units, rows}`, figures as their description, nothing as null.
///
/// # Errors
/// When a lazy table fails while it is read, or the value has no JSON form.
pub fn to_json_value(value: &Dynamic) -> Result<Json> {
    if let Some(table) = table_of(value) {
        return to_json(&table.frame()?.readable()?);
    }
    if let Some(card) = card_of(value)? {
        return Ok(card);
    }
    if let Some(figure) = value.read_lock::<Figure>() {
        return Ok(figure.describe().into());
    }
    if let Some(animation) = value.read_lock::<Animation>() {
        return Ok(animation.describe().into());
    }
    if let Some(matrix) = value.read_lock::<SparseMatrix>() {
        return Ok(serde_json::json!({
            "rows": matrix.rows, "columns": matrix.columns, "value": matrix.value, "entries": matrix.entries,
        }));
    }
    if let Some(map) = value.read_lock::<Map>() {
        let entries = map.iter().map(|(k, v)| Ok((k.to_string(), to_json_value(v)?)));
        return Ok(Json::Object(entries.collect::<Result<_>>()?));
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(to_json_value).collect::<Result<Vec<_>>>().map(Json::Array);
    }
    if value.is_unit() {
        return Ok(Json::Null);
    }
    if let Ok(float) = value.as_float() {
        return Ok(serde_json::Number::from_f64(float).map_or(Json::Null, Json::Number));
    }
    if let Some(card) = api::card_of_other(value) {
        return Ok(card);
    }
    rhai::serde::from_dynamic::<Json>(value).map_err(|_| {
        Error::argument(format!("a {} has no JSON form", super::error::type_name(value.type_name())))
    })
}

/// JSON as a value of a script.
pub(super) fn from_json(json: &Json) -> Dynamic {
    match json {
        Json::Null => Dynamic::UNIT,
        Json::Bool(b) => (*b).into(),
        Json::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(f64::NAN).into(), Dynamic::from),
        Json::String(s) => s.clone().into(),
        Json::Array(a) => a.iter().map(from_json).collect::<Array>().into(),
        Json::Object(o) => o.iter().map(|(k, v)| (k.as_str().into(), from_json(v))).collect::<Map>().into(),
    }
}

/// The rows of a table in memory as an array of maps.
pub(super) fn rows_of(frame: &Frame) -> Array {
    (0..frame.rows()).map(|row| row_of(frame, row).into()).collect()
}

/// One row as a map.
pub(super) fn row_of(frame: &Frame, row: usize) -> Map {
    let names = frame.schema().columns().iter();
    names
        .zip(frame.columns())
        .map(|(spec, values)| (spec.name.as_str().into(), plain(crate::query::value_at(values, row))))
        .collect()
}
