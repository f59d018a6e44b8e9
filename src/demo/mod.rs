//! The generator of the demonstration circuit: a synthetic circuit in the legacy format, with the proportions of the
//! rat somatosensory microcircuit, of any size.
//!
//! ```text
//! recipe ─▶ cells + branches ─▶ wiring ─▶ synapses ─▶ the nrn.h5 family
//!                            └▶ thalamus ─▶ proj_nrn.h5
//!                            ├▶ files: configuration, targets, mvd2, mvd3, e-models
//!                            └▶ simulation ─▶ spikes, reports, configuration
//! ```
//!
//! Whatever is random follows from the seed and the number of the cell, never from the order of the work: the same
//! options give the same bytes on any number of threads.

mod branches;
mod cells;
mod files;
mod random;
mod recipe;
pub mod simulation;
mod synapses;
#[cfg(test)]
mod tests;
mod thalamus;
mod wiring;

use std::path::Path;

use self::cells::Population;
use self::simulation::{Network, Settings};
use self::synapses::Synapses;
use self::thalamus::Thalamus;
use crate::diag::work::Progress;
use crate::diag::{Error, Result};
use crate::formats::open::open_circuit;
use crate::formats::paths::PathMap;
use crate::formats::sonata;
use crate::formats::write::AtomicFolder;
use crate::model::Format;

/// The folder of the synapses, named as circuits of this kind name it.
const SYNAPSES: &str = "ncsFunctionalAllRecipePathways";

/// Circuits with more synapses than this are not simulated.
pub const MOST_SIMULATED: u64 = 5_000_000;

/// So many cells have their dendrites recorded.
const WATCHED: usize = 6;

/// Gids go through 32-bit floating point, which counts exactly to 2²⁴.
const MOST_CELLS: u32 = 10_000_000;

/// What kind of circuit to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// Population. Up to 31,346 make one column, more make several.
    pub cells: u32,
    /// Synapses onto each cell from other cells, on average. Pyramidal cells with a thick tuft get more, small
    /// interneurons fewer.
    pub synapses_per_cell: u32,
    /// The same seed gives the same circuit.
    pub seed: u64,
    /// The family of formats. For SONATA, the circuit is written in the legacy format first, and that is converted.
    pub format: Format,
    /// Whether to simulate it, too. That keeps all connections in memory: it is left out above [`MOST_SIMULATED`] synapses.
    pub simulate: bool,
    /// Whether to write into a folder that holds other things than an earlier demonstration circuit. Files of the
    /// same names are replaced, others stay.
    pub overwrite: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            cells: 1000,
            synapses_per_cell: 100,
            seed: 1,
            format: Format::Bbp,
            simulate: true,
            overwrite: false,
        }
    }
}

/// How large a circuit has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Population.
    pub cells: u64,
    /// Connected pairs of cells.
    pub connections: u64,
    /// Synapses among the cells.
    pub synapses: u64,
    /// Synapses of the thalamic projection.
    pub projection_synapses: u64,
    /// Spikes of the simulation, if there is one.
    pub spikes: Option<u64>,
}

impl Options {
    /// Whether the circuit is simulated.
    pub fn simulated(&self) -> bool {
        self.simulate && u64::from(self.cells) * u64::from(self.synapses_per_cell) <= MOST_SIMULATED
    }
}

/// Writes a demonstration circuit: `CircuitConfig` and all that it names. The folder appears when it is complete. An
/// earlier demonstration circuit is replaced.
///
/// # Errors
/// When the folder holds something else (unless `overwrite` is set) or cannot be written, or an option is out of
/// range.
pub fn write(folder: &Path, options: &Options) -> Result<Summary> {
    check(options)?;
    let output = if options.overwrite || is_demo(folder, options.format) {
        AtomicFolder::over(folder)
    } else {
        AtomicFolder::create(folder)
    };
    let output = output.map_err(|e| e.help("give another folder, or ask to overwrite"))?;
    let summary = match options.format {
        Format::Bbp => fill(output.path(), options)?,
        Format::Sonata => fill_sonata(output.path(), options)?,
    };
    output.commit()?;
    Ok(summary)
}

