//! The properties of nodes: attributes of their groups, and what holds for their types.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt64Array, new_null_array};
use arrow_schema::{ArrowError, DataType};

use super::{Places, Population, TAKEN};
use crate::diag::{Code, Deferred, Error, Result, once};
use crate::formats::cells::{Column, PLACE, column_type, dictionary, read_property, text_type, wrong};
use crate::formats::hdf5::{Dataset, Kind, Member};
use crate::model::{ColumnSpec, cell_column, units};

/// Attributes of more numbers a node than this are no attributes.
const MOST_COMPONENTS: u64 = 1 << 12;

/// A property of the nodes: what each group has of it, and the types.
#[derive(Clone, Default)]
pub(super) struct Property {
    pub(super) name: String,
    parts: BTreeMap<usize, Part>,
    /// The column of the types.
    of_type: Option<usize>,
    aliases: Vec<String>,
    /// It is a component of the place of the soma.
    pub(super) place: bool,
}

/// A component of an attribute of one group.
#[derive(Clone)]
struct Part {
    attribute: Arc<Attribute>,
    component: usize,
}

/// An attribute of a group: a dataset, which is read once for all its components.
struct Attribute {
    population: Arc<Population>,
    group: usize,
    name: String,
    dataset: Dataset,
    library: Option<Dataset>,
    /// How many components it has; nothing where that cannot be.
    width: Option<usize>,
    values: OnceLock<Result<ArrayRef>>,
}

/// All properties by name.
pub(super) fn properties(population: &Arc<Population>) -> Result<BTreeMap<String, Property>> {
    let mut properties = BTreeMap::new();
    for (at, (group, _)) in population.groups.iter().enumerate() {
        let path = format!("{}/{group}", population.path);
        for (name, member) in population.file.members(&path)? {
            match member {
                Member::Group if name == "dynamics_params" => {
                    let parameters = format!("{path}/{name}");
                    for (name, member) in population.file.members(&parameters)? {
                        if member != Member::Group {
                            let shown = format!("@dynamics:{name}");
                            add_attribute(&mut properties, population, at, &parameters, &name, shown)?;
                        }
                    }
                }
                Member::Group => {}
                Member::Dataset | Member::Other => {
                    let shown = shown_name(&name, group);
                    add_attribute(&mut properties, population, at, &path, &name, shown)?;
                }
            }
        }
    }
    if let Some(table) = &population.types {
        for (at, (name, _)) in table.types.columns().iter().enumerate() {
            property(&mut properties, shown_name(name, "types")).of_type = Some(at);
        }
    }
    Ok(properties)
}

/// The name of the column of an attribute.
fn shown_name(name: &str, group: &str) -> String {
    if TAKEN.contains(&name) { format!("{group}/{name}") } else { name.to_owned() }
}

fn property(properties: &mut BTreeMap<String, Property>, name: String) -> &mut Property {
    properties.entry(name.clone()).or_insert_with(|| Property { name, ..Property::default() })
}

/// Adds a column for each component of an attribute.
fn add_attribute(
    properties: &mut BTreeMap<String, Property>,
    population: &Arc<Population>,
    group: usize,
    folder: &str,
    name: &str,
    shown: String,
) -> Result<()> {
    let dataset = match population.file.dataset(&format!("{folder}/{name}")) {
        Ok(dataset) => dataset,
        // A named type, which is no attribute.
        Err(error) if error.code() == Code::Name => return Ok(()),
        Err(error) => return Err(error),
    };
    let library = format!("{folder}/@library/{name}");
    let library = match (dataset.kind(), population.file.find(&library)) {
        (Kind::Int, Some(Member::Dataset)) => Some(population.file.dataset(&library)?),
        _ => None,
    };
    let width = match *dataset.shape() {
        [_] => Some(1),
        [_, width] if width <= MOST_COMPONENTS => Some(width as usize),
        _ => None,
    };
    let attribute = Arc::new(Attribute {
        population: population.clone(),
        group,
        name: shown.clone(),
        dataset,
        library,
        width,
        values: OnceLock::new(),
    });
    let mut add = |name: String, component: usize| {
        let part = Part { attribute: attribute.clone(), component };
        property(properties, name).parts.insert(group, part);
    };
    match width {
        None | Some(1) => add(shown, 0),
        Some(width) => (0..width).for_each(|component| add(format!("{shown}[{component}]"), component)),
    }
    Ok(())
}

/// Where the place of the soma is one attribute of three components, they are found as `x`, `y` and `z`.
pub(super) fn alias_positions(properties: &mut BTreeMap<String, Property>) {
    let component = |i: usize| format!("positions[{i}]");
    let three = (0..3).all(|i| properties.contains_key(&component(i)));
    let named = PLACE.iter().any(|axis| properties.contains_key(*axis));
    if !three || named || properties.contains_key(&component(3)) {
        return;
    }
    for (i, axis) in PLACE.iter().enumerate() {
        let property = property(properties, component(i));
        property.aliases.push((*axis).to_owned());
        property.place = true;
    }
}

impl Attribute {
    fn data_type(&self) -> DataType {
        column_type(self.library.as_ref().unwrap_or(&self.dataset).kind()).unwrap_or(DataType::Null)
    }

    /// The values of all components, row by row.
    fn values(&self) -> Result<&ArrayRef> {
        once(&self.values, || self.read()).as_ref().map_err(Clone::clone)
    }

