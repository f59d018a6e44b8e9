use serde_json::json;

use super::*;
use crate::formats::files_of_the_field;
use crate::formats::open::open_simulation as open_any;
use crate::formats::sniff::{Kind, sniff};
use crate::model::{ReportKind, Spikes};

/// A folder with a configuration in it.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        Fixture(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::create_dir_all(folder_of(&self.path(name))).unwrap();
        std::fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn open(&self, name: &str) -> Result<Simulation> {
        open_any(&self.path(name), &PathMap::default())
    }

    /// The path of a file as it stands in a configuration.
    fn absolute(&self, name: &str) -> Value {
        absolute(&self.path(name)).to_string_lossy().into()
    }
}

fn run() -> Value {
    json!({"run": {"dt": 0.1, "tstop": 10, "random_seed": 1}, "output": {}})
}

/// A configuration with something more than is needed.
fn with(more: &Value) -> Value {
    let mut config = run();
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn open(config: &Value) -> Result<Simulation> {
    let fixture = Fixture::new();
    fixture.write("simulation_config.json", config);
    fixture.open("simulation_config.json")
}

/// The message of a configuration that is wrong.
fn wrong(more: &Value) -> String {
    let error = open(&with(more)).unwrap_err();
    assert!(error.place().is_some(), "{error}");
    error.to_string()
}

fn input(more: &Value) -> Value {
    let mut input = json!({"input_type": "current_clamp", "node_set": "x", "delay": 0, "duration": 1});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"inputs": {"i": input}})
}

fn report(more: &Value) -> Value {
    let mut report = json!({"cells": "x", "type": "compartment", "variable_name": "v", "dt": 0.1, "start_time": 0,
        "end_time": 1});
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"reports": {"r": report}})
}

