//! Synapses of the nrn.h5 family: `nrn.h5` (a table a post cell) with, beside it, `nrn_efferent.h5` (a table a pre
//! cell), `nrn_summary.h5` (connected pairs), `nrn_positions.h5` and `nrn_positions_efferent.h5`; projections have
//! the same under `proj_nrn`. Only the first is needed: what the others would say is then computed from it.

mod columns;
pub(in crate::formats) mod connections;
mod outgoing;
mod synapses;
pub(in crate::formats) mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use self::columns::Field;
pub(in crate::formats) use self::columns::{POSITION_WIDTHS, SYNAPSE_WIDTHS};
use self::connections::{Connections, Direction};
use self::outgoing::Outgoing;
use self::synapses::{Origin, Synapses};
use self::table::{Run, Table, gid_of, rows_in};
use crate::diag::{Code, Deferred, Error, Result};
use crate::formats::hdf5::File;
use crate::model::{CellTable, Connectome, IdSet, Schema, Side, Source};

/// Ends of the names of the files beside nrn.h5.
const BESIDE: [&str; 5] = ["_efferent", "_summary", "_positions", "_positions_efferent", "_extra"];

/// Connections made by fewer than the FEWth part of the cells are looked up cell by cell; else all are gone through.
const FEW: usize = 4;

/// Opens the synapses in a folder (`nrn.h5`, else `proj_nrn.h5`) or in a file. Gids are linked to `cells`, whether or
/// not the circuit has them: the sources of a projection are not among its cells.
///
/// # Errors
/// When there is no such file, it is damaged, or its tables are not those of synapses.
pub fn open(path: &Path, cells: &Arc<CellTable>) -> Result<Arc<dyn Connectome>> {
    Ok(Arc::new(Nrn(Arc::new(Family::open(&main_file(path)?, cells)?))))
}

/// The file of synapses that a path means.
fn main_file(path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        let exists = |file: &PathBuf| file.exists() || !table::numbered(file).is_empty();
        return ["nrn.h5", "proj_nrn.h5"].iter().map(|name| path.join(name)).find(exists).ok_or_else(|| {
            Error::new(Code::Io, format!("there is no nrn.h5 and no proj_nrn.h5 in {}", path.display()))
        });
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if let Some(end) = BESIDE.iter().find(|end| stem.ends_with(**end)) {
        let main = path.with_file_name(format!("{}.h5", stem.trim_end_matches(end)));
        return Err(Error::argument(format!(
            "{} does not hold synapses but what belongs to them",
            path.display()
        ))
        .help(format!("give {}", main.display())));
    }
    Ok(path.to_owned())
}

/// Where the files of one set of synapses are.
pub(in crate::formats) struct Files {
    /// nrn.h5
    pub(in crate::formats) main: PathBuf,
    /// nrn_efferent.h5
    pub(in crate::formats) efferent: Option<PathBuf>,
    /// nrn_summary.h5
    pub(in crate::formats) summary: Option<PathBuf>,
    /// nrn_positions.h5
    pub(in crate::formats) positions: Option<PathBuf>,
    /// nrn_positions_efferent.h5
    pub(in crate::formats) positions_efferent: Option<PathBuf>,
}

impl Files {
    /// Finds the files of the synapses in a folder or file.
    ///
    /// # Errors
    /// As for [`open`], without opening anything.
    pub(in crate::formats) fn find(path: &Path) -> Result<Self> {
        let main = main_file(path)?;
        let beside = |end| beside(&main, end);
        Ok(Files {
            efferent: beside("_efferent"),
            summary: beside("_summary"),
            positions: beside("_positions"),
            positions_efferent: beside("_positions_efferent"),
            main,
        })
    }
}

/// The files of one set of synapses.
struct Family {
    main: Arc<Table>,
    efferent: Option<Deferred<Option<Efferent>>>,
    summary: Option<Deferred<Table>>,
    positions: Option<Deferred<Table>>,
    positions_efferent: Option<Deferred<Table>>,
    outgoing: Deferred<Outgoing>,
    /// Where each column of `schema` comes from.
    fields: Vec<Field>,
    schema: Arc<Schema>,
    connection_schema: Arc<Schema>,
    files: Vec<String>,
}

