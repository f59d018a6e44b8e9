//! `circuit_config.json`: the populations of a circuit and the files that they are in.
//!
//! ```text
//! { "manifest": {"$BASE": ".", "$NET": "$BASE/networks"},
//!   "node_sets_file": "$BASE/node_sets.json",
//!   "components": {"morphologies_dir": "$BASE/morphologies"},
//!   "networks": {"nodes": [{"nodes_file": "$NET/nodes.h5", "populations": {"cells": {"type": "biophysical"}}}],
//!                "edges": [{"edges_file": "$NET/edges.h5", "populations": {"cells__cells__chemical": {}}}]} }
//! ```
//! Variables are replaced in every text of the file; a relative path counts from the file's folder. Both dialects are
//! read: where `populations` is absent, as in files of the Allen Institute, all populations of the HDF5 file belong to
//! the circuit. A file that only says where the configuration is (`{"network": "circuit_config.json"}`) leads there.
//!
//! No file that is named has to exist: whoever opens it tells.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::json;
use crate::diag::{Error, Result, nearest};
use crate::formats::hdf5::{File, Member};
use crate::formats::paths::{PathMap, folder_of, tidy};

pub(super) use self::variables::Variables;

mod variables;

/// What a configuration claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything that a simulation needs is named.
    Complete,
    /// Anything may be absent.
    Partial,
}

/// One population of nodes or edges.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationConfig {
    /// Its name.
    pub name: String,
    /// Its type, in any words: `biophysical` (for nodes) or `chemical` (for edges) where nothing is said.
    pub kind: String,
    /// The HDF5 file that it is in.
    pub file: PathBuf,
    /// The table of types (Allen Institute).
    pub types_file: Option<PathBuf>,
    /// What holds for it: the circuit's components with its own values over them, `type`, and `nodes_file` or
    /// `edges_file`. Paths are absolute.
    pub properties: Map<String, Value>,
}

/// The configuration of a circuit.
#[derive(Clone, Debug)]
pub struct CircuitConfig {
    /// The file.
    pub path: PathBuf,
    /// All of it, with variables replaced and paths absolute.
    pub expanded: Value,
    /// Whether it claims to be complete.
    pub status: Status,
    /// The populations of nodes, in the file's order.
    pub nodes: Vec<PopulationConfig>,
    /// The populations of edges, in the file's order.
    pub edges: Vec<PopulationConfig>,
    /// The node sets.
    pub node_sets_file: Option<PathBuf>,
}

impl CircuitConfig {
    /// Reads a configuration, or the one that the file leads to with `network`.
    ///
    /// # Errors
    /// A file that cannot be read or is no configuration: not JSON, a variable that is not defined or goes round in
    /// circles, a value of the wrong kind, a population that is declared twice or lacks what its type needs.
    pub fn read(path: &Path, path_map: &PathMap) -> Result<Self> {
        Self::read_with(path, path_map, &mut Err)
    }

    fn read_with(path: &Path, path_map: &PathMap, faults: &mut Faults<'_>) -> Result<Self> {
        let mut path = tidy(&path_map.apply(path));
        let mut passed = HashSet::new();
        loop {
            let value = json::read(&path)?;
            let Some(next) = network(&value, &path, path_map)? else {
                return Self::of_value(value, &path, path_map, faults);
            };
            if !passed.insert(absolute(&path)) {
                return Err(
                    Error::format("`network` leads back to this file, not to a circuit").in_file(&path)
                );
            }
            path = next;
        }
    }

    /// Reads as much as can be read, and gives everything that keeps [`read`](Self::read) from doing so.
    ///
    /// # Errors
    /// What leaves nothing to read: a file that is not there or not JSON, a variable that is not defined.
    pub fn examine(path: &Path, path_map: &PathMap) -> Result<(Self, Vec<Error>)> {
        let mut faults = Vec::new();
        let mut keep = |fault: Error| {
            faults.push(fault);
            Ok(())
        };
        let config = Self::read_with(path, path_map, &mut keep)?;
        let faults = faults.into_iter().map(|e| e.in_file(&config.path)).collect();
        Ok((config, faults))
    }

