//! The files beside the synapses: configuration, cells as text and as HDF5, targets, e-models, and what this is.

use std::io::Write;
use std::path::Path;

use super::cells::{Cell, Population, etype_name};
use super::recipe::{ETYPES, HEIGHT, LAYERS, MTYPES};
use super::simulation::RECORDED;
use super::{Options, SYNAPSES, thalamus};
use crate::diag::Result;
use crate::formats::bbp::write::put_target as target;
use crate::formats::write::hdf5::{Array, File, Group, Number};
use crate::formats::write::write_file;
use crate::model::Format;

/// What is in the folder, for people.
pub(super) const README: &str = "README.txt";

/// The line by which a folder is known as a demonstration circuit.
pub(super) const TITLE: &str = "A synthetic demonstration circuit";

/// Writes README.txt.
pub(super) fn readme(folder: &Path, options: &Options, cells: &Population) -> Result<()> {
    let radius = cells.radius;
    let text = format!(
        "{TITLE}\n\n\
         Made by neurhai {version} with {count} cells, about {synapses} synapses per cell, seed {seed}.\n\
         The same numbers give the same files.\n\n\
         These are not data. The cells are drawn at random by a recipe that follows published numbers of the rat\n\
         somatosensory microcircuit (Markram et al. 2015, Cell 163:456-492, and its portal): thickness of layers,\n\
         proportions of m-types and e-types, synapses per connection, and the dynamics of synapses. A column has the\n\
         published density: {per_column} cells take a hexagon of {radius:.0} um from its middle to its corners.\n\
         Which cells connect follows from how far stylized axons and dendrites overlap. Morphologies have names and\n\
         section numbers, but no files; there are no e-models, only a table of their currents. Use it to try things\n\
         out, and not to learn about the brain.\n\n{files}",
        version = env!("CARGO_PKG_VERSION"),
        count = cells.cells.len(),
        synapses = options.synapses_per_cell,
        seed = options.seed,
        per_column = cells.cells.len().div_ceil(cells.columns as usize),
        files = files_of(options.format),
    );
    write_file(&folder.join(README), |out| out.write_all(text.as_bytes()))
}

/// What is in which file.
fn files_of(format: Format) -> String {
    let thalamus = thalamus::NAME;
    match format {
        Format::Bbp => format!(
            "CircuitConfig                 open this\n\
             circuit.mvd3, circuit.mvd2    the same cells twice, as HDF5 and as text\n\
             start.target, user.target     named groups of cells\n\
             mecombo_emodel.tsv            e-model, threshold and holding current of each me-combo\n\
             {SYNAPSES}/\n    \
                 nrn.h5                    synapses by postsynaptic cell (version 5 of the format)\n    \
                 nrn_efferent.h5           the same by presynaptic cell\n    \
                 nrn_summary.h5            connected pairs\n    \
                 nrn_positions.h5          where the synapses are\n\
             {thalamus}/\n    \
                 proj_nrn.h5               synapses of the thalamic fibres\n\
             BlueConfig                    open this for the simulation\n\
             simulation/\n    \
                 out.dat, spikes.h5        spikes, as text and as HDF5 of SONATA\n    \
                 soma.bbp                  membrane voltage of all somata\n    \
                 soma_sonata.h5            the same as HDF5 of SONATA\n    \
                 compartments.h5           somata and dendrites of a few cells\n    \
                 thalamic_input.dat        spikes of the fibres: the stimulus\n"
        ),
        Format::Sonata => format!(
            "circuit_config.json           open this\n\
             nodes.h5                      the cells\n\
             edges.h5                      synapses among them\n\
             node_sets.json                named groups of cells\n\
             {thalamus}/\n    \
                 nodes.h5                  thalamic fibres\n    \
                 edges.h5                  their synapses\n\
             id_mapping.json               the gids of the fibres in the legacy format\n\
             simulation_config.json        open this for the simulation\n\
             simulation/\n    \
                 spikes.h5                 spikes\n    \
                 soma.h5                   membrane voltage of all somata\n    \
                 compartments.h5           somata and dendrites of a few cells\n    \
                 thalamic_input.h5         spikes of the fibres: the stimulus\n"
        ),
    }
}

/// Writes CircuitConfig. All paths are relative to it, so that the folder can be moved.
pub(super) fn config(folder: &Path, cells: &Population) -> Result<()> {
    let text = format!("# {TITLE}: see {README}\n{}", sections(cells, ""));
    write_file(&folder.join("CircuitConfig"), |out| out.write_all(text.as_bytes()))
}

