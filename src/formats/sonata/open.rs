//! From a configuration to a circuit: its populations, and the view of them that a scientist expects.
//!
//! The cells of a circuit are its neurons: the population that is neither virtual nor glia. Its synapses are the
//! chemical edges among them; chemical edges from other populations are projections. `view` looks from another
//! population.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::config::{CircuitConfig, PopulationConfig};
use super::edges::{self, EdgesFile};
use super::node_sets::NodeSets;
use super::nodes::{self, NodesFile};
use crate::diag::{Deferred, Error, Result};
use crate::formats::hdf5::File;
use crate::formats::paths::PathMap;
use crate::model::{
    CellTable, Circuit, Connectome, EdgePopulation, Emodels, Format, Network, NodePopulation, Projection,
    Targets, merged,
};

/// Populations whose cells are no neurons of the circuit.
const NOT_NEURONS: [&str; 3] = ["virtual", "astrocyte", "vasculature"];

/// Edges that are no synapses.
const NOT_SYNAPSES: [&str; 5] =
    ["electrical", "endfoot", "glialglial", "neuromodulatory", "synapse_astrocyte"];

/// Opens a circuit from its configuration.
///
/// # Errors
/// A configuration that is wrong, a nodes file that is missing or damaged. What is wrong with edges and node sets is
/// told when they are asked for.
pub fn open_circuit(path: &Path, path_map: &PathMap) -> Result<Circuit> {
    open_with_sets(path, None, path_map)
}

/// The same with the node sets of a simulation, which take the place of the circuit's of the same name.
///
/// # Errors
/// As [`open_circuit`].
pub fn open_with_sets(path: &Path, sets: Option<&Path>, path_map: &PathMap) -> Result<Circuit> {
    let config = CircuitConfig::read(path, path_map)?;
    let files = config.node_sets_file.clone().into_iter();
    let own = sets.map(Path::to_owned).filter(|own| Some(own) != config.node_sets_file.as_ref());
    let sets = node_sets(files.chain(own).collect(), &config.nodes);
    let nodes: Vec<Arc<NodeParts>> =
        config.nodes.iter().map(|p| Arc::new(NodeParts::new(p.clone(), sets.clone()))).collect();
    let edges = config.edges.iter().map(|p| edge_population(p, &nodes)).collect();
    let network = Arc::new(Network {
        path: config.path,
        config: config.expanded,
        nodes: nodes.iter().map(NodeParts::population).collect(),
        edges,
    });
    default_view(&network)
}

/// Opens a file of nodes alone, as a circuit without edges.
///
/// # Errors
/// When it is damaged.
pub fn open_nodes(path: &Path) -> Result<Circuit> {
    let config = config_of_nodes(path)?;
    circuit_of_nodes(path, &config.nodes, config.expanded)
}

/// Some populations of nodes as a circuit without edges.
pub(super) fn circuit_of_nodes(
    path: &Path,
    populations: &[PopulationConfig],
    config: Value,
) -> Result<Circuit> {
    let none = node_sets(Vec::new(), populations);
    let nodes = populations.iter().map(|p| Arc::new(NodeParts::new(p.clone(), none.clone())).population());
    let network = Network { path: path.to_owned(), nodes: nodes.collect(), edges: Vec::new(), config };
    default_view(&Arc::new(network))
}

/// The configuration of a file of nodes that stands for a circuit.
pub(in crate::formats) fn config_of_nodes(path: &Path) -> Result<CircuitConfig> {
    let config = serde_json::json!({
        "metadata": {"status": "partial"},
        "networks": {"nodes": [{"nodes_file": path.file_name().unwrap_or_default().to_string_lossy()}], "edges": []},
    });
    CircuitConfig::of_json(&config.to_string(), path, &PathMap::default())
}

