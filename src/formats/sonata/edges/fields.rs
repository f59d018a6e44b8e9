//! Which column of the language is which dataset of the file, and how it is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, new_null_array};
use arrow_schema::{ArrowError, DataType};

use super::attributes::{self, Attribute, gather};
use super::groups::{BlockRows, GROUP, Groups, INDEX, TYPE, TypesOf, type_numbers};
use super::{EdgesFile, Population};
use crate::diag::{Error, Result};
use crate::formats::cells::{dictionary, text_type};
use crate::formats::hdf5::{File, Member, Series, Truncated};
use crate::formats::sonata::types::Types;
use crate::model::{ColumnSpec, synapse_columns};

/// Names that mean something else in a table of edges.
const TAKEN: [&str; 6] = ["pre", "post", "edge_id", TYPE, GROUP, INDEX];

/// Where the values of a column come from.
pub(super) enum Field {
    /// The node that the edge starts from.
    Source,
    /// The node that it ends on.
    Target,
    /// The row in the file.
    Edge,
    /// A number that says of what type the edge is, or where its attributes are.
    Number(Box<Series>),
    /// A property.
    Property(Box<Property>),
}

/// A property of the edges: what each group has of it, and the types.
#[derive(Default)]
pub(super) struct Property {
    name: String,
    /// By the place of the group in the list of groups.
    parts: BTreeMap<usize, Attribute>,
    /// The column of the types.
    of_type: Option<usize>,
    /// The type of its column.
    data_type: Option<DataType>,
}

/// The columns of a population, and what they are read with.
pub(super) struct Fields {
    pub(super) columns: Vec<(ColumnSpec, Field)>,
    pub(super) groups: Groups,
    pub(super) types: Option<TypesOf>,
}

/// The columns of a population, in the order of the language; what it does not know follows in alphabetical order.
pub(super) fn of_population(file: &File, path: &str, wanted: &EdgesFile<'_>, edges: usize) -> Result<Fields> {
    let groups = Groups::open(file, path, edges)?;
    let types = types(file, path, wanted, edges)?;
    let mut properties = properties(file, path, wanted, &groups, types.as_ref())?;
    if groups.is_plain() {
        // Rows that are more than the edges are those of no edge: files of the Blue Brain Project have such.
        for attribute in properties.values_mut().filter_map(|p| p.parts.get_mut(&0)) {
            if let Some(rows) = attribute.rows.filter(|&rows| rows < edges) {
                attribute.refuse(format!("it has {rows} rows, and there are {edges} edges"));
            }
        }
    }
    let mut columns = Vec::new();
    for spec in synapse_columns() {
        match spec.name.as_str() {
            "pre" => columns.push((spec.also(&["source_node_id", "@source_node"]), Field::Source)),
            "post" => columns.push((spec.also(&["target_node_id", "@target_node"]), Field::Target)),
            "row" => columns.push((edge_id(), Field::Edge)),
            name => {
                if let Some(property) = properties.remove(name) {
                    columns.push(property.column(spec, file, path, &groups, types.as_ref())?);
                }
            }
        }
    }
    let number = |name: &str, meaning: &str| ColumnSpec::new(name, DataType::Int64).meaning(meaning);
    if let Some(ids) = type_numbers(file, path, edges)? {
        columns.push((number(TYPE, "number of the type of the edge"), Field::Number(Box::new(ids))));
    }
    if groups.names.len() > 1 {
        let meanings = ["group of the edge's attributes", "row in the group of attributes"];
        let numbers = [(GROUP, &groups.numbers), (INDEX, &groups.rows)];
        for ((name, series), meaning) in numbers.into_iter().zip(meanings) {
            columns.extend(
                series.clone().map(|series| (number(name, meaning), Field::Number(Box::new(series)))),
            );
        }
    }
    for (name, property) in properties {
        let spec = ColumnSpec::new(&name, DataType::Int64);
        let spec = match name.strip_prefix("@dynamics:") {
            Some(parameter) => spec.aliases(&[parameter]),
            None => spec,
        };
        columns.push(property.column(spec, file, path, &groups, types.as_ref())?);
    }
    Ok(Fields { columns, groups, types })
}

