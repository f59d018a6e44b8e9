//! The cells of a circuit: one row a cell, each column read when it is first asked for.

use std::fmt;
use std::sync::Arc;

use arrow_array::ArrayRef;

use arrow_schema::DataType;

use super::{Block, ColumnSpec, Morsel, Schema, Source, units};
use crate::diag::{Deferred, Result};

/// The cell properties that the language knows: name, unit, meaning. Files may hold others.
const KNOWN: &[(&str, Option<&str>, &str)] = &[
    ("id", None, "id of the cell in the circuit's own convention"),
    ("mtype", None, "morphological type"),
    ("etype", None, "electrical type"),
    ("layer", None, "cortical layer"),
    ("synapse_class", None, "EXC or INH: what the cell's synapses are"),
    ("morph_class", None, "PYR or INT: pyramidal cell or interneuron"),
    ("region", None, "brain region"),
    ("hypercolumn", None, "number of the column"),
    ("minicolumn", None, "number of the minicolumn"),
    ("morphology", None, "name of the morphology file, without extension"),
    ("me_combo", None, "name of the combination of morphology and e-model"),
    ("x", Some(units::UM), "position of the soma"),
    ("y", Some(units::UM), "position of the soma (towards the pia)"),
    ("z", Some(units::UM), "position of the soma"),
    ("orientation_w", None, "orientation as a unit quaternion, real part"),
    ("orientation_x", None, "orientation as a unit quaternion, x"),
    ("orientation_y", None, "orientation as a unit quaternion, y"),
    ("orientation_z", None, "orientation as a unit quaternion, z"),
    ("exc_mini_frequency", Some(units::HZ), "rate of spontaneous excitatory release"),
    ("inh_mini_frequency", Some(units::HZ), "rate of spontaneous inhibitory release"),
];

/// The column of a cell property, with the unit and the meaning that the language gives to that name.
pub fn cell_column(name: &str, data_type: DataType) -> ColumnSpec {
    let mut spec = ColumnSpec::new(name, data_type);
    if let Some((_, unit, meaning)) = KNOWN.iter().find(|k| k.0 == name) {
        spec.unit = unit.map(str::to_owned);
        (*meaning).clone_into(&mut spec.meaning);
    }
    if name == "id" {
        spec = spec.aliases(&["gid", "node_id"]);
    }
    spec
}

/// All cells of a population. Row `i` is the cell with the id `first_id + i`.
pub struct CellTable {
    first_id: i64,
    count: usize,
    schema: Arc<Schema>,
    columns: Vec<Deferred<ArrayRef>>,
    origin: String,
}

impl CellTable {
    /// A table of `count` cells. The first column must be `id`; `origin` names the file for `explain()`.
    pub fn new(
        first_id: i64,
        count: usize,
        columns: Vec<(ColumnSpec, Deferred<ArrayRef>)>,
        origin: impl Into<String>,
    ) -> Arc<Self> {
        let (specs, columns) = columns.into_iter().unzip();
        Arc::new(CellTable {
            first_id,
            count,
            schema: Arc::new(Schema::new(specs)),
            columns,
            origin: origin.into(),
        })
    }

    /// The id of the first cell: 1 in the legacy format, 0 in SONATA.
    pub fn first_id(&self) -> i64 {
        self.first_id
    }

    /// The number of cells.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The row of a cell, if the circuit has it.
    pub fn row_of(&self, id: i64) -> Option<usize> {
        let row = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        (row < self.count).then_some(row)
    }

    /// The columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// All values of a column, by its position.
    ///
    /// # Errors
    /// When the file behind it is damaged.
    pub fn column(&self, index: usize) -> Result<&ArrayRef> {
        self.columns[index].get()
    }

    /// The file that the cells come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Debug for CellTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellTable({} cells from {})", self.count, self.origin)
    }
}

impl Source for CellTable {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.count as u64)
    }

    fn morsels(&self) -> Vec<Morsel> {
        Morsel::cut(self.count)
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        Ok(Box::new(CellBlock { cells: self, start: morsel.units.start, rows: morsel.units.len() }))
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{} cells of {}", self.count, self.origin)]
    }
}

struct CellBlock<'a> {
    cells: &'a CellTable,
    start: usize,
    rows: usize,
}

impl Block for CellBlock<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        Ok(self.cells.column(index)?.slice(self.start, self.rows))
    }
}
