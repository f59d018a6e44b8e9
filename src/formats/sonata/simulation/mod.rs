//! `simulation_config.json`: what was simulated, and where the spikes and the reports are.
//!
//! The configuration is checked as a whole when it is opened, and comes out with everything filled in that it leaves
//! unsaid: variables are replaced, paths absolute, times and settings there. Files of the Allen Institute say less and
//! spell some things otherwise; where a file is recognised as one of them, what its tools do not need may be absent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::config::{CircuitConfig, Places, Variables, absolute};
use super::{json, open};
use crate::diag::{Code, Deferred, Error, Result};
use crate::formats::paths::{PathMap, existing, folder_of, tidy};
use crate::formats::reports::ReportOptions;
use crate::formats::spikes::SpikeOptions;
use crate::formats::{spikes, written};
use crate::model::{ReportEntry, Simulation};

use self::reports::{File, check_report, is_of_allen, kind_of};
use self::schema::{Absent, Is, Key, check, lacking, list_of, map_of, said, text};

pub mod compartment_sets;
mod inputs;
mod reports;
mod schema;
#[cfg(test)]
mod tests;

use Absent::{Count, Nothing, Number, Text, Truth, Wrong};

const RUN: &[Key] = &[
    ("tstop", Is::NotNegative, Wrong),
    ("dt", Is::Positive, Wrong),
    ("spike_threshold", Is::Number, Number(-30.0)),
    (
        "integration_method",
        Is::OneOf(
            &["euler", "crank_nicolson", "crank_nicolson_ion"],
            &[("0", "euler"), ("1", "crank_nicolson"), ("2", "crank_nicolson_ion")],
        ),
        Text("euler"),
    ),
    ("stimulus_seed", Is::Count, Count(0)),
    ("ionchannel_seed", Is::Count, Count(0)),
    ("minis_seed", Is::Count, Count(0)),
    ("synapse_seed", Is::Count, Count(0)),
    ("tstart", Is::Number, Nothing),
];
const SEED: Key = ("random_seed", Is::Count, Wrong);
/// What only the tools of the Allen Institute read.
const RUN_OF_ALLEN: [&str; 6] =
    ["tstart", "dL", "nsteps_block", "overwrite_output_dir", "block_run", "block_size"];

const OUTPUT: &[Key] = &[
    ("output_dir", Is::Text, Text("output")),
    ("log_file", Is::Text, Nothing),
    ("spikes_file", Is::Text, Text("out.h5")),
    ("spikes_sort_order", Is::OneOf(&["none", "by_id", "by_time"], SORTED), Text("by_time")),
];
const SORTED: &[(&str, &str)] =
    &[("id", "by_id"), ("time", "by_time"), ("by_gid", "by_id"), ("gid", "by_id")];
const SPIKES_OF_ALLEN: &str = "spikes.h5";

const CONDITIONS: &[Key] = &[
    ("celsius", Is::Number, Number(34.0)),
    ("v_init", Is::Number, Number(-80.0)),
    ("spike_location", Is::OneOf(&["soma", "AIS"], &[]), Text("soma")),
    ("extracellular_calcium", Is::Number, Nothing),
    ("randomize_gaba_rise_time", Is::Truth, Truth(false)),
];
const MODIFICATION: &[Key] = &[
    ("name", Is::Text, Wrong),
    (
        "type",
        Is::OneOf(&["ttx", "configure_all_sections", "section_list", "section", "compartment_set"], &[]),
        Wrong,
    ),
];
const OVERRIDE: &[Key] = &[
    ("name", Is::Text, Wrong),
    ("source", Is::Text, Wrong),
    ("target", Is::Text, Wrong),
    ("weight", Is::Number, Nothing),
    ("spont_minis", Is::Number, Nothing),
    ("synapse_configure", Is::Text, Nothing),
    ("modoverride", Is::Text, Nothing),
    ("synapse_delay_override", Is::Number, Nothing),
    ("delay", Is::Number, Nothing),
    ("neuromodulation_dtc", Is::Number, Nothing),
    ("neuromodulation_strength", Is::Number, Nothing),
];
const TOP: &[Key] = &[
    (
        "target_simulator",
        Is::OneOf(
            &["NEURON", "CORENEURON", "LearningEngine", "Brian2", "NEST", "PyNN", "DiPDE", "Brian", "Arbor"],
            &[],
        ),
        Nothing,
    ),
    ("network", Is::Text, Nothing),
    ("node_sets_file", Is::Text, Nothing),
    ("node_set", Is::Text, Nothing),
    ("compartment_sets_file", Is::Text, Nothing),
];
/// The configuration of the circuit beside that of the simulation, where nobody names it.
const CIRCUIT: &str = "circuit_config.json";

