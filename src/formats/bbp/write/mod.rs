//! Writing a circuit in the legacy formats.
//!
//! ```text
//! OUT/CircuitConfig              open this
//! OUT/circuit.mvd3               the cells
//! OUT/mecombo_emodel.tsv         the e-model of each me-combo, where the cells have model templates
//! OUT/start.target               the named groups
//! OUT/user.target                the sources of the projections
//! OUT/synapses/nrn*.h5           the synapses among the cells, from both sides, and their positions
//! OUT/PROJECTION/proj_nrn*.h5    the synapses of a projection
//! ```
//!
//! **Ids.** A cell gets the gid of its row, from 1: in SONATA the node id plus 1. The fibres of projections get the gids
//! after a million, or after the million that the cells fill; those of one population are the same in every projection.
//!
//! **Values.** All numbers are 32-bit floating point, as the format has them. A column that the circuit lacks holds 0
//! (types of sections: unknown), and columns that the format lacks are left out; both are told.
//!
//! **Memory.** Held are the columns of the cells, the members of the groups, 100 to 200 bytes for each cell with
//! synapses, some blocks of synapses (at least those of one cell), and a part of all synapses at a time (about 50 MB)
//! while they are sorted by presynaptic cell; the rest waits in a file without a name in the new folder.

mod cells;
pub mod nrn;
mod synapses;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use self::synapses::Synapses;
use crate::diag::{Code, Error, Result, work};
use crate::formats::write::circuit::{
    Population, Written, about_file, check_names, listed, pres, shown_name,
};
use crate::formats::write::{AtomicFile, AtomicFolder, write_file};
use crate::model::{Circuit, Connectome, Projection, Targets};

/// The configuration.
const CONFIG: &str = "CircuitConfig";
/// The folder of the synapses.
const SYNAPSES: &str = "synapses";

/// Names on a line of a target.
const LINE: usize = 12;

/// Gids are stored as 32-bit floating point, which counts exactly up to here.
const LAST_GID: u64 = 1 << 24;

/// The gids of fibres start after a multiple of this.
const MILLION: u64 = 1_000_000;

/// What to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to write the synapses among the cells.
    pub synapses: bool,
    /// Whether to write the projections.
    pub projections: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { synapses: true, projections: true }
    }
}

/// Writes a circuit into a new folder, which appears when it is complete.
///
/// # Errors
/// When something other than an empty folder is there, the disk is full, a part of the circuit is missing or damaged,
/// the circuit is of several populations or has more cells than gids, or a synapse is one of cells that do not exist.
/// Groups that cannot be read are left out, and told.
pub fn write_circuit(circuit: &Circuit, folder: &Path, options: &Options) -> Result<Written> {
    let written = AtomicFolder::filled(folder, |inside| fill(circuit, inside, options))?;
    Ok(Written { config: folder.join(CONFIG), ..written })
}

/// Writes the files of a circuit into a folder that is there.
///
/// # Errors
/// As [`write_circuit`].
pub fn fill(circuit: &Circuit, folder: &Path, options: &Options) -> Result<Written> {
    check(circuit)?;
    let mut notes = Vec::new();
    let projections = if options.projections { circuit.projections.as_slice() } else { &[] };
    let main = circuit.populations.first().map_or("the circuit", String::as_str);
    let all = Population::cells(main, &circuit.cells);
    let fibres = projections.iter().map(|p| fibres(p, circuit, main)).collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = projections.iter().map(|projection| shown_name(&projection.name)).collect();
    check_names(names.iter().map(String::as_str).chain([SYNAPSES]))?;
    let firsts = first_gids(&all, &fibres)?;

    let has_models = cells::write(folder, circuit, &mut notes)?;
    let mut synapses = 0;
    let connectome = if options.synapses { among_cells(circuit, &mut notes)? } else { None };
    if let Some(connectome) = &connectome {
        let folder = make_folder(folder, SYNAPSES)?;
        let among = Synapses { connectome: &**connectome, source: &all, target: &all, first: 1 };
        synapses = among.write_family(&folder, &mut notes).map_err(|e| about_file(e, &circuit.path))?;
    }
    let mut counts = Vec::new();
    for (((projection, name), fibres), first) in projections.iter().zip(&names).zip(&fibres).zip(&firsts) {
        let folder = make_folder(folder, name)?;
        let connectome = projection.connectome.get()?;
        let onto = Synapses { connectome: &**connectome, source: fibres, target: &all, first: *first };
        let count =
            onto.write_alone(&folder, name, &mut notes).map_err(|e| about_file(e, &projection.path))?;
        counts.push((projection.name.clone(), count));
    }
    write_targets(&folder.join("start.target"), circuit, &mut notes)?;
    let sources = names.iter().zip(&fibres).zip(&firsts);
    write_sources(
        &folder.join("user.target"),
        sources.map(|((name, fibres), &first)| (name, fibres, first)),
    )?;
    write_config(&folder.join(CONFIG), circuit, connectome.is_some(), has_models, &names)?;
    let config = folder.join(CONFIG);
    Ok(Written { config, cells: all.count(), synapses, projections: counts, notes })
}

