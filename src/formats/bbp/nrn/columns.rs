//! What the columns of the nrn family mean: by position in the file, by name in the language.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow_schema::DataType;

use super::table::{Run, Table};
use crate::diag::{Error, Result};
use crate::formats::hdf5::{Convert, Float32, Float64, Truncated};
use crate::model::{ColumnSpec, synapse_columns};

/// The widths of the tables of synapses: all columns, or the first of them.
pub(in crate::formats) const SYNAPSE_WIDTHS: [usize; 3] = [19, 13, 7];

/// The widths of the tables of positions: today's, and the old one of centers alone.
pub(in crate::formats) const POSITION_WIDTHS: [usize; 2] = [13, 7];

/// From this version on, column 17 counts vesicles.
const VERSION_OF_NRRP: i64 = 5;

/// Where the values of a column of synapses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The presynaptic cell.
    Pre,
    /// The postsynaptic cell.
    Post,
    /// The row in the table of the postsynaptic cell.
    Row,
    /// A column of the table of synapses.
    Synapse(usize, Form),
    /// A column of the table of positions.
    Position(usize, Form),
}

/// How a stored number becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Float32,
    Float64,
    /// A distance from the start of a segment; the soma has -1, which is 0.
    Offset32,
    Offset64,
    /// A whole number; what stands behind the point is cut off.
    Int,
    /// A branch order, stored plus 1.
    Order,
    /// soma, axon, basal, apical.
    BranchType,
}

/// The columns that the files hold, in the order of the language.
pub(super) fn fields(main: &Table, positions: Option<(usize, bool)>) -> Vec<(ColumnSpec, Field)> {
    let wide = main.needs_64_bits();
    let field = |name: &str| match name {
        "pre" => Some(Field::Pre),
        "post" => Some(Field::Post),
        "row" => Some(Field::Row),
        _ => synapse(name, main.version(), wide)
            .filter(|(column, _)| *column < main.columns())
            .map(|(column, form)| Field::Synapse(column, form))
            .or_else(|| {
                let (columns, wide) = positions?;
                let form = if wide { Form::Float64 } else { Form::Float32 };
                Some(Field::Position(position(name, columns)?, form))
            }),
    };
    synapse_columns()
        .into_iter()
        .filter_map(|mut spec| {
            let field = field(&spec.name)?;
            if let Field::Synapse(_, Form::Float64 | Form::Offset64) | Field::Position(_, Form::Float64) =
                field
            {
                spec.data_type = DataType::Float64;
            }
            Some((spec, field))
        })
        .collect()
}

/// The column of a property in a table of synapses.
fn synapse(name: &str, version: i64, wide: bool) -> Option<(usize, Form)> {
    let float = if wide { Form::Float64 } else { Form::Float32 };
    let offset = if wide { Form::Offset64 } else { Form::Offset32 };
    Some(match name {
        "delay" => (1, float),
        "afferent_section_id" => (2, Form::Int),
        "afferent_segment_id" => (3, Form::Int),
        "afferent_segment_offset" => (4, offset),
        "efferent_section_id" => (5, Form::Int),
        "efferent_segment_id" => (6, Form::Int),
        "efferent_segment_offset" => (7, offset),
        "conductance" => (8, float),
        "u_syn" => (9, float),
        "depression_time" => (10, float),
        "facilitation_time" => (11, float),
        "decay_time" => (12, float),
        "syn_type_id" => (13, Form::Int),
        "pre_mtype_id" => (14, Form::Int),
        "afferent_branch_order" => (15, Form::Order),
        "efferent_branch_order" => (16, Form::Order),
        "ase" if version < VERSION_OF_NRRP => (17, float),
        "n_rrp_vesicles" if version >= VERSION_OF_NRRP => (17, Form::Int),
        "afferent_section_type" => (18, Form::BranchType),
        _ => return None,
    })
}

/// The column of a coordinate in a table of positions of so many columns.
fn position(name: &str, columns: usize) -> Option<usize> {
    let (place, axis) = name.rsplit_once('_')?;
    let axis = ["x", "y", "z"].iter().position(|a| *a == axis)?;
    let first = match (columns, place) {
        (13, "efferent_surface") | (7, "efferent_center") => 1,
        (13, "afferent_surface") | (7, "afferent_center") => 4,
        (13, "efferent_center") => 7,
        (13, "afferent_center") => 10,
        _ => return None,
    };
    Some(first + axis)
}

