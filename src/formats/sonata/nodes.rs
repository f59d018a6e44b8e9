//! The nodes of a population: `/nodes/POPULATION` of a nodes file, and the types that a CSV beside it describes.
//!
//! A population is one group of attributes (`0`) or, in the Allen flavour, several: then each node says in which group,
//! and in which row of it, its attributes stand.

mod orientation;
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, UInt32Array};
use arrow_schema::{ArrowError, DataType};

use self::orientation::orientation;
use self::properties::{alias_positions, properties};
use super::types::Types;
use crate::diag::{Deferred, Error, Result, once};
use crate::formats::cells::{Column, PLACE, sort_properties, wrong};
use crate::formats::hdf5::{File, Kind, Member, Series};
use crate::model::{CellTable, cell_column};

const NODES: &str = "nodes";
const TYPE: &str = "node_type_id";
const GROUP: &str = "node_group_id";
const INDEX: &str = "node_group_index";

/// Names that mean something else in a table of nodes.
const TAKEN: [&str; 4] = ["id", TYPE, GROUP, INDEX];

/// Where the nodes of a population stand.
#[derive(Clone, Copy, Debug)]
pub struct NodesFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// The population in it.
    pub population: &'a str,
    /// The `node_types.csv`, if there is one.
    pub types: Option<&'a Path>,
    /// The folder of the `dynamics_params` JSON files of the Allen flavour (`point_neuron_models_dir`), if any.
    pub dynamics_dir: Option<&'a Path>,
}

/// The names of the node populations of a file, in file order.
///
/// # Errors
/// When the file is not readable HDF5, or has no nodes.
pub fn population_names(path: &Path) -> Result<Vec<String>> {
    File::open(path)?.names(NODES, Member::Group)
}

/// Opens the nodes of a population. Ids, types and headers are read; a column is read when it is first asked for.
///
/// Columns are `id`, the known properties, place and orientation, then everything else in alphabetical order. An
/// attribute of several components gives a column for each (`positions[0]`), parameters are `@dynamics:NAME`. Where the
/// file gives no quaternions, they are computed from the rotation angles; those of the file are normalised. A property
/// of the types stands for nodes whose group does not have it.
///
/// # Errors
/// When a file is not readable, has no such population, or its ids or types are not whole numbers, one for each node.
/// A damaged attribute is an error when its column is read.
pub fn read_cells(file: &NodesFile<'_>) -> Result<Arc<CellTable>> {
    let population = Arc::new(Population::open(file)?);
    let mut properties = properties(&population)?;
    alias_positions(&mut properties);
    let orientation = orientation(&population, &mut properties);

    let mut names: Vec<String> = properties.keys().cloned().collect();
    let place = |name: &String| PLACE.contains(&name.as_str());
    let known = sort_properties(&mut names);
    let others = names.split_off(known);
    let (places, others): (Vec<String>, Vec<String>) = others.into_iter().partition(place);
    let mut rest: BTreeMap<String, Column> = population.own_columns();
    let mut column = |name: String| -> Option<Column> {
        let property = properties.remove(&name)?;
        Some(property.column(&population))
    };
    let mut columns = vec![population.id_column()];
    columns.extend(names.into_iter().chain(places).filter_map(&mut column));
    columns.extend(orientation);
    rest.extend(others.into_iter().filter_map(|name| Some((name.clone(), column(name)?))));
    columns.extend(rest.into_values());

    let origin = format!("{} (population {})", file.path.display(), file.population);
    match &population.ids {
        None => Ok(CellTable::new(0, population.count, columns, origin)),
        Some(ids) => CellTable::with_ids(ids.clone(), columns, origin)
            .map_err(|e| e.in_dataset(file.path, format!("{}/node_id", population.path))),
    }
}

/// The groups of attributes of a population, and how many rows the attributes of each must have.
///
/// # Errors
/// As for [`read_cells`], and when a node is in a group or a row that cannot be.
pub fn groups(file: &NodesFile<'_>) -> Result<Vec<(String, usize)>> {
    let population = Population::open(file)?;
    let names = population.groups.iter().enumerate();
    names.map(|(at, (name, _))| Ok((name.clone(), population.rows_of_group(at)?))).collect()
}

/// A population, opened.
struct Population {
    file: File,
    /// `nodes/NAME`.
    path: String,
    count: usize,
    /// The ids; nothing where they are the rows.
    ids: Option<Vec<i64>>,
    /// The types; nothing where no node has one.
    type_ids: Option<Int64Array>,
    /// The names of the groups of attributes and their numbers, ascending.
    groups: Vec<(String, i64)>,
    places: OnceLock<Result<Places>>,
    types: Option<TypesOf>,
}

/// The number of nodes, where none has a type: a column of nothing but -1 is not copied out of the file.
fn untyped(file: &File, population: &str) -> Option<usize> {
    let path = format!("{population}/{TYPE}");
    let types =
        if file.find(&path)? == Member::Dataset { Series::open(file, &path).ok()? } else { return None };
    (types.columns() == 1 && types.is_minus_one()).then_some(types.rows())
}

