use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_schema::DataType;

use proptest::prelude::*;

use super::*;

fn oracle(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle")).join(path);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

/// Cells that have nothing but ids.
fn cells(count: usize) -> Arc<CellTable> {
    let ids = arrow_array::Int64Array::from_iter_values(1..=count as i64);
    let column = crate::model::cell_column("id", DataType::Int64);
    CellTable::new(1, count, vec![(column, Deferred::ready(Arc::new(ids) as ArrayRef))], "test")
}

fn open_at(path: &str, count: usize) -> Option<Arc<dyn Connectome>> {
    oracle(path).map(|path| open(&path, &cells(count)).unwrap())
}

fn ids(ids: &[i64]) -> IdSet {
    ids.iter().copied().collect()
}

/// A column of a whole source, as numbers.
fn column(source: &dyn Source, name: &str) -> Vec<f64> {
    let at = source.schema().position(name).unwrap();
    let mut values = Vec::new();
    for morsel in source.morsels() {
        let block = source.open(&morsel).unwrap();
        let column = block.column(at).unwrap();
        assert_eq!(column.data_type(), &source.schema().columns()[at].data_type, "{name}");
        assert_eq!(column.len(), block.rows());
        if let Some(ints) = column.as_primitive_opt::<Int64Type>() {
            values.extend(ints.values().iter().map(|&v| v as f64));
        } else if let Some(floats) = column.as_primitive_opt::<Float32Type>() {
            values.extend(floats.values().iter().map(|&v| f64::from(v)));
        } else if let Some(floats) = column.as_primitive_opt::<Float64Type>() {
            values.extend(floats.values());
        } else {
            values.extend(column.as_dictionary::<Int32Type>().keys().values().iter().map(|&v| f64::from(v)));
        }
    }
    if let Some(rows) = source.row_count() {
        assert_eq!(rows, values.len() as u64);
    }
    values
}

fn near(got: &[f64], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len(), "{got:?}");
    for (g, w) in got.iter().zip(wanted) {
        assert!((g - w).abs() <= 1e-6 + 1e-6 * w.abs(), "{got:?} {wanted:?}");
    }
}

fn triples(source: &dyn Source) -> Vec<(i64, i64, i64)> {
    let get = |name| column(source, name);
    let (pre, post, n) = (get("pre"), get("post"), get("n_synapses"));
    (0..pre.len()).map(|i| (pre[i] as i64, post[i] as i64, n[i] as i64)).collect()
}

#[test]
fn names_of_datasets_are_cells_or_not() {
    assert_eq!(gid_of("a17"), Some(17));
    for name in ["info", "a", "a17_afferentIndices", "a-1", "b3", "a99999999999999999999"] {
        assert_eq!(gid_of(name), None, "{name}");
    }
}

#[test]
fn bluepy_synapses_onto_cells() {
    let Some(nrn) = open_at("bluepy/data/nrn", 3) else { return };
    let onto = nrn.of(Side::Incoming, &ids(&[2, 1, 999, -1])).unwrap();
    assert_eq!(column(&*onto, "post"), [1.0, 2.0, 2.0, 2.0]);
    assert_eq!(column(&*onto, "row"), [0.0, 0.0, 1.0, 2.0]);
    assert_eq!(column(&*onto, "pre"), [3.0, 1.0, 1.0, 3.0]);
    near(
        &column(&*onto, "axonal_delay"),
        &[99.894_482_930_378_91, 88.186_224_036_998_24, 52.188_112_273_323_05, 11.105_833_265_8],
    );
    assert_eq!(column(&*onto, "syn_type_id")[1..], [71.0, 8.0, 61.0]);
    assert_eq!(column(&*onto, "afferent_section_type"), [3.0, 0.0, 1.0, 2.0]);
    assert_eq!(column(&*onto, "post_branch_order")[2], 81.0);
    assert_eq!(column(&*onto, "pre_branch_order")[2], 87.0);
    near(&column(&*onto, "pre_x_center")[2..3], &[97.296_411_178_880_05]);
    near(&column(&*onto, "post_z_contour")[2..3], &[37.175_574_670_336_7]);
    assert_eq!(nrn.count(Side::Incoming, &ids(&[1, 2, 3])).unwrap(), 4);
    assert_eq!(nrn.facts().unwrap()["version"], 3);
    assert!(nrn.schema().find("ase").is_some() && nrn.schema().find("nrrp").is_none());
    assert_eq!(onto.describe(), ["nrn.h5: 2 of 2 cells, 4 synapses, by post cell"]);
}

