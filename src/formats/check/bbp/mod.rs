//! Circuits of the legacy formats: the configuration, cells, targets, synapses.

mod nrn;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::columns::{Seen, is_unit};
use super::{Findings, Severity, Texts, counted, morphologies, some_of, sonata};
use crate::diag::{Code, Result, nearest, work};
use crate::formats::bbp::config::{BlueConfig, Section};
use crate::formats::bbp::mecombo;
use crate::formats::bbp::open::{
    Fibres, Located, Named, Parts, locate, locate_config, locate_parts, open_cells,
};
use crate::formats::bbp::sonata::{by_node, population_of_edges, population_of_nodes};
use crate::formats::bbp::target::{parse_gid, read_circuit_targets, read_targets};
use crate::formats::paths::{PathMap, missing};
use crate::formats::sniff::{Kind, sniff};
use crate::formats::table::format_number;
use crate::model::{CellTable, Emodel, IdSet, Targets};

/// The keys of `Run` that are read, and a few that stand beside them.
const KEYS: [&str; 18] = [
    "CircuitPath",
    "nrnPath",
    "CellLibraryFile",
    "MorphologyPath",
    "MorphologyType",
    "METypePath",
    "MEComboInfoFile",
    "TargetFile",
    "CircuitTarget",
    "CurrentDir",
    "OutputRoot",
    "Duration",
    "Dt",
    "ForwardSkip",
    "BaseSeed",
    "Atlas",
    "BioName",
    "RunMode",
];

/// The types of sections.
const SECTIONS: [&str; 11] = [
    "Run",
    "Projection",
    "Report",
    "Stimulus",
    "StimulusInject",
    "Connection",
    "Circuit",
    "Conditions",
    "Modification",
    "Electrode",
    "NeuronConfigure",
];

/// Keys that name a target, by type of section.
const TARGET_KEYS: [(&str, &str); 6] = [
    ("Run", "CircuitTarget"),
    ("Projection", "Source"),
    ("Report", "Target"),
    ("StimulusInject", "Target"),
    ("Connection", "Source"),
    ("Connection", "Destination"),
];

/// Checks a configuration, a folder or a file of cells.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check(path: &Path, path_map: &PathMap, findings: &mut Findings) -> Result<()> {
    if path.is_dir() || !matches!(sniff(path), Ok(Kind::CircuitConfig | Kind::BlueConfig)) {
        let located = findings.take(Severity::Fatal, path, locate(path, path_map))?;
        return located.map_or(Ok(()), |located| check_parts_of(&located, None, findings));
    }
    let Some(config) = findings.take(Severity::Fatal, path, BlueConfig::read(path))? else { return Ok(()) };
    check_keys(findings, &config);
    let located = findings.take(Severity::Fatal, path, locate_config(&config, path_map))?;
    located.map_or(Ok(()), |located| check_parts_of(&located, Some(&config), findings))
}

/// Checks parts that are given one by one.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check_parts(parts: &Parts, findings: &mut Findings) -> Result<()> {
    check_parts_of(&locate_parts(parts), None, findings)
}

/// What is odd in a configuration.
fn check_keys(findings: &mut Findings, config: &BlueConfig) {
    let at = |line: usize| format!("line {line}");
    for warning in config.warnings() {
        findings.add(Severity::Warning, config.path(), at(warning.line), &warning.message);
    }
    for section in config.sections() {
        if !SECTIONS.contains(&section.kind.as_str()) {
            let near = nearest(&section.kind, &SECTIONS).map(|n| format!("; did you mean `{n}`?"));
            let message =
                format!("there is no type of section `{}`{}", section.kind, near.unwrap_or_default());
            findings.add(Severity::Warning, config.path(), at(section.line), message);
        }
    }
    for section in config.of_kind("Run") {
        for entry in section.entries.iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
            // Simulators know many more keys; only what looks like one of ours is told.
            let same = KEYS.iter().find(|k| k.eq_ignore_ascii_case(&entry.key)).copied();
            let near = same.or_else(|| nearest(&entry.key, &KEYS)).filter(|near| section.get(near).is_none());
            if let Some(near) = near {
                let message = format!("`{}` is not read; did you mean `{near}`?", entry.key);
                findings.add(Severity::Warning, config.path(), at(entry.line), message);
            }
        }
    }
}

