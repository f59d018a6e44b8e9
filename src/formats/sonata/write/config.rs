//! circuit_config.json: what is in which file, and where the circuit's morphologies and models are.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::edges::Edges;
use super::{SETS, file_of, kind_of};
use crate::diag::{Error, Result};
use crate::formats::write::circuit::{Population, Texts};
use crate::formats::write::write_file;
use crate::model::Circuit;

/// The version of the format.
const VERSION: f64 = 2.4;

/// How morphologies are kept below a common folder: folder, extension.
const FOLDERS: [(&str, &str); 7] = [
    ("swc", "swc"),
    ("ascii", "asc"),
    ("asc", "asc"),
    ("h5v1", "h5"),
    ("h5", "h5"),
    ("v1", "h5"),
    ("h5/v1", "h5"),
];

/// Writes the configuration of a circuit.
pub(super) fn write(
    path: &Path,
    circuit: &Circuit,
    populations: &[Population],
    edges: &[Edges],
    has_sets: bool,
    notes: &mut Vec<String>,
) -> Result<()> {
    let components = components(circuit, notes)?;
    // A circuit that is not complete is opened all the same, and what needs the rest says what is missing.
    let has = |name: &str| components.contains_key(name);
    let morphologies = has("morphologies_dir") || has("alternate_morphologies");
    let complete = morphologies && has("biophysical_neuron_models_dir") && !edges.is_empty();
    let nodes = populations.iter().map(|population| {
        json!({
            "nodes_file": inside(&file_of(population)),
            "populations": {population.name(): {"type": kind_of(population)}},
        })
    });
    let edges = edges.iter().map(|edges| {
        json!({
            "edges_file": inside(&edges.file),
            "populations": {edges.name.as_str(): {"type": edges.kind}},
        })
    });
    let mut networks = Map::new();
    networks.insert("nodes".into(), nodes.collect());
    networks.insert("edges".into(), edges.collect());
    let mut config = Map::new();
    config.insert("version".into(), VERSION.into());
    config.insert("metadata".into(), json!({"status": if complete { "complete" } else { "partial" }}));
    config.insert("target_simulator".into(), "NEURON".into());
    config.insert("manifest".into(), json!({"$BASE_DIR": "."}));
    if has_sets {
        config.insert("node_sets_file".into(), inside(SETS).into());
    }
    config.insert("components".into(), components.into());
    config.insert("networks".into(), networks.into());
    let text = serde_json::to_string_pretty(&config).map_err(|e| Error::format(e.to_string()))?;
    write_file(path, |out| writeln!(out, "{text}"))
}

/// A file of the circuit.
fn inside(file: &str) -> String {
    format!("$BASE_DIR/{file}")
}

/// The folders of morphologies and models that the circuit names.
fn components(circuit: &Circuit, notes: &mut Vec<String>) -> Result<Map<String, Value>> {
    let named = |key: &str| circuit.config.pointer(&format!("/paths/{key}")).and_then(Value::as_str);
    let mut components = Map::new();
    let mut alternate = Map::new();
    if let Some(path) = named("morphologies") {
        let path = absolute(path);
        let found = morphologies(circuit, &path, named("morphology_type"))?;
        if found.is_empty() {
            notes.push(format!("no morphologies are known: {} holds none", path.display()));
        }
        for (folder, extension) in found {
            let folder = folder.display().to_string().into();
            match extension {
                "asc" => alternate.insert("neurolucida-asc".into(), folder),
                "h5" => alternate.insert("h5v1".into(), folder),
                _ => components.insert("morphologies_dir".into(), folder),
            };
        }
    }
    if !alternate.is_empty() {
        components.insert("alternate_morphologies".into(), alternate.into());
    }
    if let Some(path) = named("emodels") {
        let folder = absolute(path).display().to_string();
        components.insert("biophysical_neuron_models_dir".into(), folder.into());
    }
    Ok(components)
}

/// A path that does not depend on where the program runs.
fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}

/// The folders of morphologies with the extension of their files: as the circuit says, or as they are found.
fn morphologies(circuit: &Circuit, path: &Path, kind: Option<&str>) -> Result<Vec<(PathBuf, &'static str)>> {
    let of_kind = |kind: &str| match kind {
        "asc" | "ascii" => Some("asc"),
        "h5" | "h5v1" => Some("h5"),
        "swc" => Some("swc"),
        _ => None,
    };
    if let Some(extension) = kind.and_then(of_kind) {
        return Ok(vec![(path.to_owned(), extension)]);
    }
    let sample = match circuit.cells.schema().find("morphology") {
        Some(at) if circuit.cells.count() > 0 => {
            let first = circuit.cells.column(at)?.slice(0, 1);
            Texts::of(&first)?.map(String::new(), str::to_owned).pop()
        }
        _ => None,
    };
    let has_sample = |folder: &Path, extension: &str| {
        sample.as_ref().is_some_and(|name| folder.join(format!("{name}.{extension}")).is_file())
    };
    let mut found: Vec<(PathBuf, &'static str)> = Vec::new();
    for extension in ["swc", "asc", "h5"] {
        let below = FOLDERS.iter().filter(|f| f.1 == extension).map(|f| path.join(f.0));
        let itself = Some(path.to_owned()).filter(|p| has_sample(p, extension));
        found.extend(itself.into_iter().chain(below).find(|p| p.is_dir()).map(|folder| (folder, extension)));
    }
    Ok(found)
}