/// nrn_efferent.h5.
struct Efferent {
    table: Table,
    /// The row of each synapse in the table of its post cell.
    indices: Table,
}

impl Family {
    fn open(path: &Path, cells: &Arc<CellTable>) -> Result<Self> {
        let main = Arc::new(Table::open(path, &SYNAPSE_WIDTHS)?);
        let beside = |end: &str| beside(path, end);
        let deferred = |end: &str, widths: &'static [usize]| {
            beside(end).map(|path| Deferred::new(move || Table::open(&path, widths)))
        };
        let positions = beside("_positions").map(|path| first_table(&path)).transpose()?.flatten();
        let (specs, fields) = columns::fields(&main, positions).into_iter().unzip();
        let schema = Schema::new(specs).linked("pre", cells).linked("post", cells);
        let ends = std::iter::once("").chain(BESIDE);
        let files =
            ends.filter_map(&beside).filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned()));
        let scanned = main.clone();
        Ok(Family {
            efferent: beside("_efferent").map(|path| Deferred::new(move || Efferent::open(&path))),
            summary: deferred("_summary", &[3]),
            positions: deferred("_positions", &POSITION_WIDTHS),
            positions_efferent: deferred("_positions_efferent", &POSITION_WIDTHS),
            outgoing: Deferred::new(move || Outgoing::of(&scanned)),
            main,
            fields,
            schema: Arc::new(schema),
            connection_schema: connections::schema(cells),
            files: files.collect(),
        })
    }

    fn efferent(&self) -> Result<Option<&Efferent>> {
        Ok(self.efferent.as_ref().map(Deferred::get).transpose()?.and_then(Option::as_ref))
    }

    fn summary(&self) -> Result<Option<&Table>> {
        self.summary.as_ref().map(Deferred::get).transpose()
    }

    fn positions(&self) -> Result<Option<&Table>> {
        self.positions.as_ref().map(Deferred::get).transpose()
    }

    fn positions_efferent(&self) -> Result<Option<&Table>> {
        self.positions_efferent.as_ref().map(Deferred::get).transpose()
    }

    /// The efferent file where it exists and the question comes from that side.
    fn addressed(&self, side: Side) -> Result<Option<&Efferent>> {
        if side == Side::Outgoing { self.efferent() } else { Ok(None) }
    }

    /// A source was made for a file that the family does not have; only a mistake of ours leads here.
    fn gone() -> Error {
        Error::format("a file that belongs to the synapses is gone")
    }
}

impl Efferent {
    /// The file, if it tells for each synapse where it stands in nrn.h5; without that it would be of no use.
    fn open(path: &Path) -> Result<Option<Self>> {
        let table = Table::open(path, &SYNAPSE_WIDTHS)?;
        let indices = indices(path)?;
        Ok((indices.rows() > 0 || table.rows() == 0).then_some(Efferent { table, indices }))
    }
}

/// The rows in nrn.h5 of the synapses in nrn_efferent.h5.
///
/// # Errors
/// When the file is damaged.
pub(in crate::formats) fn indices(path: &Path) -> Result<Table> {
    fn indexed(name: &str) -> Option<i64> {
        gid_of(name.strip_suffix("_afferentIndices")?)
    }
    Table::of_datasets(path, &[1], indexed)
}

/// The path of a file beside the main one (or of its unmerged parts), if it exists.
fn beside(main: &Path, end: &str) -> Option<PathBuf> {
    let stem = main.file_stem()?.to_str()?;
    let path = main.with_file_name(format!("{stem}{end}.h5"));
    let path = if end.is_empty() { main.to_owned() } else { path };
    (path.exists() || !table::numbered(&path).is_empty()).then_some(path)
}

/// Columns and width of the first table of a file, without looking at the others.
fn first_table(path: &Path) -> Result<Option<(usize, bool)>> {
    let parts = table::numbered(path);
    let path = if path.exists() { path } else { parts.first().map_or(path, |p| &p.1) };
    let first = File::open(path)?.first_extent("/", |name| gid_of(name).is_some())?;
    Ok(first.map(|extent| (extent.columns, extent.element.needs_64_bits())))
}

/// The synapses of a circuit or a projection in the nrn format.
struct Nrn(Arc<Family>);

