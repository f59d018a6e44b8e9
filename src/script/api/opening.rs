//! Opening things: circuits, targets, configurations, tables.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rhai::{Dynamic, Map};
use serde::Deserialize;
use serde_json::Value as Json;

use super::circuit::{Circuit, Targets, texts};
use super::report::Report;
use super::simulation::Simulation;
use super::spikes::Spikes;
use crate::diag::{Error, Result};
use crate::formats as files;
use crate::formats::bbp::config::{BlueConfig, Section};
use crate::formats::bbp::mecombo;
use crate::formats::bbp::open as bbp;
use crate::formats::bbp::target::read_targets;
use crate::formats::open as formats;
use crate::formats::paths::PathMap;
use crate::formats::reports::ReportOptions;
use crate::formats::sniff::{Kind, sniff};
use crate::formats::sonata::config::{CircuitConfig, PopulationConfig};
use crate::formats::spikes::SpikeOptions;
use crate::formats::table;
use crate::query::Table;
use crate::script::args::options;
use crate::script::registry::{Answer, Api};
use crate::script::value::{from_json, to_json_value};

/// Roots that have vanished, and where their files are now.
static PATH_MAP: Mutex<Option<PathMap>> = Mutex::new(None);

pub(super) fn path_map() -> PathMap {
    PATH_MAP.lock().ok().and_then(|m| m.clone()).unwrap_or_default()
}

/// Opens a circuit.
///
/// # Errors
/// When the path holds no circuit, or a damaged one.
pub fn open_circuit(path: &Path) -> Result<Circuit> {
    Ok(Circuit(Arc::new(formats::open_circuit(path, &path_map())?)))
}

/// Opens a simulation.
///
/// # Errors
/// When the path holds no simulation, or a damaged one.
pub fn open_simulation(path: &Path) -> Result<Simulation> {
    Ok(Simulation::new(formats::open_simulation(path, &path_map())?))
}

/// Opens whatever a path holds.
///
/// # Errors
/// When there is nothing, or nothing that is known.
pub fn open(path: &Path) -> Result<Dynamic> {
    match sniff(path)? {
        Kind::BlueConfig | Kind::SonataSimulation => Ok(Dynamic::from(open_simulation(path)?)),
        Kind::Spikes => Ok(Dynamic::from(open_spikes(&path.to_string_lossy(), AloneOptions::default())?)),
        Kind::Report => Ok(Dynamic::from(open_report(&path.to_string_lossy(), AloneOptions::default())?)),
        Kind::CircuitConfig
        | Kind::CircuitParts
        | Kind::Mvd2
        | Kind::Mvd3
        | Kind::SonataCircuit
        | Kind::SonataNodes => Ok(Dynamic::from(open_circuit(path)?)),
        Kind::Targets => Ok(Dynamic::from(Targets(read_targets(&[path.to_owned()])?))),
        Kind::Table => Ok(Dynamic::from(Table::in_memory(table::read(path)?))),
        Kind::Nrn => Err(Error::format("synapses alone are no circuit")
            .in_file(path)
            .help("name the cells, too: open_circuit(#{cells: \"circuit.mvd3\", synapses: \"nrn.h5\"})")),
        other => Err(Error::format(format!("{} cannot be opened yet", other.name())).in_file(path)),
    }
}

fn open_config(path: &Path) -> Result<Json> {
    match sniff(path)? {
        Kind::SonataCircuit | Kind::SonataSimulation => {
            Ok(sonata_config(&CircuitConfig::read(path, &path_map())?))
        }
        _ => Ok(BlueConfig::read(path)?.to_json()),
    }
}

/// The expanded configuration, and what holds for each population.
fn sonata_config(config: &CircuitConfig) -> Json {
    let half = |populations: &[PopulationConfig]| {
        let entry = |p: &PopulationConfig| (p.name.clone(), Json::Object(p.properties.clone()));
        Json::Object(populations.iter().map(entry).collect())
    };
    let mut all = config.expanded.clone();
    if let Some(map) = all.as_object_mut() {
        let populations = serde_json::json!({"nodes": half(&config.nodes), "edges": half(&config.edges)});
        map.insert("populations".to_owned(), populations);
    }
    all
}

fn section_map(section: &Section) -> Map {
    let keys =
        section.entries.iter().map(|e| (e.key.as_str().into(), e.value.clone().into())).collect::<Map>();
    Map::from([
        ("type".into(), section.kind.clone().into()),
        ("name".into(), section.name.clone().into()),
        ("keys".into(), keys.into()),
    ])
}

/// What is said of a file of spikes or a report that is opened by itself.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AloneOptions {
    /// One population of several.
    population: Option<String>,
    /// What node 0 of a SONATA file is called.
    first_id: i64,
}

fn open_spikes(path: &str, given: AloneOptions) -> Result<Spikes> {
    let options = SpikeOptions { first_id: given.first_id, population: given.population };
    Spikes::new(files::spikes::open(&path_map().apply(Path::new(path)), &options)?, None, None, None)
}

fn open_report(path: &str, given: AloneOptions) -> Result<Report> {
    let options = ReportOptions { first_id: given.first_id, kind: None, population: given.population };
    let path = path_map().apply(Path::new(path));
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Report::new(name, &files::reports::open(&path, &options)?, None)
}

