//! Which column of the language is which dataset of the file, and how it is read.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    StringArray,
};
use arrow_schema::DataType;

use super::{EdgesFile, Population};
use crate::diag::{Deferred, Error, Result};
use crate::formats::hdf5::{Convert, Dataset, File, Float32, Float64, Kind, Member, Series, Truncated};
use crate::model::{ColumnSpec, synapse_columns};

/// The group of attributes; other groups exist in the Allen flavour.
const GROUP: &str = "0";

/// Names of section types, by the number in the file.
const SECTION_TYPES: [&str; 5] = ["soma", "soma", "axon", "basal", "apical"];

/// Where the values of a column come from.
pub(super) enum Field {
    /// The node that the edge starts from.
    Source,
    /// The node that it ends on.
    Target,
    /// The row in the file.
    Edge,
    /// An attribute.
    Attribute(Attribute),
}

/// A dataset of one value an edge.
pub(super) enum Attribute {
    Int(Series),
    Float32(Series, usize),
    Float64(Series, usize),
    /// Positions in a list of texts.
    Library(Series, Arc<Deferred<ArrayRef>>),
    /// soma, axon, basal, apical.
    SectionType(Series),
    /// Text and truth values are read at once: files of edges hardly have them.
    Whole(Deferred<ArrayRef>),
}

/// The columns of a population, in the order of the language.
pub(super) fn of_population(
    file: &File,
    group: &str,
    wanted: &EdgesFile<'_>,
    rows: usize,
) -> Result<Vec<(ColumnSpec, Field)>> {
    let folder = format!("{group}/{GROUP}");
    let mut names: BTreeSet<String> = match file.find(&folder) {
        Some(Member::Group) => file.names(&folder, Member::Dataset)?.into_iter().collect(),
        _ => BTreeSet::new(),
    };
    let known = synapse_columns();
    let mut columns = Vec::new();
    for spec in known {
        match spec.name.as_str() {
            "pre" => columns.push((spec.also(&["source_node_id", "@source_node"]), Field::Source)),
            "post" => columns.push((spec.also(&["target_node_id", "@target_node"]), Field::Target)),
            "row" => columns.push((edge_id(), Field::Edge)),
            name => {
                if names.remove(name) {
                    let section_type = spec.name == "afferent_section_type" && wanted.kind == "chemical";
                    columns.extend(attribute(file, &folder, spec, rows, section_type)?);
                }
            }
        }
    }
    for name in names {
        columns.extend(attribute(file, &folder, ColumnSpec::new(name, DataType::Int64), rows, false)?);
    }
    let dynamics = format!("{folder}/dynamics_params");
    if file.find(&dynamics) == Some(Member::Group) {
        for name in file.names(&dynamics, Member::Dataset)? {
            let spec = ColumnSpec::new(name.clone(), DataType::Int64);
            for (mut spec, field) in attribute(file, &dynamics, spec, rows, false)? {
                spec.name = format!("@dynamics:{}", spec.name);
                columns.push((spec.aliases(&[&name]), field));
            }
        }
    }
    Ok(columns)
}

fn edge_id() -> ColumnSpec {
    ColumnSpec::new("edge_id", DataType::Int64)
        .meaning("row of the edge in its file, from 0")
        .aliases(&["row", "synapse_index"])
}

/// The column (columns, for a table of two dimensions) of a dataset.
fn attribute(
    file: &File,
    folder: &str,
    spec: ColumnSpec,
    rows: usize,
    section_type: bool,
) -> Result<Vec<(ColumnSpec, Field)>> {
    let dataset = file.dataset(&format!("{folder}/{}", spec.name))?;
    let found = dataset.rows()?;
    if found != rows {
        return Err(dataset.error(format!("it has {found} rows, and there are {rows} edges")));
    }
    let library = format!("{folder}/@library/{}", spec.name);
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let one = |data_type: DataType, field: Attribute| {
        let mut spec = spec.clone();
        spec.data_type = data_type;
        Ok(vec![(spec, Field::Attribute(field))])
    };
    match dataset.kind() {
        Kind::Int if file.find(&library) == Some(Member::Dataset) => {
            let library = file.dataset(&library)?;
            one(text(), Attribute::Library(Series::of(dataset)?, Arc::new(Deferred::new(move || library.read()))))
        }
        Kind::Int if section_type => one(text(), Attribute::SectionType(Series::of(dataset)?)),
        Kind::Int => one(DataType::Int64, Attribute::Int(Series::of(dataset)?)),
        Kind::Float32 | Kind::Float64 => {
            let series = Series::of(dataset)?;
            let wide = series.element().needs_64_bits();
            let columns = (0..series.columns()).map(|column| {
                let mut spec = spec.clone();
                spec.data_type = if wide { DataType::Float64 } else { DataType::Float32 };
                if series.columns() > 1 {
                    spec.name = format!("{}[{column}]", spec.name);
                }
                let series = series.clone();
                let field = if wide { Attribute::Float64(series, column) } else { Attribute::Float32(series, column) };
                (spec, Field::Attribute(field))
            });
            Ok(columns.collect())
        }
        Kind::Text => one(text(), whole(dataset, |values| Ok(dictionary(values.as_string())))),
        Kind::Enumeration => one(text(), whole(dataset, Ok)),
        Kind::Bool => one(DataType::Boolean, whole(dataset, Ok)),
        // A dataset of a kind that has no column here does not keep the others from being read.
        Kind::Other => Ok(Vec::new()),
    }
}