#[test]
fn bluepy_synapses_made_by_cells_come_from_the_efferent_file() {
    let Some(nrn) = open_at("bluepy/data/nrn", 3) else { return };
    let made = nrn.of(Side::Outgoing, &ids(&[1, 3])).unwrap();
    assert_eq!(column(&*made, "pre"), [1.0, 1.0, 3.0, 3.0]);
    assert_eq!(column(&*made, "post"), [2.0, 2.0, 1.0, 2.0]);
    assert_eq!(column(&*made, "row"), [0.0, 1.0, 0.0, 2.0]);
    // The columns of this file of the oracle differ from those of nrn.h5.
    assert_eq!(column(&*made, "post_section_id")[..2], [72.0, 3.0]);
    assert_eq!(column(&*made, "pre_x_center").len(), 4);
    assert_eq!(nrn.count(Side::Outgoing, &ids(&[3])).unwrap(), 2);
}

#[test]
fn connections_agree_whichever_file_they_come_from() {
    let Some(folder) = oracle("bluepy/derived/circuit/functional") else { return };
    let full = open(&folder, &cells(20)).unwrap();
    let alone = tempfile::tempdir().unwrap();
    std::fs::copy(folder.join("nrn.h5"), alone.path().join("nrn.h5")).unwrap();
    let bare = open(alone.path(), &cells(20)).unwrap();
    let with_efferent = tempfile::tempdir().unwrap();
    for file in ["nrn.h5", "nrn_efferent.h5"] {
        std::fs::copy(folder.join(file), with_efferent.path().join(file)).unwrap();
    }
    let efferent = open(with_efferent.path(), &cells(20)).unwrap();
    let some = ids(&[3, 1, 7, 19, 20]);
    // So few that they are looked up cell by cell.
    let few = ids(&[3, 8]);
    let (incoming, outgoing) = (Side::Incoming, Side::Outgoing);
    for restrict in [None, Some((incoming, &some)), Some((outgoing, &some)), Some((outgoing, &few))] {
        let expected = triples(&*full.connections(restrict).unwrap());
        assert!(expected.is_sorted_by_key(|&(pre, post, _)| (post, pre)) && !expected.is_empty());
        assert_eq!(triples(&*bare.connections(restrict).unwrap()), expected, "{:?}", restrict.map(|r| r.0));
        assert_eq!(triples(&*efferent.connections(restrict).unwrap()), expected);
    }
}

