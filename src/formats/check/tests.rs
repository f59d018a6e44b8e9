//! Circuits that are damaged on purpose.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::formats::write::hdf5::{Array, File};

/// Findings as `severity file where: message`.
fn told(findings: &[Finding]) -> Vec<String> {
    let line = |f: &Finding| format!("{} {} {}: {}", f.severity.name(), f.file.display(), f.place, f.message);
    findings.iter().map(line).collect()
}

/// A finding that holds all of these words.
#[track_caller]
fn assert_told(findings: &[Finding], parts: &[&str]) {
    let lines = told(findings);
    assert!(lines.iter().any(|l| parts.iter().all(|p| l.contains(p))), "no {parts:?} in {lines:#?}");
}

fn check_at(path: &Path) -> Vec<Finding> {
    check(path, &PathMap::default()).unwrap()
}

// ---- SONATA --------------------------------------------------------------------------------------------------------

/// The tables of an index: ranges of each node, and edges of each range.
#[derive(Clone, Debug)]
struct Tables {
    nodes: Vec<u64>,
    ranges: Vec<u64>,
}

impl Tables {
    /// The index that is right.
    fn of(ids: &[u64], count: u64) -> Self {
        let mut own = vec![Vec::new(); count as usize];
        let mut at = 0;
        for run in ids.chunk_by(|a, b| a == b) {
            own[run[0] as usize].extend([at, at + run.len() as u64]);
            at += run.len() as u64;
        }
        let mut tables = Tables { nodes: Vec::new(), ranges: Vec::new() };
        for ranges in own {
            tables.nodes.push(tables.ranges.len() as u64 / 2);
            tables.ranges.extend(ranges);
            tables.nodes.push(tables.ranges.len() as u64 / 2);
        }
        tables
    }
}

/// A circuit of one population of cells and its synapses, which a test changes before it is written.
struct Sonata {
    folder: tempfile::TempDir,
    config: Value,
    sets: Value,
    nodes: BTreeMap<&'static str, Array>,
    count: u64,
    ids: [Vec<u64>; 2],
    indices: [Option<Tables>; 2],
    edges: BTreeMap<&'static str, Array>,
    population: Option<&'static str>,
}

impl Sonata {
    fn new() -> Self {
        Self::with(4, [vec![0, 1, 0, 2, 3], vec![0, 0, 1, 1, 3]])
    }

