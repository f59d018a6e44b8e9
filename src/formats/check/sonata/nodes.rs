//! The nodes of a population: their attributes, what these name, and where the cells stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::super::columns::{About, Seen, attribute, fold, is_unit, texts};
use super::super::morphologies;
use super::super::{Findings, Severity, Texts, some_of};
use super::{Population, rules};
use crate::diag::Result;
use crate::diag::work::Progress;
use crate::formats::hdf5::{Dataset, File, Float64, Kind, Member, Series, Truncated};
use crate::formats::sonata::nodes::{self, NodesFile};
use crate::formats::sonata::types::Types;
use crate::formats::table::format_number;
use crate::model::CellTable;

const NOUN: &str = "node";
const ORIENTATION: [&str; 4] = ["orientation_w", "orientation_x", "orientation_y", "orientation_z"];
const ANGLES: [&str; 3] = ["rotation_angle_xaxis", "rotation_angle_yaxis", "rotation_angle_zaxis"];

/// An attribute of a group, with the library that its values point into.
pub(super) struct Attribute {
    pub(super) dataset: Dataset,
    pub(super) library: Option<Dataset>,
}

/// The attributes of a group by the names that they have in the language, and a finding for each that cannot be opened.
///
/// # Errors
/// When the work was stopped.
pub(super) fn attributes(
    findings: &mut Findings,
    file: &File,
    group: &str,
) -> Result<BTreeMap<String, Attribute>> {
    let mut found = BTreeMap::new();
    for (folder, prefix) in [(group.to_owned(), ""), (format!("{group}/dynamics_params"), "@dynamics:")] {
        if file.find(&folder) != Some(Member::Group) {
            continue;
        }
        let members = file.members(&folder);
        for (name, member) in findings.take(Severity::Fatal, file.path(), members)?.unwrap_or_default() {
            if member != Member::Dataset {
                continue;
            }
            let dataset = file.dataset(&format!("{folder}/{name}"));
            let Some(dataset) = findings.take(Severity::Fatal, file.path(), dataset)? else { continue };
            let library = format!("{folder}/@library/{name}");
            let library = match file.find(&library) {
                Some(Member::Dataset) => {
                    findings.take(Severity::Fatal, file.path(), file.dataset(&library))?
                }
                _ => None,
            };
            if library.is_some() && dataset.kind() != Kind::Int {
                let message =
                    format!("`{name}` has a library, but no codes: it is {}", rules::stored(&dataset));
                findings.add(Severity::Warning, file.path(), dataset.path(), message);
            }
            let library = library.filter(|_| dataset.kind() == Kind::Int);
            found.insert(format!("{prefix}{name}"), Attribute { dataset, library });
        }
        unused_libraries(findings, file, &folder, &found, prefix)?;
    }
    Ok(found)
}

/// A library that no attribute points into is ignored by every reader.
fn unused_libraries(
    findings: &mut Findings,
    file: &File,
    folder: &str,
    found: &BTreeMap<String, Attribute>,
    prefix: &str,
) -> Result<()> {
    let libraries = format!("{folder}/@library");
    if file.find(&libraries) != Some(Member::Group) {
        return Ok(());
    }
    let names = file.names(&libraries, Member::Dataset);
    for name in findings.take(Severity::Fatal, file.path(), names)?.unwrap_or_default() {
        if !found.contains_key(&format!("{prefix}{name}")) {
            let message = format!("there is no attribute `{name}` for this library");
            findings.add(Severity::Warning, file.path(), format!("{libraries}/{name}"), message);
        }
    }
    Ok(())
}