fn check_parts_of(located: &Located, config: Option<&BlueConfig>, findings: &mut Findings) -> Result<()> {
    let cells = check_cells(findings, located)?;
    check_paths(findings, located)?;
    let none: Arc<CellTable> = CellTable::new(1, 0, Vec::new(), "no cells");
    let targets = check_targets(findings, located, cells.as_ref().unwrap_or(&none), cells.is_some())?;
    let (targets, all) = targets.map_or((None, false), |(targets, all)| (Some(targets), all));
    if let (Some(config), Some(targets)) = (config, targets.as_ref().filter(|_| all)) {
        check_names(findings, config, targets.as_ref());
    }
    match &located.synapses {
        None => {
            let message = "there are no synapses among the cells";
            findings.add(Severity::Info, &located.path, "", message);
        }
        Some(named) => check_synapses(findings, located, named, cells.as_ref(), nrn::Sources::Cells)?,
    }
    for projection in &located.projections {
        check_projection(findings, located, projection, cells.as_ref(), targets.as_deref())?;
    }
    Ok(())
}

fn check_projection(
    findings: &mut Findings,
    located: &Located,
    projection: &Fibres,
    cells: Option<&Arc<CellTable>>,
    targets: Option<&dyn Targets>,
) -> Result<()> {
    let Some(named) = &projection.path else {
        let message = format!("projection `{}` has no `Path`", projection.name);
        findings.add(Severity::Fatal, &located.path, "", message);
        return Ok(());
    };
    let source = projection
        .source
        .as_deref()
        .zip(targets)
        .and_then(|(name, targets)| Some((name, targets.resolve(name).ok()?)));
    let sources = source.as_ref().map_or(nrn::Sources::Any, |(name, ids)| nrn::Sources::Target(name, ids));
    check_synapses(findings, located, named, cells, sources)
}

fn check_synapses(
    findings: &mut Findings,
    located: &Located,
    named: &Named,
    cells: Option<&Arc<CellTable>>,
    sources: nrn::Sources<'_>,
) -> Result<()> {
    let Some(path) = findings.take(Severity::Fatal, &located.path, named.get())? else { return Ok(()) };
    let is_there = |name: &&str| path.join(name).exists();
    let edges = ["edges.sonata", "edges.h5"].into_iter().find(is_there).map(|name| path.join(name));
    let path = match edges {
        Some(edges) if path.is_dir() && nrn::is_missing(path) => edges,
        _ => path.to_owned(),
    };
    let path = path.as_path();
    // A file in numbered pieces does not exist under its own name.
    let kind = if path.is_file() { sniff(path) } else { Ok(Kind::Nrn) };
    let Some(kind) = findings.take(Severity::Fatal, path, kind)? else { return Ok(()) };
    match kind {
        Kind::Nrn => nrn::check(findings, path, cells, sources),
        Kind::SonataEdges => {
            let name = population_of_edges(path, named.population.as_deref());
            let Some(name) = findings.take(Severity::Fatal, path, name)? else { return Ok(()) };
            let nodes = cells.map(|cells| by_node(cells)).transpose();
            let nodes = findings.take(Severity::Fatal, path, nodes)?.flatten();
            let projection = !matches!(sources, nrn::Sources::Cells);
            sonata::check_synapses(findings, path, &name, nodes.as_ref(), projection)
        }
        kind => {
            let message = format!("this is {}, not a file of synapses that can be read", kind.name());
            findings.add(Severity::Fatal, path, "", message);
            Ok(())
        }
    }
}

/// Paths that lead nowhere.
fn check_paths(findings: &mut Findings, located: &Located) -> Result<()> {
    for named in [&located.hoc, &located.mecombo].into_iter().flatten() {
        findings.take(Severity::Warning, &located.path, named.get())?;
    }
    let is_path = |name: &str| name != "morphology_type";
    let others = located.others.iter().filter(|(name, _)| is_path(name));
    for (name, path) in others.filter_map(|(name, path)| Some((name, path.as_deref()?))) {
        // An atlas may be an address.
        if !Path::new(path).exists() && !path.contains("://") {
            findings.add(Severity::Warning, &located.path, *name, missing(Path::new(path)).message());
        }
    }
    Ok(())
}

// ---- cells -------------------------------------------------------------------------------------------------------

