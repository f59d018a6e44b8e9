//! A small circuit is written and read back: with the reader of HDF5 alone, and as a circuit.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, Float32Array, Int64Array, StringArray};
use arrow_schema::DataType;
use serde_json::json;

use super::*;
use crate::diag::{Deferred, work};
use crate::formats::hdf5;
use crate::formats::open::open_circuit;
use crate::formats::paths::PathMap;
use crate::model::{
    CellTable, Column, ColumnSpec, Emodels, Format, Frame, IdSet, Schema, Side, Source, TargetEntry, Targets,
    cell_column,
};

/// Synapses in memory: one a row, in any order.
struct Wires {
    table: Arc<Frame>,
    cells: Vec<i64>,
}

impl Wires {
    /// Of `(pre, post)` pairs; other columns tell where each stands in the list.
    fn of(pairs: &[(i64, i64)], more: Vec<Column>) -> Arc<dyn Connectome> {
        let ids = |name: &str, ids: Vec<i64>| Column {
            spec: ColumnSpec::new(name, DataType::Int64),
            values: Arc::new(Int64Array::from(ids)) as ArrayRef,
        };
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|&at| pairs[at].1);
        let places = arrow_array::UInt32Array::from_iter_values(order.iter().map(|&at| at as u32));
        let mut columns = vec![
            ids("pre", order.iter().map(|&at| pairs[at].0).collect()),
            ids("post", order.iter().map(|&at| pairs[at].1).collect()),
            Column {
                spec: ColumnSpec::new("delay", DataType::Float32),
                values: Arc::new(Float32Array::from_iter_values(order.iter().map(|&at| at as f32))),
            },
        ];
        columns.extend(more.into_iter().map(|column| Column {
            values: arrow_select::take::take(&*column.values, &places, None).unwrap(),
            ..column
        }));
        let cells = order.iter().map(|&at| pairs[at].1).collect();
        Arc::new(Wires { table: Arc::new(Frame::new(columns).unwrap()), cells })
    }
}

impl Connectome for Wires {
    fn schema(&self) -> Arc<Schema> {
        self.table.schema().clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        Ok(self.table.clone())
    }

    fn of(&self, _: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        // The tables of these tests are ordered by cell; those beyond the circuit stand at the end.
        let known = self.cells.iter().take_while(|id| cells.contains(**id)).count();
        Ok(Arc::new(self.table.slice(0, known)))
    }

    fn count(&self, _: Side, _: &IdSet) -> Result<u64> {
        Ok(self.cells.len() as u64)
    }

    fn connections(&self, _: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        self.synapses()
    }

    fn facts(&self) -> Result<Value> {
        Ok(Value::Null)
    }
}

