//! SONATA: circuits of populations of nodes and edges in JSON and HDF5, in the flavours of the Blue Brain Project and of
//! the Allen Institute. Ids are those of the nodes, from 0.
//!
//! | module | what it reads |
//! |---|---|
//! | [`nodes`], [`types`] | cells, and what all cells of a type have in common |
//! | [`edges`] | synapses and other edges |

pub mod edges;
pub mod nodes;
pub mod types;