/// The sections of the circuit; `more` are further keys of `Run`.
pub(super) fn sections(cells: &Population, more: &str) -> String {
    format!(
        "Run Default\n{{\n    \
             CircuitPath .\n    \
             nrnPath {SYNAPSES}\n    \
             CellLibraryFile circuit.mvd3\n    \
             MEComboInfoFile mecombo_emodel.tsv\n    \
             TargetFile user.target\n    \
             CentralHyperColumn {central}\n\
             {more}\
         }}\n\n\
         Projection {projection}\n{{\n    \
             Path {projection}\n    \
             Source {source}\n    \
             Type Synaptic\n    \
             PopulationID 1\n\
         }}\n",
        central = central(cells),
        projection = thalamus::NAME,
        source = source(),
    )
}

/// The number of the column in the middle.
fn central(cells: &Population) -> u32 {
    2.min(cells.columns - 1)
}

/// The target of the thalamic fibres.
fn source() -> String {
    format!("proj_{}_Source", thalamus::NAME)
}

/// Writes mecombo_emodel.tsv.
pub(super) fn mecombo(folder: &Path, cells: &Population) -> Result<()> {
    write_file(&folder.join("mecombo_emodel.tsv"), |out| {
        writeln!(
            out,
            "morph_name\tlayer\tfullmtype\tetype\temodel\tcombo_name\tthreshold_current\tholding_current"
        )?;
        for combo in &cells.combos {
            let morphology = &cells.morphologies[combo.morphology as usize];
            let (mtype, etype) = (MTYPES[usize::from(combo.mtype)].name, etype_name(combo.etype));
            let model = combo.name.split('_').next().unwrap_or(etype);
            let (layer, name) = (combo.layer, &combo.name);
            let (threshold, holding) = (combo.threshold, combo.holding);
            writeln!(
                out,
                "{morphology}\t{layer}\t{mtype}\t{etype}\t{model}\t{name}\t{threshold}\t{holding}"
            )?;
        }
        Ok(())
    })
}

/// Writes circuit.mvd2.
pub(super) fn mvd2(folder: &Path, cells: &Population) -> Result<()> {
    write_file(&folder.join("circuit.mvd2"), |out| {
        writeln!(out, "Application:'neurhai' version:'{}'", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "/unknown/\n/unknown/\nNeurons Loaded")?;
        for cell in &cells.cells {
            let [x, y, z] = cell.position;
            writeln!(
                out,
                "{} 0 {} {} {} {} {} {x:.6} {y:.6} {z:.6} {:.6} {}",
                cells.morphologies[cell.morphology as usize],
                cell.column,
                cell.minicolumn,
                // Layers count from 0 here.
                cell.layer - 1,
                cell.mtype,
                cell.etype,
                cell.angle,
                cells.combos[cell.combo as usize].name
            )?;
        }
        writeln!(out, "MicroBox Data")?;
        let sideways = 2.0 * cells.radius;
        write!(out, "{sideways:.6} {HEIGHT:.6} {:.6}", sideways * 0.75f64.sqrt())?;
        for (low, high) in LAYERS[1..].iter().rev() {
            write!(out, " {:.6}", 100.0 * (high - low) / HEIGHT)?;
        }
        writeln!(out, "\nMiniColumnsPosition")?;
        for [x, z] in &cells.minicolumns {
            writeln!(out, "{x:.6} {:.6} {z:.6}", HEIGHT / 2.0)?;
        }
        let [a, b, c] = cells.seeds;
        writeln!(out, "CircuitSeeds\n{a:.6} {b:.6} {c:.6}\nMorphTypes")?;
        for mtype in MTYPES.iter() {
            writeln!(out, "{} {} {}", mtype.name, mtype.morph_class(), mtype.synapse_class())?;
        }
        writeln!(out, "ElectroTypes\n{}", ETYPES.join("\n"))
    })
}

