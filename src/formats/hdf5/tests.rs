use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hdf5")).join(name)
}

fn kinds() -> File {
    File::open(&fixture("kinds.h5")).unwrap()
}

fn ints(file: &File, path: &str) -> Vec<i64> {
    file.dataset(path).unwrap().read().unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn texts(file: &File, path: &str) -> Vec<String> {
    let values = file.dataset(path).unwrap().read().unwrap();
    values.as_string::<i32>().iter().map(|t| t.unwrap().to_owned()).collect()
}

#[test]
fn every_kind_of_value_comes_out() {
    let file = kinds();
    assert_eq!(ints(&file, "/deep/er/i2"), [1, -2, 3, 4, 5, -6]);
    assert_eq!(ints(&file, "u8"), [1, 1 << 40]);
    assert_eq!(ints(&file, "scalar"), [42]);
    assert_eq!(texts(&file, "fixed"), ["ab", "c", ""]);
    assert_eq!(texts(&file, "text"), ["π", "", &"long ".repeat(10)]);
    let floats = file.dataset("f8").unwrap().read().unwrap();
    assert_eq!(floats.as_primitive::<Float64Type>().values(), &[0.5, -1.5]);
    let truth = file.dataset("truth").unwrap();
    assert_eq!(truth.kind(), Kind::Bool);
    let truth = truth.read().unwrap();
    assert_eq!(truth.as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false), Some(true)]);
    let colour = file.dataset("colour").unwrap().read().unwrap();
    let colour = colour.as_dictionary::<Int32Type>();
    let names = colour.values().as_string::<i32>();
    let named: Vec<&str> = colour.keys().values().iter().map(|&k| names.value(k as usize)).collect();
    assert_eq!(named, ["green", "red", "green"]);
}

#[test]
fn rows_and_columns_can_be_read_apart() {
    let file = kinds();
    let table = file.dataset("deep/er/i2").unwrap();
    assert_eq!((table.shape(), table.kind()), (&[2, 3][..], Kind::Int));
    let row = table.read_rows(1..2).unwrap();
    assert_eq!(row.as_primitive::<Int64Type>().values(), &[4, 5, -6]);
    let columns = table.columns().unwrap();
    assert_eq!(columns[2].as_primitive::<Int64Type>().values(), &[3, -6]);
    let packed = file.dataset("packed").unwrap().read_rows(60..70).unwrap();
    assert_eq!(packed.as_primitive::<Int64Type>().values(), &(60..70).collect::<Vec<i64>>()[..]);
    let none = file.dataset("packed").unwrap().read_rows(5..5).unwrap();
    assert_eq!(none.len(), 0);
    assert!(table.read_rows(1..3).is_err());
    let texts = file.dataset("text").unwrap().read_rows(2..3).unwrap();
    assert_eq!(texts.len(), 1);
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    let file = kinds();
    for path in ["too_big", "pair", "virtual"] {
        let error = file.dataset(path).and_then(|d| d.read()).unwrap_err();
        assert_eq!(error.place().unwrap().dataset.as_deref(), Some(path), "{error}");
    }
}

#[test]
fn groups_list_what_is_in_them() {
    let file = kinds();
    let members = file.members("/").unwrap();
    let kind = |name: &str| members.iter().find(|m| m.0 == name).map(|m| m.1);
    assert_eq!(kind("deep"), Some(Member::Group));
    assert_eq!(kind("soft"), Some(Member::Group));
    assert_eq!(kind("broken"), Some(Member::Other));
    assert_eq!(kind("packed"), Some(Member::Dataset));
    assert!(kind("virtual").is_some());
    assert_eq!(file.names("deep/er", Member::Dataset).unwrap(), ["i2"]);
    assert_eq!((file.find("soft/i2"), file.find("deep/no")), (Some(Member::Dataset), None));
    assert_eq!(file.find("/"), Some(Member::Group));
    for name in ["latest.h5", "plain.h5"] {
        let file = File::open(&fixture(name)).unwrap();
        assert_eq!(file.names("/", Member::Dataset).unwrap().len(), 24, "{name}");
    }
}

#[test]
fn attributes_are_numbers_texts_or_several_of_them() {
    let file = kinds();
    let get = |path, name| file.attribute(path, name).unwrap().unwrap_or(Value::Null);
    assert_eq!(get("deep", "number"), 2.5);
    assert_eq!(get("/deep/", "text"), "µm");
    assert_eq!(get("deep", "several"), serde_json::json!([1, 2]));
    assert_eq!(get("f8", "units"), "ms");
    assert_eq!(get("f8", "one"), 7);
    assert_eq!(get("f8", "flag"), true);
    assert_eq!(get("f8", "nothing"), Value::Null);
}

#[test]
fn a_wrong_name_offers_the_nearest() {
    let file = kinds();
    let error = file.dataset("deep/er/i3").unwrap_err();
    assert!(error.to_string().contains("did you mean `i2`"), "{error}");
    let error = file.dataset("dep/er/i2").unwrap_err();
    assert!(error.message().contains("group `dep`") && error.to_string().contains("`deep`"), "{error}");
}

