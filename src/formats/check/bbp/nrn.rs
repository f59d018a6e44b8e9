//! Synapses of the nrn.h5 family: nrn.h5 itself, and whether the files beside it say the same.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::super::columns::{Bounds, Numbers, Seen};
use super::super::ledger::{Ledger, entry, spread};
use super::super::{Findings, Severity, counted};
use crate::diag::Result;
use crate::diag::work::Progress;
use crate::formats::bbp::nrn::connections::{self, Direction};
use crate::formats::bbp::nrn::table::{Run, Table};
use crate::formats::bbp::nrn::{Files, POSITION_WIDTHS, SYNAPSE_WIDTHS, indices};
use crate::formats::hdf5::{Float64, Rounded};
use crate::formats::table::format_number;
use crate::model::{CellTable, IdSet};

/// Runs of rows that one task looks at.
const RUNS: usize = 16;
/// Cells that are named of those that are wrong.
const SHOWN: usize = 5;
/// The first gid that 32-bit floating point cannot tell from its neighbour.
const INEXACT: i64 = 1 << 24;

/// The columns of a table of synapses, and which numbers they can be.
const COLUMNS: [(&str, f64, f64); 19] = [
    ("peer gid", 1.0, f64::INFINITY),
    ("delay", 0.0, f64::INFINITY),
    ("post section", 0.0, f64::INFINITY),
    ("post segment", 0.0, f64::INFINITY),
    // The soma has -1.
    ("post offset", -1.0, f64::INFINITY),
    ("pre section", 0.0, f64::INFINITY),
    ("pre segment", 0.0, f64::INFINITY),
    ("pre offset", -1.0, f64::INFINITY),
    ("conductance", 0.0, f64::INFINITY),
    ("utilization", 0.0, 1.0),
    ("depression time", 0.0, f64::INFINITY),
    ("facilitation time", 0.0, f64::INFINITY),
    ("decay time", 0.0, f64::INFINITY),
    ("type", 0.0, f64::INFINITY),
    ("pre m-type", f64::NEG_INFINITY, f64::INFINITY),
    ("post branch order", f64::NEG_INFINITY, f64::INFINITY),
    ("pre branch order", f64::NEG_INFINITY, f64::INFINITY),
    ("vesicles or efficacy", f64::NEG_INFINITY, f64::INFINITY),
    ("post branch type", 0.0, 3.0),
];

/// Columns whose impossible numbers make every answer wrong; others are odd.
const ESSENTIAL: [usize; 5] = [0, 1, 8, 12, 13];

/// Which cells make the synapses.
#[derive(Clone, Copy)]
pub(super) enum Sources<'a> {
    /// The cells of the circuit.
    Cells,
    /// Those of a target, which the configuration names.
    Target(&'a str, &'a IdSet),
    /// Nobody says.
    Any,
}

/// Whether a folder has no file of the family.
pub(super) fn is_missing(folder: &Path) -> bool {
    Files::find(folder).is_err()
}

/// Checks a file or folder of synapses and everything that belongs to it.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check(
    findings: &mut Findings,
    path: &Path,
    cells: Option<&Arc<CellTable>>,
    sources: Sources<'_>,
) -> Result<()> {
    let Some(files) = findings.take(Severity::Fatal, path, Files::find(path))? else { return Ok(()) };
    let open = |findings: &mut Findings, path: &Option<std::path::PathBuf>, widths: &[usize]| {
        let Some(path) = path else { return Ok(None) };
        findings.take(Severity::Fatal, path, Table::open(path, widths))
    };
    let efferent = open(findings, &files.efferent, &SYNAPSE_WIDTHS)?;
    let summary = open(findings, &files.summary, &[3])?;
    let positions = open(findings, &files.positions, &POSITION_WIDTHS)?;
    let positions_efferent = open(findings, &files.positions_efferent, &POSITION_WIDTHS)?;
    let Some(main) = open(findings, &Some(files.main.clone()), &SYNAPSE_WIDTHS)? else { return Ok(()) };
    let mirror = Mirror::new(&main);
    check_main(findings, &main, &mirror, cells, sources)?;
    if let Some(efferent) = &efferent {
        check_efferent(findings, efferent, &main, &mirror)?;
    }
    if let Some(summary) = &summary {
        check_summary(findings, summary, &main, cells)?;
    }
    if let Some(positions) = &positions {
        check_positions(findings, positions, &main)?;
    }
    if let (Some(positions), Some(efferent)) = (&positions_efferent, &efferent) {
        check_positions(findings, positions, efferent)?;
    }
    Ok(())
}

