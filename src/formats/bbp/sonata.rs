//! Files of SONATA in a circuit of the legacy format: the gid of a cell is its node id + 1.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use serde_json::Value;

use super::spellings::{self, SectionTypes};
use crate::diag::{Deferred, Error, Result};
use crate::formats::sonata::edges::{self, EdgesFile};
use crate::formats::sonata::nodes::{self, NodesFile};
use crate::model::{
    Block, CellTable, ColumnSpec, Connectome, IdSet, Morsel, Schema, Side, Source, cell_column,
    connection_columns,
};

/// A gid minus its node id.
const FIRST: i64 = 1;

/// The name of a population, where a file holds several and none is named.
const DEFAULT: &str = "default";

/// The cells of a nodes file by gid.
///
/// # Errors
/// When the file is damaged, or does not say which population is meant.
pub fn read_cells(path: &Path, population: Option<&str>) -> Result<Arc<CellTable>> {
    let population = chosen(path, population, nodes::population_names(path)?, "nodes")?;
    let cells =
        nodes::read_cells(&NodesFile { path, population: &population, types: None, dynamics_dir: None })?;
    let gids: Vec<i64> = cells.ids().listed().iter().map(|id| id + FIRST).collect();
    let listed = gids.clone();
    let ids = Deferred::new(move || Ok(Arc::new(Int64Array::from(listed.clone())) as ArrayRef));
    let mut columns = vec![(cell_column("id", DataType::Int64), ids)];
    for (at, spec) in cells.schema().columns().iter().enumerate().skip(1) {
        let cells = cells.clone();
        columns.push((spec.clone(), Deferred::new(move || cells.column(at).cloned())));
    }
    CellTable::with_ids(gids, columns, cells.origin())
}

/// The synapses of an edges file by gid. `cells` are those of the circuit; the sources of a projection are not among
/// them.
///
/// # Errors
/// When the file is damaged, or does not say which population is meant.
pub fn open(path: &Path, population: Option<&str>, cells: &Arc<CellTable>) -> Result<Arc<dyn Connectome>> {
    let population = chosen(path, population, edges::population_names(path)?, "edges")?;
    let nodes: Vec<i64> = cells.ids().listed().iter().map(|gid| gid - FIRST).collect();
    let ids = nodes.clone();
    let column = Deferred::new(move || Ok(Arc::new(Int64Array::from(ids.clone())) as ArrayRef));
    let nodes =
        CellTable::with_ids(nodes, vec![(cell_column("id", DataType::Int64), column)], cells.origin())?;
    let connectome = edges::open(&EdgesFile {
        path,
        population: &population,
        // Without a kind the types of sections stay numbers: which they are is known here.
        kind: "",
        types: None,
        dynamics_dir: None,
        source: nodes.clone(),
        target: nodes,
    })?;
    let columns = |specs: Vec<ColumnSpec>, told: Vec<Told>| {
        let schema = Schema::new(specs).linked("pre", cells).linked("post", cells);
        Arc::new(Columns { schema: Arc::new(schema), told })
    };
    let (specs, told) = spellings::later_names(&connectome.schema())
        .into_iter()
        .enumerate()
        .map(|(at, spec)| Told::of_synapses(&connectome, at, spec))
        .unzip();
    let pairs = connection_columns();
    let told_of_pairs = pairs.iter().map(Told::of_ids).collect();
    Ok(Arc::new(ByGid { synapses: columns(specs, told), pairs: columns(pairs, told_of_pairs), connectome }))
}

fn chosen(path: &Path, named: Option<&str>, mut known: Vec<String>, what: &str) -> Result<String> {
    match named {
        Some(name) => Ok(name.to_owned()),
        None if known.len() == 1 => Ok(known.remove(0)),
        None if known.iter().any(|name| name == DEFAULT) => Ok(DEFAULT.to_owned()),
        None => Err(Error::format(format!("the file has {} populations of {what}", known.len()))
            .in_file(path)
            .help(format!("name one after a colon: {}:{}", path.display(), known.join(", ")))),
    }
}

/// What becomes of a column of the file.
enum Told {
    AsIs,
    /// Node ids become gids.
    Gid,
    /// Numbers become names.
    SectionType(SectionTypes),
}

impl Told {
    fn of_ids(spec: &ColumnSpec) -> Self {
        if spec.name == "pre" || spec.name == "post" { Told::Gid } else { Told::AsIs }
    }

    fn of_synapses(connectome: &Arc<dyn Connectome>, at: usize, spec: ColumnSpec) -> (ColumnSpec, Self) {
        if SectionTypes::are_in(&spec) {
            let types = SectionTypes::new(&spec.name, connectome.clone(), at);
            return (SectionTypes::named(spec), Told::SectionType(types));
        }
        let told = Told::of_ids(&spec);
        (spec, told)
    }
}

/// The columns of a table, and what becomes of those of the file.
struct Columns {
    schema: Arc<Schema>,
    told: Vec<Told>,
}

/// Synapses whose ids are told as gids.
struct ByGid {
    connectome: Arc<dyn Connectome>,
    synapses: Arc<Columns>,
    pairs: Arc<Columns>,
}

impl ByGid {
    fn nodes(cells: &IdSet) -> IdSet {
        cells.listed().iter().map(|gid| gid - FIRST).collect()
    }

    fn rows(&self, source: Arc<dyn Source>) -> Arc<dyn Source> {
        Arc::new(Rows { source, columns: self.synapses.clone() })
    }
}

impl Connectome for ByGid {
    fn schema(&self) -> Arc<Schema> {
        self.synapses.schema.clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        Ok(self.rows(self.connectome.synapses()?))
    }

    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        Ok(self.rows(self.connectome.of(side, &Self::nodes(cells))?))
    }

    fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
        self.connectome.count(side, &Self::nodes(cells))
    }

    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        let nodes = cells.map(|(side, cells)| (side, Self::nodes(cells)));
        let source = self.connectome.connections(nodes.as_ref().map(|(side, nodes)| (*side, nodes)))?;
        Ok(Arc::new(Rows { source, columns: self.pairs.clone() }))
    }

    fn facts(&self) -> Result<Value> {
        self.connectome.facts()
    }
}

/// Rows of the file, told as the legacy format tells them.
struct Rows {
    source: Arc<dyn Source>,
    columns: Arc<Columns>,
}

impl Source for Rows {
    fn schema(&self) -> &Arc<Schema> {
        &self.columns.schema
    }

    fn row_count(&self) -> Option<u64> {
        self.source.row_count()
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.source.morsels()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        Ok(Box::new(RowsBlock { block: self.source.open(morsel)?, columns: &self.columns }))
    }

    fn describe(&self) -> Vec<String> {
        self.source.describe()
    }
}

struct RowsBlock<'a> {
    block: Box<dyn Block + 'a>,
    columns: &'a Columns,
}

impl Block for RowsBlock<'_> {
    fn rows(&self) -> usize {
        self.block.rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let values = self.block.column(index)?;
        match (self.columns.told.get(index), values.as_primitive_opt::<Int64Type>()) {
            (Some(Told::Gid), Some(ids)) => {
                Ok(Arc::new(ids.unary::<_, Int64Type>(|id| id.wrapping_add(FIRST))))
            }
            (Some(Told::SectionType(types)), Some(numbers)) => types.read(numbers),
            _ => Ok(values),
        }
    }
}