fn check_cells(findings: &mut Findings, located: &Located) -> Result<Option<Arc<CellTable>>> {
    let Some(path) = findings.take(Severity::Fatal, &located.path, located.cells.get())? else {
        return Ok(None);
    };
    let opened = open_cells(path, located.cells.population.as_deref()).map_err(|e| located.cells.explain(e));
    let Some(cells) = findings.take(Severity::Fatal, path, opened)? else { return Ok(None) };
    if cells.count() == 0 {
        findings.add(Severity::Warning, path, "", "there are no cells");
    }
    let names: Vec<String> = cells.schema().columns().iter().map(|c| c.name.clone()).collect();
    // Those of SONATA are checked where they stand.
    let is_sonata = matches!(sniff(path), Ok(Kind::SonataNodes));
    for name in names.iter().filter(|_| !is_sonata) {
        work::check()?;
        let fresh = anew(path, &cells)?;
        let Some(values) = findings.take(Severity::Fatal, path, column(&fresh, name))?.flatten() else {
            continue;
        };
        check_column(findings, path, name, &values);
    }
    if !is_sonata {
        check_orientations(findings, path, &cells)?;
    }
    check_files(findings, located, path, &cells)?;
    if is_sonata && let Ok(name) = population_of_nodes(path, located.cells.population.as_deref()) {
        sonata::check_cells(findings, path, &name)?;
    }
    Ok(Some(cells))
}

/// A table whose columns are not kept, where its file can be opened again at no cost.
fn anew(path: &Path, cells: &Arc<CellTable>) -> Result<Arc<CellTable>> {
    match sniff(path) {
        Ok(Kind::Mvd3) => open_cells(path, None),
        _ => Ok(cells.clone()),
    }
}

fn column(cells: &CellTable, name: &str) -> Result<Option<ArrayRef>> {
    cells.schema().find(name).map(|at| cells.column(at).cloned()).transpose()
}

fn check_column(findings: &mut Findings, path: &Path, name: &str, values: &ArrayRef) {
    let mut nan = Seen::default();
    let mut empty = Seen::default();
    if let Some(coded) = values.as_any_dictionary_opt() {
        let texts = coded.values();
        let texts = texts.as_string_opt::<i32>();
        let is_empty = |at: usize| texts.is_some_and(|t| t.value(at).is_empty());
        let none: Vec<bool> = (0..coded.values().len()).map(is_empty).collect();
        if none.contains(&true) {
            let keys = coded.normalized_keys();
            keys.iter().zip(1..).filter(|(key, _)| none[**key]).for_each(|(_, gid)| empty.see(gid, 0.0));
        }
    } else if matches!(values.data_type(), DataType::Float32 | DataType::Float64)
        && let Ok(values) = arrow_cast::cast(values, &DataType::Float64)
    {
        let values = values.as_primitive::<Float64Type>().values();
        values.iter().zip(1..).filter(|(v, _)| !v.is_finite()).for_each(|(&v, gid)| nan.see(gid, v));
    }
    let is_place = ["x", "y", "z"].contains(&name) || name.starts_with("orientation_");
    if nan.count > 0 {
        let severity = if is_place { Severity::Fatal } else { Severity::Warning };
        findings.add(severity, path, name, format!("`{name}` is no number for {}", nan.rows("cell")));
    }
    if empty.count > 0 {
        findings.add(Severity::Warning, path, name, format!("`{name}` is empty for {}", empty.rows("cell")));
    }
}

fn check_orientations(findings: &mut Findings, path: &Path, cells: &Arc<CellTable>) -> Result<()> {
    let fresh = anew(path, cells)?;
    let mut components = Vec::new();
    for name in ["orientation_w", "orientation_x", "orientation_y", "orientation_z"] {
        // What is damaged was told before.
        let Ok(Some(values)) = column(&fresh, name) else { return Ok(()) };
        let Ok(values) = arrow_cast::cast(&values, &DataType::Float64) else { return Ok(()) };
        components.push(values);
    }
    let components: Vec<&[f64]> =
        components.iter().map(|c| &c.as_primitive::<Float64Type>().values()[..]).collect();
    let (mut off, mut none) = (Seen::default(), Seen::default());
    for at in 0..cells.count() {
        let norm = components.iter().map(|c| c[at] * c[at]).sum::<f64>().sqrt();
        if norm == 0.0 {
            none.see(at as u64 + 1, norm);
        } else if norm.is_finite() && !is_unit(norm) {
            off.see(at as u64 + 1, norm);
        }
    }
    if none.count > 0 {
        findings.add(
            Severity::Fatal,
            path,
            "orientations",
            format!("the quaternion is zero for {}", none.rows("cell")),
        );
    }
    if off.count > 0 {
        let (rows, length) = (off.rows("cell"), format_number(off.value()));
        let message = format!("quaternions are not of length 1 but {length}: {rows}");
        findings.add(Severity::Warning, path, "orientations", message);
    }
    Ok(())
}

