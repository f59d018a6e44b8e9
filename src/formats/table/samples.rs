//! Tables for the tests of this folder.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int64Array, ListArray, StringArray,
};

use arrow_schema::DataType;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::values::{Cell, Values};
use crate::model::{Column, ColumnSpec, Frame, synapse_columns};

/// A table of named columns; `delay (ms)` is a column `delay` with the unit ms.
pub(super) fn frame(columns: Vec<(&str, ArrayRef)>) -> Frame {
    let column = |(title, values): (&str, ArrayRef)| {
        let data_type = values.data_type().clone();
        let spec = match title.split_once(" (") {
            Some((name, unit)) => ColumnSpec::new(name, data_type).unit(unit.trim_end_matches(')')),
            None => ColumnSpec::new(title, data_type),
        };
        Column { spec, values }
    };
    Frame::new(columns.into_iter().map(column).collect()).expect("columns of equal length")
}

/// Numbers that look measured, the same at each call.
fn noise(row: usize, salt: usize) -> f64 {
    ((row * 7919 + salt * 104_729) % 10_007) as f64 / 10_007.0
}

fn words(rows: usize, words: &[&str]) -> ArrayRef {
    let values = (0..rows).map(|row| words[(row * 7 + row / 3) % words.len()]);
    Arc::new(values.collect::<DictionaryArray<Int32Type>>())
}

/// Cells: whole numbers, categories, 32-bit floats.
pub(super) fn few(rows: usize) -> Frame {
    frame(vec![
        ("id", Arc::new((1..=rows as i64).collect::<Int64Array>())),
        ("mtype", words(rows, &["L23_PC", "L5_TTPC1", "L4_SS", "L6_IPC"])),
        ("layer", Arc::new((0..rows).map(|r| (r % 6) as i64 + 1).collect::<Int64Array>())),
        (
            "x (µm)",
            Arc::new((0..rows).map(|r| (noise(r, 1) * 500.0 - 250.0) as f32).collect::<Float32Array>()),
        ),
        ("y (µm)", Arc::new((0..rows).map(|r| (noise(r, 2) * 2000.0) as f32).collect::<Float32Array>())),
        (
            "rate (Hz)",
            Arc::new(
                (0..rows).map(|r| ((noise(r, 3) * 40.0).round() / 10.0) as f32).collect::<Float32Array>(),
            ),
        ),
    ])
}

/// Synapses with every column that the language knows.
pub(super) fn synapses(rows: usize) -> Frame {
    let columns = synapse_columns().into_iter().enumerate().map(|(salt, spec)| {
        let values: ArrayRef = match spec.data_type {
            DataType::Int64 => {
                Arc::new((0..rows).map(|r| (noise(r, salt) * 200.0) as i64).collect::<Int64Array>())
            }
            DataType::Float32 => {
                Arc::new((0..rows).map(|r| (noise(r, salt) * 3.0) as f32).collect::<Float32Array>())
            }
            _ => words(rows, &["basal", "apical", "soma"]),
        };
        Column { spec, values }
    });
    Frame::new(columns.collect()).expect("columns of equal length")
}

/// Findings with long text.
pub(super) fn check() -> Frame {
    frame(vec![
        ("severity", words(3, &["error", "warning"])),
        (
            "file",
            words(
                3,
                &["/gpfs/project/circuits/O1/circuit/ncsFunctionalAllRecipePathways/nrn.h5", "start.target"],
            ),
        ),
        ("where", Arc::new(StringArray::from(vec![Some("a17"), None, Some("line 14")]))),
        (
            "message",
            Arc::new(StringArray::from(vec![
                "the dataset has 19 columns where the attribute `version` of the file says that there are 18",
                "target `Excitatory` names the cell a99999, which the circuit does not have",
                "two\nlines and a\ttab, 漢字 and \u{1b}[31mred",
            ])),
        ),
    ])
}

