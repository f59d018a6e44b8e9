//! Several populations as one: their cells as one table, their edges as one connectome.
//!
//! An id alone does not name a cell of several populations. Inside, an id is therefore *packed*: the position of the
//! population and the id in it in one number. A column of such ids carries the names of the populations
//! ([`ColumnSpec::populations`](super::ColumnSpec)); whoever shows its values writes `population:id`.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray, cast::AsArray, new_null_array,
    types::Int64Type,
};
use arrow_schema::DataType;

use super::{
    Block, CellTable, ColumnSpec, Connectome, Frame, IdSet, Morsel, Pairs, Schema, Side, Source, TargetEntry,
    Targets, cell_column, connection_columns,
};
use crate::diag::{Code, Deferred, Error, Result, work};

/// The bits of an id in its population.
pub const BITS: u32 = 40;

/// The id of a cell of several populations.
pub fn pack(population: usize, id: i64) -> i64 {
    ((population as i64) << BITS) | id
}

/// The position of the population, and the id in it.
pub fn unpack(id: i64) -> (usize, i64) {
    ((id >> BITS) as usize, id & ((1 << BITS) - 1))
}

/// An id as it is written: `population:id`.
pub fn id_text(id: i64, populations: &[String]) -> String {
    let (at, id) = unpack(id);
    populations.get(at).map_or_else(|| id.to_string(), |name| format!("{name}:{id}"))
}