    /// The same as [`read`](Self::read) for a text. `path` is where it stands, or would: its folder is where relative
    /// paths count from.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_json(text: &str, path: &Path, path_map: &PathMap) -> Result<Self> {
        Self::of_value(json::parse(text.as_bytes(), path)?, path, path_map, &mut Err)
    }

    fn of_value(value: Value, path: &Path, path_map: &PathMap, faults: &mut Faults<'_>) -> Result<Self> {
        Self::build(value, path, path_map, faults).map_err(|e| e.in_file(path))
    }

    fn build(mut expanded: Value, path: &Path, path_map: &PathMap, faults: &mut Faults<'_>) -> Result<Self> {
        let folder = absolute(&folder_of(path));
        Variables::of(&expanded, &folder)?.expand(&mut expanded)?;
        let Value::Object(sections) = &mut expanded else {
            return Err(json::expected("the configuration of a circuit", "a map", &expanded));
        };
        let places = Places { folder: &folder, path_map };
        for key in ["node_sets_file", "components", "networks"] {
            if let Some(value) = sections.get_mut(key) {
                places.settle(key, value)?;
            }
        }
        let status = match status(sections) {
            Ok(status) => status,
            Err(fault) => {
                faults(fault)?;
                Status::Complete
            }
        };
        let none = Map::new();
        let components = sections.get("components").and_then(Value::as_object).unwrap_or(&none);
        let networks = match (sections.get("networks").filter(|n| !n.is_null()), status) {
            (Some(Value::Object(networks)), _) => {
                if status == Status::Complete && !networks.contains_key(NODES.key) {
                    faults(missing(NODES.key, "`networks`", networks))?;
                }
                networks
            }
            (None, Status::Partial) => &none,
            (other, _) => {
                faults(match other {
                    Some(other) => json::expected("`networks`", "a map", other),
                    None => missing("networks", "the configuration", sections),
                })?;
                &none
            }
        };
        let nodes = NODES.populations(networks, components, status, faults)?;
        let edges = EDGES.populations(networks, components, status, faults)?;
        let node_sets_file = text_of(sections, "node_sets_file").map(PathBuf::from);
        Ok(CircuitConfig { path: path.to_owned(), status, nodes, edges, node_sets_file, expanded })
    }

    /// The whole configuration as JSON, with variables replaced and paths absolute.
    pub fn to_json(&self) -> String {
        format!("{:#}", self.expanded)
    }
}

/// Told of each fault that leaves something to read; what it answers with ends the reading.
type Faults<'a> = dyn FnMut(Error) -> Result<()> + 'a;

/// Where a file leads that is no circuit itself.
fn network(value: &Value, path: &Path, path_map: &PathMap) -> Result<Option<PathBuf>> {
    let Some(sections) = value.as_object().filter(|s| !s.contains_key("networks")) else { return Ok(None) };
    let Some(text) = text_of(sections, "network") else { return Ok(None) };
    let folder = absolute(&folder_of(path));
    let text =
        Variables::of(value, &folder).and_then(|v| v.expand_text(text)).map_err(|e| e.in_file(path))?;
    Ok(Some(Places { folder: &folder, path_map }.of(&text)))
}

fn status(sections: &Map<String, Value>) -> Result<Status> {
    match sections.get("metadata").and_then(|m| m.get("status")) {
        None | Some(Value::Null) => Ok(Status::Complete),
        Some(Value::String(status)) if status == "complete" => Ok(Status::Complete),
        Some(Value::String(status)) if status == "partial" => Ok(Status::Partial),
        Some(other) => {
            Err(Error::format(format!("`metadata.status` must be \"complete\" or \"partial\", not {other}")))
        }
    }
}

/// The error for a key that must be there; the nearest one that is may be misspelt.
fn missing(key: &str, place: &str, there: &Map<String, Value>) -> Error {
    let error = Error::format(format!("{place} has no `{key}`"));
    let keys: Vec<&String> = there.keys().collect();
    match nearest(key, &keys) {
        Some(near) => error.help(format!("there is `{near}` instead")),
        None => error.help("only a configuration with `metadata.status` \"partial\" may lack it"),
    }
}

/// A text that says something.
fn text_of<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key)?.as_str().filter(|t| !t.is_empty())
}

