//! Cells of a `circuit.mvd3` file (HDF5): positions, orientations and properties; the gid is the row + 1.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow_schema::DataType;

use crate::diag::{Deferred, Result};
use crate::formats::cells::{Column, ORIENTATION, column_type, read_property, sort_properties, wrong};
use crate::formats::hdf5::{Dataset, File, Kind, Member};
use crate::model::{CellTable, cell_column};

const PROPERTIES: &str = "cells/properties";

/// Opens the cells of an mvd3 file. Only headers are read; a column is read when it is first asked for.
///
/// # Errors
/// When the file is not readable HDF5, has no positions, or a property has another number of values than there
/// are positions.
pub fn read_cells(path: &Path) -> Result<Arc<CellTable>> {
    let file = File::open(path)?;
    let positions = file.dataset("cells/positions")?;
    let count = expect_columns(&positions, 3)?;
    let mut names = properties(&file)?;
    let known = sort_properties(&mut names);
    let others = names.split_off(known);

    let ids = Deferred::new(move || Ok(Arc::new(Int64Array::from_iter_values(1..=count as i64)) as ArrayRef));
    let mut columns = vec![(cell_column("id", DataType::Int64), ids)];
    let property = |name: &String| property_column(&file, name, count);
    columns.extend(names.iter().map(property).collect::<Result<Vec<_>>>()?);
    columns.extend(table_columns(positions, &["x", "y", "z"]));
    columns.extend(orientations(&file, count)?);
    columns.extend(others.iter().map(property).collect::<Result<Vec<_>>>()?);
    Ok(CellTable::new(1, count, columns, path.display().to_string()))
}

/// The names of the properties; a file of nothing but positions has none.
fn properties(file: &File) -> Result<Vec<String>> {
    match file.find(PROPERTIES) {
        Some(Member::Group) => file.names(PROPERTIES, Member::Dataset),
        _ => Ok(Vec::new()),
    }
}

/// The rows of a table that must have so many columns.
fn expect_columns(dataset: &Dataset, columns: u64) -> Result<usize> {
    match *dataset.shape() {
        [rows, found] if found == columns => Ok(usize::try_from(rows).unwrap_or(usize::MAX)),
        _ => Err(wrong(
            dataset,
            format!("its shape is {:?} where a row a cell of {columns} numbers is expected", dataset.shape()),
        )),
    }
}

/// Columns of one table, which is read once for all of them.
fn table_columns(dataset: Dataset, names: &[&str]) -> Vec<Column> {
    let table =
        Arc::new(Deferred::new(move || dataset.columns()?.iter().map(|c| float64(c, &dataset)).collect()));
    let column = |(at, name): (usize, &&str)| {
        let table: Arc<Deferred<Vec<ArrayRef>>> = table.clone();
        (cell_column(name, DataType::Float64), Deferred::new(move || Ok(table.get()?[at].clone())))
    };
    names.iter().enumerate().map(column).collect()
}

fn float64(column: &ArrayRef, dataset: &Dataset) -> Result<ArrayRef> {
    if let Some(values) = column.as_primitive_opt::<Float32Type>() {
        return Ok(Arc::new(Float64Array::from_iter_values(values.values().iter().map(|&v| v.into()))));
    }
    if let Some(values) = column.as_primitive_opt::<Int64Type>() {
        return Ok(Arc::new(Float64Array::from_iter_values(values.values().iter().map(|&v| v as f64))));
    }
    match column.data_type() {
        DataType::Float64 => Ok(column.clone()),
        other => Err(wrong(dataset, format!("it holds {other} where numbers are expected"))),
    }
}

/// Orientations as quaternions, stored x, y, z, w. A file without them has cells that were not turned.
fn orientations(file: &File, count: usize) -> Result<Vec<Column>> {
    let path = "cells/orientations";
    if file.find(path).is_none() {
        let constant = |name: &&str| {
            let value = if *name == ORIENTATION[0] { 1.0 } else { 0.0 };
            let values = move || Ok(Arc::new(Float64Array::from(vec![value; count])) as ArrayRef);
            (cell_column(name, DataType::Float64), Deferred::new(values))
        };
        return Ok(ORIENTATION.iter().map(constant).collect());
    }
    let dataset = file.dataset(path)?;
    let rows = expect_columns(&dataset, 4)?;
    if rows != count {
        return Err(wrong(&dataset, format!("{rows} orientations for {count} cells")));
    }
    let mut columns =
        table_columns(dataset, &["orientation_x", "orientation_y", "orientation_z", "orientation_w"]);
    columns.rotate_right(1);
    Ok(columns)
}

