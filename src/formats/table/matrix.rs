//! Sparse matrices for other tools: MatrixMarket (`.mtx`), scipy's `.npz`, or a table of edges.
//!
//! In each, rows are the presynaptic cells and columns the postsynaptic ones:
//!
//! * `.mtx` counts rows and columns from 1. Its comments say which cells they are: a range of ids where they are
//!   consecutive, else the files `NAME.rows.txt` and `NAME.columns.txt` beside it, one id a line. Read it with
//!   `scipy.io.mmread`, and the ids with `numpy.loadtxt`.
//! * `.npz` is read with `scipy.sparse.load_npz` (format csr). The same file holds the ids: `numpy.load(f)["rows"]`.
//! * Every type of table: one row a stored value, with the columns `pre`, `post` and the value.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array};

use super::{FileType, extension, named, save, unknown_type};
use crate::diag::{Error, Result};
use crate::formats::write::AtomicFile;
use crate::model::{Column, Frame, SparseMatrix};

/// Text that is collected before it is written.
const TEXT_AT_ONCE: usize = 1 << 20;

/// Whole numbers up to this are exact in a float.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Writes a matrix in the type that the extension names.
///
/// # Errors
/// When the extension names no type, when the matrix is not in order, when the disk refuses.
pub fn save_matrix(path: &Path, matrix: &SparseMatrix) -> Result<()> {
    check(matrix)?;
    match extension(path).as_str() {
        ".mtx" => save_market(path, matrix),
        ".npz" => save_npz(path, matrix),
        other if FileType::EXTENSIONS.iter().any(|(known, _)| *known == other) => {
            let table = edges(matrix)?;
            let schema = table.schema().clone();
            let mut table = Some(table);
            save(path, &schema, &mut || Ok(table.take())).map(|_| ())
        }
        _ => {
            let tables = FileType::EXTENSIONS.iter().map(|(known, _)| *known);
            Err(unknown_type(path, [".mtx", ".npz"].into_iter().chain(tables)))
        }
    }
}

/// The stored values as a table: `pre`, `post` and the value.
///
/// # Errors
/// When the matrix is not in order.
pub fn edges(matrix: &SparseMatrix) -> Result<Frame> {
    check(matrix)?;
    let (pre, post) = (matrix.entries.iter().map(|e| e.0), matrix.entries.iter().map(|e| e.1));
    let values = matrix.entries.iter().map(|e| e.2);
    let values: ArrayRef = if whole(matrix) {
        Arc::new(values.map(|v| v as i64).collect::<Int64Array>())
    } else {
        Arc::new(values.collect::<Float64Array>())
    };
    let column = |title: &str, values: ArrayRef| Column { spec: named(title, values.data_type()), values };
    Frame::new(vec![
        column("pre", labels(&matrix.rows, pre)),
        column("post", labels(&matrix.columns, post)),
        column(&matrix.value, values),
    ])
}

/// The labels at some places, as numbers if all labels are ids.
fn labels(all: &[String], places: impl Iterator<Item = u32>) -> ArrayRef {
    if let Some(ids) = ids(all) {
        return Arc::new(places.filter_map(|i| ids.get(i as usize)).copied().collect::<Int64Array>());
    }
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    words.extend(places.map(|i| all.get(i as usize)));
    Arc::new(words.finish())
}

/// The labels as cell ids, if that is what they are.
fn ids(labels: &[String]) -> Option<Vec<i64>> {
    labels.iter().map(|label| label.parse().ok()).collect()
}

/// Whether all values are whole numbers.
fn whole(matrix: &SparseMatrix) -> bool {
    matrix.entries.iter().all(|e| e.2.fract() == 0.0 && e.2.abs() <= LARGEST_WHOLE)
}

/// A matrix that is not as [`SparseMatrix`] promises would be written as another one.
fn check(matrix: &SparseMatrix) -> Result<()> {
    let inside =
        |e: &&(u32, u32, f64)| (e.0 as usize) < matrix.rows.len() && (e.1 as usize) < matrix.columns.len();
    let ordered = matrix.entries.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1));
    if ordered && matrix.entries.iter().all(|e| inside(&e)) {
        return Ok(());
    }
    Err(Error::argument("the entries of the matrix are not in order, or lie outside it"))
}

