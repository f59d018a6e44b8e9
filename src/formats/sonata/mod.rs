//! SONATA: circuits of node and edge populations, in JSON and HDF5. Ids are those of the nodes, from 0.

pub mod write;