/// The types and the row of each node in them.
struct TypesOf {
    types: Types,
    rows: UInt32Array,
}

/// Where the attributes of the nodes stand.
enum Places {
    /// In the row of the node, in the only group.
    Same,
    /// The place of each node, and the number of rows that each group must have.
    Listed { places: Vec<(u32, u32)>, rows: Vec<usize> },
}

impl Population {
    fn open(wanted: &NodesFile<'_>) -> Result<Self> {
        let file = File::open(wanted.path)?;
        let path = format!("{NODES}/{}", wanted.population);
        if wanted.population.contains('/') || file.find(&path) != Some(Member::Group) {
            let known = file.names(NODES, Member::Group)?;
            let error = Error::unknown("node population", wanted.population, known);
            return Err(error.in_file(wanted.path));
        }
        let mut groups: Vec<(String, i64)> = file
            .names(&path, Member::Group)?
            .into_iter()
            .filter_map(|g| Some((g.clone(), number(&g)?)))
            .collect();
        groups.sort_by_key(|g| g.1);
        let own = |name: &str| own_numbers(&file, &path, name);
        let untyped = untyped(&file, &path);
        let (types, ids) = (if untyped.is_some() { None } else { own(TYPE)? }, own("node_id")?);
        let count = match (types.as_ref().map(Vec::len).or(untyped), &ids) {
            (Some(types), Some(ids)) if types != ids.len() => {
                let ids = ids.len();
                let message = format!("{ids} node ids for {types} nodes: `{TYPE}` has another length");
                return Err(Error::format(message).in_dataset(wanted.path, format!("{path}/node_id")));
            }
            (Some(known), _) => known,
            (None, Some(known)) => known.len(),
            (None, None) => first_length(&file, &path, &groups)?,
        };
        if let Some(id) = ids.iter().flatten().find(|&&id| id < 0) {
            let message = format!("the node id {id} is below 0");
            return Err(Error::format(message).in_dataset(wanted.path, format!("{path}/node_id")));
        }
        let table = match (wanted.types, &types) {
            (Some(csv), Some(ids)) => TypesOf::read(csv, wanted, ids)?,
            _ => None,
        };
        let type_ids = types.filter(|ids| ids.iter().any(|&id| id != -1)).map(Int64Array::from);
        Ok(Population { file, path, count, ids, type_ids, groups, places: OnceLock::new(), types: table })
    }

    fn id_of(&self, row: usize) -> i64 {
        self.ids.as_ref().map_or(row as i64, |ids| ids[row])
    }

    fn id_column(&self) -> Column {
        let values = if let Some(ids) = &self.ids {
            Deferred::ready(Arc::new(Int64Array::from(ids.clone())) as ArrayRef)
        } else {
            let count = self.count as i64;
            Deferred::new(move || Ok(Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef))
        };
        (cell_column("id", DataType::Int64), values)
    }

    /// The columns that say of what type and in what group a node is, where that says something.
    fn own_columns(self: &Arc<Self>) -> BTreeMap<String, Column> {
        let mut columns = BTreeMap::new();
        let spec = |name: &str, meaning: &str| cell_column(name, DataType::Int64).meaning(meaning);
        if let Some(types) = &self.type_ids {
            let values = Deferred::ready(Arc::new(types.clone()) as ArrayRef);
            columns.insert(TYPE.to_owned(), (spec(TYPE, "number of the type of the node"), values));
        }
        let meanings = [(GROUP, "group of the node's attributes"), (INDEX, "row in the group of attributes")];
        for (name, meaning) in meanings.into_iter().filter(|_| self.groups.len() > 1) {
            let population = self.clone();
            let values = move || {
                let numbers = population.numbers_of_nodes(name)?.unwrap_or_default();
                Ok(Arc::new(Int64Array::from(numbers)) as ArrayRef)
            };
            if self.file.find(&format!("{}/{name}", self.path)) == Some(Member::Dataset) {
                columns.insert(name.to_owned(), (spec(name, meaning), Deferred::new(values)));
            }
        }
        columns
    }

    /// Whole numbers, one a node.
    fn numbers_of_nodes(&self, name: &str) -> Result<Option<Vec<i64>>> {
        let numbers = own_numbers(&self.file, &self.path, name)?;
        match &numbers {
            Some(values) if values.len() != self.count => {
                Err(self
                    .wrong(name, format!("`{name}` has {} values for {} nodes", values.len(), self.count)))
            }
            _ => Ok(numbers),
        }
    }

    fn places(&self) -> Result<&Places> {
        once(&self.places, || self.read_places()).as_ref().map_err(Clone::clone)
    }

