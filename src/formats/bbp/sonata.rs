//! Files of SONATA in a circuit of the legacy format: the gid of a cell is its node id + 1.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use serde_json::Value;

use crate::diag::{Deferred, Error, Result};
use crate::formats::sonata::edges::{self, EdgesFile};
use crate::formats::sonata::nodes::{self, NodesFile};
use crate::model::{Block, CellTable, Connectome, IdSet, Morsel, Schema, Side, Source, cell_column};

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
        kind: "chemical",
        types: None,
        dynamics_dir: None,
        source: nodes.clone(),
        target: nodes,
    })?;
    let linked = |schema: &Schema| {
        Arc::new(Schema::new(schema.columns().to_vec()).linked("pre", cells).linked("post", cells))
    };
    Ok(Arc::new(ByGid {
        schema: linked(&connectome.schema()),
        connection_schema: linked(&Schema::new(crate::model::connection_columns())),
        connectome,
    }))
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

/// Synapses whose ids are told as gids.
struct ByGid {
    connectome: Arc<dyn Connectome>,
    schema: Arc<Schema>,
    connection_schema: Arc<Schema>,
}

impl ByGid {
    fn nodes(cells: &IdSet) -> IdSet {
        cells.listed().iter().map(|gid| gid - FIRST).collect()
    }

    fn shifted(source: Arc<dyn Source>, schema: &Arc<Schema>) -> Arc<dyn Source> {
        Arc::new(Shifted { source, schema: schema.clone() })
    }
}

impl Connectome for ByGid {
    fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        Ok(Self::shifted(self.connectome.synapses()?, &self.schema))
    }

    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        Ok(Self::shifted(self.connectome.of(side, &Self::nodes(cells))?, &self.schema))
    }

    fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
        self.connectome.count(side, &Self::nodes(cells))
    }

    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        let nodes = cells.map(|(side, cells)| (side, Self::nodes(cells)));
        let source = self.connectome.connections(nodes.as_ref().map(|(side, nodes)| (*side, nodes)))?;
        Ok(Self::shifted(source, &self.connection_schema))
    }

    fn facts(&self) -> Result<Value> {
        self.connectome.facts()
    }
}

/// Rows with node ids as gids.
struct Shifted {
    source: Arc<dyn Source>,
    schema: Arc<Schema>,
}

impl Source for Shifted {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        self.source.row_count()
    }

    fn morsels(&self) -> Vec<Morsel> {
        self.source.morsels()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        Ok(Box::new(ShiftedBlock { block: self.source.open(morsel)?, schema: &self.schema }))
    }

    fn describe(&self) -> Vec<String> {
        self.source.describe()
    }
}

struct ShiftedBlock<'a> {
    block: Box<dyn Block + 'a>,
    schema: &'a Schema,
}

impl Block for ShiftedBlock<'_> {
    fn rows(&self) -> usize {
        self.block.rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let values = self.block.column(index)?;
        let is_id = self.schema.columns().get(index).is_some_and(|c| c.name == "pre" || c.name == "post");
        match values.as_primitive_opt::<Int64Type>() {
            Some(ids) if is_id => Ok(Arc::new(ids.unary::<_, Int64Type>(|id| id + FIRST))),
            _ => Ok(values),
        }
    }
}
