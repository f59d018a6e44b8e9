//! Reports of each format, written and read.

// One run of columns is a list of one range.
#![allow(clippy::single_range_in_vec_init)]

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::formats::write::hdf5::{Array, File as Writer, Group, Number, Spec};
use crate::model::{Clock, Frames, Recording, ReportRows, Source};

/// Cells with sections in no order, and values that tell where they are from: 100 · frame + column.
fn contents() -> Contents {
    Contents {
        cells: vec![(30, vec![0, 2, 2, 1]), (10, vec![0]), (20, vec![4, 4, 1])],
        clock: Clock { start: 5.0, dt: 0.25, frames: 8 },
        unit: "mV".to_owned(),
        variable: Some("v".to_owned()),
        population: "cells".to_owned(),
        first_id: 1,
    }
}

fn values(frames: usize, width: usize) -> Vec<f32> {
    (0..frames).flat_map(|frame| (0..width).map(move |column| (100 * frame + column) as f32)).collect()
}

fn written(path: &Path) {
    let contents = contents();
    let mut writer = ReportWriter::create(path, &contents).unwrap();
    let all = values(8, contents.width());
    writer.frames(&all[..8]).unwrap();
    writer.frames(&all[8..]).unwrap();
    writer.finish().unwrap();
}

fn options() -> ReportOptions {
    ReportOptions { first_id: 1, ..ReportOptions::default() }
}

/// What `written` wrote, as it is read.
fn check(report: &dyn Report) {
    let (facts, layout) = (report.facts(), report.layout());
    assert_eq!((facts.clock, facts.complete), (Clock { start: 5.0, dt: 0.25, frames: 8 }, None));
    assert_eq!((facts.unit.as_str(), facts.kind), ("mV", ReportKind::Compartment));
    assert_eq!(layout.ids, [10, 20, 30]);
    assert_eq!(layout.elements, [0, 2, 2, 1, 0, 4, 4, 1]);
    assert_eq!(layout.of_cell(20), Some(5..8));
    let mut out = vec![0.0; 3 * 4];
    let frames = Frames { first: 1, step: 3, count: 3 };
    report.read(frames, &[5..8, 4..5], &mut out).unwrap();
    assert_eq!(out, [105.0, 106.0, 107.0, 104.0, 405.0, 406.0, 407.0, 404.0, 705.0, 706.0, 707.0, 704.0]);
    let mut all = vec![0.0; 64];
    report.read_f64(facts.clock.all(), &[0..8], &mut all).unwrap();
    assert_eq!(all, values(8, 8).iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
}

#[test]
fn both_formats_come_back() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["report.bbp", "report.h5"] {
        let path = folder.path().join(name);
        written(&path);
        check(open(&path, &options()).unwrap().as_ref());
        let copied = folder.path().join(format!("copy_{name}"));
        save(&Recording::all(open(&path, &options()).unwrap()), 1, &copied).unwrap();
        assert_eq!(open(&copied, &options()).unwrap().layout().ids, [10, 20, 30]);
    }
    assert!(ReportWriter::create(&folder.path().join("x.txt"), &contents()).is_err());
    assert_eq!(populations(&folder.path().join("report.h5")).unwrap(), ["cells"]);
}

#[test]
fn the_other_byte_order_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.bbp");
    written(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let mut turn = |at: usize, size: usize| bytes[at..at + size].reverse();
    for at in [0, 72, 80, 88] {
        turn(at, 8);
    }
    for at in [8, 48, 52, 64, 128, 160] {
        turn(at, 4);
    }
    for record in (1024..1024 + 3 * 64).step_by(64) {
        turn(record, 4);
        turn(record + 8, 4);
        (16..40).step_by(8).for_each(|at| turn(record + at, 8));
    }
    (1024 + 3 * 64..1024 + 3 * 64 + 60 + 32 + 8 * 32).step_by(4).for_each(|at| turn(at, 4));
    std::fs::write(&path, bytes).unwrap();
    check(open(&path, &options()).unwrap().as_ref());
}

#[test]
fn a_file_that_is_cut_short_gives_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.bbp");
    written(&path);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 70]).unwrap();
    let report = open(&path, &options()).unwrap();
    assert_eq!((report.facts().clock.frames, report.facts().complete), (8, Some(5)));
    let mut out = vec![0.0; 8];
    let frame = |first| Frames { first, step: 1, count: 1 };
    report.read(frame(4), &[0..8], &mut out).unwrap();
    let error = report.read(frame(5), &[0..8], &mut out).unwrap_err().to_string();
    assert!(error.contains("announces 8 frames") && error.contains("data for 5"), "{error}");
}

