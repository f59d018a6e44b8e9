use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::formats::files_of_the_field;
use crate::formats::write::hdf5::{Array, File, Number, Type};
use crate::model::merged;

type Pairs = Vec<(f64, i64)>;

fn pairs(spikes: &Spikes) -> Pairs {
    spikes.times().iter().copied().zip(spikes.ids().iter().copied()).collect()
}

/// The spikes of a file with this content.
fn of(name: &str, content: impl AsRef<[u8]>) -> Result<Pairs> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    open(&path, &SpikeOptions::default()).map(|spikes| pairs(&spikes))
}

#[test]
fn lines_may_be_written_in_many_ways() {
    let expected = [(0.25, 7), (0.5, 3), (1.0, 7), (2.5, 1)];
    for text in [
        "/scatter\n0.25 7\n0.5 3\n1.0 7\n2.5 1\n",
        "2.5 1\n.5 3\n1. 7\n0.25 7",
        "# c\n// x\r\n/scatter\r\n  0.5   3  \r\n0.25\t7\r\n\r\n1e0 7.0 trailing words\r\n#c\r\n/scatter\r\n2.50 \t 1.0",
        "\u{feff}/scatter\n0.25 7\n   \n0.5 3\n+1 +7\n25e-1 1e0\n",
    ] {
        assert_eq!(of("out.dat", text).unwrap(), expected, "{text:?}");
    }
    for empty in ["", "/scatter", "/scatter\n", "\n\n", "#"] {
        assert_eq!(of("out.dat", empty).unwrap(), [], "{empty:?}");
        assert_eq!(of("x.gdf", empty).unwrap(), []);
    }
    assert_eq!(of("x.gdf", "7 0.25\n3 0.5").unwrap(), [(0.25, 7), (0.5, 3)]);
    assert_eq!(of("x", "-0.5 4294967295\n").unwrap(), [(-0.5, 4_294_967_295)]);
}

#[test]
fn a_wrong_line_is_named() {
    for (line, message) in [
        ("foo bar", "`foo` is not a time"),
        ("1.5", "one word in a line, `1.5`"),
        ("nan 3", "the time `nan` is not finite"),
        ("1e999 3", "the time `1e999` is not finite"),
        ("1.5 -3", "the id -3 is negative"),
        ("1.5 3.5", "the id `3.5` is not a whole number"),
        ("1.5 x", "`x` is not the id of a cell"),
        ("1.5 99999999999999999999", "the id `99999999999999999999` is not a whole number"),
        ("1.5\u{0}3", "one word in a line"),
        ("1,5 3", "`1,5` is not a time"),
    ] {
        let error = of("out.dat", format!("/scatter\n0.5 1\n{line}\nalso wrong\n")).unwrap_err();
        assert!(error.message().contains(message), "{line}: {error}");
        assert_eq!(error.place().and_then(|place| place.line), Some((3, 0)), "{line}");
    }
    let error = of("x.gdf", "0.25 7\n").unwrap_err();
    assert!(error.message().contains("`0.25` is not a whole number") && error.helps()[0].contains(".gdf"));
    // The first of many pieces is wrong, and the last.
    let mut text = "x 1\n".to_owned();
    (0..600_000).for_each(|row| writeln!(text, "{}.5 {row}", 600_000 - row).unwrap());
    assert_eq!(of("out.dat", &text).unwrap_err().place().unwrap().line, Some((1, 0)));
    text.replace_range(..4, "");
    let spikes = of("out.dat", &text).unwrap();
    assert_eq!((spikes.len(), spikes[0], spikes[599_999]), (600_000, (1.5, 599_999), (600_000.5, 0)));
    assert_eq!(of("out.dat", text + "x 1").unwrap_err().place().unwrap().line, Some((600_001, 0)));
}

#[test]
fn a_pattern_names_many_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("spikes-0.gdf", "7 2.5\n");
    write("spikes-1.gdf", "");
    write("spikes-10.gdf", "8 0.5\n9 2.5");
    write("spikes-x.dat", "not this");
    let open = |pattern: &str| super::open(&folder.path().join(pattern), &SpikeOptions::default());
    assert_eq!(pairs(&open("spikes-*.gdf").unwrap()), [(0.5, 8), (2.5, 7), (2.5, 9)]);
    assert_eq!(open("spikes-?.gdf").unwrap().len(), 1);
    let error = open("spike-*.gdf").unwrap_err().to_string();
    assert!(error.contains("fits `spike-*.gdf`") && error.contains("spikes-10.gdf"), "{error}");
    assert_eq!(open("*").unwrap_err().place().unwrap().path.file_name().unwrap(), "spikes-x.dat");
    assert!(open("none/*.gdf").is_err() && open("none.gdf").is_err());
    // A name with such a letter is a name.
    write("a*.dat", "1 2");
    write("ab.dat", "1 2");
    assert_eq!(open("a*.dat").unwrap().len(), 1);
}

