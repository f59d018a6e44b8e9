//! `circuit.mvd2`: cells as text, a line each, with the tables of their types.
//!
//! Sections start with a line that holds their name (`Neurons Loaded`, `MorphTypes` …) and may come in any order;
//! what stands before the first one is left out. The gid of a cell is the number of its line in its section.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray};
use arrow_schema::DataType;
use memchr::memchr;
use rayon::prelude::*;

use crate::diag::{Deferred, Error, Result, work};
use crate::formats::text::{Text, cut, number, whole};
use crate::model::{CellTable, ColumnSpec, cell_column};

/// The names of all sections that some reader knows.
const SECTIONS: [&str; 9] = [
    "Neurons Loaded",
    "MicroBox Data",
    "MiniColumnsPosition",
    "CircuitSeeds",
    "MorphTypes",
    "ElectroTypes",
    "Layers Positions Data",
    "Axon-Dendrite Synapses",
    "FOOTER",
];
/// The columns of a cell's line.
const COLUMNS: [&str; 12] = [
    "morphology",
    "database",
    "hypercolumn",
    "minicolumn",
    "layer",
    "index of the m-type",
    "index of the e-type",
    "x",
    "y",
    "z",
    "angle",
    "me_combo",
];
/// Bytes of cells that one task reads.
const PIECE: usize = 256 * 1024;

/// A morphological type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MorphType {
    /// The name of the m-type.
    pub name: String,
    /// PYR or INT.
    pub morph_class: String,
    /// EXC or INH.
    pub synapse_class: String,
}

/// The random seeds with which a circuit was built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seeds {
    /// Of the recipe.
    pub recipe: f64,
    /// Of the connectivity.
    pub connectivity: f64,
    /// Of the synapses.
    pub synapse: f64,
}

/// Everything in a file.
#[derive(Debug)]
pub struct Mvd2 {
    /// The cells.
    pub cells: Arc<CellTable>,
    /// The m-types, in the order of their index.
    pub mtypes: Vec<MorphType>,
    /// The e-types, in the order of their index.
    pub etypes: Vec<String>,
    /// The place of each minicolumn (µm).
    pub minicolumns: Vec<[f64; 3]>,
    /// The numbers of `MicroBox Data`: the size of the column, then the layers' borders.
    pub microbox: Vec<f64>,
    /// The lines of `Layers Positions Data`, as they are.
    pub layers: Vec<String>,
    /// The seeds, where the file has them.
    pub seeds: Option<Seeds>,
}

/// Reads the cells of a file.
///
/// # Errors
/// When it has no section of cells, or a line lacks a column, holds something that is no number, or names a type
/// that the file does not list: with the line.
pub fn read_cells(path: &Path) -> Result<Arc<CellTable>> {
    let text = Arc::new(Text::open(path)?);
    let sections = Sections::find(&text)?;
    cells(&sections, &sections.mtypes()?, &sections.etypes()?)
}

/// Reads everything in a file.
///
/// # Errors
/// As for [`read_cells`], and for the other sections alike.
pub fn read(path: &Path) -> Result<Mvd2> {
    let text = Arc::new(Text::open(path)?);
    let sections = Sections::find(&text)?;
    let (mtypes, etypes) = (sections.mtypes()?, sections.etypes()?);
    let seeds = sections.rows("CircuitSeeds", Line::triple)?.first().copied();
    Ok(Mvd2 {
        cells: cells(&sections, &mtypes, &etypes)?,
        minicolumns: sections.rows("MiniColumnsPosition", Line::triple)?,
        microbox: sections.rows("MicroBox Data", Line::numbers)?.concat(),
        layers: sections.rows("Layers Positions Data", |line| Ok(line.text()))?,
        seeds: seeds.map(|[recipe, connectivity, synapse]| Seeds { recipe, connectivity, synapse }),
        mtypes,
        etypes,
    })
}

/// The bytes of each section, without its header.
struct Sections<'a> {
    text: &'a Arc<Text>,
    found: Vec<(&'static str, Range<usize>)>,
}

impl<'a> Sections<'a> {
    fn find(text: &'a Arc<Text>) -> Result<Self> {
        let bytes = text.bytes();
        let mut found: Vec<(&'static str, Range<usize>)> = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n);
            if let Some(name) = section_name(&bytes[start..end]) {
                if let Some(last) = found.last_mut() {
                    last.1.end = start;
                }
                if found.iter().any(|f| f.0 == name) {
                    return Err(text.error(start, format!("a second section `{name}`")));
                }
                found.push((name, (end + 1).min(bytes.len())..bytes.len()));
            }
            start = end + 1;
        }
        Ok(Sections { text, found })
    }

