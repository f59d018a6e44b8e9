//! A long dataset (one row an edge, a spike, a frame) that is read in pieces by many threads: in place where it lies
//! in one piece, else chunk by chunk.

use std::ops::Range;
use std::sync::Arc;

use super::numbers::{self, Convert, Element, Rows};
use super::{Dataset, File, decoded_limit};
use crate::diag::Result;
use crate::model::Frames;

/// A dataset of numbers with one or two dimensions. A clone is the same dataset.
#[derive(Clone, Debug)]
pub struct Series(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dataset: Dataset,
    element: Element,
    rows: usize,
    columns: usize,
    /// The first byte, where all numbers lie in one piece.
    start: Option<usize>,
    /// How many rows are decoded together.
    chunk: Option<usize>,
}

impl Series {
    /// The dataset at a path.
    ///
    /// # Errors
    /// When there is none, it does not hold numbers, it has more than two dimensions, or it reaches beyond the end of
    /// the file.
    pub fn open(file: &File, path: &str) -> Result<Self> {
        Self::of(file.dataset(path)?)
    }

    /// The numbers of a dataset.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of(dataset: Dataset) -> Result<Self> {
        let element = dataset.element().ok_or_else(|| dataset.error("it does not hold numbers"))?;
        let (rows, columns) = match *dataset.shape() {
            [rows] => (rows, 1),
            [rows, columns] => (rows, columns),
            ref other => return Err(dataset.error(format!("its shape is {other:?}, not one row each"))),
        };
        let size = rows.checked_mul(columns).and_then(|n| n.checked_mul(element.size() as u64));
        let start = dataset.in_place();
        let file = dataset.file().bytes().len() as u64;
        if let Some(start) = start
            && size.and_then(|size| size.checked_add(start as u64)).is_none_or(|end| end > file)
        {
            return Err(dataset.error(format!(
                "the file is cut short or damaged: {rows} × {columns} numbers at byte {start} go beyond its end"
            )));
        }
        if usize::try_from(rows).is_err() || size.is_none() {
            return Err(dataset.error(format!("it claims {rows} × {columns} numbers")));
        }
        // What is not in one piece is made row by row, also where nothing was written.
        if start.is_none() && size.is_some_and(|size| size > decoded_limit(file as usize) as u64) {
            return Err(dataset.error(format!("{rows} × {columns} numbers cannot come out of this file")));
        }
        let chunk = dataset.chunk_rows();
        let (rows, columns) = (rows as usize, columns as usize);
        Ok(Series(Arc::new(Inner { dataset, element, rows, columns, start, chunk })))
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.0.rows
    }

    /// The numbers in a row.
    pub fn columns(&self) -> usize {
        self.0.columns
    }

    /// The type of the numbers.
    pub fn element(&self) -> Element {
        self.0.element
    }

    /// How many rows are decoded together; nothing where they are read in place.
    pub fn chunk_rows(&self) -> Option<usize> {
        self.0.chunk
    }

    /// Whether all its numbers are the whole number -1, as far as that can be seen without decoding them.
    pub fn is_minus_one(&self) -> bool {
        let bytes = self.0.start.map(|start| {
            self.0
                .dataset
                .file()
                .bytes()
                .get(start..start + self.0.rows * self.0.columns * self.0.element.size())
        });
        !self.0.element.is_float() && bytes.flatten().is_some_and(|bytes| bytes.chunks(4096).all(all_ones))
    }

    /// The dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.0.dataset
    }

    /// Appends the values of one column of some rows.
    ///
    /// # Errors
    /// When the rows lie outside of the dataset, or it is damaged.
    pub fn gather<C: Convert>(&self, rows: Range<usize>, column: usize, out: &mut Vec<C::Out>) -> Result<()> {
        if rows.start > rows.end || rows.end > self.0.rows || column >= self.0.columns {
            return Err(self
                .0
                .dataset
                .error(format!("rows {} to {} of {}", rows.start, rows.end, self.0.rows)));
        }
        let size = self.0.element.size();
        let stride = size * self.0.columns;
        if let Some(start) = self.0.start {
            let bytes = self.0.dataset.file().bytes();
            let bytes = bytes.get(start + rows.start * stride..start + rows.end * stride);
            let bytes = bytes.ok_or_else(|| self.0.dataset.error("the file is cut short"))?;
            numbers::gather::<C>(bytes, stride, column * size, self.0.element, out);
            return Ok(());
        }
        let all = self.0.dataset.numbers::<C>(&rows)?;
        if self.0.columns == 1 {
            out.extend(all);
        } else {
            out.extend(all.into_iter().skip(column).step_by(self.0.columns));
        }
        Ok(())
    }

    /// Appends the values of one column of several runs of rows. A chunk that follows runs of itself is decoded once.
    ///
    /// # Errors
    /// As [`gather`](Self::gather).
    pub fn gather_runs<C: Convert>(
        &self,
        runs: &[Range<usize>],
        column: usize,
        out: &mut Vec<C::Out>,
    ) -> Result<()> {
        let (Some(chunk), [_, _, ..]) = (self.0.chunk.filter(|&rows| rows > 0), runs) else {
            return runs.iter().try_for_each(|run| self.gather::<C>(run.clone(), column, out));
        };
        let (mut decoded, mut values) = (0..0, Vec::new());
        for run in runs {
            let mut next = run.start;
            while next < run.end {
                if !decoded.contains(&next) {
                    let first = next / chunk * chunk;
                    decoded = first..(first + chunk).min(self.0.rows).max(next + 1);
                    values.clear();
                    self.gather::<C>(decoded.clone(), column, &mut values)?;
                }
                let end = run.end.min(decoded.end);
                out.extend_from_slice(&values[next - decoded.start..end - decoded.start]);
                next = end;
            }
        }
        Ok(())
    }

    /// The numbers of some columns of some rows, row by row: `out` has as many rows as `rows` and is as wide as all the
    /// columns together.
    ///
    /// # Errors
    /// When rows or columns lie outside of the dataset, or it is damaged.
    pub fn window<C: Convert>(
        &self,
        rows: Frames,
        columns: &[Range<usize>],
        out: &mut [C::Out],
    ) -> Result<()> {
        let inner = &self.0;
        if let Some(outside) = columns.iter().find(|c| c.start > c.end || c.end > inner.columns) {
            return Err(inner
                .dataset
                .error(format!("columns {} to {} of {}", outside.start, outside.end, inner.columns)));
        }
        let Some(last) = rows.count.checked_sub(1).map(|n| rows.at(n)) else { return Ok(()) };
        if last >= inner.rows {
            return Err(inner.dataset.error(format!("row {last} of {}", inner.rows)));
        }
        let Some(start) = inner.start else { return inner.dataset.window::<C>(rows, columns, out) };
        let bytes = inner.dataset.file().bytes().get(start..).unwrap_or_default();
        let all = Rows { bytes, columns: inner.columns, element: inner.element };
        all.copy::<C>(rows, columns, out).ok_or_else(|| inner.dataset.error("the file is cut short"))
    }

    /// The values of one column of some rows.
    ///
    /// # Errors
    /// As [`gather`](Self::gather).
    pub fn read<C: Convert>(&self, rows: Range<usize>, column: usize) -> Result<Vec<C::Out>> {
        let mut out = Vec::with_capacity(rows.len().min(self.0.rows));
        self.gather::<C>(rows, column, &mut out)?;
        Ok(out)
    }
}

