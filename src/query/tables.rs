//! A circuit as tables: what SQL sees, and what scripts ask for.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};
use arrow_schema::DataType;

use super::{Expr, Group, Members, SynapseScan, Table, sql};
use crate::diag::{Error, Result, work};
use crate::model::{Circuit, Column, ColumnSpec, Connectome, Frame, IdSet, Side, TargetEntry, Targets};

/// The tables of a circuit: `cells`, `synapses`, `connections`, `targets`.
pub struct CircuitTables<'a>(pub &'a Circuit);

impl sql::Tables for CircuitTables<'_> {
    fn table(&self, name: &str) -> Result<Table> {
        let circuit = self.0;
        match name.to_lowercase().as_str() {
            "cells" => Ok(Table::of(circuit.cells.clone())),
            "synapses" => Ok(scan(circuit.connectome.get()?, None, None, Side::Incoming)),
            "connections" => Ok(connections(circuit.connectome.get()?, None, None)),
            "targets" => targets_table(circuit.targets.get()?.as_ref()),
            _ => Err(Error::unknown("table", name, ["cells", "synapses", "connections", "targets"])),
        }
    }

    fn group(&self, name: &str) -> Result<IdSet> {
        Ok(Group::Text(name.to_owned()).resolve(self.0)?.unwrap_or_else(|| IdSet::new(Vec::new())))
    }
}

/// The synapses from some cells to some cells; `None` stands for all.
pub fn scan(connectome: &Arc<dyn Connectome>, pre: Option<IdSet>, post: Option<IdSet>, order: Side) -> Table {
    Table::scan(SynapseScan { connectome: connectome.clone(), pre, post, order, connections: false })
}

/// The connected pairs of cells from some to some.
pub fn connections(connectome: &Arc<dyn Connectome>, pre: Option<IdSet>, post: Option<IdSet>) -> Table {
    let scan =
        SynapseScan { connectome: connectome.clone(), pre, post, order: Side::Incoming, connections: true };
    Table::scan(scan)
}

/// The condition that a column names a cell of a set.
pub fn member(column: &str, ids: IdSet) -> Expr {
    Expr::In(Box::new(Expr::column(column)), Members::Ids(ids))
}

/// The named groups as a table: `name`, `kind`, `count`, `file`. A target that does not resolve has no count.
///
/// # Errors
/// When the work is stopped.
pub fn targets_table(targets: &dyn Targets) -> Result<Table> {
    let entries = targets.entries();
    let counts: Vec<Option<i64>> = entries
        .iter()
        .map(|t| {
            work::check()?;
            Ok(targets.resolve(&t.name).ok().map(|ids| ids.sorted().len() as i64))
        })
        .collect::<Result<_>>()?;
    let text = |f: &dyn Fn(&TargetEntry) -> String| entries.iter().map(|t| Some(f(t))).collect();
    let count = ColumnSpec::new("count", DataType::Int64).meaning("cells; nothing where a member is missing");
    Ok(Table::in_memory(Frame::new(vec![
        text_column("name", text(&|t| t.name.clone())),
        text_column("kind", text(&|t| t.kind.clone())),
        Column { spec: count, values: Arc::new(Int64Array::from(counts)) },
        text_column("file", text(&|t| t.file.display().to_string())),
    ])?))
}

fn text_column(name: &str, values: Vec<Option<String>>) -> Column {
    Column { spec: ColumnSpec::new(name, DataType::Utf8), values: Arc::new(StringArray::from(values)) }
}
