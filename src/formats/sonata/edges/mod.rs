//! Edges of SONATA: one population of one file as a [`Connectome`].
//!
//! A selection of cells is a list of runs of rows ([`Runs`]), found by the file's own index or, where it has none, by a
//! scan of the id column; columns are then read run by run, in place where the file allows it.

mod attributes;
mod connections;
mod fields;
mod groups;
mod index;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use self::connections::Connections;
use self::fields::{Field, Fields};
use self::groups::{Groups, TypesOf};
pub(in crate::formats) use self::index::open_tables;
use self::index::{Index, Runs};
use self::rows::Edges;
use crate::diag::{Deferred, Error, Result};
use crate::formats::hdf5::{File, Member, Series};
use crate::model::{CellTable, ColumnSpec, Connectome, IdSet, Schema, Side, Source, connection_columns};

/// Which edges to open, and what their ends are.
pub struct EdgesFile<'a> {
    /// The HDF5 file.
    pub path: &'a Path,
    /// The name of the population in it.
    pub population: &'a str,
    /// Its type in the configuration: `chemical`, `electrical`, …
    pub kind: &'a str,
    /// The table of edge types, in the Allen flavour.
    pub types: Option<&'a Path>,
    /// The folder of the JSON files of parameters that types name (`synaptic_models_dir`), if any.
    pub dynamics_dir: Option<&'a Path>,
    /// The cells that the edges start from.
    pub source: Arc<CellTable>,
    /// The cells that they end on.
    pub target: Arc<CellTable>,
}

/// The names of the edge populations of a file, in file order.
///
/// # Errors
/// When it is not readable HDF5, or holds no edges.
pub fn population_names(path: &Path) -> Result<Vec<String>> {
    File::open(path)?.names("edges", Member::Group)
}

/// The names of the source and the target population that the file states.
///
/// # Errors
/// When the file or the population is damaged.
pub fn ends(path: &Path, population: &str) -> Result<(Option<String>, Option<String>)> {
    let file = File::open(path)?;
    let end = |name: &str| -> Result<Option<String>> {
        let dataset = format!("edges/{population}/{name}");
        let named = |attribute: &str| file.attribute(&dataset, attribute);
        let value = match named("node_population")? {
            Some(value) => Some(value),
            None => named("network")?,
        };
        Ok(value.as_ref().and_then(Value::as_str).map(str::to_owned))
    };
    Ok((end(SOURCE)?, end(TARGET)?))
}

/// The ids of the nodes that the edges start from, and of those that they end on: as many as the file's index has, and
/// where it has none those that occur, ascending.
///
/// # Errors
/// When the file or the population is damaged.
pub fn node_ids(path: &Path, population: &str) -> Result<(IdSet, IdSet)> {
    let file = File::open(path)?;
    known_population(&file, population)?;
    let group = format!("edges/{population}");
    let side = |side: Side, name: &str| {
        let ids = Series::open(&file, &format!("{group}/{name}"))?;
        Index::node_ids(&file, &group, side, &ids)
    };
    Ok((side(Side::Outgoing, SOURCE)?, side(Side::Incoming, TARGET)?))
}

fn known_population(file: &File, population: &str) -> Result<()> {
    let names = file.names("edges", Member::Group)?;
    if names.iter().any(|name| name == population) {
        return Ok(());
    }
    Err(Error::unknown("edge population", population, names).in_file(file.path()))
}

/// Opens the edges. Only headers are read.
///
/// # Errors
/// When the file is damaged or lacks the population or its id columns, a column has another length, or the
/// table of types is damaged. Which edge is in which group of attributes is only known when a property is read.
pub fn open(file: &EdgesFile<'_>) -> Result<Arc<dyn Connectome>> {
    Ok(Arc::new(Sonata(Arc::new(Population::open(file)?))))
}

const SOURCE: &str = "source_node_id";
const TARGET: &str = "target_node_id";

/// Connections made by fewer than the FEWth part of the cells are looked up cell by cell; else all are gone through.
const FEW: usize = 4;

/// An opened population.
struct Population {
    path: PathBuf,
    name: String,
    rows: usize,
    sources: Series,
    targets: Series,
    source_cells: Arc<CellTable>,
    target_cells: Arc<CellTable>,
    /// Where each column of `schema` comes from.
    fields: Vec<Field>,
    groups: Groups,
    types: Option<TypesOf>,
    schema: Arc<Schema>,
    connection_schema: Arc<Schema>,
    by_source: Deferred<Index>,
    by_target: Deferred<Index>,
}