/// Writes circuit.mvd3.
pub(super) fn mvd3(folder: &Path, cells: &Population) -> Result<()> {
    let mut file = File::create(&folder.join("circuit.mvd3"))?;
    let group = file.group(file.root(), "cells")?;
    let rows = cells.cells.len() as u64;
    let positions: Vec<f64> = cells.cells.iter().flat_map(|c| c.position).collect();
    file.write(group, "positions", &Array::numbers(&positions).shape(&[rows, 3]))?;
    let orientations: Vec<f64> = cells.cells.iter().flat_map(orientation).collect();
    file.write(group, "orientations", &Array::numbers(&orientations).shape(&[rows, 4]))?;
    let properties = file.group(group, "properties")?;
    let library = file.group(file.root(), "library")?;
    column(&mut file, properties, cells, "hypercolumn", |c| c.column as i32)?;
    column(&mut file, properties, cells, "minicolumn", |c| c.minicolumn as i32)?;
    column(&mut file, properties, cells, "layer", |c| i32::from(c.layer))?;
    // Texts are numbers of entries in the library.
    let mtype = |c: &Cell| &MTYPES[usize::from(c.mtype)];
    column(&mut file, properties, cells, "etype", |c| u32::from(c.etype))?;
    column(&mut file, properties, cells, "mtype", |c| u32::from(c.mtype))?;
    column(&mut file, properties, cells, "morphology", |c| c.morphology)?;
    column(&mut file, properties, cells, "me_combo", |c| c.combo)?;
    column(&mut file, properties, cells, "morph_class", |c| u32::from(mtype(c).morph_class() == "PYR"))?;
    column(&mut file, properties, cells, "synapse_class", |c| u32::from(!mtype(c).is_excitatory()))?;
    let mtypes: Vec<&str> = MTYPES.iter().map(|m| m.name).collect();
    let combos: Vec<&str> = cells.combos.iter().map(|c| c.name.as_str()).collect();
    file.write(library, "etype", &Array::texts(&ETYPES))?;
    file.write(library, "mtype", &Array::texts(&mtypes))?;
    file.write(library, "morphology", &Array::texts(&cells.morphologies))?;
    file.write(library, "me_combo", &Array::texts(&combos))?;
    file.write(library, "morph_class", &Array::texts(&["INT", "PYR"]))?;
    file.write(library, "synapse_class", &Array::texts(&["EXC", "INH"]))?;
    let circuit = file.group(file.root(), "circuit")?;
    file.write(circuit, "seeds", &Array::numbers(&cells.seeds))?;
    file.finish()
}

/// Writes a property of the cells.
fn column<T: Number>(
    file: &mut File,
    to: Group,
    cells: &Population,
    name: &str,
    value: impl Fn(&Cell) -> T,
) -> Result<()> {
    let values: Vec<T> = cells.cells.iter().map(value).collect();
    file.write(to, name, &Array::numbers(&values)).map(|_| ())
}

/// The turn about y as a quaternion x, y, z, w.
fn orientation(cell: &Cell) -> [f64; 4] {
    let half = cell.angle.to_radians() / 2.0;
    [0.0, half.sin(), 0.0, half.cos()]
}

/// Writes start.target: groups that follow from the properties of the cells.
pub(super) fn start_target(folder: &Path, cells: &Population) -> Result<()> {
    write_file(&folder.join("start.target"), |out| {
        let columns = 0..cells.columns;
        target(out, "Mosaic", columns.clone().map(|c| format!("mc{c}")))?;
        target(out, "All", ["Mosaic".to_owned()])?;
        target(out, "Column", [format!("mc{}_Column", central(cells))])?;
        for (name, excitatory) in [("Excitatory", true), ("Inhibitory", false)] {
            target(
                out,
                name,
                MTYPES.iter().filter(|m| m.is_excitatory() == excitatory).map(|m| m.name.to_owned()),
            )?;
        }
        for layer in 1..=6 {
            target(out, &format!("Layer{layer}"), gids(cells, |c| c.layer == layer))?;
        }
        for (mtype, number) in MTYPES.iter().zip(0..) {
            target(out, mtype.name, gids(cells, |c| c.mtype == number))?;
        }
        for (etype, number) in ETYPES.iter().zip(0..) {
            target(out, etype, gids(cells, |c| c.etype == number))?;
        }
        for column in columns {
            target(out, &format!("mc{column}"), [format!("mc{column}_Column")])?;
            target(out, &format!("mc{column}_Column"), gids(cells, |c| c.column == column))?;
        }
        writeln!(out, "Target Compartment AllCompartments\n{{\n    Mosaic\n}}")
    })
}

/// Writes user.target: the sources of the projection, and groups as a user would make them.
pub(super) fn user_target(folder: &Path, sources: std::ops::Range<u32>, recorded: &[usize]) -> Result<()> {
    write_file(&folder.join("user.target"), |out| {
        target(out, &source(), sources.map(|gid| format!("a{gid}")))?;
        target(out, "ThickTufted", ["L5_TTPC1", "L5_TTPC2"].map(str::to_owned))?;
        let martinotti = MTYPES.iter().filter(|m| m.name.ends_with("_MC")).map(|m| m.name.to_owned());
        target(out, "Martinotti", martinotti)?;
        if recorded.is_empty() {
            return Ok(());
        }
        // Soma and dendrites: what the report of compartments records.
        let cells: Vec<String> = recorded.iter().map(|place| format!("a{}", place + 1)).collect();
        writeln!(out, "Target Compartment {RECORDED}\n{{\n    {}\n}}\n", cells.join(" "))
    })
}

fn gids(cells: &Population, of: impl Fn(&Cell) -> bool) -> impl Iterator<Item = String> {
    (1..).zip(&cells.cells).filter(move |(_, cell)| of(cell)).map(|(gid, _): (u32, _)| format!("a{gid}"))
}
