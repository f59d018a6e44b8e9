//! # neurhai: questions to reconstructed brain circuits, in one line each
//!
//! This page is the map. Data flows one way, from the bytes of a file to the eyes of a person:
//!
//! ```text
//! file bytes ─▶ formats ─▶ model ─▶ query ─▶ analysis ─▶ plot ─▶ script ─▶ cli
//!               readers    words    tables   numbers     ink     Rhai      people
//! ```
//!
//! | folder | what belongs there | what does not |
//! |---|---|---|
//! | [`diag`] | the one error type, "did you mean", and the one renderer | anything that knows a file format |
//! | [`model`] | the words of the field: columns with units, ids, cells, targets, connectomes, [`model::Circuit`]; the traits that a format implements | files, Rhai |
//! | [`formats`] | bytes → model, one file or folder for each format; everything that is written goes through [`formats::write`] | science |
//! | [`query`] | [`query::Expr`] (the one expression language), plans, the parallel executor, groups of cells, SQL | files, Rhai |
//! | [`analysis`] | plain functions on slices and tables: connectivity, its statistics, and which figure a table becomes | input, output |
//! | [`demo`] | the generator of the demonstration circuit | |
//! | [`plot`] | [`plot::Figure`] (what is shown) and its renderers | where the numbers come from |
//! | [`script`] | gives all of it names, documentation and argument checking; holds no arithmetic | |
//! | [`cli`] | one file for each subcommand, and the first prompt | |
//!
//! `tests/layering.rs` checks that nothing imports against the arrows.
//!
//! A Rust program may use everything below [`script`] without Rhai, or register the whole language into
//! its own engine with [`script::register`].

pub mod analysis;
pub mod cli;
pub mod demo;
pub mod diag;
pub mod formats;
pub mod model;
pub mod plot;
pub mod query;
pub mod script;

pub use diag::{Error, Result};