/// An error for a circuit that the format cannot hold.
fn check(circuit: &Circuit) -> Result<()> {
    if circuit.populations.len() > 1 {
        let names = circuit.populations.join(", ");
        let message = format!("a legacy circuit has one population, and this one has {names}");
        return Err(Error::argument(message));
    }
    if !circuit.cells.ids().listed().is_sorted() {
        let message = "the ids of the cells do not ascend, and those of a legacy circuit are counted";
        return Err(Error::argument(message).in_file(&circuit.path));
    }
    Ok(())
}

/// The synapses among the cells; a circuit need not have any.
fn among_cells(circuit: &Circuit, notes: &mut Vec<String>) -> Result<Option<Arc<dyn Connectome>>> {
    if circuit.ends != (None, None) {
        notes.push("no synapses: there are none among the cells".to_owned());
        return Ok(None);
    }
    match circuit.connectome.get() {
        Ok(connectome) => Ok(Some(connectome.clone())),
        Err(error) if matches!(error.code(), Code::Name | Code::Argument) => {
            notes.push(format!("no synapses: {}", error.message()));
            Ok(None)
        }
        Err(error) => Err(error.help("the cells can be written without them")),
    }
}

/// The sources of a projection.
fn fibres(projection: &Projection, circuit: &Circuit, main: &str) -> Result<Population> {
    let population = projection.source.as_ref().zip(circuit.network.as_ref());
    if let Some((source, network)) = population {
        return Ok(Population::cells(source, network.node(source)?.cells.get()?));
    }
    let connectome = projection.connectome.get()?;
    let ids = pres(connectome.as_ref()).map_err(|e| about_file(e, &projection.path))?;
    if ids.iter().all(|&id| circuit.cells.row_of(id).is_some()) {
        return Ok(Population::cells(main, &circuit.cells));
    }
    Ok(Population::fibres(&projection.name, ids))
}

/// The gid of the first fibre of each projection.
fn first_gids(all: &Population, fibres: &[Population]) -> Result<Vec<u64>> {
    let cells = all.count();
    let mut next = cells.next_multiple_of(MILLION).max(MILLION) + 1;
    let mut known: Vec<(&str, u64)> = vec![(all.name(), 1)];
    let mut firsts = Vec::new();
    for population in fibres {
        let seen = known.iter().find(|(name, _)| *name == population.name()).map(|k| k.1);
        let first = seen.unwrap_or(next);
        if seen.is_none() {
            known.push((population.name(), first));
            next += population.count();
        }
        firsts.push(first);
    }
    let last = if fibres.is_empty() { cells } else { next - 1 };
    if last > LAST_GID {
        let message =
            format!("the last gid would be {last}, and the synapse files of this format count to {LAST_GID}");
        return Err(Error::argument(message));
    }
    Ok(firsts)
}

fn make_folder(parent: &Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = parent.join(name);
    std::fs::create_dir(&folder).map_err(|e| Error::io("create", &folder, &e))?;
    Ok(folder)
}

/// Writes a target of cells.
///
/// # Errors
/// What writing says.
pub fn put_target(
    out: &mut impl Write,
    name: &str,
    members: impl IntoIterator<Item = String>,
) -> io::Result<()> {
    let mut text = format!("Target Cell {name}\n{{");
    for (number, member) in members.into_iter().enumerate() {
        let gap = if number % LINE == 0 { "\n    " } else { " " };
        // Writing to memory does not fail.
        let _ = write!(text, "{gap}{member}");
    }
    writeln!(out, "{text}\n}}\n")
}

/// Writes the named groups of the cells.
fn write_targets(path: &Path, circuit: &Circuit, notes: &mut Vec<String>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    match circuit.targets.get() {
        Ok(targets) => put_targets(&mut file, targets.as_ref(), circuit, notes)?,
        Err(error) => notes.push(format!("no named groups: {}", error.message())),
    }
    file.commit()
}

