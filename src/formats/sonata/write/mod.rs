//! Writing a circuit as SONATA.
//!
//! ```text
//! OUT/circuit_config.json        what is in which file
//! OUT/nodes.h5                   the cells: one population
//! OUT/edges.h5                   the synapses among them
//! OUT/PROJECTION/nodes.h5        the fibres of a projection: a population of virtual nodes
//! OUT/PROJECTION/edges.h5        their synapses
//! OUT/id_mapping.json            which fibre became which node
//! OUT/node_sets.json             the named groups
//! ```
//!
//! **Ids.** A cell becomes the node of its row: in the legacy formats the gid less 1. The fibres of a projection, which
//! have gids of their own, become the nodes 0, 1, 2 … in the order of their gids; `id_mapping.json` has the gids under
//! `parent_id`. A projection whose sources are all cells of the circuit needs no fibres: its edges start at the cells.
//!
//! **Order.** Edges are sorted by target, then by source; synapses of one connection keep the order that they had. So a
//! synapse's row in the dataset of its cell (`row`) is what is told by its place among the edges, where the rows of the
//! dataset were in the order of their sources.
//!
//! **Values.** Columns have the types of SONATA's specification: 32-bit floating point (also where the circuit has 64),
//! layers as texts, types of sections as numbers (soma 1, axon 2, basal 3, apical 4, unknown 0). A column that SONATA
//! does not know keeps its name and values. Where a whole number is missing or has no place in its type, the column
//! gets a wider one.
//!
//! **Memory.** Held are the columns of the cells, the ids of the fibres, the members of the groups, 24 bytes for each
//! node, and some blocks of synapses: at least those of one cell. Connections wait in a file without a name in the new
//! folder (24 bytes each) until they are sorted by source, a 256th part of them at a time or less.

mod config;
mod edges;
mod index;
mod nodes;
mod sets;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use self::edges::Edges;
use crate::diag::{Code, Error, Result};
use crate::formats::write::circuit::{Population, Written, about_file, check_names, pres, shown_name};
use crate::formats::write::{AtomicFile, AtomicFolder};
use crate::model::{Circuit, Connectome, Projection};

/// The configuration.
const CONFIG: &str = "circuit_config.json";
/// The named groups.
const SETS: &str = "node_sets.json";
/// Which fibre became which node.
const MAPPING: &str = "id_mapping.json";

/// What to write, and under which names.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the cells' population.
    pub population: String,
    /// Whether to write the synapses among the cells.
    pub synapses: bool,
    /// Whether to write the projections.
    pub projections: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { population: "default".to_owned(), synapses: true, projections: true }
    }
}

/// Writes a circuit into a new folder, which appears when it is complete.
///
/// # Errors
/// When something other than an empty folder is there, the disk is full, a part of the circuit is missing or damaged,
/// or a synapse is one of cells that do not exist. Groups and e-models that cannot be read are left out, and told.
pub fn write_circuit(circuit: &Circuit, folder: &Path, options: &Options) -> Result<Written> {
    let written = AtomicFolder::filled(folder, |inside| fill(circuit, inside, options))?;
    Ok(Written { config: folder.join(CONFIG), ..written })
}

/// Writes the files of a circuit into a folder that is there.
///
/// # Errors
/// As [`write_circuit`].
pub fn fill(circuit: &Circuit, folder: &Path, options: &Options) -> Result<Written> {
    check_name(&options.population)?;
    let mut notes = Vec::new();
    let cells = Population::cells(&options.population, &circuit.cells);
    let projections = if options.projections { circuit.projections.as_slice() } else { &[] };
    let mut sources = Vec::new();
    for projection in projections {
        sources.push(Fibres::of(projection, circuit, &cells, &mut notes)?);
    }
    check_names(std::iter::once(cells.name()).chain(sources.iter().map(|fibres| fibres.name.as_str())))?;
    let mut populations = vec![cells];
    populations.extend(sources.iter_mut().filter_map(|fibres| fibres.population.take()));

    nodes::write_cells(&folder.join("nodes.h5"), &options.population, circuit, &mut notes)?;
    for fibres in &populations[1..] {
        let path = folder.join(file_of(fibres));
        if let Some(parent) = path.parent() {
            std::fs::create_dir(parent).map_err(|e| Error::io("create", parent, &e))?;
        }
        nodes::write_fibres(&path, fibres.name(), fibres.count() as usize)?;
    }
    if populations.len() > 1 {
        write_mapping(&folder.join(MAPPING), &populations[1..])?;
    }

    let mut edges = Vec::new();
    if options.synapses {
        edges.extend(among_cells(circuit, &populations[0], &mut notes)?);
    }
    let among = edges.len();
    for fibres in sources {
        edges.push(fibres.edges(&populations, folder)?);
    }
    let counts = edges.iter().map(|e| e.write(folder, &mut notes)).collect::<Result<Vec<u64>>>()?;

    let targets = match circuit.targets.get() {
        Ok(targets) => Some(targets).filter(|targets| !targets.entries().is_empty()),
        Err(error) => {
            notes.push(format!("no named groups: {}", error.message()));
            None
        }
    };
    if let Some(targets) = targets {
        sets::write(&folder.join(SETS), targets.as_ref(), &populations, &mut notes)?;
    }
    let config = folder.join(CONFIG);
    config::write(&config, circuit, &populations, &edges, targets.is_some(), &mut notes)?;
    let names = projections.iter().map(|projection| projection.name.clone());
    Ok(Written {
        config,
        cells: populations[0].count(),
        synapses: counts[..among].iter().sum(),
        projections: names.zip(counts[among..].iter().copied()).collect(),
        notes,
    })
}

