//! From a configuration to a circuit: which file each of its parts is in.
//!
//! A relative path of a configuration is tried in the configuration's folder, in `CircuitPath`, in `CurrentDir`
//! and in the working directory, in this order; roots that have moved are replaced first. The cells' file must be
//! there when a circuit is opened; what is missing of the rest is told when it is asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{BlueConfig, Section};
use super::{mecombo, mvd2, mvd3, nrn, sonata, target};
use crate::diag::{Code, Deferred, Error, Result};
use crate::formats::paths::{PathMap, Roots, existing, folder_of, tidy};
use crate::formats::sniff::{CIRCUITS, Kind, find_config, sniff};
use crate::model::{CellTable, Circuit, Connectome, Emodels, Format, Projection, Targets};

/// The values that say that there is nothing.
const NONE: &str = "<NONE>";
/// The cell files that are looked for in `CircuitPath`.
const CELL_FILES: [&str; 2] = ["circuit.mvd3", "circuit.mvd2"];
/// A cell list of the simulator, which the documentation gives as the default; no reader of circuits reads it.
const START_NCS: &str = "start.ncs";

/// The files of a circuit, given one by one: what BluePy's JSON configurations hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The cells: an mvd2 or mvd3 file, or nodes of SONATA, whose population may follow a colon.
    pub cells: PathBuf,
    /// Target files.
    #[serde(default)]
    pub targets: Vec<PathBuf>,
    /// The synapses: an nrn.h5 file or its folder, or edges of SONATA, whose population may follow a colon.
    #[serde(default, alias = "connectome")]
    pub synapses: Option<PathBuf>,
    /// The folder of morphologies.
    #[serde(default)]
    pub morphologies: Option<PathBuf>,
    /// The extension of the morphology files.
    #[serde(default)]
    pub morphology_type: Option<String>,
    /// The folder of hoc files.
    #[serde(default)]
    pub emodels: Option<PathBuf>,
    /// The table of e-models.
    #[serde(default, alias = "mecombo")]
    pub mecombo_info: Option<PathBuf>,
    /// Projections: name → file or folder.
    #[serde(default)]
    pub projections: BTreeMap<String, PathBuf>,
    /// What is known of the projections: name → key → text.
    #[serde(default)]
    pub projections_metadata: BTreeMap<String, Map<String, Value>>,
    /// The folder of the atlas.
    #[serde(default)]
    pub atlas: Option<PathBuf>,
    /// The file of subcellular data.
    #[serde(default)]
    pub subcellular: Option<PathBuf>,
    /// The folder of the index of segments.
    #[serde(default)]
    pub segment_index: Option<PathBuf>,
    /// The folder of the index of synapses.
    #[serde(default)]
    pub synapse_index: Option<PathBuf>,
    /// The folder of the index of somata.
    #[serde(default)]
    pub soma_index: Option<PathBuf>,
}

/// The keys of [`Parts`] under all their names.
const PARTS: [&str; 16] = [
    "cells",
    "targets",
    "synapses",
    "connectome",
    "morphologies",
    "morphology_type",
    "emodels",
    "mecombo_info",
    "mecombo",
    "projections",
    "projections_metadata",
    "atlas",
    "subcellular",
    "segment_index",
    "synapse_index",
    "soma_index",
];

impl Parts {
    /// The parts of a circuit that was opened, by the `paths` in its configuration.
    pub(in crate::formats) fn of_paths(paths: &Value) -> Option<Self> {
        let named = paths
            .as_object()?
            .iter()
            .filter(|(key, value)| PARTS.contains(&key.as_str()) && !value.is_null());
        let named: Map<String, Value> = named.map(|(k, v)| (k.clone(), v.clone())).collect();
        serde_json::from_value(named.into()).ok()
    }
}

/// Opens a circuit: a CircuitConfig or BlueConfig, a folder that holds one (or a cell file), BluePy's JSON, or a
/// cell file alone.
///
/// # Errors
/// A path that does not exist or is no circuit, a damaged configuration or cell file, and cells that are not there.
/// Everything else that is missing or damaged is an error when it is asked for.
pub fn open_circuit(path: &Path, path_map: &PathMap) -> Result<Circuit> {
    locate(path, path_map)?.open()
}

/// Finds the parts of a circuit, without opening them.
///
/// # Errors
/// A path that does not exist or is no circuit, a damaged configuration.
pub(in crate::formats) fn locate(path: &Path, path_map: &PathMap) -> Result<Located> {
    let path = tidy(&path_map.apply(path));
    if existing(&path)?.is_dir() {
        let config = find_config(&path, &CIRCUITS)?;
        let is_cells = config.file_name().is_some_and(|n| CELL_FILES.iter().any(|c| n == *c));
        return if is_cells { Ok(locate_parts(&parts_beside(&config))) } else { locate(&config, path_map) };
    }
    match sniff(&path)? {
        Kind::CircuitConfig | Kind::BlueConfig => locate_config(&BlueConfig::read(&path)?, path_map),
        Kind::CircuitParts => of_json(&path, path_map),
        Kind::Mvd2 | Kind::Mvd3 | Kind::SonataNodes => {
            Ok(locate_parts(&Parts { cells: path, ..Parts::default() }))
        }
        kind @ (Kind::SonataCircuit | Kind::SonataSimulation) => {
            Err(Error::format(format!("this is {}, not one of the legacy format", kind.name()))
                .in_file(&path))
        }
        kind => Err(Error::format(format!("this is {}, not a circuit", kind.name())).in_file(&path)),
    }
}

/// Opens a circuit of parts that are given one by one. A relative path counts from the working directory.
///
/// # Errors
/// When the cells cannot be read.
pub fn circuit_of_parts(parts: &Parts) -> Result<Circuit> {
    locate_parts(parts).open()
}