/// Every kind of column, with missing values.
pub(super) fn nulls() -> Frame {
    frame(vec![
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None]))),
        ("n", Arc::new(Int64Array::from(vec![None, Some(-12), Some(1_234_567), Some(i64::MIN)]))),
        ("weight (nS)", Arc::new(Float32Array::from(vec![Some(0.3), Some(f32::NAN), None, Some(1.25e-3)]))),
        ("p", Arc::new(Float64Array::from(vec![Some(0.97), Some(1.2e-12), None, Some(0.0)]))),
        (
            "etype",
            Arc::new(
                vec![Some("cADpyr"), None, Some(""), Some("bNAC")]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
        (
            "note",
            Arc::new(StringArray::from(vec![Some("say \"hi\", please"), None, Some(""), Some("two\nlines")])),
        ),
        (
            "spikes (ms)",
            Arc::new(ListArray::from_iter_primitive::<arrow_array::types::Float64Type, _, _>(vec![
                Some(vec![Some(1.5), Some(20.25)]),
                None,
                Some(vec![]),
                Some(vec![None, Some(3.0)]),
            ])),
        ),
    ])
}

/// One number.
pub(super) fn one() -> Frame {
    frame(vec![("probability", Arc::new(Float64Array::from(vec![0.054_321_098])))])
}

/// What is in a table, as text: equal for tables that mean the same, whatever types hold it.
pub(super) fn contents(frame: &Frame) -> Vec<String> {
    let titles = frame.schema().columns().iter().map(crate::model::ColumnSpec::title);
    let values: Vec<Values> =
        frame.columns().iter().map(|c| Values::of(c).expect("a type that a table holds")).collect();
    let row = |row: usize| values.iter().map(|v| cell(&v.at(row))).collect::<Vec<_>>().join(" | ");
    std::iter::once(titles.collect::<Vec<_>>().join(" | ")).chain((0..frame.rows()).map(row)).collect()
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Float32(value) => format!("{value:?}"),
        Cell::Float64(value) => format!("{value:?}"),
        Cell::Text(text) => format!("{text:?}"),
        Cell::List(items) => format!("{:?}", items.iter().map(|item| self::cell(&item)).collect::<Vec<_>>()),
    }
}

/// Any table of the types that queries answer with, but no lists. The text holds what must be quoted, and
/// nothing that reads as a number.
pub(super) fn any_table() -> impl Strategy<Value = Frame> {
    (0usize..40).prop_flat_map(|rows| {
        let text = || vec(of("[b-df-m\",;\t\n\r é漢()#]{0,6}"), rows);
        let columns = (
            vec(of(any::<i64>()), rows),
            vec(of(any::<f32>()), rows),
            vec(of(any::<f64>()), rows),
            vec(of(any::<bool>()), rows),
            text(),
            text(),
        );
        columns.prop_map(|(ints, singles, doubles, truths, texts, words)| {
            frame(vec![
                ("id", Arc::new(Int64Array::from(ints))),
                ("delay (ms)", Arc::new(Float32Array::from(singles))),
                ("two words", Arc::new(Float64Array::from(doubles))),
                ("ok", Arc::new(BooleanArray::from(truths))),
                ("say \"hi\", please (µm)", Arc::new(StringArray::from(texts))),
                (
                    "mtype",
                    Arc::new(words.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>()),
                ),
            ])
        })
    })
}

/// The table in blocks of `size` rows whose categories have a list of words each.
pub(super) fn blocks(table: &Frame, size: usize) -> Vec<Frame> {
    let block = |start: usize| {
        let part = table.slice(start, size);
        let columns = part.columns().iter().map(|column| match Values::of(column) {
            Ok(Values::Category(..)) => {
                let text = arrow_cast::cast(column, &DataType::Utf8).expect("text");
                let text: &StringArray = arrow_array::cast::AsArray::as_string(text.as_ref());
                Arc::new(text.iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef
            }
            _ => column.clone(),
        });
        Frame::with_schema(part.schema().clone(), columns.collect(), part.rows()).expect("a part of a table")
    };
    (0..table.rows()).step_by(size).map(block).collect()
}