    fn mtypes(&self) -> Result<Vec<MorphType>> {
        self.rows("MorphTypes", |line| {
            let [name, morph_class, synapse_class] = line.words(["name", "PYR or INT", "EXC or INH"])?;
            Ok(MorphType { name, morph_class, synapse_class })
        })
    }

    fn etypes(&self) -> Result<Vec<String>> {
        self.rows("ElectroTypes", |line| line.words(["name"]).map(|[name]| name))
    }

    fn range(&self, name: &str) -> Option<Range<usize>> {
        self.found.iter().find(|f| f.0 == name).map(|f| f.1.clone())
    }

    /// The lines of a section, each read by `read`; none where the section is missing.
    fn rows<T>(&self, name: &str, read: impl Fn(&Line<'a>) -> Result<T>) -> Result<Vec<T>> {
        let lines = lines(self.text.bytes(), self.range(name).unwrap_or_default());
        lines.map(|range| read(&Line { text: self.text, range })).collect()
    }
}

fn section_name(line: &[u8]) -> Option<&'static str> {
    let line = line.trim_ascii_start();
    // Nearly all lines are cells; few of them start like a header.
    let first = line.first()?;
    if !SECTIONS.iter().any(|name| name.as_bytes()[0] == *first) {
        return None;
    }
    SECTIONS.into_iter().find(|name| {
        let after = line.strip_prefix(name.as_bytes());
        after.is_some_and(|a| a.first().is_none_or(|&b| b == b':' || b.is_ascii_whitespace()))
    })
}

/// The lines of a range that hold something other than a comment.
fn lines(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        while start < range.end {
            let end = memchr(b'\n', &bytes[start..range.end]).map_or(range.end, |n| start + n);
            let line = start..end;
            start = end + 1;
            if bytes[line.clone()].iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|&b| b != b'#') {
                return Some(line);
            }
        }
        None
    })
}

/// A line of a section.
struct Line<'a> {
    text: &'a Text,
    range: Range<usize>,
}

impl Line<'_> {
    fn error(&self, message: impl Into<String>) -> Error {
        let (line, _) = self.text.line_column(self.range.start);
        Error::format(message).at_line(self.text.path(), line, 0)
    }

    fn split(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.text.bytes();
        words(bytes, self.range.clone()).map(|word| &bytes[word])
    }

    /// The first words, one for each name of what is expected.
    fn words<const N: usize>(&self, expected: [&str; N]) -> Result<[String; N]> {
        let found: Vec<String> =
            self.split().take(N).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        found.try_into().map_err(|found: Vec<String>| {
            let (missing, all) = (expected[found.len()], expected.join(", "));
            self.error(format!("{missing} is missing; a line holds {all}"))
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.text.bytes()[self.range.clone()].trim_ascii()).into_owned()
    }

    /// The first three numbers.
    fn triple(&self) -> Result<[f64; 3]> {
        let numbers = self.numbers()?;
        let first = numbers.first_chunk().copied();
        first.ok_or_else(|| self.error(format!("here are {} numbers where 3 are expected", numbers.len())))
    }

    fn numbers(&self) -> Result<Vec<f64>> {
        let number = |word: &[u8]| {
            number(word)
                .ok_or_else(|| self.error(format!("`{}` is not a number", String::from_utf8_lossy(word))))
        };
        self.split().map(number).collect()
    }
}

/// The places of the words in a range.
fn words(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let line = &bytes[at..range.end];
        // Control characters separate too: one comparison for each byte of a big file.
        let start = at + line.iter().position(|&b| b > b' ')?;
        let rest = &bytes[start..range.end];
        at = start + rest.iter().position(|&b| b <= b' ').unwrap_or(rest.len());
        Some(start..at)
    })
}

/// The numbers of some cells, and where their names stand.
#[derive(Default)]
struct Cells {
    morphology: Vec<Range<usize>>,
    me_combo: Vec<Range<usize>>,
    hypercolumn: Vec<i64>,
    minicolumn: Vec<i64>,
    layer: Vec<i64>,
    mtype: Vec<i32>,
    etype: Vec<i32>,
    places: [Vec<f64>; 3],
    w: Vec<f64>,
    y: Vec<f64>,
}

