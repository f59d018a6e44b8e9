//! Datasets of a group of attributes: one value, or several components, for each row of the group.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    UInt32Array,
};
use arrow_schema::DataType;

use crate::diag::{Deferred, Error, Result};
use crate::formats::cells::{column_type, dictionary, text_type};
use crate::formats::hdf5::{Convert, Dataset, File, Float32, Float64, Kind, Member, Series, Truncated};

/// Names of section types, by the number in the file.
const SECTION_TYPES: [&str; 5] = ["soma", "soma", "axon", "basal", "apical"];

/// A component of a dataset of a group.
pub(super) struct Attribute {
    /// The type of its column.
    pub(super) data_type: DataType,
    /// How many rows it has; nothing where its shape is not one of rows.
    pub(super) rows: Option<usize>,
    dataset: Dataset,
    values: Values,
}

/// How the values are read.
enum Values {
    Int(Series, usize),
    Float32(Series, usize),
    Float64(Series, usize),
    /// Positions in a list of texts.
    Library(Series, Deferred<ArrayRef>),
    /// soma, axon, basal, apical.
    SectionType(Series),
    /// Text and truth values are read at once: files of edges hardly have them.
    Whole(Deferred<ArrayRef>),
}

/// The components of a dataset, each with the name of its column. `section_type` says that whole numbers are types of
/// sections.
pub(super) fn of_dataset(
    file: &File,
    folder: &str,
    name: &str,
    section_type: bool,
) -> Result<Vec<(String, Attribute)>> {
    let dataset = file.dataset(&format!("{folder}/{name}"))?;
    let of_rows = matches!(dataset.shape(), [_] | [_, _]);
    let rows = if of_rows { Some(dataset.rows()?) } else { None };
    let library = format!("{folder}/@library/{name}");
    let one = |data_type: DataType, values: Values| {
        Ok(vec![(name.to_owned(), Attribute { data_type, rows, dataset: dataset.clone(), values })])
    };
    match dataset.kind() {
        Kind::Other => Ok(Vec::new()),
        // It does not keep the others from being read.
        kind if !of_rows => {
            let (shape, odd) =
                (format!("its shape is {:?}, not one row an edge", dataset.shape()), dataset.clone());
            let error = Deferred::new(move || Err(odd.error(shape.clone())));
            one(column_type(kind).unwrap_or(DataType::Null), Values::Whole(error))
        }
        Kind::Int
            if file.find(&library) == Some(Member::Dataset)
                && file.dataset(&library)?.kind() == Kind::Text =>
        {
            let library = file.dataset(&library)?;
            let names = Deferred::new(move || library.read());
            one(text_type(), Values::Library(Series::of(dataset.clone())?, names))
        }
        Kind::Int if section_type => one(text_type(), Values::SectionType(Series::of(dataset.clone())?)),
        Kind::Int | Kind::Float32 | Kind::Float64 => {
            let series = Series::of(dataset.clone())?;
            let components = 0..series.columns();
            let single = series.columns() == 1;
            let component = |at: usize| {
                let (data_type, values) = match dataset.kind() {
                    Kind::Int => (DataType::Int64, Values::Int(series.clone(), at)),
                    _ if series.element().needs_64_bits() => {
                        (DataType::Float64, Values::Float64(series.clone(), at))
                    }
                    _ => (DataType::Float32, Values::Float32(series.clone(), at)),
                };
                let name = if single { name.to_owned() } else { format!("{name}[{at}]") };
                (name, Attribute { data_type, rows, dataset: dataset.clone(), values })
            };
            Ok(components.map(component).collect())
        }
        Kind::Text => {
            let texts = dataset.clone();
            one(text_type(), Values::Whole(Deferred::new(move || Ok(dictionary(texts.read()?.as_string())))))
        }
        Kind::Enumeration | Kind::Bool => {
            let kind = if dataset.kind() == Kind::Bool { DataType::Boolean } else { text_type() };
            let names = dataset.clone();
            one(kind, Values::Whole(Deferred::new(move || names.read())))
        }
    }
}

impl Attribute {
    /// Makes an error of its dataset, which is told when its column is read: the others still are.
    pub(super) fn refuse(&mut self, message: String) {
        let error = self.error(message);
        self.values = Values::Whole(Deferred::new(move || Err(error.clone())));
    }

    /// An error in its dataset.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.dataset.error(message)
    }

    /// The values of some rows.
    pub(super) fn read(&self, runs: &[Range<usize>]) -> Result<ArrayRef> {
        Ok(match &self.values {
            Values::Int(series, component) => {
                Arc::new(Int64Array::from(gather::<Truncated>(series, *component, runs)?))
            }
            Values::Float32(series, component) => {
                Arc::new(Float32Array::from(gather::<Float32>(series, *component, runs)?))
            }
            Values::Float64(series, component) => {
                Arc::new(Float64Array::from(gather::<Float64>(series, *component, runs)?))
            }
            Values::Library(series, library) => coded(series, runs, library.get()?)?,
            Values::SectionType(series) => {
                let names = Arc::new(StringArray::from_iter_values(SECTION_TYPES)) as ArrayRef;
                coded(series, runs, &names)?
            }
            Values::Whole(values) => {
                let rows = runs.iter().cloned().flatten().map(|row| row as u32);
                let rows = UInt32Array::from_iter_values(rows);
                arrow_select::take::take(values.get()?, &rows, None).map_err(|e| self.error(e.to_string()))?
            }
        })
    }
}

/// The values of a library at the codes of some rows.
fn coded(series: &Series, runs: &[Range<usize>], library: &ArrayRef) -> Result<ArrayRef> {
    let codes = gather::<Truncated>(series, 0, runs)?;
    if let Some(at) = codes.iter().position(|&code| code < 0 || code >= library.len() as i64) {
        let row = runs.iter().cloned().flatten().nth(at).unwrap_or_default();
        return Err(series.dataset().error(format!(
            "row {row} has the code {}, and there are {} names",
            codes[at],
            library.len()
        )));
    }
    let keys = Int32Array::from_iter_values(codes.into_iter().map(|code| code as i32));
    let array = DictionaryArray::<Int32Type>::try_new(keys, library.clone());
    Ok(Arc::new(array.map_err(|e| series.dataset().error(e.to_string()))?))
}

/// The values of one component of some rows.
pub(super) fn gather<C: Convert>(
    series: &Series,
    component: usize,
    runs: &[Range<usize>],
) -> Result<Vec<C::Out>> {
    let mut out = Vec::with_capacity(runs.iter().map(ExactSizeIterator::len).sum());
    series.gather_runs::<C>(runs, component, &mut out)?;
    Ok(out)
}