/// Finds parts that are given one by one.
pub(in crate::formats) fn locate_parts(parts: &Parts) -> Located {
    let path = parts.cells.clone();
    of_parts(parts, &Roots::default(), path, Map::new(), &|key| format!("`{key}` of the circuit"))
}

/// The parts that stand beside a cell file under their usual names.
fn parts_beside(cells: &Path) -> Parts {
    let folder = folder_of(cells);
    let beside = |name: &str| Some(folder.join(name)).filter(|p| p.exists());
    Parts {
        cells: cells.to_owned(),
        targets: beside("start.target").into_iter().collect(),
        synapses: beside("nrn.h5"),
        mecombo_info: beside("mecombo_emodel.tsv"),
        ..Parts::default()
    }
}

fn unsupported(kind: Kind, path: &Path) -> Error {
    Error::format(format!("this is {}, which is not supported yet", kind.name())).in_file(path)
}

/// The folders in which the relative paths of a configuration may lead. A `CircuitPath` or `CurrentDir` that is not
/// there is left out.
///
/// # Errors
/// When the configuration has no `Run` section, or more than one.
pub fn roots_of(config: &BlueConfig, path_map: &PathMap) -> Result<Roots> {
    let run = config.run()?;
    let mut roots = Roots::new(path_map, [folder_of(config.path())]);
    let folder = |key: &str, roots: &Roots| roots.find(value(run, key)?, Path::is_dir).ok();
    let current = folder("CurrentDir", &roots);
    let mut around = roots.clone();
    around.extend(current.clone());
    let circuit = folder("CircuitPath", &around);
    roots.extend(circuit.into_iter().chain(current));
    Ok(roots)
}

/// The value of a key that says something.
pub(super) fn value<'a>(section: &'a Section, key: &str) -> Option<&'a str> {
    section.get(key).filter(|&v| v != NONE)
}

/// A path that a configuration names.
#[derive(Clone)]
pub(in crate::formats) struct Named {
    /// The path; where it is missing, where it was expected first.
    pub(in crate::formats) path: PathBuf,
    /// What follows a colon.
    pub(in crate::formats) population: Option<String>,
    /// Why there is nothing at the path.
    fault: Option<Error>,
    /// Who names it.
    origin: String,
}

impl Named {
    /// The path behind `text`. Where there is no such file, what follows a colon may be a population.
    fn new(roots: &Roots, text: &str, origin: String) -> Self {
        let is_there = |path: &Path| path.exists() || is_unmerged(path);
        let whole = roots.find(text, is_there);
        let part = text.rsplit_once(':').and_then(|(path, population)| {
            Some((roots.find(path, is_there).ok()?, Some(population.to_owned())))
        });
        match (whole, part) {
            (Ok(path), _) => Named { path, population: None, fault: None, origin },
            (Err(_), Some((path, population))) => Named { path, population, fault: None, origin },
            (Err(fault), None) => {
                let path = roots.candidates(text).into_iter().next().unwrap_or_else(|| text.into());
                Named { path, population: None, fault: Some(fault), origin }
            }
        }
    }

    fn of_key(roots: &Roots, section: &Section, key: &str, config: &Path) -> Option<Self> {
        let entry = section.entry(key).filter(|e| e.value != NONE)?;
        let origin = format!("`{key}` in {}, line {}", config.display(), entry.line);
        let mut named = Named::new(roots, &entry.value, origin);
        named.fault = named.fault.map(|fault| section.place(key, with_subject(key, &fault)));
        Some(named)
    }

    /// Something of which not even the path is known.
    fn unknown(fault: Error) -> Self {
        Named { path: PathBuf::new(), population: None, fault: Some(fault), origin: String::new() }
    }

    /// The path of something that is there.
    pub(in crate::formats) fn get(&self) -> Result<&Path> {
        self.fault.clone().map_or(Ok(&self.path), Err)
    }

    /// An error about what is at the path.
    pub(in crate::formats) fn explain(&self, error: Error) -> Error {
        error.help(format!("it is {}", self.origin))
    }

