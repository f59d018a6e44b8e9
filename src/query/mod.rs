//! The query core.
mod expr;
pub use expr::*;
