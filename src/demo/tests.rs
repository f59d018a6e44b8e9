//! A small circuit is written and read back: its files say the same thing in different ways.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hdf5_reader::Hdf5File;
use tempfile::TempDir;

use super::recipe::MTYPES;
use super::*;

const SMALL: Options = Options {
    cells: 60,
    synapses_per_cell: 40,
    seed: 3,
    format: Format::Bbp,
    simulate: false,
    overwrite: false,
};

fn written(options: &Options) -> (TempDir, PathBuf, Summary) {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("demo");
    let summary = write(&folder, options).expect("write");
    (parent, folder, summary)
}

/// Every file below a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_owned();
                all.insert(name, std::fs::read(path).expect("read"));
            }
        }
    }
    all
}

type Table = Vec<Vec<f32>>;

/// The tables of a file whose names end alike, by gid.
fn tables(path: &Path, end: &str) -> BTreeMap<u32, Table> {
    let file = Hdf5File::open(path).expect("open");
    let root = file.root_group().expect("the root");
    let (_, names) = root.member_names().expect("names");
    let gid = |name: &str| name.strip_prefix('a')?.strip_suffix(end)?.parse().ok();
    let named = names.iter().filter_map(|name| Some((gid(name)?, name)));
    named
        .map(|(gid, name)| {
            let dataset = root.dataset(name).expect(name);
            let width = dataset.shape()[1] as usize;
            let values: Vec<f32> = match dataset.read_array::<f32>() {
                Ok(values) => values.iter().copied().collect(),
                Err(_) => dataset.read_array::<i32>().expect(name).iter().map(|&v| v as f32).collect(),
            };
            (gid, values.chunks(width).map(<[f32]>::to_vec).collect())
        })
        .collect()
}

#[test]
fn the_same_options_give_the_same_bytes_on_any_number_of_threads() {
    let (_a, first, _) = written(&SMALL);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let (_b, second, _) = pool.install(|| written(&SMALL));
    let (_c, other, _) = written(&Options { seed: 4, ..SMALL });
    let (first, second, other) = (contents(&first), contents(&second), contents(&other));
    assert!(first == second);
    assert!(first.keys().eq(other.keys()));
    for name in ["circuit.mvd2", "circuit.mvd3", "ncsFunctionalAllRecipePathways/nrn.h5"] {
        assert!(first[Path::new(name)] != other[Path::new(name)], "{name}");
    }
}

#[test]
fn efferent_summary_and_positions_follow_from_the_synapses() {
    let (_keep, folder, summary) = written(&SMALL);
    let folder = folder.join(SYNAPSES);
    let afferent = tables(&folder.join("nrn.h5"), "");
    let efferent = tables(&folder.join("nrn_efferent.h5"), "");
    let indices = tables(&folder.join("nrn_efferent.h5"), "_afferentIndices");
    let positions = tables(&folder.join("nrn_positions.h5"), "");

    let mut turned: BTreeMap<u32, (Table, Table)> = BTreeMap::new();
    let mut pairs: BTreeMap<u32, BTreeMap<u32, (f32, f32)>> = BTreeMap::new();
    for (&post, rows) in &afferent {
        assert!(rows.is_sorted_by_key(|row| row[0] as u32), "rows are grouped by presynaptic cell");
        for (index, row) in rows.iter().enumerate() {
            let pre = row[0] as u32;
            assert!(pre != post && (1..=60).contains(&pre));
            let there = turned.entry(pre).or_default();
            there.0.push([&[post as f32], &row[1..]].concat());
            there.1.push(vec![index as f32]);
            pairs.entry(pre).or_default().entry(post).or_default().0 += 1.0;
            pairs.entry(post).or_default().entry(pre).or_default().1 += 1.0;
        }
        let peers = |table: &Table| table.iter().map(|row| row[0]).collect::<Vec<_>>();
        assert_eq!(peers(&positions[&post]), peers(rows));
    }
    assert!(turned.iter().map(|(pre, t)| (pre, &t.0)).eq(&efferent));
    assert!(turned.iter().map(|(pre, t)| (pre, &t.1)).eq(&indices));
    let told: BTreeMap<u32, Table> = pairs
        .iter()
        .map(|(&gid, peers)| (gid, peers.iter().map(|(&p, &(to, from))| vec![p as f32, to, from]).collect()))
        .collect();
    assert!(told == tables(&folder.join("nrn_summary.h5"), ""));
    assert_eq!(afferent.len(), positions.len());
    assert_eq!(summary.synapses, afferent.values().map(|t| t.len() as u64).sum::<u64>());
    let connections = pairs.values().flat_map(BTreeMap::values).filter(|p| p.0 > 0.0).count() as u64;
    assert_eq!(summary.connections, connections);
    for (name, version) in [("nrn.h5", 5), ("nrn_efferent.h5", 5)] {
        let file = Hdf5File::open(folder.join(name)).expect("open");
        let version_there = file.dataset("info").expect("info").attribute("version").expect("version");
        assert_eq!(version_there.read_1d::<i32>().expect("version"), [version]);
    }
}