#[test]
fn files_that_are_no_hdf5_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(File::open(&at("none")).unwrap_err().message().contains("no such file"));
    assert!(File::open(folder.path()).unwrap_err().message().contains("is a folder"));
    std::fs::write(at("empty"), "").unwrap();
    assert!(File::open(&at("empty")).unwrap_err().message().contains("is empty"));
    std::fs::write(at("text"), "Run Default\n{\n}\n").unwrap();
    assert!(File::open(&at("text")).unwrap_err().message().contains("not an HDF5 file"));
    let whole = std::fs::read(fixture("plain.h5")).unwrap();
    std::fs::write(at("half"), &whole[..whole.len() / 2]).unwrap();
    let error = File::open(&at("half")).unwrap_err();
    assert!(error.message().contains("cut short") && error.place().is_some(), "{error}");
}

/// All columns of all tables `a<number>` of a file.
fn tables(file: &File) -> Result<Vec<(i64, Vec<Vec<f64>>)>> {
    let number = |name: &str| name.strip_prefix('a')?.parse::<i64>().ok();
    let mut extents = file.extents("/", number)?;
    extents.sort();
    (0..extents.len())
        .map(|at| {
            let extent = extents.extent(at);
            let column = |c| {
                let mut values = Vec::new();
                extents.gather::<Float64>(at, 0..extent.rows, c, &mut values).map(|()| values)
            };
            Ok((*extents.key(at), (0..extent.columns).map(column).collect::<Result<_>>()?))
        })
        .collect()
}

#[test]
fn tables_are_the_same_however_they_are_stored() {
    let plain = tables(&File::open(&fixture("plain.h5")).unwrap()).unwrap();
    assert_eq!(plain.len(), 23);
    assert_eq!(
        plain[3],
        (
            4,
            (0..19)
                .map(|c| match c {
                    0 => vec![1.0, 1.0, 2.0, 2.0],
                    18 => vec![0.0, 1.0, 2.0, 3.0],
                    c => (0..4).map(|r| f64::from(4000 + 20 * r + c)).collect(),
                })
                .collect::<Vec<_>>()
        )
    );
    for name in ["latest.h5", "mixed.h5", "merged.h5"] {
        assert_eq!(tables(&File::open(&fixture(name)).unwrap()).unwrap(), plain, "{name}");
    }
}

#[test]
fn headers_are_read_the_short_way_where_that_is_possible() {
    let short = |name: &str| {
        let file = File::open(&fixture(name)).unwrap();
        let mut count = 0;
        links::walk(&file, &file.group("/").unwrap(), &mut |_, target| {
            if let links::Target::Object(address) = target {
                count +=
                    usize::from(header::plain(file.bytes(), header::Sizes::of(&file), address).is_some());
            }
            true
        })
        .unwrap();
        count
    };
    // All tables, but not the scalar `info`.
    assert_eq!(short("plain.h5"), 23);
    assert_eq!(short("latest.h5"), 0);
}

#[test]
fn rows_outside_of_a_table_are_refused() {
    let file = File::open(&fixture("plain.h5")).unwrap();
    let extents = file.extents("/", |name| (name == "a4").then_some(())).unwrap();
    let mut out = Vec::new();
    assert!(extents.gather::<Float32>(0, 0..5, 0, &mut out).is_err());
    assert!(extents.gather::<Float32>(0, 0..4, 19, &mut out).is_err());
    assert!(extents.gather::<Float32>(0, 1..3, 1, &mut out).is_ok());
    assert_eq!(out, [4021.0, 4041.0]);
}

#[test]
fn a_link_to_a_file_that_is_gone_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("merged.h5");
    std::fs::copy(fixture("merged.h5"), &path).unwrap();
    let error = tables(&File::open(&path).unwrap()).unwrap_err();
    assert!(error.to_string().contains("parts.h5."), "{error}");
}

#[test]
fn a_table_beyond_the_end_names_its_dataset() {
    let mut bytes = std::fs::read(fixture("plain.h5")).unwrap();
    let file = File::open(&fixture("plain.h5")).unwrap();
    // The rows of a4 in its dataspace: 4 and 19 stand next to each other, once for a table of 4 rows.
    let shape: Vec<u8> = [4u64, 19].iter().flat_map(|d| d.to_le_bytes()).collect();
    let at = bytes.windows(16).position(|w| w == shape).unwrap();
    bytes[at..at + 8].copy_from_slice(&1_000_000u64.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.h5");
    std::fs::write(&path, &bytes).unwrap();
    let error = tables(&File::open(&path).unwrap()).unwrap_err();
    let dataset = error.place().and_then(|p| p.dataset.clone()).unwrap();
    assert!(dataset.starts_with('a') && file.find(&dataset).is_some(), "{error}");
    assert!(error.message().contains("goes beyond its end"), "{error}");
}

fn everything(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    let _ = tables(&file);
    for (name, _) in file.members("/")? {
        let _ = file.attribute(&name, "version");
        if let Ok(dataset) = file.dataset(&name) {
            let _ = dataset.read();
            let _ = dataset.columns();
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Damaged files are errors, or other numbers; never a panic.
    #[test]
    fn damage_does_not_panic(
        file in prop::sample::select(vec!["plain.h5", "latest.h5", "mixed.h5", "kinds.h5", "cells.mvd3"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = std::fs::read(fixture(file)).unwrap();
        // Structures stand among the data; most of them within the first half.
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.h5");
        std::fs::write(&path, &bytes).unwrap();
        let _ = everything(&path);
    }
}