/// The texts that cells have in a column; none where there is no such column, or it is damaged.
fn texts(cells: &CellTable, name: &str) -> Texts {
    let Ok(Some(values)) = column(cells, name) else { return Texts::new() };
    let Some(coded) = values.as_any_dictionary_opt() else { return Texts::new() };
    let Some(texts) = coded.values().as_string_opt::<i32>() else { return Texts::new() };
    let mut used = vec![false; texts.len()];
    if !used.is_empty() {
        coded.normalized_keys().into_iter().for_each(|key| used[key] = true);
    }
    let used = texts.iter().flatten().zip(used).filter(|(text, used)| *used && !text.is_empty());
    used.map(|(text, _)| text.to_owned()).collect()
}

/// Morphologies, the table of e-models and hoc files.
fn check_files(
    findings: &mut Findings,
    located: &Located,
    path: &Path,
    cells: &Arc<CellTable>,
) -> Result<()> {
    let fresh = anew(path, cells)?;
    let other = |wanted: &str| {
        located.others.iter().find(|(name, _)| *name == wanted).and_then(|(_, path)| path.as_deref())
    };
    if let Some(folder) = other("morphologies").map(Path::new).filter(|f| f.is_dir()) {
        let places = morphology_places(folder, other("morphology_type"));
        morphologies::check_any(findings, "morphology file", &texts(&fresh, "morphology"), &places)?;
    }
    let combos = texts(&fresh, "me_combo");
    let table = match located.mecombo.as_ref().map(Named::get) {
        Some(Ok(table)) => {
            findings.take(Severity::Fatal, table, mecombo::read_table(table))?.map(|rows| (table, rows))
        }
        _ => None,
    };
    let models = match &table {
        None if located.mecombo.is_some() => return Ok(()),
        None => combos,
        Some((file, rows)) => models_of(findings, file, rows, &combos),
    };
    match located.hoc.as_ref().map(Named::get) {
        Some(Ok(folder)) => morphologies::check(findings, "template of an e-model", &models, folder, "hoc"),
        _ => Ok(()),
    }
}

/// The e-models of me-combos, and a finding for those that the table lacks.
fn models_of(findings: &mut Findings, file: &Path, rows: &BTreeMap<String, Emodel>, combos: &Texts) -> Texts {
    let lacking: Vec<&String> = combos.iter().filter(|c| !rows.contains_key(*c)).collect();
    if !lacking.is_empty() {
        let of = counted(combos.len() as u64, "me-combo");
        let message = format!("the table lacks {} of {of}: {}", lacking.len(), some_of(&lacking));
        findings.add(Severity::Warning, file, "", message);
    }
    let used = combos.iter().filter_map(|combo| rows.get(combo)?.get("emodel")?.as_str());
    used.map(str::to_owned).collect()
}

/// Where a morphology may be: readers disagree on the folder below `MorphologyPath`.
fn morphology_places(folder: &Path, kind: Option<&str>) -> Vec<(PathBuf, &'static str)> {
    let known = [("ascii", "asc"), ("asc", "asc"), ("h5v1", "h5"), ("h5", "h5"), ("swc", "swc")];
    let of_kind = known.iter().filter(|(name, extension)| kind.is_none_or(|k| k == *name || k == *extension));
    let folders = of_kind
        .flat_map(|(name, extension)| [(folder.join(name), *extension), (folder.to_owned(), *extension)]);
    folders.filter(|(folder, _)| folder.is_dir()).collect()
}

// ---- targets -----------------------------------------------------------------------------------------------------

