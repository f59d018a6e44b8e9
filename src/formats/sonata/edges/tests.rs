use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::DataType;
use tempfile::TempDir;

use super::groups::{GROUP, INDEX, TYPE};
use super::*;
use crate::diag::Deferred;
use crate::formats::write::hdf5::{Array, File as Writer, Group, Number, Type};
use crate::model::cell_column;

/// A file of one population `net` of edges among some cells.
struct Made {
    folder: TempDir,
    path: PathBuf,
    cells: usize,
    types: Option<PathBuf>,
}

/// Makes a file: `fill` adds what the population has besides its ends.
fn made(cells: usize, sources: &[u64], targets: &[u64], fill: impl FnOnce(&mut Writer, Group)) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edges.h5");
    let mut file = Writer::create(&path).unwrap();
    let root = file.root();
    let edges = file.group(root, "edges").unwrap();
    let net = file.group(edges, "net").unwrap();
    for (name, ids, population) in [(SOURCE, sources, "a"), (TARGET, targets, "b")] {
        let ids = file.write(net, name, &Array::numbers(ids)).unwrap();
        file.attribute(ids, "node_population", &Array::text(population)).unwrap();
    }
    fill(&mut file, net);
    file.finish().unwrap();
    Made { folder, path, cells, types: None }
}

fn write<T: Number>(file: &mut Writer, group: Group, name: &str, values: &[T]) {
    file.write(group, name, &Array::numbers(values)).unwrap();
}

/// A side of an index: its name, the ranges of each node, and the edges of each range.
type IndexOf<'a> = (&'a str, &'a [u64], &'a [u64]);