/// A report in HDF5 of two cells, in a group.
fn mapping(file: &mut Writer, group: Group, names: [&str; 3], pointers: &[u64]) {
    let mapping = file.group(group, "mapping").unwrap();
    file.write(mapping, names[0], &Array::numbers(&[9u64, 4])).unwrap();
    file.write(mapping, names[1], &Array::numbers(pointers)).unwrap();
    file.write(mapping, names[2], &Array::numbers(&[0u32, 1, 0])).unwrap();
    file.write(mapping, "time", &Array::numbers(&[0f64, 1.0, 0.5])).unwrap();
    let data = Array::numbers(&[1f64, 2.0, 3.0, 4.0, 5.0, 6.5]).shape(&[2, 3]);
    file.write(group, "data", &data).unwrap();
}

#[test]
fn the_layouts_before_sonata_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flat.h5");
    let layouts = [
        (["gids", "index_pointer", "element_id"], &[0u64, 2][..], None, 4),
        (["node_ids", "index_pointer", "element_id"], &[0, 2, 3][..], Some("cortex"), 5),
    ];
    for (names, pointers, population, first) in layouts {
        let mut file = Writer::create(&path).unwrap();
        let root = file.root();
        let group = population.map_or(root, |name| file.group(root, name).unwrap());
        mapping(&mut file, group, names, pointers);
        file.finish().unwrap();
        let report = open(&path, &options()).unwrap();
        assert_eq!(report.facts().population.as_deref(), population);
        assert_eq!(report.layout().ids, [first, first + 5]);
        let mut out = vec![0.0; 2];
        report
            .read_f64(
                Frames { first: 1, step: 1, count: 1 },
                &[report.layout().of_cell(first).unwrap(), 1..2],
                &mut out,
            )
            .unwrap();
        assert_eq!(out, [6.5, 5.0]);
    }
}

#[test]
fn wrong_mappings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.h5");
    let names = ["node_ids", "index_pointers", "element_ids"];
    for (pointers, says) in
        [(&[0u64, 2, 4][..], "the last pointer"), (&[0, 4, 3], "ascend"), (&[0], "1 pointers")]
    {
        let mut file = Writer::create(&path).unwrap();
        let root = file.root();
        mapping(&mut file, root, names, pointers);
        file.finish().unwrap();
        let error = open(&path, &options()).err().unwrap().to_string();
        assert!(error.contains(says) && error.contains("index_pointers"), "{error}");
    }
}

#[test]
fn a_matrix_for_each_cell_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soma.h5");
    legacy(&path);
    let report = open(&path, &ReportOptions::default()).unwrap();
    assert_eq!(
        (report.layout().ids.as_slice(), report.layout().elements.as_slice()),
        (&[3, 20][..], &[0, 1, 0, 1][..])
    );
    let mut out = vec![0.0; 6];
    report.read(report.facts().clock.all(), &[1..3, 3..4], &mut out).unwrap();
    assert_eq!(out, [3.5, 20.0, 20.5, 4.5, 21.0, 21.5]);
}

/// What a report in HDF5 of two cells and three values is made of; tests change a part of it.
struct Parts {
    group: &'static str,
    ids: Vec<u64>,
    pointers: Vec<u64>,
    time: Vec<f64>,
    shape: Vec<u64>,
    mark: Option<u32>,
}

impl Parts {
    fn good() -> Self {
        Parts {
            group: "cells",
            ids: vec![9, 4],
            pointers: vec![0, 2, 3],
            time: vec![0.0, 1.0, 0.5],
            shape: vec![2, 3],
            mark: Some(0x0A7A),
        }
    }