impl Population {
    fn open(wanted: &EdgesFile<'_>) -> Result<Self> {
        let file = File::open(wanted.path)?;
        known_population(&file, wanted.population)?;
        let group = format!("edges/{}", wanted.population);
        let (sources, targets) = (
            Series::open(&file, &format!("{group}/{SOURCE}"))?,
            Series::open(&file, &format!("{group}/{TARGET}"))?,
        );
        let rows = targets.rows();
        if sources.rows() != rows {
            return Err(sources
                .dataset()
                .error(format!("it has {} rows where {TARGET} has {rows}", sources.rows())));
        }
        let Fields { columns, groups, types } = fields::of_population(&file, &group, wanted, rows)?;
        let (specs, fields): (Vec<ColumnSpec>, Vec<Field>) = columns.into_iter().unzip();
        let linked = |columns| {
            Arc::new(Schema::new(columns).linked("pre", &wanted.source).linked("post", &wanted.target))
        };
        let index = |side: Side, ids: &Series, cells: &Arc<CellTable>| {
            let (file, group, ids, cells) = (file.clone(), group.clone(), ids.clone(), cells.clone());
            Deferred::new(move || Index::open(&file, &group, side, ids.clone(), cells.clone()))
        };
        Ok(Population {
            path: wanted.path.to_owned(),
            name: wanted.population.to_owned(),
            rows,
            by_source: index(Side::Outgoing, &sources, &wanted.source),
            by_target: index(Side::Incoming, &targets, &wanted.target),
            sources,
            targets,
            source_cells: wanted.source.clone(),
            target_cells: wanted.target.clone(),
            fields,
            groups,
            types,
            schema: linked(specs),
            connection_schema: linked(connection_columns()),
        })
    }

    fn index(&self, side: Side) -> Result<&Index> {
        match side {
            Side::Incoming => self.by_target.get(),
            Side::Outgoing => self.by_source.get(),
        }
    }

    fn file_name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The edges of a population.
struct Sonata(Arc<Population>);

impl Sonata {
    /// One line for `explain()`.
    fn described(&self, side: &str, all: usize, cells: &IdSet, runs: &Runs, index: &Index) -> String {
        format!(
            "{}: {} of {all} cells, {} of {} synapses, by {side} cell, {}",
            self.0.file_name(),
            cells.sorted().len(),
            runs.rows(),
            self.0.rows,
            index.describe()
        )
    }
}

impl Connectome for Sonata {
    fn schema(&self) -> Arc<Schema> {
        self.0.schema.clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(Edges::all(self.0.clone())))
    }

    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        let index = self.0.index(side)?;
        let runs = index.runs(cells.sorted())?;
        let (name, all) = match side {
            Side::Incoming => ("post", self.0.target_cells.count()),
            Side::Outgoing => ("pre", self.0.source_cells.count()),
        };
        let what = self.described(name, all, cells, &runs, index);
        Ok(Arc::new(Edges::some(self.0.clone(), &runs, what)))
    }

    /// The file's order is that of its rows, whatever cells they belong to.
    fn made_in_order(&self, cells: &IdSet) -> Result<Option<Arc<dyn Source>>> {
        let index = self.0.index(Side::Outgoing)?;
        let runs = index.runs(cells.sorted())?.in_file_order();
        let what = self.described("pre", self.0.source_cells.count(), cells, &runs, index);
        Ok(Some(Arc::new(Edges::some(self.0.clone(), &runs, what))))
    }

    fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
        Ok(self.0.index(side)?.runs(cells.sorted())?.rows() as u64)
    }

    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        let all = || self.0.target_cells.ids();
        let (posts, pres) = match cells {
            None => (all(), None),
            Some((Side::Incoming, posts)) => (posts.clone(), None),
            Some((Side::Outgoing, pres)) if pres.len() < self.0.source_cells.count() / FEW => {
                return Ok(Arc::new(connections::made_by(&self.0, pres.sorted())?));
            }
            Some((Side::Outgoing, pres)) => (all(), Some(pres.clone())),
        };
        let runs = self.0.index(Side::Incoming)?.runs(posts.sorted())?;
        Ok(Arc::new(Connections::new(self.0.clone(), posts, runs, pres)))
    }

    fn facts(&self) -> Result<Value> {
        let population = &self.0;
        let index = |side| population.index(side).map(Index::describe);
        Ok(json!({
            "path": population.path.display().to_string(),
            "population": population.name,
            "synapses": population.rows,
            "columns": population.schema.columns().iter().map(|c| &c.name).collect::<Vec<_>>(),
            "source_index": index(Side::Outgoing)?,
            "target_index": index(Side::Incoming)?,
        }))
    }
}

/// The runs of rows of some nodes: what an index answers.
impl Runs {
    /// How many rows they hold.
    fn rows(&self) -> usize {
        self.of_all().iter().map(|run| run.rows()).sum()
    }
}

#[cfg(test)]
mod tests;
