//! A table in memory: what a query answers with, and what is drawn, shown and saved.

use std::sync::Arc;

use arrow_array::ArrayRef;

use super::{Block, Column, ColumnSpec, Morsel, Schema, Source, merged};
use crate::diag::{Error, Result};

/// Columns of equal length, held in memory.
#[derive(Clone, Debug)]
pub struct Frame {
    schema: Arc<Schema>,
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl Frame {
    /// A table of these columns.
    ///
    /// # Errors
    /// When their lengths differ.
    pub fn new(columns: Vec<Column>) -> Result<Self> {
        let (specs, values): (Vec<ColumnSpec>, Vec<ArrayRef>) =
            columns.into_iter().map(|c| (c.spec, c.values)).unzip();
        let rows = values.first().map_or(0, |v| v.len());
        Self::with_schema(Arc::new(Schema::new(specs)), values, rows)
    }

    /// A table with a schema that may have links; `rows` counts where there is no column.
    ///
    /// # Errors
    /// When the number of columns or their lengths do not fit.
    pub fn with_schema(schema: Arc<Schema>, columns: Vec<ArrayRef>, rows: usize) -> Result<Self> {
        if schema.columns().len() != columns.len() {
            return Err(Error::argument(format!(
                "{} columns of values for {} columns of the table",
                columns.len(),
                schema.columns().len()
            )));
        }
        for (spec, column) in schema.columns().iter().zip(&columns) {
            if column.len() != rows {
                return Err(Error::argument(format!(
                    "column `{}` has {} rows where the table has {rows}",
                    spec.name,
                    column.len()
                )));
            }
        }
        Ok(Frame { schema, columns, rows })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The values, a column each.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// A column by name or alias.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        Ok(&self.columns[self.schema.position(name)?])
    }

    /// The same with ids of several populations as a person reads them: `population:id`.
    ///
    /// # Errors
    /// Never in practice: the values of such a column are whole numbers.
    pub fn readable(&self) -> Result<Frame> {
        if self.schema.columns().iter().all(|c| c.populations.is_none()) {
            return Ok(self.clone());
        }
        let columns =
            self.schema.columns().iter().zip(&self.columns).map(|(spec, values)| match &spec.populations {
                Some(names) => merged::readable(values, names),
                None => Ok(values.clone()),
            });
        Self::with_schema(self.schema.readable(), columns.collect::<Result<_>>()?, self.rows)
    }

    /// Some rows, without copying; clamped to the table.
    #[must_use]
    pub fn slice(&self, start: usize, rows: usize) -> Frame {
        let start = start.min(self.rows);
        let rows = rows.min(self.rows - start);
        let columns = self.columns.iter().map(|c| c.slice(start, rows)).collect();
        Frame { schema: self.schema.clone(), columns, rows }
    }
}

impl Source for Frame {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.rows as u64)
    }

    fn morsels(&self) -> Vec<Morsel> {
        Morsel::cut(self.rows)
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        Ok(Box::new(self.slice(morsel.units.start, morsel.units.len())))
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{} rows in memory", self.rows)]
    }
}

impl Block for Frame {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column(&self, index: usize) -> Result<ArrayRef> {
        Ok(self.columns[index].clone())
    }
}