    fn write(&self, path: &Path) {
        let mut file = Writer::create(path).unwrap();
        let root = file.root();
        if let Some(mark) = self.mark {
            file.attribute(root, "magic", &Array::numbers(&[mark])).unwrap();
        }
        let reports = file.group(root, "report").unwrap();
        file.group(reports, "nobody").unwrap();
        if !self.group.is_empty() {
            let group = file.group(reports, self.group).unwrap();
            let mapping = file.group(group, "mapping").unwrap();
            file.write(mapping, "node_ids", &Array::numbers(&self.ids)).unwrap();
            file.write(mapping, "index_pointers", &Array::numbers(&self.pointers)).unwrap();
            file.write(mapping, "element_ids", &Array::numbers(&[0u32, 1, 0])).unwrap();
            file.write(mapping, "time", &Array::numbers(&self.time)).unwrap();
            if !self.shape.is_empty() {
                let data = Array::numbers(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).shape(&self.shape);
                file.write(group, "data", &data).unwrap();
            }
        }
        file.finish().unwrap();
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parts.h5");
    Parts::good().write(&path);
    let report = open(&path, &ReportOptions::default()).unwrap();
    assert_eq!(
        (report.layout().ids.as_slice(), report.facts().population.as_deref()),
        (&[4, 9][..], Some("cells"))
    );
    let cases = [
        (Parts { mark: Some(1), ..Parts::good() }, "magic"),
        (Parts { ids: vec![9, 9], ..Parts::good() }, "twice"),
        (Parts { ids: vec![9, u64::MAX], ..Parts::good() }, "-1 is no id"),
        (Parts { ids: vec![9, 1 << 50], ..Parts::good() }, "is no id"),
        (Parts { time: vec![0.0, 1.0], ..Parts::good() }, "2 numbers"),
        (Parts { time: vec![0.0, 1.0, 0.0], ..Parts::good() }, "not above 0"),
        (Parts { time: vec![0.0, 1e300, 0.1], ..Parts::good() }, "frames"),
        (Parts { time: vec![0.0, f64::NAN, 0.1], ..Parts::good() }, "cannot last"),
        (Parts { shape: vec![6], ..Parts::good() }, "no matrix"),
        (Parts { shape: vec![1, 2, 3], ..Parts::good() }, "data"),
        (Parts { shape: vec![3, 2], ..Parts::good() }, "3 elements for 2 columns"),
        (Parts { shape: vec![], ..Parts::good() }, "there is no dataset `data`"),
    ];
    for (parts, says) in cases {
        parts.write(&path);
        let opened = open(&path, &ReportOptions::default());
        let Err(error) = opened else { panic!("{says}: it is not refused") };
        assert!(error.to_string().contains(says) && error.place().is_some(), "{says}: {error}");
    }
    let other = ReportOptions { population: Some("cels".into()), ..ReportOptions::default() };
    Parts::good().write(&path);
    assert!(open(&path, &other).err().unwrap().to_string().contains("did you mean `cells`"));
    let first = ReportOptions { first_id: i64::MAX, ..ReportOptions::default() };
    assert!(open(&path, &first).is_err());
}

#[test]
fn a_report_of_nobody_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nobody.h5");
    Parts { group: "", ..Parts::good() }.write(&path);
    let report = open(&path, &ReportOptions::default()).unwrap();
    assert_eq!((report.layout().ids.len(), report.facts().clock.frames), (0, 0));
    assert!(report.read(report.facts().clock.all(), &[], &mut []).is_ok());
}

#[test]
fn binary_reports_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.bbp");
    written(&path);
    let good = std::fs::read(&path).unwrap();
    let refused = |at: usize, with: &[u8], says: &str| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        std::fs::write(&path, bytes).unwrap();
        let error = open(&path, &options()).err().unwrap();
        assert!(error.to_string().contains(says) && error.place().is_some(), "{says}: {error}");
    };
    refused(0, &1.5f64.to_le_bytes(), "begins with the number 1.001");
    refused(48, &(-1i32).to_le_bytes(), "-1 cells");
    refused(48, &1000i32.to_le_bytes(), "1000 cells");
    refused(52, &9i32.to_le_bytes(), "8 values");
    refused(88, &0f64.to_le_bytes(), "not above 0");
    // The third cell has the data of the second, and of one before.
    let second = good[1024 + 64 + 16..1024 + 64 + 24].to_vec();
    refused(1024 + 128 + 16, &second, "overlap");
    refused(1024 + 128 + 16, &4u64.to_le_bytes(), "cell 20: its data at byte 4");
    refused(1024 + 128 + 32, &(1u64 << 40).to_le_bytes(), "cut short");
    std::fs::write(&path, b"").unwrap();
    assert!(open(&path, &options()).err().unwrap().to_string().contains("empty"));
    // The mapping is there, and not one frame.
    std::fs::write(&path, &good[..good.len() - 8 * 8 * 4 + 5]).unwrap();
    let report = open(&path, &options()).unwrap();
    assert_eq!((report.layout().ids.len(), report.facts().complete), (3, Some(0)));
}