/// The lines of a section of circuit.mvd2.
fn section<'a>(text: &'a str, from: &str, to: &str) -> Vec<Vec<&'a str>> {
    let lines = text.lines().skip_while(|line| *line != from).skip(1).take_while(|line| *line != to);
    lines.map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn cells_are_the_same_in_text_and_hdf5() {
    let (_keep, folder, _) = written(&SMALL);
    let text = std::fs::read_to_string(folder.join("circuit.mvd2")).expect("mvd2");
    let cells = section(&text, "Neurons Loaded", "MicroBox Data");
    assert_eq!((cells.len(), section(&text, "MorphTypes", "ElectroTypes").len()), (60, 55));
    let file = Hdf5File::open(folder.join("circuit.mvd3")).expect("mvd3");
    let floats = |name: &str| -> Vec<f64> {
        file.dataset(name).expect(name).read_array::<f64>().expect(name).iter().copied().collect()
    };
    let (positions, orientations) = (floats("cells/positions"), floats("cells/orientations"));
    let numbers = |name: &str| -> Vec<i64> {
        let dataset = file.dataset(&format!("cells/properties/{name}")).expect(name);
        match dataset.read_array::<i32>() {
            Ok(values) => values.iter().map(|&v| v.into()).collect(),
            Err(_) => dataset.read_array::<u32>().expect(name).iter().map(|&v| v.into()).collect(),
        }
    };
    let names = |name: &str| -> Vec<String> {
        let library = file.dataset(&format!("library/{name}")).expect(name).read_strings().expect(name);
        numbers(name).iter().map(|&i| library[i as usize].clone()).collect()
    };
    let column = |at: usize| cells.iter().map(move |c| c[at]);
    assert!(column(0).eq(names("morphology").iter().map(String::as_str)));
    assert!(column(11).eq(names("me_combo").iter().map(String::as_str)));
    let count = |at: usize| column(at).map(|v| v.parse::<i64>().expect("a number"));
    assert!(count(2).eq(numbers("hypercolumn")));
    assert!(count(3).eq(numbers("minicolumn")));
    assert!(count(4).map(|l| l + 1).eq(numbers("layer")));
    assert!(count(5).eq(numbers("mtype")));
    assert!(count(6).eq(numbers("etype")));
    let float = |v: &str| v.parse::<f64>().expect("a number");
    assert!(cells.iter().flat_map(|c| &c[7..10]).map(|v| float(v)).eq(positions));
    for (cell, q) in cells.iter().zip(orientations.chunks(4)) {
        let angle = 2.0 * q[1].atan2(q[3]);
        assert!((angle.to_degrees() - float(cell[10])).abs() < 1e-9 && q[0] == 0.0 && q[2] == 0.0);
    }
    // Each me-combo has a row of the same cell properties.
    let table = std::fs::read_to_string(folder.join("mecombo_emodel.tsv")).expect("tsv");
    let combos: BTreeMap<&str, Vec<&str>> =
        table.lines().skip(1).map(|l| l.split('\t').collect::<Vec<_>>()).map(|r| (r[5], r)).collect();
    for (row, cell) in cells.iter().enumerate() {
        let combo = &combos[cell[11]];
        let wanted =
            [cell[0], &numbers("layer")[row].to_string(), &names("mtype")[row], &names("etype")[row]];
        assert_eq!(combo[..4], wanted);
        assert!(float(combo[6]) > 0.0 && float(combo[7]) < 0.0);
    }
}

/// Members of the targets of a file, by name.
fn targets(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).expect("targets");
    let mut all = BTreeMap::new();
    for part in text.split("Target ").skip(1) {
        let (head, rest) = part.split_once('{').expect("a body");
        let members = rest.split_once('}').expect("an end").0.split_whitespace().map(str::to_owned).collect();
        let name = head.split_whitespace().nth(1).expect("a name").to_owned();
        assert!(all.insert(name, members).is_none(), "each name once");
    }
    all
}