/// The synapses of nrn.h5 against those of nrn_efferent.h5, by post cell.
struct Mirror {
    /// Which synapse is made by which cell.
    places: Ledger,
    /// The same with all columns.
    values: Ledger,
}

impl Mirror {
    fn new(main: &Table) -> Self {
        Mirror { places: Ledger::new(main.len()), values: Ledger::new(main.len()) }
    }
}

/// Hashes of a synapse: of where it is and who makes it, and with all its values.
fn hashes(post: i64, row: u64, pre: i64, values: impl Iterator<Item = f64>) -> (u64, u64) {
    let place = entry(spread(post as u64).wrapping_add(row), spread(pre as u64));
    (place, values.fold(place, |hash, value| spread(hash ^ value.to_bits())))
}

/// Columns of some rows: the peers, and everything as numbers.
struct Rows {
    peers: Vec<i64>,
    columns: Vec<Vec<f64>>,
}

impl Rows {
    fn read(table: &Table, run: Run) -> Result<Self> {
        let columns = (0..table.columns()).map(|c| table.gather::<Float64>(&[run], c));
        Ok(Rows { peers: table.gather::<Rounded>(&[run], 0)?, columns: columns.collect::<Result<_>>()? })
    }

    /// The values of a row but for the peer.
    fn values(&self, row: usize) -> impl Iterator<Item = f64> {
        self.columns[1..].iter().map(move |c| c[row])
    }
}

/// Something about cells: how many, and the first of them.
#[derive(Default)]
struct Gids {
    count: u64,
    first: Vec<i64>,
}

impl Gids {
    fn see(&mut self, gid: i64) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(gid);
        }
    }

    fn shown(&self) -> String {
        let first: Vec<String> = self.first.iter().map(i64::to_string).collect();
        let more = if self.count as usize > first.len() { " …" } else { "" };
        first.join(", ") + more
    }
}

impl FromIterator<i64> for Gids {
    fn from_iter<I: IntoIterator<Item = i64>>(gids: I) -> Self {
        let mut found = Gids::default();
        gids.into_iter().for_each(|gid| found.see(gid));
        found
    }
}

/// What the rows of a table hold.
#[derive(Default)]
struct Contents {
    /// By column; the row that is shown is the cell.
    columns: Vec<Numbers>,
    /// Synapses of peers that should not be there, with the peer as value.
    strangers: Seen,
    /// Peers that are no whole numbers.
    broken: Seen,
}

impl Contents {
    fn and(mut self, mut other: Self) -> Self {
        if self.columns.len() < other.columns.len() {
            std::mem::swap(&mut self.columns, &mut other.columns);
        }
        for (mine, other) in self.columns.iter_mut().zip(other.columns) {
            *mine = mine.and(other);
        }
        Contents {
            columns: self.columns,
            strangers: self.strangers.and(other.strangers),
            broken: self.broken.and(other.broken),
        }
    }
}

fn bounds(column: usize) -> Bounds {
    let (_, lowest, highest) = COLUMNS[column.min(COLUMNS.len() - 1)];
    let severity = if ESSENTIAL.contains(&column) { Severity::Fatal } else { Severity::Warning };
    Bounds { lowest, highest, outside: severity, nan: severity }
}

/// Goes through all rows of a table, some runs at a time.
fn scan(
    table: &Table,
    what: &'static str,
    visit: impl Fn(&mut Contents, Run, &Rows) -> Result<()> + Sync,
) -> Result<Contents> {
    let runs = table.runs(0..table.len());
    let progress = Progress::new(what, table.rows());
    runs.par_chunks(RUNS)
        .map(|runs| {
            let mut contents = Contents::default();
            for run in runs {
                let rows = Rows::read(table, *run)?;
                visit(&mut contents, *run, &rows)?;
                progress.advance(run.rows.into())?;
            }
            Ok(contents)
        })
        .try_reduce(Contents::default, |a, b| Ok(a.and(b)))
}

