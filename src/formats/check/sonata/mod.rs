//! Circuits of SONATA: the configuration, node sets, nodes, edges.

mod edges;
mod index;
mod nodes;
mod rules;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::edges::End;
use super::{Findings, Severity};
use crate::diag::{Error, Result, nearest};
use crate::formats::hdf5::{File, Member, Series};
use crate::formats::paths::{PathMap, missing};
use crate::formats::sonata::config::{CircuitConfig, PopulationConfig, Status};
use crate::formats::sonata::edges::ends;
use crate::formats::sonata::node_sets::NodeSets;
use crate::formats::sonata::open::config_of_nodes;
use crate::model::CellTable;

/// A population of nodes or edges, and the file that it should be in.
struct Population<'a> {
    config: &'a PopulationConfig,
    file: &'a File,
    /// Whether the configuration names the population, and with it the type.
    declared: bool,
    status: Status,
}

impl Population<'_> {
    /// How bad it is that something is missing which the specification wants.
    fn lacking(&self) -> Severity {
        if self.declared && self.status == Status::Complete { Severity::Fatal } else { Severity::Warning }
    }

    /// The attributes that its type must have; in the Allen flavour nobody says of what type it is.
    fn needed(&self, of_type: Vec<&'static str>) -> Vec<&'static str> {
        if self.declared { of_type } else { Vec::new() }
    }

    /// The error for a population that the file does not have.
    fn absent(&self, half: &str, what: &str) -> Option<Error> {
        let name = &self.config.name;
        if !name.contains('/') && self.file.find(&format!("{half}/{name}")) == Some(Member::Group) {
            return None;
        }
        Some(match self.file.names(half, Member::Group) {
            Ok(known) => Error::unknown(what, name, known).in_file(&self.config.file),
            Err(error) => error,
        })
    }
}

/// Checks the circuit of a configuration.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check(path: &Path, path_map: &PathMap, findings: &mut Findings) -> Result<()> {
    let read = CircuitConfig::examine(path, path_map);
    let Some((config, faults)) = findings.take(Severity::Fatal, path, read)? else { return Ok(()) };
    for fault in &faults {
        findings.error(Severity::Fatal, &config.path, fault)?;
    }
    check_config(findings, &config);
    let nodes = check_populations(findings, &config)?;
    check_node_sets(findings, &config, &nodes)
}

/// Checks a file of nodes alone.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check_nodes(path: &Path, findings: &mut Findings) -> Result<()> {
    let config = findings.take(Severity::Fatal, path, config_of_nodes(path))?;
    if let Some(config) = config {
        check_populations(findings, &config)?;
    }
    Ok(())
}

/// Checks a population of nodes that stands for the cells of a circuit of the legacy format.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check_cells(findings: &mut Findings, path: &Path, name: &str) -> Result<()> {
    let config = alone(path, name, "biophysical");
    match findings.take(Severity::Fatal, path, File::open(path))? {
        Some(file) => nodes::check(findings, &of_legacy(&config, &file)).map(drop),
        None => Ok(()),
    }
}

/// Checks a population of edges that stands for the synapses of a circuit of the legacy format. `cells` are those of the
/// circuit by node id; whoever makes the synapses of a projection is not among them.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check_synapses(
    findings: &mut Findings,
    path: &Path,
    name: &str,
    cells: Option<&Arc<CellTable>>,
    projection: bool,
) -> Result<()> {
    let config = alone(path, name, "chemical");
    let Some(file) = findings.take(Severity::Fatal, path, File::open(path))? else { return Ok(()) };
    // The names that the file states are those of no configuration.
    let (source, target) = ends(path, name).unwrap_or_default();
    let end = |name: Option<String>, known: bool| End {
        name: name.unwrap_or_else(|| "cells".to_owned()),
        kind: String::new(),
        cells: cells.filter(|_| known).cloned(),
    };
    let nodes = if source == target {
        vec![end(target, !projection)]
    } else {
        vec![end(target, true), end(source, !projection)]
    };
    edges::check(findings, &of_legacy(&config, &file), &nodes, &|_| None)
}

