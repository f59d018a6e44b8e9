//! `neurhai demo`: writes the demonstration circuit and takes a tour of it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::screen;
use crate::demo::{self, Options};
use crate::diag::{Error, Result};
use crate::model::Format;
use crate::plot::Figure;
use crate::script::{Session, open_circuit, open_simulation};

/// What is written where.
#[derive(Args)]
pub(super) struct Arguments {
    /// The folder; `neurhai-demo` (for SONATA `neurhai-demo-sonata`) if none is given.
    folder: Option<PathBuf>,
    /// Cells.
    #[arg(long)]
    cells: Option<u32>,
    /// Synapses onto each cell, on average.
    #[arg(long)]
    synapses: Option<u32>,
    /// The same seed writes the same bytes.
    #[arg(long)]
    seed: Option<u64>,
    /// The family of formats: `bbp` (CircuitConfig, mvd3, nrn.h5) or `sonata`.
    #[arg(long, value_enum, default_value_t = Family::Bbp)]
    format: Family,
    /// Write over a demonstration circuit that is there already.
    #[arg(long)]
    overwrite: bool,
    /// Do not simulate it.
    #[arg(long)]
    no_simulation: bool,
    /// Only write the circuit.
    #[arg(long)]
    no_tour: bool,
}

/// A family of formats.
#[derive(Clone, Copy, ValueEnum)]
enum Family {
    Bbp,
    Sonata,
}

impl From<Family> for Format {
    fn from(family: Family) -> Format {
        match family {
            Family::Bbp => Format::Bbp,
            Family::Sonata => Format::Sonata,
        }
    }
}

/// The tour: paragraphs of a comment and one line.
pub const TOUR: &str = include_str!("tour.txt");

/// Writes the circuit (unless it is there already, made the same way) and takes the tour.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut options =
        Options { format: arguments.format.into(), simulate: !arguments.no_simulation, ..Options::default() };
    let usual = match options.format {
        Format::Bbp => "neurhai-demo",
        Format::Sonata => "neurhai-demo-sonata",
    };
    let folder = arguments.folder.clone().unwrap_or_else(|| PathBuf::from(usual));
    if let Some(cells) = arguments.cells {
        options.cells = cells;
    }
    if let Some(synapses) = arguments.synapses {
        options.synapses_per_cell = synapses;
    }
    if let Some(seed) = arguments.seed {
        options.seed = seed;
    }
    options.overwrite = arguments.overwrite || arguments.folder.is_none();
    let begin = Instant::now();
    let summary = demo::write(&folder, &options)?;
    screen::end_progress();
    println!(
        "wrote {} ({} cells, {} synapses, seed {}) in {:.1} s",
        folder.display(),
        summary.cells,
        summary.synapses,
        options.seed,
        begin.elapsed().as_secs_f64()
    );
    match summary.spikes {
        Some(spikes) => println!("its simulation has {spikes} spikes"),
        None if options.simulate => {
            println!("it is not simulated: that is done up to {} synapses", demo::MOST_SIMULATED);
        }
        None => {}
    }
    // The lines of the tour use the names that the legacy circuit has.
    let simulated = summary.spikes.is_some();
    if arguments.no_tour || options.format == Format::Sonata { Ok(()) } else { tour(&folder, simulated) }
}

/// Runs each paragraph of the tour as a person would type it.
fn tour(folder: &Path, simulated: bool) -> Result<()> {
    let figures = folder.join("figures");
    std::fs::create_dir_all(&figures).map_err(|e| Error::io("create", &figures, &e))?;
    let mut session = Session::new();
    session.set("circuit", rhai::Dynamic::from(open_circuit(folder)?));
    println!("\n> let circuit = open(\"{}\");", folder.join("CircuitConfig").display());
    if simulated {
        session.set("sim", rhai::Dynamic::from(open_simulation(folder)?));
        println!("> let sim = open(\"{}\");", folder.join("BlueConfig").display());
    }
    let mut drawn = 0;
    for paragraph in TOUR.split("\n\n").map(str::trim) {
        let (comments, code): (Vec<&str>, Vec<&str>) = paragraph.lines().partition(|l| l.starts_with("//"));
        if code.is_empty() || !simulated && code.iter().any(|line| line.starts_with("sim.")) {
            continue;
        }
        println!();
        for comment in comments {
            println!("{comment}");
        }
        println!("> {}", code.join("\n  "));
        let begin = Instant::now();
        let value = session.run(&code.join("\n"), "tour")?;
        if let Some(figure) = value.clone().try_cast::<Figure>() {
            drawn += 1;
            save(&figure, &figures, drawn)?;
        } else {
            screen::print(&value, false)?;
        }
        println!("  ({:.1} ms)", begin.elapsed().as_secs_f64() * 1e3);
    }
    println!("\n{drawn} figures are in {}", figures.display());
    println!("ask your own: neurhai open {}", folder.display());
    Ok(())
}

fn save(figure: &Figure, folder: &Path, number: usize) -> Result<()> {
    let words: Vec<String> =
        figure.describe().split(|c: char| !c.is_alphanumeric()).take(6).map(str::to_lowercase).collect();
    let name = format!("{number:02}-{}", words.join("-").trim_matches('-'));
    for extension in ["png", "svg"] {
        let path = folder.join(format!("{name}.{extension}"));
        crate::script::save_figure(figure, &path)?;
    }
    println!("{}\n  {}", figure.describe(), folder.join(format!("{name}.png")).display());
    Ok(())
}