/// Looks at the numbers of some rows, as those of a cell.
fn look(contents: &mut Contents, gid: i64, rows: &Rows, bounds: impl Fn(usize) -> Bounds) {
    contents.columns.resize(rows.columns.len(), Numbers::default());
    for (column, (values, numbers)) in rows.columns.iter().zip(&mut contents.columns).enumerate() {
        let bounds = bounds(column);
        for &value in values {
            numbers.see(gid as u64, value, &bounds);
        }
    }
}

fn check_main(
    findings: &mut Findings,
    main: &Table,
    mirror: &Mirror,
    cells: Option<&Arc<CellTable>>,
    sources: Sources<'_>,
) -> Result<()> {
    let known = |pre: i64| match sources {
        Sources::Cells => cells.is_none_or(|cells| cells.row_of(pre).is_some()),
        Sources::Target(_, ids) => ids.contains(pre),
        Sources::Any => pre > 0,
    };
    let contents = scan(main, "checking synapses", |contents, run, rows| {
        let (at, gid) = (run.table as usize, main.gids()[run.table as usize]);
        look(contents, gid, rows, bounds);
        let (mut places, mut values) = (0u64, 0u64);
        for (row, (&pre, raw)) in rows.peers.iter().zip(&rows.columns[0]).enumerate() {
            if raw.fract() != 0.0 {
                contents.broken.see(gid as u64, *raw);
            } else if !known(pre) {
                contents.strangers.see(gid as u64, *raw);
            }
            let (place, value) = hashes(gid, u64::from(run.start) + row as u64, pre, rows.values(row));
            places = places.wrapping_add(place);
            values = values.wrapping_add(value);
        }
        mirror.places.add(at, places);
        mirror.values.add(at, values);
        Ok(())
    });
    let Some(contents) = findings.take(Severity::Fatal, main.path(), contents)? else { return Ok(()) };
    tell_numbers(findings, main, &contents);
    if let Some(cells) = cells {
        let strange: Gids = main.gids().iter().copied().filter(|&gid| cells.row_of(gid).is_none()).collect();
        if strange.count > 0 {
            let (tables, of) = (counted(strange.count, "table"), cells.describe_ids());
            let message =
                format!("{tables} of cells that the circuit does not have: {}; {of}", strange.shown());
            findings.add(Severity::Fatal, main.path(), "", message);
        }
    }
    if contents.strangers.count > 0 {
        let (severity, whose) = match sources {
            Sources::Cells => (Severity::Fatal, "which the circuit does not have".to_owned()),
            Sources::Target(name, _) => (Severity::Warning, format!("which is not in target `{name}`")),
            Sources::Any => (Severity::Fatal, "which is none".to_owned()),
        };
        let (count, first) = (counted(contents.strangers.count, "synapse"), contents.strangers.row());
        let pre = contents.strangers.id();
        let message = format!("{count} of a cell {whose}: the first onto cell {first}, of cell {pre}");
        findings.add(severity, main.path(), format!("a{first}"), message);
    }
    if !main.needs_64_bits() && main.gids().last().is_some_and(|&gid| gid >= INEXACT) {
        let message = "32-bit floating point does not hold gids from 16,777,216 on exactly";
        findings.add(Severity::Warning, main.path(), "", message);
    }
    Ok(())
}

fn tell_numbers(findings: &mut Findings, table: &Table, contents: &Contents) {
    for (column, numbers) in contents.columns.iter().enumerate() {
        let bounds = bounds(column);
        let name = COLUMNS[column.min(COLUMNS.len() - 1)].0;
        for (seen, severity) in
            [(&numbers.nan, bounds.nan), (&numbers.infinite, bounds.nan), (&numbers.outside, bounds.outside)]
        {
            if seen.count > 0 {
                let (count, gid) = (counted(seen.count, "synapse"), seen.row());
                let value =
                    if seen.value().is_nan() { "NaN".to_owned() } else { format_number(seen.value()) };
                let message =
                    format!("{name} (column {column}) cannot be {value}: {count}, the first of cell {gid}");
                findings.add(severity, table.path(), format!("a{gid}"), message);
            }
        }
    }
    if contents.broken.count > 0 && !contents.broken.value().is_nan() {
        let (count, gid, value) =
            (counted(contents.broken.count, "synapse"), contents.broken.row(), contents.broken.value());
        let message = format!("a gid is a whole number, not {value}: {count}, the first of cell {gid}");
        findings.add(Severity::Fatal, table.path(), format!("a{gid}"), message);
    }
}