/// A population that no configuration names.
fn alone(path: &Path, name: &str, kind: &str) -> PopulationConfig {
    let (name, kind, file) = (name.to_owned(), kind.to_owned(), path.to_owned());
    PopulationConfig { name, kind, file, types_file: None, properties: Map::new() }
}

fn of_legacy<'a>(config: &'a PopulationConfig, file: &'a File) -> Population<'a> {
    Population { config, file, declared: false, status: Status::Partial }
}

/// Keys, types and paths.
fn check_config(findings: &mut Findings, config: &CircuitConfig) {
    let file = &config.path;
    if config.status == Status::Partial {
        let message = "the configuration is partial: what is complete depends on what it is for";
        findings.add(Severity::Info, file, "metadata.status", message);
    }
    let networks = config.expanded.get("networks");
    if config.status == Status::Complete {
        for half in ["nodes", "edges"] {
            let listed = networks.and_then(|n| n.get(half)).and_then(Value::as_array).map(Vec::len);
            if listed.unwrap_or(0) == 0 {
                findings.add(
                    Severity::Warning,
                    file,
                    format!("networks.{half}"),
                    format!("there are no {half}"),
                );
            }
        }
    }
    for (half, populations) in [("nodes", &config.nodes), ("edges", &config.edges)] {
        if populations.iter().any(|p| !declared(config, half, &p.name)) {
            let message =
                "populations are not named (Allen Institute): other programs take the circuit for empty";
            findings.add(Severity::Warning, file, format!("networks.{half}"), message);
        }
    }
    let none = Map::new();
    let components = config.expanded.get("components").and_then(Value::as_object).unwrap_or(&none);
    check_components(findings, file, "components", components);
    for (half, populations) in [("nodes", &config.nodes), ("edges", &config.edges)] {
        let types: &[&str] = if half == "nodes" { &rules::NODE_TYPES } else { &rules::EDGE_TYPES };
        for population in populations {
            let place = format!("networks.{half}, population {}", population.name);
            if !types.contains(&population.kind.as_str()) {
                let near = nearest(&population.kind, types).map(|n| format!("; did you mean `{n}`?"));
                let message = format!(
                    "`{}` is no type of {half} that is known{}",
                    population.kind,
                    near.unwrap_or_default()
                );
                findings.add(Severity::Warning, file, &place, message);
            }
            let own = population.properties.iter().filter(|(key, value)| components.get(*key) != Some(value));
            let own: Map<String, Value> = own.map(|(k, v)| (k.clone(), v.clone())).collect();
            check_components(findings, file, &place, &own);
        }
    }
}

/// Paths that lead nowhere, and keys that are misspelt.
fn check_components(findings: &mut Findings, file: &Path, place: &str, components: &Map<String, Value>) {
    // The files of populations are opened, and told of there.
    const FILES: [&str; 3] = ["type", "nodes_file", "edges_file"];
    for (key, value) in components.iter().filter(|(key, _)| !FILES.contains(&key.as_str())) {
        if !rules::COMPONENTS.contains(&key.as_str())
            && let Some(near) = nearest(key, &rules::COMPONENTS)
        {
            let message = format!("`{key}` is no component that is known; did you mean `{near}`?");
            findings.add(Severity::Warning, file, place, message);
        }
        let formats: Vec<(String, &str)> = match value {
            Value::String(path) => vec![(key.clone(), path.as_str())],
            Value::Object(formats) => {
                formats.iter().filter_map(|(f, path)| Some((format!("{key}.{f}"), path.as_str()?))).collect()
            }
            _ => Vec::new(),
        };
        let is_path = |key: &str| {
            key.contains("alternate_morphologies")
                || ["_dir", "_file", "_mesh"].iter().any(|e| key.ends_with(e))
        };
        for (key, path) in formats.into_iter().filter(|(key, path)| is_path(key) && !path.is_empty()) {
            if !Path::new(path).exists() {
                let error = missing(Path::new(path));
                let helps = error.helps().iter().map(|h| format!("; {h}")).collect::<Vec<_>>().concat();
                findings.add(Severity::Warning, file, place, format!("{key}: {}{helps}", error.message()));
            }
        }
    }
}

/// The cells of a population of nodes, if they can be opened.
type Nodes = Vec<(PopulationConfig, Option<Arc<CellTable>>)>;

