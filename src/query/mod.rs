//! The query core: one expression language, lazy tables, one parallel executor.

mod aggregate;
mod bind;
mod eval;
mod exec;
mod expr;
mod grouping;
mod rows;

pub use aggregate::Aggregate;
pub use expr::*;