/// nrn_efferent.h5: the same synapses from the other side.
fn check_efferent(findings: &mut Findings, efferent: &Table, main: &Table, mirror: &Mirror) -> Result<()> {
    let path = efferent.path();
    if efferent.rows() != main.rows() {
        let (here, there) = (counted(efferent.rows(), "synapse"), counted(main.rows(), "synapse"));
        findings.add(Severity::Fatal, path, "", format!("here are {here}, in {} are {there}", main.name()));
    }
    let Some(indices) = findings.take(Severity::Fatal, path, indices(path))? else { return Ok(()) };
    if indices.rows() == 0 && efferent.rows() > 0 {
        let message = format!(
            "the datasets a…_afferentIndices are missing: nobody can tell which synapses of {} these are",
            main.name()
        );
        findings.add(Severity::Warning, path, "", message);
        return Ok(());
    }
    let of_table =
        |at: usize| indices.find(efferent.gids()[at]).filter(|&i| indices.rows_of(i) == efferent.rows_of(at));
    let unmatched: Gids = (0..efferent.len())
        .filter(|&at| efferent.rows_of(at) > 0 && of_table(at).is_none())
        .map(|at| efferent.gids()[at])
        .collect();
    if unmatched.count > 0 {
        let cells = counted(unmatched.count, "cell");
        let message =
            format!("a…_afferentIndices has other rows than the table of {cells}: {}", unmatched.shown());
        findings.add(Severity::Fatal, path, format!("a{}", unmatched.first[0]), message);
    }
    let contents = scan(efferent, "checking nrn_efferent", |contents, run, rows| {
        let (at, pre) = (run.table as usize, efferent.gids()[run.table as usize]);
        let Some(indices_at) = of_table(at) else { return Ok(()) };
        let places = indices.gather::<Rounded>(&[Run { table: indices_at as u32, ..run }], 0)?;
        for (row, (&post, &index)) in rows.peers.iter().zip(&places).enumerate() {
            let there =
                main.find(post).filter(|&t| u64::try_from(index).is_ok_and(|i| i < main.rows_of(t) as u64));
            let Some(there) = there else {
                contents.strangers.see(pre as u64, post as f64);
                continue;
            };
            let (place, value) = hashes(post, index as u64, pre, rows.values(row));
            mirror.places.take(there, place);
            mirror.values.take(there, value);
        }
        Ok(())
    });
    let Some(contents) = findings.take(Severity::Fatal, path, contents)? else { return Ok(()) };
    if contents.strangers.count > 0 {
        let (count, pre) = (counted(contents.strangers.count, "synapse"), contents.strangers.row());
        let post = contents.strangers.id();
        let message =
            format!("{count} that {} does not have: the first of cell {pre} onto cell {post}", main.name());
        findings.add(Severity::Fatal, path, format!("a{pre}"), message);
    }
    let differing = mirror.places.differing();
    let cells: Gids = differing.iter().map(|&at| main.gids()[at]).collect();
    if cells.count > 0 {
        let onto = counted(cells.count, "cell");
        let message = format!("the synapses onto {onto} are not those of {}: {}", main.name(), cells.shown());
        findings.add(Severity::Fatal, path, "", message);
    }
    if efferent.columns() != main.columns() {
        return Ok(());
    }
    let values = mirror.values.differing().into_iter().filter(|at| differing.binary_search(at).is_err());
    let cells: Gids = values.map(|at| main.gids()[at]).collect();
    if cells.count > 0 {
        let onto = counted(cells.count, "cell");
        let message =
            format!("synapses onto {onto} have other values here than in {}: {}", main.name(), cells.shown());
        findings.add(Severity::Warning, path, "", message);
    }
    Ok(())
}