    /// As the user may see it.
    fn shown(&self) -> String {
        match &self.population {
            Some(population) => format!("{}:{population}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }
}

/// The same error, beginning with the key that it is about.
fn with_subject(key: &str, error: &Error) -> Error {
    let renamed = Error::new(error.code(), format!("{key}: {}", error.message()));
    error.helps().iter().fold(renamed, |e, help| e.help(help.clone()))
}

/// Whether a file exists in the numbered pieces that a parallel writer leaves (`nrn.h5.0`, `nrn.h5.1` …).
fn is_unmerged(path: &Path) -> bool {
    let mut first = path.as_os_str().to_owned();
    first.push(".0");
    Path::new(&first).exists()
}

/// A projection, before it is opened.
pub(in crate::formats) struct Fibres {
    pub(in crate::formats) name: String,
    pub(in crate::formats) source: Option<String>,
    config: Value,
    pub(in crate::formats) path: Option<Named>,
}

/// Where everything is.
pub(in crate::formats) struct Located {
    pub(in crate::formats) path: PathBuf,
    sections: Map<String, Value>,
    pub(in crate::formats) cells: Named,
    pub(in crate::formats) targets: Vec<Named>,
    pub(in crate::formats) synapses: Option<Named>,
    /// What to say where there are no synapses.
    no_synapses: Error,
    pub(in crate::formats) hoc: Option<Named>,
    pub(in crate::formats) mecombo: Option<Named>,
    pub(in crate::formats) projections: Vec<Fibres>,
    /// Paths that are only told: name and path.
    pub(in crate::formats) others: Vec<(&'static str, Option<String>)>,
}

impl Located {
    fn open(self) -> Result<Circuit> {
        let cells = open_cells(self.cells.get()?, self.cells.population.as_deref())
            .map_err(|e| self.cells.explain(e))?;
        let config = self.config();
        let projections = self.projections.into_iter().map(|f| f.open(&cells)).collect();
        Ok(Circuit {
            path: self.path,
            format: Format::Bbp,
            config,
            targets: open_targets(self.targets, &cells),
            connectome: open_synapses(self.synapses, &cells, false, self.no_synapses),
            projections,
            emodels: open_emodels(self.hoc, self.mecombo),
            network: None,
            populations: Vec::new(),
            ends: (None, None),
            cells,
        })
    }

    fn config(&self) -> Value {
        let path = |named: &Option<Named>| named.as_ref().map(Named::shown);
        let projections: Map<String, Value> =
            self.projections.iter().map(|f| (f.name.clone(), path(&f.path).into())).collect();
        let mut paths = Map::new();
        paths.insert("cells".into(), self.cells.shown().into());
        paths.insert("synapses".into(), path(&self.synapses).into());
        paths.insert("targets".into(), self.targets.iter().map(Named::shown).collect());
        paths.insert("emodels".into(), path(&self.hoc).into());
        paths.insert("mecombo_info".into(), path(&self.mecombo).into());
        paths.insert("projections".into(), projections.into());
        for (name, path) in &self.others {
            paths.insert((*name).into(), path.clone().into());
        }
        let mut config = self.sections.clone();
        config.insert("paths".into(), paths.into());
        config.into()
    }
}

impl Fibres {
    fn open(self, cells: &Arc<CellTable>) -> Projection {
        let missing = Error::format(format!("projection `{}` has no `Path`", self.name));
        Projection {
            path: self.path.as_ref().map_or_else(PathBuf::new, |p| p.path.clone()),
            connectome: open_synapses(self.path, cells, true, missing),
            name: self.name,
            source: self.source,
            config: self.config,
        }
    }
}

/// Opens a file of cells, of either kind.
pub(in crate::formats) fn open_cells(path: &Path, population: Option<&str>) -> Result<Arc<CellTable>> {
    if path.is_dir() {
        return Err(Error::format("this is a folder where a file of cells is expected").in_file(path));
    }
    match sniff(path)? {
        Kind::Mvd2 => mvd2::read_cells(path),
        Kind::Mvd3 => mvd3::read_cells(path),
        Kind::SonataNodes => sonata::read_cells(path, population),
        kind => Err(Error::format(format!("this is {}, not a file of cells", kind.name()))
            .in_file(path)
            .help("cells are read from mvd2 and mvd3 files, and from SONATA nodes")),
    }
}

fn open_targets(files: Vec<Named>, cells: &Arc<CellTable>) -> Deferred<Arc<dyn Targets>> {
    let cells = cells.clone();
    Deferred::new(move || {
        if let Some(sets) = files.iter().find(|f| is_json(&f.path)) {
            return Err(sets.explain(unsupported(Kind::NodeSets, &sets.path)));
        }
        let paths = files.iter().map(|f| f.get().map(Path::to_owned)).collect::<Result<Vec<PathBuf>>>()?;
        target::read_circuit_targets(&paths, &cells)
    })
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
}

fn open_synapses(
    named: Option<Named>,
    cells: &Arc<CellTable>,
    projection: bool,
    missing: Error,
) -> Deferred<Arc<dyn Connectome>> {
    let cells = cells.clone();
    Deferred::new(move || {
        let named = named.as_ref().ok_or_else(|| missing.clone())?;
        let path = named.get()?;
        open_connectome(path, named.population.as_deref(), &cells, projection).map_err(|e| named.explain(e))
    })
}

/// Opens a file or folder of synapses.
fn open_connectome(
    path: &Path,
    population: Option<&str>,
    cells: &Arc<CellTable>,
    projection: bool,
) -> Result<Arc<dyn Connectome>> {
    if path.is_dir() {
        let there = |name: &str| Some(path.join(name)).filter(|p| p.exists() || is_unmerged(p));
        let names = if projection { ["proj_nrn.h5", "nrn.h5"] } else { ["nrn.h5", "proj_nrn.h5"] };
        if let Some(file) = names.into_iter().find_map(there) {
            return open_connectome(&file, population, cells, projection);
        }
        if let Some(edges) = ["edges.sonata", "edges.h5"].into_iter().find_map(there) {
            return open_connectome(&edges, population, cells, projection);
        }
        return Err(Error::new(Code::Io, format!("there are no synapses in {}", path.display()))
            .help(format!("looked for {} and {}", names[0], names[1])));
    }
    // A file in numbered pieces does not exist under its own name; the reader of nrn knows what to do.
    let kind = if path.exists() { sniff(path)? } else { Kind::Nrn };
    match (kind, population) {
        (Kind::Nrn, None) => nrn::open(path, cells),
        (Kind::Nrn, Some(population)) => Err(Error::argument(format!(
            "a population, `{population}`, is asked for, but an nrn file has no populations"
        ))
        .in_file(path)
        .help("leave out the colon and what follows it")),
        (Kind::SonataEdges, population) => sonata::open(path, population, cells, projection),
        (Kind::Syn2, _) => Err(unsupported(kind, path)),
        _ => Err(Error::format(format!("this is {}, not a file of synapses", kind.name())).in_file(path)),
    }
}

fn open_emodels(hoc: Option<Named>, mecombo: Option<Named>) -> Deferred<Emodels> {
    Deferred::new(move || {
        let table = mecombo.as_ref().map(Named::get).transpose()?;
        let folder = hoc.as_ref().map(|h| h.path.as_path());
        if table.is_none() && folder.is_none() {
            let error = Error::new(Code::Name, "the configuration of this circuit names no e-models");
            return Err(error.help("they are in `METypePath` and `MEComboInfoFile`"));
        }
        let opened = mecombo::open(folder.unwrap_or(Path::new("")), table);
        opened.map_err(|e| mecombo.as_ref().map_or(e.clone(), |m| m.explain(e)))
    })
}

/// Finds the parts of the circuit of a CircuitConfig or BlueConfig.
///
/// # Errors
/// When the configuration has no `Run` section, or more than one.
pub(in crate::formats) fn locate_config(config: &BlueConfig, path_map: &PathMap) -> Result<Located> {
    let run = config.run()?;
    let roots = roots_of(config, path_map)?;
    let named = |section: &Section, key: &str| Named::of_key(&roots, section, key, config.path());
    let circuit_path = named(run, "CircuitPath");
    let synapses = named(run, "nrnPath");
    let folder = circuit_path.as_ref().and_then(|p| p.get().ok());
    let folder = folder.map(|p| if p.is_dir() { p.to_owned() } else { folder_of(p) });
    let beside = |name: &str| folder.as_ref().map(|f| f.join(name)).filter(|p| p.exists());
    let indexed = |name: &str| beside(&format!("{name}_index.dat")).and(folder.as_deref()).map(shown);
    let cells = cells_of(config, run, &roots, circuit_path.as_ref()).unwrap_or_else(Named::unknown);
    let targets = targets_of(config, run, &roots, synapses.as_ref(), folder.as_deref());
    let projections = config.of_kind("Projection").map(|section| Fibres {
        name: section.name.clone(),
        source: value(section, "Source").map(str::to_owned),
        config: section.entries.iter().map(|e| (e.key.clone(), Value::from(e.value.clone()))).collect(),
        path: named(section, "Path"),
    });
    let no_synapses = run.place("nrnPath", Error::new(Code::Name, "the configuration names no synapses"));
    let path = |key: &str| named(run, key).map(|n| n.shown());
    Ok(Located {
        path: config.path().to_owned(),
        sections: match config.to_json() {
            Value::Object(sections) => sections,
            _ => Map::new(),
        },
        cells,
        targets,
        no_synapses: no_synapses.help("they are in `nrnPath`"),
        hoc: named(run, "METypePath"),
        mecombo: named(run, "MEComboInfoFile"),
        projections: projections.collect(),
        others: vec![
            ("morphologies", path("MorphologyPath")),
            ("morphology_type", value(run, "MorphologyType").map(str::to_owned)),
            ("atlas", path("Atlas")),
            ("subcellular", beside("subcellular.h5").map(|p| shown(&p))),
            ("segment_index", indexed("SEGMENT")),
            ("synapse_index", indexed("SYNAPSE")),
            ("soma_index", indexed("SOMA")),
        ],
        synapses,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The cell file: `CellLibraryFile`, else `circuit.mvd3`, else `circuit.mvd2` in `CircuitPath`.
fn cells_of(config: &BlueConfig, run: &Section, roots: &Roots, circuit: Option<&Named>) -> Result<Named> {
    let library = value(run, "CellLibraryFile").filter(|&v| v != START_NCS);
    let folder = circuit.and_then(|c| c.get().ok());
    if let Some(library) = library {
        // A bare name stands for a file of the circuit, whatever lies beside the configuration.
        let roots = folder.map_or_else(|| roots.clone(), |f| roots.first(f));
        let named = Named::of_key(&roots, run, "CellLibraryFile", config.path());
        let named = named.ok_or_else(|| run.error("CellLibraryFile", "CellLibraryFile has no value"))?;
        // Where the whole circuit is gone, that is what to say.
        let gone = circuit.filter(|_| named.fault.is_some() && Path::new(library).is_relative());
        return match gone.and_then(|c| c.fault.clone()) {
            Some(fault) => Err(fault),
            None => Ok(named),
        };
    }
    let Some(circuit) = circuit else {
        run.require("CircuitPath")?;
        return Err(run.error("CircuitPath", "the configuration names no cells"));
    };
    let folder = circuit.get()?;
    if !folder.is_dir() {
        return Ok(circuit.clone());
    }
    let found = CELL_FILES.iter().map(|name| folder.join(name)).find(|p| p.exists());
    let path = found.ok_or_else(|| {
        let [first, second] = CELL_FILES;
        let message = format!("there is no {first} and no {second} in {}", folder.display());
        run.place("CircuitPath", Error::new(Code::Io, message))
    })?;
    Ok(Named { path, ..circuit.clone() })
}

/// `start.target` of the synapses' folder or of the circuit's, then `TargetFile`.
fn targets_of(
    config: &BlueConfig,
    run: &Section,
    roots: &Roots,
    synapses: Option<&Named>,
    circuit: Option<&Path>,
) -> Vec<Named> {
    let own = Named::of_key(roots, run, "TargetFile", config.path());
    // Node sets take the place of all target files.
    if let Some(sets) = own.as_ref().filter(|f| is_json(&f.path)) {
        return vec![sets.clone()];
    }
    let synapses = synapses.and_then(|s| s.get().ok());
    let synapses = synapses.map(|p| if p.is_dir() { p.to_owned() } else { folder_of(p) });
    let mut folders: Vec<PathBuf> = synapses.into_iter().chain(circuit.map(Path::to_owned)).collect();
    folders.dedup();
    let expected = folders.first().map_or_else(PathBuf::new, Clone::clone).join("start.target");
    let start = folders.iter().map(|f| f.join("start.target")).find(|p| p.exists());
    let fault = start.is_none().then(|| {
        let folders: Vec<String> = folders.iter().map(|f| shown(f)).collect();
        let place = if folders.is_empty() {
            "neither `nrnPath` nor `CircuitPath` is a folder that exists".to_owned()
        } else {
            format!("it was looked for in {}", folders.join(" and in "))
        };
        let key = if run.get("nrnPath").is_some() { "nrnPath" } else { "CircuitPath" };
        run.place(key, Error::new(Code::Io, "there is no start.target").help(place))
    });
    let origin = format!("the `start.target` of {}", config.path().display());
    let start = Named { path: start.unwrap_or(expected), population: None, fault, origin };
    std::iter::once(start).chain(own).collect()
}

/// The circuit of BluePy's JSON.
fn of_json(path: &Path, path_map: &PathMap) -> Result<Located> {
    let wrong = |e: serde_json::Error| {
        Error::format(format!("this is no circuit: {e}")).at_line(path, e.line(), e.column())
    };
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let sections: Map<String, Value> = serde_json::from_slice(bytes).map_err(wrong)?;
    // Keys that other programs keep here are none of our business.
    let known = |key: &String, value: &Value| PARTS.contains(&key.as_str()) && !value.is_null();
    let parts: Map<String, Value> = sections.clone().into_iter().filter(|(k, v)| known(k, v)).collect();
    let parts: Parts = serde_json::from_value(parts.into())
        .map_err(|e| Error::format(format!("this is no circuit: {e}")).in_file(path))?;
    let roots = Roots::new(path_map, [folder_of(path)]);
    let origin = |key: &str| format!("`{key}` in {}", path.display());
    Ok(of_parts(&parts, &roots, path.to_owned(), sections, &origin))
}

fn of_parts(
    parts: &Parts,
    roots: &Roots,
    path: PathBuf,
    sections: Map<String, Value>,
    origin: &dyn Fn(&str) -> String,
) -> Located {
    let named = |key: &str, path: &Path| {
        let mut named = Named::new(roots, &path.to_string_lossy(), origin(key));
        named.fault =
            named.fault.map(|fault| with_subject(key, &fault).help(format!("it is {}", origin(key))));
        named
    };
    let optional = |key: &str, path: &Option<PathBuf>| path.as_ref().map(|p| named(key, p));
    let told = |key: &'static str, path: &Option<PathBuf>| (key, optional(key, path).map(|n| n.shown()));
    let projections = parts.projections.iter().map(|(name, path)| {
        let config = parts.projections_metadata.get(name).cloned().unwrap_or_default();
        let source = config.get("Source").and_then(Value::as_str).map(str::to_owned);
        Fibres { name: name.clone(), source, config: config.into(), path: Some(named("projections", path)) }
    });
    Located {
        cells: named("cells", &parts.cells),
        targets: parts.targets.iter().map(|p| named("targets", p)).collect(),
        synapses: optional("synapses", &parts.synapses),
        no_synapses: Error::new(Code::Name, "this circuit has no synapses")
            .help("open it with `synapses`, the path of an nrn.h5 file or its folder"),
        hoc: optional("emodels", &parts.emodels),
        mecombo: optional("mecombo_info", &parts.mecombo_info),
        projections: projections.collect(),
        others: vec![
            told("morphologies", &parts.morphologies),
            ("morphology_type", parts.morphology_type.clone()),
            told("atlas", &parts.atlas),
            told("subcellular", &parts.subcellular),
            told("segment_index", &parts.segment_index),
            told("synapse_index", &parts.synapse_index),
            told("soma_index", &parts.soma_index),
        ],
        path,
        sections,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CELLS: &str = "Neurons Loaded\nm d 0 0 0 0 0 1 2 3 0 c\nm d 0 0 5 0 0 4 5 6 0 c\nMorphTypes\nL1 INT INH\n\
                         ElectroTypes\ncNAC\n";

    /// A circuit in a folder, which later writes change.
    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn new() -> Self {
            let fixture = Fixture(tempfile::tempdir().unwrap());
            fixture.write("circuit/circuit.mvd2", CELLS);
            fixture.write("circuit/start.target", "Target Cell All { a1 a2 }");
            fixture.write("CircuitConfig", "Run Default\n{\n CircuitPath circuit\n nrnPath nrn\n}\n");
            fixture
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            std::fs::write(self.path(name), text).unwrap();
        }

        fn config(&self, keys: &str) {
            self.write("CircuitConfig", &format!("Run Default\n{{\n{keys}\n}}\n"));
        }

        fn open(&self) -> Result<Circuit> {
            open_circuit(&self.path("CircuitConfig"), &PathMap::default())
        }

        fn fails(&self, messages: &[&str], line: usize) {
            // What is wrong shows when the circuit is opened, or when its targets are asked for.
            let error = self.open().and_then(|c| c.targets.get().map(|_| ())).unwrap_err();
            for message in messages {
                assert!(error.to_string().contains(message), "{error}");
            }
            assert_eq!(error.place().unwrap().line, Some((line, 0)), "{error}");
        }

        fn paths(&self, circuit: &Circuit) -> Value {
            let text = circuit.config["paths"].to_string();
            serde_json::from_str(&text.replace(&format!("{}/", self.0.path().display()), "")).unwrap()
        }
    }

    fn ids(circuit: &Circuit, name: &str) -> Vec<i64> {
        circuit.targets.get().unwrap().resolve(name).unwrap().listed().to_vec()
    }

    #[test]
    fn finds_every_part() {
        let f = Fixture::new();
        f.write("user.target", "Target Cell Mine { a2 }");
        f.write("mecombo.tsv", "combo_name emodel current\nc e 0.5\n");
        f.write("circuit/subcellular.h5", "");
        f.write("circuit/SEGMENT_index.dat", "");
        f.write(
            "CircuitConfig",
            "Run Default\n{\n CircuitPath circuit\n nrnPath nrn\n TargetFile user.target\n METypePath hoc\n\
             MEComboInfoFile mecombo.tsv\n MorphologyPath morphs\n MorphologyType asc\n}\n\
             Projection tc\n{\n Path /gone/tc\n Source All\n}\nProjection none { }\n",
        );
        let circuit = f.open().unwrap();
        assert_eq!((circuit.cells.count(), circuit.format), (2, Format::Bbp));
        assert_eq!(
            (ids(&circuit, "All"), ids(&circuit, "Mine"), ids(&circuit, "a2")),
            (vec![1, 2], vec![2], vec![2])
        );
        let expected = json!({
            "cells": "circuit/circuit.mvd2", "synapses": "nrn", "targets": ["circuit/start.target", "user.target"],
            "emodels": "hoc", "mecombo_info": "mecombo.tsv", "projections": {"tc": "/gone/tc", "none": null},
            "morphologies": "morphs", "morphology_type": "asc", "atlas": null,
            "subcellular": "circuit/subcellular.h5", "segment_index": "circuit", "synapse_index": null,
            "soma_index": null,
        });
        assert_eq!(f.paths(&circuit), expected);
        assert_eq!(circuit.config["Run"]["Default"]["nrnPath"], "nrn");
        assert_eq!(circuit.emodels.get().unwrap().by_combo.as_ref().unwrap()["c"]["current"], 0.5);
        let tc = circuit.projection("tc").unwrap();
        assert_eq!((tc.source.as_deref(), &tc.config["Source"]), (Some("All"), &json!("All")));
        let error = tc.connectome.get().err().unwrap().to_string();
        assert!(error.contains("Path: /gone/tc does not exist") && error.contains("line 13"), "{error}");
        assert!(
            circuit
                .projection("none")
                .unwrap()
                .connectome
                .get()
                .err()
                .unwrap()
                .message()
                .contains("no `Path`")
        );
        let error = circuit.connectome.get().err().unwrap();
        assert!(error.message().starts_with("nrnPath: `nrn` does not exist, neither in"), "{error}");
        assert_eq!(error.place().unwrap().line, Some((4, 0)));
        assert!(circuit.projection("tx").err().unwrap().to_string().contains("did you mean `tc`"));
    }

    #[test]
    fn relative_paths_have_four_roots() {
        let f = Fixture::new();
        f.write("current/user.target", "Target Cell Mine { a2 }");
        f.write("circuit/nrn/start.target", "Target Cell Near { a1 }");
        f.config(" CircuitPath ./circuit\n CurrentDir current\n TargetFile user.target\n nrnPath nrn");
        let circuit = f.open().unwrap();
        assert_eq!((ids(&circuit, "Near"), ids(&circuit, "Mine")), (vec![1], vec![2]));
        let error = circuit.connectome.get().err().unwrap().to_string();
        assert!(
            error.contains("there are no synapses in") && error.contains("it is `nrnPath` in"),
            "{error}"
        );
        // A path of another machine leads here through the map.
        f.config(" CircuitPath /gpfs/bbp/circuit\n nrnPath <NONE>");
        assert!(f.open().unwrap_err().to_string().contains("path_map"));
        let mut map = PathMap::default();
        map.add("/gpfs/bbp", f.path(""));
        let circuit = open_circuit(&f.path("CircuitConfig"), &map).unwrap();
        assert_eq!(f.paths(&circuit)["cells"], "circuit/circuit.mvd2");
        let error = circuit.connectome.get().err().unwrap().to_string();
        assert!(error.contains("names no synapses") && error.contains("line 4"), "{error}");
        assert!(open_circuit(Path::new("/gpfs/bbp/CircuitConfig"), &map).is_ok());
    }

    #[test]
    fn the_cell_file_is_the_one_that_is_named() {
        let f = Fixture::new();
        f.write("circuit/circuit.mvd3", "not read");
        f.config(" CircuitPath circuit\n CellLibraryFile circuit.mvd2\n nrnPath .");
        assert_eq!(f.open().unwrap().cells.count(), 2);
        f.config(" CircuitPath circuit\n nrnPath .");
        assert!(f.open().unwrap_err().to_string().contains("circuit.mvd3"));
        f.config(" CircuitPath circuit\n CellLibraryFile circuit.mvd4\n nrnPath .");
        f.fails(&["CellLibraryFile: `circuit.mvd4` does not exist", "did you mean `circuit.mvd"], 4);
        std::fs::remove_file(f.path("circuit/circuit.mvd3")).unwrap();
        f.config(" CircuitPath circuit\n CellLibraryFile start.ncs");
        assert_eq!(f.open().unwrap().cells.count(), 2);
        f.config(" CircuitPath circuit/circuit.mvd2\n nrnPath circuit");
        assert_eq!(f.open().unwrap().cells.count(), 2);
        f.config(" CircuitPath /gone/circuit\n CellLibraryFile circuit.mvd2");
        f.fails(&["CircuitPath: /gone/circuit does not exist", "no `gone` in /"], 3);
        f.config(" CircuitPath .\n nrnPath circuit");
        f.fails(&["no circuit.mvd3 and no circuit.mvd2 in"], 3);
        f.config(" CircuitPath <NONE>");
        f.fails(&["the configuration names no cells"], 3);
        f.config(" CircuitPaht circuit");
        f.fails(&["has no `CircuitPath`", "did you mean `CircuitPaht`"], 1);
        f.config(" CircuitPath circuit\n CellLibraryFile start.target");
        assert!(f.open().unwrap_err().to_string().contains("this is a target file, not a file of cells"));
    }

    #[test]
    fn target_files_must_be_there() {
        let f = Fixture::new();
        f.config(" CircuitPath circuit\n nrnPath .\n TargetFile /no/such/user.target");
        f.fails(&["TargetFile: /no/such/user.target does not exist"], 5);
        std::fs::remove_file(f.path("circuit/start.target")).unwrap();
        f.config(" CircuitPath circuit\n nrnPath .");
        f.fails(&["there is no start.target", "it was looked for in", "circuit"], 4);
        f.write("sets.json", "{}");
        f.config(" CircuitPath circuit\n TargetFile sets.json");
        let circuit = f.open().unwrap();
        let error = circuit.targets.get().err().unwrap().to_string();
        assert!(error.contains("not supported yet"), "{error}");
        assert!(circuit.emodels.get().is_err());
        f.config(" CircuitPath circuit\n nrnPath circuit/start.target");
        f.write("circuit/start.target", "Target Cell A { a1 }");
        let error = f.open().unwrap().connectome.get().err().unwrap().to_string();
        assert!(error.contains("this is a target file, not a file of synapses"), "{error}");
    }

    #[test]
    fn other_ways_to_a_circuit() {
        let f = Fixture::new();
        assert_eq!(open_circuit(f.0.path(), &PathMap::default()).unwrap().path, f.path("CircuitConfig"));
        let folder = open_circuit(&f.path("circuit"), &PathMap::default()).unwrap();
        assert_eq!((folder.cells.count(), ids(&folder, "All")), (2, vec![1, 2]));
        let bare = open_circuit(&f.path("circuit/circuit.mvd2"), &PathMap::default()).unwrap();
        assert!(bare.targets.get().unwrap().entries().is_empty());
        assert!(bare.connectome.get().err().unwrap().message().contains("no synapses"));
        let parts = json!({"cells": f.path("circuit/circuit.mvd2"), "targets": [f.path("circuit/start.target")],
            "connectome": "x/nrn.h5:pop", "emodels": "hoc"});
        let circuit = circuit_of_parts(&serde_json::from_value(parts).unwrap()).unwrap();
        assert_eq!(ids(&circuit, "All"), [1, 2]);
        assert!(circuit.connectome.get().err().unwrap().message().contains("`x/nrn.h5:pop` does not exist"));
        assert!(circuit.emodels.get().unwrap().by_combo.is_none());
        let wrong = serde_json::from_value::<Parts>(json!({"cells": "x", "synapse": "y"})).unwrap_err();
        assert!(wrong.to_string().contains("unknown field `synapse`"));
        assert!(
            circuit_of_parts(&Parts { cells: f.path("circuit/circuit.mvd"), ..Parts::default() })
                .unwrap_err()
                .to_string()
                .contains("did you mean `circuit.mvd2`")
        );
        f.write(
            "circuit.json",
            "{\"cells\": \"./circuit/circuit.mvd2\", \"targets\": [\"./gone.target\"], \"my\": 1}",
        );
        let circuit = open_circuit(&f.path("circuit.json"), &PathMap::default()).unwrap();
        let error = circuit.targets.get().err().unwrap().to_string();
        assert!(error.contains("gone.target` does not exist") && error.contains("`targets` in"), "{error}");
        f.write("circuit.json", "{\"cells\": \"circuit/circuit.mvd2\",\n \"targets\": 5}");
        assert!(open_circuit(&f.path("circuit.json"), &PathMap::default()).is_err());
        f.write("circuit_config.json", "{\"networks\": {}}");
        let error = open_circuit(&f.path("circuit_config.json"), &PathMap::default()).unwrap_err();
        assert!(error.message().contains("this is a SONATA circuit configuration, not"));
        let error = open_circuit(&f.path("circuit/start.target"), &PathMap::default()).unwrap_err();
        assert!(error.message().contains("this is a target file, not a circuit"));
        assert!(
            open_circuit(&f.path("CircuitConfi"), &PathMap::default())
                .unwrap_err()
                .to_string()
                .contains("did you mean")
        );
    }

    fn shared(path: &str) -> Option<PathBuf> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
        if !path.exists() {
            println!("skipped: no {}", path.display());
        }
        path.exists().then_some(path)
    }

    #[test]
    fn the_oracle_of_circuits() {
        let Some(folder) = shared("oracle/bluepy/derived") else { return };
        let open = |name: &str| open_circuit(&folder.join(name), &PathMap::default());
        for name in [
            "CircuitConfig",
            "CircuitConfig_be",
            "CircuitConfig_mvd2",
            "CircuitConfig_mvd2_shadowed",
            "circuit.json",
        ] {
            let circuit = open(&format!("circuit/{name}")).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(circuit.cells.count(), 20, "{name}");
            let targets = circuit.targets.get().unwrap();
            assert_eq!(targets.entries().len(), 19, "{name}");
            assert_eq!(ids(&circuit, "Mosaic"), (1..=20).collect::<Vec<_>>());
            assert_eq!(
                (ids(&circuit, "Small"), ids(&circuit, "SmallComp")),
                (vec![1, 2, 3], vec![1, 2, 3, 5])
            );
            assert_eq!(ids(&circuit, "proj_tc_Source"), (1001..=1005).collect::<Vec<_>>());
            let synapses = circuit.connectome.get().unwrap_or_else(|e| panic!("{e}")).synapses().unwrap();
            assert!(synapses.row_count().is_some_and(|n| n > 0), "{name}");
            let tc = circuit.projection("tc").unwrap();
            assert_eq!(tc.connectome.get().unwrap().synapses().unwrap().row_count(), Some(27));
            assert_eq!(tc.source.is_some(), name != "circuit.json");
            let used =
                circuit.config["paths"]["cells"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
            assert_eq!(used, if name.contains("mvd2") { "mvd2" } else { "mvd3" });
        }
        assert_eq!(open("circuit").unwrap().cells.count(), 20);
        let simulation = open("sim/BlueConfig").unwrap();
        assert_eq!((simulation.cells.count(), ids(&simulation, "Column").len()), (20, 20));
        assert_eq!(open("circuit/CircuitConfig_sonata").unwrap().cells.count(), 20);
        let parts = |synapses: &str| Parts {
            cells: folder.join("../data/circuit.mvd2"),
            synapses: Some(folder.join("../data").join(synapses)),
            ..Parts::default()
        };
        for (synapses, message) in
            [("nrn/nrn.h5:default2", "default2"), ("B.target", "not a file of synapses")]
        {
            let circuit = circuit_of_parts(&parts(synapses)).unwrap();
            let error = circuit.connectome.get().err().unwrap().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(circuit_of_parts(&parts("nrn/nrn.h5")).unwrap().connectome.get().is_ok());
        let config = |keys: &str| {
            let text = format!("Run Default\n{{\n{keys}\n}}\n");
            locate_config(&BlueConfig::parse(&text, &folder.join("Made")).unwrap(), &PathMap::default())?
                .open()
        };
        let circuit = config("CircuitPath bad\nnrnPath bad\nCellLibraryFile circuit/circuit.mvd3").unwrap();
        let error = circuit.targets.get().err().unwrap().to_string();
        assert!(error.contains("no start.target") && error.contains("derived/bad"), "{error}");
        assert!(config("CircuitPath bad\nnrnPath bad").unwrap_err().to_string().contains("no circuit.mvd3"));
    }

    #[test]
    fn production_configurations_say_what_is_gone() {
        let Some(folder) = shared("real/blueconfigs") else { return };
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path().join("BlueConfig")) {
            if path.exists() {
                let error = open_circuit(&path, &PathMap::default()).unwrap_err();
                let place = error.place().unwrap();
                assert!(error.to_string().contains("does not exist"), "{error}");
                assert!(place.path == path && place.line.is_some(), "{error}");
            }
        }
    }

    #[test]
    fn the_oracle_of_other_circuits() {
        let Some(folder) = shared("oracle/brion/data/synth") else { return };
        let circuit = open_circuit(&folder.join("circuit/CircuitConfig"), &PathMap::default()).unwrap();
        let targets = circuit.targets.get().unwrap();
        let cases: [(&str, &[i64]); 6] = [
            ("All", &[1, 2, 3]),
            ("L1", &[1]),
            ("Deep", &[2, 3]),
            ("Empty", &[]),
            ("apical", &[3]),
            ("Comp", &[1, 3]),
        ];
        for (name, expected) in cases {
            assert_eq!(ids(&circuit, name), expected, "{name}");
        }
        for name in ["Mine", "Nope", "a99", "Broken"] {
            assert!(targets.resolve(name).is_err(), "{name}");
        }
        assert!(circuit.connectome.get().is_ok());
        assert_eq!(
            circuit.config["paths"]["morphologies"],
            folder.join("circuit/morphs").display().to_string()
        );
        let cycle = open_circuit(&folder.join("circuit_cycle"), &PathMap::default()).unwrap();
        assert!(cycle.targets.get().unwrap().resolve("A").unwrap_err().message().contains("A → B → A"));
        let Some(two) = shared("real/BlueCelluLab/bluecellulab-bb5-tests/tests/examples") else { return };
        let two = two.join("circuit_twocell_example1");
        let circuit = open_circuit(&two.join("CircuitConfig"), &PathMap::default()).unwrap();
        assert_eq!(circuit.cells.count(), 2);
        assert!(circuit.connectome.get().is_ok());
        // It names a target file of a machine that is gone; the same file lies beside it.
        let error = circuit.targets.get().err().unwrap();
        assert!(error.message().starts_with("TargetFile: /bgscratch"), "{error}");
        assert!(error.to_string().contains("a file of that name is in"), "{error}");
        let gone = Path::new(circuit.config["Run"]["Default"]["TargetFile"].as_str().unwrap());
        let mut map = PathMap::default();
        map.add(gone.parent().unwrap(), &two);
        let circuit = open_circuit(&two.join("CircuitConfig"), &map).unwrap();
        assert_eq!(ids(&circuit, "Mosaic"), [1, 2]);
        assert_eq!(open_circuit(&two.join("circuit.mvd3"), &PathMap::default()).unwrap().cells.count(), 2);
    }

    #[test]
    fn production_simulations_open_as_circuits() {
        let Some(folder) = shared("real/BlueCelluLab/bluecellulab-bb5-tests/tests/examples") else { return };
        let mut opened = 0;
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path().join("BlueConfig")) {
            if path.exists() {
                let circuit = open_circuit(&path, &PathMap::default()).unwrap_or_else(|e| panic!("{e}"));
                let targets = circuit.targets.get().unwrap_or_else(|e| panic!("{e}"));
                let run = &circuit.config["Run"]["Default"];
                if let Some(target) = run["CircuitTarget"].as_str() {
                    let simulated = targets.resolve(target).unwrap_or_else(|e| panic!("{e}"));
                    assert!(!simulated.is_empty(), "{}", path.display());
                }
                assert!(circuit.connectome.get().is_ok() && circuit.emodels.get().is_ok());
                opened += 1;
            }
        }
        assert!(opened > 5, "{opened}");
    }
}