/// The gids of a target, through all targets that it names.
fn resolve(all: &BTreeMap<String, Vec<String>>, name: &str) -> Vec<u32> {
    let member = |m: &String| match m.strip_prefix('a').and_then(|gid| gid.parse().ok()) {
        Some(gid) => vec![gid],
        None => resolve(all, m),
    };
    all[name].iter().flat_map(member).collect()
}

#[test]
fn targets_name_cells_by_their_properties() {
    let (_keep, folder, _) = written(&SMALL);
    let mut all = targets(&folder.join("start.target"));
    let user = targets(&folder.join("user.target"));
    let sources = user["proj_Thalamocortical_input_VPM_Source"].clone();
    all.extend(user);
    let everything: Vec<u32> = (1..=60).collect();
    let sorted = |names: &[&str]| {
        let mut gids: Vec<u32> = names.iter().flat_map(|name| resolve(&all, name)).collect();
        gids.sort_unstable();
        gids
    };
    for whole in [
        &["Mosaic"][..],
        &["All"],
        &["Column"],
        &["AllCompartments"],
        &["mc0_Column"],
        &["Excitatory", "Inhibitory"],
        &["Layer1", "Layer2", "Layer3", "Layer4", "Layer5", "Layer6"],
        &super::recipe::ETYPES,
    ] {
        assert_eq!(sorted(whole), everything, "{whole:?}");
    }
    assert_eq!(sorted(&["Excitatory"]).len(), 51);
    for name in all.keys() {
        resolve(&all, name);
    }
    // The fibres are no cells, and all input of the projection comes from them.
    let projection = tables(&folder.join(thalamus::NAME).join("proj_nrn.h5"), "");
    assert!(!projection.is_empty());
    for row in projection.values().flatten() {
        assert!(row[0] > 60.0 && sources.contains(&format!("a{}", row[0])));
        assert!(row[13] >= 100.0);
    }
}

#[test]
fn a_larger_circuit_is_like_the_real_one() {
    let options = Options { cells: 700, synapses_per_cell: 80, ..Options::default() };
    let (_keep, folder, summary) = written(&options);
    let per_cell = summary.synapses as f64 / 700.0;
    assert!((per_cell / 80.0 - 1.0).abs() < 0.06, "{per_cell}");
    let text = std::fs::read_to_string(folder.join("circuit.mvd2")).expect("mvd2");
    let cells = section(&text, "Neurons Loaded", "MicroBox Data");
    let mtype = |gid: f32| &MTYPES[cells[gid as usize - 1][5].parse::<usize>().expect("a number")];
    let height = |gid: f32| cells[gid as usize - 1][8].parse::<f64>().expect("a number");

    let afferent = tables(&folder.join(SYNAPSES).join("nrn.h5"), "");
    let positions = tables(&folder.join(SYNAPSES).join("nrn_positions.h5"), "");
    let mut contacts: BTreeMap<(bool, bool), Vec<f64>> = BTreeMap::new();
    let (mut near, mut far, mut tuft) = (0.0, 0.0, 0.0);
    for (&post, rows) in &afferent {
        for connection in rows.chunk_by(|a, b| a[0] == b[0]) {
            let (pre, post) = (connection[0][0], post as f32);
            let class = (mtype(pre).is_excitatory(), mtype(post).is_excitatory());
            contacts.entry(class).or_default().push(connection.len() as f64);
            if class == (true, true) && (height(pre) - height(post)).abs() < 100.0 {
                near += 1.0;
            } else if class == (true, true) && (height(pre) - height(post)).abs() > 700.0 {
                far += 1.0;
            }
        }
        for (row, position) in rows.iter().zip(&positions[&post]) {
            assert_eq!(row[13] >= 100.0, mtype(row[0]).is_excitatory(), "type and presynaptic cell agree");
            assert_eq!(row[14] as usize, cells[row[0] as usize - 1][5].parse::<usize>().expect("a number"));
            assert!(row.iter().all(|v| v.is_finite()) && row[1] > 0.5 && row[8..13].iter().all(|v| *v > 0.0));
            assert!(row[9] <= 1.0 && row[15] >= 1.0 && row[16] >= 1.0 && row[17] >= 1.0);
            let soma = row[2] == 0.0;
            assert_eq!((soma, soma), (row[18] == 0.0, row[4] == -1.0));
            assert!(row[5] >= 1.0, "axons have their synapses on the axon");
            let chandelier = mtype(row[0]).name.ends_with("ChC");
            assert_eq!(chandelier, row[18] == 1.0, "only chandelier cells go for the axon");
            tuft += f64::from(row[18] == 3.0 && position[11] > 1800.0);
            let surface = (4..7).map(|i| (position[i] - position[i + 6]).powi(2)).sum::<f32>().sqrt();
            assert!(surface > 0.1 && surface < 10.0, "the surface is a radius away from the center");
        }
    }
    let mean = |class| contacts[&class].iter().sum::<f64>() / contacts[&class].len() as f64;
    assert!((3.0..6.0).contains(&mean((true, true))), "{}", mean((true, true)));
    assert!((9.0..20.0).contains(&mean((false, true))), "{}", mean((false, true)));
    assert!((5.0..10.0).contains(&mean((true, false))), "{}", mean((true, false)));
    let count = |class| contacts[&class].len() as f64;
    let ratio = count((true, true)) / count((false, true));
    assert!((6.0..14.0).contains(&ratio), "10 excitatory connections for each inhibitory one: {ratio}");
    // Connections fall with distance, yet some reach other layers.
    assert!(near > 2.0 * far && far > 50.0, "{near} {far}");
    assert!(tuft > 500.0, "{tuft}");
}