/// Groups: those with parts, and those with ids.
struct Groups(Vec<(&'static str, &'static str, Vec<&'static str>, Vec<i64>)>);

impl Groups {
    fn find(&self, name: &str) -> Option<&(&'static str, &'static str, Vec<&'static str>, Vec<i64>)> {
        self.0.iter().find(|group| group.0 == name)
    }
}

impl Targets for Groups {
    fn entries(&self) -> Vec<TargetEntry> {
        self.0.iter().filter_map(|group| self.entry(group.0)).collect()
    }

    fn entry(&self, name: &str) -> Option<TargetEntry> {
        let group = self.find(name)?;
        Some(TargetEntry { name: name.to_owned(), kind: group.1.to_owned(), file: PathBuf::new() })
    }

    fn resolve(&self, name: &str) -> Result<IdSet> {
        let (_, _, parts, ids) = self.find(name).ok_or_else(|| Error::argument(format!("no `{name}`")))?;
        let mut all = ids.clone();
        for part in parts {
            all.extend(self.resolve(part)?.listed());
        }
        all.sort_unstable();
        all.dedup();
        Ok(IdSet::new(all))
    }

    fn parts(&self, name: &str) -> Result<Option<Vec<String>>> {
        let parts = self.find(name).filter(|group| group.3.is_empty() && !group.2.is_empty());
        Ok(parts.map(|group| group.2.iter().map(|&part| part.to_owned()).collect()))
    }
}

fn column(spec: ColumnSpec, values: ArrayRef) -> (ColumnSpec, Deferred<ArrayRef>) {
    (ColumnSpec { data_type: values.data_type().clone(), ..spec }, Deferred::ready(values))
}

/// Five cells, gids 1 to 5.
fn cells() -> Arc<CellTable> {
    let texts = |name: &str, texts: [&str; 5]| {
        column(cell_column(name, DataType::Utf8), Arc::new(StringArray::from(texts.to_vec())))
    };
    let floats = |name: &str, values: [f64; 5]| {
        column(
            cell_column(name, DataType::Float64),
            Arc::new(arrow_array::Float64Array::from(values.to_vec())),
        )
    };
    let ints = |name: &str, values: Vec<Option<i64>>| {
        column(cell_column(name, DataType::Int64), Arc::new(Int64Array::from(values)))
    };
    let columns = vec![
        ints("id", (1..=5).map(Some).collect()),
        texts("mtype", ["L5_MC", "L5_MC", "L6_PC", "L6_PC", "L5_MC"]),
        texts("morphology", ["a", "b", "c", "d", "e"]),
        texts("me_combo", ["one", "two", "one", "gone", "two"]),
        ints("layer", vec![Some(5), Some(5), Some(6), Some(6), Some(5)]),
        ints("minicolumn", vec![Some(3), None, Some(1), Some(0), Some(9)]),
        floats("x", [0.5, 1.5, 2.5, 3.5, 4.5]),
        floats("orientation_w", [2.0, 1.0, 0.0, 1.0, 0.0]),
        floats("orientation_x", [0.0; 5]),
        floats("orientation_y", [0.0, 1.0, 3.0, 0.0, 0.0]),
        floats("orientation_z", [0.0; 5]),
        floats("exc_mini_frequency", [0.1, 0.2, 0.3, 0.4, 0.5]),
    ];
    CellTable::new(1, 5, columns, "test")
}

fn circuit(connectome: Arc<dyn Connectome>, projections: Vec<Projection>, groups: Groups) -> Circuit {
    let row = |emodel: &str, current: f64| {
        let row = json!({"emodel": emodel, "threshold_current": current, "other": 1});
        row.as_object().cloned().unwrap()
    };
    let by_combo = BTreeMap::from([("one".to_owned(), row("m1", 0.5)), ("two".to_owned(), row("m2", 0.25))]);
    Circuit {
        path: "CircuitConfig".into(),
        format: Format::Bbp,
        config: json!({}),
        cells: cells(),
        targets: Deferred::ready(Arc::new(groups) as Arc<dyn Targets>),
        connectome: Deferred::ready(connectome),
        projections,
        emodels: Deferred::new(move || {
            Ok(Emodels { by_combo: Some(by_combo.clone()), folder: PathBuf::new() })
        }),
        network: None,
        populations: Vec::new(),
        ends: (None, None),
    }
}

fn projection(name: &str, source: Option<&str>, pairs: &[(i64, i64)]) -> Projection {
    Projection {
        name: name.to_owned(),
        source: source.map(str::to_owned),
        path: "proj".into(),
        config: json!({}),
        connectome: Deferred::ready(Wires::of(pairs, Vec::new())),
    }
}

const PAIRS: [(i64, i64); 7] = [(5, 2), (1, 2), (5, 2), (3, 4), (2, 1), (1, 4), (3, 1)];

fn whole() -> Circuit {
    let order = ColumnSpec::new("afferent_branch_order", DataType::Int64);
    let kinds = ColumnSpec::new("afferent_section_type", DataType::Utf8);
    let vesicles = ColumnSpec::new("n_rrp_vesicles", DataType::Int64);
    let label = ColumnSpec::new("label", DataType::Utf8);
    let texts = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let doubles = |name: &str| Column {
        spec: ColumnSpec::new(name, DataType::Float64),
        values: Arc::new(arrow_array::Float64Array::from(vec![0.1; 7])),
    };
    let more = vec![
        Column { spec: order, values: Arc::new(Int64Array::from((0..7).collect::<Vec<i64>>())) },
        Column {
            spec: kinds,
            values: texts(
                [Some("soma"), Some("apical"), None, Some("basal"), Some("axon"), Some("soma"), Some("soma")]
                    .to_vec(),
            ),
        },
        // Below zero: the column is a wider one.
        Column { spec: vesicles, values: Arc::new(Int64Array::from(vec![1, 2, 3, -4, 5, 6, 7])) },
        Column { spec: label, values: texts(["b", "a", "b", "b", "c", "a", "a"].map(Some).to_vec()) },
        doubles("u_syn"),
        doubles("strange"),
    ];
    let projections = vec![
        projection("tc/1", Some("fibres"), &[(102, 3), (100, 3), (101, 1)]),
        projection("own", None, &[(5, 1), (2, 1)]),
    ];
    let groups = Groups(vec![
        ("some", "Cell", vec![], vec![1, 3]),
        ("fibres", "Cell", vec![], vec![100, 101, 102, 104]),
        ("everything", "Cell", vec![], vec![1, 2, 3, 4, 5]),
        ("mixed", "Cell", vec![], vec![2, 102, 999]),
        ("both", "Cell", vec!["some", "mixed"], vec![]),
        ("sections", "Section", vec![], vec![1]),
        ("broken", "Cell", vec!["nowhere"], vec![]),
        ("default", "Cell", vec![], vec![]),
    ]);
    circuit(Wires::of(&PAIRS, more), projections, groups)
}

/// A folder to write into.
fn output() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    (folder, path)
}

fn ints(file: &hdf5::File, path: &str) -> Vec<i64> {
    file.dataset(path).unwrap().read().unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn floats(file: &hdf5::File, path: &str) -> Vec<f32> {
    file.dataset(path).unwrap().read().unwrap().as_primitive::<Float32Type>().values().to_vec()
}

fn texts(file: &hdf5::File, path: &str) -> Vec<String> {
    let values = file.dataset(path).unwrap().read().unwrap();
    values.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

/// Texts behind codes.
fn looked_up(file: &hdf5::File, group: &str, name: &str) -> Vec<String> {
    let library = texts(file, &format!("{group}/@library/{name}"));
    ints(file, &format!("{group}/{name}")).iter().map(|&code| library[code as usize].clone()).collect()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn cells_become_nodes() {
    let (_folder, path) = output();
    let written =
        write_circuit(&whole(), &path, &Options { population: "S1".into(), ..Options::default() }).unwrap();
    assert_eq!((written.cells, written.config), (5, path.join("circuit_config.json")));
    let file = hdf5::File::open(&path.join("nodes.h5")).unwrap();
    let group = "nodes/S1/0";
    assert_eq!(ints(&file, "nodes/S1/node_type_id"), [-1; 5]);
    assert_eq!(looked_up(&file, group, "mtype"), ["L5_MC", "L5_MC", "L6_PC", "L6_PC", "L5_MC"]);
    assert_eq!(looked_up(&file, group, "layer"), ["5", "5", "6", "6", "5"]);
    // Texts that do not repeat need no library.
    assert_eq!(texts(&file, "nodes/S1/0/morphology"), ["a", "b", "c", "d", "e"]);
    assert!(file.find("nodes/S1/0/@library/morphology").is_none());
    assert_eq!(floats(&file, "nodes/S1/0/x"), [0.5, 1.5, 2.5, 3.5, 4.5]);
    assert_eq!(floats(&file, "nodes/S1/0/exc-mini_frequency"), [0.1, 0.2, 0.3, 0.4, 0.5]);
    let half = std::f32::consts::FRAC_1_SQRT_2;
    assert_eq!(floats(&file, "nodes/S1/0/orientation_w"), [1.0, half, 0.0, 1.0, 1.0]);
    assert_eq!(floats(&file, "nodes/S1/0/orientation_y"), [0.0, half, 1.0, 0.0, 0.0]);
    assert_eq!(looked_up(&file, group, "model_type"), ["biophysical"; 5]);
    assert_eq!(looked_up(&file, group, "model_template"), ["hoc:m1", "hoc:m2", "hoc:m1", "", "hoc:m2"]);
    let currents = floats(&file, "nodes/S1/0/dynamics_params/threshold_current");
    assert!(currents[..3] == [0.5, 0.25, 0.5] && currents[3].is_nan());
    // A whole number is missing.
    let minicolumns = file.dataset("nodes/S1/0/minicolumn").unwrap();
    assert_eq!(minicolumns.kind(), hdf5::Kind::Float64);
    let fibres = hdf5::File::open(&path.join("tc_1/nodes.h5")).unwrap();
    assert_eq!(looked_up(&fibres, "nodes/tc_1/0", "model_type"), ["virtual"; 4]);
    let mapping = json_of(&path.join("id_mapping.json"));
    assert_eq!(mapping, json!({"tc_1": {"new_id": [0, 1, 2, 3], "parent_id": [100, 101, 102, 104]}}));
}

#[test]
fn synapses_become_edges() {
    let (_folder, path) = output();
    let written = write_circuit(&whole(), &path, &Options::default()).unwrap();
    assert_eq!(written.synapses, 7);
    assert_eq!(written.projections, [("tc/1".to_owned(), 3), ("own".to_owned(), 2)]);
    let file = hdf5::File::open(&path.join("edges.h5")).unwrap();
    let name = "edges/default__default__chemical";
    let of = |column: &str| format!("{name}/{column}");
    assert_eq!(ints(&file, &of("target_node_id")), [0, 0, 1, 1, 1, 3, 3]);
    assert_eq!(ints(&file, &of("source_node_id")), [1, 2, 0, 4, 4, 0, 2]);
    assert_eq!(floats(&file, &of("0/delay")), [4.0, 6.0, 1.0, 0.0, 2.0, 5.0, 3.0]);
    assert_eq!(ints(&file, &of("0/afferent_branch_order")), [4, 6, 1, 0, 2, 5, 3]);
    assert_eq!(ints(&file, &of("0/afferent_section_type")), [2, 1, 4, 1, 0, 1, 3]);
    assert_eq!(ints(&file, &of("0/n_rrp_vesicles")), [5, 7, 2, 1, 3, 6, -4]);
    assert_eq!(looked_up(&file, &of("0"), "label"), ["c", "a", "a", "b", "b", "a", "b"]);
    assert_eq!(ints(&file, &of("edge_type_id")), [-1; 7]);
    assert_eq!(floats(&file, &of("0/u_syn")), [0.1; 7]);
    assert_eq!(file.dataset(&of("0/strange")).unwrap().kind(), hdf5::Kind::Float64);
    let population = file.attribute(&of("source_node_id"), "node_population").unwrap();
    assert_eq!(population, Some(json!("default")));
    let fibres = hdf5::File::open(&path.join("tc_1/edges.h5")).unwrap();
    assert_eq!(ints(&fibres, "edges/tc_1__default__chemical/source_node_id"), [1, 0, 2]);
    assert_eq!(ints(&fibres, "edges/tc_1__default__chemical/target_node_id"), [0, 2, 2]);
    // Its sources are cells of the circuit.
    let own = hdf5::File::open(&path.join("own/edges.h5")).unwrap();
    assert_eq!(ints(&own, "edges/default__default__own/source_node_id"), [1, 4]);
}

#[test]
fn groups_become_node_sets() {
    let (_folder, path) = output();
    let notes = write_circuit(&whole(), &path, &Options::default()).unwrap().notes;
    let expected = json!({
        "some": {"node_id": [0, 2], "population": "default"},
        "fibres": {"population": "tc_1"},
        "everything": {"population": "default"},
        "mixed@default": {"node_id": [1], "population": "default"},
        "mixed@tc_1": {"node_id": [2], "population": "tc_1"},
        "mixed": ["mixed@default", "mixed@tc_1"],
        "both": ["some", "mixed"],
        "default": {"node_id": [], "population": "default"},
    });
    assert_eq!(json_of(&path.join("node_sets.json")), expected);
    for note in [
        "the e-model table lacks me-combos of cells: gone",
        "target `broken` is left out: no `nowhere`",
        "targets of sections or synapses are left out: sections",
        "targets named like a population, for which readers may take it: default",
        "cells of these targets are in no population, and left out: mixed",
    ] {
        assert!(notes.iter().any(|n| n == note), "no `{note}` in {notes:?}");
    }
    assert_eq!(notes.len(), 5, "{notes:?}");
}

#[test]
fn sets_do_not_stand_in_each_other_too_deeply() {
    let names: Vec<&'static str> =
        (0..30).map(|at| -> &'static str { Box::leak(format!("g{at}").into_boxed_str()) }).collect();
    let mut groups = vec![("g0", "Cell", vec![], vec![1])];
    groups.extend((1..30).map(|at| (names[at], "Cell", vec![names[at - 1]], vec![])));
    let (_folder, path) = output();
    write_circuit(&circuit(Wires::of(&[], vec![]), vec![], Groups(groups)), &path, &Options::default())
        .unwrap();
    let sets = json_of(&path.join("node_sets.json"));
    let mut deep: HashMap<String, usize> = HashMap::new();
    for name in &names {
        let below = sets[name].as_array().map_or(0, |parts| 1 + deep[parts[0].as_str().unwrap()]);
        deep.insert((*name).to_owned(), below);
    }
    assert_eq!((deep["g8"], deep["g9"], deep["g10"]), (8, 0, 1));
}

#[test]
fn our_reader_finds_the_same_circuit() {
    let (_folder, path) = output();
    write_circuit(&whole(), &path, &Options::default()).unwrap();
    let circuit = open_circuit(&path, &PathMap::default()).unwrap();
    assert_eq!((circuit.format, circuit.cells.count()), (Format::Sonata, 5));
    let names: Vec<&str> = circuit.projections.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["tc_1__default__chemical"]);
    let targets = circuit.targets.get().unwrap();
    assert_eq!(targets.resolve("both").unwrap().listed(), [0, 1, 2]);
    let network = circuit.network.as_ref().unwrap();
    let edges = network.edge("default__default__chemical").unwrap().connectome.get().unwrap();
    for (cell, incoming, outgoing) in [(0, 2, 2), (1, 3, 1), (2, 0, 2), (3, 2, 0), (4, 0, 2)] {
        let cell = IdSet::new(vec![cell]);
        let counts =
            (edges.count(Side::Incoming, &cell).unwrap(), edges.count(Side::Outgoing, &cell).unwrap());
        assert_eq!(counts, (incoming, outgoing), "{cell:?}");
    }
}

#[test]
fn nothing_is_left_of_what_fails() {
    let left = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
    let write = |circuit: &Circuit, path: &Path| write_circuit(circuit, path, &Options::default());
    let groups = || Groups(Vec::new());
    let (folder, path) = output();
    let error = write(&circuit(Wires::of(&[(7, 2)], vec![]), vec![], groups()), &path).unwrap_err();
    assert_eq!(error.message(), "a synapse from cell 7 onto cell 2: there is no cell 7 in `default`");
    assert_eq!(error.place().unwrap().path, PathBuf::from("CircuitConfig"));
    let error = write(&circuit(Wires::of(&[(1, 2), (1, 9)], vec![]), vec![], groups()), &path).unwrap_err();
    assert_eq!(error.message(), "synapses onto cell 9, which is not in `default`");
    let same = vec![projection("default", None, &[(100, 1)])];
    let error = write(&circuit(Wires::of(&[], vec![]), same, groups()), &path).unwrap_err();
    assert!(error.to_string().contains("two populations would be named `default`"), "{error}");
    let error = write_circuit(&whole(), &path, &Options { population: "a/b".into(), ..Options::default() });
    assert!(error.unwrap_err().message().contains("cannot name a population"));
    assert_eq!(left(folder.path()), 0);

    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("mine"), "x").unwrap();
    let error = write(&whole(), &path).unwrap_err();
    assert!(error.message().ends_with("the folder is not empty"), "{error}");
    assert_eq!((left(folder.path()), left(&path)), (1, 1));
}

#[test]
fn parts_can_be_left_out() {
    let (_folder, path) = output();
    let options = Options { synapses: false, projections: false, ..Options::default() };
    let written = write_circuit(&whole(), &path, &options).unwrap();
    assert_eq!((written.synapses, written.projections.len()), (0, 0));
    let mut names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["circuit_config.json", "node_sets.json", "nodes.h5"]);
    let config = json_of(&path.join("circuit_config.json"));
    assert_eq!(config["metadata"]["status"], "partial");
}

#[test]
fn where_morphologies_are_is_found_out() {
    let (folder, path) = output();
    let morphologies = folder.path().join("morphologies");
    for below in ["ascii", "v1"] {
        std::fs::create_dir_all(morphologies.join(below)).unwrap();
    }
    let named = |key: &str, value: &Path| (key.to_owned(), json!(value.display().to_string()));
    let mut circuit = whole();
    let paths: serde_json::Map<String, Value> =
        [named("morphologies", &morphologies), named("emodels", Path::new("/hoc"))].into_iter().collect();
    circuit.config = json!({"paths": paths});
    write_circuit(&circuit, &path, &Options::default()).unwrap();
    let config = json_of(&path.join("circuit_config.json"));
    assert_eq!(config["metadata"]["status"], "complete");
    let expected = json!({
        "alternate_morphologies": {
            "neurolucida-asc": morphologies.join("ascii").display().to_string(),
            "h5v1": morphologies.join("v1").display().to_string(),
        },
        "biophysical_neuron_models_dir": "/hoc",
    });
    assert_eq!(config["components"], expected);
    circuit.config["paths"]["morphology_type"] = json!("swc");
    let again = folder.path().join("again");
    write_circuit(&circuit, &again, &Options::default()).unwrap();
    let config = json_of(&again.join("circuit_config.json"));
    assert_eq!(config["components"]["morphologies_dir"], json!(morphologies.display().to_string()));
}

/// A sign to stop reaches all work of the process, so the failure is made where the work asks.
#[test]
fn what_stops_leaves_nothing() {
    struct Stopping(Arc<dyn Connectome>);
    impl Connectome for Stopping {
        fn schema(&self) -> Arc<Schema> {
            self.0.schema()
        }
        fn synapses(&self) -> Result<Arc<dyn Source>> {
            self.0.synapses()
        }
        fn of(&self, _: Side, _: &IdSet) -> Result<Arc<dyn Source>> {
            work::check()?;
            Err(Error::cancelled())
        }
        fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
            self.0.count(side, cells)
        }
        fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
            self.0.connections(cells)
        }
        fn facts(&self) -> Result<Value> {
            self.0.facts()
        }
    }
    let (folder, path) = output();
    let stopping = Arc::new(Stopping(Wires::of(&PAIRS, vec![])));
    let error =
        write_circuit(&circuit(stopping, vec![], Groups(vec![])), &path, &Options::default()).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