/// The node sets of some files, later ones over earlier ones; the populations are sets too.
fn node_sets(files: Vec<PathBuf>, nodes: &[PopulationConfig]) -> Arc<Deferred<Arc<NodeSets>>> {
    let names: Vec<String> = nodes.iter().map(|p| p.name.clone()).collect();
    Arc::new(Deferred::new(move || {
        let mut sets = match files.split_first() {
            Some((first, others)) => {
                let mut sets = NodeSets::read(first)?;
                for file in others {
                    sets.update(NodeSets::read(file)?);
                }
                sets
            }
            None => NodeSets::of_json("{}", Path::new(""))?,
        };
        sets.add_populations(names.clone());
        Ok(Arc::new(sets))
    }))
}

/// What a population of nodes is opened from; shared by the population and by the edges that end on it.
struct NodeParts {
    config: PopulationConfig,
    cells: Deferred<Arc<CellTable>>,
    sets: Arc<Deferred<Arc<NodeSets>>>,
}

impl NodeParts {
    fn new(config: PopulationConfig, sets: Arc<Deferred<Arc<NodeSets>>>) -> Self {
        let file = config.clone();
        let cells = Deferred::new(move || {
            let dynamics = folder(&file.properties, "point_neuron_models_dir");
            nodes::read_cells(&NodesFile {
                path: &file.file,
                population: &file.name,
                types: file.types_file.as_deref(),
                dynamics_dir: dynamics.as_deref(),
            })
        });
        NodeParts { config, cells, sets }
    }

    fn population(self: &Arc<Self>) -> NodePopulation {
        let (cells, targets) = (self.clone(), self.clone());
        NodePopulation {
            name: self.config.name.clone(),
            kind: self.config.kind.clone(),
            config: self.config.properties.clone().into(),
            cells: Deferred::new(move || cells.cells.get().cloned()),
            targets: Deferred::new(move || {
                let parts = &targets;
                let (sets, cells) = (parts.sets.get()?, parts.cells.get()?);
                let targets: Arc<dyn Targets> =
                    sets.of_population(&parts.config.name, &parts.config.kind, cells);
                Ok(targets)
            }),
        }
    }
}

fn folder(properties: &Map<String, Value>, key: &str) -> Option<PathBuf> {
    properties.get(key).and_then(Value::as_str).map(PathBuf::from)
}

fn edge_population(config: &PopulationConfig, nodes: &[Arc<NodeParts>]) -> EdgePopulation {
    // Held, so that the file is not opened again when its edges are asked for.
    let held = File::open(&config.file);
    let ends = ends(config, nodes);
    let (file, nodes, known) = (config.clone(), nodes.to_vec(), ends.clone());
    let connectome = Deferred::new(move || {
        let _ = held.as_ref().map_err(Error::clone)?;
        let (source, target) = known.clone()?;
        let cells = |name: &str| {
            let population = nodes.iter().find(|p| p.config.name == name);
            let population = population.ok_or_else(|| missing_end(&file, name, &nodes))?;
            population.cells.get().cloned()
        };
        let dynamics = folder(&file.properties, "synaptic_models_dir");
        edges::open(&EdgesFile {
            path: &file.file,
            population: &file.name,
            kind: &file.kind,
            types: file.types_file.as_deref(),
            dynamics_dir: dynamics.as_deref(),
            source: cells(&source)?,
            target: cells(&target)?,
        })
    });
    EdgePopulation {
        name: config.name.clone(),
        kind: config.kind.clone(),
        path: config.file.clone(),
        config: config.properties.clone().into(),
        ends,
        connectome,
    }
}

fn missing_end(edges: &PopulationConfig, name: &str, nodes: &[Arc<NodeParts>]) -> Error {
    let known = nodes.iter().map(|p| p.config.name.as_str());
    Error::unknown("node population", name, known)
        .in_file(&edges.file)
        .help(format!("the edges of `{}` start from it or end on it", edges.name))
}