/// Why a line is no cell: the line, and what to say of it.
struct Wrong {
    line: Range<usize>,
    message: String,
}

impl Cells {
    fn read(bytes: &[u8], range: Range<usize>, types: [usize; 2]) -> Result<Self, Wrong> {
        let mut cells = Cells::default();
        for line in lines(bytes, range) {
            let mut found: [Range<usize>; COLUMNS.len()] = Default::default();
            let places = words(bytes, line.clone()).zip(&mut found);
            let count = places.map(|(word, slot)| *slot = word).count();
            let texts = found.each_ref().map(|word| &bytes[word.clone()]);
            cells.push(&texts[..count], types).map_err(|message| Wrong { line, message })?;
            let [morphology, .., me_combo] = found;
            cells.morphology.push(morphology);
            cells.me_combo.push(me_combo);
        }
        Ok(cells)
    }

    fn push(&mut self, words: &[&[u8]], types: [usize; 2]) -> Result<(), String> {
        if let Some(missing) = COLUMNS.get(words.len()) {
            let (found, expected) = (words.len(), COLUMNS.len());
            return Err(format!("a cell has {expected} columns, here are {found}: the {missing} is missing"));
        }
        let wrong = |at: usize, what: &str| {
            let word = String::from_utf8_lossy(words[at]);
            format!("the {} of a cell is `{word}` where {what} is expected", COLUMNS[at])
        };
        let int = |at: usize| whole(words[at]).ok_or_else(|| wrong(at, "a whole number"));
        let float = |at: usize| number(words[at]).ok_or_else(|| wrong(at, "a number"));
        let index = |at: usize, kinds: usize, section: &str| {
            let valid = whole(words[at]).filter(|&i| usize::try_from(i).is_ok_and(|i| i < kinds));
            valid.map(|i| i as i32).ok_or_else(|| match kinds {
                0 => {
                    format!("{}, but the section `{section}` lists no type", wrong(at, "the index of a type"))
                }
                _ => wrong(at, &format!("a number from 0 to {} (lines of `{section}`)", kinds - 1)),
            })
        };
        self.hypercolumn.push(int(2)?);
        self.minicolumn.push(int(3)?);
        self.layer.push(int(4)?.checked_add(1).ok_or_else(|| wrong(4, "a layer"))?);
        self.mtype.push(index(5, types[0], "MorphTypes")?);
        self.etype.push(index(6, types[1], "ElectroTypes")?);
        for (axis, place) in self.places.iter_mut().enumerate() {
            place.push(float(7 + axis)?);
        }
        let half = float(10)?.to_radians() / 2.0;
        self.w.push(half.cos());
        self.y.push(half.sin());
        Ok(())
    }

    fn append(&mut self, mut other: Self) {
        self.morphology.append(&mut other.morphology);
        self.me_combo.append(&mut other.me_combo);
        self.hypercolumn.append(&mut other.hypercolumn);
        self.minicolumn.append(&mut other.minicolumn);
        self.layer.append(&mut other.layer);
        self.mtype.append(&mut other.mtype);
        self.etype.append(&mut other.etype);
        for (mine, theirs) in self.places.iter_mut().zip(&mut other.places) {
            mine.append(theirs);
        }
        self.w.append(&mut other.w);
        self.y.append(&mut other.y);
    }
}

fn cells(sections: &Sections, mtypes: &[MorphType], etypes: &[String]) -> Result<Arc<CellTable>> {
    let text = sections.text;
    let range = sections.range("Neurons Loaded").ok_or_else(|| {
        Error::format("there is no section `Neurons Loaded`, so this is no mvd2 file").in_file(text.path())
    })?;
    let bytes = text.bytes();
    let types = [mtypes.len(), etypes.len()];
    let pieces: Vec<_> = cut(bytes, range, PIECE, |b| b == b'\n')
        .into_par_iter()
        .map(|piece| if work::stopped() { Ok(Cells::default()) } else { Cells::read(bytes, piece, types) })
        .collect();
    work::check()?;
    let mut all = Cells::default();
    for piece in pieces {
        all.append(piece.map_err(|w| Line { text, range: w.line }.error(w.message))?);
    }
    table(text, all, mtypes, etypes)
}

