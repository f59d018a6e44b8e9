//! The values of one attribute: numbers that are none or cannot be, codes that a library lacks, texts that say nothing.

use std::ops::Range;

use arrow_array::cast::AsArray;
use rayon::prelude::*;

use super::{Findings, Severity, Texts, counted};
use crate::diag::work::Progress;
use crate::diag::{Result, work};
use crate::formats::hdf5::{Convert, Dataset, Float64, Kind, Series, Truncated};
use crate::formats::table::{format_count, format_number};

/// Rows that one task looks at.
const ROWS: usize = 1 << 17;

/// How often something was seen among the rows, and where first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) count: u64,
    first: Option<(u64, f64)>,
}

impl Seen {
    pub(super) fn see(&mut self, row: u64, value: f64) {
        self.count += 1;
        if self.first.is_none_or(|first| row < first.0) {
            self.first = Some((row, value));
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        let first = match (self.first, other.first) {
            (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
            (a, b) => a.or(b),
        };
        Seen { count: self.count + other.count, first }
    }

    /// The row at which it was seen first.
    pub(super) fn row(&self) -> u64 {
        self.first.map_or(0, |first| first.0)
    }

    /// The value that was seen first.
    pub(super) fn value(&self) -> f64 {
        self.first.map_or(f64::NAN, |first| first.1)
    }

    /// The value that was seen first, which is a whole number.
    pub(super) fn id(&self) -> i64 {
        self.value() as i64
    }

    /// As in "3 nodes, the first is node 7".
    pub(super) fn rows(&self, noun: &str) -> String {
        let first = format_count(self.row());
        match self.count {
            1 => format!("{noun} {first}"),
            many => format!("{}, the first is {noun} {first}", counted(many, noun)),
        }
    }
}

/// The pieces in which a column is read: none is decoded twice.
fn pieces(rows: usize, series: &[(&Series, usize)]) -> Vec<Range<usize>> {
    let chunk = series.iter().filter_map(|(s, _)| s.chunk_rows()).max().unwrap_or(1).max(1);
    let size = ROWS.div_ceil(chunk).saturating_mul(chunk);
    (0..rows).step_by(size).map(|start| start..start.saturating_add(size).min(rows)).collect()
}

/// Goes through columns of the same length, piece by piece: `visit` gets the first row of a piece, and the values of each
/// column; what it makes of the pieces is put together by `merge`.
pub(super) fn fold<C: Convert, T: Default + Send>(
    columns: &[(&Series, usize)],
    progress: &Progress,
    visit: impl Fn(&mut T, usize, &[Vec<C::Out>]) + Sync,
    merge: impl Fn(T, T) -> T + Sync + Send,
) -> Result<T>
where
    C::Out: Send,
{
    let rows = columns.iter().map(|(s, _)| s.rows()).min().unwrap_or(0);
    pieces(rows, columns)
        .into_par_iter()
        .map(|piece| {
            let read = |(series, column): &(&Series, usize)| series.read::<C>(piece.clone(), *column);
            let values = columns.iter().map(read).collect::<Result<Vec<_>>>()?;
            let mut found = T::default();
            visit(&mut found, piece.start, &values);
            progress.advance((piece.len() * columns.len()) as u64)?;
            Ok(found)
        })
        .try_reduce(T::default, |a, b| Ok(merge(a, b)))
}

/// A unit quaternion that was rounded is so far from the length 1.
const ROUNDED: f64 = 1e-3;

/// Whether a length is 1, but for rounding.
pub(super) fn is_unit(length: f64) -> bool {
    (length - 1.0).abs() <= ROUNDED
}

/// What the numbers of a column may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) lowest: f64,
    pub(super) highest: f64,
    /// How bad a number outside is.
    pub(super) outside: Severity,
    /// How bad it is where there is no number.
    pub(super) nan: Severity,
}

impl Default for Bounds {
    /// Any number, or none: what an attribute that nobody knows may hold.
    fn default() -> Self {
        let (lowest, highest) = (f64::NEG_INFINITY, f64::INFINITY);
        Bounds { lowest, highest, outside: Severity::Warning, nan: Severity::Info }
    }
}

impl Bounds {
    pub(super) fn from(lowest: f64, outside: Severity) -> Self {
        Self::within(lowest, f64::INFINITY, outside)
    }

    pub(super) fn within(lowest: f64, highest: f64, outside: Severity) -> Self {
        Bounds { lowest, highest, outside, nan: Severity::Warning }
    }