fn register_recordings(api: &mut Api) {
    api.call(
        "open_simulation(path) -> Simulation",
        "Opens a simulation: a BlueConfig, a `simulation_config.json`, or a folder that holds one.",
        "open_simulation(sim.path).t_end",
        |path: &str| -> Answer<Simulation> { Ok(open_simulation(Path::new(path))?) },
    );
    api.call(
        "open_spikes(path, #{population, first_id}) -> Spikes",
        "Opens a file of spikes: `.dat`, `.gdf`, `.spikes`, HDF5 old and new; of NEST, a pattern such as `spikes-*.gdf` for \
         many. `first_id` is what node 0 of a SONATA file is called. Options may be left out. Without its simulation, cells \
         can only be chosen by id, and silent ones are not known.",
        "open_spikes(sim.spikes.save(\"some.dat\")).count() == sim.spikes.count()",
        |path: &str, given: Map| -> Answer<Spikes> { Ok(open_spikes(path, options(&given)?)?) },
    );
    api.also("open_spikes", |path: &str| -> Answer<Spikes> {
        Ok(open_spikes(path, AloneOptions::default())?)
    });
    api.call(
        "open_report(path, #{population, first_id}) -> Report",
        "Opens a report: `.bbp`, HDF5 old and new. Options as in `open_spikes`.",
        "open_report(sim.report(\"soma\").path).dt",
        |path: &str, given: Map| -> Answer<Report> { Ok(open_report(path, options(&given)?)?) },
    );
    api.also("open_report", |path: &str| -> Answer<Report> {
        Ok(open_report(path, AloneOptions::default())?)
    });
}

pub(super) fn register(api: &mut Api) {
    api.functions();
    register_recordings(api);
    api.call(
        "open(path) -> value",
        "Opens a file or folder; its content decides: a circuit, a simulation, spikes, a report, targets, or a table.",
        "open(circuit.path).cells.count()",
        |path: &str| -> Answer<Dynamic> { Ok(open(Path::new(path))?) },
    );
    api.call(
        "open_circuit(path) -> Circuit",
        "Opens a circuit: a CircuitConfig or BlueConfig, a folder that holds one, or a bare cell file. A map names \
         the parts one by one: `#{cells: \"circuit.mvd3\", targets: [\"start.target\"], synapses: \"nrn\"}`.",
        "open_circuit(circuit.path).cells.count()",
        |path: &str| -> Answer<Circuit> { Ok(open_circuit(Path::new(path))?) },
    );
    api.also("open_circuit", |parts: Map| -> Answer<Circuit> {
        let parts: bbp::Parts = options(&parts)?;
        Ok(Circuit(Arc::new(bbp::circuit_of_parts(&parts)?)))
    });
    api.call(
        "open_targets(paths) -> Targets",
        "Opens a target file, or several together.",
        "open_targets(circuit.config.paths.targets).names().len()",
        |paths: Dynamic| -> Answer<Targets> {
            let paths: Vec<PathBuf> = texts(&paths)?.into_iter().map(PathBuf::from).collect();
            Ok(Targets(read_targets(&paths)?))
        },
    );
    api.call(
        "open_config(path) -> map",
        "What a configuration says. Of a CircuitConfig or BlueConfig: section type, name, key, text. Of SONATA: the \
         file with variables replaced and paths absolute, and under `populations` what holds for each. A map is taken \
         for such a file in a folder: `open_config(#{networks: #{nodes: []}}, \"folder\")`.",
        "open_config(circuit.path).Run.Default.CircuitPath",
        |path: &str| -> Answer<Dynamic> { Ok(from_json(&open_config(Path::new(path))?)) },
    );
    api.also("open_config", |config: Map, folder: &str| -> Answer<Dynamic> {
        let text = to_json_value(&Dynamic::from_map(config))?.to_string();
        let path = Path::new(folder).join("circuit_config.json");
        Ok(from_json(&sonata_config(&CircuitConfig::of_json(&text, &path, &path_map())?)))
    });
    api.call(
        "config_sections(path) -> array",
        "The sections of a CircuitConfig or BlueConfig in file order, as maps of `type`, `name`, `keys`. A name may \
         occur several times.",
        "config_sections(circuit.path).len()",
        |path: &str| -> Answer<rhai::Array> {
            let config = BlueConfig::read(Path::new(path))?;
            Ok(config.sections().iter().map(|section| Dynamic::from_map(section_map(section))).collect())
        },
    );
    api.call(
        "open_emodels(path) -> Table",
        "The rows of a mecombo_emodel.tsv table, in file order.",
        "open_emodels(circuit.config.paths.mecombo_info).count() > 0",
        |path: &str| -> Answer<Table> {
            let rows = mecombo::read_rows(Path::new(path))?;
            let map = |(_, row)| from_json(&serde_json::Value::Object(row));
            Ok(super::table::table_of_maps(&rows.into_iter().map(map).collect())?)
        },
    );
    api.call(
        "open_table(path) -> Table",
        "Opens a table: `.csv .tsv .json .parquet .arrow`. A header such as `delay (ms)` gives the column its unit.",
        "open_table(circuit.cells.save(\"cells.csv\")).count()",
        |path: &str| -> Answer<Table> { Ok(Table::in_memory(table::read(Path::new(path))?)) },
    );
    api.call(
        "path_map(old, new) -> nothing",
        "Replaces the beginning of paths in configurations that are opened from now on: for roots that have \
         vanished.",
        "path_map(\"/gpfs/bbp.cscs.ch\", \"/data\")",
        |old: &str, new: &str| {
            if let Ok(mut map) = PATH_MAP.lock() {
                map.get_or_insert_default().add(old, new);
            }
        },
    );
}
