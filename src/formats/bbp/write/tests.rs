//! A demonstration circuit goes to SONATA and comes back.

use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_cast::cast;
use arrow_schema::DataType;

use super::*;
use crate::formats::open::open_circuit;
use crate::formats::paths::PathMap;
use crate::formats::sonata;
use crate::formats::write::circuit::Texts;
use crate::model::{IdSet, Side, Source};

struct Circuits {
    _folder: tempfile::TempDir,
    path: PathBuf,
    legacy: Circuit,
    back: Circuit,
    notes: Vec<String>,
}

fn open(path: &Path) -> Circuit {
    open_circuit(path, &PathMap::default()).unwrap()
}

fn circuits() -> Circuits {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let options = crate::demo::Options { cells: 40, synapses_per_cell: 30, ..Default::default() };
    crate::demo::write(&path("demo"), &options).unwrap();
    let legacy = open(&path("demo"));
    sonata::write::write_circuit(&legacy, &path("sonata"), &sonata::write::Options::default()).unwrap();
    let written = write_circuit(&open(&path("sonata")), &path("back"), &Options::default()).unwrap();
    let (path, back) = (path("back"), open(&path("back")));
    Circuits { _folder: folder, path, legacy, back, notes: written.notes }
}

/// A column of synapses as numbers; types of sections by their order of appearance in the language.
fn numbers(source: &dyn Source, name: &str) -> Vec<f32> {
    let at = source.schema().position(name).unwrap();
    let mut all = Vec::new();
    for morsel in source.morsels() {
        let column = source.open(&morsel).unwrap().column(at).unwrap();
        if name == "afferent_section_type" {
            let code = |name: &str| ["soma", "axon", "basal", "apical"].iter().position(|n| *n == name);
            all.extend(Texts::of(&column).unwrap().map(-1.0, |n| code(n).unwrap() as f32));
        } else {
            let column = cast(&column, &DataType::Float32).unwrap();
            all.extend(column.as_primitive::<Float32Type>().values());
        }
    }
    all
}

#[test]
fn synapses_come_back_as_they_were() {
    let made = circuits();
    let Circuits { legacy, back, notes, .. } = &made;
    let (old, new) = (legacy.connectome.get().unwrap(), back.connectome.get().unwrap());
    assert_eq!(old.facts().unwrap()["version"], new.facts().unwrap()["version"]);
    let (old_all, new_all) = (old.synapses().unwrap(), new.synapses().unwrap());
    assert_eq!(old_all.schema().columns(), new_all.schema().columns());
    for spec in old_all.schema().columns() {
        let (old, new) = (numbers(&*old_all, &spec.name), numbers(&*new_all, &spec.name));
        assert!(!old.is_empty() && old == new, "{}", spec.name);
    }
    for id in legacy.cells.ids().listed() {
        let cell = IdSet::new(vec![*id]);
        for side in [Side::Incoming, Side::Outgoing] {
            let of = |c: &Arc<dyn Connectome>| numbers(&*c.of(side, &cell).unwrap(), "delay");
            assert_eq!(of(old), of(new), "{id}");
        }
    }
    let pairs = |c: &Arc<dyn Connectome>| {
        let connections = c.connections(None).unwrap();
        ["pre", "post", "n_synapses"].map(|name| numbers(&*connections, name))
    };
    assert_eq!(pairs(old), pairs(new));
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn cells_and_groups_come_back_as_they_were() {
    let made = circuits();
    let Circuits { legacy, back, path, .. } = &made;
    assert_eq!(legacy.cells.count(), back.cells.count());
    for (at, spec) in legacy.cells.schema().columns().iter().enumerate() {
        let same = back.cells.schema().position(&spec.name).unwrap();
        let (old, new) = (legacy.cells.column(at).unwrap(), back.cells.column(same).unwrap());
        if spec.data_type == DataType::Float64 {
            let single = |values| cast(values, &DataType::Float32).unwrap();
            let (old, new) = (single(old), single(new));
            let (old, new) =
                (old.as_primitive::<Float32Type>().values(), new.as_primitive::<Float32Type>().values());
            assert!(
                old.iter().zip(new).all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs().max(1.0)),
                "{}",
                spec.name
            );
        } else {
            let texts = |values| Texts::of(values).unwrap().map(String::new(), str::to_owned);
            assert_eq!(texts(old), texts(new), "{}", spec.name);
            let kind = &back.cells.schema().columns()[same].data_type;
            assert_eq!(kind, &spec.data_type, "{}", spec.name);
        }
    }
    let (old, new) = (legacy.targets.get().unwrap(), back.targets.get().unwrap());
    for entry in old.entries().iter().filter(|e| e.kind == "Cell" && !e.name.starts_with("proj_")) {
        assert_eq!(old.resolve(&entry.name).unwrap().listed(), new.resolve(&entry.name).unwrap().listed());
    }
    let models = |c: &Circuit| {
        let emodels = c.emodels.get().unwrap();
        let combos = c.cells.column(c.cells.schema().position("me_combo").unwrap()).unwrap();
        let table = emodels.by_combo.as_ref().unwrap();
        Texts::of(combos).unwrap().map(Value::Null, |combo| table[combo]["emodel"].clone())
    };
    assert_eq!(models(legacy), models(back));
    assert!(path.join("mecombo_emodel.tsv").exists());
}

#[test]
fn projections_come_back_with_their_fibres() {
    let made = circuits();
    let Circuits { legacy, back, .. } = &made;
    let (old, new) = (&legacy.projections[0], &back.projections[0]);
    let synapses = |p: &Projection| p.connectome.get().unwrap().synapses().unwrap();
    let (old_all, new_all) = (synapses(old), synapses(new));
    for spec in old_all.schema().columns() {
        assert_eq!(numbers(&*old_all, &spec.name), numbers(&*new_all, &spec.name), "{}", spec.name);
    }
    let fibres = |circuit: &Circuit, p: &Projection| {
        let targets = circuit.targets.get().unwrap();
        targets.resolve(p.source.as_ref().unwrap()).unwrap().listed().to_vec()
    };
    assert_eq!(fibres(legacy, old), fibres(back, new));
}

#[test]
fn a_legacy_circuit_is_written_anew() {
    let made = circuits();
    let Circuits { legacy, path, .. } = &made;
    let again = path.with_file_name("again");
    let written = write_circuit(legacy, &again, &Options::default()).unwrap();
    assert_eq!(written.projections.len(), 1);
    let again = open(&again);
    let delays = |c: &Circuit| numbers(&*c.connectome.get().unwrap().synapses().unwrap(), "delay");
    assert_eq!(delays(legacy), delays(&again));
    let error = write_circuit(legacy, path, &Options::default()).unwrap_err();
    assert!(error.message().ends_with("the folder is not empty"), "{error}");
}

#[test]
fn names_that_a_target_file_cannot_hold() {
    for name in ["a b", "x{", "#", "", "a12"] {
        assert!(!is_name(name), "{name}");
    }
    assert!(is_name("mc2_Column") && is_name("a12b"));
}

#[test]
fn there_are_only_so_many_gids() {
    let fibres = |name: &str, count: i64| Population::fibres(name, (0..count).collect());
    let all = fibres("all", 20);
    let same = [fibres("a", 5), fibres("b", 7), fibres("a", 5), fibres("all", 20)];
    assert_eq!(first_gids(&all, &same).unwrap(), [1_000_001, 1_000_006, 1_000_001, 1]);
    let error = first_gids(&all, &[fibres("a", 16_000_000)]).unwrap_err();
    assert!(error.message().contains("16777216"), "{error}");
}
