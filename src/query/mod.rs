//! The query core: one expression language, lazy tables, one parallel executor.

mod aggregate;
mod bind;
mod computed;
mod eval;
mod exec;
mod expr;
mod group;
mod grouping;
mod pick;
mod rows;
mod scan;
pub mod sql;
mod summary;
mod table;
mod tables;

pub use aggregate::Aggregate;
pub use bind::Kind;
pub use eval::value_at;
pub use expr::*;
pub use group::{Group, cells_of, cuboid, sphere};
pub use grouping::Labels;
pub use pick::choose;
pub use scan::SynapseScan;
pub use summary::{array_of, compute, type_text};
pub use table::{JoinKind, Named, SortKey, Table, row_values};
pub use tables::{CircuitTables, connections, member, scan, targets_table};

/// The kind of values of an Arrow type.
pub fn kind_of(data_type: &arrow_schema::DataType) -> Kind {
    Kind::of(data_type)
}