/// The columns of the language.
fn table(text: &Arc<Text>, cells: Cells, mtypes: &[MorphType], etypes: &[String]) -> Result<Arc<CellTable>> {
    let count = cells.layer.len();
    let names = |name: &str, words: Vec<Range<usize>>| {
        let text = text.clone();
        (cell_column(name, text_type()), Deferred::new(move || name_column(&text, &words)))
    };
    let of_type = |name: &str, indices: &[i32], value: &dyn Fn(&MorphType) -> &str| {
        typed(name, indices, mtypes.iter().map(value))
    };
    let [x, y, z] = cells.places;
    let columns = vec![
        ints("id", (1..=count as i64).collect()),
        of_type("mtype", &cells.mtype, &|m| &m.name)?,
        typed("etype", &cells.etype, etypes.iter().map(String::as_str))?,
        ints("layer", cells.layer),
        of_type("synapse_class", &cells.mtype, &|m| &m.synapse_class)?,
        of_type("morph_class", &cells.mtype, &|m| &m.morph_class)?,
        ints("hypercolumn", cells.hypercolumn),
        ints("minicolumn", cells.minicolumn),
        names("morphology", cells.morphology),
        names("me_combo", cells.me_combo),
        floats("x", x),
        floats("y", y),
        floats("z", z),
        floats("orientation_w", cells.w),
        floats("orientation_x", vec![0.0; count]),
        floats("orientation_y", cells.y),
        floats("orientation_z", vec![0.0; count]),
    ];
    Ok(CellTable::new(1, count, columns, text.path().display().to_string()))
}

type Column = (ColumnSpec, Deferred<ArrayRef>);

fn ints(name: &str, values: Vec<i64>) -> Column {
    (cell_column(name, DataType::Int64), Deferred::ready(Arc::new(Int64Array::from(values)) as ArrayRef))
}

fn floats(name: &str, values: Vec<f64>) -> Column {
    (cell_column(name, DataType::Float64), Deferred::ready(Arc::new(Float64Array::from(values)) as ArrayRef))
}

fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A text column of what the types of the cells say; indices are valid.
fn typed<'a>(name: &str, indices: &[i32], texts: impl Iterator<Item = &'a str>) -> Result<Column> {
    let mut dictionary = Dictionary::default();
    let codes: Vec<i32> = texts.map(|t| dictionary.code(t.as_bytes())).collect();
    let keys = indices.iter().map(|&i| codes[i as usize]).collect();
    Ok((cell_column(name, text_type()), Deferred::ready(dictionary.column(keys)?)))
}

/// A text column of words of the file.
fn name_column(text: &Text, words: &[Range<usize>]) -> Result<ArrayRef> {
    let bytes = text.bytes();
    let mut dictionary = Dictionary { codes: HashMap::with_capacity(words.len()), texts: Vec::new() };
    let keys = words.iter().map(|word| dictionary.code(&bytes[word.clone()])).collect();
    dictionary.column(keys)
}

/// Texts, each once, in the order in which they came.
#[derive(Default)]
struct Dictionary<'a> {
    codes: HashMap<&'a [u8], i32>,
    texts: Vec<&'a [u8]>,
}

impl<'a> Dictionary<'a> {
    fn code(&mut self, text: &'a [u8]) -> i32 {
        *self.codes.entry(text).or_insert_with(|| {
            self.texts.push(text);
            (self.texts.len() - 1) as i32
        })
    }