#[test]
fn binary_spikes_are_checked() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let t = 0.3_f32.to_bits();
    let good = words(&[0x0f0a, 1, t, 7, 0, u32::MAX]);
    assert_eq!(of("x.spikes", &good).unwrap(), [(0.0, u32::MAX.into()), (0.3_f32.into(), 7)]);
    assert_eq!(of("x", &good).unwrap().len(), 2);
    assert_eq!(of("x.spikes", words(&[0x0f0a, 1])).unwrap(), []);
    let reversed: Vec<u8> = good.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
    for (content, message) in [
        (Vec::new(), "this has 0"),
        (good[..7].to_vec(), "this has 7"),
        (good[..18].to_vec(), "after 1 spikes of 8 bytes there are 2 bytes left"),
        (words(&[0x0f0b, 1]), "0xf0b"),
        (words(&[0x0f0a, 2]), "version 2"),
        (reversed, "big-endian"),
        (words(&[0x0f0a, 1, 0, 1, f32::NAN.to_bits(), 9]), "spike 2 (of cell 9)"),
    ] {
        let error = of("x.spikes", content).unwrap_err();
        assert!(error.message().contains(message) && error.place().is_some(), "{error}");
    }
}

/// A file of HDF5 whose group of spikes is filled.
fn h5(
    fill: impl FnOnce(&mut File, crate::formats::write::hdf5::Group) -> Result<()>,
) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spikes.h5");
    let mut file = File::create(&path).unwrap();
    let root = file.root();
    let group = file.group(root, "spikes").unwrap();
    fill(&mut file, group).unwrap();
    file.finish().unwrap();
    (folder, path)
}

fn options(first_id: i64, population: Option<&str>) -> SpikeOptions {
    SpikeOptions { first_id, population: population.map(str::to_owned) }
}

#[test]
fn populations_of_sonata() {
    let (_folder, path) = h5(|file, spikes| {
        let a = file.group(spikes, "a")?;
        let sorting = Type::enumeration(u8::TYPE, [("none", 0), ("by_id", 1), ("by_time", 2)]);
        // A lie.
        file.attribute(a, "sorting", &Array::enumeration(sorting, &[2]))?;
        let times = file.write(a, "timestamps", &Array::numbers(&[2.0, 1.0]))?;
        file.attribute(times, "units", &Array::text("milliseconds"))?;
        file.write(a, "node_ids", &Array::numbers(&[5_u8, 6]))?;
        let b = file.group(spikes, "b")?;
        file.attribute(b, "sorting", &Array::text("by_gid"))?;
        let times = file.write(b, "timestamps", &Array::numbers(&[0.0015_f64]))?;
        file.attribute(times, "units", &Array::text("s"))?;
        file.write(b, "node_ids", &Array::numbers(&[5.0_f64]))?;
        file.group(spikes, "c")?;
        let d = file.group(spikes, "d")?;
        file.attribute(d, "sorting", &Array::number(1_i32))?;
        file.write(d, "timestamps", &Array::numbers::<f64>(&[]))?;
        file.write(d, "node_ids", &Array::numbers::<u64>(&[])).map(drop)
    });
    let spikes = open(&path, &options(0, None)).unwrap();
    let ids = [merged::pack(0, 6), merged::pack(1, 5), merged::pack(0, 5)];
    assert_eq!((spikes.times(), spikes.ids()), (&[1.0, 1.5, 2.0][..], &ids[..]));
    assert_eq!(spikes.population_names(), ["a", "b", "c", "d"]);
    let one = open(&path, &options(1, Some("a"))).unwrap();
    assert_eq!((pairs(&one), one.population_names()), (vec![(1.0, 7), (2.0, 6)], vec!["a"]));
    assert!(open(&path, &options(0, Some("d"))).unwrap().is_empty());
    let error = open(&path, &options(0, Some("e"))).unwrap_err().to_string();
    assert!(error.contains("`e`") && error.contains("a, b, c, d"), "{error}");
}