/// The names of the populations at both ends: what the file says; else what the edges' name says; else the only
/// population that there is.
fn ends(edges: &PopulationConfig, nodes: &[Arc<NodeParts>]) -> Result<(String, String)> {
    let (source, target) = edges::ends(&edges.file, &edges.name)?;
    let by_name: Vec<&str> = edges.name.split("__").collect();
    let only = if let [one] = nodes { Some(one.config.name.clone()) } else { None };
    let known = |name: &String| nodes.iter().any(|p| p.config.name == *name);
    let end = |stated: Option<String>, at: usize| {
        let named = by_name.get(at).filter(|_| by_name.len() == 3).map(|name| (*name).to_owned());
        let guess = named.filter(known).or(only.clone());
        match stated {
            Some(name) if known(&name) => Ok(name),
            Some(name) => guess.ok_or_else(|| missing_end(edges, &name, nodes)),
            None => guess.ok_or_else(|| {
                let which = ["source_node_id", "target_node_id"][at];
                Error::format(format!("`{which}` does not say to which population its ids belong"))
                    .in_dataset(&edges.file, format!("edges/{}", edges.name))
            }),
        }
    };
    Ok((end(source, 0)?, end(target, 1)?))
}

/// The view of a circuit that one expects: from its neurons.
fn default_view(network: &Arc<Network>) -> Result<Circuit> {
    let neurons = |p: &&NodePopulation| !NOT_NEURONS.contains(&p.kind.as_str());
    let mut names: Vec<&str> = network.nodes.iter().filter(neurons).map(|p| p.name.as_str()).collect();
    if names.is_empty() {
        names = network.nodes.iter().map(|p| p.name.as_str()).collect();
    }
    from_populations(network, &names)
}

/// The view from one population.
///
/// # Errors
/// When there is no population of that name, or its file is damaged.
pub fn view(network: &Arc<Network>, population: &str) -> Result<Circuit> {
    network.node(population)?;
    from_populations(network, &[population])
}

/// The view from some populations, as one.
fn from_populations(network: &Arc<Network>, names: &[&str]) -> Result<Circuit> {
    let populations = names.iter().map(|name| network.node(name)).collect::<Result<Vec<_>>>()?;
    let cells = match populations.as_slice() {
        [one] => one.cells.get()?.clone(),
        several => {
            let tables = several.iter().map(|p| Ok((p.name.clone(), p.cells.get()?.clone())));
            merged::cells(tables.collect::<Result<_>>()?)
        }
    };
    let mine = |name: &String| names.contains(&name.as_str());
    let outside = |e: &&EdgePopulation| {
        synaptic(e) && e.ends.as_ref().is_ok_and(|(source, target)| !mine(source) && mine(target))
    };
    let (connectome, ends) = wiring(network, names, &cells);
    Ok(Circuit {
        path: network.path.clone(),
        format: Format::Sonata,
        config: network.config.clone(),
        targets: targets(network, names),
        connectome,
        projections: network.edges.iter().filter(outside).map(|e| projection(network, e)).collect(),
        emodels: Deferred::new(|| Ok(Emodels { by_combo: None, folder: PathBuf::new() })),
        network: Some(network.clone()),
        populations: owned(names),
        ends,
        cells,
    })
}

fn synaptic(edges: &EdgePopulation) -> bool {
    !NOT_SYNAPSES.contains(&edges.kind.as_str())
}

