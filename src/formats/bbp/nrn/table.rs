//! One file of the nrn family: a table for each cell, in the dataset `a<gid>`. A file that was never merged is a set
//! of parts `nrn.h5.0`, `nrn.h5.1` …, read as one.

use std::path::{Path, PathBuf};

use crate::diag::{Error, Result};
use crate::formats::hdf5::{Convert, Extents, File, Member};
use crate::model::Morsel;

/// Consecutive rows of the table of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::formats) struct Run {
    /// Which table.
    pub(in crate::formats) table: u32,
    /// The first row.
    pub(in crate::formats) start: u32,
    /// How many rows.
    pub(in crate::formats) rows: u32,
}

/// The tables of all cells, ordered by gid.
pub(in crate::formats) struct Table {
    path: PathBuf,
    gids: Vec<i64>,
    extents: Extents<i64>,
    columns: usize,
    rows: u64,
    version: i64,
}

/// The gid in the name of a dataset: `a17` is 17; `info` and `a17_afferentIndices` are not cells.
pub(in crate::formats) fn gid_of(name: &str) -> Option<i64> {
    let digits = name.strip_prefix('a')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl Table {
    /// Opens a file, or its parts. Every table must have the same number of columns, one of `widths`.
    ///
    /// # Errors
    /// When it (or a part) is missing or damaged, or holds tables of another width.
    pub(in crate::formats) fn open(path: &Path, widths: &[usize]) -> Result<Self> {
        Self::of_datasets(path, widths, gid_of)
    }

    /// The same for datasets whose names tell their cell in another way.
    pub(in crate::formats) fn of_datasets(
        path: &Path,
        widths: &[usize],
        keep: fn(&str) -> Option<i64>,
    ) -> Result<Self> {
        let mut extents: Option<Extents<i64>> = None;
        let mut version = 0;
        for part in parts(path)? {
            let more = part.extents("/", keep)?;
            version = version.max(info(&part, "version")?.unwrap_or(0));
            match &mut extents {
                Some(all) => all.append(more),
                None => extents = Some(more),
            }
        }
        let mut extents = extents.ok_or_else(|| Error::format("the set of files is empty").in_file(path))?;
        extents.sort();
        let gids: Vec<i64> = (0..extents.len()).map(|t| *extents.key(t)).collect();
        let mut table = Table { path: path.to_owned(), gids, extents, columns: 0, rows: 0, version };
        table.check(widths)?;
        Ok(table)
    }

    fn check(&mut self, widths: &[usize]) -> Result<()> {
        if let Some(twice) = self.gids.windows(2).position(|w| w[0] == w[1]) {
            return Err(self.error(twice, "the cell has two datasets"));
        }
        self.columns =
            (0..self.len()).map(|t| self.extents.extent(t)).find(|e| e.rows > 0).map_or(0, |e| e.columns);
        for at in 0..self.len() {
            let extent = self.extents.extent(at);
            if extent.rows > 0 && (extent.columns != self.columns || !widths.contains(&extent.columns)) {
                let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
                return Err(self.error(
                    at,
                    format!(
                        "the table has {} columns where a file of this kind has {}",
                        extent.columns,
                        widths.join(" or ")
                    ),
                ));
            }
            if u32::try_from(extent.rows).is_err() {
                return Err(self.error(at, format!("the table claims {} rows", extent.rows)));
            }
            self.rows += extent.rows as u64;
        }
        Ok(())
    }

    /// An error about the table of one cell.
    pub(in crate::formats) fn error(&self, at: usize, message: impl Into<String>) -> Error {
        Error::format(message).in_dataset(self.extents.file(at).path(), format!("a{}", self.gids[at]))
    }

    /// The path that was opened.
    pub(in crate::formats) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name, for people.
    pub(in crate::formats) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How many cells have a table.
    pub(in crate::formats) fn len(&self) -> usize {
        self.gids.len()
    }

    /// The gids of the tables, ascending.
    pub(in crate::formats) fn gids(&self) -> &[i64] {
        &self.gids
    }

    /// The number of columns; 0 if no table has a row.
    pub(in crate::formats) fn columns(&self) -> usize {
        self.columns
    }

    /// The rows of all tables.
    pub(in crate::formats) fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows of one table.
    pub(in crate::formats) fn rows_of(&self, at: usize) -> usize {
        self.extents.extent(at).rows
    }

    /// The version of the format; 0 where the file does not say.
    pub(in crate::formats) fn version(&self) -> i64 {
        self.version
    }

    /// Whether 32-bit floating point cannot hold the numbers.
    pub(in crate::formats) fn needs_64_bits(&self) -> bool {
        (0..self.len()).any(|at| self.extents.extent(at).element.needs_64_bits())
    }

    /// The table of a cell.
    pub(in crate::formats) fn find(&self, gid: i64) -> Option<usize> {
        // Gids ascend, so a cell can stand no further than its distance from the first; where all cells have a
        // table it stands exactly there.
        let furthest = usize::try_from(gid.checked_sub(*self.gids.first()?)?).ok()?;
        if self.gids.get(furthest) == Some(&gid) {
            return Some(furthest);
        }
        let up_to = furthest.min(self.len());
        self.gids[..up_to].binary_search(&gid).ok()
    }

    /// The tables of those cells that have one.
    pub(in crate::formats) fn find_all(&self, gids: &[i64]) -> Vec<usize> {
        gids.iter().filter_map(|&gid| self.find(gid)).collect()
    }

    /// All rows of some tables; a table of more rows than a morsel should have comes in pieces.
    pub(in crate::formats) fn runs(&self, tables: impl Iterator<Item = usize>) -> Vec<Run> {
        let mut runs = Vec::with_capacity(tables.size_hint().0);
        for table in tables {
            runs.extend(Morsel::cut(self.rows_of(table)).iter().map(|piece| Run {
                table: table as u32,
                start: piece.units.start as u32,
                rows: piece.rows as u32,
            }));
        }
        runs
    }

    /// The values of a column over some runs, one after the other.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(in crate::formats) fn gather<C: Convert>(&self, runs: &[Run], column: usize) -> Result<Vec<C::Out>> {
        let mut out = Vec::with_capacity(rows_in(runs));
        for run in runs {
            let (at, start) = (run.table as usize, run.start as usize);
            self.extents
                .gather::<C>(at, start..start + run.rows as usize, column, &mut out)
                .map_err(|e| e.in_file(&self.path))?;
        }
        Ok(out)
    }

    /// A column of one table, into a buffer that is used again.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(in crate::formats) fn column<C: Convert>(
        &self,
        at: usize,
        column: usize,
        out: &mut Vec<C::Out>,
    ) -> Result<()> {
        out.clear();
        self.extents.gather::<C>(at, 0..self.rows_of(at), column, out)
    }
}

