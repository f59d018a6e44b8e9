//! The row-by-row fallback: a script's function that could not be translated is called for each row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use rayon::prelude::*;

use super::bind::{Kind, Resolved, bind, resolve};
use super::computed::computed;
use super::eval::{evaluate, follow, normalised, value_at};
use super::grouping::array_of;
use super::{Row, RowFunction, Value};
use crate::diag::{Error, Result, work};
use crate::model::{Block, Schema};

/// Rows that one thread computes at a time.
const ROWS_PER_TASK: usize = 1024;

/// The columns that a function may ask for, read beforehand: a block cannot leave the scan that opened it.
struct Snapshot {
    columns: HashMap<String, ArrayRef>,
    schema: Arc<Schema>,
}

impl Snapshot {
    fn read(function: &dyn RowFunction, schema: &Arc<Schema>, block: &dyn Block) -> Result<Self> {
        let names = function.columns().unwrap_or_else(|| schema.reachable_names());
        let mut columns = HashMap::with_capacity(names.len());
        for name in &names {
            // Not all that a function may ask for need be there: `row.pre.mtype` is also the column `pre.mtype` of a
            // table without `pre`. A name that is missing is an error when it is asked for.
            let Ok(resolved) = resolve(name, schema) else {
                if let Some((_, made_of)) = computed(name, schema) {
                    columns.insert(name.clone(), normalised(evaluate(&bind(&made_of, schema)?.0, block)?)?);
                }
                continue;
            };
            let array = match resolved {
                Resolved::Own(index) => block.column(index)?,
                Resolved::Linked { via, cells, column } => follow(&block.column(via)?, &cells, column)?,
            };
            columns.insert(name.clone(), normalised(array)?);
        }
        Ok(Snapshot { columns, schema: schema.clone() })
    }
}

struct SnapshotRow {
    snapshot: Arc<Snapshot>,
    row: usize,
}

impl Row for SnapshotRow {
    fn get(&self, column: &str) -> Result<Value> {
        match self.snapshot.columns.get(column) {
            Some(array) => Ok(value_at(array, self.row)),
            None => Err(self.snapshot.schema.unknown(column)),
        }
    }

    fn names(&self) -> Vec<String> {
        self.snapshot.schema.columns().iter().map(|c| c.name.clone()).collect()
    }
}

/// Calls a function for each row of a block.
pub(super) fn call_rows(
    function: &Arc<dyn RowFunction>,
    schema: &Arc<Schema>,
    block: &dyn Block,
) -> Result<ArrayRef> {
    let snapshot = Arc::new(Snapshot::read(function.as_ref(), schema, block)?);
    let call = |row: usize| {
        let seen: Arc<dyn Row> = Arc::new(SnapshotRow { snapshot: snapshot.clone(), row });
        function.call(&seen).map_err(|e| with_row(e, schema, block, row))
    };
    let rows = block.rows();
    let values: Result<Vec<Value>> = if function.serial() || rows <= ROWS_PER_TASK {
        (0..rows).map(call).collect()
    } else {
        let tasks: Result<Vec<Vec<Value>>> = (0..rows.div_ceil(ROWS_PER_TASK))
            .into_par_iter()
            .map(|task| {
                work::check()?;
                let start = task * ROWS_PER_TASK;
                (start..(start + ROWS_PER_TASK).min(rows)).map(call).collect()
            })
            .collect();
        tasks.map(|t| t.into_iter().flatten().collect())
    };
    Ok(array_of(&values?, Kind::Any))
}

/// Names the row that a function failed on by its ids: they find it again, a row number would not.
fn with_row(error: Error, schema: &Schema, block: &dyn Block, row: usize) -> Error {
    let named = ["id", "pre", "post", "row"].iter().filter_map(|name| {
        let array = normalised(block.column(schema.find(name)?).ok()?).ok()?;
        (!array.is_null(row)).then(|| format!("{name} = {}", value_at(&array, row)))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        error
    } else {
        error.help(format!("it failed on the row with {}", named.join(", ")))
    }
}