/// Ids as they are written: `population:id`.
///
/// # Errors
/// When they are not whole numbers.
pub fn readable(ids: &ArrayRef, populations: &[String]) -> Result<ArrayRef> {
    let ids = cast(ids, &DataType::Int64)?;
    let texts = ids.as_primitive::<Int64Type>().iter().map(|id| Some(id_text(id?, populations)));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// `rows` times the same text.
fn constant(text: &str, rows: usize) -> Result<ArrayRef> {
    let names = Arc::new(StringArray::from(vec![text]));
    let array = DictionaryArray::<Int32Type>::try_new(Int32Array::from(vec![0; rows]), names);
    Ok(Arc::new(array.map_err(|e| Error::format(e.to_string()))?))
}

fn population_column(of: &str) -> ColumnSpec {
    ColumnSpec::new("population", text_type()).meaning(format!("the population of the {of}"))
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    arrow_cast::cast(array, to).map_err(|e| Error::format(e.to_string()))
}

/// The type that holds the values of all.
fn common(types: &[&DataType]) -> DataType {
    let is_number = |t: &DataType| t.is_numeric();
    match types {
        [first, rest @ ..] if rest.iter().all(|t| t == first) => (*first).clone(),
        all if all.iter().all(|t| is_number(t)) => DataType::Float64,
        _ => text_type(),
    }
}

/// The columns of several tables: those of the first, then what the others add. `own` names those that are made anew.
fn union(schemas: &[Arc<Schema>], own: &[&str]) -> Vec<ColumnSpec> {
    let mut columns: Vec<ColumnSpec> = Vec::new();
    for schema in schemas {
        for spec in schema.columns().iter().filter(|c| !own.contains(&c.name.as_str())) {
            if !columns.iter().any(|c| c.name == spec.name) {
                let types: Vec<&DataType> = schemas
                    .iter()
                    .filter_map(|s| s.find(&spec.name).map(|at| &s.columns()[at].data_type))
                    .collect();
                let mut spec = spec.clone();
                spec.data_type = common(&types);
                columns.push(spec);
            }
        }
    }
    columns
}

/// The cells of several populations, in this order.
pub fn cells(populations: Vec<(String, Arc<CellTable>)>) -> Arc<CellTable> {
    let (names, parts): (Vec<String>, Vec<Arc<CellTable>>) = populations.into_iter().unzip();
    let schemas: Vec<Arc<Schema>> = parts.iter().map(|part| part.schema().clone()).collect();
    let mut id = cell_column("id", DataType::Int64);
    id.populations = Some(names.clone().into());
    let ids = parts.clone();
    let packed = move || {
        let of = |(at, part): (usize, &Arc<CellTable>)| {
            (0..part.count()).map(|row| pack(at, part.id_of(row))).collect::<Vec<_>>()
        };
        Ok(Arc::new(Int64Array::from(ids.iter().enumerate().flat_map(of).collect::<Vec<_>>())) as ArrayRef)
    };
    let (of, labels) = (parts.clone(), names.clone());
    let population = move || {
        let columns = of.iter().zip(&labels).map(|(part, name)| constant(name, part.count()));
        joined(&columns.collect::<Result<Vec<_>>>()?)
    };
    let mut columns =
        vec![(id, Deferred::new(packed)), (population_column("cell"), Deferred::new(population))];
    for spec in union(&schemas, &["id", "population"]) {
        let (parts, wanted) = (parts.clone(), spec.clone());
        let values = move || {
            let columns = parts.iter().map(|part| match part.schema().find(&wanted.name) {
                Some(at) => cast(part.column(at)?, &wanted.data_type),
                None => Ok(new_null_array(&wanted.data_type, part.count())),
            });
            joined(&columns.collect::<Result<Vec<_>>>()?)
        };
        columns.push((spec, Deferred::new(values)));
    }
    let origin = format!("the populations {}", names.join(", "));
    CellTable::of_parts(parts, columns, origin)
}

fn joined(parts: &[ArrayRef]) -> Result<ArrayRef> {
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    arrow_select::concat::concat(&parts).map_err(|e| Error::format(e.to_string()))
}

/// The named groups of several populations: a group holds the cells of that name in each.
pub struct MergedTargets(pub Vec<Arc<dyn Targets>>);

impl Targets for MergedTargets {
    fn entries(&self) -> Vec<TargetEntry> {
        let mut all: Vec<TargetEntry> = Vec::new();
        for entry in self.0.iter().flat_map(|targets| targets.entries()) {
            if !all.iter().any(|known| known.name == entry.name) {
                all.push(entry);
            }
        }
        all
    }

    fn entry(&self, name: &str) -> Option<TargetEntry> {
        self.0.iter().find_map(|targets| targets.entry(name))
    }

    fn resolve(&self, name: &str) -> Result<IdSet> {
        let mut ids = Vec::new();
        let mut lacking = Vec::new();
        for (at, targets) in self.0.iter().enumerate() {
            match targets.resolve(name) {
                Ok(found) => ids.extend(found.sorted().iter().map(|&id| pack(at, id))),
                // A population without the property that a group is chosen by has no cell in it.
                Err(error) if error.code() == Code::Name => lacking.push(error),
                Err(error) => return Err(error),
            }
        }
        match lacking.into_iter().next() {
            Some(error) if ids.is_empty() => Err(error),
            _ => Ok(IdSet::new(ids)),
        }
    }
}

/// The edges of one population among several.
pub struct Part {
    /// The name of the population of edges.
    pub name: String,
    /// The position of the population that they start from, and of the one that they end on.
    pub ends: (usize, usize),
    /// The edges.
    pub connectome: Arc<dyn Connectome>,
}

/// The edges of several populations among some cells as one connectome, in the order of the parts. `populations` are the
/// names of the cells' populations, where there are several.
pub fn connectome(
    parts: Vec<Part>,
    cells: &Arc<CellTable>,
    populations: Option<&Arc<[String]>>,
) -> Arc<dyn Connectome> {
    let schemas: Vec<Arc<Schema>> = parts.iter().map(|part| part.connectome.schema()).collect();
    let mut columns = union(&schemas, &["population"]);
    columns.insert(2.min(columns.len()), population_column("edge"));
    let marked = |columns: Vec<ColumnSpec>| -> Arc<Schema> {
        let mark = |mut spec: ColumnSpec| {
            if ["pre", "post"].contains(&spec.name.as_str()) {
                spec.populations = populations.cloned();
            }
            spec
        };
        let schema = Schema::new(columns.into_iter().map(mark).collect());
        Arc::new(schema.linked("pre", cells).linked("post", cells))
    };
    Arc::new(Merged {
        shared: Arc::new(Shared {
            schema: marked(columns),
            connection_schema: marked(connection_columns()),
            packed: populations.is_some(),
            parts,
        }),
    })
}

struct Shared {
    parts: Vec<Part>,
    schema: Arc<Schema>,
    connection_schema: Arc<Schema>,
    /// Whether the cells are of several populations.
    packed: bool,
}

struct Merged {
    shared: Arc<Shared>,
}

impl Merged {
    /// The ids of some cells in the population at that end of a part.
    fn own(&self, part: &Part, side: Side, cells: &IdSet) -> IdSet {
        if !self.shared.packed {
            return cells.clone();
        }
        let population = match side {
            Side::Incoming => part.ends.1,
            Side::Outgoing => part.ends.0,
        };
        let own = cells.sorted().iter().map(|&id| unpack(id)).filter(|(at, _)| *at == population);
        own.map(|(_, id)| id).collect()
    }

    fn chain(&self, schema: &Arc<Schema>, sources: Vec<Arc<dyn Source>>) -> Arc<dyn Source> {
        let pieces = sources.iter().enumerate().flat_map(|(at, source)| {
            source.morsels().into_iter().map(move |morsel| (at, morsel)).collect::<Vec<_>>()
        });
        Arc::new(Chain {
            shared: self.shared.clone(),
            schema: schema.clone(),
            pieces: pieces.collect(),
            sources,
        })
    }
}

impl Connectome for Merged {
    fn schema(&self) -> Arc<Schema> {
        self.shared.schema.clone()
    }

    fn synapses(&self) -> Result<Arc<dyn Source>> {
        let sources = self.shared.parts.iter().map(|part| part.connectome.synapses());
        Ok(self.chain(&self.shared.schema, sources.collect::<Result<_>>()?))
    }

    fn of(&self, side: Side, cells: &IdSet) -> Result<Arc<dyn Source>> {
        let of = |part: &Part| part.connectome.of(side, &self.own(part, side, cells));
        let sources = self.shared.parts.iter().map(of);
        Ok(self.chain(&self.shared.schema, sources.collect::<Result<_>>()?))
    }

    fn made_in_order(&self, cells: &IdSet) -> Result<Option<Arc<dyn Source>>> {
        let of = |part: &Part| part.connectome.made_in_order(&self.own(part, Side::Outgoing, cells));
        let sources = self.shared.parts.iter().map(of).collect::<Result<Option<Vec<_>>>>()?;
        Ok(sources.map(|sources| self.chain(&self.shared.schema, sources)))
    }

    fn count(&self, side: Side, cells: &IdSet) -> Result<u64> {
        let count = |part: &Part| part.connectome.count(side, &self.own(part, side, cells));
        self.shared.parts.iter().map(count).sum()
    }

    fn connections(&self, cells: Option<(Side, &IdSet)>) -> Result<Arc<dyn Source>> {
        let of = |part: &Part| {
            let own = cells.map(|(side, cells)| (side, self.own(part, side, cells)));
            part.connectome.connections(own.as_ref().map(|(side, cells)| (*side, cells)))
        };
        let sources = self.shared.parts.iter().map(of).collect::<Result<_>>()?;
        let chain = self.chain(&self.shared.connection_schema, sources);
        // The parts are in no order of cells, and two of them between the same populations connect the same pairs.
        Ok(if self.shared.parts.len() > 1 { Arc::new(paired(chain.as_ref())?) } else { chain })
    }

    fn facts(&self) -> Result<serde_json::Value> {
        let facts = self.shared.parts.iter().map(|part| Ok((part.name.clone(), part.connectome.facts()?)));
        Ok(facts.collect::<Result<serde_json::Map<_, _>>>()?.into())
    }
}

/// Connections of several parts, each pair once, ordered by post, then pre.
fn paired(connections: &dyn Source) -> Result<Frame> {
    let mut rows: Vec<(i64, i64, i64)> = Vec::new();
    for morsel in connections.morsels() {
        work::check()?;
        let block = connections.open(&morsel)?;
        let column = |at| Ok(cast(&block.column(at)?, &DataType::Int64)?.as_primitive::<Int64Type>().clone());
        let (pre, post, n): (Int64Array, Int64Array, Int64Array) = (column(0)?, column(1)?, column(2)?);
        rows.extend((0..block.rows()).map(|at| (post.value(at), pre.value(at), n.value(at))));
    }
    Pairs::sorted(rows).frame(connections.schema())
}

/// Sources of the parts, one after the other.
struct Chain {
    shared: Arc<Shared>,
    schema: Arc<Schema>,
    sources: Vec<Arc<dyn Source>>,
    /// The morsels of all, each with the number of its part.
    pieces: Vec<(usize, Morsel)>,
}

impl Source for Chain {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.row_count()).sum()
    }

    fn morsels(&self) -> Vec<Morsel> {
        let piece =
            |(at, (_, morsel)): (usize, &(usize, Morsel))| Morsel { units: at..at + 1, rows: morsel.rows };
        self.pieces.iter().enumerate().map(piece).collect()
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        let piece = self.pieces.get(morsel.units.start);
        let (at, own) =
            piece.ok_or_else(|| Error::argument(format!("no rows {:?} in this table", morsel.units)))?;
        let block = self.sources[*at].open(own)?;
        Ok(Box::new(ChainBlock { chain: self, part: *at, block }))
    }

    fn describe(&self) -> Vec<String> {
        self.sources.iter().flat_map(|source| source.describe()).collect()
    }
}

struct ChainBlock<'a> {
    chain: &'a Chain,
    part: usize,
    block: Box<dyn Block + 'a>,
}

impl Block for ChainBlock<'_> {
    fn rows(&self) -> usize {
        self.block.rows()
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        let spec = &self.chain.schema.columns()[index];
        let (shared, rows) = (&self.chain.shared, self.block.rows());
        let part = &shared.parts[self.part];
        if spec.name == "population" {
            return cast(&constant(&part.name, rows)?, &spec.data_type);
        }
        let Some(at) = self.chain.sources[self.part].schema().find(&spec.name) else {
            return Ok(new_null_array(&spec.data_type, rows));
        };
        let values = self.block.column(at)?;
        let population = match spec.name.as_str() {
            "pre" if shared.packed => part.ends.0,
            "post" if shared.packed => part.ends.1,
            _ => return cast(&values, &spec.data_type),
        };
        let ids = values.as_primitive::<Int64Type>();
        Ok(Arc::new(ids.unary::<_, Int64Type>(|id| pack(population, id))))
    }
}