fn edge_id() -> ColumnSpec {
    ColumnSpec::new("edge_id", DataType::Int64)
        .meaning("row of the edge in its file, from 0")
        .aliases(&["row", "synapse_index"])
}

fn types(file: &File, path: &str, wanted: &EdgesFile<'_>, edges: usize) -> Result<Option<TypesOf>> {
    let Some(csv) = wanted.types else { return Ok(None) };
    let mut types = Types::read(csv, TYPE, wanted.population)?;
    if let Some(folder) = wanted.dynamics_dir {
        types.read_parameters(folder)?;
    }
    TypesOf::open(types, file, path, edges)
}

/// All properties by name.
fn properties(
    file: &File,
    path: &str,
    wanted: &EdgesFile<'_>,
    groups: &Groups,
    types: Option<&TypesOf>,
) -> Result<BTreeMap<String, Property>> {
    let mut properties: BTreeMap<String, Property> = BTreeMap::new();
    let shown = |name: String, place: &str| {
        if TAKEN.contains(&name.as_str()) { format!("{place}/{name}") } else { name }
    };
    let mut property = |name: String, add: &mut dyn FnMut(&mut Property)| {
        add(properties.entry(name.clone()).or_insert_with(|| Property { name, ..Property::default() }));
    };
    for (at, (group, _)) in groups.names.iter().enumerate() {
        let folder = format!("{path}/{group}");
        let mut add = |folder: &str, name: &str, prefix: &str| -> Result<()> {
            let section_type = name == "afferent_section_type" && wanted.kind == "chemical";
            for (name, attribute) in attributes::of_dataset(file, folder, name, section_type)? {
                let mut attribute = Some(attribute);
                property(format!("{prefix}{}", shown(name, group)), &mut |property| {
                    property.parts.extend(attribute.take().map(|attribute| (at, attribute)));
                });
            }
            Ok(())
        };
        for name in file.names(&folder, Member::Dataset)? {
            add(&folder, &name, "")?;
        }
        let parameters = format!("{folder}/dynamics_params");
        if file.find(&parameters) == Some(Member::Group) {
            for name in file.names(&parameters, Member::Dataset)? {
                add(&parameters, &name, "@dynamics:")?;
            }
        }
    }
    for (at, (name, _)) in types.iter().flat_map(|types| types.table.columns().iter().enumerate()) {
        property(shown(name.clone(), "types"), &mut |property| property.of_type = Some(at));
    }
    Ok(properties)
}

impl Field {
    /// The values of some rows.
    pub(super) fn read(&self, population: &Population, rows: &BlockRows) -> Result<ArrayRef> {
        let numbers = |series: &Series| -> Result<ArrayRef> {
            Ok(Arc::new(Int64Array::from(gather::<Truncated>(series, 0, &rows.runs)?)))
        };
        match self {
            Field::Source => numbers(&population.sources),
            Field::Target => numbers(&population.targets),
            Field::Edge => {
                let edges = rows.runs.iter().cloned().flatten().map(|row| row as i64);
                Ok(Arc::new(Int64Array::from_iter_values(edges)))
            }
            Field::Number(series) => numbers(series),
            Field::Property(property) => property.read(population, rows),
        }
    }
}

impl Property {
    fn column(
        mut self,
        mut spec: ColumnSpec,
        file: &File,
        path: &str,
        groups: &Groups,
        types: Option<&TypesOf>,
    ) -> Result<(ColumnSpec, Field)> {
        let data_type = self.common_type(groups, types).map_err(|(a, b)| {
            Error::format(format!(
                "`{}` is {a} in one group of attributes and {b} in another, or for a type",
                self.name
            ))
            .in_dataset(file.path(), path)
        })?;
        spec.data_type = data_type.clone();
        self.data_type = Some(data_type);
        Ok((spec, Field::Property(Box::new(self))))
    }