    fn read(&self) -> Result<ArrayRef> {
        let (population, dataset, name) = (&self.population, &self.dataset, &self.name);
        let Some(width) = self.width else {
            let message = format!("the shape of `{name}` is {:?}, not one row a node", dataset.shape());
            return Err(wrong(dataset, message));
        };
        if self.data_type() == DataType::Null {
            return Err(wrong(dataset, format!("the values of `{name}` are neither numbers nor text")));
        }
        let (rows, expected) = (dataset.rows()?, population.rows_of_group(self.group)?);
        if rows != expected {
            let of = match population.groups.len() {
                1 => String::new(),
                _ => format!(" of group {}", population.groups[self.group].0),
            };
            return Err(wrong(dataset, format!("`{name}` has {rows} values for {expected} nodes{of}")));
        }
        let whose = |at: usize| {
            let row = at / width.max(1);
            match population.node_at(self.group, row) {
                Some(node) => format!("`{name}` of node {node}"),
                None => format!("row {row} of `{name}`"),
            }
        };
        let values = read_property(dataset, self.library.as_ref(), whose)?;
        if values.len() != rows.saturating_mul(width) {
            return Err(wrong(
                dataset,
                format!("`{name}` has {} values, not {rows} × {width}", values.len()),
            ));
        }
        Ok(values)
    }
}

impl Part {
    fn values(&self) -> Result<ArrayRef> {
        let values = self.attribute.values()?;
        match self.attribute.width {
            Some(width) if width > 1 => {
                let rows = (self.component..values.len()).step_by(width).map(|row| row as u64);
                let rows = UInt64Array::from_iter_values(rows);
                arrow_select::take::take(values, &rows, None).map_err(|e| self.wrong(&e))
            }
            _ => Ok(values.clone()),
        }
    }

    fn wrong(&self, error: &ArrowError) -> Error {
        wrong(&self.attribute.dataset, error.to_string())
    }
}

impl Property {
    pub(super) fn column(self, population: &Arc<Population>) -> Column {
        let mut spec = self.spec(population);
        spec.aliases.extend(self.aliases.iter().cloned());
        if let Some(parameter) = self.name.strip_prefix("@dynamics:") {
            spec.aliases.push(parameter.to_owned());
        }
        let population = population.clone();
        (spec, Deferred::new(move || self.values(&population)))
    }

    fn spec(&self, population: &Population) -> ColumnSpec {
        let data_type = self.data_type(population).unwrap_or_else(|_| self.kinds(population)[0].1.clone());
        if self.place {
            return cell_column(&self.name, data_type).unit(units::UM).meaning("position of the soma");
        }
        cell_column(&self.name, data_type)
    }

    /// Where it comes from, each with its type.
    fn kinds(&self, population: &Population) -> Vec<(String, DataType)> {
        let groups = self.parts.iter().map(|(&group, part)| {
            (format!("group {}", population.groups[group].0), part.attribute.data_type())
        });
        // Where every group has it, those of the types are not asked.
        let everywhere = !self.parts.is_empty() && self.parts.len() == population.groups.len();
        let types =
            population.types.as_ref().zip(self.of_type).filter(|_| !everywhere).map(|(table, column)| {
                let kind = table.types.columns()[column].1.data_type().clone();
                (table.types.path().display().to_string(), kind)
            });
        groups.chain(types).collect()
    }

    /// The type that holds what all of them have: numbers of several types are floating point.
    pub(super) fn data_type(&self, population: &Population) -> Result<DataType> {
        let mut common = (String::new(), DataType::Null);
        for (place, kind) in self.kinds(population) {
            common = match (&common.1, &kind) {
                (DataType::Null, _) => (place, kind),
                (_, DataType::Null) => common,
                (a, b) if a == b => common,
                (a, b) if a.is_numeric() && b.is_numeric() => (common.0, DataType::Float64),
                (a, b) => {
                    let message = format!(
                        "`{}` is {} in {} and {} in {place}",
                        self.name,
                        described(a),
                        common.0,
                        described(b)
                    );
                    return Err(Error::format(message).in_dataset(population.file.path(), &*population.path));
                }
            };
        }
        // Types that all lack it: the text would have been missing.
        Ok(if common.1 == DataType::Null && self.parts.is_empty() { text_type() } else { common.1 })
    }

    pub(super) fn values(&self, population: &Population) -> Result<ArrayRef> {
        let data_type = self.data_type(population)?;
        let places = population.places()?;
        if let (Places::Same, Some(part)) = (places, self.parts.get(&0)) {
            return part.values();
        }
        // Dictionaries are merged as text.
        let plain = if data_type == text_type() { DataType::Utf8 } else { data_type };
        let fault = |error: &ArrowError| population.wrong(&self.name, error.to_string());
        let plain_array = |values: &ArrayRef| arrow_cast::cast(values, &plain).map_err(|e| fault(&e));
        let mut sources = vec![new_null_array(&plain, 1)];
        let mut of_group = vec![None; population.groups.len().max(1)];
        for (&group, part) in &self.parts {
            of_group[group] = Some(sources.len());
            sources.push(plain_array(&part.values()?)?);
        }
        let of_type = population.types.as_ref().zip(self.of_type);
        let of_type = of_type.map(|(table, column)| (&table.rows, &table.types.columns()[column].1));
        if let Some((_, values)) = of_type {
            sources.push(plain_array(values)?);
        }
        let last = sources.len() - 1;
        let place = |node: usize| {
            let (group, row) = match places {
                Places::Same => (0, node),
                Places::Listed { places, .. } => (places[node].0 as usize, places[node].1 as usize),
            };
            match (of_group[group], of_type) {
                (Some(source), _) => (source, row),
                (None, Some((rows, _))) if rows.is_valid(node) => (last, rows.value(node) as usize),
                _ => (0, 0),
            }
        };
        let places: Vec<(usize, usize)> = (0..population.count).map(place).collect();
        let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        let values = arrow_select::interleave::interleave(&sources, &places).map_err(|e| fault(&e))?;
        Ok(if plain == DataType::Utf8 { dictionary(values.as_string()) } else { values })
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
