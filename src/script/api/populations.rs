//! Populations and node sets that are opened by themselves, without a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{Array, Dynamic, Map};
use serde_json::Value as Json;

use super::cells::Cells;
use super::circuit::{Circuit, Origin};
use super::synapses::Synapses;
use crate::diag::{Error, Result};
use crate::formats::sonata::edges::{self, EdgesFile};
use crate::formats::sonata::node_sets;
use crate::formats::sonata::nodes::NodesFile;
use crate::formats::sonata::{alone, nodes};
use crate::model::Targets as _;
use crate::script::args::{kind_name_of, text_of};
use crate::script::registry::{Answer, Api};
use crate::script::value::to_json_value;

/// Rules that name groups of cells, opened by themselves.
#[derive(Clone)]
pub struct NodeSets(Arc<node_sets::NodeSets>);

impl NodeSets {
    /// The names, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        self.0.names().map(str::to_owned).collect()
    }

    fn open(source: &Dynamic) -> Result<Self> {
        let sets = match text_of(source) {
            Some(path) => node_sets::NodeSets::read(Path::new(&path))?,
            None => {
                node_sets::NodeSets::of_json(&to_json_value(source)?.to_string(), Path::new("node sets"))?
            }
        };
        Ok(NodeSets(Arc::new(sets)))
    }

    /// The cells of a set among some cells.
    fn cells(&self, name: &str, among: &Cells) -> Result<Cells> {
        let circuit = &among.circuit.0;
        let ([population], Some(network)) = (circuit.populations.as_slice(), &circuit.network) else {
            return Err(Error::argument("node sets name cells of one population of a SONATA circuit")
                .help("name it: circuit.nodes(population)"));
        };
        let mut sets = (*self.0).clone();
        sets.add_populations(network.nodes.iter().map(|p| p.name.clone()));
        let kind = &network.node(population)?.kind;
        let found = Arc::new(sets).of_population(population, kind, &circuit.cells).resolve(name)?;
        let mine = among.ids()?;
        let ids = found.listed().iter().copied().filter(|&id| mine.contains(id)).collect();
        Ok(Cells::of_ids(&among.circuit, ids))
    }
}

/// What a file does not say by itself.
#[derive(Default)]
struct Options {
    types: Option<PathBuf>,
    parameters: Option<PathBuf>,
    kind: Option<String>,
    source: Option<Circuit>,
    target: Option<Circuit>,
}

impl Options {
    fn read(map: &Map, allowed: &[&str]) -> Result<Self> {
        let mut options = Options::default();
        for (key, value) in map {
            if !allowed.contains(&key.as_str()) {
                return Err(Error::unknown("option", key, allowed));
            }
            let text = || {
                text_of(value).ok_or_else(|| {
                    Error::argument(format!("`{key}` takes a text, not {}", kind_name_of(value)))
                })
            };
            let cells = || match value.read_lock::<Cells>() {
                Some(cells) => Ok(cells.circuit.clone()),
                None => Err(Error::argument(format!("`{key}` takes cells, not {}", kind_name_of(value)))),
            };
            match key.as_str() {
                "types" => options.types = Some(text()?.into()),
                "parameters" => options.parameters = Some(text()?.into()),
                "type" => options.kind = Some(text()?),
                "source" => options.source = Some(cells()?),
                _ => options.target = Some(cells()?),
            }
        }
        Ok(options)
    }
}

/// The only name, where none is given.
fn only(path: &str, what: &str, names: Vec<String>) -> Result<String> {
    match <[String; 1]>::try_from(names) {
        Ok([one]) => Ok(one),
        Err(names) => Err(Error::argument(format!("the file has {} populations of {what}", names.len()))
            .in_file(Path::new(path))
            .help(format!("name one of {}", names.join(", ")))),
    }
}

fn open_nodes(path: &str, population: &str, options: &Map) -> Result<Cells> {
    let options = Options::read(options, &["types", "parameters"])?;
    let circuit = alone::nodes(&NodesFile {
        path: Path::new(path),
        population,
        types: options.types.as_deref(),
        dynamics_dir: options.parameters.as_deref(),
    })?;
    Ok(Cells::all(&Circuit(Arc::new(circuit))))
}