/// Opens a simulation. The circuit, the spikes and the reports are opened when they are asked for, each by itself.
///
/// # Errors
/// A file that cannot be read, or is wrong: the message names the key, and which values it may have.
pub fn open_simulation(path: &Path, path_map: &PathMap) -> Result<Simulation> {
    let (path, network) = followed(tidy(&path_map.apply(path)), path_map)?;
    let config = resolved(json::read_once(&path)?, &path, network, path_map).map_err(|e| e.in_file(&path))?;
    let section = |key: &str| config.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let (run, output) = (section("run"), section("output"));
    let number = |key: &str| said(&run, key).and_then(Value::as_f64);
    let folder = PathBuf::from(text(&output, "output_dir").unwrap_or_default());
    let spikes_file = PathBuf::from(text(&output, "spikes_file").unwrap_or_default());
    let network = text(&config, "network").map(PathBuf::from);
    let own_sets = text(&config, "node_sets_file").map(PathBuf::from);
    let (map, of) = (path_map.clone(), path.clone());
    let circuit = Deferred::new(move || {
        let network = network.as_ref().ok_or_else(|| no_network(&of))?;
        existing(network).map_err(|e| with_subject("network", &e).in_file(&of))?;
        open::open_with_sets(network, own_sets.as_deref(), &map).map(Arc::new)
    });
    let spikes = Deferred::new(move || {
        if !spikes_file.exists() {
            return Err(written::lost("the file of spikes", &spikes_file));
        }
        spikes::open(&spikes_file, &SpikeOptions::default()).map(Arc::new)
    });
    Ok(Simulation {
        t_start: number("tstart").unwrap_or(0.0),
        t_end: number("tstop").unwrap_or(0.0),
        dt: number("dt"),
        target: text(&config, "node_set").map(str::to_owned),
        reports: section("reports").into_iter().map(|(name, report)| entry(name, report, &folder)).collect(),
        config: config.into(),
        path,
        circuit,
        spikes,
    })
}

/// Follows a file that only says where the configurations are, as the tools of the Allen Institute write it. Gives the
/// configuration of the simulation and, where the other file names it, that of the circuit.
fn followed(path: PathBuf, path_map: &PathMap) -> Result<(PathBuf, Option<PathBuf>)> {
    let value = json::read(&path)?;
    let sections = value.as_object().filter(|sections| !sections.contains_key("run"));
    let Some((sections, simulation)) = sections.and_then(|s| Some((s, text(s, "simulation")?))) else {
        return Ok((path, None));
    };
    let folder = absolute(&folder_of(&path));
    let variables = Variables::of(&value, &folder).map_err(|e| e.in_file(&path))?;
    let places = Places { folder: &folder, path_map };
    let of =
        |text: &str| variables.expand_text(text).map(|text| places.of(&text)).map_err(|e| e.in_file(&path));
    let network = text(sections, "network").map(of).transpose()?;
    let simulation = of(simulation)?;
    existing(&simulation).map_err(|e| with_subject("simulation", &e).in_file(&path))?;
    Ok((simulation, network))
}