/// How many rows the runs hold.
pub(in crate::formats) fn rows_in(runs: &[Run]) -> usize {
    runs.iter().map(|r| r.rows as usize).sum()
}

/// Groups runs into morsels.
pub(in crate::formats) fn morsels(runs: &[Run]) -> Vec<Morsel> {
    Morsel::grouped(runs.iter().map(|run| run.rows as usize))
}

/// The files that make up one file of the family: itself, or its unmerged parts.
fn parts(path: &Path) -> Result<Vec<File>> {
    let mut expected = None;
    if path.exists() {
        let file = File::open(path)?;
        expected = info(&file, "numberOfFiles")?;
        let whole = file.first_extent("/", |name| gid_of(name).is_some())?.is_some();
        if whole || expected.is_none_or(|n| n <= 1) {
            if !whole && file.find("info") != Some(Member::Dataset) {
                return Err(
                    Error::format("this is no file of synapses: it has no dataset a<gid>").in_file(path)
                );
            }
            return Ok(vec![file]);
        }
    }
    let found = numbered(path);
    let files: Vec<File> = found.iter().map(|(_, path)| File::open(path)).collect::<Result<_>>()?;
    for file in &files {
        expected = expected.max(info(file, "numberOfFiles")?);
    }
    let last = found.last().map_or(0, |f| f.0 + 1);
    let expected = expected.and_then(|n| u64::try_from(n).ok()).unwrap_or(0).max(last);
    if let Some(missing) = (0..expected).find(|n| found.binary_search_by_key(n, |f| f.0).is_err()) {
        return Err(Error::new(
            crate::diag::Code::Io,
            format!("the set of {expected} unmerged files lacks {}", part(path, missing).display()),
        )
        .in_file(path));
    }
    if files.is_empty() {
        return Err(Error::io("open", path, &std::io::ErrorKind::NotFound.into()));
    }
    Ok(files)
}

/// The path of a part.
fn part(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The parts that stand beside a path, by number.
pub(in crate::formats) fn numbered(path: &Path) -> Vec<(u64, PathBuf)> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Vec::new(),
    };
    let Some(stem) = path.file_name().and_then(|n| n.to_str()) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let number = |name: &str| name.strip_prefix(stem)?.strip_prefix('.')?.parse::<u64>().ok();
    let mut found: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|e| Some((number(e.file_name().to_str()?)?, e.path())))
        .filter(|(number, path)| *path == part(&folder.join(stem), *number))
        .collect();
    found.sort();
    found
}

/// A number that the dataset `info` carries as an attribute.
fn info(file: &File, name: &str) -> Result<Option<i64>> {
    if file.find("info") != Some(Member::Dataset) {
        return Ok(None);
    }
    let value = file.attribute("info", name)?;
    Ok(value.as_ref().and_then(|v| v.as_i64().or_else(|| v.as_f64().map(|f| f as i64))))
}