fn open_edges(path: &str, population: &str, options: &Map) -> Result<Synapses> {
    let options = Options::read(options, &["types", "parameters", "type", "source", "target"])?;
    let (pre, post) = match (options.source, options.target) {
        (Some(source), Some(target)) => (source, target),
        (source, target) => {
            let known = alone::ends(Path::new(path), population)?;
            (source.unwrap_or(Circuit(known.0)), target.unwrap_or(Circuit(known.1)))
        }
    };
    let connectome = edges::open(&EdgesFile {
        path: Path::new(path),
        population,
        kind: options.kind.as_deref().unwrap_or("chemical"),
        types: options.types.as_deref(),
        dynamics_dir: options.parameters.as_deref(),
        source: pre.0.cells.clone(),
        target: post.0.cells.clone(),
    })?;
    Synapses::all(&Origin { pre, post, connectome, from_fibres: false })
}

pub(super) fn register(api: &mut Api) {
    api.functions();
    api.call(
        "open_nodes(path, population, #{types, parameters}) -> Cells",
        "The cells of one population of a SONATA nodes file, without a configuration. The population may be left out \
         where the file has one; `types` is the path of a `node_types.csv`, `parameters` the folder of its \
         `dynamics_params`.",
        "open_nodes(\"sonata/nodes.h5\", \"default\").count()",
        |path: &str, population: &str, options: Map| -> Answer<Cells> {
            Ok(open_nodes(path, population, &options)?)
        },
    );
    api.also("open_nodes", |path: &str, population: &str| -> Answer<Cells> {
        Ok(open_nodes(path, population, &Map::new())?)
    });
    api.also("open_nodes", |path: &str| -> Answer<Cells> {
        let population = only(path, "nodes", nodes::population_names(Path::new(path))?)?;
        Ok(open_nodes(path, &population, &Map::new())?)
    });
    api.call(
        "open_edges(path, population, #{types, parameters, type, source, target}) -> Synapses",
        "The edges of one population of a SONATA edges file, without a configuration. Everything but the path may be \
         left out. `types` is the path of an `edge_types.csv`, `parameters` the folder of its `dynamics_params`, \
         `type` the population's type; `source` and `target` are the cells at both ends, of which else only the ids \
         are known.",
        "open_edges(\"sonata/edges.h5\", \"default__default__chemical\").count()",
        |path: &str, population: &str, options: Map| -> Answer<Synapses> {
            Ok(open_edges(path, population, &options)?)
        },
    );
    api.also("open_edges", |path: &str, population: &str| -> Answer<Synapses> {
        Ok(open_edges(path, population, &Map::new())?)
    });
    api.also("open_edges", |path: &str| -> Answer<Synapses> {
        let population = only(path, "edges", edges::population_names(Path::new(path))?)?;
        Ok(open_edges(path, &population, &Map::new())?)
    });
    api.call(
        "open_node_sets(path) -> NodeSets",
        "Opens a file of SONATA node sets; a map of rules is taken as it is: `#{Deep: #{layer: [5, 6]}}`.",
        "open_node_sets(#{Deep: #{layer: [5, 6]}}).names()",
        |source: Dynamic| -> Answer<NodeSets> { Ok(NodeSets::open(&source)?) },
    );
    api.on::<NodeSets>("NodeSets");
    api.call(
        "names() -> array",
        "The names of the sets, in the order of the file.",
        "open_node_sets(#{Deep: #{layer: [5, 6]}}).names()",
        |sets: &mut NodeSets| -> Array { sets.names().into_iter().map(Dynamic::from).collect() },
    );
    api.call(
        "cells(name, cells) -> Cells",
        "The cells of a set among those of a population.",
        "open_node_sets(#{Deep: #{layer: [\"5\", \"6\"]}}).cells(\"Deep\", sonata.nodes(\"default\")).count()",
        |sets: &mut NodeSets, name: &str, among: Cells| -> Answer<Cells> { Ok(sets.cells(name, &among)?) },
    );
}

/// The JSON form of node sets: their names.
pub(super) fn card(sets: &NodeSets) -> Json {
    sets.names().into()
}