fn save_market(path: &Path, matrix: &SparseMatrix) -> Result<()> {
    let refused = |cause: std::io::Error| Error::io("write", path, &cause);
    let whole = whole(matrix);
    let mut text = format!(
        "%%MatrixMarket matrix coordinate {} general\n% value: {}\n",
        if whole { "integer" } else { "real" },
        one_line(&matrix.value)
    );
    let mut beside = Vec::new();
    for (what, cells, labels) in
        [("rows", "presynaptic", &matrix.rows), ("columns", "postsynaptic", &matrix.columns)]
    {
        // Writing into a String cannot fail.
        let _ = if let Some((first, last)) = consecutive(labels) {
            writeln!(text, "% {what}: {cells} cells, ids {first} to {last} in order")
        } else {
            let list = path.with_extension(format!("{what}.txt"));
            let name = list.file_name().unwrap_or_default().to_string_lossy().into_owned();
            beside.push(label_file(&list, labels)?);
            writeln!(text, "% {what}: {cells} cells, ids in {name}, one a line")
        };
    }
    let _ = writeln!(text, "{} {} {}", matrix.rows.len(), matrix.columns.len(), matrix.entries.len());
    let mut file = AtomicFile::create(path)?;
    for (row, column, value) in &matrix.entries {
        let (row, column) = (u64::from(*row) + 1, u64::from(*column) + 1);
        let _ = if whole {
            writeln!(text, "{row} {column} {}", *value as i64)
        } else {
            writeln!(text, "{row} {column} {value:?}")
        };
        if text.len() >= TEXT_AT_ONCE {
            file.write_all(text.as_bytes()).map_err(refused)?;
            text.clear();
        }
    }
    file.write_all(text.as_bytes()).map_err(refused)?;
    beside.into_iter().try_for_each(AtomicFile::commit)?;
    file.commit()
}

/// The first and the last of ids that count on by one.
fn consecutive(labels: &[String]) -> Option<(i64, i64)> {
    let ids = ids(labels)?;
    let counting = ids.windows(2).all(|pair| matches!(pair, [a, b] if a.checked_add(1) == Some(*b)));
    ids.first().copied().zip(ids.last().copied()).filter(|_| counting)
}

/// A file of labels, one a line.
fn label_file(path: &Path, labels: &[String]) -> Result<AtomicFile> {
    let mut file = AtomicFile::create(path)?;
    let mut text = String::new();
    for label in labels {
        text.push_str(&one_line(label));
        text.push('\n');
    }
    file.write_all(text.as_bytes()).map_err(|cause| Error::io("write", path, &cause))?;
    Ok(file)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn save_npz(path: &Path, matrix: &SparseMatrix) -> Result<()> {
    let count = matrix.entries.len();
    let mut starts = vec![0i64; matrix.rows.len() + 1];
    for (row, _, _) in &matrix.entries {
        if let Some(start) = starts.get_mut(*row as usize + 1) {
            *start += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let shape = [matrix.rows.len() as i64, matrix.columns.len() as i64];
    let columns = matrix.entries.iter().map(|e| i64::from(e.1));
    let values = matrix.entries.iter().map(|e| e.2);
    let data = if whole(matrix) {
        npy("<i8", &count.to_string(), values.flat_map(|v| (v as i64).to_le_bytes()))
    } else {
        npy("<f8", &count.to_string(), values.flat_map(f64::to_le_bytes))
    };
    let mut archive =
        Archive { path: path.to_owned(), file: AtomicFile::create(path)?, members: vec![], at: 0 };
    archive.add("indices", &npy_indices(columns, count, count.max(matrix.columns.len())))?;
    archive.add("indptr", &npy_indices(starts.iter().copied(), starts.len(), count))?;
    archive.add("format", &npy("|S3", "", *b"csr"))?;
    archive.add("shape", &npy_ints(shape.into_iter(), shape.len()))?;
    archive.add("data", &data)?;
    archive.add("rows", &npy_labels(&matrix.rows))?;
    archive.add("columns", &npy_labels(&matrix.columns))?;
    archive.add("value", &npy_texts(std::slice::from_ref(&matrix.value), ""))?;
    archive.finish()?.commit()
}

/// An array in numpy's format; `length` is empty for a single value.
fn npy(kind: &str, length: &str, bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let comma = if length.is_empty() { "" } else { "," };
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({length}{comma}), }}");
    // The header ends with a line break, and the data begin at a multiple of 64.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
    header.push('\n');
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((header.len() as u16).to_le_bytes());
    array.extend(header.bytes());
    array.extend(bytes);
    array
}

fn npy_ints(values: impl Iterator<Item = i64>, count: usize) -> Vec<u8> {
    npy("<i8", &count.to_string(), values.flat_map(i64::to_le_bytes))
}

/// Indices up to `most`, in 32 bits where they fit, as scipy has them.
fn npy_indices(values: impl Iterator<Item = i64>, count: usize, most: usize) -> Vec<u8> {
    if i32::try_from(most).is_err() {
        return npy_ints(values, count);
    }
    npy("<i4", &count.to_string(), values.flat_map(|v| (v as i32).to_le_bytes()))
}

/// Ids as numbers, other labels as texts.
fn npy_labels(labels: &[String]) -> Vec<u8> {
    match ids(labels) {
        Some(ids) => npy_ints(ids.into_iter(), labels.len()),
        None => npy_texts(labels, &labels.len().to_string()),
    }
}

/// Texts of one width, in UTF-32 as numpy has them.
fn npy_texts(texts: &[String], length: &str) -> Vec<u8> {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let letters = texts.iter().flat_map(|text| {
        text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width).flat_map(u32::to_le_bytes)
    });
    npy(&format!("<U{width}"), length, letters)
}