    fn read_places(&self) -> Result<Places> {
        let single = self.groups.len() == 1;
        if self.count == 0 || self.groups.is_empty() {
            return Ok(Places::Same);
        }
        let missing = |name: &str| {
            let message =
                format!("the population has {} groups of attributes but no `{name}`", self.groups.len());
            Error::format(message).in_dataset(self.file.path(), &*self.path)
        };
        let groups = self.numbers_of_nodes(GROUP)?;
        let rows = self.numbers_of_nodes(INDEX)?;
        let numbers: HashMap<i64, u32> =
            self.groups.iter().enumerate().map(|(at, group)| (group.1, at as u32)).collect();
        if !single && groups.is_none() {
            return Err(missing(GROUP));
        }
        if !single && rows.is_none() {
            return Err(missing(INDEX));
        }
        let mut lengths = vec![0; self.groups.len()];
        let mut places = Vec::with_capacity(self.count);
        for node in 0..self.count {
            let group = groups.as_ref().map_or(self.groups[0].1, |groups| groups[node]);
            let Some(&at) = numbers.get(&group) else {
                let known: Vec<&str> = self.groups.iter().map(|g| g.0.as_str()).collect();
                let message = format!("node {} is in group {group}, which is not there", self.id_of(node));
                return Err(self.wrong(GROUP, message).help(format!("there are: {}", known.join(", "))));
            };
            let row = rows.as_ref().map_or(node as i64, |rows| rows[node]);
            // No more rows than nodes; an attribute of fewer is found by its length.
            let Some(row) = u32::try_from(row).ok().filter(|&row| (row as usize) < self.count) else {
                let message = format!(
                    "node {} is in row {row} of group {group}; the population has {} nodes",
                    self.id_of(node),
                    self.count
                );
                return Err(self.wrong(INDEX, message));
            };
            lengths[at as usize] = lengths[at as usize].max(row as usize + 1);
            places.push((at, row));
        }
        if single && places.iter().enumerate().all(|(node, place)| node == place.1 as usize) {
            return Ok(Places::Same);
        }
        Ok(Places::Listed { places, rows: lengths })
    }

    /// How many rows the attributes of a group must have.
    fn rows_of_group(&self, group: usize) -> Result<usize> {
        Ok(match self.places()? {
            Places::Same => self.count,
            Places::Listed { rows, .. } => rows[group],
        })
    }

    /// The first node whose attributes stand in a row of a group.
    fn node_at(&self, group: usize, row: usize) -> Option<i64> {
        let node = match self.places().ok()? {
            Places::Same => row,
            Places::Listed { places, .. } => {
                places.iter().position(|place| *place == (group as u32, row as u32))?
            }
        };
        Some(self.id_of(node))
    }

    fn wrong(&self, dataset: &str, message: String) -> Error {
        Error::format(message).in_dataset(self.file.path(), format!("{}/{dataset}", self.path))
    }
}

impl TypesOf {
    /// The types of the nodes; nothing if no node is of a type that is described.
    fn read(csv: &Path, wanted: &NodesFile<'_>, ids: &[i64]) -> Result<Option<Self>> {
        let mut types = Types::read(csv, TYPE, wanted.population)?;
        if let Some(folder) = wanted.dynamics_dir {
            types.read_parameters(folder)?;
        }
        let rows: UInt32Array = ids.iter().map(|&id| types.row_of(id)).collect();
        Ok((rows.null_count() < rows.len()).then_some(TypesOf { types, rows }))
    }
}

/// The number that the name of a group of attributes is.
fn number(name: &str) -> Option<i64> {
    if name.bytes().all(|b| b.is_ascii_digit()) { name.parse().ok() } else { None }
}

/// The whole numbers of a dataset of the population, if it is there. Some files store them as floating point.
fn own_numbers(file: &File, population: &str, name: &str) -> Result<Option<Vec<i64>>> {
    let path = format!("{population}/{name}");
    if file.find(&path) != Some(Member::Dataset) {
        return Ok(None);
    }
    let dataset = file.dataset(&path)?;
    if !matches!(dataset.shape(), [_] | [_, 1]) {
        return Err(wrong(&dataset, format!("its shape is {:?}, not one number a node", dataset.shape())));
    }
    match dataset.kind() {
        Kind::Int => Ok(Some(dataset.read()?.as_primitive::<Int64Type>().values().to_vec())),
        Kind::Float32 | Kind::Float64 => {
            let values = float64(&dataset.read()?).map_err(|e| wrong(&dataset, e.to_string()))?;
            let whole = |&value: &f64| {
                let fits = value.fract() == 0.0 && value.abs() <= 2f64.powi(53);
                let message = || format!("it holds {value} where whole numbers are expected");
                if fits { Ok(value as i64) } else { Err(wrong(&dataset, message())) }
            };
            values.values().iter().map(whole).collect::<Result<_>>().map(Some)
        }
        _ => Err(wrong(&dataset, "whole numbers are expected")),
    }
}

/// The length of the first attribute: how many nodes there are where nothing else says so.
fn first_length(file: &File, population: &str, groups: &[(String, i64)]) -> Result<usize> {
    for (group, _) in groups {
        let group = format!("{population}/{group}");
        for name in file.names(&group, Member::Dataset)? {
            let dataset = file.dataset(&format!("{group}/{name}"))?;
            if !dataset.shape().is_empty() {
                // A claim that the file cannot hold is found by reading it.
                dataset.read()?;
                return dataset.rows();
            }
        }
    }
    Ok(0)
}

fn float64(values: &ArrayRef) -> Result<Float64Array, ArrowError> {
    Ok(arrow_cast::cast(values, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}