/// One finding for all attributes that are stored otherwise than specified, and one for each that cannot be used so.
pub(super) fn storage(
    findings: &mut Findings,
    file: &File,
    group: &str,
    attributes: &BTreeMap<String, Attribute>,
    wanted: fn(&str) -> Option<rules::Stored>,
) {
    let mut odd = Vec::new();
    for (name, attribute) in attributes {
        let Some(stored) = wanted(name) else { continue };
        let dataset = attribute.library.as_ref().unwrap_or(&attribute.dataset);
        if stored.is_other_than(dataset) && name != "layer" && name != "region" {
            let message =
                format!("`{name}` is {}, where {} is expected", rules::stored(dataset), stored.name());
            findings.add(Severity::Fatal, file.path(), dataset.path(), message);
        } else if !stored.is(dataset) {
            odd.push(format!("`{name}` as {} (not {})", rules::stored(dataset), stored.name()));
        }
    }
    if !odd.is_empty() {
        let message = format!("stored otherwise than specified: {}", odd.join(", "));
        findings.add(Severity::Warning, file.path(), group, message);
    }
}

/// Checks a population, and gives its cells if they can be opened.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check(findings: &mut Findings, population: &Population<'_>) -> Result<Option<Arc<CellTable>>> {
    let Population { config, file, .. } = population;
    let path = format!("nodes/{}", config.name);
    let dynamics =
        config.properties.get("point_neuron_models_dir").and_then(Value::as_str).map(PathBuf::from);
    let wanted = NodesFile {
        path: &config.file,
        population: &config.name,
        types: config.types_file.as_deref(),
        dynamics_dir: dynamics.as_deref(),
    };
    if let Some(error) = population.absent("nodes", "node population")? {
        findings.error(Severity::Fatal, &config.file, &error)?;
        return Ok(None);
    }
    let cells = findings.take(Severity::Fatal, &config.file, nodes::read_cells(&wanted))?;
    let groups = nodes::groups(&wanted);
    let groups = findings.take(Severity::Fatal, &config.file, groups)?.unwrap_or_default();
    check_type_ids(findings, population, &path)?;
    if groups.is_empty() && cells.is_some() {
        let message = "there is no group of attributes (`0`)";
        findings.add(population.lacking(), &config.file, &path, message);
    }
    let mut names = Texts::new();
    for (group, rows) in &groups {
        let folder = format!("{path}/{group}");
        let attributes = attributes(findings, file, &folder)?;
        names.extend(attributes.keys().cloned());
        storage(findings, file, &folder, &attributes, rules::node_storage);
        let total =
            attributes.values().map(|a| *rows as u64 * a.dataset.shape().get(1).copied().unwrap_or(1).max(1));
        let progress = Progress::new("checking nodes", total.sum::<u64>() + 4 * *rows as u64);
        for (name, found) in &attributes {
            let about = About { dataset: &found.dataset, name, noun: NOUN };
            let bounds = rules::node_bounds(name);
            attribute(findings, &about, found.library.as_ref(), *rows, &bounds, &progress)?;
        }
        orientations(findings, file, &folder, &attributes, *rows, &progress)?;
        named(findings, population, &attributes, &progress)?;
    }
    if let Some(types) = &config.types_file
        && let Ok(types) = Types::read(types, "node_type_id", &config.name)
    {
        names.extend(types.columns().iter().map(|c| c.0.clone()));
    }
    let needed = population.needed(rules::of_nodes(&config.kind));
    let lacking: Vec<&str> = needed.into_iter().filter(|n| !names.contains(*n)).collect();
    if !lacking.is_empty() && cells.is_some() {
        let message = format!("nodes of type {} lack {}", config.kind, all_of(&lacking));
        findings.add(population.lacking(), &config.file, path, message);
    }
    Ok(cells)
}

