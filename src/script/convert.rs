//! Values between Rhai and the query core.

use std::sync::Arc;

use rhai::{Dynamic, ImmutableString};

use crate::diag::{Error, Result};
use crate::query::Value;

/// Units as properties of numbers (`5.ms`), and what one is in the unit in which the language counts
/// (ms, µm, Hz, mV, nA, nS).
pub const UNITS: &[(&str, f64)] = &[
    ("us", 1e-3),
    ("ms", 1.0),
    ("s", 1e3),
    ("nm", 1e-3),
    ("um", 1.0),
    ("mm", 1e3),
    ("hz", 1.0),
    ("khz", 1e3),
    ("mV", 1.0),
    ("nA", 1.0),
    ("pA", 1e-3),
    ("nS", 1.0),
    ("pS", 1e-3),
];

/// A value of a script as one value of a table.
///
/// # Errors
/// When it is none: an array, a map, a thing of the language.
pub fn to_value(value: &Dynamic) -> Result<Value> {
    scalar(value).ok_or_else(|| {
        let kind = super::error::type_name(value.type_name()).to_owned();
        Error::argument(format!("a cell of a table is a number, a text, true, false or (), not {kind}"))
    })
}

/// The same, if it is one.
pub(super) fn scalar(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Null);
    }
    if let Ok(i) = value.as_int() {
        return Some(Value::Int(i));
    }
    if let Ok(x) = value.as_float() {
        return Some(Value::Float(x));
    }
    if let Ok(b) = value.as_bool() {
        return Some(Value::Bool(b));
    }
    if let Ok(c) = value.as_char() {
        return Some(Value::Text(Arc::from(c.to_string())));
    }
    value.read_lock::<ImmutableString>().map(|text| Value::Text(Arc::from(text.as_str())))
}

/// One value of a table as a value of a script.
pub fn from_value(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(x) => (*x).into(),
        Value::Text(text) => text.as_ref().into(),
    }
}