#[test]
fn everything_is_filled_in() {
    let fixture = Fixture::new();
    fixture.write("a/simulation_config.json", &json!({
        "manifest": {"$OUT": "./out"},
        "network": "../circuit_config.json",
        "node_set": "Column",
        "run": {"tstop": 50, "dt": 0.025, "random_seed": 1.0, "integration_method": 2},
        "output": {"output_dir": "$OUT/x", "log_file": "log.txt", "spikes_sort_order": "by_id"},
        "conditions": {"spike_location": "ais"},
        "inputs": {"b": {"module": "linear", "input_type": "current_clamp", "amp_start": 2, "delay": 0, "duration": 1,
            "node_set": "x"}, "a": {"module": "synapse_replay", "input_type": "spikes", "spike_file": "in.h5",
            "delay": 0, "duration": 1, "compartment_set": "x"}},
        "reports": {"soma": {"type": "compartment", "variable_name": "v", "dt": 0.1, "start_time": 0, "end_time": 9},
            "all": {"type": "summation", "sections": "all", "variable_name": "ina , ik,Foo.bar", "scaling": null,
                "dt": 0.1, "start_time": 0, "end_time": 9, "cells": "y", "file_name": "all_of_it"},
            "off": {"type": "synapse", "variable_name": "g", "dt": 0.1, "start_time": 0, "end_time": 9,
                "enabled": false},
            "lfp": {"type": "lfp", "electrodes_file": "e.h5", "dt": 0.1, "start_time": 0, "end_time": 9}},
        "metadata": {"anything": [1, null]}
    }));
    fixture.write(
        "circuit_config.json",
        &json!({"node_sets_file": "sets.json", "target_simulator": "CORENEURON",
        "metadata": {"status": "partial"}}),
    );
    let simulation = fixture.open("a").unwrap();
    let config = &simulation.config;
    assert_eq!((simulation.t_start, simulation.t_end, simulation.dt), (0.0, 50.0, Some(0.025)));
    assert_eq!(simulation.target.as_deref(), Some("Column"));
    assert_eq!(config["run"]["integration_method"], "crank_nicolson_ion");
    assert_eq!((&config["run"]["spike_threshold"], &config["run"]["minis_seed"]), (&json!(-30.0), &json!(0)));
    assert_eq!(
        config["conditions"],
        json!({"spike_location": "AIS", "celsius": 34.0, "v_init": -80.0,
        "randomize_gaba_rise_time": false, "mechanisms": {}, "modifications": []})
    );
    assert_eq!(
        config["output"],
        json!({"output_dir": fixture.absolute("a/out/x"), "spikes_sort_order": "by_id",
        "log_file": fixture.absolute("a/out/x/log.txt"), "spikes_file": fixture.absolute("a/out/x/out.h5")})
    );
    assert_eq!(config["inputs"].as_object().unwrap().keys().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(config["inputs"]["b"]["amp_end"], 2);
    assert_eq!(config["inputs"]["a"]["spike_file"], fixture.absolute("a/in.h5"));
    assert_eq!(
        (&config["network"], &config["node_sets_file"]),
        (&fixture.absolute("circuit_config.json"), &fixture.absolute("sets.json"))
    );
    assert_eq!(
        (&config["target_simulator"], &config["connection_overrides"]),
        (&json!("CORENEURON"), &json!([]))
    );
    assert_eq!(config["metadata"], json!({"anything": [1, null]}));
    let names: Vec<&str> = simulation.reports.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["soma", "all", "off", "lfp"]);
    let soma = &simulation.reports[0].config;
    assert_eq!(
        (&soma["sections"], &soma["compartments"], &soma["scaling"]),
        (&json!("soma"), &json!("center"), &json!("area"))
    );
    assert_eq!(
        (&soma["cells"], &soma["unit"], &soma["file_name"]),
        (&json!("Column"), &json!("mV"), &json!("soma.h5"))
    );
    assert_eq!(simulation.reports[1].config["compartments"], "all");
    assert_eq!(
        Value::from(simulation.reports[1].path.to_string_lossy()),
        fixture.absolute("a/out/x/all_of_it.h5")
    );
    assert_eq!(simulation.reports[1].target.as_deref(), Some("y"));
    let kinds: Vec<Option<ReportKind>> =
        simulation.reports.iter().map(|r| kind_of(r.config.as_object().unwrap())).collect();
    let expected = [ReportKind::Soma, ReportKind::Compartment, ReportKind::Synapse, ReportKind::Electrode];
    assert_eq!(kinds, expected.map(Some));
    let error = simulation.report("off").unwrap().report.get().err().unwrap();
    assert!(error.message().contains("`off` is not enabled"), "{error}");
    let error = simulation.report("lpf").err().unwrap().to_string();
    assert!(error.contains("did you mean `lfp`"), "{error}");
}