/// An index in the spelling of `folder` and `table`.
fn index(file: &mut Writer, net: Group, folder: &str, table: &str, sides: &[IndexOf<'_>]) {
    let folder = file.group(net, folder).unwrap();
    let pairs = |values: &[u64]| Array::numbers(values).shape(&[values.len() as u64 / 2, 2]);
    for (side, nodes, ranges) in sides {
        let side = file.group(folder, side).unwrap();
        file.write(side, table, &pairs(nodes)).unwrap();
        file.write(side, "range_to_edge_id", &pairs(ranges)).unwrap();
    }
}

impl Made {
    fn open(&self) -> Result<Arc<dyn Connectome>> {
        let ids = Arc::new(arrow_array::Int64Array::from_iter_values(0..self.cells as i64)) as ArrayRef;
        let column = (cell_column("id", DataType::Int64), Deferred::ready(ids));
        let cells = CellTable::new(0, self.cells, vec![column], "cells".to_owned());
        open(&EdgesFile {
            path: &self.path,
            population: "net",
            kind: "chemical",
            types: self.types.as_deref(),
            dynamics_dir: Some(self.folder.path()),
            source: cells.clone(),
            target: cells,
        })
    }

    fn connectome(&self) -> Arc<dyn Connectome> {
        self.open().unwrap()
    }

    fn with_types(mut self, text: &str) -> Self {
        let path = self.folder.path().join("edge_types.csv");
        std::fs::write(&path, text).unwrap();
        self.types = Some(path);
        self
    }

    fn column(&self, name: &str) -> ArrayRef {
        column(self.connectome().synapses().unwrap().as_ref(), name).unwrap()
    }

    fn refusal(&self, name: &str) -> String {
        column(self.connectome().synapses().unwrap().as_ref(), name).unwrap_err().to_string()
    }
}

fn column(source: &dyn Source, name: &str) -> Result<ArrayRef> {
    let at = source.schema().position(name)?;
    let read = |morsel| source.open(&morsel)?.column(at);
    let parts = source.morsels().into_iter().map(read).collect::<Result<Vec<ArrayRef>>>()?;
    let parts: Vec<&dyn arrow_array::Array> = parts.iter().map(AsRef::as_ref).collect();
    if parts.is_empty() {
        return Ok(arrow_array::new_empty_array(&source.schema().columns()[at].data_type));
    }
    Ok(arrow_select::concat::concat(&parts).unwrap())
}

fn ints(array: &ArrayRef) -> Vec<i64> {
    array.as_primitive::<Int64Type>().values().to_vec()
}

fn floats(array: &ArrayRef) -> Vec<Option<f64>> {
    arrow_cast::cast(array, &DataType::Float64).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let array = arrow_cast::cast(array, &DataType::Utf8).unwrap();
    let array: &StringArray = array.as_string();
    array.iter().map(|text| text.map(str::to_owned)).collect()
}

fn edges_of(connectome: &dyn Connectome, side: Side, cells: &[i64]) -> Vec<i64> {
    let source = connectome.of(side, &IdSet::new(cells.to_vec())).unwrap();
    ints(&column(source.as_ref(), "edge_id").unwrap())
}

fn names(connectome: &dyn Connectome) -> Vec<String> {
    connectome.schema().columns().iter().map(|c| c.name.clone()).collect()
}

/// Five edges, ordered by nothing.
const PRE: [u64; 5] = [2, 0, 1, 0, 2];
const POST: [u64; 5] = [1, 1, 0, 2, 1];

/// Both sides of the index of these edges.
const SIDES: [IndexOf<'static>; 2] = [
    ("target_to_source", &[0, 1, 1, 3, 3, 4], &[2, 3, 0, 2, 4, 5, 3, 4]),
    ("source_to_target", &[0, 2, 2, 3, 3, 5], &[1, 2, 3, 4, 2, 3, 0, 1, 4, 5]),
];

#[test]
fn edges_are_found_by_the_index_of_the_file_in_every_spelling() {
    for (folder, table) in [
        ("indices", "node_id_to_ranges"),
        ("indices", "node_id_to_range"),
        ("indicies", "node_id_to_range"),
        ("incidies", "node_id_to_range"),
    ] {
        let made = made(4, &PRE, &POST, |file, net| index(file, net, folder, table, &SIDES));
        let net = made.connectome();
        assert_eq!(net.facts().unwrap()["target_index"], "over the file's index", "{folder}/{table}");
        assert_eq!(edges_of(net.as_ref(), Side::Incoming, &[1]), [0, 1, 4]);
        assert_eq!(edges_of(net.as_ref(), Side::Outgoing, &[0, 2]), [1, 3, 0, 4]);
        assert_eq!(net.count(Side::Incoming, &IdSet::new(vec![0, 1, 2])).unwrap(), 5);
        // A cell beyond the table of the index has no edges.
        assert_eq!(edges_of(net.as_ref(), Side::Incoming, &[3]), Vec::<i64>::new());
    }
}

#[test]
fn without_an_index_edges_are_found_by_a_scan() {
    let unsorted = made(4, &PRE, &POST, |_, _| {});
    let net = unsorted.connectome();
    assert_eq!(net.facts().unwrap()["source_index"], "by a scan (the file has no index)");
    assert_eq!(edges_of(net.as_ref(), Side::Incoming, &[0, 1, 3]), [2, 0, 1, 4]);
    assert_eq!(edges_of(net.as_ref(), Side::Outgoing, &[1]), [2]);

    let sorted = made(3, &[0, 1, 2, 0], &[0, 0, 1, 2], |_, _| {});
    assert_eq!(edges_of(sorted.connectome().as_ref(), Side::Incoming, &[0, 2]), [0, 1, 3]);
}

#[test]
fn a_damaged_index_is_an_error() {
    let damaged = |nodes: &'static [u64], ranges: &'static [u64]| {
        let made = made(3, &PRE, &POST, |file, net| {
            index(file, net, "indices", "node_id_to_ranges", &[("target_to_source", nodes, ranges)]);
        });
        let found = made.connectome().of(Side::Incoming, &IdSet::new(vec![0]));
        found.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(damaged(&[0, 9], &[0, 5]).contains("node 0 has the ranges 0 to 9 of 1"));
    assert!(damaged(&[0, 1], &[0, 6]).contains("node 0 has the edges 0 to 6, and there are 5"));
    let three = made(3, &PRE, &POST, |file, net| {
        let folder = file.group(net, "indices").unwrap();
        let side = file.group(folder, "target_to_source").unwrap();
        file.write(side, "node_id_to_ranges", &Array::numbers(&[0u64, 1, 2]).shape(&[1, 3])).unwrap();
        file.write(side, "range_to_edge_id", &Array::numbers(&[0u64, 5]).shape(&[1, 2])).unwrap();
    });
    let refusal = three.connectome().count(Side::Incoming, &IdSet::new(vec![0])).unwrap_err().to_string();
    assert!(refusal.contains("3 columns where an index has 2"), "{refusal}");
}

#[test]
fn connections_count_the_edges_of_each_pair() {
    let made = made(4, &PRE, &POST, |_, _| {});
    let net = made.connectome();
    let pairs = |cells: Option<(Side, &[i64])>| {
        let cells = cells.map(|(side, ids)| (side, IdSet::new(ids.to_vec())));
        let source = net.connections(cells.as_ref().map(|(side, ids)| (*side, ids))).unwrap();
        let of = |name: &str| ints(&column(source.as_ref(), name).unwrap());
        let (pre, post, n) = (of("pre"), of("post"), of("n_synapses"));
        (0..pre.len()).map(|i| (pre[i], post[i], n[i])).collect::<Vec<_>>()
    };
    assert_eq!(pairs(None), [(1, 0, 1), (0, 1, 1), (2, 1, 2), (0, 2, 1)]);
    assert_eq!(pairs(Some((Side::Incoming, &[1]))), [(0, 1, 1), (2, 1, 2)]);
    assert_eq!(pairs(Some((Side::Outgoing, &[0, 2]))), [(0, 1, 1), (2, 1, 2), (0, 2, 1)]);
}

#[test]
fn columns_have_the_names_of_the_language_and_of_sonata() {
    let made = made(3, &PRE, &POST, |file, net| {
        let group = file.group(net, "0").unwrap();
        write(file, group, "zeta", &[1i16, 2, 3, 4, 5]);
        write(file, group, "delay", &[1.5f32, 2.5, 3.5, 4.5, 5.5]);
        write(file, group, "pre", &[7u8; 5]);
        write(file, group, "afferent_section_type", &[1u8, 2, 3, 4, 0]);
        write(file, net, "edge_type_id", &[-1i64; 5]);
        let kind = Type::enumeration(Type::Int { size: 1, signed: true }, [("FALSE", 0), ("TRUE", 1)]);
        file.write(group, "plastic", &Array::enumeration(kind, &[1, 0, 0, 1, 1])).unwrap();
        let parameters = file.group(group, "dynamics_params").unwrap();
        write(file, parameters, "tau", &[0.1f64, 0.2, 0.3, 0.4, 0.5]);
    });
    let net = made.connectome();
    let known = ["pre", "post", "edge_id", "delay", "afferent_section_type", "0/pre", "@dynamics:tau"];
    assert_eq!(names(net.as_ref()), [&known[..], &["plastic", "zeta"]].concat());
    assert_eq!(ints(&made.column("@source_node")), [2, 0, 1, 0, 2]);
    assert_eq!(ints(&made.column("target_node_id")), [1, 1, 0, 2, 1]);
    assert_eq!(floats(&made.column("tau"))[4], Some(0.5));
    assert_eq!(net.schema().columns()[3].data_type, DataType::Float32);
    assert_eq!(
        texts(&made.column("afferent_section_type"))[1..4],
        ["axon", "basal", "apical"].map(|t| Some(t.to_owned()))
    );
    assert!(made.column("plastic").as_boolean().value(0));
    assert!(made.refusal("dela").contains("did you mean `delay`"));
}

#[test]
fn libraries_and_columns_of_several_components() {
    let codes = |codes: [u8; 5]| {
        made(3, &PRE, &POST, |file, net| {
            let group = file.group(net, "0").unwrap();
            write(file, group, "kind", &codes);
            let library = file.group(group, "@library").unwrap();
            file.write(library, "kind", &Array::texts(&["a", "b", "unused"])).unwrap();
            let place = Array::numbers(&[0f32, 1., 2., 3., 4., 5., 6., 7., 8., 9.]).shape(&[5, 2]);
            file.write(group, "place", &place).unwrap();
            let grid = Array::numbers(&[0i32, 1, 2, 3, 4, 5, 6, 7, 8, 9]).shape(&[5, 2]);
            file.write(group, "grid", &grid).unwrap();
            file.write(group, "lonely", &Array::number(1.5f64)).unwrap();
            file.write(group, "note", &Array::texts(&["x", "y", "x", "", "z"])).unwrap();
        })
    };
    let good = codes([0, 1, 0, 1, 1]);
    assert_eq!(texts(&good.column("kind")), ["a", "b", "a", "b", "b"].map(|t| Some(t.to_owned())));
    assert_eq!(floats(&good.column("place[1]")), [1.0, 3.0, 5.0, 7.0, 9.0].map(Some));
    assert_eq!(ints(&good.column("grid[0]")), [0, 2, 4, 6, 8]);
    assert_eq!(texts(&good.column("note"))[4].as_deref(), Some("z"));
    assert!(good.refusal("lonely").contains("its shape is [], not one row an edge"));
    let refusal = codes([0, 1, 3, 0, 0]).refusal("kind");
    assert!(refusal.contains("row 2 has the code 3, and there are 3 names"), "{refusal}");
}

#[test]
fn attributes_stand_in_groups() {
    let made = made(3, &PRE, &POST, |file, net| {
        write(file, net, GROUP, &[1u16, 0, 1, 0, 0]);
        write(file, net, INDEX, &[0u32, 2, 1, 0, 1]);
        let zero = file.group(net, "0").unwrap();
        write(file, zero, "weight", &[10f32, 11., 12.]);
        write(file, zero, "section", &[4i32, 5, 6]);
        let one = file.group(net, "1").unwrap();
        write(file, one, "weight", &[20f64, 21.]);
        file.write(one, "label", &Array::texts(&["first", "second"])).unwrap();
    });
    assert_eq!(floats(&made.column("weight")), [20., 12., 21., 10., 11.].map(Some));
    assert_eq!(floats(&made.column("section")), [None, Some(6.), None, Some(4.), Some(5.)]);
    assert_eq!(
        texts(&made.column("label"))[..3],
        [Some("first".to_owned()), None, Some("second".to_owned())]
    );
    assert_eq!(ints(&made.column(GROUP)), [1, 0, 1, 0, 0]);
    // Only what is asked for is read: the runs of some cells.
    let some = made.connectome().of(Side::Incoming, &IdSet::new(vec![0, 2])).unwrap();
    assert_eq!(floats(&column(some.as_ref(), "weight").unwrap()), [21., 10.].map(Some));
}

#[test]
fn a_single_group_may_be_in_another_order() {
    let in_order = |rows: [u32; 5]| {
        made(3, &PRE, &POST, |file, net| {
            write(file, net, INDEX, &rows);
            let group = file.group(net, "0").unwrap();
            write(file, group, "weight", &[0f64, 1., 2., 3., 4.]);
        })
    };
    assert_eq!(floats(&in_order([0, 1, 2, 3, 4]).column("weight")), [0., 1., 2., 3., 4.].map(Some));
    assert_eq!(floats(&in_order([4, 0, 0, 3, 2]).column("weight")), [4., 0., 0., 3., 2.].map(Some));
    let refusal = in_order([4, 0, 9, 3, 2]).refusal("weight");
    assert!(refusal.contains("it has 5 rows, and an edge of the group is in row 9"), "{refusal}");
}

#[test]
fn types_say_what_the_groups_do_not() {
    let made = made(3, &PRE, &POST, |file, net| {
        write(file, net, TYPE, &[100i64, 101, 100, 7, 101]);
        write(file, net, GROUP, &[0u16, 0, 0, 1, 1]);
        write(file, net, INDEX, &[0u32, 1, 2, 0, 1]);
        let zero = file.group(net, "0").unwrap();
        write(file, zero, "weight", &[1f64, 2., 3.]);
        file.group(net, "1").unwrap();
    })
    .with_types(
        "edge_type_id delay weight model dynamics_params\n100 2.5 8.0 exp a.json\n101 NULL 9 static NULL\n",
    );
    std::fs::write(made.folder.path().join("a.json"), r#"{"tau": 1.5, "nested": {}}"#).unwrap();
    assert_eq!(floats(&made.column("weight")), [Some(1.), Some(2.), Some(3.), None, Some(9.)]);
    assert_eq!(floats(&made.column("delay")), [Some(2.5), None, Some(2.5), None, None]);
    assert_eq!(texts(&made.column("model"))[4].as_deref(), Some("static"));
    assert_eq!(floats(&made.column("tau")), [Some(1.5), None, Some(1.5), None, None]);
    assert_eq!(ints(&made.column(TYPE)), [100, 101, 100, 7, 101]);
    assert_eq!(made.connectome().schema().columns()[3].unit.as_deref(), Some("ms"));
}

#[test]
fn an_empty_population_has_its_columns() {
    let made = made(3, &[], &[], |file, net| {
        let group = file.group(net, "0").unwrap();
        write::<f32>(file, group, "delay", &[]);
    });
    let net = made.connectome();
    assert_eq!(names(net.as_ref()), ["pre", "post", "edge_id", "delay"]);
    assert_eq!(made.column("delay").len(), 0);
    assert_eq!(edges_of(net.as_ref(), Side::Outgoing, &[0, 1]), Vec::<i64>::new());
}

#[test]
fn damage_is_named() {
    let refused = |made: &Made| made.open().err().map(|e| e.to_string()).unwrap_or_default();
    let short = made(3, &PRE, &POST[..4], |_, _| {});
    assert!(refused(&short).contains("it has 5 rows where target_node_id has 4"));
    let attribute = made(3, &PRE, &POST, |file, net| {
        let group = file.group(net, "0").unwrap();
        write(file, group, "delay", &[1f32, 2.]);
    });
    let source = attribute.connectome().synapses().unwrap();
    let column = source.schema().position("delay").unwrap();
    let fault = source.open(&source.morsels()[0]).unwrap().column(column).unwrap_err().to_string();
    assert!(fault.contains("it has 2 rows, and there are 5 edges"), "{fault}");
    assert_eq!(attribute.column("post").len(), 5);
    // Rows beyond the edges harm nobody.
    let long = made(3, &PRE, &POST, |file, net| {
        let group = file.group(net, "0").unwrap();
        write(file, group, "delay", &[1f32, 2., 3., 4., 5., 6.]);
    });
    assert_eq!(floats(&long.column("delay")), [1., 2., 3., 4., 5.].map(Some));
    let numbers = made(3, &PRE, &POST, |file, net| write(file, net, GROUP, &[0u16, 0]));
    assert!(refused(&numbers).contains("edge_group_id"));
    let kinds = made(3, &PRE, &POST, |file, net| {
        for (group, text) in [("0", true), ("1", false)] {
            let group = file.group(net, group).unwrap();
            if text {
                file.write(group, "weight", &Array::texts(&["heavy"])).unwrap();
            } else {
                write(file, group, "weight", &[1f64]);
            }
        }
    });
    assert!(refused(&kinds).contains("`weight` is text in one group"), "{}", refused(&kinds));

    let homeless = |numbers: &'static [i64]| {
        made(3, &PRE, &POST, |file, net| {
            if !numbers.is_empty() {
                write(file, net, GROUP, numbers);
                write(file, net, INDEX, &[0u32; 5]);
            }
            for group in ["0", "1"] {
                let group = file.group(net, group).unwrap();
                write(file, group, "weight", &[1f64]);
            }
        })
    };
    let refusal = homeless(&[0, 0, 0, 5, 0]).refusal("weight");
    assert!(refusal.contains("edge 3 is in group 5, which is not there"), "{refusal}");
    let refusal = homeless(&[]).refusal("weight");
    assert!(refusal.contains("2 groups of attributes but no `edge_group_id`"), "{refusal}");
}

#[test]
fn names_and_ends() {
    let made = made(3, &PRE, &POST, |_, _| {});
    assert_eq!(population_names(&made.path).unwrap(), ["net"]);
    assert_eq!(ends(&made.path, "net").unwrap(), (Some("a".to_owned()), Some("b".to_owned())));
    let cells = CellTable::new(0, 0, Vec::new(), String::new());
    let wanted = EdgesFile {
        path: &made.path,
        population: "nets",
        kind: "chemical",
        types: None,
        dynamics_dir: None,
        source: cells.clone(),
        target: cells,
    };
    assert!(open(&wanted).err().unwrap().to_string().contains("did you mean `net`"));
}