    /// The type that holds what groups and types have: numbers of several types are floating point.
    fn common_type(
        &self,
        groups: &Groups,
        types: Option<&TypesOf>,
    ) -> std::result::Result<DataType, (&'static str, &'static str)> {
        // Where every group has it, the types are not asked.
        let everywhere = !self.parts.is_empty() && self.parts.len() == groups.names.len();
        let of_type = types.zip(self.of_type).filter(|_| !everywhere);
        let of_type = of_type.map(|(types, at)| types.table.columns()[at].1.data_type());
        let mut common = DataType::Null;
        for kind in self.parts.values().map(|part| &part.data_type).chain(of_type) {
            common = match (&common, kind) {
                (DataType::Null, kind) => kind.clone(),
                (_, DataType::Null) => common,
                (a, b) if a == b => common,
                (a, b) if a.is_numeric() && b.is_numeric() => DataType::Float64,
                (a, b) => return Err((described(a), described(b))),
            };
        }
        // Types that all lack it: the text would have been missing.
        Ok(if common == DataType::Null { text_type() } else { common })
    }

    fn read(&self, population: &Population, rows: &BlockRows) -> Result<ArrayRef> {
        let groups = &population.groups;
        if let (true, Some(part)) = (groups.is_plain(), self.parts.get(&0)) {
            return part.read(&rows.runs);
        }
        let of_type = population.types.as_ref().zip(self.of_type);
        if self.parts.is_empty() {
            return match of_type {
                Some((types, at)) => self.of_types(population, types, at, rows),
                None => Ok(new_null_array(&self.plain(), rows.rows)),
            };
        }
        self.merged(population, of_type, rows)
    }

    /// The type in which values of several places are put together: dictionaries are merged as text.
    fn plain(&self) -> DataType {
        match &self.data_type {
            None => DataType::Utf8,
            Some(kind) if *kind == text_type() => DataType::Utf8,
            Some(kind) => kind.clone(),
        }
    }

    /// What only the types say.
    fn of_types(
        &self,
        population: &Population,
        types: &TypesOf,
        at: usize,
        rows: &BlockRows,
    ) -> Result<ArrayRef> {
        let values = &types.table.columns()[at].1;
        if *values.data_type() == DataType::Null {
            return Ok(dictionary(new_null_array(&DataType::Utf8, rows.rows).as_string()));
        }
        let rows = rows.types(types)?;
        arrow_select::take::take(values, rows, None).map_err(|e| self.fault(population, &e))
    }

    /// What groups say, and for the edges of other groups the types.
    fn merged(
        &self,
        population: &Population,
        of_type: Option<(&TypesOf, usize)>,
        rows: &BlockRows,
    ) -> Result<ArrayRef> {
        let places = rows.places(&population.groups)?;
        let read = |group: usize, part: &Attribute| {
            let place = &places[group];
            if let Some(rows) = part.rows.filter(|&rows| rows < place.end()) {
                let row = place.end() - 1;
                return Err(
                    part.error(format!("it has {rows} rows, and an edge of the group is in row {row}"))
                );
            }
            part.read(&place.runs)
        };
        // All edges of the block are in one group, in its order.
        if let Some((&group, part)) = self.parts.iter().find(|(group, _)| places[**group].is_block(rows.rows))
            && Some(&part.data_type) == self.data_type.as_ref()
        {
            return read(group, part);
        }
        let plain = self.plain();
        let plain_array =
            |values: &ArrayRef| arrow_cast::cast(values, &plain).map_err(|e| self.fault(population, &e));
        let mut sources = vec![new_null_array(&plain, 1)];
        let mut chosen = vec![(0, 0); rows.rows];
        if let Some((types, at)) = of_type {
            sources.push(plain_array(&types.table.columns()[at].1)?);
            let numbers = rows.types(types)?.iter().enumerate();
            numbers
                .filter_map(|(at, row)| Some((at, row?)))
                .for_each(|(at, row)| chosen[at] = (1, row as usize));
        }
        for (&group, part) in &self.parts {
            for &(at, read) in &places[group].edges {
                chosen[at as usize] = (sources.len(), read as usize);
            }
            sources.push(plain_array(&read(group, part)?)?);
        }
        let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        let values = arrow_select::interleave::interleave(&sources, &chosen);
        let values = values.map_err(|e| self.fault(population, &e))?;
        Ok(if plain == DataType::Utf8 { dictionary(values.as_string()) } else { values })
    }

    fn fault(&self, population: &Population, error: &ArrowError) -> Error {
        let place = format!("edges/{}", population.name);
        Error::format(format!("`{}`: {error}", self.name)).in_dataset(&population.path, place)
    }
}

/// A type in words.
fn described(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "true or false",
        _ if data_type.is_numeric() => "a number",
        _ => "text",
    }
}
