//! `neurhai convert`: writes a circuit in the other family of formats.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::screen;
use crate::diag::Result;
use crate::formats::write::circuit::Written;
use crate::formats::{bbp, sonata};
use crate::model::Format;
use crate::script::open_circuit;

/// What is read, and what is written.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The circuit: a configuration, a folder that holds one, or a cell file.
    input: PathBuf,
    /// The folder to write. It must be new or empty; it appears when it is complete.
    output: PathBuf,
    /// To SONATA: the name of the cells' population (`default` if none is given). From SONATA: which population.
    #[arg(long, value_name = "NAME")]
    population: Option<String>,
    /// Leave out a part of the circuit; may be given twice.
    #[arg(long, value_name = "PART")]
    without: Vec<Part>,
}

const AFTER_HELP: &str = "\
A circuit of the legacy formats (CircuitConfig, mvd2 or mvd3, nrn.h5, targets) is written as SONATA:

  circuit_config.json     open this
  nodes.h5                the cells; node id = gid - 1
  edges.h5                their synapses, sorted by target and source, with both indices
  PROJECTION/             virtual nodes and edges of each projection
  id_mapping.json         the gids of the projections' fibres, in the order of their node ids
  node_sets.json          the targets

A population of SONATA is written in the legacy formats:

  CircuitConfig           open this
  circuit.mvd3            the cells; gid = node id + 1
  synapses/               nrn.h5 and the files beside it
  PROJECTION/             proj_nrn.h5 of each projection
  start.target            the node sets, as lists of cells
  user.target             the gids of the projections' fibres

What the new circuit cannot tell as the old one did is said in a note.

Examples:
  neurhai convert CircuitConfig sonata
  neurhai convert --population S1_neurons --without projections circuit sonata
  neurhai convert --population S1_neurons circuit_config.json legacy";

/// A part that can be left out.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Synapses,
    Projections,
}

/// Writes the circuit and tells what there is.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let circuit = open_circuit(&arguments.input)?.0;
    let synapses = !arguments.without.contains(&Part::Synapses);
    let projections = !arguments.without.contains(&Part::Projections);
    let written = match (circuit.format, &arguments.population) {
        (Format::Bbp, population) => {
            let population = population.clone().unwrap_or_else(|| "default".to_owned());
            let options = sonata::write::Options { population, synapses, projections };
            sonata::write::write_circuit(&circuit, &arguments.output, &options)?
        }
        (Format::Sonata, population) => {
            let options = bbp::write::Options { synapses, projections };
            let chosen = match (population, &circuit.network) {
                (Some(name), Some(network)) => Some(sonata::open::view(network, name)?),
                _ => None,
            };
            let ambiguous = chosen.is_none() && circuit.populations.len() > 1;
            let circuit = chosen.as_ref().unwrap_or(&circuit);
            let written = bbp::write::write_circuit(circuit, &arguments.output, &options);
            written.map_err(|e| if ambiguous { e.help("choose one with --population") } else { e })?
        }
    };
    screen::end_progress();
    println!(
        "wrote {} ({}) in {:.1} s",
        written.config.display(),
        summary(&written),
        begin.elapsed().as_secs_f64()
    );
    for note in &written.notes {
        eprintln!("note: {note}");
    }
    Ok(())
}

fn summary(written: &Written) -> String {
    let projections = written.projections.iter().map(|(name, synapses)| format!(", {name}: {synapses}"));
    format!("{} cells, {} synapses{}", written.cells, written.synapses, projections.collect::<String>())
}