#[test]
fn electrodes_stand_for_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ecp.h5");
    extracellular(&path);
    let report = open(&path, &options()).unwrap();
    assert_eq!((report.layout().ids.as_slice(), report.facts().kind), (&[3, 7][..], ReportKind::Electrode));
    assert_eq!(crate::formats::sniff::sniff(&path).unwrap(), crate::formats::sniff::Kind::Report);
}

fn extracellular(path: &Path) {
    let mut file = Writer::create(path).unwrap();
    let root = file.root();
    let group = file.group(root, "ecp").unwrap();
    file.write(group, "channel_id", &Array::numbers(&[7i64, 3])).unwrap();
    file.write(group, "time", &Array::numbers(&[0f64, 0.3, 0.1])).unwrap();
    file.write(group, "data", &Array::numbers(&[1i16, 2, 3, 4, 5, 6]).shape(&[3, 2])).unwrap();
    file.finish().unwrap();
}

fn legacy(path: &Path) {
    let mut file = Writer::create(path).unwrap();
    let root = file.root();
    for (name, base) in [("a20", 20f32), ("a3", 3.0)] {
        let cell = file.group(root, name).unwrap();
        let report = file.group(cell, "soma").unwrap();
        let data = Array::numbers(&[base, base + 0.5, base + 1.0, base + 1.5]).shape(&[2, 2]);
        let data = file.write(report, "data", &data).unwrap();
        for (name, value) in [("tstart", 0.0), ("tstop", 0.2), ("Dt", 0.1)] {
            file.attribute(data, name, &Array::number(value)).unwrap();
        }
        file.write(report, "mapping", &Array::numbers(&[0f32, 1.0]).shape(&[1, 2])).unwrap();
    }
    file.finish().unwrap();
}

/// A layout from before SONATA, with compressed data.
fn packed(path: &Path) {
    let mut file = Writer::create(path).unwrap();
    let root = file.root();
    let group = file.group(root, "mapping").unwrap();
    file.write(group, "gids", &Array::numbers(&[9u32, 4])).unwrap();
    file.write(group, "index_pointer", &Array::numbers(&[0u64, 2])).unwrap();
    file.write(group, "element_id", &Array::numbers(&[0u32, 1, 0])).unwrap();
    file.write(group, "time", &Array::numbers(&[0f64, 5.0, 0.5])).unwrap();
    let spec = Spec::growing(f64::TYPE, &[3]).chunk_rows(4).deflate(4);
    let data = file.dataset(root, "data", &spec).unwrap();
    let values: Vec<f64> = (0..30).map(f64::from).collect();
    file.append(data, &Array::numbers(&values)).unwrap();
    file.finish().unwrap();
}

