//! SONATA: circuits of populations of nodes and edges in JSON and HDF5, in the flavours of the Blue Brain Project and of
//! the Allen Institute. Ids are those of the nodes, from 0.
//!
//! | module | what it reads |
//! |---|---|
//! | [`config`] | `circuit_config.json`: which populations there are, and in which files |
//! | [`node_sets`] | `node_sets.json`: named groups of cells, given by rules |
//! | [`nodes`], [`types`] | cells, and what all cells of a type have in common |
//! | [`edges`] | synapses and other edges |
//! | [`open`] | all of it as a circuit |
//! | [`simulation`] | `simulation_config.json`: what was simulated |
//! | [`alone`] | a file of nodes or of edges by itself |
//! | [`write`] | (writes) any circuit |

pub mod alone;
pub mod config;
pub mod edges;
pub(in crate::formats) mod json;
pub mod node_sets;
pub mod nodes;
pub mod open;
pub mod simulation;
pub mod types;
pub mod write;
