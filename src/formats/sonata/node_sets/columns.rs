//! Tests over the values of a column.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float32Type, Float64Type};
use arrow_array::{Array, OffsetSizeTrait, PrimitiveArray, downcast_integer_array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use regex::Regex;

use super::rule::{Bound, Comparison, Test};

/// Why a test cannot be made.
pub struct Mismatch {
    /// It completes "property `x` …".
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
}

/// The rows that pass a test. A row without value does not.
///
/// # Errors
/// When the values are of a kind that the test is not for, or its pattern is none.
pub fn passing(values: &dyn Array, test: &Test) -> Result<BooleanBuffer, Mismatch> {
    // An enumeration, or texts that repeat: each value is tested once.
    if let Some(coded) = values.as_any_dictionary_opt() {
        let passes = passing(coded.values().as_ref(), test)?;
        if passes.is_empty() {
            return Ok(BooleanBuffer::new_unset(values.len()));
        }
        let keys = coded.normalized_keys();
        return Ok(rows(values, |row| passes.value(keys[row])));
    }
    match (values.data_type(), test) {
        (DataType::Utf8, _) => texts::<i32>(values, test),
        (DataType::LargeUtf8, _) => texts::<i64>(values, test),
        (DataType::Boolean, Test::Flags(wanted)) => {
            let flags = values.as_boolean();
            Ok(rows(values, |row| wanted.contains(&flags.value(row))))
        }
        (DataType::Float32, _) => floats::<Float32Type>(values, test),
        (DataType::Float64, _) => floats::<Float64Type>(values, test),
        _ => downcast_integer_array!(
            values => integers(values, test),
            other => Err(mismatch(other, test))
        ),
    }
}

fn rows(values: &dyn Array, passes: impl Fn(usize) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(values.len(), |row| values.is_valid(row) && passes(row))
}

fn texts<O: OffsetSizeTrait>(values: &dyn Array, test: &Test) -> Result<BooleanBuffer, Mismatch> {
    let texts = values.as_string::<O>();
    match test {
        Test::Texts(wanted) => Ok(rows(values, |row| wanted.contains(texts.value(row)))),
        Test::Matches(pattern) => {
            let pattern = Regex::new(pattern).map_err(|error| wrong_pattern(pattern, &error))?;
            Ok(rows(values, |row| pattern.is_match(texts.value(row))))
        }
        _ => Err(mismatch(values.data_type(), test)),
    }
}

fn floats<T>(values: &dyn Array, test: &Test) -> Result<BooleanBuffer, Mismatch>
where
    T: ArrowPrimitiveType,
    f64: From<T::Native>,
{
    let Test::Compare(comparison, bound) = test else { return Err(mismatch(values.data_type(), test)) };
    let floats = values.as_primitive::<T>();
    let bound = real(*bound);
    Ok(rows(values, |row| comparison.holds(f64::from(floats.value(row)).partial_cmp(&bound))))
}

fn integers<T>(values: &PrimitiveArray<T>, test: &Test) -> Result<BooleanBuffer, Mismatch>
where
    T: ArrowPrimitiveType,
    i128: From<T::Native>,
{
    let value = |row| i128::from(values.value(row));
    match test {
        Test::Whole(wanted) => {
            Ok(rows(values, |row| i64::try_from(value(row)).is_ok_and(|value| wanted.contains(&value))))
        }
        Test::Compare(comparison, Bound::Whole(bound)) => {
            Ok(rows(values, |row| comparison.holds(Some(value(row).cmp(bound)))))
        }
        Test::Compare(comparison, Bound::Real(bound)) => {
            Ok(rows(values, |row| comparison.holds((value(row) as f64).partial_cmp(bound))))
        }
        _ => Err(mismatch(values.data_type(), test)),
    }
}

fn real(bound: Bound) -> f64 {
    match bound {
        Bound::Whole(bound) => bound as f64,
        Bound::Real(bound) => bound,
    }
}

impl Comparison {
    /// Whether a value fits that compares so with the bound; nothing fits what cannot be compared.
    pub fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
        })
    }
}

fn wrong_pattern(pattern: &str, error: &regex::Error) -> Mismatch {
    // The crate draws the pattern over several lines and ends with the fault.
    let said = error.to_string();
    let fault = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
    Mismatch {
        message: format!("is matched with \"{pattern}\", which is no pattern: {fault}"),
        help: "patterns have no look-around and no back-references",
    }
}

fn mismatch(data_type: &DataType, test: &Test) -> Mismatch {
    let is_real = matches!(data_type, DataType::Float32 | DataType::Float64);
    if is_real && matches!(test, Test::Whole(_)) {
        return Mismatch {
            message: "holds real numbers, which no set of numbers hits exactly".to_owned(),
            help: "a range of numbers is {\"$gte\": 1.5, \"$lt\": 2.5}",
        };
    }
    let holds = match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => "texts",
        DataType::Boolean => "true and false",
        other if other.is_numeric() => "numbers",
        _ => "values that no rule is for",
    };
    let (asks, help) = match test {
        Test::Texts(_) => ("is compared with a text", "a number is written without quotes"),
        Test::Matches(_) => ("is matched with a pattern", "patterns are for texts"),
        Test::Whole(_) => ("is compared with a number", "a text is written in quotes"),
        Test::Compare(..) => ("is compared by size with a number", "sizes are for numbers"),
        Test::Flags(_) => {
            ("is compared with true or false", "that is for properties that hold true and false")
        }
    };
    Mismatch { message: format!("holds {holds}, but {asks}"), help }
}