#[test]
fn outgoing_synapses_are_the_same_with_and_without_an_efferent_file() {
    let Some(folder) = oracle("bluepy/derived/circuit/functional") else { return };
    let full = open(&folder, &cells(20)).unwrap();
    let alone = tempfile::tempdir().unwrap();
    for file in ["nrn.h5", "nrn_positions.h5"] {
        std::fs::copy(folder.join(file), alone.path().join(file)).unwrap();
    }
    let bare = open(alone.path(), &cells(20)).unwrap();
    std::fs::copy(folder.join("nrn_efferent.h5"), alone.path().join("nrn_efferent.h5")).unwrap();
    let looked_up = open(alone.path(), &cells(20)).unwrap();
    let pres: IdSet = (1..=20).collect();
    let with = full.of(Side::Outgoing, &pres).unwrap();
    for other in [bare, looked_up] {
        let without = other.of(Side::Outgoing, &pres).unwrap();
        // The order within a pre cell is the file's own, so rows are compared by their identity.
        let keyed = |source: &dyn Source, name: &str| {
            let (pre, post, row) = (column(source, "pre"), column(source, "post"), column(source, "row"));
            let mut rows: Vec<_> = column(source, name)
                .into_iter()
                .enumerate()
                .map(|(i, v)| ([pre[i] as i64, post[i] as i64, row[i] as i64], v.to_bits()))
                .collect();
            rows.sort_unstable();
            rows
        };
        for column in ["delay", "conductance", "afferent_section_id", "post_y_center", "pre_z_contour"] {
            assert_eq!(keyed(&*with, column), keyed(&*without, column), "{column}");
        }
        for pre in 1..=20 {
            let one = ids(&[pre]);
            let counts =
                (full.count(Side::Outgoing, &one).unwrap(), other.count(Side::Outgoing, &one).unwrap());
            assert_eq!(counts.0, counts.1);
        }
    }
}

#[test]
fn both_byte_orders_give_the_same_numbers() {
    let (Some(little), Some(big)) = (
        open_at("bluepy/derived/circuit/functional", 20),
        open_at("bluepy/derived/circuit/functional_be", 20),
    ) else {
        return;
    };
    let (little, big) = (little.synapses().unwrap(), big.synapses().unwrap());
    for spec in little.schema().columns() {
        assert_eq!(column(&*little, &spec.name), column(&*big, &spec.name), "{}", spec.name);
    }
    assert!(column(&*little, "afferent_segment_offset").iter().all(|&offset| offset >= 0.0));
}

#[test]
fn a_big_endian_file_by_its_path() {
    let Some(nrn) = open_at("bluepy/data/nrn-big-endian/nrn.h5", 3) else { return };
    let onto = nrn.of(Side::Incoming, &ids(&[1])).unwrap();
    near(
        &column(&*onto, "delay")[..3],
        &[4.391_825_675_964_355, 4.354_121_685_028_076, 4.370_889_186_859_131],
    );
    assert_eq!(column(&*onto, "type"), [113.0; 5]);
    assert_eq!(column(&*onto, "pre"), [2.0; 5]);
    assert_eq!(nrn.schema().columns()[3].data_type, DataType::Float32);
}

#[test]
fn projections_have_sources_beyond_the_circuit() {
    let Some(projection) = open_at("bluepy/derived/circuit/proj_tc", 20) else { return };
    let onto = projection.of(Side::Incoming, &ids(&[1, 3])).unwrap();
    assert_eq!(column(&*onto, "pre"), [1003.0; 3]);
    assert_eq!(column(&*onto, "post"), [1.0, 3.0, 3.0]);
    near(
        &column(&*onto, "conductance"),
        &[0.853_299_975_395_202_6, 1.212_100_028_991_699_2, 0.509_299_993_515_014_6],
    );
    assert_eq!(projection.count(Side::Outgoing, &ids(&[1001])).unwrap(), 4);
    assert_eq!(projection.of(Side::Outgoing, &ids(&[1001])).unwrap().row_count(), Some(4));
    assert!(projection.schema().find("post_x_center").is_some());
}

#[test]
fn eighteen_columns_are_refused_by_name() {
    let Some(path) = oracle("brion/data/synth/circuit/bad_nrn_columns.h5") else { return };
    let error = open(&path, &cells(3)).err().unwrap();
    assert!(error.message().contains("18 columns"), "{error}");
    assert!(error.to_string().contains("dataset a1"), "{error}");
}