#[test]
fn old_hdf5_has_gids() {
    let (_folder, path) = h5(|file, spikes| {
        file.attribute(spikes, "sorting", &Array::number(2_i32))?;
        file.write(spikes, "timestamps", &Array::numbers(&[0.3_f32, 0.1]))?;
        file.write(spikes, "gids", &Array::numbers(&[3_u32, 1])).map(drop)
    });
    let spikes = open(&path, &options(1, None)).unwrap();
    assert_eq!(pairs(&spikes), [(f64::from(0.1_f32), 1), (f64::from(0.3_f32), 3)]);
    assert!(open(&path, &options(0, Some("a"))).unwrap_err().message().contains("no populations"));
}

#[test]
fn hdf5_that_is_wrong_is_told_with_its_dataset() {
    let file = |times: Array, ids: Array, unit: &str| {
        let unit = unit.to_owned();
        let (_folder, path) = h5(move |file, spikes| {
            let group = file.group(spikes, "a")?;
            let times = file.write(group, "timestamps", &times)?;
            file.attribute(times, "units", &Array::text(unit))?;
            file.write(group, "node_ids", &ids).map(drop)
        });
        let error = open(&path, &options(0, None)).unwrap_err();
        assert!(error.place().is_some_and(|place| place.dataset.is_some()), "{error}");
        error.to_string()
    };
    let t = || Array::numbers(&[1.0, 2.0]);
    let ids = || Array::numbers(&[1_u64, 2]);
    for (error, message) in [
        (file(Array::numbers(&[1.0, f64::NAN]), ids(), "ms"), "the time of row 1 is NaN"),
        (file(Array::numbers(&[1e306, 0.0]), ids(), "s"), "the time of row 0 is inf"),
        (file(t(), Array::numbers(&[1_u64]), "ms"), "1 ids for 2 times"),
        (file(t(), Array::numbers(&[1_i64, -2]), "ms"), "row 1 cannot be one: -2"),
        (file(t(), Array::numbers(&[1, u64::MAX]), "ms"), "cannot be one: 18446744073709551615"),
        (file(t(), Array::numbers(&[1.0, 2.5]), "ms"), "row 1 is 2.5, not a whole number"),
        (file(t(), ids(), "hours"), "`hours`"),
        (file(Array::texts(&["a", "b"]), ids(), "ms"), "does not hold numbers"),
        (file(t(), Array::numbers(&[1_u64; 4]).shape(&[2, 2]), "ms"), "2 columns"),
    ] {
        assert!(error.contains(message), "{error}");
    }
    let (_folder, path) = h5(|file, spikes| {
        let group = file.group(spikes, "a")?;
        file.write(group, "timestamp", &t()).map(drop)
    });
    let error = open(&path, &options(0, None)).unwrap_err().to_string();
    assert!(error.contains("`timestamps`") && error.contains("did you mean `timestamp`"), "{error}");
    assert!(of("x.h5", "no").is_err() && of("x.h5", "").is_err());
}