/// The named groups of some populations.
fn targets(network: &Arc<Network>, names: &[&str]) -> Deferred<Arc<dyn Targets>> {
    let (network, names) = (network.clone(), owned(names));
    Deferred::new(move || {
        let of = |name: &String| network.node(name)?.targets.get().cloned();
        let mut targets = names.iter().map(of).collect::<Result<Vec<Arc<dyn Targets>>>>()?;
        Ok(if targets.len() == 1 { targets.remove(0) } else { Arc::new(merged::MergedTargets(targets)) })
    })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The edges that are the synapses of a view, and the names of the populations at their ends where these are others:
/// the synapses among the cells; where there are none, those that the cells make (a population of fibres).
fn wiring(
    network: &Arc<Network>,
    names: &[&str],
    cells: &Arc<CellTable>,
) -> (Deferred<Arc<dyn Connectome>>, Ends) {
    let mine = |name: &String| names.contains(&name.as_str());
    let known = |e: &EdgePopulation, keep: &dyn Fn(&String, &String) -> bool| {
        synaptic(e) && e.ends.as_ref().is_ok_and(|(source, target)| keep(source, target))
    };
    let chosen = |keep: &dyn Fn(&String, &String) -> bool| -> Vec<String> {
        network.edges.iter().filter(|e| known(e, keep)).map(|e| e.name.clone()).collect()
    };
    let among = chosen(&|source, target| mine(source) && mine(target));
    let made = chosen(&|source, _| mine(source));
    let taken = chosen(&|_, target| mine(target));
    let (network, all, cells) = (network.clone(), owned(names), cells.clone());
    match (among.as_slice(), made.as_slice(), taken.as_slice()) {
        ([], [one], _) | ([], [], [one]) => {
            let ends =
                network.edge(one).and_then(|e| e.ends.clone()).map_or((None, None), |(source, target)| {
                    (Some(source).filter(|s| !all.contains(s)), Some(target).filter(|t| !all.contains(t)))
                });
            let one = one.clone();
            (Deferred::new(move || network.edge(&one)?.connectome.get().cloned()), ends)
        }
        ([], [], []) => (Deferred::new(move || Err(no_synapses(&network, &all))), (None, None)),
        ([], several, _) => {
            let several = if several.is_empty() { taken } else { made };
            (Deferred::new(move || Err(ambiguous(&all, &several))), (None, None))
        }
        _ => (Deferred::new(move || among_cells(&network, &all, &among, &cells)), (None, None)),
    }
}

/// The names of the populations at both ends, where these are not the cells of the view.
type Ends = (Option<String>, Option<String>);

/// The edges among the cells of a view.
fn among_cells(
    network: &Network,
    names: &[String],
    edges: &[String],
    cells: &Arc<CellTable>,
) -> Result<Arc<dyn Connectome>> {
    if let ([_], [one]) = (names, edges) {
        return network.edge(one)?.connectome.get().cloned();
    }
    let place = |name: &String| names.iter().position(|n| n == name).unwrap_or_default();
    let part = |name: &String| {
        let edges = network.edge(name)?;
        let (source, target) = edges.ends.clone()?;
        let connectome = edges.connectome.get()?.clone();
        Ok(merged::Part { name: name.clone(), ends: (place(&source), place(&target)), connectome })
    };
    let parts = edges.iter().map(part).collect::<Result<Vec<_>>>()?;
    let packed: Option<Arc<[String]>> = (names.len() > 1).then(|| names.into());
    Ok(merged::connectome(parts, cells, packed.as_ref()))
}

fn no_synapses(network: &Network, names: &[String]) -> Error {
    if let Some(error) = network.edges.iter().find_map(|e| e.ends.as_ref().err()) {
        return error.clone();
    }
    let error = Error::argument(format!("there are no synapses onto or from {}", names.join(", ")));
    let others: Vec<&str> = network.edges.iter().map(|e| e.name.as_str()).collect();
    if others.is_empty() {
        return error.help("the circuit has no edges at all");
    }
    error.help(format!("its edges are {}; `circuit.edges(name)` opens one", others.join(", ")))
}

fn ambiguous(names: &[String], edges: &[String]) -> Error {
    Error::argument(format!("{} populations of edges touch {}", edges.len(), names.join(", ")))
        .help(format!("open one: circuit.edges(name), where the name is one of {}", edges.join(", ")))
}

/// A population of edges from outside.
fn projection(network: &Arc<Network>, edges: &EdgePopulation) -> Projection {
    let (network, name) = (network.clone(), edges.name.clone());
    let mut config = edges.config.clone();
    let source = edges.ends.as_ref().ok().map(|ends| ends.0.clone());
    if let Some(map) = config.as_object_mut() {
        map.insert("Source".to_owned(), source.clone().into());
        map.insert("Type".to_owned(), edges.kind.clone().into());
    }
    Projection {
        name: edges.name.clone(),
        source,
        path: edges.path.clone(),
        config,
        connectome: Deferred::new(move || network.edge(&name)?.connectome.get().cloned()),
    }
}