/// nrn_summary.h5: how many synapses each pair of cells has, in both directions.
fn check_summary(
    findings: &mut Findings,
    summary: &Table,
    main: &Table,
    cells: Option<&Arc<CellTable>>,
) -> Result<()> {
    let path = summary.path();
    if let Some(cells) = cells {
        let strange: Gids =
            summary.gids().iter().copied().filter(|&gid| cells.row_of(gid).is_none()).collect();
        if strange.count > 0 {
            let tables = counted(strange.count, "table");
            let message = format!("{tables} of cells that the circuit does not have: {}", strange.shown());
            findings.add(Severity::Fatal, path, "", message);
        }
    }
    // The last section is for post cells without a table in nrn.h5.
    let (taken, made) = (Ledger::new(main.len() + 1), Ledger::new(main.len() + 1));
    let progress = Progress::new("checking nrn_summary", (main.len() + summary.len()) as u64);
    let hash = |post: i64, pre: i64, n: i64| {
        entry(spread(post as u64).wrapping_add(spread(pre as u64) >> 1), spread(n as u64))
    };
    let section = |post: i64| main.find(post).unwrap_or(main.len());
    let of_main = (0..main.len()).into_par_iter().try_for_each(|at| {
        let post = main.gids()[at];
        let pairs = connections::counted(main, at)?;
        let sum = pairs.iter().fold(0u64, |sum, &(pre, n)| sum.wrapping_add(hash(post, pre, n)));
        taken.add(at, sum);
        made.add(at, sum);
        progress.advance(1)
    });
    let of_summary = |()| {
        (0..summary.len()).into_par_iter().try_for_each(|at| {
            let gid = summary.gids()[at];
            for (pre, n) in connections::summarized(summary, at, Direction::FromPeer)? {
                taken.take(section(gid), hash(gid, pre, n));
            }
            for (post, n) in connections::summarized(summary, at, Direction::ToPeer)? {
                made.take(section(post), hash(post, gid, n));
            }
            progress.advance(1)
        })
    };
    if findings.take(Severity::Fatal, path, of_main.and_then(of_summary))?.is_none() {
        return Ok(());
    }
    for (ledger, column) in [(&taken, 2), (&made, 1)] {
        let differing = ledger.differing();
        if differing.is_empty() {
            continue;
        }
        let cells: Gids = differing.iter().filter_map(|&at| main.gids().get(at).copied()).collect();
        let message = if cells.count == 0 {
            format!("column {column} counts synapses onto cells that have none in {}", main.name())
        } else {
            let onto = counted(cells.count, "cell");
            format!(
                "column {column} counts other synapses onto {onto} than {} has: {}",
                main.name(),
                cells.shown()
            )
        };
        findings.add(Severity::Fatal, path, "", message);
    }
    Ok(())
}

/// nrn_positions.h5 and nrn_positions_efferent.h5: a row a synapse.
fn check_positions(findings: &mut Findings, positions: &Table, synapses: &Table) -> Result<()> {
    let path = positions.path();
    let rows = |gid: i64| positions.find(gid).map_or(0, |at| positions.rows_of(at));
    let other: Gids = (0..synapses.len())
        .filter(|&at| rows(synapses.gids()[at]) != synapses.rows_of(at))
        .map(|at| synapses.gids()[at])
        .collect();
    if other.count > 0 {
        let cells = counted(other.count, "cell");
        let message = format!("{cells} with other rows than in {}: {}", synapses.name(), other.shown());
        findings.add(Severity::Fatal, path, "", message);
    }
    let extra: Gids = positions.gids().iter().copied().filter(|&gid| synapses.find(gid).is_none()).collect();
    if extra.count > 0 {
        let cells = counted(extra.count, "cell");
        let message =
            format!("positions of {cells} that have no synapses in {}: {}", synapses.name(), extra.shown());
        findings.add(Severity::Warning, path, "", message);
    }
    let contents = scan(positions, "checking positions", |contents, run, rows| {
        look(contents, positions.gids()[run.table as usize], rows, |_| Bounds::default());
        Ok(())
    });
    let Some(contents) = findings.take(Severity::Fatal, path, contents)? else { return Ok(()) };
    for (column, numbers) in contents.columns.iter().enumerate() {
        let seen = numbers.nan.and(numbers.infinite);
        if seen.count > 0 {
            let (count, gid) = (counted(seen.count, "synapse"), seen.row());
            let message = format!("column {column} is no number: {count}, the first of cell {gid}");
            findings.add(Severity::Warning, path, format!("a{gid}"), message);
        }
    }
    Ok(())
}