/// Whether every bit is set. Without a way out in the middle, so that many bytes are compared at a time.
fn all_ones(bytes: &[u8]) -> bool {
    bytes.iter().fold(0xff, |all, byte| all & byte) == 0xff
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;
    use crate::formats::hdf5::{Float64, Truncated};
    use crate::formats::write::hdf5::{Array, File as Writer, Number, Spec};

    const ROWS: u32 = 95;

    /// `whole` lies in one piece, `packed` in compressed chunks of ten rows; both hold pairs (row, row + 1000).
    fn written() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.h5");
        let mut file = Writer::create(&path).unwrap();
        let values: Vec<u32> = (0..ROWS).flat_map(|row| [row, row + 1000]).collect();
        for (name, spec) in [
            ("whole", Spec::fixed(u32::TYPE, &[ROWS.into(), 2])),
            ("packed", Spec::growing(u32::TYPE, &[2]).chunk_rows(10).deflate(4)),
        ] {
            let root = file.root();
            let dataset = file.dataset(root, name, &spec).unwrap();
            file.append(dataset, &Array::numbers(&values)).unwrap();
        }
        file.finish().unwrap();
        (folder, File::open(&path).unwrap())
    }

    #[test]
    fn runs_come_out_the_same_in_place_and_from_chunks() {
        let (_folder, file) = written();
        let runs = [3..5, 8..14, 14..14, 50..95, 0..1];
        let expected: Vec<i64> = runs.iter().cloned().flatten().map(|row| row as i64 + 1000).collect();
        for (name, in_place) in [("whole", true), ("packed", false)] {
            let series = Series::open(&file, name).unwrap();
            assert_eq!((series.chunk_rows().is_none(), series.0.start.is_some()), (in_place, in_place));
            let mut out = Vec::new();
            series.gather_runs::<Truncated>(&runs, 1, &mut out).unwrap();
            assert_eq!(out, expected, "{name}");
            assert_eq!(series.read::<Float64>(9..11, 0).unwrap(), [9.0, 10.0]);
            assert!(series.gather_runs::<Truncated>(&[0..2, 90..96], 0, &mut out).is_err());
            assert!(series.read::<Truncated>(0..1, 2).is_err());
        }
    }

    #[test]
    fn windows_come_out_the_same_in_place_and_from_chunks() {
        let (_folder, file) = written();
        let all: Vec<i64> = (0..i64::from(ROWS)).flat_map(|row| [row, row + 1000]).collect();
        let rows = [(0, 1, 95), (7, 3, 20), (90, 1, 5), (3, 40, 3), (5, 1, 0)];
        for (first, step, count) in rows {
            let rows = Frames { first, step, count };
            for columns in [&[0..2][..], &[1..2, 0..1], &[1..1, 1..2], &[0..1, 1..2, 1..2], &[]] {
                let picked = |row: usize| columns.iter().cloned().flatten().map(move |c| (row, c));
                let expected: Vec<i64> =
                    rows.iter().flat_map(picked).map(|(row, column)| all[row * 2 + column]).collect();
                for name in ["whole", "packed"] {
                    let mut out = vec![0; expected.len()];
                    let series = Series::open(&file, name).unwrap();
                    series.window::<Truncated>(rows, columns, &mut out).unwrap();
                    assert_eq!(out, expected, "{name} {rows:?} {columns:?}");
                }
            }
        }
        let series = Series::open(&file, "packed").unwrap();
        let one = Frames { first: 94, step: 1, count: 2 };
        assert!(series.window::<Truncated>(one, std::slice::from_ref(&(0..1)), &mut [0; 2]).is_err());
        let one = Frames { count: 1, ..one };
        assert!(series.window::<Truncated>(one, std::slice::from_ref(&(2..3)), &mut [0]).is_err());
    }
}