/// Checks the target files, and gives the targets, and whether these are all: a file may be missing.
fn check_targets(
    findings: &mut Findings,
    located: &Located,
    cells: &Arc<CellTable>,
    cells_known: bool,
) -> Result<Option<(Arc<dyn Targets>, bool)>> {
    let mut files = Vec::new();
    for named in &located.targets {
        let Some(path) = findings.take(Severity::Fatal, &located.path, named.get())? else { continue };
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            findings.add(
                Severity::Warning,
                path,
                "",
                "node sets of a circuit of the legacy format are not checked",
            );
        } else if findings.take(Severity::Fatal, path, read_targets(&[path.to_owned()]))?.is_some() {
            files.push(path.to_owned());
        }
    }
    if files.is_empty() {
        return Ok(None);
    }
    if let Err(error) = read_targets(&files) {
        findings.error(Severity::Warning, &files[0], &error)?;
    }
    let Some(targets) = findings.take(Severity::Fatal, &files[0], read_circuit_targets(&files, cells))?
    else {
        return Ok(None);
    };
    let all = files.len() == located.targets.len();
    let mut unresolved = 0;
    let mut rounds: HashSet<BTreeSet<String>> = HashSet::new();
    // Targets with gids that the circuit lacks, by file.
    let mut virtuals: BTreeMap<PathBuf, (Vec<String>, u64)> = BTreeMap::new();
    let progress = work::Progress::new("checking targets", targets.entries().len() as u64);
    for entry in targets.entries() {
        progress.advance(1)?;
        let ids = match targets.resolve(&entry.name) {
            Ok(ids) => ids,
            // What it names may be in the file that is missing.
            Err(error) if error.code() == Code::Name && !all => {
                unresolved += 1;
                continue;
            }
            Err(error) => {
                // The same round is met from each of its targets.
                let names =
                    error.message().split_once("contains itself: ").map(|(_, names)| names.split(" → "));
                if names.is_none_or(|names| rounds.insert(names.map(str::to_owned).collect())) {
                    findings.error(Severity::Fatal, &entry.file, &error)?;
                }
                continue;
            }
        };
        let strangers = strangers(cells, &ids);
        if cells_known && strangers > 0 {
            let of_file = virtuals.entry(entry.file).or_default();
            of_file.0.push(entry.name);
            of_file.1 = of_file.1.max(strangers);
        }
    }
    if unresolved > 0 {
        let targets = counted(unresolved, "target");
        let message = format!("{targets} with members that may be in a target file that is missing");
        findings.add(Severity::Info, &files[0], "", message);
    }
    for (file, (names, most)) in virtuals {
        let (targets, gids) = (counted(names.len() as u64, "target"), counted(most, "gid"));
        let message =
            format!("{targets} with gids that are no cells (virtual ones, up to {gids}): {}", some_of(names));
        findings.add(Severity::Info, &file, "", message);
    }
    Ok(Some((targets, all)))
}

/// How many ids are no cells.
fn strangers(cells: &CellTable, ids: &IdSet) -> u64 {
    ids.sorted().iter().filter(|&&id| cells.row_of(id).is_none()).count() as u64
}

/// Targets that the configuration names and that do not exist.
fn check_names(findings: &mut Findings, config: &BlueConfig, targets: &dyn Targets) {
    let known: Vec<String> = targets.entries().into_iter().map(|e| e.name).collect();
    let exists = |name: &str| name.is_empty() || parse_gid(name).is_some() || targets.entry(name).is_some();
    let mut told = HashSet::new();
    let mut check = |findings: &mut Findings, section: &Section, key: &str| {
        let Some(entry) = section.entry(key).filter(|e| e.value != "<NONE>") else { return };
        // `population:target`, where it is not the name of a target itself.
        let part = entry.value.rsplit_once(':').map(|(_, target)| target);
        if exists(&entry.value) || part.is_some_and(exists) || !told.insert(entry.value.clone()) {
            return;
        }
        let near =
            nearest(&entry.value, &known).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        let message = format!("{key}: there is no target `{}`{near}", entry.value);
        findings.add(Severity::Warning, config.path(), format!("line {}", entry.line), message);
    };
    for section in config.sections() {
        TARGET_KEYS
            .iter()
            .filter(|(kind, _)| *kind == section.kind)
            .for_each(|(_, key)| check(findings, section, key));
    }
}
