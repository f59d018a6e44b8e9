//! Binary reports: `.bbp`, `.rep`, `.bin`. A header of 1024 bytes, a record for each cell, the section of each
//! compartment, then frame after frame of 32-bit floats. All numbers are in one byte order, which the first one tells.

use std::ops::Range;
use std::path::Path;

use super::{ReportOptions, guess, there_of, unit_of};
use crate::diag::{Error, Result};
use crate::formats::hdf5::{Convert, Element, Float32, Float64, Rows};
use crate::formats::text::Text;
use crate::model::{Clock, Frames, Report, ReportFacts, ReportLayout};

/// The number at the start of each report.
const MARK: f64 = 1.001;
/// The bytes of the record of a cell.
const RECORD: usize = 64;
/// The bytes of a value.
const VALUE: usize = 4;

/// A binary report, mapped into memory.
pub(super) struct BinaryReport {
    file: Text,
    facts: ReportFacts,
    layout: ReportLayout,
    element: Element,
    /// The first byte of the first frame.
    data: usize,
}

/// Whether a file is a binary report, by how it begins. One that is empty, or has the name of a binary report and begins
/// otherwise, is refused.
///
/// # Errors
/// When it cannot be read.
pub(super) fn is_report(path: &Path) -> Result<bool> {
    let file = Text::open(path)?;
    let bytes = file.bytes();
    let first = bytes.first_chunk().map(|b| [f64::from_le_bytes(*b), f64::from_be_bytes(*b)]);
    if first.is_some_and(|numbers| numbers.contains(&MARK)) {
        return Ok(true);
    }
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let named_so = ["bbp", "rep", "bin"].iter().any(|known| extension == *known);
    if bytes.is_empty() {
        return Err(Error::format("the file is empty; it should be a report").in_file(path));
    }
    if named_so && !bytes.starts_with(b"\x89HDF") {
        return Err(Error::format(format!(
            "a binary report begins with the number {MARK}, this file does not"
        ))
        .in_file(path));
    }
    Ok(false)
}

/// The bytes of the file with their byte order.
struct Bytes<'a> {
    all: &'a [u8],
    big_endian: bool,
}