/// An absolute path without `.` and `..`, by its text alone: the file system is not asked.
pub(super) fn absolute(path: &Path) -> PathBuf {
    // It fails where the working directory is gone; then the path has no better form.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    without_detours(&path)
}

/// A path without `.` and, where a name stands before it, without `..`.
pub(in crate::formats) fn without_detours(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match (part, tidied.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                tidied.pop();
            }
            _ => tidied.push(part),
        }
    }
    if tidied.as_os_str().is_empty() { PathBuf::from(".") } else { tidied }
}

/// Where paths lead.
pub(super) struct Places<'a> {
    pub(super) folder: &'a Path,
    pub(super) path_map: &'a PathMap,
}

impl Places<'_> {
    /// The absolute path that a text means.
    pub(super) fn of(&self, text: &str) -> PathBuf {
        absolute(&self.folder.join(self.path_map.apply(Path::new(text))))
    }

    /// Makes one path absolute. An empty text, or null, is no path.
    fn place(&self, what: &str, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) if !text.is_empty() => *text = self.of(text).to_string_lossy().into_owned(),
            Value::String(_) | Value::Null => {}
            other => return Err(json::expected(&format!("`{what}`"), "a text", other)),
        }
        Ok(())
    }

    /// Makes every path below a key absolute.
    fn settle(&self, key: &str, value: &mut Value) -> Result<()> {
        match value {
            value if ["_dir", "_file", "_mesh"].iter().any(|end| key.ends_with(end)) => {
                self.place(key, value)?;
            }
            // One folder for each format, under the format's name.
            Value::Object(formats) if key == "alternate_morphologies" => {
                for (format, folder) in formats {
                    self.place(&format!("{key}.{format}"), folder)?;
                }
            }
            Value::Object(map) => {
                for (inner, value) in map {
                    // The name of a population is no key.
                    self.settle(if key == "populations" { "" } else { inner }, value)?;
                }
            }
            Value::Array(list) => list.iter_mut().try_for_each(|value| self.settle("", value))?,
            _ => {}
        }
        Ok(())
    }
}

/// The words of one half of `networks`.
struct Half {
    key: &'static str,
    file: &'static str,
    types: &'static str,
    noun: &'static str,
    kind: &'static str,
    /// Types, and one of the components that each of them needs.
    needs: &'static [(&'static str, &'static [&'static str])],
}

const NODES: Half = Half {
    key: "nodes",
    file: "nodes_file",
    types: "node_types_file",
    noun: "node",
    kind: "biophysical",
    needs: &[
        ("biophysical", &["morphologies_dir", "alternate_morphologies"]),
        ("biophysical", &["biophysical_neuron_models_dir"]),
        ("astrocyte", &["microdomains_file"]),
        ("vasculature", &["vasculature_file"]),
        ("vasculature", &["vasculature_mesh"]),
    ],
};

const EDGES: Half = Half {
    key: "edges",
    file: "edges_file",
    types: "edge_types_file",
    noun: "edge",
    kind: "chemical",
    needs: &[("endfoot", &["endfeet_meshes_file"])],
};