/// A zip archive of arrays, not compressed.
struct Archive {
    path: PathBuf,
    file: AtomicFile,
    members: Vec<Member>,
    /// Bytes written.
    at: u64,
}

struct Member {
    name: String,
    start: u32,
    size: u32,
    checksum: u32,
}

impl Member {
    /// What the header of the member and its entry in the directory have in common.
    fn facts(&self) -> Vec<u8> {
        // Version 2.0, no flags, stored, 1 January 1980.
        let mut facts = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        facts.extend(self.checksum.to_le_bytes());
        facts.extend(self.size.to_le_bytes());
        facts.extend(self.size.to_le_bytes());
        facts.extend((self.name.len() as u16).to_le_bytes());
        facts.extend([0, 0]);
        facts
    }
}

impl Archive {
    fn add(&mut self, name: &str, array: &[u8]) -> Result<()> {
        let (start, size) = (self.small(self.at)?, self.small(array.len() as u64)?);
        let mut crc = flate2::Crc::new();
        crc.update(array);
        let member = Member { name: format!("{name}.npy"), start, size, checksum: crc.sum() };
        let header = [b"PK\x03\x04", member.facts().as_slice(), member.name.as_bytes()].concat();
        self.write(&header)?;
        self.write(array)?;
        self.members.push(member);
        Ok(())
    }

