//! The values of a column as the writers see them: a handful of kinds, whatever Arrow type holds them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, make_array,
};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};

use crate::diag::{Error, Result};

/// One value of a table.
pub(super) enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float32(f32),
    Float64(f64),
    Text(&'a str),
    List(Values),
}

/// A column in one of the kinds of [`normal_type`].
pub(super) enum Values {
    Bool(BooleanArray),
    Int(Int64Array),
    Float32(Float32Array),
    Float64(Float64Array),
    Text(StringArray),
    /// Keys into words; a word may itself be absent.
    Category(Int32Array, StringArray),
    List(ListArray),
}

impl Values {
    /// The values of any array that a table can hold.
    ///
    /// # Errors
    /// For structures, maps and unions, and for numbers that do not fit 64 bits.
    pub(super) fn of(array: &ArrayRef) -> Result<Values> {
        let array = normal(array)?;
        Ok(match array.data_type() {
            DataType::Boolean => Values::Bool(array.as_boolean().clone()),
            DataType::Int64 => Values::Int(array.as_primitive::<Int64Type>().clone()),
            DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>().clone()),
            DataType::Utf8 => Values::Text(array.as_string::<i32>().clone()),
            DataType::Dictionary(..) => {
                let categories = array.as_dictionary::<Int32Type>();
                let words = categories.values().as_string::<i32>().clone();
                Values::Category(categories.keys().clone(), words)
            }
            DataType::List(_) => Values::List(array.as_list::<i32>().clone()),
            other => return Err(unsupported(other)),
        })
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        match self {
            Values::Bool(a) => a.len(),
            Values::Int(a) => a.len(),
            Values::Float32(a) => a.len(),
            Values::Float64(a) => a.len(),
            Values::Text(a) => a.len(),
            Values::Category(keys, _) => keys.len(),
            Values::List(a) => a.len(),
        }
    }

    /// The value of a row, which must exist.
    pub(super) fn at(&self, row: usize) -> Cell<'_> {
        match self {
            Values::Bool(a) if a.is_valid(row) => Cell::Bool(a.value(row)),
            Values::Int(a) if a.is_valid(row) => Cell::Int(a.value(row)),
            Values::Float32(a) if a.is_valid(row) => Cell::Float32(a.value(row)),
            Values::Float64(a) if a.is_valid(row) => Cell::Float64(a.value(row)),
            Values::Text(a) if a.is_valid(row) => Cell::Text(a.value(row)),
            Values::Category(keys, words) if keys.is_valid(row) => {
                let word = keys.value(row) as usize;
                if words.is_valid(word) { Cell::Text(words.value(word)) } else { Cell::Null }
            }
            Values::List(a) if a.is_valid(row) => Values::of(&a.value(row)).map_or(Cell::Null, Cell::List),
            _ => Cell::Null,
        }
    }

    /// All values in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cell<'_>> {
        (0..self.len()).map(|row| self.at(row))
    }

    /// Whether they are numbers, which are set to the right.
    pub(super) fn numeric(&self) -> bool {
        matches!(self, Values::Int(_) | Values::Float32(_) | Values::Float64(_))
    }
}

/// The type of categories: text of which few differ.
pub(super) fn category_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type in which a table holds values of `data_type`, if it can: whole numbers in 64 bits, floats as they
/// are, text, categories of text, and lists of these. Dates and times become text.
pub(super) fn normal_type(data_type: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match data_type {
        T::Boolean => T::Boolean,
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => T::Int64,
        T::Float16 | T::Float32 => T::Float32,
        T::Float64 | T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => {
            T::Float64
        }
        T::Null | T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => {
            T::Utf8
        }
        date_or_time if date_or_time.is_temporal() => T::Utf8,
        T::Dictionary(_, words) => match normal_type(words)? {
            T::Utf8 => category_type(),
            other => other,
        },
        T::RunEndEncoded(_, values) => normal_type(values.data_type())?,
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) => {
            let inner = normal_type(item.data_type())?;
            T::List(Arc::new(Field::new(item.name(), inner, item.is_nullable())))
        }
        _ => return None,
    })
}

/// The same values in their [`normal_type`].
///
/// # Errors
/// As for [`Values::of`].
pub(super) fn normal(array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = normal_type(array.data_type()).ok_or_else(|| unsupported(array.data_type()))?;
    if let DataType::Timestamp(unit, Some(_)) = array.data_type() {
        // The values count from 1970 in UTC whatever the zone; names of zones would need their history.
        let utc = array.to_data().into_builder().data_type(DataType::Timestamp(*unit, Some("+00:00".into())));
        let utc = utc.build().map_err(|cause| Error::format(cause.to_string()))?;
        return convert(&make_array(utc), &wanted);
    }
    convert(array, &wanted)
}

/// The same values in another type, without loss.
///
/// # Errors
/// When a value does not fit.
pub(super) fn convert(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(array.clone());
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, wanted, &strict).map_err(|cause| {
        Error::format(format!("values of type {} cannot be held as {wanted}: {cause}", array.data_type()))
    })
}

fn unsupported(data_type: &DataType) -> Error {
    Error::format(format!("a table cannot hold values of type {data_type}"))
}
