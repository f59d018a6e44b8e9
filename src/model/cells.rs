//! The cells of a circuit: one row a cell, each column read when it is first asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;

use super::{Block, ColumnSpec, IdSet, Morsel, Schema, Source, merged, units};
use crate::diag::{Deferred, Error, Result};

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

/// All cells of a population.
pub struct CellTable {
    ids: Ids,
    count: usize,
    schema: Arc<Schema>,
    columns: Vec<Deferred<ArrayRef>>,
    origin: String,
}

impl CellTable {
    /// A table of `count` cells; row `i` is the cell with the id `first_id + i`. The first column must be `id`;
    /// `origin` names the file for `explain()`.
    pub fn new(
        first_id: i64,
        count: usize,
        columns: Vec<(ColumnSpec, Deferred<ArrayRef>)>,
        origin: impl Into<String>,
    ) -> Arc<Self> {
        Self::of(Ids::From(first_id), count, columns, origin.into())
    }

    /// A table of the cells with these ids; row `i` is the cell `ids[i]`. The first column must be `id`.
    ///
    /// # Errors
    /// When an id is there twice.
    pub fn with_ids(
        ids: Vec<i64>,
        columns: Vec<(ColumnSpec, Deferred<ArrayRef>)>,
        origin: impl Into<String>,
    ) -> Result<Arc<Self>> {
        let count = ids.len();
        Ok(Self::of(Ids::of(ids)?, count, columns, origin.into()))
    }

    /// The cells of several populations, one after the other. An id is [`merged::pack`]ed: the position of its
    /// population and the id in it.
    pub(super) fn of_parts(
        parts: Vec<Arc<CellTable>>,
        columns: Vec<(ColumnSpec, Deferred<ArrayRef>)>,
        origin: String,
    ) -> Arc<Self> {
        let count = parts.iter().map(|part| part.count).sum();
        let starts = parts.iter().scan(0, |row, part| Some(std::mem::replace(row, *row + part.count)));
        let parts = starts.collect::<Vec<usize>>().into_iter().zip(parts).collect();
        Self::of(Ids::Parts(parts), count, columns, origin)
    }

    fn of(
        ids: Ids,
        count: usize,
        columns: Vec<(ColumnSpec, Deferred<ArrayRef>)>,
        origin: String,
    ) -> Arc<Self> {
        let (specs, columns) = columns.into_iter().unzip();
        Arc::new(CellTable { ids, count, schema: Arc::new(Schema::new(specs)), columns, origin })
    }

    /// The ids of all cells, in row order.
    pub fn ids(&self) -> IdSet {
        match &self.ids {
            Ids::From(first) => (*first..first + self.count as i64).into(),
            Ids::Listed(listed, _) => listed.clone(),
            Ids::Parts(_) => (0..self.count).map(|row| self.id_of(row)).collect(),
        }
    }

    /// The id of the cell in a row of the table.
    pub fn id_of(&self, row: usize) -> i64 {
        match &self.ids {
            Ids::From(first) => first + row as i64,
            Ids::Listed(listed, _) => listed.listed()[row],
            Ids::Parts(parts) => {
                let at = parts.partition_point(|(start, _)| *start <= row) - 1;
                merged::pack(at, parts[at].1.id_of(row - parts[at].0))
            }
        }
    }

    /// The number of cells.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The row of a cell, if the circuit has it.
    pub fn row_of(&self, id: i64) -> Option<usize> {
        match &self.ids {
            Ids::From(first) => {
                let row = usize::try_from(id.checked_sub(*first)?).ok()?;
                (row < self.count).then_some(row)
            }
            Ids::Listed(_, rows) => rows.get(&id).map(|&row| row as usize),
            Ids::Parts(parts) => {
                let (at, id) = merged::unpack(id);
                let (start, part) = parts.get(at)?;
                Some(start + part.row_of(id)?)
            }
        }
    }

    /// The rows of cells; null where the id is null or the circuit has no such cell.
    pub fn rows_of(&self, ids: &Int64Array) -> UInt32Array {
        match &self.ids {
            Ids::From(first) => self.dense_rows(*first, ids),
            Ids::Listed(_, rows) => ids.iter().map(|id| rows.get(&id?).copied()).collect(),
            Ids::Parts(_) => ids.iter().map(|id| self.row_of(id?).map(|row| row as u32)).collect(),
        }
    }