fn check(options: &Options) -> Result<()> {
    if !(1..=MOST_CELLS).contains(&options.cells) {
        return Err(Error::argument(format!("{} cells: 1 to {MOST_CELLS} are possible", options.cells)));
    }
    if options.synapses_per_cell > 100_000 {
        let given = options.synapses_per_cell;
        return Err(Error::argument(format!("{given} synapses per cell: at most 100000 are possible")));
    }
    Ok(())
}

/// The configuration in a folder, by which a circuit is opened.
pub fn config_name(format: Format) -> &'static str {
    match format {
        Format::Bbp => "CircuitConfig",
        Format::Sonata => "circuit_config.json",
    }
}

/// Whether a folder holds a demonstration circuit.
fn is_demo(folder: &Path, format: Format) -> bool {
    let readme = std::fs::read_to_string(folder.join(files::README));
    readme.is_ok_and(|text| text.starts_with(files::TITLE)) && folder.join(config_name(format)).exists()
}

/// Writes the files of SONATA into an empty folder.
fn fill_sonata(folder: &Path, options: &Options) -> Result<Summary> {
    // Inside the folder, so that there is room for both or for neither; it is gone before the folder is complete.
    let legacy = tempfile::tempdir_in(folder).map_err(|e| Error::io("write", folder, &e))?;
    // The simulation is the same in both formats, and is not converted.
    let mut summary = fill(legacy.path(), &Options { simulate: false, ..options.clone() })?;
    let circuit = open_circuit(&legacy.path().join(config_name(Format::Bbp)), &PathMap::default())?;
    sonata::write::fill(&circuit, folder, &sonata::write::Options::default())?;
    files::readme(folder, options, &Population::new(options.cells, options.seed))?;
    drop(circuit);
    legacy.close().map_err(|e| Error::io("clear", folder, &e))?;
    let cells = Population::new(options.cells, options.seed);
    let thalamus = Thalamus::new(&cells, options.seed);
    let synapses = Synapses::new(&cells, options.synapses_per_cell, options.seed);
    summary.spikes = simulate(folder, &cells, &synapses, &thalamus, options)?;
    Ok(summary)
}

/// Writes all files into an empty folder.
fn fill(folder: &Path, options: &Options) -> Result<Summary> {
    let progress = Progress::new("writing the demonstration circuit", 2 * u64::from(options.cells));
    let cells = Population::new(options.cells, options.seed);
    let (synapses, projection) = (folder.join(SYNAPSES), folder.join(thalamus::NAME));
    for folder in [&synapses, &projection] {
        std::fs::create_dir(folder).map_err(|e| Error::io("create", folder, &e))?;
    }
    files::readme(folder, options, &cells)?;
    files::mecombo(folder, &cells)?;
    files::mvd2(folder, &cells)?;
    files::mvd3(folder, &cells)?;
    files::start_target(folder, &cells)?;
    let thalamus = Thalamus::new(&cells, options.seed);
    let recorded: Vec<usize> = simulation::recorded(cells.cells.len(), WATCHED).collect();
    files::user_target(folder, thalamus.gids(), &recorded)?;
    let projection_synapses = thalamus.write(&projection, options.synapses_per_cell)?;
    let made = Synapses::new(&cells, options.synapses_per_cell, options.seed);
    let (connections, synapses) = made.write(&synapses, options.synapses_per_cell, &progress)?;
    files::config(folder, &cells)?;
    let spikes = simulate(folder, &cells, &made, &thalamus, options)?;
    Ok(Summary { cells: options.cells.into(), connections, synapses, projection_synapses, spikes })
}

/// Simulates a circuit that is in a folder, and writes what comes out beside it.
fn simulate(
    folder: &Path,
    cells: &Population,
    synapses: &Synapses,
    thalamus: &Thalamus,
    options: &Options,
) -> Result<Option<u64>> {
    if !options.simulated() {
        return Ok(None);
    }
    let network = Network::new(cells, synapses, thalamus, options, WATCHED)?;
    let settings = Settings { seed: options.seed, ..Settings::default() };
    simulation::write(folder, &network, cells, thalamus.gids().start, options, &settings).map(Some)
}
