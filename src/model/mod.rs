//! The words of the field: columns with units, ids, cells, targets, connectomes, circuits, simulations.
//!
//! Nothing here reads a file. A format implements the traits ([`Source`], [`Targets`], [`Connectome`], [`Report`]) and fills
//! the structures; [`crate::query`] runs over what it is handed.

mod cells;
mod circuit;
mod column;
mod connectome;
mod frame;
mod ids;
mod matrix;
pub mod merged;
mod report;
mod report_rows;
mod simulation;
mod source;
mod spikes;
mod targets;

pub use cells::{CellTable, cell_column};
pub use circuit::{Circuit, EdgePopulation, Emodel, Emodels, Format, Network, NodePopulation, Projection};
pub use column::{Column, ColumnSpec, Link, Schema, units};
pub use connectome::{Connectome, Pairs, Side, connection_columns, synapse_columns};
pub use frame::Frame;
pub use ids::IdSet;
pub use matrix::SparseMatrix;
pub use report::{
    Clock, Frames, MergedReport, Report, ReportFacts, ReportKind, ReportLayout, for_populations,
};
pub use report_rows::{Recording, ReportRows, cell_id_column, time_column, value_column};
pub use simulation::{ReportEntry, Simulation};
pub use source::{Block, Morsel, ROWS_PER_MORSEL, Source};
pub use spikes::{Batch, Sink, Spikes, Trains, spike_columns};
pub use targets::{TargetEntry, Targets};
