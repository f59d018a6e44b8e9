//! A circuit in whatever format: what a path holds decides.

use std::path::Path;

use super::paths::{PathMap, existing, tidy};
use super::sniff::{CIRCUITS, Kind, find_config, sniff};
use super::{bbp, sonata};
use crate::diag::Result;
use crate::model::Circuit;

/// Opens a circuit: a CircuitConfig, BlueConfig or `circuit_config.json`, a folder that holds one, or a file of cells.
///
/// # Errors
/// A path that does not exist or is no circuit, a damaged configuration, and cells that are not there.
pub fn open_circuit(path: &Path, path_map: &PathMap) -> Result<Circuit> {
    let path = tidy(&path_map.apply(path));
    let file = if existing(&path)?.is_dir() { find_config(&path, &CIRCUITS)? } else { path.clone() };
    match sniff(&file)? {
        Kind::SonataCircuit | Kind::SonataSimulation => sonata::open::open_circuit(&file, path_map),
        Kind::SonataNodes => sonata::open::open_nodes(&file),
        _ => bbp::open::open_circuit(&path, path_map),
    }
}

/// Opens a simulation.
///
/// # Errors
/// Always, until its configurations are read.
pub fn open_simulation(path: &Path, _: &PathMap) -> Result<crate::model::Simulation> {
    Err(crate::diag::Error::format("simulations cannot be opened yet").in_file(path))
}
