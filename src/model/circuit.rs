//! A circuit: its cells, its named groups, its synapses and projections, and its configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::{CellTable, Connectome, Targets, merged};
use crate::diag::{Deferred, Error, Result};

/// The family of file formats that a circuit is in. It decides how ids are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CircuitConfig, mvd2/mvd3, nrn.h5: gids from 1.
    Bbp,
    /// circuit_config.json, nodes and edges: node ids from 0.
    Sonata,
}

impl Format {
    /// The name in scripts.
    pub fn name(self) -> &'static str {
        match self {
            Format::Bbp => "bbp",
            Format::Sonata => "sonata",
        }
    }

    /// The least id that a cell can have.
    pub fn first_id(self) -> i64 {
        match self {
            Format::Bbp => 1,
            Format::Sonata => 0,
        }
    }
}

/// A population of cells.
pub struct NodePopulation {
    /// Its name.
    pub name: String,
    /// `biophysical`, `virtual`, `astrocyte` …
    pub kind: String,
    /// Everything that the configuration says about it.
    pub config: Value,
    /// Its cells.
    pub cells: Deferred<Arc<CellTable>>,
    /// The named groups of its cells.
    pub targets: Deferred<Arc<dyn Targets>>,
}

/// A population of edges: synapses, gap junctions, what connects glia …
pub struct EdgePopulation {
    /// Its name.
    pub name: String,
    /// `chemical`, `electrical`, `endfoot` …
    pub kind: String,
    /// The file.
    pub path: PathBuf,
    /// Everything that the configuration says about it.
    pub config: Value,
    /// The names of the populations that they start from and end on.
    pub ends: Result<(String, String)>,
    /// The edges.
    pub connectome: Deferred<Arc<dyn Connectome>>,
}

/// All populations of a circuit. A [`Circuit`] is a view of it from one population of cells (or from all neurons).
pub struct Network {
    /// The configuration file.
    pub path: PathBuf,
    /// The whole configuration.
    pub config: Value,
    /// The populations of cells, in the order of the configuration.
    pub nodes: Vec<NodePopulation>,
    /// The populations of edges, in the order of the configuration.
    pub edges: Vec<EdgePopulation>,
}

impl Network {
    /// A population of cells by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn node(&self, name: &str) -> Result<&NodePopulation> {
        let known = || self.nodes.iter().map(|p| p.name.as_str());
        self.nodes
            .iter()
            .find(|p| p.name == name)
            .ok_or_else(|| Error::unknown("node population", name, known()))
    }

    /// A population of edges by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn edge(&self, name: &str) -> Result<&EdgePopulation> {
        let known = || self.edges.iter().map(|p| p.name.as_str());
        self.edges
            .iter()
            .find(|p| p.name == name)
            .ok_or_else(|| Error::unknown("edge population", name, known()))
    }
}

/// Synapses that come from outside, or from a set of fibres: a named connectome.
pub struct Projection {
    /// The name of its section in the configuration.
    pub name: String,
    /// The target that holds its source cells, if the configuration names one.
    pub source: Option<String>,
    /// The file or folder.
    pub path: PathBuf,
    /// Everything that the configuration says about it.
    pub config: Value,
    /// Its synapses.
    pub connectome: Deferred<Arc<dyn Connectome>>,
}

/// One row of an e-model table: its keys in file order, numbers as numbers.
pub type Emodel = serde_json::Map<String, Value>;

/// The e-models of a circuit, by me-combo.
pub struct Emodels {
    /// The rows of the table; `None` where the circuit has no table (then a hoc file is named after the me-combo).
    pub by_combo: Option<BTreeMap<String, Emodel>>,
    /// The folder of the hoc files.
    pub folder: PathBuf,
}

/// A reconstructed circuit. Opening it reads the configuration; everything else is read when it is asked for.
pub struct Circuit {
    /// The configuration file (or, for a circuit of bare parts, the cell file).
    pub path: PathBuf,
    /// The family of formats.
    pub format: Format,
    /// Every key of the configuration: section type → section name → key → text; resolved paths under `paths`.
    pub config: Value,
    /// The cells.
    pub cells: Arc<CellTable>,
    /// The named groups.
    pub targets: Deferred<Arc<dyn Targets>>,
    /// The synapses among the cells.
    pub connectome: Deferred<Arc<dyn Connectome>>,
    /// The projections, in the order of the configuration.
    pub projections: Vec<Projection>,
    /// The e-models.
    pub emodels: Deferred<Emodels>,
    /// All populations, where the format has several.
    pub network: Option<Arc<Network>>,
    /// The names of the populations whose cells these are; none where the format has no populations.
    pub populations: Vec<String>,
    /// The populations that the connectome's edges start from and end on, where these are not `cells`.
    pub ends: (Option<String>, Option<String>),
}

impl Circuit {
    /// The names of the populations, where an id needs one beside it: [`ColumnSpec::populations`](super::ColumnSpec).
    pub fn several_populations(&self) -> Option<Arc<[String]>> {
        (self.populations.len() > 1).then(|| self.populations.clone().into())
    }

    /// The id of a cell as a person reads it.
    pub fn id_text(&self, id: i64) -> String {
        if self.populations.len() > 1 { merged::id_text(id, &self.populations) } else { id.to_string() }
    }

    /// A projection by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn projection(&self, name: &str) -> Result<&Projection> {
        self.projections.iter().find(|p| p.name == name).ok_or_else(|| {
            let mut error =
                Error::unknown("projection", name, self.projections.iter().map(|p| p.name.as_str()));
            if self.projections.is_empty() {
                error = error.help("this circuit has no projections");
            }
            error
        })
    }
}

impl std::fmt::Debug for Circuit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Circuit({})", self.path.display())
    }
}
