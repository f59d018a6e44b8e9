//! The orientation of nodes as unit quaternions: stored, or computed from angles of rotation.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_schema::DataType;

use super::properties::Property;
use super::{Population, float64};
use crate::diag::{Deferred, Error, Result};
use crate::formats::cells::{Column, ORIENTATION, PLACE};
use crate::model::cell_column;

/// Angles of rotation around the axes (radians), about z first.
const ANGLES: [&str; 3] = ["rotation_angle_xaxis", "rotation_angle_yaxis", "rotation_angle_zaxis"];

/// The columns of the orientation, taken out of the properties: quaternions of the file, or those of its angles; of cells
/// that stand somewhere but are not turned, the one that does nothing.
pub(super) fn orientation(
    population: &Arc<Population>,
    properties: &mut BTreeMap<String, Property>,
) -> Vec<Column> {
    let angles = ANGLES.map(|name| properties.get(name).cloned());
    let stored = ORIENTATION.map(|name| properties.remove(name));
    let somewhere = properties.values().any(|p| p.place || PLACE.contains(&p.name.as_str()));
    if !somewhere && angles.iter().chain(&stored).all(Option::is_none) {
        return Vec::new();
    }
    let single = |p: &Property| matches!(p.data_type(population), Ok(DataType::Float32));
    let kind = match stored.iter().flatten().next() {
        Some(_) if stored.iter().flatten().all(single) => DataType::Float32,
        _ => DataType::Float64,
    };
    let in_file = stored.iter().any(Option::is_some);
    let (population, data_type) = (population.clone(), kind.clone());
    let quaternions = Arc::new(Deferred::new(move || {
        let quaternions = Turned::read(&population, &stored, &angles)?.quaternions(&population)?;
        let narrow = |values: Vec<f64>| -> Result<ArrayRef> {
            let values: ArrayRef = Arc::new(Float64Array::from(values));
            arrow_cast::cast(&values, &data_type).map_err(|e| Error::format(e.to_string()))
        };
        quaternions.into_iter().map(narrow).collect::<Result<Vec<ArrayRef>>>()
    }));
    let column = |(at, name): (usize, &&str)| {
        let quaternions = quaternions.clone();
        let mut spec = cell_column(name, kind.clone());
        if !in_file {
            spec.meaning = format!("{} (computed: the file has angles or nothing)", spec.meaning);
        }
        (spec, Deferred::new(move || Ok(quaternions.get()?[at].clone())))
    };
    ORIENTATION.iter().enumerate().map(column).collect()
}

/// What the file says about orientations.
struct Turned {
    /// w, x, y, z, if it says that.
    stored: Option<[Float64Array; 4]>,
    /// Around x, y, z.
    angles: [Option<Float64Array>; 3],
}

impl Turned {
    fn read(
        population: &Population,
        stored: &[Option<Property>; 4],
        angles: &[Option<Property>; 3],
    ) -> Result<Self> {
        let numbers = |property: &Option<Property>| -> Result<Option<Float64Array>> {
            let Some(property) = property else { return Ok(None) };
            let values = property.values(population)?;
            if !values.data_type().is_numeric() {
                return Err(population.wrong(&property.name, format!("`{}` is not a number", property.name)));
            }
            float64(&values).map(Some).map_err(|e| population.wrong(&property.name, e.to_string()))
        };
        let is_there = |name: &&&str| stored.iter().flatten().any(|p| p.name == **name);
        let (there, lacking): (Vec<&str>, Vec<&str>) = ORIENTATION.iter().partition(|name| is_there(name));
        if !there.is_empty() && !lacking.is_empty() {
            let (there, lacking) = (there.join(", "), lacking.join(", "));
            let message = format!("the population has {there} but no {lacking}");
            return Err(Error::format(message)
                .in_dataset(population.file.path(), &*population.path)
                .help("an orientation is all four numbers w, x, y and z, or none of them"));
        }
        let [w, x, y, z] = [0, 1, 2, 3].map(|i| numbers(&stored[i]));
        let stored = match (w?, x?, y?, z?) {
            (Some(w), Some(x), Some(y), Some(z)) => Some([w, x, y, z]),
            _ => None,
        };
        let [x, y, z] = [0, 1, 2].map(|i| numbers(&angles[i]));
        Ok(Turned { stored, angles: [x?, y?, z?] })
    }

    /// The unit quaternions of all nodes, a component each.
    fn quaternions(&self, population: &Population) -> Result<[Vec<f64>; 4]> {
        let mut components: [Vec<f64>; 4] = std::array::from_fn(|_| Vec::with_capacity(population.count));
        for node in 0..population.count {
            let quaternion = match self.stored_quaternion(node) {
                Some(stored) => normalised(stored.map_err(|lacking| {
                    let node = population.id_of(node);
                    let message = format!("the orientation of node {node} has no `{lacking}`");
                    population.wrong(lacking, message)
                })?),
                None => of_angles(
                    self.angles.each_ref().map(|a| a.as_ref().map_or(0.0, |a| value(a, node).unwrap_or(0.0))),
                ),
            };
            components.iter_mut().zip(quaternion).for_each(|(all, one)| all.push(one));
        }
        Ok(components)
    }

    /// What is stored of a node: all of it, or the component that is missing beside others.
    fn stored_quaternion(&self, node: usize) -> Option<Result<[f64; 4], &'static str>> {
        let stored = self.stored.as_ref()?.each_ref().map(|component| value(component, node));
        if stored.iter().all(Option::is_none) {
            return None;
        }
        match stored.iter().position(Option::is_none) {
            Some(at) => Some(Err(ORIENTATION[at])),
            None => Some(Ok(stored.map(Option::unwrap_or_default))),
        }
    }
}

fn value(values: &Float64Array, row: usize) -> Option<f64> {
    values.is_valid(row).then(|| values.value(row))
}

fn normalised(quaternion: [f64; 4]) -> [f64; 4] {
    let norm = quaternion.iter().map(|v| v * v).sum::<f64>().sqrt();
    quaternion.map(|v| v / norm)
}

/// The quaternion w, x, y, z of rotations about z, then y, then x, around the axes of the world (radians).
fn of_angles([x, y, z]: [f64; 3]) -> [f64; 4] {
    let [(sx, cx), (sy, cy), (sz, cz)] = [x, y, z].map(|angle| (angle / 2.0).sin_cos());
    [
        cx * cy * cz - sx * sy * sz,
        sx * cy * cz + cx * sy * sz,
        cx * sy * cz - sx * cy * sz,
        sx * sy * cz + cx * cy * sz,
    ]
}