    pub(super) fn nan(self, nan: Severity) -> Self {
        Bounds { nan, ..self }
    }
}

/// The numbers of a column, as far as they are of interest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) nan: Seen,
    pub(super) infinite: Seen,
    pub(super) outside: Seen,
    pub(super) least: f64,
    pub(super) greatest: f64,
}

impl Default for Numbers {
    fn default() -> Self {
        let none = Seen::default();
        Numbers {
            nan: none,
            infinite: none,
            outside: none,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl Numbers {
    pub(super) fn and(self, other: Self) -> Self {
        Numbers {
            nan: self.nan.and(other.nan),
            infinite: self.infinite.and(other.infinite),
            outside: self.outside.and(other.outside),
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    pub(super) fn see(&mut self, row: u64, value: f64, bounds: &Bounds) {
        if value.is_nan() {
            return self.nan.see(row, value);
        }
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        if value.is_infinite() {
            self.infinite.see(row, value);
        } else if value < bounds.lowest || value > bounds.highest {
            self.outside.see(row, value);
        }
    }

    pub(super) fn of(series: &Series, column: usize, bounds: &Bounds, progress: &Progress) -> Result<Self> {
        let visit = |found: &mut Numbers, start: usize, values: &[Vec<f64>]| {
            values[0].iter().zip(start as u64..).for_each(|(&value, row)| found.see(row, value, bounds));
        };
        fold::<Float64, Numbers>(&[(series, column)], progress, visit, Numbers::and)
    }

    /// Tells what is wrong with them.
    pub(super) fn report(&self, findings: &mut Findings, about: &About<'_>, bounds: &Bounds) {
        let (name, noun) = (about.name, about.noun);
        if self.nan.count > 0 {
            about.tell(findings, bounds.nan, format!("`{name}` is NaN for {}", self.nan.rows(noun)));
        }
        if self.infinite.count > 0 {
            about.tell(
                findings,
                bounds.nan,
                format!("`{name}` is infinite for {}", self.infinite.rows(noun)),
            );
        }
        if self.outside.count > 0 {
            let (rows, value) = (self.outside.rows(noun), format_number(self.outside.value()));
            let allowed = match (bounds.lowest, bounds.highest) {
                (lowest, highest) if highest.is_infinite() => {
                    format!("is never below {}", format_number(lowest))
                }
                (lowest, highest) => {
                    format!("is from {} to {}", format_number(lowest), format_number(highest))
                }
            };
            let message = format!("`{name}`, which {allowed}, is {value} for {rows}");
            about.tell(findings, bounds.outside, message);
        }
    }
}

/// What a finding about a column is about.
pub(super) struct About<'a> {
    /// The dataset.
    pub(super) dataset: &'a Dataset,
    /// Its name for people.
    pub(super) name: &'a str,
    /// What a row is.
    pub(super) noun: &'a str,
}

impl About<'_> {
    pub(super) fn tell(&self, findings: &mut Findings, severity: Severity, message: String) {
        findings.add(severity, self.dataset.file().path(), self.dataset.path(), message);
    }
}

/// Checks an attribute that should have `rows` rows, and gives its numbers if it has one column of them.
///
/// # Errors
/// When the work was stopped.
pub(super) fn attribute(
    findings: &mut Findings,
    about: &About<'_>,
    library: Option<&Dataset>,
    rows: usize,
    bounds: &Bounds,
    progress: &Progress,
) -> Result<Option<Numbers>> {
    let dataset = about.dataset;
    let file = dataset.file().path().to_owned();
    let Some(found) = findings.take(Severity::Fatal, &file, dataset.rows())? else { return Ok(None) };
    if found != rows || dataset.shape().is_empty() {
        let of = counted(rows as u64, about.noun);
        let message = format!("`{}` has {} for {of}", about.name, counted(found as u64, "row"));
        about.tell(findings, Severity::Fatal, message);
        return Ok(None);
    }
    match dataset.kind() {
        Kind::Int if library.is_some() => {
            if let Some(library) = library {
                let codes = codes(dataset, library, progress);
                if let Some(codes) = findings.take(Severity::Fatal, &file, codes)? {
                    codes.report(findings, about);
                }
            }
            Ok(None)
        }
        Kind::Int | Kind::Float32 | Kind::Float64 => {
            let Some(series) = findings.take(Severity::Fatal, &file, Series::of(dataset.clone()))? else {
                return Ok(None);
            };
            let mut last = None;
            for column in 0..series.columns() {
                let numbers = Numbers::of(&series, column, bounds, progress);
                let Some(numbers) = findings.take(Severity::Fatal, &file, numbers)? else { return Ok(None) };
                let component = format!("{}[{column}]", about.name);
                let name = if series.columns() == 1 { about.name } else { &component };
                numbers.report(findings, &About { name, ..*about }, bounds);
                last = Some(numbers);
            }
            Ok(last.filter(|_| series.columns() == 1))
        }
        Kind::Text => {
            work::check()?;
            if let Some(values) = findings.take(Severity::Fatal, &file, dataset.read())? {
                let mut empty = Seen::default();
                let texts = values.as_string::<i32>();
                texts
                    .iter()
                    .zip(0..)
                    .filter(|(t, _)| t.is_none_or(str::is_empty))
                    .for_each(|(_, row)| empty.see(row, 0.0));
                if empty.count > 0 {
                    let message = format!("`{}` is empty for {}", about.name, empty.rows(about.noun));
                    about.tell(findings, Severity::Warning, message);
                }
            }
            Ok(None)
        }
        Kind::Bool | Kind::Enumeration => findings.take(Severity::Fatal, &file, dataset.read()).map(|_| None),
        Kind::Other => {
            about.tell(findings, Severity::Warning, format!("the values of `{}` cannot be read", about.name));
            Ok(None)
        }
    }
}

/// The codes of an attribute that points into a library.
struct Codes {
    outside: Seen,
    used: Vec<bool>,
    names: usize,
    repeated: Option<String>,
}

/// A library of more names is no list of names; the codes of an attribute could not be counted in memory.
const MOST_NAMES: usize = 1 << 26;

fn codes(dataset: &Dataset, library: &Dataset, progress: &Progress) -> Result<Codes> {
    let names = library.rows()?;
    if names > MOST_NAMES {
        return Err(library.error(format!("a library of {names} values")));
    }
    let series = Series::of(dataset.clone())?;
    let visit = |found: &mut (Seen, Vec<bool>), start: usize, values: &[Vec<i64>]| {
        found.1.resize(names, false);
        for (&code, row) in values[0].iter().zip(start as u64..) {
            match usize::try_from(code).ok().and_then(|code| found.1.get_mut(code)) {
                Some(used) => *used = true,
                None => found.0.see(row, code as f64),
            }
        }
    };
    let merge = |a: (Seen, Vec<bool>), b: (Seen, Vec<bool>)| {
        let (mut used, other) = if a.1.len() >= b.1.len() { (a.1, b.1) } else { (b.1, a.1) };
        used.iter_mut().zip(other).for_each(|(used, other)| *used |= other);
        (a.0.and(b.0), used)
    };
    let (outside, used) = fold::<Truncated, _>(&[(&series, 0)], progress, visit, merge)?;
    let values = library.read()?;
    let repeated = values.as_string_opt::<i32>().and_then(|texts| {
        let mut known = std::collections::HashSet::new();
        texts.iter().flatten().find(|&text| !known.insert(text)).map(str::to_owned)
    });
    Ok(Codes { outside, used, names, repeated })
}

impl Codes {
    fn report(&self, findings: &mut Findings, about: &About<'_>) {
        let (name, names) = (about.name, counted(self.names as u64, "value"));
        if self.outside.count > 0 {
            let (rows, code) = (self.outside.rows(about.noun), self.outside.id());
            let message = format!("`{name}` is the code {code} for {rows}, and its library has {names}");
            about.tell(findings, Severity::Fatal, message);
        }
        if let Some(twice) = &self.repeated {
            let message = format!("`{twice}` is in the library of `{name}` more than once");
            about.tell(findings, Severity::Warning, message);
        }
    }
}

/// The distinct texts of an attribute, over its library if it has one.
///
/// # Errors
/// When a dataset is damaged or does not hold text.
pub(super) fn texts(dataset: &Dataset, library: Option<&Dataset>, progress: &Progress) -> Result<Texts> {
    let (values, used) = match library {
        Some(library) => (library.read()?, Some(codes(dataset, library, progress)?.used)),
        None => (dataset.read()?, None),
    };
    let texts = values.as_string_opt::<i32>().ok_or_else(|| dataset.error("text is expected"))?;
    let is_used = |at: usize| used.as_ref().is_none_or(|used| used.get(at).copied().unwrap_or(false));
    Ok(texts
        .iter()
        .enumerate()
        .filter(|(at, _)| is_used(*at))
        .filter_map(|(_, t)| t.map(str::to_owned))
        .collect())
}