#[test]
fn thalamic_synapses_lie_in_layer_4_and_at_the_border_of_5_and_6() {
    let options = Options { cells: 700, synapses_per_cell: 80, ..Options::default() };
    let (_keep, folder, summary) = written(&options);
    let projection = tables(&folder.join(thalamus::NAME).join("proj_nrn.h5"), "");
    let rows: Vec<&Vec<f32>> = projection.values().flatten().collect();
    assert_eq!(rows.len() as u64, summary.projection_synapses);
    let per_cell = rows.len() as f64 / 700.0;
    assert!((6.0..10.0).contains(&per_cell), "{per_cell}");
    // The length of the fibre below a synapse is its height.
    let within =
        |low, high| rows.iter().filter(|r| (low..high).contains(&r[7])).count() as f64 / rows.len() as f64;
    assert!(within(1100.0, 1560.0) > 0.5 && within(560.0, 860.0) > 0.15);
    assert!(within(1700.0, 2100.0) < 0.05 && within(0.0, 400.0) < 0.05);
}

#[test]
fn earlier_demonstrations_are_replaced_and_other_things_are_not() {
    let (_keep, folder, _) = written(&SMALL);
    std::fs::write(folder.join("mine.rhai"), "1").expect("write");
    write(&folder, &Options { seed: 9, ..SMALL }).expect("write again");
    let (_other, wanted, _) = written(&Options { seed: 9, ..SMALL });
    let mut wanted = contents(&wanted);
    wanted.insert("mine.rhai".into(), b"1".to_vec());
    assert!(contents(&folder) == wanted);

    std::fs::write(folder.join("README.txt"), "my own").expect("write");
    let error = write(&folder, &SMALL).expect_err("refused");
    assert!(error.message().ends_with("the folder is not empty"), "{error}");
    assert_eq!(error.helps(), ["give another folder, or ask to overwrite"]);
    write(&folder, &Options { overwrite: true, ..SMALL }).expect("overwrite");
    assert!(is_demo(&folder, Format::Bbp) && folder.join("mine.rhai").exists());
}

#[test]
fn odd_sizes_are_written_or_refused() {
    for (cells, synapses_per_cell) in [(1, 10), (2, 0), (3, 100_000), (7, 1)] {
        let (_keep, folder, summary) = written(&Options { cells, synapses_per_cell, ..SMALL });
        assert_eq!(summary.cells, u64::from(cells));
        assert!(tables(&folder.join(SYNAPSES).join("nrn.h5"), "").len() <= cells as usize);
    }
    let folder = Path::new("/nowhere/at/all");
    for bad in [Options { cells: 0, ..SMALL }, Options { cells: u32::MAX, ..SMALL }] {
        assert!(write(folder, &bad).expect_err("refused").message().contains("cells"));
    }
    let bad = Options { synapses_per_cell: u32::MAX, ..SMALL };
    assert!(write(folder, &bad).expect_err("refused").message().contains("synapses per cell"));
}
