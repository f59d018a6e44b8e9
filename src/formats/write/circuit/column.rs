//! How the values of a column stand in an HDF5 file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type, UInt8Type, UInt32Type,
};
use arrow_array::{Array as _, ArrayRef};
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::diag::{Error, Result};
use crate::formats::write::hdf5::{Array, Number, Type};

/// The types of sections in the order of MorphIO, by which files name them: from 1; what is unknown is 0.
const SECTION_TYPES: [&str; 4] = ["soma", "axon", "basal", "apical"];

/// The form of a column in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 32-bit floating point; what is missing is not a number.
    Float32,
    /// 64-bit floating point; what is missing is not a number.
    Float64,
    /// A truth value, as 0 or 1.
    UInt8,
    /// Whole numbers from 0.
    UInt32,
    /// Whole numbers.
    Int32,
    /// Whole numbers.
    Int64,
    /// A type of section, as its number.
    SectionType,
    /// A text, as its place in a library.
    Text,
}

impl Form {
    /// The form that holds every value of a type, if there is one.
    pub fn of(data_type: &DataType) -> Option<Form> {
        Some(match data_type {
            DataType::Float16 | DataType::Float32 => Form::Float32,
            DataType::Float64 => Form::Float64,
            DataType::Boolean => Form::UInt8,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Form::Text,
            DataType::Dictionary(_, values) if matches!(**values, DataType::Utf8 | DataType::LargeUtf8) => {
                Form::Text
            }
            other if other.is_integer() => Form::Int64,
            _ => return None,
        })
    }

    /// The type of its elements.
    pub fn kind(self) -> Type {
        match self {
            Form::Float32 => f32::TYPE,
            Form::Float64 => f64::TYPE,
            Form::UInt8 => u8::TYPE,
            Form::UInt32 | Form::SectionType | Form::Text => u32::TYPE,
            Form::Int32 => i32::TYPE,
            Form::Int64 => i64::TYPE,
        }
    }

    /// The form that is tried where a value has no place in this one: below zero, too large, or missing.
    pub fn wider(self) -> Form {
        match self {
            Form::UInt32 | Form::Int32 => Form::Int64,
            _ => Form::Float64,
        }
    }

    /// Values as elements; `None` where one of them has no place in this form. New texts go to the library.
    ///
    /// # Errors
    /// When the values are of a kind that the form is not for.
    pub fn encode(self, values: &ArrayRef, library: &mut Library) -> Result<Option<Array>> {
        match self {
            Form::Float32 => floats::<Float32Type>(values, f32::NAN).map(Some),
            Form::Float64 => floats::<Float64Type>(values, f64::NAN).map(Some),
            Form::UInt8 => whole::<UInt8Type>(values),
            Form::UInt32 => whole::<UInt32Type>(values),
            Form::Int32 => whole::<Int32Type>(values),
            Form::Int64 => whole::<Int64Type>(values),
            Form::SectionType => {
                let code =
                    |name: &str| SECTION_TYPES.iter().position(|t| *t == name).map_or(0, |at| at as u32 + 1);
                let codes = Texts::of(values)?.map(0, |name| code(name));
                Ok(Some(Array::numbers(&codes)))
            }
            Form::Text => Ok(Some(Array::numbers(&library.codes(&Texts::of(values)?)))),
        }
    }
}

/// Numbers, where those that are missing are `nan`.
fn floats<T: ArrowPrimitiveType<Native: Number>>(values: &ArrayRef, nan: T::Native) -> Result<Array> {
    let cast = converted(values, &T::DATA_TYPE)?;
    let array = cast.as_primitive::<T>();
    if array.null_count() == 0 {
        return Ok(Array::numbers(array.values()));
    }
    let filled: Vec<T::Native> = array.iter().map(|v| v.unwrap_or(nan)).collect();
    Ok(Array::numbers(&filled))
}

/// Numbers; `None` where one is missing or does not fit the type.
fn whole<T: ArrowPrimitiveType<Native: Number>>(values: &ArrayRef) -> Result<Option<Array>> {
    let cast = converted(values, &T::DATA_TYPE)?;
    let array = cast.as_primitive::<T>();
    Ok((array.null_count() == 0).then(|| Array::numbers(array.values())))
}

/// Values of another type; what does not fit is null.
fn converted(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if values.data_type() == to {
        return Ok(values.clone());
    }
    cast(values, to).map_err(|e| Error::format(e.to_string()))
}