#[test]
fn tables_of_the_allen_institute() {
    for text in [
        "timestamps population node_ids\n2.5 v1 7\n0.5 v1 8\n",
        "population,timestamps,node_ids\r\nv1,2.5,7\r\n\"v1\",0.5,8",
        "2.5 v1 7\n0.5 v1 8.0\n",
        "# c\nnode_ids,\"time (s)\",population\n7,0.0025,v1\n8,0.0005,v1\n",
    ] {
        assert_eq!(of("x.csv", text).unwrap(), [(0.5, 8), (2.5, 7)], "{text}");
    }
    assert_eq!(of("x.csv", "2.5 7\n0.5 8\n").unwrap(), [(0.5, 8), (2.5, 7)]);
    assert_eq!(of("x.csv", "2.5, 7\n0.5,8\n").unwrap(), [(0.5, 8), (2.5, 7)]);
    assert_eq!(of("x.csv", "t (ms),id\n2.5,7\n").unwrap(), [(2.5, 7)]);
    assert_eq!(of("x.csv", "timestamps population node_ids\n").unwrap(), []);
    let both = of("x.csv", "timestamps population node_ids\n1 b 3\n2 a 3\n").unwrap();
    assert_eq!(both, [(1.0, merged::pack(0, 3)), (2.0, merged::pack(1, 3))]);
    for (line, message) in [
        ("1 a", "a column is missing"),
        ("x a 3", "`x` is not a time"),
        ("1 a -3", "the id -3 is negative"),
        ("1 a 1099511627776", "cannot be one"),
    ] {
        let error = of("x.csv", format!("timestamps population node_ids\n{line}\n")).unwrap_err();
        assert!(error.message().contains(message), "{error}");
        assert_eq!(error.place().unwrap().line, Some((2, 0)));
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let save =
        |spikes: &Spikes, name: &str, first: i64| super::save(spikes, &at(name), &options(first, None));
    let one = Spikes::new("", vec![1.0], vec![1 << 33]);
    let error = save(&one, "x.txt", 0).unwrap_err().to_string();
    assert!(error.contains("`.txt`") && error.contains(".gdf"), "{error}");
    assert!(save(&one, "x", 0).is_err());
    assert!(save(&one, "x.spikes", 0).unwrap_err().message().contains("8589934592"));
    assert!(
        save(&Spikes::new("", vec![1e300], vec![1]), "x.spikes", 0).unwrap_err().message().contains("time")
    );
    assert!(
        save(&Spikes::new("", vec![1.0], vec![0]), "x.h5", 1).unwrap_err().message().contains("the id 0")
    );
    let part = |name: &str| (name.to_owned(), vec![1.0], vec![1]);
    let both = Spikes::of_populations("", vec![part("a"), part("b")]);
    for name in ["x.dat", "x.gdf", "x.spikes"] {
        assert!(save(&both, name, 0).unwrap_err().message().contains("a, b"));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // A name for spikes without one.
    super::save(&Spikes::new("", vec![1.0], vec![4]), &at("x.h5"), &options(1, Some("cells"))).unwrap();
    let read = open(&at("x.h5"), &options(0, None)).unwrap();
    assert_eq!((read.population_names(), read.ids()), (vec!["cells"], &[3][..]));
}

fn some_spikes() -> impl Strategy<Value = Pairs> {
    let time = prop_oneof![
        (0..400_000_i64).prop_map(|steps| steps as f64 * 0.025),
        (-1e6..1e6f64),
        any::<f64>().prop_filter("finite", |t| t.is_finite()),
    ];
    prop::collection::vec((time, prop_oneof![0..20_i64, 0..1_i64 << 40]), 0..60)
}

proptest! {
    #[test]
    fn what_is_written_is_read(spikes in some_spikes(), parts in 1..4_usize) {
        let folder = tempfile::tempdir().unwrap();
        let (times, ids): (Vec<f64>, Vec<i64>) = spikes.iter().copied().unzip();
        let all = Spikes::new("x", times, ids);
        for name in ["x.dat", "x.gdf"] {
            let path = folder.path().join(name);
            save(&all, &path, &SpikeOptions::default()).unwrap();
            prop_assert_eq!(pairs(&open(&path, &SpikeOptions::default()).unwrap()), pairs(&all), "{}", name);
        }
        let path = folder.path().join("x.spikes");
        let (times, ids) = spikes.iter().map(|s| (f64::from((s.0 % 1e9) as f32), s.1 & 0xffff_ffff)).unzip();
        let narrow = Spikes::new("x", times, ids);
        save(&narrow, &path, &SpikeOptions::default()).unwrap();
        prop_assert_eq!(pairs(&open(&path, &SpikeOptions::default()).unwrap()), pairs(&narrow));
        let of = |part: usize| spikes.iter().skip(part).step_by(parts).copied().unzip();
        let named = (0..parts).map(|part| {
            let (times, ids) = of(part);
            (format!("p{part}"), times, ids)
        });
        let named = Spikes::of_populations("x", named.collect());
        let path = folder.path().join("x.h5");
        let options = SpikeOptions { first_id: 0, population: None };
        save(&named, &path, &options).unwrap();
        let read = open(&path, &options).unwrap();
        prop_assert_eq!(pairs(&read), pairs(&named));
        prop_assert_eq!(read.population_names(), named.population_names());
    }

    #[test]
    fn damage_is_an_error_or_read(which in 0..5_usize, cut: u16, flips in prop::collection::vec((any::<u16>(), any::<u8>()), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let part = |name: &str| (name.to_owned(), vec![1.0, 2.25, 3.5], vec![1, 2, 3]);
        let named = Spikes::of_populations("x", vec![part("a"), part("b")]);
        let plain = named.population("a").unwrap();
        let name = ["x.dat", "x.gdf", "x.spikes", "x.h5", "x.csv"][which];
        let path = folder.path().join(name);
        match which {
            3 => save(&named, &path, &SpikeOptions::default()).unwrap(),
            4 => std::fs::write(&path, "timestamps population node_ids\n1.5 a 3\n2.5 b 3\n").unwrap(),
            _ => save(&plain, &path, &SpikeOptions::default()).unwrap(),
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if cut % 3 == 0 {
            bytes.truncate(usize::from(cut) % (bytes.len() + 1));
        }
        for (at, flip) in flips {
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(usize::from(at) % length) {
                *byte ^= flip;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(spikes) = open(&path, &SpikeOptions::default()) {
            prop_assert!(spikes.times().is_sorted() && spikes.times().iter().all(|t| t.is_finite()));
        }
    }
}

/// The files of the field that hold spikes, by their names.
fn field() -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let of_spikes = name.contains("spike") || name.starts_with("out.") || extension(path) == "gdf";
        of_spikes || path.parent().is_some_and(|folder| folder.ends_with("synth/spikes"))
    };
    let not = |path: &PathBuf| {
        ["log", "nwb", "json", "py"].contains(&extension(path).as_str())
            || path.to_string_lossy().contains("BlueConfig")
    };
    files_of_the_field(&["oracle", "real"]).into_iter().filter(|p| named(p) && !not(p)).collect()
}

#[test]
fn the_files_of_the_field() {
    let files = field();
    if files.is_empty() {
        println!("skipped: the files of the field are not here");
    }
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = name.starts_with("bad_")
            || ["half_record.spikes", "swapped_columns.gdf", "spikes_bad.dat"].contains(&&*name);
        let opened = open(&path, &SpikeOptions::default());
        assert_eq!(opened.is_err(), wrong, "{}: {:?}", path.display(), opened.map(|spikes| spikes.len()));
    }
}

/// The cases of an oracle in some area, where it is there.
fn cases(oracle: &str, area: &str) -> Vec<Value> {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle")).join(oracle).join("cases.json");
    let Ok(text) = std::fs::read(path) else {
        println!("skipped: the oracle {oracle} is not here");
        return Vec::new();
    };
    let value: Value = serde_json::from_slice(&text).unwrap();
    let all = value.get("cases").unwrap_or(&value).as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|case| case["area"] == area).collect()
}

fn in_oracle(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/oracle")).join(path)
}

fn close(found: &Pairs, expected: &Value) -> bool {
    let expected = expected.as_array().unwrap();
    found.len() == expected.len()
        && found.iter().zip(expected).all(|((t, id), pair)| {
            (t - pair[0].as_f64().unwrap()).abs() <= 1e-6 * (1.0 + t.abs())
                && *id == pair[1].as_f64().unwrap() as i64
        })
}

#[test]
fn answers_of_brion() {
    for case in cases("brion", "spikes") {
        let (id, expected) = (&case["id"], &case["expected"]);
        let path = in_oracle("brion").join(case["data"].as_str().unwrap());
        let population = case["args"]["population"].as_str();
        let spikes = open(&path, &options(0, population));
        match case["op"].as_str().unwrap() {
            "spikes.all_equal" => {
                let files = [
                    "spikes.dat",
                    "binary.spikes",
                    "spikes-*.gdf",
                    "spikes_by_gid.h5",
                    "spikes_by_time.h5",
                    "spikes_unsorted.h5",
                ];
                let all = files.map(|file| open(&path.with_file_name(file), &options(0, None)).unwrap());
                for other in &all {
                    assert_eq!(other.len(), 500);
                    assert_eq!(other.ids(), all[0].ids());
                    assert!(other.times().iter().zip(all[0].times()).all(|(a, b)| (a - b).abs() < 1e-6));
                }
            }
            _ if expected["error"] == true => assert!(spikes.is_err(), "{id}"),
            "spikes.summary" => {
                let spikes = spikes.unwrap();
                let (found, n) = (pairs(&spikes), spikes.len());
                assert_eq!(expected["n"], n);
                assert!(
                    close(
                        &vec![found[0], found[n - 1]],
                        &serde_json::json!([expected["first"], expected["last"]])
                    ),
                    "{id}"
                );
                assert_eq!(spikes.ids().iter().sum::<i64>(), expected["sum_gid"].as_i64().unwrap());
                let sum: f64 = spikes.times().iter().sum();
                assert!((sum - expected["sum_t"].as_f64().unwrap()).abs() < 1e-4, "{id}");
            }
            "spikes.filter" => {
                let cells =
                    case["args"]["gids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
                assert!(close(&pairs(&spikes.unwrap().of(&cells)), expected), "{id}");
            }
            "spikes.windows" => {
                let spikes = spikes.unwrap();
                let found = [(0.0, 1.0), (1.0, 5.0), (5.0, 100.0)].map(|(a, b)| spikes.before(a, b).len());
                assert_eq!(expected, &serde_json::json!(found), "{id}");
            }
            "spikes.count" => assert_eq!(expected, spikes.unwrap().len(), "{id}"),
            "spikes.populations" => {
                assert_eq!(expected, &serde_json::json!(spikes.unwrap().population_names()));
            }
            // The oracle has the order of the file.
            "spikes.sonata" | "spikes.read" => {
                let mut sorted = expected.as_array().unwrap().clone();
                sorted.sort_by(|a, b| {
                    let key = |pair: &Value| (pair[0].as_f64().unwrap(), pair[1].as_i64().unwrap());
                    key(a).partial_cmp(&key(b)).unwrap()
                });
                assert!(close(&pairs(&spikes.unwrap()), &sorted.into()), "{id}");
            }
            other => panic!("{id}: {other}"),
        }
    }
}

#[test]
fn answers_of_bluepy_and_of_sonata() {
    let expected = |case: &Value| case["expected"].get("value").unwrap_or(&case["expected"]).clone();
    for case in cases("bluepy", "spikes") {
        let files = case["data_files"].as_array().unwrap();
        let Some(path) = files.first().map(|file| in_oracle("bluepy").join(file.as_str().unwrap())) else {
            continue;
        };
        let spikes = open(&path, &options(1, None));
        let value = expected(&case);
        match case["id"].as_str().unwrap() {
            "spikes-bad-line" => assert!(spikes.is_err()),
            "spikes-dat-range" | "spikes-sonata-range" => {
                assert!(close(&pairs(&spikes.unwrap().between(15.0, 20.0)), &value));
            }
            "spikes-sonata-range-inclusive" => {
                assert!(close(&pairs(&spikes.unwrap().between(13.0, 19.0)), &value));
            }
            "spikes-dat-reversed" | "spikes-sonata-reversed" => {
                assert!(spikes.unwrap().between(20.0, 10.0).is_empty());
            }
            "spikes-dat-gid" => assert_eq!(serde_json::json!(spikes.unwrap().trains().of(33)), value),
            "spikes-dat-all" | "spikes-empty" | "spikes-blank-lines" | "spikes-no-header" => {
                assert!(close(&pairs(&spikes.unwrap()), &value));
            }
            "spikes-mini-per-cell" => {
                let spikes = spikes.unwrap();
                let trains = spikes.trains();
                let counts =
                    (0..).zip(&trains.ids).map(|(at, id)| (id.to_string(), trains.at(at).len().into()));
                assert_eq!(Value::Object(counts.collect()), value);
            }
            "spikes-mini-sorted" => {
                let other =
                    open(&in_oracle("bluepy").join(files[1].as_str().unwrap()), &options(1, None)).unwrap();
                let spikes = spikes.unwrap();
                assert_eq!(spikes.ids(), other.ids());
                assert!(spikes.times().iter().zip(other.times()).all(|(a, b)| (a - b).abs() < 1e-6));
            }
            _ => {}
        }
    }
    for case in cases("sonata", "spikes").into_iter().chain(cases("sonata", "allen.spikes")) {
        let Some(file) =
            case["files"].as_array().unwrap().iter().filter_map(Value::as_str).find(|f| f.contains("spike"))
        else {
            continue;
        };
        let spikes = || open(&in_oracle("sonata/data").join(file), &options(0, None)).unwrap();
        let value = expected(&case);
        match case["id"].as_str().unwrap() {
            "spikes.001" => assert_eq!(serde_json::json!(spikes().population_names()), value),
            "spikes.011" => {
                assert_eq!(serde_json::json!(spikes().population("default").unwrap().trains().ids), value);
            }
            "spikes.027" => {
                let all = spikes().population("All").unwrap();
                assert_eq!(serde_json::json!([all.times()[0], all.times()[all.len() - 1]]), value);
            }
            "allen.spikes.001" => {
                assert_eq!(value[0], spikes().len());
                assert!(close(&pairs(&spikes())[..3].to_vec(), &value[1]));
            }
            "allen.spikes.003" => {
                assert_eq!(value[0], spikes().len());
                assert_eq!(value[1], *spikes().ids().iter().max().unwrap());
            }
            "allen.spikes.006" => assert_eq!(value[0], spikes().len()),
            _ => {}
        }
    }
}