/// The synapses among the cells; a circuit need not have any.
fn among_cells<'a>(
    circuit: &Circuit,
    cells: &'a Population,
    notes: &mut Vec<String>,
) -> Result<Option<Edges<'a>>> {
    let connectome = match circuit.connectome.get() {
        Ok(connectome) => connectome.clone(),
        Err(error) if error.code() == Code::Name => {
            notes.push(format!("no synapses: {}", error.message()));
            return Ok(None);
        }
        Err(error) => return Err(error.help("the cells can be written without them")),
    };
    let name = cells.name();
    Ok(Some(Edges {
        name: format!("{name}__{name}__chemical"),
        kind: "chemical",
        source: cells,
        target: cells,
        connectome,
        file: "edges.h5".to_owned(),
        origin: circuit.path.clone(),
    }))
}

/// Where the file of a population goes in the folder of the circuit.
fn file_of(population: &Population) -> String {
    if population.is_of_cells() { "nodes.h5".to_owned() } else { format!("{}/nodes.h5", population.name()) }
}

/// The type of a population.
fn kind_of(population: &Population) -> &'static str {
    if population.is_of_cells() { "biophysical" } else { "virtual" }
}

/// The sources of a projection.
struct Fibres<'a> {
    projection: &'a Projection,
    /// Its name as that of a folder and a population.
    name: String,
    connectome: Arc<dyn Connectome>,
    /// The fibres; none where the sources are cells of the circuit.
    population: Option<Population>,
}

impl<'a> Fibres<'a> {
    /// Looks through the synapses of a projection.
    fn of(
        projection: &'a Projection,
        circuit: &Circuit,
        cells: &Population,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let connectome = projection.connectome.get()?.clone();
        let mut ids = pres(connectome.as_ref()).map_err(|e| about_file(e, &projection.path))?;
        if let Some(source) = &projection.source {
            // A fibre without synapses is a fibre, too.
            match circuit.targets.get().and_then(|targets| targets.resolve(source)) {
                Ok(fibres) => {
                    ids.extend(fibres.sorted());
                    ids.sort_unstable();
                    ids.dedup();
                }
                Err(error) => {
                    let (name, why) = (&projection.name, error.message());
                    notes.push(format!("projection `{name}` has only fibres with synapses: {why}"));
                }
            }
        }
        let name = shown_name(&projection.name);
        let of_cells = ids.iter().all(|&id| cells.place(id).is_some());
        let population = (!of_cells).then(|| Population::fibres(&name, ids));
        Ok(Fibres { projection, name, connectome, population })
    }

    /// The synapses that start at them.
    fn edges<'p>(self, populations: &'p [Population], folder: &Path) -> Result<Edges<'p>> {
        let cells = &populations[0];
        let fibres = populations[1..].iter().find(|population| population.name() == self.name);
        if fibres.is_none() {
            let folder = folder.join(&self.name);
            std::fs::create_dir(&folder).map_err(|e| Error::io("create", &folder, &e))?;
        }
        let electrical = self.projection.config.get("Type").and_then(Value::as_str);
        let electrical = electrical.is_some_and(|kind| kind.eq_ignore_ascii_case("GapJunction"));
        let kind = if electrical { "electrical" } else { "chemical" };
        // Between the cells there may be several.
        let (source, last) = fibres.map_or((cells, self.name.as_str()), |fibres| (fibres, kind));
        Ok(Edges {
            name: format!("{}__{}__{last}", source.name(), cells.name()),
            kind,
            source,
            target: cells,
            connectome: self.connectome,
            file: format!("{}/edges.h5", self.name),
            origin: self.projection.path.clone(),
        })
    }
}

/// Writes which fibre became which node, as the tools do that cut circuits out of others.
fn write_mapping(path: &Path, fibres: &[Population]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    let mut start = "{";
    for population in fibres {
        let ids = population.ids();
        let name = Value::from(population.name());
        let numbers =
            |ids: &mut dyn Iterator<Item = i64>| ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        let new = numbers(&mut (0..ids.len() as i64));
        let parent = numbers(&mut ids.listed().iter().copied());
        write!(file, "{start}\n  {name}: {{\"new_id\": [{new}], \"parent_id\": [{parent}]}}")
            .map_err(|e| file.fault(&e))?;
        start = ",";
    }
    file.write_all(b"\n}\n").map_err(|e| file.fault(&e))?;
    file.commit()
}

/// An error for a name that cannot name a population.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name == "." || name.contains(['/', '\0']) {
        return Err(Error::argument(format!("{name:?} cannot name a population")));
    }
    Ok(())
}