#[test]
fn what_belongs_to_synapses_is_not_synapses() {
    let Some(folder) = oracle("bluepy/data/nrn") else { return };
    let error = open(&folder.join("nrn_summary.h5"), &cells(3)).err().unwrap();
    assert!(error.helps()[0].ends_with("nrn.h5"), "{error}");
    let error = open(folder.parent().unwrap(), &cells(3)).err().unwrap();
    assert!(error.message().contains("there is no nrn.h5"), "{error}");
}

#[test]
fn brion_synapses() {
    let Some(nrn) = open_at("brion/data/synth/circuit/ncs", 3) else { return };
    let onto = nrn.of(Side::Incoming, &ids(&[1])).unwrap();
    assert_eq!(column(&*onto, "delay"), [0.5, 1.5, 2.5]);
    assert_eq!(column(&*onto, "afferent_section_id"), [4.0, 5.0, 6.0]);
    assert_eq!(column(&*onto, "post_segment_offset"), [0.0, 0.25, 0.5]);
    assert_eq!(column(&*onto, "efferent_surface_x"), [20.5, 21.5, 32.5]);
    assert_eq!(column(&*onto, "afferent_center_z"), [31.5, 32.5, 43.5]);
    let made = nrn.of(Side::Outgoing, &ids(&[1, 2, 3])).unwrap();
    assert_eq!(column(&*made, "pre"), [1.0, 2.0, 2.0, 3.0]);
    assert_eq!(column(&*made, "post"), [2.0, 1.0, 1.0, 1.0]);
    let pairs = triples(&*nrn.connections(Some((Side::Outgoing, &ids(&[1])))).unwrap());
    assert_eq!(pairs, [(1, 2, 1)]);
}

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hdf5")).join(name)
}

/// Every column of all synapses.
fn all_columns(nrn: &dyn Connectome) -> Vec<(String, Vec<f64>)> {
    let source = nrn.synapses().unwrap();
    let schema = nrn.schema();
    schema.columns().iter().map(|c| (c.name.clone(), column(&*source, &c.name))).collect()
}