/// The values of a column over some runs.
pub(super) fn read(table: &Table, runs: &[Run], column: usize, form: Form) -> Result<ArrayRef> {
    Ok(match form {
        Form::Float32 => Arc::new(Float32Array::from(table.gather::<Float32>(runs, column)?)),
        Form::Float64 => Arc::new(Float64Array::from(table.gather::<Float64>(runs, column)?)),
        Form::Offset32 => Arc::new(Float32Array::from(table.gather::<Clipped32>(runs, column)?)),
        Form::Offset64 => Arc::new(Float64Array::from(table.gather::<Clipped64>(runs, column)?)),
        Form::Int => Arc::new(Int64Array::from(table.gather::<Truncated>(runs, column)?)),
        Form::Order => Arc::new(Int64Array::from(table.gather::<OneLess>(runs, column)?)),
        Form::BranchType => branch_types(&table.gather::<Code>(runs, column)?)?,
    })
}

/// Branch types by name; a code that has none is null.
fn branch_types(codes: &[i32]) -> Result<ArrayRef> {
    const NAMES: [&str; 4] = ["soma", "axon", "basal", "apical"];
    let known = |code: &i32| (0..NAMES.len() as i32).contains(code);
    let keys = if codes.iter().all(known) {
        Int32Array::from(codes.to_vec())
    } else {
        codes.iter().map(|code| known(code).then_some(*code)).collect()
    };
    let names = Arc::new(StringArray::from(NAMES.to_vec()));
    let array =
        DictionaryArray::<Int32Type>::try_new(keys, names).map_err(|e| Error::format(e.to_string()))?;
    Ok(Arc::new(array))
}

/// A distance, where -1 stands for the soma.
enum Clipped32 {}

impl Convert for Clipped32 {
    type Out = f32;
    fn float32(stored: f32) -> f32 {
        if stored < 0.0 { 0.0 } else { stored }
    }
    fn float64(stored: f64) -> f32 {
        Self::float32(stored as f32)
    }
    fn int(stored: i64) -> f32 {
        Self::float32(stored as f32)
    }
}

/// The same in 64 bits.
enum Clipped64 {}

impl Convert for Clipped64 {
    type Out = f64;
    fn float32(stored: f32) -> f64 {
        Self::float64(stored.into())
    }
    fn float64(stored: f64) -> f64 {
        if stored < 0.0 { 0.0 } else { stored }
    }
    fn int(stored: i64) -> f64 {
        Self::float64(stored as f64)
    }
}

/// A whole number that is stored plus 1.
enum OneLess {}

impl Convert for OneLess {
    type Out = i64;
    fn float32(stored: f32) -> i64 {
        Self::int(stored as i64)
    }
    fn float64(stored: f64) -> i64 {
        Self::int(stored as i64)
    }
    fn int(stored: i64) -> i64 {
        stored.saturating_sub(1)
    }
}

/// A small whole number.
enum Code {}

impl Convert for Code {
    type Out = i32;
    fn float32(stored: f32) -> i32 {
        stored as i32
    }
    fn float64(stored: f64) -> i32 {
        stored as i32
    }
    fn int(stored: i64) -> i32 {
        i32::try_from(stored).unwrap_or(-1)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    #[test]
    fn the_soma_has_no_offset_and_orders_count_from_zero() {
        assert_eq!((Clipped32::float32(-1.0), Clipped32::float32(2.5)), (0.0, 2.5));
        assert!(Clipped64::float64(f64::NAN).is_nan());
        assert_eq!((OneLess::float32(3.7), OneLess::int(1)), (2, 0));
    }

    #[test]
    fn unknown_branch_types_are_null() {
        let array = branch_types(&[0, 3, 7]).unwrap();
        let array = array.as_dictionary::<Int32Type>();
        assert_eq!(array.null_count(), 1);
        assert_eq!(array.values().as_string::<i32>().value(array.keys().value(1) as usize), "apical");
    }

    #[test]
    fn the_old_positions_hold_centers_alone() {
        assert_eq!(position("efferent_center_z", 13), Some(9));
        assert_eq!(position("efferent_center_z", 7), Some(3));
        assert_eq!(position("afferent_surface_x", 13), Some(4));
        assert_eq!(position("afferent_surface_x", 7), None);
    }
}