/// A file of each format: the name, and who writes it.
type Sample = (&'static str, fn(&Path));
const SAMPLES: [Sample; 6] = [
    ("report.bbp", written),
    ("report.h5", written),
    ("parts.h5", |path| Parts::good().write(path)),
    ("ecp.h5", extracellular),
    ("soma.h5", legacy),
    ("packed.h5", packed),
];

/// Some frames of all cells.
fn some_values(report: &Arc<dyn Report>, frames: Frames) -> Result<Vec<f64>> {
    let columns: Vec<_> = report.layout().columns.clone();
    let width: usize = columns.iter().map(Range::len).sum();
    let mut out = vec![0.0; frames.count * width];
    report.read_f64(frames, &columns, &mut out)?;
    Ok(out)
}

#[test]
fn each_layout_gives_any_columns_of_any_frames() {
    let folder = tempfile::tempdir().unwrap();
    for (name, write) in SAMPLES {
        let path = folder.path().join(name);
        write(&path);
        let report = open(&path, &options()).unwrap();
        let (all, width) = (report.facts().clock.all(), report.layout().elements.len());
        let mut whole = vec![0.0; all.count * width];
        let whole_row = 0..width;
        report.read_f64(all, std::slice::from_ref(&whole_row), &mut whole).unwrap();
        for column in 0..width {
            let frames = Frames { first: column % all.count, ..all.every(2) };
            let frames = Frames { count: (all.count - frames.first).div_ceil(2), ..frames };
            let mut out = vec![0.0; frames.count * 2];
            report.read(frames, &[column..column + 1, 0..0, width - 1..width], &mut out).unwrap();
            let told = |n: usize, of: usize| whole[frames.at(n) * width + of] as f32;
            let expected: Vec<f32> =
                (0..frames.count).flat_map(|n| [told(n, column), told(n, width - 1)]).collect();
            assert_eq!(out, expected, "{name}, column {column}");
        }
        let beyond = Frames { first: all.count, step: 1, count: 1 };
        assert!(some_values(&report, beyond).is_err(), "{name}");
    }
}

/// Whatever a damaged file holds, it is read or refused.
fn survives(path: &Path, name: &str, at: usize, with: u8, length: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let place = at % bytes.len();
    bytes[place] = with;
    bytes.truncate(1 + length % bytes.len());
    let damaged = path.with_file_name(name);
    std::fs::write(&damaged, bytes).unwrap();
    if let Ok(report) = open(&damaged, &options()) {
        let all = report.facts().clock.all();
        let _ = some_values(&report, Frames { count: all.count.min(16), ..all });
        let rows = ReportRows::new(Recording::all(report), None);
        let _ = rows.morsels().iter().try_for_each(|morsel| rows.open(morsel)?.column(2).map(|_| ()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn damage_is_read_or_refused(at in 0usize..8192, with: u8, length in 0usize..8192, whole: bool) {
        let folder = tempfile::tempdir().unwrap();
        for (name, write) in SAMPLES {
            let path = folder.path().join(name);
            write(&path);
            let length = if whole { usize::MAX - 1 } else { length };
            survives(&path, &format!("damaged_{name}"), at, with, length);
        }
    }

    #[test]
    fn what_is_written_is_read(
        cells in proptest::collection::btree_map(1i64..1000, proptest::collection::vec(0i64..100, 0..5), 0..12),
        order in any::<u64>(),
        frames in 0usize..9,
        start in -5i32..100,
        dt in 1i32..50,
    ) {
        let mut cells: Vec<(i64, Vec<i64>)> = cells.into_iter().collect();
        cells.sort_by_key(|(id, _)| (*id as u64).wrapping_mul(order | 1));
        let clock = Clock { start: f64::from(start), dt: f64::from(dt) / 40.0, frames };
        let contents = Contents { cells, clock, ..contents() };
        let width = contents.width();
        let folder = tempfile::tempdir().unwrap();
        for name in ["report.bbp", "report.h5"] {
            let path = folder.path().join(name);
            let mut writer = ReportWriter::create(&path, &contents).unwrap();
            writer.frames(&values(frames, width)).unwrap();
            writer.finish().unwrap();
            let report = open(&path, &options()).unwrap();
            let facts = report.facts();
            prop_assert_eq!(facts.clock.frames, frames);
            prop_assert!((facts.clock.time(1) - clock.time(1)).abs() < 1e-9 && facts.complete.is_none());
            let mut column = 0;
            for (id, elements) in &contents.cells {
                let columns = report.layout().of_cell(*id).unwrap();
                prop_assert_eq!(&columns, &(column..column + elements.len()));
                prop_assert_eq!(&report.layout().elements[columns], elements.as_slice());
                column += elements.len();
            }
            let expected: Vec<f64> = (0..frames)
                .flat_map(|frame| report.layout().columns.iter().cloned().flatten().map(move |c| (frame, c)))
                .map(|(frame, column)| (100 * frame + column) as f64)
                .collect();
            prop_assert_eq!(some_values(&report, facts.clock.all()).unwrap(), expected);
        }
    }
}

#[test]
fn the_field_s_reports_open() {
    let files = crate::formats::files_of_the_field(&["oracle", "real"]);
    if files.is_empty() {
        println!("skipped: the field's files are not here");
    }
    let mut opened = 0;
    for path in files {
        if crate::formats::sniff::sniff(&path).ok() != Some(crate::formats::sniff::Kind::Report) {
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        let damaged = ["bad", "invalid", "two_values"].iter().any(|part| name.contains(part));
        // Populations with different units.
        let apart = name.ends_with("compartment_named.h5");
        match open(&path, &ReportOptions::default()) {
            Ok(report) => {
                assert!(!damaged || name.contains("truncated"), "{name}");
                opened += 1;
                let all = report.facts().clock.all();
                let there = report.facts().complete;
                let first = some_values(&report, Frames { count: all.count.min(2), ..all });
                let last = Frames { first: all.count.saturating_sub(1), count: all.count.min(1), ..all };
                assert!(first.is_ok() || there.is_some_and(|n| n < 2), "{name}");
                assert_eq!(some_values(&report, last).is_err(), there.is_some(), "{name}");
            }
            Err(error) => assert!((damaged || apart) && error.place().is_some(), "{name}: {error}"),
        }
    }
    println!("{opened} reports");
}