/// The whole configuration, checked, with all that it leaves unsaid.
fn resolved(
    mut value: Value,
    path: &Path,
    network: Option<PathBuf>,
    path_map: &PathMap,
) -> Result<Map<String, Value>> {
    let folder = absolute(&folder_of(path));
    Variables::of(&value, &folder)?.expand(&mut value)?;
    let mut config = map_of(Some(value), "the configuration of a simulation")?;
    let places = Places { folder: &folder, path_map };
    check(&mut config, TOP, "the configuration")?;
    let allen = is_allen(&config);

    let run = checked_run(&mut config, allen)?;
    let mut output = map_of(config.remove("output"), "`output`")?;
    if allen && said(&output, "spikes_file").is_none() {
        output.insert("spikes_file".to_owned(), SPIKES_OF_ALLEN.into());
    }
    check(&mut output, OUTPUT, "`output`")?;
    place_output(&mut output, &places);
    let conditions = conditions(config.remove("conditions"))?;
    let dt = said(&run, "dt").and_then(Value::as_f64).unwrap_or(1.0);
    let mut all_inputs = map_of(config.remove("inputs"), "`inputs`")?;
    for (name, input) in &mut all_inputs {
        let Value::Object(input) = input else {
            return Err(json::expected(&format!("input `{name}`"), "a map", input));
        };
        inputs::check_input(name, input, dt)?;
        place(input, &["spike_file", "input_file", "electrode_file", "path"], &places);
    }
    let mut all_reports = map_of(config.remove("reports"), "`reports`")?;
    for (name, report) in &mut all_reports {
        let Value::Object(report) = report else {
            return Err(json::expected(&format!("report `{name}`"), "a map", report));
        };
        check_report(name, report, &File { run: &run, node_set: said(&config, "node_set"), allen })?;
        place(report, &["electrodes_file", "electrode_positions"], &places);
    }
    let overrides = list_of(config.remove("connection_overrides"), "`connection_overrides`")?;
    let overrides = overrides.into_iter().map(checked_override).collect::<Result<Vec<Value>>>()?;

    place(&mut config, &["network", "node_sets_file", "compartment_sets_file"], &places);
    fill_from_circuit(&mut config, path, network, path_map);
    for (key, section) in [
        ("run", Value::from(run)),
        ("output", output.into()),
        ("conditions", conditions.into()),
        ("inputs", all_inputs.into()),
        ("reports", all_reports.into()),
        ("connection_overrides", overrides.into()),
    ] {
        config.insert(key.to_owned(), section);
    }
    Ok(config)
}

/// Whether a file is one of the Allen Institute: whether it says what only its tools read.
fn is_allen(config: &Map<String, Value>) -> bool {
    let maps = |key: &str| {
        let section = config.get(key).and_then(Value::as_object);
        section.into_iter().flat_map(Map::values).filter_map(Value::as_object)
    };
    let section = |key: &str| config.get(key).and_then(Value::as_object);
    section("run").is_some_and(|run| RUN_OF_ALLEN.iter().any(|key| run.contains_key(*key)))
        || section("output")
            .and_then(|output| text(output, "spikes_sort_order"))
            .is_some_and(|order| SORTED.iter().any(|(word, _)| *word == order))
        || maps("inputs").any(|input| text(input, "module").is_some_and(|m| inputs::OF_ALLEN.contains(&m)))
        || maps("reports").any(is_of_allen)
}

fn checked_run(config: &mut Map<String, Value>, allen: bool) -> Result<Map<String, Value>> {
    if said(config, "run").is_none() {
        // The file may only be about what was recorded.
        return if allen { Ok(Map::new()) } else { Err(lacking(config, "run", "the configuration")) };
    }
    let mut run = map_of(config.remove("run"), "`run`")?;
    check(&mut run, RUN, "`run`")?;
    if !allen {
        check(&mut run, &[SEED], "`run`")?;
    }
    Ok(run)
}

/// Makes paths absolute.
fn place(section: &mut Map<String, Value>, keys: &[&str], places: &Places<'_>) {
    for key in keys {
        if let Some(path) = text(section, key).map(|text| places.of(text)) {
            section.insert((*key).to_owned(), path.to_string_lossy().into());
        }
    }
}

/// Makes the paths of the output absolute: those of files count from the folder.
fn place_output(output: &mut Map<String, Value>, places: &Places<'_>) {
    place(output, &["output_dir"], places);
    let folder = PathBuf::from(text(output, "output_dir").unwrap_or_default());
    place(output, &["spikes_file", "log_file"], &Places { folder: &folder, path_map: places.path_map });
}

fn conditions(section: Option<Value>) -> Result<Map<String, Value>> {
    let mut conditions = map_of(section, "`conditions`")?;
    check(&mut conditions, CONDITIONS, "`conditions`")?;
    let mechanisms = map_of(conditions.remove("mechanisms"), "`mechanisms` of `conditions`")?;
    for (name, variables) in &mechanisms {
        if !variables.is_object() {
            return Err(json::expected(&format!("mechanism `{name}` of `conditions`"), "a map", variables));
        }
    }
    conditions.insert("mechanisms".to_owned(), mechanisms.into());
    let modifications = list_of(conditions.remove("modifications"), "`modifications` of `conditions`")?;
    let modifications =
        modifications.into_iter().map(checked_modification).collect::<Result<Vec<Value>>>()?;
    conditions.insert("modifications".to_owned(), modifications.into());
    Ok(conditions)
}

