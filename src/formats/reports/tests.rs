//! Reports of each format, written and read.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::formats::write::hdf5::{Array, File as Writer, Group};
use crate::model::{Clock, Frames, Recording};

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
    let mut file = Writer::create(&path).unwrap();
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
    let report = open(&path, &ReportOptions::default()).unwrap();
    assert_eq!(
        (report.layout().ids.as_slice(), report.layout().elements.as_slice()),
        (&[3, 20][..], &[0, 1, 0, 1][..])
    );
    let mut out = vec![0.0; 6];
    report.read(report.facts().clock.all(), &[1..3, 3..4], &mut out).unwrap();
    assert_eq!(out, [3.5, 20.0, 20.5, 4.5, 21.0, 21.5]);
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
        let recording = Recording::all(report);
        let first = Frames { count: recording.frames.count.min(16), ..recording.frames };
        let columns: Vec<_> = recording.columns().into_iter().map(|(_, columns)| columns).collect();
        let mut out = vec![0.0; first.count * recording.width()];
        let _ = recording.report.read(first, &columns, &mut out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damage_is_read_or_refused(at in 0usize..4096, with: u8, length in 0usize..8192, whole: bool) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["report.bbp", "report.h5"] {
            let path = folder.path().join(name);
            written(&path);
            let length = if whole { usize::MAX - 1 } else { length };
            survives(&path, &format!("damaged_{name}"), at, with, length);
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
        match open(&path, &ReportOptions::default()) {
            Ok(report) => {
                opened += 1;
                let recording = Recording::all(report);
                let first = Frames { count: recording.frames.count.min(2), ..recording.frames };
                let columns: Vec<_> = recording.columns().into_iter().map(|(_, columns)| columns).collect();
                let mut out = vec![0.0; first.count * recording.width()];
                if let Err(error) = recording.report.read(first, &columns, &mut out) {
                    println!("{}: {error}", path.display());
                }
            }
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    println!("{opened} reports");
}
