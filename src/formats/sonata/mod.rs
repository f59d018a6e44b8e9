//! SONATA: circuits of populations of nodes and edges in HDF5, in the flavours of the Blue Brain Project and of the
//! Allen Institute. Ids are those of the nodes, from 0.

pub mod nodes;
pub mod types;