    /// The same where the row is the distance from the first id. This is what every `pre.mtype` of every synapse goes
    /// through: one subtraction and one comparison for each.
    fn dense_rows(&self, first: i64, ids: &Int64Array) -> UInt32Array {
        let count = self.count as u64;
        let mut all = ids.null_count() == 0;
        let row = |&id: &i64| {
            let row = id.wrapping_sub(first) as u64;
            all &= row < count;
            row as u32
        };
        let rows: Vec<u32> = ids.values().iter().map(row).collect();
        if all {
            return UInt32Array::from(rows);
        }
        let known = ids.iter().map(|id| id.is_some_and(|id| self.row_of(id).is_some()));
        UInt32Array::new(ScalarBuffer::from(rows), Some(known.collect()))
    }

    /// Which ids there are, as the half of a sentence: "its cells are 1 to 20".
    pub fn describe_ids(&self) -> String {
        let ids = match &self.ids {
            Ids::From(_) if self.count == 0 => None,
            Ids::From(first) => Some((*first, first + self.count as i64 - 1)),
            Ids::Listed(listed, _) => listed.sorted().first().copied().zip(listed.sorted().last().copied()),
            Ids::Parts(parts) => {
                let parts = parts.iter().map(|(_, part)| part.describe_ids());
                return parts.collect::<Vec<_>>().join("; ");
            }
        };
        match (ids, &self.ids) {
            (None, _) => "it has no cells".to_owned(),
            (Some((low, high)), Ids::From(_)) => format!("its cells are {low} to {high}"),
            (Some((low, high)), _) => {
                format!("its {} cells have ids between {low} and {high}", self.count)
            }
        }
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

/// How the rows of a table are named.
enum Ids {
    /// Row `i` has the id that many after this one.
    From(i64),
    /// As listed, and the row of each.
    Listed(IdSet, HashMap<i64, u32>),
    /// Populations, and the row at which each starts.
    Parts(Vec<(usize, Arc<CellTable>)>),
}

impl Ids {
    fn of(ids: Vec<i64>) -> Result<Self> {
        let first = ids.first().copied().unwrap_or(0);
        let bounded = first.checked_add(ids.len() as i64).is_some();
        if bounded && ids.iter().enumerate().all(|(row, &id)| id == first + row as i64) {
            return Ok(Ids::From(first));
        }
        let mut rows = HashMap::with_capacity(ids.len());
        for (row, &id) in ids.iter().enumerate() {
            let at = u32::try_from(row).map_err(|_| Error::format("more cells than 2^32"))?;
            if let Some(earlier) = rows.insert(id, at) {
                return Err(Error::format(format!("two cells have the id {id}: rows {earlier} and {row}")));
            }
        }
        Ok(Ids::Listed(IdSet::new(ids), rows))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(ids: &[i64]) -> Result<Arc<CellTable>> {
        CellTable::with_ids(ids.to_vec(), vec![], "test")
    }

    #[test]
    fn ids_in_a_row_are_not_listed() {
        let cells = listed(&[7, 8, 9]).unwrap();
        assert!(matches!(cells.ids, Ids::From(7)));
        assert_eq!(cells.ids().listed(), [7, 8, 9]);
        assert_eq!(
            (cells.row_of(9), cells.row_of(6), cells.row_of(10), cells.id_of(1)),
            (Some(2), None, None, 8)
        );
        assert_eq!(cells.describe_ids(), "its cells are 7 to 9");
        assert_eq!(listed(&[]).unwrap().describe_ids(), "it has no cells");
    }

    #[test]
    fn listed_ids_are_found_and_named_once() {
        let cells = listed(&[30, 10, 20]).unwrap();
        assert_eq!(cells.ids().listed(), [30, 10, 20]);
        assert_eq!((cells.row_of(10), cells.row_of(11), cells.id_of(2)), (Some(1), None, 20));
        assert_eq!(cells.describe_ids(), "its 3 cells have ids between 10 and 30");
        assert_eq!(listed(&[5, 9, 5]).unwrap_err().message(), "two cells have the id 5: rows 0 and 2");
        assert!(listed(&[i64::MAX, i64::MIN]).is_ok());
    }

    #[test]
    fn both_kinds_of_ids_give_the_same_rows() {
        let asked = Int64Array::from(vec![Some(11), None, Some(9), Some(10), Some(i64::MIN), Some(12)]);
        let expected = UInt32Array::from(vec![Some(1), None, None, Some(0), None, Some(2)]);
        assert_eq!(listed(&[10, 11, 12]).unwrap().rows_of(&asked), expected);
        assert_eq!(listed(&[10, 11, 12, 20]).unwrap().rows_of(&asked), expected);
        assert_eq!(listed(&[12, 10]).unwrap().rows_of(&Int64Array::from(vec![10, 12])).values(), &[1, 0]);
    }
}
