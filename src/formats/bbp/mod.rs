//! The legacy formats of the Blue Brain Project: configurations, targets, cells, e-models, synapses.

pub mod config;
pub mod mecombo;
pub mod mvd2;
pub mod mvd3;
pub mod nrn;
pub mod open;
pub mod simulation;
pub mod sonata;
mod spellings;
pub mod target;
pub mod write;