    fn column(self, keys: Vec<i32>) -> Result<ArrayRef> {
        let values = StringArray::from_iter_values(self.texts.iter().map(|t| String::from_utf8_lossy(t)));
        let column = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), Arc::new(values));
        column.map(|c| Arc::new(c) as ArrayRef).map_err(|e| Error::format(e.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::format_collect)] // texts are put together as they read
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use std::path::PathBuf;

    const SMALL: &str = "Application:'x'\n# comment\n/unknown/\nNeurons Loaded\n\
        m_a db 0 1 2 0 1 1.5 -2 3e1 90 combo_a extra 1\r\n\n m_b\tdb 1 2 5 1 0 4 5 6 -45.5 combo_b\n\
        m_a db 1 2 0 1 0 4 5 6 0 combo_a\n\
        MicroBox Data\n1 2 3 0.1 0.9\nMiniColumnsPosition\n0 1 2\n3 4 5\nCircuitSeeds\n1.5 2 3\n\
        Layers Positions Data\n some text\nMorphTypes\nL1 INT INH\nL6 PYR EXC\nElectroTypes:\ncNAC\ncAD\nFOOTER\n";

    fn read_text(text: &str) -> Result<Mvd2> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("circuit.mvd2");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    fn column<'a>(cells: &'a CellTable, name: &str) -> &'a ArrayRef {
        cells.column(cells.schema().position(name).unwrap()).unwrap()
    }

    fn texts(cells: &CellTable, name: &str) -> Vec<String> {
        let column = column(cells, name).as_dictionary::<Int32Type>();
        let values = column.values().as_string::<i32>();
        column.keys().values().iter().map(|&k| values.value(k as usize).to_owned()).collect()
    }

    fn ints(cells: &CellTable, name: &str) -> Vec<i64> {
        column(cells, name).as_primitive::<Int64Type>().values().to_vec()
    }

    fn floats(cells: &CellTable, name: &str) -> Vec<f64> {
        column(cells, name).as_primitive::<Float64Type>().values().to_vec()
    }

    #[test]
    fn reads_every_section() {
        let file = read_text(SMALL).unwrap();
        let cells = &file.cells;
        assert_eq!((cells.id_of(0), cells.count()), (1, 3));
        let names: Vec<&str> = cells.schema().columns().iter().map(|c| c.name.as_str()).collect();
        let expected = "id mtype etype layer synapse_class morph_class hypercolumn minicolumn morphology me_combo \
                        x y z orientation_w orientation_x orientation_y orientation_z";
        assert_eq!(names.join(" "), expected);
        assert_eq!(ints(cells, "gid"), [1, 2, 3]);
        assert_eq!(ints(cells, "layer"), [3, 6, 1]);
        assert_eq!((ints(cells, "hypercolumn"), ints(cells, "minicolumn")), (vec![0, 1, 1], vec![1, 2, 2]));
        assert_eq!(texts(cells, "mtype"), ["L1", "L6", "L6"]);
        assert_eq!(texts(cells, "etype"), ["cAD", "cNAC", "cNAC"]);
        assert_eq!(texts(cells, "synapse_class"), ["INH", "EXC", "EXC"]);
        assert_eq!(texts(cells, "morph_class"), ["INT", "PYR", "PYR"]);
        assert_eq!(texts(cells, "morphology"), ["m_a", "m_b", "m_a"]);
        assert_eq!(texts(cells, "me_combo"), ["combo_a", "combo_b", "combo_a"]);
        assert_eq!((floats(cells, "x"), floats(cells, "z")), (vec![1.5, 4.0, 4.0], vec![30.0, 6.0, 6.0]));
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert!((floats(cells, "orientation_w")[0] - half).abs() < 1e-15);
        assert!((floats(cells, "orientation_y")[1] + 22.75f64.to_radians().sin()).abs() < 1e-15);
        assert_eq!(floats(cells, "orientation_w")[2], 1.0);
        assert_eq!(file.minicolumns, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        assert_eq!(file.microbox, [1.0, 2.0, 3.0, 0.1, 0.9]);
        assert_eq!(file.seeds, Some(Seeds { recipe: 1.5, connectivity: 2.0, synapse: 3.0 }));
        assert_eq!((file.layers.len(), file.etypes.len(), file.mtypes.len()), (1, 2, 2));
    }

    #[test]
    fn any_order_and_missing_tables_will_do() {
        let file =
            read_text("ElectroTypes\ne\nMorphTypes\nm INT INH\nNeurons Loaded\na d 0 0 0 0 0 1 2 3 4 c")
                .unwrap();
        assert_eq!((texts(&file.cells, "mtype"), file.seeds), (vec!["m".to_owned()], None));
        assert_eq!(read_text("Neurons Loaded\nMorphTypes\n").unwrap().cells.count(), 0);
    }

    #[test]
    fn names_the_line_and_what_was_expected() {
        let cases = [
            (" combo_b\n", "\n", 7, "the me_combo is missing"),
            ("m_b\tdb 1 2", "m_b", 7, "here are 9: the z is missing"),
            ("90 combo", "ninety combo", 5, "the angle of a cell is `ninety` where a number is expected"),
            ("1.5 -2", "nan -2", 5, "the x of a cell is `nan`"),
            ("0 1 2 0", "0 1 two 0", 5, "the layer of a cell is `two` where a whole number"),
            ("5 1 0 4", "5 2 0 4", 7, "where a number from 0 to 1 (lines of `MorphTypes`)"),
            ("5 1 0 4", "5 1 -1 4", 7, "lines of `ElectroTypes`"),
            ("L1 INT INH\nL6 PYR EXC\n", "", 5, "`MorphTypes` lists no type"),
            ("L1 INT INH", "L1 INT", 19, "EXC or INH is missing"),
            ("Neurons Loaded", "Neurons", 0, "no section `Neurons Loaded`"),
            ("1.5 2 3", "1.5 2", 15, "2 numbers where 3"),
            ("FOOTER", "MorphTypes", 24, "a second section `MorphTypes`"),
            ("0 1 2 0", "0 1 9223372036854775807 0", 5, "layer"),
        ];
        for (from, to, line, message) in cases {
            let text = SMALL.replacen(from, to, 1);
            assert_ne!(text, SMALL, "{from}");
            let error = read_text(&text).unwrap_err();
            assert!(error.message().contains(message), "{from}: {error}");
            let place = error.place().unwrap();
            assert_eq!(place.line.map_or(0, |l| l.0), line, "{from}: {error}");
        }
        assert!(read_text("").is_err());
    }

    #[test]
    fn any_cut_of_a_file_is_read_or_refused() {
        for end in 0..SMALL.len() {
            if SMALL.is_char_boundary(end) {
                let _ = read_text(&SMALL[..end]);
            }
        }
    }

    #[test]
    fn many_cells_are_read_in_pieces() {
        let cells = 20_000;
        let line = |n: usize| {
            format!("morph_{} db 0 {n} {} {} 0 {n}.25 0 0 {} combo_{n}\n", n % 7, n % 6, n % 2, n % 360)
        };
        let lines: String = (0..cells).map(line).collect();
        let text = format!("Neurons Loaded\n{lines}MorphTypes\nA INT INH\nB PYR EXC\nElectroTypes\ne\n");
        let file = read_text(&text).unwrap();
        let minicolumns: Vec<i64> = (0..cells as i64).collect();
        assert_eq!(ints(&file.cells, "minicolumn"), minicolumns);
        assert_eq!(texts(&file.cells, "me_combo")[cells - 1], "combo_19999");
        assert_eq!(texts(&file.cells, "morphology")[6], "morph_6");
        assert_eq!(floats(&file.cells, "x")[12_345], 12_345.25);
        let error = read_text(&text.replacen("combo_15000\n", "\n", 1)).unwrap_err();
        assert_eq!(error.place().unwrap().line, Some((15_002, 0)));
    }

    fn shared(path: &str) -> Option<PathBuf> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
        if !path.exists() {
            println!("skipped: no {}", path.display());
        }
        path.exists().then_some(path)
    }

    #[test]
    fn the_oracle_of_cells() {
        let Some(folder) = shared("oracle/bluepy") else { return };
        let small = read(&folder.join("data/circuit.mvd2")).unwrap().cells;
        assert_eq!(texts(&small, "mtype"), ["L2_X", "L6_Y", "L6_Y"]);
        assert_eq!(texts(&small, "etype"), ["bNA", "bNA", "cNA"]);
        let turn = |row: usize| {
            let (w, y) = (floats(&small, "orientation_w")[row], floats(&small, "orientation_y")[row]);
            (1.0 - 2.0 * y * y, 2.0 * w * y)
        };
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12;
        assert!(close(turn(1), (0.609_868_565_476_595_4, 0.792_502_575_922_324_5)));
        let real = read(&folder.join("mvdtool/circuit.mvd2")).unwrap();
        let count = |name: &str| texts(&real.cells, "mtype").iter().filter(|m| *m == name).count();
        assert_eq!(real.cells.count(), 1000);
        assert_eq!(["L1_SLAC", "L23_PC", "L5_TTPC1", "L6_TPC_L1"].map(count), [20, 170, 150, 240]);
        let layers = ints(&real.cells, "layer");
        let count = |layer: i64| layers.iter().filter(|&&l| l == layer).count();
        assert_eq!([1, 2, 3, 4, 5, 6].map(count), [20, 130, 150, 200, 200, 300]);
        assert!((floats(&real.cells, "orientation_y")[999] - 0.434_798_538_684_844_97).abs() < 1e-6);
        assert_eq!(read(&folder.join("derived/circuit/circuit.mvd2")).unwrap().cells.count(), 20);
        let Some(brion) = shared("oracle/brion/data/brainbuilder/circuit.mvd2") else { return };
        let brion = read(&brion).unwrap();
        assert_eq!(texts(&brion.cells, "mtype"), ["L1_DLAC", "L23_PC", "L4_NBC", "L5_TTPC1", "L6_LBC"]);
        assert_eq!(brion.minicolumns.len(), 5);
        assert_eq!(brion.seeds.unwrap().recipe, 6_833_163.0);
    }
}