impl Bytes<'_> {
    fn at<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let mut bytes: [u8; N] = *self.all.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(|| {
            Error::format(format!("the file is cut short: nothing at byte {at} of {}", self.all.len()))
        })?;
        if self.big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn float(&self, at: usize) -> Result<f64> {
        Ok(f64::from_le_bytes(self.at(at)?))
    }

    /// A number that counts something.
    fn count(&self, at: usize, what: &str) -> Result<usize> {
        let value = i32::from_le_bytes(self.at(at)?);
        usize::try_from(value).map_err(|_| Error::format(format!("the header gives {value} {what}")))
    }

    fn offset(&self, at: usize) -> Result<usize> {
        let value = u64::from_le_bytes(self.at(at)?);
        usize::try_from(value).map_err(|_| Error::format(format!("an offset of {value} bytes")))
    }

    fn text(&self, range: Range<usize>) -> String {
        let bytes = self.all.get(range).unwrap_or_default();
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

/// What the header says.
struct Header {
    size: usize,
    cells: usize,
    /// Values of all cells in a frame.
    values: usize,
    clock: Clock,
    unit: String,
    /// Floats of the mapping for each compartment; the first is the section.
    mapping: usize,
}

impl Header {
    fn read(bytes: &Bytes) -> Result<Self> {
        let mut clock = Clock::of_header(bytes.float(72)?, bytes.float(80)?, bytes.float(88)?)?;
        let frames = bytes.count(64, "frames")?;
        if frames > 0 {
            clock.frames = frames;
        }
        let header = Header {
            size: bytes.count(8, "bytes of header")?,
            cells: bytes.count(48, "cells")?,
            values: bytes.count(52, "values in a frame")?,
            clock,
            unit: unit_of(&bytes.text(96..112)),
            mapping: bytes.count(128, "numbers for the place of a compartment")?,
        };
        let records = header.cells.checked_mul(RECORD).and_then(|n| n.checked_add(header.size));
        if records.is_none_or(|end| end > bytes.all.len()) {
            return Err(Error::format(format!(
                "the file is cut short or damaged: it should describe {} cells, and has {} bytes",
                header.cells,
                bytes.all.len()
            )));
        }
        if header.values > bytes.all.len() / VALUE {
            return Err(Error::format(format!(
                "frames of {} values do not fit into this file",
                header.values
            )));
        }
        Ok(header)
    }
}

/// Opens a binary report.
pub(super) fn open(path: &Path, options: &ReportOptions) -> Result<BinaryReport> {
    let file = Text::open(path)?;
    read(file, path, options).map_err(|e| e.in_file(path))
}

fn read(file: Text, path: &Path, options: &ReportOptions) -> Result<BinaryReport> {
    let all = file.bytes();
    let big_endian = all.first_chunk().is_some_and(|b| f64::from_be_bytes(*b) == MARK);
    let bytes = Bytes { all, big_endian };
    let header = Header::read(&bytes)?;
    let record = |cell: usize| header.size + cell * RECORD;
    let data = if header.cells > 0 { bytes.offset(record(0) + 16)? } else { all.len() };
    let mut cells = Vec::with_capacity(header.cells);
    let mut elements = vec![0; header.values];
    for cell in 0..header.cells {
        let at = record(cell);
        let id = i64::from(i32::from_le_bytes(bytes.at(at)?));
        let columns = columns_of(&bytes, at, data, header.values)
            .map_err(|e| Error::format(format!("cell {id}: {}", e.message())))?;
        if header.mapping > 0 {
            let mapping = bytes.offset(at + 32)?;
            for (n, column) in columns.clone().enumerate() {
                let place = n.checked_mul(header.mapping * VALUE).and_then(|n| n.checked_add(mapping));
                let place =
                    place.ok_or_else(|| Error::format(format!("cell {id}: its mapping is nowhere")))?;
                elements[column] = f32::from_le_bytes(bytes.at(place)?).round() as i64;
            }
        }
        cells.push((id, columns));
    }
    let told: usize = cells.iter().map(|(_, columns)| columns.len()).sum();
    if told != header.values {
        return Err(Error::format(format!(
            "the cells have {told} values in a frame, and the header gives {}",
            header.values
        )));
    }
    let mut in_order: Vec<&(i64, Range<usize>)> = cells.iter().collect();
    in_order.sort_by_key(|(_, columns)| columns.start);
    if let Some([(one, _), (other, _)]) =
        in_order.windows(2).find(|pair| pair[1].1.start < pair[0].1.end).map(|pair| [pair[0], pair[1]])
    {
        return Err(Error::format(format!("the data of the cells {one} and {other} overlap")));
    }
    let layout = ReportLayout::of(cells, elements)?;
    let there = all.len().saturating_sub(data).checked_div(header.values * VALUE);
    let (clock, complete) = there_of(header.clock, there);
    let facts = ReportFacts {
        path: path.to_owned(),
        clock,
        complete,
        unit: header.unit,
        variable: None,
        kind: options.kind.unwrap_or_else(|| guess(&layout)),
        population: None,
        populations: None,
    };
    Ok(BinaryReport { file, facts, layout, element: Element::float32(big_endian), data })
}

/// The columns of the cell whose record is at a byte.
fn columns_of(bytes: &Bytes, record: usize, data: usize, values: usize) -> Result<Range<usize>> {
    let count = bytes.count(record + 8, "compartments")?;
    let start = bytes.offset(record + 16)?;
    let wrong = || {
        Error::format(format!(
            "its data at byte {start} are not in a frame of {values} values from byte {data}"
        ))
    };
    let from = start.checked_sub(data).filter(|bytes| bytes % VALUE == 0).ok_or_else(wrong)? / VALUE;
    let to = from.checked_add(count).filter(|to| *to <= values).ok_or_else(wrong)?;
    Ok(from..to)
}

impl BinaryReport {
    fn copy<C: Convert>(&self, frames: Frames, columns: &[Range<usize>], out: &mut [C::Out]) -> Result<()> {
        self.facts.check(frames)?;
        let bytes = self.file.bytes().get(self.data..).unwrap_or_default();
        let all = Rows { bytes, columns: self.layout.elements.len(), element: self.element };
        all.copy::<C>(frames, columns, out)
            .ok_or_else(|| Error::format("the file is cut short").in_file(&self.facts.path))
    }
}

impl Report for BinaryReport {
    fn facts(&self) -> &ReportFacts {
        &self.facts
    }

    fn layout(&self) -> &ReportLayout {
        &self.layout
    }

    fn read(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        self.copy::<Float32>(frames, columns, out)
    }

    fn read_f64(&self, frames: Frames, columns: &[Range<usize>], out: &mut [f64]) -> Result<()> {
        self.copy::<Float64>(frames, columns, out)
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{}: binary report, read in place", self.facts.path.display())]
    }
}