/// A column of texts, each different one held once.
pub struct Texts {
    names: Vec<Option<String>>,
    /// For each row the place of its name; none where it is missing.
    places: Vec<Option<usize>>,
}

impl Texts {
    /// The texts of a column; numbers become texts.
    ///
    /// # Errors
    /// When its values are lists, or of another kind that has no texts.
    pub fn of(values: &ArrayRef) -> Result<Texts> {
        let texts = match values.data_type() {
            DataType::Dictionary(..) => values.clone(),
            _ => converted(values, &DataType::Utf8)?,
        };
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let texts = converted(&texts, &dictionary)?;
        let texts = texts.as_dictionary::<Int32Type>();
        let names = texts.values().as_string::<i32>();
        let places = texts.keys().iter().map(|key| key.map(|k| k as usize).filter(|&k| !names.is_null(k)));
        Ok(Texts {
            places: places.collect(),
            names: names.iter().map(|name| name.map(str::to_owned)).collect(),
        })
    }

    /// The same rows, where each different text became another; `None` is missing.
    pub fn renamed(&self, mut of: impl FnMut(&str) -> Option<String>) -> Texts {
        let used = self.used();
        let names = self.names.iter().zip(used);
        let names = names.map(|(name, used)| name.as_deref().filter(|_| used).and_then(&mut of));
        Texts { names: names.collect(), places: self.places.clone() }
    }

    /// Which names occur.
    fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.names.len()];
        self.places.iter().flatten().for_each(|&at| used[at] = true);
        used
    }

    /// What each different text becomes, row by row.
    pub fn map<T: Clone>(&self, missing: T, mut of: impl FnMut(&str) -> T) -> Vec<T> {
        let names = self.names.iter().zip(self.used());
        let mapped: Vec<T> = names
            .map(|(name, used)| match name {
                Some(name) if used => of(name),
                _ => missing.clone(),
            })
            .collect();
        self.places.iter().map(|at| at.map_or_else(|| missing.clone(), |at| mapped[at].clone())).collect()
    }
}

/// The different texts of a column, in the order in which they came.
#[derive(Default)]
pub struct Library {
    names: Vec<String>,
    known: HashMap<String, u32>,
}

impl Library {
    /// The texts.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The places of texts; a missing one is the empty text.
    pub fn codes(&mut self, texts: &Texts) -> Vec<u32> {
        let codes = texts.map(None, |name| Some(self.code(name)));
        codes.into_iter().map(|code| code.unwrap_or_else(|| self.code(""))).collect()
    }

    fn code(&mut self, name: &str) -> u32 {
        match self.known.entry(name.to_owned()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let code = self.names.len() as u32;
                self.names.push(name.to_owned());
                *free.insert(code)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, DictionaryArray, Int64Array, StringArray};

    use super::*;

    #[test]
    fn what_does_not_fit_is_told() {
        let array = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let fits =
            |form: Form, values: &ArrayRef| form.encode(values, &mut Library::default()).unwrap().is_some();
        let large = array(vec![Some(0), Some(i64::from(u32::MAX) + 1)]);
        assert!(fits(Form::UInt32, &array(vec![Some(0), Some(u32::MAX.into())])));
        assert!(!fits(Form::UInt32, &large) && fits(Form::UInt32.wider(), &large));
        assert!(!fits(Form::UInt32, &array(vec![Some(-1)])) && fits(Form::Int32, &array(vec![Some(-1)])));
        let missing = array(vec![Some(1), None]);
        assert!(!fits(Form::Int64, &missing) && fits(Form::Int64.wider(), &missing));
        let truth: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        assert!(fits(Form::of(truth.data_type()).unwrap(), &truth));
    }

    #[test]
    fn a_library_holds_each_text_once() {
        let first: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
        let keys = arrow_array::Int32Array::from(vec![2, 0]);
        let names = Arc::new(StringArray::from(vec!["c", "unused", "a"]));
        let second: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::try_new(keys, names).unwrap());
        let mut library = Library::default();
        assert_eq!(library.codes(&Texts::of(&first).unwrap()), [0, 2, 1, 0]);
        assert_eq!(library.codes(&Texts::of(&second).unwrap()), [1, 3]);
        assert_eq!(library.names, ["b", "a", "", "c"]);
        let layers: ArrayRef = Arc::new(Int64Array::from(vec![5, 6, 5]));
        assert_eq!(Texts::of(&layers).unwrap().map(String::new(), str::to_owned), ["5", "6", "5"]);
    }
}