    fn with(count: u64, ids: [Vec<u64>; 2]) -> Self {
        let (n, e) = (count as usize, ids[0].len());
        let numbers = |n: usize, value: f32| Array::numbers(&vec![value; n]);
        let mut nodes = BTreeMap::new();
        for name in ["x", "y", "z", "orientation_x", "orientation_y", "orientation_z"] {
            nodes.insert(name, numbers(n, 0.0));
        }
        nodes.insert("orientation_w", numbers(n, 1.0));
        for (name, value) in [
            ("morphology", "m"),
            ("model_template", "hoc:cell"),
            ("model_type", "biophysical"),
            ("morph_class", "PYR"),
            ("etype", "cADpyr"),
            ("mtype", "L5_TPC"),
            ("synapse_class", "EXC"),
        ] {
            nodes.insert(name, Array::texts(&vec![value; n]));
        }
        let mut edges = BTreeMap::new();
        for name in [
            "afferent_center_x",
            "afferent_center_y",
            "afferent_center_z",
            "afferent_surface_x",
            "afferent_surface_y",
            "afferent_surface_z",
            "afferent_section_pos",
            "afferent_segment_offset",
            "conductance",
            "decay_time",
            "depression_time",
            "facilitation_time",
            "u_syn",
            "spine_length",
            "delay",
        ] {
            edges.insert(name, numbers(e, 0.5));
        }
        for name in [
            "afferent_section_id",
            "afferent_section_type",
            "afferent_segment_id",
            "n_rrp_vesicles",
            "syn_type_id",
        ] {
            edges.insert(name, Array::numbers(&vec![1_u32; e]));
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["morphologies", "hoc"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("morphologies/m.swc"), "").unwrap();
        std::fs::write(folder.path().join("hoc/cell.hoc"), "").unwrap();
        Sonata {
            folder,
            config: json!({
                "node_sets_file": "node_sets.json",
                "components": {"morphologies_dir": "morphologies", "biophysical_neuron_models_dir": "hoc"},
                "networks": {
                    "nodes": [{"nodes_file": "nodes.h5", "populations": {"cells": {"type": "biophysical"}}}],
                    "edges": [{"edges_file": "edges.h5", "populations": {"e": {"type": "chemical"}}}],
                },
            }),
            sets: json!({"all": {"mtype": "L5_TPC"}}),
            nodes,
            count,
            indices: [0, 1].map(|side| Some(Tables::of(&ids[side], count))),
            ids,
            edges,
            population: Some("cells"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self) {
        std::fs::write(self.path("circuit_config.json"), self.config.to_string()).unwrap();
        std::fs::write(self.path("node_sets.json"), self.sets.to_string()).unwrap();
        let mut file = File::create(&self.path("nodes.h5")).unwrap();
        let nodes = file.group(file.root(), "nodes").unwrap();
        let cells = file.group(nodes, "cells").unwrap();
        file.write(cells, "node_type_id", &Array::numbers(&vec![-1_i64; self.count as usize])).unwrap();
        let group = file.group(cells, "0").unwrap();
        let library = file.group(group, "@library").unwrap();
        for (name, array) in &self.nodes {
            let (folder, name) =
                name.strip_prefix("@library/").map_or((group, *name), |name| (library, name));
            file.write(folder, name, array).unwrap();
        }
        let dynamics = file.group(group, "dynamics_params").unwrap();
        for name in ["threshold_current", "holding_current"] {
            file.write(dynamics, name, &Array::numbers(&vec![0.1_f32; self.count as usize])).unwrap();
        }
        file.finish().unwrap();

        let mut file = File::create(&self.path("edges.h5")).unwrap();
        let edges = file.group(file.root(), "edges").unwrap();
        let population = file.group(edges, "e").unwrap();
        for (name, ids) in ["source_node_id", "target_node_id"].iter().zip(&self.ids) {
            let dataset = file.write(population, name, &Array::numbers(ids)).unwrap();
            if let Some(of) = self.population {
                file.attribute(dataset, "node_population", &Array::text(of)).unwrap();
            }
        }
        file.write(population, "edge_type_id", &Array::numbers(&vec![-1_i64; self.ids[0].len()])).unwrap();
        let group = file.group(population, "0").unwrap();
        for (name, array) in &self.edges {
            file.write(group, name, array).unwrap();
        }
        let indices = file.group(population, "indices").unwrap();
        for (name, tables) in ["source_to_target", "target_to_source"].iter().zip(&self.indices) {
            let Some(tables) = tables else { continue };
            let index = file.group(indices, name).unwrap();
            for (name, values) in [("node_id_to_ranges", &tables.nodes), ("range_to_edge_id", &tables.ranges)]
            {
                let table = Array::numbers(values).shape(&[values.len() as u64 / 2, 2]);
                file.write(index, name, &table).unwrap();
            }
        }
        file.finish().unwrap();
    }

    fn check(&self) -> Vec<Finding> {
        self.write();
        check_at(self.folder.path())
    }

    /// The findings after a change.
    fn after(change: impl FnOnce(&mut Sonata)) -> Vec<Finding> {
        let mut circuit = Sonata::new();
        change(&mut circuit);
        circuit.check()
    }
}

#[test]
fn nothing_is_wrong_with_a_circuit_that_is_right() {
    assert_eq!(told(&Sonata::new().check()), Vec::<String>::new());
    assert!(check(Path::new("no/such/circuit"), &PathMap::default()).is_err());
}

#[test]
fn faults_of_the_configuration() {
    let networks = |key: &str| format!("/networks/{key}/0/populations");
    let found = Sonata::after(|c| {
        let nodes = c.config.pointer_mut("/networks/nodes").unwrap().as_array_mut().unwrap();
        nodes.push(json!({"nodes_file": "gone.h5", "populations": {"cells": {"type": "virtual"}, "other": {"type": "virtual"}}}));
        c.config["components"]["morphologie_dir"] = json!("nowhere");
        c.config["components"]["mechanisms_dir"] = json!("mod");
    });
    assert_told(&found, &["fatal circuit_config.json", "`cells` is declared twice"]);
    assert_told(&found, &["fatal gone.h5", "does not exist"]);
    assert_told(&found, &["warning", "`morphologie_dir` is no component", "`morphologies_dir`"]);
    assert_told(&found, &["warning", "mechanisms_dir", "does not exist"]);
    // The rest was checked all the same.
    assert!(found.iter().all(|f| !f.file.ends_with("nodes.h5")), "{:?}", told(&found));

    let found = Sonata::after(|c| {
        *c.config.pointer_mut(&networks("nodes")).unwrap() = json!({"cell": {"type": "biphysical"}});
    });
    assert_told(&found, &["fatal nodes.h5", "no node population `cell`", "`cells`"]);
    assert_told(&found, &["warning", "`biphysical` is no type", "`biophysical`"]);
    assert_told(&found, &["info nodes.h5", "does not name population `cells`"]);
    assert_told(&found, &["fatal edges.h5", "no node population `cells`"]);

    let found = Sonata::after(|c| c.config["components"] = json!({}));
    assert_told(&found, &["fatal", "has no `morphologies_dir` or"]);
    assert_told(&found, &["fatal", "has no `biophysical_neuron_models_dir`"]);
    let found = Sonata::after(|c| c.config["metadata"] = json!({"status": "partial"}));
    assert_eq!(found.len(), 1, "{:?}", told(&found));
    let found = Sonata::after(|c| c.config["components"]["morphologies_dir"] = json!("$NOWHERE"));
    assert_told(&found, &["fatal circuit_config.json", "$NOWHERE"]);

    let circuit = Sonata::new();
    circuit.write();
    std::fs::write(circuit.path("circuit_config.json"), "{").unwrap();
    assert_told(&check_at(circuit.folder.path()), &["fatal circuit_config.json line 1", "JSON"]);
}

#[test]
fn faults_of_node_sets() {
    let found = Sonata::after(|c| {
        c.sets = json!({
            "all": {"mtype": "L5_TPC"}, "a": ["b"], "b": ["a"], "c": ["a"], "d": ["nobody"], "e": {"$mtype": 1},
            "f": {"layr": 1}, "g": {"mtype": 5}, "h": {"node_id": [1, 9]}, "i": {"population": "cell", "node_id": 1},
        });
    });
    let lines = told(&found);
    assert_eq!(lines.iter().filter(|l| l.contains("contains itself")).count(), 1, "{lines:#?}");
    assert_told(&found, &["fatal node_sets.json", "`d` contains `nobody`"]);
    assert_told(&found, &["fatal", "`e`", "$mtype"]);
    assert_told(&found, &["warning", "`f`", "no property `layr`"]);
    assert_told(&found, &["warning", "`g`", "holds texts"]);
    assert_told(&found, &["warning", "`h`", "no node 9 in cells"]);
    assert_told(&found, &["warning", "`i`", "no population `cell`"]);
    assert!(!lines.iter().any(|l| l.contains("`all`")), "{lines:#?}");
    let found = Sonata::after(|c| c.config["node_sets_file"] = json!("node_set.json"));
    assert_told(&found, &["fatal node_set.json", "did you mean `node_sets.json`"]);
}

#[test]
fn faults_of_nodes() {
    let texts = |texts: &[&str]| Array::texts(texts);
    let found = Sonata::after(|c| {
        c.nodes.remove("etype");
        c.nodes.remove("mtype");
        c.nodes.insert("x", Array::numbers(&[0.0_f32, f32::NAN, f32::NAN, 0.0]));
        c.nodes.insert("y", Array::numbers(&[0.0_f64; 4]));
        c.nodes.insert("z", Array::numbers(&[0.0_f32; 3]));
        c.nodes.insert("orientation_w", Array::numbers(&[1.0_f32, 2.0, 0.0, 1.0]));
        c.nodes.insert("morphology", texts(&["m", "gone", "gone", "far"]));
        c.nodes.insert("model_template", texts(&["hoc:cell", "hoc:none", "cell", "hoc:cell"]));
        c.nodes.insert("synapse_class", texts(&["EXC", "", "INH", "EXH"]));
        c.nodes.insert("model_type", texts(&["virtual"; 4]));
        c.nodes.insert("region", Array::numbers(&[0_u32, 1, 2, 1]));
        c.nodes.insert("@library/region", texts(&["A", "B"]));
        c.nodes.insert("@library/layer", texts(&["1"]));
    });
    assert_told(&found, &["fatal nodes.h5 nodes/cells:", "lack `mtype`, `etype`"]);
    assert_told(&found, &["fatal nodes.h5 nodes/cells/0/x", "NaN for 2 nodes, the first is node 1"]);
    assert_told(&found, &["warning", "`y` as float64 (not float32)"]);
    assert_told(&found, &["fatal nodes.h5 nodes/cells/0/z", "3 rows for 4 nodes"]);
    assert_told(&found, &["fatal", "quaternion is zero for node 2"]);
    assert_told(&found, &["warning", "not of length 1 but 2", "node 1"]);
    assert_told(&found, &["warning morphologies", "missing 2 of 3 morphology files: `far.swc`, `gone.swc`"]);
    assert_told(&found, &["warning hoc", "missing 1 of 2 model templates: `none.hoc`"]);
    assert_told(&found, &["warning", "`schema:name`", "`cell`"]);
    assert_told(&found, &["warning", "EXC or INH", "`EXH`"]);
    assert_told(&found, &["warning", "`synapse_class` is empty for node 1"]);
    assert_told(&found, &["warning", "biophysical, the file says `virtual`"]);
    assert_told(&found, &["fatal nodes.h5 nodes/cells/0/region", "code 2 for node 2", "2 values"]);
    assert_told(&found, &["warning nodes.h5 nodes/cells/0/@library/layer", "no attribute `layer`"]);
    let found = Sonata::after(|c| {
        c.nodes.remove("orientation_w");
        c.nodes.insert("mtype", Array::numbers(&[1_i32; 4]));
    });
    assert_told(&found, &["fatal", "but no `orientation_w`"]);
    assert_told(&found, &["fatal", "`mtype` is int32, where text is expected"]);

    let circuit = Sonata::new();
    circuit.write();
    let bytes = std::fs::read(circuit.path("nodes.h5")).unwrap();
    std::fs::write(circuit.path("nodes.h5"), &bytes[..bytes.len() / 2]).unwrap();
    let found = check_at(circuit.folder.path());
    assert_told(&found, &["fatal nodes.h5", "cut short"]);
    assert!(!found.iter().any(|f| f.file.ends_with("edges.h5")), "{:?}", told(&found));
}

#[test]
fn faults_of_edges() {
    let found = Sonata::after(|c| {
        c.edges.remove("syn_type_id");
        c.edges.insert("delay", Array::numbers(&[1.0_f32, -1.0, f32::NAN, 1.0, 1.0]));
        c.edges.insert("conductance", Array::numbers(&[1.0_f32, f32::NAN, 1.0, f32::INFINITY, 1.0]));
        c.edges.insert("u_syn", Array::numbers(&[0.5_f32, 0.5, 0.5, 1.5, 1.5]));
        c.edges.insert("afferent_section_type", Array::numbers(&[1_u32, 2, 3, 4, 5]));
        c.edges.insert("afferent_section_pos", Array::numbers(&[0.0_f32, 1.0, 1.000_01, 2.0, 0.5]));
        c.edges.insert("afferent_section_id", Array::numbers(&[0_i32, 1, 2, 3, -4]));
        c.edges.insert("spine_length", Array::numbers(&[0.0_f32; 4]));
        c.edges.insert("tau1", Array::numbers(&[1.0_f64; 5]));
    });
    assert_told(&found, &["fatal edges.h5 edges/e:", "lack `syn_type_id`"]);
    assert_told(&found, &["fatal edges.h5 edges/e/0/delay", "never below 0.0, is -1.0 for edge 1"]);
    assert_told(&found, &["warning edges.h5 edges/e/0/delay", "NaN for edge 2"]);
    assert_told(&found, &["fatal edges.h5 edges/e/0/conductance", "NaN for edge 1"]);
    assert_told(&found, &["fatal edges.h5 edges/e/0/conductance", "infinite for edge 3"]);
    assert_told(&found, &["warning", "`u_syn`", "2 edges, the first is edge 3"]);
    assert_told(&found, &["fatal", "`afferent_section_type`", "is 5.0 for edge 4"]);
    assert_told(&found, &["warning", "`afferent_section_pos`", "is 2.0 for edge 3"]);
    assert_told(&found, &["fatal", "`afferent_section_id`", "is -4.0 for edge 4"]);
    assert_told(&found, &["warning", "`afferent_section_id` as int32 (not unsigned"]);
    assert_told(&found, &["fatal", "`spine_length` has 4 rows for 5 edges"]);
    assert_told(&found, &["warning", "`tau1` as float64 (not float32)"]);

    let found = Sonata::after(|c| c.ids[1][4] = 77);
    assert_told(&found, &["fatal edges.h5 edges/e/target_node_id", "no node 77, of edge 4", "0 to 3"]);
    assert_told(&found, &["fatal edges.h5 edges/e/indices/target_to_source", "edge 4 is listed for node 3"]);
    let found = Sonata::after(|c| c.population = None);
    assert_told(&found, &["fatal", "does not say that its ids are of `cells`"]);
    let found = Sonata::after(|c| c.population = Some("cell"));
    assert_told(&found, &["fatal", "no node population `cell`", "`cells`"]);
    let found = Sonata::after(|c| {
        c.ids[0].pop();
    });
    assert_told(&found, &["fatal", "4 sources for 5 targets"]);
    let found = Sonata::after(|c| {
        c.edges.insert("afferent_section_type", Array::numbers(&[0_u32, 1, 2, 3, 3]));
    });
    assert_told(&found, &["info", "counts from 0"]);
}

#[test]
fn faults_of_an_index() {
    let changed = |change: &dyn Fn(&mut Tables)| Sonata::after(|c| change(c.indices[0].as_mut().unwrap()));
    let place = "edges/e/indices/source_to_target";
    // Sources 0, 1, 0, 2, 3: the ranges are those of node 0 (edges 0 and 2), 1, 2, 3.
    let found = changed(&|t| t.ranges[1] = 2);
    assert_told(&found, &["fatal", place, "edge listed more than once", "edge 1"]);
    let found = changed(&|t| t.ranges[3] = 2);
    assert_told(&found, &["fatal", place, "1 edge not listed: the first is edge 2, of node 0"]);
    let found = changed(&|t| t.ranges[6..].copy_from_slice(&[4, 5, 3, 4]));
    assert_told(
        &found,
        &[
            "fatal",
            "2 edges listed for another node",
            "edge 3 is listed for node 3, its `source_node_id` is 2",
        ],
    );
    let found = changed(&|t| t.ranges[9] = 6);
    assert_told(&found, &["fatal", "range_to_edge_id", "ends at 6, and there are 5 edges: node 3"]);
    let found = changed(&|t| t.nodes[7] = 9);
    assert_told(&found, &["fatal", "node_id_to_ranges", "of 5 ranges, it names number 9 for node 3"]);
    let found = changed(&|t| t.nodes.extend([4, 5]));
    assert_told(&found, &["fatal", "edges of node 4, and the nodes go up to 3"]);
    let found = changed(&|t| t.nodes.truncate(6));
    assert_told(&found, &["info", "ends before node 3"]);
    assert_told(&found, &["fatal", "1 edge not listed"]);
    // Every node claims everything.
    let found = changed(&|t| {
        t.nodes = vec![0, 5, 0, 5, 0, 5, 0, 5];
        t.ranges = vec![0, 5, 0, 5, 0, 5, 0, 5, 0, 5];
    });
    assert_told(&found, &["fatal", "more than twice the 5 edges"]);
    // What marks a node without edges.
    let mut circuit = Sonata::with(3, [vec![2, 2], vec![0, 0]]);
    circuit.indices[0] = Some(Tables { nodes: vec![0, 0, u64::MAX, 0, 0, 1], ranges: vec![0, 2] });
    assert!(circuit.check().is_empty());
    let found = Sonata::after(|c| c.indices = [None, None]);
    assert_told(&found, &["warning", "no index `target_to_source`"]);
}

#[test]
fn a_large_index_is_compared_in_sections() {
    let count = 70_000;
    let ids: Vec<u64> = (0..count).map(|edge| edge / 7).collect();
    let mut circuit = Sonata::with(count / 7, [ids.clone(), ids]);
    assert_eq!(told(&circuit.check()), Vec::<String>::new());
    // Two nodes beyond the first section change their edges.
    let tables = circuit.indices[1].as_mut().unwrap();
    let nodes = &mut tables.nodes;
    nodes.swap(19_500, 19_600);
    nodes.swap(19_501, 19_601);
    let found = circuit.check();
    assert_told(
        &found,
        &["fatal", "14 edges listed for another node", "edge 68,250 is listed for node 9800"],
    );
    assert_eq!(found.len(), 1, "{:?}", told(&found));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn an_index_is_right_or_it_is_told(
        sources in proptest::collection::vec(0_u64..6, 1..24),
        change in proptest::option::of((any::<bool>(), any::<prop::sample::Index>(), 0_u64..30)),
    ) {
        let mut circuit = Sonata::with(6, [sources.clone(), vec![0; sources.len()]]);
        circuit.edges.clear();
        let right = Tables::of(&sources, 6);
        let mut tables = right.clone();
        if let Some((nodes, at, value)) = change {
            let values = if nodes { &mut tables.nodes } else { &mut tables.ranges };
            let at = at.index(values.len());
            values[at] = value;
        }
        // What the tables say, by their definition.
        let mut said: Vec<(u64, u64)> = Vec::new();
        let mut beyond = false;
        for (node, range) in tables.nodes.chunks(2).enumerate().filter(|(_, r)| r[0] < r[1]) {
            for at in range[0]..range[1] {
                match tables.ranges.get(2 * at as usize..2 * at as usize + 2) {
                    Some(edges) => said.extend((edges[0]..edges[1]).map(|edge| (edge, node as u64))),
                    None => beyond = true,
                }
            }
        }
        said.sort_unstable();
        let is_right = !beyond && said.iter().copied().eq(sources.iter().copied().enumerate().map(|(e, n)| (e as u64, n)));
        circuit.indices[0] = Some(tables);
        let found = circuit.check();
        let of_index = found.iter().any(|f| f.severity == Severity::Fatal && f.place.contains("indices/source_to_target"));
        prop_assert_eq!(of_index, !is_right, "{:?}", told(&found));
    }
}

// ---- the legacy formats ----------------------------------------------------------------------------------------------

/// A synapse: post cell, pre cell, delay.
type Synapse = (i64, i64, f32);

/// A circuit of three cells, which a test changes before it is written.
struct Legacy {
    folder: tempfile::TempDir,
    config: String,
    cells: Vec<String>,
    targets: String,
    /// Of nrn.h5, and of the files beside it.
    synapses: Vec<Synapse>,
    efferent: Vec<Synapse>,
    /// What is added to the first row that an efferent synapse has in nrn.h5.
    shift: i64,
    /// Cell, peer, synapses to and from it.
    summary: Vec<(i64, [f32; 3])>,
    /// Rows of the positions of cell 1.
    positions: u64,
}

impl Legacy {
    fn new() -> Self {
        let synapses = vec![(1, 2, 1.0), (1, 2, 1.5), (1, 3, 2.0), (2, 1, 1.0)];
        let folder = tempfile::tempdir().unwrap();
        for name in ["circuit", "morphologies"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("morphologies/m.asc"), "").unwrap();
        Legacy {
            folder,
            config: "CircuitPath circuit\nnrnPath circuit/nrn.h5\nMorphologyPath morphologies".to_owned(),
            cells: (0..3).map(|n| format!("m d 0 0 0 0 0 {n} 2 3 0 c")).collect(),
            targets: "Target Cell All { a1 a2 a3 }".to_owned(),
            efferent: synapses.clone(),
            synapses,
            shift: 0,
            summary: vec![
                (1, [2.0, 1.0, 2.0]),
                (1, [3.0, 0.0, 1.0]),
                (2, [1.0, 2.0, 1.0]),
                (3, [1.0, 1.0, 0.0]),
            ],
            positions: 3,
        }
    }

    fn write(&self) {
        let path = |name: &str| self.folder.path().join(name);
        std::fs::write(path("CircuitConfig"), format!("Run Default\n{{\n{}\n}}\n", self.config)).unwrap();
        let cells = self.cells.join("\n");
        let mvd2 = format!("Neurons Loaded\n{cells}\nMorphTypes\nL1 INT INH\nElectroTypes\ncNAC\n");
        std::fs::write(path("circuit/circuit.mvd2"), mvd2).unwrap();
        std::fs::write(path("circuit/start.target"), &self.targets).unwrap();
        let mut file = File::create(&path("circuit/nrn.h5")).unwrap();
        for (gid, rows) in grouped(self.synapses.iter().map(|s| (s.0, row(s.1, s.2)))) {
            table(&mut file, &format!("a{gid}"), &rows);
        }
        file.finish().unwrap();
        let mut file = File::create(&path("circuit/nrn_efferent.h5")).unwrap();
        for (gid, rows) in grouped(self.efferent.iter().map(|s| (s.1, row(s.0, s.2)))) {
            table(&mut file, &format!("a{gid}"), &rows);
        }
        let mut shift = self.shift;
        let indices = self.efferent.iter().map(|s| {
            let of_post = self.synapses.iter().filter(|o| o.0 == s.0);
            let at =
                of_post.into_iter().position(|o| o == s).unwrap_or(0) as i64 + std::mem::take(&mut shift);
            (s.1, vec![at as f32])
        });
        for (gid, rows) in grouped(indices) {
            table(&mut file, &format!("a{gid}_afferentIndices"), &rows);
        }
        file.finish().unwrap();
        let mut file = File::create(&path("circuit/nrn_summary.h5")).unwrap();
        for (gid, rows) in grouped(self.summary.iter().map(|(gid, row)| (*gid, row.to_vec()))) {
            table(&mut file, &format!("a{gid}"), &rows);
        }
        file.finish().unwrap();
        let mut file = File::create(&path("circuit/nrn_positions.h5")).unwrap();
        for (gid, rows) in [(1, self.positions), (2, 1)] {
            table(&mut file, &format!("a{gid}"), &vec![vec![1.0; 13]; rows as usize]);
        }
        file.finish().unwrap();
    }

    fn after(change: impl FnOnce(&mut Legacy)) -> Vec<Finding> {
        let mut circuit = Legacy::new();
        change(&mut circuit);
        circuit.write();
        check_at(circuit.folder.path())
    }
}

fn row(peer: i64, delay: f32) -> Vec<f32> {
    let mut row = vec![0.5; 19];
    (row[0], row[1], row[13], row[18]) = (peer as f32, delay, 100.0, 2.0);
    row
}

fn grouped(rows: impl Iterator<Item = (i64, Vec<f32>)>) -> BTreeMap<i64, Vec<Vec<f32>>> {
    let mut groups: BTreeMap<i64, Vec<Vec<f32>>> = BTreeMap::new();
    rows.for_each(|(gid, row)| groups.entry(gid).or_default().push(row));
    groups
}

fn table(file: &mut File, name: &str, rows: &[Vec<f32>]) {
    let shape = [rows.len() as u64, rows[0].len() as u64];
    file.write(file.root(), name, &Array::numbers(&rows.concat()).shape(&shape)).unwrap();
}

#[test]
fn nothing_is_wrong_with_a_legacy_circuit_that_is_right() {
    assert_eq!(told(&Legacy::after(|_| ())), Vec::<String>::new());
}

#[test]
fn faults_of_a_circuit_config_and_of_cells() {
    let found = Legacy::after(|c| {
        c.config =
            "CircuitPath circuit\nnrnpath circuit\nMorphologyPath gone\nMETypePath hoc\nDuration".to_owned();
        c.cells[1] = "n d 0 0 0 0 0 NaN 2 3 0 c".to_owned();
    });
    assert_told(&found, &["fatal circuit/circuit.mvd2 line 3", "`NaN` where a number is expected"]);
    assert_told(&found, &["warning CircuitConfig line 4", "`nrnpath` is not read; did you mean `nrnPath`"]);
    assert_told(&found, &["warning", "`Duration` has no value"]);
    assert_told(&found, &["warning", "METypePath: `hoc` does not exist"]);
    assert_told(&found, &["warning CircuitConfig morphologies", "does not exist"]);
    let found = Legacy::after(|c| c.cells[1] = "n d 0 0 0 0 0 1 2 3 0 c".to_owned());
    assert_told(&found, &["warning morphologies", "missing 1 of 2 morphology files", "`n."]);
    // What is gone does not keep the rest from being checked.
    let found = Legacy::after(|c| {
        c.config = "CircuitPath circuit\nnrnPath gone\nCellLibraryFile cells.mvd3".to_owned();
        c.targets = "Target Cell A { Nobody }".to_owned();
    });
    assert_told(&found, &["fatal CircuitConfig line 5", "`cells.mvd3` does not exist"]);
    assert_told(&found, &["fatal CircuitConfig line 4", "nrnPath: `gone` does not exist"]);
    assert_told(&found, &["fatal circuit/start.target", "`A` contains `Nobody`"]);
}

#[test]
fn faults_of_cells_in_hdf5() {
    let circuit = Legacy::new();
    circuit.write();
    let mut file = File::create(&circuit.folder.path().join("circuit/circuit.mvd3")).unwrap();
    let cells = file.group(file.root(), "cells").unwrap();
    let positions = [0.0_f32, 0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0, 0.0];
    file.write(cells, "positions", &Array::numbers(&positions).shape(&[3, 3])).unwrap();
    let orientations = [0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0];
    file.write(cells, "orientations", &Array::numbers(&orientations).shape(&[3, 4])).unwrap();
    let properties = file.group(cells, "properties").unwrap();
    file.write(properties, "mtype", &Array::numbers(&[0_u32, 1, 2])).unwrap();
    file.write(properties, "etype", &Array::texts(&["a", "", "b"])).unwrap();
    let library = file.group(file.root(), "library").unwrap();
    file.write(library, "mtype", &Array::texts(&["L1", "L2"])).unwrap();
    file.finish().unwrap();
    let found = check_at(circuit.folder.path());
    assert_told(&found, &["fatal circuit/circuit.mvd3", "`x` is no number for cell 2"]);
    assert_told(&found, &["fatal circuit/circuit.mvd3", "`mtype` of cell 3", "library of 2"]);
    assert_told(&found, &["fatal circuit/circuit.mvd3 orientations", "zero for cell 2"]);
    assert_told(&found, &["warning circuit/circuit.mvd3 orientations", "length 1 but 3.0: cell 3"]);
    assert_told(&found, &["warning circuit/circuit.mvd3", "`etype` is empty for cell 2"]);
}

#[test]
fn faults_of_targets() {
    let found = Legacy::after(|c| {
        c.targets =
            "Target Cell A { B }\nTarget Cell B { A }\nTarget Cell C { A }\nTarget Cell D { a1 a9 a10 }\n\
                     Target Cell E { Layr }\nTarget Cell F { E }"
                .to_owned();
        c.config += "\nCircuitTarget G";
    });
    let lines = told(&found);
    assert_eq!(lines.iter().filter(|l| l.contains("contains itself")).count(), 1, "{lines:#?}");
    assert_eq!(lines.iter().filter(|l| l.contains("`Layr`")).count(), 1, "{lines:#?}");
    assert_told(&found, &["info circuit/start.target", "1 target", "up to 2 gids", "`D`"]);
    assert_told(&found, &["warning CircuitConfig line 6", "no target `G`"]);
    let found = Legacy::after(|c| c.config += "\nTargetFile user.target");
    assert_told(&found, &["fatal CircuitConfig line 6", "`user.target` does not exist"]);
}

#[test]
fn faults_of_nrn() {
    let found = Legacy::after(|c| {
        c.synapses[0].2 = f32::NAN;
        c.synapses[2].2 = -2.0;
        c.synapses[3].1 = 9;
        c.synapses.push((7, 1, 1.0));
    });
    assert_told(&found, &["fatal circuit/nrn.h5 a1", "delay (column 1) cannot be NaN: 1 synapse"]);
    assert_told(&found, &["fatal circuit/nrn.h5 a1", "delay (column 1) cannot be -2.0"]);
    assert_told(
        &found,
        &["fatal circuit/nrn.h5 a2", "1 synapse of a cell which the circuit does not have", "of cell 9"],
    );
    assert_told(&found, &["fatal circuit/nrn.h5", "1 table of cells that the circuit does not have: 7"]);
    assert_told(&found, &["fatal circuit/nrn_efferent.h5", "here are 4 synapses, in nrn.h5 are 5 synapses"]);
    assert_told(&found, &["fatal circuit/nrn_efferent.h5", "are not those of nrn.h5", ", 7"]);
    assert_told(&found, &["fatal circuit/nrn_positions.h5", "other rows", "7"]);

    let found = Legacy::after(|c| c.efferent[0].2 = 8.0);
    // No synapse of nrn.h5 has these values.
    assert_told(&found, &["warning circuit/nrn_efferent.h5", "onto 1 cell have other values", ": 1"]);
    let found = Legacy::after(|c| c.shift = 1);
    assert_told(&found, &["fatal circuit/nrn_efferent.h5", "onto 1 cell are not those of nrn.h5: 1"]);
    let found = Legacy::after(|c| c.shift = 99);
    assert_told(&found, &["fatal circuit/nrn_efferent.h5 a2", "1 synapse that nrn.h5 does not have"]);
    let found = Legacy::after(|c| c.summary[0].1[2] = 3.0);
    assert_told(
        &found,
        &["fatal circuit/nrn_summary.h5", "column 2 counts other synapses onto 1 cell", ": 1"],
    );
    let found = Legacy::after(|c| c.summary[3].1[1] = 0.0);
    assert_told(
        &found,
        &["fatal circuit/nrn_summary.h5", "column 1 counts other synapses onto 1 cell", ": 1"],
    );
    let found = Legacy::after(|c| c.positions = 2);
    assert_told(&found, &["fatal circuit/nrn_positions.h5", "1 cell with other rows than in nrn.h5: 1"]);

    let circuit = Legacy::new();
    circuit.write();
    std::fs::write(circuit.folder.path().join("circuit/nrn_summary.h5"), "no HDF5").unwrap();
    let found = check_at(circuit.folder.path());
    assert_told(&found, &["fatal circuit/nrn_summary.h5", "not an HDF5 file"]);
    assert_eq!(found.len(), 1, "{:?}", told(&found));
}

#[test]
fn a_legacy_circuit_over_sonata_is_checked_by_node() {
    let check = |change: &dyn Fn(&mut Sonata)| {
        let mut files = Sonata::new();
        change(&mut files);
        files.write();
        let config = "Run Default\n{\nCircuitPath .\nCellLibraryFile nodes.h5\nnrnPath edges.h5\n}\n";
        std::fs::write(files.path("CircuitConfig"), config).unwrap();
        std::fs::write(files.path("start.target"), "Target Cell All { a1 a4 }").unwrap();
        check_at(&files.path("CircuitConfig"))
    };
    assert_eq!(told(&check(&|_| ())), Vec::<String>::new());
    let found = check(&|c| {
        c.ids[0][4] = 4;
        c.nodes.insert("x", Array::numbers(&[f32::NAN; 4]));
    });
    assert_told(&found, &["fatal edges.h5 edges/e/source_node_id", "no node 4, of edge 4"]);
    assert_told(&found, &["fatal nodes.h5 nodes/cells/0/x", "NaN for 4 nodes"]);
}

#[test]
fn a_circuit_of_bare_parts_is_checked_by_its_parts() {
    let circuit = Legacy::new();
    circuit.write();
    let path = |name: &str| circuit.folder.path().join("circuit").join(name);
    let parts = Parts { cells: path("circuit.mvd2"), synapses: Some(path("nrn.h5")), ..Parts::default() };
    let open = crate::formats::bbp::open::circuit_of_parts(&parts).unwrap();
    assert!(check_circuit(&open, &PathMap::default()).unwrap().is_empty());
    std::fs::write(path("nrn.h5"), "no HDF5").unwrap();
    assert_told(&check_circuit(&open, &PathMap::default()).unwrap(), &["fatal nrn.h5", "not HDF5"]);
}

#[test]
fn the_demonstration_circuit_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let options = crate::demo::Options { cells: 60, synapses_per_cell: 20, ..Default::default() };
    crate::demo::write(&folder.path().join("demo"), &options).unwrap();
    let found = check_at(&folder.path().join("demo"));
    assert!(found.iter().all(|f| f.severity == Severity::Info), "{:?}", told(&found));
}

#[test]
fn the_oracle_of_validation() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle/sonata/data/snap"));
    if !folder.exists() {
        println!("skipped: no {}", folder.display());
        return;
    }
    let found = check_at(folder);
    assert!(found.iter().all(|f| f.severity != Severity::Fatal), "{:?}", told(&found));
}