fn whole(
    dataset: Dataset,
    make: impl Fn(ArrayRef) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Attribute {
    Attribute::Whole(Deferred::new(move || make(dataset.read()?)))
}

/// Texts, each once, and where they stand.
fn dictionary(texts: &StringArray) -> ArrayRef {
    let array: DictionaryArray<Int32Type> = texts.iter().collect();
    Arc::new(array)
}

impl Field {
    /// The values of some rows.
    pub(super) fn read(&self, population: &Population, runs: &[Range<usize>]) -> Result<ArrayRef> {
        Ok(match self {
            Field::Source => Arc::new(Int64Array::from(gather::<Truncated>(&population.sources, 0, runs)?)),
            Field::Target => Arc::new(Int64Array::from(gather::<Truncated>(&population.targets, 0, runs)?)),
            Field::Edge => {
                Arc::new(Int64Array::from_iter_values(runs.iter().cloned().flatten().map(|row| row as i64)))
            }
            Field::Attribute(attribute) => return attribute.read(runs),
        })
    }
}

impl Attribute {
    fn read(&self, runs: &[Range<usize>]) -> Result<ArrayRef> {
        Ok(match self {
            Attribute::Int(series) => Arc::new(Int64Array::from(gather::<Truncated>(series, 0, runs)?)),
            Attribute::Float32(series, column) => {
                Arc::new(Float32Array::from(gather::<Float32>(series, *column, runs)?))
            }
            Attribute::Float64(series, column) => {
                Arc::new(Float64Array::from(gather::<Float64>(series, *column, runs)?))
            }
            Attribute::Library(series, library) => coded(series, runs, library.get()?)?,
            Attribute::SectionType(series) => {
                let names = Arc::new(StringArray::from_iter_values(SECTION_TYPES)) as ArrayRef;
                coded(series, runs, &names)?
            }
            Attribute::Whole(values) => {
                let values = values.get()?;
                let rows = runs.iter().cloned().flatten().map(|row| row as u32);
                let rows = arrow_array::UInt32Array::from_iter_values(rows);
                arrow_select::take::take(values, &rows, None).map_err(|e| Error::format(e.to_string()))?
            }
        })
    }
}

/// The values of a library at the codes of some rows.
fn coded(series: &Series, runs: &[Range<usize>], library: &ArrayRef) -> Result<ArrayRef> {
    let codes = gather::<Truncated>(series, 0, runs)?;
    if let Some(at) = codes.iter().position(|&code| code < 0 || code >= library.len() as i64) {
        let edge = runs.iter().cloned().flatten().nth(at).unwrap_or_default();
        return Err(series.dataset().error(format!(
            "edge {edge} has the code {}, and there are {} names",
            codes[at],
            library.len()
        )));
    }
    let keys = Int32Array::from_iter_values(codes.into_iter().map(|code| code as i32));
    let array = DictionaryArray::<Int32Type>::try_new(keys, library.clone());
    Ok(Arc::new(array.map_err(|e| series.dataset().error(e.to_string()))?))
}

fn gather<C: Convert>(series: &Series, column: usize, runs: &[Range<usize>]) -> Result<Vec<C::Out>> {
    let mut out = Vec::with_capacity(runs.iter().map(ExactSizeIterator::len).sum());
    for run in runs {
        series.gather::<C>(run.clone(), column, &mut out)?;
    }
    Ok(out)
}