    fn finish(mut self) -> Result<AtomicFile> {
        let start = self.small(self.at)?;
        let mut directory = Vec::new();
        for member in &self.members {
            directory.extend(b"PK\x01\x02\x14\x00");
            directory.extend(member.facts());
            // No comment, first disk, no attributes.
            directory.extend([0; 10]);
            directory.extend(member.start.to_le_bytes());
            directory.extend(member.name.as_bytes());
        }
        let count = (self.members.len() as u16).to_le_bytes();
        let size = self.small(directory.len() as u64)?;
        directory.extend(b"PK\x05\x06\x00\x00\x00\x00");
        directory.extend(count);
        directory.extend(count);
        directory.extend(size.to_le_bytes());
        directory.extend(start.to_le_bytes());
        directory.extend([0, 0]);
        self.write(&directory)?;
        Ok(self.file)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|cause| Error::io("write", &self.path, &cause))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// A size or an offset, which the archive has 32 bits for.
    fn small(&self, number: u64) -> Result<u32> {
        u32::try_from(number).map_err(|_| {
            Error::argument(format!(
                "the matrix is too large for {}: an .npz holds 4 GB",
                self.path.display()
            ))
            .help("save it as .mtx or .parquet")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::table::{read, samples};

    fn matrix() -> SparseMatrix {
        SparseMatrix {
            rows: (1..=3).map(|i| i.to_string()).collect(),
            columns: ["7", "9", "4", "11"].map(str::to_owned).to_vec(),
            entries: vec![(0, 1, 5.0), (0, 3, 1.0), (2, 0, 12.0)],
            value: "synapses".to_owned(),
        }
    }

    fn saved(name: &str, matrix: &SparseMatrix) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join(name);
        save_matrix(&path, matrix).expect("saved");
        (folder, path)
    }

    #[test]
    fn a_market_file_says_which_cells_it_holds() {
        let (folder, path) = saved("m.mtx", &matrix());
        let expected = "\
%%MatrixMarket matrix coordinate integer general
% value: synapses
% rows: presynaptic cells, ids 1 to 3 in order
% columns: postsynaptic cells, ids in m.columns.txt, one a line
3 4 3
1 2 5
1 4 1
3 1 12
";
        assert_eq!(std::fs::read_to_string(path).expect("text"), expected);
        let ids = std::fs::read_to_string(folder.path().join("m.columns.txt")).expect("text");
        assert_eq!(ids, "7\n9\n4\n11\n");
        assert!(!folder.path().join("m.rows.txt").exists());
        let mut real = matrix();
        real.entries[0].2 = 0.1;
        let (_folder, path) = saved("m.mtx", &real);
        let text = std::fs::read_to_string(path).expect("text");
        assert!(text.contains("coordinate real") && text.contains("\n1 2 0.1\n1 4 1.0\n"), "{text}");
    }

    #[test]
    fn a_table_of_edges_has_ids() {
        let (_folder, path) = saved("m.csv", &matrix());
        let expected = ["pre | post | synapses", "1 | 9 | 5", "1 | 11 | 1", "3 | 7 | 12"];
        assert_eq!(samples::contents(&read(&path).expect("read back")), expected);
        let types = SparseMatrix {
            rows: vec!["L4_PC".to_owned()],
            columns: vec!["L5_PC".to_owned()],
            entries: vec![(0, 0, 0.5)],
            value: "conductance (nS)".to_owned(),
        };
        let table = edges(&types).expect("a table");
        assert_eq!(samples::contents(&table)[1], "\"L4_PC\" | \"L5_PC\" | 0.5");
        assert_eq!(table.schema().columns()[2].unit.as_deref(), Some("nS"));
    }

    /// Reads an archive by its directory, as numpy does.
    fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let int =
            |at: usize, n: usize| bytes[at..at + n].iter().rev().fold(0usize, |v, b| v << 8 | *b as usize);
        let end = bytes.len() - 22;
        let (count, mut at) = (int(end + 10, 2), int(end + 16, 4));
        assert_eq!(at + int(end + 12, 4), end);
        let mut found = Vec::new();
        for _ in 0..count {
            let (checksum, size, name) = (int(at + 16, 4), int(at + 24, 4), int(at + 28, 2));
            let start = int(at + 42, 4);
            let data = start + 30 + int(start + 26, 2);
            let array = bytes[data..data + size].to_vec();
            let mut crc = flate2::Crc::new();
            crc.update(&array);
            assert_eq!(crc.sum() as usize, checksum);
            found.push((String::from_utf8_lossy(&bytes[at + 46..at + 46 + name]).into_owned(), array));
            at += 46 + name;
        }
        found
    }

    #[test]
    fn an_npz_holds_the_matrix_and_its_ids() {
        let (_folder, path) = saved("m.npz", &matrix());
        let members = members(&std::fs::read(path).expect("the file"));
        let ints = |name: &str, width: usize| -> Vec<i64> {
            let (_, array) = members.iter().find(|(n, _)| n == name).expect("a member");
            let header = 10 + usize::from(u16::from_le_bytes([array[8], array[9]]));
            assert_eq!(header % 64, 0);
            let int = |bytes: &[u8]| bytes.iter().rev().fold(0, |v, b| v << 8 | i64::from(*b));
            array[header..].chunks(width).map(int).collect()
        };
        assert_eq!(ints("indptr.npy", 4), [0, 2, 2, 3]);
        assert_eq!(ints("indices.npy", 4), [1, 3, 0]);
        assert_eq!(ints("data.npy", 8), [5, 1, 12]);
        assert_eq!(ints("shape.npy", 8), [3, 4]);
        assert_eq!(ints("columns.npy", 8), [7, 9, 4, 11]);
    }

    #[test]
    fn a_matrix_out_of_order_is_refused() {
        let mut wrong = matrix();
        wrong.entries.swap(0, 1);
        assert!(edges(&wrong).is_err());
        wrong = matrix();
        wrong.entries[2].1 = 4;
        assert!(save_matrix(Path::new("never.mtx"), &wrong).is_err());
        let error = save_matrix(Path::new("never.mtz"), &matrix()).expect_err("no such type");
        assert!(error.helps()[0].contains(".mtx"), "{error}");
    }
}