fn put_targets(
    file: &mut AtomicFile,
    targets: &dyn Targets,
    circuit: &Circuit,
    notes: &mut Vec<String>,
) -> Result<()> {
    let mut unwritable = Vec::new();
    for entry in targets.entries() {
        work::check()?;
        if !is_name(&entry.name) {
            unwritable.push(entry.name);
            continue;
        }
        match targets.resolve(&entry.name) {
            Ok(ids) => {
                let rows = ids.sorted().iter().filter_map(|&id| circuit.cells.row_of(id));
                let members = rows.map(|row| format!("a{}", row + 1));
                put_target(file, &entry.name, members).map_err(|e| file.fault(&e))?;
            }
            Err(error) => notes.push(format!("`{}` is left out: {}", entry.name, error.message())),
        }
    }
    if !unwritable.is_empty() {
        notes.push(format!("no names for targets, and left out: {}", listed(&unwritable)));
    }
    Ok(())
}

/// Whether a text can name a target: a word that is no gid.
fn is_name(name: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '#');
    !name.is_empty() && !name.contains(ends) && super::target::parse_gid(name).is_none()
}

/// The target of a projection's sources.
fn source_of(projection: &str) -> String {
    format!("proj_{projection}_Source")
}

/// Writes the sources of the projections.
fn write_sources<'a>(
    path: &Path,
    sources: impl Iterator<Item = (&'a String, &'a Population, u64)>,
) -> Result<()> {
    write_file(path, |out| {
        for (name, fibres, first) in sources {
            let gids = (first..first + fibres.count()).map(|gid| format!("a{gid}"));
            put_target(out, &source_of(name), gids)?;
        }
        Ok(())
    })
}

/// Writes the configuration. What is in the folder is named relative to it, so that the folder can be moved.
fn write_config(
    path: &Path,
    circuit: &Circuit,
    has_synapses: bool,
    has_models: bool,
    projections: &[String],
) -> Result<()> {
    let mut run = vec![("CircuitPath", ".".to_owned())];
    if has_synapses {
        run.push(("nrnPath", SYNAPSES.to_owned()));
    }
    run.push(("CellLibraryFile", "circuit.mvd3".to_owned()));
    run.extend(components(circuit));
    if has_models {
        run.push(("MEComboInfoFile", "mecombo_emodel.tsv".to_owned()));
    }
    if !projections.is_empty() {
        run.push(("TargetFile", "user.target".to_owned()));
    }
    write_file(path, |out| {
        put_section(out, "Run Default", run.into_iter())?;
        for (name, projection) in projections.iter().zip(&circuit.projections) {
            let kind = projection.config.get("Type").and_then(Value::as_str).unwrap_or_default();
            let electrical = kind == "electrical" || kind.eq_ignore_ascii_case("GapJunction");
            let keys = [
                ("Path", name.clone()),
                ("Source", source_of(name)),
                ("Type", if electrical { "GapJunction" } else { "Synaptic" }.to_owned()),
            ];
            writeln!(out)?;
            put_section(out, &format!("Projection {name}"), keys.into_iter())?;
        }
        Ok(())
    })
}

fn put_section(
    out: &mut impl Write,
    header: &str,
    keys: impl Iterator<Item = (&'static str, String)>,
) -> io::Result<()> {
    writeln!(out, "{header}\n{{")?;
    for (key, value) in keys {
        writeln!(out, "    {key} {value}")?;
    }
    writeln!(out, "}}")
}

/// Where morphologies and models are, as far as the circuit says.
fn components(circuit: &Circuit) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let population = circuit.populations.first().zip(circuit.network.as_ref());
    if let Some((name, network)) = population {
        let Ok(population) = network.node(name) else { return found };
        let named = |path: &str| population.config.pointer(path).and_then(Value::as_str);
        let kinds = [
            ("/alternate_morphologies/neurolucida-asc", "asc"),
            ("/alternate_morphologies/h5v1", "h5"),
            ("/morphologies_dir", "swc"),
        ];
        if let Some((folder, kind)) = kinds.iter().find_map(|(key, kind)| Some((named(key)?, *kind))) {
            found.push(("MorphologyPath", folder.to_owned()));
            found.push(("MorphologyType", kind.to_owned()));
        }
        found.extend(named("/biophysical_neuron_models_dir").map(|path| ("METypePath", path.to_owned())));
        return found;
    }
    let named = |key: &str| circuit.config.pointer(&format!("/paths/{key}")).and_then(Value::as_str);
    let absolute =
        |path: &str| std::path::absolute(path).map_or_else(|_| path.to_owned(), |p| p.display().to_string());
    found.extend(named("morphologies").map(|path| ("MorphologyPath", absolute(path))));
    found.extend(named("morphology_type").map(|kind| ("MorphologyType", kind.to_owned())));
    found.extend(named("emodels").map(|path| ("METypePath", absolute(path))));
    found
}
