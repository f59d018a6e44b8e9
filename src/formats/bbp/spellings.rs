//! How older files of SONATA edges, which only occur in legacy circuits, spell what later got other names and numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray};

use crate::diag::{Deferred, Error, Result, work};
use crate::formats::cells::text_type;
use crate::model::{ColumnSpec, Connectome, Schema, synapse_columns};

/// The later names of properties; `_post` is `afferent_`, `_pre` is `efferent_`.
const NAMES: [(&str, &str); 6] = [
    ("morpho_section_id", "section_id"),
    ("morpho_segment_id", "segment_id"),
    ("morpho_offset_segment", "segment_offset"),
    ("morpho_section_fraction", "section_pos"),
    ("morpho_section_type", "section_type"),
    ("morpho_branch_order", "branch_order"),
];

/// What the numbers of section types mean in files that follow the specification, where 0 occurs beside 1 in some.
const SPECIFIED: [&str; 5] = ["soma", "soma", "axon", "basal", "apical"];
/// The same in older files.
const OLDER: [&str; 4] = ["soma", "axon", "basal", "apical"];

/// The columns under their later names, of which the old ones are aliases. A file that has both spellings of a property
/// keeps them both.
pub(super) fn later_names(schema: &Schema) -> Vec<ColumnSpec> {
    let known = synapse_columns();
    let renamed = |spec: &ColumnSpec| {
        let name = later_name(&spec.name).filter(|name| schema.find(name).is_none())?;
        let known = known.iter().find(|k| k.name == name).cloned();
        let mut later = known.unwrap_or_else(|| ColumnSpec::new(name, spec.data_type.clone()));
        later.data_type = spec.data_type.clone();
        Some(later.also(&[&spec.name]))
    };
    schema.columns().iter().map(|spec| renamed(spec).unwrap_or_else(|| spec.clone())).collect()
}

fn later_name(name: &str) -> Option<String> {
    let sides = [("_post", "afferent"), ("_pre", "efferent")];
    let (stem, side) = sides.iter().find_map(|(end, side)| Some((name.strip_suffix(end)?, side)))?;
    let (_, later) = NAMES.iter().find(|(old, _)| *old == stem)?;
    Some(format!("{side}_{later}"))
}

/// A column of numbers of section types, read as their names.
///
/// The specification numbers soma, axon, basal and apical dendrites from 1, older files from 0, and no file says which.
/// Apical dendrites have a number that only the specification has, somata one that only older files have: the first
/// piece of the file in which either occurs decides. A file in which neither occurs follows the specification.
pub(super) struct SectionTypes {
    name: String,
    names: Deferred<ArrayRef>,
}

impl SectionTypes {
    /// Whether a column holds numbers of section types.
    pub(super) fn are_in(column: &ColumnSpec) -> bool {
        let known = ["afferent_section_type", "efferent_section_type"];
        known.contains(&column.name.as_str()) && column.data_type.is_integer()
    }

    /// The numbers in a column of a connectome.
    pub(super) fn new(name: &str, connectome: Arc<dyn Connectome>, column: usize) -> Self {
        let names = Deferred::new(move || {
            let names: &[&str] =
                if counts_from_zero(connectome.as_ref(), column)? { &OLDER } else { &SPECIFIED };
            Ok(Arc::new(StringArray::from_iter_values(names)) as ArrayRef)
        });
        SectionTypes { name: name.to_owned(), names }
    }

    /// The same column with names instead of numbers.
    pub(super) fn named(spec: ColumnSpec) -> ColumnSpec {
        ColumnSpec { data_type: text_type(), ..spec }
    }

    /// The names of some numbers.
    ///
    /// # Errors
    /// When a number is that of no type, or the file is damaged.
    pub(super) fn read(&self, numbers: &Int64Array) -> Result<ArrayRef> {
        let names = self.names.get()?;
        let key = |number: Option<i64>| match number {
            None => Ok(None),
            Some(n) if (0..names.len() as i64).contains(&n) => Ok(Some(n as i32)),
            Some(n) => Err(Error::format(format!(
                "`{}` has the number {n}, which is no type of section: here they go up to {}",
                self.name,
                names.len() - 1
            ))),
        };
        let keys = numbers.iter().map(key).collect::<Result<Int32Array>>()?;
        let array = DictionaryArray::<Int32Type>::try_new(keys, names.clone());
        Ok(Arc::new(array.map_err(|e| Error::format(format!("`{}`: {e}", self.name)))?))
    }
}

/// Whether the section types of a column count from 0.
fn counts_from_zero(connectome: &dyn Connectome, column: usize) -> Result<bool> {
    let synapses = connectome.synapses()?;
    for morsel in synapses.morsels() {
        work::check()?;
        let values = synapses.open(&morsel)?.column(column)?;
        let has = |number: i64| {
            values.as_primitive_opt::<Int64Type>().is_some_and(|v| v.iter().flatten().any(|n| n == number))
        };
        if has(SPECIFIED.len() as i64 - 1) {
            return Ok(false);
        }
        if has(0) {
            return Ok(true);
        }
    }
    Ok(false)
}
