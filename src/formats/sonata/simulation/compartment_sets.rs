//! `compartment_sets.json`: named lists of places on cells.
//!
//! ```text
//! { "NAME": {"population": "P", "compartment_set": [[node_id, section_id, offset], …]} }
//! ```

use std::path::Path;

use serde_json::Value;

use super::json;
use super::schema::{lacking, map_of, said};
use crate::diag::{Error, Result};

/// A place on a cell.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Location {
    /// The cell.
    pub node_id: u64,
    /// Its section.
    pub section_id: u64,
    /// How far along the section, from 0 to 1.
    pub offset: f64,
}

/// A named list of places.
#[derive(Clone, Debug, PartialEq)]
pub struct CompartmentSet {
    /// Its name.
    pub name: String,
    /// The population of the cells.
    pub population: String,
    /// The places, ascending, each once.
    pub locations: Vec<Location>,
}

/// Reads a file, in its order.
///
/// # Errors
/// A file that cannot be read, sets that are not as they should be; the message names the set.
pub fn read(path: &Path) -> Result<Vec<CompartmentSet>> {
    of_value(json::read_once(path)?).map_err(|e| e.in_file(path))
}

fn of_value(value: Value) -> Result<Vec<CompartmentSet>> {
    let sets = map_of(Some(value), "a file of compartment sets")?;
    sets.into_iter().map(|(name, set)| set_of(name, set)).collect()
}

fn set_of(name: String, set: Value) -> Result<CompartmentSet> {
    let place = format!("compartment set `{name}`");
    let set = map_of(Some(set), &place)?;
    let population = said(&set, "population").ok_or_else(|| lacking(&set, "population", &place))?;
    let Value::String(population) = population else {
        return Err(json::expected(&format!("`population` of {place}"), "a text", population));
    };
    let list = said(&set, "compartment_set").ok_or_else(|| lacking(&set, "compartment_set", &place))?;
    let Value::Array(list) = list else {
        return Err(json::expected(&format!("`compartment_set` of {place}"), "a list", list));
    };
    let locations = list.iter().map(|value| location(value, &place)).collect::<Result<Vec<Location>>>()?;
    if let Some([first, second]) = locations.windows(2).find(|pair| pair[0] >= pair[1]) {
        let text = |l: &Location| format!("[{}, {}, {}]", l.node_id, l.section_id, l.offset);
        return Err(Error::format(format!(
            "{place} must be in ascending order, without repetitions: {} stands before {}",
            text(first),
            text(second)
        )));
    }
    Ok(CompartmentSet { name, population: population.clone(), locations })
}

fn location(value: &Value, place: &str) -> Result<Location> {
    let Some([node, section, offset]) = value.as_array().map(Vec::as_slice) else {
        return Err(Error::format(format!(
            "an entry of {place} must be [node_id, section_id, offset], not {value}"
        )));
    };
    let id = |value: &Value, what: &str| {
        let must_be = "a whole number that is not negative";
        value
            .as_u64()
            .ok_or_else(|| json::expected(&format!("the {what} of an entry of {place}"), must_be, value))
    };
    let (node_id, section_id) = (id(node, "node_id")?, id(section, "section_id")?);
    match offset.as_f64().filter(|offset| (0.0..=1.0).contains(offset)) {
        Some(offset) => Ok(Location { node_id, section_id, offset }),
        None => Err(json::expected(&format!("the offset of an entry of {place}"), "from 0 to 1", offset)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sets_are_checked() {
        let good = json!({"b": {"population": "p", "compartment_set": [[1, 0, 0.5], [1, 0, 1], [2, 0, 0]]}, "a": {
            "population": "p", "compartment_set": []}});
        let sets = of_value(good).unwrap();
        assert_eq!((sets[0].name.as_str(), sets[0].locations.len(), sets.len()), ("b", 3, 2));
        let of =
            |list: Value| of_value(json!({"s": {"population": "p", "compartment_set": list}})).unwrap_err();
        for (list, message) in [
            (json!([[2, 0, 0.5], [1, 0, 0.5]]), "[2, 0, 0.5] stands before [1, 0, 0.5]"),
            (json!([[2, 0, 0.5], [2, 0, 0.5]]), "stands before"),
            (json!([[2, 0, 1.5]]), "from 0 to 1, not 1.5"),
            (json!([[2, 0]]), "[node_id, section_id, offset], not [2,0]"),
            (json!([[-2, 0, 0.5]]), "not -2"),
            (json!({}), "a list"),
        ] {
            let error = of(list);
            assert!(error.message().contains(message) && error.message().contains("`s`"), "{error}");
        }
        assert!(
            of_value(json!({"s": {"compartment_set": []}})).unwrap_err().message().contains("`population`")
        );
        assert!(of_value(json!([])).is_err());
    }
}