/// Checks all populations, and gives those of nodes.
fn check_populations(findings: &mut Findings, config: &CircuitConfig) -> Result<Nodes> {
    let files = files(findings, config)?;
    let mut nodes = Nodes::new();
    for population in &config.nodes {
        let declared = declared(config, "nodes", &population.name);
        let cells = match files.get(population.file.as_path()) {
            Some(file) => {
                let population = Population { config: population, file, declared, status: config.status };
                nodes::check(findings, &population)?
            }
            None => None,
        };
        nodes.push((population.clone(), cells));
    }
    let end = |(p, cells): &(PopulationConfig, Option<Arc<CellTable>>)| End {
        name: p.name.clone(),
        kind: p.kind.clone(),
        cells: cells.clone(),
    };
    let ends: Vec<End> = nodes.iter().map(end).collect();
    let rows = |name: &str| {
        let population = config.edges.iter().find(|p| p.name == name)?;
        let file = files.get(population.file.as_path())?;
        Some(Series::open(file, &format!("edges/{name}/target_node_id")).ok()?.rows() as u64)
    };
    for population in &config.edges {
        if let Some(file) = files.get(population.file.as_path()) {
            let declared = declared(config, "edges", &population.name);
            let population = Population { config: population, file, declared, status: config.status };
            edges::check(findings, &population, &ends, &rows)?;
        }
    }
    Ok(nodes)
}

/// Whether a configuration names a population; in the Allen flavour it names only its file.
fn declared(config: &CircuitConfig, half: &str, name: &str) -> bool {
    let networks = config.expanded.get("networks").and_then(|n| n.get(half)).and_then(Value::as_array);
    let populations = networks.into_iter().flatten().filter_map(|n| n.get("populations"));
    populations.into_iter().any(|p| p.get(name).is_some())
}

/// The files of all populations that can be opened; what is wrong with the others; populations that nobody asks for.
fn files<'a>(findings: &mut Findings, config: &'a CircuitConfig) -> Result<BTreeMap<&'a Path, File>> {
    let mut files = BTreeMap::new();
    for (half, populations) in [("nodes", &config.nodes), ("edges", &config.edges)] {
        let mut seen = HashSet::new();
        for population in populations.iter().filter(|p| seen.insert(p.file.as_path())) {
            let path = population.file.as_path();
            let opened = if path.exists() { File::open(path) } else { Err(missing(path)) };
            let Some(file) = findings.take(Severity::Fatal, path, opened)? else { continue };
            if let Ok(names) = file.names(half, Member::Group) {
                let strange = names
                    .iter()
                    .filter(|name| !populations.iter().any(|p| p.name == **name && p.file == path));
                for name in strange {
                    let message = format!(
                        "the configuration does not name population `{name}`: it is no part of the circuit"
                    );
                    findings.add(Severity::Info, path, format!("{half}/{name}"), message);
                }
            }
            files.insert(path, file);
        }
        let types: HashSet<&Path> = populations.iter().filter_map(|p| p.types_file.as_deref()).collect();
        for path in types.into_iter().filter(|path| !path.exists()) {
            findings.error(Severity::Fatal, path, &missing(path))?;
        }
    }
    Ok(files)
}

fn check_node_sets(findings: &mut Findings, config: &CircuitConfig, nodes: &Nodes) -> Result<()> {
    let Some(path) = &config.node_sets_file else { return Ok(()) };
    if !path.exists() {
        return findings.error(Severity::Fatal, path, &missing(path));
    }
    let Some((mut sets, faults)) = findings.take(Severity::Fatal, path, NodeSets::examine(path))? else {
        return Ok(());
    };
    sets.add_populations(nodes.iter().map(|(p, _)| p.name.clone()));
    for fault in faults.iter().chain(&sets.broken()) {
        findings.error(Severity::Fatal, path, fault)?;
    }
    let populations =
        nodes.iter().filter_map(|(p, cells)| Some((p.name.as_str(), p.kind.as_str(), cells.as_ref()?)));
    let populations: Vec<_> = populations.collect();
    if populations.len() < nodes.len() {
        return Ok(());
    }
    for fault in sets.doubts(&populations)? {
        findings.error(Severity::Warning, path, &fault)?;
    }
    Ok(())
}
