//! Plain functions on slices and graphs: connectivity, its statistics, spikes and recorded voltages. No files, no
//! language.
//!
//! Cells are rows `0..n` here; [`Rows`] turns ids into rows. Conventions that hold everywhere:
//!
//! * matrices are `[pre, post]`, and a *connection* is all synapses of one ordered pair of cells;
//! * probabilities are fractions, distances µm, densities per mm³;
//! * standard deviations have ddof 0;
//! * pairs of a cell with itself are not counted as pairs, and a connection of a cell onto itself (an autapse) is a
//!   connection for degrees and synapse counts, but nowhere in the topology;
//! * results do not depend on the number of cores; what is random has a seed;
//! * long work stops with [`crate::diag::work::stop`].

mod common_neighbours;
pub mod connectivity;
pub mod controls;
pub mod distance;
pub mod figures;
mod graph;
#[cfg(test)]
mod oracle;
mod plasticity;
pub mod recordings;
mod region;
mod rotation;
pub mod spikes;
pub mod statistics;
pub mod topology;
pub mod traces;

pub use common_neighbours::{CommonNeighbours, Control, Shared};
pub use connectivity::Pathway;
pub use distance::{Metric, Within};
pub use graph::{Graph, Rows};
pub use plasticity::{TsodyksMarkram, tm_train};
pub use region::{Region, bouton_density, cell_density};
pub use rotation::{rotation_of_angles, rotation_of_quaternion};
