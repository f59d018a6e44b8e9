//! The query core: one expression language, lazy tables, one parallel executor.

mod aggregate;
mod bind;
mod eval;
mod exec;
mod expr;
mod grouping;
mod pick;
mod rows;
mod scan;
mod table;

pub use aggregate::Aggregate;
pub use expr::*;
pub use pick::choose;
pub use scan::SynapseScan;
pub use table::{JoinKind, Named, SortKey, Table, row_values};
