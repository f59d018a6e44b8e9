//! Tables as text in a terminal and as files: CSV, TSV, JSON, Parquet, Arrow; sparse matrices for other tools.

mod number;
mod terminal;
mod values;

#[cfg(test)]
mod samples;

pub use number::{format_count, format_number, format_quantity};
pub use terminal::{Look, render};