#[test]
fn parts_are_opened_each_by_itself() {
    let fixture = Fixture::new();
    fixture.write("simulation_config.json", &with(&report(&json!({}))));
    let simulation = fixture.open("simulation_config.json").unwrap();
    let error = simulation.circuit.get().err().unwrap().to_string();
    assert!(error.contains("which circuit") && error.contains("`network`"), "{error}");
    let error = simulation.spikes.get().unwrap_err().to_string();
    assert!(error.contains("the file of spikes is not there") && error.contains("no `output`"), "{error}");
    std::fs::create_dir(fixture.path("output")).unwrap();
    let spikes = Spikes::of_populations("", vec![("a".to_owned(), vec![1.0], vec![0])]);
    spikes::save(&spikes, &fixture.path("output/out.h5"), &SpikeOptions::default()).unwrap();
    let simulation = fixture.open("simulation_config.json").unwrap();
    assert_eq!(simulation.spikes.get().unwrap().ids(), [0]);
    let error = simulation.reports[0].report.get().err().unwrap().to_string();
    assert!(error.contains("no file `r.h5`") && error.contains("the folder has out.h5"), "{error}");

    fixture.write("simulation_config.json", &with(&json!({"network": "circuit_konfig.json"})));
    fixture.write("circuit_config.json", &json!({}));
    let error = fixture.open("simulation_config.json").unwrap().circuit.get().err().unwrap().to_string();
    assert!(error.contains("`network`: ") && error.contains("did you mean `circuit_config.json`"), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    for (error, words) in [
        (wrong(&json!({"run": null})), vec!["has no `run`"]),
        (wrong(&json!({"run": {"dt": 0.1, "tstop": 1}})), vec!["`run` has no `random_seed`"]),
        (wrong(&json!({"run": {"Dt": 0.1, "tstop": 1}})), vec!["`run` has no `dt`", "there is `Dt`"]),
        (
            wrong(&json!({"run": {"dt": 0, "tstop": 1}})),
            vec!["`dt` of `run` must be a number above 0, not 0"],
        ),
        (
            wrong(&json!({"run": {"dt": 0.1, "tstop": 1, "random_seed": 1, "integration_method": "eulr"}})),
            vec!["`integration_method`", "\"eulr\"", "euler, crank_nicolson", "did you mean `euler`?"],
        ),
        (
            wrong(&json!({"target_simulator": "BLABLA"})),
            vec!["`target_simulator`", "\"BLABLA\"", "NEURON, CORENEURON"],
        ),
        (wrong(&json!({"output": {"spikes_sort_order": "up"}})), vec!["by_id, by_time"]),
        (wrong(&json!({"conditions": {"spike_location": "dend"}})), vec!["`conditions`", "soma, AIS"]),
        (wrong(&json!({"inputs": []})), vec!["`inputs` must be a map"]),
        (wrong(&input(&json!({}))), vec!["input `i` has no `module`"]),
        (wrong(&input(&json!({"module": "liner"}))), vec!["\"liner\"", "did you mean `linear`?"]),
        (wrong(&input(&json!({"module": "linear"}))), vec!["input `i` has no `amp_start`"]),
        (
            wrong(&input(&json!({"module": "hyperpolarizing", "input_type": "voltage_clamp"}))),
            vec!["`hyperpolarizing`", "`voltage_clamp`", "do not match"],
        ),
        (
            wrong(&input(&json!({"module": "hyperpolarizing", "input_type": "clamp"}))),
            vec!["\"clamp\"", "conductance"],
        ),
        (wrong(&input(&json!({"module": "hyperpolarizing", "duration": -1}))), vec!["`duration`", "not -1"]),
        (wrong(&input(&json!({"module": "noise"}))), vec!["neither `mean` nor `mean_percent`"]),
        (wrong(&input(&json!({"module": "noise", "mean": 1, "mean_percent": 2}))), vec!["both `mean` and"]),
        (
            wrong(&input(
                &json!({"module": "synapse_replay", "input_type": "spikes", "spike_file": "r.dat"}),
            )),
            vec!["`spike_file` of input `i`", "`.h5`"],
        ),
        (
            wrong(&input(&json!({"module": "hyperpolarizing", "node_set": null}))),
            vec!["neither `node_set` nor"],
        ),
        (
            wrong(&input(&json!({"module": "hyperpolarizing", "compartment_set": "y"}))),
            vec!["both `node_set`"],
        ),
        (
            wrong(&input(&json!({"module": "seclamp", "input_type": "voltage_clamp", "voltage": 1,
                "duration_levels": [1], "voltage_levels": []}))),
            vec!["must be as many, not 1 and 0"],
        ),
        (
            wrong(&input(&json!({"module": "seclamp", "input_type": "voltage_clamp", "voltage": 1,
                "duration_levels": [0.5, 0.6], "voltage_levels": [1, 2]}))),
            vec!["last longer"],
        ),
        (
            wrong(&input(
                &json!({"module": "seclamp", "input_type": "voltage_clamp", "voltage": 1, "delay": 1}),
            )),
            vec!["`delay`", "must be 0"],
        ),
        (
            wrong(&input(
                &json!({"module": "spatially_uniform_e_field", "input_type": "extracellular_stimulation",
                "fields": [{"Ex": 1, "Ey": 1, "Ez": 1, "frequency": 5000}]}),
            )),
            vec!["`frequency`", "below 5000 Hz"],
        ),
        (wrong(&report(&json!({"type": "nope"}))), vec!["`type` of report `r`", "\"nope\"", "summation"]),
        (wrong(&report(&json!({"sections": "none"}))), vec!["`sections`", "soma, axon, dend, apic, all"]),
        (wrong(&report(&json!({"scaling": "linear"}))), vec!["`scaling`", "area, none"]),
        (wrong(&report(&json!({"compartments": "middle"}))), vec!["`compartments`", "center, all"]),
        (wrong(&report(&json!({"variable_name": "AdEx.V_M.foo, V"}))), vec!["`AdEx.V_M.foo` is no name"]),
        (wrong(&report(&json!({"variable_name": null}))), vec!["report `r` has no `variable_name`"]),
        (wrong(&report(&json!({"dt": null}))), vec!["report `r` has no `dt`"]),
        (
            wrong(&report(&json!({"type": "lfp", "electrodes_file": "e.h5"}))),
            vec!["`variable_name`", "does not belong to the type `lfp`"],
        ),
        (wrong(&report(&json!({"type": "lfp", "variable_name": null}))), vec!["no `electrodes_file`"]),
        (wrong(&report(&json!({"type": "compartment_set"}))), vec!["no `compartment_set`"]),
        (
            wrong(&report(&json!({"type": "compartment_set", "sections": "soma"}))),
            vec!["`sections`", "does not belong"],
        ),
        (wrong(&report(&json!({"compartment_set": "x"}))), vec!["`compartment_set`", "only belongs"]),
        (
            wrong(&json!({"conditions": {"modifications": [{"name": "a", "type": "tx", "node_set": "x"}]}})),
            vec!["`type` of modification `a`", "did you mean `ttx`?"],
        ),
        (
            wrong(
                &json!({"conditions": {"modifications": [{"name": "a", "type": "section", "node_set": "x"}]}}),
            ),
            vec!["modification `a` has no `section_configure`"],
        ),
        (
            wrong(
                &json!({"connection_overrides": [{"name": "a", "source": "x", "target": "y"}, {"name": "a"}]}),
            ),
            vec!["two entries of `connection_overrides`", "`a`"],
        ),
        (
            wrong(&json!({"connection_overrides": [{"name": "a", "source": "x"}]})),
            vec!["`a` has no `target`"],
        ),
        (wrong(&json!({"output": {"output_dir": "$OUT"}})), vec!["`$OUT`"]),
    ] {
        assert!(words.iter().all(|word| error.contains(word)), "{error}\n{words:?}");
    }
    let fixture = Fixture::new();
    let text = r#"{"run": {}, "output": {}, "inputs": {"a": {}, "a": {}}}"#;
    std::fs::write(fixture.path("simulation_config.json"), text).unwrap();
    let error = fixture.open("simulation_config.json").unwrap_err();
    assert_eq!(error.message(), "the key `a` is there twice");
    fixture.write("circuit_config.json", &json!({"networks": {}}));
    let error = fixture.open("circuit_config.json").unwrap_err().to_string();
    assert!(error.contains("not a simulation"), "{error}");
}

#[test]
fn older_spellings_are_known() {
    let modification = json!({"no_sk": {"type": "ConfigureAllSections", "node_set": "x", "section_configure": "%s.a = 0"},
        "ttx": {"type": "TTX", "node_set": "x"}});
    let simulation = open(&with(&json!({
        "conditions": {"modifications": modification},
        "connection_overrides": {"all": {"source": "x", "target": "y", "weight": 1}}
    })))
    .unwrap();
    let modifications = &simulation.config["conditions"]["modifications"];
    assert_eq!(modifications[0]["type"], "configure_all_sections");
    assert_eq!((&modifications[1]["type"], &modifications[1]["name"]), (&json!("ttx"), &json!("ttx")));
    assert_eq!(simulation.config["connection_overrides"][0]["name"], "all");
}

#[test]
fn files_of_the_allen_institute() {
    let fixture = Fixture::new();
    fixture.write(
        "config.json",
        &json!({"simulation": "sim/simulation_config.json", "network": "circuit_config.json"}),
    );
    fixture.write("sim/simulation_config.json", &json!({
        "run": {"tstart": 5.0, "tstop": 100.0, "dt": 0.1, "dL": 20.0},
        "inputs": {"in": {"input_type": "spikes", "module": "h5", "input_file": "in.h5"}},
        "output": {"output_dir": "./out", "spikes_sort_order": "time"},
        "reports": {"vm": {"module": "membrane_report", "sections": "soma", "variable_name": "v", "cells": "all"},
            "ecp": {"module": "extracellular", "variable_name": "v", "electrode_positions": "e.csv", "file_name": "ecp.h5"}}
    }));
    let simulation = fixture.open("config.json").unwrap();
    assert_eq!((simulation.t_start, simulation.t_end), (5.0, 100.0));
    assert_eq!(simulation.config["network"], fixture.absolute("circuit_config.json"));
    assert_eq!(simulation.config["output"]["spikes_file"], fixture.absolute("sim/out/spikes.h5"));
    assert_eq!(simulation.config["output"]["spikes_sort_order"], "by_time");
    assert_eq!(simulation.config["inputs"]["in"]["input_file"], fixture.absolute("sim/in.h5"));
    let vm = simulation.reports[0].config.as_object().unwrap();
    assert_eq!(
        (kind_of(vm), &vm["end_time"], &vm["start_time"]),
        (Some(ReportKind::Soma), &json!(100.0), &json!(5.0))
    );
    let ecp = simulation.reports[1].config.as_object().unwrap();
    assert_eq!((kind_of(ecp), &ecp["file_name"]), (Some(ReportKind::Electrode), &json!("ecp.h5")));
    // Reports of the oldest files say least, and files may be about reports alone.
    let older = json!({"network": "circuit_config.json", "output": {"spikes_sort_order": "time"}, "reports": {"r": {"variable_name": "v"}}});
    let simulation = open(&older).unwrap();
    assert_eq!((simulation.reports[0].config["type"].as_str(), simulation.dt), (Some("compartment"), None));
    // Where it is no such file, the same is wrong.
    assert!(wrong(&report(&json!({"type": null}))).contains("has no `type`"));
}

#[test]
fn the_simulations_of_the_field() {
    let (mut opened, mut wrong) = (0, Vec::new());
    for path in files_of_the_field(&["oracle", "real"]) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let is_sonata = is_json && matches!(sniff(&path), Ok(Kind::SonataSimulation));
        let is_legacy = name.contains("BlueConfig") && matches!(sniff(&path), Ok(Kind::BlueConfig));
        if !(is_sonata || is_legacy) {
            continue;
        }
        let simulation = match open_any(&path, &PathMap::default()) {
            Ok(simulation) => simulation,
            Err(error) => {
                wrong.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        opened += 1;
        let lasts = simulation.t_end > simulation.t_start || simulation.config["run"] == json!({});
        assert!(lasts && simulation.config.is_object(), "{}", path.display());
        // An empty file, and one with two units.
        let damaged =
            |report: &&ReportEntry| ["lfp_report", "section_report"].contains(&report.name.as_str());
        for report in simulation.reports.iter().filter(|report| report.path.exists()) {
            if let (Err(error), false) = (report.report.get(), damaged(&report)) {
                wrong.push(format!("{}: {}: {error}", path.display(), report.name));
            }
        }
        if let Err(error) = simulation.spikes.get()
            && !matches!(error.code(), Code::Io | Code::Name)
        {
            wrong.push(format!("{}: spikes: {error}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if opened == 0 {
        println!("skipped: the files of the field are not here");
    }
}