/// The column of a property: its own values or, where the file has a library of that name, those that it points to.
fn property_column(file: &File, name: &str, count: usize) -> Result<Column> {
    let dataset = file.dataset(&format!("{PROPERTIES}/{name}"))?;
    let ([rows] | [rows, 1]) = *dataset.shape() else {
        return Err(wrong(&dataset, format!("its shape is {:?}, not one value a cell", dataset.shape())));
    };
    if rows != count as u64 {
        return Err(wrong(&dataset, format!("property `{name}` has {rows} values for {count} cells")));
    }
    let library = format!("library/{name}");
    let library = match (dataset.kind(), file.find(&library)) {
        (Kind::Int, Some(Member::Dataset)) => Some(file.dataset(&library)?),
        _ => None,
    };
    let kind = library.as_ref().unwrap_or(&dataset).kind();
    let data_type =
        column_type(kind).ok_or_else(|| wrong(&dataset, "its values are neither numbers nor text"))?;
    let whose = format!("property `{name}` of cell");
    let values = move || read_property(&dataset, library.as_ref(), |row| format!("{whose} {}", row + 1));
    Ok((cell_column(name, data_type), Deferred::new(values)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use arrow_array::types::{Float64Type, Int32Type};

    use super::*;

    fn shared(file: &str) -> Option<PathBuf> {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle")).join(file);
        if !path.exists() {
            println!("skipped: no {file}");
            return None;
        }
        Some(path)
    }

    fn column(cells: &CellTable, name: &str) -> ArrayRef {
        cells.column(cells.schema().position(name).unwrap()).unwrap().clone()
    }

    fn texts(cells: &CellTable, name: &str) -> Vec<String> {
        let column = column(cells, name);
        let column = column.as_dictionary::<Int32Type>();
        let values = column.values().as_string::<i32>();
        column.keys().values().iter().map(|&k| values.value(k as usize).to_owned()).collect()
    }

    #[test]
    fn bluepy_cells_come_out_with_places_and_quaternions() {
        let Some(path) = shared("bluepy/data/circuit.mvd3") else { return };
        let cells = read_cells(&path).unwrap();
        assert_eq!((cells.id_of(0), cells.count()), (1, 3));
        assert_eq!(texts(&cells, "mtype"), ["L2_X", "L6_Y", "L6_Y"]);
        assert_eq!(texts(&cells, "etype"), ["bNA", "bNA", "cNA"]);
        assert_eq!(texts(&cells, "morphology"), ["morph-A", "morph-B", "morph-C"]);
        assert_eq!(column(&cells, "y").as_primitive::<Float64Type>().values(), &[102.0, 202.0, 302.0]);
        let w = column(&cells, "orientation_w");
        assert!((w.as_primitive::<Float64Type>().value(1) - 0.243_632_32).abs() < 1e-6);
        let x = column(&cells, "orientation_x");
        assert!((x.as_primitive::<Float64Type>().value(1) - 0.082_452_83).abs() < 1e-6);
        let names: Vec<&str> = cells.schema().columns().iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names[..3], ["id", "mtype", "etype"]);
        let place = |n: &str| names.iter().position(|m| *m == n).unwrap();
        assert!(place("me_combo") < place("x") && place("z") < place("orientation_w"));
    }

    #[test]
    fn every_column_of_the_known_files_reads_with_its_type_and_length() {
        for file in [
            "bluepy/mvdtool/circuit.mvd3",
            "bluepy/mvdtool/circuit_tsv.mvd3",
            "bluepy/derived/circuit/circuit.mvd3",
        ] {
            let Some(path) = shared(file) else { continue };
            let cells = read_cells(&path).unwrap();
            for (at, spec) in cells.schema().columns().iter().enumerate() {
                let column = cells.column(at).unwrap();
                assert_eq!(column.len(), cells.count(), "{}", spec.name);
                assert_eq!(column.data_type(), &spec.data_type, "{}", spec.name);
            }
        }
    }

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hdf5")).join(name)
    }

    #[test]
    fn every_kind_of_property_is_read() {
        let cells = read_cells(&fixture("cells.mvd3")).unwrap();
        let names: Vec<&str> = cells.schema().columns().iter().map(|c| c.name.as_str()).collect();
        let (first, last) =
            (["id", "mtype", "layer", "hypercolumn", "x"], ["alive", "depth", "exc_mini_frequency", "zone"]);
        assert_eq!((&names[..5], &names[names.len() - 4..]), (&first[..], &last[..]));
        assert_eq!(texts(&cells, "layer"), ["SO", "SP", "SR", "SP"]);
        assert_eq!(texts(&cells, "mtype"), ["SP_PC", "SO_OLM", "SP_PC", "SO_OLM"]);
        assert_eq!(texts(&cells, "zone"), ["b", "a", "b", "b"]);
        assert_eq!(column(&cells, "depth").as_primitive::<Float64Type>().values(), &[0.5, 1.5, 0.5, 1.5]);
        assert_eq!(column(&cells, "hypercolumn").as_primitive::<Int64Type>().values(), &[3, 3, 3, 4]);
        assert_eq!(column(&cells, "z").as_primitive::<Float64Type>().values(), &[2.0, 5.0, 8.0, 11.0]);
        assert!(!column(&cells, "alive").as_boolean().value(1));
        // No orientations: the cells are not turned.
        assert_eq!(column(&cells, "orientation_w").as_primitive::<Float64Type>().values(), &[1.0; 4]);
        assert_eq!(column(&cells, "orientation_y").as_primitive::<Float64Type>().values(), &[0.0; 4]);
    }

    #[test]
    fn a_property_that_cannot_be_is_named() {
        let cells = read_cells(&fixture("bad_index.mvd3")).unwrap();
        let error = cells.column(cells.schema().position("mtype").unwrap()).unwrap_err();
        assert!(error.message().contains("`mtype` of cell 2"), "{error}");
        let error = read_cells(&fixture("bad_length.mvd3")).unwrap_err();
        assert!(error.message().contains("`layer` has 3 values for 2 cells"), "{error}");
    }

    #[test]
    fn a_file_without_cells_says_what_it_lacks() {
        let Some(path) = shared("bluepy/data/nrn/nrn.h5") else { return };
        let error = read_cells(&path).unwrap_err();
        assert!(error.message().contains("`cells`"), "{error}");
    }
}
