//! SONATA: circuits of node and edge populations, in JSON and HDF5.
//!
//! | module | what it reads |
//! |---|---|
//! | [`config`] | `circuit_config.json`: which populations there are, and in which files |
//! | [`node_sets`] | `node_sets.json`: named groups of cells, given by rules |

pub mod config;
mod json;
pub mod node_sets;
