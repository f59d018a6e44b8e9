//! A circuit or a simulation in whatever format: what a path holds decides.

use std::path::Path;

use super::paths::{PathMap, existing, tidy};
use super::sniff::{CIRCUITS, Kind, SIMULATIONS, find_config, sniff};
use super::{bbp, sonata};
use crate::diag::{Error, Result};
use crate::model::{Circuit, Simulation};

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

/// Opens a simulation: a BlueConfig or `simulation_config.json`, or a folder that holds one. Its circuit, spikes and
/// reports are opened when they are asked for, each by itself.
///
/// # Errors
/// A path that does not exist or is no simulation, a configuration that is damaged or wrong.
pub fn open_simulation(path: &Path, path_map: &PathMap) -> Result<Simulation> {
    let path = tidy(&path_map.apply(path));
    let file = if existing(&path)?.is_dir() { find_config(&path, &SIMULATIONS)? } else { path };
    match sniff(&file)? {
        Kind::SonataSimulation => sonata::simulation::open_simulation(&file, path_map),
        // A configuration that lacks what makes it one of a simulation is told so.
        Kind::BlueConfig | Kind::CircuitConfig => bbp::simulation::open_simulation(&file, path_map),
        kind => Err(Error::format(format!("this is {}, not a simulation", kind.name())).in_file(&file)),
    }
}
