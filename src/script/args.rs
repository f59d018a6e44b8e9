//! Arguments: what a script may write for a group, a list of columns, an expression, a number.

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

use super::api::cells::Cells;
use super::api::space::Region;
use super::{closure, propmap};
use crate::diag::{Error, Result};
use crate::model::IdSet;
use crate::query::{Expr, Group, sql};

/// What an error calls a value.
pub(super) fn kind_name(ctx: &NativeCallContext, value: &Dynamic) -> String {
    super::error::type_name(ctx.engine().map_type_name(value.type_name())).to_owned()
}

/// The same where no engine is at hand.
pub(super) fn kind_name_of(value: &Dynamic) -> String {
    super::error::type_name(value.type_name()).to_owned()
}

/// A group of cells in any of its forms.
pub(super) fn group(ctx: &NativeCallContext, value: &Dynamic) -> Result<Group> {
    if value.is_unit() {
        return Ok(Group::All);
    }
    if let Ok(id) = value.as_int() {
        return Ok(Group::Ids(IdSet::new(vec![id])));
    }
    if let Some(text) = text_of(value) {
        return Ok(Group::Text(text));
    }
    if let Some(cells) = value.read_lock::<Cells>() {
        return cells.group();
    }
    if let Some(region) = value.read_lock::<Region>() {
        return Ok(Group::Where(region.condition()));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Ok(Group::Where(propmap::translate_map(&map)?));
    }
    if let Some(f) = value.read_lock::<FnPtr>() {
        return Ok(Group::Where(closure::translate(ctx, &f)?));
    }
    if let Some(array) = value.read_lock::<Array>()
        && !array.is_empty()
        && let Some(texts) = array.iter().map(text_of).collect::<Option<Vec<_>>>()
    {
        return Ok(Group::Texts(texts));
    }
    if let Some(ids) = ids(value)? {
        return Ok(Group::Ids(IdSet::new(ids)));
    }
    Err(Error::argument(format!("{} does not name cells", kind_name(ctx, value))).help(
        "a group is an id, an array or range of ids, a target's name, an SQL condition, a map of properties, \
         a closure, a region, cells, or ()",
    ))
}

/// Ids as an array or a range.
fn ids(value: &Dynamic) -> Result<Option<Vec<i64>>> {
    if let Some(range) = value.read_lock::<std::ops::Range<i64>>() {
        return Ok(Some(range.clone().collect()));
    }
    if let Some(range) = value.read_lock::<std::ops::RangeInclusive<i64>>() {
        return Ok(Some(range.clone().collect()));
    }
    if let Some(blob) = value.read_lock::<rhai::Blob>() {
        return Ok(Some(blob.iter().map(|&b| i64::from(b)).collect()));
    }
    let Some(array) = value.read_lock::<Array>() else { return Ok(None) };
    let id = |v: &Dynamic| {
        v.as_int().map_err(|_| {
            Error::argument(format!("`{v}` in the array is not a cell id"))
                .help("a group may be an array of ids")
        })
    };
    Ok(Some(array.iter().map(id).collect::<Result<_>>()?))
}

/// A text, if the value is one.
pub(super) fn text_of(value: &Dynamic) -> Option<String> {
    value.read_lock::<ImmutableString>().map(|t| t.to_string())
}

/// One column name or an array of them.
pub(super) fn names(value: &Dynamic) -> Result<Vec<String>> {
    if let Some(text) = text_of(value) {
        return Ok(vec![text]);
    }
    let wrong = || Error::argument(format!("`{value}` is not a column name or an array of them"));
    let array = value.read_lock::<Array>().ok_or_else(wrong)?;
    array.iter().map(|v| text_of(v).ok_or_else(wrong)).collect()
}

/// A condition: a closure, an SQL condition, or a map of properties.
pub(super) fn condition(ctx: &NativeCallContext, value: &Dynamic) -> Result<Expr> {
    if let Some(text) = text_of(value) {
        return sql::condition(&text);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return propmap::translate_map(&map);
    }
    if let Some(f) = value.read_lock::<FnPtr>() {
        return closure::translate(ctx, &f);
    }
    if let Some(region) = value.read_lock::<Region>() {
        return Ok(region.condition());
    }
    Err(Error::argument(format!("{} is not a condition", kind_name(ctx, value)))
        .help("a condition is a closure, an SQL condition or a map of properties"))
}

/// What is computed of a row: a column's name or a closure.
pub(super) fn expression(ctx: &NativeCallContext, value: &Dynamic) -> Result<Expr> {
    if let Some(text) = text_of(value) {
        return Ok(Expr::Column(text));
    }
    if let Some(f) = value.read_lock::<FnPtr>() {
        return closure::translate(ctx, &f);
    }
    Err(Error::argument(format!("{} is neither a column name nor a closure", kind_name(ctx, value))))
}

/// A number, whole or not.
pub(super) fn number(value: &Dynamic) -> Result<f64> {
    #[allow(clippy::cast_precision_loss)]
    value
        .as_float()
        .or_else(|_| value.as_int().map(|i| i as f64))
        .map_err(|_| Error::argument(format!("`{value}` is not a number")))
}

/// A count that is not negative; `what` names it in the error.
pub(super) fn count(value: i64, what: &str) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::argument(format!("{what} cannot be negative: {value}")))
}

/// A point in space from an array of three numbers (µm).
pub(super) fn point(value: &Array) -> Result<[f64; 3]> {
    let numbers = value.iter().map(number).collect::<Result<Vec<_>>>()?;
    <[f64; 3]>::try_from(numbers)
        .map_err(|n| Error::argument(format!("a point has three coordinates [x, y, z], not {}", n.len())))
}

/// Options given as a map: read by serde, so that a misspelt one is an error.
pub(super) fn options<T: serde::de::DeserializeOwned>(map: &Map) -> Result<T> {
    let json = super::value::to_json_value(&Dynamic::from_map(map.clone()))?;
    serde_json::from_value(json).map_err(|e| Error::argument(e.to_string()))
}