#[test]
fn unmerged_and_merged_sets_hold_the_same() {
    let plain = all_columns(&*open(&fixture("plain.h5"), &cells(24)).unwrap());
    // `parts.h5` does not exist; its parts do.
    for name in ["parts.h5", "merged.h5", "latest.h5", "mixed.h5"] {
        assert_eq!(all_columns(&*open(&fixture(name), &cells(24)).unwrap()), plain, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("parts.h5.1"), folder.path().join("nrn.h5.1")).unwrap();
    let error = open(folder.path(), &cells(24)).err().unwrap();
    assert!(error.message().contains("nrn.h5.0"), "{error}");
    std::fs::copy(fixture("parts.h5.0"), folder.path().join("nrn.h5.0")).unwrap();
    assert_eq!(all_columns(&*open(folder.path(), &cells(24)).unwrap()), plain);
}

#[test]
fn the_version_decides_what_column_17_is() {
    let nrn = open(&fixture("version5.h5"), &cells(1)).unwrap();
    assert!(nrn.schema().find("ase").is_none());
    let onto = nrn.synapses().unwrap();
    assert_eq!(column(&*onto, "nrrp"), [1017.0, 1037.0, 1057.0, 1077.0]);
    assert_eq!(nrn.facts().unwrap()["version"], 5);
}

#[test]
fn cells_without_a_dataset_have_no_synapses() {
    let nrn = open(&fixture("plain.h5"), &cells(24)).unwrap();
    let none = nrn.of(Side::Incoming, &ids(&[13, 5, 1000])).unwrap();
    assert_eq!((none.row_count(), none.morsels().len()), (Some(0), 0));
    assert_eq!(nrn.count(Side::Incoming, &ids(&[13, 4])).unwrap(), 4);
    assert_eq!(nrn.count(Side::Outgoing, &ids(&[77])).unwrap(), 0);
    assert!(triples(&*nrn.connections(Some((Side::Outgoing, &ids(&[77])))).unwrap()).is_empty());
    let pairs = triples(&*nrn.connections(Some((Side::Incoming, &ids(&[4, 13])))).unwrap());
    assert_eq!(pairs, [(1, 4, 2), (2, 4, 2)]);
}

#[test]
fn many_made_connections_are_the_same_as_few() {
    let Some(nrn) = open_at("bluepy/derived/circuit/functional", 20) else { return };
    let all: IdSet = (1..=20).collect();
    let together = triples(&*nrn.connections(Some((Side::Outgoing, &all))).unwrap());
    let mut apart: Vec<(i64, i64, i64)> = (1..=20)
        .flat_map(|pre| triples(&*nrn.connections(Some((Side::Outgoing, &ids(&[pre])))).unwrap()))
        .collect();
    apart.sort_unstable_by_key(|&(pre, post, _)| (post, pre));
    assert_eq!(together, apart);
    assert_eq!(together, triples(&*nrn.connections(None).unwrap()));
}

#[test]
fn tables_are_cut_into_morsels_at_their_ends() {
    let run = |table, rows| Run { table, start: 0, rows };
    let runs = [run(0, 30_000), run(1, 2_000), run(2, 1_000), run(3, 32_768), run(4, 1)];
    let cut = table::morsels(&runs);
    let rows: Vec<usize> = cut.iter().map(|m| m.rows).collect();
    assert_eq!(rows, [32_000, 1_000, 32_768, 1]);
    assert_eq!((cut[0].units.clone(), cut[3].units.clone()), (0..2, 4..5));
}

/// Asks everything that can be asked.
fn ask_everything(path: &Path) -> Result<()> {
    let nrn = open(path, &cells(24))?;
    let some = ids(&[1, 4, 9, 13, 24]);
    let mut sources = vec![nrn.synapses(), nrn.connections(None)];
    for side in [Side::Incoming, Side::Outgoing] {
        let _ = nrn.count(side, &some);
        sources.extend([nrn.of(side, &some), nrn.connections(Some((side, &some)))]);
        sources.push(nrn.connections(Some((side, &ids(&[2])))));
    }
    for source in sources.into_iter().flatten() {
        for morsel in source.morsels() {
            if let Ok(block) = source.open(&morsel) {
                for column in 0..source.schema().columns().len() {
                    if let Ok(values) = block.column(column) {
                        assert_eq!(values.len(), block.rows());
                    }
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// A damaged file is an error, or other numbers; never a panic.
    #[test]
    fn damage_does_not_panic(
        file in prop::sample::select(vec!["plain.h5", "latest.h5", "mixed.h5"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = std::fs::read(fixture(file)).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let folder = tempfile::tempdir().unwrap();
        // The same damage in every file of the family.
        for name in ["nrn.h5", "nrn_efferent.h5", "nrn_summary.h5", "nrn_positions.h5"] {
            std::fs::write(folder.path().join(name), &bytes).unwrap();
            let _ = ask_everything(folder.path());
        }
    }
}

#[test]
fn an_efferent_file_that_does_not_tell_rows_is_not_needed() {
    let folder = tempfile::tempdir().unwrap();
    // Tables without `_afferentIndices`: their rows could not be told apart.
    for name in ["nrn.h5", "nrn_efferent.h5"] {
        std::fs::copy(fixture("plain.h5"), folder.path().join(name)).unwrap();
    }
    let nrn = open(folder.path(), &cells(24)).unwrap();
    let made = nrn.of(Side::Outgoing, &ids(&[2])).unwrap();
    assert!(made.describe()[0].contains("nrn.h5: 1 of 2 cells"), "{:?}", made.describe());
    assert!(column(&*made, "post").is_sorted() && column(&*made, "row")[0] == 2.0);
    assert_eq!(column(&*made, "pre"), vec![2.0; made.row_count().unwrap() as usize]);
    assert_eq!(made.row_count(), Some(nrn.count(Side::Outgoing, &ids(&[2])).unwrap()));
}
