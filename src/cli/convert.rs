//! `neurhai convert`: writes a circuit in the other family of formats.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::screen;
use crate::diag::Result;
use crate::formats::sonata;
use crate::script::open_circuit;

/// What is read, and what is written.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The circuit: a configuration, a folder that holds one, or a cell file.
    input: PathBuf,
    /// The folder to write. It must be new or empty; it appears when it is complete.
    output: PathBuf,
    /// The name of the cells' population.
    #[arg(long, value_name = "NAME", default_value = "default")]
    population: String,
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

What the new circuit cannot tell as the old one did is said in a note.

Examples:
  neurhai convert CircuitConfig sonata
  neurhai convert --population S1_neurons --without projections circuit sonata";

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
    let options = sonata::write::Options {
        population: arguments.population.clone(),
        synapses: !arguments.without.contains(&Part::Synapses),
        projections: !arguments.without.contains(&Part::Projections),
    };
    let written = sonata::write::write_circuit(&circuit, &arguments.output, &options)?;
    screen::end_progress();
    tell(&written.config, &summary(&written), begin, &written.notes);
    Ok(())
}

fn summary(written: &sonata::write::Written) -> String {
    let projections = written.projections.iter().map(|(name, synapses)| format!(", {name}: {synapses}"));
    format!("{} cells, {} synapses{}", written.cells, written.synapses, projections.collect::<String>())
}

/// One line of what was written, and what is to say of it.
fn tell(path: &Path, summary: &str, begin: Instant, notes: &[String]) {
    println!("wrote {} ({summary}) in {:.1} s", path.display(), begin.elapsed().as_secs_f64());
    for note in notes {
        eprintln!("note: {note}");
    }
}