impl Half {
    fn populations(
        &self,
        networks: &Map<String, Value>,
        components: &Map<String, Value>,
        status: Status,
        faults: &mut Faults<'_>,
    ) -> Result<Vec<PopulationConfig>> {
        let networks = match networks.get(self.key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(networks)) => networks,
            Some(other) => {
                faults(json::expected(&format!("`networks.{}`", self.key), "a list", other))?;
                return Ok(Vec::new());
            }
        };
        let mut found: Vec<PopulationConfig> = Vec::new();
        let mut names = HashSet::new();
        for network in networks {
            let populations = match self.of_file(network, components) {
                Ok(populations) => populations,
                Err(fault) => {
                    faults(fault)?;
                    continue;
                }
            };
            for population in populations {
                let population = match population {
                    Ok(population) => population,
                    Err(fault) => {
                        faults(fault)?;
                        continue;
                    }
                };
                // In the Allen flavour nobody says of what type a population is.
                let declared = network.get("populations").is_some_and(Value::is_object);
                if declared && status == Status::Complete {
                    self.lacking(&population).try_for_each(&mut *faults)?;
                }
                if names.insert(population.name.clone()) {
                    found.push(population);
                } else {
                    let first = found.iter().find(|p| p.name == population.name).map(|p| &p.file);
                    faults(self.twice(&population, first))?;
                }
            }
        }
        Ok(found)
    }

    fn twice(&self, population: &PopulationConfig, first: Option<&PathBuf>) -> Error {
        let files: Vec<String> =
            first.into_iter().chain([&population.file]).map(|f| f.display().to_string()).collect();
        Error::format(format!("{} population `{}` is declared twice", self.noun, population.name))
            .help(format!("in {}", files.join(" and in ")))
    }

    /// The populations of one file.
    fn of_file(
        &self,
        network: &Value,
        components: &Map<String, Value>,
    ) -> Result<Vec<Result<PopulationConfig>>> {
        let what = format!("an entry of `networks.{}`", self.key);
        let Value::Object(network) = network else { return Err(json::expected(&what, "a map", network)) };
        let Some(file) = text_of(network, self.file) else {
            return Err(Error::format(format!("{what} has no `{}`", self.file)));
        };
        let shared = FileOf {
            half: self,
            file: Path::new(file),
            types_file: text_of(network, self.types).map(PathBuf::from),
            components,
        };
        match network.get("populations") {
            Some(Value::Object(populations)) => {
                Ok(populations.iter().map(|(name, own)| shared.population(name, own)).collect())
            }
            None | Some(Value::Null) => {
                let names = self.names_in(Path::new(file));
                Ok(names.iter().map(|name| shared.population(name, &Value::Null)).collect())
            }
            Some(other) => Err(json::expected(&format!("`populations` of {file}"), "a map", other)),
        }
    }

    /// All populations of a file. A file that cannot be listed counts as one population of its name: the circuit opens,
    /// and whoever asks for that population learns what is wrong with the file.
    fn names_in(&self, file: &Path) -> Vec<String> {
        let names = File::open(file).and_then(|f| f.names(self.key, Member::Group));
        let stem = || file.file_stem().map(|s| vec![s.to_string_lossy().into_owned()]).unwrap_or_default();
        names.unwrap_or_else(|_| stem())
    }

    /// What the type of a population needs and a complete configuration does not say.
    fn lacking(&self, population: &PopulationConfig) -> impl Iterator<Item = Error> {
        let says = |key: &&str| match population.properties.get(*key) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Object(map)) => !map.is_empty(),
            _ => false,
        };
        let kind = population.kind.as_str();
        let lacking =
            self.needs.iter().filter(move |(needing, keys)| *needing == kind && !keys.iter().any(says));
        lacking.map(move |(_, keys)| {
            let keys: Vec<String> = keys.iter().map(|k| format!("`{k}`")).collect();
            let (noun, name) = (self.noun, &population.name);
            let keys = keys.join(" or ");
            Error::format(format!("{noun} population `{name}` is of type {kind}, but has no {keys}")).help(
                "it may stand in `components` or in the population; a configuration whose `metadata.status` is \
                 \"partial\" needs neither",
            )
        })
    }
}

/// What the populations of one file share.
struct FileOf<'a> {
    half: &'a Half,
    file: &'a Path,
    types_file: Option<PathBuf>,
    components: &'a Map<String, Value>,
}

impl FileOf<'_> {
    fn population(&self, name: &str, own: &Value) -> Result<PopulationConfig> {
        let none = Map::new();
        let own = match own {
            Value::Null => &none,
            Value::Object(own) => own,
            other => return Err(json::expected(&format!("population `{name}`"), "a map", other)),
        };
        let kind = match own.get("type") {
            None | Some(Value::Null) => self.half.kind,
            Some(Value::String(kind)) => kind,
            Some(other) => {
                return Err(json::expected(&format!("`type` of population `{name}`"), "a text", other));
            }
        };
        let mut properties = self.components.clone();
        let said = own.iter().filter(|(_, value)| !value.is_null());
        properties.extend(said.map(|(key, value)| (key.clone(), value.clone())));
        properties.insert("type".into(), kind.into());
        properties.insert(self.half.file.into(), self.file.to_string_lossy().into());
        Ok(PopulationConfig {
            name: name.to_owned(),
            kind: kind.to_owned(),
            file: self.file.to_owned(),
            types_file: self.types_file.clone(),
            properties,
        })
    }
}

#[cfg(test)]
mod tests;
