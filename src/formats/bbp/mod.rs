//! The legacy formats of the Blue Brain Project: circuits of mvd2/mvd3 cells, target files and nrn.h5 synapses.

pub mod mvd3;
pub mod nrn;
//! The legacy formats of the Blue Brain Project: configurations, targets, cells, e-models, synapses.

pub mod config;
pub mod target;
