//! What the readers of cells have in common: the order of the columns, and values that point into a library.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow_schema::DataType;

use super::hdf5::{Dataset, Kind};
use crate::diag::{Deferred, Error, Result};
use crate::model::ColumnSpec;

/// A column and the reading of its values.
pub(super) type Column = (ColumnSpec, Deferred<ArrayRef>);

/// The properties that come first, in this order; the others follow in alphabetical order after the place.
const FIRST: [&str; 10] = [
    "mtype",
    "etype",
    "layer",
    "synapse_class",
    "morph_class",
    "region",
    "hypercolumn",
    "minicolumn",
    "morphology",
    "me_combo",
];

/// The components of a place and of an orientation, in the order of their columns.
pub(super) const PLACE: [&str; 3] = ["x", "y", "z"];
pub(super) const ORIENTATION: [&str; 4] =
    ["orientation_w", "orientation_x", "orientation_y", "orientation_z"];

/// Sorts properties: the known ones in their order, then the others in alphabetical order. Gives the number of known
/// ones, after which place and orientation stand.
pub(super) fn sort_properties(names: &mut [String]) -> usize {
    let rank = |name: &str| FIRST.iter().position(|f| *f == name).unwrap_or(FIRST.len());
    names.sort_by(|a, b| (rank(a), a).cmp(&(rank(b), b)));
    names.iter().filter(|n| rank(n) < FIRST.len()).count()
}

/// Texts as codes into their distinct values.
pub(super) fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type of a column of values of a kind, if a column can hold them.
pub(super) fn column_type(kind: Kind) -> Option<DataType> {
    Some(match kind {
        Kind::Int => DataType::Int64,
        Kind::Float32 => DataType::Float32,
        Kind::Float64 => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Text | Kind::Enumeration => text_type(),
        Kind::Other => return None,
    })
}

/// The values of a property, or those of the library that it points into, in the [type](column_type) of its column.
/// `whose` names the value of a row in an error: "`mtype` of cell 2".
///
/// # Errors
/// When a dataset is damaged, or a value points outside of the library.
pub(super) fn read_property(
    property: &Dataset,
    library: Option<&Dataset>,
    whose: impl Fn(usize) -> String,
) -> Result<ArrayRef> {
    if let Some(library) = library {
        return looked_up(property, library, whose);
    }
    let values = property.read()?;
    Ok(if property.kind() == Kind::Text { dictionary(values.as_string()) } else { values })
}

/// The values of the library at the indices that the property holds.
fn looked_up(property: &Dataset, library: &Dataset, whose: impl Fn(usize) -> String) -> Result<ArrayRef> {
    let (stored, known) = (property.read()?, library.read()?);
    let stored = stored.as_primitive::<Int64Type>().values();
    if let Some(row) = stored.iter().position(|&v| v < 0 || v >= known.len() as i64) {
        let (whose, code) = (whose(row), stored[row]);
        return Err(wrong(property, format!("{whose} is the entry {code} of a library of {}", known.len())));
    }
    let places = stored.iter().map(|&v| v as usize);
    Ok(match library.kind() {
        Kind::Text => {
            let keys = Int32Array::from_iter_values(places.map(|p| p as i32));
            let array = DictionaryArray::<Int32Type>::try_new(keys, known);
            Arc::new(array.map_err(|e| wrong(library, e.to_string()))?)
        }
        Kind::Int => {
            let known = known.as_primitive::<Int64Type>().values();
            Arc::new(Int64Array::from_iter_values(places.map(|p| known[p])))
        }
        Kind::Float32 => {
            let known = known.as_primitive::<Float32Type>().values();
            Arc::new(Float32Array::from_iter_values(places.map(|p| known[p])))
        }
        Kind::Float64 => {
            let known = known.as_primitive::<Float64Type>().values();
            Arc::new(Float64Array::from_iter_values(places.map(|p| known[p])))
        }
        Kind::Bool | Kind::Enumeration | Kind::Other => {
            return Err(wrong(library, "a library of neither numbers nor text"));
        }
    })
}

/// Text as codes into its distinct values, in the order in which they first appear.
pub(super) fn dictionary(texts: &StringArray) -> ArrayRef {
    let mut codes: HashMap<&str, i32> = HashMap::new();
    let mut distinct = Vec::new();
    let mut code = |text| {
        *codes.entry(text).or_insert_with(|| {
            distinct.push(text);
            distinct.len() as i32 - 1
        })
    };
    let keys: Int32Array = texts.iter().map(|text| text.map(&mut code)).collect();
    // The keys were counted from the values, so they fit.
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(distinct))))
}

pub(super) fn wrong(dataset: &Dataset, message: impl Into<String>) -> Error {
    Error::format(message).in_dataset(dataset.file().path(), dataset.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_codes_in_order_of_appearance() {
        let array = dictionary(&StringArray::from(vec![Some("b"), Some("a"), None, Some("b")]));
        let array = array.as_dictionary::<Int32Type>();
        assert_eq!(array.keys(), &Int32Array::from(vec![Some(0), Some(1), None, Some(0)]));
        assert_eq!(array.values().as_string::<i32>().value(1), "a");
    }

    #[test]
    fn known_properties_come_first() {
        let mut names = ["zone", "layer", "alive", "mtype"].map(str::to_owned);
        assert_eq!(sort_properties(&mut names), 2);
        assert_eq!(names, ["mtype", "layer", "alive", "zone"]);
    }
}