impl Nrn {
    fn synapses_of(&self, origin: Origin, runs: Vec<Run>, what: String) -> Arc<dyn Source> {
        Arc::new(Synapses::new(self.0.clone(), origin, runs, what))
    }
}

/// One line for `explain()`.
fn described(table: &Table, cells: usize, of: usize, synapses: u64, side: &str) -> String {
    format!("{}: {cells} of {of} cells, {synapses} synapses, by {side} cell", table.name())
}

impl Connectome for Nrn {
    fn schema(&self) -> Arc<Schema> {
        self.0.schema.clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        let main = &self.0.main;
        let what = described(main, main.len(), main.len(), main.rows(), "post");
        Ok(self.synapses_of(Origin::Afferent, main.runs(0..main.len()), what))
    }

    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        let efferent = self.0.addressed(side)?;
        if side == Side::Outgoing && efferent.is_none() {
            let outgoing = self.0.outgoing.get()?;
            let made: Vec<&[Run]> = cells.sorted().iter().map(|&pre| outgoing.runs(pre)).collect();
            let found = made.iter().filter(|runs| !runs.is_empty()).count();
            let runs = made.concat();
            let synapses = rows_in(&runs) as u64;
            let what = described(&self.0.main, found, outgoing.len(), synapses, "pre");
            return Ok(self.synapses_of(
                Origin::Afferent,
                runs,
                what + ", over an index of its first column",
            ));
        }
        let (table, origin, name) = match efferent {
            Some(efferent) => (&efferent.table, Origin::Efferent, "pre"),
            None => (&*self.0.main, Origin::Afferent, "post"),
        };
        let tables = table.find_all(cells.sorted());
        let runs = table.runs(tables.iter().copied());
        let what = described(table, tables.len(), table.len(), rows_in(&runs) as u64, name);
        Ok(self.synapses_of(origin, runs, what))
    }

    fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
        let table = match (side, self.0.addressed(side)?) {
            (Side::Incoming, _) => &self.0.main,
            (Side::Outgoing, Some(efferent)) => &efferent.table,
            (Side::Outgoing, None) => {
                let outgoing = self.0.outgoing.get()?;
                return Ok(cells.sorted().iter().map(|&pre| rows_in(outgoing.runs(pre)) as u64).sum());
            }
        };
        let tables = table.find_all(cells.sorted());
        Ok(tables.into_iter().map(|at| table.rows_of(at) as u64).sum())
    }

    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        let family = &self.0;
        let (posts, pres) = match cells {
            None => (None, None),
            Some((Side::Incoming, posts)) => (Some(posts.sorted()), None),
            Some((Side::Outgoing, pres)) => (None, Some(pres)),
        };
        let few = |pres: &&IdSet| pres.len() < family.main.len() / FEW;
        let Some(pres) = pres.filter(few).map(IdSet::sorted) else {
            return Ok(Arc::new(Connections::new(family.clone(), posts, pres.cloned())?));
        };
        if let Some(summary) = family.summary()? {
            let peers = |pre| match summary.find(pre) {
                Some(at) => connections::summarized(summary, at, Direction::ToPeer),
                None => Ok(Vec::new()),
            };
            return Ok(Arc::new(connections::made_by(family, pres, peers)?));
        }
        if let Some(Efferent { table, .. }) = family.efferent()? {
            let peers = |pre| table.find(pre).map_or(Ok(Vec::new()), |at| connections::counted(table, at));
            return Ok(Arc::new(connections::made_by(family, pres, peers)?));
        }
        let outgoing = family.outgoing.get()?;
        let peers = |pre| {
            let same_table = |a: &Run, b: &Run| a.table == b.table;
            let posts = outgoing.runs(pre).chunk_by(same_table);
            Ok(posts.map(|runs| (family.main.gids()[runs[0].table as usize], rows_in(runs) as i64)).collect())
        };
        Ok(Arc::new(connections::made_by(family, pres, peers)?))
    }

    fn facts(&self) -> Result<Value> {
        let main = &self.0.main;
        Ok(json!({
            "path": main.path().display().to_string(),
            "version": main.version(),
            "files": self.0.files,
            "cells": main.len(),
            "synapses": main.rows(),
            "columns": main.columns(),
        }))
    }
}

#[cfg(test)]
mod tests;
