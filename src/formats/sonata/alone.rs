//! Files opened by themselves, without a configuration: a population of nodes, or of edges whose ends are only known by
//! their ids.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use serde_json::{Map, Value, json};

use super::config::PopulationConfig;
use super::edges;
use super::node_sets::NodeSets;
use super::nodes::NodesFile;
use super::open::circuit_of_nodes;
use crate::diag::{Deferred, Error, Result};
use crate::model::{CellTable, Circuit, Emodels, Format, IdSet, Targets, cell_column};

/// Opens one population of nodes as a circuit without edges.
///
/// # Errors
/// When the file is damaged or does not have the population.
pub fn nodes(file: &NodesFile<'_>) -> Result<Circuit> {
    let mut properties = Map::new();
    let mut say = |key: &str, value: Option<&Path>| {
        properties.extend(value.map(|path| (key.to_owned(), Value::from(path.display().to_string()))));
    };
    say("nodes_file", Some(file.path));
    say("node_types_file", file.types);
    say("point_neuron_models_dir", file.dynamics_dir);
    let population = PopulationConfig {
        name: file.population.to_owned(),
        kind: "biophysical".to_owned(),
        file: file.path.to_owned(),
        types_file: file.types.map(PathBuf::from),
        properties,
    };
    circuit_of_nodes(file.path, &[population], json!({}))
}

/// The cells that the edges of a file start from and end on, where nothing but their ids is known. They are one circuit
/// where the file says that both ends are the same population.
///
/// # Errors
/// When the file is damaged or does not have the population.
pub fn ends(path: &Path, population: &str) -> Result<(Arc<Circuit>, Arc<Circuit>)> {
    let (source, target) = edges::ends(path, population)?;
    let (sources, targets) = edges::node_ids(path, population)?;
    let circuit = |ids: &IdSet| Ok::<_, Error>(Arc::new(of_ids(path, ids)?));
    if source.is_some() && source == target {
        let all = circuit(&sources.sorted().iter().chain(targets.sorted()).copied().collect())?;
        return Ok((all.clone(), all));
    }
    Ok((circuit(&sources)?, circuit(&targets)?))
}

/// Cells of which only the ids are known.
fn of_ids(path: &Path, ids: &IdSet) -> Result<Circuit> {
    let mut listed = ids.sorted().to_vec();
    listed.dedup();
    let values = Deferred::ready(Arc::new(Int64Array::from(listed.clone())) as ArrayRef);
    let columns = vec![(cell_column("id", DataType::Int64), values)];
    let sets = NodeSets::default();
    Ok(Circuit {
        path: path.to_owned(),
        format: Format::Sonata,
        config: json!({}),
        cells: CellTable::with_ids(listed, columns, path.display().to_string())?,
        targets: Deferred::new(move || {
            let none = CellTable::new(0, 0, Vec::new(), String::new());
            let none: Arc<dyn Targets> = Arc::new(sets.clone()).of_population("", "", &none);
            Ok(none)
        }),
        connectome: Deferred::new(|| {
            Err(Error::argument("these cells are only known by the file of edges that they are the ends of")
                .help("open the circuit to ask for their synapses"))
        }),
        projections: Vec::new(),
        emodels: Deferred::new(|| Ok(Emodels { by_combo: None, folder: PathBuf::new() })),
        network: None,
        populations: Vec::new(),
        ends: (None, None),
    })
}