/// All names, quoted.
pub(super) fn all_of(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn check_type_ids(findings: &mut Findings, population: &Population<'_>, path: &str) -> Result<()> {
    let (config, file) = (population.config, population.file);
    let ids = format!("{path}/node_type_id");
    if file.find(&ids) != Some(Member::Dataset) {
        let message = "there is no `node_type_id`: other programs take its length for the number of nodes";
        findings.add(population.lacking(), &config.file, path, message);
        return Ok(());
    }
    let described = types_described(population, "node_type_id", &ids);
    if let Some(strange) = findings.take(Severity::Fatal, &config.file, described)?
        && strange.count > 0
    {
        let (rows, id) = (strange.rows(NOUN), strange.id());
        let message = format!("the types do not describe type {id}, of {rows}");
        findings.add(Severity::Warning, &config.file, ids, message);
    }
    Ok(())
}

/// The rows whose type the table of types lacks.
pub(super) fn types_described(population: &Population<'_>, key: &str, dataset: &str) -> Result<Seen> {
    let Some(csv) = &population.config.types_file else { return Ok(Seen::default()) };
    let types = Types::read(csv, key, &population.config.name)?;
    let ids = Series::open(population.file, dataset)?;
    let visit = |seen: &mut Seen, start: usize, values: &[Vec<i64>]| {
        let strange =
            values[0].iter().zip(start as u64..).filter(|(id, _)| **id != -1 && types.row_of(**id).is_none());
        strange.for_each(|(&id, row)| seen.see(row, id as f64));
    };
    let progress = Progress::new("checking types", ids.rows() as u64);
    fold::<Truncated, Seen>(&[(&ids, 0)], &progress, visit, Seen::and)
}

/// Orientations: all of a quaternion or none of it, and of length 1.
fn orientations(
    findings: &mut Findings,
    file: &File,
    folder: &str,
    attributes: &BTreeMap<String, Attribute>,
    rows: usize,
    progress: &Progress,
) -> Result<()> {
    let (there, lacking): (Vec<&str>, Vec<&str>) =
        ORIENTATION.iter().partition(|n| attributes.contains_key(**n));
    if there.is_empty() {
        return Ok(());
    }
    if !lacking.is_empty() {
        let message = format!("there is {}, but no {}", all_of(&there), all_of(&lacking));
        findings.add(Severity::Fatal, file.path(), folder, message);
        return Ok(());
    }
    if ANGLES.iter().any(|name| attributes.contains_key(*name)) {
        let message = "there are quaternions and angles of rotation; the angles are not used";
        findings.add(Severity::Warning, file.path(), folder, message);
    }
    let datasets = ORIENTATION.map(|name| attributes[name].dataset.clone());
    let series: Result<Vec<Series>> = datasets.into_iter().map(Series::of).collect();
    // What is no series, or of another length, was told before.
    let Ok(series) = series else { return Ok(()) };
    if series.iter().any(|s| s.rows() != rows || s.columns() != 1) {
        return Ok(());
    }
    let (off, none) = norms(&series, progress)?;
    let dataset = format!("{folder}/{}", ORIENTATION[0]);
    if none.count > 0 {
        let message = format!("the quaternion is zero for {}", none.rows(NOUN));
        findings.add(Severity::Fatal, file.path(), &dataset, message);
    }
    if off.count > 0 {
        let (rows, length) = (off.rows(NOUN), format_number(off.value()));
        let message = format!("quaternions are not of length 1 but {length}: {rows}");
        findings.add(Severity::Warning, file.path(), &dataset, message);
    }
    Ok(())
}

/// Quaternions of another length than 1, and those that are zero.
fn norms(series: &[Series], progress: &Progress) -> Result<(Seen, Seen)> {
    let visit = |found: &mut (Seen, Seen), start: usize, values: &[Vec<f64>]| {
        for at in 0..values[0].len() {
            let norm = values.iter().map(|v| v[at] * v[at]).sum::<f64>().sqrt();
            if norm == 0.0 {
                found.1.see((start + at) as u64, norm);
            } else if norm.is_finite() && !is_unit(norm) {
                found.0.see((start + at) as u64, norm);
            }
        }
    };
    let columns: Vec<(&Series, usize)> = series.iter().map(|s| (s, 0)).collect();
    fold::<Float64, _>(&columns, progress, visit, |a, b| (a.0.and(b.0), a.1.and(b.1)))
}

/// Everything that attributes of text name.
fn named(
    findings: &mut Findings,
    population: &Population<'_>,
    attributes: &BTreeMap<String, Attribute>,
    progress: &Progress,
) -> Result<()> {
    let config = population.config;
    let distinct = |name: &str| -> Result<Option<Texts>> {
        let Some(found) = attributes.get(name) else { return Ok(None) };
        match texts(&found.dataset, found.library.as_ref(), progress) {
            Ok(texts) => Ok(Some(texts)),
            Err(error) if error.code() == crate::diag::Code::Cancelled => Err(error),
            // Told where all attributes are checked.
            Err(_) => Ok(None),
        }
    };
    let at = |name: &str| attributes[name].dataset.path().to_owned();
    if let Some(kinds) = distinct("model_type")? {
        let others: Vec<&String> = kinds.iter().filter(|k| **k != config.kind).collect();
        if !others.is_empty() && population.declared {
            let message = format!(
                "the configuration says that nodes are {}, the file says {}",
                config.kind,
                some_of(others)
            );
            findings.add(Severity::Warning, &config.file, at("model_type"), message);
        }
    }
    if let Some(classes) = distinct("synapse_class")? {
        let others: Vec<&String> = classes.iter().filter(|c| !["EXC", "INH"].contains(&c.as_str())).collect();
        if !others.is_empty() {
            let message = format!("a synapse class is EXC or INH, not {}", some_of(others));
            findings.add(Severity::Warning, &config.file, at("synapse_class"), message);
        }
    }
    if config.kind != "biophysical" && config.kind != "astrocyte" {
        return Ok(());
    }
    if let Some(names) = distinct("morphology")? {
        let names = without_missing(names);
        for (folder, extension) in morphology_folders(population) {
            morphologies::check(findings, "morphology file", &names, &folder, extension)?;
        }
    }
    let hoc = config.properties.get("biophysical_neuron_models_dir").and_then(Value::as_str).map(Path::new);
    if let (Some(folder), Some(templates)) = (hoc.filter(|f| f.is_dir()), distinct("model_template")?) {
        let named = |schema: &str| -> Texts {
            let of = |t: &String| Some(t.strip_prefix(schema)?.strip_prefix(':')?.to_owned());
            templates.iter().filter_map(of).collect()
        };
        for schema in ["hoc", "nml"] {
            let names = named(schema);
            morphologies::check(findings, "model template", &names, folder, schema)?;
        }
        let bare: Vec<&String> = templates.iter().filter(|t| !t.contains(':') && !is_missing(t)).collect();
        if !bare.is_empty() && config.kind == "biophysical" {
            let message = format!("a template is `schema:name`, such as `hoc:cADpyr`, not {}", some_of(bare));
            findings.add(Severity::Warning, &config.file, at("model_template"), message);
        }
    }
    Ok(())
}

fn is_missing(text: &str) -> bool {
    ["", "NULL", "NONE", "None"].contains(&text)
}

fn without_missing(names: Texts) -> Texts {
    names.into_iter().filter(|n| !is_missing(n)).collect()
}

/// The folders (or containers) of morphologies that are there, with the extension of their files.
fn morphology_folders(population: &Population<'_>) -> Vec<(PathBuf, &'static str)> {
    let properties = &population.config.properties;
    let of =
        |value: Option<&Value>| value.and_then(Value::as_str).filter(|t| !t.is_empty()).map(PathBuf::from);
    let others = properties.get("alternate_morphologies");
    let other = |key: &str| of(others.and_then(|o| o.get(key)));
    let all = [
        (of(properties.get("morphologies_dir")), "swc"),
        (other("h5v1"), "h5"),
        (other("neurolucida-asc"), "asc"),
    ];
    let there = all.into_iter().filter_map(|(folder, extension)| Some((folder?, extension)));
    there.filter(|(folder, _)| folder.exists()).collect()
}