fn checked_modification(mut modification: Map<String, Value>) -> Result<Value> {
    let place = text(&modification, "name")
        .map_or("a modification".to_owned(), |name| format!("modification `{name}`"));
    check(&mut modification, MODIFICATION, &place)?;
    let kind = text(&modification, "type").unwrap_or_default();
    let set = if kind == "compartment_set" { kind } else { "node_set" }.to_owned();
    let configured = kind != "ttx";
    if said(&modification, &set).is_none() {
        return Err(lacking(&modification, &set, &place));
    }
    if configured && said(&modification, "section_configure").is_none() {
        return Err(lacking(&modification, "section_configure", &place));
    }
    Ok(modification.into())
}

fn checked_override(mut connection: Map<String, Value>) -> Result<Value> {
    let place = text(&connection, "name").map_or("an entry of `connection_overrides`".to_owned(), |name| {
        format!("connection override `{name}`")
    });
    check(&mut connection, OVERRIDE, &place)?;
    Ok(connection.into())
}

/// What the circuit says counts where the simulation says nothing. A circuit that is not there does not matter yet.
fn fill_from_circuit(
    config: &mut Map<String, Value>,
    path: &Path,
    network: Option<PathBuf>,
    path_map: &PathMap,
) {
    if said(config, "network").is_none() {
        // One file may hold both.
        let here = config.contains_key("networks").then(|| absolute(path));
        let beside = || Some(absolute(&folder_of(path)).join(CIRCUIT)).filter(|path| path.exists());
        if let Some(network) = network.or(here).or_else(beside) {
            config.insert("network".to_owned(), network.to_string_lossy().into());
        }
    }
    let lacks = |key: &str| said(config, key).is_none();
    let circuit = text(config, "network")
        .filter(|_| lacks("node_sets_file") || lacks("target_simulator"))
        .and_then(|network| CircuitConfig::read(Path::new(network), path_map).ok());
    let sets =
        circuit.as_ref().and_then(|c| c.node_sets_file.as_ref()).map(|file| file.to_string_lossy().into());
    let simulator = circuit.as_ref().and_then(|c| c.expanded.get("target_simulator")).cloned();
    let values = [("node_sets_file", sets), ("target_simulator", simulator.or(Some("NEURON".into())))];
    for (key, value) in values {
        if said(config, key).is_none()
            && let Some(value) = value
        {
            config.insert(key.to_owned(), value);
        }
    }
}

/// A report, which is opened when it is asked for.
fn entry(name: String, report: Value, folder: &Path) -> ReportEntry {
    let map = report.as_object().cloned().unwrap_or_default();
    let path = folder.join(text(&map, "file_name").unwrap_or_default());
    let enabled = said(&map, "enabled") != Some(&Value::Bool(false));
    let options = ReportOptions { first_id: 0, kind: kind_of(&map), population: None };
    let (of, what) = (path.clone(), format!("report `{name}`"));
    let target = text(&map, "cells").or_else(|| text(&map, "compartment_set")).map(str::to_owned);
    let opened = Deferred::new(move || {
        if !enabled {
            let message = format!("{what} is not enabled: the simulation did not write it");
            return Err(Error::new(Code::Name, message).help("its `enabled` is false in the configuration"));
        }
        if !of.exists() {
            return Err(written::lost(&what, &of));
        }
        crate::formats::reports::open(&of, &options)
    });
    ReportEntry { name, config: report, path, target, report: opened }
}

fn no_network(path: &Path) -> Error {
    Error::format("the configuration does not say which circuit was simulated")
        .in_file(path)
        .help(format!("it is in `network`, or a `{CIRCUIT}` in the same folder"))
}

/// The same error, beginning with the key that it is about.
fn with_subject(key: &str, error: &Error) -> Error {
    let renamed = Error::new(error.code(), format!("`{key}`: {}", error.message()));
    error.helps().iter().fold(renamed, |e, help| e.help(help.clone()))
}
